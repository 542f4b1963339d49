//! Who reaches whom: every client against every port of every Service.

use crate::world::World;
use crate::{
    pause::use_slices,
    ptr::Ptr,
    state::{
        Action, Dispatch,
        answer::{per_cent, verdict_words},
    },
    ui::{self, Cell, Table},
};
use engine::{Flow, MatrixQuestion, Place, Target};
use session::Everything;
use std::rc::Rc;
use yew::prelude::*;

/// What the matrix needs.
#[derive(Properties, PartialEq)]
pub(super) struct MatrixProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Clients and targets that are asked; the panel says how many there are beside them.
const MOST_CLIENTS: usize = 60;
const MOST_TARGETS: usize = 12;
/// Clients that are asked about a target in one slice: large clusters take their time.
const AT_ONCE: usize = 6;

/// The matrix. A press on a cell draws its flow.
#[component]
pub(super) fn Matrix(props: &MatrixProps) -> Html {
    let asked = use_memo(props.world.clone(), |world| world.everything(MOST_CLIENTS, MOST_TARGETS));
    let question = asked.as_ref().as_ref().map(|asked| &asked.question);
    let parts = question.map_or(0, |question| question.clients.len().div_ceil(AT_ONCE));
    let of = parts * question.map_or(0, |question| question.targets.len());
    let answers = use_slices((props.world.id(), of), of, {
        let (world, asked) = (props.world.clone(), Rc::clone(&asked));
        async move |at| {
            let MatrixQuestion { clients, targets } = &asked.as_ref().as_ref()?.question;
            let clients = clients.chunks(AT_ONCE).nth(at % parts)?.to_vec();
            let targets = vec![targets.get(at / parts)?.clone()];
            let matrix = world.matrix(MatrixQuestion { clients, targets }).await?;
            Some(matrix.rows.into_iter().flatten().collect::<Vec<_>>())
        }
    });
    // Only whole columns are shown.
    let columns: Vec<Vec<_>> = answers.done.chunks_exact(parts.max(1)).map(<[_]>::concat).collect();
    let Some(Everything { question, whose, left }) = &*asked else { return ui::loading() };
    if question.targets.is_empty() {
        return html! { <p class="empty">{ "The cluster has no Service: nothing to ask who reaches it." }</p> };
    }
    let known = || question.targets.iter().zip(&columns);
    let mut heads: Vec<AttrValue> = vec!["Client".into()];
    heads.extend(known().map(|(target, _)| AttrValue::from(short(&target.to_string()))));
    let rows = question.clients.iter().enumerate().map(|(at, client)| {
        let whose = whose.get(at).and_then(Option::as_ref);
        let mut cells = vec![Cell::html(html! {
            <><span class="mono">{ client.to_string() }</span> if let Some(whose) = whose { <span class="hint">{ format!(" {whose}") }</span> }</>
        })];
        let reached = |(target, column): (&Target, &Vec<_>)| {
            Some(reached(client, target, column.get(at)?, &props.dispatch))
        };
        cells.extend(known().filter_map(reached));
        cells
    });
    html! {
        <div class="shares matrix">
            { answers.progress() }
            <Table caption="Share of connections that are answered" {heads} rows={rows.collect::<Vec<_>>()} />
            <p class="hint">
                { "Press a cell to draw its flow." }
                if left.0 > 0 { { format!(" {} more clients are not asked here.", left.0) } }
                if left.1 > 0 { { format!(" {} more ports are not asked here.", left.1) } }
            </p>
        </div>
    }
}

/// `echo-service:80` of `svc/default/echo-service:80`; other namespaces stay.
fn short(target: &str) -> String {
    let name = target.strip_prefix("svc/").unwrap_or(target);
    name.strip_prefix("default/").unwrap_or(name).to_owned()
}

fn reached(client: &Place, target: &Target, cell: &engine::Cell, dispatch: &Dispatch) -> Cell {
    let flow = Flow {
        protocol: target.protocol.into(),
        ..Flow::tcp(client.clone(), target.place.clone(), target.port)
    };
    let dispatch = dispatch.clone();
    let onclick = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Send(flow.clone())));
    let whole = (cell.delivered - 1.0).abs() < 1e-9;
    let failure = cell.verdict.map(|verdict| verdict_words(verdict, cell.cause));
    let (words, class) = match (&cell.impossible, &failure) {
        (Some(_), _) => ("no address".to_owned(), "soft"),
        (None, _) if whole => ("✓ 100 %".to_owned(), "good"),
        (None, Some(failure)) if cell.delivered <= 0.0 => (format!("✕ {failure}"), "bad"),
        (None, Some(failure)) => (format!("{} %, rest {failure}", per_cent(cell.delivered)), "bad"),
        (None, None) => (format!("{} %", per_cent(cell.delivered)), ""),
    };
    let title = cell.impossible.clone();
    Cell::html(html! { <button type="button" class="link" {title} {onclick}>{ words }</button> }).class(class)
}
