//! Address translation on the node, as packets that the engine walks find it.

use super::{Fact, balancer::cluster};
use azure::PROBE_SOURCE;
use engine::{Action, Flow, PathOutcome, Paths, Place, StationKind, Verdict, World};
use kubernetes::health::{DELETION_TAINT, ProxyHealth, is_eligible, local_ready_endpoints, service_health};
use model::{
    Model, NodeName, Object,
    azure::{
        AddressSpace, AgentPool, ManagedCluster, NetworkProfile, NetworkSecurityGroup, SecurityRule, Subnet,
        VirtualNetwork, VirtualNetworkPeering,
    },
    kubernetes::{Effect, IpFamily, Pod, Service, Taint, TrafficPolicy},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

pub(super) fn fact(name: &str) -> Option<Fact> {
    Some(match name {
        "kp-cluster-floating-ip-local-pod" => kp_cluster_floating_ip_local_pod,
        "kp-cluster-node-without-pod" => kp_cluster_node_without_pod,
        "kp-local-node-with-pod" => kp_local_node_with_pod,
        "kp-local-node-without-pod-drops" => kp_local_node_without_pod_drops,
        "kp-local-probe-answers" => kp_local_probe_answers,
        "kp-cluster-in-cluster-client-to-lb-ip" => kp_cluster_in_cluster_client_to_lb_ip,
        "kp-local-in-cluster-client-uses-cluster-policy" => kp_local_in_cluster_client,
        "kp-local-host-process-to-lb-ip" => kp_local_host_process_to_lb_ip,
        "kp-nodeport-no-listener" => kp_nodeport_no_listener,
        "kp-cluster-10256-healthz" => kp_cluster_10256_healthz,
        "overlay-nsg-needs" => overlay_nsg_needs,
        "snat-pod-to-pod-overlay" => snat_pod_to_pod_overlay,
        "snat-pod-to-node-overlay" => snat_pod_to_node_overlay,
        "snat-pod-to-vnet-vm-overlay" => snat_pod_to_vnet_vm_overlay,
        "snat-pod-to-vnet-vm-kubenet" => snat_pod_to_vnet_vm_kubenet,
        "snat-pod-to-vnet-vm-nodesubnet" => snat_pod_to_vnet_vm_nodesubnet,
        "snat-pod-to-peered-vnet-nodesubnet" => snat_pod_to_peered_vnet_nodesubnet,
        "snat-pod-to-peered-vnet-podsubnet" => snat_pod_to_peered_vnet_podsubnet,
        "snat-pod-to-internet-overlay" => snat_pod_to_internet_overlay,
        _ => return None,
    })
}

const FRONTEND: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(20, 50, 60, 70));
const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

fn pod(name: &str, node: &str, ip: IpAddr, app: &str) -> Object {
    let mut pod = Pod::default();
    pod.metadata.name = name.into();
    pod.metadata.namespace = "default".into();
    pod.metadata.labels.insert("app".into(), app.into());
    pod.spec.node_name = node.into();
    pod.status.pod_ip = ip.to_string();
    Object::Pod(Arc::new(pod))
}

/// Adds the Service's pods on `n0` and `n1`.
pub(super) fn pods(mut model: Model) -> Model {
    for index in 0..2_u8 {
        let ip = IpAddr::from([10, 244, index, 10]);
        model.put(pod(&format!("web-{index}"), &format!("n{index}"), ip, "web"));
    }
    model
}

/// Three nodes, two pods, and a client pod on the node without any.
fn world(policy: TrafficPolicy) -> World {
    let change = |service: &mut Service| {
        service.spec.external_traffic_policy = Some(policy);
        if policy == TrafficPolicy::Local {
            service.spec.health_check_node_port = 32100;
        }
    };
    let mut model = pods(cluster(3, "Standard", change));
    model.put(pod("client", "n2", IpAddr::from([10, 244, 2, 20]), "client"));
    World::new(&model)
}

fn nodes() -> Value {
    json!([
        { "node": "n0", "ip": "10.224.0.4", "pods": ["10.244.0.10"] },
        { "node": "n1", "ip": "10.224.0.5", "pods": ["10.244.1.10"] },
        { "node": "n2", "ip": "10.224.0.6", "pods": [] },
    ])
}

fn from_internet(world: &World, node: &str) -> Result<Paths, String> {
    let via = Some(NodeName::from(node));
    let flow = Flow { via, ..Flow::tcp(Place::Ip(CLIENT), Place::Ip(FRONTEND), 80) };
    world.paths(&flow).map_err(|error| error.to_string())
}

