//! Distribution, probes, floating IP, idle timeout, hairpin.

use super::Fact;
use crate::azure::input;
use azure::{
    AddressSpace, Cloud, ExistingFlow, FlowState, GuardedPacket, Guards, HashInput, Health, IdleEnd,
    PROBE_SOURCE, PoolState, ProbeRequest, SecurityGroup, Selected, Selection, Targets, down_after_seconds,
    hash_inputs, idle_end, program, successes_to_recover,
};
use engine::{Flow, Place, StationKind, World};
use model::{
    Model, Object,
    azure::{
        Direction, LoadBalancingRule, LoadDistribution, ManagedCluster, NetworkSecurityGroup, Probe,
        SecurityProtocol, SecurityRule,
    },
    kubernetes::{
        LoadBalancerIngress, Protocol, Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
    },
};
use serde_json::{Value, json};
use std::{net::IpAddr, sync::Arc};

pub(super) fn fact(name: &str) -> Option<Fact> {
    Some(match name {
        "dist-default-is-5-tuple" => || hashes(LoadDistribution::Default),
        "dist-sourceip-is-2-tuple" => || hashes(LoadDistribution::SourceIP),
        "dist-sourceipprotocol-is-3-tuple" => || hashes(LoadDistribution::SourceIPProtocol),
        "dist-100-new-connections-default" => dist_100_new_connections_default,
        "dist-100-new-connections-sourceip" => dist_100_new_connections_sourceip,
        "dist-keepalive-pins" => dist_keepalive_pins,
        "probe-all-down-standard" => || probe_all_down("Standard", "none (client times out)", "continue"),
        "probe-all-down-basic" => || probe_all_down("Basic", "none", "terminated"),
        "probe-all-down-allprobedup" => probe_all_down_allprobedup,
        "probe-one-down-tcp" => probe_one_down_tcp,
        "probe-threshold-down" => probe_threshold_down,
        "probe-threshold-up" => probe_threshold_up,
        "probe-http-status" => probe_http_status,
        "probe-per-backend-dip-even-with-floating-ip" => probe_per_backend_dip,
        "probe-source-and-nsg" => probe_source_and_nsg,
        "floating-ip-on-packet-at-node" => floating_ip_on,
        "floating-ip-off-packet-at-node" => floating_ip_off,
        "return-path-is-direct" => return_path_is_direct,
        "hairpin-in-kubernetes-short-circuited" => hairpin_short_circuited,
        "hairpin-own-internal-frontend" => hairpin_own_internal_frontend,
        "idle-timeout-with-reset" => || idle(true, &json!(["client", "backend"])),
        "idle-timeout-without-reset" => || idle(false, &json!([])),
        _ => return None,
    })
}

const FRONTEND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(20, 50, 60, 70));
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

/// Nodes `n0`, `n1`, … with a Service of port 80 in front.
pub(super) fn cluster(nodes: u8, sku: &str, change: impl FnOnce(&mut Service)) -> Model {
    let mut model = Model::default();
    let mut document = ManagedCluster::default();
    document.network_profile.load_balancer_sku = Some(sku.to_lowercase());
    model.put(Object::ManagedCluster(Arc::new(document)));
    for index in 0..nodes {
        let mut node = input::plain_node(&format!("n{index}"));
        node.metadata.labels.insert(model::kubernetes::Node::POOL_LABEL.into(), "nodepool1".into());
        node.spec.pod_cidr = format!("10.244.{index}.0/24");
        input::add_address(&mut node, IpAddr::from([10, 224, 0, 4 + index]));
        model.put(Object::Node(Arc::new(node)));
    }
    let mut service = Service::default();
    service.metadata.name = "web".into();
    service.metadata.namespace = "default".into();
    service.metadata.uid = "4b5e57f6-eb2f-42b9-a39b-3d1e13929295".into();
    service.spec.service_type = ServiceType::LoadBalancer;
    service.spec.cluster_ip = "10.0.0.80".into();
    service.spec.selector.insert("app".into(), "web".into());
    service.spec.external_traffic_policy = Some(TrafficPolicy::Cluster);
    service.spec.ports.push(ServicePort {
        port: 80,
        node_port: 30644,
        target_port: Some(model::kubernetes::IntOrString::Int(8080)),
        ..ServicePort::default()
    });
    service
        .status
        .load_balancer
        .ingress
        .push(LoadBalancerIngress { ip: FRONTEND.to_string(), ..Default::default() });
    change(&mut service);
    model.put(Object::Service(Arc::new(service)));
    model
}

