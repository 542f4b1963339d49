//! System and user pools, taints, reservations.

use super::Fact;
use crate::azure::input::plain_node;
use azure::node_pools::{
    self, EVICTION_THRESHOLD, PoolError, check_delete, check_pool, reserved_memory, reserved_millicores,
};
use kubernetes::scheduler::{Eviction, Scheduler, eviction, refusal};
use model::{
    Model, NodeName, Object,
    azure::{AgentPool, AgentPoolMode, ManagedCluster, OsType, ScaleSetPriority},
    kubernetes::{
        Affinity, Effect, Node, NodeAffinity, NodeSelectorOperator, NodeSelectorRequirement,
        NodeSelectorTerm, Pod, PreferredSchedulingTerm, Taint, Toleration, TolerationOperator,
    },
};
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) fn fact(name: &str) -> Option<Fact> {
    Some(match name {
        "sched-default-system-pool-is-untainted" => sched_default_system_pool_is_untainted,
        "sched-tainted-system-pool-repels-user-pod" => sched_tainted_system_pool_repels_user_pod,
        "sched-only-tainted-system-pool-user-pod-pending" => sched_only_tainted_system_pool,
        "sched-coredns-tolerates-critical-addons" => sched_coredns_tolerates_critical_addons,
        "sched-spot-pool-needs-toleration" => sched_spot_pool_needs_toleration,
        "sched-spot-toleration-allows-not-forces" => sched_spot_toleration_allows,
        "sched-noschedule-keeps-running-pods" => sched_noschedule_keeps_running_pods,
        "sched-noexecute-evicts" => sched_noexecute_evicts,
        "sched-prefernoschedule-soft" => sched_prefernoschedule_soft,
        "sched-system-pool-constraints" => sched_system_pool_constraints,
        "sched-node-reserved-cpu" => sched_node_reserved_cpu,
        "node-reserved-memory" => node_reserved_memory,
        _ => return None,
    })
}

fn taint(key: &str, value: &str, effect: Effect) -> Taint {
    Taint { key: key.into(), value: value.into(), effect }
}

fn critical() -> Taint {
    taint("CriticalAddonsOnly", "true", Effect::NoSchedule)
}

fn spot() -> Taint {
    taint("kubernetes.azure.com/scalesetpriority", "spot", Effect::NoSchedule)
}

fn node(name: &str, taints: &[Taint]) -> Node {
    let mut node = plain_node(name);
    node.spec.taints = taints.to_vec();
    node
}

fn schedulable(pod: &Pod, nodes: &[Node]) -> Vec<String> {
    let fits = nodes.iter().filter(|node| refusal(pod, node).is_none());
    fits.map(|node| node.metadata.name.clone()).collect()
}

fn bind(pod: &Pod, nodes: &[Node]) -> Option<NodeName> {
    let mut model = Model::default();
    for node in nodes {
        model.put(Object::Node(Arc::new(node.clone())));
    }
    Scheduler::new(&model).bind(pod).ok()
}

fn pool(name: &str, mode: &str, taints: &[Taint]) -> Value {
    json!({ "name": name, "mode": mode, "taints": taints })
}

/// The one node that AKS makes for a pool.
fn made(change: impl FnOnce(&mut AgentPool)) -> Result<Node, String> {
    let mut pool = AgentPool { name: "pool".into(), count: Some(1), ..AgentPool::default() };
    change(&mut pool);
    let cluster = ManagedCluster { agent_pool_profiles: vec![pool], ..ManagedCluster::default() };
    let mut model = Model::default();
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    node_pools::complete(&mut model);
    let node = model.nodes.pop_first().map(|(_, node)| node.as_ref().clone());
    node.ok_or_else(|| "no node was made".to_owned())
}

/// The taints of a spot node as AKS makes it.
fn spot_taints() -> Result<Vec<Taint>, String> {
    Ok(made(|pool| pool.scale_set_priority = Some(ScaleSetPriority::Spot))?.spec.taints)
}

fn sched_default_system_pool_is_untainted() -> Result<Value, String> {
    let system = made(|pool| pool.mode = AgentPoolMode::System)?;
    let lands = bind(&Pod::default(), std::slice::from_ref(&system)).is_some();
    Ok(json!({
        "pools": [{ "mode": "System", "taints": system.spec.taints }],
        "pod": { "tolerations": [] },
        "expected": { "userPodCanLandOnSystemPool": lands },
    }))
}

