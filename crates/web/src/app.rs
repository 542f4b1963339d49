//! The page as a whole: its regions, its shortcuts, what it says aloud.

use crate::{
    canvas::Canvas,
    panels::{Dock, Inspector, OpenDialog, Rail, TopBar, WatchedFlows},
    ptr::Ptr,
    state::{Action, Dialog, Dispatch, Message, State, picture},
    ui,
};
use render::Format;
use yew::prelude::*;

/// The page.
#[component]
pub(crate) fn App() -> Html {
    let state = use_reducer(State::first);
    let dispatch = state.dispatcher();
    let settled = use_memo(state.world.clone(), |world| Ptr::new(world.model().clone()));
    use_shortcuts(&dispatch);
    let on_edit = use_act(&dispatch, Action::Edit);
    let on_select = use_act(&dispatch, |object| Action::Select(Some(object)));
    let on_hover = use_act(&dispatch, Action::Highlight);
    let on_announce = use_act(&dispatch, Action::Announce);
    let narrow = use_state(|| false);
    let on_narrow = {
        let narrow = narrow.setter();
        use_callback((), move |is_narrow, ()| narrow.set(is_narrow))
    };
    let shape = if *narrow { Format::Tall } else { Format::Wide };
    let drawn = (state.world.clone(), state.answer.clone(), state.outcome, state.reply, shape);
    let scene = use_memo(drawn, |(world, answer, outcome, reply, shape)| {
        picture::scene(world, answer, *outcome, *reply, *shape)
    });
    let label = |text: Option<&str>| text.map(|text| AttrValue::from(text.to_owned()));
    let on_share = {
        let dispatch = dispatch.clone();
        Callback::from(move |()| {
            dispatch.dispatch(Action::Tell(Some(Message::note("Share links are not ready yet."))))
        })
    };
    html! {
        <>
            <a class="skip" href="#picture">{ "Skip to the picture" }</a>
            <div class="app">
                <TopBar preset={state.preset} model={(*settled).clone()} flow={state.flow.clone()}
                    undo={label(state.history.next_undo())} redo={label(state.history.next_redo())}
                    dispatch={dispatch.clone()} {on_share} />
                <main class="stage" id="picture" tabindex="-1">
                    <Canvas {scene} selected={state.selection.clone()} highlight={state.highlight}
                        {on_edit}
                        {on_select}
                        {on_hover}
                        {on_announce}
                        {on_narrow} />
                </main>
                <Rail preset={state.preset} origin={state.origin.clone()} model={state.model.clone()}
                    dispatch={dispatch.clone()} />
                <aside class="side" aria-label="Inspector and watched flows">
                    <Inspector model={state.model.clone()} settled={(*settled).clone()}
                        selection={state.selection.clone()} dispatch={dispatch.clone()} />
                    <WatchedFlows watched={state.watched.clone()} dispatch={dispatch.clone()} />
                </aside>
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

/// A callback that dispatches.
#[hook]
fn use_act<T: 'static>(dispatch: &Dispatch, action: fn(T) -> Action) -> Callback<T> {
    use_callback(dispatch.clone(), move |value, dispatch: &Dispatch| dispatch.dispatch(action(value)))
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
    const KEYS: [(&str, &str); 6] = [
        ("Ctrl+Z", "Undo"),
        ("Ctrl+Y, Ctrl+Shift+Z", "Redo"),
        ("Tab, Shift+Tab", "From one thing to the next"),
        ("Arrow keys", "Within tabs, switches, steps and the picture"),
        ("Enter, Space", "Press, pick up, put down"),
        ("Esc", "Close, put back"),
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