fn selection(cloud: &Cloud) -> Result<Selection<'_>, String> {
    match cloud.select(FRONTEND, 80, Protocol::Tcp) {
        Selected::Rule(selection) => Ok(selection),
        other => Err(format!("no rule: {other:?}")),
    }
}

fn names(targets: &Targets<'_>) -> Vec<String> {
    targets.members.iter().map(|member| member.label().to_string()).collect()
}

fn hashes(distribution: LoadDistribution) -> Result<Value, String> {
    let name = |input: &HashInput| match input {
        HashInput::SourceAddress => "srcIP",
        HashInput::SourcePort => "srcPort",
        HashInput::DestinationAddress => "dstIP",
        HashInput::DestinationPort => "dstPort",
        HashInput::Protocol => "protocol",
    };
    let inputs: Vec<&str> = hash_inputs(distribution).iter().map(name).collect();
    Ok(json!({ "rule": { "loadDistribution": distribution }, "expected": { "hashInputs": inputs } }))
}

/// How many nodes see new connections of one client that differ in the source port.
fn distinct(selection: &Selection<'_>) -> usize {
    let targets = selection.targets(|_| Health::Up);
    let ports_matter = hash_inputs(selection.distribution()).contains(&HashInput::SourcePort);
    if ports_matter { targets.members.len() } else { 1 }
}

fn pool(selection: &Selection<'_>) -> Vec<String> {
    selection.members().iter().map(|member| member.label().to_string()).collect()
}

fn dist_100_new_connections_default() -> Result<Value, String> {
    let cloud = program(&cluster(3, "Standard", |_| {}));
    let selection = selection(&cloud)?;
    let even = (selection.targets(|_| Health::Up).share() - 1.0 / 3.0).abs() < 1e-12;
    Ok(json!({
        "scenario": "100 separate TCP connections from one client, changing source port",
        "rule": { "loadDistribution": selection.distribution() },
        "pool": pool(&selection),
        "expected": {
            "distinctNodes": distinct(&selection),
            "perNode": even.then_some("binomial around 33; a fixed 33/33/34 split is not guaranteed"),
        },
    }))
}

fn dist_100_new_connections_sourceip() -> Result<Value, String> {
    let sticky = |service: &mut Service| service.spec.session_affinity = Some(SessionAffinity::ClientIP);
    let cloud = program(&cluster(3, "Standard", sticky));
    let selection = selection(&cloud)?;
    Ok(json!({
        "scenario": "100 connections from one client IP",
        "rule": { "loadDistribution": selection.distribution() },
        "pool": pool(&selection),
        "expected": { "distinctNodes": distinct(&selection) },
    }))
}

fn dist_keepalive_pins() -> Result<Value, String> {
    let cloud = program(&cluster(3, "Standard", |_| {}));
    let selection = selection(&cloud)?;
    // One connection has one 5-tuple: whatever is hashed, it is hashed once.
    let stays = selection.existing_flow(Protocol::Tcp, true) == ExistingFlow::Continues;
    Ok(json!({
        "scenario": "one TCP connection carrying 100 HTTP requests",
        "rule": { "loadDistribution": selection.distribution() },
        "pool": pool(&selection),
        "expected": { "distinctNodes": if stays { 1 } else { 3 } },
    }))
}

fn existing(flow: ExistingFlow) -> &'static str {
    match flow {
        ExistingFlow::Continues => "continue",
        ExistingFlow::Terminated => "terminated",
        ExistingFlow::Moves => "moves to another healthy member",
        ExistingFlow::Stops => "stop",
    }
}

