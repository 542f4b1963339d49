//! The picture's data: load balancers with their states, and the scene.

use super::answer::Answer;
use engine::{Flow, Place, World};
use model::{Key, NodeName, azure::LoadBalancer};
use render::{Format, LoadBalancerView, Options, ProbeState, Scene, View};
use std::collections::BTreeMap;

/// The load balancers as Azure has them.
pub(crate) fn resources(world: &World) -> Vec<LoadBalancer> {
    world.cloud().load_balancers()
}

/// The load balancers with addresses, members and probe states.
pub(crate) fn views<'a>(world: &World, resources: &'a [LoadBalancer]) -> Vec<LoadBalancerView<'a>> {
    let view = |resource: &'a LoadBalancer| {
        let balancer = world.cloud().balancer(&resource.name)?;
        let pools = world.cloud().pools(&resource.name);
        let frontends = balancer.frontends.iter();
        let addresses =
            frontends.filter_map(|frontend| Some((frontend.configuration.name.clone(), frontend.address?)));
        let nodes =
            |pool: &azure::Pool| pool.members.iter().filter_map(|member| member.node.clone()).collect();
        Some(LoadBalancerView {
            resource,
            frontends: addresses.collect(),
            members: pools.iter().map(|pool| (pool.name.to_string(), nodes(pool))).collect(),
            probes: probes(world, balancer, pools),
        })
    };
    resources.iter().filter_map(view).collect()
}

/// What each probe thinks of each member of the pools of its rules.
fn probes(
    world: &World,
    balancer: &azure::Balancer,
    pools: &[std::sync::Arc<azure::Pool>],
) -> BTreeMap<String, BTreeMap<NodeName, ProbeState>> {
    let mut states: BTreeMap<String, BTreeMap<NodeName, ProbeState>> = BTreeMap::new();
    for rule in balancer.frontends.iter().flat_map(|frontend| &frontend.rules) {
        let Some(probe) = &rule.probe else { continue };
        let Some(pool) = pools.iter().find(|pool| pool.name == rule.pool) else { continue };
        for member in &pool.members {
            let Some(node) = &member.node else { continue };
            let state = world.probe_state(&balancer.name, Some(probe), member);
            let entry = states.entry(probe.name.clone()).or_default();
            entry.insert(node.clone(), probe_state(&state));
        }
    }
    states
}

fn probe_state(state: &engine::ProbeState) -> ProbeState {
    match state.answer.as_str() {
        "connected" => ProbeState::Connected,
        "refused" => ProbeState::Refused,
        status => status
            .parse()
            .map_or(if state.up { ProbeState::Connected } else { ProbeState::Silent }, ProbeState::Http),
    }
}

/// The picture of a cluster and one branch of a flow.
pub(crate) fn scene(
    world: &World,
    flow: &Flow,
    answer: &Answer,
    outcome: usize,
    reply: bool,
    shape: Format,
) -> Scene {
    let resources = resources(world);
    let view = View {
        model: world.model(),
        load_balancers: &views(world, &resources),
        paths: answer.paths(),
        selected: Some(outcome),
        reply,
        service: service(flow),
    };
    render::scene(&view, Options { shape })
}

fn service(flow: &Flow) -> Option<&Key> {
    match &flow.to {
        Place::Service(key) => Some(key),
        _ => None,
    }
}
