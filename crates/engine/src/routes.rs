//! The effective route of a packet that enters the network, and what stands behind a user route.

use crate::{
    Action, Cause, Component, NearMiss, NearMisses, Owner, RuleRef, Station, StationKind, Step, Text,
    Verdict, World,
    journey::{At, CloudFlow, End, Keeper, Move, Moves, Nic, Traveller, fabric_station, plain, unmarked},
    later::{Sentence, later},
    pod_link,
    topology::AddressOwner,
};
use azure::{EffectiveRoute, LostBy, NextHop, RouteSource, Routed, Sender, SubnetEntry};
use model::NodeName;
use netfilter::{Packet, Segment};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// Stands for the public address of an appliance that the input says nothing of.
const APPLIANCE_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(20, 50, 62, 254));

/// At most so many routes are named as near misses.
const MOST_MISSES: usize = 5;

/// Where a route turns a packet.
pub(crate) enum Turn {
    /// On to its destination.
    On,
    /// To somewhere else.
    Aside(Move),
    /// To a node that a user route names as next hop (kubenet's routes of pods).
    Node(NodeName),
}

impl World {
    /// Who puts this packet on the network, if the network sees its NIC.
    pub(crate) fn sender_of<'a>(&self, nic: Option<&'a Nic>, packet: &Packet) -> Option<Sender<'a>> {
        match nic {
            Some(Nic::Node(name)) => Some(Sender::node(name, packet.source)),
            Some(Nic::Host(address)) => Some(Sender::vm(*address)),
            None if self.topology.owner(packet.source).is_none() && self.topology.in_vnet(packet.source) => {
                Some(Sender::vm(packet.source))
            }
            None => None,
        }
    }

    /// Picks the route by the sender's subnet, and says which one decided.
    pub(crate) fn by_route(&self, traveller: &mut Traveller) -> Turn {
        let packet = unmarked(traveller.packet);
        let nic = traveller.nic.clone();
        let Some(sender) = self.sender_of(nic.as_ref(), &packet) else { return Turn::On };
        let destination = packet.destination;
        let pods = self.topology.in_pod_range(destination) && !self.topology.in_vnet(destination);
        if pods && !self.is_kubenet() {
            // An overlay's pods are a routing domain of their own; route tables do not see it.
            return Turn::On;
        }
        let Some(subnet) = self.cloud.sender_subnet(sender) else { return Turn::On };
        // The controller keeps kubenet's routes; a table in the input is used as it is.
        if pods && subnet.table.is_none() {
            let why = format!(
                "AKS keeps one route per node in the subnet's route table; the one for {destination} leads to its node."
            );
            traveller.note(fabric_station(), Component::AzureVnet, Owner::Azure, Action::Route, why);
            return Turn::On;
        }
        match self.cloud.route_in(subnet, destination) {
            Some(routed) => self.follow(traveller, subnet, &routed),
            None => {
                let why = format!(
                    "No route of subnet {} covers {destination}: the packet is dropped.",
                    subnet.name
                );
                let step =
                    plain(table_station(subnet), Component::AzureVnet, Owner::Azure, Action::Drop, why);
                traveller.rewrite(packet, step);
                Turn::Aside(Move::End(End::Failed(Verdict::Dropped, Cause::NoRoute)))
            }
        }
    }

    fn follow(&self, traveller: &mut Traveller, subnet: &Arc<SubnetEntry>, routed: &Routed<'_>) -> Turn {
        let packet = unmarked(traveller.packet);
        let route = routed.route;
        let next_node = route.next_hop_ip.and_then(|ip| match self.topology.owner(ip) {
            Some(AddressOwner::Node(name)) => Some(name.clone()),
            _ => None,
        });
        let (action, turn) = match route.next_hop {
            // That nobody has a cluster IP out here is said better than by a route to nowhere.
            NextHop::None
                if route.source == RouteSource::Default
                    && self.topology.in_service_range(packet.destination) =>
            {
                (Action::Route, Turn::On)
            }
            NextHop::None => {
                (Action::Drop, Turn::Aside(Move::End(End::Failed(Verdict::Dropped, Cause::NoRoute))))
            }
            NextHop::VirtualAppliance => match next_node {
                Some(name) => (Action::Route, Turn::Node(name)),
                None => (Action::Route, Turn::Aside(Move::Go(At::Appliance(route.next_hop_ip)))),
            },
            NextHop::VirtualNetworkGateway => (Action::Route, Turn::Aside(Move::Go(At::Internet))),
            NextHop::VnetLocal
            | NextHop::VNetPeering
            | NextHop::Internet
            | NextHop::VirtualNetworkServiceEndpoint
            | NextHop::InterfaceEndpoint => (Action::Route, Turn::On),
        };
        if route.next_hop == NextHop::VirtualNetworkGateway {
            traveller.cloud.push(CloudFlow { outer: packet, inner: packet, keeper: Keeper::Gateway });
        }
        if !traveller.quiet {
            traveller.rewrite(packet, step(subnet, routed, packet.destination, action));
        }
        turn
    }

    pub(crate) fn is_kubenet(&self) -> bool {
        pod_link::is_kubenet(&self.model)
    }

    /// At an appliance behind a user route. It is taken as a stateful firewall that lets everything pass.
    pub(crate) fn at_appliance(&self, traveller: Traveller, ip: Option<IpAddr>) -> Moves {
        if traveller.segment == Segment::Opening {
            return self.through_appliance(traveller, ip).into();
        }
        self.answer_at_appliance(traveller, ip).into()
    }

    fn through_appliance(&self, mut traveller: Traveller, ip: Option<IpAddr>) -> (Traveller, Move) {
        let inner = unmarked(traveller.packet);
        let keeper = Keeper::Appliance(ip);
        if self.is_inside(inner.destination) || !self.is_inside(inner.source) {
            let why = format!(
                "The appliance is taken to let the packet pass to {} unchanged, and to remember the connection.",
                inner.destination
            );
            let at = self.appliance_station(ip);
            traveller.note(at, Component::Appliance, Owner::Azure, Action::Forward, why);
            traveller.cloud.push(CloudFlow { outer: inner, inner, keeper });
            return (traveller, Move::Go(At::Fabric));
        }
        let way = ip.map(|ip| self.cloud.ways_out(Sender::vm(ip), inner.destination)).unwrap_or_default();
        let known = way.iter().find_map(|way| way.sources().first().copied());
        let address = known.unwrap_or(APPLIANCE_ADDRESS);
        let why = match known {
            Some(_) => format!(
                "The appliance lets the packet pass and translates the source to its own public address, {address}."
            ),
            None => format!(
                "The input does not say what the appliance does: it is taken to let the packet pass and to translate the source to a public address of its own ({address} stands for it)."
            ),
        };
        let outer = Packet { source: address, ..inner };
        let step = plain(self.appliance_station(ip), Component::Appliance, Owner::Azure, Action::Snat, why);
        traveller.rewrite(outer, step);
        traveller.cloud.push(CloudFlow { outer, inner, keeper });
        (traveller, Move::Go(At::Internet))
    }

    /// An answer from outside, given back by whoever translated or forwarded the request.
    pub(crate) fn answer_from_outside(&self, mut traveller: Traveller, flow: CloudFlow) -> (Traveller, Move) {
        let inner = flow.inner.reversed();
        let to = inner.destination;
        let (station, component, action, why) = match flow.keeper {
            Keeper::Appliance(ip) => (
                self.appliance_station(ip),
                Component::Appliance,
                Action::Untranslate,
                format!(
                    "The answer comes back to the appliance, which knows the connection and gives it back to {to}."
                ),
            ),
            Keeper::Gateway => (
                fabric_station(),
                Component::AzureVnet,
                Action::Route,
                format!("The answer comes back through the gateway, for {to}."),
            ),
            // Answers to a Private Link Service never go outside.
            Keeper::Inbound | Keeper::Outbound | Keeper::PrivateLink { .. } => (
                crate::journey::internet_station(),
                Component::AzureOutbound,
                Action::Untranslate,
                format!("The outbound translation gives the answer back to {to}."),
            ),
        };
        traveller.rewrite(inner, plain(station, component, Owner::Azure, action, why));
        (traveller, Move::Go(At::Fabric))
    }
}

