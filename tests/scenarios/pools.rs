//! Node pools: where pods run, what an edit does to them and to the traffic, and that undo takes it back.

use super::{CLIENT, deciding, flow, world};
use engine::{Fate, Note, PlanError, Rewrite, Verdict, World};
use kubernetes::Unsettled;
use model::{
    Edit, Key, Kind, Model, NodeName, Object, ObjectRef, PoolName,
    azure::{AgentPool, ScaleSetPriority},
    kubernetes::{Effect, IntOrString, LabelSelector, PodDisruptionBudget, Taint, TrafficPolicy},
};
use std::{collections::BTreeMap, sync::Arc};

const ECHO: &str = "svc/default/echo-service:80";

/// The world after an edit; undoing it restores every object and every pod's node.
fn after(before: &World, edit: &Edit) -> (World, Vec<Note>) {
    let plan = before.plan(edit).expect("the edit is possible");
    let mut model = before.input().clone();
    let inverse = plan.edit.apply(&mut model).expect("the plan applies");
    let world = World::new(&model);
    inverse.apply(&mut model).expect("the inverse applies");
    assert_eq!(model, *before.input(), "{edit:?}");
    assert_eq!(places(&World::new(&model)), places(before), "{edit:?}");
    (world, plan.notes)
}

/// The node of every pod that runs.
fn places(world: &World) -> BTreeMap<String, String> {
    let pods = world.model().pods.iter().filter(|(_, pod)| !pod.spec.node_name.is_empty());
    pods.map(|(key, pod)| (key.to_string(), pod.spec.node_name.clone())).collect()
}

/// How many pods of an app run on nodes of each pool.
fn per_pool(world: &World, label: &str, value: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for pod in world.model().pods.values().filter(|pod| pod.metadata.label(label) == Some(value)) {
        let node = world.model().nodes.get(pod.spec.node_name.as_str());
        let pool = node.and_then(|node| node.pool()).unwrap_or("pending").to_owned();
        *counts.entry(pool).or_insert(0) += 1;
    }
    counts
}

fn counts<const N: usize>(entries: [(&str, usize); N]) -> BTreeMap<String, usize> {
    entries.into_iter().map(|(pool, count)| (pool.to_owned(), count)).collect()
}

fn node_of(world: &World, pool: &str, number: usize) -> NodeName {
    let nodes = world.model().nodes.iter().filter(|(_, node)| node.pool() == Some(pool));
    nodes.map(|(name, _)| name.clone()).nth(number).expect("the node")
}

fn pending(world: &World) -> Vec<String> {
    let waits = |entry: &Unsettled| match entry {
        Unsettled::Unschedulable { pod, reason } => Some(format!("{}: {reason}", pod.name)),
        _ => None,
    };
    world.unsettled().iter().filter_map(waits).collect()
}

/// Exact shares in hundredths, largest first.
fn shares(world: &World, to: &str) -> Vec<u32> {
    let paths = world.paths(&flow(CLIENT, to)).expect("the flow exists");
    let mut shares: Vec<u32> = super::shares(&paths)
        .into_values()
        .map(|share| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
            let hundredths = (share * 100.0).round() as u32;
            hundredths
        })
        .collect();
    shares.sort_unstable_by(|a, b| b.cmp(a));
    shares
}

