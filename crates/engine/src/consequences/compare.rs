//! Compares two worlds, stage by stage.

use super::{
    EndpointChange, EndpointState, Fate, FlowChange, FlowShare, MemberChange, NodeChange, NodeState,
    OutboundChange, PodChange, Ports, ProbeChange, RuleChange,
};
use crate::{Flow, RewrittenChain, World, probe::AskedOnce, rewrites::ChangedServices};
use kubernetes::Unsettled;
use model::{
    Key, Kind, NodeName, ObjectRef,
    kubernetes::{IpFamily, Node, Pod},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Most nodes whose rules are compared, and most members of a pool whose probes are.
const MOST: usize = 64;

/// Both values of every key whose values differ.
fn differing<'a, K: Ord, V: PartialEq>(
    before: &'a BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, Option<&'a V>, Option<&'a V>)> {
    let keys: BTreeSet<&K> = order::set(before.keys().chain(after.keys()));
    keys.into_iter()
        .map(|key| (key, before.get(key), after.get(key)))
        .filter(|(_, before, after)| before != after)
}

fn state(node: &Arc<Node>) -> NodeState {
    NodeState {
        pool: node.pool().map(Into::into),
        cordoned: node.spec.unschedulable,
        taints: node.spec.taints.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn nodes(before: &World, after: &World) -> Vec<NodeChange> {
    differing(&before.model().nodes, &after.model().nodes)
        .map(|(node, before, after)| NodeChange {
            node: node.clone(),
            before: before.map(state),
            after: after.map(state),
        })
        .filter(|change| change.before != change.after)
        .collect()
}

pub(super) fn pods(before: &World, after: &World) -> Vec<PodChange> {
    let pending: BTreeMap<&ObjectRef, String> =
        order::map(after.unsettled().iter().filter_map(|entry| match entry {
            Unsettled::Unschedulable { pod, reason } => Some((pod, reason.to_string())),
            _ => None,
        }));
    let node = |pod: &Arc<Pod>| {
        let name = pod.spec.node_name.as_str();
        (!name.is_empty() && !pod.is_finished()).then(|| NodeName::from(name))
    };
    let mut changes: Vec<PodChange> = differing(&before.model().pods, &after.model().pods)
        .filter_map(|(key, was, is)| {
            let from = was.and_then(node);
            let fate = match is {
                None => Fate::Gone,
                Some(pod) => match node(pod) {
                    Some(node) => Fate::Runs { node },
                    None => {
                        let why = pending.get(&ObjectRef::namespaced(Kind::Pod, key)).cloned();
                        Fate::Pending { why: why.unwrap_or_default() }
                    }
                },
            };
            let stays = match (&from, &fate) {
                (Some(from), Fate::Runs { node }) => from == node,
                (None, Fate::Pending { .. }) => was.is_some(),
                _ => false,
            };
            let owner = is.or(was)?.metadata.controller();
            let owner = owner.map(|owner| format!("{} {}", owner.kind, owner.name));
            (!stays).then(|| PodChange { pod: key.clone(), owner, from, fate })
        })
        .collect();
    // What was evicted comes first, then what runs elsewhere, then what waits.
    order::sort_by_key(&mut changes, |change| match change.fate {
        Fate::Gone => 0,
        Fate::Runs { .. } => 1,
        Fate::Pending { .. } => 2,
    });
    changes
}

/// Which endpoint it is: its address and its pod.
type EndpointId = (std::net::IpAddr, Option<Key>);

fn endpoints_of(world: &World) -> BTreeMap<Key, BTreeMap<EndpointId, EndpointState>> {
    let mut found: BTreeMap<Key, BTreeMap<EndpointId, EndpointState>> = BTreeMap::new();
    for (key, slice) in &world.model().endpoint_slices {
        let Some(service) = slice.service().map(|name| Key::new(&key.namespace, name)) else { continue };
        let of_service = found.entry(service).or_default();
        for endpoint in &slice.endpoints {
            let Some(ip) = endpoint.addresses.first().and_then(|text| text.parse().ok()) else { continue };
            let pod = endpoint.target_ref.as_ref().filter(|target| target.kind == Kind::Pod);
            let state = EndpointState {
                ip,
                pod: pod.map(ObjectRef::key),
                node: endpoint.node_name.as_deref().map(NodeName::from),
                ready: endpoint.conditions.ready.unwrap_or(true),
            };
            of_service.insert((ip, state.pod.clone()), state);
        }
    }
    found
}

pub(super) fn endpoints(before: &World, after: &World) -> Vec<EndpointChange> {
    if before.model().endpoint_slices == after.model().endpoint_slices {
        return Vec::new();
    }
    let (before, after) = (endpoints_of(before), endpoints_of(after));
    let nothing = BTreeMap::new();
    differing(&before, &after)
        .map(|(service, was, is)| {
            let (was, is) = (was.unwrap_or(&nothing), is.unwrap_or(&nothing));
            let mut change = EndpointChange {
                service: service.clone(),
                left: Vec::new(),
                joined: Vec::new(),
                turned: Vec::new(),
                ready: is.values().filter(|endpoint| endpoint.ready).count(),
            };
            for (_, was, is) in differing(was, is) {
                match (was, is) {
                    (Some(was), None) => change.left.push(was.clone()),
                    (None, Some(is)) => change.joined.push(is.clone()),
                    (Some(_), Some(is)) => change.turned.push(is.clone()),
                    (None, None) => {}
                }
            }
            change
        })
        .collect()
}

pub(super) fn rules(before: &World, after: &World) -> (Vec<RuleChange>, usize) {
    let same = before.model().services == after.model().services
        && before.model().endpoint_slices == after.model().endpoint_slices;
    let services = [IpFamily::IPv4, IpFamily::IPv6]
        .map(|family| (family, ChangedServices::between(before, after, family)));
    let mut changes: Vec<RuleChange> = Vec::new();
    let mut fresh = Vec::new();
    let mut uncompared = 0;
    for (compared, (name, node)) in after.model().nodes.iter().enumerate() {
        let old = before.model().nodes.get(name).filter(|_| before.has_proxy(name));
        let Some(old) = old else {
            fresh.extend(Some(name.clone()).filter(|_| after.has_proxy(name)));
            continue;
        };
        // What kube-proxy writes depends on the node by its addresses and labels only.
        let alike =
            old.metadata.labels == node.metadata.labels && old.status.addresses == node.status.addresses;
        if same && alike {
            continue;
        }
        if compared >= MOST {
            uncompared += 1;
            continue;
        }
        let rewritten = services.iter().flat_map(|(family, services)| {
            ChangedServices::rewritten(services.as_ref(), before, after, name, *family)
        });
        let chains: Vec<RewrittenChain> = rewritten.collect();
        if chains.is_empty() {
            continue;
        }
        match changes.iter_mut().find(|change| change.chains == chains) {
            Some(change) => change.nodes.push(name.clone()),
            None => changes.push(RuleChange { nodes: vec![name.clone()], from_nothing: false, chains }),
        }
    }
    if !fresh.is_empty() {
        changes.push(RuleChange { nodes: fresh, from_nothing: true, chains: Vec::new() });
    }
    (changes, uncompared)
}

fn answers(world: &World) -> BTreeMap<(String, String, String), (String, bool)> {
    let mut answers = BTreeMap::new();
    for balancer in world.cloud().balancers() {
        for rule in balancer.frontends.iter().flat_map(|frontend| &frontend.rules) {
            let Some(probe) = &rule.probe else { continue };
            let Some(pool) = world.cloud().pool(&balancer.name, &rule.pool) else { continue };
            // A probe may come to thousands of endpoints: of members that are alike to it one is asked.
            let mut asked = AskedOnce::new(world, probe);
            for member in pool.members.iter().take(MOST) {
                let state = asked.state(member);
                let key = (balancer.name.to_string(), probe.name.clone(), member.label().to_string());
                answers.insert(key, (state.answer.clone(), state.up));
            }
        }
    }
    answers
}

pub(super) fn probes(before: &World, after: &World) -> Vec<ProbeChange> {
    let (before, after) = (answers(before), answers(after));
    differing(&before, &after)
        .map(|((balancer, probe, member), before, after)| ProbeChange {
            balancer: balancer.clone(),
            probe: probe.clone(),
            member: member.clone(),
            before: before.cloned(),
            after: after.cloned(),
        })
        .collect()
}

fn members_of(world: &World) -> BTreeMap<(String, String), BTreeSet<String>> {
    let pools = world.cloud().balancers().flat_map(|balancer| {
        world.cloud().pools(&balancer.name).iter().map(move |pool| {
            let members = pool.members.iter().map(|member| member.label().to_string());
            let members = order::set(members);
            ((balancer.name.to_string(), pool.name.to_string()), members)
        })
    });
    order::map(pools)
}

pub(super) fn members(before: &World, after: &World) -> Vec<MemberChange> {
    let (before, after) = (members_of(before), members_of(after));
    let nothing = BTreeSet::new();
    differing(&before, &after)
        .map(|((balancer, pool), was, is)| {
            let (was, is) = (was.unwrap_or(&nothing), is.unwrap_or(&nothing));
            MemberChange {
                balancer: balancer.clone(),
                pool: pool.clone(),
                left: was.difference(is).cloned().collect(),
                joined: is.difference(was).cloned().collect(),
            }
        })
        .collect()
}

fn ports_of(world: &World) -> BTreeMap<(String, String), Ports> {
    let budgets = world.cloud().snat_budgets().into_iter().map(|budget| {
        let now = budget.now();
        let refused = now.refused.map(|error| error.to_string());
        ((budget.balancer, budget.pool), Ports { members: now.members, each: now.ports, refused })
    });
    order::map(budgets)
}

pub(super) fn outbound(before: &World, after: &World) -> Vec<OutboundChange> {
    let (before, after) = (ports_of(before), ports_of(after));
    // That more share the same is told by the pool's members.
    let alike = |one: Option<&Ports>, other: Option<&Ports>| {
        let each = |ports: &Ports| (ports.each, ports.refused.clone());
        one.map(each) == other.map(each)
    };
    differing(&before, &after)
        .filter(|(_, before, after)| !alike(*before, *after))
        .map(|((balancer, pool), before, after)| OutboundChange {
            balancer: balancer.clone(),
            pool: pool.clone(),
            before: before.cloned(),
            after: after.cloned(),
        })
        .collect()
}

fn shares(world: &World, flow: &Flow) -> Result<Vec<FlowShare>, String> {
    let paths = world.shares(flow).map_err(|error| error.to_string())?;
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for outcome in &paths.outcomes {
        let receiver = match (&outcome.endpoint, outcome.cause) {
            (Some(endpoint), None) => endpoint.to_string(),
            (Some(endpoint), Some(cause)) => format!("{endpoint} {}: {cause}", outcome.verdict),
            (None, Some(cause)) => format!("{}: {cause}", outcome.verdict),
            (None, None) => outcome.verdict.to_string(),
        };
        *sums.entry(receiver).or_default() += outcome.probability;
    }
    let mut shares: Vec<FlowShare> =
        sums.into_iter().map(|(receiver, share)| FlowShare { receiver, share }).collect();
    // Likeliest first; sums of the same thirds may differ in the last digits.
    let rank = |share: &FlowShare| std::cmp::Reverse((share.share * 1e9).round().to_bits());
    order::sort_by(&mut shares, |a, b| rank(a).cmp(&rank(b)).then_with(|| a.receiver.cmp(&b.receiver)));
    Ok(shares)
}

/// Sums of the same thirds may differ in the last digits.
fn alike(a: &Result<Vec<FlowShare>, String>, b: &Result<Vec<FlowShare>, String>) -> bool {
    match (a, b) {
        (Ok(a), Ok(b)) => {
            let close = |(a, b): (&FlowShare, &FlowShare)| {
                a.receiver == b.receiver && (a.share - b.share).abs() < 1e-9
            };
            a.len() == b.len() && a.iter().zip(b).all(close)
        }
        (a, b) => a == b,
    }
}

pub(super) fn flow(before: &World, after: &World, flow: &Flow) -> Option<FlowChange> {
    let (before, after) = (shares(before, flow), shares(after, flow));
    let title = format!("{} → {}", flow.from, flow.receiver());
    (!alike(&before, &after)).then_some(FlowChange { flow: title, before, after })
}
