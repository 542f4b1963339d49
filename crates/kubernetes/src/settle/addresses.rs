//! Ranges of nodes, addresses of nodes and pods.

use super::{
    Allocation, Field, Settled, Unsettled,
    allocator::{Taken, nth, size},
};
use crate::{address::parse_cidr, hashing::FastMap};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{
    Key, Kind, Model, ObjectRef,
    kubernetes::{Address, AddressKind, Node, Pod, PodIp},
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
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

/// Gives nodes an address and a range for their pods, in name order.
pub(super) fn nodes(settled: &mut Settled) {
    let ranges = pod_ranges(&settled.model);
    let explicit = settled.model.nodes.values().flat_map(|node| cidrs(node).collect::<Vec<_>>());
    let mut taken = Taken::new(explicit);
    let mut free_ranges: Vec<_> = ranges.iter().map(|range| node_ranges(*range)).collect();
    let subnets = node_subnets(&ranges);
    let mut free_addresses: Vec<_> = subnets.into_iter().map(node_addresses).collect();
    let addresses = settled.model.nodes.values().flat_map(|node| node.internal_ips().collect::<Vec<_>>());
    let mut taken_addresses = Taken::new(addresses);
    let nodes = settled.model.nodes.clone();
    for (name, node) in &nodes {
        let object = ObjectRef::node(name);
        let mut changed = Arc::clone(node);
        if cidrs(node).next().is_none() {
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
            let free: Vec<IpAddr> =
                free_addresses.iter_mut().filter_map(|ips| taken_addresses.take(ips)).collect();
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

/// The subnets of nodes: AKS's default, 10.224.0.0/16, and where pods have IPv6 addresses one for IPv6. AKS has
/// no default for that one; this range is chosen here.
fn node_subnets(pod_ranges: &[IpNet]) -> Vec<IpNet> {
    let ipv4 = Ipv4Net::new_assert(Ipv4Addr::new(10, 224, 0, 0), 16).into();
    let ipv6 = Ipv6Net::new_assert(Ipv6Addr::new(0xfd12, 0x3456, 0x789a, 0xe0, 0, 0, 0, 0), 64).into();
    let subnet = |range: &IpNet| if matches!(range, IpNet::V4(_)) { ipv4 } else { ipv6 };
    pod_ranges.iter().map(subnet).collect()
}

/// Azure keeps the first four addresses of a subnet and the last.
fn node_addresses(subnet: IpNet) -> impl Iterator<Item = IpAddr> {
    (4..size(subnet) - 1).map_while(move |offset| nth(subnet, offset))
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

/// Whether a node has addresses, and a range for its pods.
pub(super) fn is_complete(node: &Node) -> bool {
    cidrs(node).next().is_some() && node.internal_ips().next().is_some()
}

/// Whether a pod has a node, and an address or no more need of one.
pub(super) fn is_placed(pod: &Pod) -> bool {
    !pod.spec.node_name.is_empty() && (has_address(pod) || pod.is_finished())
}

fn has_address(pod: &Pod) -> bool {
    !pod.status.pod_ip.is_empty() || !pod.status.pod_ips.is_empty()
}

/// Gives pods that run an address of their node's range.
pub(super) fn pods(settled: &mut Settled) {
    let Model { pods, nodes, .. } = &mut settled.model;
    let waiting = |pod: &Pod| !has_address(pod) && !pod.is_finished() && !is_pending(pod);
    if !pods.values().any(|pod| waiting(pod)) {
        return;
    }
    let mut taken = Taken::new(pods.values().flat_map(|pod| pod.ips()));
    let nodes: FastMap<&str, (Vec<IpNet>, Vec<IpAddr>)> = (nodes.iter())
        .map(|(name, node)| (name.as_str(), (cidrs(node).collect(), node.internal_ips().collect())))
        .collect();
    for (key, pod) in pods.iter_mut().filter(|(_, pod)| waiting(pod)) {
        let object = ObjectRef::namespaced(Kind::Pod, key);
        let Some((ranges, node_ips)) = nodes.get(pod.spec.node_name.as_str()) else {
            let node = pod.spec.node_name.clone();
            settled.unsettled.push(Unsettled::NodeMissing { pod: object, node });
            continue;
        };
        let ips: Vec<IpAddr> = if pod.spec.host_network {
            node_ips.clone()
        } else {
            ranges.iter().filter_map(|range| pod_address(&mut taken, key, *range)).collect()
        };
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

/// The first address of a node's range is its gateway, the last is the broadcast address.
fn pod_address(taken: &mut Taken<IpAddr>, key: &Key, range: IpNet) -> Option<IpAddr> {
    let places = size(range).min(1 << 16).checked_sub(3)?;
    taken.take_by_name(&[&key.namespace, &key.name], places, |offset| nth(range, 2 + offset))
}
