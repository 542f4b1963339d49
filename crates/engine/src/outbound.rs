//! A packet on its way out of the virtual network.

use crate::{
    Action, Cause, Component, NearMiss, Owner, RuleRef, Station, StationKind, Verdict, World,
    held::{Terms, exhausted, room, too_late},
    journey::{At, CloudFlow, End, Keeper, Move, Moves, Nic, Traveller, fabric_station, plain, unmarked},
    ping::is_ping,
    topology::AddressOwner,
};
use azure::{Outbound, snat};
use model::azure::NatGateway;
use netfilter::{Packet, Protocol, Segment};
use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// Stands for an address of Azure's that the input says nothing of.
const DEFAULT_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(20, 50, 62, 200));

impl World {
    /// Out of the virtual network, by the outbound method that wins.
    pub(crate) fn leave_azure(&self, mut traveller: Traveller) -> Moves {
        let inner = unmarked(traveller.packet);
        let translated = match self.topology.owner(inner.source) {
            Some(AddressOwner::Node(_) | AddressOwner::Pod(_) | AddressOwner::Endpoint) => true,
            owner => {
                owner.is_none()
                    && (self.topology.in_vnet(inner.source) || self.topology.in_pod_range(inner.source))
            }
        };
        if !translated {
            // Already a public source: nothing to translate.
            return Moves::one(traveller, Move::Go(At::Internet));
        }
        // What comes by no NIC of this network (a frontend called from inside) leaves as its source's owner.
        let nic = traveller.nic.clone().or_else(|| self.nic_of(inner.source));
        let Some(sender) = self.sender_of(nic.as_ref(), &inner) else {
            return no_way(traveller, inner.source).into();
        };
        let ways = self.cloud.ways_out(sender, inner.destination);
        let mut ways = ways.iter();
        let Some(way) = ways.next() else { return no_way(traveller, inner.source).into() };
        if let Outbound::UserRoute { next_hop } = way {
            return self.at_appliance(traveller, *next_hop);
        }
        if is_ping(&inner) && !matches!(way, Outbound::InstancePublicIp { .. } | Outbound::None) {
            return not_for_pings(traveller, way).into();
        }
        let Some(told) = tell(way, inner.source) else { return no_way(traveller, inner.source).into() };
        let holder = sender.node.map_or_else(|| sender.address.to_string().into(), Arc::<str>::from);
        if let Some(end) = by_ports(&traveller, &told, way, &inner, &holder) {
            return end.into();
        }
        traveller.carried.leased(inner, holder);
        let outer = Packet { source: told.address, ..inner };
        let mut step = plain(told.station, Component::AzureOutbound, Owner::Azure, Action::Snat, told.why);
        step.rule = told.rule;
        step.near_misses = ways.filter_map(|lost| near_miss(lost, way)).collect();
        traveller.rewrite(outer, step);
        traveller.cloud.push(CloudFlow { outer, inner, keeper: Keeper::Outbound });
        Moves::one(traveller, Move::Go(At::Internet))
    }

    /// A new connection to an address of a NAT gateway: it takes none.
    pub(crate) fn at_nat_gateway(&self, traveller: &Traveller) -> Option<Moves> {
        let address = traveller.packet.destination;
        let gateway = self.cloud.gateway_at(address)?;
        if traveller.segment != Segment::Opening {
            return None;
        }
        let why = format!(
            "{address} is an address of the NAT gateway {}: connections leave by it, and none that begins outside comes in. The packet is dropped.",
            gateway.name
        );
        let mut traveller = traveller.clone();
        let station = Station::new(StationKind::NatGateway, gateway.name.as_str());
        traveller.note(station, Component::AzureOutbound, Owner::Azure, Action::Drop, why);
        Some(Moves::one(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoListener))))
    }

    fn nic_of(&self, source: IpAddr) -> Option<Nic> {
        match self.topology.owner(source)? {
            AddressOwner::Node(name) => Some(Nic::Node(name.clone())),
            AddressOwner::Pod(_) | AddressOwner::Endpoint => {
                self.topology.node_of(source).map(|(node, _)| Nic::Node(node.clone()))
            }
            AddressOwner::Frontend
            | AddressOwner::ClusterIp(_)
            | AddressOwner::ExternalIp(_)
            | AddressOwner::PrivateEndpoint(_)
            | AddressOwner::AzureService(_) => None,
        }
    }
}

/// What a flow meets that has been silent for too long, or that finds no port.
fn by_ports(
    traveller: &Traveller,
    told: &Told,
    way: &Outbound<'_>,
    inner: &Packet,
    holder: &str,
) -> Option<(Traveller, Move)> {
    let terms = Terms::of_way(way, inner.protocol)?;
    let before = &traveller.carried.before;
    match (traveller.segment, before.lease(inner)) {
        (Segment::Later, Some(lease)) => {
            let silent = before.since(lease.seen);
            (terms.forgets(silent) && inner.protocol == Protocol::Tcp).then(|| {
                too_late(traveller.clone(), told.station.clone(), Component::AzureOutbound, terms, silent)
            })
        }
        (Segment::Opening, _) => {
            let room = room(way)?;
            let whose = Some(holder).filter(|_| matches!(way, Outbound::LoadBalancer { .. }));
            let used = before.held(inner, whose, terms);
            let full = u32::try_from(used).unwrap_or(u32::MAX) >= room;
            full.then(|| {
                let whose = if whose.is_some() { holder } else { "The subnet" };
                exhausted(traveller.clone(), told.station.clone(), whose, (used, room), inner.destination)
            })
        }
        _ => None,
    }
}