fn sched_tainted_system_pool_repels_user_pod() -> Result<Value, String> {
    let nodes = [node("sys", &[critical()]), node("user1", &[])];
    Ok(json!({
        "pools": [pool("sys", "System", &[critical()]), pool("user1", "User", &[])],
        "pod": { "tolerations": [] },
        "expected": { "schedulableOn": schedulable(&Pod::default(), &nodes) },
    }))
}

fn sched_only_tainted_system_pool() -> Result<Value, String> {
    let nodes = [node("sys", &[critical()])];
    Ok(json!({
        "pools": [pool("sys", "System", &[critical()])],
        "pod": { "tolerations": [] },
        "expected": {
            "schedulableOn": schedulable(&Pod::default(), &nodes),
            "pending": bind(&Pod::default(), &nodes).is_none(),
        },
    }))
}

fn sched_coredns_tolerates_critical_addons() -> Result<Value, String> {
    let with_mode = |mut node: Node, mode: &str| {
        node.metadata.labels.insert("kubernetes.azure.com/mode".into(), mode.into());
        node
    };
    // The user node comes first by name: only the affinity can draw the pod to the system node.
    let nodes = [with_mode(node("sys", &[critical()]), "system"), with_mode(node("auser", &[]), "user")];
    let mut pod = Pod::default();
    pod.metadata.name = "coredns".into();
    pod.spec.tolerations.push(Toleration {
        key: critical().key,
        operator: TolerationOperator::Exists,
        ..Toleration::default()
    });
    let tolerant = pod.clone();
    let requirement = NodeSelectorRequirement {
        key: "kubernetes.azure.com/mode".into(),
        operator: NodeSelectorOperator::In,
        values: vec!["system".into()],
    };
    let preference =
        NodeSelectorTerm { match_expressions: vec![requirement.clone()], ..NodeSelectorTerm::default() };
    pod.spec.affinity = Some(Affinity {
        node_affinity: Some(NodeAffinity {
            required: None,
            preferred: vec![PreferredSchedulingTerm { weight: 100, preference }],
        }),
        ..Affinity::default()
    });
    let drawn = bind(&tolerant, &nodes) == Some("auser".into());
    let preferred = bind(&pod, &nodes).filter(|_| drawn);
    let named = |name: &str| if name == "auser" { "user1".to_owned() } else { name.to_owned() };
    Ok(json!({
        "pools": [pool("sys", "System", &[critical()]), pool("user1", "User", &[])],
        "pod": {
            "name": pod.metadata.name,
            "tolerations": [{ "key": critical().key, "operator": "Exists" }],
            "preferredNodeAffinity": format!("{}={}", requirement.key, requirement.values.join(",")),
        },
        "expected": {
            "schedulableOn": schedulable(&pod, &nodes).iter().map(|name| named(name)).collect::<Vec<_>>(),
            "preferred": preferred,
        },
    }))
}

fn is_rejected(effect: Effect) -> bool {
    bind(&Pod::default(), &[node("n", &[taint("x", "y", effect)])]).is_none()
}

fn sched_noschedule_keeps_running_pods() -> Result<Value, String> {
    let stays = eviction(&Pod::default(), &taint("x", "y", Effect::NoSchedule)) == Eviction::Stays;
    Ok(json!({
        "event": "taint x=y:NoSchedule added to a node with pods",
        "expected": {
            "running": stays.then_some("stays"),
            "new": is_rejected(Effect::NoSchedule).then_some("rejected"),
        },
    }))
}

fn sched_noexecute_evicts() -> Result<Value, String> {
    let taint = taint("x", "y", Effect::NoExecute);
    let mut pod = Pod::default();
    let at_once = eviction(&pod, &taint) == Eviction::AtOnce;
    pod.spec.tolerations.push(Toleration {
        key: "x".into(),
        operator: TolerationOperator::Exists,
        toleration_seconds: Some(300),
        ..Toleration::default()
    });
    let later = eviction(&pod, &taint) == Eviction::After(300);
    Ok(json!({
        "event": "taint x=y:NoExecute added",
        "expected": {
            "running": (at_once && later)
                .then_some("evicted at once without toleration; after tolerationSeconds if set"),
            "new": is_rejected(Effect::NoExecute).then_some("rejected"),
        },
    }))
}

