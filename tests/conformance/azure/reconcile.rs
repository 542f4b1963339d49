//! What a reconcile makes of edits by hand.

use super::{
    balancers::{World, check_world, probe_value, rule_value},
    input::{self, Cluster, compare},
};
use azure::{
    names::{balancer_part_id, service_prefix},
    reconcile::{Change, reconcile},
};
use model::azure::{LoadBalancer, LoadBalancingRule, Probe};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use std::net::IpAddr;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    cluster: Cluster,
    #[serde(rename = "lbIPs")]
    addresses: Vec<IpAddr>,
    service: Value,
    before: Before,
    expected: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    description: String,
    rules: Vec<Map<String, Value>>,
    probes: Vec<Map<String, Value>>,
}

const DESCRIPTION: &str = "items not listed field by field start from the expected rule/probe of the same name; listed fields override it";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct After {
    probes: Vec<Value>,
    probes_changed: bool,
    rules: Vec<Value>,
    rules_changed: bool,
}

/// The wanted item of the same name (else a blank one) with the listed fields in its place.
fn edited<T: DeserializeOwned>(
    listed: &Map<String, Value>,
    wanted: &[Value],
    blank: &Value,
    to_model: impl Fn(&mut Map<String, Value>),
) -> Result<T, String> {
    let same = wanted.iter().find(|item| item["name"] == listed["name"]);
    let mut item = same.unwrap_or(blank).as_object().cloned().unwrap_or_default();
    for (key, value) in listed {
        if item.insert(key.clone(), value.clone()).is_none() {
            return Err(format!("before: unknown field {key}"));
        }
    }
    to_model(&mut item);
    input::strict(&Value::Object(item))
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let mut case: Case = input::read(case)?;
    if case.before.description != DESCRIPTION {
        return Err("before.description is not what this check does".into());
    }
    let world = World::new(&case.cluster, &[(case.service.clone(), case.addresses.clone())], &[])?;
    let after = case.expected.remove("afterReconcile").ok_or("afterReconcile is missing")?;
    let after: After = input::strict(&after)?;
    let mut mismatches = check_world(&world, case.expected)?;

    let wanted = world.cloud.load_balancers();
    let [wanted] = wanted.as_slice() else { return Err("one load balancer is expected".into()) };
    let rules: Vec<Value> = wanted.load_balancing_rules.iter().map(rule_value).collect();
    let probes: Vec<Value> = wanted.probes.iter().map(probe_value).collect();
    let scope = &world.cloud.settings().scope;
    let id = |kind: &str, name: &Value| match name.as_str() {
        Some(name) => json!({ "id": balancer_part_id(scope, &wanted.name, kind, name) }),
        None => Value::Null,
    };
    let frontend = rules.first().map(|rule| rule["frontend"].clone());
    let blank_rule = json!({
        "name": "", "protocol": "Tcp", "frontendPort": 0, "backendPort": 0, "enableFloatingIP": false,
        "enableTcpReset": null, "idleTimeoutInMinutes": 4, "loadDistribution": "Default",
        "disableOutboundSnat": false, "frontend": frontend, "backendPool": "kubernetes", "probe": null,
    });
    let blank_probe = json!({
        "name": "", "port": 0, "protocol": "Tcp", "requestPath": null, "intervalInSeconds": 5,
        "probeThreshold": 2,
    });
    let to_rule = |item: &mut Map<String, Value>| {
        for (key, kind, field) in [
            ("frontend", "frontendIPConfigurations", "frontendIPConfiguration"),
            ("backendPool", "backendAddressPools", "backendAddressPool"),
            ("probe", "probes", "probe"),
        ] {
            if let Some(name) = item.remove(key) {
                item.insert(field.into(), id(kind, &name));
            }
        }
    };
    let edited_rules = case.before.rules.iter().map(|rule| edited(rule, &rules, &blank_rule, to_rule));
    let edited_probes = case.before.probes.iter().map(|probe| edited(probe, &probes, &blank_probe, |_| {}));
    let mut existing = LoadBalancer {
        load_balancing_rules: edited_rules.collect::<Result<Vec<LoadBalancingRule>, _>>()?,
        probes: edited_probes.collect::<Result<Vec<Probe>, _>>()?,
        ..wanted.clone()
    };
    let service = world.model.services.values().next().ok_or("no service")?;
    let changes =
        reconcile(&mut existing, &service_prefix(service), &wanted.load_balancing_rules, &wanted.probes);
    let touches = |rule: bool| {
        changes.iter().any(|change| matches!(change, Change::AddRule(_) | Change::DropRule(_)) == rule)
    };
    let rules: Vec<Value> = existing.load_balancing_rules.iter().map(rule_value).collect();
    let probes: Vec<Value> = existing.probes.iter().map(probe_value).collect();
    mismatches.extend(compare("afterReconcile.rules", &after.rules, &rules));
    mismatches.extend(compare("afterReconcile.probes", &after.probes, &probes));
    mismatches.extend(compare("rulesChanged", &after.rules_changed, &touches(true)));
    mismatches.extend(compare("probesChanged", &after.probes_changed, &touches(false)));
    Ok(mismatches)
}
