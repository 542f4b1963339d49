//! Echo requests of ICMP. Kernels answer them, not applications, and no Service takes them: what answers at an
//! address is whoever has it.

use crate::{
    Action, Cause, Component, Endpoint, Owner, Reply, Station, StationKind, Verdict, World,
    answer::Branch,
    journey::{End, Move, Moves, Party, Traveller, station_of, unmarked},
    outcome::PathOutcome,
    topology::AddressOwner,
};
use azure::{Balancer, PoolState, Selected};
use model::{
    azure::{RuleProtocol, SkuName},
    kubernetes::Protocol,
};
use netfilter::Packet;
use std::sync::Arc;

/// Whether a packet is an echo request or its answer.
pub(crate) fn is_ping(packet: &Packet) -> bool {
    matches!(packet.protocol, netfilter::Protocol::Icmp | netfilter::Protocol::Icmpv6)
}

impl World {
    /// An echo request at a frontend. Standard public load balancers answer by what the probes of their rules say, and
    /// pass nothing on; internal ones and Basic ones do not answer (Azure, "Test reachability of Azure Public Load
    /// Balancer frontends with ping and traceroute").
    pub(crate) fn ping_frontend(&self, mut traveller: Traveller) -> Moves {
        let destination = traveller.packet.destination;
        let Some((balancer, frontend)) = self.cloud.frontend(destination) else {
            return Moves::one(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NoSuchAddress)));
        };
        let station = Station::new(StationKind::LoadBalancer, Arc::clone(&balancer.name));
        let fails = |mut traveller: Traveller, verdict, cause, why: String| {
            let action = if verdict == Verdict::Rejected { Action::Reject } else { Action::Drop };
            traveller.note(station.clone(), Component::AzureLoadBalancer, Owner::Azure, action, why);
            Moves::one(traveller, Move::End(End::Failed(verdict, cause)))
        };
        if self.is_internal_frontend(destination) {
            let why = format!(
                "{destination} is a frontend of an internal load balancer, and Azure answers echo requests (ping) at public ones only: the client times out."
            );
            return fails(traveller, Verdict::Dropped, Cause::NoLoadBalancerRule, why);
        }
        if balancer.sku == SkuName::Basic {
            let why = format!(
                "{} is a Basic load balancer: it does not answer echo requests (ping).",
                balancer.name
            );
            return fails(traveller, Verdict::Dropped, Cause::NoLoadBalancerRule, why);
        }
        let states = frontend.rules.iter().filter_map(|rule| {
            let (port, protocol) = match rule.rule.protocol {
                RuleProtocol::Udp => (rule.rule.frontend_port, Protocol::Udp),
                RuleProtocol::Tcp | RuleProtocol::All => (rule.rule.frontend_port, Protocol::Tcp),
            };
            match self.cloud.select(destination, port, protocol) {
                Selected::Rule(selection) => Some(self.pool_state(&traveller, &selection)),
                Selected::NoFrontend | Selected::NoRule { .. } => None,
            }
        });
        let states: Vec<PoolState> = states.collect();
        let is_down = |state: &PoolState| matches!(state, PoolState::AllDown | PoolState::AllDownUsed);
        if states.iter().all(|state| *state == PoolState::Empty) {
            let (cause, what) = match states.as_slice() {
                [] => (Cause::NoLoadBalancerRule, "no rule"),
                _ => (Cause::EmptyBackendPool, "no member behind it"),
            };
            let why = format!(
                "{} answers echo requests (ping) by what its probes say, and {destination} has {what}: no answer, the client times out.",
                balancer.name
            );
            return fails(traveller, Verdict::Dropped, cause, why);
        }
        if states.iter().all(|state| is_down(state) || *state == PoolState::Empty) {
            let why = format!(
                "{} answers echo requests (ping) by what its probes say, and every member is down: \"destination host unreachable\".",
                balancer.name
            );
            return fails(traveller, Verdict::Rejected, Cause::AllProbesDown, why);
        }
        let why = format!(
            "{} answers the echo request (ping) itself, since the probe of at least one member is up. No member sees it: it says nothing of a port.",
            balancer.name
        );
        traveller.note(station, Component::AzureLoadBalancer, Owner::Azure, Action::Deliver, why);
        Moves::one(traveller, Move::End(End::Arrived(Party::Platform)))
    }

    /// The end of an echo request that no kernel of the cluster or a VM gets; `None` where one does.
    pub(crate) fn conclude_ping(
        &self,
        sender: &Party,
        traveller: &mut Traveller,
        party: &Party,
    ) -> Option<Branch> {
        let packet = unmarked(traveller.packet);
        let answered = |balancer: &Balancer, traveller: &mut Traveller| {
            let endpoint = Endpoint {
                pod: None,
                node: None,
                host: Some(format!("load balancer {}", balancer.name)),
                ip: packet.destination,
                port: 0,
            };
            let steps = std::mem::take(&mut traveller.steps);
            traveller.packet = packet.reversed();
            let why = format!("The answer comes from {}, the address that was called.", packet.destination);
            traveller.note(station_of(sender), Component::Client, Owner::Client, Action::Deliver, why);
            let reply = Reply {
                verdict: Verdict::Delivered,
                cause: None,
                steps: std::mem::take(&mut traveller.steps),
            };
            (steps, Some(endpoint), Verdict::Delivered, None, Some(reply))
        };
        let (steps, endpoint, verdict, cause, reply) = match (party, self.topology.owner(packet.destination))
        {
            (Party::Platform, Some(AddressOwner::Frontend)) => {
                let (balancer, _) = self.cloud.frontend(packet.destination)?;
                answered(balancer, traveller)
            }
            (Party::Platform | Party::Metadata | Party::AzureService { .. }, _) => {
                let why = format!(
                    "Azure does not say whether {} answers echo requests (ping).",
                    packet.destination
                );
                traveller.note(station_of(party), Component::Internet, Owner::Azure, Action::Drop, why);
                let steps = std::mem::take(&mut traveller.steps);
                (steps, None, Verdict::Ambiguous, Some(Cause::NoListener), None)
            }
            _ => return None,
        };
        let outcome = PathOutcome {
            probability: traveller.weight(),
            verdict,
            cause,
            source_seen: endpoint.as_ref().map(|_| packet.source),
            proxy_header_source: None,
            endpoint,
            node: traveller.entered.clone(),
            count: traveller.count,
            steps,
            reply,
        };
        Some((outcome, traveller.clone().leave()))
    }
}
