//! Ranges of nodes, addresses of nodes and pods.

use super::{
    Allocation, Field, Settled, Unsettled,
    allocator::{Taken, nth, offset, size},
    subnets::{Subnets, usable},
};
use crate::{address::parse_cidr, hashing::FastMap, kube_proxy::pods_are_in_network};
use ipnet::{IpNet, Ipv4Net};
use model::{
    Key, Kind, Model, ObjectRef,
    azure::PodAddresses,
    kubernetes::{Address, AddressKind, Node, Pod, PodIp},
};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// The ranges of pod addresses, at most one per family: the cluster's, else AKS's default.
pub(crate) fn pod_ranges(model: &Model) -> Vec<IpNet> {
    let profile = model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
    let texts = profile.into_iter().flat_map(|profile| profile.pod_cidrs.iter().chain(&profile.pod_cidr));
    ranges(texts, [10, 244, 0, 0])
}

/// The ranges of cluster IPs, the primary family first.
pub(crate) fn service_ranges(model: &Model) -> Vec<IpNet> {
    let profile = model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
    let texts =
        profile.into_iter().flat_map(|profile| profile.service_cidrs.iter().chain(&profile.service_cidr));
    ranges(texts, [10, 0, 0, 0])
}

/// The cluster IP of the API server's own Service: the first address of the primary range (`GetAllocatableAddressRange` of
/// the API server keeps it).
pub fn api_server(model: &Model) -> Option<IpAddr> {
    nth(*service_ranges(model).first()?, 1)
}

fn ranges<'a>(texts: impl Iterator<Item = &'a String>, default: [u8; 4]) -> Vec<IpNet> {
    let mut ranges: Vec<IpNet> = Vec::new();
    for range in texts.filter_map(|text| parse_cidr(text)) {
        let same_family = |other: &IpNet| matches!(other, IpNet::V4(_)) == matches!(range, IpNet::V4(_));
        if !ranges.iter().any(same_family) {
            ranges.push(range);
        }
    }
    if ranges.is_empty() {
        ranges.push(Ipv4Net::new_assert(Ipv4Addr::from(default), 16).into());
    }
    ranges
}

/// Gives nodes an address and, where their pods have ranges of their own, a range for them, in name order.
pub(super) fn nodes(settled: &mut Settled) {
    let model = settled.model.clone();
    if model.nodes.values().all(|node| is_complete(&model, node)) {
        return;
    }
    let subnets = Subnets::new(&model);
    let mut taken = Taken::new(model.nodes.values().flat_map(|node| cidrs(node).collect::<Vec<_>>()));
    let mut free_ranges: Vec<_> = pod_ranges(&model).into_iter().map(node_ranges).collect();
    let mut taken_addresses = Taken::new(model.network_addresses());
    let mut free_addresses = Vec::new();
    for (name, node) in &model.nodes {
        let object = ObjectRef::node(name);
        let mut changed = Arc::clone(node);
        if cidrs(node).next().is_none() && subnets.pod_addresses(node) == PodAddresses::OwnRange {
            let free: Vec<IpNet> = free_ranges.iter_mut().filter_map(|ranges| taken.take(ranges)).collect();
            if free.is_empty() {
                settled.exhausted(object.clone(), Field::PodCidrs);
            } else {
                let spec = &mut Arc::make_mut(&mut changed).spec;
                spec.pod_cidrs = free.iter().map(ToString::to_string).collect();
                spec.pod_cidr = spec.pod_cidrs.first().cloned().unwrap_or_default();
                settled.allocated(object.clone(), Field::PodCidrs);
            }
        }
        if node.internal_ips().next().is_none() {
            let kept = subnets.kept_by_node(node);
            let mut free = Vec::new();
            for subnet in subnets.of_node(node) {
                let known = free_addresses.iter().position(|(own, _)| *own == subnet);
                let at = known.unwrap_or_else(|| {
                    free_addresses.push((subnet, usable(subnet)));
                    free_addresses.len() - 1
                });
                let Some((_, ips)) = free_addresses.get_mut(at) else { continue };
                let own = taken_addresses.take(ips.by_ref());
                // Azure makes no NIC for which the subnet has too few addresses left.
                let has_room = ips.by_ref().take(kept).count() == kept;
                free.extend(own.filter(|_| has_room));
            }
            if free.is_empty() {
                settled.exhausted(object, Field::InternalIp);
            } else {
                let addresses =
                    free.iter().map(|ip| Address { kind: AddressKind::InternalIP, address: ip.to_string() });
                Arc::make_mut(&mut changed).status.addresses.extend(addresses);
                settled.allocated(object, Field::InternalIp);
            }
        }
        if !Arc::ptr_eq(node, &changed) {
            settled.model.nodes.insert(name.clone(), changed);
        }
    }
}

/// The ranges that the node IPAM controller cuts out of a cluster range: /24, and for IPv6 /64 or, where the
/// cluster's own range is so small, 16 bits longer than it.
fn node_ranges(range: IpNet) -> impl Iterator<Item = IpNet> {
    let length = match range {
        IpNet::V4(net) => net.prefix_len().max(24),
        IpNet::V6(net) if net.prefix_len() < 64 => 64,
        IpNet::V6(net) => (net.prefix_len() + 16).min(120).max(net.prefix_len()),
    };
    range.subnets(length).into_iter().flatten()
}

