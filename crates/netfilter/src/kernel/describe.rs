//! Failed conditions in words.

use crate::{
    AddressType, CtState, CtStates, InterfaceName, Match, NearMiss, Net, PortRange, Recent, RecentAction,
    Statistic,
};
use std::{fmt, net::IpAddr};

/// What the condition wants and what the packet has.
pub(super) fn failure(failed: &Match, miss: &NearMiss) -> String {
    let packet = &miss.packet;
    let but = |not: bool| if not { "anything but " } else { "" };
    match failed {
        Match::Protocol { not, protocol } => {
            format!("wants {}protocol {protocol}, the packet is {}", but(*not), packet.protocol)
        }
        Match::OtherProtocol { not, name } => {
            format!("wants {}protocol {name}, the packet is {}", but(*not), packet.protocol)
        }
        Match::Source { not, net } => address("source", *not, *net, packet.source),
        Match::Destination { not, net } => address("destination", *not, *net, packet.destination),
        Match::SourcePort { not, ports } => port("source port", *not, &[*ports], packet.source_port),
        Match::DestinationPort { not, ports } => {
            port("destination port", *not, &[*ports], packet.destination_port)
        }
        Match::Multiport { not, source: true, ports } => port("source port", *not, ports, packet.source_port),
        Match::Multiport { not, source: false, ports } => {
            port("destination port", *not, ports, packet.destination_port)
        }
        Match::MultiportEither { not, ports } => format!(
            "wants {}source or destination port {}, the packet has {} and {}",
            but(*not),
            Ports(ports),
            packet.source_port,
            packet.destination_port
        ),
        Match::TcpFlags { not, mask, set } => {
            format!("wants {}TCP flags {set} of {mask}, the packet has others", but(*not))
        }
        Match::InInterface { not, name } => {
            interface("a packet that came in by", "it came in by", *not, *name, miss.input)
        }
        Match::OutInterface { not, name } => {
            interface("a packet that goes out by", "it goes out by", *not, *name, miss.output)
        }
        Match::SourceType { not, kind } => kind_of("source", *not, *kind, packet.source),
        Match::DestinationType { not, kind } => kind_of("destination", *not, *kind, packet.destination),
        Match::Mark { not, value, mask } => {
            let mask = if *mask == u32::MAX { String::new() } else { format!("/{mask:#x}") };
            format!("wants {}mark {value:#x}{mask}, the packet has {:#x}", but(*not), packet.mark)
        }
        Match::CtState { not, states } => state(*not, *states, miss.states),
        Match::State { not, states } => state(*not, *states, miss.states.without_nat()),
        Match::Statistic(Statistic::Random { not, probability }) => {
            let chance = if *not { 1.0 - probability } else { *probability };
            format!("takes a packet with probability {chance:.4}, and did not take this one")
        }
        Match::Statistic(Statistic::Nth { not, every, .. }) => {
            format!("takes {}one packet in {every}, and not this one", if *not { "all but " } else { "" })
        }
        Match::Recent(recent) => listed(recent, miss),
        Match::Set(wanted) => {
            let but = if wanted.not { "anything but " } else { "" };
            format!("wants {but}an entry of the set {}, the packet is none", wanted.name)
        }
        Match::Ipvs(wanted) => {
            format!("wants a packet that IPVS took for {}, it did not", wanted.at.socket())
        }
        Match::PhysdevIsIn { not } => {
            format!("wants a packet that came{} by a port of a bridge", if *not { " not" } else { "" })
        }
        Match::Comment(_) | Match::Module(_) | Match::Nfacct(_) | Match::Unsupported(_) => String::new(),
    }
}

fn address(which: &str, not: bool, net: Net, has: IpAddr) -> String {
    let but = if not { "any but " } else { "" };
    match net.single() {
        Some(ip) => format!("wants {which} {but}{ip}, the packet has {has}"),
        None => format!("wants {which} {but}in {}, the packet has {has}", net.net()),
    }
}

fn port(which: &str, not: bool, ports: &[PortRange], has: u16) -> String {
    let but = if not { "any but " } else { "" };
    format!("wants {which} {but}{}, the packet has {has}", Ports(ports))
}

/// `80`, `80 to 90`, `80, 443 or 1000 to 2000`.
struct Ports<'a>(&'a [PortRange]);

impl fmt::Display for Ports<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, ports) in self.0.iter().enumerate() {
            let sign = match i {
                0 => "",
                _ if i + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{sign}{}", ports.first)?;
            if ports.last != ports.first {
                write!(f, " to {}", ports.last)?;
            }
        }
        Ok(())
    }
}

fn interface(
    wants: &str,
    has: &str,
    not: bool,
    name: InterfaceName,
    actual: Option<InterfaceName>,
) -> String {
    let but = if not { " any interface but" } else { "" };
    let actual = actual.map_or_else(|| "none".to_owned(), |actual| actual.as_str().to_owned());
    format!("wants {wants}{but} {}, {has} {actual}", name.as_str())
}

fn kind_of(which: &str, not: bool, kind: AddressType, ip: IpAddr) -> String {
    let name = kind.name();
    if not {
        format!("wants a {which} that is not {name}, {ip} is")
    } else {
        format!("wants a {which} that is {name}, {ip} is not")
    }
}

fn state(not: bool, wanted: CtStates, has: CtStates) -> String {
    let but = if not { "none of " } else { "" };
    format!("wants connection state {but}{}, the packet is {}", States(wanted), States(has))
}

struct States(CtStates);

impl fmt::Display for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sign = "";
        for state in CtState::ALL.into_iter().filter(|state| self.0.contains(*state)) {
            write!(f, "{sign}{}", state.name())?;
            sign = ",";
        }
        Ok(())
    }
}

fn listed(recent: &Recent, miss: &NearMiss) -> String {
    let address = if recent.by_destination { miss.packet.destination } else { miss.packet.source };
    let list = &recent.name;
    let within = recent.seconds.map_or_else(String::new, |seconds| format!(" within {seconds} s"));
    let often = recent.hitcount.map_or_else(String::new, |hits| format!(" at least {hits} times"));
    match (recent.action, recent.not) {
        (RecentAction::Set, _) => format!("never matches, but adds {address} to list {list}"),
        (_, false) => format!("wants {address} in list {list}{often}{within}, it is not"),
        (_, true) => format!("wants {address} not in list {list}{often}{within}, it is"),
    }
}
