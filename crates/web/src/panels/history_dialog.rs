//! What was done, in order; each line leads to the state after it.

use crate::{
    state::{Action, Dispatch, History},
    ui::Dialog,
};
use std::rc::Rc;
use yew::prelude::*;

/// What the dialog needs.
#[derive(Properties)]
pub(crate) struct HistoryProps {
    /// What was done and undone.
    pub(crate) history: Rc<History>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

impl PartialEq for HistoryProps {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.history, &other.history) && self.dispatch == other.dispatch
    }
}

/// The dialog.
#[component]
pub(crate) fn HistoryDialog(props: &HistoryProps) -> Html {
    let close = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Show(None)))
    };
    let done = props.history.done().len();
    let line = |at: usize, label: &str| {
        let dispatch = props.dispatch.clone();
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
    let labels = props.history.done().chain(props.history.undone()).enumerate();
    html! {
        <Dialog title="History" on_close={close}>
            <ol class="history">
                { line(0, "As it was opened first") }
                { for labels.map(|(at, label)| line(at + 1, label)) }
            </ol>
        </Dialog>
    }
}
