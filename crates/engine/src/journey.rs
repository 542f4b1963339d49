//! Walking a packet from station to station, every branch at once.
//!
//! The same walk serves the way there and the way back: a reply is a packet like any other, and what
//! brings it home is only the state that the way there left behind (tracked connections on nodes,
//! flow state in the cloud).

mod traveller;

pub(crate) use traveller::{CloudFlow, Keeper, Nic, Traveller};

use crate::{
    Action, Cause, Component, Header, NearMisses, Owner, Station, StationKind, Step, Text, Verdict, World,
    storage::Way,
    topology::{AddressOwner, Site},
};
use model::{Key, NodeName};
use netfilter::{Entry, Packet, Segment};
use std::{
    iter::Chain,
    net::IpAddr,
    option,
    sync::{Arc, LazyLock},
    vec,
};

/// A place that can send and receive for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Party {
    /// A host on the internet.
    Internet(IpAddr),
    /// A virtual machine in the network that is no node.
    Vm(IpAddr),
    /// A process in a node's own network namespace.
    Node(NodeName),
    /// A pod with its own network namespace.
    Pod(Key),
    /// An endpoint that no Pod of the input owns.
    Endpoint(IpAddr),
    /// A host on premises, behind a gateway.
    OnPremises(IpAddr),
    /// An Azure service, by one of the ways to it.
    AzureService {
        /// The storage account.
        account: String,
        /// How the packet came.
        way: Way,
    },
    /// Azure's platform address 168.63.129.16: source of probes, DNS.
    Platform,
    /// The instance metadata service, 169.254.169.254, of whichever VM asks.
    Metadata,
}

/// Where a packet is.
#[derive(Debug, Clone)]
pub(crate) enum At {
    /// On the internet.
    Internet,
    /// In the virtual network.
    Fabric,
    /// At a load balancer's frontend.
    LoadBalancer,
    /// At some node, for an address that something outside routes to the nodes alike.
    AnyNode,
    /// At an appliance that a user route names, by its address where the route has one.
    Appliance(Option<IpAddr>),
    /// Entering a node's kernel.
    Node(NodeName, Entry),
    /// At a party's own stack.
    Party(Party),
}

/// How a walk ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// At a party's stack.
    Arrived(Party),
    /// Nowhere.
    Failed(Verdict, Cause),
}

/// More stations than any path of this network has: beyond it, the packet goes in circles.
const MOST_HOPS: u8 = 16;

#[derive(Debug, Clone)]
pub(crate) enum Move {
    Go(At),
    End(End),
}

/// Where the branches go from a station, in their order. Mostly there is one.
#[derive(Default)]
pub(crate) struct Moves {
    first: Option<(Traveller, Move)>,
    others: Vec<(Traveller, Move)>,
}

impl Moves {
    /// One branch.
    pub(crate) fn one(traveller: Traveller, step: Move) -> Self {
        (traveller, step).into()
    }
}

impl From<(Traveller, Move)> for Moves {
    fn from(only: (Traveller, Move)) -> Self {
        Self { first: Some(only), others: Vec::new() }
    }
}

impl Extend<(Traveller, Move)> for Moves {
    fn extend<I: IntoIterator<Item = (Traveller, Move)>>(&mut self, moves: I) {
        let mut moves = moves.into_iter();
        if self.first.is_none() {
            self.first = moves.next();
        }
        self.others.extend(moves);
    }
}

impl FromIterator<(Traveller, Move)> for Moves {
    fn from_iter<I: IntoIterator<Item = (Traveller, Move)>>(moves: I) -> Self {
        let mut all = Self::default();
        all.extend(moves);
        all
    }
}

impl IntoIterator for Moves {
    type Item = (Traveller, Move);
    type IntoIter = Chain<option::IntoIter<Self::Item>, vec::IntoIter<Self::Item>>;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().chain(self.others)
    }
}

/// The party's station in a trace.
pub(crate) fn station_of(party: &Party) -> Station {
    match party {
        Party::Internet(ip) => Station::new(StationKind::Client, ip.to_string()),
        Party::Vm(ip) => Station::new(StationKind::Vm, ip.to_string()),
        Party::Node(name) => node_station(name),
        Party::Pod(key) => Station::new(StationKind::Pod, key.to_string()),
        Party::Endpoint(ip) => Station::new(StationKind::Pod, ip.to_string()),
        Party::OnPremises(ip) => Station::new(StationKind::OnPremises, ip.to_string()),
        Party::AzureService { account, .. } => Station::new(StationKind::AzureService, account.as_str()),
        Party::Platform => Station::new(StationKind::AzureService, "168.63.129.16"),
        Party::Metadata => Station::new(StationKind::AzureService, "169.254.169.254"),
    }
}

