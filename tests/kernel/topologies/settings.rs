//! Settings of Services and of kube-proxy: source ranges, affinity, detectors, node-port addresses, hints.

use super::Topology;
use crate::{
    cluster::{Cluster, Family, State},
    flows::{
        Source::{Client, Clients, Loopback, Node, Pod, Vm},
        Target::{self, ClusterIp, External, Frontend, NodePort, Unallocated},
        cross, pings,
    },
};
use model::kubernetes::{
    IpMode, KubeProxyConfiguration, Service,
    ServiceType::{ClusterIP, LoadBalancer},
    SessionAffinity, TrafficPolicy,
};

pub(super) fn topologies() -> Vec<Topology> {
    vec![
        source_ranges(),
        affinity(),
        masquerade_all(),
        interface_prefix(),
        node_cidr(),
        no_detector(),
        primary_addresses(),
        localhost_off(),
        proxy_mode(),
        zone_hints(),
        node_hints(),
        masks_and_order(),
        echo_requests(),
        host_ports(),
        kubenet(),
    ]
}

fn local(service: &mut Service) {
    service.spec.external_traffic_policy = Some(TrafficPolicy::Local);
}

fn two_endpoints() -> Cluster {
    Cluster::new(2)
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .bystander("caller", 0)
}

/// MASQUERADE takes the address of the interface that a packet leaves by: towards the node's own pods the bridge's. No
/// endpoint calls itself here: kubenet counts on a promiscuous bridge for that, and not every kernel does with it.
fn kubenet() -> Topology {
    let cluster = Cluster::kubenet(2)
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .bystander("caller", 0)
        .service("web", LoadBalancer, |_| ())
        .service("own", LoadBalancer, local)
        .pod("own-a", "own", 1, State::Ready);
    let mut questions =
        cross(&[Vm, Node(0), Pod("caller")], &[NodePort("web", 0), Target::Pod("web-a")], &Family::BOTH);
    questions.extend(cross(&[Client, Node(0), Pod("caller")], &[Frontend("web")], &Family::BOTH));
    questions.extend(cross(&[Node(0), Pod("caller")], &[ClusterIp("web")], &Family::BOTH));
    questions.extend(cross(&[Client, Pod("caller")], &[Frontend("own")], &[Family::V4]));
    Topology::new("kubenet's bridge", cluster, questions)
}

fn source_ranges() -> Topology {
    let ranges = |ranges: &'static [&'static str]| {
        move |service: &mut Service| {
            service.spec.load_balancer_source_ranges = ranges.iter().map(ToString::to_string).collect();
        }
    };
    let cluster = Cluster::new(2)
        .service("public", LoadBalancer, ranges(&["203.0.113.0/24", "2a01:111:f100:1::/64"]))
        .service("inside", LoadBalancer, ranges(&["10.244.0.0/24", " 10.224.0.4/32"]))
        .service("own", LoadBalancer, |service| {
            ranges(&["203.0.113.77/32", "10.224.0.0/16"])(service);
            local(service);
        })
        .pod("public-a", "public", 0, State::Ready)
        .pod("inside-a", "inside", 0, State::Ready)
        .pod("own-a", "own", 1, State::Ready)
        .bystander("near", 0)
        .bystander("far", 1);
    let frontends = [Frontend("public"), Frontend("inside"), Frontend("own")];
    let sources = [Client, Node(0), Node(1), Pod("near"), Pod("far"), Pod("inside-a")];
    let mut questions = cross(&sources, &frontends, &[Family::V4]);
    questions.extend(cross(&[Client, Pod("near")], &[Frontend("public"), Frontend("inside")], &[Family::V6]));
    // The ranges bind the frontend only.
    questions.extend(cross(&[Vm], &[NodePort("public", 0), NodePort("inside", 1)], &[Family::V4]));
    Topology::new("source ranges", cluster, questions)
}

