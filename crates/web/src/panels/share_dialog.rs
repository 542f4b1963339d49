//! Everything that can be taken along: a link to the state, the cluster, the trace, the picture.

use crate::{
    address, documents, engineroom, hand_over,
    ptr::Ptr,
    state::{Action, Dialog as Show, Dispatch, Message, State, link},
    ui::{Choice, Dialog, Segmented},
};
use render::svg::Theme;
use std::{cell::Cell, rc::Rc};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// What the dialog needs.
#[derive(Properties, PartialEq)]
pub(crate) struct ShareProps {
    /// The state when the dialog was opened.
    pub(crate) state: Ptr<State>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Export {
    Link,
    Yaml,
    Json,
    Trace,
    Sequence,
    Flowchart,
    Svg,
    Png,
}

impl Export {
    const ALL: [(Self, &'static str); 8] = [
        (Self::Link, "Link"),
        (Self::Yaml, "YAML"),
        (Self::Json, "JSON"),
        (Self::Trace, "Trace text"),
        (Self::Sequence, "Mermaid sequence"),
        (Self::Flowchart, "Mermaid flowchart"),
        (Self::Svg, "SVG"),
        (Self::Png, "PNG"),
    ];

    /// One sentence on what it is good for.
    fn hint(self) -> &'static str {
        match self {
            Self::Link => "The whole cluster and the flow stand in the link itself; nothing is uploaded.",
            Self::Yaml => {
                "Every object as kubectl takes it, Azure objects as documents beside them. Opens here again."
            }
            Self::Json => "The same as one List.",
            Self::Trace => "Every step of the drawn branch with its rule, for a ticket or a chat.",
            Self::Sequence => "The drawn branch as a sequence diagram for GitHub, GitLab or Azure DevOps.",
            Self::Flowchart => "Every branch with its share as a flowchart.",
            Self::Svg => "The picture as it is drawn, light or dark as its reader prefers.",
            Self::Png => "The picture as it is drawn, light, twice its size.",
        }
    }