fn candidates(paths: &Paths) -> Vec<String> {
    let reached = paths.outcomes.iter().filter_map(|outcome| outcome.endpoint.as_ref());
    reached.map(|endpoint| endpoint.ip.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The one source address that every receiver saw.
fn source_seen(paths: &Paths) -> Result<IpAddr, String> {
    let seen: BTreeSet<IpAddr> = paths.outcomes.iter().filter_map(|outcome| outcome.source_seen).collect();
    match seen.into_iter().collect::<Vec<_>>()[..] {
        [only] => Ok(only),
        ref other => Err(format!("sources seen: {other:?}; {:?}", verdicts(paths))),
    }
}

fn verdicts(paths: &Paths) -> Vec<String> {
    paths.outcomes.iter().map(|outcome| format!("{} {:?}", outcome.verdict, outcome.cause)).collect()
}

fn all(paths: &Paths, fact: impl Fn(&PathOutcome) -> bool) -> bool {
    !paths.outcomes.is_empty() && paths.outcomes.iter().all(fact)
}

fn kp_cluster_floating_ip_local_pod() -> Result<Value, String> {
    let paths = from_internet(&world(TrafficPolicy::Cluster), "n0")?;
    let enters = all(&paths, |outcome| {
        outcome
            .steps
            .iter()
            .filter(|step| step.action == Action::EnterNode)
            .take(1)
            .all(|step| (step.after.destination, step.after.destination_port) == (FRONTEND, 80))
    });
    let node_port = paths
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.steps)
        .any(|step| step.before.destination_port == 30644 || step.after.destination_port == 30644);
    let to_8080 =
        all(&paths, |outcome| outcome.endpoint.as_ref().is_some_and(|endpoint| endpoint.port == 8080));
    Ok(json!({
        "cluster": { "nodes": nodes(), "dataplane": "iptables" },
        "service": { "etp": "Cluster", "lbIP": FRONTEND, "port": 80, "targetPort": 8080 },
        "arrivesAt": "n0",
        "client": CLIENT,
        "expected": {
            "matchedOn": enters.then_some("load-balancer IP and service port"),
            "candidates": candidates(&paths),
            "dnatTo": to_8080.then_some("pod:8080"),
            "sourceSeenByPod": format!("{} (node that received the packet)", source_seen(&paths)?),
            "nodePortUsed": node_port,
        },
    }))
}

fn kp_cluster_node_without_pod() -> Result<Value, String> {
    let paths = from_internet(&world(TrafficPolicy::Cluster), "n2")?;
    let hops = all(&paths, |outcome| {
        outcome.steps.iter().any(|step| step.action == Action::EnterNode && &*step.station.name != "n2")
    });
    Ok(json!({
        "cluster": { "nodes": nodes(), "dataplane": "iptables" },
        "service": { "etp": "Cluster", "lbIP": FRONTEND, "port": 80, "targetPort": 8080 },
        "arrivesAt": "n2",
        "client": CLIENT,
        "expected": {
            "candidates": candidates(&paths),
            "secondHop": hops,
            "sourceSeenByPod": source_seen(&paths)?,
        },
    }))
}

fn kp_local_node_with_pod() -> Result<Value, String> {
    let paths = from_internet(&world(TrafficPolicy::Local), "n0")?;
    Ok(json!({
        "cluster": { "nodes": nodes(), "dataplane": "iptables" },
        "service": { "etp": "Local", "lbIP": FRONTEND, "port": 80, "targetPort": 8080 },
        "arrivesAt": "n0",
        "client": CLIENT,
        "expected": { "candidates": candidates(&paths), "sourceSeenByPod": source_seen(&paths)? },
    }))
}

fn kp_local_node_without_pod_drops() -> Result<Value, String> {
    let paths = from_internet(&world(TrafficPolicy::Local), "n2")?;
    let dropped = all(&paths, |outcome| outcome.verdict == Verdict::Dropped);
    Ok(json!({
        "cluster": { "nodes": nodes(), "dataplane": "iptables" },
        "service": { "etp": "Local", "lbIP": FRONTEND, "port": 80, "targetPort": 8080 },
        "arrivesAt": "n2",
        "client": CLIENT,
        "expected": { "result": if dropped { json!("dropped") } else { json!(verdicts(&paths)) } },
    }))
}

fn kp_local_probe_answers() -> Result<Value, String> {
    let world = world(TrafficPolicy::Local);
    let (key, service) = world.model().services.iter().next().ok_or("no service")?;
    let mut statuses = serde_json::Map::new();
    for node in world.model().nodes.keys() {
        let local = local_ready_endpoints(IpFamily::IPv4, &world.model().endpoint_slices, node);
        let answer = service_health(key, local.get(key).copied().unwrap_or_default(), true);
        statuses.insert(node.to_string(), json!(answer.status));
    }
    let probe = world.cloud().balancers().flat_map(|balancer| &balancer.probes).next().ok_or("no probe")?;
    let asks = probe.request_path.as_deref() == Some("/healthz");
    let any = statuses.values().any(|status| *status == json!(200));
    Ok(json!({
        "cluster": { "nodes": nodes() },
        "service": { "etp": "Local", "healthCheckNodePort": service.spec.health_check_node_port },
        "expected": {
            "httpStatus": statuses,
            "path": (asks && any).then_some("any path answers; LB asks /healthz"),
        },
    }))
}

fn from_client_pod(world: &World, to: IpAddr, port: u16) -> Result<Paths, String> {
    let client = model::Key::new("default", "client");
    world.paths(&Flow::tcp(Place::Pod(client), Place::Ip(to), port)).map_err(|error| error.to_string())
}

fn kp_cluster_in_cluster_client_to_lb_ip() -> Result<Value, String> {
    let paths = from_client_pod(&world(TrafficPolicy::Cluster), FRONTEND, 80)?;
    let leaves = paths
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.steps)
        .any(|step| step.station.kind == StationKind::LoadBalancer);
    Ok(json!({
        "cluster": { "nodes": nodes(), "dataplane": "iptables" },
        "service": { "etp": "Cluster", "lbIP": FRONTEND, "port": 80 },
        "clientPodOn": "n2",
        "expected": {
            "leavesNodeTowardAzure": leaves,
            "candidates": candidates(&paths),
            "sourceSeenByPod": source_seen(&paths)?,
        },
    }))
}

