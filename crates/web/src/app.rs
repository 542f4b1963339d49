//! The page as a whole: its regions, its shortcuts, what it says aloud.

use crate::{
    address,
    canvas::Setting,
    documents, engineroom,
    panels::{
        AddDialog, Comparison, Dock, EmbedDialog, Inspector, OpenDialog, Palette, Rail, ShareDialog, TopBar,
        WatchedFlows, files_of, history_dialog,
    },
    panic,
    pause::{paint, use_later, use_parts, wait},
    picture::Picture,
    ptr::Ptr,
    rehearsal::use_rehearsal,
    saved,
    state::{Action, Brought, Dialog, Dispatch, Message, State, guide::Page, link},
    theme,
    tutor::{self, Lead},
    ui::{self, Work},
    worker,
};
use formats::Link;
use model::Model;
use std::{cell::Cell, rc::Rc};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// What the page begins with.
#[derive(Properties, PartialEq)]
pub(crate) struct AppProps {
    /// The link in the address, or why it could not be read; `None` if there is none.
    pub(crate) link: Option<Result<Link, String>>,
}

/// Head, picture, guide, inspector, and behind their paint the result.
const PARTS: u8 = 5;

/// The page.
#[component]
pub(crate) fn App(props: &AppProps) -> Html {
    let state = use_reducer(|| State::begin(props.link.as_ref()));
    let dispatch = state.dispatcher();
    let settled = use_memo(state.world.id(), |_| Ptr::new(state.world.model().clone()));
    let settled = (*settled).clone();
    use_shortcuts(&dispatch);
    let busy = use_state(|| false);
    use_links(&dispatch, &busy);
    use_brought(&dispatch);
    use_kept(&dispatch);
    // The picture comes first; the place of the rest is kept, so that nothing moves.
    let parts = use_parts(PARTS);
    let painted = parts == PARTS;
    use_engine(&dispatch, painted);
    use_rehearsal(&state.world, &state.flow);
    let now = (settled.clone(), state.model.clone(), state.flow.clone());
    // What completes names and lists objects follows the picture, and so does what is kept for the next visit.
    let later = use_later(now.clone(), now);
    use_effect_with(later.clone(), {
        let state = state.clone();
        move |_| keep(&state)
    });
    let listed = later.0;
    use_effect_with(state.world.id(), {
        let dispatch = dispatch.clone();
        move |_| {
            spawn_local(async move {
                paint().await;
                dispatch.dispatch(Action::FollowEdit);
            });
        }
    });
    let led = use_mut_ref(|| false);
    use_effect_with(state.guide.hash(), move |hash| {
        // The address that the page was opened with stays until it is followed.
        if hash.is_some() || led.replace(false) {
            address::put(hash.as_deref().unwrap_or_default());
        }
        *led.borrow_mut() = hash.is_some();
    });
    use_effect_with(state.dark, |dark| {
        if let Some(dark) = dark {
            theme::choose(if *dark { "dark" } else { "light" });
        }
    });
    let met = use_state(saved::has_met);
    let edited = state.history.next_undo().is_some();
    use_effect_with(edited, {
        let met = met.setter();
        move |edited| {
            if *edited {
                saved::meet();
                met.set(true);
            }
        }
    });
    let advice = (!*met && state.guide.own.is_none()).then_some(AttrValue::Static(
        "Drag a node to the other pool, or select it and press M. Undo takes everything back.",
    ));
    // The same callback each time: the picture is drawn anew only where something in it is another.
    let on_advised = use_callback((), {
        let met = met.setter();
        move |(), ()| {
            saved::meet();
            met.set(true);
        }
    });
    let label = |text: Option<&str>| text.map(|text| AttrValue::from(text.to_owned()));
    let dark = state.dark.unwrap_or_else(theme::is_dark);
    html! {
        <>
            <a class="skip" href="#picture">{ "Skip to the picture" }</a>
            <div class={regions(&state)}>
                <TopBar preset={state.origin.preset} model={listed.clone()} flow={state.flow.clone()}
                    undo={label(state.history.next_undo())} redo={label(state.history.next_redo())}
                    comparing={state.compare.is_some()} visiting={state.guide.own.is_some()} {dark} dispatch={dispatch.clone()} />
                <main class="stage" id="picture" tabindex="-1">
                    if let Some(variant) = &state.compare {
                        <Comparison variant={variant.clone()} model={state.model.clone()} world={state.world.clone()}
                            answer={state.answer.clone()} outcome={state.outcome} reply={state.reply}
                            selection={state.selection.clone()} highlight={state.highlight} dispatch={dispatch.clone()} />
                    } else if parts > 1 {
                        <Picture answer={state.answer.clone()} outcome={state.outcome}
                            reply={state.reply} selection={state.selection.clone()} highlight={state.highlight}
                            setting={Setting { advice, on_advised, ..Setting::default() }} dispatch={dispatch.clone()} />
                    }
                </main>
                <div class="right">
                    if parts > 2 {
                        <Rail preset={state.origin.preset} origin={state.origin.model.clone()} model={state.model.clone()}
                            guide={state.guide.clone()} dispatch={dispatch.clone()} />
                    } else {
                        <section class="rail" />
                    }
                    <aside class="side" aria-label="Inspector and watched flows">
                        if parts > 3 {
                            <Inspector model={state.model.clone()} world={state.world.clone()} settled={settled} {listed}
                                selection={state.selection.clone()} flow={state.flow.clone()} dispatch={dispatch.clone()} />
                            <WatchedFlows watched={state.watched.clone()} flow={state.flow.clone()} unfollowed={state.unfollowed} dispatch={dispatch.clone()} />
                        }
                    </aside>
                </div>
                if painted {
                    <Dock world={state.world.clone()} answer={state.answer.clone()} outcome={state.outcome}
                        reply={state.reply} highlight={state.highlight} changed={state.changed.clone()}
                        tab={state.tab}
                        rules_node={state.rules_node.clone()} rules_search={state.rules_search.clone()} real_rules={state.real_rules.clone()} dispatch={dispatch.clone()} />
                } else {
                    <section class="dock" aria-label="Result" />
                }
            </div>
            { told(state.message.as_ref(), &dispatch) }
            if *busy && state.dialog.is_none() { { work(&state, &busy) } }
            <p class="visually-hidden" aria-live="polite" data-testid="announcer" key={state.announcement.0}>
                { &state.announcement.1 }
            </p>
            { dialog(&state, &dispatch) }
        </>
    }
}

