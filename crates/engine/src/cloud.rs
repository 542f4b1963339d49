//! A packet in Azure: load balancers, security groups, the way out.

use crate::{
    Action, Cause, Component, NearMiss, Owner, RuleRef, Station, StationKind, Verdict, World,
    journey::{At, CloudFlow, End, Move, Party, Traveller, fabric_station, plain, unmarked},
    narrate::socket,
    topology::AddressOwner,
};
use azure::{AdminState, Balancer, Frontend, Member, Rule};
use model::{
    NodeName,
    azure::{LoadDistribution, RuleProtocol},
};
use netfilter::{Packet, Protocol};
use std::{net::IpAddr, sync::Arc};

/// At most so many rules or members are named as near misses.
const MOST_MISSES: usize = 5;

impl World {
    /// Whether the address is the frontend of an internal load balancer.
    pub(crate) fn is_internal_frontend(&self, ip: IpAddr) -> bool {
        self.cloud.frontend(ip).is_some_and(|(_, frontend)| frontend.configuration.public_ip_address.is_none())
    }

    /// The load balancer looks for a rule, then for a healthy member of its pool.
    pub(crate) fn at_load_balancer(&self, mut traveller: Traveller) -> Vec<(Traveller, Move)> {
        let packet = unmarked(traveller.packet);
        let Some((balancer, frontend)) = self.cloud.frontend(packet.destination) else {
            return vec![(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NoSuchAddress)))];
        };
        let station = Station::new(StationKind::LoadBalancer, &*balancer.name);
        let to = socket(packet.destination, packet.destination_port);
        let Some(rule) = frontend.rules.iter().find(|rule| takes(rule, packet)) else {
            let why = format!("No rule of {} takes {} {to}: Azure discards the packet, and the client times out.", balancer.name, packet.protocol);
            let mut step = plain(station, Component::AzureLoadBalancer, Owner::Azure, Action::Drop, why);
            step.near_misses = rule_misses(frontend, packet);
            traveller.rewrite(packet, step);
            return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoLoadBalancerRule)))];
        };
        let why = format!(
            "Rule {} takes {} {to} and sends it to the backend pool {}.",
            rule.rule.name, packet.protocol, rule.pool
        );
        let mut step = plain(station, Component::AzureLoadBalancer, Owner::Azure, Action::SelectFrontend, why);
        step.rule = Some(rule_ref(balancer, rule));
        traveller.rewrite(packet, step);
        self.choose_member(traveller, balancer, rule)
    }

    fn choose_member(&self, mut traveller: Traveller, balancer: &Balancer, rule: &Rule) -> Vec<(Traveller, Move)> {
        let station = Station::new(StationKind::LoadBalancer, &*balancer.name);
        let members = self.cloud.pool(&balancer.name, &rule.pool).map(|pool| pool.members.as_slice()).unwrap_or_default();
        if members.is_empty() {
            let why = format!("The backend pool {} has no member: Azure discards the packet.", rule.pool);
            traveller.note(station, Component::AzureLoadBalancer, Owner::Azure, Action::Drop, why);
            return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::EmptyBackendPool)))];
        }
        if let Some(via) = traveller.via.clone() {
            let member = members.iter().find(|member| member.node.as_ref() == Some(&via));
            return match member {
                Some(member) => {
                    let why = format!("Under the condition that the load balancer picked {via}, whatever its probe says.");
                    traveller.note(station, Component::AzureLoadBalancer, Owner::Azure, Action::SkipProbe, why);
                    self.send_to(traveller, balancer, rule, member, None, Vec::new())
                }
                None => Vec::new(),
            };
        }
        let (up, misses) = self.healthy(balancer, rule, members);
        if up.is_empty() {
            let why = "No member's probe is up: Azure takes no new connection, and the client times out.".to_owned();
            let mut step = plain(station, Component::AzureLoadBalancer, Owner::Azure, Action::ProbeGate, why);
            step.near_misses = misses;
            let packet = traveller.packet;
            traveller.rewrite(packet, step);
            return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::AllProbesDown)))];
        }
        #[expect(clippy::cast_precision_loss, reason = "a pool has at most some thousand members")]
        let share = 1.0 / up.len() as f64;
        let to_each = up.iter().flat_map(|member| {
            self.send_to(traveller.share(share), balancer, rule, member, Some(share), misses.clone())
        });
        to_each.collect()
    }

    /// The members that new connections go to, and why the others get none.
    fn healthy<'m>(&self, balancer: &Balancer, rule: &Rule, members: &'m [Arc<Member>]) -> (Vec<&'m Arc<Member>>, Vec<NearMiss>) {
        let mut misses = Vec::new();
        let mut up = Vec::new();
        for member in members {
            let state = self.probe_state(&balancer.name, rule.probe.as_deref(), member);
            let takes = match member.admin_state {
                AdminState::Up => true,
                AdminState::Down => false,
                AdminState::None => state.up,
            };
            if takes {
                up.push(member);
            } else if misses.len() < MOST_MISSES {
                let failed = if member.admin_state == AdminState::Down { "its admin state is Down".to_owned() } else { state.why };
                misses.push(member_miss(rule, &member.label(), failed));
            }
        }
        let all_up = rule.probe.as_ref().and_then(|probe| probe.no_healthy_backends_behavior.as_deref()) == Some("AllProbedUp");
        if up.is_empty() && all_up {
            return (members.iter().collect(), Vec::new());
        }
        for name in self.model.nodes.keys() {
            let is_member = members.iter().any(|member| member.node.as_ref() == Some(name));
            if !is_member && misses.len() < MOST_MISSES {
                misses.push(member_miss(rule, name.as_str(), format!("not a member of the backend pool {}", rule.pool)));
            }
        }
        (up, misses)
    }

    fn send_to(
        &self,
        mut traveller: Traveller,
        balancer: &Balancer,
        rule: &Rule,
        member: &Member,
        share: Option<f64>,
        misses: Vec<NearMiss>,
    ) -> Vec<(Traveller, Move)> {
        let outer = unmarked(traveller.packet);
        let station = Station::new(StationKind::LoadBalancer, &*balancer.name);
        let label = member.label();
        let mut inner = outer;
        if let (false, Some(address)) = (rule.rule.enable_floating_ip, member.address) {
            inner.destination = address;
            if rule.rule.backend_port != 0 {
                inner.destination_port = rule.rule.backend_port;
            }
        }
        let destination = if rule.rule.enable_floating_ip {
            format!("Floating IP is on, so the destination stays the frontend, {}.", socket(outer.destination, outer.destination_port))
        } else {
            format!("Floating IP is off, so the destination becomes the member's own, {}.", socket(inner.destination, inner.destination_port))
        };
        let choice = match share {
            Some(share) if share < 1.0 => format!("{label} is one of the healthy members; {}.", hash_words(rule.rule.load_distribution)),
            Some(_) => format!("{label} is the only healthy member."),
            None => format!("{label} is picked."),
        };
        let mut step =
            plain(station, Component::AzureLoadBalancer, Owner::Azure, Action::SelectBackend, format!("{choice} {destination}"));
        step.rule = Some(rule_ref(balancer, rule));
        step.near_misses = misses;
        step.probability = share;
        traveller.rewrite(inner, step);
        if member.address == Some(outer.source) {
            let why = format!("{label} is both the client and the chosen member: Azure does not carry that flow, and the client times out.");
            traveller.note(Station::new(StationKind::LoadBalancer, &*balancer.name), Component::AzureLoadBalancer, Owner::Azure, Action::Drop, why);
            return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::LoadBalancerHairpin)))];
        }
        traveller.cloud.push(CloudFlow { outer, inner, inbound: true });
        match (&member.node, member.address) {
            (Some(node), _) => self.into_node(traveller, node.clone()),
            (None, Some(address)) => vec![(traveller, Move::Go(At::Party(Party::Vm(address))))],
            (None, None) => vec![(traveller, Move::End(End::Failed(Verdict::Ambiguous, Cause::NoSuchAddress)))],
        }
    }

    /// The security groups in front of a node. `Some` is the cause of a denial.
    pub(crate) fn security_groups(&self, traveller: &mut Traveller, node: &NodeName) -> Option<Cause> {
        let _ = (traveller, node);
        None
    }

    /// Out of the virtual network, by outbound translation.
    pub(crate) fn leave_azure(&self, mut traveller: Traveller) -> Vec<(Traveller, Move)> {
        let inner = unmarked(traveller.packet);
        let from_node = match self.topology.owner(inner.source) {
            Some(AddressOwner::Node(_) | AddressOwner::Pod(_) | AddressOwner::Endpoint) => true,
            None if self.topology.in_vnet(inner.source) => false,
            _ => {
                // Already a public source: nothing to translate.
                return vec![(traveller, Move::Go(At::Internet))];
            }
        };
        let (address, why) = match self.outbound_address(from_node, inner.source) {
            Some(found) => found,
            None => {
                let why = format!("{} has no way out of the virtual network.", inner.source);
                traveller.note(fabric_station(), Component::AzureOutbound, Owner::Azure, Action::Drop, why);
                return vec![(traveller, Move::End(End::Failed(Verdict::Dropped, Cause::NoOutbound)))];
            }
        };
        let outer = Packet { source: address, ..inner };
        let step = plain(fabric_station(), Component::AzureOutbound, Owner::Azure, Action::Snat, why);
        traveller.rewrite(outer, step);
        traveller.cloud.push(CloudFlow { outer, inner, inbound: false });
        vec![(traveller, Move::Go(At::Internet))]
    }

    /// The public address that a source leaves by, and why that one.
    fn outbound_address(&self, from_node: bool, source: IpAddr) -> Option<(IpAddr, String)> {
        if !from_node {
            let why = format!("The VM {source} leaves by a public address of its own ({VM_ADDRESS} stands for it).");
            return source.is_ipv4().then_some((VM_ADDRESS, why));
        }
        self.cloud.balancers().find_map(|balancer| {
            let outbound = balancer.outbound_rules.first()?;
            let name = outbound.frontend_ip_configurations.first()?.id.name();
            let frontend = balancer.frontends.iter().find(|frontend| frontend.configuration.name == name)?;
            let address = frontend.address.filter(|address| address.is_ipv4() == source.is_ipv4())?;
            let why = format!("Outbound rule {} of load balancer {} translates the source to {address}.", outbound.name, balancer.name);
            Some((address, why))
        })
    }
}