#[test]
fn a_production_cluster_runs_what_belongs_where() {
    let world = world("production");
    assert_eq!(pending(&world), Vec::<String>::new());
    assert_eq!(world.model().nodes.len(), 13);
    for (label, value, expected) in [
        ("app", "frontend", counts([("apps", 4)])),
        ("app", "api", counts([("apps", 6)])),
        ("app", "database", counts([("apps", 3)])),
        ("app", "inference", counts([("gpu", 2)])),
        ("app", "nightly-report", counts([("spot", 6)])),
        ("k8s-app", "kube-dns", counts([("system", 2)])),
        ("k8s-app", "metrics-server", counts([("system", 2)])),
        ("component", "kube-proxy", counts([("system", 3), ("apps", 5), ("gpu", 2), ("spot", 3)])),
        ("app", "log-agent", counts([("apps", 5), ("gpu", 2), ("spot", 3)])),
    ] {
        assert_eq!(per_pool(&world, label, value), expected, "{value}");
    }
    // Anti-affinity and spreading.
    let of = |app: &str, by: &dyn Fn(&model::kubernetes::Pod) -> String| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for pod in world.model().pods.values().filter(|pod| pod.metadata.label("app") == Some(app)) {
            *counts.entry(by(pod)).or_default() += 1;
        }
        counts.into_values().collect::<Vec<_>>()
    };
    assert_eq!(of("database", &|pod| pod.spec.node_name.clone()), [1, 1, 1]);
    let zone = |pod: &model::kubernetes::Pod| {
        let node = world.model().nodes.get(pod.spec.node_name.as_str()).expect("a node");
        node.metadata.label("topology.kubernetes.io/zone").expect("a zone").to_owned()
    };
    assert_eq!(of("api", &zone), [2, 2, 2]);
    // Everything that AKS runs says what stops without it.
    for (kind, key, workload) in world.model().workloads().filter(|(kind, ..)| *kind != Kind::ReplicaSet) {
        let system = matches!(&*key.namespace, "kube-system" | "gatekeeper-system");
        assert!(!system || workload.metadata.annotation("hopscope.dev/without").is_some(), "{kind} {key}");
    }
}

#[test]
fn the_two_nodes_of_the_backend_pools() {
    let world = world("two-nodes");
    let pools: Vec<(String, Vec<String>)> = world
        .cloud()
        .pools("kubernetes")
        .iter()
        .map(|pool| {
            (pool.name.to_string(), pool.members.iter().map(|member| member.label().to_string()).collect())
        })
        .collect();
    let nodes =
        vec!["aks-system-24031207-vmss000000".to_owned(), "aks-worker-24031207-vmss000000".to_owned()];
    let expected =
        ["aksOutboundBackendPool", "kubernetes"].map(|pool| (pool.to_owned(), nodes.clone())).to_vec();
    let mut sorted = pools.clone();
    sorted.sort();
    assert_eq!(sorted, expected);
    let balancer = world.cloud().load_balancer("kubernetes").expect("the balancer");
    assert_eq!(balancer.load_balancing_rules.len(), 0);
}

#[test]
fn a_moved_node_is_a_new_vm_and_its_pods_are_made_anew() {
    let before = world("production");
    let node = node_of(&before, "apps", 0);
    let system = PoolName::from("system");
    let (after, notes) = after(&before, &Edit::MoveNode { node: node.clone(), pool: system.clone() });
    assert!(notes.contains(&Note::Replaced { node: node.clone(), from: "apps".into(), to: system }));
    let moved = after.model().nodes.get(&node).expect("the node");
    assert_eq!(
        moved.spec.taints.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["CriticalAddonsOnly=true:NoSchedule"]
    );
    assert_eq!(moved.status.capacity.get("cpu").map(String::as_str), Some("4"));
    // No application runs on the system pool, and nobody else was moved.
    let (was, is) = (places(&before), places(&after));
    for (pod, place) in &is {
        assert!(*place != *node.as_str() || !pod.starts_with("shop/"), "{pod} on {place}");
        let old = was.get(pod);
        assert!(old.is_none_or(|old| old == place || *old == *node.as_str()), "{pod}: {old:?} → {place}");
    }
    let counts: Vec<Option<u32>> = after
        .model()
        .managed_cluster
        .as_ref()
        .map(|cluster| cluster.agent_pool_profiles.iter().map(|pool| pool.count).collect())
        .unwrap_or_default();
    assert_eq!(counts, [Some(4), Some(4), Some(2), Some(3)]);
}

#[test]
fn the_bare_pods_of_the_story_go_along_with_their_node() {
    let before = world("caveat");
    let node = NodeName::from("aks-pool-1-27255451-0");
    let edit = Edit::MoveNode { node, pool: "system".into() };
    let (after, notes) = after(&before, &edit);
    assert_eq!(shares(&before, ECHO), [100]);
    assert_eq!(shares(&after, ECHO), [50, 25, 25]);
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Carried(_))).count(), 2);
    // The other way round, the system pool would be empty.
    let node = NodeName::from("aks-system-27255451-0");
    let refused = before.plan(&Edit::MoveNode { node, pool: "pool-1".into() });
    assert!(matches!(refused, Err(PlanError::Pool(..))), "{refused:?}");
}

