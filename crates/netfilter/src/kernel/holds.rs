//! Whether one condition holds.

use super::path::Walker;
use crate::{
    Hook, Match, PortRange, Protocol, Recent, RecentAction, RecentUpdate, Rule, Segment, Statistic, TcpFlags,
};
use std::net::IpAddr;

/// Whether a condition holds, as far as can be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    Unknown,
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// What came of a rule's conditions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// All hold; the chance that `statistic` gave it.
    Yes(Option<f64>),
    /// This one does not hold.
    No { failed: u32 },
    /// It holds with this chance as far as match `from`; then the rest is to be examined.
    Split { chance: f64, from: u32 },
    /// It depends on what is not modelled.
    Unknown,
}

/// Whether the condition is of the IP header: the kernel checks those before any extension.
pub(super) fn is_ip(found: &Match) -> bool {
    matches!(
        found,
        Match::Source { .. }
            | Match::Destination { .. }
            | Match::InInterface { .. }
            | Match::OutInterface { .. }
            | Match::Protocol { .. }
            | Match::OtherProtocol { .. }
    )
}

impl Walker<'_> {
    /// Examines a rule from one of its matches on; the IP header first, then the extensions in order.
    pub(super) fn examine(&mut self, hook: Hook, rule: &Rule, from: u32, before: Option<f64>) -> Verdict {
        if from == 0 {
            let no = |found: &Match| is_ip(found) && self.holds(hook, found) == Holds::No;
            if let Some((failed, _)) = (0_u32..).zip(&rule.matches).find(|(_, found)| no(found)) {
                return Verdict::No { failed };
            }
        }
        let mut chance = before;
        for (i, found) in (0_u32..).zip(&rule.matches).skip(from as usize) {
            match found {
                _ if is_ip(found) => {}
                Match::Statistic(statistic) => {
                    let p = probability(*statistic);
                    if p <= 0.0 {
                        return Verdict::No { failed: i };
                    }
                    if let Some(failed) = self.fails(hook, rule, i + 1) {
                        return Verdict::No { failed };
                    }
                    if p < 1.0 {
                        return Verdict::Split { chance: p, from: i + 1 };
                    }
                    chance = chance.or(Some(1.0));
                }
                Match::Recent(recent) => {
                    if !self.recent(recent) {
                        return Verdict::No { failed: i };
                    }
                }
                _ => match self.holds(hook, found) {
                    Holds::Yes => {}
                    Holds::No => return Verdict::No { failed: i },
                    Holds::Unknown => {
                        let certain = self.fails(hook, rule, i + 1);
                        return certain.map_or(Verdict::Unknown, |failed| Verdict::No { failed });
                    }
                },
            }
        }
        Verdict::Yes(chance)
    }

    /// The first of the matches from one on that fails, if none of them leaves a trace: then it does not matter
    /// what is before them.
    fn fails(&self, hook: Hook, rule: &Rule, from: u32) -> Option<u32> {
        let rest = || (0_u32..).zip(&rule.matches).skip(from as usize);
        if rest().any(|(_, found)| matches!(found, Match::Recent(_))) {
            return None;
        }
        rest().find(|(_, found)| self.holds(hook, found) == Holds::No).map(|(i, _)| i)
    }

    /// Whether a condition holds. `statistic` and `recent` are not asked here: they count as holding.
    pub(super) fn holds(&self, hook: Hook, found: &Match) -> Holds {
        let packet = &self.packet;
        let addresses = &self.kernel().addresses;
        let holds = match found {
            Match::Comment(_)
            | Match::Module(_)
            | Match::Nfacct(_)
            | Match::Statistic(_)
            | Match::Recent(_) => true,
            Match::Protocol { not, protocol } => (packet.protocol == *protocol) != *not,
            Match::OtherProtocol { not, .. } => *not,
            Match::Source { not, net } => net.contains(packet.source) != *not,
            Match::Destination { not, net } => net.contains(packet.destination) != *not,
            Match::SourcePort { not, ports } => ports.contains(packet.source_port) != *not,
            Match::DestinationPort { not, ports } => ports.contains(packet.destination_port) != *not,
            Match::TcpFlags { not, mask, set } => return self.tcp_flags(*not, *mask, *set),
            Match::Multiport { not, source, ports } => {
                in_any(ports, if *source { packet.source_port } else { packet.destination_port }) != *not
            }
            Match::MultiportEither { not, ports } => {
                (in_any(ports, packet.source_port) || in_any(ports, packet.destination_port)) != *not
            }
            Match::InInterface { not, name } => name.matches(self.in_interface(hook).as_ref()) != *not,
            Match::OutInterface { not, name } => name.matches(self.out_interface(hook).as_ref()) != *not,
            Match::SourceType { not, kind } => addresses.is_of(packet.source, *kind) != *not,
            Match::DestinationType { not, kind } => addresses.is_of(packet.destination, *kind) != *not,
            Match::Mark { not, value, mask } => (packet.mark & mask == *value) != *not,
            Match::CtState { not, states } => states.intersects(self.ct_states()) != *not,
            Match::State { not, states } => states.intersects(self.ct_states().without_nat()) != *not,
            Match::Set(wanted) => match self.kernel().host().ipsets.get(&wanted.name) {
                Some(set) => set.matches(packet, &wanted.sides) != wanted.not,
                None => return Holds::Unknown,
            },
            Match::Ipvs(wanted) => self.virtual_server == Some(wanted.at),
            Match::PhysdevIsIn { not } => *not,
            Match::Unsupported(_) => return Holds::Unknown,
        };
        holds.into()
    }

    /// Flags as a SYN, a SYN-ACK and an ACK have them; a later packet may also have others.
    fn tcp_flags(&self, not: bool, mask: TcpFlags, set: TcpFlags) -> Holds {
        if self.packet.protocol != Protocol::Tcp {
            return not.into();
        }
        let (certain, flags) = match self.segment() {
            Segment::Opening => (TcpFlags::ALL, TcpFlags::SYN),
            Segment::Answer => (TcpFlags::ALL, TcpFlags::SYN.or(TcpFlags::ACK)),
            Segment::Later => (TcpFlags::SYN.or(TcpFlags::ACK), TcpFlags::ACK),
        };
        if flags.and(mask).and(certain) != set.and(certain) {
            return not.into();
        }
        if mask.or(set).and(certain) == mask.or(set) { (!not).into() } else { Holds::Unknown }
    }

    /// `-m recent`, as the kernel's `recent_mt` does it. Changes are noted.
    fn recent(&mut self, recent: &Recent) -> bool {
        let address = if recent.by_destination { self.packet.destination } else { self.packet.source };
        let times = self.times(&recent.name, address);
        let list = || recent.name.clone();
        let now = self.state().now;
        let mut found = !times.is_empty();
        match recent.action {
            RecentAction::Set => {
                self.recent.push(RecentUpdate::Seen { list: list(), address });
                return !recent.not;
            }
            RecentAction::Remove if found => {
                self.recent.push(RecentUpdate::Removed { list: list(), address });
            }
            RecentAction::Remove => {}
            RecentAction::Rcheck | RecentAction::Update => {
                if !found {
                    return recent.not;
                }
                let since = recent.seconds.map_or(0, |seconds| now.saturating_sub(seconds.into()));
                let young = times.iter().filter(|time| **time >= since).count();
                found = young >= usize::try_from(recent.hitcount.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
                if recent.reap && recent.seconds.is_some() {
                    self.reap(&recent.name, since);
                }
                // As in the kernel, an entry that was just reaped is not refreshed.
                if recent.action == RecentAction::Update && found != recent.not {
                    self.recent.push(RecentUpdate::Seen { list: list(), address });
                }
            }
        }
        found != recent.not
    }

    /// When the address was seen, this packet's own changes included.
    pub(super) fn times(&self, list: &str, address: IpAddr) -> Vec<u64> {
        let mut times = self.state().recent.times(list, address).to_vec();
        for update in &self.recent {
            match update {
                RecentUpdate::Seen { list: name, address: seen }
                | RecentUpdate::Refreshed { list: name, address: seen }
                    if **name == *list && *seen == address =>
                {
                    times.push(self.state().now);
                }
                RecentUpdate::Removed { list: name, address: gone }
                    if **name == *list && *gone == address =>
                {
                    times.clear();
                }
                _ => {}
            }
        }
        times
    }

    /// `--reap` drops one address per packet: the one seen longest ago, if that is before `since`.
    fn reap(&mut self, list: &str, since: u64) {
        let Some((address, last)) = self.state().recent.oldest(list) else { return };
        let touched = |update: &RecentUpdate| match update {
            RecentUpdate::Seen { list: name, address: other }
            | RecentUpdate::Refreshed { list: name, address: other }
            | RecentUpdate::Removed { list: name, address: other } => **name == *list && *other == address,
        };
        if last < since && !self.recent.iter().any(touched) {
            self.recent.push(RecentUpdate::Removed { list: list.into(), address });
        }
    }
}

fn in_any(ports: &[PortRange], port: u16) -> bool {
    ports.iter().any(|ports| ports.contains(port))
}

fn probability(statistic: Statistic) -> f64 {
    match statistic {
        Statistic::Random { not, probability } => {
            let probability = probability.clamp(0.0, 1.0);
            if not { 1.0 - probability } else { probability }
        }
        Statistic::Nth { not, every, .. } => {
            let once = 1.0 / f64::from(every.max(1));
            if not { 1.0 - once } else { once }
        }
    }
}
