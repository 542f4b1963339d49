//! What holds of the placement of pods in any cluster.

use super::{apps, asks, host};
use kubernetes::{Unsettled, place, scheduler::refusal, settle};
use model::{
    Kind, Model, NodeName, Object, ObjectRef,
    kubernetes::{
        Affinity, Container, ContainerPort, Effect, Node, Pod, PodAffinity, PodAffinityTerm, Quantity, Taint,
        Toleration, TolerationOperator, TopologySpreadConstraint, WhenUnsatisfiable, Workload,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn taint() -> impl Strategy<Value = Taint> {
    let effect = select(vec![Effect::NoSchedule, Effect::PreferNoSchedule, Effect::NoExecute]);
    (select(vec!["x", "y"]), effect).prop_map(|(key, effect)| Taint {
        key: key.into(),
        value: String::new(),
        effect,
    })
}

prop_compose! {
    fn any_node()(
        taints in vec(taint(), 0..2),
        cordoned in prop::bool::weighted(0.1),
        zone in option::of(select(vec!["1", "2", "3"])),
        size in option::of((1_u32..5, 1_u32..8)),
    ) -> Node {
        let mut node = Node::default();
        node.spec.taints = taints;
        node.spec.unschedulable = cordoned;
        node.metadata.labels.extend(zone.map(|zone| ("zone".to_owned(), zone.to_owned())));
        if let Some((cpu, pods)) = size {
            for (name, amount) in [("cpu", cpu.to_string()), ("memory", format!("{cpu}Gi")), ("pods", pods.to_string())] {
                node.status.allocatable.insert(name.to_owned(), amount);
            }
        }
        node
    }
}

prop_compose! {
    fn any_workload()(
        replicas in 0_u32..8,
        cpu in option::of(select(vec!["100m", "500m", "1500m", "9"])),
        tolerates in option::of(select(vec!["x", "y", ""])),
        zone in option::of(select(vec!["1", "2"])),
        spread in option::of((select(vec!["zone", "kubernetes.io/hostname"]), 1_u32..3, any::<bool>())),
        anti in option::of((select(vec!["w0", "w1"]), select(vec!["zone", "kubernetes.io/hostname"]))),
        close in option::of((select(vec!["w0", "w1"]), select(vec!["zone", "kubernetes.io/hostname"]))),
        min_domains in option::of(1_u32..4),
        host_port in option::of(select(vec![80_u16, 81])),
        kind in 0_u8..3,
    ) -> (u8, Workload) {
        let mut workload = Workload::default();
        workload.spec.replicas = Some(replicas);
        if let Some(cpu) = cpu {
            asks(&mut workload, "cpu", cpu);
        }
        let spec = &mut workload.spec.template.spec;
        spec.tolerations.extend(tolerates.map(|key| Toleration {
            key: key.into(),
            operator: TolerationOperator::Exists,
            ..Toleration::default()
        }));
        spec.node_selector.extend(zone.map(|zone| ("zone".to_owned(), zone.to_owned())));
        spec.topology_spread_constraints.extend(spread.map(|(key, max_skew, hard)| TopologySpreadConstraint {
            max_skew,
            topology_key: key.into(),
            when_unsatisfiable: if hard { WhenUnsatisfiable::DoNotSchedule } else { WhenUnsatisfiable::ScheduleAnyway },
            label_selector: Some(apps("w0")),
            // The API server allows it with hard constraints only.
            min_domains: min_domains.filter(|_| hard),
            ..TopologySpreadConstraint::default()
        }));
        spec.containers.extend(host_port.map(|host_port| Container {
            ports: vec![ContainerPort { container_port: 80, host_port, ..ContainerPort::default() }],
            ..Container::default()
        }));
        let term = |(app, key): (&str, &str)| PodAffinity {
            required: vec![PodAffinityTerm { topology_key: key.into(), ..host(app) }],
            ..PodAffinity::default()
        };
        spec.affinity = Some(Affinity {
            node_affinity: None,
            pod_affinity: close.map(term),
            pod_anti_affinity: anti.map(term),
        });
        (kind, workload)
    }
}

prop_compose! {
    fn any_cluster()(nodes in vec(any_node(), 0..6), workloads in vec(any_workload(), 1..4)) -> Model {
        let mut model = Model::default();
        for (index, mut node) in nodes.into_iter().enumerate() {
            node.metadata.name = format!("n{index}");
            model.put(Object::Node(Arc::new(node)));
        }
        for (index, (kind, mut workload)) in workloads.into_iter().enumerate() {
            workload.metadata.name = format!("w{index}");
            workload.metadata.namespace = "default".into();
            workload.spec.template.metadata.labels.insert("app".into(), format!("w{index}"));
            let workload = Arc::new(workload);
            model.put(match kind {
                0 => Object::Deployment(workload),
                1 => Object::StatefulSet(workload),
                _ => Object::DaemonSet(workload),
            });
        }
        model
    }
}

fn domain<'a>(model: &'a Model, node: &'a str, key: &str) -> Option<&'a str> {
    let found = &model.nodes[&NodeName::from(node)];
    found.metadata.label(key).or((key == "kubernetes.io/hostname").then_some(node))
}

/// What hard constraint the placement of a pod breaks, worked out from the whole cluster at rest. Affinity between
/// pods is checked where it cannot be undone by pods that came later.
fn broken(model: &Model, pod: &Pod) -> Option<String> {
    let node = pod.spec.node_name.as_str();
    let on = &model.nodes[&NodeName::from(node)];
    if let Some(refusal) = refusal(pod, on) {
        return Some(refusal.to_string());
    }
    let placed: Vec<&Arc<Pod>> = model.pods.values().filter(|pod| !pod.spec.node_name.is_empty()).collect();
    let here: Vec<_> = placed.iter().filter(|other| other.spec.node_name == node).collect();
    if let Some(most) = on.status.allocatable.get("pods") {
        let most: usize = most.parse().expect("a number");
        if here.len() > most {
            return Some("Too many pods".into());
        }
        let asked: u64 = here
            .iter()
            .flat_map(|pod| &pod.spec.containers)
            .filter_map(|container| container.resources.requests.get("cpu"))
            .map(|text| text.parse::<Quantity>().expect("a quantity").as_milli())
            .sum();
        if asked > on.status.allocatable["cpu"].parse::<Quantity>().expect("a quantity").as_milli() {
            return Some("Insufficient cpu".into());
        }
    }
    let ports = |pod: &Pod| -> Vec<u16> {
        let ports = pod.spec.containers.iter().flat_map(|container| &container.ports);
        ports.map(|port| port.host_port).filter(|port| *port > 0).collect()
    };
    let mut taken = BTreeSet::new();
    if here.iter().flat_map(|pod| ports(pod)).any(|port| !taken.insert(port)) {
        return Some("two pods have one port of the node".into());
    }
    if let Some(uneven) = uneven(model, pod, &placed) {
        return Some(uneven);
    }
    let affinity = pod.spec.affinity.as_ref()?;
    for term in affinity.pod_anti_affinity.iter().flat_map(|anti| &anti.required) {
        let selector = term.label_selector.as_ref().expect("a selector");
        let own = domain(model, node, &term.topology_key);
        let close = placed.iter().find(|other| {
            other.metadata.name != pod.metadata.name
                && selector.matches(&other.metadata.labels)
                && own.is_some()
                && domain(model, &other.spec.node_name, &term.topology_key) == own
        });
        if let Some(close) = close {
            return Some(format!("close to {}", close.metadata.name));
        }
    }
    for term in affinity.pod_affinity.iter().flat_map(|close| &close.required) {
        let selector = term.label_selector.as_ref().expect("a selector");
        let own = domain(model, node, &term.topology_key);
        // The pod itself counts where it is of its own group: it may have been the first.
        let found = placed.iter().any(|other| {
            selector.matches(&other.metadata.labels)
                && domain(model, &other.spec.node_name, &term.topology_key) == own
        });
        if own.is_none() || !found {
            return Some("far from its company".into());
        }
    }
    None
}

/// A hard spread constraint that a pod breaks. Where the constraint counts the pod itself, every pod that it counts
/// was placed under it, and the domain with the fewest only grew: it holds at rest, too.
fn uneven(model: &Model, pod: &Pod, placed: &[&Arc<Pod>]) -> Option<String> {
    for constraint in &pod.spec.topology_spread_constraints {
        let selector = constraint.label_selector.as_ref().expect("a selector");
        let hard = constraint.when_unsatisfiable == WhenUnsatisfiable::DoNotSchedule;
        if !hard || !selector.matches(&pod.metadata.labels) {
            continue;
        }
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for (name, node) in &model.nodes {
            let fits = |(key, value): (&String, &String)| node.metadata.labels.get(key) == Some(value);
            let Some(domain) = domain(model, name.as_str(), &constraint.topology_key) else { continue };
            if pod.spec.node_selector.iter().all(fits) {
                let here = placed.iter().filter(|other| {
                    other.spec.node_name == name.as_str() && selector.matches(&other.metadata.labels)
                });
                *counts.entry(domain).or_default() += u32::try_from(here.count()).expect("a few");
            }
        }
        let few = counts.len() < constraint.min_domains.unwrap_or(1) as usize;
        let fewest = if few { 0 } else { counts.values().copied().min().unwrap_or_default() };
        let own = domain(model, &pod.spec.node_name, &constraint.topology_key);
        let there = own.and_then(|own| counts.get(own)).copied();
        if there.is_none_or(|there| there > fewest + constraint.max_skew) {
            return Some(format!("uneven over {}: {counts:?}", constraint.topology_key));
        }
    }
    None
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_placement_breaks_a_hard_constraint_and_no_pod_waits_without_reasons(model in any_cluster()) {
        let settled = place(&model);
        for (key, pod) in settled.model.pods.iter().filter(|(_, pod)| !pod.spec.node_name.is_empty()) {
            let broken = broken(&settled.model, pod);
            prop_assert_eq!(&broken, &None, "{} on {}", key, pod.spec.node_name);
        }
        let waiting: BTreeSet<ObjectRef> = settled
            .model
            .pods
            .iter()
            .filter(|(_, pod)| pod.spec.node_name.is_empty())
            .map(|(key, _)| ObjectRef::namespaced(Kind::Pod, key))
            .collect();
        let told: BTreeSet<ObjectRef> = settled
            .unsettled
            .iter()
            .filter_map(|entry| match entry {
                Unsettled::Unschedulable { pod, .. } => Some(pod.clone()),
                _ => None,
            })
            .collect();
        prop_assert_eq!(waiting, told);
        for entry in &settled.unsettled {
            let Unsettled::Unschedulable { pod, reason } = entry else { continue };
            let nodes: Vec<&NodeName> = reason.nodes.iter().map(|(node, _)| node).collect();
            prop_assert_eq!(nodes, settled.model.nodes.keys().collect::<Vec<_>>(), "{}", pod);
            prop_assert!(reason.nodes.iter().all(|(_, refusals)| !refusals.is_empty()), "{}: {:?}", pod, reason);
        }
    }

    #[test]
    fn the_same_model_gives_the_same_placement(model in any_cluster()) {
        let once = settle(&model);
        prop_assert_eq!(&settle(&model), &once);
        // Pods that were placed stay when everything is settled again.
        let again = settle(&once.model).model;
        for (key, pod) in once.model.pods.iter().filter(|(_, pod)| !pod.spec.node_name.is_empty()) {
            prop_assert_eq!(&again.pods[key].spec.node_name, &pod.spec.node_name, "{}", key);
        }
    }
}
