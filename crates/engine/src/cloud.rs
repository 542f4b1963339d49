//! A packet at a load balancer: frontend, rule, probe, member.

use crate::{
    Action, Cause, Component, NearMiss, Owner, RuleRef, Station, StationKind, Verdict, World,
    held::{Terms, too_late},
    journey::{CloudFlow, End, Keeper, Move, Traveller, plain, unmarked},
    narrate::socket,
    receive::protocol,
    state::Pick,
};
use azure::{AdminState, Balancer, ExistingFlow, Health, Member, PoolState, Rule, Selected, Selection};
use model::azure::LoadDistribution;
use netfilter::{Packet, Protocol};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// At most so many rules or members are named as near misses.
const MOST_MISSES: usize = 5;

impl World {
    /// Whether the address is the frontend of an internal load balancer.
    pub(crate) fn is_internal_frontend(&self, ip: IpAddr) -> bool {
        self.cloud
            .frontend(ip)
            .is_some_and(|(_, frontend)| frontend.configuration.public_ip_address.is_none())
    }

    /// The load balancer looks for a rule, then for a healthy member of its pool.
    pub(crate) fn at_load_balancer(&self, mut traveller: Traveller) -> Vec<(Traveller, Move)> {
        let packet = unmarked(traveller.packet);
        let to = socket(packet.destination, packet.destination_port);
        match self.cloud.select(packet.destination, packet.destination_port, protocol(&traveller)) {
            Selected::NoFrontend => {
                vec![(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NoSuchAddress)))]
            }
            Selected::NoRule { balancer, near_misses, .. } => {
                let why = format!(
                    "No rule of {} takes {} {to}: Azure discards the packet, and the client times out.",
                    balancer.name, packet.protocol
                );
                let mut step =
                    plain(station(balancer), Component::AzureLoadBalancer, Owner::Azure, Action::Drop, why);
                step.near_misses = near_misses
                    .into_iter()
                    .map(|(rule, mismatch)| NearMiss {
                        rule: rule_ref(balancer, rule),
                        failed: mismatch.to_string(),
                    })
                    .collect();
                traveller.rewrite(packet, step);
                vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoLoadBalancerRule)))]
            }
            Selected::Rule(selection) => {
                let Selection { balancer, rule, .. } = &selection;
                let why = format!(
                    "Rule {} takes {} {to} for the backend pool {}.",
                    rule.rule.name, packet.protocol, rule.pool
                );
                let mut step = plain(
                    station(balancer),
                    Component::AzureLoadBalancer,
                    Owner::Azure,
                    Action::SelectFrontend,
                    why,
                );
                step.rule = Some(rule_ref(balancer, rule));
                traveller.rewrite(packet, step);
                self.choose_member(traveller, &selection)
            }
        }
    }

    fn choose_member(&self, mut traveller: Traveller, selection: &Selection<'_>) -> Vec<(Traveller, Move)> {
        if let Some(via) = traveller.via.clone() {
            let picked = selection.members().iter().find(|member| member.node.as_ref() == Some(&via));
            let Some(member) = picked else { return Vec::new() };
            let why =
                format!("Under the condition that the load balancer picked {via}, whatever its probe says.");
            traveller.note(
                station(selection.balancer),
                Component::AzureLoadBalancer,
                Owner::Azure,
                Action::SkipProbe,
                why,
            );
            return self.send_to(traveller, selection, member, None, Vec::new());
        }
        let mut known = BTreeMap::new();
        let mut targets = selection.targets(|member| {
            let own = || self.probe_state(selection.probe(), member).up;
            let up = match (traveller.quiet, &member.node) {
                (true, Some(node)) => {
                    let class = self.entry_class(selection.rule.service.as_ref(), node);
                    *known.entry(class).or_insert_with(own)
                }
                _ => own(),
            };
            if up { Health::Up } else { Health::Down }
        });
        let failure = match targets.state {
            PoolState::Empty => Some((
                Cause::EmptyBackendPool,
                format!("The backend pool {} has no member: Azure discards the packet.", selection.rule.pool),
            )),
            PoolState::AllDown => Some((
                Cause::AllProbesDown,
                "No member's health probe is up: Azure takes no new connection, and the client times out."
                    .to_owned(),
            )),
            PoolState::Unprobed | PoolState::Healthy | PoolState::AllDownUsed => None,
        };
        let misses =
            if traveller.quiet { Vec::new() } else { self.members_left_out(selection, &targets.members) };
        let before = Arc::clone(&traveller.carried.before);
        let outer = unmarked(traveller.packet);
        let kept = before.flow(&outer);
        if let Some(kept) = kept {
            let silent = before.since(kept.seen);
            let terms = Terms::of_rule(selection.rule, outer.protocol);
            if terms.forgets(silent) && outer.protocol == Protocol::Tcp {
                let station = station(selection.balancer);
                return vec![too_late(traveller, station, Component::AzureLoadBalancer, terms, silent)];
            }
        }
        // A datagram of a flow that was forgotten is the first of a new one.
        let known = kept
            .filter(|kept| !Terms::of_rule(selection.rule, outer.protocol).forgets(before.since(kept.seen)));
        if let Some(member) = known.and_then(|kept| labelled(selection, &kept.member)) {
            let is_up = targets.members.contains(&member);
            match selection.existing_flow(protocol(&traveller), !targets.members.is_empty()) {
                ExistingFlow::Continues => return self.go_on(traveller, selection, member),
                _ if is_up => return self.go_on(traveller, selection, member),
                ExistingFlow::Moves | ExistingFlow::Stops | ExistingFlow::Terminated => {}
            }
        }
        let picked = pick(selection, &outer).and_then(|pick| before.pick(&pick)).map(str::to_owned);
        if let Some(member) = targets.members.iter().find(|member| picked == Some(member.label())) {
            targets.members = vec![*member];
        }
        if let Some((cause, why)) = failure {
            let mut step = plain(
                station(selection.balancer),
                Component::AzureLoadBalancer,
                Owner::Azure,
                Action::ProbeGate,
                why,
            );
            step.near_misses = misses;
            let packet = traveller.packet;
            traveller.rewrite(packet, step);
            return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, cause)))];
        }
        let share = targets.share();
        if traveller.quiet {
            return self.send_to_classes(&traveller, selection, &targets.members, share);
        }
        let to_each = targets.members.iter().flat_map(|member| {
            self.send_to(traveller.share(share), selection, member, Some(share), misses.clone())
        });
        to_each.collect()
    }

    /// A flow that the load balancer knows stays with its member.
    fn go_on(
        &self,
        mut traveller: Traveller,
        selection: &Selection<'_>,
        member: &Member,
    ) -> Vec<(Traveller, Move)> {
        let why = format!(
            "The load balancer knows this flow: it stays with {}, and no probe is asked.",
            member.label()
        );
        traveller.note(
            station(selection.balancer),
            Component::AzureLoadBalancer,
            Owner::Azure,
            Action::SkipProbe,
            why,
        );
        self.send_to(traveller, selection, member, None, Vec::new())
    }

    /// Members that are alike for the rule's Service are walked once, with their share together.
    fn send_to_classes(
        &self,
        traveller: &Traveller,
        selection: &Selection<'_>,
        members: &[&Arc<Member>],
        share: f64,
    ) -> Vec<(Traveller, Move)> {
        let service = selection.rule.service.as_ref();
        let mut classes: BTreeMap<_, (f64, &Member)> = BTreeMap::new();
        for (at, member) in members.iter().enumerate() {
            // A member that opened the flow itself is a case of its own.
            let own = member.address == Some(traveller.packet.source);
            let class = match &member.node {
                Some(node) if !own => Ok(self.entry_class(service, node)),
                _ => Err(at),
            };
            classes.entry(class).or_insert((0.0, &***member)).0 += share;
        }
        let each = classes.into_values();
        each.flat_map(|(share, member)| {
            self.send_to(traveller.share(share), selection, member, Some(share), Vec::new())
        })
        .collect()
    }

    /// Why the other members and nodes get no new connection, a few of them.
    fn members_left_out(&self, selection: &Selection<'_>, chosen: &[&Arc<Member>]) -> Vec<NearMiss> {
        let members = selection.members();
        let down = members.iter().filter(|member| !chosen.iter().any(|own| own == member)).map(|member| {
            let failed = if member.admin_state == AdminState::Down {
                "its admin state is Down".to_owned()
            } else {
                self.probe_state(selection.probe(), member).why
            };
            member_miss(selection.rule, &member.label(), failed)
        });
        let outside = self
            .model
            .nodes
            .keys()
            .filter(|name| !members.iter().any(|member| member.node.as_ref() == Some(name)));
        let outside = outside.map(|name| {
            member_miss(
                selection.rule,
                name.as_str(),
                format!("it is no member of the backend pool {}", selection.rule.pool),
            )
        });
        down.chain(outside).take(MOST_MISSES).collect()
    }

    fn send_to(
        &self,
        mut traveller: Traveller,
        selection: &Selection<'_>,
        member: &Member,
        share: Option<f64>,
        misses: Vec<NearMiss>,
    ) -> Vec<(Traveller, Move)> {
        let outer = unmarked(traveller.packet);
        let label = member.label();
        let mut inner = outer;
        if let Some((address, port)) = selection.destination_at(member) {
            inner.destination = address;
            inner.destination_port = port;
        }
        let destination = if inner == outer {
            format!(
                "Floating IP is on, so the destination stays the frontend, {}.",
                socket(outer.destination, outer.destination_port)
            )
        } else {
            format!(
                "Floating IP is off, so the destination becomes the member's own, {}.",
                socket(inner.destination, inner.destination_port)
            )
        };
        let choice = match share {
            Some(share) if share < 1.0 => {
                format!("{label} is one of the healthy members; {}.", hash_words(selection.distribution()))
            }
            Some(_) => format!("{label} is the only member that takes new connections."),
            None => format!("{label} is picked."),
        };
        let mut step = plain(
            station(selection.balancer),
            Component::AzureLoadBalancer,
            Owner::Azure,
            Action::SelectBackend,
            format!("{choice} {destination}"),
        );
        step.rule = Some(rule_ref(selection.balancer, selection.rule));
        step.near_misses = misses;
        step.probability = share;
        traveller.rewrite(inner, step);
        traveller.carried.chose(outer, pick(selection, &outer), label.clone());
        if member.address == Some(outer.source) {
            let why = format!(
                "{label} is both the client and the chosen member: Azure does not carry that flow, and the client times out."
            );
            traveller.note(
                station(selection.balancer),
                Component::AzureLoadBalancer,
                Owner::Azure,
                Action::Drop,
                why,
            );
            return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::LoadBalancerHairpin)))];
        }
        traveller.cloud.push(CloudFlow { outer, inner, keeper: Keeper::Inbound });
        match (&member.node, member.address) {
            (Some(node), _) => self.into_node(traveller, node.clone()),
            (None, Some(address)) => self.to_vm(traveller, address),
            (None, None) => {
                vec![(traveller, Move::End(End::Failed(Verdict::Ambiguous, Cause::NoSuchAddress)))]
            }
        }
    }
}

