//! What the virtual network covers, and what service tags mean.

use crate::{
    allocate::{is_private, node_subnets, subnet_prefixes},
    surroundings::{DEFAULT_NETWORK_V6, own_ranges},
};
use ipnet::IpNet;
use model::Model;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address from which Azure probes backends and answers DNS and DHCP.
pub const PROBE_SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16));

/// The same in an IPv6 network: a link-local address, which is also the gateway there.
pub const PROBE_SOURCE_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x1234, 0x5678, 0x9abc));

/// The instance metadata service of every VM (IMDS), on the VM's own host ("Azure Instance Metadata Service").
pub const METADATA: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254));

/// Whether an address is Azure's platform, which probes, and answers DNS and DHCP.
pub fn is_platform(ip: IpAddr) -> bool {
    ip == PROBE_SOURCE || ip == PROBE_SOURCE_V6
}

/// Whether a network holds an address. A packet is asked this at every station, so bits are compared here; ipnet
/// works out the first and the last address each time.
pub fn holds(net: &IpNet, ip: IpAddr) -> bool {
    match (net, ip) {
        (IpNet::V4(net), IpAddr::V4(ip)) => {
            let differ = net.addr().to_bits() ^ ip.to_bits();
            differ.checked_shr(32 - u32::from(net.prefix_len())).unwrap_or_default() == 0
        }
        (IpNet::V6(net), IpAddr::V6(ip)) => {
            let differ = net.addr().to_bits() ^ ip.to_bits();
            differ.checked_shr(128 - u32::from(net.prefix_len())).unwrap_or_default() == 0
        }
        _ => false,
    }
}

/// A service tag whose addresses are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceTag {
    /// The network, and what it is connected to.
    VirtualNetwork,
    /// Azure's platform, from which probes come.
    AzureLoadBalancer,
    /// Everything else that is public.
    Internet,
}

impl ServiceTag {
    /// Regional tags (`Storage.WestEurope`, `AzureCloud`) are lists of Azure's that are not known here.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
            ("VirtualNetwork", Self::VirtualNetwork),
            ("AzureLoadBalancer", Self::AzureLoadBalancer),
            ("Internet", Self::Internet),
        ];
        all.into_iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, tag)| tag)
    }
}

/// The ranges behind the tag `VirtualNetwork`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressSpace {
    prefixes: Vec<IpNet>,
}

impl AddressSpace {
    /// A space of these prefixes: the VNet's own, peered and on-premises ones, and those of user routes.
    pub fn new(prefixes: Vec<IpNet>) -> Self {
        Self { prefixes }
    }

    /// The space around a cluster: its virtual networks (AKS's default where there is none), the nodes'
    /// subnet, the pods' range, and the prefixes of user routes.
    pub fn of(model: &Model) -> Self {
        let mut prefixes: Vec<IpNet> = Vec::new();
        for network in model.virtual_networks.values() {
            let own = network
                .address_space
                .address_prefixes
                .iter()
                .filter_map(|prefix| prefix.parse::<IpNet>().ok());
            prefixes.extend(own);
            prefixes.extend(network.subnets.iter().flat_map(subnet_prefixes));
            let open = network.virtual_network_peerings.iter().filter(|peering| peering.is_open());
            let remote = open.filter_map(|peering| peering.remote_address_space.as_ref());
            let remote = remote.flat_map(|space| &space.address_prefixes);
            prefixes.extend(remote.filter_map(|prefix| prefix.parse::<IpNet>().ok()));
        }
        if model.virtual_networks.is_empty() {
            prefixes.extend(own_ranges(model).into_iter().chain(DEFAULT_NETWORK_V6.parse().ok()));
        }
        prefixes.extend(node_subnets(model));
        let premises = model.local_network_gateways.values();
        let ranges = premises.flat_map(|own| &own.local_network_address_space.address_prefixes);
        prefixes.extend(ranges.filter_map(|prefix| prefix.parse::<IpNet>().ok()));
        let profile = model.managed_cluster.as_deref().map(|cluster| &cluster.network_profile);
        let pods = profile.and_then(|profile| profile.pod_cidr.as_deref()).unwrap_or("10.244.0.0/16");
        let several = profile.map(|profile| profile.pod_cidrs.as_slice()).unwrap_or_default();
        prefixes
            .extend(several.iter().map(String::as_str).chain([pods]).filter_map(|p| p.parse::<IpNet>().ok()));
        let routes = model.route_tables.values().flat_map(|table| &table.routes);
        // What a route sends to the internet is not of the network, nor is what it drops; and a default route to
        // an appliance does not make the whole internet part of it.
        let inside = |hop: &str| !hop.eq_ignore_ascii_case("Internet") && !hop.eq_ignore_ascii_case("None");
        let user = routes.filter(|route| inside(&route.next_hop_type));
        let user = user.filter_map(|route| route.address_prefix.parse::<IpNet>().ok());
        prefixes.extend(user.filter(|prefix| prefix.prefix_len() > 0));
        Self::new(IpNet::aggregate(&prefixes))
    }

