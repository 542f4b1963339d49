//! The scheduler and the controllers that make pods: facts as tables; `laws` has what holds in any cluster.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expects")]

mod laws;

use kubernetes::{
    Owners, Settled, Unsettled,
    scheduler::{Refusal, refusal},
    settle,
};
use model::{
    Key, Model, Object,
    azure::ManagedCluster,
    kubernetes::{
        Affinity, Condition, Container, Effect, LabelSelector, Node, OwnerReference, Pod, PodAffinity,
        PodAffinityTerm, Taint, TopologySpreadConstraint, WeightedPodAffinityTerm, WhenUnsatisfiable,
        Workload,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

fn add_node(model: &mut Model, name: &str, change: impl FnOnce(&mut Node)) {
    let mut node = Node::default();
    node.metadata.name = name.into();
    change(&mut node);
    model.put(Object::Node(Arc::new(node)));
}

fn sized(cpu: &str, pods: &str) -> impl FnOnce(&mut Node) {
    let amounts = [("cpu", cpu), ("memory", "16Gi"), ("pods", pods)];
    let amounts = amounts.map(|(name, amount)| (name.to_owned(), amount.to_owned()));
    move |node| node.status.allocatable.extend(amounts)
}

fn workload(name: &str, replicas: u32) -> Workload {
    let mut workload = Workload::default();
    workload.metadata.name = name.into();
    workload.metadata.namespace = "default".into();
    workload.spec.replicas = Some(replicas);
    workload.spec.template.metadata.labels.insert("app".into(), name.into());
    workload
}

fn asks(workload: &mut Workload, resource: &str, amount: &str) {
    let mut container = Container { name: "c".into(), ..Container::default() };
    container.resources.requests.insert(resource.into(), amount.into());
    workload.spec.template.spec.containers.push(container);
}

fn apps(name: &str) -> LabelSelector {
    LabelSelector { match_labels: BTreeMap::from([("app".into(), name.into())]), ..LabelSelector::default() }
}

fn host(name: &str) -> PodAffinityTerm {
    PodAffinityTerm {
        label_selector: Some(apps(name)),
        topology_key: "kubernetes.io/hostname".into(),
        ..PodAffinityTerm::default()
    }
}

/// How many pods of an app run on each node.
fn spread(settled: &Settled, app: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for pod in settled.model.pods.values() {
        if pod.metadata.label("app") == Some(app) && !pod.spec.node_name.is_empty() {
            *counts.entry(pod.spec.node_name.clone()).or_insert(0) += 1;
        }
    }
    counts
}

fn reasons(settled: &Settled) -> Vec<String> {
    let reason = |entry: &Unsettled| match entry {
        Unsettled::Unschedulable { reason, .. } => Some(reason.to_string()),
        _ => None,
    };
    settled.unsettled.iter().filter_map(reason).collect()
}

#[test]
fn workloads_make_the_pods_that_they_lack() {
    let mut model = Model::default();
    for name in ["a", "b", "c"] {
        add_node(&mut model, name, |_| {});
    }
    let mut job = workload("job", 1);
    (job.spec.parallelism, job.spec.completions, job.status.succeeded) = (Some(4), Some(5), Some(2));
    let mut done = workload("done", 1);
    done.status.conditions.push(Condition::new("Complete", true));
    let mut held = workload("held", 1);
    held.spec.suspend = true;
    for object in [
        Object::Deployment(Arc::new(workload("deployment", 2))),
        Object::StatefulSet(Arc::new(workload("stateful", 3))),
        Object::DaemonSet(Arc::new(workload("daemon", 9))),
        Object::Job(Arc::new(job)),
        Object::Job(Arc::new(done)),
        Object::Job(Arc::new(held)),
        Object::Deployment(Arc::new(workload("none", 0))),
    ] {
        model.put(object);
    }
    let settled = settle(&model);
    let count = |app: &str| spread(&settled, app).values().sum::<usize>();
    for (app, expected) in
        [("deployment", 2), ("stateful", 3), ("daemon", 3), ("job", 3), ("done", 0), ("held", 0), ("none", 0)]
    {
        assert_eq!(count(app), expected, "{app}");
    }
    let names = |app: &str| {
        let pods = settled.model.pods.values().filter(|pod| pod.metadata.label("app") == Some(app));
        pods.map(|pod| pod.metadata.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("stateful"), ["stateful-0", "stateful-1", "stateful-2"]);
    // deployment-<10 letters of the template>-<5 letters>
    for name in names("deployment") {
        let parts: Vec<usize> = name.split('-').map(str::len).collect();
        assert_eq!(parts, ["deployment".len(), 10, 5], "{name}");
    }
    let pod = settled.model.pods.values().find(|pod| pod.metadata.label("app") == Some("deployment"));
    let pod = pod.expect("a pod");
    let owner = pod.metadata.controller().expect("an owner");
    let set = &settled.model.replica_sets[&Key::new("default", &owner.name)];
    assert_eq!(
        (owner.kind.as_str(), set.metadata.controller().map(|owner| owner.name.as_str())),
        ("ReplicaSet", Some("deployment"))
    );
    assert_eq!(pod.metadata.label("pod-template-hash"), owner.name.strip_prefix("deployment-"));
    assert!(pod.is_ready() && pod.ips().next().is_some());
    // What is settled stays as it is.
    assert_eq!(settle(&settled.model).model, settled.model);
    // Another template, another ReplicaSet: a rollout.
    let mut changed = workload("deployment", 2);
    changed.spec.template.spec.host_network = true;
    model.put(Object::Deployment(Arc::new(changed)));
    let rolled = settle(&model).model;
    assert!(!rolled.replica_sets.contains_key(&Key::new("default", &owner.name)));
}

#[test]
fn pods_that_are_given_count() {
    let given = |model: &mut Model, name: &str, owner: Option<(&str, &str)>, phase: &str| {
        let mut pod = Pod::default();
        pod.metadata.name = name.into();
        pod.metadata.labels.insert("app".into(), "web".into());
        pod.metadata.owner_references.extend(owner.map(|(kind, name)| OwnerReference {
            kind: kind.into(),
            name: name.into(),
            controller: true,
            ..OwnerReference::default()
        }));
        pod.spec.node_name = "a".into();
        pod.status.phase = Some(phase.into());
        model.put(Object::Pod(Arc::new(pod)));
    };
    let set = Some(("ReplicaSet", "web-6d9f8b7c54"));
    // pods of the input: owner and phase; how many the Deployment of three makes
    for (pods, expected) in [
        (vec![], 3),
        (vec![(set, "Running"); 3], 0),
        (vec![(None, "Running"); 3], 0),
        (vec![(set, "Running"); 4], 0),
        (vec![(set, "Running"), (set, "Failed"), (set, "Pending")], 1),
        (vec![(Some(("DaemonSet", "web")), "Running"); 3], 3),
    ] {
        let mut model = Model::default();
        add_node(&mut model, "a", |_| {});
        model.put(Object::Deployment(Arc::new(workload("web", 3))));
        for (index, (owner, phase)) in pods.iter().enumerate() {
            given(&mut model, &format!("p{index}"), *owner, phase);
        }
        let settled = settle(&model).model;
        assert_eq!(settled.pods.len() - pods.len(), expected, "{pods:?}");
        for (key, pod) in &model.pods {
            assert_eq!(settled.pods[key].spec, pod.spec);
        }
    }
    // A ReplicaSet of the input takes the place of the one that its Deployment would make.
    let mut model = Model::default();
    add_node(&mut model, "a", |_| {});
    model.put(Object::Deployment(Arc::new(workload("web", 3))));
    let mut given = workload("web-given", 3);
    given.metadata.owner_references.push(OwnerReference {
        kind: "Deployment".into(),
        name: "web".into(),
        controller: true,
        ..OwnerReference::default()
    });
    model.put(Object::ReplicaSet(Arc::new(given)));
    let settled = settle(&model).model;
    assert_eq!((settled.replica_sets.len(), settled.pods.len()), (1, 3));
    assert_eq!(Owners::managed(&settled).len(), 3);
}

#[test]
fn refusals_in_the_words_of_kubectl_describe() {
    let critical =
        Taint { key: "CriticalAddonsOnly".into(), value: "true".into(), effect: Effect::NoSchedule };
    let tainted = |node: &mut Node| node.spec.taints.push(critical.clone());
    let mut model = Model::default();
    for name in ["s1", "s2"] {
        add_node(&mut model, name, tainted);
    }
    for name in ["u1", "u2", "u3"] {
        add_node(&mut model, name, sized("2", "110"));
    }
    let mut greedy = workload("greedy", 1);
    asks(&mut greedy, "cpu", "3");
    model.put(Object::Deployment(Arc::new(greedy)));
    let settled = settle(&model);
    assert_eq!(
        reasons(&settled),
        [
            "0/5 nodes are available: 2 node(s) had untolerated taint {CriticalAddonsOnly: true}, 3 Insufficient cpu. preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling."
        ]
    );
    let [Unsettled::Unschedulable { reason, pod }] = settled.unsettled.as_slice() else {
        panic!("one pod waits")
    };
    let by_node: Vec<String> =
        reason.nodes.iter().map(|(node, refusals)| format!("{node} {}", refusals[0].of_one())).collect();
    assert_eq!(
        by_node[1..4],
        [
            "s2 has the taint CriticalAddonsOnly=true:NoSchedule, which the pod does not tolerate",
            "u1 has less cpu than the pod asks for, even when it is empty",
            "u2 has less cpu than the pod asks for, even when it is empty",
        ]
    );
    let condition = &settled.model.pods[&pod.key()].status.conditions[0];
    assert_eq!((condition.kind.as_str(), condition.reason.as_str()), ("PodScheduled", "Unschedulable"));
    assert_eq!(condition.message, reasons(&settled)[0]);
    assert_eq!(
        reasons(&settle(&{
            let mut model = Model::default();
            model.put(Object::Deployment(Arc::new(workload("lonely", 1))));
            model
        })),
        ["no nodes available to schedule pods"]
    );
}

#[test]
fn claims_are_spoken_of_since_1_34() {
    for (control_plane, kubelet, says) in [
        (None, None, false),
        (Some("1.33.9"), None, false),
        (Some("1.34"), None, true),
        (Some("1.35.1"), Some("v1.33.0"), true),
        (Some("1.33.9"), Some("v1.34.0"), false),
        (None, Some("v1.33.9"), false),
        (None, Some("v1.34.0"), true),
        (None, Some("unknown"), false),
    ] {
        let mut model = Model::default();
        add_node(&mut model, "a", |node| {
            node.spec.unschedulable = true;
            node.status.node_info.kubelet_version = kubelet.map(str::to_owned);
        });
        let kubernetes_version = control_plane.map(str::to_owned);
        model.managed_cluster =
            Some(Arc::new(ManagedCluster { kubernetes_version, ..ManagedCluster::default() }));
        model.put(Object::Deployment(Arc::new(workload("waits", 1))));
        let claims = if says { "no new claims to deallocate, " } else { "" };
        let said = format!(
            "0/1 nodes are available: 1 node(s) were unschedulable. {claims}preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        );
        assert_eq!(reasons(&settle(&model)), [said], "{control_plane:?} {kubelet:?}");
    }
}

#[test]
fn taints_are_named_until_1_34_1() {
    let tainted = "node(s) had untolerated taint {gpu: yes}";
    // The second is `currentKubernetesVersion`: AKS fills it in, while an alias minor version stays as it was asked for.
    for (version, runs, words) in [
        ("1.33.9", None, tainted),
        ("1.34.1", None, tainted),
        ("1.34", Some("1.34.1"), tainted),
        ("1.34", None, "node(s) had untolerated taint(s)"),
        ("1.34.2", None, "node(s) had untolerated taint(s)"),
        ("1.34.2", Some("1.34.1"), tainted),
        ("1.34.3-lts", None, "node(s) had untolerated taint(s)"),
        ("1.35.0", None, "node(s) had untolerated taint(s)"),
        ("1.36", None, "node(s) had untolerated taint(s)"),
    ] {
        let mut model = Model::default();
        add_node(&mut model, "a", |node| {
            let taint = Taint { key: "gpu".into(), value: "yes".into(), effect: Effect::NoSchedule };
            node.spec.taints.push(taint);
        });
        let kubernetes_version = Some(version.to_owned());
        let current_kubernetes_version = runs.map(str::to_owned);
        model.managed_cluster = Some(Arc::new(ManagedCluster {
            kubernetes_version,
            current_kubernetes_version,
            ..ManagedCluster::default()
        }));
        model.put(Object::Deployment(Arc::new(workload("waits", 1))));
        let said = reasons(&settle(&model));
        let expected = format!("0/1 nodes are available: 1 {words}. ");
        assert!(said.iter().all(|said| said.starts_with(&expected)), "{version}: {said:?}");
        assert_eq!(said.len(), 1, "{version}");
    }
}

#[test]
fn what_makes_pods_wait() {
    let spread_by = |key: &str, hard| TopologySpreadConstraint {
        max_skew: 1,
        topology_key: key.into(),
        when_unsatisfiable: if hard {
            WhenUnsatisfiable::DoNotSchedule
        } else {
            WhenUnsatisfiable::ScheduleAnyway
        },
        label_selector: Some(apps("web")),
        ..TopologySpreadConstraint::default()
    };
    let anti = |term| PodAffinity { required: vec![term], ..PodAffinity::default() };
    type Change = Box<dyn Fn(&mut Workload)>;
    let on_affinity = |affinity: Affinity| -> Change {
        Box::new(move |workload| workload.spec.template.spec.affinity = Some(affinity.clone()))
    };
    let on_spread = |constraint: TopologySpreadConstraint| -> Change {
        Box::new(move |workload| {
            workload.spec.template.spec.topology_spread_constraints = vec![constraint.clone()];
        })
    };
    let asking = |resource: &'static str, amount: &'static str| -> Change {
        Box::new(move |workload| asks(workload, resource, amount))
    };
    // Three nodes of 2 CPUs and 3 pods, two of them in zones; four pods: how many run, and why others wait.
    for (name, change, replicas, running, why) in [
        ("nothing", Box::new(|_: &mut Workload| {}) as Change, 4, 4, ""),
        ("too many pods", Box::new(|_| {}), 10, 9, "3 Too many pods"),
        ("cpu", asking("cpu", "800m"), 8, 6, "3 Insufficient cpu"),
        ("gpu", asking("nvidia.com/gpu", "1"), 1, 0, "3 Insufficient nvidia.com/gpu"),
        (
            "apart from itself",
            on_affinity(Affinity { pod_anti_affinity: Some(anti(host("web"))), ..Affinity::default() }),
            4,
            3,
            "3 node(s) didn't match pod anti-affinity rules",
        ),
        (
            "close to itself",
            on_affinity(Affinity { pod_affinity: Some(anti(host("web"))), ..Affinity::default() }),
            4,
            3,
            "1 Too many pods, 2 node(s) didn't match pod affinity rules",
        ),
        (
            "close to nobody",
            on_affinity(Affinity { pod_affinity: Some(anti(host("nobody"))), ..Affinity::default() }),
            1,
            0,
            "3 node(s) didn't match pod affinity rules",
        ),
        ("over zones", on_spread(spread_by("zone", true)), 4, 4, ""),
        (
            "over zones that one node lacks",
            on_spread(spread_by("zone", true)),
            7,
            6,
            "1 node(s) didn't match pod topology spread constraints (missing required label), 2 Too many pods",
        ),
        ("over zones if possible", on_spread(spread_by("zone", false)), 9, 9, ""),
    ] {
        let mut model = Model::default();
        for (index, node) in ["a", "b", "c"].into_iter().enumerate() {
            add_node(&mut model, node, |node| {
                sized("2", "3")(node);
                if index < 2 {
                    node.metadata.labels.insert("zone".into(), format!("z{index}"));
                }
            });
        }
        let mut web = workload("web", replicas);
        change(&mut web);
        model.put(Object::Deployment(Arc::new(web)));
        let settled = settle(&model);
        assert_eq!(spread(&settled, "web").values().sum::<usize>(), running, "{name}");
        let reasons: BTreeSet<String> = reasons(&settled).into_iter().collect();
        let expected: BTreeSet<String> =
            (!why.is_empty()).then(|| format!("0/3 nodes are available: {why}.")).into_iter().collect();
        let before = |reason: &String| reason.split(" preemption: ").next().map(str::to_owned);
        assert_eq!(reasons.iter().filter_map(before).collect::<BTreeSet<_>>(), expected, "{name}");
    }
}

#[test]
fn where_pods_go() {
    let mut model = Model::default();
    for (name, zone) in [("a", "1"), ("b", "1"), ("c", "2"), ("d", "2")] {
        add_node(&mut model, name, |node| {
            sized("8", "110")(node);
            node.metadata.labels.insert("topology.kubernetes.io/zone".into(), zone.into());
        });
    }
    // Replicas are spread over nodes and zones without being asked to.
    model.put(Object::Deployment(Arc::new(workload("web", 4))));
    assert_eq!(spread(&settle(&model), "web").into_values().collect::<Vec<_>>(), [1, 1, 1, 1]);
    // A wish for company, and one for solitude.
    let wish = |weight, term| PodAffinity {
        preferred: vec![WeightedPodAffinityTerm { weight, pod_affinity_term: term }],
        ..PodAffinity::default()
    };
    let mut first = workload("first", 1);
    first.spec.template.spec.node_selector.insert("kubernetes.io/hostname".into(), "c".into());
    let Some(node) = model.nodes.get_mut("c") else { panic!("node c") };
    Arc::make_mut(node).metadata.labels.insert("kubernetes.io/hostname".into(), "c".into());
    model.put(Object::Deployment(Arc::new(first)));
    for (name, affinity, expected) in [
        ("near", Affinity { pod_affinity: Some(wish(100, host("first"))), ..Affinity::default() }, true),
        ("off", Affinity { pod_anti_affinity: Some(wish(100, host("first"))), ..Affinity::default() }, false),
    ] {
        let mut model = model.clone();
        let mut other = workload(name, 1);
        other.spec.template.spec.affinity = Some(affinity);
        model.put(Object::StatefulSet(Arc::new(other)));
        assert_eq!(spread(&settle(&model), name).contains_key("c"), expected, "{name}");
    }
    // A DaemonSet's pod runs on a cordoned node, not on one with a taint that it does not tolerate, and waits for
    // its own node if that is full.
    add_node(&mut model, "cordoned", |node| node.spec.unschedulable = true);
    add_node(&mut model, "full", sized("8", "0"));
    add_node(&mut model, "tainted", |node| {
        node.spec.taints.push(Taint { key: "x".into(), value: String::new(), effect: Effect::NoSchedule });
    });
    model.put(Object::DaemonSet(Arc::new(workload("daemon", 1))));
    let settled = settle(&model);
    let daemons: Vec<String> = spread(&settled, "daemon").into_keys().collect();
    assert_eq!(daemons, ["a", "b", "c", "cordoned", "d"]);
    assert_eq!(
        reasons(&settled),
        [
            "0/7 nodes are available: 1 Too many pods, 6 node(s) didn't satisfy plugin(s) [NodeAffinity]. preemption: 0/7 nodes are available: 1 No preemption victims found for incoming pod, 6 Preemption is not helpful for scheduling."
        ]
    );
}

#[test]
fn a_refusal_names_the_first_plugin_that_refuses() {
    let mut node = Node::default();
    node.spec.unschedulable = true;
    node.spec.taints.push(Taint { key: "x".into(), value: String::new(), effect: Effect::NoSchedule });
    let mut pod = Pod::default();
    pod.spec.node_selector.insert("a".into(), "b".into());
    assert_eq!(refusal(&pod, &node), Some(Refusal::Cordoned));
    node.spec.unschedulable = false;
    assert!(matches!(refusal(&pod, &node), Some(Refusal::Taint(_))));
    node.spec.taints.clear();
    assert_eq!(refusal(&pod, &node), Some(Refusal::Affinity));
    // A node that is not ready has a taint that the node controller derives from it.
    node.metadata.labels.insert("a".into(), "b".into());
    node.status.conditions.push(Condition::ready(false));
    let taint = Taint {
        key: "node.kubernetes.io/not-ready".into(),
        value: String::new(),
        effect: Effect::NoSchedule,
    };
    assert_eq!(refusal(&pod, &node), Some(Refusal::Taint(taint)));
}
