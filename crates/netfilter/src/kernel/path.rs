//! The way of a packet through the hooks.

mod hooks;
mod routing;

use self::hooks::{RECEIVED, SENT, Step, priority};
use super::{
    Kernel, State,
    chains::{At, Frame},
    compile::Compiled,
    near::Guide,
    nft::{Bases, Progress},
    own::OwnChain,
};
use crate::{
    Connection, CtState, CtStates, Entry, Event, Family,
    Hook::{self, Forward, Input, Output, Postrouting, Prerouting},
    InterfaceName, Outcome, Packet, Passage, Protocol, RecentUpdate, Ruleset, Segment, VirtualAddress,
    conntrack::unmarked,
};
use std::net::IpAddr;

/// After so many branches the rest of the probability is ambiguous. 65,536 is more than any list of endpoints.
const MAX_BRANCHES: usize = 65_536;

/// What connection tracking says of the packet.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tracked {
    /// It has not seen it yet.
    Unseen,
    /// A rule exempted it.
    Exempt,
    /// It belongs to no connection and begins none.
    Invalid,
    /// It begins one; the packet as it came.
    New(Packet),
    /// It belongs to this one; with `reply`, as an answer.
    Known { connection: Connection, reply: bool },
}

/// What all branches of a walk share.
#[derive(Clone, Copy)]
struct Shared<'a> {
    kernel: &'a Kernel,
    state: &'a State,
    ruleset: &'a Ruleset,
    compiled: &'a Compiled,
    own: &'a [OwnChain],
    bases: &'a Bases,
    segment: Segment,
    indexed: bool,
    family: Family,
    /// The packet as it came.
    arrived: Packet,
    draw: Option<Draw<'a>>,
}

/// Gives the next random number, in [0, 1).
pub(super) type Draw<'a> = &'a dyn Fn() -> f64;

/// A packet on one of its ways.
#[derive(Clone)]
pub(super) struct Walker<'a> {
    shared: Shared<'a>,
    steps: &'static [Step],
    pub(super) at: Option<At<'a>>,
    /// Where RETURN leads, in the table that it is in.
    pub(super) frames: Vec<Frame>,
    pub(super) nft: Progress<'a>,
    pub(super) packet: Packet,
    pub(super) tracked: Tracked,
    probability: f64,
    pub(super) events: Vec<Event>,
    pub(super) recent: Vec<RecentUpdate>,
    input: Option<InterfaceName>,
    /// Where the packet goes out, and the next hop.
    output: Option<(InterfaceName, IpAddr)>,
    /// Where it was to go out when OUTPUT began; the hook is not told of a new route.
    sent_output: Option<InterfaceName>,
    /// The virtual server that took it.
    pub(super) virtual_server: Option<VirtualAddress>,
    /// What has already become of it.
    ended: Option<Outcome>,
    /// Where only one way is of interest.
    pub(super) guide: Option<Box<Guide<'a>>>,
}

/// The packet has reached its end.
pub(super) struct End(pub(super) Outcome);

/// What is asked of a kernel.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) packet: Packet,
    pub(super) entry: Entry,
    pub(super) segment: Segment,
    pub(super) state: &'a State,
    /// Whether long chains are looked up rather than walked.
    pub(super) indexed: bool,
    /// Where one way is followed, drawn at random, instead of all.
    pub(super) draw: Option<Draw<'a>>,
}

/// A packet at the beginning of its way.
pub(super) fn start(question: Question<'_>) -> Walker<'_> {
    let Question { kernel, packet, entry, segment, state, indexed, draw } = question;
    let family = Family::of(packet.destination);
    let shared = Shared {
        kernel,
        state,
        ruleset: kernel.ruleset(family),
        compiled: kernel.compiled(family),
        own: kernel.own(family),
        bases: kernel.bases(family),
        segment,
        indexed,
        family,
        arrived: packet,
        draw,
    };
    let (steps, input) = match entry {
        Entry::Received(interface) => (RECEIVED, Some(interface)),
        Entry::Sent => (SENT, None),
    };
    Walker {
        shared,
        steps,
        at: None,
        frames: Vec::new(),
        nft: Progress::new(if input.is_some() { Prerouting } else { Output }),
        packet,
        tracked: Tracked::Unseen,
        probability: 1.0,
        events: Vec::with_capacity(24),
        recent: Vec::new(),
        input,
        output: None,
        sent_output: None,
        virtual_server: None,
        ended: None,
        guide: None,
    }
}

/// Follows every way.
pub(super) fn walk(question: Question<'_>) -> Vec<Passage> {
    walk_all(start(question), Walker::run)
}

/// Follows every way from here, each as far as `run` does.
pub(super) fn walk_all<'a, T: From<Passage>>(
    first: Walker<'a>,
    run: impl Fn(Walker<'a>, &mut Vec<Walker<'a>>, &mut u32) -> T,
) -> Vec<T> {
    let mut ways = Vec::with_capacity(1);
    let mut waiting = Vec::new();
    let mut budget = super::chains::MAX_JUMPS;
    let mut next = Some(first);
    while let Some(walker) = next.take().or_else(|| waiting.pop()) {
        ways.push(if ways.len() + waiting.len() >= MAX_BRANCHES {
            walker.passage(Outcome::Ambiguous).into()
        } else {
            run(walker, &mut waiting, &mut budget)
        });
    }
    ways
}

