//! Shares: what each receiver gets, exactly and in a sampled run.

use crate::{
    ptr::Ptr,
    state::{
        Answer,
        answer::{fraction, per_cent, receiver, verdict_words},
    },
    ui::{Cell, Table},
};
use engine::{Run, RunRow, Verdict};
use yew::prelude::*;

/// What the shares need.
#[derive(Properties, PartialEq)]
pub(super) struct SharesProps {
    /// What the engine says about the flow.
    pub(super) answer: Ptr<Answer>,
}

/// Shares of every receiver and every failure.
#[component]
pub(super) fn Shares(props: &SharesProps) -> Html {
    let run = match &props.answer.result {
        Ok((_, run)) => run,
        Err(error) => {
            return html! { <p class="empty">{ format!("This flow cannot be run: {error}.") }</p> };
        }
    };
    let (delivered, failed): (Vec<&RunRow>, Vec<&RunRow>) =
        run.rows.iter().partition(|row| row.verdict == Verdict::Delivered);
    let table = |rows: &[&RunRow]| rows.iter().map(|row| cells(row, run)).collect::<Vec<_>>();
    html! {
        <div class="shares">
            <p class="legend">
                <span class="key exact" aria-hidden="true" />{ "exact share" }
                <span class="key sampled" aria-hidden="true" />
                { format!("one run of {} connections, seed {}", run.requests, run.seed) }
            </p>
            <Table caption="Delivered" columns={COLUMNS.to_vec()} rows={table(&delivered)} empty="No connection is answered." />
            if !failed.is_empty() {
                <Table caption="Failed" columns={FAILED.to_vec()} rows={table(&failed)} />
            }
            <p class="hint">
                { "A run is a sample: its counts scatter around the exact shares. Shares are of connections; many requests over one kept-alive connection go to one pod." }
            </p>
        </div>
    }
}

const COLUMNS: [&str; 6] = ["Receiver", "Node", "Share", "Exact", "Run", "Source seen"];
const FAILED: [&str; 6] = ["Failure", "Node", "Share", "Exact", "Run", "Source seen"];

fn cells(row: &RunRow, run: &Run) -> Vec<Cell> {
    let sources: Vec<String> = row.sources_seen.iter().map(ToString::to_string).collect();
    let exact = match fraction(row.exact).filter(|words| words.contains('/')) {
        Some(fraction) => format!("{} % ({fraction})", per_cent(row.exact)),
        None => format!("{} %", per_cent(row.exact)),
    };
    let name = match row.verdict {
        Verdict::Delivered => receiver(row),
        _ => match &row.endpoint {
            Some(endpoint) => format!("{} at {endpoint}", verdict_words(row.verdict, row.cause)),
            None => verdict_words(row.verdict, row.cause),
        },
    };
    vec![
        Cell::mono(name),
        Cell::mono(row.node.as_ref().map(ToString::to_string).unwrap_or_default()),
        Cell::html(bars(row, run)).class("bars"),
        Cell::number(exact),
        Cell::number(row.count.to_string()),
        Cell::mono(sources.join(", ")),
    ]
}

/// Exact share above, sampled share below; both start at the left edge.
fn bars(row: &RunRow, run: &Run) -> Html {
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
    let sampled = if run.requests == 0 { 0.0 } else { row.count as f64 / run.requests as f64 };
    let bad = row.verdict != Verdict::Delivered;
    let bar = |class: &'static str, share: f64, y: &'static str| {
        html! { <rect {class} x="0" {y} height="6" width={format!("{:.2}", share * 100.0)} /> }
    };
    html! {
        <svg class={classes!("bar", bad.then_some("fails"))} viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">
            <rect class="ground" x="0" y="0" width="100" height="14" />
            { bar("exact", row.exact, "0") }
            { bar("sampled", sampled, "8") }
        </svg>
    }
}
