//! The page.

mod address;
mod app;
mod canvas;
mod documents;
mod hand_over;
mod panels;
mod panic;
mod picture;
mod ptr;
mod saved;
mod state;
mod theme;
mod ui;

fn main() {
    panic::hook();
    theme::restore();
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        yew::Renderer::<app::App>::with_root(root).render();
    }
}