impl World {
    /// An answer that a route leads to an appliance: only one that saw the request lets it pass.
    fn answer_at_appliance(&self, mut traveller: Traveller, ip: Option<IpAddr>) -> (Traveller, Move) {
        let packet = unmarked(traveller.packet);
        let station = self.appliance_station(ip);
        let passed = |flow: &CloudFlow| {
            flow.keeper == Keeper::Appliance(ip)
                && flow.outer == flow.inner
                && flow.inner.reversed() == packet
        };
        if traveller.take_cloud_flow(passed).is_some() {
            let why = "The appliance saw the request, so it lets the answer pass.".to_owned();
            traveller.note(station, Component::Appliance, Owner::Azure, Action::Forward, why);
            return (traveller, Move::Go(At::Fabric));
        }
        let came = if traveller.cloud.iter().any(|flow| flow.keeper == Keeper::Inbound) {
            "the client's packet came in by the load balancer's public side"
        } else {
            "the request took another way"
        };
        let why = format!(
            "Asymmetric: {came}, but the route sends the answer to {} here. The appliance never saw the request, so it discards the answer, and the client times out. Bring clients in through the appliance, too, or give the subnet a route to them with next hop Internet.",
            packet.destination
        );
        traveller.note(station, Component::Appliance, Owner::Azure, Action::Drop, why);
        (traveller, Move::End(End::Failed(Verdict::Dropped, Cause::AsymmetricReturn)))
    }

