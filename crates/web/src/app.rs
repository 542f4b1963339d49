//! The page as a whole: its regions, its shortcuts, what it says aloud.

use crate::{
    address,
    panels::{Dock, Inspector, OpenDialog, Rail, TopBar, WatchedFlows},
    panic,
    picture::Picture,
    ptr::Ptr,
    reader,
    state::{Action, Dialog, Dispatch, Message, State, link},
    ui,
};
use formats::Link;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// What the page begins with.
#[derive(Properties, PartialEq)]
pub(crate) struct AppProps {
    /// The link in the address, or why it could not be read; `None` if there is none.
    pub(crate) link: Option<Result<Link, String>>,
}

/// The page.
#[component]
pub(crate) fn App(props: &AppProps) -> Html {
    let state = use_reducer(|| State::begin(props.link.as_ref()));
    let dispatch = state.dispatcher();
    let settled = use_memo(state.world.clone(), |world| Ptr::new(world.model().clone()));
    use_shortcuts(&dispatch);
    use_links(&dispatch);
    use_effect_with((state.model.clone(), state.flow.clone()), {
        let state = state.clone();
        move |_| keep(&state)
    });
    let label = |text: Option<&str>| text.map(|text| AttrValue::from(text.to_owned()));
    let on_share = {
        let state = state.clone();
        Callback::from(move |()| {
            let (dispatch, link) = (state.dispatcher(), link::of(&state));
            spawn_local(async move {
                let message = match reader::write_link(link).await {
                    Err(error) => Message::error(format!("No link: {error}.")),
                    Ok(hash) => address::share(&hash).await,
                };
                dispatch.dispatch(Action::Tell(Some(message)));
            });
        })
    };
    html! {
        <>
            <a class="skip" href="#picture">{ "Skip to the picture" }</a>
            <div class="app">
                <TopBar preset={state.origin.preset} model={(*settled).clone()} flow={state.flow.clone()}
                    undo={label(state.history.next_undo())} redo={label(state.history.next_redo())}
                    dispatch={dispatch.clone()} {on_share} />
                <main class="stage" id="picture" tabindex="-1">
                    <Picture world={state.world.clone()} answer={state.answer.clone()} outcome={state.outcome}
                        reply={state.reply} selection={state.selection.clone()} highlight={state.highlight}
                        dispatch={dispatch.clone()} />
                </main>
                <div class="right">
                    <Rail preset={state.origin.preset} origin={state.origin.model.clone()} model={state.model.clone()}
                        dispatch={dispatch.clone()} />
                    <aside class="side" aria-label="Inspector and watched flows">
                        <Inspector model={state.model.clone()} settled={(*settled).clone()}
                            selection={state.selection.clone()} dispatch={dispatch.clone()} />
                        <WatchedFlows watched={state.watched.clone()} dispatch={dispatch.clone()} />
                    </aside>
                </div>
                <Dock world={state.world.clone()} answer={state.answer.clone()} outcome={state.outcome}
                    reply={state.reply} highlight={state.highlight} tab={state.tab}
                    rules_node={state.rules_node.clone()} dispatch={dispatch.clone()} />
            </div>
            <Told message={state.message.clone()} dispatch={dispatch.clone()} />
            <p class="visually-hidden" aria-live="polite" data-testid="announcer" key={state.announcement.0}>
                { &state.announcement.1 }
            </p>
            { dialog(state.dialog, &dispatch) }
        </>
    }
}

/// Keeps the link of a cluster that would be lost if the page stopped. Before the first change the address has it.
fn keep(state: &State) {
    if state.history.next_undo().is_some() {
        let link = link::of(state);
        spawn_local(async move { panic::remember(reader::write_link(link).await.unwrap_or_default()) });
    }
}

