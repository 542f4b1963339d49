//! Endpoints: none, not ready, one, many, terminating, on the host's network, hinted, elsewhere than said.

use super::Topology;
use crate::{
    cluster::{Cluster, Family, State},
    flows::{
        Source::{Client, Loopback, Node, Pod, Vm},
        Target::{ClusterIp, External, Frontend, NodePort, Unallocated, WrongPort},
        cross,
    },
};
use model::kubernetes::{
    IntOrString, Service,
    ServiceType::{ClusterIP, LoadBalancer},
    TrafficPolicy::Local,
};

pub(super) fn topologies() -> Vec<Topology> {
    vec![
        none(),
        of_no_service(),
        one(),
        many(),
        terminating_cluster(),
        terminating_local(),
        host_network(),
        wrong_port(),
    ]
}

fn local(service: &mut Service) {
    service.spec.external_traffic_policy = Some(Local);
}

/// One Service without pods, one whose pods are not ready, and one of the latter with policy Local.
fn none() -> Topology {
    let external = |service: &mut Service| {
        service.spec.external_ips =
            Family::BOTH.map(|family| crate::cluster::node_ip(family, 1).to_string()).into();
    };
    let cluster = Cluster::new(2)
        .service("none", LoadBalancer, |_| ())
        .service("unready", LoadBalancer, external)
        .service("unready-local", LoadBalancer, local)
        .pod("unready-a", "unready", 0, State::NotReady)
        .pod("unready-local-a", "unready-local", 0, State::NotReady)
        .bystander("caller", 0);
    let services = [
        ClusterIp("none"),
        NodePort("none", 1),
        ClusterIp("unready"),
        NodePort("unready", 0),
        ClusterIp("unready-local"),
        NodePort("unready-local", 0),
    ];
    let mut questions = cross(&[Node(0), Pod("caller")], &services, &[Family::V4]);
    questions.extend(cross(
        &[Vm],
        &[NodePort("none", 0), NodePort("unready-local", 0), External("unready")],
        &Family::BOTH,
    ));
    questions.extend(cross(
        &[Client],
        &[Frontend("none"), Frontend("unready"), Frontend("unready-local")],
        &Family::BOTH,
    ));
    questions.extend(cross(&[Pod("caller")], &[Frontend("none"), External("unready")], &Family::BOTH));
    questions.extend(cross(&[Loopback(0)], &[NodePort("none", 0)], &Family::BOTH));
    questions.extend(cross(&[Pod("unready-a")], &[ClusterIp("unready")], &[Family::V4]));
    Topology::new("no endpoint", cluster, questions)
}

/// What looks like a Service and is none: mode iptables lets it out of the node, where Azure loses it.
fn of_no_service() -> Topology {
    let cluster = Cluster::new(2)
        .service("web", LoadBalancer, |_| ())
        .pod("web-a", "web", 0, State::Ready)
        .bystander("near", 0);
    let questions = cross(&[Pod("near"), Node(1)], &[WrongPort("web"), Unallocated], &Family::BOTH);
    Topology::new("what is of no Service", cluster, questions)
}

/// One endpoint: whoever calls gets it, and it gets itself.
fn one() -> Topology {
    let cluster = Cluster::new(2)
        .service("web", LoadBalancer, |_| ())
        .service("own", LoadBalancer, local)
        .pod("web-a", "web", 0, State::Ready)
        .pod("own-a", "own", 0, State::Ready);
    let targets = |name| [ClusterIp(name), Frontend(name), NodePort(name, 0), NodePort(name, 1)];
    let mut questions = cross(&[Pod("web-a")], &targets("web"), &Family::BOTH);
    questions.extend(cross(&[Pod("own-a")], &targets("own"), &Family::BOTH));
    questions.extend(cross(&[Pod("own-a")], &targets("web"), &[Family::V4]));
    questions.extend(cross(&[Client], &[Frontend("web"), Frontend("own")], &[Family::V4]));
    Topology::new("one endpoint", cluster, questions)
}

/// Six endpoints, unevenly spread: exact shares, at every node.
fn many() -> Topology {
    let mut cluster =
        Cluster::new(3).service("web", LoadBalancer, |_| ()).service("own", LoadBalancer, local);
    for (web, own, node) in [
        ("web-a", "own-a", 0),
        ("web-b", "own-b", 0),
        ("web-c", "own-c", 0),
        ("web-d", "own-d", 1),
        ("web-e", "own-e", 1),
        ("web-f", "own-f", 2),
    ] {
        cluster = cluster.pod(web, "web", node, State::Ready).pod(own, "own", node, State::Ready);
    }
    let mut questions = cross(&[Client], &[Frontend("web"), Frontend("own")], &[Family::V4]);
    questions.extend(cross(&[Pod("web-d"), Node(1)], &[ClusterIp("web"), Frontend("own")], &Family::BOTH));
    questions.extend(cross(&[Vm], &[NodePort("web", 2), NodePort("own", 0)], &[Family::V6]));
    Topology::new("six endpoints", cluster, questions)
}