/// The member of a label.
fn labelled<'a>(selection: &Selection<'a>, label: &str) -> Option<&'a Arc<Member>> {
    selection.members().iter().find(|member| member.label() == label)
}

/// What is hashed where not every connection is a new choice.
fn pick(selection: &Selection<'_>, outer: &Packet) -> Option<Pick> {
    match selection.distribution() {
        LoadDistribution::Default => None,
        LoadDistribution::SourceIP => Some((outer.source, outer.destination, None)),
        LoadDistribution::SourceIPProtocol => Some((outer.source, outer.destination, Some(outer.protocol))),
    }
}

fn station(balancer: &Balancer) -> Station {
    Station::new(StationKind::LoadBalancer, &*balancer.name)
}

fn member_miss(rule: &Rule, label: &str, failed: String) -> NearMiss {
    let place = format!("pool {}", rule.pool);
    NearMiss { rule: RuleRef { place: place.into(), text: label.into(), object: None }, failed }
}

fn rule_ref(balancer: &Balancer, rule: &Rule) -> RuleRef {
    RuleRef {
        place: format!("load balancer {}, rule {}", balancer.name, rule.rule.name).into(),
        text: rule_text(rule).into(),
        object: rule.service.as_ref().map(|key| model::ObjectRef::namespaced(model::Kind::Service, key)),
    }
}

/// A rule in one line: `Tcp 80 → 80, pool kubernetes, probe … Http 32649/healthz, floating IP on, Default`.
fn rule_text(rule: &Rule) -> String {
    let document = &rule.rule;
    let probe = rule.probe.as_ref().map_or_else(
        || "no probe".to_owned(),
        |probe| {
            format!(
                "probe {} {}{}",
                probe.protocol,
                probe.port,
                probe.request_path.as_deref().unwrap_or_default()
            )
        },
    );
    format!(
        "{} {} → {}, pool {}, {probe}, floating IP {}, distribution {}",
        document.protocol,
        document.frontend_port,
        document.backend_port,
        rule.pool,
        if document.enable_floating_ip { "on" } else { "off" },
        document.load_distribution
    )
}

fn hash_words(distribution: LoadDistribution) -> &'static str {
    match distribution {
        LoadDistribution::Default => "the hash of addresses, ports and protocol picks it for this connection",
        LoadDistribution::SourceIP => {
            "the hash of both addresses picks it, for all connections of this client"
        }
        LoadDistribution::SourceIPProtocol => {
            "the hash of both addresses and the protocol picks it, for all such connections of this client"
        }
    }
}
