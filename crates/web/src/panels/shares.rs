//! Shares: what each receiver gets, exactly and in a sampled run.

use crate::world::World;
use crate::{
    ptr::Ptr,
    state::{
        Answer, Unanswered,
        answer::{fraction, per_cent, receiver, verdict_words},
    },
    ui::{self, Cell, Choice, Segmented, Table},
};
use engine::{Paths, Run, RunRow, Seen, Verdict};
use model::{Model, NodeName};
use std::collections::BTreeMap;
use yew::prelude::*;

/// What the shares need.
#[derive(Properties, PartialEq)]
pub(super) struct SharesProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// What the engine says about the flow.
    pub(super) answer: Ptr<Answer>,
}

/// What makes one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grouping {
    Receiver,
    Node,
    Pool,
    Zone,
}

impl Grouping {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Receiver, "Receiver"), (Self::Node, "Node"), (Self::Pool, "Node pool"), (Self::Zone, "Zone")];

    fn columns(self) -> Vec<&'static str> {
        match self {
            Self::Receiver => vec!["Receiver", "Node", "Share", "Exact", "Run", "Source seen"],
            Self::Node => vec!["Node", "Receivers", "Share", "Exact", "Run", "Source seen"],
            Self::Pool => vec!["Node pool", "Receivers", "Share", "Exact", "Run", "Source seen"],
            Self::Zone => vec!["Zone", "Receivers", "Share", "Exact", "Run", "Source seen"],
        }
    }

    /// The name of a node's group.
    fn of(self, model: &Model, node: Option<&NodeName>) -> String {
        let Some(name) = node else { return "outside the cluster".into() };
        let label = |key: &str| model.nodes.get(name).and_then(|node| node.metadata.labels.get(key).cloned());
        match self {
            Self::Receiver | Self::Node => name.to_string(),
            Self::Pool => model.nodes.get(name).and_then(|node| node.pool()).unwrap_or("no pool").to_owned(),
            Self::Zone => label("topology.kubernetes.io/zone").unwrap_or_else(|| "no zone".into()),
        }
    }
}

/// Shares of every receiver and every failure.
#[component]
pub(super) fn Shares(props: &SharesProps) -> Html {
    let grouping = use_state(|| Grouping::Receiver);
    let (paths, run) = match props.answer.result() {
        Ok(answered) => (&answered.paths, &answered.run),
        Err(veiled @ Unanswered::Veiled) => return super::trace::veil(veiled),
        Err(Unanswered::Awaited) => return ui::loading(),
        Err(error) => {
            return html! { <p class="empty">{ format!("This flow cannot be run: {error}.") }</p> };
        }
    };
    let (delivered, failed): (Vec<&RunRow>, Vec<&RunRow>) =
        run.rows.iter().partition(|row| row.verdict == Verdict::Delivered);
    let rows = match *grouping {
        Grouping::Receiver => delivered.iter().map(|row| receiver_row(row, run)).collect(),
        by => grouped(by, props.world.model(), &delivered, run),
    };
    let on_choose = {
        let grouping = grouping.clone();
        Callback::from(move |at: usize| {
            if let Some((one, _)) = Grouping::ALL.get(at) {
                grouping.set(*one);
            }
        })
    };
    html! {
        <div class="shares">
            <div class="shares-head">
                <Segmented label="Rows" quiet=true
                    choices={Grouping::ALL.iter().map(|(_, name)| Choice::new(*name)).collect::<Vec<_>>()}
                    chosen={Grouping::ALL.iter().position(|(one, _)| *one == *grouping)} {on_choose} />
                <p class="legend">
                    <span class="key exact" aria-hidden="true" />{ "exact share" }
                    <span class="key sampled" aria-hidden="true" />
                    { format!("one run of {} connections, seed {}", run.requests, run.seed) }
                </p>
            </div>
            <Table caption="Delivered" columns={grouping.columns()} {rows} empty="No connection is answered." />
            if !failed.is_empty() {
                <Table caption="Failed" columns={FAILED.to_vec()}
                    rows={failed.iter().map(|row| failure_row(row, run, paths)).collect::<Vec<_>>()} />
            }
            <p class="hint">
                { "A run is a sample: its counts scatter around the exact shares. Shares are of connections; many requests over one kept-alive connection go to one pod." }
            </p>
        </div>
    }
}

