//! Adding an object: its kind, then its text.

use super::editor::Editor;
use crate::{
    ptr::Ptr,
    state::{Action, Dispatch, describe, objects},
    ui::{Choice, Dialog, Segmented},
};
use model::Model;
use yew::prelude::*;

/// What the dialog needs.
#[derive(Properties, PartialEq)]
pub(crate) struct AddProps {
    /// The cluster as its author wrote it.
    pub(crate) model: Ptr<Model>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// The dialog.
#[component]
pub(crate) fn AddDialog(props: &AddProps) -> Html {
    let chosen = use_state(|| 0_usize);
    let close = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Show(None)))
    };
    let on_choose = {
        let chosen = chosen.clone();
        Callback::from(move |at: usize| chosen.set(at))
    };
    let choices: Vec<Choice> =
        objects::ADDABLE.iter().map(|(kind, _)| Choice::new(describe::kind(*kind))).collect();
    let editor = objects::ADDABLE.get(*chosen).map(|(kind, hint)| {
        html! {
            <>
                <p class="hint">{ format!("{}: {hint}. What the text leaves open, the controllers fill in.", describe::kind(*kind)) }</p>
                <Editor key={*chosen} text={objects::template(&props.model, *kind)} model={props.model.clone()}
                    dispatch={props.dispatch.clone()} on_close={close.clone()} />
            </>
        }
    });
    html! {
        <Dialog title="Add an object" on_close={close.clone()}>
            <div class="share">
                <Segmented label="Kind" quiet=true {choices} chosen={Some(*chosen)} {on_choose} />
                { for editor }
            </div>
        </Dialog>
    }
}