fn probe_all_down(sku: &str, none: &str, tcp: &str) -> Result<Value, String> {
    let cloud = program(&cluster(2, sku, |_| {}));
    let selection = selection(&cloud)?;
    let targets = selection.targets(|_| Health::Down);
    let no_new = targets.state == PoolState::AllDown && targets.members.is_empty();
    let got = existing(selection.existing_flow(Protocol::Tcp, false));
    if got != tcp {
        return Err(format!("established TCP: {got}"));
    }
    Ok(json!({
        "sku": cloud.settings().sku,
        "pool": pool(&selection),
        "event": "all probes fail",
        "expected": {
            "newFlows": no_new.then_some(none),
            "establishedTcp": got,
            "udp": existing(selection.existing_flow(Protocol::Udp, false)),
        },
    }))
}

fn probe_all_down_allprobedup() -> Result<Value, String> {
    let mut model = cluster(2, "Standard", |_| {});
    let mut document = program(&model).load_balancer("kubernetes").ok_or("no load balancer")?;
    for probe in &mut document.probes {
        probe.no_healthy_backends_behavior = Some("AllProbedUp".into());
    }
    model.put(Object::LoadBalancer(Arc::new(document)));
    let cloud = program(&model);
    let selection = selection(&cloud)?;
    let behaviour = selection.probe().and_then(|probe| probe.no_healthy_backends_behavior.clone());
    Ok(json!({
        "probe": { "noHealthyBackendsBehavior": behaviour },
        "pool": pool(&selection),
        "event": "all probes fail",
        "expected": { "newFlowsTo": names(&selection.targets(|_| Health::Down)) },
    }))
}

fn probe_one_down_tcp() -> Result<Value, String> {
    let cloud = program(&cluster(3, "Standard", |_| {}));
    let selection = selection(&cloud)?;
    let is_down = |member: &azure::Member| &*member.label() == "n1";
    let targets = selection.targets(|member| if is_down(member) { Health::Down } else { Health::Up });
    Ok(json!({
        "sku": cloud.settings().sku,
        "pool": pool(&selection),
        "event": "n1 probe fails",
        "expected": {
            "newFlowsTo": names(&targets),
            "establishedTcpOnN1": existing(selection.existing_flow(Protocol::Tcp, true)),
            "udpOnN1": existing(selection.existing_flow(Protocol::Udp, true)),
        },
    }))
}

/// The probe that the controller writes for a Service with policy Cluster.
fn default_probe() -> Result<Probe, String> {
    let cloud = program(&cluster(2, "Standard", |_| {}));
    selection(&cloud)?.probe().cloned().ok_or_else(|| "no probe".into())
}

fn timing(probe: &Probe) -> Value {
    json!({ "intervalInSeconds": probe.interval_in_seconds, "probeThreshold": probe.probe_threshold })
}

fn probe_threshold_down() -> Result<Value, String> {
    let probe = default_probe()?;
    let between = down_after_seconds(&probe);
    Ok(json!({
        "probe": timing(&probe),
        "event": "endpoint stops answering at t=0 just after a successful probe at t=0",
        "expected": { "markedDownAtSecondsBetween": [between.start(), between.end()] },
    }))
}

fn probe_threshold_up() -> Result<Value, String> {
    let probe = default_probe()?;
    Ok(json!({
        "probe": timing(&probe),
        "event": "endpoint recovers",
        "expected": { "consecutiveSuccessesNeeded": successes_to_recover(&probe) },
    }))
}

fn probe_http_status() -> Result<Value, String> {
    let http = |service: &mut Service| {
        for port in &mut service.spec.ports {
            port.app_protocol = Some("http".into());
        }
    };
    let cloud = program(&cluster(2, "Standard", http));
    let probe = selection(&cloud)?.probe().cloned().ok_or("no probe")?;
    let healthy: Vec<u16> = (100..=599).filter(|status| ProbeRequest::is_healthy(*status)).collect();
    let responses = [200, 404, 301, 503, 204]
        .map(|status: u16| json!({ "status": status, "ok": ProbeRequest::is_healthy(status) }));
    Ok(json!({
        "probe": { "protocol": probe.protocol, "requestPath": probe.request_path },
        "responses": responses,
        "expected": { "only200IsHealthy": healthy == [200] },
    }))
}