#[test]
fn the_chain_of_consequences_is_told_in_order() {
    let before = world("caveat");
    let edit = Edit::MoveNode { node: "aks-pool-1-27255451-0".into(), pool: "system".into() };
    let (after, _) = after(&before, &edit);
    let found = before.consequences(&after, &[flow(CLIENT, ECHO)]);
    let titles: Vec<&str> = found.chain().iter().map(|stage| stage.title).collect();
    assert_eq!(titles, ["Nodes", "Backend pools", "Probes", "Flows"]);
    assert_eq!(found.members[0].joined, ["aks-pool-1-27255451-0"]);
    assert_eq!(found.probes[0].after, Some(("200".to_owned(), true)));

    let before = world("remedies");
    let node = node_of(&before, "pool-1", 0);
    let (after, _) = self::after(&before, &Edit::Drain { node: node.clone() });
    let found = before.consequences(&after, &[flow(CLIENT, ECHO)]);
    let titles: Vec<&str> = found.chain().iter().map(|stage| stage.title).collect();
    assert_eq!(titles, ["Nodes", "Pods", "EndpointSlices", "Rules", "Flows"]);
    let moved = |change: &engine::PodChange| {
        change.from == Some(node.clone()) && matches!(&change.fate, Fate::Runs { node: to } if *to != node)
    };
    assert!(!found.pods.is_empty() && found.pods.iter().all(moved), "{:?}", found.pods);
    // Every node's kube-proxy rewrites the Service's chain, on this one the chain of policy Local too.
    let rewritten: usize = found.rules.iter().map(|change| change.nodes.len()).sum();
    assert_eq!(rewritten, after.model().nodes.len());
    for change in &found.rules {
        let cluster = change.chains.iter().find(|chain| chain.chain.starts_with("KUBE-SVC-"));
        assert!(cluster.is_some_and(|chain| chain.rewrite == Rewrite::Changed), "{change:?}");
        let local = change.chains.iter().any(|chain| chain.chain.starts_with("KUBE-SVL-"));
        assert!(local || !change.nodes.contains(&node), "{change:?}");
    }
    assert!(before.consequences(&before, &[flow(CLIENT, ECHO)]).is_empty());
}

fn remedy(world: &World, number: usize) -> (World, Vec<Note>) {
    let service = Key::new("default", "echo-service");
    let remedies = world.remedies(&service);
    after(world, &remedies.get(number).expect("the remedy").edit)
}

#[test]
fn the_remedies_for_the_uneven_load_balancer() {
    let before = world("remedies");
    assert_eq!(per_pool(&before, "app", "echo"), counts([("system", 1), ("pool-1", 3)]));
    assert_eq!(shares(&before, ECHO), [100]);

    // Under policy Cluster, and behind no load balancer, shares are even.
    let service = Key::new("default", "echo-service");
    let policy = Edit::SetExternalTrafficPolicy { service: service.clone(), policy: TrafficPolicy::Cluster };
    assert_eq!(after(&before, &policy).0.remedies(&service), []);
    assert_eq!(world("production").remedies(&Key::new("shop", "api")), []);

    // A soft taint moves nobody; a pod that is made anew avoids the system pool.
    let (soft, _) = remedy(&before, 0);
    assert_eq!(places(&soft), places(&before));
    let system = node_of(&soft, "system", 0);
    let on_system =
        places(&soft).into_iter().find(|(pod, node)| pod.contains("/echo") && *node == *system.as_str());
    let (pod, _) = on_system.expect("a pod on the system pool");
    let id = ObjectRef::namespaced(Kind::Pod, &pod.parse().expect("a key"));
    let (avoided, _) = after(&soft, &Edit::Remove { object: id });
    assert_eq!(per_pool(&avoided, "app", "echo"), counts([("pool-1", 4)]));

    // Affinity alone: the load balancer knows only nodes without pods.
    let (apart, _) = remedy(&before, 1);
    assert_eq!(per_pool(&apart, "app", "echo"), counts([("pool-1", 4)]));
    let failed = apart.paths(&flow(CLIENT, ECHO)).expect("the flow exists");
    assert!(failed.outcomes.iter().all(|outcome| outcome.endpoint.is_none()));

    // With the load balancer on the pool of the pods, and with a fair spread.
    let (bound, _) = remedy(&before, 2);
    assert_eq!(per_pool(&bound, "app", "echo"), counts([("pool-1", 4)]));
    assert_eq!(shares(&bound, ECHO), [25, 25, 25, 25]);
    let (fair, _) = remedy(&before, 3);
    assert_eq!(shares(&fair, ECHO), [25, 25, 25, 25]);
    let paths = fair.paths(&flow(CLIENT, ECHO)).expect("the flow exists");
    assert!(paths.outcomes.iter().all(|outcome| outcome.source_seen == Some(CLIENT.parse().expect("an IP"))));
}

