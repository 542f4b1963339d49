//! What the API server and the controllers fill in.

mod cluster;

use TolerationOperator::{Equal, Exists};
use cluster::{dual_stack, node, pod, service};
use kubernetes::{Field, Unsettled, settle};
use model::{
    Key, Kind, Model, NodeName, Object, ObjectRef,
    azure::ManagedCluster,
    kubernetes::{
        Address, AddressKind, Condition, Container, ContainerPort, Effect, Endpoint, EndpointSlice,
        IntOrString, Node, Pod, Protocol, Service, ServicePort, ServiceType, Taint, Toleration,
        TolerationOperator, TrafficPolicy,
    },
};
use std::{collections::BTreeSet, sync::Arc};

fn two_nodes() -> Model {
    let mut model = Model::default();
    node(&mut model, "a", |_| {});
    node(&mut model, "b", |_| {});
    model
}

fn get<'a>(model: &'a Model, name: &str) -> &'a Service {
    &model.services[&Key::new("default", name)]
}

fn get_pod<'a>(model: &'a Model, name: &str) -> &'a Pod {
    &model.pods[&Key::new("default", name)]
}

fn slices<'a>(model: &'a Model, service: &str) -> Vec<&'a EndpointSlice> {
    model
        .endpoint_slices
        .values()
        .map(|slice| &**slice)
        .filter(|slice| slice.service() == Some(service))
        .collect()
}

fn set_address(node: &mut Node, ip: &str) {
    node.status.addresses.push(Address { kind: AddressKind::InternalIP, address: ip.into() });
}

#[test]
fn what_is_settled_stays_as_it_is_and_is_shared() {
    let once = settle(&dual_stack());
    let twice = settle(&once.model);
    assert_eq!(twice.allocated, []);
    assert_eq!(once.model, twice.model);
    let shared = once.model.pods.values().zip(twice.model.pods.values()).all(|(a, b)| Arc::ptr_eq(a, b));
    assert!(shared, "pods were copied");
    let shared =
        once.model.services.values().zip(twice.model.services.values()).all(|(a, b)| Arc::ptr_eq(a, b));
    assert!(shared, "services were copied");
}

#[test]
fn nodes_get_addresses_and_ranges_in_name_order_around_those_that_are_given() {
    let mut model = two_nodes();
    node(&mut model, "c", |node| {
        node.spec.pod_cidr = "10.244.0.0/24".into();
        set_address(node, "10.224.0.5");
    });
    let model = settle(&model).model;
    let expected = [
        ("a", "10.244.1.0/24", "10.224.0.4"),
        ("b", "10.244.2.0/24", "10.224.0.6"),
        ("c", "10.244.0.0/24", "10.224.0.5"),
    ];
    for (name, range, ip) in expected {
        let node = &model.nodes[&NodeName::from(name)];
        assert_eq!(node.spec.pod_cidr, range, "{name}");
        assert_eq!(node.internal_ips().next().map(|ip| ip.to_string()).as_deref(), Some(ip), "{name}");
    }
}

#[test]
fn a_cluster_range_that_is_used_up_is_reported() {
    let mut model = two_nodes();
    let mut cluster = ManagedCluster::default();
    cluster.network_profile.pod_cidr = Some("10.9.0.0/24".into());
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    let settled = settle(&model);
    let object = ObjectRef::node(&"b".into());
    assert_eq!(settled.unsettled, [Unsettled::Exhausted { object, field: Field::PodCidrs }]);
    assert_eq!(settled.unsettled[0].to_string(), "Node b: nothing is left for spec.podCIDRs");
}

#[test]
fn pods_get_an_address_of_their_node() {
    let mut model = two_nodes();
    pod(&mut model, "plain", "x", "b", |_| {});
    pod(&mut model, "host", "x", "b", |pod| pod.spec.host_network = true);
    pod(&mut model, "given", "x", "b", |pod| pod.status.pod_ip = "10.244.9.9".into());
    pod(&mut model, "done", "x", "b", |pod| pod.status.phase = Some("Succeeded".into()));
    pod(&mut model, "pending", "x", "b", |pod| pod.status.phase = Some("Pending".into()));
    pod(&mut model, "lost", "x", "z", |_| {});
    let settled = settle(&model);
    let ip = |name| get_pod(&settled.model, name).status.pod_ip.as_str();
    assert!(ip("plain").starts_with("10.244.1."), "{}", ip("plain"));
    for (name, expected) in
        [("host", "10.224.0.5"), ("given", "10.244.9.9"), ("done", ""), ("pending", ""), ("lost", "")]
    {
        assert_eq!(ip(name), expected, "{name}");
    }
    let lost = ObjectRef::namespaced(Kind::Pod, &Key::new("default", "lost"));
    assert_eq!(settled.unsettled, [Unsettled::NodeMissing { pod: lost, node: "z".into() }]);
}

