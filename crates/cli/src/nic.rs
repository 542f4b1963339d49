//! `hopscope nic`: the effective routes and security rules of a node's NIC, alone or beside a real one's.

use crate::{
    args::{CompareFormat, NicArguments},
    input, node_exists,
    output::{self, Done, Failure, visible},
};
use azure::{EffectiveComparison, EffectiveDifference, EffectiveRow, compare_effective};
use formats::{Source, read_effective};
use model::{
    NodeName,
    azure::{Effective, ShownGroup, ShownRoute},
};
use serde_json::{Value, json};
use std::fmt::Write;

/// Prints or compares.
pub(crate) fn run(arguments: &NicArguments) -> Result<Done, Failure> {
    let world = input::world(&arguments.files)?;
    node_exists(&world, &arguments.node, "--node")?;
    let node = NodeName::from(arguments.node.as_str());
    let cloud = world.cloud();
    let (Some(routes), Some(groups)) = (cloud.effective_routes(&node), cloud.effective_rules(&node)) else {
        return Err(Failure::new(
            format!("node {node} has no NIC that the network knows"),
            "give the node an InternalIP that lies in a subnet of the input",
        ));
    };
    if let Some(shown) = &arguments.compare {
        return compare(shown, routes, groups, arguments);
    }
    let text = match arguments.output {
        CompareFormat::Json => {
            output::json(&json!({ "effectiveRoutes": routes, "effectiveSecurityGroups": groups }))?
        }
        CompareFormat::Text => visible(&text(&routes, &groups)),
    };
    Ok(Done::from(text))
}

fn text(routes: &[ShownRoute], groups: &[ShownGroup]) -> String {
    let mut out = String::from("Effective routes, the longest prefix that is active wins\n");
    for route in routes {
        let hop = [vec![route.next_hop_type.clone()], route.next_hop_ip_address.clone()].concat().join(" ");
        let name = route.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        let prefix = route.address_prefix.join(" ");
        let _ = writeln!(out, "  {:<7} {:<7} {prefix:<18} {hop}{name}", route.state, route.source);
    }
    for group in groups {
        let name = group.network_security_group.as_ref().map_or("without a name", |own| own.id.name());
        let at = if group.association.is_some() { "NIC" } else { "subnet" };
        let _ = writeln!(out, "Security group {name}, at the {at}");
        for rule in &group.effective_security_rules {
            let one = |one: &Option<String>, several: &[String]| {
                let all: Vec<&str> = one.iter().chain(several).map(String::as_str).collect();
                if all.is_empty() { "*".to_owned() } else { all.join(",") }
            };
            let _ = writeln!(
                out,
                "  {:<8} {:<5} {:<5} {} {} from {} to {} ports {}",
                rule.direction.to_string(),
                rule.priority,
                rule.access.to_string(),
                rule.name.rsplit('/').next().unwrap_or_default(),
                rule.protocol,
                one(&rule.source_address_prefix, &rule.source_address_prefixes),
                one(&rule.destination_address_prefix, &rule.destination_address_prefixes),
                one(&rule.destination_port_range, &rule.destination_port_ranges),
            );
        }
    }
    if groups.is_empty() {
        out.push_str("No security group: everything passes.\n");
    }
    out
}

fn compare(
    file: &str,
    routes: Vec<ShownRoute>,
    groups: Vec<ShownGroup>,
    arguments: &NicArguments,
) -> Result<Done, Failure> {
    if file == "-" && arguments.files.iter().any(|other| other == "-") {
        return Err(Failure::new("standard input is given twice", "`-` can stand among the files once"));
    }
    let source = Source::new(file, input::bytes(file)?);
    let real = read_effective(&source).map_err(|errors| {
        Failure::raw(errors.iter().map(|error| format!("{error}\n")).collect::<String>())
    })?;
    let (what, own) = match &real {
        Effective::Routes(_) => ("effective routes", Effective::Routes(routes)),
        Effective::Security(_) => ("effective security rules", Effective::Security(groups)),
    };
    let comparison = compare_effective(&real, &own);
    let text = match arguments.output {
        CompareFormat::Json => output::json(&document(what, &comparison))?,
        CompareFormat::Text => visible(&difference(what, &arguments.node, &comparison)),
    };
    Ok(Done { text, code: u8::from(!comparison.rows.is_empty()) })
}

fn difference(what: &str, node: &str, comparison: &EffectiveComparison) -> String {
    let mut out = String::new();
    let count = comparison.rows.len();
    let _ = writeln!(out, "{node}, {what}: {count} differences, {} the same", comparison.same);
    for EffectiveRow { what, difference } in &comparison.rows {
        let _ = match difference {
            EffectiveDifference::Lacks(words) => writeln!(out, "  the model lacks    {what}: {words}"),
            EffectiveDifference::Besides(words) => writeln!(out, "  besides, in model  {what}: {words}"),
            EffectiveDifference::Changed(fields) => {
                let fields = fields.iter().map(|(field, real, own)| format!("{field} {real}, model {own}"));
                writeln!(out, "  differs            {what}: {}", fields.collect::<Vec<_>>().join("; "))
            }
        };
    }
    if comparison.not_compared > 0 {
        let _ = writeln!(
            out,
            "  {} prefixes of service endpoints are Azure's own list, and were not compared",
            comparison.not_compared
        );
    }
    out
}

fn document(what: &str, comparison: &EffectiveComparison) -> Value {
    let row = |EffectiveRow { what, difference }: &EffectiveRow| match difference {
        EffectiveDifference::Lacks(words) => json!({"what": what, "difference": "lacks", "real": words}),
        EffectiveDifference::Besides(words) => json!({"what": what, "difference": "besides", "model": words}),
        EffectiveDifference::Changed(fields) => {
            let field = |(field, real, own): &(&str, String, String)| json!({"field": field, "real": real, "model": own});
            json!({"what": what, "difference": "changed", "fields": fields.iter().map(field).collect::<Vec<_>>()})
        }
    };
    json!({
        "compared": what,
        "differences": comparison.rows.iter().map(row).collect::<Vec<_>>(),
        "same": comparison.same,
        "notCompared": comparison.not_compared,
    })
}