    /// Whether an address lies in the virtual network, peered networks or user routes.
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.prefixes.iter().any(|prefix| holds(prefix, ip))
    }

    /// Whether a whole prefix lies inside.
    pub fn covers(&self, net: IpNet) -> bool {
        self.prefixes.iter().any(|prefix| prefix.contains(&net))
    }

    /// The prefixes.
    pub fn prefixes(&self) -> &[IpNet] {
        &self.prefixes
    }

    /// Whether a service tag covers an address.
    pub fn has_tag(&self, ip: IpAddr, tag: ServiceTag) -> bool {
        match tag {
            ServiceTag::VirtualNetwork => is_platform(ip) || self.contains(ip),
            ServiceTag::AzureLoadBalancer => is_platform(ip),
            ServiceTag::Internet => !is_platform(ip) && !self.contains(ip) && !is_private(ip),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressSpace, ServiceTag, holds};
    use model::{
        Model, Object,
        azure::{Route, RouteTable},
    };
    use std::sync::Arc;

    /// Prefixes of user routes belong to the tag `VirtualNetwork` where they stay in the network.
    #[test]
    fn user_routes_belong_to_the_network() {
        for (prefix, next_hop_type, address, belongs) in [
            ("192.168.0.0/16", "VirtualNetworkGateway", "192.168.1.1", true),
            ("203.0.113.0/24", "VirtualAppliance", "203.0.113.9", true),
            ("203.0.113.0/24", "VnetLocal", "203.0.113.9", true),
            ("203.0.113.0/24", "Internet", "203.0.113.9", false),
            ("203.0.113.0/24", "internet", "203.0.113.9", false),
            ("203.0.113.0/24", "None", "203.0.113.9", false),
            ("0.0.0.0/0", "VirtualAppliance", "203.0.113.9", false),
        ] {
            let route = Route {
                name: "r".into(),
                address_prefix: prefix.into(),
                next_hop_type: next_hop_type.into(),
                ..Route::default()
            };
            let table = RouteTable { name: "t".into(), routes: vec![route], ..RouteTable::default() };
            let mut model = Model::default();
            model.put(Object::RouteTable(Arc::new(table)));
            let space = AddressSpace::of(&model);
            let address = address.parse().ok();
            assert_eq!(
                address.map(|ip| (
                    space.has_tag(ip, ServiceTag::VirtualNetwork),
                    space.has_tag(ip, ServiceTag::Internet)
                )),
                address.map(|ip: std::net::IpAddr| (belongs, !belongs && !super::is_private(ip))),
                "{prefix} {next_hop_type}"
            );
        }
    }

    /// Comparing bits says what comparing with the first and the last address says.
    #[test]
    fn networks_hold_what_lies_between_their_ends() {
        let addresses = [
            "0.0.0.0",
            "10.224.0.4",
            "10.224.255.255",
            "10.225.0.0",
            "10.240.0.0",
            "255.255.255.255",
            "::",
            "fd12:3456:789a::1",
            "fd12:3456:789b::",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        ];
        for net in [
            "0.0.0.0/0",
            "10.224.0.0/12",
            "10.224.0.9/16",
            "10.224.0.4/32",
            "10.224.0.5/31",
            "::/0",
            "fd12:3456:789a::/64",
            "fd12:3456:789a::1/128",
            "8000::/1",
        ] {
            let net: ipnet::IpNet = net.parse().unwrap();
            for address in addresses {
                let address = address.parse().unwrap();
                assert_eq!(holds(&net, address), net.contains(&address), "{address} in {net}");
            }
        }
    }
}