#[test]
fn every_address_of_a_full_range_is_given_once() {
    let mut model = two_nodes();
    for i in 0..260 {
        pod(&mut model, &format!("pod-{i}"), "x", "a", |_| {});
    }
    let settled = settle(&model);
    let ips: BTreeSet<_> =
        settled.model.pods.values().flat_map(|pod| pod.ips().collect::<Vec<_>>()).collect();
    // 256 less network, gateway and broadcast.
    assert_eq!(ips.len(), 253);
    assert_eq!(settled.unsettled.len(), 7);
}

#[test]
fn one_object_more_leaves_the_others_as_they_were() {
    let mut model = two_nodes();
    for i in 0..20 {
        pod(&mut model, &format!("pod-{i}"), "x", "a", |_| {});
        service(&mut model, &format!("service-{i}"), ServiceType::NodePort, |_| {});
    }
    let before = settle(&model).model;
    pod(&mut model, "zz", "x", "a", |_| {});
    service(&mut model, "zz", ServiceType::NodePort, |_| {});
    let after = settle(&model).model;
    for (key, pod) in &before.pods {
        assert_eq!(after.pods.get(key), Some(pod));
    }
    for (key, service) in &before.services {
        assert_eq!(after.services.get(key), Some(service));
    }
}

#[test]
fn services_get_what_their_type_needs() {
    // name, type, and whether it gets: cluster IP, node port, health-check node port
    let cases = [
        ("cluster", ServiceType::ClusterIP, None, (true, false, false)),
        ("node", ServiceType::NodePort, None, (true, true, false)),
        ("lb", ServiceType::LoadBalancer, None, (true, true, false)),
        ("lb-local", ServiceType::LoadBalancer, Some(TrafficPolicy::Local), (true, true, true)),
        ("node-local", ServiceType::NodePort, Some(TrafficPolicy::Local), (true, true, false)),
        ("external", ServiceType::ExternalName, None, (false, false, false)),
    ];
    for (name, kind, policy, expected) in cases {
        let mut model = two_nodes();
        service(&mut model, name, kind, |service| service.spec.external_traffic_policy = policy);
        let settled = settle(&model).model;
        let spec = &get(&settled, name).spec;
        let got =
            (!spec.cluster_ip.is_empty(), spec.ports[0].node_port != 0, spec.health_check_node_port != 0);
        assert_eq!(got, expected, "{name}: {spec:?}");
        assert_eq!(get(&settled, name).metadata.uid.len(), 36);
    }
}

#[test]
fn allocation_keeps_to_the_ranges_and_never_gives_twice() {
    let mut model = two_nodes();
    for i in 0..600 {
        service(&mut model, &format!("s{i}"), ServiceType::LoadBalancer, |service| {
            service.spec.external_traffic_policy = Some(TrafficPolicy::Local);
        });
    }
    service(&mut model, "fixed", ServiceType::NodePort, |service| {
        service.spec.cluster_ip = "10.0.7.7".into();
        service.spec.ports[0].node_port = 30_100;
    });
    let settled = settle(&model).model;
    let mut ips = BTreeSet::new();
    let mut ports = BTreeSet::new();
    for service in settled.services.values() {
        let spec = &service.spec;
        assert!(spec.cluster_ip.starts_with("10.0."), "{}", spec.cluster_ip);
        assert_eq!(spec.cluster_ips, std::slice::from_ref(&spec.cluster_ip));
        assert!(ips.insert(spec.cluster_ip.clone()), "{} twice", spec.cluster_ip);
        for port in
            [spec.ports[0].node_port, spec.health_check_node_port].into_iter().filter(|port| *port != 0)
        {
            assert!((30_000..=32_767).contains(&port), "{port}");
            assert!(ports.insert(port), "{port} twice");
        }
    }
    assert!(!ips.contains("10.0.0.1") && !ips.contains("10.0.0.10"));
    assert_eq!(get(&settled, "fixed").spec.ports[0].node_port, 30_100);
}

