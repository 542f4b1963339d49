//! What must hold of an answer and of a cluster, and what does not.

use crate::{Held, Share};
use engine::{Action, Cause, Component, Endpoint, PathOutcome, Paths, Step, Verdict, World};
use model::{Key, NodeName};
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{self, Write as _},
    net::{IpAddr, SocketAddr},
};

/// One value or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values.
    pub fn all(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

/// What is expected. Every field that is given must hold; those that are absent are not looked at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Expect {
    /// The verdict of every branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The cause of every branch that fails; at least one must fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// `true`: every branch is delivered; `false`: none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reachable: Option<bool>,
    /// The share of each receiver (`default/a`, `node/n0`, a host's name) or verdict (`dropped`). What is not named
    /// must have none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub shares: BTreeMap<String, Share>,
    /// How far shares may be off, 0 to 1; by default no farther than the last digit written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// The source addresses that receivers see, all of them, over all branches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_seen: Option<OneOrMany<IpAddr>>,
    /// The clients that PROXY headers name to receivers, all of them, over all branches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_header_source: Option<OneOrMany<IpAddr>>,
    /// The address and port to which the packet is still addressed when it enters the first node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrives_as: Option<SocketAddr>,
    /// Steps that every branch must have, the reply included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepPattern>,
    /// Steps that no branch may have, the reply included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_steps: Vec<StepPattern>,
    /// Whether the probe of the flow's load-balancing rule has each node up.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub probes: BTreeMap<NodeName, bool>,
    /// How many of connections that stay open find no outbound port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Facts of load balancers, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub load_balancers: BTreeMap<String, LoadBalancerFacts>,
    /// The node of each pod; `null` for one that stays pending.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pods_on: BTreeMap<Key, Option<NodeName>>,
}

/// A step, by the fields that are given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct StepPattern {
    /// The part that did it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Component>,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Text that the rule's place or text contains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The destination after the step, `ADDRESS:PORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<SocketAddr>,
    /// The source address after the step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<IpAddr>,
}

/// What a load balancer is expected to have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct LoadBalancerFacts {
    /// The nodes in backend pools, by the pool's name; a pool that is not there has none. Pools not named are not
    /// looked at.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, BTreeSet<NodeName>>,
    /// The load-balancing rules, by frontend port; those not named must not be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<BTreeMap<String, RuleFacts>>,
    /// How many outbound ports each node has, for each protocol and destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports_per_node: Option<u32>,
    /// How many outbound rules there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_rules: Option<usize>,
    /// `true`: there is no load balancer of this name.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub absent: bool,
}

/// What a load-balancing rule is expected to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RuleFacts {
    /// The port at the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_port: Option<u16>,
    /// Whether the destination address is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub floating_ip: Option<bool>,
    /// The probe: `Tcp 30644`, `Http 32649 /healthz`, or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<String>,
    /// The backend pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<String>,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// The field of the expectation: `shares default/a`.
    pub field: String,
    /// What was expected.
    pub expected: String,
    /// What is the case.
    pub found: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

impl Expect {
    /// Whether nothing at all is expected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What does not hold. Without an answer, fields about a flow do not hold.
    pub fn mismatches(&self, world: &World, paths: Option<&Paths>) -> Vec<Mismatch> {
        let mut found = Found(Vec::new());
        match paths {
            Some(paths) => self.of_flow(world, paths, &mut found),
            None if self.asks_of_a_flow() => found.add("flow", "a flow", "none"),
            None => {}
        }
        for (name, facts) in &self.load_balancers {
            facts.check(name, world, &mut found);
        }
        for (pod, node) in &self.pods_on {
            let stands = world.model().pods.get(pod).map(|pod| pod.spec.node_name.as_str());
            let words = |node: Option<&str>| match node {
                None | Some("") => "pending".to_owned(),
                Some(node) => node.to_owned(),
            };
            let stands = stands.map_or_else(|| "no such pod".to_owned(), |node| words(Some(node)));
            found.differ(&format!("podsOn {pod}"), words(node.as_ref().map(NodeName::as_str)), stands);
        }
        found.0
    }

    fn asks_of_a_flow(&self) -> bool {
        let cluster = Self {
            load_balancers: self.load_balancers.clone(),
            pods_on: self.pods_on.clone(),
            ..Self::default()
        };
        *self != cluster
    }

