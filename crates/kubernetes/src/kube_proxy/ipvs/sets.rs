//! The sets: which addresses and ports a few rules ask for, instead of a rule for each.

use super::{Balancing, at, node_port_ips, protocol};
use crate::kube_proxy::{ProxyConfig, service_rules::View};
use ipnet::IpNet;
use model::kubernetes::IpFamily;
use netfilter::{Family, IpSet, SetEntry, SetKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// The sets. Names are those of IPv4; in IPv6 `KUBE-` is `KUBE-6-`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    LoopBack,
    ClusterIp,
    ExternalIp,
    ExternalIpLocal,
    LoadBalancer,
    LoadBalancerFirewall,
    LoadBalancerLocal,
    LoadBalancerSourceIp,
    LoadBalancerSourceCidr,
    NodePortTcp,
    NodePortLocalTcp,
    NodePortUdp,
    NodePortLocalUdp,
    NodePortSctp,
    NodePortLocalSctp,
    HealthCheckNodePort,
    IpvsIps,
}

use Purpose::{
    ClusterIp, ExternalIp, ExternalIpLocal, HealthCheckNodePort, IpvsIps, LoadBalancer, LoadBalancerFirewall,
    LoadBalancerLocal, LoadBalancerSourceCidr, LoadBalancerSourceIp, LoopBack, NodePortLocalSctp,
    NodePortLocalTcp, NodePortLocalUdp, NodePortSctp, NodePortTcp, NodePortUdp,
};

/// Every set with the end of its name, its type, and what rules say of it.
const ALL: [(Purpose, &str, SetKind, &str); 17] = [
    (
        LoopBack,
        "LOOP-BACK",
        SetKind::IpPortIp,
        "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose",
    ),
    (ClusterIp, "CLUSTER-IP", SetKind::IpPort, "Kubernetes service cluster ip + port for masquerade purpose"),
    (
        ExternalIp,
        "EXTERNAL-IP",
        SetKind::IpPort,
        "Kubernetes service external ip + port for masquerade and filter purpose",
    ),
    (
        ExternalIpLocal,
        "EXTERNAL-IP-LOCAL",
        SetKind::IpPort,
        "Kubernetes service external ip + port with externalTrafficPolicy=local",
    ),
    (LoadBalancer, "LOAD-BALANCER", SetKind::IpPort, "Kubernetes service lb portal"),
    (
        LoadBalancerFirewall,
        "LOAD-BALANCER-FW",
        SetKind::IpPort,
        "Kubernetes service load balancer ip + port for load balancer with sourceRange",
    ),
    (
        LoadBalancerLocal,
        "LOAD-BALANCER-LOCAL",
        SetKind::IpPort,
        "Kubernetes service load balancer ip + port with externalTrafficPolicy=local",
    ),
    (
        LoadBalancerSourceIp,
        "LOAD-BALANCER-SOURCE-IP",
        SetKind::IpPortIp,
        "Kubernetes service load balancer ip + port + source IP for packet filter purpose",
    ),
    (
        LoadBalancerSourceCidr,
        "LOAD-BALANCER-SOURCE-CIDR",
        SetKind::IpPortNet,
        "Kubernetes service load balancer ip + port + source cidr for packet filter purpose",
    ),
    (NodePortTcp, "NODE-PORT-TCP", SetKind::Port, "Kubernetes nodeport TCP port for masquerade purpose"),
    (
        NodePortLocalTcp,
        "NODE-PORT-LOCAL-TCP",
        SetKind::Port,
        "Kubernetes nodeport TCP port with externalTrafficPolicy=local",
    ),
    (NodePortUdp, "NODE-PORT-UDP", SetKind::Port, "Kubernetes nodeport UDP port for masquerade purpose"),
    (
        NodePortLocalUdp,
        "NODE-PORT-LOCAL-UDP",
        SetKind::Port,
        "Kubernetes nodeport UDP port with externalTrafficPolicy=local",
    ),
    (
        NodePortSctp,
        "NODE-PORT-SCTP-HASH",
        SetKind::IpPort,
        "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'",
    ),
    (
        NodePortLocalSctp,
        "NODE-PORT-LOCAL-SCTP-HASH",
        SetKind::IpPort,
        "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
    ),
    (HealthCheckNodePort, "HEALTH-CHECK-NODE-PORT", SetKind::Port, "Kubernetes health check node port"),
    (IpvsIps, "IPVS-IPS", SetKind::Ip, "Addresses on the ipvs interface"),
];

impl Purpose {
    /// The set's name in a family.
    pub(super) fn name(self, family: IpFamily) -> Box<str> {
        let end = ALL.iter().find(|(purpose, ..)| *purpose == self).map_or("", |(_, end, ..)| end);
        name(end, family)
    }

