//! Walking one node for all that are alike, instead of each.
//!
//! Where a load balancer, or whatever routes an external IP, can bring a packet to many nodes, one of each class
//! is entered. What it does with the packet stands for all of its class, with one exception: an endpoint may be on
//! the node that the packet enters, and then there is no way between nodes. So for each endpoint two nodes are
//! asked, the one that it is on and one that it is not on. The other members' branches are these two's, and the
//! answer is what [`Paths::fold`] makes of all branches, each walked by itself.

use crate::{
    Flow, FlowError, NearMisses, PathOutcome, Paths, World,
    answer::Question,
    journey::{Move, Moves, Party, Traveller},
    node::Inside,
    outcome::fold_key,
    receive::protocol,
    run::Random,
    state::State,
};
use model::{NodeName, kubernetes::IpFamily};
use netfilter::{Arrival, Entry, Family, Kernel, Outcome, Packet, Passage};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::Range,
    rc::Rc,
    sync::Arc,
};

/// Which branches are walked.
#[derive(Debug, Clone, Default)]
pub(crate) enum Branching {
    /// Every one.
    #[default]
    Every,
    /// One for all that are alike but for the node by which they enter.
    Alike,
    /// The same without those that nodes translate to one of these endpoints.
    AlikeBut(Rc<BTreeSet<(IpAddr, u16)>>),
    /// One, drawn at random.
    One(Rc<RefCell<Random>>),
}

impl Branching {
    /// One branch, drawn with a seed.
    pub(crate) fn one(random: Random) -> Self {
        Self::One(Rc::new(RefCell::new(random)))
    }

    /// Which of so many equally likely branches is walked; `None` where all of them are.
    pub(crate) fn draw(&self, count: usize) -> Option<usize> {
        match self {
            Self::Every | Self::Alike | Self::AlikeBut(_) => None,
            Self::One(random) => Some(random.borrow_mut().below(count)),
        }
    }

    /// Whether branches that are alike are walked once.
    pub(crate) fn folds(&self) -> bool {
        matches!(self, Self::Alike | Self::AlikeBut(_))
    }

    /// Whether a way through a node is walked on.
    pub(crate) fn walks(&self, arrived: Packet, passage: &Passage) -> bool {
        let Self::AlikeBut(left_out) = self else { return true };
        let to = passage.packet;
        !translated(arrived, to) || !left_out.contains(&(to.destination, to.destination_port))
    }
}

/// Nodes that are alike to a packet which is about to enter one of them.
#[derive(Debug)]
pub(crate) struct Class {
    /// The packet before a node is chosen.
    before: Traveller,
    /// The exact share of one of the nodes.
    share: f64,
    /// By what it is brought to them.
    by: By,
    /// In name order; at least one.
    nodes: Vec<NodeName>,
}

/// What brings a packet to nodes.
#[derive(Debug, Clone)]
pub(crate) enum By {
    /// A load balancer, with the rules and members that almost decided.
    LoadBalancer(NearMisses),
    /// Whatever routes an external IP to the nodes.
    AnyNode,
}

/// What the first node of a class did with the packet up to its routing decision: the other nodes that share its rules
/// do the same.
#[derive(Debug)]
pub(crate) struct Arrivals {
    kernel: Arc<Kernel>,
    ways: Vec<Arrival>,
    /// The ways that go on in a direction, by their places.
    by_aim: BTreeMap<Toward, Vec<usize>>,
}

/// The ways through a node, each with the number of branches that it stands for; and other nodes that are entered.
pub(crate) type Ways = (Vec<(Passage, u32)>, Moves);

/// Which branches of a node are meant, where not all of them are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Toward {
    /// Those to an endpoint.
    Socket(IpAddr, u16),
    /// Those to the node's own processes.
    Itself,
}

/// So many branches have steps where a Service has more endpoints.
pub const MOST_TOLD: usize = 200;

/// So many branches are shown one by one.
pub const MOST_BRANCHES: u32 = 50;

