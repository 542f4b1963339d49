//! Opening a cluster: paste, drop or choose files.

use super::report::{Report, show_line};
use crate::{
    documents, engineroom,
    state::{Action, Brought, Dispatch},
    ui::Dialog,
};
use formats::{Diagnostic, Severity, Source};
use std::rc::Rc;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

/// The name of text that was pasted, in diagnostics.
const PASTED: &str = "pasted text";

/// What the dialog needs.
#[derive(Properties, PartialEq)]
pub(crate) struct OpenProps {
    /// Files that were dropped or text that was pasted on the page: read at once.
    #[prop_or_default]
    pub(crate) brought: Option<Rc<Brought>>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// The dialog. Nothing of the page changes unless the input has no error.
#[component]
pub(crate) fn OpenDialog(props: &OpenProps) -> Html {
    let field = use_node_ref();
    let report = use_state(Vec::<Diagnostic>::new);
    let texts = use_state(Vec::<(String, String)>::new);
    // What the person waits for, if anything.
    let busy = use_state_eq(|| None::<AttrValue>);
    use_effect_with((), {
        let busy = busy.setter();
        move |()| {
            busy.set(Some("Getting ready to read…".into()));
            spawn_local(async move {
                let ready = engineroom::ready().await;
                busy.set(ready.err().map(|error| format!("Nothing can be opened now: {error}.").into()));
            });
        }
    });
    let close = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Show(None)))
    };
    let read = {
        let (dispatch, report, texts) = (props.dispatch.clone(), report.setter(), texts.setter());
        let busy = busy.setter();
        Callback::from(move |sources: Vec<Source>| {
            let (dispatch, report, texts) = (dispatch.clone(), report.clone(), texts.clone());
            let busy = busy.clone();
            busy.set(Some("Reading…".into()));
            spawn_local(async move {
                let import = documents::import(&sources).await;
                busy.set(None);
                let refused = import.has_errors();
                if !refused {
                    dispatch.dispatch(Action::Open(Box::new(import.model)));
                }
                if refused || import.diagnostics.iter().any(|one| one.severity == Severity::Warning) {
                    let text =
                        |source: Source| (source.name, String::from_utf8_lossy(&source.bytes).into_owned());
                    texts.set(sources.into_iter().map(text).collect());
                    report.set(import.diagnostics);
                } else {
                    dispatch.dispatch(Action::Show(None));
                }
            });
        })
    };
    use_effect_with(props.brought.clone(), {
        let (read, field) = (read.clone(), field.clone());
        move |brought| match brought.as_deref() {
            Some(Brought::Files(files)) => {
                let files = files.clone();
                spawn_local(async move { read.emit(read_all(files).await) });
            }
            Some(Brought::Text(text)) => {
                if let Some(field) = field.cast::<HtmlTextAreaElement>() {
                    field.set_value(text);
                }
                read.emit(vec![Source::new(PASTED, text.clone())]);
            }
            None => {}
        }
    });
    let onsubmit = {
        let (field, read) = (field.clone(), read.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let value = field.cast::<HtmlTextAreaElement>().map(|area| area.value()).unwrap_or_default();
            read.emit(vec![Source::new(PASTED, value)]);
        })
    };
    let onchange = Callback::from(move |event: Event| {
        let files = event.target_dyn_into::<HtmlInputElement>().and_then(|input| input.files());
        let files = files_of(files);
        let read = read.clone();
        spawn_local(async move { read.emit(read_all(files).await) });
    });
    // A file's text is put into the field, so that its lines can be shown there.
    let on_show = {
        let (field, texts) = (field.clone(), texts.clone());
        Callback::from(move |one: Diagnostic| {
            let text = texts.iter().find(|(name, _)| *name == one.file);
            if let (Some(area), Some((_, text))) = (field.cast::<HtmlTextAreaElement>(), text) {
                if area.value() != *text {
                    area.set_value(text);
                }
                show_line(&field, one.line);
            }
        })
    };
    html! {
        <Dialog title="Open a cluster" on_close={close}>
            <form class="open" {onsubmit}>
                <p>{ "Kubernetes and Azure documents as YAML or JSON: " }<code>{ "kubectl get … -o yaml" }</code>
                    { ", " }<code>{ "az … show -o json" }</code>{ ". They are read here, on this page, and sent nowhere. Files can also be dropped on the page." }</p>
                <label class="field"><span class="field-name">{ "Files" }</span>
                    <input type="file" multiple=true accept=".yaml,.yml,.json" {onchange} /></label>
                <label class="field"><span class="field-name">{ "Or paste" }</span>
                    <textarea ref={field} class="mono" rows="10" spellcheck="false"
                        placeholder={"apiVersion: v1\nkind: Service"} /></label>
                <button type="submit" class="btn strong">{ "Open what is pasted" }</button>
            </form>
            if let Some(busy) = &*busy { <p class="hint" role="status">{ busy }</p> }
            <Report diagnostics={(*report).clone()} done="Opened" {on_show} />
        </Dialog>
    }
}

/// The files of a list.
pub(crate) fn files_of(files: Option<web_sys::FileList>) -> Vec<web_sys::File> {
    let Some(files) = files else { return Vec::new() };
    (0..files.length()).filter_map(|at| files.get(at)).collect()
}

/// Reads files as bytes; one that cannot be read is an empty source of its name.
async fn read_all(files: Vec<web_sys::File>) -> Vec<Source> {
    let mut sources = Vec::new();
    for file in files {
        let bytes = match JsFuture::from(file.array_buffer()).await {
            Ok(buffer) => js_sys::Uint8Array::new(&buffer).to_vec(),
            Err(_) => Vec::new(),
        };
        sources.push(Source::new(file.name(), bytes));
    }
    order::sort_by(&mut sources, |a, b| a.name.cmp(&b.name));
    sources
}