fn kp_local_in_cluster_client() -> Result<Value, String> {
    let paths = from_client_pod(&world(TrafficPolicy::Local), FRONTEND, 80)?;
    let own = source_seen(&paths)? == IpAddr::from([10, 244, 2, 20]);
    Ok(json!({
        "cluster": { "nodes": nodes(), "dataplane": "iptables" },
        "service": { "etp": "Local", "lbIP": FRONTEND, "port": 80 },
        "clientPodOn": "n2",
        "expected": {
            "candidates": candidates(&paths),
            "sourceSeenByPod": own.then_some("client pod IP"),
        },
    }))
}

fn kp_local_host_process_to_lb_ip() -> Result<Value, String> {
    let world = world(TrafficPolicy::Local);
    let flow = Flow::tcp(Place::Node("n2".into()), Place::Ip(FRONTEND), 80);
    let paths = world.paths(&flow).map_err(|error| error.to_string())?;
    let masqueraded =
        all(&paths, |outcome| outcome.steps.iter().any(|step| step.action == Action::Masquerade));
    Ok(json!({
        "cluster": { "nodes": nodes(), "dataplane": "iptables" },
        "service": { "etp": "Local", "lbIP": FRONTEND, "port": 80 },
        "clientHostProcessOn": "n2",
        "expected": { "candidates": candidates(&paths), "masqueraded": masqueraded },
    }))
}

fn kp_nodeport_no_listener() -> Result<Value, String> {
    let world = world(TrafficPolicy::Local);
    let to_node = |port| {
        let flow = Flow::tcp(Place::Ip(PROBE_SOURCE), Place::Node("n0".into()), port);
        world.paths(&flow).map_err(|error| error.to_string())
    };
    let sockets = |paths: &Paths| {
        all(paths, |outcome| outcome.endpoint.as_ref().is_some_and(|endpoint| endpoint.node.is_some()))
    };
    let node_port = to_node(30644)?;
    let by_rules = node_port.outcomes.iter().flat_map(|outcome| &outcome.steps).any(|step| {
        step.rule
            .as_ref()
            .is_some_and(|rule| rule.place.contains("KUBE-NODEPORTS") || rule.text.contains("KUBE-NODEPORTS"))
    });
    Ok(json!({
        "expected": {
            "listeningSocketOnNodePort": sockets(&node_port),
            "worksVia": by_rules.then_some("KUBE-NODEPORTS rules in the nat table"),
            "listeningSocketOnHealthCheckNodePort": sockets(&to_node(32100)?),
        },
    }))
}

