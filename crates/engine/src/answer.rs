//! The whole answer to a flow: every branch there, its reply, and what was assumed.

use crate::{
    Action, Cause, Component, Endpoint, Flow, FlowError, FlowSummary, Owner, PathOutcome, Paths, Reply,
    Verdict, World,
    fold::Branching,
    ingress::Leg,
    journey::{End, Party, Traveller, station_of, unmarked},
    later::{later, together},
    ping::is_ping,
    private_link::told_by_header,
    resolve::Resolved,
    run::Random,
    state::{Effects, Follow, State},
    storage::Way,
};
use model::Transport;
use netfilter::{Packet, Segment};
use std::{cmp::Ordering, sync::Arc};

/// Few ways have more steps than this.
const USUAL_STEPS: usize = 24;

/// The source port of traced packets: an ephemeral one, always the same.
const SOURCE_PORT: u16 = 51514;

impl World {
    /// Every branch of a flow with its exact probability.
    ///
    /// # Errors
    /// The flow names something that is not there, or has no address in common.
    pub fn paths(&self, flow: &Flow) -> Result<Paths, FlowError> {
        Ok(self.branches(&Question::new(flow, State::fresh()))?.paths)
    }

    /// Walks every branch there and back.
    pub(crate) fn branches(&self, question: &Question<'_>) -> Result<Asked, FlowError> {
        let flow = question.flow;
        if let Some(name) = self.called_by_name(flow) {
            return self.branches_by_name(question, &name);
        }
        let resolved = self.resolved(flow)?;
        let packet = question.later.unwrap_or_else(|| match flow.protocol {
            Transport::Icmp => opening(flow, &resolved),
            _ => question.state.with_free_port(opening(flow, &resolved)),
        });
        let mut branches = Vec::new();
        for (traveller, end) in self.send(&resolved, packet, question) {
            self.conclude(&resolved.sender, packet, flow, (traveller, end), &mut branches);
        }
        if let (true, Some(node)) = (branches.is_empty(), &flow.via) {
            return Err(FlowError::ViaNotChosen(node.clone()));
        }
        order::sort_by(&mut branches, likelier_first);
        let (outcomes, mut effects): (Vec<_>, Vec<Effects>) = branches.into_iter().unzip();
        for effects in &mut effects {
            effects.opened = Some(packet);
        }
        let (from, to, port) = (flow.from.clone(), flow.to.clone(), packet.destination_port);
        let [from, to, _] =
            together(move || [from.to_string(), Flow::receiver_text(&to, port), String::new()]);
        let summary = FlowSummary {
            from,
            source: resolved.source,
            to,
            destination: packet.destination,
            port,
            protocol: flow.protocol.lower(),
        };
        let assumptions = self.assumptions(&resolved, &outcomes);
        Ok(Asked { paths: Paths { flow: summary, assumptions, outcomes }, effects })
    }

    /// The branches without steps, those that are alike but for the node together, in the order of the walk.
    pub(crate) fn quietly(&self, flow: &Flow, resolved: &Resolved) -> Vec<PathOutcome> {
        let branching = Branching::Alike;
        let question = Question { quiet: true, branching, ..Question::new(flow, State::fresh()) };
        let packet = opening(flow, resolved);
        let mut branches = Vec::new();
        for (traveller, end) in self.send(resolved, packet, &question) {
            self.conclude(&resolved.sender, packet, flow, (traveller, end), &mut branches);
        }
        branches.into_iter().map(|(outcome, _)| outcome).collect()
    }

