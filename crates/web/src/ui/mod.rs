//! Parts that every panel is made of. None knows anything about networking.

mod dialog;
mod icon;
mod segmented;
mod stepper;
mod table;
mod tabs;
mod work;

pub(crate) use dialog::Dialog;
pub(crate) use icon::{Glyph, icon};
pub(crate) use segmented::{Choice, Segmented};
pub(crate) use stepper::Stepper;
pub(crate) use table::{Cell, Table};
pub(crate) use tabs::Tabs;
pub(crate) use work::{Work, loading};

/// The step that an arrow key, Home or End makes in a list of `count` things; `None` for any other key.
pub(crate) fn arrow(key: &str, at: usize, count: usize) -> Option<usize> {
    let last = count.checked_sub(1)?;
    match key {
        "ArrowRight" | "ArrowDown" => Some(if at >= last { 0 } else { at + 1 }),
        "ArrowLeft" | "ArrowUp" => Some(at.checked_sub(1).unwrap_or(last)),
        "Home" => Some(0),
        "End" => Some(last),
        _ => None,
    }
}

/// Focuses the child of an event's list at an index, so that the focus follows an arrow key.
pub(crate) fn focus_child(list: &yew::NodeRef, at: usize) {
    use wasm_bindgen::JsCast;
    let child = list
        .cast::<web_sys::Element>()
        .and_then(|list| list.children().item(u32::try_from(at).ok()?))
        .and_then(|child| child.dyn_into::<web_sys::HtmlElement>().ok());
    if let Some(child) = child {
        // Focusing an element that is there cannot fail.
        let _ = child.focus();
    }
}

/// Scrolls the panel of tabs that an element is, or lies in, to its beginning.
pub(crate) fn to_beginning(inside: &yew::NodeRef) {
    let Some(element) = inside.cast::<web_sys::Element>() else { return };
    if let Ok(Some(panel)) = element.closest("[role='tabpanel']") {
        panel.set_scroll_top(0);
        panel.set_scroll_left(0);
    }
}
