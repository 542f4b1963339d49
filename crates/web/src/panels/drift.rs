//! A load balancer that was edited by hand, against what the controllers would write.

use crate::{
    state::{Action, Dispatch},
    ui::{Cell, Table},
};
use azure::{Difference, Drift, DriftRow, Fate, TRIGGERS};
use engine::World;
use yew::prelude::*;

/// What differs, what the next reconcile makes of it, and a button that is that reconcile.
pub(super) fn drifted(world: &World, drift: &Drift, dispatch: &Dispatch) -> Html {
    if drift.rows.is_empty() {
        return html! { <p class="hint">{ "As the controllers would write it." }</p> };
    }
    let reconcile = world.reconcile(&drift.balancer).map(|edit| {
        let dispatch = dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Edit(edit.clone())))
    });
    let triggers = TRIGGERS.iter().map(|trigger| {
        let verb = if trigger.reconciles { "reconciles" } else { "changes nothing" };
        html! { <li>{ format!("{}: {verb} ({}).", sentence(trigger.event), trigger.note) }</li> }
    });
    html! {
        <div class="drift">
            <Table caption="Edited by hand: what differs from what the controllers want" rows={rows(drift)}
                columns={vec!["Part", "Name", "Is", "Next reconcile", "Why"]} />
            <p class="hint">{ "Nobody watches a load balancer: an edit stays until something makes the controller reconcile." }</p>
            <details><summary>{ "What does" }</summary><ul>{ for triggers }</ul></details>
            if let Some(onclick) = reconcile {
                <button type="button" {onclick}>{ format!("Reconcile {}", drift.balancer) }</button>
            } else {
                <p class="hint">{ "The next reconcile leaves all of it as it is." }</p>
            }
        </div>
    }
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn rows(drift: &Drift) -> Vec<Vec<Cell>> {
    let row = |row: &DriftRow| {
        let fate = Cell::text(row.fate.to_string());
        vec![
            Cell::text(row.part.to_string()),
            Cell::mono(row.name.clone()),
            Cell::text(words(&row.difference)),
            if row.fate == Fate::Kept { fate } else { fate.class("good") },
            Cell::text(row.why),
        ]
    };
    drift.rows.iter().map(row).collect()
}

fn words(difference: &Difference) -> String {
    match difference {
        Difference::Missing => "missing".to_owned(),
        Difference::Unwanted => "there and not wanted".to_owned(),
        Difference::Changed(fields) => {
            let field =
                |own: &azure::FieldDifference| format!("{} {}, wanted {}", own.field, own.is, own.wanted);
            fields.iter().map(field).collect::<Vec<_>>().join("; ")
        }
    }
}
