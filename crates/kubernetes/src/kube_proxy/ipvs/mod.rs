//! What kube-proxy makes of a host in mode IPVS: virtual servers, their addresses on the device `kube-ipvs0`, sets of
//! ipset, and few rules of iptables that ask those sets.
//!
//! Facts: `pkg/proxy/ipvs` of Kubernetes 1.34 and 1.35.

mod rules;
mod sets;

use super::{ProxyConfig, ServiceMap, ServicePort, service_rules::View};
use model::kubernetes::Protocol;
use netfilter::{IpSet, Ipvs, VirtualAddress, VirtualServer};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

pub use rules::rules;

/// The device that holds the addresses of Services. It carries no packets: an address on it is one of the host, and so
/// packets for it come by INPUT, where IPVS is.
pub const DEVICE: &str = "kube-ipvs0";

/// What is not rules.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Balancing {
    /// The virtual servers.
    pub servers: Ipvs,
    /// The sets, by name.
    pub sets: BTreeMap<Box<str>, IpSet>,
    /// The addresses on `kube-ipvs0`.
    pub addresses: BTreeSet<IpAddr>,
    /// Virtual servers of load balancers that the node itself may not call: it is in none of the source ranges.
    pub(super) closed_to_node: BTreeSet<VirtualAddress>,
}

/// Everything but the rules.
pub fn balancing(config: &ProxyConfig, services: &ServiceMap) -> Balancing {
    let mut balancing = Balancing { sets: sets::empty(config), ..Balancing::default() };
    for service in services.ports() {
        let view = View::new(config, service, true);
        balancing.add_servers(&view);
        sets::fill(&mut balancing, &view);
    }
    sets::fill_addresses(&mut balancing, config);
    balancing
}

impl Balancing {
    /// A virtual server for each address of a Service.
    fn add_servers(&mut self, view: &View<'_>) {
        let service = view.service;
        self.add_server(view, service.cluster_ip, service.port, service.internal_policy_local);
        self.addresses.insert(service.cluster_ip);
        let external = service.external_policy_local;
        for ip in service.external_ips.iter().chain(&service.vips) {
            self.add_server(view, *ip, service.port, external);
            // An address of another interface stays there alone.
            if !view.config.local_addresses.contains(ip) {
                self.addresses.insert(*ip);
            }
        }
        if service.node_port != 0 {
            for ip in node_port_ips(view.config) {
                self.add_server(view, ip, service.node_port, external);
            }
        }
    }

    fn add_server(&mut self, view: &View<'_>, ip: IpAddr, port: u16, local: bool) {
        let service = view.service;
        let at = VirtualAddress { protocol: protocol(service.protocol), ip, port };
        // Of two Services with the same address and port the first keeps it.
        self.servers.entry(at).or_insert_with(|| VirtualServer {
            scheduler: view.config.ipvs_scheduler,
            persistent: service.affinity,
            destinations: destinations(view, local),
            owner: std::sync::Arc::clone(&service.name),
        });
    }
}

/// Under policy Local those on this node, but all where none is: unlike the other modes, this one has no rule that
/// drops.
fn destinations(view: &View<'_>, local: bool) -> Vec<SocketAddr> {
    let choice = &view.choice;
    let own = choice.local.as_ref().filter(|list| local && !list.is_empty());
    let chosen = own.or(choice.cluster.as_ref()).into_iter().flatten();
    let endpoint = |i: &u32| view.service.endpoints.get(*i as usize);
    chosen.filter_map(endpoint).map(super::ProxyEndpoint::socket).collect()
}

/// The addresses on which node ports answer: never the loopback.
fn node_port_ips(config: &ProxyConfig) -> Vec<IpAddr> {
    let all = || config.local_addresses.iter().copied().filter(|ip| config.is_of_family(*ip)).collect();
    let mut ips: Vec<IpAddr> = config.node_port_ips().unwrap_or_else(all);
    ips.retain(|ip| !ip.is_loopback());
    ips
}

fn protocol(protocol: Protocol) -> netfilter::Protocol {
    match protocol {
        Protocol::Tcp => netfilter::Protocol::Tcp,
        Protocol::Udp => netfilter::Protocol::Udp,
        Protocol::Sctp => netfilter::Protocol::Sctp,
    }
}

/// The virtual address of a service port's own address.
fn at(service: &ServicePort, ip: IpAddr) -> VirtualAddress {
    VirtualAddress { protocol: protocol(service.protocol), ip, port: service.port }
}
