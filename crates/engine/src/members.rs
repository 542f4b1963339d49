//! Every member of every backend pool: whether it takes new connections, and why.

use crate::{ProbeState, World};
use azure::{
    AdminState, Balancer, Frontend, Health, Member, Pool, PoolState, Rule, Selection, down_after_seconds,
};
use model::NodeName;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
    sync::Arc,
};

/// One backend pool in the eyes of one probe. A pool has one entry for each probe of the rules that lead to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolHealth {
    /// The load balancer.
    pub load_balancer: String,
    /// The pool.
    pub pool: String,
    /// The rules that lead to it and share the probe; none of a pool for outbound traffic only.
    pub rules: Vec<String>,
    /// The probe; absent where the rules have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// Seconds until a member that stops answering gets no new connections: at least, at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_after_seconds: Option<(u32, u32)>,
    /// What that makes of the pool.
    pub state: PoolWord,
    /// Its members, in the pool's order.
    pub members: Vec<MemberHealth>,
}

/// What the states of its members make of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PoolWord {
    /// No rule leads to it: it carries outbound traffic.
    OutboundOnly,
    /// It has no member.
    Empty,
    /// Its rules have no probe: every member counts as up.
    Unprobed,
    /// Some or all members are up.
    Healthy,
    /// Every member is down, and the probe says that all are used then.
    AllDownUsed,
    /// Every member is down: no new connections.
    AllDown,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberHealth {
    /// Its node's name, else its address.
    pub member: String,
    /// The node, if it is one of this cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// Whether the load balancer gives it new connections. A probe may say otherwise: an administrator's word goes
    /// before it, and so does a pool in which everybody is down.
    pub takes_new_connections: bool,
    /// What an administrator set: `Up` or `Down`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_state: Option<&'static str>,
    /// What the probe got, from where it asked what, and what stopped it.
    pub probe: ProbeState,
}

/// A rule with the frontend that it is for.
type Entrance<'a> = (&'a Arc<Frontend>, &'a Arc<Rule>);

impl World {
    /// Every pool of every load balancer with the state of each member, in the load balancers' order.
    pub fn pool_health(&self) -> Vec<PoolHealth> {
        self.cloud.balancers().flat_map(|balancer| self.pools_of(balancer)).collect()
    }

    fn pools_of(&self, balancer: &Arc<Balancer>) -> Vec<PoolHealth> {
        let mut all = Vec::new();
        for pool in self.cloud.pools(&balancer.name) {
            let mut by_probe: BTreeMap<Option<&str>, Vec<Entrance<'_>>> = BTreeMap::new();
            for frontend in &balancer.frontends {
                let own = frontend.rules.iter().filter(|rule| rule.pool.eq_ignore_ascii_case(&pool.name));
                for rule in own {
                    let probe = rule.probe.as_ref().map(|probe| probe.name.as_str());
                    by_probe.entry(probe).or_default().push((frontend, rule));
                }
            }
            if by_probe.is_empty() {
                all.push(outbound_only(balancer, pool));
            }
            all.extend(by_probe.into_values().filter_map(|rules| self.of_probe(balancer, pool, &rules)));
        }
        all
    }

    fn of_probe(
        &self,
        balancer: &Arc<Balancer>,
        pool: &Arc<Pool>,
        rules: &[Entrance<'_>],
    ) -> Option<PoolHealth> {
        let (frontend, rule) = rules.first()?;
        let selection = Selection {
            balancer,
            frontend,
            rule,
            pool: Some(pool),
            // Who is a target does not depend on these two.
            destination: frontend.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            port: rule.rule.frontend_port,
        };
        let probe = selection.probe();
        let state = |member: &Member| self.probe_state(probe, member);
        let targets = selection.targets(|member| if state(member).up { Health::Up } else { Health::Down });
        let member = |member: &Arc<Member>| MemberHealth {
            member: member.label().to_string(),
            node: member.node.clone(),
            takes_new_connections: targets.members.contains(&member),
            admin_state: admin_word(member.admin_state),
            probe: state(member),
        };
        Some(PoolHealth {
            load_balancer: balancer.name.to_string(),
            pool: pool.name.to_string(),
            rules: rules.iter().map(|(_, rule)| rule.rule.name.clone()).collect(),
            probe: probe.map(|probe| probe.name.clone()),
            down_after_seconds: probe.map(down_after_seconds).map(RangeInclusive::into_inner),
            state: match targets.state {
                PoolState::Empty => PoolWord::Empty,
                PoolState::Unprobed => PoolWord::Unprobed,
                PoolState::Healthy => PoolWord::Healthy,
                PoolState::AllDownUsed => PoolWord::AllDownUsed,
                PoolState::AllDown => PoolWord::AllDown,
            },
            members: pool.members.iter().map(member).collect(),
        })
    }
}

fn admin_word(state: AdminState) -> Option<&'static str> {
    match state {
        AdminState::None => None,
        AdminState::Up => Some("Up"),
        AdminState::Down => Some("Down"),
    }
}

fn outbound_only(balancer: &Balancer, pool: &Pool) -> PoolHealth {
    let probe = ProbeState {
        up: true,
        answer: "not probed".to_owned(),
        why: "No rule leads to this pool: nobody probes its members, and no connection comes in by it."
            .to_owned(),
        ..ProbeState::default()
    };
    let member = |member: &Arc<Member>| MemberHealth {
        member: member.label().to_string(),
        node: member.node.clone(),
        takes_new_connections: false,
        admin_state: admin_word(member.admin_state),
        probe: probe.clone(),
    };
    PoolHealth {
        load_balancer: balancer.name.to_string(),
        pool: pool.name.to_string(),
        rules: Vec::new(),
        probe: None,
        down_after_seconds: None,
        state: PoolWord::OutboundOnly,
        members: pool.members.iter().map(member).collect(),
    }
}