    /// Sends the packet and walks it to the end of every branch.
    fn send(&self, resolved: &Resolved, packet: Packet, question: &Question<'_>) -> Vec<(Traveller, End)> {
        let sender = &resolved.sender;
        let flow = question.flow;
        let mut traveller = Traveller::new(packet);
        if !question.quiet {
            traveller.steps.reserve(USUAL_STEPS);
        }
        traveller.via.clone_from(&flow.via);
        traveller.quiet = question.quiet;
        traveller.branching = question.branching.clone();
        traveller.carried.before = Arc::clone(&question.state);
        traveller.carried.follow = question.follow.clone();
        if let Party::Node(name) = sender {
            traveller.entered = Some(name.clone());
        }
        let what = match flow.protocol {
            _ if question.later.is_some() => "goes on with its connection",
            Transport::Tcp => "opens a TCP connection",
            Transport::Udp => "sends a UDP datagram",
            Transport::Sctp => "opens an SCTP association",
            Transport::Icmp => "sends an echo request (ping)",
        };
        if question.later.is_some() {
            traveller.segment = Segment::Later;
        }
        if !traveller.quiet {
            let party = sender.clone();
            let why = later(move || {
                let (port, address) = (packet.destination_port, packet.destination);
                let to = if port == 0 { String::new() } else { format!("port {port} of ") };
                format!("{} {what} to {to}{address}.", sender_words(&party))
            });
            let station = resolved.station.get_or_init(|| station_of(sender));
            traveller.remember_station(sender, station);
            traveller.note(station.clone(), Component::Client, Owner::Client, Action::Originate, why);
        }
        self.walk(traveller, self.departure(sender, packet.source))
    }

    /// From the end of the way there to the outcome: the socket, then the way back.
    fn conclude(
        &self,
        sender: &Party,
        packet: Packet,
        flow: &Flow,
        (mut traveller, end): (Traveller, End),
        branches: &mut Vec<Branch>,
    ) {
        let failed = |mut traveller: Traveller, verdict, cause| {
            let outcome = PathOutcome {
                probability: traveller.weight(),
                verdict,
                cause: Some(cause),
                endpoint: None,
                count: traveller.count,
                node: traveller.entered.take(),
                source_seen: None,
                proxy_header_source: None,
                steps: std::mem::take(&mut traveller.steps),
                reply: None,
            };
            (outcome, traveller.leave())
        };
        let party = match end {
            End::Failed(verdict, cause) => return branches.push(failed(traveller, verdict, cause)),
            End::Arrived(party) => party,
        };
        if is_ping(&packet)
            && let Some(branch) = self.conclude_ping(sender, &mut traveller, &party)
        {
            return branches.push(branch);
        }
        if let Party::AzureService { account, way } = &party {
            return branches.push(self.conclude_at_service(
                sender,
                packet,
                traveller,
                &party,
                (account, way),
            ));
        }
        let source_seen = traveller.packet.source;
        let told = told_by_header(&traveller);
        let Some(endpoint) = self.receive(&mut traveller, &party) else {
            let (mut outcome, effects) = failed(traveller, Verdict::Refused, Cause::NoListener);
            outcome.source_seen = Some(source_seen);
            return branches.push((outcome, effects));
        };
        let leg = Leg { sender, packet, flow, party: &party, endpoint: endpoint.clone() };
        if let Some(proxied) = self.proxy(&leg, &traveller) {
            return branches.extend(proxied);
        }
        let (probability, count) = (traveller.weight(), traveller.count);
        let node = traveller.entered.clone();
        let steps = std::mem::take(&mut traveller.steps);
        let (reply, effects) = self.reply(sender, packet, traveller, &party);
        let outcome = PathOutcome {
            probability,
            verdict: reply.verdict,
            cause: reply.cause,
            endpoint: Some(endpoint),
            node,
            count,
            source_seen: Some(source_seen),
            proxy_header_source: told,
            steps,
            reply: Some(reply),
        };
        branches.push((outcome, effects));
    }

