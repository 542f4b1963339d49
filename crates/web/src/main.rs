//! The page.

mod canvas;

use yew::{Html, component, html};

#[component]
fn App() -> Html {
    html! { <main><h1>{"Hopscope"}</h1></main> }
}

fn main() {
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    if let Some(root) = root {
        yew::Renderer::<App>::with_root(root).render();
    }
}
