//! Collects the commands of a file into a ruleset.

use crate::{Chain, ChainName, Policy, Rule, RuleId, Ruleset, Table, TableName};
use std::collections::{BTreeMap, VecDeque};

#[derive(Default)]
pub(super) struct Builder {
    tables: BTreeMap<TableName, Draft>,
    /// How many rules were added, deleted ones included.
    rules: usize,
}

/// A table being read.
#[derive(Default)]
struct Draft {
    chains: Vec<DraftChain>,
    by_name: BTreeMap<ChainName, usize>,
    deletions: Vec<ChainName>,
    /// All rules read, with their lines; chains hold their indexes.
    rules: Vec<Option<(Rule, u32)>>,
}

struct DraftChain {
    name: ChainName,
    policy: Option<Policy>,
    /// A deque of small indexes: a file of `-I CHAIN` lines stays fast.
    rules: VecDeque<u32>,
}

/// Why a rule is not added.
pub(super) enum NotAdded {
    /// There is no such chain, or no rule of that number.
    NoSuch,
    /// There are too many rules.
    TooMany,
}

/// There is no such chain, or no rule of that number.
pub(super) struct NoSuch;

impl From<NoSuch> for NotAdded {
    fn from(_: NoSuch) -> Self {
        Self::NoSuch
    }
}

/// A file may stand for so many rules. By lists of addresses a short one can stand for many more.
pub(super) const MOST_RULES: usize = 1_000_000;

impl Builder {
    /// Begins a table anew; says whether it was there before.
    pub(super) fn begin(&mut self, table: TableName) -> bool {
        self.tables.insert(table, Draft::default()).is_some()
    }

    /// Declares a chain, or empties it.
    pub(super) fn declare(&mut self, table: TableName, name: ChainName, policy: Option<Policy>) {
        let draft = self.tables.entry(table).or_default();
        let chain = draft.chain(name);
        chain.rules.clear();
        chain.policy = policy.or(chain.policy);
    }

    /// Sets the policy of a built-in chain.
    pub(super) fn set_policy(&mut self, table: TableName, name: ChainName, policy: Policy) {
        self.tables.entry(table).or_default().chain(name).policy = Some(policy);
    }

    /// Empties a chain, or all chains.
    pub(super) fn flush(&mut self, table: TableName, name: Option<ChainName>) -> Result<(), NoSuch> {
        let draft = self.tables.entry(table).or_default();
        match name {
            None => draft.chains.iter_mut().for_each(|chain| chain.rules.clear()),
            Some(name) => draft.existing(table, name)?.rules.clear(),
        }
        Ok(())
    }

    /// Notes a chain for deletion; its rules are deleted first.
    pub(super) fn delete_chain(&mut self, table: TableName, name: ChainName) -> Result<(), NoSuch> {
        let draft = self.tables.entry(table).or_default();
        draft.existing(table, name)?;
        draft.deletions.push(name);
        Ok(())
    }

    /// Adds a rule before the rule of that number from 1, or at the end.
    pub(super) fn add(
        &mut self,
        table: TableName,
        name: ChainName,
        place: Option<u32>,
        rule: Rule,
        line: u32,
    ) -> Result<(), NotAdded> {
        self.rules += 1;
        if self.rules > MOST_RULES {
            return Err(NotAdded::TooMany);
        }
        let draft = self.tables.entry(table).or_default();
        let id = u32::try_from(draft.rules.len()).map_err(|_| NotAdded::TooMany)?;
        let rules = &mut draft.existing(table, name)?.rules;
        match place {
            None => rules.push_back(id),
            Some(place) => {
                let at = (place as usize).checked_sub(1).filter(|at| *at <= rules.len()).ok_or(NoSuch)?;
                rules.insert(at, id);
            }
        }
        draft.rules.push(Some((rule, line)));
        Ok(())
    }

    /// The ruleset, and the line of each of its rules.
    pub(super) fn done(self) -> (Ruleset, BTreeMap<RuleId, u32>) {
        let mut ruleset = Ruleset::default();
        let mut lines = Vec::new();
        for (name, mut draft) in self.tables {
            let mut table = Table { chains: Vec::new(), deletions: draft.deletions };
            for (c, chain) in (0_u32..).zip(draft.chains) {
                let mut rules = Vec::with_capacity(chain.rules.len());
                for id in chain.rules {
                    let Some((rule, line)) = draft.rules.get_mut(id as usize).and_then(Option::take) else {
                        continue;
                    };
                    let place = u32::try_from(rules.len()).unwrap_or(u32::MAX);
                    lines.push((RuleId { table: name, chain: c, rule: place }, line));
                    rules.push(rule);
                }
                table.chains.push(Chain { name: chain.name, policy: chain.policy, rules });
            }
            ruleset.tables.insert(name, table);
        }
        (ruleset, order::map(lines))
    }
}

impl Draft {
    fn chain(&mut self, name: ChainName) -> &mut DraftChain {
        let next = self.chains.len();
        let at = *self.by_name.entry(name).or_insert(next);
        if at == next {
            self.chains.push(DraftChain { name, policy: None, rules: VecDeque::new() });
        }
        // The index was just checked or pushed.
        #[expect(clippy::indexing_slicing, reason = "by_name holds indexes of chains")]
        &mut self.chains[at]
    }

    /// A declared chain, or a built-in one, which always exists.
    fn existing(&mut self, table: TableName, name: ChainName) -> Result<&mut DraftChain, NoSuch> {
        if self.by_name.contains_key(&name) || table.is_built_in(&name) {
            Ok(self.chain(name))
        } else {
            Err(NoSuch)
        }
    }
}