    /// The account's answer, then the way back. A refusal by its firewall is an answer too: 403.
    fn conclude_at_service(
        &self,
        sender: &Party,
        packet: Packet,
        mut traveller: Traveller,
        party: &Party,
        (account, way): (&str, &Way),
    ) -> Branch {
        let (endpoint, source_seen, refusal) = self.at_service(&mut traveller, account, way);
        let (probability, count) = (traveller.weight(), traveller.count);
        let node = traveller.entered.clone();
        let steps = std::mem::take(&mut traveller.steps);
        let (reply, effects) = self.reply(sender, packet, traveller, party);
        // What did not come back is told before what it said.
        let refusal = refusal.filter(|_| reply.cause.is_none());
        let outcome = PathOutcome {
            probability,
            verdict: refusal.map_or(reply.verdict, |(verdict, _)| verdict),
            cause: refusal.map(|(_, cause)| cause).or(reply.cause),
            endpoint: Some(endpoint),
            node,
            count,
            source_seen,
            proxy_header_source: None,
            steps,
            reply: Some(reply),
        };
        (outcome, effects)
    }

    /// The way back. It does not branch: tracked connections decide every translation.
    pub(crate) fn reply(
        &self,
        sender: &Party,
        packet: Packet,
        mut traveller: Traveller,
        from: &Party,
    ) -> (Reply, Effects) {
        traveller.packet = unmarked(traveller.packet).reversed();
        if !traveller.quiet {
            traveller.steps.reserve(USUAL_STEPS);
        }
        if traveller.segment == Segment::Opening {
            traveller.segment = Segment::Answer;
        }
        if traveller.carried.explains() {
            traveller.carried.follow = Follow::Everyone;
        }
        traveller.nic = None;
        traveller.hops = 0;
        if !traveller.quiet {
            let (station, seen) = (traveller.station_of(from), traveller.packet.destination);
            let name = Arc::clone(&station.name);
            let why = later(move || format!("{name} answers to the source that it saw, {seen}."));
            traveller.note(station, Component::Pod, Owner::Workload, Action::Answer, why);
        }
        let at = self.departure(from, traveller.packet.source);
        let Some((mut traveller, end)) = self.walk(traveller, at).into_iter().next() else {
            let reply = Reply { verdict: Verdict::Dropped, cause: Some(Cause::NoRoute), steps: Vec::new() };
            return (reply, Effects::default());
        };
        let (verdict, cause) = match end {
            End::Failed(verdict, cause) => (verdict, Some(cause)),
            End::Arrived(party) => hand_over(self, &mut traveller, sender, packet, &party),
        };
        let steps = std::mem::take(&mut traveller.steps);
        (Reply { verdict, cause, steps }, traveller.leave())
    }
}

/// The end of the way back: the client accepts the answer to what it sent, and nothing else.
fn hand_over(
    world: &World,
    traveller: &mut Traveller,
    sender: &Party,
    packet: Packet,
    arrived: &Party,
) -> (Verdict, Option<Cause>) {
    let answer = unmarked(traveller.packet);
    if packet.protocol == netfilter::Protocol::Tcp && world.bypassed_appliance(traveller) {
        return (Verdict::Dropped, Some(Cause::AsymmetricReturn));
    }
    if arrived == sender && answer == packet.reversed() {
        if traveller.quiet {
            return (Verdict::Delivered, None);
        }
        let why = later(move || {
            format!(
                "The answer comes from {}, the address that was called: the client accepts it.",
                answer.source
            )
        });
        let station = traveller.station_of(sender);
        traveller.note(station, Component::Client, Owner::Client, Action::Deliver, why);
        return (Verdict::Delivered, None);
    }
    let why = format!(
        "The client called {} and gets an answer from {}: it belongs to no connection of its own, and the client rejects it. The answer did not pass the host that translated the request.",
        packet.destination, answer.source
    );
    traveller.note(station_of(arrived), Component::Client, Owner::Client, Action::Drop, why);
    (Verdict::Dropped, Some(Cause::AsymmetricReturn))
}