/// Follows one way, drawn at random: none is put aside for later.
pub(super) fn walk_one(question: Question<'_>) -> Passage {
    let mut budget = super::chains::MAX_JUMPS;
    start(question).run(&mut Vec::new(), &mut budget)
}

impl<'a> Walker<'a> {
    pub(super) fn run(mut self, waiting: &mut Vec<Self>, budget: &mut u32) -> Passage {
        loop {
            if let Err(End(outcome)) = self.advance(waiting, budget) {
                return self.passage(outcome);
            }
        }
    }

    /// One step on, or through the table that the packet is in.
    pub(super) fn advance(&mut self, waiting: &mut Vec<Self>, budget: &mut u32) -> Result<(), End> {
        if self.at.is_some() {
            self.traverse(waiting, budget)
        } else if self.nft.is_inside() {
            self.traverse_nft(waiting, budget)
        } else if self.arrives_as_martian() {
            Err(End(Outcome::Martian))
        } else {
            self.step(waiting)
        }
    }

    fn step(&mut self, waiting: &mut Vec<Self>) -> Result<(), End> {
        if let Some(outcome) = self.ended.take() {
            return Err(End(outcome));
        }
        let Some((step, rest)) = self.steps.split_first() else { return Err(End(Outcome::Local)) };
        if self.chain_comes_before(*step) {
            return Ok(());
        }
        self.steps = rest;
        match *step {
            Step::Table(hook, table) => self.enter(hook, table),
            Step::Track => self.track(),
            Step::Nat(hook) => self.translate(hook)?,
            Step::RouteInput => self.route_input()?,
            Step::RouteOutput => {
                self.route_output()?;
                self.sent_output = self.output.map(|(interface, _)| interface);
            }
            Step::Reroute => {
                if self.packet.destination != self.shared.arrived.destination {
                    self.route_output()?;
                }
            }
            Step::Ipvs(_) => {
                if !self.kernel().host.ipvs.is_empty() {
                    self.ask_ipvs(waiting)?;
                }
            }
            Step::Leave => self.leave()?,
            Step::Deliver => return Err(End(Outcome::Local)),
        }
        Ok(())
    }

    /// Begins a base chain of nftables that comes before a step, if there is one.
    fn chain_comes_before(&mut self, step: Step) -> bool {
        let (hook, priority, translation) = match step {
            Step::Table(hook, table) => (hook, priority(table), false),
            Step::Track => (self.hook(), -200, false),
            Step::Nat(hook) => {
                let priority = if matches!(hook, Prerouting | Output) { -100 } else { 100 };
                (hook, priority, matches!(self.tracked, Tracked::New(_)))
            }
            Step::RouteInput => (Prerouting, i32::MAX, false),
            Step::Deliver => (Input, i32::MAX, false),
            Step::Leave => (Postrouting, i32::MAX, false),
            Step::Ipvs(hook) => (hook, if hook == Input { 98 } else { -98 }, false),
            Step::RouteOutput | Step::Reroute => return false,
        };
        self.enter_before(hook, priority, translation)
    }

    fn track(&mut self) {
        if matches!(self.tracked, Tracked::Exempt) {
            self.events.push(Event::Track(CtState::Untracked));
            return;
        }
        let found = self.state().conntrack.find(&self.packet);
        self.tracked = match (found, self.shared.segment, self.packet.protocol) {
            (Some(found), ..) => Tracked::Known { connection: found.connection, reply: found.reply },
            // Any datagram can begin what tracking takes for a connection.
            (None, Segment::Answer, Protocol::Udp) | (None, Segment::Opening | Segment::Later, _) => {
                Tracked::New(unmarked(self.packet))
            }
            (None, Segment::Answer, _) => Tracked::Invalid,
        };
        self.events.push(Event::Track(self.ct_state()));
    }