    fn file(self) -> (&'static str, &'static str) {
        match self {
            Self::Link => ("hopscope-link.txt", "text/plain"),
            Self::Yaml => ("cluster.yaml", "application/yaml"),
            Self::Json => ("cluster.json", "application/json"),
            Self::Trace => ("trace.txt", "text/plain"),
            Self::Sequence | Self::Flowchart => ("flow.mmd", "text/plain"),
            Self::Svg => ("hopscope.svg", "image/svg+xml"),
            Self::Png => ("hopscope.png", "image/png"),
        }
    }
}

async fn text(state: &State, export: Export) -> Result<String, String> {
    engineroom::ready().await.map_err(|error| error.to_string())?;
    Ok(match export {
        Export::Link => address::full(&documents::write_link(link::of(state), false).await?),
        Export::Yaml => cluster(state, documents::Format::Yaml).await?,
        Export::Json => cluster(state, documents::Format::Json).await?,
        Export::Trace => branch(state, session::Export::Trace).await?,
        Export::Sequence => branch(state, session::Export::Sequence).await?,
        Export::Flowchart => branch(state, session::Export::Flowchart).await?,
        Export::Svg => branch(state, session::Export::Svg(Theme::Auto)).await?,
        Export::Png => branch(state, session::Export::Svg(Theme::Light)).await?,
    })
}

async fn cluster(state: &State, format: documents::Format) -> Result<String, String> {
    documents::cluster(&state.model, format).await.map_err(|error| error.to_string())
}

/// The drawn branch in another form.
async fn branch(state: &State, export: session::Export) -> Result<String, String> {
    let made = state.world.export(&state.flow, state.outcome, state.reply, export).await?;
    made.ok_or_else(|| "no branch is drawn".to_owned())
}

/// The dialog.
#[component]
pub(crate) fn ShareDialog(props: &ShareProps) -> Html {
    let export = use_state(|| Export::Link);
    let made = use_state(|| None::<(Export, Result<String, String>)>);
    use_effect_with(*export, {
        let (made, state) = (made.setter(), props.state.clone());
        move |export| {
            let export = *export;
            // What comes late, after another choice, is not shown in its place.
            let wanted = Rc::new(Cell::new(true));
            let still_wanted = wanted.clone();
            spawn_local(async move {
                let text = text(&state, export).await;
                if still_wanted.get() {
                    made.set(Some((export, text)));
                }
            });
            move || wanted.set(false)
        }
    });
    let shown = made.as_ref().filter(|(of, _)| of == &*export).map(|(_, text)| text.clone());
    let ready = matches!(shown, Some(Ok(_)));
    let close = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Show(None)))
    };
    let on_choose = {
        let export = export.clone();
        Callback::from(move |at: usize| {
            if let Some((one, _)) = Export::ALL.get(at) {
                export.set(*one);
            }
        })
    };
    let tell = |dispatch: &Dispatch, message: Message| {
        dispatch.dispatch(Action::Show(None));
        dispatch.dispatch(Action::Tell(Some(message)));
    };
    let on_copy = {
        let (shown, export, dispatch) = (shown.clone(), *export, props.dispatch.clone());
        Callback::from(move |_: MouseEvent| {
            let Some(Ok(text)) = shown.clone() else { return };
            let dispatch = dispatch.clone();
            if export == Export::Link {
                let hash = text.rsplit('#').next().unwrap_or_default().to_owned();
                return address::share(hash, move |message| tell(&dispatch, message));
            }
            spawn_local(async move {
                let message = match hand_over::copy(&text).await {
                    Some(()) => Message::note("Copied."),
                    None => Message::error("The browser did not let it be copied; download it instead."),
                };
                tell(&dispatch, message);
            });
        })
    };
    let on_download = {
        let (shown, export, dispatch) = (shown.clone(), *export, props.dispatch.clone());
        Callback::from(move |_: MouseEvent| {
            let Some(Ok(text)) = shown.clone() else { return };
            let dispatch = dispatch.clone();
            let (name, kind) = export.file();
            spawn_local(async move {
                let done = if export == Export::Png {
                    match picture_size(&text) {
                        Some(size) => hand_over::save_png(name, &text, size).await,
                        None => None,
                    }
                } else {
                    hand_over::save(name, kind, &text)
                };
                let message = match done {
                    Some(()) => Message::note(format!("Saved as {name}.")),
                    None => Message::error(format!("The browser did not let {name} be saved.")),
                };
                tell(&dispatch, message);
            });
        })
    };
    let on_embed = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Show(Some(Show::Embed))))
    };
    let drawn = matches!(*export, Export::Svg | Export::Png);
    let state = &props.state;
    html! {
        <Dialog title="Share and export" on_close={close}>
            <div class="share">
                <Segmented label="What" quiet=true
                    choices={Export::ALL.iter().map(|(_, name)| Choice::new(*name)).collect::<Vec<_>>()}
                    chosen={Export::ALL.iter().position(|(one, _)| *one == *export)} {on_choose} />
                <p class="hint">{ export.hint() }</p>
                { match &shown {
                    None => html! { <p class="hint" role="status">{ "Getting ready…" }</p> },
                    Some(Err(why)) => html! { <p class="bad" role="status">{ format!("Not possible: {why}.") }</p> },
                    Some(Ok(text)) if drawn => html! { <img class="export-picture" alt="The picture as it will be saved"
                        src={format!("data:image/svg+xml,{}", js_sys::encode_uri_component(text))} /> },
                    Some(Ok(text)) => html! { <pre tabindex="0" aria-label="What will be copied or saved">{ cut(text) }</pre> },
                } }
                if *export == Export::Link && !state.real_rules.is_empty() {
                    <p class="hint">{ "Rules that were given for a node are not in the link: it opens with the generated ones." }</p>
                }
                if *export == Export::Link {
                    if let Some(Ok(text)) = &shown { <p class="hint">{ address::length_words(text.len()) }</p> }
                }
                <div class="actions">
                    if *export != Export::Png {
                        <button type="button" class="btn strong" disabled={!ready} onclick={on_copy}>{ if *export == Export::Link { "Copy link" } else { "Copy" } }</button>
                    }
                    if *export != Export::Link {
                        <button type="button" class={classes!("btn", (*export == Export::Png).then_some("strong"))} disabled={!ready} onclick={on_download}>{ "Download" }</button>
                    }
                    <button type="button" class="btn" onclick={on_embed}>{ "Embed in a page…" }</button>
                </div>
            </div>
        </Dialog>
    }
}

/// What is shown of a long text.
fn cut(text: &str) -> String {
    const MOST: usize = 20_000;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => {
            format!("{}\n… and {} more characters", text.get(..at).unwrap_or_default(), text.len() - at)
        }
        None => text.to_owned(),
    }
}

/// The size that the document names: the scene's, with the legend below it.
fn picture_size(svg: &str) -> Option<(f64, f64)> {
    let attribute = |name: &str| {
        let rest = svg.split_once(&format!(" {name}=\""))?.1;
        Some(js_sys::parse_float(rest.split('"').next()?)).filter(|size| size.is_finite())
    };
    Some((attribute("width")?, attribute("height")?))
}
