//! The document of what is selected, and what can be done with the object as a whole.

use super::super::editor::Editor;
use crate::{
    documents,
    engineroom::EngineroomError,
    ptr::Ptr,
    state::{Action, Dispatch, describe, facts, objects},
};
use engine::{Flow, Place};
use model::{Edit, Kind, Model, NodeName, Object, ObjectRef};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// What the document needs.
#[derive(Properties, PartialEq)]
pub(super) struct DocumentProps {
    /// The object as its author wrote it; `None` where a controller made it.
    pub(super) written: Option<Object>,
    /// The object with what controllers filled in.
    pub(super) settled: Object,
    /// It has no switches: the text is what there is to see, and is open from the start.
    pub(super) plain: bool,
    /// The cluster as its author wrote it.
    pub(super) model: Ptr<Model>,
    /// The flow that is asked about.
    pub(super) flow: Rc<Flow>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// The document as text, and as a field once the person edits it.
#[component]
pub(super) fn Document(props: &DocumentProps) -> Html {
    let plain = props.plain;
    let open = use_state(|| plain);
    let editing = use_state(|| None::<AttrValue>);
    let text = use_state(AttrValue::default);
    use_effect_with((props.settled.clone(), *open), {
        let (text, editing) = (text.setter(), editing.setter());
        move |(settled, open)| {
            editing.set(None);
            if *open {
                let settled = settled.clone();
                spawn_local(async move { text.set(shown(documents::object_yaml(&settled).await)) });
            }
        }
    });
    let ontoggle = {
        let open = open.setter();
        Callback::from(move |event: Event| {
            use wasm_bindgen::JsCast;
            let details = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            open.set(details.is_some_and(|details| details.has_attribute("open")));
        })
    };
    let original = props.settled.object_ref();
    let edit = {
        let (editing, text) = (editing.setter(), text.setter());
        let object = props.written.clone().unwrap_or_else(|| props.settled.clone());
        Callback::from(move |_: MouseEvent| {
            let (editing, text, object) = (editing.clone(), text.clone(), object.clone());
            spawn_local(async move {
                match documents::object_yaml(&object).await {
                    Ok(yaml) => editing.set(Some(yaml.into())),
                    failed => text.set(shown(failed)),
                }
            });
        })
    };
    let close = {
        let editing = editing.setter();
        Callback::from(move |()| editing.set(None))
    };
    let filled = props.written.as_ref() != Some(&props.settled);
    html! {
        <>
            <Whole object={props.settled.clone()} written={props.written.is_some()} model={props.model.clone()}
                flow={Rc::clone(&props.flow)} dispatch={props.dispatch.clone()} />
            <details class="yaml" open={plain} {ontoggle}>
                <summary>{ "YAML" }</summary>
                if let Some(draft) = &*editing {
                    <Editor text={draft.clone()} original={original} model={props.model.clone()}
                        dispatch={props.dispatch.clone()} on_close={close} />
                } else {
                    <div class="actions">
                        <button type="button" class="btn" onclick={edit}>{ "Edit" }</button>
                        if filled { <span class="hint">{ "With what controllers filled in." }</span> }
                    </div>
                    <pre tabindex="0" aria-label="YAML">{ &*text }</pre>
                }
            </details>
        </>
    }
}

/// The document, or why there is none.
fn shown(yaml: Result<String, EngineroomError>) -> AttrValue {
    yaml.unwrap_or_else(|error| format!("Not shown: {error}.")).into()
}

#[derive(Properties, PartialEq)]
struct WholeProps {
    object: Object,
    written: bool,
    model: Ptr<Model>,
    flow: Rc<Flow>,
    dispatch: Dispatch,
}

/// Buttons: as an end of the flow, again under another name, away.
#[component]
fn Whole(props: &WholeProps) -> Html {
    let id = props.object.object_ref();
    let act = |action: Action| {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(action.clone()))
    };
    let button = |words: &'static str, action: Option<Action>| {
        action.map(
            |action| html! { <button type="button" class="btn" onclick={act(action)}>{ words }</button> },
        )
    };
    let place = place(&id);
    let from = place.clone().filter(|_| id.kind != Kind::Service);
    let from = from.map(|from| Action::Send(Flow { from, ..(*props.flow).clone() }));
    let to = place.map(|to| {
        let port = facts::first_port(&props.object, &props.flow);
        Action::Send(Flow { to, port, ..(*props.flow).clone() })
    });
    let copy = objects::duplicate(&props.model, &props.object).map(|copy| {
        let label = format!("Duplicate {}", describe::reference(&id));
        Action::Named(label, Edit::Put(copy))
    });
    let remove = props.written.then(|| Action::Edit(Edit::Remove { object: id.clone() }));
    html! {
        <div class="actions" role="group" aria-label={format!("{} as a whole", describe::reference(&id))}>
            { for button("Send from here", from) }
            { for button("Send here", to) }
            { for button("Duplicate", copy) }
            { for button("Delete", remove) }
        </div>
    }
}

/// The end of a flow that an object is.
fn place(id: &ObjectRef) -> Option<Place> {
    match id.kind {
        Kind::Node => Some(Place::Node(NodeName::from(&*id.name))),
        Kind::Pod => Some(Place::Pod(id.key())),
        Kind::Service => Some(Place::Service(id.key())),
        _ => None,
    }
}
