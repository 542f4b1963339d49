//! Subnets of the virtual network, from which nodes have their addresses, and pods where the network plugin says so.

use super::{
    addresses::pod_ranges,
    allocator::{nth, size},
};
use crate::address::parse_cidr;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{
    Model,
    azure::{AgentPool, PodAddresses, Subnet, max_pods},
    kubernetes::Node,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Subnets whose names Azure reserves for its own resources.
const RESERVED: [&str; 5] = [
    "AzureBastionSubnet",
    "AzureFirewallManagementSubnet",
    "AzureFirewallSubnet",
    "GatewaySubnet",
    "RouteServerSubnet",
];

/// Where addresses come from in one cluster.
pub(super) struct Subnets<'a> {
    model: &'a Model,
    /// The subnets of nodes whose pool names none, one per family.
    default: Vec<IpNet>,
}

impl<'a> Subnets<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        let of_nodes = model.nodes.values().find_map(|node| shown_around(model, node));
        let shown = of_nodes.or_else(|| unclaimed(model)).map(prefixes).unwrap_or_default();
        Self { model, default: with_defaults(model, &shown) }
    }

    fn pool(&self, node: &Node) -> Option<&'a AgentPool> {
        self.model.managed_cluster.as_deref()?.pool(node.pool()?)
    }

    /// The subnets from which a node has its addresses, one per family: its pool's (`vnetSubnetID`), else that of
    /// the nodes whose addresses are given, else one of the input's virtual network that nothing else claims, else
    /// AKS's default.
    pub(super) fn of_node(&self, node: &Node) -> Vec<IpNet> {
        let named = self.pool(node).and_then(|pool| self.model.subnet(pool.vnet_subnet_id.as_ref()?));
        named.map_or_else(|| self.default.clone(), |subnet| with_defaults(self.model, &prefixes(subnet)))
    }

    /// Where the pods of a node have their addresses from.
    pub(super) fn pod_addresses(&self, node: &Node) -> PodAddresses<'a> {
        match self.model.managed_cluster.as_deref() {
            Some(cluster) => cluster.pod_addresses(self.pool(node)),
            None => PodAddresses::OwnRange,
        }
    }

    /// How many addresses after its own a node keeps for its pods: with node subnet as many as it may ever run.
    pub(super) fn kept_by_node(&self, node: &Node) -> usize {
        let cluster = self.model.managed_cluster.as_deref();
        match (self.pod_addresses(node), cluster) {
            (PodAddresses::NodeSubnet, Some(cluster)) => {
                max_pods(self.pool(node).unwrap_or(&AgentPool::default()), cluster) as usize
            }
            _ => 0,
        }
    }

    /// The subnets in which a node's pods have addresses; none where pods have ranges of their own.
    pub(super) fn of_pods(&self, node: &Node) -> Vec<IpNet> {
        match self.pod_addresses(node) {
            PodAddresses::OwnRange => Vec::new(),
            PodAddresses::Subnet(id) => self.model.subnet(id).map_or_else(|| self.of_node(node), prefixes),
            PodAddresses::NodeSubnet => {
                shown_around(self.model, node).map_or_else(|| self.of_node(node), prefixes)
            }
        }
    }
}

/// Azure keeps the first four addresses of a subnet and the last.
pub(super) fn usable(subnet: IpNet) -> impl Iterator<Item = IpAddr> {
    (4..size(subnet) - 1).map_while(move |offset| nth(subnet, offset))
}

fn prefixes(subnet: &Subnet) -> Vec<IpNet> {
    subnet.prefixes().filter_map(parse_cidr).collect()
}

fn holds(nets: &[IpNet], ip: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&ip))
}

/// The subnet of the input in which a node is, by its own address.
fn shown_around<'a>(model: &'a Model, node: &Node) -> Option<&'a Subnet> {
    let ip = node.internal_ips().next()?;
    let mut subnets = model.virtual_networks.values().flat_map(|network| &network.subnets);
    subnets.find(|subnet| holds(&prefixes(subnet), ip))
}

/// The first subnet of the cluster's network that can hold nodes, where no node tells by its address.
fn unclaimed(model: &Model) -> Option<&Subnet> {
    if model.nodes.values().any(|node| node.internal_ips().next().is_some()) {
        return None;
    }
    let pools = || model.managed_cluster.iter().flat_map(|cluster| &cluster.agent_pool_profiles);
    let named = pools().find_map(|pool| model.subnet(pool.vnet_subnet_id.as_ref()?));
    let of_pods = |subnet: &Subnet| {
        pools()
            .filter_map(|pool| model.subnet(pool.pod_subnet_id.as_ref()?))
            .any(|own| std::ptr::eq(own, subnet))
    };
    let is_free = |subnet: &&Subnet| {
        !RESERVED.iter().any(|name| subnet.name.eq_ignore_ascii_case(name)) && !of_pods(subnet)
    };
    let mut subnets = model.virtual_networks.values().flat_map(|network| &network.subnets);
    named.or_else(|| subnets.find(is_free))
}

/// One subnet for each family in which pods have addresses: of those given, else AKS's default where it holds the
/// first node or there is none, else what surrounds the first node.
fn with_defaults(model: &Model, given: &[IpNet]) -> Vec<IpNet> {
    // AKS has no default for IPv6; this range is chosen here.
    let ipv4 = Ipv4Net::new_assert(Ipv4Addr::new(10, 224, 0, 0), 16).into();
    let ipv6 = Ipv6Net::new_assert(Ipv6Addr::new(0xfd12, 0x3456, 0x789a, 0xe0, 0, 0, 0, 0), 64).into();
    let of_family = |range: &IpNet| {
        let alike = |ip: &IpAddr| ip.is_ipv4() == range.addr().is_ipv4();
        if let Some(own) = given.iter().copied().find(|net| alike(&net.addr())) {
            return own;
        }
        let default: IpNet = if range.addr().is_ipv4() { ipv4 } else { ipv6 };
        let first = model.nodes.values().find_map(|node| node.internal_ips().find(alike));
        let around = first.filter(|ip| !default.contains(ip)).and_then(|ip| {
            let length = if ip.is_ipv4() { 16 } else { 64 };
            IpNet::new(ip, length).ok()
        });
        around.map_or(default, |net| net.trunc())
    };
    pod_ranges(model).iter().map(of_family).collect()
}
