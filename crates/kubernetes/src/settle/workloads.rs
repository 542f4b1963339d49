//! The controllers that make pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job.

use super::{Allocation, Field, Settled, Unsettled, owners::Owners};
use crate::{
    disruption::blocked_by,
    hashing::{hash_of, hash_of_value},
    scheduler::{Preempted, Preemption, Scheduler, daemon_runs_on},
};
use model::{
    Key, Kind, Model, NodeName, ObjectRef,
    kubernetes::{
        Condition, Effect, LabelSelector, OwnerReference, Pod, PodStatus, PodTemplate, Toleration,
        TolerationOperator, Workload,
    },
};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Most names that are drawn for the pods of one workload.
const MOST_DRAWS: u32 = 200_000;

/// The label by which a Deployment tells the pods of its ReplicaSets apart.
const TEMPLATE_HASH: &str = "pod-template-hash";

/// Letters of generated names: no vowels, and no digits that look like letters (`k8s.io/apimachinery` `rand`).
const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// The first letters that a number gives.
fn letters(mut number: u64, count: usize) -> String {
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        let letter = usize::try_from(number % 27).ok().and_then(|index| LETTERS.get(index));
        text.push(char::from(*letter.unwrap_or(&b'x')));
        number /= 27;
    }
    text
}

/// The longest name of which a generated one keeps the whole.
const LONGEST_STEM: usize = 57;

fn generated(owner: &Key, salt: &str) -> String {
    let stem: String = owner.name.chars().take(LONGEST_STEM).collect();
    format!("{stem}-{}", letters(hash_of(&[&owner.namespace, &owner.name, salt]), 5))
}

fn owner(kind: Kind, key: &Key, workload: &Workload) -> OwnerReference {
    OwnerReference {
        api_version: if kind == Kind::Job { "batch/v1" } else { "apps/v1" }.into(),
        kind: kind.to_string(),
        name: key.name.to_string(),
        uid: workload.metadata.uid.clone(),
        controller: true,
        block_owner_deletion: true,
    }
}

