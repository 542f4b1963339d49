//! The load balancer's decision about a packet: frontend, rule, pool, member.

use crate::{
    balancer::{AdminState, Balancer, Frontend, Member, Pool, Rule},
    cloud::Cloud,
    space::{PROBE_SOURCE, PROBE_SOURCE_V6},
};
use model::{
    azure::{LoadBalancingRule, LoadDistribution, Probe, ProbeProtocol, RuleProtocol, SkuName},
    kubernetes::Protocol,
};
use std::{fmt, net::IpAddr, sync::Arc};

/// What a load balancer makes of the first packet of a flow.
#[derive(Debug, Clone)]
pub enum Selected<'a> {
    /// No frontend has the address: no load balancer is involved.
    NoFrontend,
    /// The frontend has no rule for the port and protocol: the packet is dropped.
    NoRule {
        /// The load balancer.
        balancer: &'a Arc<Balancer>,
        /// The frontend.
        frontend: &'a Arc<Frontend>,
        /// Rules of the frontend that almost matched, nearest first, at most five.
        near_misses: Vec<(&'a Arc<Rule>, RuleMismatch)>,
    },
    /// A rule takes the flow.
    Rule(Selection<'a>),
}

/// Why a rule does not take a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleMismatch {
    /// The rule is for another protocol; the port fits.
    Protocol {
        /// What the rule wants.
        wants: RuleProtocol,
        /// What the packet has.
        has: Protocol,
    },
    /// The rule is for another frontend port.
    Port {
        /// What the rule wants.
        wants: u16,
        /// What the packet has.
        has: u16,
    },
}

impl fmt::Display for RuleMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol { wants, has } => write!(f, "wants protocol {wants}, packet is {has}"),
            Self::Port { wants, has } => write!(f, "wants frontend port {wants}, packet has {has}"),
        }
    }
}

/// A rule that takes a flow, with everything that the choice of a member needs.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// The load balancer.
    pub balancer: &'a Arc<Balancer>,
    /// The frontend.
    pub frontend: &'a Arc<Frontend>,
    /// The rule.
    pub rule: &'a Arc<Rule>,
    /// The pool; absent where the rule names one that the load balancer does not have.
    pub pool: Option<&'a Arc<Pool>>,
    /// The packet's destination.
    pub destination: IpAddr,
    /// The packet's destination port.
    pub port: u16,
}

impl Cloud {
    /// What happens to a packet for this address and port. The cost does not grow with the number of
    /// Services.
    pub fn select(&self, destination: IpAddr, port: u16, protocol: Protocol) -> Selected<'_> {
        let Some((balancer, frontend)) = self.frontend(destination) else { return Selected::NoFrontend };
        if let Some(rule) = frontend.rules.iter().find(|rule| mismatch(rule, port, protocol).is_none()) {
            Selected::Rule(Selection {
                balancer,
                frontend,
                rule,
                pool: self.pool(&balancer.name, &rule.pool),
                destination,
                port,
            })
        } else {
            let mut near_misses: Vec<_> = frontend
                .rules
                .iter()
                .filter_map(|rule| Some((rule, mismatch(rule, port, protocol)?)))
                .collect();
            order::sort_by_key(&mut near_misses, |(_, mismatch)| match mismatch {
                RuleMismatch::Protocol { .. } => 0,
                RuleMismatch::Port { wants, has } => u32::from(wants.abs_diff(*has)),
            });
            near_misses.truncate(5);
            Selected::NoRule { balancer, frontend, near_misses }
        }
    }
}

fn mismatch(rule: &Rule, port: u16, protocol: Protocol) -> Option<RuleMismatch> {
    let rule = &rule.rule;
    let any_port = rule.protocol == RuleProtocol::All && rule.frontend_port == 0;
    if !any_port && rule.frontend_port != port {
        return Some(RuleMismatch::Port { wants: rule.frontend_port, has: port });
    }
    let fits = match rule.protocol {
        RuleProtocol::All => true,
        RuleProtocol::Tcp => protocol == Protocol::Tcp,
        RuleProtocol::Udp => protocol == Protocol::Udp,
    };
    (!fits).then_some(RuleMismatch::Protocol { wants: rule.protocol, has: protocol })
}

