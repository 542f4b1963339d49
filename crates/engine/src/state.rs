//! What outlives a packet, in one place that a clock can own: the connections that nodes track, their lists of
//! clients for session affinity, and what the load balancers picked. A trace takes it as an input.

use crate::{
    Cause, Flow, FlowError, NearMisses, PathOutcome, Paths, Place, Step, Verdict, World,
    answer::{Asked, Question},
    held::{Kept, Lease, Terms, contend},
    run::Random,
};
use model::{NodeName, kubernetes::IpFamily};
use netfilter::{Connection, Packet, Protocol, RecentUpdate};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, LazyLock},
};

/// What is remembered between packets. The default is a cluster that has seen none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    nodes: BTreeMap<NodeName, netfilter::State>,
    /// What a load balancer keeps of a flow, by its first packet.
    flows: BTreeMap<Packet, Kept>,
    /// The ports that outbound flows hold, by their first packet before translation.
    leases: BTreeMap<Packet, Lease>,
    /// The member that a hash of addresses gives a client.
    picks: BTreeMap<Pick, Arc<str>>,
    /// Seconds; only differences matter.
    now: u64,
}

/// What a load balancer hashes where not every connection is a new choice: both addresses, and with distribution
/// `SourceIPProtocol` the protocol.
pub(crate) type Pick = (IpAddr, IpAddr, Option<Protocol>);

impl State {
    /// What is remembered where nothing was seen, shared.
    pub(crate) fn fresh() -> Arc<Self> {
        static FRESH: LazyLock<Arc<State>> = LazyLock::new(Arc::default);
        Arc::clone(&FRESH)
    }

    /// Lets time pass. Lists of clients forget those that have not come by for the time of their affinity.
    pub fn wait(&mut self, seconds: u64) {
        self.now = self.now.saturating_add(seconds);
        for node in self.nodes.values_mut() {
            node.now = self.now;
        }
    }

    /// What a node's kernel remembers; `None` where it has seen nothing.
    pub fn node(&self, name: &NodeName) -> Option<&netfilter::State> {
        self.nodes.get(name)
    }

    /// The nodes that remember anything.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeName> {
        self.nodes.keys()
    }

    /// What a node's kernel remembers, as it is to begin with where it has seen nothing, and these connections.
    pub(crate) fn kernel(
        &self,
        name: &NodeName,
        tracked: &[(NodeName, Connection)],
    ) -> Cow<'_, netfilter::State> {
        static FRESH: LazyLock<netfilter::State> = LazyLock::new(netfilter::State::default);
        let mut state = match self.nodes.get(name) {
            Some(known) => Cow::Borrowed(known),
            None if self.now == 0 => Cow::Borrowed(&*FRESH),
            None => Cow::Owned(netfilter::State { now: self.now, ..netfilter::State::default() }),
        };
        for (_, connection) in tracked.iter().filter(|(node, _)| node == name) {
            state.to_mut().conntrack.insert(*connection);
        }
        state
    }

    /// What a load balancer keeps of a flow that it knows.
    pub(crate) fn flow(&self, outer: &Packet) -> Option<&Kept> {
        self.flows.get(outer)
    }

    /// The port that an outbound flow holds.
    pub(crate) fn lease(&self, inner: &Packet) -> Option<&Lease> {
        self.leases.get(inner)
    }

    /// How many flows of one holder, or of all, hold a port that a new one cannot have.
    pub(crate) fn held(&self, inner: &Packet, holder: Option<&str>, terms: Terms) -> usize {
        let same = |lease: &Lease| holder.is_none_or(|holder| *lease.holder == *holder);
        let contends = |(own, lease): &(&Packet, &Lease)| {
            contend(own, inner) && same(lease) && lease.holds(self.now, terms)
        };
        self.leases.iter().filter(contends).count()
    }

    /// Seconds since a point in time.
    pub(crate) fn since(&self, seen: u64) -> u64 {
        self.now.saturating_sub(seen)
    }

    /// Closes a connection, with FIN: its ports are free again after a while.
    pub fn close(&mut self, opened: &Opened) {
        for inner in &opened.leases {
            if let Some(lease) = self.leases.get_mut(inner) {
                lease.closes = Some(self.now);
            }
        }
    }

    /// The member that a hash of addresses was found to give.
    pub(crate) fn pick(&self, pick: &Pick) -> Option<&str> {
        self.picks.get(pick).map(|member| &**member)
    }

    /// Whether some node tracks a connection that was opened so.
    fn is_open(&self, packet: &Packet) -> bool {
        self.nodes.values().any(|node| node.conntrack.find(packet).is_some_and(|found| !found.reply))
            || self.flows.contains_key(packet)
    }

    /// The opening packet with the first source port from its own on that is not in use.
    pub(crate) fn with_free_port(&self, mut packet: Packet) -> Packet {
        while self.is_open(&packet) && packet.source_port < u16::MAX {
            packet.source_port += 1;
        }
        packet
    }

    fn entry(&mut self, name: &NodeName) -> &mut netfilter::State {
        let node = self.nodes.entry(name.clone()).or_default();
        node.now = self.now;
        node
    }

    /// Takes over everything that a connection left behind.
    pub(crate) fn keep(&mut self, effects: &Effects) {
        self.remember(effects);
        let now = self.now;
        let kept = |member: &Arc<str>| Kept { member: Arc::clone(member), seen: now };
        self.flows.extend(effects.flows.iter().map(|(outer, member)| (*outer, kept(member))));
        let lease = |holder: &Arc<str>| Lease { holder: Arc::clone(holder), seen: now, closes: None };
        self.leases.extend(effects.leases.iter().map(|(inner, holder)| (*inner, lease(holder))));
        for (name, connection) in &effects.tracked {
            self.entry(name).conntrack.insert(*connection);
        }
    }

    /// The same of a connection that will be closed, with FIN, after so many seconds.
    pub(crate) fn keep_for(&mut self, effects: &Effects, seconds: u64) {
        self.keep(effects);
        let closes = self.now.saturating_add(seconds);
        for (inner, _) in &effects.leases {
            if let Some(lease) = self.leases.get_mut(inner) {
                lease.closes = Some(closes);
            }
        }
    }

    /// Takes over what a connection leaves behind when it has been closed.
    pub(crate) fn remember(&mut self, effects: &Effects) {
        self.picks.extend(effects.picks.iter().cloned());
        for (name, updates) in &effects.recent {
            let now = self.now;
            self.entry(name).recent.apply(updates, now);
        }
    }

    /// Whether these effects add something that no earlier connection left behind.
    pub(crate) fn is_news(&self, effects: &Effects) -> bool {
        let lists = effects.recent.iter().any(|(name, updates)| {
            let knows = |list: &str, ip| {
                self.nodes.get(name).is_some_and(|node| !node.recent.times(list, ip).is_empty())
            };
            updates.iter().any(|update| match update {
                RecentUpdate::Seen { list, address } | RecentUpdate::Refreshed { list, address } => {
                    !knows(list, *address)
                }
                RecentUpdate::Removed { list, address } => knows(list, *address),
            })
        });
        lists || effects.picks.iter().any(|(pick, _)| !self.picks.contains_key(pick))
    }
}