fn dialog(open: Option<Dialog>, dispatch: &Dispatch) -> Html {
    match open {
        None => Html::default(),
        Some(Dialog::Open) => html! { <OpenDialog dispatch={dispatch.clone()} /> },
        Some(Dialog::Help) => {
            let dispatch = dispatch.clone();
            let on_close = Callback::from(move |()| dispatch.dispatch(Action::Show(None)));
            html! { <ui::Dialog title="Keyboard" {on_close}>{ shortcuts() }</ui::Dialog> }
        }
    }
}

fn shortcuts() -> Html {
    const KEYS: [(&str, &str); 9] = [
        ("Ctrl+Z", "Undo"),
        ("Ctrl+Y or Ctrl+Shift+Z", "Redo"),
        ("Tab, Shift+Tab", "From one region to the next"),
        ("Arrow keys", "Within tabs, switches, the steps of a trace, and the picture"),
        ("Enter", "In the picture: select"),
        (
            "Space",
            "On a node or pod: pick up; then arrows choose the place, Enter puts it down, Esc puts it back",
        ),
        ("M", "On a node or pod: a menu of places to move to"),
        ("+ − 0", "In the picture: closer, farther, all of it"),
        ("?", "This help"),
    ];
    html! {
        <dl class="keys">
            { for KEYS.iter().map(|(key, what)| html! { <div><dt><kbd>{ *key }</kbd></dt><dd>{ *what }</dd></div> }) }
        </dl>
    }
}

#[derive(Properties, PartialEq)]
struct ToldProps {
    message: Option<Message>,
    dispatch: Dispatch,
}

/// A message for everyone, until it is dismissed or something else happens.
#[component]
fn Told(props: &ToldProps) -> Html {
    let onclick = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Tell(None)))
    };
    html! {
        <div class="told" role="alert">
            if let Some(message) = &props.message {
                <div class={classes!("message", message.error.then_some("error"))}>
                    <p>{ &message.text }</p>
                    <button type="button" class="btn icon-btn" aria-label="Dismiss" {onclick}>
                        <ui::Icon glyph={ui::Glyph::Close} />
                    </button>
                </div>
            }
        </div>
    }
}

/// A link followed while the page is open.
#[hook]
fn use_links(dispatch: &Dispatch) {
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        let listener = web_sys::window().map(|window| {
            gloo_events::EventListener::new(&window, "hashchange", move |_| {
                let (hash, dispatch) = (address::hash(), dispatch.clone());
                if address::is_link(&hash) {
                    spawn_local(
                        async move { dispatch.dispatch(Action::OpenLink(reader::read_link(hash).await)) },
                    );
                }
            })
        });
        move || drop(listener)
    });
}

/// Keys that work anywhere on the page.
#[hook]
fn use_shortcuts(dispatch: &Dispatch) {
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        let document = web_sys::window().and_then(|window| window.document());
        let listener = document.map(|document| {
            let options = gloo_events::EventListenerOptions::enable_prevent_default();
            gloo_events::EventListener::new_with_options(&document, "keydown", options, move |event| {
                use wasm_bindgen::JsCast;
                if let Some(event) = event.dyn_ref::<KeyboardEvent>()
                    && let Some(action) = shortcut(event)
                {
                    event.prevent_default();
                    dispatch.dispatch(action);
                }
            })
        });
        move || drop(listener)
    });
}

fn shortcut(event: &KeyboardEvent) -> Option<Action> {
    use wasm_bindgen::JsCast;
    let typing = event
        .target()
        .and_then(|target| target.dyn_into::<web_sys::Element>().ok())
        .is_some_and(|element| matches!(element.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"));
    if typing || event.alt_key() || event.default_prevented() {
        return None;
    }
    let command = event.ctrl_key() || event.meta_key();
    match (command, event.shift_key(), event.key().to_ascii_lowercase().as_str()) {
        (true, false, "z") => Some(Action::Undo),
        (true, true, "z") | (true, false, "y") => Some(Action::Redo),
        (false, _, "?") => Some(Action::Show(Some(Dialog::Help))),
        _ => None,
    }
}
