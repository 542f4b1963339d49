//! The page.

mod address;
mod app;
mod canvas;
mod documents;
mod engineroom;
mod hand_over;
mod panels;
mod panic;
mod pause;
mod picture;
mod presets;
mod ptr;
mod rehearsal;
mod saved;
mod state;
mod theme;
mod tutor;
mod ui;
mod worker;
mod world;

fn main() {
    panic::hook();
    theme::restore();
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    let Some(root) = root else { return };
    let hash = address::hash();
    let is_link = address::is_link(&hash);
    if is_link {
        root.set_text_content(Some("Opening the link…"));
    }
    wasm_bindgen_futures::spawn_local(async move {
        // What the browser did to begin has taken its time; it has its turn before the page draws.
        pause::turn().await;
        let link = if is_link { Some(documents::read_link(hash).await) } else { None };
        root.set_text_content(None);
        render(root, link);
    });
}

/// Shows the page: the first example, or what a link holds.
fn render(root: web_sys::Element, link: Option<Result<formats::Link, String>>) {
    yew::Renderer::<app::App>::with_root_and_props(root, app::AppProps { link }).render();
}
