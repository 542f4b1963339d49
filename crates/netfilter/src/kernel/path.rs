//! The way of a packet through the hooks.

use super::{
    Kernel, State,
    address::masquerade_address,
    chains::{At, Frame},
    compile::Compiled,
    near::Guide,
    nft::{Bases, Progress},
    own::OwnChain,
};
use crate::{
    Connection, CtState, CtStates, Entry, Event, Family, Hook, InterfaceName, Outcome, Packet, Passage,
    Protocol, RecentUpdate, Ruleset, Segment, TableName, VirtualAddress, conntrack::unmarked,
};
use std::net::IpAddr;

/// After so many branches the rest of the probability is ambiguous. 65,536 is more than any list of endpoints.
const MAX_BRANCHES: usize = 65_536;

/// One stop on the way.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A table's chain of a hook, all but nat.
    Table(Hook, TableName),
    /// Connection tracking looks the packet up.
    Track,
    /// The hook's address translation.
    Nat(Hook),
    /// The routing decision for a packet that came in.
    RouteInput,
    /// The routing decision for a packet that a process sends.
    RouteOutput,
    /// The routing decision after OUTPUT has translated the destination.
    Reroute,
    /// Out, or by the loopback back in.
    Leave,
    /// IPVS.
    Ipvs(Hook),
    /// Up to a socket.
    Deliver,
}

use Hook::{Forward, Input, Output, Postrouting, Prerouting};
use TableName::{Filter, Mangle, Raw, Security};

// The order is that of the hooks' priorities in the kernel (`NF_IP_PRI_*`).
const RECEIVED: &[Step] = &[
    Step::Table(Prerouting, Raw),
    Step::Track,
    Step::Table(Prerouting, Mangle),
    Step::Nat(Prerouting),
    Step::RouteInput,
];
const LOCAL: &[Step] = &[
    Step::Table(Input, Mangle),
    Step::Table(Input, Filter),
    Step::Table(Input, Security),
    Step::Ipvs(Input),
    Step::Nat(Input),
    Step::Deliver,
];
const FORWARDED: &[Step] = &[
    Step::Table(Forward, Mangle),
    Step::Table(Forward, Filter),
    Step::Table(Forward, Security),
    Step::Table(Postrouting, Mangle),
    Step::Nat(Postrouting),
    Step::Leave,
];
const SENT: &[Step] = &[
    Step::RouteOutput,
    Step::Table(Output, Raw),
    Step::Track,
    Step::Table(Output, Mangle),
    Step::Nat(Output),
    Step::Ipvs(Output),
    Step::Reroute,
    Step::Table(Output, Filter),
    Step::Table(Output, Security),
    Step::Table(Postrouting, Mangle),
    Step::Nat(Postrouting),
    Step::Leave,
];
// What IPVS sends on goes through OUTPUT from its beginning, tracked and with its destination settled.
const BALANCED: &[Step] = &[
    Step::Table(Output, Raw),
    Step::Table(Output, Mangle),
    Step::Table(Output, Filter),
    Step::Table(Output, Security),
    Step::Table(Postrouting, Mangle),
    Step::Nat(Postrouting),
    Step::Leave,
];
// On the loopback the packet keeps its route and its connection: no second decision on either.
const LOOPED: &[Step] = &[
    Step::Table(Prerouting, Raw),
    Step::Table(Prerouting, Mangle),
    Step::Table(Input, Mangle),
    Step::Table(Input, Filter),
    Step::Table(Input, Security),
    Step::Deliver,
];

