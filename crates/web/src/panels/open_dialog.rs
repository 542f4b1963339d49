//! Opening a cluster: paste or choose files.

use crate::{
    reader,
    state::{Action, Dispatch},
    ui::Dialog,
};
use formats::{Diagnostic, Severity, Source};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

/// What the dialog needs.
#[derive(Properties, PartialEq)]
pub(crate) struct OpenProps {
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// Where an opening stands.
#[derive(Debug, Clone, PartialEq)]
enum Progress {
    /// The reader is being fetched, or reads.
    Busy(&'static str),
    /// The reader did not answer; why.
    Failed(String),
    /// What the reader has to say; nothing before it has read.
    Report(Vec<Diagnostic>),
}

/// The dialog. Nothing of the page changes unless the input has no error.
#[component]
pub(crate) fn OpenDialog(props: &OpenProps) -> Html {
    let text = use_node_ref();
    let progress = use_state_eq(|| Progress::Busy("Getting ready to read…"));
    use_effect_with((), {
        let progress = progress.clone();
        move |()| {
            spawn_local(async move {
                let ready = reader::ready().await;
                progress.set(match ready {
                    Ok(()) => Progress::Report(Vec::new()),
                    Err(error) => Progress::Failed(error.to_string()),
                });
            });
        }
    });
    let close = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |()| dispatch.dispatch(Action::Show(None)))
    };
    let read = {
        let (dispatch, progress) = (props.dispatch.clone(), progress.clone());
        Callback::from(move |sources: Vec<Source>| {
            let (dispatch, progress) = (dispatch.clone(), progress.clone());
            progress.set(Progress::Busy("Reading…"));
            spawn_local(async move {
                let import = match reader::import(sources).await {
                    Err(error) => return progress.set(Progress::Failed(error.to_string())),
                    Ok(import) => import,
                };
                let refused = import.has_errors();
                if !refused {
                    dispatch.dispatch(Action::Open(Box::new(import.model)));
                }
                if refused || import.diagnostics.iter().any(|one| one.severity == Severity::Warning) {
                    progress.set(Progress::Report(import.diagnostics));
                } else {
                    dispatch.dispatch(Action::Show(None));
                }
            });
        })
    };
    let onsubmit = {
        let (text, read) = (text.clone(), read.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let value = text.cast::<HtmlTextAreaElement>().map(|area| area.value()).unwrap_or_default();
            read.emit(vec![Source::new("pasted text", value)]);
        })
    };
    let onchange = Callback::from(move |event: Event| {
        let files = event.target_dyn_into::<HtmlInputElement>().and_then(|input| input.files());
        let Some(files) = files else { return };
        let files: Vec<web_sys::File> = (0..files.length()).filter_map(|at| files.get(at)).collect();
        let read = read.clone();
        spawn_local(async move { read.emit(read_all(files).await) });
    });
    html! {
        <Dialog title="Open a cluster" on_close={close}>
            <form class="open" {onsubmit}>
                <p>{ "Kubernetes and Azure documents as YAML or JSON: " }<code>{ "kubectl get … -o yaml" }</code>
                    { ", " }<code>{ "az … show -o json" }</code>{ ". They are read here, on this page, and sent nowhere." }</p>
                <label class="field"><span class="field-name">{ "Files" }</span>
                    <input type="file" multiple=true accept=".yaml,.yml,.json" {onchange} /></label>
                <label class="field"><span class="field-name">{ "Or paste" }</span>
                    <textarea ref={text} class="mono" rows="10" spellcheck="false"
                        placeholder="apiVersion: v1&#10;kind: Service" /></label>
                <button type="submit" class="btn strong">{ "Open what is pasted" }</button>
            </form>
            <Report progress={(*progress).clone()} />
        </Dialog>
    }
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

#[derive(Properties, PartialEq)]
struct ReportProps {
    progress: Progress,
}

/// What the import has to say.
#[component]
fn Report(props: &ReportProps) -> Html {
    let diagnostics = match &props.progress {
        Progress::Busy(what) => {
            return html! { <div class="report" role="status" data-testid="diagnostics"><p>{ *what }</p></div> };
        }
        Progress::Failed(why) => {
            return html! {
                <div class="report" role="status" data-testid="diagnostics">
                    <p><strong>{ "Not opened: nothing has changed." }</strong></p>
                    <ul><li class="error">{ why }</li></ul>
                </div>
            };
        }
        Progress::Report(diagnostics) => diagnostics,
    };
    let refused = diagnostics.iter().any(|one| one.severity == Severity::Error);
    let line = |one: &Diagnostic| {
        let class = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        };
        html! {
            <li class={class}>
                <span class="mono where">{ format!("{}:{}", one.file, one.line) }</span>
                <strong>{ one.severity.to_string() }</strong>{ " " }{ &one.what }
                if !one.hint.is_empty() { <span class="hint">{ &one.hint }</span> }
            </li>
        }
    };
    html! {
        <div class="report" role="status" data-testid="diagnostics">
            if !diagnostics.is_empty() {
                <p><strong>{ if refused { "Not opened: nothing has changed." } else { "Opened, with remarks." } }</strong></p>
                <ul>{ for diagnostics.iter().map(line) }</ul>
            }
        </div>
    }
}