fn probe_per_backend_dip() -> Result<Value, String> {
    let cloud = program(&cluster(3, "Standard", |_| {}));
    let selection = selection(&cloud)?;
    let own = |member: &Arc<azure::Member>| {
        selection.probe_request(member).is_some_and(|request| Some(request.destination) == member.address)
    };
    let all_own = selection.members().iter().all(own);
    Ok(json!({
        "rule": { "enableFloatingIP": selection.rule.rule.enable_floating_ip },
        "expected": {
            "probeDestination": all_own.then_some("node private IP, never the frontend IP"),
        },
    }))
}

fn probe_source_and_nsg() -> Result<Value, String> {
    let cloud = program(&cluster(1, "Standard", |_| {}));
    let selection = selection(&cloud)?;
    let member = selection.members().first().ok_or("no member")?;
    let request = selection.probe_request(member).ok_or("no probe")?;
    let packet = GuardedPacket {
        protocol: SecurityProtocol::Tcp,
        source: request.source,
        source_port: 50000,
        destination: request.destination,
        destination_port: request.port,
    };
    // Only the load balancer's own rule may let the probe in: the network has no addresses here.
    let nowhere = AddressSpace::new(Vec::new());
    let ask = |rules: Vec<SecurityRule>| {
        let document = NetworkSecurityGroup { security_rules: rules, ..Default::default() };
        let guards = Guards { subnet: Some(Arc::new(SecurityGroup::new(Arc::new(document)))), nic: None };
        guards.pass(Direction::Inbound, &packet, &nowhere, FlowState::New)
    };
    let deny = SecurityRule {
        name: "deny".into(),
        priority: 4096,
        access: model::azure::Access::Deny,
        source_address_prefix: Some("*".into()),
        destination_address_prefix: Some("*".into()),
        ..SecurityRule::default()
    };
    let rule = azure::default_rules().into_iter().find(|rule| rule.priority == 65001).ok_or("no rule")?;
    Ok(json!({
        "nsg": [format!("{} {}", rule.priority, rule.name)],
        "probeSource": PROBE_SOURCE,
        "expected": {
            "allowed": ask(Vec::new()),
            "ifUserDenyBelow65001": (!ask(vec![deny])).then_some("backends go down"),
        },
    }))
}

fn rule_fields(rule: &LoadBalancingRule) -> Value {
    json!({
        "frontendIP": FRONTEND,
        "frontendPort": rule.frontend_port,
        "backendPort": rule.backend_port,
        "enableFloatingIP": rule.enable_floating_ip,
    })
}

fn floating_ip_on() -> Result<Value, String> {
    let cloud = program(&cluster(2, "Standard", |_| {}));
    let selection = selection(&cloud)?;
    let member = selection.members().get(1).ok_or("no member")?;
    let (address, port) = selection.destination_at(member).ok_or("no destination")?;
    let source = format!("{CLIENT}:50000");
    Ok(json!({
        "rule": rule_fields(&selection.rule.rule),
        "packet": { "src": source, "dst": format!("{FRONTEND}:80") },
        "expected": { "atNode": { "src": source, "dst": format!("{address}:{port}") } },
    }))
}

fn floating_ip_off() -> Result<Value, String> {
    let off = |service: &mut Service| {
        let annotation = "service.beta.kubernetes.io/azure-disable-load-balancer-floating-ip";
        service.metadata.annotations.insert(annotation.into(), "true".into());
    };
    let cloud = program(&cluster(2, "Standard", off));
    let selection = selection(&cloud)?;
    let member = selection.members().get(1).ok_or("no member")?;
    let (address, port) = selection.destination_at(member).ok_or("no destination")?;
    let source = format!("{CLIENT}:50000");
    Ok(json!({
        "rule": rule_fields(&selection.rule.rule),
        "node": member.address,
        "packet": { "src": source, "dst": format!("{FRONTEND}:80") },
        "expected": { "atNode": { "src": source, "dst": format!("{address}:{port}") } },
    }))
}

