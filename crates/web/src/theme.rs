//! Light and dark: the system's choice until the person makes one, which is kept.

use crate::ui::{Glyph, icon};
use yew::prelude::*;

const KEY: &str = "hopscope.theme";

fn storage() -> Option<web_sys::Storage> {
    web_sys::window()?.local_storage().ok()?
}

fn root() -> Option<web_sys::Element> {
    web_sys::window()?.document()?.document_element()
}

/// Whether the page is dark now.
pub(crate) fn is_dark() -> bool {
    let chosen = root().and_then(|root| root.get_attribute("data-theme"));
    match chosen.as_deref() {
        Some(theme) => theme == "dark",
        None => web_sys::window()
            .and_then(|window| window.match_media("(prefers-color-scheme: dark)").ok()?)
            .is_some_and(|query| query.matches()),
    }
}

/// Makes the page `light` or `dark`, and keeps that for the next visit.
pub(crate) fn choose(theme: &str) {
    if let Some(root) = root() {
        // The name is a valid one.
        let _ = root.set_attribute("data-theme", theme);
    }
    if let Some(storage) = storage() {
        // A browser that stores nothing forgets the choice, no more.
        let _ = storage.set_item(KEY, theme);
    }
}

/// Takes up the choice of an earlier visit.
pub(crate) fn restore() {
    let chosen = storage().and_then(|storage| storage.get_item(KEY).ok()?);
    if let Some(theme) = chosen.filter(|theme| matches!(theme.as_str(), "light" | "dark")) {
        choose(&theme);
    }
}

/// Turns the page dark or light.
pub(crate) fn button(dark: bool, onclick: Callback<MouseEvent>) -> Html {
    html! {
        <button type="button" class="btn icon-btn" aria-label="Dark theme" aria-pressed={dark.to_string()}
            title={if dark { "Light theme" } else { "Dark theme" }} {onclick}>
            { icon(Glyph::Theme) }
        </button>
    }
}