    /// Whether an answer came home without an appliance that saw the request; the step that says so is added.
    pub(crate) fn bypassed_appliance(&self, traveller: &mut Traveller) -> bool {
        let kept = traveller.cloud.iter().find_map(|flow| match flow.keeper {
            Keeper::Appliance(ip) => Some(ip),
            Keeper::Inbound | Keeper::Outbound | Keeper::Gateway | Keeper::PrivateLink { .. } => None,
        });
        let Some(ip) = kept else { return false };
        let why = "Asymmetric: the request passed this appliance, the answer came back without it. It never sees the handshake complete, so it discards what the client sends next.";
        traveller.note(
            self.appliance_station(ip),
            Component::Appliance,
            Owner::Azure,
            Action::Drop,
            why.to_owned(),
        );
        true
    }

    fn appliance_station(&self, ip: Option<IpAddr>) -> Station {
        let name = ip.and_then(|ip| self.cloud.firewall_name(ip)).map(str::to_owned);
        let address = || ip.map_or_else(|| "appliance".to_owned(), |ip| ip.to_string());
        Station::new(StationKind::Firewall, name.unwrap_or_else(address))
    }
}

fn table_station(subnet: &SubnetEntry) -> Station {
    Station::new(StationKind::RouteTable, Arc::clone(&subnet.routes_name))
}

fn step(subnet: &Arc<SubnetEntry>, routed: &Routed<'_>, destination: IpAddr, action: Action) -> Step {
    let (route, replaced) = (routed.route, routed.replaced);
    let (of_user, prefix) = (route.source == RouteSource::User, route.prefix);
    let (hop, hop_ip) = (route.next_hop, route.next_hop_ip);
    let why = later(move || {
        let owner = if of_user { "The user route" } else { "The system route" };
        let leads = leads_words(hop, hop_ip);
        format!("{owner} {prefix} has the longest prefix for {destination}; it {leads}.")
    });
    let (rule, why) = rule_ref(subnet, route, why);
    let mut step = plain(table_station(subnet), Component::AzureVnet, Owner::Azure, action, why);
    step.rule = Some(rule);
    let subnet = Arc::clone(subnet);
    step.near_misses = NearMisses::later(move || {
        let others = subnet.routes.others(destination, replaced).into_iter().take(MOST_MISSES);
        let miss = |(other, lost): (&EffectiveRoute, LostBy)| NearMiss {
            rule: rule_ref(&subnet, other, "").0,
            failed: lost.to_string(),
        };
        others.map(miss).collect()
    });
    step
}

/// Where a route leads.
fn leads_words(hop: NextHop, ip: Option<IpAddr>) -> String {
    let words = match (hop, ip) {
        (NextHop::None, _) => "leads nowhere",
        (NextHop::VnetLocal, _) => "keeps it in the virtual network",
        (NextHop::VNetPeering, _) => "leads to the peered network",
        (NextHop::Internet, _) => "leads to the internet",
        (NextHop::VirtualAppliance, Some(ip)) => return format!("leads to the appliance {ip}"),
        (NextHop::VirtualAppliance, None) => "leads to an appliance",
        (NextHop::VirtualNetworkGateway, _) => "leads to the VPN or ExpressRoute gateway",
        (NextHop::VirtualNetworkServiceEndpoint, _) => {
            "leads to the Azure service, with the subnet's identity"
        }
        (NextHop::InterfaceEndpoint, _) => "leads to the private endpoint",
    };
    words.to_owned()
}

/// A route, and the sentence that stands beside it.
fn rule_ref(subnet: &Arc<SubnetEntry>, route: &EffectiveRoute, why: impl Sentence) -> (RuleRef, Text) {
    let object = subnet.table.as_ref().filter(|_| route.source == RouteSource::User);
    let (entry, route) = (Arc::clone(subnet), route.clone());
    let [place, text, why] = why.beside(move || {
        let hop = route.next_hop_ip.map(|ip| format!(" {ip}")).unwrap_or_default();
        let name = route.name.as_ref().map(|name| format!(", {name}")).unwrap_or_default();
        let text = format!("{} → {}{hop} ({}{name})", route.prefix, route.next_hop, route.source);
        [format!("effective routes of subnet {}", entry.name), text]
    });
    let object = object.map(|table| model::ObjectRef::cluster_scoped(model::Kind::RouteTable, table));
    (RuleRef { place, text, object }, why)
}