fn no_way(mut traveller: Traveller, source: IpAddr) -> (Traveller, Move) {
    let gateway = if source.is_ipv6() { "NAT gateway with IPv6 (SKU StandardV2)" } else { "NAT gateway" };
    let why = format!(
        "{source} has no way out of the virtual network: no route to an appliance, no {gateway}, no public address of its own, no outbound rule."
    );
    traveller.note(fabric_station(), Component::AzureOutbound, Owner::Azure, Action::Drop, why);
    (traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoOutbound)))
}

/// Ways out that translate ports translate TCP and UDP, and nothing else: a load balancer ("Outbound ICMP pings are
/// not supported on a Standard Load Balancer", Azure, "Test reachability of Azure Public Load Balancer frontends"), a
/// NAT gateway ("NAT gateway resource") and default outbound access ("Outbound connections", protocols). A public
/// address of the NIC passes ICMP.
fn not_for_pings(mut traveller: Traveller, way: &Outbound<'_>) -> (Traveller, Move) {
    let why = format!(
        "The way out is {}, which translates TCP and UDP, and no echo requests (ping): the client times out, though TCP to the same address may work.",
        way.method()
    );
    traveller.note(fabric_station(), Component::AzureOutbound, Owner::Azure, Action::Drop, why);
    if let Some(step) = traveller.steps.last_mut() {
        step.rule = Some(way_ref(way));
    }
    (traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoOutbound)))
}

/// A way out in words.
struct Told {
    address: IpAddr,
    station: Station,
    rule: Option<RuleRef>,
    why: String,
}

fn tell(way: &Outbound<'_>, source: IpAddr) -> Option<Told> {
    let address = way.sources().first().copied();
    let several = match way.sources().len() {
        0 | 1 => String::new(),
        count => format!(", the first of {count} addresses (Azure picks one for each connection)"),
    };
    Some(match way {
        Outbound::UserRoute { .. } | Outbound::None => return None,
        Outbound::NatGateway { gateway, .. } => {
            let address = address?;
            let name = gateway_name(*gateway);
            Told {
                address,
                station: Station::new(StationKind::NatGateway, name),
                rule: Some(way_ref(way)),
                why: format!(
                    "The NAT gateway {name} translates the source to {address}{several}; its ports are shared on demand by the whole subnet."
                ),
            }
        }
        Outbound::InstancePublicIp { source: public } => Told {
            address: *public,
            station: Station::new(StationKind::PublicIp, public.to_string()),
            rule: None,
            why: format!("{source} has a public address of its own, {public}: Azure translates one to one."),
        },
        Outbound::LoadBalancer { balancer, rule, ports, .. } => {
            let address = address?;
            let what = match rule {
                Some(rule) => format!("Outbound rule {} of load balancer {}", rule.name, balancer.name),
                None => format!("Load balancer {}, whose rules leave outbound SNAT on,", balancer.name),
            };
            Told {
                address,
                station: Station::new(StationKind::LoadBalancer, &*balancer.name),
                rule: Some(way_ref(way)),
                why: format!(
                    "{what} translates the source to {address}{several}, and the port to one of the {ports} that this VM has for each protocol."
                ),
            }
        }
        Outbound::DefaultAccess => Told {
            address: DEFAULT_ADDRESS,
            station: fabric_station(),
            rule: None,
            why: format!(
                "Nothing sets up a way out for {source}: Azure's default outbound access gives it an address that nobody chose ({DEFAULT_ADDRESS} stands for it)."
            ),
        }
        .only_for(source)?,
    })
}

impl Told {
    /// The stand-in address is IPv4.
    fn only_for(self, source: IpAddr) -> Option<Self> {
        source.is_ipv4().then_some(self)
    }
}

/// A gateway's name; one that AKS manages, or a user assigned, may have no document.
fn gateway_name(gateway: Option<&Arc<NatGateway>>) -> &str {
    gateway.map_or("that the input does not show", |gateway| gateway.name.as_str())
}

/// The way's document in one line.
fn way_ref(way: &Outbound<'_>) -> RuleRef {
    let sources = way.sources().iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (place, text) = match way {
        Outbound::LoadBalancer { balancer, rule: Some(rule), ports, .. } => {
            let ports = match rule.allocated_outbound_ports {
                0 => format!("{ports} ports per member by Azure's table"),
                _ => format!("{ports} ports per member"),
            };
            let idle = rule.idle_timeout_in_minutes.unwrap_or(4);
            (
                format!("load balancer {}, outbound rule {}", balancer.name, rule.name),
                format!("{} by {sources}, {ports}, idle {idle} min", rule.protocol),
            )
        }
        Outbound::LoadBalancer { balancer, rule: None, ports, .. } => (
            format!("load balancer {}", balancer.name),
            format!("rules without disableOutboundSnat, by {sources}, {ports} ports per member"),
        ),
        Outbound::NatGateway { gateway, .. } => (
            format!("NAT gateway {}", gateway_name(*gateway)),
            format!("by {sources}, {} ports per address on demand", snat::NAT_GATEWAY_PORTS_PER_ADDRESS),
        ),
        Outbound::InstancePublicIp { .. } => ("public address of the NIC".to_owned(), sources),
        Outbound::UserRoute { .. } => ("user route".to_owned(), "to an appliance".to_owned()),
        Outbound::DefaultAccess => ("default outbound access".to_owned(), "an address of Azure's".to_owned()),
        Outbound::None => ("no way out".to_owned(), String::new()),
    };
    RuleRef { place: place.into(), text: text.into(), object: None }
}

fn near_miss(lost: &Outbound<'_>, winner: &Outbound<'_>) -> Option<NearMiss> {
    let failed = format!("{} goes before {}", winner.method(), lost.method());
    (lost.method() != winner.method()).then(|| NearMiss { rule: way_ref(lost), failed })
}
