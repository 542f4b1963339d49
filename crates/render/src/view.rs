//! What a picture is made from.

use azure::{Balancer, Frontend, Rule};
use engine::{Paths, Place, ProbeState, World};
use model::{Key, Model, NodeName, azure::LoadBalancer, kubernetes::Service};
use std::{collections::BTreeMap, net::IpAddr};
use wire::Wire;

/// Everything that one picture shows. The web page, the command line and the JavaScript package fill it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The settled model: controllers have filled in what was absent.
    pub model: &'a Model,
    /// The load balancers as they are in Azure, given or computed.
    pub load_balancers: &'a [LoadBalancerView],
    /// The flow's branches; absent draws the cluster alone.
    pub paths: Option<&'a Paths>,
    /// Index of the branch drawn as taken; absent draws all branches as possible.
    pub selected: Option<usize>,
    /// Draw the way back of the selected branch instead of the way there.
    pub reply: bool,
    /// The Service that the flow is for: its endpoints stand first among the pods.
    pub service: Option<&'a Key>,
}

/// A load balancer and its state.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct LoadBalancerView {
    /// The resource.
    pub resource: LoadBalancer,
    /// Address of each frontend, by the frontend's name.
    pub frontends: BTreeMap<String, IpAddr>,
    /// Nodes in each backend pool, by the pool's name.
    pub members: BTreeMap<String, Vec<NodeName>>,
    /// What each probe last heard from each member, without the words about it, by the probe's name.
    pub probes: BTreeMap<String, BTreeMap<NodeName, ProbeState>>,
}

/// Which probes are asked for their states.
#[derive(Debug, Clone, Copy)]
pub enum Probed<'a> {
    /// Those of the rule that this flow takes: all that a picture shows.
    Flow(Option<&'a Paths>),
    /// Every probe of every rule, at every member.
    All,
}

impl Probed<'_> {
    fn includes(self, frontend: &Frontend, rule: &Rule) -> bool {
        match self {
            Self::All => true,
            Self::Flow(paths) => paths.is_some_and(|paths| {
                let port = rule.rule.frontend_port;
                frontend.address == Some(paths.flow.destination) && (port == paths.flow.port || port == 0)
            }),
        }
    }
}

/// The load balancers of a settled cluster.
pub fn load_balancers(world: &World, probed: Probed) -> Vec<LoadBalancerView> {
    world.cloud().balancers().filter_map(|balancer| of_balancer(world, balancer, probed)).collect()
}

fn of_balancer(world: &World, balancer: &Balancer, probed: Probed) -> Option<LoadBalancerView> {
    let cloud = world.cloud();
    let resource = cloud.load_balancer(&balancer.name)?;
    let frontends = balancer.frontends.iter();
    let frontends =
        frontends.filter_map(|frontend| Some((frontend.configuration.name.clone(), frontend.address?)));
    let nodes = |pool: &azure::Pool| pool.members.iter().filter_map(|member| member.node.clone()).collect();
    let pools = cloud.pools(&balancer.name);
    let rules = balancer
        .frontends
        .iter()
        .flat_map(|frontend| frontend.rules.iter().filter(move |rule| probed.includes(frontend, rule)));
    let mut probes: BTreeMap<String, BTreeMap<NodeName, ProbeState>> = BTreeMap::new();
    for rule in rules {
        let Some(probe) = &rule.probe else { continue };
        let members = cloud.pool(&balancer.name, &rule.pool).map_or(&[][..], |pool| pool.members.as_slice());
        probes.entry(probe.name.clone()).or_default().extend(world.probe_answers(probe, members));
    }
    Some(LoadBalancerView {
        resource,
        frontends: order::map(frontends),
        members: order::map(pools.iter().map(|pool| (pool.name.to_string(), nodes(pool)))),
        probes,
    })
}

/// A probe's state as a badge has it: `200 up`, `503 down`, `TCP up`, `no answer, down`.
pub fn probe_words(state: &ProbeState) -> String {
    let answer = if state.answer == "connected" { "TCP" } else { &state.answer };
    let glue =
        if answer.chars().all(char::is_alphabetic) && !state.up || answer.contains(' ') { ", " } else { " " };
    format!("{answer}{glue}{}", if state.up { "up" } else { "down" })
}

/// The Service that a flow is for: the one it names, else the one that owns the address it goes to.
pub fn service_of(world: &World, paths: &Paths) -> Option<Key> {
    if let Ok((Place::Service(key), _)) = engine::parse_destination(&paths.flow.to) {
        return Some(key);
    }
    let frontend = world.cloud().frontend(paths.flow.destination);
    let mut rules = frontend.into_iter().flat_map(|(_, frontend)| &frontend.rules);
    if let Some(rule) = rules.find(|rule| rule.rule.frontend_port == paths.flow.port) {
        return rule.service.clone();
    }
    let address = paths.flow.destination.to_string();
    let has = |service: &&Service| {
        service.spec.cluster_ip == address || service.spec.cluster_ips.contains(&address)
    };
    world.model().services.values().map(|service| &**service).find(has).map(|service| service.metadata.key())
}

/// How a scene is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Wire)]
pub struct Options {
    /// Left to right, or top to bottom.
    pub shape: Format,
}

/// The way a scene runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Wire)]
pub enum Format {
    /// Client, load balancer and nodes side by side: about 940 units wide.
    #[default]
    Wide,
    /// One below the other: about 390 units wide, for phones.
    Tall,
}