/// Stands for the public address of a VM that the input says nothing of.
const VM_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(20, 50, 62, 200));

fn takes(rule: &Rule, packet: Packet) -> bool {
    let protocol = match rule.rule.protocol {
        RuleProtocol::All => true,
        RuleProtocol::Tcp => packet.protocol == Protocol::Tcp,
        RuleProtocol::Udp => packet.protocol == Protocol::Udp,
    };
    let any_port = rule.rule.protocol == RuleProtocol::All && rule.rule.frontend_port == 0;
    protocol && (any_port || rule.rule.frontend_port == packet.destination_port)
}

fn rule_misses(frontend: &Frontend, packet: Packet) -> Vec<NearMiss> {
    let misses = frontend.rules.iter().map(|rule| {
        let failed = if rule.rule.frontend_port == packet.destination_port {
            format!("wants protocol {}, the packet is {}", rule.rule.protocol, packet.protocol)
        } else {
            format!("wants port {}, the packet has {}", rule.rule.frontend_port, packet.destination_port)
        };
        let place = format!("rule {}", rule.rule.name);
        NearMiss { rule: RuleRef { place: place.into(), text: rule_text(rule).into(), object: None }, failed }
    });
    misses.take(MOST_MISSES).collect()
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
        |probe| format!("probe {} {}{}", probe.protocol, probe.port, probe.request_path.as_deref().unwrap_or_default()),
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
        LoadDistribution::SourceIP => "the hash of both addresses picks it, for all connections of this client",
        LoadDistribution::SourceIPProtocol => "the hash of both addresses and the protocol picks it, for all such connections of this client",
    }
}
