//! Hints of `service.kubernetes.io/topology-mode: Auto`, as k8s.io/endpointslice's `topologycache` gives them.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expects")]

use kubernetes::settle;
use model::{
    Model, Object,
    kubernetes::{Condition, Node, Pod, Service, ServicePort, TrafficDistribution},
};
use std::{collections::BTreeMap, sync::Arc};

/// Zones, the CPUs of the node in each, and how many ready pods run there; `-` is no zone.
fn hints(zones: &[(&str, &str, usize)], change: impl Fn(&mut Service)) -> Option<Vec<String>> {
    let mut model = Model::default();
    for (at, (zone, cpu, pods)) in zones.iter().enumerate() {
        let mut node = Node::default();
        node.metadata.name = format!("n{at}");
        if *zone != "-" {
            node.metadata.labels.insert("topology.kubernetes.io/zone".into(), (*zone).to_owned());
        }
        if !cpu.is_empty() {
            node.status.allocatable.insert("cpu".into(), (*cpu).to_owned());
        }
        model.put(Object::Node(Arc::new(node)));
        for number in 0..*pods {
            let mut pod = Pod::default();
            pod.metadata.name = format!("p{at}-{number}");
            pod.metadata.namespace = "default".into();
            pod.metadata.labels.insert("app".into(), "web".into());
            pod.spec.node_name = format!("n{at}");
            pod.status.pod_ip = format!("10.244.{at}.{}", number + 10);
            pod.status.conditions = vec![Condition::ready(true)];
            model.put(Object::Pod(Arc::new(pod)));
        }
    }
    let mut service = Service::default();
    service.metadata.name = "web".into();
    service.metadata.namespace = "default".into();
    service.spec.selector = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
    service.spec.ports = vec![ServicePort { port: 80, ..ServicePort::default() }];
    let mode = "service.kubernetes.io/topology-mode".to_owned();
    service.metadata.annotations.insert(mode, "Auto".to_owned());
    change(&mut service);
    model.put(Object::Service(Arc::new(service)));
    let settled = settle(&model).model;
    let slice = settled.endpoint_slices.values().next().expect("a slice");
    slice
        .endpoints
        .iter()
        .map(|endpoint| {
            let hints = endpoint.hints.as_ref()?;
            Some(hints.for_zones.iter().map(|zone| zone.name.as_str()).collect::<Vec<_>>().join(","))
        })
        .collect()
}

#[test]
fn endpoints_are_shared_out_by_the_cpus_of_the_zones() {
    for (zones, expected) in [
        (vec![("a", "4", 2), ("b", "4", 2)], Some("a a b b")),
        (vec![("a", "4", 1), ("b", "4", 1), ("c", "4", 1)], Some("a b c")),
        // Zone b has half of the CPUs and no pod: it is given two.
        (vec![("a", "4", 4), ("b", "4", 0)], Some("b b a a")),
        (vec![("a", "4000m", 3), ("b", "4", 1)], Some("b a a b")),
        // A third of the CPUs, and 2 of 6 pods.
        (vec![("a", "8", 4), ("b", "4", 2)], Some("a a a a b b")),
        // Fewer endpoints than zones.
        (vec![("a", "4", 1), ("b", "4", 1), ("c", "4", 0)], None),
        // Each zone would need two of three: more than 20 % above its share.
        (vec![("a", "4", 2), ("b", "4", 1)], None),
        // One zone, no zone, no CPUs.
        (vec![("a", "4", 2), ("a", "4", 2)], None),
        (vec![("a", "4", 2), ("b", "4", 2), ("-", "4", 0)], None),
        (vec![("a", "4", 2), ("b", "", 2)], None),
    ] {
        let got = hints(&zones, |_| {}).map(|own| own.join(" "));
        assert_eq!(got.as_deref(), expected, "{zones:?}");
    }
}

#[test]
fn which_annotation_counts() {
    let zones = [("a", "4", 4), ("b", "4", 0)];
    let (mode, older) = ("service.kubernetes.io/topology-mode", "service.kubernetes.io/topology-aware-hints");
    let close = Some(TrafficDistribution::PreferClose);
    for (annotations, distribution, expected) in [
        (vec![(mode, "Auto")], None, Some("b b a a")),
        (vec![(mode, "auto")], None, Some("b b a a")),
        (vec![(older, "auto")], None, Some("b b a a")),
        // The older one is looked at first.
        (vec![(older, "Disabled"), (mode, "Auto")], None, None),
        (vec![(mode, "Disabled")], None, None),
        (vec![], None, None),
        (vec![], close, Some("a a a a")),
        // The annotation wins.
        (vec![(mode, "Auto")], close, Some("b b a a")),
    ] {
        let got = hints(&zones, |service| {
            service.spec.traffic_distribution = distribution;
            service.metadata.annotations.clear();
            for (name, value) in &annotations {
                service.metadata.annotations.insert((*name).to_owned(), (*value).to_owned());
            }
        });
        assert_eq!(got.map(|own| own.join(" ")).as_deref(), expected, "{annotations:?} {distribution:?}");
    }
}
