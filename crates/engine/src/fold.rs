//! Walking one node for all that are alike, instead of each.
//!
//! Where a load balancer, or whatever routes an external IP, can bring a packet to many nodes, one of each class
//! is entered. What it does with the packet stands for all of its class, with one exception: an endpoint may be on
//! the node that the packet enters, and then there is no way between nodes. So for each endpoint two nodes are
//! asked, the one that it is on and one that it is not on. The other members' branches are these two's, and the
//! answer is what [`Paths::fold`] makes of all branches, each walked by itself.

use crate::{
    Flow, FlowError, NearMisses, Paths, World,
    answer::Question,
    journey::{Moves, Party, Traveller},
    receive::protocol,
    run::Random,
    state::State,
};
use model::NodeName;
use netfilter::{Outcome, Packet, Passage};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    rc::Rc,
};

/// Which branches are walked.
#[derive(Debug, Clone, Default)]
pub(crate) enum Branching {
    /// Every one.
    #[default]
    Every,
    /// One for all that are alike but for the node by which they enter.
    Alike,
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
            Self::Every | Self::Alike => None,
            Self::One(random) => Some(random.borrow_mut().below(count)),
        }
    }

    /// Whether branches that are alike are walked once.
    pub(crate) fn folds(&self) -> bool {
        matches!(self, Self::Alike)
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
    pub fn overview(&self, flow: &Flow) -> Result<Paths, FlowError> {
        let folded = self.folded_paths(flow)?;
        let branches: u32 = folded.outcomes.iter().map(|outcome| outcome.count).sum();
        let unfolded = || folded.outcomes.iter().all(|outcome| outcome.count == 1);
        if branches > MOST_BRANCHES || unfolded() { Ok(folded) } else { self.paths(flow) }
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
            first.map(|first| self.enter(&class, &first, None)).unwrap_or_default()
        });
        each.flatten().collect()
    }

    /// Enters one node of a class: for all of them, or for so many toward an endpoint.
    fn enter(&self, class: &Rc<Class>, node: &NodeName, toward: Option<(Toward, u32)>) -> Moves {
        let mut traveller = class.before.share(class.share);
        match toward {
            None => {
                traveller.count = u32::try_from(class.nodes.len()).unwrap_or(u32::MAX);
                traveller.class = Some(Rc::clone(class));
            }
            Some((toward, count)) => {
                traveller.count = count;
                traveller.toward = Some(toward);
            }
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
        node: &NodeName,
        traveller: &Traveller,
        passages: Vec<Passage>,
    ) -> Ways {
        let all = u32::try_from(class.nodes.len()).unwrap_or(u32::MAX);
        let mut others = Moves::default();
        let mut seen = BTreeSet::new();
        let ways = passages.into_iter().map(|passage| {
            let packet = passage.packet;
            let toward = self.toward(node, traveller.packet, &passage);
            let there = match toward {
                None => return (passage, all),
                Some(Toward::Itself) => None,
                Some(Toward::Socket(ip, _)) => match self.node_at(ip) {
                    Some(there) if class.nodes.binary_search(there).is_ok() => Some(there),
                    _ => return (passage, all),
                },
            };
            let is_new = toward.is_some_and(|toward| seen.insert(toward));
            let toward = toward.unwrap_or(Toward::Socket(packet.destination, packet.destination_port));
            let rest = class.nodes.iter().filter(|other| *other != node);
            match there {
                None => {
                    if is_new {
                        others.extend(rest.flat_map(|other| self.enter(class, other, Some((toward, 1)))));
                    }
                    (passage, 1)
                }
                Some(there) if there == node => {
                    if let Some(second) = rest.clone().next().filter(|_| is_new) {
                        others.extend(self.enter(class, second, Some((toward, all - 1))));
                    }
                    (passage, 1)
                }
                Some(there) => {
                    if is_new {
                        others.extend(self.enter(class, there, Some((toward, 1))));
                    }
                    (passage, all - 1)
                }
            }
        });
        let ways: Vec<_> = ways.collect();
        (ways, others)
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

impl Toward {
    /// Whether a way through a node leads there.
    pub(crate) fn admits(self, arrived: Packet, passage: &Passage) -> bool {
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
