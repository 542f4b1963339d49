//! The walk through the chains of one table.

use super::{
    compile::CompiledTable,
    holds::Verdict,
    index::{Cursor, Index},
    own::OwnChain,
    path::{End, Tracked, Walker},
};
use crate::{
    Chain, Event, Hook, Outcome, Packet, Policy, RejectWith, Rule, RuleId, Table, TableName, Target,
};

/// So many jumps are followed for one packet, all its branches together; rules that want more are ambiguous.
/// It bounds chains that each jump twice to the next: their number of paths doubles with each chain.
pub(super) const MAX_JUMPS: u32 = 262_144;

/// A chain that another one was jumped to from, and the place in it.
pub(super) type Frame = (u32, Cursor);

/// Where a packet stands in a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<'a> {
    hook: Hook,
    name: TableName,
    table: &'a Table,
    compiled: &'a CompiledTable,
    own: &'a [OwnChain],
    chain: u32,
    cursor: Cursor,
    /// A rule to be examined further: its index, the first match left, the chance so far.
    resume: Option<(u32, u32, f64)>,
}

impl<'a> At<'a> {
    fn rules(&self) -> &'a [Rule] {
        self.chain(self.chain).map_or(&[], |chain| &chain.rules)
    }

    fn chain(&self, chain: u32) -> Option<&'a Chain> {
        match self.own(chain) {
            Some(own) => Some(&own.chain),
            None => self.table.chains.get(chain as usize),
        }
    }

    /// The host's own chain in place of a shared one.
    fn own(&self, chain: u32) -> Option<&'a OwnChain> {
        self.own.iter().find(|own| (own.table, own.place) == (self.name, chain))
    }

    fn index(&self, rules: &[Rule]) -> Option<&'a Index> {
        match self.own(self.chain) {
            Some(own) => own.index(),
            None => self.compiled.index(self.chain, rules),
        }
    }

    /// The chain that a rule leads to.
    fn target(&self, id: RuleId) -> Option<u32> {
        match self.own(id.chain) {
            Some(own) => own.target(id.rule),
            None => self.compiled.target(id.chain, id.rule),
        }
    }

    /// Begins a walk through a chain.
    fn begin(&mut self, chain: u32, packet: &Packet, indexed: bool) {
        self.chain = chain;
        self.cursor = match self.own(chain) {
            Some(own) => own.cursor(packet, indexed),
            None => self.compiled.cursor(chain, self.rules(), packet, indexed),
        };
    }

    /// The next rule to examine.
    fn advance(&mut self) -> Option<u32> {
        let rules = self.rules();
        let indexed = matches!(self.cursor, Cursor::Lists(_));
        let index = if indexed { self.index(rules) } else { None };
        self.cursor.next(index, rules.len())
    }

    fn built_in(&self) -> Option<&'a Chain> {
        self.chain(self.compiled.hook(self.hook)?)
    }
}