    /// What rules say of the set.
    pub(super) fn comment(self) -> &'static str {
        ALL.iter().find(|(purpose, ..)| *purpose == self).map_or("", |(.., comment)| comment)
    }
}

/// Most characters of a set's name (`IPSET_MAXNAMELEN` less the end); kube-proxy cuts what is longer.
const LONGEST_NAME: usize = 31;

fn name(end: &str, family: IpFamily) -> Box<str> {
    let start = if family == IpFamily::IPv4 { "KUBE-" } else { "KUBE-6-" };
    let mut name = format!("{start}{end}");
    name.truncate(LONGEST_NAME);
    name.into()
}

/// Every set, empty.
pub(super) fn empty(config: &ProxyConfig) -> BTreeMap<Box<str>, IpSet> {
    let family = if config.family == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
    let set = |(_, end, kind, _): (Purpose, &str, SetKind, &str)| {
        let name = name(end, config.family);
        (name.clone(), IpSet { name, kind, family, entries: BTreeSet::new() })
    };
    order::map(ALL.map(set))
}

/// The addresses of `kube-ipvs0` are a set too.
pub(super) fn fill_addresses(balancing: &mut Balancing, config: &ProxyConfig) {
    let addresses: Vec<IpAddr> = balancing.addresses.iter().copied().collect();
    for ip in addresses {
        add(balancing, config, IpvsIps, SetEntry { address: Some(ip), ..SetEntry::default() });
    }
}

fn add(balancing: &mut Balancing, config: &ProxyConfig, purpose: Purpose, entry: SetEntry) {
    if let Some(set) = balancing.sets.get_mut(&purpose.name(config.family)) {
        set.entries.insert(entry);
    }
}

/// The entries of a service port.
pub(super) fn fill(balancing: &mut Balancing, view: &View<'_>) {
    let (service, config) = (view.service, view.config);
    let protocol = protocol(service.protocol);
    let mut add = |purpose, entry| add(balancing, config, purpose, entry);
    let socket = |ip: IpAddr, port: u16, other: Option<IpNet>| SetEntry {
        address: Some(ip),
        protocol: Some(protocol),
        port,
        other,
    };
    let port = |port: u16| SetEntry { port, ..SetEntry::default() };
    // Every endpoint on this node, used or not.
    let here = |node: &Option<std::sync::Arc<str>>| node.as_deref() == Some(config.node.as_str());
    for endpoint in service.endpoints.iter().filter(|endpoint| here(&endpoint.node)) {
        add(LoopBack, socket(endpoint.ip, endpoint.port, Some(endpoint.ip.into())));
    }
    add(ClusterIp, socket(service.cluster_ip, service.port, None));
    let local = service.external_policy_local;
    for ip in &service.external_ips {
        add(if local { ExternalIpLocal } else { ExternalIp }, socket(*ip, service.port, None));
    }
    let mut closed = Vec::new();
    for ip in &service.vips {
        let entry = |other| socket(*ip, service.port, other);
        add(LoadBalancer, entry(None));
        if local {
            add(LoadBalancerLocal, entry(None));
        }
        if service.source_ranges.is_empty() {
            continue;
        }
        add(LoadBalancerFirewall, entry(None));
        for range in &service.source_ranges {
            add(LoadBalancerSourceCidr, entry(Some(range.trunc())));
        }
        let node = config.node_ip();
        if node.is_some_and(|node| service.source_ranges.iter().any(|range| range.contains(&node))) {
            add(LoadBalancerSourceIp, entry(Some((*ip).into())));
        } else {
            closed.push(at(service, *ip));
        }
    }
    if service.node_port != 0 && !node_port_ips(config).is_empty() {
        let (all, own) = match service.protocol {
            model::kubernetes::Protocol::Tcp => (NodePortTcp, NodePortLocalTcp),
            model::kubernetes::Protocol::Udp => (NodePortUdp, NodePortLocalUdp),
            model::kubernetes::Protocol::Sctp => (NodePortSctp, NodePortLocalSctp),
        };
        let entries = match service.protocol {
            model::kubernetes::Protocol::Sctp => {
                node_port_ips(config).into_iter().map(|ip| socket(ip, service.node_port, None)).collect()
            }
            _ => vec![port(service.node_port)],
        };
        for entry in entries {
            add(all, entry);
            if local {
                add(own, entry);
            }
        }
    }
    if service.health_check_node_port != 0 {
        add(HealthCheckNodePort, port(service.health_check_node_port));
    }
    balancing.closed_to_node.extend(closed);
}