/// What one connection leaves behind.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    /// The first packet.
    pub(crate) opened: Option<Packet>,
    tracked: Vec<(NodeName, Connection)>,
    recent: Vec<(NodeName, Vec<RecentUpdate>)>,
    flows: Vec<(Packet, Arc<str>)>,
    /// Outbound flows by their first packet before translation, and whose ports they take.
    leases: Vec<(Packet, Arc<str>)>,
    picks: Vec<(Pick, Arc<str>)>,
    /// The nodes to which it was brought from outside.
    brought: Vec<NodeName>,
}

impl Effects {
    /// Notes that the connection was brought to a node.
    pub(crate) fn bring_to(&mut self, node: &NodeName) {
        self.brought.push(node.clone());
    }

    /// The nodes to which the connection was brought from outside, in order.
    pub(crate) fn brought(&self) -> &[NodeName] {
        &self.brought
    }

    /// What two connections leave behind, one that a proxy took and one that it opened.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.tracked.extend(other.tracked);
        self.recent.extend(other.recent);
        self.flows.extend(other.flows);
        self.leases.extend(other.leases);
        self.picks.extend(other.picks);
        self.brought.extend(other.brought);
        self
    }
}

/// What a traveller knows of before, leaves for after, and is to tell.
#[derive(Debug, Clone)]
pub(crate) struct Carried {
    /// What was remembered when it set out.
    pub(crate) before: Arc<State>,
    /// What it leaves behind, but for tracked connections.
    pub(crate) effects: Effects,
    /// Whether its steps are told with their near misses, and which.
    pub(crate) follow: Follow,
    /// Rules that almost translated it on the node where it is, for a socket that is not found.
    pub(crate) untranslated: NearMisses,
}

/// Whose near misses are asked for. Walking every rule again costs as much as a long chain is long, so only the
/// branch that somebody reads is told with them.
#[derive(Debug, Clone, Default)]
pub(crate) enum Follow {
    /// Nobody's.
    #[default]
    Nobody,
    /// Those of the branch with these steps; all others are given up.
    Branch(Arc<[Step]>),
    /// Those of every step.
    Everyone,
}

