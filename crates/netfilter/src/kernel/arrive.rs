//! A packet that came in, on one of its ways up to the routing decision: what a host's rules did with it.
//!
//! Hosts that share their rules do the same with the same packet so far. Where one of them knows all ways, another goes
//! on with one of them, and does not walk thousands to find it.

use super::{
    Kernel, State,
    path::{Question, Tracked, Walker, start, walk_all},
};
use crate::{Entry, Event, Family, Packet, Passage, RecentUpdate, Segment};
use std::sync::Arc;

/// One way of a packet up to the routing decision, or to its end before that.
#[derive(Debug, Clone)]
pub struct Arrival(Way);

#[derive(Debug, Clone)]
enum Way {
    Ended(Box<Passage>),
    Open(Box<Open>),
}

#[derive(Debug, Clone)]
struct Open {
    arrived: Packet,
    packet: Packet,
    tracked: Tracked,
    probability: f64,
    events: Vec<Event>,
    recent: Vec<RecentUpdate>,
}

impl From<Passage> for Arrival {
    fn from(passage: Passage) -> Self {
        Self(Way::Ended(Box::new(passage)))
    }
}

impl Kernel {
    /// Whether a packet's ways here up to the routing decision are those on a host with the same rules: there are rules
    /// of iptables alone, and all are shared.
    pub fn arrives_as_on(&self, other: &Self, family: Family) -> bool {
        let plain = |kernel: &Self| {
            kernel.host.ipvs.is_empty() && kernel.host.nft.is_empty() && kernel.own(family).is_empty()
        };
        let same = match family {
            Family::V4 => Arc::ptr_eq(&self.v4, &other.v4),
            Family::V6 => Arc::ptr_eq(&self.v6, &other.v6),
        };
        plain(self) && plain(other) && same
    }

    /// Every way of a packet that comes in up to the routing decision, in the order of [`Kernel::pass`]. The host has
    /// rules of iptables alone.
    pub fn arrive(&self, packet: Packet, entry: Entry, segment: Segment, state: &State) -> Vec<Arrival> {
        let question = Question { kernel: self, packet, entry, segment, state, indexed: true, draw: None };
        walk_all(start(question), |mut walker: Walker<'_>, waiting, budget| {
            loop {
                if walker.is_to_be_routed() {
                    return Arrival(Way::Open(Box::new(Open {
                        arrived: packet,
                        packet: walker.packet,
                        tracked: walker.tracked,
                        probability: walker.probability(),
                        events: walker.events,
                        recent: walker.recent,
                    })));
                }
                if let Err(end) = walker.advance(waiting, budget) {
                    return walker.passage(end.0).into();
                }
            }
        })
    }

    /// The ways of a packet from an arrival on: with the one with which it was made the ones of [`Kernel::pass`]; with one
    /// that is addressed to this host where the other was addressed to its own, those of this.
    pub fn go_on(
        &self,
        arrival: &Arrival,
        packet: Packet,
        entry: Entry,
        segment: Segment,
        state: &State,
    ) -> Vec<Passage> {
        let open = match &arrival.0 {
            Way::Ended(passage) => return vec![Passage::clone(passage)],
            Way::Open(open) => open,
        };
        let own = |mut known: Packet| {
            let at = (known.destination, known.destination_port);
            if at == (open.arrived.destination, open.arrived.destination_port) {
                (known.destination, known.destination_port) = (packet.destination, packet.destination_port);
            }
            known
        };
        let question = Question { kernel: self, packet, entry, segment, state, indexed: true, draw: None };
        let mut walker = start(question).to_be_routed(open.probability);
        walker.packet = own(open.packet);
        walker.tracked = match open.tracked {
            Tracked::New(original) => Tracked::New(own(original)),
            other => other,
        };
        walker.events.extend(open.events.iter().cloned().map(|mut event| {
            match &mut event {
                Event::Matched { packet, .. } => *packet = own(*packet),
                Event::Dnat { before, after, .. } | Event::Snat { before, after, .. } => {
                    (*before, *after) = (own(*before), own(*after));
                }
                _ => {}
            }
            event
        }));
        walker.recent.clone_from(&open.recent);
        walk_all(walker, Walker::run)
    }
}