fn sched_spot_pool_needs_toleration() -> Result<Value, String> {
    let taints = spot_taints()?;
    let nodes = [node("spot1", &taints), node("user1", &[])];
    let mut pool_of_spot = pool("spot1", "User", &taints);
    let label = made(|pool| pool.scale_set_priority = Some(ScaleSetPriority::Spot))?;
    pool_of_spot["labels"] = json!({ node_pools::SPOT: label.metadata.label(node_pools::SPOT) });
    Ok(json!({
        "pools": [pool_of_spot, pool("user1", "User", &[])],
        "pod": { "tolerations": [] },
        "expected": { "schedulableOn": schedulable(&Pod::default(), &nodes) },
    }))
}

fn sched_spot_toleration_allows() -> Result<Value, String> {
    let taints = spot_taints()?;
    let nodes = [node("spot1", &taints), node("user1", &[])];
    let mut pod = Pod::default();
    pod.spec.tolerations.push(Toleration {
        key: spot().key,
        operator: TolerationOperator::Equal,
        value: spot().value,
        effect: Some(Effect::NoSchedule),
        ..Toleration::default()
    });
    Ok(json!({
        "pools": [pool("spot1", "User", &taints), pool("user1", "User", &[])],
        "pod": { "tolerations": pod.spec.tolerations },
        "expected": { "schedulableOn": schedulable(&pod, &nodes) },
    }))
}

fn sched_prefernoschedule_soft() -> Result<Value, String> {
    let soft = node("a", &[taint("x", "y", Effect::PreferNoSchedule)]);
    let avoided = bind(&Pod::default(), &[soft.clone(), node("b", &[])]) == Some("b".into());
    let allowed = bind(&Pod::default(), &[soft]) == Some("a".into());
    Ok(json!({
        "event": "taint x=y:PreferNoSchedule",
        "expected": {
            "new": (avoided && allowed).then_some("avoided but allowed when nothing else fits"),
        },
    }))
}

fn sched_system_pool_constraints() -> Result<Value, String> {
    let system =
        AgentPool { name: "sys".into(), mode: AgentPoolMode::System, count: Some(1), ..AgentPool::default() };
    let spot = AgentPool { scale_set_priority: Some(ScaleSetPriority::Spot), ..system.clone() };
    let windows = AgentPool { os_type: Some(OsType::Windows), ..system.clone() };
    let cluster = ManagedCluster { agent_pool_profiles: vec![system.clone()], ..ManagedCluster::default() };
    if let Err(error) = check_pool(&system, &cluster) {
        return Err(format!("a plain system pool is refused: {error}"));
    }
    let answers =
        [check_pool(&spot, &cluster), check_pool(&windows, &cluster), check_delete(&cluster, &system)];
    let accepted = answers.iter().any(Result::is_ok);
    let reasons: Vec<String> =
        answers.iter().filter_map(|answer| answer.as_ref().err()).map(PoolError::to_string).collect();
    Ok(json!({
        "request": [
            { "mode": "System", "spot": true },
            { "mode": "System", "os": "Windows" },
            { "delete": "last system pool" },
        ],
        "expected": { "accepted": accepted, "reasons": reasons },
    }))
}

fn sched_node_reserved_cpu() -> Result<Value, String> {
    let cores = [1, 2, 4, 8, 16, 32, 64];
    let reserved: serde_json::Map<String, Value> =
        cores.into_iter().map(|cores| (cores.to_string(), json!(reserved_millicores(cores)))).collect();
    Ok(json!({ "input": "cores", "expected": { "millicores": reserved } }))
}

fn node_reserved_memory() -> Result<Value, String> {
    let inputs = [(8192, 30), (8192, 110), (4096, 70)];
    let input = |(total, pods): (u32, u32)| json!({ "totalMiB": total, "maxPods": pods });
    let reserved = inputs.map(|(total, pods)| reserved_memory(total, pods));
    let formula = inputs.iter().zip(reserved).all(|((total, pods), got)| {
        f64::from(got) == f64::from(20 * pods + 50).min(f64::from(*total) * 0.25)
    });
    let inputs = inputs.map(input);
    Ok(json!({
        "inputs": inputs,
        "expected": {
            "kubeReservedMB": reserved,
            "evictionThresholdMi": EVICTION_THRESHOLD,
            "formula": formula.then_some("min(20*maxPods+50, 25% of memory)"),
        },
    }))
}
