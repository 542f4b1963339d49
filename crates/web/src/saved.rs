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

const COURSE: &str = "hopscope.course";

/// How far somebody came with a lesson.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reached {
    /// The lesson.
    pub(crate) id: String,
    /// Steps that are done.
    pub(crate) steps: u32,
    /// Steps that there are.
    pub(crate) of: u32,
}

impl Reached {
    /// All steps are done.
    pub(crate) fn is_done(&self) -> bool {
        self.steps >= self.of
    }
}

/// The lessons that were begun: `port-80 2/4`, one a line.
pub(crate) fn reached() -> Vec<Reached> {
    let text = storage().and_then(|storage| storage.get_item(COURSE).ok().flatten()).unwrap_or_default();
    let line = |line: &str| {
        let (id, rest) = line.split_once(' ')?;
        let (steps, of) = rest.split_once('/')?;
        Some(Reached { id: id.to_owned(), steps: steps.parse().ok()?, of: of.parse().ok()? })
    };
    text.lines().filter_map(line).collect()
}

/// From now on so many steps of a lesson are done, if not more already.
pub(crate) fn reach(id: &str, steps: u32, of: usize) {
    let (mut all, of) = (reached(), u32::try_from(of).unwrap_or(u32::MAX));
    match all.iter_mut().find(|one| one.id == id) {
        Some(one) => (one.steps, one.of) = (one.steps.max(steps), of),
        None => all.push(Reached { id: id.to_owned(), steps, of }),
    }
    let lines: Vec<String> = all.iter().map(|one| format!("{} {}/{}", one.id, one.steps, one.of)).collect();
    if let Some(storage) = storage() {
        // A browser that stores nothing shows every lesson as new, no more.
        let _ = storage.set_item(COURSE, &lines.join("\n"));
    }
}
