//! What Azure keeps of flows between their packets: the member that a load balancer gave a flow, the ports that
//! outbound flows hold, and when each was last seen.
//!
//! Azure, "TCP reset and idle timeout", "Use SNAT for outbound connections" and "NAT gateway resource".

use crate::{
    Action, Cause, Component, Owner, Station, Verdict,
    journey::{End, Move, Traveller, plain},
};
use azure::{NAT_GATEWAY_CONNECTIONS_PER_DESTINATION, Outbound, Rule, snat::CoolDown};
use netfilter::{Packet, Protocol};
use std::{net::IpAddr, sync::Arc};

/// Minutes after which an idle flow is forgotten where nothing else is set.
const DEFAULT_IDLE_MINUTES: u32 = 4;

/// Seconds for which a load balancer keeps a port after a connection was closed with FIN.
const BALANCER_COOL_DOWN: u64 = 240;

/// A flow that a load balancer knows.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// The member that has it, by its label.
    pub(crate) member: Arc<str>,
    /// When its last packet passed, in seconds.
    pub(crate) seen: u64,
}

/// A port that an outbound flow holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Lease {
    /// Whose ports: the VM's, by its node's name or its address.
    pub(crate) holder: Arc<str>,
    /// When its last packet passed, in seconds.
    pub(crate) seen: u64,
    /// When it is closed with FIN, if it is.
    pub(crate) closes: Option<u64>,
}

impl Lease {
    /// Whether it still takes a port from others: open and not idle for too long, or closed a short while ago.
    pub(crate) fn holds(&self, now: u64, terms: Terms) -> bool {
        match self.closes {
            Some(closes) if closes <= now => now < closes + terms.cool_down,
            // While it is open, traffic flows.
            Some(_) => true,
            None => now < self.seen + terms.idle_seconds(),
        }
    }
}

/// What becomes of a flow that is silent for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// Both ends get a reset at the time.
    ResetsBoth,
    /// Nobody is told, and later packets are dropped.
    Drops,
    /// Nobody is told, and a later packet is answered with a reset.
    ResetsLate,
}

/// How a rule or gateway treats flows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Terms {
    minutes: u32,
    silence: Silence,
    /// Seconds for which a port is kept after FIN.
    cool_down: u64,
}

impl Terms {
    fn idle_seconds(self) -> u64 {
        u64::from(self.minutes) * 60
    }

    /// Those of a load-balancing rule. UDP has four minutes, whatever the rule says.
    pub(crate) fn of_rule(rule: &Rule, protocol: Protocol) -> Self {
        let minutes = rule.rule.idle_timeout_in_minutes.filter(|_| protocol == Protocol::Tcp);
        Self::of_balancer(minutes, rule.rule.enable_tcp_reset)
    }

    fn of_balancer(minutes: Option<u32>, reset: Option<bool>) -> Self {
        Self {
            minutes: minutes.unwrap_or(DEFAULT_IDLE_MINUTES),
            silence: if reset == Some(true) { Silence::ResetsBoth } else { Silence::Drops },
            cool_down: BALANCER_COOL_DOWN,
        }
    }

    /// Those of a way out; `None` where Azure translates one to one, or not at all.
    pub(crate) fn of_way(way: &Outbound<'_>, protocol: Protocol) -> Option<Self> {
        let of_tcp = |minutes: Option<u32>| minutes.filter(|_| protocol == Protocol::Tcp);
        match way {
            Outbound::LoadBalancer { rule: Some(rule), .. } => {
                Some(Self::of_balancer(of_tcp(rule.idle_timeout_in_minutes), rule.enable_tcp_reset))
            }
            Outbound::LoadBalancer { rule: None, .. } | Outbound::DefaultAccess => {
                Some(Self::of_balancer(None, None))
            }
            Outbound::NatGateway { gateway, .. } => {
                let minutes = gateway.and_then(|gateway| gateway.idle_timeout_in_minutes);
                let closed = if protocol == Protocol::Tcp { CoolDown::TcpFin } else { CoolDown::Udp };
                Some(Self {
                    minutes: of_tcp(minutes).unwrap_or(DEFAULT_IDLE_MINUTES),
                    silence: Silence::ResetsLate,
                    cool_down: u64::from(closed.seconds()),
                })
            }
            Outbound::UserRoute { .. } | Outbound::InstancePublicIp { .. } | Outbound::None => None,
        }
    }

    /// Whether a flow that was last seen so long ago is forgotten.
    pub(crate) fn forgets(self, silent: u64) -> bool {
        silent >= self.idle_seconds()
    }
}

/// How many flows a way out can carry to one destination at a time: for a VM by a load balancer, for all VMs of the
/// subnet by a NAT gateway.
pub(crate) fn room(way: &Outbound<'_>) -> Option<u32> {
    match way {
        Outbound::LoadBalancer { ports, .. } => Some(*ports),
        Outbound::NatGateway { sources, .. } => {
            let count = u32::try_from(sources.len()).unwrap_or(u32::MAX);
            Some(NAT_GATEWAY_CONNECTIONS_PER_DESTINATION.saturating_mul(count))
        }
        _ => None,
    }
}

/// Whether two flows need different ports: to one address and port with TCP, to one address with UDP.
pub(crate) fn contend(one: &Packet, other: &Packet) -> bool {
    let key = |packet: &Packet| {
        let port = Some(packet.destination_port).filter(|_| packet.protocol == Protocol::Tcp);
        (packet.protocol, packet.destination, port)
    };
    key(one) == key(other)
}

/// A later TCP packet of a flow that Azure has forgotten.
pub(crate) fn too_late(
    mut traveller: Traveller,
    station: Station,
    component: Component,
    terms: Terms,
    silent: u64,
) -> (Traveller, Move) {
    let minutes = terms.minutes;
    let told = format!(
        "The connection was silent for {silent} s, and Azure forgets one after {minutes} min (idleTimeoutInMinutes)"
    );
    let (action, verdict, why) = match terms.silence {
        Silence::ResetsBoth => (
            Action::Refuse,
            Verdict::Refused,
            format!(
                "{told}. TCP reset is on: both ends got a reset when the time was over, and this packet meets a closed connection."
            ),
        ),
        Silence::Drops => (
            Action::Drop,
            Verdict::Dropped,
            format!(
                "{told}. TCP reset is off: nobody was told, the packet is dropped, and the sender repeats it until it gives up."
            ),
        ),
        Silence::ResetsLate => (
            Action::Refuse,
            Verdict::Refused,
            format!("{told}. A NAT gateway tells nobody then, and answers a later packet with a reset."),
        ),
    };
    let step = plain(station, component, Owner::Azure, action, why);
    let packet = traveller.packet;
    traveller.rewrite(packet, step);
    (traveller, Move::End(End::Failed(verdict, Cause::IdleTimeout)))
}

/// A new flow for which no port is left.
pub(crate) fn exhausted(
    mut traveller: Traveller,
    station: Station,
    holder: &str,
    (used, room): (usize, u32),
    destination: IpAddr,
) -> (Traveller, Move) {
    let why = format!(
        "{holder} has {used} flows to {destination} that hold a port, of {room} that it can have: Azure finds no port for one more, its first packet is lost, and the client times out. Other destinations are not affected."
    );
    let step = plain(station, Component::AzureOutbound, Owner::Azure, Action::Drop, why);
    let packet = traveller.packet;
    traveller.rewrite(packet, step);
    (traveller, Move::End(End::Failed(Verdict::Dropped, Cause::SnatExhausted)))
}