fn terminating_cluster() -> Topology {
    let cluster = Cluster::new(2)
        // A ready one beside one that is leaving; only leaving ones, of which one no longer serves.
        .service("web", LoadBalancer, |_| ())
        .pod("web-a", "web", 0, State::Terminating)
        .pod("web-b", "web", 1, State::Ready)
        .service("last", LoadBalancer, |_| ())
        .pod("last-a", "last", 0, State::Terminating)
        .pod("last-b", "last", 1, State::Terminating)
        .pod("last-c", "last", 1, State::TerminatingNotReady)
        .service("gone", LoadBalancer, |_| ())
        .pod("gone-a", "gone", 0, State::TerminatingNotReady)
        .bystander("caller", 0);
    let mut questions = cross(
        &[Pod("caller"), Node(1)],
        &[ClusterIp("web"), ClusterIp("last"), ClusterIp("gone")],
        &[Family::V4],
    );
    questions.extend(cross(&[Client], &[Frontend("web"), Frontend("last"), Frontend("gone")], &[Family::V4]));
    questions.extend(cross(
        &[Vm],
        &[NodePort("web", 0), NodePort("last", 1), NodePort("gone", 0)],
        &[Family::V6],
    ));
    Topology::new("terminating endpoints, policy Cluster", cluster, questions)
}

fn terminating_local() -> Topology {
    let cluster = Cluster::new(3)
        .service("web", LoadBalancer, local)
        .pod("web-a", "web", 0, State::Terminating)
        .pod("web-b", "web", 1, State::Ready)
        .pod("web-c", "web", 1, State::Terminating)
        .pod("web-d", "web", 2, State::TerminatingNotReady)
        .bystander("caller", 0);
    let ports = [NodePort("web", 0), NodePort("web", 1), NodePort("web", 2)];
    let mut questions = cross(&[Vm], &ports, &Family::BOTH);
    questions.extend(cross(&[Client], &[Frontend("web")], &[Family::V4]));
    questions.extend(cross(
        &[Pod("caller"), Node(0), Node(2)],
        &[Frontend("web"), ClusterIp("web")],
        &[Family::V4],
    ));
    Topology::new("terminating endpoints, policy Local", cluster, questions)
}

/// Endpoints in the nodes' own network: their address is the node's.
fn host_network() -> Topology {
    let cluster = Cluster::new(3)
        .service("web", LoadBalancer, |_| ())
        .service("own", LoadBalancer, local)
        .host_pod("web-a", "web", 0)
        .pod("web-b", "web", 1, State::Ready)
        .pod("own-a", "own", 0, State::Ready)
        .host_pod("own-b", "own", 1)
        .bystander("caller", 0);
    let targets = [ClusterIp("web"), NodePort("web", 0), NodePort("own", 1), Frontend("own")];
    let mut questions = cross(&[Node(0), Node(1), Node(2), Pod("caller")], &targets, &[Family::V4]);
    questions.extend(cross(&[Client], &[Frontend("web"), Frontend("own")], &[Family::V4]));
    questions.extend(cross(
        &[Vm],
        &[NodePort("web", 0), NodePort("own", 1), NodePort("own", 2)],
        &[Family::V6],
    ));
    questions.extend(cross(&[Loopback(0)], &[NodePort("web", 0)], &[Family::V4]));
    Topology::new("endpoints on the host network", cluster, questions)
}

/// A target port on which nobody listens: refused by the pod, not rejected by a rule.
fn wrong_port() -> Topology {
    let cluster = Cluster::new(2)
        .service("web", LoadBalancer, |service| {
            for port in &mut service.spec.ports {
                port.target_port = Some(IntOrString::Int(9090));
            }
        })
        .service("named", ClusterIP, |service| {
            for port in &mut service.spec.ports {
                port.target_port = Some(IntOrString::String(port.name.clone()));
            }
        })
        .pod("web-a", "web", 0, State::Ready)
        .pod("named-a", "named", 1, State::Ready)
        .bystander("caller", 1);
    let mut questions =
        cross(&[Pod("caller"), Node(1)], &[ClusterIp("web"), ClusterIp("named")], &Family::BOTH);
    questions.extend(cross(&[Client], &[Frontend("web")], &Family::BOTH));
    questions.extend(cross(&[Vm], &[NodePort("web", 1)], &[Family::V4]));
    Topology::new("target ports", cluster, questions)
}