/// A node's station.
pub(crate) fn node_station(name: &NodeName) -> Station {
    Station::new(StationKind::Node, name)
}

/// The virtual network's station.
pub(crate) fn fabric_station() -> Station {
    static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "virtual network".into());
    Station::new(StationKind::VirtualNetwork, Arc::clone(&NAME))
}

/// The internet's station.
pub(crate) fn internet_station() -> Station {
    static NAME: LazyLock<Arc<str>> = LazyLock::new(|| "internet".into());
    Station::new(StationKind::Internet, Arc::clone(&NAME))
}

impl World {
    /// Walks a packet to the end of every branch, in a stable order.
    pub(crate) fn walk(&self, traveller: Traveller, at: At) -> Vec<(Traveller, End)> {
        let mut ended = Vec::new();
        let mut next = Some((traveller, at));
        let mut open = Vec::new();
        while let Some((mut traveller, at)) = next.take().or_else(|| open.pop()) {
            traveller.hops += 1;
            if traveller.hops > MOST_HOPS {
                let why = "The packet keeps coming back: it goes in circles.".to_owned();
                traveller.note(fabric_station(), Component::AzureVnet, Owner::Azure, Action::Drop, why);
                ended.push((traveller, End::Failed(Verdict::Looped, Cause::Loop)));
                continue;
            }
            let left_by = nic(&at, &traveller);
            let moves = match at {
                At::Internet => self.on_internet(traveller),
                At::Fabric => self.in_fabric(traveller),
                At::LoadBalancer => self.at_load_balancer(traveller),
                At::AnyNode => self.at_any_node(traveller),
                At::Appliance(ip) => self.at_appliance(traveller, ip),
                At::Node(name, entry) => self.through_node(traveller, &name, entry),
                At::Party(party) => Moves::one(traveller, Move::End(End::Arrived(party))),
            };
            if let Some((mut traveller, step)) = moves.first
                && traveller.carried.is_on_track(&traveller.steps)
            {
                traveller.nic.clone_from(&left_by);
                match step {
                    Move::Go(at) => next = Some((traveller, at)),
                    Move::End(end) => ended.push((traveller, end)),
                }
            }
            let before = open.len();
            for (mut traveller, step) in moves.others {
                if !traveller.carried.is_on_track(&traveller.steps) {
                    continue;
                }
                traveller.nic.clone_from(&left_by);
                match step {
                    Move::Go(at) => open.push((traveller, at)),
                    Move::End(end) => ended.push((traveller, end)),
                }
            }
            // A stack: the branch after the first lies on top.
            if let Some(added) = open.get_mut(before..) {
                added.reverse();
            }
        }
        ended
    }

    /// Where a party's packets begin, by the address that it sends from.
    pub(crate) fn departure(&self, party: &Party, from: IpAddr) -> At {
        let received = |site: Site| {
            // Addresses are quicker to find than names.
            let (node, interface) = match (self.topology.owner(from), &site) {
                (Some(AddressOwner::Pod(owner)), Site::Pod(key)) if owner == key => {
                    self.topology.node_of(from).or_else(|| self.topology.attachment(&site))?
                }
                _ => self.topology.attachment(&site)?,
            };
            Some(At::Node(node.clone(), Entry::Received(interface)))
        };
        match party {
            Party::Internet(_) => At::Internet,
            Party::AzureService { way: Way::Public, .. } => At::Internet,
            Party::Vm(_)
            | Party::Platform
            | Party::Metadata
            | Party::OnPremises(_)
            | Party::AzureService { .. } => At::Fabric,
            Party::Node(name) => At::Node(name.clone(), Entry::Sent),
            // A pod's loopback is its own: what goes there never leaves it.
            Party::Pod(_) if from.is_loopback() => At::Party(party.clone()),
            Party::Pod(key) => received(Site::Pod(key.clone())).unwrap_or(At::Fabric),
            Party::Endpoint(ip) => received(Site::Endpoint(*ip)).unwrap_or(At::Fabric),
        }
    }

