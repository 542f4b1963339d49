//! One host's network namespace, as the kernel sees it: interfaces, routes, rules.

use crate::{InterfaceName, IpSet, Ipvs, Ruleset};
use ipnet::IpNet;
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// A network namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Host {
    /// Interfaces with their addresses; the loopback is named `lo`.
    pub interfaces: Vec<Interface>,
    /// The main routing table; the longest prefix wins, then the lowest metric, then the first.
    pub routes: Vec<Route>,
    /// iptables rules; hosts that have the same share them.
    pub ipv4: Arc<Ruleset>,
    /// ip6tables rules; hosts that have the same share them.
    pub ipv6: Arc<Ruleset>,
    /// Tables of nftables, of both families.
    pub nft: Vec<crate::nft::Table>,
    /// Sets of ipset, by name.
    pub ipsets: BTreeMap<Box<str>, IpSet>,
    /// Virtual servers of IPVS.
    pub ipvs: Ipvs,
    /// `net.ipv4.ip_forward` and its IPv6 twin.
    pub forwarding: bool,
    /// `net.ipv4.conf.all.route_localnet`: kube-proxy sets it for node ports on 127.0.0.1.
    pub route_localnet: bool,
}

/// A network interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// Its name.
    pub name: InterfaceName,
    /// Its addresses with their prefix lengths, the primary one first.
    pub addresses: Vec<IpNet>,
    /// Whether a packet may leave by the port it came in by (a bridge port's hairpin mode; a routed
    /// interface always may).
    pub hairpin: bool,
}

/// A route.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// Where to.
    pub destination: IpNet,
    /// The next hop; `None` if the destination is on the link.
    pub via: Option<IpAddr>,
    /// The outgoing interface.
    pub interface: InterfaceName,
    /// The preferred source address of packets that the host itself sends.
    pub source: Option<IpAddr>,
    /// Lower wins among equal prefixes.
    pub metric: u32,
}