#[test]
fn why_a_soft_taint_and_no_hard_one() {
    let before = world("remedies");
    let node = node_of(&before, "system", 0);
    let taint = |effect| Taint { key: "nodepool".into(), value: "system".into(), effect };
    let on_system = |world: &World| per_pool(world, "component", "kube-proxy").get("system").copied();
    for (effect, evicted, expected) in [
        (Effect::PreferNoSchedule, Some(1), Some(1)),
        // Running pods stay; a new node of the pool gets no kube-proxy.
        (Effect::NoSchedule, Some(1), None),
        (Effect::NoExecute, None, None),
    ] {
        let edit = Edit::SetNodeTaint { node: node.clone(), taint: taint(effect), present: true };
        let (tainted, _) = after(&before, &edit);
        assert_eq!(on_system(&tainted), evicted, "{effect}");
        let mut anew: Model = tainted.input().clone();
        anew.bindings.clear();
        let anew = World::new(&anew);
        assert_eq!(on_system(&anew), expected, "{effect}");
        // Without it, no Service works from the node, and no probe finds it up.
        let called = anew.paths(&flow(&format!("node/{node}"), ECHO)).expect("the flow exists");
        let works = called.outcomes.iter().all(|outcome| outcome.verdict == Verdict::Delivered);
        assert_eq!(works, expected.is_some(), "{effect}{}", deciding(&called));
    }
}

fn budget(world: &World, max_unavailable: u16) -> World {
    let mut budget = PodDisruptionBudget::default();
    budget.metadata.name = "echo".into();
    budget.metadata.namespace = "default".into();
    budget.spec.max_unavailable = Some(IntOrString::Int(max_unavailable));
    let mut selector = LabelSelector::default();
    selector.match_labels.insert("app".into(), "echo".into());
    budget.spec.selector = Some(selector);
    let mut model = world.input().clone();
    model.put(Object::PodDisruptionBudget(Arc::new(budget)));
    World::new(&model)
}

#[test]
fn a_drain_keeps_to_budgets() {
    let plain = world("remedies");
    let node = node_of(&plain, "pool-1", 0);
    let echoes = |world: &World| {
        places(world).into_iter().filter(|(pod, on)| pod.contains("/echo") && *on == *node.as_str()).count()
    };
    assert!(echoes(&plain) > 0);
    for (allowed, stay) in [(1, 0), (0, echoes(&plain))] {
        let before = budget(&plain, allowed);
        let (drained, notes) = after(&before, &Edit::Drain { node: node.clone() });
        assert_eq!(echoes(&drained), stay, "{allowed}");
        let blocked = notes.iter().filter(|note| matches!(note, Note::Blocked { .. })).count();
        assert_eq!(blocked, stay, "{allowed}");
        assert!(drained.model().nodes.get(&node).expect("the node").spec.unschedulable);
        // DaemonSets stay on a cordoned node.
        assert!(places(&drained).iter().any(|(pod, on)| pod.contains("kube-proxy") && *on == *node.as_str()));
    }
    let caveat = world("caveat");
    let refused = caveat.plan(&Edit::Drain { node: "aks-pool-1-27255451-0".into() });
    assert!(matches!(&refused, Err(PlanError::Bare(pods)) if pods.len() == 2), "{refused:?}");
}

