//! The page's own address: reading its hash and sharing it.

use crate::{hand_over, state::Message};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

/// Links longer than this are cut by some programs, in characters.
const SAFE_LENGTH: usize = 2_000;

/// The text after `#`; empty for none.
pub(crate) fn hash() -> String {
    let hash = web_sys::window().and_then(|window| window.location().hash().ok()).unwrap_or_default();
    hash.strip_prefix('#').unwrap_or(&hash).to_owned()
}

/// Whether a hash leads to a state; the page's other anchors do not.
pub(crate) fn is_link(hash: &str) -> bool {
    hash.starts_with('v')
}

/// Puts the hash into the address bar without following it, and gives the whole link.
pub(crate) fn put(hash: &str) -> Option<String> {
    let window = web_sys::window()?;
    let hash = format!("#{hash}");
    window.history().ok()?.replace_state_with_url(&JsValue::NULL, "", Some(&hash)).ok()?;
    window.location().href().ok()
}

/// The page's address with this hash.
pub(crate) fn full(hash: &str) -> String {
    let here = web_sys::window().and_then(|window| window.location().href().ok()).unwrap_or_default();
    format!("{}#{hash}", here.split('#').next().unwrap_or_default())
}

/// How long a link is, and whether that may be too long.
pub(crate) fn length_words(length: usize) -> String {
    if length > SAFE_LENGTH {
        format!("{length} characters: some programs cut links that long. A YAML file is safer.")
    } else {
        format!("{length} characters.")
    }
}

/// Puts the hash into the address bar and the whole link on the clipboard, and tells what became of it.
pub(crate) fn share(hash: String, tell: impl FnOnce(Message) + 'static) {
    spawn_local(async move {
        let message = match copy(&hash).await {
            Some(length) if length > SAFE_LENGTH => {
                Message::note(format!("Link copied. {}", length_words(length)))
            }
            Some(_) => {
                Message::note("Link copied. It holds the whole cluster and the flow; nothing was sent.")
            }
            None => Message::note("The link is in the address bar; the browser did not let it be copied."),
        };
        tell(message);
    });
}

/// The length of the copied link; `None` if it could not be copied.
async fn copy(hash: &str) -> Option<usize> {
    let link = put(hash)?;
    hand_over::copy(&link).await?;
    Some(link.len())
}
