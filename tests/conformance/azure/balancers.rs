//! Services → load balancer and security group.

use super::input::{self, Cluster, compare};
use azure::{BackendPoolType, Cloud, Member, Reason, Refusal, Rule, Stage, choose::Chooser, program_with};
use model::{
    Model, Object,
    azure::{NetworkSecurityGroup, Probe, SecurityRule},
    kubernetes::Service,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    cluster: Cluster,
    #[serde(rename = "lbIPs", default)]
    addresses: Vec<IpAddr>,
    service: Option<Value>,
    #[serde(default)]
    services: Vec<Entry>,
    #[serde(default)]
    existing_nsg_rules: Vec<SecurityRule>,
    expected: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    service: Value,
    #[serde(rename = "lbIPs")]
    addresses: Vec<IpAddr>,
}

/// Texts for a reader, each with the fact that is checked behind it. A text that is almost one of them is a changed
/// expectation; one that is worded otherwise is taken by its words.
const STOPS: &str = "the reconcile stops before writing; the load balancer keeps its previous state and the Service gets a SyncLoadBalancerFailed warning";
const WRITTEN: &str = "the load balancer has already been written when the NSG step fails; the Service stays in error and is retried";
const REASONS: [&str; 5] = [
    "idle timeout above the 100-minute maximum",
    "probe port value is neither an existing service-port name nor a number",
    "probe interval below the 5-second minimum",
    "interval times count must stay below 120 seconds",
    "spec.loadBalancerSourceRanges and the azure-allowed-ip-ranges annotation may not both be set",
];

/// Whether a text is almost, but not quite, one that is known: letters added or left out at its end.
fn is_altered(text: &str, known: &[&str]) -> bool {
    known.iter().any(|own| *own != text && (text.starts_with(own) || own.starts_with(text)))
}

/// The reasons of the cases by the words that they cannot do without, and what Hopscope calls them.
fn is_reason(text: &str, reason: &Reason) -> Option<bool> {
    if is_altered(text, &REASONS) {
        return None;
    }
    let text = text.to_lowercase();
    let has = |words: &[&str]| words.iter().all(|word| text.contains(word));
    let known = [
        (has(&["idle", "minimum"]), matches!(reason, Reason::IdleTimeoutBelowMinimum(_))),
        (has(&["idle", "maximum"]), matches!(reason, Reason::IdleTimeoutAboveMaximum(_))),
        (has(&["neither", "number"]), matches!(reason, Reason::ProbePortUnknown(_))),
        (has(&["port", "range"]), matches!(reason, Reason::ProbePortOutOfRange(_))),
        (has(&["times", "120"]), matches!(reason, Reason::ProbeTotalTooLong(_))),
        (has(&["interval", "minimum"]), matches!(reason, Reason::ProbeIntervalBelowMinimum(_))),
        (has(&["probe", "minimum"]), matches!(reason, Reason::ProbeCountBelowMinimum(_))),
        (has(&["number"]), matches!(reason, Reason::NotANumber(_))),
        (has(&["sctp"]), matches!(reason, Reason::SctpUnsupported)),
        (has(&["both", "allowed-ip-ranges"]), matches!(reason, Reason::BothRanges)),
    ];
    known.into_iter().find_map(|(named, holds)| named.then_some(holds))
}

const V6_MEMBERS: &str = "the IPv6 ip-configurations of the same nodes";
const LOCAL_MEMBERS: &str =
    "nodes that host a ready endpoint of this Service (updated from EndpointSlices), not all nodes";

/// A programmed case.
pub(super) struct World {
    pub(super) model: Model,
    pub(super) cloud: Cloud,
    balancer: String,
}

