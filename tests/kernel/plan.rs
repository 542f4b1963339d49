//! From the engine's settled cluster to the plan of a lab: nodes, pods, and who listens where.

use crate::{
    agent::Transport,
    cluster::{Family, POD_PORT, client_ip, many_clients, vm_ip},
    flows::{CLIENT, MANY, VM},
    lab::{Hash, Host, Plan, Role, Server},
};
use engine::World;
use ipnet::IpNet;
use model::{
    Key, Model, NodeName,
    kubernetes::{IpFamily, Node, Pod, Protocol, ProxyMode},
};
use netfilter::{Form, nft};
use std::net::IpAddr;

/// The plan of a settled cluster, with a VM and a host on the internet beside it.
///
/// With `sticky` Services, the load balancer's distribution is by addresses alone, as the cloud controller sets it.
pub(crate) fn plan(world: &World, sticky: bool) -> Plan {
    let model = world.model();
    let mut hosts: Vec<_> = model.nodes.iter().map(|(name, node)| node_host(world, name, node)).collect();
    hosts.extend(model.pods.iter().filter(|(_, pod)| !pod.spec.host_network).map(|(key, pod)| Host {
        name: key.to_string(),
        role: Role::Pod { node: node_name(&pod.spec.node_name) },
        addresses: pod.ips().collect(),
        servers: vec![server(key, pod), Server::at_any(key.to_string(), vec![PING])],
    }));
    hosts.push(outside(VM, Family::BOTH.map(vm_ip).into()));
    let mut client = Family::BOTH.map(client_ip).to_vec();
    for family in Family::BOTH {
        client.extend((100..100 + MANY).map(|number| many_clients(family, number)));
    }
    hosts.push(outside(CLIENT, client));
    Plan { hosts, hash: if sticky { Hash::Addresses } else { Hash::FiveTuple } }
}

/// A host that is no part of the cluster. It listens everywhere; the engine calls it by its address.
fn outside(name: &str, addresses: Vec<IpAddr>) -> Host {
    let ports = vec![(Transport::Tcp, POD_PORT), (Transport::Udp, POD_PORT), PING];
    let server = |&address: &IpAddr| Server { name: address.to_string(), address, ports: ports.clone() };
    let servers = addresses.iter().take(Family::BOTH.len()).map(server).collect();
    Host { name: name.into(), role: Role::Outside, addresses, servers }
}

/// Echo requests have no port.
const PING: (Transport, u16) = (Transport::Icmp, 0);

/// The lab's name of a node.
pub(crate) fn node_name(name: &str) -> String {
    format!("node/{name}")
}

fn node_host(world: &World, name: &NodeName, node: &Node) -> Host {
    let model = world.model();
    let on_host = |pod: &&Pod| pod.spec.host_network && pod.spec.node_name == name.as_str();
    let pods = model.pods.values().map(AsRef::as_ref).filter(on_host);
    let rules = |ip_family, family| {
        let rules = world.rules(name, ip_family);
        rules.map(|rules| rules.text(family, Form::KUBE_PROXY).to_string()).unwrap_or_default()
    };
    let ipv4 = rules(IpFamily::IPv4, netfilter::Family::V4);
    // kube-proxy sets it in mode iptables, and portmap for the pods that take a port of the node.
    let route_localnet = model.proxy_mode() == ProxyMode::Iptables || ipv4.contains("CNI-HOSTPORT-DNAT");
    let nft = [IpFamily::IPv4, IpFamily::IPv6].into_iter().filter_map(|family| world.nft_table(name, family));
    let nft = nft.map(|table| table.text(nft::Form::Load).to_string()).collect();
    let pod_ranges: Vec<IpNet> =
        node.spec.pod_cidrs.iter().filter_map(|range| range.parse::<IpNet>().ok()).collect();
    let plugin = model.managed_cluster.as_ref().and_then(|own| own.network_profile.network_plugin.as_deref());
    // The CNI plugin `bridge` with isGateway: the first address of each range.
    let first = |range: &IpNet| {
        let first = range.hosts().find(|ip| *ip != range.network())?;
        IpNet::new(first, range.prefix_len()).ok()
    };
    let bridge =
        if plugin == Some("kubenet") { pod_ranges.iter().filter_map(first).collect() } else { Vec::new() };
    let mut servers: Vec<_> = pods.map(|pod| server(&pod.metadata.key(), pod)).collect();
    servers.push(Server::at_any(node_name(name.as_str()), node_ports(model)));
    Host {
        name: node_name(name.as_str()),
        role: Role::Node {
            pod_ranges,
            bridge,
            ipv4,
            ipv6: rules(IpFamily::IPv6, netfilter::Family::V6),
            nft,
            route_localnet,
        },
        addresses: node.internal_ips().collect(),
        servers,
    }
}

/// Where a node itself answers: the ports of kube-proxy's health servers, its own and one for each Service that has a
/// health-check node port, and echo requests.
fn node_ports(model: &Model) -> Vec<(Transport, u16)> {
    let services = model.services.values().map(|service| service.spec.health_check_node_port);
    let ports = services.chain([10256]).filter(|port| *port != 0).map(|port| (Transport::Tcp, port));
    ports.chain([PING]).collect()
}

/// A pod's server: it listens where the containers say.
fn server(key: &Key, pod: &Pod) -> Server {
    let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
    let transport = |protocol| match protocol {
        Protocol::Tcp => Some(Transport::Tcp),
        Protocol::Udp => Some(Transport::Udp),
        Protocol::Sctp => None,
    };
    let ports = ports.filter_map(|port| Some((transport(port.protocol)?, port.container_port)));
    Server::at_any(key.to_string(), ports.collect())
}
