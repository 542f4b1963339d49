//! The text of one object, to be changed and read in again.

use super::report::{Report, show_line};
use crate::{
    documents,
    ptr::Ptr,
    state::{Action, Dispatch, describe},
};
use formats::Diagnostic;
use model::{Edit, Model, ObjectRef};
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

/// What the editor needs.
#[derive(Properties, PartialEq)]
pub(super) struct EditorProps {
    /// The text to begin with.
    pub(super) text: AttrValue,
    /// The object that the text is of; `None` for a new one.
    #[prop_or_default]
    pub(super) original: Option<ObjectRef>,
    /// The cluster as its author wrote it.
    pub(super) model: Ptr<Model>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
    /// The text was taken over, or given up.
    pub(super) on_close: Callback<()>,
}

/// A field and its buttons. Text that is refused stays, with what is wrong below it.
#[component]
pub(super) fn Editor(props: &EditorProps) -> Html {
    let field = use_node_ref();
    let report = use_state(Vec::<Diagnostic>::new);
    // The field keeps what is typed: it is filled once and never drawn anew.
    use_effect_with(props.text.clone(), {
        let field = field.clone();
        move |text| {
            if let Some(field) = field.cast::<HtmlTextAreaElement>() {
                field.set_value(text);
                // A field that is shown takes the focus.
                let _ = field.focus();
            }
        }
    });
    let apply = {
        let (field, report) = (field.clone(), report.clone());
        let (original, model) = (props.original.clone(), props.model.clone());
        let (dispatch, on_close) = (props.dispatch.clone(), props.on_close.clone());
        Callback::from(move |()| {
            let text = field.cast::<HtmlTextAreaElement>().map(|field| field.value()).unwrap_or_default();
            let (report, original, model) = (report.clone(), original.clone(), model.clone());
            let (dispatch, on_close) = (dispatch.clone(), on_close.clone());
            spawn_local(async move {
                let (revised, diagnostics) = documents::revise(&model, original.as_ref(), text).await;
                let Some(revised) = revised else { return report.set(diagnostics) };
                if let Some(edit) = model.difference(&revised) {
                    let (label, select) = label(&edit, original.as_ref());
                    dispatch.dispatch(Action::Named(label, edit));
                    if let Some(select) = select {
                        dispatch.dispatch(Action::Select(Some(select)));
                    }
                }
                on_close.emit(());
            });
        })
    };
    let onsubmit = {
        let apply = apply.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            apply.emit(());
        })
    };
    let onkeydown = {
        let on_close = props.on_close.clone();
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "Enter" if event.ctrl_key() || event.meta_key() => {
                event.prevent_default();
                apply.emit(());
            }
            "Escape" => {
                event.prevent_default();
                event.stop_propagation();
                on_close.emit(());
            }
            _ => {}
        })
    };
    let on_show = {
        let field = field.clone();
        Callback::from(move |one: Diagnostic| {
            if one.file == documents::EDITED {
                show_line(&field, one.line);
            }
        })
    };
    let cancel = props.on_close.reform(|_: MouseEvent| ());
    let rows = props.text.lines().count().clamp(8, 24).to_string();
    html! {
        <form class="editor" {onsubmit} {onkeydown}>
            <textarea ref={field} class="mono" {rows} spellcheck="false" autocomplete="off" aria-label="Document" />
            <div class="actions">
                <button type="submit" class="btn strong" title="Ctrl+Enter">{ "Apply" }</button>
                <button type="button" class="btn" onclick={cancel}>{ "Cancel" }</button>
            </div>
            <Report diagnostics={(*report).clone()} done="Applied" {on_show} />
        </form>
    }
}

/// The edit in the words of a person, and the object to show after it.
fn label(edit: &Edit, original: Option<&ObjectRef>) -> (String, Option<ObjectRef>) {
    let edits = match edit {
        Edit::Many { edits } => edits.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut put = edits.iter().filter_map(|edit| match edit {
        Edit::Put(object) => Some(object.object_ref()),
        _ => None,
    });
    let first = put.next();
    let label = match (original, &first, put.next()) {
        (Some(original), Some(new), None) if original == new => {
            format!("Edit {}", describe::reference(original))
        }
        (Some(original), Some(new), None) if original.kind == new.kind => {
            format!("Rename {} to {}", describe::reference(original), new.name)
        }
        (None, Some(new), None) => format!("Add {}", describe::reference(new)),
        _ => describe::edit(edit),
    };
    (label, first)
}
