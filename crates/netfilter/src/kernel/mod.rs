//! The packet path of one host.

mod address;
mod arrive;
mod chains;
mod compile;
mod describe;
mod holds;
mod index;
mod ipvs;
mod nat;
mod near;
mod nft;
mod own;
mod path;

use crate::{
    Chain, Conntrack, Entry, Event, Family, Host, Interface, NearMiss, Packet, Passage, RecentLists, Route,
    Rule, RuleId, Ruleset, Segment, TableName,
};
use address::Addresses;
pub use arrive::Arrival;
use compile::Compiled;
pub use compile::RulesetError;
use own::OwnChain;
use path::Question;
use std::sync::{Arc, OnceLock};

/// A host's network namespace, ready for packets.
#[derive(Debug)]
pub struct Kernel {
    host: Host,
    addresses: Addresses,
    v4: Arc<Compiled>,
    v6: Arc<Compiled>,
    /// Chains of each family in place of shared ones: IPv4, IPv6.
    own: [Vec<OwnChain>; 2],
    /// Base chains of nftables: IPv4, IPv6.
    bases: [nft::Bases; 2],
}

/// What a host remembers between packets.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// The connections that it tracks.
    pub conntrack: Conntrack,
    /// The lists of `-m recent`.
    pub recent: RecentLists,
    /// The time in seconds; only its differences matter.
    pub now: u64,
}

impl State {
    /// Takes over what a packet's passage changed.
    pub fn record(&mut self, passage: &Passage) {
        self.conntrack.record(passage);
        self.recent.apply(&passage.recent, self.now);
    }
}

impl Kernel {
    /// Loads a host's rules.
    ///
    /// Time and memory are linear in the number of rules; long chains are indexed when a packet first comes by.
    pub fn new(host: Host) -> Result<Self, RulesetError> {
        let v4 = Arc::new(Compiled::new(&host.ipv4, Family::V4)?);
        let v6 = Arc::new(Compiled::new(&host.ipv6, Family::V6)?);
        let addresses = Addresses::new(&host);
        let bases = [Family::V4, Family::V6].map(|family| nft::Bases::new(&host, family));
        Ok(Self { host, addresses, v4, v6, own: Default::default(), bases })
    }

    /// The same rules on another host, with these interfaces and routes; they are shared, and not loaded again. Of a
    /// family this host has `own` chains in place of those of the same names. [`Kernel::ruleset`] and [`Kernel::host`]
    /// show the shared ones, [`Kernel::rule`] what counts.
    ///
    /// `None` where there is no chain of such a name, or none that a rule leads to. Chains that lead back to themselves
    /// are not looked for: a packet in a loop is ambiguous.
    #[must_use]
    pub fn on(
        &self,
        interfaces: Vec<Interface>,
        routes: Vec<Route>,
        (family, own): (Family, Vec<(TableName, Chain)>),
    ) -> Option<Self> {
        let ruleset = self.ruleset(family);
        let chains = own.into_iter().map(|(table, chain)| {
            let find = |name| self.compiled(family).table(table)?.find(ruleset.tables.get(&table)?, name);
            let place = find(&chain.name)?;
            let targets = chain.rules.iter().map(|rule| match rule.target.chain() {
                Some(name) => find(name).map(Some),
                None => Some(None),
            });
            let targets = targets.collect::<Option<_>>()?;
            Some(OwnChain { table, place, chain, targets, index: OnceLock::new() })
        });
        let chains = chains.collect::<Option<Vec<_>>>()?;
        let own = if family == Family::V4 { [chains, Vec::new()] } else { [Vec::new(), chains] };
        let host = Host { interfaces, routes, ..self.host.clone() };
        let addresses = Addresses::new(&host);
        let bases = [Family::V4, Family::V6].map(|family| nft::Bases::new(&host, family));
        Some(Self { host, addresses, v4: Arc::clone(&self.v4), v6: Arc::clone(&self.v6), own, bases })
    }

    /// The rule of an id, with its chain.
    pub fn rule(&self, family: Family, id: RuleId) -> Option<(&Chain, &Rule)> {
        let own = self.own(family).iter().find(|own| (own.table, own.place) == (id.table, id.chain));
        let chain = match own {
            Some(own) => &own.chain,
            None => self.ruleset(family).chain(id)?,
        };
        Some((chain, chain.rules.get(id.rule as usize)?))
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The rules of a family.
    pub fn ruleset(&self, family: Family) -> &Ruleset {
        match family {
            Family::V4 => &self.host.ipv4,
            Family::V6 => &self.host.ipv6,
        }
    }

    /// Every way that a packet can take through the host, with exact probabilities that sum to 1, in the order
    /// of the rules that decide.
    pub fn pass(&self, packet: Packet, entry: Entry, segment: Segment, state: &State) -> Vec<Passage> {
        path::walk(Question { kernel: self, packet, entry, segment, state, indexed: true, draw: None })
    }

    /// One of the ways of [`Kernel::pass`], drawn with its probability: numbers in [0, 1) come from `draw`, one for
    /// each choice on the way. The others are not walked.
    pub fn pass_one(
        &self,
        packet: Packet,
        entry: Entry,
        segment: Segment,
        state: &State,
        draw: &dyn Fn() -> f64,
    ) -> Passage {
        let draw = Some(draw);
        path::walk_one(Question { kernel: self, packet, entry, segment, state, indexed: true, draw })
    }

    /// As [`Kernel::pass`], examining every rule of every chain: the definition that [`Kernel::pass`] is held to.
    pub fn pass_naive(&self, packet: Packet, entry: Entry, segment: Segment, state: &State) -> Vec<Passage> {
        path::walk(Question { kernel: self, packet, entry, segment, state, indexed: false, draw: None })
    }

    /// The rules that were examined in vain before a decision, nearest first, at most five: those of which most
    /// conditions held before the first that failed, then those with the fewest failed, then the latest.
    ///
    /// The first arguments are those of [`Kernel::pass`]; `decided` is the events of one of its passages up to
    /// and including the decision ([`Event::Matched`], [`Event::PolicyApplied`] or [`Event::Unsupported`]). Only
    /// rules of the same table and hook count, and of these the ones that were examined after the first `since`
    /// events: with 0 all, else those since an earlier decision. Walks every rule: for one step on demand, not for
    /// all.
    pub fn near_misses(
        &self,
        packet: Packet,
        entry: Entry,
        segment: Segment,
        state: &State,
        decided: &[Event],
        since: usize,
    ) -> Vec<NearMiss> {
        let question = Question { kernel: self, packet, entry, segment, state, indexed: false, draw: None };
        near::near_misses(question, decided, since)
    }

    /// What a near miss wanted, and what the packet had: `wants destination port 32651, the packet has 80`.
    pub fn describe_failure(&self, miss: &NearMiss) -> String {
        let rule = self.rule(Family::of(miss.packet.destination), miss.rule);
        let failed = rule.and_then(|(_, rule)| rule.matches.get(miss.failed as usize));
        failed.map_or_else(String::new, |failed| describe::failure(failed, miss))
    }

    fn bases(&self, family: Family) -> &nft::Bases {
        let [ipv4, ipv6] = &self.bases;
        if family == Family::V4 { ipv4 } else { ipv6 }
    }

    fn own(&self, family: Family) -> &[OwnChain] {
        let [ipv4, ipv6] = &self.own;
        if family == Family::V4 { ipv4 } else { ipv6 }
    }

    fn compiled(&self, family: Family) -> &Compiled {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }
}
