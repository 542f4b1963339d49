//! What the engine does in its worker, and how to end it.

use crate::{engineroom, pause, worker};
use js_sys::Date;
use std::{cell::Cell, rc::Rc};
use yew::prelude::*;

/// Milliseconds of work before it is told: what is done by then would only flicker.
const PATIENCE: i32 = 150;
/// Milliseconds between two looks at it.
const LOOK: i32 = 100;

/// What the bar needs.
#[derive(Properties, PartialEq)]
pub(crate) struct WorkProps {
    /// What is worked on, and what waits for that.
    #[prop_or_default]
    pub(crate) waiting: usize,
    /// There is no more work.
    #[prop_or_default]
    pub(crate) on_idle: Callback<()>,
}

/// What the bar says.
#[derive(Clone, Copy, PartialEq)]
struct Shown {
    words: &'static str,
    seconds: u32,
    per_cent: Option<u32>,
}

/// A bar over the page while the engine works in its worker: what it does, for how long it has, and a way to end it.
#[component]
pub(crate) fn Work(props: &WorkProps) -> Html {
    let shown = use_state_eq(|| None::<Shown>);
    use_effect_with((), {
        let (shown, on_idle) = (shown.setter(), props.on_idle.clone());
        move |()| {
            let state = Rc::new(Cell::new((true, false)));
            let look = {
                let state = Rc::clone(&state);
                Callback::from(move |()| {
                    if !state.replace((true, true)).1 {
                        wasm_bindgen_futures::spawn_local(follow(
                            Rc::clone(&state),
                            shown.clone(),
                            on_idle.clone(),
                        ));
                    }
                })
            };
            look.emit(());
            worker::watch(look);
            move || state.set((false, true))
        }
    });
    let is_shown = shown.is_some();
    use_effect_with(is_shown, |shown| {
        let listener = shown.then(escape).flatten();
        move || drop(listener)
    });
    let more = props.waiting.saturating_sub(1);
    let onclick = Callback::from(|_: MouseEvent| worker::cancel());
    html! {
        <div class="work">
            if let Some(Shown { words, seconds, per_cent }) = *shown {
                <div class="message">
                    <p><span role="status">{ words }{ "…" }</span>
                        if let Some(per_cent) = per_cent {
                            <progress max="100" value={per_cent.to_string()} aria-label={words}>{ format!("{per_cent} %") }</progress>
                        }
                        <span class="hint" aria-hidden="true">{ time(seconds, more) }</span></p>
                    <button type="button" class="btn" title="Esc" {onclick}>{ "Cancel" }</button>
                </div>
            }
        </div>
    }
}

/// ` 3 s, 1 more waits`, nothing in the first second.
fn time(seconds: u32, more: usize) -> String {
    let seconds = if seconds > 0 { format!(" {seconds} s") } else { String::new() };
    match more {
        0 => seconds,
        1 => format!("{seconds} 1 more waits"),
        more => format!("{seconds} {more} more wait"),
    }
}

/// Shows what is done until it is done: `state` says whether the bar is there, and whether this runs.
async fn follow(state: Rc<Cell<(bool, bool)>>, shown: UseStateSetter<Option<Shown>>, on_idle: Callback<()>) {
    let began = Date::now();
    pause::wait(PATIENCE).await;
    while let Some((words, per_cent)) = worker::work().filter(|_| state.get().0) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "seconds of a person's wait"
        )]
        let seconds = ((Date::now() - began) / 1000.0) as u32;
        shown.set(Some(Shown { words, seconds, per_cent }));
        pause::wait(LOOK).await;
    }
    let (there, _) = state.get();
    state.set((there, false));
    if there {
        shown.set(None);
        on_idle.emit(());
    }
}

/// Escape ends the work, if nothing else takes it.
fn escape() -> Option<gloo_events::EventListener> {
    use wasm_bindgen::JsCast;
    let document = web_sys::window()?.document()?;
    let inside = document.clone();
    Some(gloo_events::EventListener::new(&document, "keydown", move |event| {
        let escape = event.dyn_ref::<KeyboardEvent>().is_some_and(|event| event.key() == "Escape");
        // A dialog closes by it.
        let dialog = inside.query_selector("dialog[open]").ok().flatten().is_some();
        if escape && !dialog && !event.default_prevented() {
            worker::cancel();
        }
    }))
}

/// In place of what the engine has yet to tell.
pub(crate) fn loading() -> Html {
    let words = match worker::work() {
        _ if !engineroom::is_ready() => "The engine is being loaded…",
        Some(_) => "The engine is at work…",
        None => return cancelled(),
    };
    html! { <p class="empty">{ words }</p> }
}

/// In place of what the engine does not tell: it was ended, or stopped.
fn cancelled() -> Html {
    let onclick = Callback::from(|_: MouseEvent| worker::again());
    html! {
        <div class="empty">
            <p>{ "This was not worked out: it was cancelled." }</p>
            <button type="button" class="btn" {onclick}>{ "Ask again" }</button>
        </div>
    }
}
