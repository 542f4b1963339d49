//! Tables and chains.

use crate::{ChainName, Rule};
use std::{collections::BTreeMap, fmt};

/// All tables of one family on one host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ruleset {
    /// The tables by name; a table that is absent is empty.
    pub tables: BTreeMap<TableName, Table>,
}

/// The tables of iptables, in the order in which a hook consults them where several have a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableName {
    /// Before connection tracking.
    Raw,
    /// Changes packets.
    Mangle,
    /// Translates addresses of connections.
    Nat,
    /// Lets pass or refuses.
    Filter,
    /// Mandatory access control.
    Security,
}

impl TableName {
    /// The name as `*name` in restore text.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
            Self::Filter => "filter",
            Self::Security => "security",
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Chains in the order in which they were declared.
    pub chains: Vec<Chain>,
    /// `-X` lines: chains to delete, in order.
    pub deletions: Vec<ChainName>,
}

/// One chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// The name.
    pub name: ChainName,
    /// The policy of a built-in chain; `None` for user chains.
    pub policy: Option<Policy>,
    /// The rules in order.
    pub rules: Vec<Rule>,
}

/// What happens to a packet that reaches the end of a built-in chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// It goes on.
    Accept,
    /// It is dropped.
    Drop,
}