impl Default for Carried {
    fn default() -> Self {
        let (effects, follow) = (Effects::default(), Follow::Nobody);
        Self { before: State::fresh(), effects, follow, untranslated: NearMisses::NONE }
    }
}

impl Carried {
    /// What it leaves behind, with the connections that nodes track.
    pub(crate) fn leaves(self, tracked: Vec<(NodeName, Connection)>) -> Effects {
        Effects { tracked, ..self.effects }
    }

    /// Notes changes to a node's lists of clients.
    pub(crate) fn recent(&mut self, name: &NodeName, updates: Vec<RecentUpdate>) {
        if !updates.is_empty() {
            self.effects.recent.push((name.clone(), updates));
        }
    }

    /// Notes a load balancer's choice for a flow, and for all flows of its client where it hashes addresses only.
    pub(crate) fn chose(&mut self, outer: Packet, pick: Option<Pick>, member: Arc<str>) {
        self.effects.picks.extend(pick.map(|pick| (pick, Arc::clone(&member))));
        self.effects.flows.push((outer, member));
    }

    /// Notes a port that an outbound flow takes.
    pub(crate) fn leased(&mut self, inner: Packet, holder: Arc<str>) {
        self.effects.leases.push((inner, holder));
    }

    /// Whether these steps are the beginning of the branch that is followed, if one is.
    pub(crate) fn is_on_track(&self, steps: &[Step]) -> bool {
        match &self.follow {
            Follow::Nobody | Follow::Everyone => true,
            Follow::Branch(all) => {
                all.len() >= steps.len() && all.iter().zip(steps).all(|(one, other)| alike(one, other))
            }
        }
    }

    /// Whether near misses are asked for.
    pub(crate) fn explains(&self) -> bool {
        !matches!(self.follow, Follow::Nobody)
    }
}

impl Follow {
    /// The rest of the branch after these steps, which were told already.
    pub(crate) fn after(&self, told: &[Step]) -> Self {
        match self {
            Self::Branch(all) => match all.split_at_checked(told.len()) {
                Some((first, rest)) if first.iter().zip(told).all(|(one, other)| alike(one, other)) => {
                    Self::Branch(rest.into())
                }
                _ => Self::Branch(Arc::default()),
            },
            other => other.clone(),
        }
    }
}

/// Whether two steps are the same but for what almost decided.
fn alike(one: &Step, other: &Step) -> bool {
    one.station == other.station
        && (one.component, one.action) == (other.component, other.action)
        && (one.before, one.after) == (other.before, other.after)
        && one.rule == other.rule
        && one.why == other.why
}

/// A connection that was opened.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// The branch that its first packet took, and the way back.
    pub answer: Paths,
    flow: Flow,
    /// Its first packet; `None` where nothing was sent, since a name did not resolve.
    packet: Option<Packet>,
    /// The outbound flows of which it consists.
    leases: Vec<Packet>,
}

/// At most so many branches are told with near misses by [`World::explain_paths`].
pub const MOST_EXPLAINED: usize = 50;

