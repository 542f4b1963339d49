//! A load balancer that was edited by hand, against what the controllers would write.

use azure::{Difference, Drift, DriftRow, Fate, FieldDifference, TRIGGERS};
use engine::World;
use model::Edit;
use wire::Wire;

/// What differs, and what the next reconcile makes of it.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Drifted {
    /// What differs, by part. Empty: it is as the controllers would write it.
    pub rows: Vec<Drifting>,
    /// The next reconcile as an edit; `None` if it would change nothing.
    pub reconcile: Option<Edit>,
}

/// One part that differs.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Drifting {
    /// `rule`, `probe`, …
    pub part: String,
    /// Its name.
    pub name: String,
    /// How it differs, in words.
    pub is: String,
    /// What the next reconcile does with it.
    pub fate: String,
    /// Whether the next reconcile leaves it.
    pub kept: bool,
    /// Why.
    pub why: String,
}

impl Drifted {
    pub(crate) fn of(world: &World, drift: &Drift) -> Self {
        let row = |row: &DriftRow| Drifting {
            part: row.part.to_string(),
            name: row.name.clone(),
            is: words(&row.difference),
            fate: row.fate.to_string(),
            kept: row.fate == Fate::Kept,
            why: row.why.to_string(),
        };
        Self { rows: drift.rows.iter().map(row).collect(), reconcile: world.reconcile(&drift.balancer) }
    }
}

fn words(difference: &Difference) -> String {
    match difference {
        Difference::Missing => "missing".to_owned(),
        Difference::Unwanted => "there and not wanted".to_owned(),
        Difference::Changed(fields) => {
            let field = |own: &FieldDifference| format!("{} {}, wanted {}", own.field, own.is, own.wanted);
            fields.iter().map(field).collect::<Vec<_>>().join("; ")
        }
    }
}

/// What makes the cloud controller reconcile, and what does not, each a sentence.
pub(crate) fn triggers() -> Vec<String> {
    let told = TRIGGERS.iter().map(|trigger| {
        let verb = if trigger.reconciles { "reconciles" } else { "changes nothing" };
        format!("{}: {verb} ({}).", render::capital(trigger.event), trigger.note)
    });
    told.collect()
}
