//! Effective routes of a subnet and which one takes a packet.

use crate::space::{AddressSpace, holds};
use ipnet::IpNet;
use model::azure::{Route, VirtualNetwork};
use std::{fmt, net::IpAddr};

/// Who made a route, in the words of `az network nic show-effective-route-table`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteSource {
    /// Azure.
    Default,
    /// BGP through a gateway.
    VirtualNetworkGateway,
    /// A route table.
    User,
}

impl fmt::Display for RouteSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Where a route leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NextHop {
    /// Inside the virtual network.
    VnetLocal,
    /// A peered virtual network.
    VNetPeering,
    /// The internet.
    Internet,
    /// An appliance, at an address.
    VirtualAppliance,
    /// VPN or ExpressRoute.
    VirtualNetworkGateway,
    /// An Azure service, with the subnet's identity.
    VirtualNetworkServiceEndpoint,
    /// A private endpoint.
    InterfaceEndpoint,
    /// Nowhere: the packet is dropped.
    None,
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl NextHop {
    /// Reads the name in any case, also the portal's spelling.
    pub fn parse(text: &str) -> Option<Self> {
        let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        Some(match plain.to_ascii_lowercase().as_str() {
            "vnetlocal" | "virtualnetwork" => Self::VnetLocal,
            "vnetpeering" | "virtualnetworkpeering" => Self::VNetPeering,
            "internet" => Self::Internet,
            "virtualappliance" => Self::VirtualAppliance,
            "virtualnetworkgateway" => Self::VirtualNetworkGateway,
            "virtualnetworkserviceendpoint" => Self::VirtualNetworkServiceEndpoint,
            "interfaceendpoint" => Self::InterfaceEndpoint,
            "none" => Self::None,
            _ => return None,
        })
    }
}

/// One route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRoute {
    /// The destinations.
    pub prefix: IpNet,
    /// Who made it.
    pub source: RouteSource,
    /// Where it leads.
    pub next_hop: NextHop,
    /// The appliance's address.
    pub next_hop_ip: Option<IpAddr>,
    /// The name of a user route.
    pub name: Option<String>,
}

/// The routes of one subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    routes: Vec<EffectiveRoute>,
}

/// What decides about the /32 route of a private endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct EndpointPolicy<'a> {
    /// Route-table policies are on for the endpoint's subnet.
    pub routes_apply: bool,
    /// The ranges of the virtual network.
    pub network: Option<&'a AddressSpace>,
}

/// The route that takes a packet, and the others that cover its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed<'a> {
    /// The winner.
    pub route: &'a EffectiveRoute,
    /// Whether routes of private endpoints do not stand.
    pub replaced: bool,
}

/// Why a route that covers the destination lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LostBy {
    /// The winner's prefix is longer.
    ShorterPrefix,
    /// Same prefix; user routes go before BGP, BGP before system.
    Source,
    /// A system route of the network, a peering or a service endpoint stays preferred.
    SystemPreferred,
    /// A user route inside the network replaces the /32, since policies are on.
    EndpointPolicy,
}

impl fmt::Display for LostBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ShorterPrefix => "its prefix is shorter",
            Self::Source => "user routes go before BGP, BGP before system routes",
            Self::SystemPreferred => {
                "the system route of the network, peering or service endpoint is preferred"
            }
            Self::EndpointPolicy => "a user route inside the network replaces the endpoint's route",
        })
    }
}

impl EffectiveRoute {
    fn is_service_endpoint(&self) -> bool {
        self.next_hop == NextHop::VirtualNetworkServiceEndpoint
    }

    /// System routes that a more specific BGP route does not beat.
    fn beats_bgp(&self) -> bool {
        let preferred =
            matches!(self.next_hop, NextHop::VnetLocal | NextHop::VNetPeering) || self.is_service_endpoint();
        self.source == RouteSource::Default && preferred
    }
}

/// Why `other` loses against `winner`, if it does.
pub(crate) fn loses(other: &EffectiveRoute, winner: &EffectiveRoute) -> Option<LostBy> {
    if winner.is_service_endpoint() && other.source == RouteSource::User {
        return Some(LostBy::SystemPreferred);
    }
    if winner.beats_bgp() && other.source == RouteSource::VirtualNetworkGateway {
        return Some(LostBy::SystemPreferred);
    }
    let reversed = (other.is_service_endpoint() && winner.source == RouteSource::User)
        || (other.beats_bgp() && winner.source == RouteSource::VirtualNetworkGateway);
    if reversed {
        return None;
    }
    match other.prefix.prefix_len().cmp(&winner.prefix.prefix_len()) {
        std::cmp::Ordering::Less => Some(LostBy::ShorterPrefix),
        std::cmp::Ordering::Equal if other.source < winner.source => Some(LostBy::Source),
        _ => None,
    }
}

impl Routes {
    /// These routes and no others.
    pub fn new(routes: Vec<EffectiveRoute>) -> Self {
        Self { routes }
    }