impl World {
    /// Every branch of a new connection, given what earlier ones left behind. Its source port is the first from
    /// 51514 on that the client does not use yet.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn paths_in(&self, flow: &Flow, state: &State) -> Result<Paths, FlowError> {
        Ok(self.branches(&Question::new(flow, Arc::new(state.clone())))?.paths)
    }

    /// Opens a connection along one branch, sampled with a seed, and keeps in the state what it leaves behind.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn open(&self, flow: &Flow, seed: u64, state: &mut State) -> Result<Opened, FlowError> {
        let Asked { paths: answer, effects } =
            self.branches(&Question::one(flow, Arc::new(state.clone()), Random::new(seed)))?;
        let effects = effects.first();
        let mut flow = flow.clone();
        let packet = effects.and_then(|effects| effects.opened);
        if let Some(packet) = packet {
            // A name is resolved once, and a connection stays with the address that it was opened to.
            if let Place::Name(name) = &flow.to {
                flow.host.get_or_insert_with(|| name.trim_end_matches('.').to_owned());
            }
            flow.to = Place::Ip(packet.destination);
        }
        // The condition was about the load balancer's choice, which is made.
        flow.via = None;
        let mut leases = Vec::new();
        if let Some(effects) = effects {
            state.keep(effects);
            leases.extend(effects.leases.iter().map(|(inner, _)| *inner));
        }
        Ok(Opened { answer, flow, packet, leases })
    }

    /// What becomes of a later packet of a connection that is open, in this world: the same as the one that it was
    /// opened in, or one after an edit.
    ///
    /// Nodes that track the connection translate it as before, whatever their rules say now; where no node does,
    /// the rules decide anew, and a receiver that knows no such connection refuses it. Of UDP kube-proxy forgets
    /// what was translated to endpoints that serve no more, and a datagram is welcome to any receiver. Time that
    /// [`State::wait`] let pass since the last packet counts as silence: Azure forgets a flow that is silent for too
    /// long.
    ///
    /// # Errors
    /// The sender is no longer there.
    pub fn later(&self, opened: &Opened, state: &State) -> Result<Paths, FlowError> {
        let mut state = state.clone();
        self.forget_stale(&mut state);
        let mut question = Question::new(&opened.flow, Arc::new(state));
        question.later = opened.packet;
        let mut paths = self.branches(&question)?.paths;
        // A connection is known by both its ends: another translation on the way makes it another's. A datagram needs
        // no connection.
        let own = opened.answer.outcomes.first().map(|own| (own.endpoint.clone(), own.source_seen));
        let tcp = opened.flow.protocol == model::Transport::Tcp;
        for outcome in paths.outcomes.iter_mut().filter(|outcome| tcp && outcome.cause.is_none()) {
            if own != Some((outcome.endpoint.clone(), outcome.source_seen)) {
                refuse(outcome);
            }
        }
        Ok(paths)
    }

    /// What kube-proxy does on each node after a change: connections of a Service's UDP port that were not
    /// translated to an endpoint which serves now are forgotten, so that the next datagram is a first one
    /// (`pkg/proxy/conntrack/cleanup.go`). Of TCP all are kept.
    fn forget_stale(&self, state: &mut State) {
        for node in state.nodes.values_mut() {
            let is_stale = |connection: &&Connection| self.is_stale(connection);
            let stale: Vec<Connection> = node.conntrack.iter().filter(is_stale).copied().collect();
            for connection in stale {
                node.conntrack.remove(&connection);
            }
        }
    }

    fn is_stale(&self, connection: &Connection) -> bool {
        let (to, number) = (connection.original.destination, connection.original.destination_port);
        let answers = (connection.reply.source, connection.reply.source_port);
        let services = self.services(IpFamily::of(to));
        let mut own = services.concerning([(to, number)]).into_iter().filter_map(|at| {
            let port = services.ports().get(at as usize)?;
            let by_address =
                port.cluster_ip == to || port.external_ips.contains(&to) || port.vips.contains(&to);
            let is_own = (by_address && port.port == number) || (!by_address && port.node_port == number);
            (is_own && port.protocol == model::kubernetes::Protocol::Udp).then_some(port)
        });
        connection.original.protocol == Protocol::Udp
            && own.next().is_some_and(|port| {
                let mut serving = port.endpoints.iter().filter(|endpoint| endpoint.ready || endpoint.serving);
                !serving.any(|endpoint| (endpoint.ip, endpoint.port) == answers)
            })
    }

    /// Adds to the steps of one branch of [`World::paths`] the rules of nodes that almost decided, nearest first,
    /// at most five for a step.
    ///
    /// They are not computed with the paths: finding them walks every rule of a table, for each step again. This
    /// walks one branch, so that a face can ask for the one that a person reads.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn explain(&self, flow: &Flow, outcome: &mut PathOutcome) -> Result<(), FlowError> {
        let mut question = Question::new(flow, State::fresh());
        question.follow = Follow::Branch(outcome.steps.as_slice().into());
        let told = self.branches(&question)?.paths.outcomes;
        let same = |told: &PathOutcome| {
            told.steps.len() == outcome.steps.len()
                && told.steps.iter().zip(&outcome.steps).all(|(one, other)| alike(one, other))
        };
        if let Some(told) = told.into_iter().find(same) {
            outcome.steps = told.steps;
            outcome.reply = told.reply;
        }
        Ok(())
    }

    /// Explains the likeliest branches, [`MOST_EXPLAINED`] of them.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn explain_paths(&self, flow: &Flow, paths: &mut Paths) -> Result<(), FlowError> {
        paths.outcomes.iter_mut().take(MOST_EXPLAINED).try_for_each(|outcome| self.explain(flow, outcome))
    }
}

/// The receiver got a packet of a connection that it does not know.
fn refuse(outcome: &mut PathOutcome) {
    outcome.verdict = Verdict::Refused;
    outcome.cause = Some(Cause::UnknownConnection);
    outcome.endpoint = None;
    outcome.reply = None;
    if let Some(step) = outcome.steps.last_mut() {
        step.action = crate::Action::Refuse;
        step.why = format!(
            "{} knows no such connection, since it was opened to another receiver: it answers with a reset, and the client's connection is gone.",
            step.station.name
        )
        .into();
    }
}