impl World {
    /// The branches of a flow with those that differ in nothing but the node folded into one, as [`Paths::fold`]
    /// makes them of [`World::paths`]; but they are folded while the packet is walked, so that a thousand nodes that
    /// are alike cost as much as one.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn folded_paths(&self, flow: &Flow) -> Result<Paths, FlowError> {
        let mut question = Question::new(flow, State::fresh());
        question.branching = Branching::Alike;
        Ok(self.branches(&question)?.paths.fold())
    }

    /// Every branch of a flow where there are at most [`MOST_BRANCHES`], else the folded ones.
    ///
    /// # Errors
    /// As [`World::paths`].
    ///
    /// Where there are Services with very many endpoints, only the [`MOST_TOLD`] likeliest have steps: the others have
    /// everything else.
    pub fn overview(&self, flow: &Flow) -> Result<Paths, FlowError> {
        let is_large = |family| self.services(family).most_endpoints() > MOST_TOLD;
        if [IpFamily::IPv4, IpFamily::IPv6].into_iter().any(is_large) {
            let mut shares = self.shares(flow)?;
            if shares.outcomes.len() > MOST_TOLD {
                self.tell(flow, &mut shares, 0..MOST_TOLD)?;
                return Ok(shares);
            }
        }
        let folded = self.folded_paths(flow)?;
        let branches: u32 = folded.outcomes.iter().map(|outcome| outcome.count).sum();
        let unfolded = || folded.outcomes.iter().all(|outcome| outcome.count == 1);
        if branches > MOST_BRANCHES || unfolded() { Ok(folded) } else { self.paths(flow) }
    }

    /// The folded branches of a flow without steps.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub(crate) fn shares(&self, flow: &Flow) -> Result<Paths, FlowError> {
        let branching = Branching::Alike;
        let question = Question { quiet: true, branching, ..Question::new(flow, State::fresh()) };
        Ok(self.branches(&question)?.paths.fold())
    }

    /// Gives steps to some branches of [`World::overview`] that have none: those that lead to the same endpoints are walked
    /// again.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn tell(&self, flow: &Flow, paths: &mut Paths, branches: Range<usize>) -> Result<(), FlowError> {
        let sockets = |outcomes: &[PathOutcome]| -> BTreeSet<(IpAddr, u16)> {
            let ends = outcomes.iter().filter_map(|outcome| outcome.endpoint.as_ref());
            order::set(ends.map(|end| (end.ip, end.port)))
        };
        let Some(wanted) = paths.outcomes.get(branches.clone()) else { return Ok(()) };
        let left_out = Rc::new(&sockets(&paths.outcomes) - &sockets(wanted));
        let mut question = Question::new(flow, State::fresh());
        question.branching = Branching::AlikeBut(left_out);
        let told = self.branches(&question)?.paths.fold();
        let source = paths.flow.source;
        let mut by_key: BTreeMap<_, PathOutcome> =
            order::map(told.outcomes.into_iter().map(|outcome| (fold_key(&outcome, source), outcome)));
        for outcome in paths.outcomes.get_mut(branches).into_iter().flatten() {
            if let Some(told) = by_key.remove(&fold_key(outcome, source)) {
                *outcome = PathOutcome { probability: outcome.probability, count: outcome.count, ..told };
            }
        }
        paths.assumptions.extend(told.assumptions);
        order::sort_by_key(&mut paths.assumptions, |assumption| assumption.code);
        paths.assumptions.dedup();
        Ok(())
    }

    /// Into one node of each class.
    pub(crate) fn into_classes(
        &self,
        before: &Traveller,
        share: f64,
        by: &By,
        nodes: impl IntoIterator<Item = NodeName>,
        socket: impl Fn(&NodeName) -> (IpAddr, u16),
    ) -> Moves {
        let (mut apart, alike) = (BTreeMap::new(), self.alike());
        let mut classes: BTreeMap<_, Vec<NodeName>> = BTreeMap::new();
        for node in nodes {
            // With floating IP off each member is called by its own address, but by the same port.
            let to = socket(&node);
            let apart = apart.entry(to.1).or_insert_with(|| self.apart(before, to, false));
            classes.entry((to.1, apart.class(alike, &node))).or_default().push(node);
        }
        let mut classes: Vec<Vec<NodeName>> = classes.into_values().collect();
        for nodes in &mut classes {
            order::sort(nodes);
        }
        // The first node of all is the first to be walked, as it is where all are.
        order::sort(&mut classes);
        let each = classes.into_iter().map(|nodes| {
            let first = nodes.first().cloned();
            let class = Rc::new(Class { before: before.clone(), share, by: by.clone(), nodes });
            first.map(|first| self.enter(&class, &first, true)).unwrap_or_default()
        });
        each.flatten().collect()
    }

    /// Enters one node of a class: for all of them, or for itself.
    fn enter(&self, class: &Rc<Class>, node: &NodeName, for_all: bool) -> Moves {
        let mut traveller = class.before.share(class.share);
        if for_all {
            traveller.count = class.size();
            traveller.class = Some(Rc::clone(class));
        }
        match &class.by {
            By::LoadBalancer(misses) => self.balance_to(traveller, node, class.share, misses.clone()),
            By::AnyNode => self.bring_to(traveller, node),
        }
    }

    /// In the first node of a class: what each way through it stands for. Other nodes are entered where they have
    /// ways of their own.
    pub(crate) fn stand_for_class(
        &self,
        class: &Rc<Class>,
        inside: &Inside<'_>,
        traveller: &Traveller,
    ) -> Ways {
        let (node, packet, all) = (inside.name, traveller.packet, class.size());
        let mut found = Found::of(inside, traveller);
        let mut others = Vec::new();
        let mut seen = BTreeSet::new();
        let passages = std::mem::take(&mut found.passages);
        let ways = passages.into_iter().map(|(passage, at)| {
            let toward = self.toward(node, packet, &passage);
            let there = match toward {
                None => return (passage, all),
                Some(Toward::Itself) => None,
                Some(Toward::Socket(ip, _)) => match self.node_at(ip) {
                    Some(there) if class.nodes.binary_search(there).is_ok() => Some(there),
                    _ => return (passage, all),
                },
            };
            let Some(toward) = toward else { return (passage, all) };
            found.by_aim.entry(toward).or_default().extend(at);
            let is_new = seen.insert(toward);
            let mut rest = class.nodes.iter().filter(|other| *other != node);
            match there {
                None => {
                    others.extend(rest.filter(|_| is_new).map(|other| (other, toward, 1)));
                    (passage, 1)
                }
                Some(there) if there == node => {
                    others.extend(rest.next().filter(|_| is_new).map(|second| (second, toward, all - 1)));
                    (passage, 1)
                }
                Some(there) => {
                    others.extend(is_new.then_some((there, toward, 1)));
                    (passage, all - 1)
                }
            }
        });
        let ways: Vec<_> = ways.collect();
        let arrivals = found.arrivals(inside);
        let mut entered: BTreeMap<&NodeName, Vec<(Traveller, Move)>> = BTreeMap::new();
        let moves = others.into_iter().flat_map(|(other, toward, count)| {
            let enter = || self.enter(class, other, false).into_iter().collect();
            let moves = entered.entry(other).or_insert_with(enter);
            let aimed = moves.iter().map(|(traveller, to)| {
                let mut traveller = traveller.clone();
                traveller.count = count;
                traveller.toward = Some((toward, arrivals.clone()));
                (traveller, to.clone())
            });
            aimed.collect::<Vec<_>>()
        });
        (ways, moves.collect())
    }

    /// Where the ways through a node lead, in their order, and what a node that is alike can go on with. `None` where some
    /// lead nowhere, or two to the same.
    pub(crate) fn aims(
        &self,
        inside: &Inside<'_>,
        traveller: &Traveller,
    ) -> Option<(Vec<Toward>, Option<Rc<Arrivals>>)> {
        let mut found = Found::of(inside, traveller);
        let mut aims = Vec::with_capacity(found.passages.len());
        for (passage, at) in std::mem::take(&mut found.passages) {
            let aim = self.toward(inside.name, traveller.packet, &passage)?;
            found.by_aim.entry(aim).or_default().extend(at);
            aims.push(aim);
        }
        let differ = found.by_aim.len() == aims.len();
        differ.then(|| (aims, found.arrivals(inside)))
    }

    /// Where a way through a node leads, if it may matter which node it is; `None` where it does not.
    fn toward(&self, node: &NodeName, arrived: Packet, passage: &Passage) -> Option<Toward> {
        let packet = passage.packet;
        let to = Toward::Socket(packet.destination, packet.destination_port);
        match passage.outcome {
            Outcome::Local if translated(arrived, packet) => Some(to),
            // Whoever listens there is another on each node.
            Outcome::Local => {
                let traveller = Traveller::new(packet);
                let party = Party::Node(node.clone());
                let to = (packet.destination, packet.destination_port);
                let listener = self.listener(&party, to, protocol(&traveller));
                listener.map(|_| Toward::Itself)
            }
            Outcome::Out { .. } => Some(to),
            _ => None,
        }
    }
}

