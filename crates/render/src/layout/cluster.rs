//! The cluster as the picture needs it: pools, their nodes, their pods, and how the flow uses each.

use super::ways::{Place, Way};
use crate::{LoadBalancerView, PoolFacts, View};
use engine::ProbeState;
use model::{
    Key, Kind, NodeName,
    azure::{AgentPoolMode, BackendAddressPool, LoadBalancingRule, Probe},
    kubernetes::EndpointSlice,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// A node pool.
pub(super) struct Pool<'a> {
    /// Empty for nodes without a pool.
    pub name: &'a str,
    pub mode: Option<AgentPoolMode>,
    pub nodes: Vec<NodeInfo<'a>>,
}

impl Pool<'_> {
    /// The id of the group that stands for it.
    pub(super) fn id(&self) -> String {
        format!("pool/{}", self.name)
    }

    pub(super) fn facts(&self) -> PoolFacts {
        PoolFacts {
            group: self.id(),
            name: self.name.into(),
            nodes: self.nodes.len(),
            system: self.mode == Some(AgentPoolMode::System),
        }
    }
}

/// A node.
pub(super) struct NodeInfo<'a> {
    pub name: &'a NodeName,
    pub ip: Option<IpAddr>,
    pub ready: bool,
    /// Share of the flow that a load balancer sends here.
    pub sent: f64,
    pub pods: Vec<PodInfo<'a>>,
}

/// A pod.
#[derive(Clone, Copy)]
pub(super) struct PodInfo<'a> {
    pub key: &'a Key,
    pub ip: Option<IpAddr>,
    pub ready: bool,
    pub terminating: bool,
    /// Backs the flow's Service.
    pub endpoint: bool,
    /// Share of the flow that it receives; absent where no way leads here.
    pub share: Option<f64>,
}

/// Pools in the cluster's order, then those that only nodes name; and pods that run nowhere.
pub(super) fn pools<'a>(view: &View<'a>, ways: &[Way]) -> (Vec<Pool<'a>>, Vec<PodInfo<'a>>) {
    let (mut on_nodes, pending) = pods(view, ways);
    let mut pools: Vec<Pool<'a>> = Vec::new();
    for profile in view.model.managed_cluster.iter().flat_map(|cluster| &cluster.agent_pool_profiles) {
        if pools.iter().all(|pool| pool.name != profile.name.as_str()) {
            pools.push(Pool { name: profile.name.as_str(), mode: Some(profile.mode), nodes: Vec::new() });
        }
    }
    let mut index: BTreeMap<&str, usize> =
        order::map(pools.iter().enumerate().map(|(at, pool)| (pool.name, at)));
    let unlisted = order::set(view.model.nodes.values().map(|node| node.pool().unwrap_or("")));
    for name in unlisted.iter().filter(|name| !name.is_empty()).chain(unlisted.get("")) {
        index.entry(name).or_insert_with(|| {
            pools.push(Pool { name, mode: None, nodes: Vec::new() });
            pools.len() - 1
        });
    }
    let sent = sent_by_balancers(ways);
    for (name, node) in &view.model.nodes {
        let pool = index.get(node.pool().unwrap_or("")).and_then(|&at| pools.get_mut(at));
        if let Some(pool) = pool {
            let pods = on_nodes.remove(name.as_str()).unwrap_or_default();
            pool.nodes.push(NodeInfo {
                name,
                ip: node.internal_ips().next(),
                ready: node.is_ready(),
                sent: sent.get(name).copied().unwrap_or(0.0),
                pods,
            });
        }
    }
    (pools, pending)
}

/// The share of connections that a load balancer sends to each node; one that goes in a circle counts once.
fn sent_by_balancers<'w>(ways: &'w [Way]) -> BTreeMap<&'w NodeName, f64> {
    let mut sent = BTreeMap::new();
    for way in ways {
        let mut counted: Vec<&NodeName> = Vec::new();
        for pair in way.stops.windows(2) {
            let [from, to] = pair else { continue };
            if let (Place::LoadBalancer(_), Place::Node(node)) = (&from.place, &to.place)
                && !counted.contains(&node)
            {
                counted.push(node);
                *sent.entry(node).or_default() += way.probability;
            }
        }
    }
    sent
}

/// Pods by node, those of the flow first; and those without a node.
fn pods<'a>(view: &View<'a>, ways: &[Way]) -> (BTreeMap<&'a str, Vec<PodInfo<'a>>>, Vec<PodInfo<'a>>) {
    let endpoints = endpoints(view);
    let mut shares: BTreeMap<&Key, f64> = BTreeMap::new();
    for outcome in view.paths.iter().flat_map(|paths| &paths.outcomes) {
        if let Some(key) = outcome.endpoint.as_ref().and_then(|endpoint| endpoint.pod.as_ref()) {
            *shares.entry(key).or_default() += outcome.probability;
        }
    }
    let sender = ways.first().and_then(|way| way.stops.first()).map(|stop| &stop.place);
    let mut on_nodes: BTreeMap<&str, Vec<PodInfo>> = BTreeMap::new();
    let mut pending = Vec::new();
    for (key, pod) in view.model.pods.iter().filter(|(_, pod)| !pod.is_finished()) {
        let info = PodInfo {
            key,
            ip: pod.ips().next(),
            ready: pod.is_ready(),
            terminating: pod.is_terminating(),
            endpoint: endpoints.contains(key),
            share: shares.get(key).copied(),
        };
        let node = pod.spec.node_name.as_str();
        if view.model.nodes.contains_key(node) {
            on_nodes.entry(node).or_default().push(info);
        } else {
            pending.push(info);
        }
    }
    let is_sender = |key: &Key| sender.is_some_and(|place| *place == Place::Pod(key.clone()));
    for pods in on_nodes.values_mut() {
        order::sort_by_key(pods, |pod| (!is_sender(pod.key), !pod.endpoint, pod.share.is_none()));
    }
    (on_nodes, pending)
}