fn cidrs(node: &Node) -> impl Iterator<Item = IpNet> + '_ {
    let spec = &node.spec;
    let single = spec.pod_cidrs.is_empty().then_some(&spec.pod_cidr);
    spec.pod_cidrs.iter().chain(single).filter_map(|text| parse_cidr(text))
}

fn is_pending(pod: &Pod) -> bool {
    pod.status.phase.as_deref() == Some("Pending")
}

/// Whether a node has addresses, and a range for its pods where they have one of their own.
pub(super) fn is_complete(model: &Model, node: &Node) -> bool {
    node.internal_ips().next().is_some() && (cidrs(node).next().is_some() || pods_are_in_network(model))
}

/// Whether a pod has a node, and an address or no more need of one.
pub(super) fn is_placed(pod: &Pod) -> bool {
    !pod.spec.node_name.is_empty() && (has_address(pod) || pod.is_finished())
}

fn has_address(pod: &Pod) -> bool {
    !pod.status.pod_ip.is_empty() || !pod.status.pod_ips.is_empty()
}

/// Gives pods that run an address of their node's range, or of the virtual network where nodes have none.
pub(super) fn pods(settled: &mut Settled) {
    let waiting = |pod: &Pod| !has_address(pod) && !pod.is_finished() && !is_pending(pod);
    if !settled.model.pods.values().any(|pod| waiting(pod)) {
        return;
    }
    let model = settled.model.clone();
    let subnets = Subnets::new(&model);
    let in_network = pods_are_in_network(&model).then(|| model.network_addresses());
    let mut taken =
        Taken::new(model.pods.values().flat_map(|pod| pod.ips()).chain(in_network.into_iter().flatten()));
    let nodes: FastMap<&str, Ground> =
        model.nodes.iter().map(|(name, node)| (name.as_str(), Ground::new(node, &subnets))).collect();
    for (key, pod) in settled.model.pods.iter_mut().filter(|(_, pod)| waiting(pod)) {
        let object = ObjectRef::namespaced(Kind::Pod, key);
        let Some(ground) = nodes.get(pod.spec.node_name.as_str()) else {
            let node = pod.spec.node_name.clone();
            settled.unsettled.push(Unsettled::NodeMissing { pod: object, node });
            continue;
        };
        let ips =
            if pod.spec.host_network { ground.node_ips.clone() } else { ground.addresses(&mut taken, key) };
        let Some(first) = ips.first() else {
            settled.unsettled.push(Unsettled::Exhausted { object, field: Field::PodIps });
            continue;
        };
        let status = &mut Arc::make_mut(pod).status;
        status.pod_ip = first.to_string();
        status.pod_ips = ips.iter().map(|ip| PodIp { ip: ip.to_string() }).collect();
        settled.allocated.push(Allocation { object, field: Field::PodIps });
    }
}

/// Where the pods of one node may have their addresses from.
struct Ground {
    node_ips: Vec<IpAddr>,
    /// The node's own ranges.
    ranges: Vec<IpNet>,
    /// Subnets of the virtual network, where the node has no ranges.
    subnets: Vec<IpNet>,
    /// How many addresses after its own the node keeps for its pods.
    kept: u64,
}

impl Ground {
    fn new(node: &Node, subnets: &Subnets<'_>) -> Self {
        let ranges: Vec<IpNet> = cidrs(node).collect();
        Self {
            node_ips: node.internal_ips().collect(),
            subnets: if ranges.is_empty() { subnets.of_pods(node) } else { Vec::new() },
            ranges,
            kept: subnets.kept_by_node(node) as u64,
        }
    }

    /// New addresses for a pod, at most one per family.
    fn addresses(&self, taken: &mut Taken<IpAddr>, key: &Key) -> Vec<IpAddr> {
        let mut ips: Vec<IpAddr> =
            self.ranges.iter().filter_map(|range| pod_address(taken, key, *range)).collect();
        ips.extend(self.subnets.iter().filter_map(|subnet| self.of_subnet(taken, key, *subnet)));
        ips
    }

    /// One of those that the node keeps, else any of the subnet.
    fn of_subnet(&self, taken: &mut Taken<IpAddr>, key: &Key, subnet: IpNet) -> Option<IpAddr> {
        let name = [&*key.namespace, &*key.name];
        let places = size(subnet).checked_sub(1)?;
        let own = self.node_ips.iter().find_map(|ip| offset(subnet, *ip)).map(|own| own + 1);
        let kept = own.and_then(|first| {
            let count = self.kept.min(places.saturating_sub(first));
            taken.take_by_name(&name, count, |at| nth(subnet, first + at))
        });
        kept.or_else(|| taken.take_by_name(&name, places.checked_sub(4)?, |at| nth(subnet, 4 + at)))
    }
}

/// The first address of a node's range is its gateway, the last is the broadcast address.
fn pod_address(taken: &mut Taken<IpAddr>, key: &Key, range: IpNet) -> Option<IpAddr> {
    let places = size(range).min(1 << 16).checked_sub(3)?;
    taken.take_by_name(&[&key.namespace, &key.name], places, |offset| nth(range, 2 + offset))
}
