//! What was done, in order; each line leads to the state after it.

use crate::{
    state::{Action, Dispatch, History},
    ui::Dialog,
};
use yew::prelude::*;

/// The dialog.
pub(crate) fn history_dialog(history: &History, dispatch: &Dispatch) -> Html {
    let close = {
        let dispatch = dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Show(None)))
    };
    let done = history.done().len();
    let line = |at: usize, label: &str| {
        let dispatch = dispatch.clone();
        let onclick = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Travel(at)));
        let here = at == done;
        html! {
            <li key={at} class={classes!((at > done).then_some("undone"))}>
                <button type="button" class="history-entry" aria-current={here.then_some("step")} {onclick}>
                    <span class="history-dot" aria-hidden="true" />{ label.to_owned() }
                    if here { <span class="hint">{ "you are here" }</span> }
                </button>
            </li>
        }
    };
    let labels = history.done().chain(history.undone()).enumerate();
    html! {
        <Dialog title="History" on_close={close}>
            <ol class="history">
                { line(0, "As it was opened first") }
                { for labels.map(|(at, label)| line(at + 1, label)) }
            </ol>
        </Dialog>
    }
}
