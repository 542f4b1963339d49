//! The cluster as it was last edited, kept by the browser until the next visit.

const KEY: &str = "hopscope.last";

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

/// Keeps the link of a state.
pub(crate) fn keep(link: &str) {
    if let Some(storage) = storage() {
        // A browser that stores nothing, or not so much, forgets the state, no more.
        let _ = storage.set_item(KEY, link);
    }
}

/// The link of the state that an earlier visit left.
pub(crate) fn kept() -> Option<String> {
    storage()?.get_item(KEY).ok()?
}

/// Forgets it.
pub(crate) fn forget() {
    if let Some(storage) = storage() {
        // What cannot be removed is offered again, no more.
        let _ = storage.remove_item(KEY);
    }
}

const MET: &str = "hopscope.met";

/// Whether somebody moved something here before, or was told how.
pub(crate) fn has_met() -> bool {
    storage().is_some_and(|storage| storage.get_item(MET).ok().flatten().is_some())
}

/// From now on nobody is told.
pub(crate) fn meet() {
    if let Some(storage) = storage() {
        // A browser that stores nothing tells again, no more.
        let _ = storage.set_item(MET, "1");
    }
}
