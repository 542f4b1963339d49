//! What the page needs to know of a model to offer choices.

use engine::{Flow, Place};
use model::{
    Key, Model, NodeName, Object, PoolName,
    azure::{AgentPoolType, SkuName},
};
use std::collections::BTreeSet;

pub(crate) use engine::INTERNET_CLIENT;

/// Node pools: those of the cluster's document in its order, then those that only nodes name.
pub(crate) fn pools(model: &Model) -> Vec<PoolName> {
    let declared = model.managed_cluster.iter().flat_map(|cluster| &cluster.agent_pool_profiles);
    let mut pools: Vec<PoolName> = declared.map(|pool| pool.name.clone()).collect();
    for name in model.nodes.values().filter_map(|node| node.pool()) {
        if !pools.iter().any(|pool| pool.as_str() == name) {
            pools.push(name.into());
        }
    }
    pools
}

/// The SKU of the cluster's load balancer; Standard is AKS's default.
pub(crate) fn load_balancer_sku(model: &Model) -> SkuName {
    let sku = model
        .managed_cluster
        .as_ref()
        .and_then(|cluster| cluster.network_profile.load_balancer_sku.as_deref());
    if sku.is_some_and(|sku| sku.eq_ignore_ascii_case("basic")) { SkuName::Basic } else { SkuName::Standard }
}

/// Names of the availability sets that the nodes are in: AKS derives them from the pool's name and the suffix that
/// node names bear (`aks-pool-1-27255451-0` is in `pool-1-availabilitySet-27255451`).
pub(crate) fn availability_sets(model: &Model) -> BTreeSet<String> {
    let profiles = model.managed_cluster.iter().flat_map(|cluster| &cluster.agent_pool_profiles);
    let sets = profiles.filter(|pool| pool.pool_type == AgentPoolType::AvailabilitySet);
    let suffix = |pool: &PoolName| {
        let start = format!("aks-{pool}-");
        let names =
            model.nodes.keys().filter_map(move |node| node.as_str().strip_prefix(&start)?.split_once('-'));
        names.map(|(suffix, _)| suffix.to_owned()).next()
    };
    order::set(sets.filter_map(|pool| Some(format!("{}-availabilitySet-{}", pool.name, suffix(&pool.name)?))))
}

/// Pods on a node, in name order.
pub(crate) fn pods_on<'a>(model: &'a Model, node: &'a NodeName) -> impl Iterator<Item = &'a Key> {
    model.pods.iter().filter(|(_, pod)| pod.spec.node_name == node.as_str()).map(|(key, _)| key)
}

/// A flow in few words, for titles; the port of a Service that has only one goes without saying.
pub(crate) fn flow_words(model: &Model, flow: &Flow) -> String {
    let only_port = match &flow.to {
        Place::Service(key) => model.services.get(key).is_some_and(|service| service.spec.ports.len() == 1),
        _ => false,
    };
    let ends = format!("{} → {}", place_words(&flow.from), place_words(&flow.to));
    let ends = if only_port { ends } else { format!("{ends}:{}", flow.port) };
    match (&flow.host, &flow.path) {
        (None, None) => ends,
        (host, path) => {
            format!("{ends}, {}{}", host.as_deref().unwrap_or_default(), path.as_deref().unwrap_or_default())
        }
    }
}

fn place_words(place: &Place) -> String {
    match place {
        Place::Ip(ip) if *ip == INTERNET_CLIENT => "internet".into(),
        Place::Ip(ip) => ip.to_string(),
        Place::Pod(key) => short(&key.name),
        Place::Service(key) => key.name.to_string(),
        Place::Node(name) => short(name.as_str()),
        Place::Vm(name) | Place::Name(name) => name.clone(),
    }
}

/// A name without its middle, which generated names have in common: `echo-dep…-v2brg`.
pub(crate) fn short(name: &str) -> String {
    const MOST: usize = 22;
    const HEAD: usize = 8;
    const TAIL: usize = 6;
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= MOST {
        return name.to_owned();
    }
    let head: String = letters.iter().take(HEAD).collect();
    let tail: String = letters.iter().skip(letters.len() - TAIL).collect();
    format!("{head}…{tail}")
}

/// The port to send to an object at: its first, else the flow's.
pub(crate) fn first_port(object: &Object, flow: &Flow) -> u16 {
    let port = match object {
        Object::Service(service) => service.spec.ports.first().map(|port| port.port),
        Object::Pod(pod) => {
            let mut ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
            ports.next().map(|port| port.container_port)
        }
        _ => None,
    };
    port.unwrap_or(flow.port)
}

/// Senders that the flow bar offers.
pub(crate) fn senders(model: &Model) -> Vec<String> {
    let pods = model.pods.keys().map(|pod| format!("pod/{pod}"));
    let nodes = model.nodes.keys().map(|node| format!("node/{node}"));
    [INTERNET_CLIENT.to_string()].into_iter().chain(pods).chain(nodes).collect()
}

/// Receivers with their ports that the flow bar offers.
pub(crate) fn receivers(model: &Model) -> Vec<String> {
    let services = model.services.iter().flat_map(|(key, service)| {
        service.spec.ports.iter().map(move |port| format!("svc/{key}:{}", port.port))
    });
    let ports = model.services.values().flat_map(|service| &service.spec.ports);
    let node_ports = order::set(ports.map(|port| port.node_port).filter(|port| *port != 0));
    let nodes = model.nodes.keys().flat_map(|node| {
        let ports = [80].into_iter().chain(node_ports.iter().copied());
        ports.map(move |port| format!("node/{node}:{port}")).collect::<Vec<_>>()
    });
    let pods = model.pods.iter().flat_map(|(key, pod)| {
        let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
        ports.map(move |port| format!("pod/{key}:{}", port.container_port))
    });
    services.chain(nodes).chain(pods).collect()
}

/// Hosts that the cluster's Ingresses name.
pub(crate) fn hosts(model: &Model) -> Vec<String> {
    let rules = model.ingresses.values().flat_map(|ingress| &ingress.spec.rules);
    let hosts = rules.map(|rule| rule.host.clone()).filter(|host| !host.is_empty() && !host.starts_with('*'));
    order::set(hosts).into_iter().collect()
}

/// Paths that the cluster's Ingresses name.
pub(crate) fn paths(model: &Model) -> Vec<String> {
    let rules = model.ingresses.values().flat_map(|ingress| &ingress.spec.rules);
    let paths = rules.flat_map(|rule| &rule.http).flat_map(|http| &http.paths).map(|path| path.path.clone());
    order::set(paths.filter(|path| path.starts_with('/'))).into_iter().collect()
}