/// The pods that a workload's selector selects; without one, those with the labels of its template.
pub(super) fn selects(workload: &Workload, labels: &BTreeMap<String, String>) -> bool {
    let by_template = || {
        let wanted = &workload.spec.template.metadata.labels;
        !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    match workload.spec.selector.as_ref().filter(|selector| !selector.is_empty()) {
        Some(selector) => selector.matches(labels),
        None => by_template(),
    }
}

/// Most pods that are made for one model: as many as Kubernetes supports in a cluster.
const MOST_MADE: usize = 150_000;

/// Makes the ReplicaSets that Deployments lack, then the pods that workloads lack. What is in the input counts:
/// a Deployment whose pods are all there makes none.
pub(super) fn expand(settled: &mut Settled) {
    replica_sets(settled);
    let model = &settled.model;
    let owners = Owners::new(model);
    let mut pods: BTreeMap<Key, Pod> = BTreeMap::new();
    let mut daemons: Vec<(Key, NodeName)> = Vec::new();
    for (kind, key, workload) in model.workloads() {
        let own = owners.of(&kind.to_string(), key, workload);
        let owner = owner(kind, key, workload);
        let mut add = |name: String, change: &dyn Fn(&mut Pod)| {
            let place = Key::new(&key.namespace, &name);
            if model.pods.contains_key(&place) || pods.contains_key(&place) || pods.len() >= MOST_MADE {
                return None;
            }
            let mut pod = pod_of(&workload.spec.template, &owner, &place);
            change(&mut pod);
            pods.insert(place.clone(), pod);
            Some(place)
        };
        match kind {
            Kind::ReplicaSet | Kind::Job => {
                let wanted = if kind == Kind::Job { running(workload) } else { replicas(workload) };
                let mut missing = wanted.min(MOST_MADE).saturating_sub(own.len());
                // Two generated names may be equal: then another is drawn.
                let mut draw = 0_u32;
                while missing > 0 && draw < MOST_DRAWS {
                    if add(generated(key, &draw.to_string()), &|_| {}).is_some() {
                        missing -= 1;
                    }
                    draw += 1;
                }
            }
            Kind::StatefulSet => {
                for ordinal in 0..replicas(workload).min(MOST_MADE) {
                    let name = format!("{}-{ordinal}", key.name);
                    let labels = [
                        ("statefulset.kubernetes.io/pod-name", name.clone()),
                        ("apps.kubernetes.io/pod-index", ordinal.to_string()),
                    ];
                    let hostname = name.clone();
                    add(name, &|pod| {
                        // `initIdentity`, `updateIdentity`.
                        pod.spec.hostname = Some(hostname.clone());
                        pod.spec.subdomain.clone_from(&workload.spec.service_name);
                        let own = labels.iter().map(|(label, value)| ((*label).to_owned(), value.clone()));
                        pod.metadata.labels.extend(own);
                    });
                }
            }
            Kind::DaemonSet => {
                let taken: BTreeSet<&str> = order::set(own.iter().map(|pod| pod.spec.node_name.as_str()));
                let mut example = pod_of(&workload.spec.template, &owner, key);
                let tolerations = daemon_tolerations(example.spec.host_network);
                example.spec.tolerations.extend(tolerations);
                // A pod that runs stays when its node gets a taint that only keeps new ones away.
                let runs = |node: &NodeName| {
                    let place = Key::new(&key.namespace, &generated(key, node.as_str()));
                    model.bindings.get(&place).is_some_and(|binding| binding.target.name == node.as_str())
                };
                let wanted = model.nodes.iter().filter(|(name, node)| {
                    !taken.contains(name.as_str()) && (daemon_runs_on(&example, node) || runs(name))
                });
                for (node, _) in wanted {
                    let added = add(generated(key, node.as_str()), &|pod| {
                        pod.spec.tolerations.clone_from(&example.spec.tolerations);
                    });
                    daemons.extend(added.map(|place| (place, node.clone())));
                }
            }
            _ => {}
        }
    }
    bind(settled, pods, &daemons);
}

fn replicas(workload: &Workload) -> usize {
    usize::try_from(workload.spec.replicas.unwrap_or(1)).unwrap_or(usize::MAX)
}

/// How many pods of a Job run at once.
fn running(job: &Workload) -> usize {
    let ended = |condition: &Condition| {
        matches!(condition.kind.as_str(), "Complete" | "Failed") && condition.is_true()
    };
    if job.spec.suspend || job.status.conditions.iter().any(ended) {
        return 0;
    }
    let at_once = job.spec.parallelism.unwrap_or(1);
    let left = job
        .spec
        .completions
        .map_or(at_once, |wanted| wanted.saturating_sub(job.status.succeeded.unwrap_or_default()));
    usize::try_from(at_once.min(left)).unwrap_or(usize::MAX)
}

/// Gives each Deployment without a ReplicaSet the one that its template asks for.
fn replica_sets(settled: &mut Settled) {
    let model = &settled.model;
    let of_deployments: BTreeSet<Key> = order::set(model.replica_sets.iter().filter_map(|(key, set)| {
        let owner = set.metadata.controller().filter(|owner| owner.kind == "Deployment")?;
        Some(Key::new(&key.namespace, &owner.name))
    }));
    let mut made = Vec::new();
    for (key, deployment) in model.deployments.iter().filter(|(key, _)| !of_deployments.contains(*key)) {
        let hash = letters(hash_of_value(&deployment.spec.template), 10);
        let mut set = Workload { spec: deployment.spec.clone(), ..Workload::default() };
        set.metadata.name = format!("{}-{hash}", key.name);
        set.metadata.namespace = key.namespace.to_string();
        set.metadata.labels.clone_from(&deployment.spec.template.metadata.labels);
        set.metadata.owner_references.push(owner(Kind::Deployment, key, deployment));
        set.spec.template.metadata.labels.insert(TEMPLATE_HASH.to_owned(), hash);
        // The selector is the Deployment's: pods that are given without a ReplicaSet count as its own.
        if set.spec.selector.is_none() {
            let match_labels = deployment.spec.template.metadata.labels.clone();
            set.spec.selector = Some(LabelSelector { match_labels, ..LabelSelector::default() });
        }
        made.push(set);
    }
    for set in made {
        let key = set.metadata.key();
        settled.allocated(ObjectRef::namespaced(Kind::ReplicaSet, &key), Field::Everything);
        settled.model.replica_sets.insert(key, Arc::new(set));
    }
}

fn pod_of(template: &PodTemplate, owner: &OwnerReference, key: &Key) -> Pod {
    let mut pod = Pod { spec: template.spec.clone().into(), ..Pod::default() };
    pod.metadata.name = key.name.to_string();
    pod.metadata.namespace = key.namespace.to_string();
    pod.metadata.labels.clone_from(&template.metadata.labels);
    pod.metadata.annotations.clone_from(&template.metadata.annotations);
    pod.metadata.owner_references.push(owner.clone());
    pod.spec.node_name.clear();
    pod
}

/// The tolerations that the DaemonSet controller adds (`AddOrUpdateDaemonPodTolerations`).
fn daemon_tolerations(host_network: bool) -> impl Iterator<Item = Toleration> {
    const ALWAYS: [(&str, Effect); 6] = [
        ("not-ready", Effect::NoExecute),
        ("unreachable", Effect::NoExecute),
        ("disk-pressure", Effect::NoSchedule),
        ("memory-pressure", Effect::NoSchedule),
        ("pid-pressure", Effect::NoSchedule),
        ("unschedulable", Effect::NoSchedule),
    ];
    let on_the_host = host_network.then_some(("network-unavailable", Effect::NoSchedule));
    ALWAYS.into_iter().chain(on_the_host).map(|(name, effect)| Toleration {
        key: format!("node.kubernetes.io/{name}"),
        operator: TolerationOperator::Exists,
        effect: Some(effect),
        ..Toleration::default()
    })
}

fn is_pending(pod: &Pod) -> bool {
    pod.status.phase.as_deref() == Some("Pending")
}

/// Puts the new pods into the model and binds every pod that has no node: first those that a Binding of the
/// input keeps where they are, then the pods of DaemonSets, then the others by priority, in name order. One that fits
/// nowhere takes the place of pods with a lower priority that a Binding kept, whose workloads make others: pods that
/// are given with a node stay there.
fn bind(settled: &mut Settled, made: BTreeMap<Key, Pod>, daemons: &[(Key, NodeName)]) {
    // Priorities depend on classes alone.
    let priorities = Model { priority_classes: settled.model.priority_classes.clone(), ..Model::default() };
    let priority = |pod: &Pod| Reverse(pod.spec.priority_in(&priorities));
    let Model { pods, nodes, bindings, .. } = &mut settled.model;
    let kept_on = |key: &Key| {
        let node = bindings.get(key).map(|binding| &binding.target.name);
        node.filter(|node| nodes.contains_key(node.as_str()))
    };
    // Upstream's queue: the highest priority first.
    let mut waiting: BTreeSet<(Reverse<i32>, Key)> = BTreeSet::new();
    let mut kept: BTreeSet<Key> = BTreeSet::new();
    for (key, mut pod) in made {
        settled
            .allocated
            .push(Allocation { object: ObjectRef::namespaced(Kind::Pod, &key), field: Field::Everything });
        match kept_on(&key) {
            Some(node) => {
                pod.spec.node_name.clone_from(node);
                run(&mut pod);
                kept.insert(key.clone());
            }
            None => {
                waiting.insert((priority(&pod), key.clone()));
            }
        }
        pods.insert(key, Arc::new(pod));
    }
    let made: BTreeSet<Key> = order::set(waiting.iter().map(|(_, key)| key.clone()));
    let unbound = |key: &Key, pod: &Pod| {
        pod.spec.node_name.is_empty() && !pod.is_finished() && !is_pending(pod) && !made.contains(key)
    };
    for (key, slot) in pods.iter_mut().filter(|(key, pod)| unbound(key, pod)) {
        match kept_on(key) {
            Some(node) => {
                Arc::make_mut(slot).spec.node_name.clone_from(node);
                let object = ObjectRef::namespaced(Kind::Pod, key);
                settled.allocated.push(Allocation { object, field: Field::NodeName });
            }
            None => {
                waiting.insert((priority(slot), key.clone()));
            }
        }
    }
    if waiting.is_empty() {
        return;
    }
    let daemons: BTreeMap<&Key, &NodeName> = order::map(daemons.iter().map(|(key, node)| (key, node)));
    let mut of_nodes: BTreeSet<(Reverse<i32>, Key)> = BTreeSet::new();
    waiting.retain(|entry| !(daemons.contains_key(&entry.1) && of_nodes.insert(entry.clone())));
    let mut scheduler = Scheduler::new(&settled.model);
    while let Some((_, key)) = of_nodes.pop_first().or_else(|| waiting.pop_first()) {
        let Some(pod) = settled.model.pods.get(&key).cloned() else { continue };
        let mut bound = match daemons.get(&key) {
            Some(node) => scheduler.bind_on(&pod, node),
            None => scheduler.bind(&pod),
        };
        if let Err(refused) = &mut bound
            && !daemons.contains_key(&key)
        {
            let place = preempt(&mut scheduler, &settled.model, &pod, &kept);
            if let Err(preemption) = place {
                refused.preemption = preemption;
            } else if let Ok(Preempted { node, victims }) = place {
                bound = Ok(node);
                for victim in victims {
                    kept.remove(&victim);
                    let Some(slot) = settled.model.pods.get_mut(&victim) else { continue };
                    let pod = Arc::make_mut(slot);
                    pod.spec.node_name.clear();
                    pod.status = PodStatus::default();
                    waiting.insert((Reverse(pod.spec.priority_in(&priorities)), victim));
                }
            }
        }
        let Some(slot) = settled.model.pods.get_mut(&key) else { continue };
        let object = ObjectRef::namespaced(Kind::Pod, &key);
        let pod = Arc::make_mut(slot);
        match bound {
            Ok(node) => {
                node.as_str().clone_into(&mut pod.spec.node_name);
                if made.contains(&key) || pod.status.phase.is_none() && pod.metadata.controller().is_some() {
                    run(pod);
                }
                settled.allocated.push(Allocation { object, field: Field::NodeName });
            }
            Err(reason) => {
                pod.status.phase = Some("Pending".into());
                let mut condition = Condition::new("PodScheduled", false);
                condition.reason = "Unschedulable".into();
                condition.message = reason.to_string();
                pod.status.conditions.push(condition);
                settled.unsettled.push(Unsettled::Unschedulable { pod: object, reason });
            }
        }
    }
}

/// A place that is made for a pod by pods of a lower priority.
fn preempt(
    scheduler: &mut Scheduler,
    model: &Model,
    pod: &Pod,
    kept: &BTreeSet<Key>,
) -> Result<Preempted, Preemption> {
    if !pod.spec.preempts_in(model) {
        return Err(Preemption::Never);
    }
    if kept.is_empty() {
        return Err(Preemption::InVain(BTreeMap::new()));
    }
    let own = pod.spec.priority_in(model);
    let priority = |other: &Pod| {
        let may_go = kept.contains(&other.metadata.key()) && other.metadata.controller().is_some();
        may_go.then(|| other.spec.priority_in(model))
    };
    let protected = |other: &Pod| blocked_by(model, other).is_some();
    scheduler.preempt(pod, own, &priority, &protected)
}

/// A pod that a workload made runs and is ready as soon as it has a node.
fn run(pod: &mut Pod) {
    pod.status.phase = Some("Running".into());
    pod.status.conditions.push(Condition::ready(true));
}