/// The state of a member in the eyes of the load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// New flows may go there.
    Up,
    /// No new flows.
    Down,
}

/// Who may receive a new flow, and why.
#[derive(Debug, Clone)]
pub struct Targets<'a> {
    /// The members among which the hash chooses, each with the same share.
    pub members: Vec<&'a Arc<Member>>,
    /// How that came about.
    pub state: PoolState,
}

/// How the members that may receive a flow were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PoolState {
    /// The pool has no members.
    Empty,
    /// The rule has no probe: every member counts as up.
    Unprobed,
    /// Some or all members are up.
    Healthy,
    /// Every member is down and `noHealthyBackendsBehavior` is `AllProbedUp`: all are used.
    AllDownUsed,
    /// Every member is down: no new flows.
    AllDown,
}

impl Targets<'_> {
    /// The share of each member under an ideal uniform hash; 0 where there is none.
    pub fn share(&self) -> f64 {
        match u32::try_from(self.members.len()) {
            Ok(count) if count > 0 => 1.0 / f64::from(count),
            _ => 0.0,
        }
    }
}

/// Where a probe goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest<'a> {
    /// 168.63.129.16.
    pub source: IpAddr,
    /// The member's own address, also with floating IP.
    pub destination: IpAddr,
    /// The port.
    pub port: u16,
    /// A handshake, or a GET.
    pub protocol: ProbeProtocol,
    /// The path of the GET.
    pub path: Option<&'a str>,
}

impl ProbeRequest<'_> {
    /// Whether an HTTP status counts as healthy: 200 alone.
    pub fn is_healthy(status: u16) -> bool {
        status == 200
    }
}

/// What becomes of a flow when its member's state changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExistingFlow {
    /// It stays with its member.
    Continues,
    /// It is cut.
    Terminated,
    /// The next packet goes to another healthy member.
    Moves,
    /// Packets go nowhere.
    Stops,
}

impl<'a> Selection<'a> {
    /// The probe; without one every member counts as up.
    pub fn probe(&self) -> Option<&'a Probe> {
        self.rule.probe.as_deref()
    }

    /// The pool's members.
    pub fn members(&self) -> &'a [Arc<Member>] {
        self.pool.map(|pool| pool.members.as_slice()).unwrap_or_default()
    }

    /// The probe packet for a member, if the rule has a probe and the member an address.
    pub fn probe_request(&self, member: &Member) -> Option<ProbeRequest<'a>> {
        let probe = self.probe()?;
        let destination = member.address?;
        Some(ProbeRequest {
            source: if destination.is_ipv4() { PROBE_SOURCE } else { PROBE_SOURCE_V6 },
            destination,
            port: probe.port,
            protocol: probe.protocol,
            path: probe.request_path.as_deref(),
        })
    }

    /// Destination at a member: with floating IP the frontend stays, without it the member's own address.
    /// HA ports keep the port.
    pub fn destination_at(&self, member: &Member) -> Option<(IpAddr, u16)> {
        let rule = &self.rule.rule;
        let port = if rule.backend_port == 0 { self.port } else { rule.backend_port };
        let address = if rule.enable_floating_ip { Some(self.destination) } else { member.address };
        Some((address?, port))
    }

    /// The members that may receive a new flow, given each one's probe result.
    pub fn targets(&self, mut probed: impl FnMut(&Member) -> Health) -> Targets<'a> {
        let members = self.members();
        let Some(probe) = self.probe() else {
            let up = members.iter().filter(|member| member.admin_state != AdminState::Down).collect();
            let state = if members.is_empty() { PoolState::Empty } else { PoolState::Unprobed };
            return Targets { members: up, state };
        };
        let mut is_up = |member: &Member| match member.admin_state {
            AdminState::Up => true,
            AdminState::Down => false,
            AdminState::None => probed(member) == Health::Up,
        };
        let up: Vec<_> = members.iter().filter(|member| is_up(member)).collect();
        if !up.is_empty() {
            return Targets { members: up, state: PoolState::Healthy };
        }
        if members.is_empty() {
            return Targets { members: Vec::new(), state: PoolState::Empty };
        }
        let all_up = probe
            .no_healthy_backends_behavior
            .as_deref()
            .is_some_and(|behaviour| behaviour.eq_ignore_ascii_case("AllProbedUp"));
        if all_up {
            Targets { members: members.iter().collect(), state: PoolState::AllDownUsed }
        } else {
            Targets { members: Vec::new(), state: PoolState::AllDown }
        }
    }

    /// Whether a member that opened the flow itself is chosen: an internal frontend does not lead back to
    /// the VM that called it.
    pub fn hairpins(&self, source: IpAddr, member: &Member) -> bool {
        self.frontend.configuration.public_ip_address.is_none() && member.address == Some(source)
    }

    /// What is hashed to choose a member.
    pub fn distribution(&self) -> LoadDistribution {
        self.rule.rule.load_distribution
    }

    /// What becomes of existing flows to a member whose probe fails.
    pub fn existing_flow(&self, protocol: Protocol, others_up: bool) -> ExistingFlow {
        existing_flow(self.balancer.sku, protocol, others_up)
    }
}

