//! Letting the browser go first: what is looked at less closely follows after the paint of what changed with it, and
//! long work is done in slices, between which input is heard.

use js_sys::{Date, Function, Promise};
use std::{cell::Cell, rc::Rc};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wire::{Input, Wire};
use yew::prelude::*;

/// Waits for what a function of the window's calls back.
async fn called(begin: impl Fn(&web_sys::Window, &Function)) {
    let called = Promise::new(&mut |resolve, _| {
        if let Some(window) = web_sys::window() {
            begin(&window, &resolve);
        }
    });
    // It is never rejected.
    let _ = JsFuture::from(called).await;
}

/// Until the browser heard what was waiting: input above all.
pub(crate) async fn turn() {
    wait(0).await;
}

/// For so many milliseconds, and until the browser heard what was waiting.
pub(crate) async fn wait(time: i32) {
    called(|window, then| {
        // The browser refuses no timer; without one the work would end here, which is said nowhere else.
        let _ = window.set_timeout_with_callback_and_timeout_and_arguments_0(then, time);
    })
    .await;
}

/// Until the page was painted. A frame begins before its paint, so that the turn after it follows the paint.
pub(crate) async fn paint() {
    called(|window, then| drop(window.request_animation_frame(then))).await;
    turn().await;
}

/// Milliseconds for which a long list is read before the browser has its turn.
const READING: f64 = 24.0;

/// Reads the items of a list that passed, with turns for the browser between them: those of a large cluster take longer
/// than a few frames.
pub(crate) async fn each<T: Wire>(input: &mut Input<'_>, mut take: impl FnMut(T)) {
    let mut begun = Date::now();
    for at in 1..=input.length() {
        take(T::read(input));
        if at % 64 == 0 && Date::now() - begun > READING {
            turn().await;
            begun = Date::now();
        }
    }
}

/// How many of `of` parts are drawn: after each the browser has its turn, so that none holds it for long. The last one
/// waits for the paint of the others.
#[hook]
pub(crate) fn use_parts(of: u8) -> u8 {
    let drawn = use_state(|| 1);
    use_effect_with(*drawn, {
        let drawn = drawn.setter();
        move |&so_far| {
            if so_far < of {
                spawn_local(async move {
                    if so_far + 1 == of {
                        paint().await;
                    } else {
                        turn().await;
                    }
                    drawn.set(so_far + 1);
                });
            }
        }
    });
    *drawn
}

/// A value that is looked at less closely: `first`, and from the paint after each change on the value itself.
#[hook]
pub(crate) fn use_later<T: Clone + PartialEq + 'static>(first: T, value: T) -> T {
    let shown = use_state(move || first);
    use_effect_with(value, {
        let shown = shown.setter();
        move |value| {
            let value = value.clone();
            spawn_local(async move {
                paint().await;
                shown.set(value);
            });
        }
    });
    (*shown).clone()
}

/// Milliseconds for which slices follow one another before the browser has its turn: half a frame.
const AT_ONCE: f64 = 8.0;

/// Long work: as far as it is done, and whether it goes on.
pub(crate) struct Slices<T> {
    /// The results of the slices, in order.
    pub(crate) done: Vec<T>,
    /// How many slices there are.
    pub(crate) of: usize,
    /// It was cancelled.
    pub(crate) cancelled: bool,
    /// Cancels it, or lets it go on.
    pub(crate) on_turn: Callback<MouseEvent>,
}

/// Does `of` slices of work anew for each `key`, with turns for the browser between them. It is cancelled where a slice
/// has no result, and ends with the component.
#[hook]
pub(crate) fn use_slices<K, T>(
    key: K,
    of: usize,
    slice: impl AsyncFn(usize) -> Option<T> + 'static,
) -> Slices<T>
where
    K: Clone + PartialEq + 'static,
    T: Clone + 'static,
{
    let done = use_state(|| (key.clone(), Vec::new()));
    let cancelled = use_state(|| false);
    let so_far = if done.0 == key { done.1.clone() } else { Vec::new() };
    use_effect_with((key, *cancelled), {
        let (done, ended, mut results) = (done.setter(), cancelled.setter(), so_far.clone());
        move |(key, cancelled)| {
            let goes_on = Rc::new(Cell::new(!*cancelled));
            let (key, wanted) = (key.clone(), Rc::clone(&goes_on));
            spawn_local(async move {
                let mut begun = Date::now();
                while results.len() < of && wanted.get() {
                    let Some(result) = slice(results.len()).await else { return ended.set(true) };
                    // Cancelled meanwhile: what is shown stays as it is.
                    if !wanted.get() {
                        return;
                    }
                    results.push(result);
                    if Date::now() - begun > AT_ONCE || results.len() == of {
                        done.set((key.clone(), results.clone()));
                        turn().await;
                        begun = Date::now();
                    }
                }
            });
            move || goes_on.set(false)
        }
    });
    let on_turn = {
        let cancelled = cancelled.clone();
        Callback::from(move |_: MouseEvent| cancelled.set(!*cancelled))
    };
    Slices { done: so_far, of, cancelled: *cancelled, on_turn }
}

impl<T> Slices<T> {
    /// How far the work is, and the way to end it or let it go on; nothing where it is done.
    pub(crate) fn progress(&self) -> Html {
        let (done, of) = (self.done.len(), self.of);
        if done >= of {
            return Html::default();
        }
        let (did, turn) = if self.cancelled { ("Cancelled after", "Go on") } else { ("Asked", "Cancel") };
        html! {
            <div class="actions">
                <p role="status">{ format!("{did} {} %.", done * 100 / of) }</p>
                <button type="button" class="btn" onclick={self.on_turn.clone()}>{ turn }</button>
            </div>
        }
    }
}