fn return_path_is_direct() -> Result<Value, String> {
    let world = World::new(&super::node::pods(cluster(3, "Standard", |_| {})));
    let flow = Flow::tcp(Place::Ip(CLIENT), Place::Ip(FRONTEND), 80);
    let paths = world.paths(&flow).map_err(|error| error.to_string())?;
    let mut sources = Vec::new();
    let mut passes = false;
    for outcome in &paths.outcomes {
        let reply = outcome.reply.as_ref().ok_or("no reply")?;
        passes |= reply.steps.iter().any(|step| step.station.kind == StationKind::LoadBalancer);
        let last = reply.steps.last().ok_or("an empty reply")?;
        sources.push((last.after.source, last.after.source_port));
    }
    let as_sent = !sources.is_empty() && sources.iter().all(|source| *source == (FRONTEND, 80));
    Ok(json!({
        "expected": {
            "replySource": as_sent.then_some("frontend IP:port as the client sent to"),
            "passesLoadBalancerBox": passes,
        },
    }))
}

fn hairpin_short_circuited() -> Result<Value, String> {
    let model = super::node::pods(cluster(3, "Standard", |_| {}));
    let (client, _) = model.pods.iter().next().ok_or("no pod")?;
    let flow = Flow::tcp(Place::Pod(client.clone()), Place::Ip(FRONTEND), 80);
    let paths = World::new(&model).paths(&flow).map_err(|error| error.to_string())?;
    let _azure = [StationKind::LoadBalancer, StationKind::PublicIp, StationKind::Internet];
    let leaves = paths
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.steps)
        .any(|step| step.station.kind == StationKind::LoadBalancer);
    let to_pods = paths
        .outcomes
        .iter()
        .all(|outcome| outcome.endpoint.as_ref().is_some_and(|endpoint| endpoint.pod.is_some()));
    Ok(json!({
        "scenario": "pod in the cluster connects to the Service's load-balancer IP, kube-proxy iptables mode",
        "expected": {
            "leavesNode": leaves,
            "treatedAs": to_pods.then_some("cluster traffic to a backend pod"),
        },
    }))
}

fn hairpin_own_internal_frontend() -> Result<Value, String> {
    let internal = IpAddr::from([10, 224, 0, 100]);
    let change = |service: &mut Service| {
        let annotations = &mut service.metadata.annotations;
        let prefix = "service.beta.kubernetes.io/azure-";
        annotations.insert(format!("{prefix}load-balancer-internal"), "true".into());
        annotations.insert(format!("{prefix}disable-load-balancer-floating-ip"), "true".into());
        service.status.load_balancer.ingress =
            vec![LoadBalancerIngress { ip: internal.to_string(), ..Default::default() }];
    };
    let cloud = program(&cluster(2, "Standard", change));
    let Selected::Rule(selection) = cloud.select(internal, 80, Protocol::Tcp) else {
        return Err("no rule".into());
    };
    let [first, second] = selection.members() else { return Err("two members are expected".into()) };
    let source = first.address.ok_or("no address")?;
    Ok(json!({
        "scenario": "backend VM without kube-proxy rule opens a connection to the internal frontend of its own pool and is hashed to itself",
        "rule": { "enableFloatingIP": selection.rule.rule.enable_floating_ip },
        "expected": {
            "works": !selection.hairpins(source, first),
            "whenHashedToOther": !selection.hairpins(source, second),
        },
    }))
}

fn idle(reset: bool, to: &Value) -> Result<Value, String> {
    let change = |service: &mut Service| {
        let annotation = "service.beta.kubernetes.io/azure-load-balancer-disable-tcp-reset";
        service.metadata.annotations.insert(annotation.into(), (!reset).to_string());
    };
    let cloud = program(&cluster(2, "Standard", change));
    let rule = &selection(&cloud)?.rule.rule;
    let expected = match idle_end(rule) {
        IdleEnd::ResetBoth => json!({ "rstTo": ["client", "backend"] }),
        IdleEnd::Forgotten => {
            json!({ "rstTo": [], "later packets": "dropped silently or re-hashed as a new flow" })
        }
    };
    if expected["rstTo"] != *to {
        return Err(format!("idle connections end with {expected}"));
    }
    Ok(json!({
        "rule": {
            "idleTimeoutInMinutes": rule.idle_timeout_in_minutes,
            "enableTcpReset": rule.enable_tcp_reset,
        },
        "event": "TCP connection silent for 4 minutes",
        "expected": expected,
    }))
}
