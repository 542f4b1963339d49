//! The walk through chains of nftables.
//!
//! A base chain hangs on a hook at a priority, between the tables of iptables. At equal priority it comes before them:
//! the kernel puts the hook that was registered last first, and nftables' tables are loaded onto hosts that have
//! iptables' already.

use super::path::{End, Walker};
use crate::{
    CtStates, Event, Family, Hook, Host, NatTo, Outcome, RecentUpdate, RejectWith, Target,
    nft::{BaseKind, ChainId, Elements, Key, RuleId, SetId, Side, Statement, Table, Verdict, contains},
};
use std::net::IpAddr;

/// The base chains of one family, for quick look-up.
#[derive(Debug, Default)]
pub(super) struct Bases {
    /// By hook in the order of [`Hook::ALL`]: base chains by priority.
    hooks: [Vec<BaseChain>; Hook::ALL.len()],
    /// Whether there are any.
    any: bool,
    /// Whether one of them translates.
    nat: bool,
}

#[derive(Debug, Clone, Copy)]
struct BaseChain {
    kind: BaseKind,
    priority: i32,
    table: u32,
    chain: ChainId,
}

impl Bases {
    pub(super) fn new(host: &Host, family: Family) -> Self {
        let mut bases = Self::default();
        for (table, of) in (0_u32..).zip(&host.nft).filter(|(_, table)| table.family == family) {
            for (chain, base) in (0_u32..).zip(&of.chains).filter_map(|(at, chain)| Some((at, chain.base?))) {
                bases.any = true;
                bases.nat |= base.kind == BaseKind::Nat;
                if let Some(hook) = bases.hooks.get_mut(base.hook as usize) {
                    let new =
                        BaseChain { kind: base.kind, priority: base.priority, table, chain: ChainId(chain) };
                    let at = hook.partition_point(|other| other.priority <= new.priority);
                    hook.insert(at, new);
                }
            }
        }
        bases
    }

    /// Whether there are chains that translate.
    pub(super) fn translates(&self) -> bool {
        self.nat
    }

    fn get(&self, hook: Hook, at: usize) -> Option<BaseChain> {
        self.hooks.get(hook as usize)?.get(at).copied()
    }
}

/// How far a packet has come through the base chains of its hook.
#[derive(Debug, Clone)]
pub(super) struct Progress<'a> {
    at: Option<At<'a>>,
    hook: Hook,
    /// The next base chain of either type: filter, nat.
    next: [usize; 2],
    /// A chain of the hook translated the packet: no other may.
    translated: bool,
}

/// Where a packet stands in a table.
#[derive(Debug, Clone)]
struct At<'a> {
    table: &'a Table,
    index: u32,
    chain: ChainId,
    rule: u32,
    /// Where RETURN leads.
    frames: Vec<(ChainId, u32)>,
    /// The packet took the rule before this one as far as a choice: the next way, and the probability of all ways.
    choice: Option<(usize, f64)>,
}

impl Progress<'_> {
    pub(super) fn new(hook: Hook) -> Self {
        Self { at: None, hook, next: [0; 2], translated: false }
    }

    /// Whether the packet is in a chain.
    pub(super) fn is_inside(&self) -> bool {
        self.at.is_some()
    }

    /// Whether a chain translated the packet at this hook; asked once.
    pub(super) fn take_translated(&mut self) -> bool {
        std::mem::take(&mut self.translated)
    }
}

/// What a rule makes of a packet.
enum Done {
    /// On to the next rule.
    Next,
    Verdict(Verdict),
    Reject,
    Translate(Target),
}

impl<'a> Walker<'a> {
    /// Begins the next base chain that comes before something at a hook and priority; says whether there was one.
    ///
    /// Those that translate come in the place of the hook's translation, whatever their priority.
    pub(super) fn enter_before(&mut self, hook: Hook, priority: i32, translation: bool) -> bool {
        let bases = self.bases();
        if !bases.any {
            return false;
        }
        if self.nft.hook != hook {
            if self.enter_base(BaseKind::Filter, i32::MAX) {
                return true;
            }
            self.nft = Progress::new(hook);
        }
        self.enter_base(BaseKind::Filter, priority)
            || (translation && !self.nft.translated && self.enter_base(BaseKind::Nat, i32::MAX))
    }

