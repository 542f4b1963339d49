//! What stands around a cluster: its virtual network, those beside it, networks on premises.

use crate::allocate::{node_subnets, subnet_prefixes};
use ipnet::IpNet;
use model::{
    ArmId, Model,
    azure::{LocalNetworkGateway, Subnet, VirtualNetwork},
};
use std::net::IpAddr;

/// Where an address is.
#[derive(Debug, Clone, Copy)]
pub enum Location<'a> {
    /// In a virtual network of the input.
    Network(&'a VirtualNetwork, Option<&'a Subnet>),
    /// Behind a gateway.
    OnPremises(&'a LocalNetworkGateway),
    /// None of the input's networks has it.
    Elsewhere,
}

/// Finds an address in the input's networks: by subnet, then by address space, then on premises.
pub fn locate(model: &Model, ip: IpAddr) -> Location<'_> {
    let has = |prefixes: &[String]| {
        prefixes.iter().any(|text| text.parse::<IpNet>().is_ok_and(|prefix| prefix.contains(&ip)))
    };
    for network in model.virtual_networks.values() {
        let holds = |subnet: &&Subnet| subnet_prefixes(subnet).iter().any(|prefix| prefix.contains(&ip));
        if let Some(subnet) = network.subnets.iter().find(holds) {
            return Location::Network(network, Some(subnet));
        }
    }
    if let Some(network) =
        model.virtual_networks.values().find(|own| has(&own.address_space.address_prefixes))
    {
        return Location::Network(network, None);
    }
    let mut gateways = model.local_network_gateways.values();
    match gateways.find(|own| has(&own.local_network_address_space.address_prefixes)) {
        Some(gateway) => Location::OnPremises(gateway),
        None => Location::Elsewhere,
    }
}

/// The cluster's virtual network: that of a node's address, else the first.
pub fn home(model: &Model) -> Option<&VirtualNetwork> {
    let mut addresses = model.nodes.values().flat_map(|node| node.internal_ips());
    let of_node = addresses.find_map(|ip| match locate(model, ip) {
        Location::Network(network, _) => Some(network),
        _ => None,
    });
    of_node.or_else(|| model.virtual_networks.values().next().map(|network| &**network))
}

/// AKS's managed virtual network, where no document gives one.
const DEFAULT_NETWORK: &str = "10.224.0.0/12";
/// Its range for IPv6, in a cluster of both families.
pub(crate) const DEFAULT_NETWORK_V6: &str = "fd12:3456:789a::/64";

/// The ranges of the input's virtual networks; where it shows none, AKS's default or, where nodes are outside of that,
/// what surrounds them.
pub fn own_ranges(model: &Model) -> Vec<IpNet> {
    let networks =
        model.virtual_networks.values().flat_map(|network| &network.address_space.address_prefixes);
    let shown: Vec<IpNet> = networks.filter_map(|prefix| prefix.parse().ok()).collect();
    if !shown.is_empty() {
        return shown;
    }
    let default: Option<IpNet> = DEFAULT_NETWORK.parse().ok();
    let has_nodes =
        |net: &IpNet| model.nodes.values().flat_map(|node| node.internal_ips()).any(|ip| net.contains(&ip));
    let mut ranges = node_subnets(model);
    ranges.retain(|net| has_nodes(net) && !default.is_some_and(|default| default.contains(net)));
    if !ranges.iter().any(|net| net.addr().is_ipv4()) {
        ranges.extend(default);
    }
    ranges
}

/// A virtual network by its name, letters compared without case.
pub fn network_named<'a>(model: &'a Model, name: &str) -> Option<&'a VirtualNetwork> {
    model.virtual_networks.values().map(|network| &**network).find(|own| own.name.eq_ignore_ascii_case(name))
}

/// The prefixes of the subnet of this id; none where the input does not show it.
pub fn prefixes_of(model: &Model, id: &ArmId) -> Vec<IpNet> {
    model.subnet(id).map(subnet_prefixes).unwrap_or_default()
}

/// Whether packets go from one network to another: the same, or a connected peering.
pub fn are_connected(from: &VirtualNetwork, to: &VirtualNetwork) -> bool {
    if from.name == to.name {
        return true;
    }
    let leads = |from: &VirtualNetwork, to: &VirtualNetwork| {
        from.virtual_network_peerings.iter().any(|peering| {
            let connected = peering.is_open();
            let named = peering
                .remote_virtual_network
                .as_ref()
                .is_some_and(|remote| remote.id.name().eq_ignore_ascii_case(&to.name));
            let covered = peering.remote_address_space.as_ref().is_some_and(|space| {
                space.address_prefixes.iter().any(|own| to.address_space.address_prefixes.contains(own))
            });
            connected && (named || (peering.remote_virtual_network.is_none() && covered))
        })
    };
    // A peering is one link from each side; the other side's document need not be in the input.
    leads(from, to) || leads(to, from)
}

/// `network/subnet` in lower case: how rules of firewalls name a subnet here.
pub fn subnet_name(network: &str, subnet: &str) -> String {
    format!("{network}/{subnet}").to_ascii_lowercase()
}

/// The same from an ARM id.
pub fn subnet_of_id(id: &ArmId) -> Option<String> {
    Some(subnet_name(id.segment("virtualNetworks")?, id.segment("subnets")?))
}