/// What is asked of a world.
#[derive(Clone)]
pub(crate) struct Question<'a> {
    pub(crate) flow: &'a Flow,
    /// What earlier connections left behind.
    pub(crate) state: Arc<State>,
    /// A later packet of a connection that is open, instead of a new one.
    pub(crate) later: Option<Packet>,
    /// Whose near misses are told.
    pub(crate) follow: Follow,
    /// Nobody reads the steps.
    pub(crate) quiet: bool,
    /// Which branches are walked.
    pub(crate) branching: Branching,
}

impl<'a> Question<'a> {
    /// A new connection.
    pub(crate) fn new(flow: &'a Flow, state: Arc<State>) -> Self {
        Self { flow, state, later: None, follow: Follow::Nobody, quiet: false, branching: Branching::Every }
    }

    /// A new connection along one branch, drawn at random.
    pub(crate) fn one(flow: &'a Flow, state: Arc<State>, random: Random) -> Self {
        Self { branching: Branching::one(random), ..Self::new(flow, state) }
    }
}

/// One branch, with what it leaves behind.
pub(crate) type Branch = (PathOutcome, Effects);

/// Every branch, the most probable first, and what each leaves behind.
pub(crate) struct Asked {
    pub(crate) paths: Paths,
    /// One for each outcome.
    pub(crate) effects: Vec<Effects>,
}

impl Asked {
    /// One branch and what it leaves behind.
    pub(crate) fn branch(&self, at: usize) -> Option<(&PathOutcome, &Effects)> {
        self.paths.outcomes.get(at).zip(self.effects.get(at))
    }
}

fn opening(flow: &Flow, resolved: &Resolved) -> Packet {
    let has_ports = flow.protocol != Transport::Icmp;
    Packet {
        protocol: match flow.protocol {
            Transport::Tcp => netfilter::Protocol::Tcp,
            Transport::Udp => netfilter::Protocol::Udp,
            Transport::Sctp => netfilter::Protocol::Sctp,
            Transport::Icmp if resolved.source.is_ipv4() => netfilter::Protocol::Icmp,
            Transport::Icmp => netfilter::Protocol::Icmpv6,
        },
        source: resolved.source,
        source_port: if has_ports { SOURCE_PORT } else { 0 },
        destination: resolved.destination,
        destination_port: if has_ports { flow.port } else { 0 },
        mark: 0,
    }
}

fn sender_words(sender: &Party) -> String {
    match sender {
        Party::Internet(ip) => format!("The client {ip}"),
        Party::Vm(ip) => format!("The VM {ip}"),
        Party::Node(name) => format!("A process on {name}"),
        Party::Pod(key) => format!("Pod {key}"),
        Party::Endpoint(ip) => format!("The endpoint {ip}"),
        Party::OnPremises(ip) => format!("The host {ip} on premises"),
        Party::AzureService { account, .. } => account.clone(),
        Party::Platform => "Azure's platform".to_owned(),
        Party::Metadata => "The instance metadata service".to_owned(),
    }
}

/// Most probable first; then by receiver, nodes and cause, so that the order is stable.
pub(crate) fn likelier_first((a, left_by_a): &Branch, (b, left_by_b): &Branch) -> Ordering {
    // Of branches that stand for several, the probability of one counts: it is one of them that is shown.
    let of_one = |outcome: &PathOutcome| outcome.probability / f64::from(outcome.count);
    if (of_one(a) - of_one(b)).abs() > 1e-9 {
        return of_one(b).total_cmp(&of_one(a));
    }
    let key = |outcome: &PathOutcome| {
        let endpoint: Option<Endpoint> = outcome.endpoint.clone();
        (endpoint.is_none(), endpoint, outcome.node.clone(), outcome.verdict, outcome.cause)
    };
    let brought = || left_by_a.brought().cmp(left_by_b.brought());
    key(a).cmp(&key(b)).then_with(brought).then_with(|| a.source_seen.cmp(&b.source_seen))
}