impl Class {
    /// How many nodes there are.
    fn size(&self) -> u32 {
        u32::try_from(self.nodes.len()).unwrap_or(u32::MAX)
    }
}

/// What a node did with a packet: its passages, each with the place of its arrival where nodes that share the rules can
/// go on from there.
struct Found {
    passages: Vec<(Passage, Option<usize>)>,
    ways: Vec<Arrival>,
    by_aim: BTreeMap<Toward, Vec<usize>>,
}

impl Found {
    fn of(inside: &Inside<'_>, traveller: &Traveller) -> Self {
        let Inside { kernel, entry, state, .. } = *inside;
        let (packet, segment) = (traveller.packet, traveller.segment);
        let by_aim = BTreeMap::new();
        if !kernel.arrives_as_on(kernel, Family::of(packet.destination)) || entry == Entry::Sent {
            let mut passages = kernel.pass(packet, entry, segment, state);
            passages.retain(|passage| traveller.branching.walks(packet, passage));
            let passages = passages.into_iter().map(|passage| (passage, None)).collect();
            return Self { passages, ways: Vec::new(), by_aim };
        }
        let ways = kernel.arrive(packet, entry, segment, state);
        let mut passages = Vec::new();
        for (at, way) in ways.iter().enumerate() {
            let mut on = kernel.go_on(way, packet, entry, segment, state);
            on.retain(|passage| traveller.branching.walks(packet, passage));
            passages.extend(on.into_iter().map(|passage| (passage, Some(at))));
        }
        Self { passages, ways, by_aim }
    }