/// The priority of a table's hooks (`NF_IP_PRI_*`).
fn priority(table: TableName) -> i32 {
    match table {
        Raw => -300,
        Mangle => -150,
        TableName::Nat => -100,
        Filter => 0,
        Security => 50,
    }
}

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

    /// IPv6 discards packets of the loopback address before any hook.
    fn arrives_as_martian(&self) -> bool {
        self.events.is_empty()
            && self.family() == Family::V6
            && self.comes_from_outside()
            && (self.packet.source.is_loopback() || self.packet.destination.is_loopback())
    }

    fn comes_from_outside(&self) -> bool {
        self.input.is_some() && self.input != self.kernel().addresses.loopback
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

    fn route_input(&mut self) -> Result<(), End> {
        let kernel = self.kernel();
        let (source, destination) = (self.packet.source, self.packet.destination);
        if self.family() == Family::V4 && self.comes_from_outside() {
            // A source that is an address of this host is as impossible as one of the loopback.
            let no_destination = destination.is_loopback() && !kernel.host.route_localnet;
            if kernel.addresses.is_local(source) || no_destination {
                return Err(End(Outcome::Martian));
            }
        }
        if kernel.addresses.is_local(destination) {
            self.events.push(Event::Routed { route: None, local: true });
            self.steps = LOCAL;
            return Ok(());
        }
        if !kernel.host.forwarding {
            return Err(End(Outcome::ForwardingOff));
        }
        self.route_out()?;
        self.steps = FORWARDED;
        Ok(())
    }

    fn route_output(&mut self) -> Result<(), End> {
        let kernel = self.kernel();
        let destination = self.packet.destination;
        if let Some(loopback) = kernel.addresses.loopback.filter(|_| kernel.addresses.is_local(destination)) {
            self.output = Some((loopback, destination));
            self.events.push(Event::Routed { route: None, local: true });
            return Ok(());
        }
        self.route_out()?;
        // The kernel finds no route from 127.0.0.0/8 to elsewhere unless route_localnet is on; ::1 never has one.
        let may_leave = kernel.host.route_localnet && self.family() == Family::V4;
        if self.packet.source.is_loopback() && !may_leave {
            return Err(End(Outcome::Martian));
        }
        Ok(())
    }

    fn route_out(&mut self) -> Result<(), End> {
        let destination = self.packet.destination;
        let Some((index, route)) = self.kernel().addresses.route(&self.kernel().host, destination) else {
            self.events.push(Event::Routed { route: None, local: false });
            return Err(End(Outcome::NoRoute));
        };
        self.output = Some((route.interface, route.via.unwrap_or(destination)));
        self.events.push(Event::Routed { route: Some(index), local: false });
        Ok(())
    }

    /// Where IPVS sends a packet: to a socket of this host as it would go, elsewhere through OUTPUT.
    pub(super) fn send_on(&mut self) -> Result<(), End> {
        if self.is_local(self.packet.destination) {
            return Ok(());
        }
        self.route_out()?;
        self.sent_output = self.output.map(|(interface, _)| interface);
        // OUTPUT begins anew, whatever chains have seen the packet there.
        self.nft = Progress::new(Output);
        self.steps = BALANCED;
        Ok(())
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

    fn leave(&mut self) -> Result<(), End> {
        let kernel = self.kernel();
        let Some((interface, next_hop)) = self.output else { return Err(End(Outcome::NoRoute)) };
        if Some(interface) == kernel.addresses.loopback {
            self.input = Some(interface);
            self.output = None;
            self.steps = LOOPED;
            return Ok(());
        }
        // A bridge does not send a packet back to the port that it came from, unless in hairpin mode. Behind one
        // interface the sender's address tells the port.
        let one_way = kernel.addresses.is_one_way(interface);
        if one_way && self.input == Some(interface) && self.packet.destination == self.shared.arrived.source {
            self.events.push(Event::NoHairpin { interface });
            return Err(End(Outcome::Dropped));
        }
        Err(End(Outcome::Out { interface, next_hop }))
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

    /// The address that MASQUERADE would take.
    pub(super) fn masquerade_address(&self) -> Option<IpAddr> {
        let (interface, next_hop) = self.output?;
        masquerade_address(&self.kernel().addresses, &self.kernel().host, interface, next_hop)
    }

    /// The first address of the interface that the packet came in by, or the loopback's if it came from here.
    pub(super) fn redirect_address(&self) -> Option<IpAddr> {
        let Some(input) = self.input else {
            return Some(match self.family() {
                Family::V4 => std::net::Ipv4Addr::LOCALHOST.into(),
                Family::V6 => std::net::Ipv6Addr::LOCALHOST.into(),
            });
        };
        let interfaces = self.kernel().host.interfaces.iter().filter(|interface| interface.name == input);
        let mut addresses = interfaces.flat_map(|interface| &interface.addresses).map(ipnet::IpNet::addr);
        addresses.find(|ip| Family::of(*ip) == self.family())
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
