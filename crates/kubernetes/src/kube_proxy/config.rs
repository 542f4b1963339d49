//! kube-proxy's settings on one node, for one address family.

use crate::address::{first_of_family, parse_cidr};
use ipnet::IpNet;
use model::{
    Model, NodeName,
    azure::PodAddresses,
    kubernetes::{IpFamily, KubeProxyConfiguration, Node, ProxyMode},
};
use netfilter::{InterfaceName, Scheduler};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// How kube-proxy tells the traffic of pods from other traffic (`detectLocalMode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocalDetector {
    /// By source range: modes ClusterCIDR and NodeCIDR.
    Cidr(IpNet),
    /// By incoming bridge.
    BridgeInterface(InterfaceName),
    /// By the beginning of the incoming interface's name; the name here ends in `+`.
    InterfaceNamePrefix(InterfaceName),
    /// Not at all: no rule tells pods from others.
    #[default]
    None,
}

/// A packet counter that kube-proxy uses where the kernel has nfacct.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NfacctCounter {
    /// Counts packets dropped for state INVALID (v1.30).
    CtStateInvalidDroppedPkts,
    /// Counts node-port connections over 127.0.0.0/8 (v1.32).
    LocalhostNpsAcceptedPkts,
}

impl NfacctCounter {
    /// Every counter.
    pub const ALL: [Self; 2] = [Self::CtStateInvalidDroppedPkts, Self::LocalhostNpsAcceptedPkts];

    /// The counter's name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::CtStateInvalidDroppedPkts => "ct_state_invalid_dropped_pkts",
            Self::LocalhostNpsAcceptedPkts => "localhost_nps_accepted_pkts",
        }
    }
}

/// What one kube-proxy knows of itself: one per node and address family.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "kube-proxy has as many switches")]
pub struct ProxyConfig {
    /// What it programs.
    pub mode: ProxyMode,
    /// The node; an endpoint is local if its `nodeName` equals it.
    pub node: NodeName,
    /// The family of this proxier.
    pub family: IpFamily,
    /// The node's primary addresses, at most one per family.
    pub node_ips: Vec<IpAddr>,
    /// Every address of the node's interfaces but the loopback's, in interface order.
    pub local_addresses: Vec<IpAddr>,
    /// How pod traffic is recognised.
    pub local_detector: LocalDetector,
    /// `masqueradeAll` of the mode's settings: masquerade everything that goes to a cluster IP.
    pub masquerade_all: bool,
    /// The mark of packets to masquerade: 1 shifted left by `masqueradeBit` of the mode's settings.
    pub masquerade_mark: u32,
    /// `iptables.localhostNodePorts`, before `nodePortAddresses` is considered; see
    /// [`Self::serves_localhost_node_ports`].
    pub localhost_node_ports: bool,
    /// `nodePortAddresses`, in configured order, both families.
    pub node_port_addresses: Vec<IpNet>,
    /// Which counters the kernel offers.
    pub nfacct_counters: BTreeSet<NfacctCounter>,
    /// Whether iptables knows `MASQUERADE --random-fully` (1.6.2 and later).
    pub random_fully: bool,
    /// Whether `nf_conntrack_tcp_be_liberal` was set when kube-proxy started.
    pub conntrack_tcp_liberal: bool,
    /// The ranges of cluster IPs of both families (`ServiceCIDR` objects); only mode nftables looks at them.
    pub service_ranges: Vec<IpNet>,
    /// How virtual servers pick; only in mode IPVS.
    pub ipvs_scheduler: Scheduler,
    /// The node's labels that hints are compared with.
    pub topology_labels: BTreeMap<String, String>,
}

impl ProxyConfig {
    /// The label in which a node's zone stands.
    pub const ZONE_LABEL: &'static str = "topology.kubernetes.io/zone";

