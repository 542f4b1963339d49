//! The network namespace of a node: interfaces, routes and rules.

use crate::{
    pod_link::PodLink,
    topology::{Site, Topology, UPLINK},
};
use ipnet::IpNet;
use kubernetes::{
    kube_proxy::{Programming, ipvs::DEVICE},
    portmap,
};
use model::{
    Model, NodeName,
    kubernetes::{Node, ProxyMode},
};
use netfilter::{Host, Interface, InterfaceName, Route, TableName};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A node's interfaces and routes, apart from what kube-proxy adds.
pub(crate) fn links(model: &Model, topology: &Topology, node: &Node) -> Links {
    let at_pods = PodLink::of(model).addresses(node);
    let routes = routes(model, topology, &node.name(), &at_pods);
    Links { interfaces: interfaces(model, topology, node, &at_pods), routes }
}

/// Interfaces and routes.
#[derive(Debug, Clone)]
pub(crate) struct Links {
    interfaces: Vec<Interface>,
    routes: Vec<Route>,
}

impl Links {
    pub(crate) fn into_parts(self) -> (Vec<Interface>, Vec<Route>) {
        (self.interfaces, self.routes)
    }
}

/// Builds a node's namespace around what programs of both families made of it.
pub(crate) fn namespace(model: &Model, links: Links, [ipv4, ipv6]: [Programming; 2]) -> Host {
    let Links { mut interfaces, routes } = links;
    let balanced: Vec<IpNet> =
        ipv4.ipvs.addresses.iter().chain(&ipv6.ipvs.addresses).map(|ip| IpNet::from(*ip)).collect();
    if let Some(name) = InterfaceName::new(DEVICE).filter(|_| !balanced.is_empty()) {
        interfaces.push(Interface { name, addresses: balanced, hairpin: true });
    }
    // portmap sets it on the interfaces towards the pods alone; what comes from and goes to the loopback crosses no other.
    let maps_ports = ipv4
        .iptables
        .tables
        .get(&TableName::Nat)
        .is_some_and(|nat| nat.chains.iter().any(|chain| chain.name.as_str() == portmap::CHAIN));
    Host {
        interfaces,
        routes,
        ipv4: ipv4.iptables.into(),
        ipv6: ipv6.iptables.into(),
        ipsets: ipv4.ipvs.sets.into_iter().chain(ipv6.ipvs.sets).collect(),
        ipvs: ipv4.ipvs.servers.into_iter().chain(ipv6.ipvs.servers).collect(),
        nft: ipv4.nftables.into_iter().chain(ipv6.nftables).collect(),
        forwarding: true,
        // kube-proxy in mode iptables sets it while node ports answer on 127.0.0.1, its default.
        route_localnet: maps_ports
            || model.proxy_mode() == ProxyMode::Iptables
                && model
                    .kube_proxy
                    .as_ref()
                    .is_none_or(|config| config.iptables.localhost_node_ports.unwrap_or(true)),
    }
}

/// Loopback, the uplink with the node's addresses, and one interface for each pod or for all.
fn interfaces(model: &Model, topology: &Topology, node: &Node, at_pods: &[IpNet]) -> Vec<Interface> {
    let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let loopback = loopback.into_iter().zip([8, 128]).filter_map(|(ip, length)| IpNet::new(ip, length).ok());
    let uplink = node.internal_ips().filter_map(|ip| IpNet::new(ip, subnet_length(model, ip)).ok());
    let interface = |name: InterfaceName, addresses| Interface { name, addresses, hairpin: true };
    let mut towards_pods: Vec<InterfaceName> =
        topology.guests(&node.name()).into_iter().map(|(_, name)| name).collect();
    // Pods on a bridge have one.
    towards_pods.dedup();
    [("lo", loopback.collect()), (UPLINK, uplink.collect::<Vec<_>>())]
        .into_iter()
        .filter_map(|(name, addresses)| Some(interface(InterfaceName::new(name)?, addresses)))
        .chain(towards_pods.into_iter().map(|name| interface(name, at_pods.to_vec())))
        .collect()
}

/// The prefix length of the subnet that holds the address: a document's, else AKS's /16 (IPv6: /64).
fn subnet_length(model: &Model, ip: IpAddr) -> u8 {
    let subnets = model.virtual_networks.values().flat_map(|network| &network.subnets);
    subnets
        .flat_map(|subnet| subnet.address_prefix.iter().chain(&subnet.address_prefixes))
        .filter_map(|prefix| prefix.parse::<IpNet>().ok())
        .filter(|subnet| subnet.contains(&ip))
        .map(|subnet| subnet.prefix_len())
        .max()
        .unwrap_or(if ip.is_ipv4() { 16 } else { 64 })
}

/// One route per pod on the node, with the node's address towards it if it has one, and the default route by the uplink.
/// Everything that is not on the node goes to the network, neighbours included: Azure switches it there.
fn routes(model: &Model, topology: &Topology, name: &NodeName, at_pods: &[IpNet]) -> Vec<Route> {
    let Some(uplink) = InterfaceName::new(UPLINK) else { return Vec::new() };
    let addresses: Vec<IpAddr> =
        model.nodes.get(name).map(|node| node.internal_ips().collect()).unwrap_or_default();
    let source = |v4: bool| addresses.iter().copied().find(|ip| ip.is_ipv4() == v4);
    let to_guest = topology.guests(name).into_iter().flat_map(|(site, interface)| {
        guest_addresses(model, site).into_iter().map(move |ip| Route {
            destination: IpNet::from(ip),
            via: None,
            interface,
            source: at_pods.iter().map(IpNet::addr).find(|own| own.is_ipv4() == ip.is_ipv4()),
            metric: 0,
        })
    });
    let any = |net: Result<IpNet, ipnet::PrefixLenError>, v4: bool| {
        let source = source(v4)?;
        let gateway = gateway_of(model, source);
        Some(Route {
            destination: net.ok()?,
            via: gateway,
            interface: uplink,
            source: Some(source),
            metric: 100,
        })
    };
    let mut routes: Vec<Route> = to_guest.collect();
    routes.extend(any(IpNet::new(Ipv4Addr::UNSPECIFIED.into(), 0), true));
    routes.extend(any(IpNet::new(Ipv6Addr::UNSPECIFIED.into(), 0), false));
    routes
}

fn guest_addresses(model: &Model, site: &Site) -> Vec<IpAddr> {
    match site {
        Site::Pod(key) => model.pods.get(key).map(|pod| pod.ips().collect()).unwrap_or_default(),
        Site::Endpoint(ip) => vec![*ip],
        Site::Internet | Site::Fabric | Site::Node(_) => Vec::new(),
    }
}

/// Azure's gateway: the first address of the subnet.
fn gateway_of(model: &Model, ip: IpAddr) -> Option<IpAddr> {
    let subnet = IpNet::new(ip, subnet_length(model, ip)).ok()?;
    subnet.hosts().next()
}
