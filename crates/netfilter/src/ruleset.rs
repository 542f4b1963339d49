//! Tables and chains.

use crate::{ChainName, Hook, Rule, RuleId};
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
    /// All tables.
    pub const ALL: [Self; 5] = [Self::Raw, Self::Mangle, Self::Nat, Self::Filter, Self::Security];

    /// The hooks in which the table has a built-in chain, in the order of `iptables-save`.
    pub fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Raw => &[Hook::Prerouting, Hook::Output],
            Self::Mangle => &[Hook::Prerouting, Hook::Input, Hook::Forward, Hook::Output, Hook::Postrouting],
            Self::Nat => &[Hook::Prerouting, Hook::Input, Hook::Output, Hook::Postrouting],
            Self::Filter | Self::Security => &[Hook::Input, Hook::Forward, Hook::Output],
        }
    }

    /// Whether the name is that of a built-in chain of the table.
    pub fn is_built_in(self, chain: &str) -> bool {
        self.hooks().iter().any(|hook| hook.chain() == chain)
    }

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

impl Table {
    /// The chain of a name.
    pub fn chain_mut(&mut self, name: &str) -> Option<&mut Chain> {
        self.chains.iter_mut().find(|chain| chain.name.as_str() == name)
    }
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

impl Ruleset {
    /// The rule of an id.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.chain(id)?.rules.get(id.rule as usize)
    }

    /// The chain that the rule of an id is in.
    pub fn chain(&self, id: RuleId) -> Option<&Chain> {
        self.tables.get(&id.table)?.chains.get(id.chain as usize)
    }
}

/// What happens to a packet that reaches the end of a built-in chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// It goes on.
    Accept,
    /// It is dropped.
    Drop,
}

impl Policy {
    /// `ACCEPT` or `DROP`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "ACCEPT",
            Self::Drop => "DROP",
        }
    }
}