fn affinity() -> Topology {
    let sticky = |service: &mut Service| service.spec.session_affinity = Some(SessionAffinity::ClientIP);
    let cluster = Cluster::new(2)
        .service("web", LoadBalancer, sticky)
        .service("own", LoadBalancer, |service| {
            sticky(service);
            local(service);
        })
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .pod("web-c", "web", 1, State::Ready)
        .pod("own-a", "own", 0, State::Ready)
        .pod("own-b", "own", 0, State::Ready)
        .bystander("caller", 0);
    let mut questions = cross(&[Clients], &[Frontend("web"), Frontend("own")], &Family::BOTH);
    questions.extend(cross(
        &[Pod("caller"), Node(1), Pod("web-a")],
        &[ClusterIp("web"), Frontend("own")],
        &Family::BOTH,
    ));
    questions.extend(cross(&[Vm, Loopback(0)], &[NodePort("web", 0)], &[Family::V4]));
    Topology { sticky: true, ..Topology::new("session affinity", cluster, questions) }
}

fn with_setting(name: &'static str, change: impl FnOnce(&mut KubeProxyConfiguration)) -> Topology {
    let cluster = two_endpoints()
        .service("web", LoadBalancer, |_| ())
        .service("own", LoadBalancer, local)
        .pod("own-a", "own", 1, State::Ready)
        .kube_proxy(change);
    let sources = [Node(0), Pod("caller"), Pod("web-b")];
    let targets = [ClusterIp("web"), Frontend("own"), NodePort("own", 0)];
    let mut questions = cross(&sources, &targets, &[Family::V4]);
    questions.extend(cross(&[Pod("caller"), Node(0)], &[ClusterIp("web")], &[Family::V6]));
    questions.extend(cross(&[Vm], &[NodePort("web", 0)], &Family::BOTH));
    questions.extend(cross(&[Loopback(0)], &[NodePort("web", 0)], &Family::BOTH));
    Topology::new(name, cluster, questions)
}

fn masquerade_all() -> Topology {
    with_setting("masquerade all", |settings| settings.iptables.masquerade_all = true)
}

fn interface_prefix() -> Topology {
    with_setting("pods told by interface", |settings| {
        settings.detect_local_mode = "InterfaceNamePrefix".into();
        settings.detect_local.interface_name_prefix = "azv".into();
    })
}

fn node_cidr() -> Topology {
    with_setting("pods told by the node's range", |settings| settings.detect_local_mode = "NodeCIDR".into())
}

fn no_detector() -> Topology {
    with_setting("pods not told", |settings| settings.detect_local_mode = "BridgeInterface".into())
}

fn primary_addresses() -> Topology {
    with_setting("node ports on primary addresses", |settings| {
        settings.node_port_addresses = vec!["primary".into()];
    })
}

fn localhost_off() -> Topology {
    with_setting("no node ports on the loopback, another mark", |settings| {
        settings.iptables.localhost_node_ports = Some(false);
        settings.iptables.masquerade_bit = Some(20);
    })
}

/// The frontend is in `status` with ipMode Proxy: no rule catches it.
fn proxy_mode() -> Topology {
    let cluster = two_endpoints().service("web", LoadBalancer, |service| {
        for ingress in &mut service.status.load_balancer.ingress {
            ingress.ip_mode = Some(IpMode::Proxy);
        }
    });
    Topology::new(
        "ipMode Proxy",
        cluster,
        cross(&[Vm, Pod("caller"), Node(1)], &[NodePort("web", 0)], &Family::BOTH),
    )
}

/// Endpoints in two zones, each hinted for its own.
fn zone_hints() -> Topology {
    let cluster = Cluster::new(3)
        .zone(0, "west-1")
        .zone(1, "west-2")
        .service("web", ClusterIP, |_| ())
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .pod("web-c", "web", 1, State::Ready)
        .bystander("caller", 0)
        .bystander("neighbour", 1)
        .bystander("stranger", 2)
        .hint_own_zone();
    let sources = [Pod("caller"), Pod("neighbour"), Pod("stranger"), Node(0), Node(1)];
    Topology::new("zone hints", cluster, cross(&sources, &[ClusterIp("web")], &Family::BOTH))
}

