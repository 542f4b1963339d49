//! What is asked when a cluster is opened.

use crate::{Call, Session, WorldId};
use engine::{Flow, INTERNET_CLIENT, Place};
use model::{
    Key, Model,
    kubernetes::{Service, ServiceType},
};
use render::{Format, Options};
use std::net::IpAddr;

/// Connections of a sampled run.
pub const REQUESTS: u64 = 100;

/// The seed of the first sampled run.
pub const SEED: u64 = 1;

/// The Service that a cluster is opened with: its first LoadBalancer Service, else the first that selects pods of its
/// own (what a whole cluster prints begins with the API server's), else its first.
pub fn first_service(model: &Model) -> Option<(&Key, &Service)> {
    let outside = |service: &Service| service.spec.service_type == ServiceType::LoadBalancer;
    let own =
        |key: &Key, service: &Service| &*key.namespace != "kube-system" && !service.spec.selector.is_empty();
    let services = || model.services.iter().map(|(key, service)| (key, &**service));
    let known = services().find(|(_, service)| outside(service));
    known.or_else(|| services().find(|(key, service)| own(key, service))).or_else(|| services().next())
}

/// The flow that a cluster is opened with: from the internet to its first Service; from a pod, if that is no LoadBalancer
/// Service; without any Service from a pod to the internet.
pub fn first_flow(model: &Model) -> Flow {
    match (first_service(model), client_pod(model)) {
        (Some((_, service)), Some(pod)) if service.spec.service_type != ServiceType::LoadBalancer => {
            Flow { from: pod, ..outside_flow(model) }
        }
        (None, Some(pod)) => Flow::tcp(pod, Place::Ip(INTERNET_CLIENT), 443),
        _ => outside_flow(model),
    }
}

/// From the internet to the first Service, else to the first pod.
fn outside_flow(model: &Model) -> Flow {
    let client = Place::Ip(INTERNET_CLIENT);
    match first_service(model) {
        Some((key, service)) => {
            let port = service.spec.ports.first().map_or(80, |port| port.port);
            Flow::tcp(client, Place::Service(key.clone()), port)
        }
        None => match model.pods.keys().next() {
            Some(pod) => Flow::tcp(client, Place::Pod(pod.clone()), 80),
            None => Flow::tcp(client.clone(), client, 80),
        },
    }
}

/// The pod that asks: the last one, if it can be in the first Service's namespace.
fn client_pod(model: &Model) -> Option<Place> {
    let namespace = first_service(model).map(|(key, _)| &key.namespace);
    let pods = || model.pods.keys().rev();
    let beside = pods().find(|pod| Some(&pod.namespace) == namespace);
    beside.or_else(|| pods().next()).cloned().map(Place::Pod)
}

/// Flows worth watching in any cluster: from outside to what it offers, the same from a pod, and to a node's own address.
pub fn watched_flows(model: &Model) -> Vec<Flow> {
    let first = outside_flow(model);
    let inside = client_pod(model).map(|pod| Flow { from: pod, ..first.clone() });
    let vm = model.nodes.values().flat_map(|node| node.internal_ips()).find_map(neighbour);
    let node = model.nodes.keys().next();
    let own = vm.zip(node).map(|(vm, node)| Flow {
        from: Place::Ip(vm),
        to: Place::Node(node.clone()),
        ..first.clone()
    });
    [first].into_iter().chain(inside).chain(own).collect()
}

/// An address in a node's subnet that is unlikely to be a node's: a VM there.
fn neighbour(node: IpAddr) -> Option<IpAddr> {
    match node {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            Some(IpAddr::from([a, b, c, 200]))
        }
        IpAddr::V6(_) => None,
    }
}

/// The calls with which the page opens a cluster as its first, and their answers, in the wire form.
pub fn opening(model: &Model) -> Vec<(Vec<u8>, Vec<u8>)> {
    let world = WorldId(0);
    let ask = |flow: Flow| Call::Ask { world, flow, requests: REQUESTS, seed: SEED };
    let picture = |shape: Format| Call::Picture {
        world,
        flow: Some(first_flow(model)),
        outcome: 0,
        reply: false,
        options: Options { shape },
    };
    let mut calls = vec![Call::New(world, Box::new(model.clone()))];
    calls.extend(watched_flows(model).into_iter().map(ask));
    calls.extend([picture(Format::Wide), picture(Format::Tall)]);
    calls.extend(first_service(model).map(|(key, _)| Call::Remedies(world, key.clone())));
    let mut session = Session::default();
    let answered = |call: Call| {
        let call = wire::encode(&call);
        let answer = session.answer(&call)?;
        Some((call, answer))
    };
    calls.into_iter().filter_map(answered).collect()
}
