//! The Linux kernel's packet path: packets, iptables tables, chains and rules, their text forms,
//! evaluation, connection tracking and address translation.
//!
//! Nothing here knows of Kubernetes or Azure. A rule that this crate cannot model is kept with its
//! text and makes an outcome that depends on it ambiguous; it is never guessed.

mod conntrack;
mod host;
mod ipset;
mod ipvs;
mod kernel;
mod links;
mod matches;
mod net;
pub mod nft;
mod packet;
mod parse;
mod passage;
mod places;
mod print;
mod recent;
mod rule;
mod ruleset;
mod target;

pub use conntrack::{Connection, Conntrack, Found};
pub use host::{Host, Interface, Route};
pub use ipset::{IpSet, SetEntry, SetKind};
pub use ipvs::{Ipvs, IpvsForm, IpvsText, Scheduler, VirtualAddress, VirtualServer};
pub use kernel::{Arrival, Kernel, RulesetError, State};
pub use matches::{
    AddressType, CtState, CtStates, Match, PortRange, Recent, RecentAction, SetMatch, Statistic, TcpFlags,
    Transport, VirtualMatch,
};
pub use net::{Family, Net};
pub use packet::{Packet, Protocol};
pub use parse::{ParseError, Parsed, Unmodelled, parse, parse_any};
pub use passage::{Entry, Event, Hook, NearMiss, Outcome, Passage, RecentUpdate, RuleId, Segment};
pub use places::Places;
pub use print::{Form, MarkText, RuleText, RulesetText};
pub use recent::RecentLists;
pub use rule::{ChainName, InterfaceName, Rule};
pub use ruleset::{Chain, Policy, Ruleset, Table, TableName};
pub use target::{NatTo, RejectWith, Target};
