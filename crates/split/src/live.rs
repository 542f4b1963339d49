//! Which locals are read later: what a branch needs, and what it has to hand back.

use crate::branches::Branch;
use std::collections::{BTreeMap, BTreeSet};
use walrus::LocalFunction;
use walrus::ir::{Instr, InstrSeqId, LocalId};

/// Locals whose values are still read.
pub(crate) type Locals = BTreeSet<LocalId>;

/// The locals that are read later, by place.
#[derive(Default)]
pub(crate) struct Live {
    /// Where a jump to a sequence leads.
    pub(crate) at_label: BTreeMap<InstrSeqId, Locals>,
    /// Behind a sequence.
    pub(crate) behind: BTreeMap<InstrSeqId, Locals>,
    /// The sequences that are loops.
    pub(crate) loops: BTreeSet<InstrSeqId>,
    /// Where a branch begins.
    pub(crate) at_branch: BTreeMap<(InstrSeqId, usize), Locals>,
}

impl Live {
    /// Those of a function, at these branches.
    pub(crate) fn of(function: &LocalFunction, branches: &[Branch]) -> Self {
        let wanted = branches.iter().map(|branch| (branch.seq, branch.at)).collect();
        let mut walk = Walk { function, wanted, live: Self::default() };
        let entry = function.entry_block();
        walk.live.at_label.insert(entry, Locals::new());
        walk.seq(entry, Locals::new());
        walk.live
    }
}

struct Walk<'a> {
    function: &'a LocalFunction,
    wanted: BTreeSet<(InstrSeqId, usize)>,
    live: Live,
}

impl Walk<'_> {
    /// From what is live behind a sequence, what is live before it.
    fn seq(&mut self, seq: InstrSeqId, behind: Locals) -> Locals {
        self.live.behind.insert(seq, behind.clone());
        let mut live = behind;
        for (at, (instr, _)) in self.function.block(seq).instrs.iter().enumerate().rev() {
            live = self.before(instr, live);
            if self.wanted.contains(&(seq, at)) {
                self.live.at_branch.insert((seq, at), live.clone());
            }
        }
        live
    }

    fn before(&mut self, instr: &Instr, mut live: Locals) -> Locals {
        match instr {
            Instr::LocalGet(get) => {
                live.insert(get.local);
            }
            Instr::LocalSet(set) => {
                live.remove(&set.local);
            }
            Instr::LocalTee(set) => {
                live.remove(&set.local);
            }
            Instr::Return(_) | Instr::Unreachable(_) => live.clear(),
            Instr::Br(jump) => live = self.label(jump.block),
            Instr::BrIf(jump) => live.extend(self.label(jump.block)),
            Instr::BrTable(jump) => {
                live = self.label(jump.default);
                for block in &jump.blocks {
                    live.extend(self.label(*block));
                }
            }
            Instr::Block(block) => {
                self.live.at_label.insert(block.seq, live.clone());
                live = self.seq(block.seq, live);
            }
            Instr::IfElse(arms) => {
                for arm in [arms.consequent, arms.alternative] {
                    self.live.at_label.insert(arm, live.clone());
                }
                let other = self.seq(arms.alternative, live.clone());
                live = self.seq(arms.consequent, live);
                live.extend(other);
            }
            // What is live at its start is live at each jump there, which may make more live at its start.
            Instr::Loop(block) => loop {
                self.live.loops.insert(block.seq);
                let start = self.seq(block.seq, live.clone());
                let known = self.live.at_label.entry(block.seq).or_default();
                if start.is_subset(known) {
                    return start;
                }
                known.extend(start);
            },
            _ => {}
        }
        live
    }

    fn label(&self, seq: InstrSeqId) -> Locals {
        self.live.at_label.get(&seq).cloned().unwrap_or_default()
    }
}