/// The page's regions, arranged for what is being done.
fn regions(state: &State) -> Classes {
    let comparing = state.compare.is_some();
    classes!(
        "app",
        comparing.then_some("comparing"),
        (!comparing && state.guide.page != Page::Story).then_some("guided"),
        (!comparing && state.guide.own.is_some()).then_some("visiting"),
    )
}

thread_local! {
    /// How often a cluster was to be kept.
    static LATEST: Cell<u32> = const { Cell::new(0) };
}

/// Milliseconds without an edit after which a large cluster is kept.
const QUIET: i32 = 3_000;

/// Pods, Services and nodes of which no link is written by itself: nothing reads one that unpacks to more than 8 MB, which
/// is 280 bytes for each.
const MOST_KEPT: usize = 30_000;

/// Whether a link of a cluster can be kept for the next visit.
pub(crate) fn can_be_kept(model: &Model) -> bool {
    model.pods.len() + model.services.len() + model.nodes.len() <= MOST_KEPT
}

/// Keeps an edited cluster, against an error of the page and for the next visit. One as it was opened is not worth it.
fn keep(state: &State) {
    // The cluster of a lesson is not the person's own.
    if state.guide.own.is_none() && state.history.next_undo().is_some() {
        if !can_be_kept(&state.model) {
            return;
        }
        let (link, large) = (link::of(state), state.world.is_large());
        let turn = LATEST.with(|latest| {
            latest.set(latest.get().wrapping_add(1));
            latest.get()
        });
        spawn_local(async move {
            // To write down a large cluster takes its time, which is not taken from the edits that follow at once.
            if large {
                wait(QUIET).await;
            }
            if LATEST.get() == turn
                && let Ok(link) = documents::write_link(link, true).await
            {
                saved::keep(&link);
                panic::remember(link);
            }
        });
    }
}

/// Opens what a link leads to.
fn follow(link: String, dispatch: Dispatch) {
    spawn_local(async move { dispatch.dispatch(Action::OpenLink(documents::read_link(link).await)) });
}