    fn on_internet(&self, mut traveller: Traveller) -> Moves {
        let destination = traveller.packet.destination;
        let packet = unmarked(traveller.packet);
        let answered = |flow: &CloudFlow| flow.keeper != Keeper::Inbound && flow.outer.reversed() == packet;
        if let Some(flow) = traveller.take_cloud_flow(answered) {
            return self.answer_from_outside(traveller, flow).into();
        }
        match self.topology.owner(destination) {
            Some(AddressOwner::Frontend) if !self.is_internal_frontend(destination) => {
                Moves::one(traveller, Move::Go(At::LoadBalancer))
            }
            Some(AddressOwner::ExternalIp(_)) => Moves::one(traveller, Move::Go(At::AnyNode)),
            Some(AddressOwner::AzureService(account)) => {
                let party = Party::AzureService { account: account.clone(), way: Way::Public };
                Moves::one(traveller, Move::Go(At::Party(party)))
            }
            None if self.topology.on_premises(destination) && self.reaches_premises(&traveller) => {
                Moves::one(traveller, Move::Go(At::Party(Party::OnPremises(destination))))
            }
            None if self.cloud.instance_behind(destination).is_some() => self.to_instance(traveller),
            None if !self.is_inside(destination) => {
                if let Some(moves) = self.at_nat_gateway(&traveller) {
                    return moves;
                }
                if let Some(moves) = self.at_other_balancer(&traveller, internet_station()) {
                    return moves;
                }
                Moves::one(traveller, Move::Go(At::Party(Party::Internet(destination))))
            }
            _ => {
                let why =
                    format!("{destination} is a private address: nothing on the internet has a route to it.");
                traveller.note(internet_station(), Component::Internet, Owner::Client, Action::Drop, why);
                Moves::one(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NoRoute)))
            }
        }
    }

    /// Whether a packet is on the private way to a network on premises: from inside, by a gateway or back.
    fn reaches_premises(&self, traveller: &Traveller) -> bool {
        let by_gateway = traveller.cloud.iter().any(|flow| flow.keeper == Keeper::Gateway);
        by_gateway || self.is_inside(traveller.packet.source) || traveller.segment != Segment::Opening
    }

    /// Whether the address belongs to the cluster or its network, as opposed to the internet.
    pub(crate) fn is_inside(&self, ip: IpAddr) -> bool {
        match self.topology.owner(ip) {
            Some(AddressOwner::Frontend) => self.is_internal_frontend(ip),
            Some(AddressOwner::AzureService(_)) => false,
            Some(AddressOwner::ExternalIp(_)) | None => {
                self.topology.in_vnet(ip)
                    || self.topology.on_premises(ip)
                    || self.topology.in_pod_range(ip)
                    || self.topology.in_service_range(ip)
                    || azure::is_platform(ip)
                    || is_link_local(ip)
            }
            Some(_) => true,
        }
    }
}

/// Whether an IPv4 address leads nowhere but along one link.
pub(crate) fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.is_link_local())
}

/// Whose NIC a packet leaves by when it goes on from a station.
fn nic(at: &At, traveller: &Traveller) -> Option<Nic> {
    match at {
        At::Node(name, _) => Some(Nic::Node(name.clone())),
        At::Appliance(ip) => ip.map(Nic::Host),
        At::Fabric => traveller.nic.clone(),
        At::Internet | At::LoadBalancer | At::AnyNode | At::Party(_) => None,
    }
}

/// The packet as it is outside of a node: marks do not travel.
pub(crate) fn unmarked(packet: Packet) -> Packet {
    Packet { mark: 0, ..packet }
}

/// A step without rule; `before` and `after` are filled in where it is used.
pub(crate) fn plain(
    station: Station,
    component: Component,
    owner: Owner,
    action: Action,
    why: impl Into<Text>,
) -> Step {
    let nowhere = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
    let header = Header {
        protocol: "tcp",
        source: nowhere,
        source_port: 0,
        destination: nowhere,
        destination_port: 0,
        mark: 0,
    };
    step(header, station, component, owner, action, why)
}

/// A step that leaves the packet as it is, by no rule.
fn step(
    header: Header,
    station: Station,
    component: Component,
    owner: Owner,
    action: Action,
    why: impl Into<Text>,
) -> Step {
    Step {
        station,
        component,
        owner,
        action,
        rule: None,
        near_misses: NearMisses::NONE,
        before: header,
        after: header,
        probability: None,
        why: why.into(),
    }
}

pub(crate) fn no_such_address(mut traveller: Traveller, why: String) -> Moves {
    traveller.note(fabric_station(), Component::AzureVnet, Owner::Azure, Action::Drop, why);
    Moves::one(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NoSuchAddress)))
}