    /// The routes in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &EffectiveRoute> {
        self.routes.iter()
    }

    /// These routes and more.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = EffectiveRoute>) -> Self {
        let more: Vec<EffectiveRoute> =
            more.into_iter().filter(|route| !self.routes.contains(route)).collect();
        self.routes.extend(more);
        self
    }

    /// The system routes of a virtual network, its peerings, and the user routes of a subnet's table.
    pub fn of(network: &VirtualNetwork, user: &[Route]) -> Self {
        let own = prefixes(&network.address_space.address_prefixes);
        let mut routes: Vec<EffectiveRoute> = system_routes(&own);
        for peering in &network.virtual_network_peerings {
            let remote = peering.remote_address_space.as_ref().filter(|_| peering.is_open());
            let remote = remote.map(|space| prefixes(&space.address_prefixes)).unwrap_or_default();
            routes.extend(remote.into_iter().map(|prefix| system(prefix, NextHop::VNetPeering)));
        }
        for route in user {
            let Ok(prefix) = route.address_prefix.parse::<IpNet>() else { continue };
            let Some(next_hop) = NextHop::parse(&route.next_hop_type) else { continue };
            routes.push(EffectiveRoute {
                prefix: prefix.trunc(),
                source: RouteSource::User,
                next_hop,
                next_hop_ip: route.next_hop_ip_address.as_deref().and_then(|ip| ip.parse().ok()),
                name: Some(route.name.clone()),
            });
        }
        Self { routes }
    }

    /// The route for a destination; `None` where no route covers it.
    pub fn select(&self, destination: IpAddr, policy: EndpointPolicy<'_>) -> Option<Routed<'_>> {
        let inside = |route: &EffectiveRoute| {
            route.source == RouteSource::User
                && policy.network.is_some_and(|network| network.covers(route.prefix))
        };
        let replaced = policy.routes_apply && self.covering(destination).any(inside);
        let route = self.winner(destination, replaced)?;
        Some(Routed { route, replaced })
    }

    fn covering(&self, destination: IpAddr) -> impl Iterator<Item = &EffectiveRoute> {
        self.routes.iter().filter(move |route| holds(&route.prefix, destination))
    }

    fn winner(&self, destination: IpAddr, replaced: bool) -> Option<&EffectiveRoute> {
        let standing = self.covering(destination).filter(|route| stands(route, replaced));
        standing.reduce(|best, route| if loses(best, route).is_some() { route } else { best })
    }

    /// Routes that cover a destination and do not win, best first, and why each lost. `replaced` is that of
    /// [`Routed`].
    pub fn others(&self, destination: IpAddr, replaced: bool) -> Vec<(&EffectiveRoute, LostBy)> {
        let Some(winner) = self.winner(destination, replaced) else { return Vec::new() };
        let others = self.covering(destination).filter(|route| !std::ptr::eq(*route, winner));
        let reason = |route: &EffectiveRoute| {
            if stands(route, replaced) {
                loses(route, winner).unwrap_or(LostBy::ShorterPrefix)
            } else {
                LostBy::EndpointPolicy
            }
        };
        let mut others: Vec<_> = others.map(|route| (route, reason(route))).collect();
        order::sort_by_key(&mut others, |(route, _)| std::cmp::Reverse(route.prefix.prefix_len()));
        others
    }
}

/// Whether a route counts where those of private endpoints may be replaced.
fn stands(route: &EffectiveRoute, replaced: bool) -> bool {
    !(replaced && route.next_hop == NextHop::InterfaceEndpoint)
}

fn prefixes(texts: &[String]) -> Vec<IpNet> {
    texts.iter().filter_map(|text| text.parse::<IpNet>().ok()).map(|net| net.trunc()).collect()
}

fn system(prefix: IpNet, next_hop: NextHop) -> EffectiveRoute {
    EffectiveRoute { prefix, source: RouteSource::Default, next_hop, next_hop_ip: None, name: None }
}

/// Azure's own routes: the network itself, the internet, and nowhere for private ranges that the network
/// does not have.
pub fn system_routes(network: &[IpNet]) -> Vec<EffectiveRoute> {
    let mut routes: Vec<EffectiveRoute> =
        network.iter().map(|prefix| system(*prefix, NextHop::VnetLocal)).collect();
    let fixed = [
        ("0.0.0.0/0", NextHop::Internet),
        ("10.0.0.0/8", NextHop::None),
        ("172.16.0.0/12", NextHop::None),
        ("192.168.0.0/16", NextHop::None),
        ("100.64.0.0/10", NextHop::None),
    ];
    for (prefix, next_hop) in fixed {
        let Ok(prefix) = prefix.parse::<IpNet>() else { continue };
        if !network.contains(&prefix) {
            routes.push(system(prefix, next_hop));
        }
    }
    let has_v6 = network.iter().any(|net| net.addr().is_ipv6());
    if has_v6 && let Ok(all) = "::/0".parse() {
        routes.push(system(all, NextHop::Internet));
    }
    routes
}
