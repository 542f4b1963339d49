//! A Private Link Service in front of a Service's internal frontend: consumers of other networks come in by it.
//!
//! Their packets come out of the service with one of its own addresses as source, whatever network they are from, so
//! the backends know the client only by a PROXY header, where the service writes one (Azure, "What is Azure Private
//! Link service?"; cloud-provider-azure, `pls-integration`).

use crate::{
    Action, Component, Owner, Station, StationKind, Verdict, World,
    journey::{At, CloudFlow, End, Keeper, Move, Moves, Party, Traveller, plain, unmarked},
    storage::endpoint_station,
};
use azure::PrivateLinkService;
use ipnet::IpNet;
use model::{Key, azure::PrivateEndpoint};
use netfilter::Packet;
use std::net::{IpAddr, Ipv4Addr};

/// Stands for the service's address where the input does not show its subnet.
const NAT_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 224, 255, 254));

impl World {
    /// The Private Link Service of this cluster that a private endpoint is connected to.
    pub(crate) fn private_link_of(&self, endpoint: &PrivateEndpoint) -> Option<(&Key, &PrivateLinkService)> {
        let to = endpoint.connection()?.private_link_service_id.as_ref()?;
        let name = to.segment("privateLinkServices")?;
        self.cloud.private_links().iter().find(|(_, link)| link.name.eq_ignore_ascii_case(name))
    }

    /// From a private endpoint through the service to the internal frontend behind it.
    pub(crate) fn through_private_link(
        &self,
        mut traveller: Traveller,
        endpoint: &PrivateEndpoint,
        (service, link): (&Key, &PrivateLinkService),
    ) -> Moves {
        let outer = unmarked(traveller.packet);
        let station = Station::new(StationKind::PrivateEndpoint, link.name.as_str());
        let frontends = self.cloud.balancers().flat_map(|balancer| &balancer.frontends);
        let frontend = frontends
            .filter(|frontend| frontend.configuration.name == link.frontend)
            .find_map(|frontend| frontend.address);
        let Some(frontend) = frontend else {
            let why =
                format!("{} has no frontend behind it: its Service {service} has no address.", link.name);
            traveller.note(station, Component::AzurePrivateLink, Owner::Azure, Action::Drop, why);
            let end = End::Failed(Verdict::Dropped, crate::Cause::NoLoadBalancerRule);
            return Moves::one(traveller, Move::End(end));
        };
        // A service carries TCP only (Azure, "Azure Private Link service", limitations).
        if outer.protocol != netfilter::Protocol::Tcp {
            let why = format!("The Private Link Service {} carries TCP only.", link.name);
            traveller.note(station, Component::AzurePrivateLink, Owner::Azure, Action::Drop, why);
            let end = End::Failed(Verdict::Dropped, crate::Cause::NoLoadBalancerRule);
            return Moves::one(traveller, Move::End(end));
        }
        let (source, known) = self.address_of_link(link, frontend);
        let inner = Packet { source, destination: frontend, ..outer };
        let whose = if known { "its own address" } else { "an address of its subnet" };
        let header = if link.proxy_protocol {
            format!(
                " Before the client's first bytes it writes a PROXY v2 header with the client's address {} and the endpoint's LINKID.",
                outer.source
            )
        } else {
            " It writes no PROXY header: whoever is behind it cannot know the client.".to_owned()
        };
        let why = format!(
            "The endpoint {} is connected to the Private Link Service {} of {service}: it translates the source to {whose}, {source}, and gives the packet to the frontend {frontend}.{header}",
            endpoint.name, link.name
        );
        let step = plain(station, Component::AzurePrivateLink, Owner::Azure, Action::Snat, why);
        traveller.rewrite(inner, step);
        let told = link.proxy_protocol.then_some(outer.source);
        traveller.cloud.push(CloudFlow { outer, inner, keeper: Keeper::PrivateLink { told } });
        Moves::one(traveller, Move::Go(At::LoadBalancer))
    }

    /// The address that backends see, and whether the input says so: a fixed one, else the last of its subnet, which is
    /// the frontend's where no other is named.
    fn address_of_link(&self, link: &PrivateLinkService, frontend: IpAddr) -> (IpAddr, bool) {
        if let Some(ip) = link.addresses.first() {
            return (*ip, true);
        }
        let named = link.subnet.as_ref().and_then(|name| {
            let subnets = self.model().virtual_networks.values().flat_map(|network| &network.subnets);
            let mut own = subnets.filter(|subnet| subnet.name.eq_ignore_ascii_case(name));
            let subnet = own.next()?;
            let one = subnet.address_prefix.iter().chain(&subnet.address_prefixes).next()?;
            one.parse::<IpNet>().ok()
        });
        let of_frontend = || self.cloud.subnet(frontend)?.prefixes.first().copied();
        let subnet = named.or_else(of_frontend);
        (subnet.and_then(last_host).unwrap_or(NAT_ADDRESS), false)
    }

    /// The answer comes back to the service: it knows the connection, and gives it back to the consumer.
    pub(crate) fn answer_of_private_link(&self, mut traveller: Traveller, flow: CloudFlow) -> Moves {
        let outer = flow.outer.reversed();
        let why = format!(
            "The answer comes back to the Private Link Service, which gives it back to {} as the endpoint {}.",
            outer.destination, outer.source
        );
        let station = endpoint_station(&outer.source.to_string());
        let step = plain(station, Component::AzurePrivateLink, Owner::Azure, Action::Untranslate, why);
        traveller.rewrite(outer, step);
        let consumer = outer.destination;
        if self.topology.owner(consumer).is_some() {
            return self.deliver(traveller);
        }
        let party = if self.topology.on_premises(consumer) {
            Party::OnPremises(consumer)
        } else {
            Party::Vm(consumer)
        };
        Moves::one(traveller, Move::Go(At::Party(party)))
    }
}

/// The client that a PROXY header names to whoever receives this packet, if there is one.
pub(crate) fn told_by_header(traveller: &Traveller) -> Option<IpAddr> {
    traveller.cloud.iter().find_map(|flow| match flow.keeper {
        Keeper::PrivateLink { told } => told,
        _ => None,
    })
}

/// What the header means to the receiver, for a person.
pub(crate) fn header_words(source: IpAddr, told: IpAddr) -> String {
    format!(
        " The connection's source is {source}, the Private Link Service; the client {told} stands only in the PROXY v2 header, which comes before the client's first byte. An application that does not expect it takes its bytes (0D 0A 0D 0A 00 0D 0A 51 55 49 54 0A …) for the request: HTTP servers answer 400, a TLS handshake fails. One that expects it on this port refuses whoever comes without it, such as clients of the frontend itself."
    )
}

fn last_host(subnet: IpNet) -> Option<IpAddr> {
    match subnet {
        IpNet::V4(net) => {
            let last = u32::from(net.broadcast()).checked_sub(1)?;
            Some(IpAddr::V4(last.into()))
        }
        IpNet::V6(net) => Some(IpAddr::V6(net.broadcast())),
    }
}
