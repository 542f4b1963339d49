//! Who reaches whom: every client against every port of every Service.

use crate::world::World;
use crate::{
    ptr::Ptr,
    state::{
        Action, Dispatch,
        answer::{per_cent, verdict_words},
    },
    ui::{self, Cell, Table},
};
use engine::{Flow, Place, Target};
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

/// The matrix. A press on a cell draws its flow.
#[component]
pub(super) fn Matrix(props: &MatrixProps) -> Html {
    let asked = use_memo(props.world.clone(), |world| world.matrix(MOST_CLIENTS, MOST_TARGETS));
    let Some(session::Matrix { matrix, question, left }) = &*asked else { return ui::loading() };
    if question.targets.is_empty() {
        return html! { <p class="empty">{ "The cluster has no Service: nothing to ask who reaches it." }</p> };
    }
    let mut heads: Vec<AttrValue> = vec!["Client".into()];
    heads.extend(matrix.targets.iter().map(|target| AttrValue::from(short(target))));
    let rows =
        question.clients.iter().zip(matrix.clients.iter().zip(&matrix.rows)).map(|(client, (name, row))| {
            let mut cells = vec![Cell::mono(name.clone())];
            cells.extend(
                question
                    .targets
                    .iter()
                    .zip(row)
                    .map(|(target, cell)| reached(client, target, cell, &props.dispatch)),
            );
            cells
        });
    html! {
        <div class="shares matrix">
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
