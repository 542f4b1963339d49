//! Chains that a host has in place of those of the rules which it shares with others.

use super::index::{Cursor, Index, LONG};
use crate::{Chain, Packet, TableName};
use std::sync::OnceLock;

/// A chain in place of a shared one.
#[derive(Debug)]
pub(super) struct OwnChain {
    /// Its table.
    pub(super) table: TableName,
    /// Its place there.
    pub(super) place: u32,
    /// The chain.
    pub(super) chain: Chain,
    /// Per rule: the place of the chain that it leads to.
    pub(super) targets: Vec<Option<u32>>,
    /// Built when a packet first comes by, if the chain is long.
    pub(super) index: OnceLock<Index>,
}

impl OwnChain {
    /// The chain that a rule leads to.
    pub(super) fn target(&self, rule: u32) -> Option<u32> {
        self.targets.get(rule as usize).copied().flatten()
    }

    /// The index of the chain, if it is long enough to have one.
    pub(super) fn index(&self) -> Option<&Index> {
        let rules = &self.chain.rules;
        (rules.len() >= LONG).then(|| self.index.get_or_init(|| Index::new(rules)))
    }

    /// Begins a walk through the chain.
    pub(super) fn cursor(&self, packet: &Packet, indexed: bool) -> Cursor {
        let index = if indexed { self.index() } else { None };
        index.map_or(Cursor::Every(0), |index| index.cursor(packet))
    }
}