fn kp_cluster_10256_healthz() -> Result<Value, String> {
    let status = |synced: bool, doomed: bool| {
        let mut node = crate::azure::input::plain_node("n0");
        if doomed {
            node.spec.taints.push(Taint {
                key: DELETION_TAINT.into(),
                value: String::new(),
                effect: Effect::NoSchedule,
            });
        }
        let health = ProxyHealth { proxier_healthy: synced, node_eligible: is_eligible(Some(&node)) };
        health.healthz(&[IpFamily::IPv4], "", "").status
    };
    let good = status(true, false) == 200;
    let bad = status(false, false) == 503 && status(true, true) == 503;
    Ok(json!({
        "expected": {
            "port": ProxyHealth::PORT,
            "200": good.then_some("rules synced recently and node not being deleted by the autoscaler"),
            "503": bad.then_some("sync stale, or node carries the autoscaler deletion taint"),
        },
    }))
}

/// Two nodes with a client pod on `n0` and a target pod on `n1`, in a network of this kind.
fn network(profile: NetworkProfile, pod_subnet: Option<&str>, client: IpAddr, target: IpAddr) -> World {
    let mut model = cluster(2, "Standard", |_| {});
    model.put(Object::ManagedCluster(Arc::new(ManagedCluster {
        network_profile: profile,
        agent_pool_profiles: vec![AgentPool {
            name: "nodepool1".into(),
            pod_subnet_id: pod_subnet.map(Into::into),
            ..AgentPool::default()
        }],
        ..ManagedCluster::default()
    })));
    let space = |prefix: &str| AddressSpace { address_prefixes: vec![prefix.to_owned()] };
    let both = ["10.224.0.0/12", "10.1.0.0/16"].map(str::to_owned).to_vec();
    model.put(Object::VirtualNetwork(Arc::new(VirtualNetwork {
        name: "aks-vnet".into(),
        address_space: AddressSpace { address_prefixes: both },
        subnets: vec![
            Subnet {
                name: "aks-subnet".into(),
                address_prefix: Some("10.224.0.0/16".into()),
                ..Subnet::default()
            },
            Subnet { name: "pods".into(), address_prefix: Some("10.240.0.0/16".into()), ..Subnet::default() },
        ],
        virtual_network_peerings: vec![VirtualNetworkPeering {
            name: "to-hub".into(),
            remote_address_space: Some(space("10.2.0.0/16")),
            ..VirtualNetworkPeering::default()
        }],
        ..VirtualNetwork::default()
    })));
    model.put(pod("client", "n0", client, "client"));
    model.put(pod("target", "n1", target, "target"));
    World::new(&model)
}

fn overlay() -> World {
    let profile = NetworkProfile {
        network_plugin: Some("azure".into()),
        network_plugin_mode: Some("overlay".into()),
        ..NetworkProfile::default()
    };
    network(profile, None, IpAddr::from([10, 244, 0, 10]), IpAddr::from([10, 244, 1, 10]))
}

fn kubenet() -> World {
    let profile = NetworkProfile { network_plugin: Some("kubenet".into()), ..NetworkProfile::default() };
    network(profile, None, IpAddr::from([10, 244, 0, 10]), IpAddr::from([10, 244, 1, 10]))
}

fn node_subnet() -> World {
    let profile = NetworkProfile { network_plugin: Some("azure".into()), ..NetworkProfile::default() };
    network(profile, None, IpAddr::from([10, 224, 0, 30]), IpAddr::from([10, 224, 0, 60]))
}

fn pod_subnet() -> World {
    let profile = NetworkProfile { network_plugin: Some("azure".into()), ..NetworkProfile::default() };
    network(
        profile,
        Some("/virtualNetworks/aks-vnet/subnets/pods"),
        IpAddr::from([10, 240, 0, 30]),
        IpAddr::from([10, 240, 0, 60]),
    )
}

const VM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 4));
const PEERED: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 2, 0, 4));

fn seen(world: &World, to: IpAddr) -> Result<IpAddr, String> {
    source_seen(&from_client_pod(world, to, 8080)?)
}

fn snat(network: &str, src: &str, dst: &str, seen: IpAddr) -> Value {
    json!({ "network": network, "src": src, "dst": dst, "expected": { "sourceSeen": seen } })
}

fn snat_pod_to_pod_overlay() -> Result<Value, String> {
    let seen = seen(&overlay(), IpAddr::from([10, 244, 1, 10]))?;
    Ok(snat("overlay", "pod 10.244.0.10", "pod 10.244.1.10", seen))
}

fn snat_pod_to_node_overlay() -> Result<Value, String> {
    // The health port of kube-proxy listens on every node.
    let paths = from_client_pod(&overlay(), IpAddr::from([10, 224, 0, 5]), ProxyHealth::PORT)?;
    Ok(snat("overlay", "pod 10.244.0.10 on n0", "node n1 10.224.0.5", source_seen(&paths)?))
}