/// Pods that back the view's Service, ready or not.
fn endpoints(view: &View) -> BTreeSet<Key> {
    let Some(service) = view.service else { return BTreeSet::new() };
    let of_service = |slice: &&EndpointSlice| {
        slice.service() == Some(&*service.name) && slice.metadata.key().namespace == service.namespace
    };
    let slices = view.model.endpoint_slices.values().map(|slice| &**slice).filter(of_service);
    let pod = |endpoint: &model::kubernetes::Endpoint| {
        let target = endpoint.target_ref.as_ref().filter(|target| target.kind == Kind::Pod)?;
        Some(Key { namespace: service.namespace.clone(), name: target.name.clone() })
    };
    order::set(slices.flat_map(|slice| slice.endpoints.iter().filter_map(pod)))
}

/// The load balancer that the flow passes, and the parts that it uses there.
pub(super) struct FlowBalancer<'a> {
    pub view: &'a LoadBalancerView,
    pub frontend: Option<(&'a str, IpAddr)>,
    pub rule: Option<&'a LoadBalancingRule>,
    pub probe: Option<&'a Probe>,
    pub pool: Option<&'a BackendAddressPool>,
    members: BTreeSet<&'a NodeName>,
    /// Whether a way passes it.
    pub passed: bool,
    /// Whether there is a flow at all.
    pub asked: bool,
}

/// The load balancer drawn in full: the one that the flow passes or is addressed to, else the first.
pub(super) fn flow_balancer<'a>(view: &View<'a>, ways: &[Way]) -> Option<FlowBalancer<'a>> {
    let passes = |balancer: &LoadBalancerView| {
        let here = Place::LoadBalancer(balancer.resource.name.as_str().into());
        ways.iter().any(|way| way.stops.iter().any(|stop| stop.place == here))
    };
    let destination = view.paths.map(|paths| paths.flow.destination);
    let has = |balancer: &LoadBalancerView| {
        destination.is_some_and(|ip| balancer.frontends.values().any(|frontend| *frontend == ip))
    };
    let all = view.load_balancers;
    let chosen = all.iter().find(|&balancer| passes(balancer));
    let balancer = chosen.or_else(|| all.iter().find(|&balancer| has(balancer))).or_else(|| all.first())?;
    let resource = &balancer.resource;
    let frontend = balancer.frontends.iter().find(|(_, ip)| Some(**ip) == destination);
    let frontend_name = frontend.map(|(name, _)| name.as_str());
    let matches = |rule: &&LoadBalancingRule| {
        let of_frontend = rule.frontend_ip_configuration.as_ref().map(|frontend| frontend.id.name());
        of_frontend.is_some()
            && of_frontend == frontend_name
            && view.paths.is_some_and(|paths| {
                rule.protocol == model::azure::RuleProtocol::All
                    || rule.frontend_port == paths.flow.port
                        && rule.protocol.to_string().eq_ignore_ascii_case(paths.flow.protocol)
            })
    };
    let rule = resource.load_balancing_rules.iter().find(matches);
    let probe_id = rule.and_then(|rule| rule.probe.as_ref());
    let probe = resource.probes.iter().find(|probe| probe_id.is_some_and(|id| id.id.name() == probe.name));
    let pool_id =
        rule.and_then(|rule| rule.backend_address_pool.as_ref().or(rule.backend_address_pools.first()));
    let pool = resource
        .backend_address_pools
        .iter()
        .find(|pool| pool_id.is_some_and(|id| id.id.name() == pool.name));
    let frontend = frontend.map(|(name, ip)| (name.as_str(), *ip));
    let members = pool.and_then(|pool| balancer.members.get(&pool.name)).into_iter().flatten().collect();
    Some(FlowBalancer {
        view: balancer,
        frontend,
        rule,
        probe,
        pool,
        members,
        passed: chosen.is_some(),
        asked: view.paths.is_some(),
    })
}

/// What the flow's load balancer thinks of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership<'a> {
    /// No rule carries the flow.
    NoRule,
    /// Not in the rule's pool.
    Outside,
    /// In the pool, and the rule has no probe.
    Unprobed,
    /// In the pool, but nothing is known of its probe.
    Unknown,
    /// In the pool, probed.
    Probed(&'a ProbeState),
}

impl<'a> FlowBalancer<'a> {
    pub(super) fn membership(&self, node: &NodeName) -> Membership<'a> {
        if self.pool.is_none() {
            return Membership::NoRule;
        }
        if !self.members.contains(node) {
            return Membership::Outside;
        }
        match self.probe {
            None => Membership::Unprobed,
            Some(probe) => {
                let state = self.view.probes.get(&probe.name).and_then(|states| states.get(node));
                state.map_or(Membership::Unknown, Membership::Probed)
            }
        }
    }
}