    fn of_flow(&self, world: &World, paths: &Paths, found: &mut Found) {
        let outcomes = &paths.outcomes;
        if let Some(verdict) = self.verdict {
            let all: BTreeSet<_> = order::set(outcomes.iter().map(|outcome| outcome.verdict));
            found.differ("verdict", verdict.to_string(), list(&all));
        }
        if let Some(cause) = self.cause {
            let all: BTreeSet<_> = order::set(outcomes.iter().filter_map(|outcome| outcome.cause));
            found.differ("cause", cause.to_string(), list(&all));
        }
        if let Some(reachable) = self.reachable {
            let delivered = outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Delivered).count();
            let holds = if reachable { delivered == outcomes.len() } else { delivered == 0 };
            if !holds {
                found.add(
                    "reachable",
                    reachable,
                    format!("{delivered} of {} branches are delivered", outcomes.len()),
                );
            }
        }
        if !self.shares.is_empty() {
            self.check_shares(paths, found);
        }
        if let Some(sources) = &self.source_seen {
            let all: BTreeSet<_> = order::set(outcomes.iter().filter_map(|outcome| outcome.source_seen));
            found.differ("sourceSeen", list(&order::set(sources.all())), list(&all));
        }
        if let Some(sources) = &self.proxy_header_source {
            let all: BTreeSet<_> =
                order::set(outcomes.iter().filter_map(|outcome| outcome.proxy_header_source));
            found.differ("proxyHeaderSource", list(&order::set(sources.all())), list(&all));
        }
        if let Some(socket) = self.arrives_as {
            let all: BTreeSet<_> = order::set(outcomes.iter().filter_map(arrives_as));
            found.differ("arrivesAs", socket.to_string(), list(&all));
        }
        for pattern in &self.steps {
            if !outcomes.iter().all(|outcome| walked(outcome).any(|step| pattern.matches(step))) {
                found.add("steps", pattern, "a branch without such a step");
            }
        }
        for pattern in &self.no_steps {
            let step = outcomes.iter().flat_map(walked).find(|step| pattern.matches(step));
            if let Some(step) = step {
                found.add("noSteps", format!("no {pattern}"), format!("{}: {}", step.station.name, step.why));
            }
        }
        if let Some(held) = self.held {
            let lost = held.found(world, &paths.flow).map_or_else(|error| error, |lost| lost.to_string());
            found.differ("held exhausted", held.exhausted.to_string(), lost);
        }
        if !self.probes.is_empty() {
            let states = probes(world, paths);
            for (node, up) in &self.probes {
                let words = |up: bool| if up { "up" } else { "down" };
                let state = states.get(node).map_or("not probed", |up| words(*up));
                found.differ(&format!("probes {node}"), words(*up), state);
            }
        }
    }

    fn check_shares(&self, paths: &Paths, found: &mut Found) {
        let shares = shares(paths);
        for (receiver, expected) in &self.shares {
            let share = shares.get(receiver).copied().unwrap_or_default();
            if !expected.matches(share, self.tolerance.unwrap_or_default()) {
                found.add(&format!("shares {receiver}"), expected, format!("{share:.4}"));
            }
        }
        for (receiver, share) in &shares {
            if *share > self.tolerance.unwrap_or_default() && !self.shares.contains_key(receiver) {
                found.add(&format!("shares {receiver}"), "none", format!("{share:.4}"));
            }
        }
    }
}

/// The exact share of each receiver; of branches that nobody receives, by verdict.
pub(crate) fn shares(paths: &Paths) -> BTreeMap<String, f64> {
    let mut shares = BTreeMap::new();
    for outcome in &paths.outcomes {
        let delivered = outcome.endpoint.as_ref().filter(|_| outcome.verdict == Verdict::Delivered);
        let name = delivered.map_or_else(|| outcome.verdict.to_string(), Endpoint::to_string);
        *shares.entry(name).or_insert(0.0) += outcome.probability;
    }
    shares
}

/// The destination that the packet has when it enters the first node.
pub(crate) fn arrives_as(outcome: &PathOutcome) -> Option<SocketAddr> {
    let step = outcome.steps.iter().find(|step| step.action == Action::EnterNode)?;
    Some(SocketAddr::new(step.before.destination, step.before.destination_port))
}

/// Whether the probe of the rule that the flow takes has each member up.
pub(crate) fn probes(world: &World, paths: &Paths) -> BTreeMap<NodeName, bool> {
    let Some((balancer, frontend)) = world.cloud().frontend(paths.flow.destination) else {
        return BTreeMap::new();
    };
    let takes = |port: u16| port == paths.flow.port || port == 0;
    let rule = frontend.rules.iter().find(|rule| takes(rule.rule.frontend_port));
    let members = rule.and_then(|rule| Some((rule, world.cloud().pool(&balancer.name, &rule.pool)?)));
    let Some((rule, pool)) = members else { return BTreeMap::new() };
    let state = |member: &azure::Member| {
        let up = world.probe_state(rule.probe.as_deref(), member).up;
        Some((member.node.clone()?, up))
    };
    order::map(pool.members.iter().filter_map(|member| state(member)))
}

fn walked(outcome: &PathOutcome) -> impl Iterator<Item = &Step> {
    outcome.steps.iter().chain(outcome.reply.iter().flat_map(|reply| &reply.steps))
}