#[test]
fn load_balancers_without_node_ports_and_twin_ports() {
    let mut model = two_nodes();
    service(&mut model, "bare", ServiceType::LoadBalancer, |service| {
        service.spec.allocate_load_balancer_node_ports = Some(false);
    });
    service(&mut model, "dns", ServiceType::NodePort, |service| {
        let port = |protocol| ServicePort {
            name: protocol_name(protocol),
            port: 53,
            protocol,
            ..ServicePort::default()
        };
        service.spec.ports = vec![port(Protocol::Tcp), port(Protocol::Udp)];
    });
    let settled = settle(&model).model;
    assert_eq!(get(&settled, "bare").spec.ports[0].node_port, 0);
    let ports = &get(&settled, "dns").spec.ports;
    assert_eq!(ports[0].node_port, ports[1].node_port, "TCP and UDP 53 share a node port");
}

fn protocol_name(protocol: Protocol) -> String {
    protocol.lower().into()
}

#[test]
fn dual_stack_services_get_an_address_of_each_family() {
    let model = settle(&dual_stack()).model;
    let spec = &get(&model, "plain").spec;
    assert!(spec.cluster_ips[0].starts_with("10.0."), "{:?}", spec.cluster_ips);
    assert!(spec.cluster_ips[1].starts_with("fd12:3456:789a:1::"), "{:?}", spec.cluster_ips);
    assert_eq!(get(&model, "dns").spec.cluster_ips.len(), 1);
    assert_eq!(get(&model, "headless").spec.cluster_ip, "None");
}

fn taint(text: &str, effect: Effect) -> Taint {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    Taint { key: key.into(), value: value.into(), effect }
}

#[test]
fn pods_are_bound_to_nodes_that_accept_them() {
    let tolerate = |key: &str, operator, value: &str, effect| Toleration {
        key: key.into(),
        operator,
        value: value.into(),
        effect,
        ..Toleration::default()
    };
    let gpu = || taint("gpu=yes", Effect::NoSchedule);
    // taint of node a, whether it is cordoned, the pod's toleration, the node that it is bound to
    let cases = [
        ("nothing", None, false, None, "a"),
        ("taint", Some(gpu()), false, None, "b"),
        ("equal", Some(gpu()), false, Some(tolerate("gpu", Equal, "yes", None)), "a"),
        ("other value", Some(gpu()), false, Some(tolerate("gpu", Equal, "no", None)), "b"),
        ("exists", Some(gpu()), false, Some(tolerate("gpu", Exists, "", Some(Effect::NoSchedule))), "a"),
        ("other effect", Some(gpu()), false, Some(tolerate("gpu", Exists, "", Some(Effect::NoExecute))), "b"),
        ("everything", Some(taint("x", Effect::NoExecute)), false, Some(tolerate("", Exists, "", None)), "a"),
        ("no execute", Some(taint("x", Effect::NoExecute)), false, None, "b"),
        ("soft", Some(taint("x", Effect::PreferNoSchedule)), false, None, "b"),
        ("cordon", None, true, None, "b"),
    ];
    for (name, taint, cordoned, toleration, expected) in cases {
        let mut model = Model::default();
        node(&mut model, "a", |node| {
            node.spec.taints.extend(taint);
            node.spec.unschedulable = cordoned;
        });
        node(&mut model, "b", |_| {});
        // Node b is busier, so only a refusal leads there.
        pod(&mut model, "busy", "x", "b", |_| {});
        pod(&mut model, "new", "x", "", |pod| pod.spec.tolerations.extend(toleration));
        assert_eq!(get_pod(&settle(&model).model, "new").spec.node_name, expected, "{name}");
    }
}