impl World {
    pub(super) fn new(
        cluster: &Cluster,
        services: &[(Value, Vec<IpAddr>)],
        existing: &[SecurityRule],
    ) -> Result<Self, String> {
        let mut model = cluster.model()?;
        let settings = cluster.settings();
        let nodes: Vec<String> = model.nodes.keys().map(ToString::to_string).collect();
        let mut balancer = String::new();
        for (document, addresses) in services {
            let service = input::service(document, addresses)?;
            let vm_sets = vm_sets(&model, &settings);
            let mut chooser = Chooser::new(&settings, vm_sets, BTreeMap::new());
            balancer = chooser.choose(&service).map_err(|reason| reason.to_string())?.balancer;
            if let [ready, unready, ..] = nodes.as_slice() {
                model.put(Object::EndpointSlice(Arc::new(input::slice(&service, ready, unready))));
            }
            model.put(Object::Service(Arc::new(service)));
        }
        if !existing.is_empty() {
            let group = NetworkSecurityGroup {
                name: "aks-agentpool-12345678-nsg".into(),
                security_rules: existing.to_vec(),
                ..NetworkSecurityGroup::default()
            };
            model.put(Object::NetworkSecurityGroup(Arc::new(group)));
        }
        let cloud = program_with(&model, settings);
        Ok(Self { model, cloud, balancer })
    }

    fn rules(&self) -> impl Iterator<Item = &Arc<Rule>> {
        let balancer = self.cloud.balancer(&self.balancer);
        balancer.into_iter().flat_map(|balancer| &balancer.frontends).flat_map(|frontend| &frontend.rules)
    }

    fn refusal(&self, stage: Stage) -> Option<&Refusal> {
        self.cloud.refused().iter().find(|refusal| refusal.stage == stage)
    }