/// What becomes of an existing flow when its member goes down, or all members do (`others_up` false).
pub fn existing_flow(sku: SkuName, protocol: Protocol, others_up: bool) -> ExistingFlow {
    match (protocol, others_up) {
        (Protocol::Tcp, false) if sku == SkuName::Basic => ExistingFlow::Terminated,
        (Protocol::Tcp, _) => ExistingFlow::Continues,
        (_, true) => ExistingFlow::Moves,
        (_, false) => ExistingFlow::Stops,
    }
}

/// Seconds until a member that stops answering right after a probe is marked down: threshold failures, and
/// up to one interval more where the last one has to time out.
pub fn down_after_seconds(probe: &Probe) -> std::ops::RangeInclusive<u32> {
    let interval = probe.interval_in_seconds.unwrap_or(15);
    let failures = probe.probe_threshold.or(probe.number_of_probes).unwrap_or(1);
    interval.saturating_mul(failures)..=interval.saturating_mul(failures.saturating_add(1))
}

/// Successes in a row that bring a member back: `probeThreshold` counts both ways, the older
/// `numberOfProbes` only failures.
pub fn successes_to_recover(probe: &Probe) -> u32 {
    probe.probe_threshold.unwrap_or(1)
}

/// What happens to a TCP connection that is silent for the idle timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IdleEnd {
    /// Both ends get a reset.
    ResetBoth,
    /// It is forgotten; later packets are dropped or hashed as a new flow.
    Forgotten,
}

/// How a rule ends idle connections.
pub fn idle_end(rule: &LoadBalancingRule) -> IdleEnd {
    if rule.enable_tcp_reset == Some(true) { IdleEnd::ResetBoth } else { IdleEnd::Forgotten }
}

/// A part of a packet that the hash takes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the field it names")]
pub enum HashInput {
    SourceAddress,
    SourcePort,
    DestinationAddress,
    DestinationPort,
    Protocol,
}

/// What a distribution mode hashes.
pub fn hash_inputs(distribution: LoadDistribution) -> &'static [HashInput] {
    use HashInput::{DestinationAddress, DestinationPort, Protocol, SourceAddress, SourcePort};
    match distribution {
        LoadDistribution::Default => {
            &[SourceAddress, SourcePort, DestinationAddress, DestinationPort, Protocol]
        }
        LoadDistribution::SourceIP => &[SourceAddress, DestinationAddress],
        LoadDistribution::SourceIPProtocol => &[SourceAddress, DestinationAddress, Protocol],
    }
}