// Drawn later than the first picture, and so not part of what draws that.
#[inline(never)]
fn dialog(state: &State, dispatch: &Dispatch) -> Html {
    let dispatch = dispatch.clone();
    match &state.dialog {
        None => Html::default(),
        Some(Dialog::Open) => html! { <OpenDialog key="open" {dispatch} /> },
        Some(Dialog::Brought(brought)) => {
            html! { <OpenDialog key="open" brought={Rc::clone(brought)} {dispatch} /> }
        }
        Some(Dialog::Share) => html! { <ShareDialog state={Ptr::new(state.clone())} {dispatch} /> },
        Some(Dialog::Embed) => html! { <EmbedDialog state={Ptr::new(state.clone())} {dispatch} /> },
        Some(Dialog::Add) => html! { <AddDialog model={state.model.clone()} {dispatch} /> },
        Some(Dialog::History) => history_dialog(&state.history, &dispatch),
        Some(Dialog::Palette) => html! { <Palette state={Ptr::new(state.clone())} {dispatch} /> },
        Some(Dialog::Help) => {
            let assumptions =
                state.answer.paths().map(|paths| paths.assumptions.as_slice()).unwrap_or_default();
            let on_close = Callback::from(move |()| dispatch.dispatch(Action::Show(None)));
            html! {
                <ui::Dialog title="Help" {on_close}>
                    <h3>{ "Keyboard" }</h3>
                    { shortcuts() }
                    <h3>{ "About" }</h3>
                    <p>{ format!("Hopscope {}. It computes what kube-proxy writes, what the Linux kernel does with it and what Azure documents. Nothing you open leaves this page.", env!("CARGO_PKG_VERSION")) }</p>
                    <p>{ "It takes for granted, for the drawn flow:" }</p>
                    <ul class="bullets">{ for assumptions.iter().map(|one| html! { <li>{ one.text.as_str() }</li> }) }</ul>
                </ui::Dialog>
            }
        }
    }
}

fn shortcuts() -> Html {
    const KEYS: [(&str, &str); 11] = [
        ("Ctrl+K", "Every command by name"),
        ("Ctrl+Z", "Undo"),
        ("Ctrl+Y or Ctrl+Shift+Z", "Redo"),
        ("Ctrl+V", "Anywhere: open the documents on the clipboard"),
        ("Tab, Shift+Tab", "From one region to the next"),
        ("Arrow keys", "Within tabs, switches, the steps of a trace, and the picture"),
        ("Enter", "In the picture: select"),
        (
            "Space",
            "On a node or pod: pick up; then arrows choose the place, Enter puts it down, Esc puts it back",
        ),
        ("M", "On a node or pod: a menu of places to move to"),
        ("+ − 0", "In the picture: closer, farther, all of it; with Ctrl the wheel does it too"),
        ("?", "This help"),
    ];
    html! {
        <dl class="keys">
            { for KEYS.iter().map(|(key, what)| html! { <div><dt><kbd>{ *key }</kbd></dt><dd>{ *what }</dd></div> }) }
        </dl>
    }
}

/// A message for everyone, until it is dismissed or something else happens.
fn told(message: Option<&Message>, dispatch: &Dispatch) -> Html {
    let onclick = {
        let dispatch = dispatch.clone();
        let offered = message.is_some_and(|message| message.restore.is_some());
        Callback::from(move |_: MouseEvent| {
            if offered {
                saved::forget();
            }
            dispatch.dispatch(Action::Tell(None));
        })
    };
    let restore = |link: &AttrValue| {
        let (dispatch, link) = (dispatch.clone(), link.to_string());
        let onclick = Callback::from(move |_: MouseEvent| {
            dispatch.dispatch(Action::Tell(None));
            follow(link.clone(), dispatch.clone());
        });
        html! { <button type="button" class="btn strong" {onclick}>{ "Restore" }</button> }
    };
    html! {
        <div class="told" role="alert">
            if let Some(message) = message {
                <div class={classes!("message", message.error.then_some("error"))}>
                    <p>{ &message.text }</p>
                    { for message.restore.as_ref().map(restore) }
                    <button type="button" class="btn icon-btn" aria-label="Dismiss" {onclick}>
                        { ui::icon(ui::Glyph::Close) }
                    </button>
                </div>
            }
        </div>
    }
}

/// The bar that tells of the engine's work, until there is none. There is none when the page opens.
#[inline(never)]
fn work(state: &State, busy: &UseStateHandle<bool>) -> Html {
    let busy = busy.setter();
    let on_idle = Callback::from(move |()| busy.set(false));
    html! { <Work waiting={state.waiting.len()} {on_idle} /> }
}

/// Shows that bar, once what began the work is done.
fn begin_work(busy: UseStateSetter<bool>) -> Callback<()> {
    Callback::from(move |()| {
        let busy = busy.clone();
        spawn_local(async move { busy.set(true) });
    })
}