    /// The world in the words of `expected`.
    pub(super) fn render(&self) -> Map<String, Value> {
        let balancer = self.cloud.balancer(&self.balancer);
        let frontends = balancer.map(|balancer| balancer.frontends.as_slice()).unwrap_or_default();
        let frontends: Vec<Value> = frontends
            .iter()
            .map(|frontend| {
                let configuration = &frontend.configuration;
                let mut value = json!({
                    "ipFamily": frontend.address.map(model::kubernetes::IpFamily::of),
                    "name": configuration.name,
                    "public": configuration.public_ip_address.is_some(),
                    "ip": frontend.address,
                });
                if let Some(public) = &configuration.public_ip_address {
                    value["publicIPName"] = json!(public.id.name());
                }
                value
            })
            .collect();
        let probes = balancer.map(|balancer| balancer.probes.as_slice()).unwrap_or_default();
        let nsg = if let Some(refusal) = self.refusal(Stage::SecurityGroup) {
            json!({ "error": format!("{:?}", refusal.reason) })
        } else {
            let group = self.cloud.node_security_group();
            json!({ "rules": group.map(|group| group.document.security_rules.clone()) })
        };
        let value = json!({
            "loadBalancer": self.balancer,
            "frontends": frontends,
            "rules": self.rules().map(|rule| rule_value(&rule.rule)).collect::<Vec<_>>(),
            "probes": probes.iter().map(|probe| probe_value(probe)).collect::<Vec<_>>(),
            "backendPools": self.cloud.pools(&self.balancer).iter().map(|pool| json!({
                "name": *pool.name,
                "members": pool.members.iter().map(|member| member.address).collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
            "nsg": nsg,
        });
        value.as_object().cloned().unwrap_or_default()
    }

    fn members(&self, pool: &str) -> &[Arc<Member>] {
        self.cloud.pool(&self.balancer, pool).map(|pool| pool.members.as_slice()).unwrap_or_default()
    }

    /// Checks a pool whose members are told in words.
    fn check_members(&self, pool: &str, text: &str) -> Vec<String> {
        let members = self.members(pool);
        let nodes: Vec<String> =
            members.iter().filter_map(|member| member.node.as_ref()).map(ToString::to_string).collect();
        match text {
            V6_MEMBERS => {
                let all: Vec<String> = self.model.nodes.keys().map(ToString::to_string).collect();
                let v6 = |member: &Arc<Member>| member.address.is_some_and(|ip| ip.is_ipv6());
                let by_nic = self.cloud.settings().backend_pool_type == BackendPoolType::NodeIpConfiguration;
                let nic = |member: &Arc<Member>| member.ip_configuration.is_some() == by_nic;
                let fits = members.iter().all(|member| v6(member) && nic(member));
                [compare(pool, &all, &nodes), compare("IPv6 configurations", &true, &fits)].concat()
            }
            LOCAL_MEMBERS => {
                let first: Vec<String> = self.model.nodes.keys().take(1).map(ToString::to_string).collect();
                compare(pool, &first, &nodes)
            }
            other => vec![format!("{pool}: no check stands behind {other:?}")],
        }
    }
}

fn vm_sets(model: &Model, settings: &azure::Settings) -> Vec<Arc<str>> {
    let cloud = program_with(model, settings.clone());
    let mut sets: Vec<Arc<str>> = cloud.vms().map(|vm| vm.vm_set.clone()).collect();
    sets.dedup();
    if let Some(primary) = &settings.primary_vm_set {
        sets.insert(0, primary.as_str().into());
    }
    sets
}

/// A rule in the words of `expected.rules`.
pub(super) fn rule_value(rule: &model::azure::LoadBalancingRule) -> Value {
    let name = |reference: Option<&model::azure::SubResource>| {
        reference.map(|reference| reference.id.name().to_owned())
    };
    json!({
        "backendPool": name(rule.backend_address_pool.as_ref()),
        "backendPort": rule.backend_port,
        "disableOutboundSnat": rule.disable_outbound_snat,
        "enableFloatingIP": rule.enable_floating_ip,
        "enableTcpReset": rule.enable_tcp_reset,
        "frontend": name(rule.frontend_ip_configuration.as_ref()),
        "frontendPort": rule.frontend_port,
        "idleTimeoutInMinutes": rule.idle_timeout_in_minutes,
        "loadDistribution": rule.load_distribution,
        "name": rule.name,
        "probe": name(rule.probe.as_ref()),
        "protocol": rule.protocol,
    })
}

/// A probe in the words of `expected.probes`.
pub(super) fn probe_value(probe: &Probe) -> Value {
    json!({
        "intervalInSeconds": probe.interval_in_seconds,
        "name": probe.name,
        "port": probe.port,
        "probeThreshold": probe.probe_threshold,
        "protocol": probe.protocol,
        "requestPath": probe.request_path,
    })
}

/// What the cases say of an error of the load balancer step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedError {
    stage: String,
    reason: String,
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let case: Case = input::read(case)?;
    if !case.cluster.nodes.is_empty() {
        return Err("cluster.nodes has no meaning here".into());
    }
    let mut services: Vec<(Value, Vec<IpAddr>)> =
        case.services.into_iter().map(|entry| (entry.service, entry.addresses)).collect();
    services.extend(case.service.map(|service| (service, case.addresses)));
    check_services(&services)?;
    let world = World::new(&case.cluster, &services, &case.existing_nsg_rules)?;
    check_world(&world, case.expected)
}

/// Fields of a Service that change nothing in Azure must at least say what the cases say.
fn check_services(services: &[(Value, Vec<IpAddr>)]) -> Result<(), String> {
    for (document, addresses) in services {
        let service: Service = input::service(document, addresses)?;
        let families = azure::names::families(&service);
        if families.len() != addresses.len() {
            return Err(format!("{} families have {} addresses", families.len(), addresses.len()));
        }
        let dual = service.spec.ip_family_policy.as_deref() == Some("RequireDualStack");
        if dual != (families.len() == 2) {
            return Err("ipFamilyPolicy does not fit ipFamilies".into());
        }
        if service.spec.selector.get("app") != Some(&service.metadata.name)
            && service.metadata.name != "shop"
            && service.spec.selector.is_empty()
        {
            return Err("the Service selects nothing".into());
        }
    }
    Ok(())
}

/// Compares every expected field.
pub(super) fn check_world(world: &World, mut expected: Map<String, Value>) -> Result<Vec<String>, String> {
    let mut mismatches = Vec::new();
    check_errors(world, &mut expected, &mut mismatches)?;
    let mut got = world.render();
    if let Some(pools) = expected.get_mut("backendPools").and_then(Value::as_array_mut) {
        for pool in pools {
            let name = pool["name"].as_str().unwrap_or_default().to_owned();
            let Some(text) = pool["members"].as_str().map(str::to_owned) else { continue };
            mismatches.extend(world.check_members(&name, &text));
            // The words are checked; the addresses need no second look.
            let addresses: Vec<_> = world.members(&name).iter().map(|member| member.address).collect();
            pool["members"] = json!(addresses);
        }
    }
    for (key, value) in expected {
        match got.remove(&key) {
            Some(got) => mismatches.extend(compare(&key, &value, &got)),
            None => mismatches.push(format!("expected.{key} is unknown")),
        }
    }
    Ok(mismatches)
}

/// Compares what is refused, and checks that nothing else is.
fn check_errors(
    world: &World,
    expected: &mut Map<String, Value>,
    mismatches: &mut Vec<String>,
) -> Result<(), String> {
    let mut allowed = Vec::new();
    // That nothing is written, or that the load balancer already is: both are checked below.
    let mut effect = None;
    if let Some(error) = expected.remove("error") {
        let error: ExpectedError = input::strict(&error)?;
        effect = Some(STOPS);
        allowed.push(Stage::Rules);
        mismatches.extend(compare("error.stage", &error.stage, &Stage::Rules.to_string()));
        mismatches.extend(check_reason(world, Stage::Rules, &error.reason));
        let written = world.cloud.balancer(&world.balancer).is_some();
        mismatches.extend(compare("something is written", &false, &written));
    }
    let nsg_error = expected.get("nsg").and_then(|nsg| nsg.get("error")).cloned();
    if let Some(error) = nsg_error {
        effect = Some(WRITTEN);
        allowed.push(Stage::SecurityGroup);
        let text = error.as_str().ok_or("nsg.error is not a text")?;
        mismatches.extend(check_reason(world, Stage::SecurityGroup, text));
        mismatches.extend(compare("rules are written", &true, &world.rules().next().is_some()));
        let fields = expected.remove("nsg");
        if fields.and_then(|nsg| nsg.as_object().map(Map::len)) != Some(1) {
            mismatches.push("nsg has unknown fields".into());
        }
    }
    if let Some(accepts) = expected.remove("armAccepts") {
        let refused = world.refusal(Stage::ResourceManager).is_some();
        mismatches.extend(compare("armAccepts", &accepts, &json!(!refused)));
        allowed.push(Stage::ResourceManager);
    }
    if let Some(text) = expected.remove("effect") {
        let text = text.as_str().unwrap_or_default();
        let other = [STOPS, WRITTEN].into_iter().find(|own| Some(*own) != effect);
        if effect.is_none() || text.is_empty() || is_altered(text, &[STOPS, WRITTEN]) || Some(text) == other {
            mismatches.push(format!("the effect is not {text:?}"));
        }
    }
    let others = world.cloud.refused().iter().filter(|refusal| !allowed.contains(&refusal.stage));
    mismatches.extend(others.map(|refusal| format!("unexpected refusal: {refusal}")));
    Ok(())
}

fn check_reason(world: &World, stage: Stage, text: &str) -> Vec<String> {
    let Some(refusal) = world.refusal(stage) else { return vec![format!("expected refusal: {text}")] };
    match is_reason(text, &refusal.reason) {
        Some(true) => Vec::new(),
        Some(false) => vec![format!("expected refusal: {text}\n     got {}", refusal.reason)],
        None => vec![format!("no reason is called {text:?}")],
    }
}
