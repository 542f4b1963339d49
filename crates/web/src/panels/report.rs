//! What reading documents had to say: line, what, hint, and the way there.

use formats::{Diagnostic, Severity};
use yew::prelude::*;

/// What the report needs.
#[derive(Properties, PartialEq)]
pub(super) struct ReportProps {
    /// The remarks.
    pub(super) diagnostics: Vec<Diagnostic>,
    /// `Opened` or `Applied`: what was done, or refused.
    pub(super) done: &'static str,
    /// The person wants to see the place of one.
    pub(super) on_show: Callback<Diagnostic>,
}

/// Remarks, the worst first.
#[component]
pub(super) fn Report(props: &ReportProps) -> Html {
    let refused = props.diagnostics.iter().any(|one| one.severity == Severity::Error);
    let line = |one: &Diagnostic| {
        let class = match one.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Notice => "notice",
        };
        let onclick = {
            let (one, on_show) = (one.clone(), props.on_show.clone());
            Callback::from(move |_: MouseEvent| on_show.emit(one.clone()))
        };
        html! {
            <li {class}>
                <span class="where"><span class="mono">{ format!("{}:{}", one.file, one.line) }</span>
                    <button type="button" class="link" {onclick}>{ "Show me" }</button></span>
                <strong>{ one.severity.to_string() }</strong>{ " " }{ &one.what }
                if !one.hint.is_empty() { <span class="hint">{ &one.hint }</span> }
            </li>
        }
    };
    let list = use_node_ref();
    use_effect_with(props.diagnostics.clone(), {
        let list = list.clone();
        move |diagnostics| {
            if let Some(list) = list.cast::<web_sys::Element>().filter(|_| !diagnostics.is_empty()) {
                list.scroll_into_view_with_bool(false);
            }
        }
    });
    let verb = props.done;
    let title = if refused {
        format!("Not {}: nothing has changed.", verb.to_ascii_lowercase())
    } else {
        format!("{verb}, with remarks.")
    };
    let mut sorted: Vec<&Diagnostic> = props.diagnostics.iter().collect();
    order::sort_by_key(&mut sorted, |one| one.severity);
    html! {
        <div ref={list} class="report" role="status" data-testid="diagnostics">
            if !sorted.is_empty() {
                <p><strong>{ title }</strong></p>
                <ul>{ for sorted.into_iter().map(line) }</ul>
            }
        </div>
    }
}

/// Focuses a text field and selects a line of it, counted from 1.
pub(super) fn show_line(field: &NodeRef, line: u32) {
    let Some(field) = field.cast::<web_sys::HtmlTextAreaElement>() else { return };
    let text = field.value();
    let units = |text: &str| u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX);
    let before = usize::try_from(line.saturating_sub(1)).unwrap_or_default();
    let start: u32 = text.split_inclusive('\n').take(before).map(units).sum();
    let wide = text.split('\n').nth(before).map(units).unwrap_or_default();
    // A field that is shown takes focus and selection.
    let _ = field.focus();
    let _ = field.set_selection_range(start, start.saturating_add(wide));
    // All lines are equally high: the field does not wrap them.
    let (before, lines) =
        (i32::try_from(before).unwrap_or(0), i32::try_from(text.split('\n').count()).unwrap_or(1));
    let middle = field.scroll_height() / lines.max(1) * before;
    field.set_scroll_top((middle - field.client_height() / 2).max(0));
}
