//! Which chain each rule of a table leads to.

use crate::{ChainName, Table, Target};

/// The jumps of a table, resolved.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// Per chain: where its rules begin in `jumps`; one more at the end.
    first: Vec<u32>,
    /// Per rule, all chains in a row: the chain that it jumps or goes to.
    jumps: Vec<u32>,
}

/// What is wrong with the jumps of a table; indexes into the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LinkError {
    /// The rule leads to a chain that does not exist.
    Missing { chain: u32, rule: u32 },
    /// The rule leads to a chain that leads back to it.
    Loop { chain: u32, rule: u32 },
    /// An earlier chain has the same name.
    Duplicate { chain: u32 },
}

const NONE: u32 = u32::MAX;

impl Links {
    /// Resolves the jumps of a table. Time and memory are linear in its size.
    pub(crate) fn new(table: &Table) -> Result<Self, LinkError> {
        let names = Names::new(table)?;
        let rules = table.chains.iter().map(|chain| chain.rules.len()).sum();
        let mut first = Vec::with_capacity(table.chains.len() + 1);
        let mut jumps = Vec::with_capacity(rules);
        let mut guesses = Guesses::default();
        for (i, chain) in (0_u32..).zip(&table.chains) {
            first.push(small(jumps.len()));
            for (rule, target) in (0_u32..).zip(chain.rules.iter().map(|rule| &rule.target)) {
                jumps.push(match target {
                    Target::Jump(name) | Target::Goto(name) => guesses
                        .find(table, i, name)
                        .or_else(|| guesses.remember(names.find(table, name)))
                        .ok_or(LinkError::Missing { chain: i, rule })?,
                    _ => NONE,
                });
            }
        }
        first.push(small(jumps.len()));
        let links = Self { first, jumps };
        links.check_loops()?;
        Ok(links)
    }

    /// The chain that a rule jumps or goes to.
    pub(crate) fn target(&self, chain: u32, rule: u32) -> Option<u32> {
        self.of_chain(chain).get(rule as usize).copied().filter(|to| *to != NONE)
    }

    fn of_chain(&self, chain: u32) -> &[u32] {
        let at = |i: usize| self.first.get(i).map_or(0, |first| *first as usize);
        self.jumps.get(at(chain as usize)..at(chain as usize + 1)).unwrap_or_default()
    }

    /// Depth first without recursion: hostile rules may nest as deep as there are chains.
    fn check_loops(&self) -> Result<(), LinkError> {
        const NEW: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let chains = self.first.len().saturating_sub(1);
        let mut state = vec![NEW; chains];
        let mut path: Vec<(u32, u32)> = Vec::new();
        for start in 0..small(chains) {
            if state.get(start as usize) == Some(&NEW) {
                set(&mut state, start, OPEN);
                path.push((start, 0));
            }
            while let Some((chain, rule)) = path.last_mut() {
                let here = (*chain, *rule);
                let Some(to) = self.of_chain(here.0).get(here.1 as usize) else {
                    set(&mut state, here.0, DONE);
                    path.pop();
                    continue;
                };
                *rule += 1;
                match state.get(*to as usize) {
                    Some(&NEW) => {
                        set(&mut state, *to, OPEN);
                        path.push((*to, 0));
                    }
                    Some(&OPEN) => return Err(LinkError::Loop { chain: here.0, rule: here.1 }),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn set(state: &mut [u8], at: u32, value: u8) {
    if let Some(slot) = state.get_mut(at as usize) {
        *slot = value;
    }
}

fn small(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Where the next jump probably leads. Chains are mostly written near those that jump to them, and looking there
/// spares most look-ups by name.
#[derive(Default)]
struct Guesses {
    /// The last target that was guessed.
    last: u32,
    /// The last target that had to be looked up.
    looked_up: u32,
}

impl Guesses {
    fn find(&mut self, table: &Table, from: u32, name: &ChainName) -> Option<u32> {
        let is_it = |i: &u32| table.chains.get(*i as usize).is_some_and(|chain| chain.name == *name);
        if is_it(&self.looked_up) {
            return Some(self.looked_up);
        }
        let found = [self.last + 1, from + 1].into_iter().find(is_it)?;
        self.last = found;
        Some(found)
    }

    fn remember(&mut self, found: Option<u32>) -> Option<u32> {
        self.looked_up = found.unwrap_or(self.looked_up);
        found
    }
}

/// Chains by name: an open hash table of indexes, so that no name is copied.
#[derive(Debug)]
pub(crate) struct Names {
    /// A part of the hash, and the index of the chain.
    slots: Vec<(u32, u32)>,
}

impl Names {
    pub(crate) fn new(table: &Table) -> Result<Self, LinkError> {
        let size = (table.chains.len() * 2).next_power_of_two().max(2);
        let mut names = Self { slots: vec![(0, NONE); size] };
        for (i, chain) in (0_u32..).zip(&table.chains) {
            let hash = hash(chain.name.as_bytes());
            let slot = names.slot(table, &chain.name, hash);
            match names.slots.get_mut(slot) {
                Some(free) if free.1 == NONE => *free = (hash, i),
                _ => return Err(LinkError::Duplicate { chain: i }),
            }
        }
        Ok(names)
    }

    pub(crate) fn find(&self, table: &Table, name: &ChainName) -> Option<u32> {
        let slot = self.slot(table, name, hash(name.as_bytes()));
        self.slots.get(slot).map(|(_, found)| *found).filter(|found| *found != NONE)
    }

    /// The slot that holds the name, or the free one where it belongs.
    fn slot(&self, table: &Table, name: &ChainName, hash: u32) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            match self.slots.get(at) {
                Some((_, NONE)) | None => return at,
                Some((tag, i)) => {
                    let same = || table.chains.get(*i as usize).is_some_and(|chain| chain.name == *name);
                    if *tag == hash && same() {
                        return at;
                    }
                }
            }
            at = (at + 1) & mask;
        }
    }
}

fn hash(bytes: &[u8]) -> u32 {
    let mut hash = 0_u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    u32::try_from(hash >> 32).unwrap_or_default()
}

/// One step of a multiplicative hash (the constant is 2^64 by the golden ratio). Its upper half is good.
pub(crate) fn mix(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(23) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