#[test]
fn pools_scale_upgrade_come_and_go() {
    let before = world("production");
    let pods = before.model().pods.len();
    let scale = |pool: &str, count| Edit::ScalePool { pool: pool.into(), count };
    let (more, _) = after(&before, &scale("apps", 7));
    assert_eq!(more.model().nodes.len(), 15);
    // Only DaemonSets have new pods: scaling out moves nobody.
    let old = places(&before);
    assert!(old.iter().all(|(pod, node)| places(&more).get(pod) == Some(node)));
    let address = |world: &World, node: &NodeName| {
        world.model().nodes.get(node).map(|node| node.internal_ips().collect::<Vec<_>>())
    };
    for node in before.model().nodes.keys() {
        assert_eq!(address(&before, node), address(&more, node), "{node}");
    }
    let (less, _) = after(&before, &scale("apps", 3));
    assert_eq!(less.model().nodes.len(), 11);
    assert_eq!(pending(&less), Vec::<String>::new());
    for (pool, count) in [("system", 0), ("apps", 2), ("apps", 11), ("spot", 1001), ("none", 1)] {
        assert!(before.plan(&scale(pool, count)).is_err(), "{pool} {count}");
    }
    let upgrade = Edit::UpgradePool { pool: "system".into(), version: "1.34.0".into() };
    let (upgraded, notes) = after(&before, &upgrade);
    assert_eq!(notes.iter().filter(|note| matches!(note, Note::Reimaged(_))).count(), 3);
    assert_eq!((upgraded.model().nodes.len(), upgraded.model().pods.len()), (13, pods));
    assert_eq!(pending(&upgraded), Vec::<String>::new());
    let versions: Vec<_> = upgraded
        .model()
        .nodes
        .values()
        .filter(|node| node.pool() == Some("system"))
        .map(|node| node.status.node_info.kubelet_version.as_deref())
        .collect();
    assert_eq!(versions, [Some("v1.34.0"); 3]);
    assert!(before.plan(&Edit::RemovePool { pool: "system".into() }).is_err());
    let (without, _) = after(&before, &Edit::RemovePool { pool: "gpu".into() });
    let waits = pending(&without);
    assert_eq!(waits.len(), 2);
    for reason in [
        "0/11 nodes are available: ",
        "3 node(s) had untolerated taint {CriticalAddonsOnly: true}",
        "3 node(s) had untolerated taint {kubernetes.azure.com/scalesetpriority: spot}",
        "5 Insufficient nvidia.com/gpu",
    ] {
        assert!(waits.iter().all(|line| line.contains(reason)), "{reason}: {waits:?}");
    }
    let pool = |change: fn(&mut AgentPool)| {
        let mut pool = AgentPool {
            name: "more".into(),
            count: Some(2),
            vm_size: Some("Standard_D4s_v5".into()),
            ..AgentPool::default()
        };
        change(&mut pool);
        Edit::AddPool { pool: Box::new(pool) }
    };
    let (added, _) = after(&before, &pool(|_| {}));
    assert_eq!(added.model().nodes.len(), 15);
    let spot_system = pool(|pool| {
        pool.mode = model::azure::AgentPoolMode::System;
        pool.scale_set_priority = Some(ScaleSetPriority::Spot);
    });
    assert!(before.plan(&spot_system).is_err());
}

