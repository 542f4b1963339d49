//! External and internal traffic policies, from every kind of sender to every kind of address.

use super::Topology;
use crate::{
    cluster::{Cluster, Family, State},
    flows::{
        Source::{self, Client, Loopback, Node, Pod, Vm},
        Target::{self, ClusterIp, External, Frontend, NodePort},
        cross,
    },
};
use model::kubernetes::{
    Service,
    ServiceType::{ClusterIP, LoadBalancer, NodePort as NodePortType},
    TrafficPolicy::Local,
};

pub(super) fn topologies() -> Vec<Topology> {
    vec![
        external_cluster(),
        external_local(),
        internal_local(),
        both_local(),
        node_port_local(),
        internal_load_balancer(),
        external_ips(),
        flat_network(),
    ]
}

/// Endpoints on n0 and n1, none on n2; a pod that is no endpoint on n0 and on n2.
fn three_nodes() -> Cluster {
    Cluster::new(3)
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .bystander("near", 0)
        .bystander("far", 2)
}

/// A node and a pod with and without an endpoint beside them, and an endpoint itself.
const INSIDE: [Source; 5] = [Node(0), Node(2), Pod("near"), Pod("far"), Pod("web-a")];
const WEB_PORTS: [Target; 2] = [NodePort("web", 0), NodePort("web", 2)];

fn external_cluster() -> Topology {
    let cluster = three_nodes().service("web", LoadBalancer, |_| ());
    let targets = [Frontend("web"), ClusterIp("web"), NodePort("web", 0), NodePort("web", 2)];
    let mut questions = cross(&INSIDE, &targets, &[Family::V4]);
    questions.extend(cross(&[Client], &[Frontend("web")], &Family::BOTH));
    questions.extend(cross(&[Vm], &WEB_PORTS, &Family::BOTH));
    questions.extend(cross(&[Loopback(0), Loopback(2)], &[NodePort("web", 0)], &Family::BOTH));
    questions.extend(cross(&[Node(2), Pod("web-a")], &[Frontend("web"), ClusterIp("web")], &[Family::V6]));
    questions.extend(cross(&[Node(0), Pod("near"), Pod("far"), Vm], &[Target::Pod("web-a")], &Family::BOTH));
    questions.extend(cross(&[Vm, Pod("far"), Node(0)], &[Target::Node(0, 80)], &[Family::V4]));
    questions.extend(cross(&[Node(0), Pod("far")], &[Target::Vm, Target::Node(0, 10256)], &Family::BOTH));
    Topology::new("external policy Cluster", cluster, questions)
}

fn local(service: &mut Service) {
    service.spec.external_traffic_policy = Some(Local);
}

fn external_local() -> Topology {
    let cluster = three_nodes().pod("web-c", "web", 0, State::Ready).service("web", LoadBalancer, local);
    let targets = [Frontend("web"), ClusterIp("web"), NodePort("web", 0), NodePort("web", 2)];
    let mut questions = cross(&INSIDE, &targets, &[Family::V4]);
    questions.extend(cross(&[Client], &[Frontend("web")], &Family::BOTH));
    questions.extend(cross(&[Vm], &WEB_PORTS, &Family::BOTH));
    questions.extend(cross(&[Loopback(0), Loopback(2)], &[NodePort("web", 0)], &Family::BOTH));
    questions.extend(cross(&[Node(2), Pod("far"), Pod("web-a")], &[Frontend("web")], &[Family::V6]));
    // The port of kube-proxy's health answer, with and without an endpoint.
    questions.extend(cross(
        &[Vm, Pod("far")],
        &[Target::Node(0, 32080), Target::Node(2, 32080)],
        &[Family::V4],
    ));
    Topology::new("external policy Local", cluster, questions)
}

fn internal_local() -> Topology {
    let cluster = three_nodes().service("web", ClusterIP, |service| {
        service.spec.internal_traffic_policy = Some(Local);
    });
    Topology::new("internal policy Local", cluster, cross(&INSIDE, &[ClusterIp("web")], &Family::BOTH))
}