fn snat_pod_to_vnet_vm_overlay() -> Result<Value, String> {
    let seen = seen(&overlay(), VM)?;
    Ok(snat("overlay", "pod 10.244.0.10 on n0", "VM 10.1.0.4 in the VNet", seen))
}

fn snat_pod_to_vnet_vm_kubenet() -> Result<Value, String> {
    Ok(snat("kubenet", "pod 10.244.0.10 on n0", "VM in the VNet", seen(&kubenet(), VM)?))
}

fn snat_pod_to_vnet_vm_nodesubnet() -> Result<Value, String> {
    let seen = seen(&node_subnet(), VM)?;
    Ok(snat("azure-cni-node-subnet", "pod 10.224.0.30 on n0", "VM in same VNet", seen))
}

fn snat_pod_to_peered_vnet_nodesubnet() -> Result<Value, String> {
    let seen = seen(&node_subnet(), PEERED)?;
    Ok(snat("azure-cni-node-subnet", "pod 10.224.0.30 on n0", "VM in a peered VNet", seen))
}

fn snat_pod_to_peered_vnet_podsubnet() -> Result<Value, String> {
    let seen = seen(&pod_subnet(), PEERED)?;
    Ok(snat("azure-cni-pod-subnet", "pod 10.240.0.30", "VM in a peered VNet", seen))
}

fn snat_pod_to_internet_overlay() -> Result<Value, String> {
    let world = overlay();
    let paths = from_client_pod(&world, IpAddr::from([198, 51, 100, 1]), 443)?;
    let outbound = world.cloud().frontend_addresses().find(|ip| *ip != FRONTEND).ok_or("no outbound IP")?;
    let mut hops = Vec::new();
    for step in paths.outcomes.first().map(|outcome| outcome.steps.as_slice()).unwrap_or_default() {
        if step.before.source == step.after.source {
            continue;
        }
        hops.push(match step.station.kind {
            StationKind::Node => format!("node SNAT to {}", step.after.source),
            _ if step.after.source == outbound => "Azure SNAT to the managed outbound public IP".into(),
            other => format!("{other:?} to {}", step.after.source),
        });
    }
    Ok(json!({
        "network": "overlay",
        "src": "pod 10.244.0.10 on n0",
        "dst": "198.51.100.1:443",
        "expected": { "hops": hops },
    }))
}

/// With a subnet security group that denies everything else, each pair of ranges is needed for some flow.
fn overlay_nsg_needs() -> Result<Value, String> {
    let rule = |priority: u32, source: &str, destination: &str, access| SecurityRule {
        name: format!("r{priority}"),
        priority,
        access,
        source_address_prefix: Some(source.to_owned()),
        destination_address_prefix: Some(destination.to_owned()),
        ..SecurityRule::default()
    };
    let ranges = [("node CIDR", "10.224.0.0/16"), ("pod CIDR", "10.244.0.0/16")];
    let host = |index: u8, pod: bool| {
        if pod { IpAddr::from([10, 244, index, 10]) } else { IpAddr::from([10, 224, 0, 4 + index]) }
    };
    let space = azure::AddressSpace::new(Vec::new());
    let mut needs = Vec::new();
    for (from, to) in [(0_usize, 0_usize), (0, 1), (1, 1)] {
        let packet = azure::GuardedPacket {
            protocol: model::azure::SecurityProtocol::Tcp,
            source: host(0, from == 1),
            source_port: 50000,
            destination: host(1, to == 1),
            destination_port: 8080,
        };
        let passes = |rules: Vec<SecurityRule>| {
            let document = NetworkSecurityGroup { security_rules: rules, ..Default::default() };
            let group = azure::SecurityGroup::new(Arc::new(document));
            let guards = azure::Guards { subnet: Some(Arc::new(group)), nic: None };
            let inbound = model::azure::Direction::Inbound;
            guards.pass(inbound, &packet, &space, azure::FlowState::New)
        };
        let deny = rule(4096, "*", "*", model::azure::Access::Deny);
        let allow = rule(100, ranges[from].1, ranges[to].1, model::azure::Access::Allow);
        if !passes(vec![deny.clone()]) && passes(vec![allow, deny]) {
            needs.push(json!([ranges[from].0, ranges[to].0]));
        }
    }
    Ok(json!({
        "network": "overlay",
        "subnetNsg": "deny all custom",
        "expected": { "mustAllow": needs },
    }))
}
