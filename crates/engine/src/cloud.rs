//! A packet at a load balancer: frontend, rule, probe, member.

use crate::{
    Action, Cause, Component, NearMiss, NearMisses, Owner, RuleRef, Station, StationKind, Text, Verdict,
    World,
    deciding::socket,
    fold::{Branching, By},
    held::{Terms, too_late},
    journey::{CloudFlow, End, Keeper, Move, Moves, Traveller, plain, unmarked},
    later::{Sentence, later},
    ping::is_ping,
    probe::AskedOnce,
    receive::protocol,
    state::Pick,
};
use azure::{
    AdminState, Balancer, ExistingFlow, Health, Member, PoolState, Rule, Selected, Selection, Targets,
};
use model::{NodeName, azure::LoadDistribution};
use netfilter::{Packet, Protocol};
use std::{
    cell::RefCell,
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

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
    pub(crate) fn at_load_balancer(&self, mut traveller: Traveller) -> Moves {
        let packet = unmarked(traveller.packet);
        if is_ping(&packet) {
            return self.ping_frontend(traveller);
        }
        match self.cloud.select(packet.destination, packet.destination_port, protocol(&traveller)) {
            Selected::NoFrontend => {
                Moves::one(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NoSuchAddress)))
            }
            Selected::NoRule { balancer, near_misses, .. } => {
                let to = socket(packet.destination, packet.destination_port);
                let why = format!(
                    "No rule of {} takes {} {to}: Azure discards the packet, and the client times out.",
                    balancer.name, packet.protocol
                );
                let mut step =
                    plain(station(balancer), Component::AzureLoadBalancer, Owner::Azure, Action::Drop, why);
                step.near_misses = near_misses
                    .into_iter()
                    .map(|(rule, mismatch)| NearMiss {
                        rule: rule_ref(balancer, rule, "").0,
                        failed: mismatch.to_string(),
                    })
                    .collect();
                traveller.rewrite(packet, step);
                Moves::one(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoLoadBalancerRule)))
            }
            Selected::Rule(selection) => {
                let Selection { balancer, rule, .. } = &selection;
                let own = Arc::clone(rule);
                let why = later(move || {
                    let to = socket(packet.destination, packet.destination_port);
                    format!(
                        "Rule {} takes {} {to} for the backend pool {}.",
                        own.rule.name, packet.protocol, own.pool
                    )
                });
                let (rule, why) = rule_ref(balancer, rule, why);
                let mut step = plain(
                    station(balancer),
                    Component::AzureLoadBalancer,
                    Owner::Azure,
                    Action::SelectFrontend,
                    why,
                );
                step.rule = Some(rule);
                traveller.rewrite(packet, step);
                self.choose_member(traveller, &selection)
            }
        }
    }

    fn choose_member(&self, mut traveller: Traveller, selection: &Selection<'_>) -> Moves {
        if let Some(via) = traveller.via.clone() {
            let picked = selection.members().iter().find(|member| member.node.as_ref() == Some(&via));
            let Some(member) = picked else { return Moves::default() };
            let why =
                format!("Under the condition that the load balancer picked {via}, whatever its probe says.");
            traveller.note(
                station(selection.balancer),
                Component::AzureLoadBalancer,
                Owner::Azure,
                Action::SkipProbe,
                why,
            );
            return self.send_to(traveller, selection, member, None, NearMisses::NONE);
        }
        let targets = self.targets(&traveller, selection);
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
        let before = Arc::clone(&traveller.carried.before);
        let outer = unmarked(traveller.packet);
        let kept = before.flow(&outer);
        if let Some(kept) = kept {
            let silent = before.since(kept.seen);
            let terms = Terms::of_rule(selection.rule, outer.protocol);
            if terms.forgets(silent) && outer.protocol == Protocol::Tcp {
                let station = station(selection.balancer);
                return too_late(traveller, station, Component::AzureLoadBalancer, terms, silent).into();
            }
        }
        // A datagram of a flow that was forgotten is the first of a new one.
        let known = kept
            .filter(|kept| !Terms::of_rule(selection.rule, outer.protocol).forgets(before.since(kept.seen)));
        if let Some(member) = known.and_then(|kept| labelled(selection, &kept.member)) {
            let is_up = targets.members.contains(member);
            match selection.existing_flow(protocol(&traveller), !targets.members.is_empty()) {
                ExistingFlow::Continues => return self.go_on(traveller, selection, member),
                _ if is_up => return self.go_on(traveller, selection, member),
                ExistingFlow::Moves | ExistingFlow::Stops | ExistingFlow::Terminated => {}
            }
        }
        let picked = pick(selection, &outer).and_then(|pick| before.pick(&pick)).map(str::to_owned);
        let sticks = |own: &Arc<Member>| picked.as_deref().is_some_and(|label| own.is_called(label));
        let members = match targets.members.iter().position(sticks) {
            Some(at) => targets.members.get(at..=at).unwrap_or_default(),
            None => &targets.members,
        };
        let misses = if traveller.quiet { NearMisses::NONE } else { self.left_out(&targets, selection) };
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
            return Moves::one(traveller, Move::End(End::Failed(Verdict::Dropped, cause)));
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 members")]
        let share = 1.0 / members.len() as f64;
        if let Some(drawn) = traveller.branching.draw(members.len()) {
            let member = members.get(drawn);
            let to = |member: &Arc<Member>| {
                self.send_to(traveller.with_share(share), selection, member, Some(share), misses)
            };
            return member.map(to).unwrap_or_default();
        }
        if traveller.branching.folds() {
            return self.send_to_classes(&traveller, selection, members, share, misses);
        }
        let to_each = members.iter().flat_map(|member| {
            self.send_to(traveller.share(share), selection, member, Some(share), misses.clone())
        });
        to_each.collect()
    }

    /// What the probes say of a rule's pool.
    pub(crate) fn pool_state(&self, traveller: &Traveller, selection: &Selection<'_>) -> PoolState {
        self.targets(traveller, selection).state
    }

    /// The members that take a new connection, found once for each rule.
    fn targets(&self, traveller: &Traveller, selection: &Selection<'_>) -> Arc<Taking> {
        let every = probes_every(traveller);
        let asked = (Arc::as_ptr(selection.rule) as usize, every);
        if let Some(known) = self.taking.borrow().get(&asked) {
            return Arc::clone(known);
        }
        let Targets { members, state } = self.probed_targets(traveller, selection);
        let members = members.into_iter().cloned().collect();
        let taking = Arc::new(Taking { members, state, left_out: OnceLock::new() });
        self.taking.borrow_mut().insert(asked, Arc::clone(&taking));
        taking
    }

    /// Why the other members and nodes get no new connection, found once for each rule.
    fn left_out(&self, taking: &Taking, selection: &Selection<'_>) -> NearMisses {
        taking.left_out.get_or_init(|| self.members_left_out(selection, &taking.members)).clone()
    }

    /// The members that take a new connection. Where branches are folded, members that are alike are probed once.
    fn probed_targets<'a>(&self, traveller: &Traveller, selection: &Selection<'a>) -> Targets<'a> {
        let probe = selection.probe();
        let health = |up: bool| if up { Health::Up } else { Health::Down };
        let Some(probe) = probe.filter(|_| !probes_every(traveller)) else {
            return selection.targets(|member| health(self.is_up(probe, member)));
        };
        let mut asked = AskedOnce::new(self, probe);
        selection.targets(|member| health(asked.state(member).up))
    }

    /// A flow that the load balancer knows stays with its member.
    fn go_on(&self, mut traveller: Traveller, selection: &Selection<'_>, member: &Arc<Member>) -> Moves {
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
        self.send_to(traveller, selection, member, None, NearMisses::NONE)
    }

    /// Members that are alike are walked once, with their share together.
    fn send_to_classes(
        &self,
        traveller: &Traveller,
        selection: &Selection<'_>,
        members: &[Arc<Member>],
        share: f64,
        misses: NearMisses,
    ) -> Moves {
        let outer = traveller.packet;
        // A member that opened the flow itself is a case of its own, and so is a VM that is no node.
        let is_alone = |member: &&Arc<Member>| member.node.is_none() || member.address == Some(outer.source);
        let (alone, nodes): (Vec<&Arc<Member>>, Vec<&Arc<Member>>) = members.iter().partition(is_alone);
        let sockets: BTreeMap<&NodeName, (IpAddr, u16)> = order::map(nodes.iter().filter_map(|member| {
            let to = selection.destination_at(member).unwrap_or((outer.destination, outer.destination_port));
            Some((member.node.as_ref()?, to))
        }));
        let to_each = alone.into_iter().flat_map(|member| {
            self.send_to(traveller.share(share), selection, member, Some(share), misses.clone())
        });
        let mut moves: Moves = to_each.collect();
        let names = sockets.keys().map(|node| (*node).clone());
        let socket = |node: &NodeName| {
            sockets.get(node).copied().unwrap_or((outer.destination, outer.destination_port))
        };
        moves.extend(self.into_classes(traveller, share, &By::LoadBalancer(misses), names, socket));
        moves
    }

    /// To the member that is a node, by the rule that takes the packet.
    pub(crate) fn balance_to(
        &self,
        traveller: Traveller,
        node: &NodeName,
        share: f64,
        misses: NearMisses,
    ) -> Moves {
        let packet = unmarked(traveller.packet);
        let selected = self.cloud.select(packet.destination, packet.destination_port, protocol(&traveller));
        let Selected::Rule(selection) = selected else { return Moves::default() };
        let members = selection.members();
        // Members are mostly in their nodes' order.
        let at = members.binary_search_by(|member| member.node.as_ref().cmp(&Some(node)));
        let member = at.ok().and_then(|at| members.get(at));
        let member = member.or_else(|| members.iter().find(|member| member.node.as_ref() == Some(node)));
        let to = |member: &Arc<Member>| self.send_to(traveller, &selection, member, Some(share), misses);
        member.map(to).unwrap_or_default()
    }

    /// Why the other members and nodes get no new connection, a few of them.
    fn members_left_out(&self, selection: &Selection<'_>, chosen: &[Arc<Member>]) -> NearMisses {
        let members = selection.members();
        // Those that are chosen are some of the members, in the same order.
        let mut taken = chosen.iter().peekable();
        let left = members.iter().filter(|member| taken.next_if(|own| Arc::ptr_eq(own, member)).is_none());
        let down = left.map(|member| {
            let failed = if member.admin_state == AdminState::Down {
                "its admin state is Down".to_owned()
            } else {
                self.probe_state(selection.probe(), member).why
            };
            member_miss(selection.rule, &member.label(), failed)
        });
        let mut inside: Vec<&NodeName> = members.iter().filter_map(|member| member.node.as_ref()).collect();
        if !inside.is_sorted() {
            order::sort(&mut inside);
        }
        let mut inside = inside.into_iter().peekable();
        let outside = self.model.nodes.keys().filter(|name| {
            while inside.next_if(|own| own < name).is_some() {}
            inside.peek() != Some(name)
        });
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
        member: &Arc<Member>,
        share: Option<f64>,
        misses: NearMisses,
    ) -> Moves {
        let outer = unmarked(traveller.packet);
        let mut inner = outer;
        if let Some((address, port)) = selection.destination_at(member) {
            inner.destination = address;
            inner.destination_port = port;
        }
        if traveller.quiet {
            traveller.packet = inner;
        } else {
            let (own, hash) = (Arc::clone(member), hash_words(selection.distribution()));
            let why = later(move || choice_words(&own, hash, share, &outer, &inner));
            let (rule, why) = rule_ref(selection.balancer, selection.rule, why);
            let mut step = plain(
                station(selection.balancer),
                Component::AzureLoadBalancer,
                Owner::Azure,
                Action::SelectBackend,
                why,
            );
            step.rule = Some(rule);
            step.near_misses = misses;
            step.probability = share;
            traveller.rewrite(inner, step);
        }
        traveller.carried.chose(outer, pick(selection, &outer), member.label());
        if let Some(node) = &member.node {
            traveller.carried.effects.bring_to(node);
        }
        if member.address == Some(outer.source) {
            let label = member.label();
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
            return Moves::one(
                traveller,
                Move::End(End::Failed(Verdict::Dropped, Cause::LoadBalancerHairpin)),
            );
        }
        traveller.cloud.push(CloudFlow { outer, inner, keeper: Keeper::Inbound });
        match (&member.node, member.address) {
            (Some(node), _) => self.into_node(traveller, node.clone()),
            (None, Some(address)) => self.to_vm(traveller, address),
            (None, None) => {
                Moves::one(traveller, Move::End(End::Failed(Verdict::Ambiguous, Cause::NoSuchAddress)))
            }
        }
    }
}

