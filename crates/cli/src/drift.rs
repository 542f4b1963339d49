//! `hopscope lb --compare`: load balancers that were edited by hand.

use crate::{
    args::{CompareFormat, LbArguments},
    input,
    output::{self, Done, Failure, visible},
};
use azure::{Difference, Drift, DriftRow, Fate, TRIGGERS};
use engine::World;
use serde_json::{Value, json};
use std::fmt::Write;

/// Compares each load balancer of the input with the one that the controllers would write.
pub(crate) fn compare(arguments: &LbArguments) -> Result<Done, Failure> {
    let model = input::model(&arguments.files)?;
    let mut drifts = World::new(&model).drifts();
    if drifts.is_empty() {
        return Err(Failure::new(
            "the input has no load balancer to compare",
            "add the output of `az network lb show -o json`; without one, the controllers' own is used",
        ));
    }
    if let Some(name) = &arguments.load_balancer {
        let known: Vec<String> = drifts.iter().map(|drift| drift.balancer.clone()).collect();
        drifts.retain(|drift| drift.balancer.eq_ignore_ascii_case(name));
        if drifts.is_empty() {
            return Err(Failure::new(
                format!("the input has no load balancer {name}"),
                output::choices("load balancers", known.iter().map(String::as_str)),
            ));
        }
    }
    let text = match arguments.output {
        CompareFormat::Text => text(&drifts),
        CompareFormat::Json => output::json(&drifts.iter().map(document).collect::<Vec<_>>())?,
    };
    let code = u8::from(drifts.iter().any(|drift| !drift.rows.is_empty()));
    Ok(Done { text, code })
}

fn text(drifts: &[Drift]) -> String {
    let mut out = String::new();
    for drift in drifts {
        if drift.rows.is_empty() {
            let _ = writeln!(out, "{}: as the controllers would write it", drift.balancer);
            continue;
        }
        let _ = writeln!(out, "{}: {} differences", drift.balancer, drift.rows.len());
        for row in &drift.rows {
            let _ = writeln!(out, "  {} {} {}", row.part, row.name, words(&row.difference));
            if let Difference::Changed(fields) = &row.difference {
                for field in fields {
                    let _ = writeln!(out, "    {}: {}, wanted {}", field.field, field.is, field.wanted);
                }
            }
            let _ = writeln!(out, "    next reconcile: {}. {}", row.fate, row.why);
        }
    }
    if drifts.iter().any(|drift| !drift.rows.is_empty()) {
        out.push_str("\nNobody watches the load balancer: an edit stays until one of these happens.\n");
        for trigger in TRIGGERS.iter().filter(|trigger| trigger.reconciles) {
            let _ = writeln!(out, "  {} ({})", trigger.event, trigger.note);
        }
    }
    visible(&out)
}

fn words(difference: &Difference) -> &'static str {
    match difference {
        Difference::Missing => "is missing",
        Difference::Unwanted => "is there and not wanted",
        Difference::Changed(_) => "has other values",
    }
}

fn document(drift: &Drift) -> Value {
    json!({ "loadBalancer": drift.balancer, "differences": drift.rows.iter().map(row).collect::<Vec<_>>() })
}

fn row(row: &DriftRow) -> Value {
    let (difference, fields) = match &row.difference {
        Difference::Missing => ("missing", Vec::new()),
        Difference::Unwanted => ("unwanted", Vec::new()),
        Difference::Changed(fields) => ("changed", fields.clone()),
    };
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| json!({ "field": field.field, "is": field.is, "wanted": field.wanted }))
        .collect();
    let fate = match row.fate {
        Fate::PutBack => "putBack",
        Fate::Removed => "removed",
        Fate::Kept => "kept",
        Fate::PutBackByAks => "putBackByAks",
    };
    json!({
        "part": row.part.to_string(),
        "name": row.name,
        "difference": difference,
        "fields": fields,
        "nextReconcile": fate,
        "why": row.why,
    })
}