fn both_local() -> Topology {
    let cluster = three_nodes().service("web", LoadBalancer, |service| {
        local(service);
        service.spec.internal_traffic_policy = Some(Local);
    });
    let mut questions = cross(&INSIDE, &[Frontend("web"), ClusterIp("web")], &[Family::V4]);
    questions.extend(cross(&[Client], &[Frontend("web")], &[Family::V4]));
    questions.extend(cross(&[Vm, Pod("far")], &WEB_PORTS, &[Family::V4]));
    Topology::new("both policies Local", cluster, questions)
}

fn node_port_local() -> Topology {
    let cluster = three_nodes().service("web", NodePortType, local);
    let sources = [Vm, Node(0), Node(2), Pod("far"), Pod("web-a")];
    let mut questions = cross(&sources, &WEB_PORTS, &[Family::V4]);
    questions.extend(cross(&[Vm, Pod("web-a")], &WEB_PORTS, &[Family::V6]));
    questions.extend(cross(&[Loopback(2)], &[NodePort("web", 2)], &[Family::V4]));
    Topology::new("node port with policy Local", cluster, questions)
}

/// A frontend inside the virtual network, so that the VM can call it. IPv4 only: Azure has no floating IP for an
/// internal IPv6 frontend.
fn internal_load_balancer() -> Topology {
    let internal = |last: u8| {
        move |service: &mut Service| {
            let annotations = &mut service.metadata.annotations;
            annotations
                .insert("service.beta.kubernetes.io/azure-load-balancer-internal".into(), "true".into());
            service.status.load_balancer.ingress.truncate(1);
            for ingress in &mut service.status.load_balancer.ingress {
                ingress.ip = format!("10.224.0.{last}");
            }
        }
    };
    let cluster = three_nodes()
        .service("web", LoadBalancer, internal(240))
        .service("own", LoadBalancer, |service| {
            internal(241)(service);
            local(service);
        })
        .pod("own-a", "own", 1, State::Ready);
    let sources = [Vm, Node(2), Pod("far")];
    let mut questions = cross(&sources, &[Frontend("web"), Frontend("own")], &[Family::V4]);
    questions.extend(cross(&[Pod("own-a")], &[Frontend("own")], &[Family::V4]));
    Topology::new("internal load balancer", cluster, questions)
}

/// The address of a node, and with policy Local that of another, in `externalIPs`.
fn external_ips() -> Topology {
    let at = |node: u8| {
        move |service: &mut Service| {
            service.spec.external_ips =
                Family::BOTH.map(|family| crate::cluster::node_ip(family, node).to_string()).into();
        }
    };
    let cluster = three_nodes()
        .service("web", ClusterIP, at(0))
        .service("own", ClusterIP, |service| {
            at(1)(service);
            local(service);
        })
        .service("away", ClusterIP, |service| {
            at(2)(service);
            local(service);
        })
        .pod("own-a", "own", 1, State::Ready)
        .pod("away-a", "away", 0, State::Ready);
    let targets = [External("web"), External("own"), External("away")];
    let mut questions = cross(&[Vm, Pod("far"), Pod("web-a"), Node(0), Node(2)], &targets, &[Family::V4]);
    questions.extend(cross(&[Vm, Pod("far")], &targets, &[Family::V6]));
    Topology::new("external IPs", cluster, questions)
}

/// A pod's address survives the way to another node, which takes it for a pod of its own: it picks an endpoint
/// anywhere and does not masquerade. An answer from a third node then misses the translation.
fn flat_network() -> Topology {
    let cluster = Cluster::flat(3)
        .service("web", LoadBalancer, |_| ())
        .service("own", LoadBalancer, local)
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .pod("own-a", "own", 0, State::Ready)
        .pod("own-b", "own", 1, State::Ready)
        .bystander("far", 2);
    let sources = [Node(0), Node(2), Pod("far"), Pod("own-a")];
    let ports = [NodePort("own", 0), NodePort("own", 2), NodePort("web", 0)];
    let mut questions = cross(&sources, &ports, &Family::BOTH);
    questions.extend(cross(&sources, &[ClusterIp("web"), Frontend("own"), Target::Vm], &[Family::V4]));
    questions.extend(cross(&[Vm], &[NodePort("own", 0), Target::Pod("own-a")], &Family::BOTH));
    questions.extend(cross(&[Client], &[Frontend("web"), Frontend("own")], &[Family::V4]));
    Topology::new("nodes and pods in one range", cluster, questions)
}