/// Endpoints hinted for the nodes that they are on; a node without one uses them all.
fn node_hints() -> Topology {
    let cluster = Cluster::new(3)
        .service("web", LoadBalancer, |_| ())
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 1, State::Ready)
        .pod("web-c", "web", 1, State::Ready)
        .bystander("caller", 0)
        .bystander("stranger", 2)
        .hint_own_node();
    let sources = [Pod("caller"), Pod("stranger"), Pod("web-b"), Node(1), Node(2)];
    let mut questions = cross(&sources, &[ClusterIp("web"), Frontend("web")], &[Family::V4]);
    questions.extend(cross(&sources, &[ClusterIp("web")], &[Family::V6]));
    questions.extend(cross(&[Client], &[Frontend("web")], &[Family::V4]));
    questions.extend(cross(&[Vm], &[NodePort("web", 1), NodePort("web", 2)], &Family::BOTH));
    Topology::new("node hints", cluster, questions)
}

/// Affinity, source ranges and both policies at one Service, beside one that has none of them.
fn masks_and_order() -> Topology {
    let cluster = Cluster::new(2)
        .service("web", LoadBalancer, |service| {
            local(service);
            service.spec.internal_traffic_policy = Some(TrafficPolicy::Local);
            service.spec.session_affinity = Some(SessionAffinity::ClientIP);
            service.spec.load_balancer_source_ranges =
                ["203.0.113.0/24", "10.244.0.0/16", "2a01:111:f100:1::/64"].map(str::to_owned).into();
        })
        .service("plain", LoadBalancer, |_| ())
        .pod("web-a", "web", 0, State::Ready)
        .pod("web-b", "web", 0, State::Ready)
        .pod("plain-a", "plain", 1, State::Ready)
        .bystander("near", 0)
        .bystander("far", 1);
    let sources = [Pod("near"), Pod("far"), Pod("web-a"), Node(0), Node(1)];
    let mut questions =
        cross(&sources, &[ClusterIp("web"), Frontend("web"), NodePort("web", 0)], &[Family::V4]);
    questions.extend(cross(&[Client, Pod("near")], &[Frontend("web")], &Family::BOTH));
    questions.extend(cross(&[Vm], &[NodePort("web", 0), NodePort("web", 1)], &[Family::V6]));
    Topology { sticky: true, ..Topology::new("everything at one Service", cluster, questions) }
}

/// Who answers a ping: a kernel for its own addresses; a Service takes none, whatever its ports.
/// Ports of nodes that portmap leads to pods. Over IPv6 the loopback is left alone: there is no way from ::1 to a pod.
fn host_ports() -> Topology {
    let cluster = two_endpoints()
        .service("web", LoadBalancer, |_| ())
        .port_of_node("agent-0", 0, 9000)
        .port_of_node("agent-1", 1, 9000)
        .bystander("far", 1);
    let sources = [Vm, Node(0), Node(1), Pod("caller"), Pod("far"), Pod("agent-0")];
    let mut questions = cross(&sources, &[Target::Node(0, 9000)], &Family::BOTH);
    questions.extend(cross(&[Loopback(0)], &[Target::Node(0, 9000)], &[Family::V4]));
    // A port that nobody takes, and a Service beside.
    questions.extend(cross(&sources, &[Target::Node(0, 9001), ClusterIp("web")], &[Family::V4]));
    questions.extend(cross(&[Vm, Pod("caller")], &[NodePort("web", 0)], &[Family::V4]));
    Topology::new("host ports", cluster, questions)
}

fn echo_requests() -> Topology {
    let cluster = two_endpoints()
        .service("web", LoadBalancer, |service| service.spec.external_ips = vec!["203.0.113.200".into()])
        .service("idle", ClusterIP, |_| ())
        .bystander("far", 1);
    let sources = [Pod("caller"), Pod("far"), Pod("web-a"), Node(0), Node(1), Vm];
    let reached = [Target::Pod("web-a"), Target::Pod("far"), Target::Node(0, 0), Target::Vm];
    let services = [ClusterIp("web"), ClusterIp("idle"), Unallocated];
    let mut questions = pings(&sources, &reached, &Family::BOTH);
    questions.extend(pings(&sources, &services, &Family::BOTH));
    questions.extend(pings(&[Pod("caller"), Node(0)], &[Frontend("web"), External("web")], &[Family::V4]));
    Topology::new("echo requests", cluster, questions)
}