    /// The settings of the kube-proxy on a node of a settled model; `None` if the model has no such node.
    ///
    /// Values come from the model's `KubeProxyConfiguration` with kube-proxy's defaults. The pods' range is
    /// that of the configuration, else of the cluster, else 10.244.0.0/16.
    pub fn of_node(model: &Model, node: &NodeName, family: IpFamily) -> Option<Self> {
        let object = model.nodes.get(node)?;
        let settings = model.kube_proxy.as_deref().cloned().unwrap_or_default();
        let mode = model.proxy_mode();
        // IPVS uses the settings of iptables.
        let (masquerade_all, masquerade_bit) = match mode {
            ProxyMode::Nftables => (settings.nftables.masquerade_all, settings.nftables.masquerade_bit),
            ProxyMode::Iptables | ProxyMode::Ipvs => {
                (settings.iptables.masquerade_all, settings.iptables.masquerade_bit)
            }
        };
        let addresses: Vec<IpAddr> = object.internal_ips().collect();
        let primary = |ipv4: bool| addresses.iter().copied().find(|ip| ip.is_ipv4() == ipv4);
        Some(Self {
            mode,
            node: node.clone(),
            family,
            node_ips: [primary(true), primary(false)].into_iter().flatten().collect(),
            local_detector: detector(model, object, &settings, family),
            masquerade_all,
            masquerade_mark: 1_u32.checked_shl(masquerade_bit.unwrap_or(14).into()).unwrap_or(1 << 14),
            localhost_node_ports: settings.iptables.localhost_node_ports.unwrap_or(true),
            node_port_addresses: node_port_addresses(&settings.node_port_addresses, &addresses),
            local_addresses: addresses,
            nfacct_counters: BTreeSet::new(),
            random_fully: true,
            conntrack_tcp_liberal: settings.conntrack.tcp_be_liberal,
            service_ranges: crate::settle::service_ranges(model),
            ipvs_scheduler: scheduler(model, &settings),
            topology_labels: object.metadata.labels.clone(),
        })
    }

    /// Whether an address is of this proxier's family.
    pub fn is_of_family(&self, ip: IpAddr) -> bool {
        IpFamily::of(ip) == self.family
    }

    /// Whether node ports answer on 127.0.0.0/8: wanted, mode iptables, IPv4, and the loopback is among
    /// `nodePortAddresses` (it is when there are none).
    pub fn serves_localhost_node_ports(&self) -> bool {
        let loopback = Ipv4Addr::new(127, 0, 0, 0);
        let mut ranges = self.node_port_addresses.iter().filter_map(|net| match net {
            IpNet::V4(net) => Some(net),
            IpNet::V6(_) => None,
        });
        let mut any = false;
        let listed = ranges.any(|net| {
            any = true;
            net.network().is_loopback() || net.contains(&loopback)
        });
        self.localhost_node_ports
            && self.mode == ProxyMode::Iptables
            && self.family == IpFamily::IPv4
            && (listed || !any)
    }

    /// The addresses on which node ports answer; `None` for every local address.
    ///
    /// kube-proxy's servers of `healthCheckNodePort` listen on the same ones.
    ///
    /// In the order of `nodePortAddresses`, then of the interfaces. Without `nodePortAddresses` mode nftables takes the
    /// node's primary addresses, the others take all.
    pub fn node_port_ips(&self) -> Option<Vec<IpAddr>> {
        let ranges: Vec<&IpNet> = (self.node_port_addresses.iter())
            .filter(|net| matches!(net, IpNet::V4(_)) == (self.family == IpFamily::IPv4))
            .collect();
        if self.mode == ProxyMode::Nftables && self.node_port_addresses.is_empty() {
            return Some(self.node_ip().into_iter().collect());
        }
        if ranges.is_empty() || ranges.iter().any(|net| net.prefix_len() == 0) {
            return None;
        }
        let loopbacks = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let mut ips = Vec::new();
        for range in ranges {
            for ip in loopbacks.into_iter().chain(self.local_addresses.iter().copied()) {
                if range.contains(&ip)
                    && !ips.contains(&ip)
                    && (!ip.is_loopback() || self.serves_localhost_node_ports())
                {
                    ips.push(ip);
                }
            }
        }
        Some(ips)
    }

