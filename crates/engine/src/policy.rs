//! NetworkPolicies on a node: asked when a pod's packet is forwarded, after the destination was translated and
//! before the source is.

use crate::{
    Action, Cause, Component, NearMiss, Owner, RuleRef, Verdict, World,
    journey::{Party, Traveller, plain, station_of},
    ping::is_ping,
    receive::protocol,
    topology::{AddressOwner, Site},
};
use kubernetes::network_policy::{Peer, PolicyDecision, PolicyEngine, Question, decide};
use model::NodeName;
use model::{Key, Kind, ObjectRef, kubernetes::PolicyType};
use netfilter::{Entry, Event, Outcome, Packet, Passage, Segment};
use std::net::IpAddr;

/// At most so many rules are told that did not let a connection pass.
const MOST_MISSES: usize = 5;

impl World {
    /// Asks the policies about a packet that a node forwards: those of the pod that sends it, then those of
    /// the pod that it is for. `Some` is the cause of a denial.
    ///
    /// What a node's own processes send to its pods is not asked about: policy engines let the kubelet in.
    pub(crate) fn policies(
        &self,
        traveller: &mut Traveller,
        node: &NodeName,
        entry: Entry,
        passage: &Passage,
    ) -> Option<(Verdict, Cause)> {
        let Entry::Received(interface) = entry else { return None };
        let Outcome::Out { interface: leaves_by, .. } = &passage.outcome else { return None };
        if traveller.segment != Segment::Opening || self.model.network_policies.is_empty() {
            return None;
        }
        let engine = PolicyEngine::of(&self.model)?;
        let forwarded = Packet { mark: 0, ..before_source_translation(passage) };
        let sender = match self.topology.across(node, interface, forwarded.source) {
            Some(Site::Pod(key)) => Some(key),
            _ => None,
        };
        let receiver = match self.topology.across(node, *leaves_by, forwarded.destination) {
            Some(Site::Pod(key)) => Some(key),
            _ => None,
        };
        if let Some(key) = sender {
            let peer = forwarded.destination;
            if let Some(verdict) = self.denied(traveller, engine, PolicyType::Egress, &key, peer, forwarded) {
                return Some((verdict, Cause::NetworkPolicy));
            }
        }
        if let Some(key) = receiver {
            let peer = forwarded.source;
            if let Some(verdict) = self.denied(traveller, engine, PolicyType::Ingress, &key, peer, forwarded)
            {
                return Some((verdict, Cause::NetworkPolicy));
            }
        }
        None
    }

    /// What becomes of a packet that the policies of a pod do not let pass.
    fn denied(
        &self,
        traveller: &mut Traveller,
        engine: PolicyEngine,
        direction: PolicyType,
        key: &Key,
        peer: IpAddr,
        forwarded: Packet,
    ) -> Option<Verdict> {
        let pod = self.model.pods.get(key)?;
        let question = Question {
            direction,
            pod,
            peer: self.peer(peer),
            protocol: protocol(traveller),
            port: forwarded.destination_port,
        };
        let decision = decide(&self.model, engine, &question)?;
        let why = if is_ping(&forwarded) {
            format!(
                "NetworkPolicy {} isolates pod {key}, and NetworkPolicies speak of TCP, UDP and SCTP: what becomes of an echo request (ping) is not defined (Kubernetes, \"Network Policies\").",
                decision.policy
            )
        } else {
            self.words(traveller, engine, direction, key, peer, &decision)
        };
        let verdict = match decision.allowed {
            _ if is_ping(&forwarded) => Some(Verdict::Ambiguous),
            false => Some(Verdict::Dropped),
            true => None,
        };
        let action = if verdict.is_none() { Action::Accept } else { Action::Drop };
        let mut step = plain(
            station_of(&Party::Pod(key.clone())),
            Component::NetworkPolicy,
            Owner::Workload,
            action,
            why,
        );
        step.rule = Some(rule_ref(&decision.policy, &decision.rule));
        let misses = decision.misses.iter().take(MOST_MISSES);
        step.near_misses = misses
            .map(|miss| NearMiss { rule: rule_ref(&miss.policy, &miss.rule), failed: miss.failed.clone() })
            .collect();
        let packet = traveller.packet;
        traveller.rewrite(packet, step);
        if let Some(step) = traveller.steps.last_mut() {
            step.before = forwarded.into();
            step.after = step.before;
        }
        verdict
    }

    fn peer(&self, ip: IpAddr) -> Peer<'_> {
        match self.topology.owner(ip) {
            Some(AddressOwner::Pod(key)) => match self.model.pods.get(key) {
                Some(pod) => Peer::Pod(pod, ip),
                None => Peer::Other(ip),
            },
            Some(AddressOwner::Node(_)) => Peer::Node(ip),
            _ => Peer::Other(ip),
        }
    }

    fn words(
        &self,
        traveller: &Traveller,
        engine: PolicyEngine,
        direction: PolicyType,
        key: &Key,
        peer: IpAddr,
        decision: &PolicyDecision,
    ) -> String {
        let name = engine.name();
        let (verb, way) = match direction {
            PolicyType::Ingress => ("come in from", "reach"),
            PolicyType::Egress => ("go out to", "leave"),
        };
        if decision.allowed {
            return format!(
                "{name}: {} of NetworkPolicy {} lets the connection {verb} {peer}.",
                decision.rule, decision.policy
            );
        }
        let client = traveller.steps.first().map(|step| step.before.source);
        let masked = direction == PolicyType::Ingress
            && matches!(self.topology.owner(peer), Some(AddressOwner::Node(_)))
            && client.is_some_and(|client| client != peer);
        let masked = match client.filter(|_| masked) {
            Some(client) => format!(
                " The policy sees {peer}, a node's address, and not the client {client}: another node masqueraded it."
            ),
            None => String::new(),
        };
        format!(
            "{name}: NetworkPolicy {} isolates pod {key}, and no rule lets the connection {way} it ({peer}): dropped, the client times out.{masked}",
            decision.policy
        )
    }
}

/// The packet as the FORWARD hook sees it.
fn before_source_translation(passage: &Passage) -> Packet {
    let translated = passage.events.iter().find_map(|event| match event {
        Event::Snat { before, .. } => Some(*before),
        _ => None,
    });
    translated.unwrap_or(passage.packet)
}

fn rule_ref(policy: &Key, rule: &str) -> RuleRef {
    let place = format!("NetworkPolicy {policy}");
    let text = if rule.is_empty() { "default deny" } else { rule };
    RuleRef {
        place: place.into(),
        text: text.to_owned().into(),
        object: Some(ObjectRef::namespaced(Kind::NetworkPolicy, policy)),
    }
}
