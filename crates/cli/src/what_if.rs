//! `hopscope what-if`: what follows from an edit.

use crate::{
    args::{CompareFormat, WhatIfArguments},
    input,
    output::{self, Failure, visible},
};
use engine::{Consequences, Flow, Place, World, parse_destination};
use formats::Source;
use model::{Edit, kubernetes::ServiceType};
use serde::Serialize;
use std::fmt::Write;

/// The answer of `what-if -o json`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference<'a> {
    /// What an edit brought about beside itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: &'a Vec<String>,
    #[serde(flatten)]
    consequences: &'a Consequences,
}

pub(crate) fn run(arguments: &WhatIfArguments) -> Result<String, Failure> {
    let before = input::world(&arguments.files)?;
    let (after, notes) = edited(&before, &arguments.edit)?;
    let flows = flows(arguments, &before, &after)?;
    let consequences = before.consequences(&after, &flows);
    match arguments.output {
        CompareFormat::Json => output::json(&Difference { notes: &notes, consequences: &consequences }),
        CompareFormat::Text => Ok(text(&notes, &consequences)),
    }
}

/// The world after an edit, with what is to be told of it.
fn edited(before: &World, edit: &str) -> Result<(World, Vec<String>), Failure> {
    let hint = r#"write an edit such as {"edit":"drain","node":"NODE"} or {"edit":"scalePool","pool":"POOL","count":3}"#;
    let edit: Edit = formats::read_document(&Source::new("--edit", edit)).map_err(|diagnostics| {
        let lines: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        Failure::new(lines.join("\n"), hint)
    })?;
    let plan = before.plan(&edit).map_err(|error| {
        Failure::new(format!("--edit: {error}"), "the cluster stays as it is; choose another edit")
    })?;
    let mut model = before.input().clone();
    plan.edit.apply(&mut model).map_err(|error| Failure::new(format!("--edit: {error}"), hint))?;
    Ok((before.update(&model), plan.notes.iter().map(ToString::to_string).collect()))
}

/// The flows that are asked about, else one to every port of every LoadBalancer Service of both clusters.
fn flows(arguments: &WhatIfArguments, before: &World, after: &World) -> Result<Vec<Flow>, Failure> {
    let from: Place = arguments.from.parse().map_err(|error| {
        Failure::new(
            format!("--from: {error}"),
            "write internet, an IP, pod/NAMESPACE/NAME, node/NAME or vm/NAME",
        )
    })?;
    if !arguments.to.is_empty() {
        let flow = |text: &String| {
            let (to, port) = parse_destination(text).map_err(|error| {
                Failure::new(
                    format!("--to: {error}"),
                    "write DST:PORT, e.g. --to svc/default/echo-service:80",
                )
            })?;
            Ok(Flow::tcp(from.clone(), to, port))
        };
        return arguments.to.iter().map(flow).collect();
    }
    let mut flows: Vec<Flow> = Vec::new();
    for (key, service) in before.model().services.iter().chain(&after.model().services) {
        if service.spec.service_type != ServiceType::LoadBalancer {
            continue;
        }
        for port in &service.spec.ports {
            let flow = Flow::tcp(from.clone(), Place::Service(key.clone()), port.port);
            if !flows.contains(&flow) {
                flows.push(flow);
            }
        }
    }
    Ok(flows)
}

fn text(notes: &[String], consequences: &Consequences) -> String {
    let mut out = String::new();
    for note in notes {
        let _ = writeln!(out, "{note}");
    }
    if !notes.is_empty() {
        out.push('\n');
    }
    for (number, stage) in (1..).zip(consequences.chain()) {
        let _ = writeln!(out, "{number}. {} ({})", stage.title, stage.actor);
        for line in &stage.lines {
            let _ = writeln!(out, "   {line}");
        }
    }
    if consequences.is_empty() {
        out.push_str("Nothing differs.\n");
    }
    visible(&out)
}
