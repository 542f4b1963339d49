//! Rules that almost matched.

use super::{
    chains::MAX_JUMPS,
    holds::{Holds, is_ip},
    path::{End, Question, Walker, start},
};
use crate::{Event, Hook, Match, NearMiss, Outcome, Rule, RuleId};
use std::cmp::Reverse;

/// So many are told.
const MOST: usize = 5;

/// Leads a walk along the way that other events tell, and notes what almost matched.
#[derive(Clone)]
pub(super) struct Guide<'a> {
    events: &'a [Event],
    /// How many of them have come to pass. They are compared as they come, not from the beginning each time.
    passed: usize,
    /// Misses count once so many events have happened.
    since: usize,
    misses: Vec<NearMiss>,
}

pub(super) fn near_misses(question: Question<'_>, decided: &[Event], since: usize) -> Vec<NearMiss> {
    let mut first = start(question);
    first.guide = Some(Box::new(Guide { events: decided, passed: 0, since, misses: Vec::new() }));
    let mut waiting = vec![first];
    let mut budget = MAX_JUMPS;
    while let Some(mut walker) = waiting.pop() {
        loop {
            let end = walker.advance(&mut waiting, &mut budget);
            if !walker.follows_guide() {
                break;
            }
            let Some(guide) = &walker.guide else { break };
            if guide.events.len() == walker.events.len() {
                return guide.misses.clone();
            }
            if end.is_err() {
                break;
            }
        }
    }
    Vec::new()
}

impl Walker<'_> {
    /// Stops a guided walk that has come to the decision, or to another one.
    pub(super) fn ask_guide(&mut self) -> Result<(), End> {
        let Some(guide) = &self.guide else { return Ok(()) };
        let goes_on = guide.events.len() > self.events.len();
        if goes_on && self.follows_guide() { Ok(()) } else { Err(End(Outcome::Ambiguous)) }
    }

    /// Whether everything so far is what the guide tells; without a guide it is.
    fn follows_guide(&mut self) -> bool {
        let Some(guide) = &mut self.guide else { return true };
        let new = self.events.get(guide.passed..).unwrap_or_default();
        let follows = guide.events.get(guide.passed..).is_some_and(|told| told.starts_with(new));
        if follows {
            guide.passed = self.events.len();
        }
        follows
    }

    /// Another table begins.
    pub(super) fn forget_misses(&mut self) {
        if let Some(guide) = &mut self.guide {
            guide.misses.clear();
        }
    }

    /// Notes a rule that did not match.
    pub(super) fn miss(&mut self, hook: Hook, id: RuleId, rule: &Rule, failed: u32) {
        if self.guide.as_ref().is_none_or(|guide| self.events.len() < guide.since) {
            return;
        }
        let is_condition = |found: &Match| {
            !matches!(found, Match::Comment(_) | Match::Module(_) | Match::Nfacct(_) | Match::Unsupported(_))
        };
        let failed_is_ip = rule.matches.get(failed as usize).is_some_and(is_ip);
        let conditions = || (0_u32..).zip(&rule.matches).filter(|(_, found)| is_condition(found));
        // The header comes first, then the extensions in order.
        let before = |i: u32, found: &Match| match (is_ip(found), failed_is_ip) {
            (true, false) => true,
            (false, true) => false,
            _ => i < failed,
        };
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let held = count(conditions().filter(|(i, found)| before(*i, found)).count());
        let fails = |i: u32, found: &Match| i == failed || self.holds(hook, found) == Holds::No;
        let unmet = count(conditions().filter(|(i, found)| fails(*i, found)).count());
        let miss = NearMiss {
            rule: id,
            failed,
            held,
            unmet,
            packet: self.packet,
            input: self.in_interface(hook),
            output: self.out_interface(hook),
            states: self.ct_states(),
        };
        let Some(guide) = &mut self.guide else { return };
        let rank = |miss: &NearMiss| (Reverse(miss.held), miss.unmet);
        let place = guide.misses.partition_point(|other| rank(other) < rank(&miss));
        guide.misses.insert(place, miss);
        guide.misses.truncate(MOST);
    }
}
