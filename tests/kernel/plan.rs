//! From the engine's settled cluster to the plan of a lab: nodes, pods, and who listens where.

use crate::{
    agent::Transport,
    cluster::{Family, client_ip, many_clients, vm_ip},
    flows::{CLIENT, MANY, VM},
    lab::{Host, Plan, Role},
};
use engine::World;
use ipnet::IpNet;
use kubernetes::kube_proxy::{ProxyConfig, ServiceMap, installed};
use model::{
    Model, NodeName,
    kubernetes::{IpFamily, Node, Pod, Protocol},
};
use std::net::IpAddr;

/// The plan of a settled cluster, with a VM and a host on the internet beside it.
pub(crate) fn plan(world: &World) -> Plan {
    let model = world.model();
    let mut hosts: Vec<_> = model.nodes.iter().map(|(name, node)| node_host(model, name, node)).collect();
    hosts.extend(model.pods.iter().filter(|(_, pod)| !pod.spec.host_network).map(|(key, pod)| Host {
        name: key.to_string(),
        role: Role::Pod { node: node_name(&pod.spec.node_name) },
        addresses: pod.ips().collect(),
        listens: ports(pod),
    }));
    let outside = |name: &str, addresses: Vec<IpAddr>| Host {
        name: name.into(),
        role: Role::Outside,
        addresses,
        listens: Vec::new(),
    };
    hosts.push(outside(VM, Family::BOTH.map(vm_ip).into()));
    let mut client = Family::BOTH.map(client_ip).to_vec();
    for family in Family::BOTH {
        client.extend((100..100 + MANY).map(|number| many_clients(family, number)));
    }
    hosts.push(outside(CLIENT, client));
    Plan { hosts }
}

/// The lab's name of a node.
pub(crate) fn node_name(name: &str) -> String {
    format!("node/{name}")
}

fn node_host(model: &Model, name: &NodeName, node: &Node) -> Host {
    let on_host = |pod: &&Pod| pod.spec.host_network && pod.spec.node_name == name.as_str();
    let pods = model.pods.values().map(AsRef::as_ref).filter(on_host);
    Host {
        name: node_name(name.as_str()),
        role: Role::Node {
            pod_ranges: node.spec.pod_cidrs.iter().filter_map(|range| range.parse::<IpNet>().ok()).collect(),
            ipv4: rules(model, name, IpFamily::IPv4),
            ipv6: rules(model, name, IpFamily::IPv6),
        },
        addresses: node.internal_ips().collect(),
        listens: pods.flat_map(ports).collect(),
    }
}

/// What the containers of a pod say that they listen on.
fn ports(pod: &Pod) -> Vec<(Transport, u16)> {
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let transport = |protocol| match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Sctp => None,
    };
    ports.filter_map(|port| Some((transport(port.protocol)?, port.container_port))).collect()
}

fn rules(_model: &Model, _node: &NodeName, _family: IpFamily) -> String {
    String::new()
}