    fn ct_state(&self) -> CtState {
        match self.tracked {
            Tracked::Unseen | Tracked::Invalid => CtState::Invalid,
            Tracked::Exempt => CtState::Untracked,
            Tracked::New(_) => CtState::New,
            // Until an answer is seen, every packet of the opener counts as new.
            Tracked::Known { connection, reply } => {
                if reply || connection.answered {
                    CtState::Established
                } else {
                    CtState::New
                }
            }
        }
    }

    /// What `-m conntrack --ctstate` compares with.
    pub(super) fn ct_states(&self) -> CtStates {
        let state: CtStates = [self.ct_state()].into_iter().collect();
        let connection = match self.tracked {
            Tracked::Known { connection, .. } => connection,
            Tracked::New(original) => self.new_connection(original),
            _ => return state,
        };
        let state = if connection.is_dnat() { state.with(CtState::Dnat) } else { state };
        if connection.is_snat() { state.with(CtState::Snat) } else { state }
    }

    fn new_connection(&self, original: Packet) -> Connection {
        Connection { original, reply: self.packet.reversed(), answered: false }
    }

    /// Whether it came in and nothing is left before the routing decision. Chains of nftables that may come between
    /// are not looked at.
    pub(super) fn is_to_be_routed(&self) -> bool {
        self.at.is_none() && self.ended.is_none() && matches!(self.steps, [Step::RouteInput])
    }

    /// The same before the routing decision, with what it has behind it.
    pub(super) fn to_be_routed(mut self, probability: f64) -> Self {
        self.steps = &[Step::RouteInput];
        self.probability = probability;
        self
    }

    /// The same, with its end settled.
    pub(super) fn ended(mut self, outcome: Outcome) -> Self {
        self.ended = Some(outcome);
        self
    }

    pub(super) fn passage(self, outcome: Outcome) -> Passage {
        let arrives = matches!(outcome, Outcome::Local | Outcome::Out { .. });
        let connection = match self.tracked {
            Tracked::New(original) if arrives => Some(self.new_connection(original)),
            Tracked::Known { connection, reply } if arrives => {
                Some(Connection { answered: connection.answered || reply, ..connection })
            }
            _ => None,
        };
        Passage {
            probability: self.probability,
            events: self.events,
            outcome,
            packet: self.packet,
            connection,
            recent: self.recent,
        }
    }

    /// Splits off the way on which something of this chance does not happen; this one goes on where it does.
    pub(super) fn split(&mut self, chance: f64) -> Self {
        let mut other = self.clone();
        other.probability *= 1.0 - chance;
        self.probability *= chance;
        other
    }

    /// Where one way is drawn: whether something of this chance happens on it.
    pub(super) fn draw(&mut self, chance: f64) -> Option<bool> {
        let happens = self.shared.draw?() < chance;
        self.probability *= if happens { chance } else { 1.0 - chance };
        Some(happens)
    }

    /// Where one way is drawn: which of so many that are equally likely.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "numbers of endpoints are small, and what is drawn is not negative"
    )]
    pub(super) fn draw_way(&mut self, count: usize) -> Option<usize> {
        let way = (self.shared.draw?() * count as f64) as usize;
        self.probability /= count.max(1) as f64;
        Some(way.min(count.saturating_sub(1)))
    }

    /// The interface that `-i` sees.
    pub(super) fn in_interface(&self, hook: Hook) -> Option<InterfaceName> {
        if hook == Output { None } else { self.input }
    }

    /// The interface that `-o` sees.
    pub(super) fn out_interface(&self, hook: Hook) -> Option<InterfaceName> {
        match hook {
            Prerouting | Input => None,
            Output => self.sent_output,
            Forward | Postrouting => self.output.map(|(interface, _)| interface),
        }
    }

    pub(super) fn probability(&self) -> f64 {
        self.probability
    }

    pub(super) fn set_probability(&mut self, probability: f64) {
        self.probability = probability;
    }

    /// Whether an address is one of this host.
    pub(super) fn is_local(&self, ip: IpAddr) -> bool {
        self.kernel().addresses.is_local(ip)
    }

    pub(super) fn bases(&self) -> &'a Bases {
        self.shared.bases
    }

    pub(super) fn kernel(&self) -> &'a Kernel {
        self.shared.kernel
    }

    pub(super) fn state(&self) -> &'a State {
        self.shared.state
    }

    pub(super) fn ruleset(&self) -> &'a Ruleset {
        self.shared.ruleset
    }

    pub(super) fn compiled(&self) -> &'a Compiled {
        self.shared.compiled
    }

    pub(super) fn own(&self) -> &'a [OwnChain] {
        self.shared.own
    }

    pub(super) fn segment(&self) -> Segment {
        self.shared.segment
    }

    pub(super) fn indexed(&self) -> bool {
        self.shared.indexed
    }

    pub(super) fn family(&self) -> Family {
        self.shared.family
    }
}