#[test]
fn a_pod_that_fits_nowhere_stays_pending_and_says_why() {
    let mut model = Model::default();
    node(&mut model, "a", |node| node.spec.unschedulable = true);
    node(&mut model, "b", |node| node.spec.taints.push(taint("gpu=yes", Effect::NoSchedule)));
    pod(&mut model, "new", "x", "", |_| {});
    let settled = settle(&model);
    assert_eq!(get_pod(&settled.model, "new").status.phase.as_deref(), Some("Pending"));
    assert_eq!(
        settled.unsettled[0].to_string(),
        "Pod default/new stays pending: 0/2 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable. preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    );
}

#[test]
fn pods_spread_over_nodes() {
    let mut model = two_nodes();
    for i in 0..7 {
        pod(&mut model, &format!("pod-{i}"), "x", "", |_| {});
    }
    let model = settle(&model).model;
    let on = |node: &str| model.pods.values().filter(|pod| pod.spec.node_name == node).count();
    assert_eq!((on("a"), on("b")), (4, 3));
}

fn endpoint_of(change: impl FnOnce(&mut Pod), publish: bool) -> Option<(bool, bool, bool)> {
    let mut model = two_nodes();
    pod(&mut model, "one", "echo", "a", change);
    service(&mut model, "s", ServiceType::ClusterIP, |service| {
        service.spec.publish_not_ready_addresses = publish;
    });
    let model = settle(&model).model;
    let slice = slices(&model, "s")[0].clone();
    let conditions = slice.endpoints.first()?.conditions;
    Some((conditions.ready?, conditions.serving?, conditions.terminating?))
}

#[test]
fn the_state_of_a_pod_becomes_the_state_of_its_endpoint() {
    let ready = |ready| move |pod: &mut Pod| pod.status.conditions.push(Condition::ready(ready));
    let terminating = |is_ready| {
        move |pod: &mut Pod| {
            pod.status.conditions.push(Condition::ready(is_ready));
            pod.metadata.deletion_timestamp = Some("2026-01-01T00:00:00Z".into());
        }
    };
    let phase = |phase: &'static str| move |pod: &mut Pod| pod.status.phase = Some(phase.into());
    // (ready, serving, terminating)
    assert_eq!(endpoint_of(|_| {}, false), Some((true, true, false)), "no condition");
    assert_eq!(endpoint_of(ready(true), false), Some((true, true, false)), "ready");
    assert_eq!(endpoint_of(ready(false), false), Some((false, false, false)), "not ready");
    assert_eq!(endpoint_of(terminating(true), false), Some((false, true, true)), "draining");
    assert_eq!(endpoint_of(terminating(false), false), Some((false, false, true)), "drained");
    assert_eq!(endpoint_of(ready(false), true), Some((true, false, false)), "published not ready");
    assert_eq!(endpoint_of(terminating(true), true), Some((true, true, true)), "published draining");
    assert_eq!(endpoint_of(phase("Failed"), false), None, "failed");
    assert_eq!(endpoint_of(phase("Pending"), false), None, "pending");
    assert_eq!(endpoint_of(|pod| pod.spec.node_name = "z".into(), false), None, "node does not exist");
}

#[test]
fn slices_say_where_endpoints_are() {
    let mut model = two_nodes();
    node(&mut model, "c", |node| {
        node.metadata.labels.insert("topology.kubernetes.io/zone".into(), "westeurope-1".into());
    });
    pod(&mut model, "one", "echo", "c", |_| {});
    pod(&mut model, "other", "another", "c", |_| {});
    service(&mut model, "s", ServiceType::ClusterIP, |_| {});
    let model = settle(&model).model;
    let [slice] = slices(&model, "s")[..] else { panic!("one slice") };
    let [endpoint] = &slice.endpoints[..] else { panic!("one endpoint: {slice:?}") };
    let expected = Endpoint {
        addresses: vec![get_pod(&model, "one").status.pod_ip.clone()],
        conditions: endpoint.conditions,
        node_name: Some("c".into()),
        zone: Some("westeurope-1".into()),
        hostname: None,
        hints: None,
        target_ref: Some(ObjectRef::namespaced(Kind::Pod, &Key::new("default", "one"))),
    };
    assert_eq!(*endpoint, expected);
    assert_eq!((slice.ports[0].port, slice.ports[0].name.as_deref()), (Some(8080), Some("")));
}

#[test]
fn a_wish_for_near_endpoints_becomes_hints_of_the_ready_ones() {
    use model::kubernetes::TrafficDistribution::{self, PreferClose, PreferSameNode, PreferSameZone};
    let hints = |zone: Option<&str>, wish: Option<TrafficDistribution>, ready: bool| {
        let mut model = two_nodes();
        node(&mut model, "c", |node| {
            let label = zone.map(|zone| ("topology.kubernetes.io/zone".to_owned(), zone.to_owned()));
            node.metadata.labels.extend(label);
        });
        pod(&mut model, "one", "echo", "c", |pod| pod.status.conditions = vec![Condition::ready(ready)]);
        service(&mut model, "s", ServiceType::ClusterIP, |service| service.spec.traffic_distribution = wish);
        let model = settle(&model).model;
        let hints = slices(&model, "s")[0].endpoints[0].hints.clone()?;
        let zones: Vec<_> = hints.for_zones.into_iter().map(|zone| zone.name).collect();
        let nodes: Vec<_> = hints.for_nodes.into_iter().map(|node| node.name).collect();
        Some(format!("zones {zones:?}, nodes {nodes:?}"))
    };
    for (zone, wish, ready, wanted) in [
        (Some("z-1"), None, true, None),
        (Some("z-1"), Some(PreferClose), true, Some("zones [\"z-1\"], nodes []")),
        (Some("z-1"), Some(PreferSameZone), true, Some("zones [\"z-1\"], nodes []")),
        (Some("z-1"), Some(PreferSameNode), true, Some("zones [\"z-1\"], nodes [\"c\"]")),
        (None, Some(PreferSameNode), true, Some("zones [], nodes [\"c\"]")),
        (None, Some(PreferClose), true, None),
        (Some("z-1"), Some(PreferClose), false, None),
    ] {
        assert_eq!(hints(zone, wish, ready).as_deref(), wanted, "{zone:?} {wish:?} {ready}");
    }
}

#[test]
fn ports_by_name_are_looked_up_in_each_pod() {
    let mut model = two_nodes();
    let listens = |name: &str, number| {
        let port = ContainerPort { name: name.into(), container_port: number, ..ContainerPort::default() };
        Container { ports: vec![port], ..Container::default() }
    };
    pod(&mut model, "old", "echo", "a", |pod| pod.spec.containers.push(listens("web", 8080)));
    pod(&mut model, "new", "echo", "a", |pod| pod.spec.containers.push(listens("web", 9090)));
    pod(&mut model, "mute", "echo", "a", |pod| pod.spec.containers.push(listens("metrics", 9100)));
    service(&mut model, "s", ServiceType::ClusterIP, |service| {
        service.spec.ports[0].target_port = Some(IntOrString::String("web".into()));
    });
    let model = settle(&model).model;
    let ports: BTreeSet<_> = slices(&model, "s")
        .iter()
        .map(|slice| (slice.ports.first().map(|own| own.port), slice.endpoints.len()))
        .collect();
    // A pod without the port stands in a slice without ports.
    assert_eq!(ports, BTreeSet::from([(None, 1), (Some(Some(8080)), 1), (Some(Some(9090)), 1)]));
}

#[test]
fn a_slice_holds_a_hundred_endpoints() {
    let mut model = two_nodes();
    for i in 0..250 {
        pod(&mut model, &format!("pod-{i}"), "echo", "", |_| {});
    }
    service(&mut model, "s", ServiceType::ClusterIP, |_| {});
    let model = settle(&model).model;
    let mut sizes: Vec<_> = slices(&model, "s").iter().map(|slice| slice.endpoints.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 100, 100]);
}

#[test]
fn slices_that_are_given_are_used_alone() {
    let mut model = two_nodes();
    pod(&mut model, "one", "echo", "a", |_| {});
    service(&mut model, "s", ServiceType::ClusterIP, |_| {});
    service(&mut model, "by-hand", ServiceType::ClusterIP, |service| service.spec.selector.clear());
    let mut slice = EndpointSlice::default();
    slice.metadata.name = "s-by-hand".into();
    slice.metadata.namespace = "default".into();
    slice.metadata.labels.insert(EndpointSlice::SERVICE_LABEL.into(), "s".into());
    model.put(Object::EndpointSlice(Arc::new(slice)));
    let settled = settle(&model).model;
    assert_eq!(settled.endpoint_slices, model.endpoint_slices);
}
