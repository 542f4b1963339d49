//! Who takes questions at an address, and whether a question gets there.

use crate::{
    Cause, Owner, Step, Verdict, World,
    journey::{End, Party, Traveller},
    receive::Listener,
    topology::AddressOwner,
};
use azure::{
    dns,
    surroundings::{Location, locate},
};
use kubernetes::cluster_dns;
use model::{Key, azure::DnsResolver, kubernetes::Protocol};
use netfilter::Packet;
use std::net::{IpAddr, Ipv4Addr};

/// The port of DNS.
const PORT: u16 = 53;
/// The source port of traced questions.
const SOURCE_PORT: u16 = 33053;
/// AKS's address of the cluster DNS, where nothing gives another.
const CLUSTER_DNS: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 10));

/// Who sends a question.
pub(super) struct Asker {
    pub(super) party: Party,
    /// Its addresses.
    pub(super) sources: Vec<IpAddr>,
}

/// Who takes questions at an address.
#[derive(Debug, Clone, Copy)]
pub(super) enum Server<'w> {
    /// CoreDNS.
    Cluster(IpAddr),
    /// Azure DNS, 168.63.129.16.
    Azure,
    /// An inbound endpoint of a resolver, which asks Azure DNS in place of this network.
    Resolver(IpAddr, &'w DnsResolver, &'w str),
    /// A server on premises.
    Premises(IpAddr),
    /// Some other server inside: a VM, an appliance, a pod.
    Own(IpAddr),
    /// A server on the internet.
    Public(IpAddr),
}

impl Server<'_> {
    /// Its address.
    pub(super) fn address(self) -> IpAddr {
        match self {
            Self::Azure => azure::PROBE_SOURCE,
            Self::Cluster(ip)
            | Self::Resolver(ip, ..)
            | Self::Premises(ip)
            | Self::Own(ip)
            | Self::Public(ip) => ip,
        }
    }

    /// The station's name.
    pub(super) fn station(self) -> String {
        match self {
            Self::Cluster(_) => "CoreDNS".to_owned(),
            Self::Azure => "Azure DNS".to_owned(),
            Self::Public(ip) if ip.is_unspecified() => "public DNS".to_owned(),
            other => other.address().to_string(),
        }
    }

    pub(super) fn owner(self) -> Owner {
        match self {
            Self::Cluster(_) | Self::Own(_) => Owner::Workload,
            Self::Azure | Self::Resolver(..) => Owner::Azure,
            Self::Premises(_) | Self::Public(_) => Owner::Client,
        }
    }
}

/// A question on its way.
pub(super) fn packet(source: IpAddr, server: IpAddr) -> Packet {
    Packet {
        protocol: netfilter::Protocol::Udp,
        source,
        source_port: SOURCE_PORT,
        destination: server,
        destination_port: PORT,
        mark: 0,
    }
}

/// A question that got no answer: the way that it took, and what became of it.
pub(super) struct Lost {
    pub(super) steps: Vec<Step>,
    pub(super) verdict: Verdict,
    pub(super) cause: Cause,
}

impl World {
    /// Who takes questions at an address.
    pub(super) fn server_at(&self, ip: IpAddr) -> Server<'_> {
        if azure::is_platform(ip) {
            return Server::Azure;
        }
        let service = self.dns_service();
        if ip == self.cluster_dns() || self.ready_endpoints(&service).contains(&ip) {
            return Server::Cluster(ip);
        }
        if let Some((resolver, network)) = dns::resolver_at(&self.model, ip) {
            return Server::Resolver(ip, resolver, network);
        }
        match locate(&self.model, ip) {
            Location::OnPremises(_) => Server::Premises(ip),
            _ if self.topology.owner(ip).is_some() || self.is_inside(ip) || azure::is_private(ip) => {
                Server::Own(ip)
            }
            _ => Server::Public(ip),
        }
    }

    /// Sends a question, a packet like any other, which may not arrive.
    pub(super) fn question(&self, asker: &Asker, server: IpAddr) -> Result<(), Lost> {
        let source = asker.sources.iter().find(|ip| ip.is_ipv4() == server.is_ipv4());
        let Some(source) = source.copied() else {
            return Err(Lost { steps: Vec::new(), verdict: Verdict::Unreachable, cause: Cause::NoRoute });
        };
        if source == server {
            return Ok(());
        }
        let ends = self.walk(Traveller::new(packet(source, server)), self.departure(&asker.party, source));
        let arrives = |(traveller, end): &(Traveller, End)| match end {
            End::Arrived(party) => {
                let to = (traveller.packet.destination, traveller.packet.destination_port);
                self.listener(party, to, Protocol::Udp) == Some(Listener::Application)
            }
            End::Failed(..) => false,
        };
        if ends.iter().any(arrives) {
            return Ok(());
        }
        let Some((mut traveller, end)) = ends.into_iter().next() else { return Ok(()) };
        let (verdict, cause) = match end {
            End::Failed(verdict, cause) => (verdict, cause),
            End::Arrived(_) => (Verdict::Refused, Cause::NoListener),
        };
        Err(Lost { steps: std::mem::take(&mut traveller.steps), verdict, cause })
    }

    /// A pod of CoreDNS, which sends on what CoreDNS does not know itself.
    pub(super) fn core_dns(&self) -> Option<Asker> {
        let ip = *self.ready_endpoints(&self.dns_service()).first()?;
        let party = match self.topology.owner(ip)? {
            AddressOwner::Pod(key) => Party::Pod(key.clone()),
            AddressOwner::Endpoint => Party::Endpoint(ip),
            _ => return None,
        };
        Some(Asker { party, sources: vec![ip] })
    }

    /// The Service of CoreDNS.
    pub(super) fn dns_service(&self) -> Key {
        Key::new(cluster_dns::SERVICE.0, cluster_dns::SERVICE.1)
    }

    /// The address of the cluster DNS.
    pub(super) fn cluster_dns(&self) -> IpAddr {
        let profile = self.model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
        let given = profile.and_then(|profile| profile.dns_service_ip.as_deref()?.parse().ok());
        let service = self.model.services.get(&self.dns_service());
        let of_service = service.and_then(|service| cluster_dns::cluster_ips(service).first().copied());
        of_service.or(given).unwrap_or(CLUSTER_DNS)
    }
}
