//! Elements of the drawing: which one an event is about, and which one has the focus.

use render::Scene;
use web_sys::{Element, HtmlElement, SvgElement, wasm_bindgen::JsCast};
use yew::{NodeRef, PointerEvent};

/// The value of a data attribute of the element under an event, or of one that it lies in. Yew listens at the
/// application's root, so the event's own target is asked.
pub(super) fn id_under(event: &web_sys::Event, attribute: &str) -> Option<String> {
    let target = event.target()?.dyn_into::<Element>().ok()?;
    target.closest(&format!("[{attribute}]")).ok().flatten()?.get_attribute(attribute)
}

/// The step that made what is under the pointer, and what that is.
pub(super) fn under(scene: &Scene, event: &PointerEvent) -> (Option<usize>, String) {
    let link = id_under(event, "data-link").and_then(|id| scene.links.iter().find(|link| link.id == id));
    if let Some(link) = link {
        return (link.steps.first().copied(), link.label.clone());
    }
    match id_under(event, "data-id").and_then(|id| scene.group(&id)) {
        Some(group) => (group.steps.first().copied(), group.label.clone()),
        None => (None, String::new()),
    }
}

pub(super) fn focused_element() -> Option<Element> {
    web_sys::window()?.document()?.active_element()
}

/// Focuses an element, HTML or SVG; one that refuses keeps things as they are.
pub(super) fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        let _ = element.focus();
    } else if let Some(element) = element.dyn_ref::<SvgElement>() {
        let _ = element.focus();
    }
}

pub(super) fn focus_group(svg: &NodeRef, id: &str) {
    let Some(svg) = svg.cast::<Element>() else { return };
    let Ok(groups) = svg.query_selector_all("[data-id]") else { return };
    let elements = (0..groups.length()).filter_map(|index| groups.get(index)?.dyn_into::<Element>().ok());
    for element in elements {
        if element.get_attribute("data-id").as_deref() == Some(id) {
            focus(&element);
            return;
        }
    }
}
