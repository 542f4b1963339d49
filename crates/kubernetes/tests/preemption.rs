//! Who takes whose place, ports of nodes, and what pods say of pods in other namespaces.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expects")]

use kubernetes::{Settled, Unsettled, place};
use model::{
    Key, Model, Object,
    kubernetes::{
        Affinity, Binding, BindingTarget, Container, ContainerPort, IntOrString, LabelSelector, Namespace,
        Node, PodAffinity, PodAffinityTerm, PodDisruptionBudget, PodSpec, PriorityClass, Protocol,
        TopologySpreadConstraint, Workload,
    },
};
use std::{collections::BTreeMap, sync::Arc};

fn node(name: &str, cpu: &str, labels: &[(&str, &str)]) -> Object {
    let mut node = Node::default();
    node.metadata.name = name.into();
    node.metadata.labels.extend(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    for (key, amount) in [("cpu", cpu), ("memory", "16Gi"), ("pods", "20")] {
        node.status.allocatable.insert(key.into(), amount.into());
    }
    Object::Node(Arc::new(node))
}

fn workload(
    namespace: &str,
    name: &str,
    replicas: u32,
    cpu: &str,
    change: impl FnOnce(&mut PodSpec),
) -> Object {
    let mut workload = Workload::default();
    workload.metadata.name = name.into();
    workload.metadata.namespace = namespace.into();
    workload.spec.replicas = Some(replicas);
    workload.spec.template.metadata.labels.insert("app".into(), name.into());
    let mut container = Container { name: "c".into(), ..Container::default() };
    if !cpu.is_empty() {
        container.resources.requests.insert("cpu".into(), cpu.into());
    }
    workload.spec.template.spec.containers.push(container);
    change(&mut workload.spec.template.spec);
    Object::StatefulSet(Arc::new(workload))
}

fn class(name: &str, value: i32, default: bool, policy: Option<&str>) -> Object {
    let mut class = PriorityClass { value, global_default: default, ..PriorityClass::default() };
    class.metadata.name = name.into();
    class.preemption_policy = policy.map(str::to_owned);
    Object::PriorityClass(Arc::new(class))
}

fn cluster(objects: Vec<Object>) -> Model {
    let mut model = Model::default();
    for object in objects {
        model.put(object);
    }
    model
}

/// `name node` of each pod, in name order; `-` without a node.
fn places(settled: &Settled) -> String {
    let place = |pod: &model::kubernetes::Pod| match pod.spec.node_name.as_str() {
        "" => format!("{} -", pod.metadata.name),
        node => format!("{} {node}", pod.metadata.name),
    };
    settled.model.pods.values().map(|pod| place(pod)).collect::<Vec<_>>().join(", ")
}

fn reasons(settled: &Settled) -> Vec<String> {
    let reason = |entry: &Unsettled| match entry {
        Unsettled::Unschedulable { reason, .. } => Some(reason.to_string()),
        _ => None,
    };
    settled.unsettled.iter().filter_map(reason).collect()
}

/// Keeps every pod that has a node where it is, as after an edit.
fn bound(model: &Model) -> Model {
    let mut next = model.clone();
    for (key, pod) in &place(model).model.pods {
        if !pod.spec.node_name.is_empty() {
            let mut binding = Binding::default();
            binding.metadata.name = key.name.to_string();
            binding.metadata.namespace = key.namespace.to_string();
            binding.target = BindingTarget { name: pod.spec.node_name.clone(), ..BindingTarget::default() };
            next.put(Object::Binding(Arc::new(binding)));
        }
    }
    next
}

/// One pod, of a class.
fn urgent(cpu: &str, class: &'static str) -> Object {
    workload("default", "urgent", 1, cpu, |spec| spec.priority_class_name = class.into())
}

/// Pods that may have to go.
fn low(name: &str, replicas: u32, cpu: &str, class: &'static str) -> Object {
    workload("default", name, replicas, cpu, |spec| spec.priority_class_name = class.into())
}

/// None of an application's pods may be away.
fn budget(app: &str) -> Object {
    let mut budget = PodDisruptionBudget::default();
    budget.metadata.name = "keep".into();
    budget.metadata.namespace = "default".into();
    budget.spec.max_unavailable = Some(IntOrString::Int(0));
    let match_labels = BTreeMap::from([("app".into(), app.into())]);
    budget.spec.selector = Some(LabelSelector { match_labels, ..LabelSelector::default() });
    Object::PodDisruptionBudget(Arc::new(budget))
}

#[test]
fn who_takes_whose_place() {
    let classes = || {
        vec![
            class("high", 1000, false, None),
            class("mid", 500, false, None),
            class("shy", 1000, false, Some("Never")),
        ]
    };
    let one = || vec![node("n0", "2", &[])];
    let two = || vec![node("n0", "2", &[]), node("n1", "2", &[])];
    // What; the cluster at rest; who comes; where everybody is then.
    let cases: Vec<(&str, Vec<Object>, Object, &str)> = vec![
        (
            "the fewest pods with a lower priority go",
            [one(), vec![low("a", 2, "1", "")]].concat(),
            urgent("1", "high"),
            "a-0 n0, a-1 -, urgent-0 n0",
        ),
        (
            "nobody goes where the pod fits",
            [two(), vec![low("a", 2, "1", "")]].concat(),
            urgent("1", "high"),
            "a-0 n0, a-1 n1, urgent-0 n0",
        ),
        (
            "equals do not go",
            [one(), vec![low("a", 2, "1", "high")]].concat(),
            urgent("1", "high"),
            "a-0 n0, a-1 n0, urgent-0 -",
        ),
        (
            "preemptionPolicy Never waits",
            [one(), vec![low("a", 2, "1", "")]].concat(),
            urgent("1", "shy"),
            "a-0 n0, a-1 n0, urgent-0 -",
        ),
        (
            "the lowest priority goes first",
            [two(), vec![low("a", 1, "2", "mid"), low("b", 1, "2", "")]].concat(),
            urgent("2", "high"),
            "a-0 n0, b-0 -, urgent-0 n1",
        ),
        (
            "one that a budget protects goes only where no other will do",
            [two(), vec![low("a", 1, "2", ""), low("b", 1, "2", ""), budget("a")]].concat(),
            urgent("2", "high"),
            "a-0 n0, b-0 -, urgent-0 n1",
        ),
        (
            "and then it goes",
            [one(), vec![low("a", 1, "2", ""), budget("a")]].concat(),
            urgent("2", "high"),
            "a-0 -, urgent-0 n0",
        ),
        (
            "no preemption makes a node larger",
            [one(), vec![low("a", 1, "1", "")]].concat(),
            urgent("3", "high"),
            "a-0 n0, urgent-0 -",
        ),
        (
            "the default class counts for pods that name none",
            [one(), vec![class("usual", 2000, true, None), low("a", 2, "1", "")]].concat(),
            urgent("1", "high"),
            "a-0 n0, a-1 n0, urgent-0 -",
        ),
        (
            "a class of the system",
            [one(), vec![low("a", 2, "1", "high")]].concat(),
            urgent("1", "system-cluster-critical"),
            "a-0 n0, a-1 -, urgent-0 n0",
        ),
        (
            "nobody goes for a pod that no node would take",
            [two(), vec![low("a", 1, "2", "mid"), low("b", 1, "2", "")]].concat(),
            workload("default", "urgent", 1, "2", |spec| {
                spec.priority_class_name = "high".into();
                spec.node_selector.insert("only".into(), "n0".into());
            }),
            "a-0 n0, b-0 n1, urgent-0 -",
        ),
    ];
    for (what, before, comes, wanted) in cases {
        let mut model = bound(&cluster([classes(), before].concat()));
        model.put(comes);
        let settled = place(&model);
        assert_eq!(places(&settled), wanted, "{what}: {:?}", reasons(&settled));
        let waiting = settled.model.pods.values().filter(|pod| pod.spec.node_name.is_empty()).count();
        assert_eq!(reasons(&settled).len(), waiting, "{what}");
    }
}

#[test]
fn pods_that_are_given_with_a_node_stay_there() {
    let mut model = cluster(vec![node("n0", "2", &[]), class("high", 1000, false, None)]);
    let mut pod = model::kubernetes::Pod::default();
    pod.metadata.name = "given".into();
    pod.metadata.namespace = "default".into();
    pod.spec.node_name = "n0".into();
    let mut container = Container::default();
    container.resources.requests.insert("cpu".into(), "2".into());
    pod.spec.containers.push(container);
    model.put(Object::Pod(Arc::new(pod)));
    model.put(workload("default", "urgent", 1, "1", |spec| spec.priority = Some(9)));
    assert_eq!(places(&place(&model)), "given n0, urgent-0 -");
}

#[test]
fn a_port_of_a_node_is_for_one_pod() {
    let port = |host_port, host_ip: &str, protocol| ContainerPort {
        container_port: 80,
        host_port,
        host_ip: host_ip.into(),
        protocol,
        ..ContainerPort::default()
    };
    let asks = |name: &str, host_network, port: ContainerPort| {
        workload("default", name, 1, "", |spec| {
            spec.host_network = host_network;
            spec.containers[0].ports.push(port);
        })
    };
    let (tcp, udp) = (Protocol::Tcp, Protocol::Udp);
    for (first, second, wanted) in [
        (asks("a", false, port(80, "", tcp)), asks("b", false, port(80, "", tcp)), "a-0 n0, b-0 -"),
        (asks("a", false, port(80, "", tcp)), asks("b", false, port(80, "", udp)), "a-0 n0, b-0 n0"),
        (asks("a", false, port(80, "", tcp)), asks("b", false, port(81, "", tcp)), "a-0 n0, b-0 n0"),
        (asks("a", false, port(0, "", tcp)), asks("b", false, port(0, "", tcp)), "a-0 n0, b-0 n0"),
        (
            asks("a", false, port(80, "10.0.0.4", tcp)),
            asks("b", false, port(80, "10.0.0.5", tcp)),
            "a-0 n0, b-0 n0",
        ),
        (
            asks("a", false, port(80, "10.0.0.4", tcp)),
            asks("b", false, port(80, "0.0.0.0", tcp)),
            "a-0 n0, b-0 -",
        ),
        // In the node's own network a container's port is the node's.
        (asks("a", true, port(0, "", tcp)), asks("b", false, port(80, "", tcp)), "a-0 n0, b-0 -"),
    ] {
        let settled = place(&cluster(vec![node("n0", "8", &[]), first, second]));
        assert_eq!(places(&settled), wanted);
        for reason in reasons(&settled) {
            let words = "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
            assert_eq!(reason, words);
        }
    }
}

#[test]
fn spread_over_so_many_domains_at_least() {
    let spread = |min_domains: Option<u32>| {
        workload("default", "a", 4, "", move |spec| {
            spec.topology_spread_constraints.push(TopologySpreadConstraint {
                max_skew: 1,
                topology_key: "zone".into(),
                label_selector: Some(LabelSelector {
                    match_labels: BTreeMap::from([("app".into(), "a".into())]),
                    ..LabelSelector::default()
                }),
                min_domains,
                ..TopologySpreadConstraint::default()
            });
        })
    };
    let zones = || vec![node("n0", "8", &[("zone", "1")]), node("n1", "8", &[("zone", "2")])];
    for (least, wanted) in [
        (None, "a-0 n0, a-1 n1, a-2 n0, a-3 n1"),
        (Some(2), "a-0 n0, a-1 n1, a-2 n0, a-3 n1"),
        // With a zone too few, every zone may have one pod and no more.
        (Some(3), "a-0 n0, a-1 n1, a-2 -, a-3 -"),
    ] {
        let settled = place(&cluster([zones(), vec![spread(least)]].concat()));
        assert_eq!(places(&settled), wanted, "{least:?}");
    }
}

#[test]
fn pods_of_other_namespaces_are_kept_away_from_by_their_labels() {
    let namespace = |name: &str, team: &str| {
        let mut namespace = Namespace::default();
        namespace.metadata.name = name.into();
        namespace.metadata.labels.insert("team".into(), team.into());
        Object::Namespace(Arc::new(namespace))
    };
    let select = |key: &str, value: &str| LabelSelector {
        match_labels: BTreeMap::from([(key.to_owned(), value.to_owned())]),
        ..LabelSelector::default()
    };
    let shy = |namespaces: &[&str], selector: Option<LabelSelector>| {
        let namespaces = namespaces.iter().map(ToString::to_string).collect();
        workload("here", "shy", 1, "", move |spec| {
            let term = PodAffinityTerm {
                label_selector: Some(select("app", "loud")),
                namespaces,
                namespace_selector: selector,
                topology_key: "kubernetes.io/hostname".into(),
            };
            spec.affinity = Some(Affinity {
                pod_anti_affinity: Some(PodAffinity { required: vec![term], ..PodAffinity::default() }),
                ..Affinity::default()
            });
        })
    };
    // `loud` runs in namespace `there`, of team `a`.
    for (namespaces, selector, kept_away) in [
        (&[][..], None, false),
        (&["there"], None, true),
        (&[], Some(select("team", "a")), true),
        (&[], Some(select("team", "b")), false),
        (&["elsewhere"], Some(select("team", "a")), true),
        (&[], Some(LabelSelector::default()), true),
        (&[], Some(select("kubernetes.io/metadata.name", "there")), true),
    ] {
        let settled = place(&cluster(vec![
            node("n0", "8", &[]),
            namespace("there", "a"),
            workload("there", "loud", 1, "", |spec| spec.priority = Some(1)),
            shy(namespaces, selector.clone()),
        ]));
        let shy = &settled.model.pods[&Key::new("here", "shy-0")];
        assert_eq!(shy.spec.node_name.is_empty(), kept_away, "{namespaces:?} {selector:?}");
    }
}
