//! The form of a ruleset that packets run through.

use super::index::{Cursor, Index, LONG};
use crate::{
    ChainName, Family, Hook, Packet, Rule, RuleId, Ruleset, Table, TableName,
    links::{LinkError, Links, Names},
};
use std::{fmt, sync::OnceLock};

/// Why a host's rules cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesetError {
    /// A rule jumps to a chain that does not exist.
    MissingChain {
        /// The family of the tables.
        family: Family,
        /// The rule.
        rule: RuleId,
        /// The rule's chain and the one that is missing.
        chains: [String; 2],
    },
    /// The jump closes a loop of chains.
    Loop {
        /// The family of the tables.
        family: Family,
        /// The rule.
        rule: RuleId,
        /// The rule's chain and the one that leads to it.
        chains: [String; 2],
    },
    /// Two chains of a table have the same name.
    DuplicateChain {
        /// The family of the tables.
        family: Family,
        /// The table.
        table: TableName,
        /// The name.
        chain: String,
    },
}

impl fmt::Display for RulesetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingChain { family, rule, chains: [from, to] } => {
                let (tool, table, number) = (family.tool(), rule.table, rule.rule + 1);
                write!(f, "{tool} {table}: rule {number} of {from} jumps to {to}, which does not exist")
            }
            Self::Loop { family, rule, chains: [from, to] } => {
                let (tool, table, number) = (family.tool(), rule.table, rule.rule + 1);
                write!(f, "{tool} {table}: rule {number} of {from} jumps to {to} and closes a loop of chains")
            }
            Self::DuplicateChain { family, table, chain } => {
                write!(f, "{} {table}: chain {chain} is there twice", family.tool())
            }
        }
    }
}

impl std::error::Error for RulesetError {}

/// The compiled rules of one family.
#[derive(Debug)]
pub(super) struct Compiled {
    tables: [Option<CompiledTable>; TableName::ALL.len()],
}

/// The compiled rules of one table.
#[derive(Debug)]
pub(super) struct CompiledTable {
    links: Links,
    /// The built-in chain of each hook that has something to say.
    hooks: [Option<u32>; Hook::ALL.len()],
    /// Long chains in order, each with an index that is built when a packet first comes by.
    long: Vec<(u32, OnceLock<Index>)>,
    /// The chains by name, once somebody has looked for one.
    names: OnceLock<Option<Names>>,
}

impl Compiled {
    pub(super) fn new(ruleset: &Ruleset, family: Family) -> Result<Self, RulesetError> {
        let mut tables = [const { None }; TableName::ALL.len()];
        for (name, table) in &ruleset.tables {
            let links = Links::new(table).map_err(|error| explain(ruleset, family, *name, error))?;
            let mut hooks = [None; Hook::ALL.len()];
            for (slot, hook) in hooks.iter_mut().zip(Hook::ALL) {
                // Built-in chains stand near the beginning, where there is one.
                let built_in = name.hooks().contains(&hook);
                let found = table.chains.iter().position(|chain| chain.name.as_str() == hook.chain());
                *slot = found.filter(|_| built_in).and_then(|i| u32::try_from(i).ok());
            }
            let long = (0_u32..).zip(&table.chains).filter(|(_, chain)| chain.rules.len() >= LONG);
            let long = long.map(|(i, _)| (i, OnceLock::new())).collect();
            if let Some(slot) = tables.get_mut(*name as usize) {
                *slot = Some(CompiledTable { links, hooks, long, names: OnceLock::new() });
            }
        }
        Ok(Self { tables })
    }

    pub(super) fn table(&self, name: TableName) -> Option<&CompiledTable> {
        self.tables.get(name as usize)?.as_ref()
    }
}

impl CompiledTable {
    /// The built-in chain of a hook.
    pub(super) fn hook(&self, hook: Hook) -> Option<u32> {
        self.hooks.get(hook as usize).copied().flatten()
    }

    /// The chain of a name in this table.
    pub(super) fn find(&self, table: &Table, name: &ChainName) -> Option<u32> {
        self.names.get_or_init(|| Names::new(table).ok()).as_ref()?.find(table, name)
    }

    /// The chain that a rule leads to.
    pub(super) fn target(&self, chain: u32, rule: u32) -> Option<u32> {
        self.links.target(chain, rule)
    }

    /// The index of a chain, if it is long enough to have one.
    pub(super) fn index(&self, chain: u32, rules: &[Rule]) -> Option<&Index> {
        if rules.len() < LONG {
            return None;
        }
        let place = self.long.binary_search_by_key(&chain, |(chain, _)| *chain).ok()?;
        self.long.get(place).map(|(_, index)| index.get_or_init(|| Index::new(rules)))
    }

    /// Begins a walk through a chain.
    pub(super) fn cursor(&self, chain: u32, rules: &[Rule], packet: &Packet, indexed: bool) -> Cursor {
        let index = if indexed { self.index(chain, rules) } else { None };
        index.map_or(Cursor::Every(0), |index| index.cursor(packet))
    }
}

fn explain(ruleset: &Ruleset, family: Family, table: TableName, error: LinkError) -> RulesetError {
    let names = |rule: RuleId| {
        let from = ruleset.chain(rule).map(|chain| chain.name.to_string()).unwrap_or_default();
        let to = ruleset.rule(rule).and_then(|rule| rule.target.chain());
        [from, to.map(ToString::to_string).unwrap_or_default()]
    };
    match error {
        LinkError::Missing { chain, rule } => {
            let rule = RuleId { table, chain, rule };
            RulesetError::MissingChain { family, rule, chains: names(rule) }
        }
        LinkError::Loop { chain, rule } => {
            let rule = RuleId { table, chain, rule };
            RulesetError::Loop { family, rule, chains: names(rule) }
        }
        LinkError::Duplicate { chain } => {
            let [chain, _] = names(RuleId { table, chain, rule: 0 });
            RulesetError::DuplicateChain { family, table, chain }
        }
    }
}
