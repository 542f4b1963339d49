//! Addresses that Azure would allocate, given deterministically.

use ipnet::IpNet;
use model::{Model, kubernetes::IpFamily};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

const FIRST_PUBLIC: Ipv4Addr = Ipv4Addr::new(20, 50, 60, 70);
const FIRST_OUTBOUND: Ipv4Addr = Ipv4Addr::new(20, 50, 61, 10);
const FIRST_OUTBOUND_V6: Ipv6Addr = Ipv6Addr::new(0x2603, 0x1030, 0x805, 0, 0, 0, 0, 0x10);
const FIRST_PUBLIC_V6: Ipv6Addr = Ipv6Addr::new(0x2603, 0x1030, 0x805, 0, 0, 0, 0, 0x100);
const DEFAULT_SUBNET: Ipv4Addr = Ipv4Addr::new(10, 224, 0, 0);
const DEFAULT_SUBNET_V6: Ipv6Addr = Ipv6Addr::new(0xfd12, 0x3456, 0x789a, 0, 0, 0, 0, 0);

/// Gives out addresses in a fixed order and never one that the input uses.
#[derive(Debug)]
pub(crate) struct Allocator {
    /// Those of the input, sorted.
    given: Vec<IpAddr>,
    /// Those that were given out or claimed.
    used: BTreeSet<IpAddr>,
    /// Where the search went on, by where it started: every address before is used.
    searched: BTreeMap<IpAddr, IpAddr>,
    node_subnets: Vec<IpNet>,
    named_subnets: Vec<(String, Vec<IpNet>)>,
}

/// The address after this one.
fn next(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip).wrapping_add(1)).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip).wrapping_add(1)).into(),
    }
}

/// The first address given out in a subnet: the middle, since nodes are numbered from the start.
fn middle(subnet: IpNet) -> IpAddr {
    match subnet {
        IpNet::V4(net) => {
            let half = 1_u32.checked_shl(31_u32.saturating_sub(u32::from(net.prefix_len()))).unwrap_or(1);
            Ipv4Addr::from(u32::from(net.network()).wrapping_add(half).wrapping_add(4)).into()
        }
        IpNet::V6(net) => Ipv6Addr::from(u128::from(net.network()).wrapping_add(0x100)).into(),
    }
}

impl Allocator {
    pub(crate) fn new(model: &Model) -> Self {
        let mut given: Vec<IpAddr> = model.network_addresses().collect();
        let public = model.public_ip_addresses.values().filter_map(|address| address.ip_address.as_deref());
        given.extend(public.filter_map(|ip| ip.parse::<IpAddr>().ok()));
        let named_subnets = model
            .virtual_networks
            .values()
            .flat_map(|network| &network.subnets)
            .map(|subnet| (subnet.name.clone(), subnet_prefixes(subnet)))
            .collect();
        order::sort(&mut given);
        let (used, searched) = (BTreeSet::new(), BTreeMap::new());
        Self { given, used, searched, node_subnets: node_subnets(model), named_subnets }
    }

    pub(crate) fn claim(&mut self, ip: IpAddr) {
        self.used.insert(ip);
    }

    fn first_free(&mut self, start: IpAddr) -> IpAddr {
        let searched = self.searched.entry(start).or_insert(start);
        while self.given.binary_search(searched).is_ok() || !self.used.insert(*searched) {
            *searched = next(*searched);
        }
        *searched
    }

    /// A public address for a Service.
    pub(crate) fn public(&mut self, family: IpFamily) -> IpAddr {
        match family {
            IpFamily::IPv4 => self.first_free(FIRST_PUBLIC.into()),
            IpFamily::IPv6 => self.first_free(FIRST_PUBLIC_V6.into()),
        }
    }

    /// A managed outbound address.
    pub(crate) fn outbound(&mut self, v6: bool) -> IpAddr {
        self.first_free(if v6 { FIRST_OUTBOUND_V6.into() } else { FIRST_OUTBOUND.into() })
    }

    /// A private address in the named subnet, else in the nodes' subnet.
    pub(crate) fn private(&mut self, family: IpFamily, subnet: Option<&str>) -> IpAddr {
        let of_family = |nets: &[IpNet]| nets.iter().copied().find(|net| IpFamily::of(net.addr()) == family);
        let named = subnet.and_then(|name| self.named_subnets.iter().find(|(own, _)| own == name));
        let net = named.and_then(|(_, nets)| of_family(nets)).or_else(|| of_family(&self.node_subnets));
        self.first_free(net.map_or_else(|| middle(default_subnet(family)), middle))
    }
}

/// The prefixes of a subnet.
pub(crate) fn subnet_prefixes(subnet: &model::azure::Subnet) -> Vec<IpNet> {
    let mut nets: Vec<IpNet> = subnet.prefixes().filter_map(|prefix| prefix.parse().ok()).collect();
    nets.dedup();
    nets
}

fn default_subnet(family: IpFamily) -> IpNet {
    match family {
        IpFamily::IPv4 => net(DEFAULT_SUBNET.into(), 16),
        IpFamily::IPv6 => net(DEFAULT_SUBNET_V6.into(), 64),
    }
}

fn net(ip: IpAddr, length: u8) -> IpNet {
    IpNet::new(ip, length).unwrap_or_else(|_| ip.into()).trunc()
}

/// The prefixes of the subnet that the nodes are in: that of the first pool which names one, which is the cloud
/// provider's own (`subnetName`); else that of the first node in a virtual network of the input, else AKS's
/// default subnet where it holds the first node, else the /16 (or /64) around the first node.
pub(crate) fn node_subnets(model: &Model) -> Vec<IpNet> {
    let mut pools = model.managed_cluster.iter().flat_map(|cluster| &cluster.agent_pool_profiles);
    if let Some(subnet) = pools.find_map(|pool| model.subnet(pool.vnet_subnet_id.as_ref()?)) {
        return subnet_prefixes(subnet);
    }
    let Some(first) = model.nodes.values().find_map(|node| node.internal_ips().next()) else {
        return vec![default_subnet(IpFamily::IPv4), default_subnet(IpFamily::IPv6)];
    };
    let subnets = model.virtual_networks.values().flat_map(|network| &network.subnets).map(subnet_prefixes);
    for nets in subnets {
        if nets.iter().any(|net| net.contains(&first)) {
            return nets;
        }
    }
    let mut families = [IpFamily::IPv4, IpFamily::IPv6].map(|family| {
        let of_family = |ip: &IpAddr| IpFamily::of(*ip) == family;
        let node = model.nodes.values().find_map(|node| node.internal_ips().find(of_family));
        let default = default_subnet(family);
        match node {
            Some(ip) if !default.contains(&ip) => net(ip, if ip.is_ipv4() { 16 } else { 64 }),
            _ => default,
        }
    });
    order::sort_by_key(&mut families, |net| net.addr().is_ipv6());
    families.to_vec()
}

/// Whether an address can belong to an internal frontend.
pub fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || (ip.octets()[0] == 100 && (ip.octets()[1] & 0xc0) == 64),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Whether the first address of an outbound frontend lies among managed names.
pub(crate) fn managed_outbound_name(index: u32) -> String {
    format!("00000000-0000-4000-8000-{:012x}", index + 1)
}
