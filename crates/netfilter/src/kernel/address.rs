//! The host's own addresses and its routes.

use crate::{AddressType, Family, Host, Interface, InterfaceName, Places, Route};
use ipnet::IpNet;
use std::net::IpAddr;

/// The host's addresses, for quick look-up.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Sorted.
    local: Vec<IpAddr>,
    /// The broadcast addresses of its IPv4 networks, sorted.
    broadcast: Vec<IpAddr>,
    /// The name of the loopback interface.
    pub(super) loopback: Option<InterfaceName>,
    /// Interfaces that have addresses, by their place: a node has one without for each of its pods.
    addressed: Vec<u32>,
    /// Interfaces that do not send back by the port that a packet came in by, sorted.
    one_way: Vec<InterfaceName>,
    /// The best route to each single address that has one, by its place.
    single: Places,
    /// The other routes.
    wide: Vec<u32>,
}

impl Addresses {
    pub(super) fn new(host: &Host) -> Self {
        let nets = || host.interfaces.iter().flat_map(|interface| &interface.addresses);
        let mut local: Vec<IpAddr> = nets().map(IpNet::addr).collect();
        order::sort(&mut local);
        let broadcast = |net: &IpNet| match net {
            IpNet::V4(net) if net.prefix_len() < 31 => Some(IpAddr::from(net.broadcast())),
            _ => None,
        };
        let mut broadcast: Vec<IpAddr> = nets().filter_map(broadcast).collect();
        order::sort(&mut broadcast);
        let numbered = || (0_u32..).zip(&host.interfaces);
        let addressed = numbered().filter(|(_, interface)| !interface.addresses.is_empty());
        let one_way = host.interfaces.iter().filter(|interface| !interface.hairpin);
        let mut one_way: Vec<InterfaceName> = one_way.map(|interface| interface.name).collect();
        order::sort(&mut one_way);
        let (single, wide) = routes(host);
        Self {
            local,
            broadcast,
            loopback: InterfaceName::new("lo"),
            addressed: addressed.map(|(place, _)| place).collect(),
            one_way,
            single,
            wide,
        }
    }

    /// Whether an interface does not send back by the port that a packet came in by.
    pub(super) fn is_one_way(&self, interface: InterfaceName) -> bool {
        self.one_way.binary_search(&interface).is_ok()
    }

    /// The route to an address: the longest prefix, then the lowest metric, then the first.
    pub(super) fn route<'h>(&self, host: &'h Host, ip: IpAddr) -> Option<(u32, &'h Route)> {
        let found = |place: u32| Some((place, host.routes.get(place as usize)?));
        if let Some(place) = self.single.get(ip) {
            return found(place);
        }
        let fits = |(_, route): &(u32, &Route)| route.destination.contains(&ip);
        let rank = |(place, route): &(u32, &Route)| {
            (std::cmp::Reverse(route.destination.prefix_len()), route.metric, *place)
        };
        self.wide.iter().filter_map(|place| found(*place)).filter(fits).min_by_key(rank)
    }

    /// The interfaces that have addresses.
    fn addressed<'h>(&self, host: &'h Host) -> impl Iterator<Item = &'h Interface> + use<'_, 'h> {
        self.addressed.iter().filter_map(|place| host.interfaces.get(*place as usize))
    }

    /// Whether packets to the address are for this host: its own addresses, 127.0.0.0/8 and `::1`.
    pub(super) fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.is_own(ip)
    }

    /// Whether an interface has the address.
    pub(super) fn is_own(&self, ip: IpAddr) -> bool {
        self.local.binary_search(&ip).is_ok()
    }

    /// Whether `-m addrtype` counts the address as of the type.
    pub(super) fn is_of(&self, ip: IpAddr, kind: AddressType) -> bool {
        let broadcast = || match ip {
            IpAddr::V4(v4) => {
                v4.octets()[0] == 0 || v4.is_broadcast() || self.broadcast.binary_search(&ip).is_ok()
            }
            IpAddr::V6(_) => false,
        };
        match kind {
            AddressType::Local => self.is_local(ip),
            AddressType::Multicast => ip.is_multicast(),
            AddressType::Broadcast => !self.is_local(ip) && broadcast(),
            // IPv4 asks the table of local addresses; IPv6 asks what the address looks like, so that its own
            // addresses are unicast, too.
            AddressType::Unicast => match ip {
                IpAddr::V4(_) => !self.is_local(ip) && !ip.is_multicast() && !broadcast(),
                IpAddr::V6(_) => !ip.is_multicast() && !ip.is_unspecified(),
            },
        }
    }
}

/// Routes to single addresses, the best one to each, and the others.
fn routes(host: &Host) -> (Places, Vec<u32>) {
    let mut wide = Vec::new();
    let mut single: Vec<(IpAddr, u32, u32)> = Vec::new();
    for (place, route) in (0_u32..).zip(&host.routes) {
        let net = route.destination;
        if net.prefix_len() == net.max_prefix_len() {
            single.push((net.addr(), route.metric, place));
        } else {
            wide.push(place);
        }
    }
    order::sort(&mut single);
    (single.into_iter().map(|(ip, _, place)| (ip, place)).collect(), wide)
}

/// The address that MASQUERADE takes: of the outgoing interface, one that shares a network with the next
/// hop, else its first; where it has none, the first of the other interfaces (the kernel's
/// `inet_select_addr`). 127.0.0.0/8 and link-local IPv6 addresses are never taken.
pub(super) fn masquerade_address(
    addresses: &Addresses,
    host: &Host,
    out: InterfaceName,
    next_hop: IpAddr,
) -> Option<IpAddr> {
    let family = Family::of(next_hop);
    let usable = |net: &&IpNet| match net.addr() {
        _ if Family::of(net.addr()) != family => false,
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let own = || {
        let own = addresses.addressed(host).filter(|interface| interface.name == out);
        own.flat_map(|interface| interface.addresses.iter()).filter(usable)
    };
    let near = own().find(|net| net.contains(&next_hop));
    let others = || addresses.addressed(host).flat_map(|interface| interface.addresses.iter()).find(usable);
    near.or_else(|| own().next()).or_else(others).map(IpNet::addr)
}
