//! A load balancer that was edited by hand, against what the controllers would write.

use crate::{
    state::{Action, Dispatch},
    ui::{Cell, Table},
};
use session::{Drifted, Drifting};
use yew::prelude::*;

/// What differs, what the next reconcile makes of it, and a button that is that reconcile.
pub(super) fn drifted(balancer: &str, drift: &Drifted, triggers: &[String], dispatch: &Dispatch) -> Html {
    if drift.rows.is_empty() {
        return html! { <p class="hint">{ "As the controllers would write it." }</p> };
    }
    let reconcile = drift.reconcile.clone().map(|edit| {
        let dispatch = dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Edit(edit.clone())))
    });
    html! {
        <div class="drift">
            <Table caption="Edited by hand: what differs from what the controllers want" rows={rows(drift)}
                columns={vec!["Part", "Name", "Is", "Next reconcile", "Why"]} />
            <p class="hint">{ "Nobody watches a load balancer: an edit stays until something makes the controller reconcile." }</p>
            <details><summary>{ "What makes it reconcile" }</summary><ul>{ for triggers.iter().map(|one| html! { <li>{ one }</li> }) }</ul></details>
            if let Some(onclick) = reconcile {
                <button type="button" class="btn strong" {onclick}>{ format!("Reconcile {}", balancer) }</button>
            } else {
                <p class="hint">{ "The next reconcile leaves all of it as it is." }</p>
            }
        </div>
    }
}

fn rows(drift: &Drifted) -> Vec<Vec<Cell>> {
    let row = |row: &Drifting| {
        let fate = Cell::text(row.fate.clone());
        vec![
            Cell::text(row.part.clone()),
            Cell::mono(row.name.clone()),
            Cell::text(row.is.clone()),
            if row.kept { fate } else { fate.class("good") },
            Cell::text(row.why.clone()),
        ]
    };
    drift.rows.iter().map(row).collect()
}