    fn arrivals(mut self, inside: &Inside<'_>) -> Option<Rc<Arrivals>> {
        for places in self.by_aim.values_mut() {
            places.dedup();
        }
        let Self { ways, by_aim, .. } = self;
        (!ways.is_empty()).then(|| Rc::new(Arrivals { kernel: Arc::clone(inside.kernel), ways, by_aim }))
    }
}

impl Arrivals {
    /// The ways through a node in one direction; `None` where it does not share the rules.
    fn toward(&self, aim: Toward, inside: &Inside<'_>, traveller: &Traveller) -> Option<Vec<Passage>> {
        let Inside { kernel, entry, state, .. } = *inside;
        let (packet, segment) = (traveller.packet, traveller.segment);
        if !kernel.arrives_as_on(&self.kernel, Family::of(packet.destination)) {
            return None;
        }
        let ways = self.by_aim.get(&aim)?.iter().filter_map(|at| self.ways.get(*at));
        Some(ways.flat_map(|way| kernel.go_on(way, packet, entry, segment, state)).collect())
    }
}

/// The ways through a node in one direction.
pub(crate) fn toward(
    aim: Toward,
    arrivals: Option<&Arrivals>,
    inside: &Inside<'_>,
    traveller: &Traveller,
) -> Vec<Passage> {
    let Inside { kernel, entry, state, .. } = *inside;
    let known = arrivals.and_then(|arrivals| arrivals.toward(aim, inside, traveller));
    let mut passages =
        known.unwrap_or_else(|| kernel.pass(traveller.packet, entry, traveller.segment, state));
    passages.retain(|passage| aim.admits(traveller.packet, passage));
    passages
}

impl Toward {
    /// Whether a way through a node leads there.
    fn admits(self, arrived: Packet, passage: &Passage) -> bool {
        let packet = passage.packet;
        match self {
            Self::Itself => passage.outcome == Outcome::Local && !translated(arrived, packet),
            Self::Socket(ip, port) => {
                (packet.destination, packet.destination_port) == (ip, port)
                    && matches!(passage.outcome, Outcome::Local | Outcome::Out { .. })
            }
        }
    }
}

fn translated(before: Packet, after: Packet) -> bool {
    (before.destination, before.destination_port) != (after.destination, after.destination_port)
}
