//! Where nodes and pods have their addresses from, by network plugin (AKS, "Plan IP addressing for your cluster").

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod cluster;

use cluster::{node, pod};
use ipnet::IpNet;
use kubernetes::{Field, Unsettled, settle};
use model::{
    ArmId, Key, Model, NodeName, Object,
    azure::{AgentPool, ManagedCluster, Subnet, VirtualNetwork},
    kubernetes::{Address, AddressKind, Node},
};
use std::{net::IpAddr, sync::Arc};

const NETWORK: &str =
    "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/Home/subnets/";

/// A pool: its name, the subnets that it names for nodes and for pods.
type Pool = (&'static str, Option<&'static str>, Option<&'static str>);

/// Two nodes of two pools, each with a pod, in a network of three subnets.
fn cluster(plugin: &str, mode: Option<&str>, pools: [Pool; 2]) -> Model {
    let mut model = Model::default();
    let id = |name: Option<&str>| name.map(|name| ArmId::from(format!("{NETWORK}{name}")));
    let mut cluster = ManagedCluster::default();
    cluster.network_profile.network_plugin = Some(plugin.to_owned());
    cluster.network_profile.network_plugin_mode = mode.map(str::to_owned);
    let profiles = pools.into_iter().map(|(name, nodes, pods)| AgentPool {
        name: name.into(),
        vnet_subnet_id: id(nodes),
        pod_subnet_id: id(pods),
        ..AgentPool::default()
    });
    cluster.agent_pool_profiles = profiles.collect();
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    let subnet = |(name, prefix): (&str, &str)| Subnet {
        name: name.to_owned(),
        address_prefix: Some(prefix.to_owned()),
        ..Subnet::default()
    };
    let subnets = [
        ("GatewaySubnet", "10.40.0.0/24"),
        ("one", "10.40.1.0/24"),
        ("two", "10.40.2.0/24"),
        ("pods", "10.40.3.0/24"),
    ];
    model.put(Object::VirtualNetwork(Arc::new(VirtualNetwork {
        name: "home".to_owned(),
        subnets: subnets.into_iter().map(subnet).collect(),
        ..VirtualNetwork::default()
    })));
    for (name, pool) in [("a", pools[0].0), ("b", pools[1].0)] {
        node(&mut model, name, |node| in_pool(node, pool));
        pod(&mut model, &format!("on-{name}"), "echo", name, |_| {});
    }
    model
}

fn in_pool(node: &mut Node, pool: &str) {
    node.metadata.labels.insert("agentpool".into(), pool.into());
}

fn set_address(model: &mut Model, name: &str, ip: &str) {
    let node = Arc::make_mut(model.nodes.get_mut(&NodeName::from(name)).expect("the node"));
    node.status.addresses = vec![Address { kind: AddressKind::InternalIP, address: ip.into() }];
}

fn node_ip(model: &Model, name: &str) -> String {
    let ips = model.nodes[&NodeName::from(name)].internal_ips();
    ips.map(|ip| ip.to_string()).collect::<Vec<_>>().join(" ")
}

fn pod_ip(model: &Model, name: &str) -> IpAddr {
    model.pods[&Key::new("default", name)].ips().next().expect("the pod has an address")
}

fn contains(range: &str, ip: IpAddr) -> bool {
    range.parse::<IpNet>().expect("a range").contains(&ip)
}

#[test]
fn addresses_come_from_where_the_plugin_takes_them() {
    let plain = [("p", None, None), ("q", None, None)];
    let named = [("p", Some("one"), None), ("q", Some("TWO"), None)];
    let of_pods = [("p", Some("one"), Some("pods")), ("q", Some("one"), Some("pods"))];
    let mixed = [("p", Some("one"), None), ("q", Some("one"), Some("pods"))];
    let overlay = Some("overlay");
    // plugin, mode, pools; the nodes' addresses; the ranges of their pods' addresses.
    let table = [
        ("azure", overlay, plain, ["10.40.1.4", "10.40.1.5"], ["10.244.0.0/24", "10.244.1.0/24"]),
        ("azure", overlay, named, ["10.40.1.4", "10.40.2.4"], ["10.244.0.0/24", "10.244.1.0/24"]),
        ("kubenet", None, named, ["10.40.1.4", "10.40.2.4"], ["10.244.0.0/24", "10.244.1.0/24"]),
        // Node subnet: a node keeps addresses for the 30 pods that it may run.
        ("azure", None, plain, ["10.40.1.4", "10.40.1.35"], ["10.40.1.4/27", "10.40.1.35/27"]),
        ("azure", None, named, ["10.40.1.4", "10.40.2.4"], ["10.40.1.0/27", "10.40.2.0/27"]),
        ("azure", None, of_pods, ["10.40.1.4", "10.40.1.5"], ["10.40.3.0/24", "10.40.3.0/24"]),
        ("azure", None, mixed, ["10.40.1.4", "10.40.1.35"], ["10.40.1.0/27", "10.40.3.0/24"]),
    ];
    for (plugin, mode, pools, nodes, pods) in table {
        let case = format!("{plugin} {mode:?} {pools:?}");
        let settled = settle(&cluster(plugin, mode, pools));
        assert_eq!(settled.unsettled, [], "{case}");
        let found = ["a", "b"].map(|name| node_ip(&settled.model, name));
        assert_eq!(found, nodes, "{case}");
        for (name, range) in ["on-a", "on-b"].into_iter().zip(pods) {
            let ip = pod_ip(&settled.model, name);
            let beside = if range.contains("/27") {
                // The 30 addresses that follow the node's own.
                let first: IpAddr = nodes[usize::from(name == "on-b")].parse().expect("an address");
                let (IpAddr::V4(first), IpAddr::V4(ip)) = (first, ip) else { panic!("{case}: IPv4") };
                (1..=30).contains(&(u32::from(ip).wrapping_sub(u32::from(first))))
            } else {
                contains(range, ip)
            };
            assert!(beside, "{case}: {name} has {ip}");
        }
        let ranged = settled.allocated.iter().any(|own| own.field == Field::PodCidrs);
        assert_eq!(ranged, pods[0].starts_with("10.244"), "{case}: only these plugins give nodes a range");
        assert_eq!(settle(&settled.model).allocated, [], "{case}: settled once, it stays");
    }
}

#[test]
fn a_new_node_joins_those_that_are_there() {
    let mut model = cluster("azure", Some("overlay"), [("p", None, None), ("q", None, None)]);
    set_address(&mut model, "a", "10.40.2.4");
    assert_eq!(node_ip(&settle(&model).model, "b"), "10.40.2.5");
    // Also where no document shows their subnet.
    set_address(&mut model, "a", "172.16.3.4");
    assert_eq!(node_ip(&settle(&model).model, "b"), "172.16.0.4");
}

#[test]
fn no_address_is_given_twice() {
    let mut model = cluster("azure", None, [("p", Some("one"), None), ("p", Some("one"), None)]);
    set_address(&mut model, "a", "10.40.1.4");
    set_address(&mut model, "b", "10.40.1.5");
    for number in 0..40 {
        pod(&mut model, &format!("more-{number}"), "echo", "a", |_| {});
    }
    let settled = settle(&model);
    assert_eq!(settled.unsettled, []);
    let mut ips: Vec<IpAddr> = settled.model.network_addresses().collect();
    assert_eq!(ips.len(), 44);
    ips.sort();
    ips.dedup();
    assert_eq!(ips.len(), 44, "{ips:?}");
}

#[test]
fn a_full_subnet_leaves_a_node_without_an_address() {
    // A /24 has room for eight nodes of 31 addresses.
    let mut model = cluster("azure", None, [("p", Some("one"), None), ("p", Some("one"), None)]);
    for number in 0..8 {
        node(&mut model, &format!("c{number}"), |node| in_pool(node, "p"));
    }
    let without = |one: &Unsettled| matches!(one, Unsettled::Exhausted { field: Field::InternalIp, .. });
    assert_eq!(settle(&model).unsettled.iter().filter(|one| without(one)).count(), 2);
}
