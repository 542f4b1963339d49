//! The Linux kernel's packet path: packets, iptables tables, chains and rules, their text forms,
//! evaluation, connection tracking and address translation.
//!
//! Nothing here knows of Kubernetes or Azure. A rule that this crate cannot model is kept with its
//! text and makes an outcome that depends on it ambiguous; it is never guessed.

mod conntrack;
mod host;
mod kernel;
mod packet;
mod passage;
mod rule;
mod ruleset;

pub use conntrack::Connection;
pub use host::{Host, Interface, Route};
pub use kernel::{Conntrack, Kernel, RulesetError, State};
pub use packet::{Packet, Protocol};
pub use passage::{Entry, Event, Hook, NearMiss, Outcome, Passage, RecentUpdate, RuleId, Segment};
pub use rule::{
    AddressType, ChainName, CtState, CtStates, InterfaceName, Match, NatTo, PortRange, Recent, RecentAction,
    RejectWith, Rule, Statistic, Target, Transport,
};
pub use ruleset::{Chain, Policy, Ruleset, Table, TableName};
