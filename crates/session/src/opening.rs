//! What is asked when a cluster is opened.

use crate::{Call, Session, WorldId};
use engine::{Flow, INTERNET_CLIENT, Place, World};
use model::{
    Key, Model,
    kubernetes::{Ingress, Pod, Service, ServiceType},
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

/// The flow that a settled cluster is opened with: from the internet to its first Service; from a pod, if that is no LoadBalancer
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

/// From the internet to the first Service, else to the first pod. To the Service of an Ingress's controller it is a
/// request that some Ingress takes.
fn outside_flow(model: &Model) -> Flow {
    let client = Place::Ip(INTERNET_CLIENT);
    match first_service(model) {
        Some((key, service)) => {
            let port = service.spec.ports.first().map_or(80, |port| port.port);
            let flow = Flow::tcp(client, Place::Service(key.clone()), port);
            request(model, service).map_or(flow.clone(), |(host, path, tls)| Flow {
                host: Some(host).filter(|host| !host.is_empty()),
                path: Some(path),
                port: if tls && service.spec.ports.iter().any(|port| port.port == 443) { 443 } else { port },
                ..flow
            })
        }
        None => match model.pods.keys().next() {
            Some(pod) => Flow::tcp(client, Place::Pod(pod.clone()), 80),
            None => Flow::tcp(client.clone(), client, 80),
        },
    }
}

/// Host and path of the first rule of an Ingress whose controller published this Service's address, and whether its
/// host has a certificate. A path that is a pattern is no path to ask for.
fn request(model: &Model, service: &Service) -> Option<(String, String, bool)> {
    let own = &service.status.load_balancer.ingress;
    let published = |ingress: &&Ingress| {
        let addresses = &ingress.status.load_balancer.ingress;
        addresses.iter().any(|address| !address.ip.is_empty() && own.iter().any(|own| own.ip == address.ip))
    };
    let ingress = model.ingresses.values().map(|ingress| &**ingress).find(published)?;
    let rule = ingress.spec.rules.iter().find(|rule| !rule.host.starts_with('*'))?;
    let paths = rule.http.iter().flat_map(|http| &http.paths);
    let path = paths.map(|path| path.path.as_str()).find(|path| !path.contains(['(', '[', '*']));
    let path = path.filter(|path| !path.is_empty()).unwrap_or("/").to_owned();
    let tls = ingress.spec.tls.iter().any(|tls| tls.hosts.contains(&rule.host));
    Some((rule.host.clone(), path, tls))
}

/// The pod that asks: the last one that is no endpoint of the first Service, in its namespace or else in another that
/// is not the system's; else the last one.
fn client_pod(model: &Model) -> Option<Place> {
    let first = first_service(model);
    let serves = |pod: &Pod| {
        let selector =
            first.map(|(_, service)| &service.spec.selector).filter(|selector| !selector.is_empty());
        selector.is_some_and(|labels| pod.metadata.has_labels(labels))
    };
    let others = || model.pods.iter().rev().filter(|(_, pod)| !serves(pod)).map(|(key, _)| key);
    let beside = others().find(|pod| first.is_some_and(|(key, _)| pod.namespace == key.namespace));
    let elsewhere = || others().find(|pod| &*pod.namespace != "kube-system");
    beside.or_else(elsewhere).or_else(|| model.pods.keys().next_back()).cloned().map(Place::Pod)
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
        host: None,
        path: None,
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
    let settled = World::new(model);
    let settled = settled.model();
    let world = WorldId(0);
    let ask = |flow: Flow| Call::Ask { world, flow, requests: REQUESTS, seed: SEED };
    let picture = |shape: Format| Call::Picture {
        world,
        flow: Some(first_flow(settled)),
        outcome: 0,
        reply: false,
        options: Options { shape },
    };
    let mut calls = vec![Call::New(world, Box::new(model.clone()))];
    calls.extend(watched_flows(settled).into_iter().map(ask));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked first of a cluster, as a person writes it.
    fn asked(documents: &str) -> String {
        let import = formats::import(&[formats::Source::new("in.yaml", documents)]);
        assert!(!import.has_errors(), "{:#?}", import.diagnostics);
        let flow = first_flow(&import.model);
        let request =
            format!("{}{}", flow.host.clone().unwrap_or_default(), flow.path.clone().unwrap_or_default());
        format!("{} → {} {request}", flow.from, flow.receiver()).trim_end().to_owned()
    }

    #[test]
    fn a_cluster_is_opened_with_a_flow_that_says_something() {
        let pod = |namespace: &str, name: &str, app: &str| {
            format!(
                "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: {namespace}, labels: {{app: {app}}}}}\n\
                 spec: {{nodeName: n0}}\nstatus: {{podIP: 10.244.0.{}}}\n",
                name.len() + namespace.len()
            )
        };
        let service = |namespace: &str, name: &str, spec: &str, status: &str| {
            format!(
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {{{spec}}}\n\
                 status: {{loadBalancer: {{ingress: [{status}]}}}}\n"
            )
        };
        let node = "apiVersion: v1\nkind: Node\nmetadata: {name: n0}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}]}\n";
        let ingress = "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: shop, namespace: shop}\n\
             spec:\n  rules:\n  - host: shop.example.com\n    http: {paths: [{path: '/x(/|$)(.*)'}, {path: /shop, pathType: Prefix}]}\n\
             status: {loadBalancer: {ingress: [{ip: 20.1.2.3}]}}\n";
        let (web, client, dns) =
            (pod("shop", "web", "web"), pod("shop", "client", "client"), pod("kube-system", "dns", "dns"));
        let api = service("default", "kubernetes", "ports: [{port: 443}]", "");
        let inside = service("shop", "web", "selector: {app: web}, ports: [{port: 80}]", "");
        let outside = service(
            "web",
            "edge",
            "type: LoadBalancer, selector: {app: edge}, ports: [{port: 80}]",
            "{ip: 20.1.2.3}",
        );
        for (documents, expected) in [
            (vec![&web, &client, &outside], "198.51.100.7 → svc/web/edge:80"),
            (vec![&web, &client, &api, &inside], "pod/shop/client → svc/shop/web:80"),
            (vec![&web, &dns, &api, &inside], "pod/shop/web → svc/shop/web:80"),
            (vec![&web, &dns], "pod/shop/web → 198.51.100.7:443"),
            (vec![&outside, &ingress.to_owned()], "198.51.100.7 → svc/web/edge:80 shop.example.com/shop"),
            (vec![], "198.51.100.7 → 198.51.100.7:80"),
        ] {
            let documents: String = documents.into_iter().map(String::as_str).collect();
            assert_eq!(asked(&format!("{node}{documents}")), expected);
        }
    }
}