/// Whether each member is probed by itself: where every branch is walked, and not one that is known already.
fn probes_every(traveller: &Traveller) -> bool {
    matches!(traveller.branching, Branching::Every) && !traveller.carried.explains()
}

/// Who takes new connections of a rule.
#[derive(Debug)]
pub(crate) struct Taking {
    members: Vec<Arc<Member>>,
    state: PoolState,
    left_out: OnceLock<NearMisses>,
}

/// Who takes new connections, by the rule (objects of one world: their addresses name them) and by whether each member
/// was probed by itself.
pub(crate) type AllTaking = RefCell<BTreeMap<(usize, bool), Arc<Taking>>>;

/// The member of a label.
fn labelled<'a>(selection: &Selection<'a>, label: &str) -> Option<&'a Arc<Member>> {
    selection.members().iter().find(|member| member.is_called(label))
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
    Station::new(StationKind::LoadBalancer, Arc::clone(&balancer.name))
}

fn member_miss(rule: &Rule, label: &str, failed: String) -> NearMiss {
    let place = format!("pool {}", rule.pool);
    NearMiss { rule: RuleRef { place: place.into(), text: label.to_owned().into(), object: None }, failed }
}

/// Why a member gets the flow, and what becomes of the destination.
fn choice_words(member: &Member, hash: &str, share: Option<f64>, outer: &Packet, inner: &Packet) -> String {
    let label = member.label();
    let choice = match share {
        // Each has the same share.
        Some(share) if share < 1.0 => {
            format!("{label} is one of {:.0} healthy members; {hash}.", 1.0 / share)
        }
        Some(_) => format!("{label} is the only member that takes new connections."),
        None => format!("{label} is picked."),
    };
    let to = socket(inner.destination, inner.destination_port);
    if inner == outer {
        format!("{choice} Floating IP is on, so the destination stays the frontend, {to}.")
    } else {
        format!("{choice} Floating IP is off, so the destination becomes the member's own, {to}.")
    }
}

/// A rule, and the sentence that stands beside it.
fn rule_ref(balancer: &Arc<Balancer>, rule: &Arc<Rule>, why: impl Sentence) -> (RuleRef, Text) {
    let (name, own) = (Arc::clone(&balancer.name), Arc::clone(rule));
    let [place, text, why] =
        why.beside(move || [format!("load balancer {name}, rule {}", own.rule.name), rule_text(&own)]);
    let object = rule.service.as_ref().map(|key| model::ObjectRef::namespaced(model::Kind::Service, key));
    (RuleRef { place, text, object }, why)
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
