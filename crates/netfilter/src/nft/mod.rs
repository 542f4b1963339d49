//! nftables: tables that hold their own chains, sets and maps.
//!
//! What is here is what programs of this project write: base chains of types filter and nat, lookups by address, protocol
//! and port, `numgen`, marks and translation. References are indexes into the table, so a table cannot name what it
//! does not have. Printing is in `text`; packets pass in `kernel::nft`.

mod text;

use crate::{CtState, Family, Hook, InterfaceName, Packet, Protocol};
use ipnet::IpNet;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

pub(crate) use text::contains;
pub use text::{Form, RuleText, TableText};

/// A table of one family: `table ip NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The family: `ip` or `ip6`.
    pub family: Family,
    /// The name.
    pub name: Arc<str>,
    /// The comment; empty for none.
    pub comment: &'static str,
    /// Sets and maps.
    pub sets: Vec<Set>,
    /// Chains; base chains of equal priority run in this order.
    pub chains: Vec<Chain>,
}

/// A chain of its table, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(pub u32);

/// A set or map of its table, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetId(pub u32);

/// A chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The name, at most 255 bytes.
    pub name: Arc<str>,
    /// The hook that it hangs on; `None` for a chain that only rules lead to.
    pub base: Option<Base>,
    /// The comment; empty for none.
    pub comment: &'static str,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

/// What makes a chain a base chain. What reaches its end is accepted: it goes on to the next base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base {
    /// Its type.
    pub kind: BaseKind,
    /// The hook.
    pub hook: Hook,
    /// Lower runs first; iptables' tables have -300 (raw), -150 (mangle), -100 and 100 (nat), 0 (filter).
    pub priority: i32,
}

/// The type of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaseKind {
    /// Sees every packet.
    Filter,
    /// Sees the first packet of a connection, and translates.
    Nat,
}

/// A rule: statements from left to right until one does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Conditions, changes and at most one verdict.
    pub statements: Vec<Statement>,
    /// The comment; empty for none.
    pub comment: &'static str,
}

/// Which address of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// `saddr`.
    Source,
    /// `daddr`.
    Destination,
}

/// One part of a rule.
#[derive(Debug, Clone, PartialEq)]
pub enum Statement {
    /// `ip saddr [!=] NET`, or with braces for several.
    Address {
        /// Which address.
        side: Side,
        /// `!=`.
        not: bool,
        /// Any of these.
        nets: Nets,
    },
    /// `ip saddr @SET`.
    InSet {
        /// Which address.
        side: Side,
        /// The set.
        set: SetId,
    },
    /// `fib saddr type local`: the address is one of this host.
    Local(Side),
    /// `iifname [!=] NAME`; a name that ends in `+` stands for nftables' `*`.
    Interface {
        /// `!=`.
        not: bool,
        /// The name.
        name: InterfaceName,
    },
    /// `meta l4proto PROTOCOL`.
    Protocol(Protocol),
    /// `ct state STATE`.
    State(CtState),
    /// `mark and MASK == 0`.
    Unmarked(u32),
    /// `mark set mark or MASK`.
    OrMark(u32),
    /// `mark set mark xor MASK`.
    XorMark(u32),
    /// `update @SET { ip saddr }`: remembers the sender.
    Remember(SetId),
    /// `ip daddr . meta l4proto . th dport vmap @MAP`, without the address where the map has none.
    Lookup(SetId),
    /// `numgen random mod N vmap { 0 : …, 1 : … }`: one of these, each with the same chance.
    Choice(Vec<Verdict>),
    /// A verdict.
    Verdict(Verdict),
    /// `reject`: ICMP port unreachable.
    Reject,
    /// `dnat to ADDRESS:PORT`.
    Dnat(SocketAddr),
    /// `masquerade [fully-random]`.
    Masquerade {
        /// `fully-random`.
        fully_random: bool,
    },
}

/// Networks that an address is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Nets {
    /// One, written bare.
    One(IpNet),
    /// An anonymous set.
    Any(Vec<IpNet>),
}

impl Nets {
    /// All of them.
    pub fn all(&self) -> &[IpNet] {
        match self {
            Self::One(net) => std::slice::from_ref(net),
            Self::Any(nets) => nets,
        }
    }
}

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It leaves the base chain and goes on to the next.
    Accept,
    /// It is discarded.
    Drop,
    /// Back to the calling chain.
    Return,
    /// Into a chain, and back here from its end.
    Jump(ChainId),
    /// Into a chain, and from its end back to where this chain was called from.
    Goto(ChainId),
}

/// A set or a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    /// The name.
    pub name: Arc<str>,
    /// The comment; empty for none.
    pub comment: &'static str,
    /// What it holds.
    pub elements: Elements,
}

/// The elements of a set or a map, and with them its type.
#[derive(Debug, Clone, PartialEq)]
pub enum Elements {
    /// `type ipv4_addr`.
    Addresses(BTreeSet<IpAddr>),
    /// `type ipv4_addr; flags dynamic,timeout`: addresses that packets put there, for so many seconds.
    Remembered {
        /// Seconds since the last packet that put it there.
        timeout: u32,
    },
    /// `type [ipv4_addr .] inet_proto . inet_service : verdict`.
    Verdicts {
        /// Whether keys have an address.
        by_address: bool,
        /// What each key leads to.
        elements: BTreeMap<Key, Element>,
    },
}

/// A key of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The destination address, where the map has one.
    pub address: Option<IpAddr>,
    /// The protocol.
    pub protocol: Protocol,
    /// The destination port.
    pub port: u16,
}

impl Key {
    /// What a packet is looked up by.
    pub fn of(packet: &Packet, by_address: bool) -> Self {
        Self {
            address: by_address.then_some(packet.destination),
            protocol: packet.protocol,
            port: packet.destination_port,
        }
    }
}

/// An element of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Element {
    /// Where it leads.
    pub verdict: Verdict,
    /// The comment.
    pub comment: Option<Arc<str>>,
}

/// Points at one rule of a host's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId {
    /// Index into `Host::nft`.
    pub table: u32,
    /// The chain.
    pub chain: ChainId,
    /// Index into `Chain::rules`.
    pub rule: u32,
}

impl Table {
    /// A chain.
    pub fn chain(&self, id: ChainId) -> Option<&Chain> {
        self.chains.get(id.0 as usize)
    }

    /// A set or map.
    pub fn set(&self, id: SetId) -> Option<&Set> {
        self.sets.get(id.0 as usize)
    }

    /// A rule.
    pub fn rule(&self, chain: ChainId, rule: u32) -> Option<&Rule> {
        self.chain(chain)?.rules.get(rule as usize)
    }
}