impl StepPattern {
    fn matches(&self, step: &Step) -> bool {
        let rule = |text: &String| {
            step.rule.as_ref().is_some_and(|rule| rule.place.contains(text) || rule.text.contains(text))
        };
        let after = SocketAddr::new(step.after.destination, step.after.destination_port);
        self.component.is_none_or(|component| component == step.component)
            && self.action.is_none_or(|action| action == step.action)
            && self.rule.as_ref().is_none_or(rule)
            && self.to.is_none_or(|to| to == after)
            && self.source.is_none_or(|source| source == step.after.source)
    }
}

impl fmt::Display for StepPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("step")?;
        if let Some(component) = self.component {
            write!(f, " by {component:?}")?;
        }
        if let Some(action) = self.action {
            write!(f, " {action:?}")?;
        }
        if let Some(rule) = &self.rule {
            write!(f, " with {rule:?} in its rule")?;
        }
        if let Some(to) = self.to {
            write!(f, " to {to}")?;
        }
        if let Some(source) = self.source {
            write!(f, " from {source}")?;
        }
        Ok(())
    }
}

impl LoadBalancerFacts {
    fn check(&self, name: &str, world: &World, found: &mut Found) {
        let cloud = world.cloud();
        let Some(balancer) = cloud.balancer(name) else {
            if !self.absent {
                found.add(&format!("loadBalancers {name}"), "a load balancer", "none");
            }
            return;
        };
        if self.absent {
            return found.add(&format!("loadBalancers {name}"), "none", "a load balancer");
        }
        for (pool, nodes) in &self.pools {
            let members = cloud
                .pool(name, pool)
                .map(|pool| order::set(pool.members.iter().filter_map(|member| member.node.clone())));
            let members = members.map_or_else(|| "none".to_owned(), |members| list(&members));
            found.differ(&format!("{name} pool {pool}"), list(nodes), members);
        }
        if let Some(ports) = self.ports_per_node {
            let budgets = cloud.snat_budgets();
            let own = budgets.iter().find(|budget| budget.balancer == *name);
            let now = own.map_or_else(|| "none".to_owned(), |budget| budget.now().ports.to_string());
            found.differ(&format!("{name} portsPerNode"), ports.to_string(), now);
        }
        if let Some(count) = self.outbound_rules {
            found.differ(&format!("{name} outboundRules"), count, balancer.outbound_rules.len());
        }
        let Some(rules) = &self.rules else { return };
        let there: BTreeMap<String, _> = order::map(
            balancer
                .frontends
                .iter()
                .flat_map(|frontend| &frontend.rules)
                .map(|rule| (rule.rule.frontend_port.to_string(), rule)),
        );
        found.differ(
            &format!("{name} rules"),
            list(&order::set(rules.keys())),
            list(&order::set(there.keys())),
        );
        for (port, expected) in rules {
            let Some(rule) = there.get(port) else { continue };
            let field = |what: &str| format!("{name} rule {port} {what}");
            if let Some(port) = expected.backend_port {
                found.differ(&field("backendPort"), port, rule.rule.backend_port);
            }
            if let Some(floating) = expected.floating_ip {
                found.differ(&field("floatingIp"), floating, rule.rule.enable_floating_ip);
            }
            if let Some(pool) = &expected.pool {
                found.differ(&field("pool"), pool, &*rule.pool);
            }
            if let Some(probe) = &expected.probe {
                let words = rule.probe.as_ref().map_or_else(
                    || "none".to_owned(),
                    |probe| {
                        let path = probe.request_path.as_deref().unwrap_or_default();
                        format!("{:?} {} {path}", probe.protocol, probe.port).trim_end().to_owned()
                    },
                );
                found.differ(&field("probe"), probe, words);
            }
        }
    }
}

/// Collects what does not hold.
struct Found(Vec<Mismatch>);

impl Found {
    fn add(&mut self, field: &str, expected: impl fmt::Display, found: impl fmt::Display) {
        self.0.push(Mismatch {
            field: field.to_owned(),
            expected: expected.to_string(),
            found: found.to_string(),
        });
    }

    fn differ(&mut self, field: &str, expected: impl fmt::Display, found: impl fmt::Display) {
        let (expected, found) = (expected.to_string(), found.to_string());
        if expected != found {
            self.add(field, expected, found);
        }
    }
}

fn list<T: fmt::Display + Ord>(items: &BTreeSet<T>) -> String {
    if items.is_empty() {
        return "none".to_owned();
    }
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// What decided each branch: its steps with their rules, for a failing check.
pub fn deciding(paths: &Paths) -> String {
    let mut text = String::new();
    for outcome in &paths.outcomes {
        let receiver = outcome.endpoint.as_ref().map(ToString::to_string).unwrap_or_default();
        let cause = outcome.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
        // Writing to a String does not fail.
        let _ = writeln!(text, "{:.4} {}{cause} {receiver}", outcome.probability, outcome.verdict);
        for step in walked(outcome) {
            let _ = writeln!(text, "    {}: {}", step.station.name, step.why);
            if let Some(rule) = &step.rule {
                let _ = writeln!(text, "        {}: {}", rule.place, rule.text);
            }
        }
    }
    text
}
