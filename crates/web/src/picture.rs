//! The picture: lays the store's cluster and flow out, and hands the scene to the canvas.

use crate::{
    canvas::{Canvas, Setting},
    ptr::Ptr,
    state::{Action, Answer, Dispatch},
};
use model::{Edit, ObjectRef};
use render::Format;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// What the picture needs.
#[derive(Properties, PartialEq)]
pub(crate) struct PictureProps {
    /// What the engine says about the flow, and the cluster of which it says that.
    pub(crate) answer: Ptr<Answer>,
    /// The branch that is drawn.
    pub(crate) outcome: usize,
    /// Whether the way back is drawn.
    pub(crate) reply: bool,
    /// What is selected.
    pub(crate) selection: Option<ObjectRef>,
    /// The step that is lit.
    pub(crate) highlight: Option<usize>,
    /// How it stands on the page.
    pub(crate) setting: Setting,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// The picture.
#[component]
pub(crate) fn Picture(props: &PictureProps) -> Html {
    let narrow = use_state(|| false);
    let shape = if *narrow { Format::Tall } else { Format::Wide };
    let scene = props.answer.picture(props.outcome, props.reply, shape);
    let on_select = use_callback(props.dispatch.clone(), |object: ObjectRef, dispatch| {
        dispatch.dispatch(Action::Select(Some(object)));
    });
    // The picture calls from within Yew's scheduler, which gives the browser a turn when 16 ms are over. Were the edit
    // made in there, that would be between the new state and its picture.
    let on_edit = use_callback(props.dispatch.clone(), |edit: Edit, dispatch| {
        let dispatch = dispatch.clone();
        spawn_local(async move { dispatch.dispatch(Action::Edit(edit)) });
    });
    let on_hold = use_callback((props.dispatch.clone(), shape), |edit: Edit, (dispatch, shape)| {
        dispatch.dispatch(Action::Rehearse(edit, *shape));
    });
    let on_hover = use_callback(props.dispatch.clone(), |step: Option<usize>, dispatch| {
        dispatch.dispatch(Action::Highlight(step));
    });
    let on_announce = use_callback(props.dispatch.clone(), |text: String, dispatch| {
        dispatch.dispatch(Action::Announce(text));
    });
    let on_narrow = use_callback((), {
        let narrow = narrow.setter();
        move |is_narrow: bool, ()| narrow.set(is_narrow)
    });
    html! {
        <Canvas {scene} selected={props.selection.clone()} highlight={props.highlight}
            setting={props.setting.clone()} {on_select} {on_edit} {on_hold} {on_hover} {on_announce} {on_narrow} />
    }
}