    /// The hook that the packet is at.
    pub(super) fn hook(&self) -> Hook {
        self.nft.hook
    }

    fn enter_base(&mut self, kind: BaseKind, upto: i32) -> bool {
        let bases = self.bases();
        while let Some(base) = bases.get(self.nft.hook, self.nft.next[kind as usize]) {
            if base.priority > upto {
                return false;
            }
            self.nft.next[kind as usize] += 1;
            let table = self.kernel().host().nft.get(base.table as usize);
            let Some(table) = table.filter(|_| base.kind == kind) else { continue };
            if table.chain(base.chain).is_none_or(|chain| chain.rules.is_empty()) {
                continue;
            }
            self.events.push(Event::BaseChain { hook: self.nft.hook, table: base.table, chain: base.chain });
            let at =
                At { table, index: base.table, chain: base.chain, rule: 0, frames: Vec::new(), choice: None };
            self.nft.at = Some(at);
            return true;
        }
        false
    }

    /// Examines rules until the base chain is through or the packet has its end. Other branches are put aside.
    pub(super) fn traverse_nft(&mut self, waiting: &mut Vec<Self>, budget: &mut u32) -> Result<(), End> {
        // Taken out so that rules can be examined meanwhile.
        while let Some(mut at) = self.nft.at.take() {
            if at.choice.is_some() {
                at.rule = at.rule.saturating_sub(1);
            }
            let Some(rule) = at.table.rule(at.chain, at.rule) else {
                self.nft.at = go_back(at);
                continue;
            };
            let id = RuleId { table: at.index, chain: at.chain, rule: at.rule };
            at.rule += 1;
            let done = self.statements(&mut at, &rule.statements, id, waiting);
            self.ask_guide()?;
            match done {
                Done::Next => self.nft.at = Some(at),
                Done::Reject => return Err(End(Outcome::Rejected(RejectWith::PortUnreachable))),
                Done::Verdict(Verdict::Drop) => return Err(End(Outcome::Dropped)),
                Done::Verdict(Verdict::Accept) => return Ok(()),
                Done::Verdict(Verdict::Return) => self.nft.at = go_back(at),
                Done::Verdict(Verdict::Jump(to)) => {
                    at.frames.push((at.chain, at.rule));
                    self.nft.at = Some(go(at, to, budget)?);
                }
                Done::Verdict(Verdict::Goto(to)) => self.nft.at = Some(go(at, to, budget)?),
                Done::Translate(target) => {
                    if !self.translate_as(self.nft.hook, &target)? {
                        return Err(End(Outcome::Ambiguous));
                    }
                    self.nft.translated = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The statements of a rule from left to right.
    fn statements(
        &mut self,
        at: &mut At<'a>,
        statements: &'a [Statement],
        id: RuleId,
        waiting: &mut Vec<Self>,
    ) -> Done {
        let (packet, resumed) = (self.packet, at.choice.is_some());
        let matched = |probability| Event::NftRule { rule: id, probability, packet };
        for statement in statements {
            let done = match statement {
                Statement::Choice(verdicts) => {
                    let Some(verdict) = self.choose(at, verdicts, waiting) else { return Done::Next };
                    #[expect(clippy::cast_precision_loss, reason = "numbers of endpoints are small")]
                    let share = 1.0 / verdicts.len() as f64;
                    self.events.push(matched(Some(share)));
                    return Done::Verdict(verdict);
                }
                // The way that was put aside has all this behind it.
                _ if resumed => continue,
                Statement::OrMark(mask) => {
                    self.events.push(matched(None));
                    self.mark(packet.mark | mask);
                    continue;
                }
                Statement::XorMark(mask) => {
                    self.events.push(matched(None));
                    self.mark(packet.mark ^ mask);
                    continue;
                }
                Statement::Remember(set) => {
                    if let Some(set) = at.table.set(*set) {
                        let update =
                            RecentUpdate::Refreshed { list: (&*set.name).into(), address: packet.source };
                        self.recent.push(update);
                    }
                    continue;
                }
                Statement::Lookup(map) => match self.look_up(at.table, *map) {
                    Some(verdict) => Done::Verdict(verdict),
                    None => return Done::Next,
                },
                Statement::Verdict(verdict) => Done::Verdict(*verdict),
                Statement::Reject => Done::Reject,
                Statement::Dnat(to) => Done::Translate(Target::Dnat(NatTo::socket(to.ip(), to.port()))),
                Statement::Masquerade { fully_random } => {
                    Done::Translate(Target::Masquerade { random_fully: *fully_random, to_ports: None })
                }
                condition if self.statement_holds(at.table, condition) => continue,
                _ => return Done::Next,
            };
            self.events.push(matched(None));
            return done;
        }
        Done::Next
    }

    /// Takes one way of `numgen` and puts the others aside; `None` of an empty map.
    fn choose(&mut self, at: &mut At<'a>, verdicts: &[Verdict], waiting: &mut Vec<Self>) -> Option<Verdict> {
        if let Some(way) = self.draw_way(verdicts.len()) {
            return verdicts.get(way).copied();
        }
        let (way, whole) = at.choice.take().unwrap_or((0, self.probability()));
        let verdict = *verdicts.get(way)?;
        #[expect(clippy::cast_precision_loss, reason = "numbers of endpoints are small")]
        let share = whole / verdicts.len() as f64;
        if way + 1 < verdicts.len() {
            let mut other = self.clone();
            other.nft.at = Some(At { choice: Some((way + 1, whole)), ..at.clone() });
            waiting.push(other);
        }
        self.set_probability(share);
        Some(verdict)
    }

    fn look_up(&self, table: &Table, map: SetId) -> Option<Verdict> {
        let Elements::Verdicts { by_address, elements } = &table.set(map)?.elements else { return None };
        elements.get(&Key::of(&self.packet, *by_address)).map(|element| element.verdict)
    }

    /// Whether a condition holds; what is no condition does.
    fn statement_holds(&self, table: &Table, condition: &Statement) -> bool {
        let packet = &self.packet;
        let address = |side: Side| match side {
            Side::Source => packet.source,
            Side::Destination => packet.destination,
        };
        match condition {
            Statement::Address { side, not, nets } => contains(nets, address(*side)) != *not,
            Statement::InSet { side, set } => self.set_has(table, *set, address(*side)),
            Statement::Local(side) => self.is_local(address(*side)),
            Statement::Interface { not, name } => {
                name.matches(self.in_interface(self.nft.hook).as_ref()) != *not
            }
            Statement::Protocol(protocol) => packet.protocol == *protocol,
            Statement::State(state) => {
                self.ct_states().without_nat().intersects(CtStates::default().with(*state))
            }
            Statement::Unmarked(mask) => packet.mark & mask == 0,
            _ => true,
        }
    }

    fn set_has(&self, table: &Table, set: SetId, ip: IpAddr) -> bool {
        let Some(set) = table.set(set) else { return false };
        match &set.elements {
            Elements::Addresses(addresses) => addresses.contains(&ip),
            Elements::Remembered { timeout } => {
                let last = self.times(&set.name, ip).last().copied();
                last.is_some_and(|last| self.state().now.saturating_sub(last) < u64::from(*timeout))
            }
            Elements::Verdicts { .. } => false,
        }
    }
}

/// Back to the calling chain; `None` where the base chain is through.
fn go_back(mut at: At<'_>) -> Option<At<'_>> {
    (at.chain, at.rule) = at.frames.pop()?;
    Some(at)
}

/// Into a chain.
fn go<'a>(at: At<'a>, to: ChainId, budget: &mut u32) -> Result<At<'a>, End> {
    *budget = budget.checked_sub(1).ok_or(End(Outcome::Ambiguous))?;
    Ok(At { chain: to, rule: 0, ..at })
}