/// What the worker answers; a lesson that the page is opened with, and links followed while it is open.
#[hook]
fn use_links(dispatch: &Dispatch, busy: &UseStateHandle<bool>) {
    let (dispatch, opened, busy) = (dispatch.clone(), dispatch.clone(), busy.setter());
    use_effect_with((), move |()| {
        worker::listen(&dispatch, begin_work(busy));
        let listener = web_sys::window().map(|window| {
            gloo_events::EventListener::new(&window, "hashchange", move |_| {
                let hash = address::hash();
                if let Some(lead) = Lead::read(&hash) {
                    tutor::open(lead, dispatch.clone());
                } else if address::is_link(&hash) {
                    follow(hash, dispatch.clone());
                }
            })
        });
        if let Some(lead) = Lead::read(&address::hash()) {
            tutor::open(lead, opened);
        }
        move || drop(listener)
    });
}

/// What an earlier visit left is offered, unless a link leads elsewhere.
#[hook]
fn use_kept(dispatch: &Dispatch) {
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        if address::hash().is_empty()
            && let Some(link) = saved::kept()
        {
            dispatch.dispatch(Action::Tell(Some(Message::restore(link))));
        }
    });
}

/// Fetches the engine once the first picture stands.
#[hook]
fn use_engine(dispatch: &Dispatch, painted: bool) {
    let dispatch = dispatch.clone();
    use_effect_with(painted, move |painted| {
        if *painted && !engineroom::is_ready() {
            spawn_local(async move { dispatch.dispatch(Action::EngineCame(engineroom::ready().await)) });
        }
    });
}

/// Files that are dropped anywhere on the page, and documents that are pasted anywhere but into a field.
#[hook]
fn use_brought(dispatch: &Dispatch) {
    let dispatch = dispatch.clone();
    use_effect_with((), move |()| {
        use gloo_events::{EventListener, EventListenerOptions};
        use wasm_bindgen::JsCast;
        let bring =
            move |brought: Brought| dispatch.dispatch(Action::Show(Some(Dialog::Brought(Rc::new(brought)))));
        let listeners = web_sys::window().and_then(|window| window.document()).map(|document| {
            let options = EventListenerOptions::enable_prevent_default();
            let over = EventListener::new_with_options(&document, "dragover", options, |event| {
                if event.dyn_ref::<DragEvent>().is_some_and(brings_files) {
                    event.prevent_default();
                }
            });
            let dropped = {
                let bring = bring.clone();
                EventListener::new_with_options(&document, "drop", options, move |event| {
                    let Some(event) = event.dyn_ref::<DragEvent>().filter(|event| brings_files(event)) else {
                        return;
                    };
                    event.prevent_default();
                    let files = event.data_transfer().and_then(|transfer| transfer.files());
                    bring(Brought::Files(files_of(files)));
                })
            };
            let pasted = EventListener::new(&document, "paste", move |event| {
                let Some(event) =
                    event.dyn_ref::<web_sys::ClipboardEvent>().filter(|event| !is_typing(event))
                else {
                    return;
                };
                let text = event.clipboard_data().and_then(|data| data.get_data("text/plain").ok());
                if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                    bring(Brought::Text(text));
                }
            });
            [over, dropped, pasted]
        });
        move || drop(listeners)
    });
}

fn brings_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|transfer| transfer.types().includes(&"Files".into(), 0))
}

/// Whether an event belongs to a field that takes text.
fn is_typing(event: &Event) -> bool {
    is_on(event, &["INPUT", "TEXTAREA"])
}

fn is_on(event: &Event, tags: &[&str]) -> bool {
    use wasm_bindgen::JsCast;
    let element = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    element.is_some_and(|element| tags.contains(&element.tag_name().as_str()))
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
    let command = event.ctrl_key() || event.meta_key();
    let key = event.key().to_ascii_lowercase();
    if command && !event.alt_key() && key == "k" {
        return Some(Action::Show(Some(Dialog::Palette)));
    }
    if is_typing(event) || event.alt_key() || event.default_prevented() {
        return None;
    }
    match (command, event.shift_key(), key.as_str()) {
        (true, false, "z") => Some(Action::Undo),
        (true, true, "z") | (true, false, "y") => Some(Action::Redo),
        // A list chooses by letters that are typed.
        (false, ..) if is_on(event, &["SELECT"]) => None,
        (false, _, "?") => Some(Action::Show(Some(Dialog::Help))),
        _ => None,
    }
}