#[test]
fn events_of_the_autoscaler_and_of_spot_vms() {
    let before = world("production");
    let node = node_of(&before, "spot", 0);
    let (evicted, _) = after(&before, &Edit::EvictSpot { node: node.clone() });
    assert!(!evicted.model().nodes.contains_key(&node));
    assert_eq!(per_pool(&evicted, "app", "nightly-report"), counts([("spot", 6)]));
    let regular = node_of(&before, "apps", 0);
    assert_eq!(before.plan(&Edit::EvictSpot { node: regular.clone() }), Err(PlanError::NotSpot(regular)));

    let frontend = ObjectRef::namespaced(Kind::Deployment, &Key::new("shop", "api"));
    let (crowded, _) = after(&before, &Edit::ScaleWorkload { workload: frontend, replicas: 40 });
    let waiting = pending(&crowded).len();
    assert!(waiting > 0 && per_pool(&crowded, "app", "api").values().sum::<usize>() == 40);
    let (grown, notes) = after(&crowded, &Edit::Autoscale);
    assert!(notes.iter().any(|note| matches!(note, Note::Joined { .. })), "{notes:?}");
    assert!(pending(&grown).len() < waiting);
    // The pools cannot grow beyond their bounds.
    assert!(grown.model().nodes.values().filter(|node| node.pool() == Some("apps")).count() <= 10);
    // Idle nodes go, one at a look, until every pool has what it needs.
    let (shrunk, notes) = after(&before, &Edit::Autoscale);
    assert!(matches!(notes.as_slice(), [Note::Left { .. } | Note::Idle]), "{notes:?}");
    assert!(pending(&shrunk).is_empty());
}

#[test]
fn bare_pods_that_the_scheduler_bound_stay_where_they_are() {
    let mut model = world("two-nodes").input().clone();
    model.deployments.clear();
    for index in 0..4 {
        let mut pod = model::kubernetes::Pod::default();
        pod.metadata.name = format!("bare-{index}");
        pod.metadata.namespace = "default".into();
        model.put(Object::Pod(Arc::new(pod)));
    }
    let before = World::new(&model);
    let (cordoned, _) = after(&before, &Edit::Cordon { node: node_of(&before, "worker", 0), cordoned: true });
    assert_eq!(places(&cordoned), places(&before));
}

#[test]
fn pods_of_a_higher_priority_take_the_place_of_others_and_undo_gives_it_back() {
    let workload = |name: &str, replicas: u8, class: &str| {
        format!(
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      priorityClassName: {class}\n      containers: [{{name: c, resources: {{requests: {{cpu: \"1\"}}}}}}]\n"
        )
    };
    let text = [
        "apiVersion: v1\nkind: Node\nmetadata: {name: n0}\nspec: {podCIDR: 10.244.0.0/24}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.4}], allocatable: {cpu: \"3\", memory: 8Gi, pods: \"20\"}}\n---\napiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: {name: high}\nvalue: 1000\n".to_owned(),
        workload("low", 3, "\"\""),
        workload("urgent", 0, "high"),
    ]
    .concat();
    let import = formats::import(&[formats::Source::new("in.yaml", text)]);
    assert!(!import.has_errors(), "{:#?}", import.diagnostics);
    let before = World::new(&import.model);
    assert_eq!(per_pool(&before, "app", "low"), counts([("pending", 3)]), "no pool has the node");
    let scale = |replicas| Edit::ScaleWorkload {
        workload: ObjectRef::namespaced(Kind::Deployment, &Key::new("default", "urgent")),
        replicas,
    };
    let running = |world: &World, app: &str| {
        let pods = world.model().pods.values().filter(|pod| pod.metadata.label("app") == Some(app));
        pods.filter(|pod| !pod.spec.node_name.is_empty()).count()
    };
    assert_eq!((running(&before, "low"), running(&before, "urgent")), (3, 0));
    let (taken, _) = after(&before, &scale(2));
    assert_eq!((running(&taken, "low"), running(&taken, "urgent")), (1, 2));
    assert_eq!(pending(&taken).len(), 2, "{:?}", pending(&taken));
    assert!(pending(&taken).iter().all(|why| {
        why.contains("0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 ")
    }));
    // A second edit finds the same, and what is free again is used.
    let (given_back, _) = after(&taken, &scale(0));
    assert_eq!((running(&given_back, "low"), running(&given_back, "urgent")), (3, 0));
    let told = before.consequences(&taken, &[]);
    let evicted = told.pods.iter().filter(|change| matches!(change.fate, Fate::Pending { .. })).count();
    assert_eq!(evicted, 2, "{:#?}", told.pods);
}