impl Walker<'_> {
    /// Begins a table's chain of a hook, if it has anything to say.
    pub(super) fn enter(&mut self, hook: Hook, name: TableName) {
        let Some(compiled) = self.compiled().table(name) else { return };
        let Some(chain) = compiled.hook(hook) else { return };
        let Some(table) = self.ruleset().tables.get(&name) else { return };
        let (own, cursor) = (self.own(), Cursor::Every(0));
        let mut at = At { hook, name, table, compiled, own, chain, cursor, resume: None };
        let Some(Chain { rules, policy, .. }) = at.chain(chain) else { return };
        if rules.is_empty() && *policy != Some(Policy::Drop) {
            return;
        }
        self.events.push(Event::Hook { hook, table: name });
        self.forget_misses();
        at.begin(chain, &self.packet, self.indexed());
        self.frames.clear();
        self.at = Some(at);
    }

    /// Examines rules until the table has a verdict or the packet its end. Other branches are put aside.
    pub(super) fn traverse(&mut self, waiting: &mut Vec<Self>, budget: &mut u32) -> Result<(), End> {
        while let Some(at) = &mut self.at {
            let rules = at.rules();
            let resumed = at.resume.take().map(|(index, from, chance)| (index, from, Some(chance)));
            let Some((index, from, before)) = resumed.or_else(|| at.advance().map(|index| (index, 0, None)))
            else {
                self.come_back()?;
                continue;
            };
            let Some(rule) = rules.get(index as usize) else { continue };
            let (hook, id) = (at.hook, RuleId { table: at.name, chain: at.chain, rule: index });
            match self.examine(hook, rule, from, before) {
                Verdict::No { failed } => self.miss(hook, id, rule, failed),
                Verdict::Split { chance, from } => {
                    match self.draw(chance) {
                        Some(true) => {}
                        Some(false) => {
                            self.miss(hook, id, rule, from - 1);
                            continue;
                        }
                        None => {
                            let mut other = self.split(chance);
                            other.miss(hook, id, rule, from - 1);
                            waiting.push(other);
                        }
                    }
                    if let Some(at) = &mut self.at {
                        at.resume = Some((index, from, before.unwrap_or(1.0) * chance));
                    }
                }
                Verdict::Unknown
                    if matches!(rule.target, Target::None | Target::Log(_) | Target::Continue(_)) => {}
                Verdict::Unknown => return Err(self.ambiguous(id)),
                Verdict::Yes(probability) => {
                    self.events.push(Event::Matched { rule: id, probability, packet: self.packet });
                    self.ask_guide()?;
                    self.apply(rule, id, budget)?;
                }
            }
        }
        Ok(())
    }

    fn ambiguous(&mut self, rule: RuleId) -> End {
        self.events.push(Event::Unsupported { rule });
        End(Outcome::Ambiguous)
    }

    /// Does what a matching rule says.
    fn apply(&mut self, rule: &Rule, id: RuleId, budget: &mut u32) -> Result<(), End> {
        match &rule.target {
            Target::None | Target::Log(_) | Target::Continue(_) => Ok(()),
            Target::Accept => self.accept(),
            Target::Drop => Err(End(Outcome::Dropped)),
            Target::Reject(with) => Err(End(Outcome::Rejected(with.unwrap_or(RejectWith::PortUnreachable)))),
            Target::Return => self.come_back(),
            Target::Jump(_) => self.descend(id, true, budget),
            Target::Goto(_) => self.descend(id, false, budget),
            Target::SetXmark { value, mask } => {
                self.mark((self.packet.mark & !mask) ^ value);
                Ok(())
            }
            Target::OrMark(value) => {
                self.mark(self.packet.mark | value);
                Ok(())
            }
            Target::AndMark(value) => {
                self.mark(self.packet.mark & value);
                Ok(())
            }
            Target::XorMark(value) => {
                self.mark(self.packet.mark ^ value);
                Ok(())
            }
            Target::Notrack => {
                if matches!(self.tracked, Tracked::Unseen) {
                    self.tracked = Tracked::Exempt;
                }
                Ok(())
            }
            Target::Dnat(_) | Target::Snat(_) | Target::Redirect(_) | Target::Masquerade { .. } => {
                let Some(at) = self.at.take().filter(|at| at.name == TableName::Nat) else {
                    return Err(self.ambiguous(id));
                };
                if self.translate_as(at.hook, &rule.target)? { Ok(()) } else { Err(self.ambiguous(id)) }
            }
            Target::Unsupported(_) => Err(self.ambiguous(id)),
        }
    }

    pub(super) fn mark(&mut self, after: u32) {
        let before = self.packet.mark;
        if before != after {
            self.packet.mark = after;
            self.events.push(Event::Mark { before, after });
        }
    }

    /// Into the chain that a rule leads to.
    fn descend(&mut self, id: RuleId, come_back: bool, budget: &mut u32) -> Result<(), End> {
        let indexed = self.indexed();
        let (Some(at), Some(left)) = (&mut self.at, budget.checked_sub(1)) else {
            return Err(self.ambiguous(id));
        };
        *budget = left;
        let Some(to) = at.target(id) else { return Ok(()) };
        if come_back {
            self.frames.push((at.chain, at.cursor));
        }
        at.begin(to, &self.packet, indexed);
        Ok(())
    }

    /// Back to the calling chain, or at the end of a built-in chain to its policy.
    fn come_back(&mut self) -> Result<(), End> {
        let Some(at) = &mut self.at else { return Ok(()) };
        if let Some((chain, cursor)) = self.frames.pop() {
            at.chain = chain;
            at.cursor = cursor;
            return Ok(());
        }
        let policy = at.built_in().and_then(|chain| chain.policy).unwrap_or(Policy::Accept);
        self.events.push(Event::PolicyApplied { table: at.name, hook: at.hook, policy });
        self.ask_guide()?;
        match policy {
            Policy::Accept => self.accept(),
            Policy::Drop => Err(End(Outcome::Dropped)),
        }
    }

    /// The table lets the packet pass.
    fn accept(&mut self) -> Result<(), End> {
        match self.at.take() {
            Some(at) if at.name == TableName::Nat => self.leave_alone(at.hook),
            _ => Ok(()),
        }
    }
}
