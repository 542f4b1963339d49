//! What the kernel does with one packet on one host: the result types of [`crate::Kernel::pass`].

use crate::{Connection, CtStates, InterfaceName, Packet, RejectWith, TableName};
use std::net::IpAddr;

/// How a packet enters a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// It arrives on an interface: PREROUTING, then INPUT or FORWARD.
    Received(InterfaceName),
    /// A process on the host sends it: OUTPUT. To an address of the host it comes back on `lo`.
    Sent,
}

/// What the packet is to connection tracking, where no tracked connection says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Segment {
    /// Opens a connection: a TCP SYN, any UDP datagram.
    Opening,
    /// Answers an opening (a TCP SYN-ACK): INVALID where the connection is not known.
    Answer,
    /// A later packet: known, or picked up (`nf_conntrack_tcp_loose`).
    Later,
}

/// One way that the packet can take through the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// Exact probability of this way, from `statistic` matches; the ways sum to 1.
    pub probability: f64,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Where the packet went.
    pub outcome: Outcome,
    /// The packet as it left, or as the socket got it.
    pub packet: Packet,
    /// The connection that tracking now knows; `None` for untracked and dropped packets.
    pub connection: Option<Connection>,
    /// Changes to `recent` lists: list name and address, in order.
    pub recent: Vec<RecentUpdate>,
}

/// A change to a list of `-m recent`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecentUpdate {
    /// The address was seen now.
    Seen {
        /// The list.
        list: Box<str>,
        /// The address.
        address: IpAddr,
    },
    /// The address was put into a set of nftables now, or its time there begins anew.
    Refreshed {
        /// The set.
        list: Box<str>,
        /// The address.
        address: IpAddr,
    },
    /// The address was removed, or expired.
    Removed {
        /// The list.
        list: Box<str>,
        /// The address.
        address: IpAddr,
    },
}

/// Where a packet went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Up to a socket of this host.
    Local,
    /// Out of an interface.
    Out {
        /// The interface.
        interface: InterfaceName,
        /// The next hop; the destination itself if it is on the link.
        next_hop: IpAddr,
    },
    /// Discarded in silence; the last event says by what.
    Dropped,
    /// Discarded with an answer to the sender; the last event says by what.
    Rejected(RejectWith),
    /// No route leads there.
    NoRoute,
    /// The kernel discards it before routing: a packet for 127.0.0.0/8 from outside (unless `route_localnet` is
    /// on), one from outside with a source of this host or of the loopback, or one with a source of the loopback
    /// to elsewhere.
    Martian,
    /// The host does not forward.
    ForwardingOff,
    /// An unsupported match or target decides; the last event names it.
    Ambiguous,
}

/// The netfilter hooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    /// Everything that arrives.
    Prerouting,
    /// What is for this host.
    Input,
    /// What passes through.
    Forward,
    /// What this host sends.
    Output,
    /// Everything that leaves.
    Postrouting,
}

impl Hook {
    /// All hooks.
    pub const ALL: [Self; 5] =
        [Self::Prerouting, Self::Input, Self::Forward, Self::Output, Self::Postrouting];

    /// Whether the name is that of a built-in chain of some table.
    pub fn is_chain(name: &str) -> bool {
        Self::ALL.iter().any(|hook| hook.chain() == name)
    }

    /// The name of the hook's built-in chains.
    pub fn chain(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

/// Points at one rule of a host's ruleset: table, chain (index in the table), rule (index in the chain).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    /// The table.
    pub table: TableName,
    /// Index into `Table::chains`.
    pub chain: u32,
    /// Index into `Chain::rules`.
    pub rule: u32,
}

/// Something that happened to a packet in a host.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Tracking found or opened a connection.
    Track(crate::CtState),
    /// Tracking translated the packet as its connection says (no rule is consulted).
    Translate {
        /// The packet before.
        before: Packet,
        /// The packet after.
        after: Packet,
    },
    /// A table's chain of a hook begins.
    Hook {
        /// The hook.
        hook: Hook,
        /// The table.
        table: TableName,
    },
    /// A base chain of nftables begins.
    BaseChain {
        /// The hook.
        hook: Hook,
        /// Index into `Host::nft`.
        table: u32,
        /// The chain.
        chain: crate::nft::ChainId,
    },
    /// A rule of nftables came to a change or a verdict. What that does to the packet follows as further events.
    NftRule {
        /// The rule.
        rule: crate::nft::RuleId,
        /// The probability that `numgen` gave it; `None` without it.
        probability: Option<f64>,
        /// The packet as the rule saw it.
        packet: Packet,
    },
    /// IPVS took the packet: to one of its real servers, as a translation that follows, or to none.
    Ipvs {
        /// The virtual server.
        at: crate::VirtualAddress,
        /// How many real servers there were to pick from, each with the same share; 0 refuses the packet.
        ways: usize,
        /// The client was remembered.
        known: bool,
    },
    /// A rule matched. What its target does to the packet follows as further events.
    Matched {
        /// The rule.
        rule: RuleId,
        /// The probability that a `statistic` match gave it; `None` without such a match.
        probability: Option<f64>,
        /// The packet as the rule saw it.
        packet: Packet,
    },
    /// The mark changed.
    Mark {
        /// The mark before.
        before: u32,
        /// The mark after.
        after: u32,
    },
    /// A rule translated the destination, for the whole connection.
    Dnat {
        /// The packet before.
        before: Packet,
        /// The packet after.
        after: Packet,
    },
    /// A rule translated the source, for the whole connection.
    Snat {
        /// The packet before.
        before: Packet,
        /// The packet after.
        after: Packet,
        /// By MASQUERADE: the address is that of the outgoing interface.
        masquerade: bool,
    },
    /// A built-in chain ended without a verdict; its policy decides.
    PolicyApplied {
        /// The table.
        table: TableName,
        /// The hook.
        hook: Hook,
        /// The policy.
        policy: crate::Policy,
    },
    /// The routing decision.
    Routed {
        /// Index into `Host::routes`; `None` for an address of the host itself, or without a route.
        route: Option<u32>,
        /// The address is one of the host's own.
        local: bool,
    },
    /// The packet would leave by the port it came in by, and the port is not in hairpin mode.
    NoHairpin {
        /// The interface that the port belongs to.
        interface: InterfaceName,
    },
    /// An unsupported match or target was reached.
    Unsupported {
        /// The rule.
        rule: RuleId,
    },
}

/// A rule that was examined and did not match, and the first condition that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NearMiss {
    /// The rule.
    pub rule: RuleId,
    /// Index into `Rule::matches` of the first condition that failed. The kernel checks the conditions of the IP
    /// header before all others.
    pub failed: u32,
    /// How many of its conditions held before that.
    pub held: u32,
    /// How many of its conditions failed in all.
    pub unmet: u32,
    /// The packet as the rule saw it.
    pub packet: Packet,
    /// The interface that it came in by, as the rule saw it.
    pub input: Option<InterfaceName>,
    /// The interface that it goes out by, as the rule saw it.
    pub output: Option<InterfaceName>,
    /// What connection tracking said of it.
    pub states: CtStates,
}