    /// The node's primary address of this family.
    pub fn node_ip(&self) -> Option<IpAddr> {
        self.node_ips.iter().copied().find(|ip| self.is_of_family(*ip))
    }

    /// The node's zone; `None` where the label is absent or empty.
    pub fn zone(&self) -> Option<&str> {
        self.topology_labels.get(Self::ZONE_LABEL).map(String::as_str).filter(|zone| !zone.is_empty())
    }

    /// Whether the kernel offers a counter.
    pub(crate) fn counter(&self, counter: NfacctCounter) -> Option<Arc<str>> {
        self.nfacct_counters.contains(&counter).then(|| counter.name().into())
    }
}

/// The scheduler of kube-proxy's settings, else of the cluster's, else round robin.
fn scheduler(model: &Model, settings: &KubeProxyConfiguration) -> Scheduler {
    let of_cluster = || {
        let profile = &model.managed_cluster.as_ref()?.network_profile;
        match profile.kube_proxy_config.as_ref()?.ipvs_config.as_ref()?.scheduler.as_deref()? {
            word if word.eq_ignore_ascii_case("LeastConnection") => Some(Scheduler::LeastConnection),
            _ => None,
        }
    };
    Scheduler::from_name(&settings.ipvs.scheduler).or_else(of_cluster).unwrap_or_default()
}

/// `nodePortAddresses`; the word `primary` means the node's primary addresses.
fn node_port_addresses(texts: &[String], node_ips: &[IpAddr]) -> Vec<IpNet> {
    let mut ranges = Vec::new();
    for text in texts {
        if text == "primary" {
            for ipv4 in [true, false] {
                ranges.extend(node_ips.iter().find(|ip| ip.is_ipv4() == ipv4).map(|ip| IpNet::from(*ip)));
            }
        } else {
            ranges.extend(parse_cidr(text));
        }
    }
    ranges
}

/// Whether pods have addresses of the virtual network: Azure CNI without overlay and without a range of its own.
pub fn pods_are_in_network(model: &Model) -> bool {
    model
        .managed_cluster
        .as_deref()
        .is_some_and(|cluster| cluster.pod_addresses(None) != PodAddresses::OwnRange)
}

fn detector(
    model: &Model,
    node: &Node,
    settings: &KubeProxyConfiguration,
    family: IpFamily,
) -> LocalDetector {
    let ipv4 = family == IpFamily::IPv4;
    let cidr = match settings.detect_local_mode.as_str() {
        "BridgeInterface" => {
            return InterfaceName::new(&settings.detect_local.bridge_interface)
                .map_or(LocalDetector::None, LocalDetector::BridgeInterface);
        }
        "InterfaceNamePrefix" => {
            let prefix = &settings.detect_local.interface_name_prefix;
            return (!prefix.is_empty())
                .then(|| InterfaceName::new(&format!("{prefix}+")))
                .flatten()
                .map_or(LocalDetector::None, LocalDetector::InterfaceNamePrefix);
        }
        "NodeCIDR" => {
            let spec = &node.spec;
            let texts = spec.pod_cidrs.iter().chain([&spec.pod_cidr]);
            first_of_family(texts.map(String::as_str), ipv4)
        }
        _ if !settings.cluster_cidr.is_empty() => first_of_family(settings.cluster_cidr.split(','), ipv4),
        // AKS: pods with addresses of the network are told by their interfaces, which Azure CNI names azv….
        _ if pods_are_in_network(model) => {
            return InterfaceName::new("azv+")
                .map_or(LocalDetector::None, LocalDetector::InterfaceNamePrefix);
        }
        _ => crate::settle::pod_ranges(model).into_iter().find(|net| matches!(net, IpNet::V4(_)) == ipv4),
    };
    cidr.map_or(LocalDetector::None, LocalDetector::Cidr)
}