const FAILED: [&str; 6] = ["Failure", "Node", "Share", "Exact", "Run", "Why"];

fn receiver_row(row: &RunRow, run: &Run) -> Vec<Cell> {
    let node = row.node.as_ref().map(ToString::to_string).unwrap_or_default();
    cells(Cell::mono(receiver(row)), Cell::mono(node), &Share::of(row), run, Cell::mono(seen([row])))
}

/// Receivers together by node, pool or zone.
fn grouped(by: Grouping, model: &Model, rows: &[&RunRow], run: &Run) -> Vec<Vec<Cell>> {
    let mut groups: BTreeMap<String, (Share, Vec<&RunRow>)> = BTreeMap::new();
    for row in rows {
        let (share, together) = groups.entry(by.of(model, row.node.as_ref())).or_default();
        share.exact += row.exact;
        share.count += row.count;
        together.push(row);
    }
    let row = |(name, (share, rows)): (String, (Share, Vec<&RunRow>))| {
        let receivers = Cell::text(rows.len().to_string());
        cells(Cell::mono(name), receivers, &share, run, Cell::mono(seen(rows)))
    };
    groups.into_iter().map(row).collect()
}

fn failure_row(row: &RunRow, run: &Run, paths: &Paths) -> Vec<Cell> {
    let words = verdict_words(row.verdict, row.cause);
    let name = match &row.endpoint {
        Some(endpoint) => format!("{words} at {endpoint}"),
        None => words,
    };
    let alike = paths.outcomes.iter().find(|outcome| {
        outcome.verdict == row.verdict && outcome.cause == row.cause && outcome.endpoint == row.endpoint
    });
    // What stopped it stands last, there or on the way back.
    let last = alike.and_then(|outcome| {
        let back = outcome.reply.as_ref().and_then(|reply| reply.steps.last());
        back.or(outcome.steps.last())
    });
    let node = row.node.as_ref().or(alike.and_then(|outcome| outcome.node.as_ref()));
    let node = node.map(ToString::to_string).unwrap_or_default();
    let share = Share { bad: true, ..Share::of(row) };
    let why = last.map(|step| step.why.to_string()).unwrap_or_default();
    cells(Cell::mono(name).class("mono bad"), Cell::mono(node), &share, run, Cell::text(why))
}

/// What a row gets.
#[derive(Default)]
struct Share {
    exact: f64,
    count: u64,
    bad: bool,
}

impl Share {
    fn of(row: &RunRow) -> Self {
        Self { exact: row.exact, count: row.count, bad: false }
    }
}

fn cells(name: Cell, second: Cell, share: &Share, run: &Run, last: Cell) -> Vec<Cell> {
    let exact = match fraction(share.exact).filter(|words| words.contains('/')) {
        Some(fraction) => format!("{} % ({fraction})", per_cent(share.exact)),
        None => format!("{} %", per_cent(share.exact)),
    };
    vec![
        name,
        second,
        Cell::html(bars(share, run)).class("bars"),
        Cell::number(exact),
        Cell::number(share.count.to_string()),
        last,
    ]
}

fn seen<'a>(rows: impl IntoIterator<Item = &'a RunRow>) -> String {
    Seen::by(rows).words(3)
}

/// Exact share above, sampled share below; both start at the left edge.
fn bars(share: &Share, run: &Run) -> Html {
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
    let sampled = if run.requests == 0 { 0.0 } else { share.count as f64 / run.requests as f64 };
    let bar = |class: &'static str, share: f64, y: &'static str| {
        html! { <rect {class} x="0" {y} height="6" width={format!("{:.2}", share * 100.0)} /> }
    };
    html! {
        <svg class={classes!("bar", share.bad.then_some("fails"))} viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">
            <rect class="ground" x="0" y="0" width="100" height="14" />
            { bar("exact", share.exact, "0") }
            { bar("sampled", sampled, "8") }
        </svg>
    }
}
