//! Binds pods to nodes.
//!
//! Modelled: cordoned nodes, taints and tolerations, node selectors and affinity to nodes, and spreading by
//! the number of pods. Not modelled: affinity to pods, topology spread constraints, resources.

use crate::hashing::FastMap;
use model::{
    Model, NodeName,
    kubernetes::{
        Effect, Node, NodeAffinity, NodeSelectorOperator, NodeSelectorTerm, Pod, Taint, Toleration,
        TolerationOperator,
    },
};
use std::{cmp::Reverse, collections::BTreeSet, fmt, sync::Arc};

/// Chooses nodes for pods, one after the other.
#[derive(Debug)]
pub struct Scheduler {
    nodes: Vec<(NodeName, Arc<Node>)>,
    classes: Vec<Class>,
}

/// Nodes that treat every pod alike: equal taints, equally cordoned.
#[derive(Debug)]
struct Class {
    example: Arc<Node>,
    /// Number of pods and index of the node.
    by_load: BTreeSet<(u32, usize)>,
}

/// Why a pod fits no node, per node in name order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unschedulable(pub Vec<(NodeName, Refusal)>);

/// Why a node refuses a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The node is cordoned.
    Cordoned,
    /// The pod does not tolerate a taint.
    Taint(Taint),
    /// The node lacks a label that the pod's node selector or required affinity asks for.
    Affinity,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cordoned => f.write_str("is cordoned"),
            Self::Affinity => f.write_str("does not fit the pod's node selector or affinity"),
            Self::Taint(taint) => write!(f, "has the taint {taint}, which the pod does not tolerate"),
        }
    }
}

impl fmt::Display for Unschedulable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there is no node");
        }
        for (i, (node, refusal)) in self.0.iter().enumerate() {
            write!(f, "{}{node} {refusal}", if i == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl Scheduler {
    /// Looks at the nodes, and at the pods that already run on them.
    pub fn new(model: &Model) -> Self {
        let mut counts: FastMap<&str, u32> = FastMap::default();
        for pod in model.pods.values().filter(|pod| !pod.is_finished()) {
            *counts.entry(pod.spec.node_name.as_str()).or_default() += 1;
        }
        let mut classes: Vec<Class> = Vec::new();
        for (i, (name, node)) in model.nodes.iter().enumerate() {
            let load = (counts.get(name.as_str()).copied().unwrap_or_default(), i);
            let alike = |class: &&mut Class| {
                class.example.spec.taints == node.spec.taints
                    && class.example.spec.unschedulable == node.spec.unschedulable
            };
            if let Some(class) = classes.iter_mut().find(alike) {
                class.by_load.insert(load);
            } else {
                classes.push(Class { example: Arc::clone(node), by_load: BTreeSet::from([load]) });
            }
        }
        let nodes = model.nodes.iter().map(|(name, node)| (name.clone(), Arc::clone(node)));
        Self { nodes: nodes.collect(), classes }
    }

    /// Chooses, among the nodes that accept the pod, those that it does not avoid, then those that it prefers
    /// most, then the one with the fewest pods, the first by name where several have as few. Counts the pod
    /// there.
    pub fn bind(&mut self, pod: &Pod) -> Result<NodeName, Unschedulable> {
        let chosen = if asks_for_labels(pod) { self.bind_by_labels(pod) } else { self.bind_by_class(pod) };
        let chosen = chosen.and_then(|node| self.nodes.get(node));
        match chosen {
            Some((name, _)) => Ok(name.clone()),
            None => Err(Unschedulable(
                self.nodes
                    .iter()
                    .filter_map(|(name, node)| Some((name.clone(), refusal(pod, node)?)))
                    .collect(),
            )),
        }
    }

    fn bind_by_class(&mut self, pod: &Pod) -> Option<usize> {
        let best = (self.classes.iter_mut())
            .filter(|class| refusal(pod, &class.example).is_none())
            .min_by_key(|class| (prefers_not(pod, &class.example), class.by_load.first().copied()))?;
        let (count, node) = best.by_load.pop_first()?;
        best.by_load.insert((count + 1, node));
        Some(node)
    }

    /// Labels differ from node to node: every node is looked at.
    fn bind_by_labels(&mut self, pod: &Pod) -> Option<usize> {
        let nodes = &self.nodes;
        let rank = |(count, index): (u32, usize)| {
            let (_, node) = nodes.get(index)?;
            let accepts = refusal(pod, node).is_none();
            accepts.then(|| (prefers_not(pod, node), Reverse(preference(pod, node)), count, index))
        };
        let best_of = |class: &Class| class.by_load.iter().filter_map(|load| rank(*load)).min();
        let ranked = self.classes.iter_mut().filter_map(|class| Some((best_of(class)?, class)));
        let ((_, _, count, node), class) = ranked.min_by_key(|(rank, _)| *rank)?;
        class.by_load.remove(&(count, node));
        class.by_load.insert((count + 1, node));
        Some(node)
    }
}

fn asks_for_labels(pod: &Pod) -> bool {
    !pod.spec.node_selector.is_empty() || node_affinity(pod).is_some()
}

/// Why a node refuses a pod; `None` if it accepts it.
pub fn refusal(pod: &Pod, node: &Node) -> Option<Refusal> {
    if node.spec.unschedulable && !tolerates(pod, &cordon()) {
        return Some(Refusal::Cordoned);
    }
    let hard = |taint: &&Taint| taint.effect != Effect::PreferNoSchedule && !tolerates(pod, taint);
    if let Some(taint) = node.spec.taints.iter().find(hard) {
        return Some(Refusal::Taint(taint.clone()));
    }
    let has = |(key, value): (&String, &String)| node.metadata.labels.get(key) == Some(value);
    let required = node_affinity(pod).and_then(|affinity| affinity.required.as_ref());
    let fits = pod.spec.node_selector.iter().all(has)
        && required
            .is_none_or(|selector| selector.node_selector_terms.iter().any(|term| fulfils(node, term)));
    (!fits).then_some(Refusal::Affinity)
}

fn node_affinity(pod: &Pod) -> Option<&NodeAffinity> {
    pod.spec.affinity.as_ref()?.node_affinity.as_ref()
}

/// Whether a node fulfils every condition of a term; an empty term matches nothing.
fn fulfils(node: &Node, term: &NodeSelectorTerm) -> bool {
    !term.match_expressions.is_empty()
        && term.match_expressions.iter().all(|requirement| {
            let label = node.metadata.label(&requirement.key);
            let listed = || label.is_some_and(|value| requirement.values.iter().any(|own| own == value));
            let compares = |than: fn(&i64, &i64) -> bool| {
                let number = label.and_then(|value| value.parse::<i64>().ok());
                let bound = requirement.values.first().and_then(|value| value.parse::<i64>().ok());
                number.zip(bound).is_some_and(|(number, bound)| than(&number, &bound))
            };
            match requirement.operator {
                NodeSelectorOperator::In => listed(),
                NodeSelectorOperator::NotIn => !listed(),
                NodeSelectorOperator::Exists => label.is_some(),
                NodeSelectorOperator::DoesNotExist => label.is_none(),
                NodeSelectorOperator::Gt => compares(i64::gt),
                NodeSelectorOperator::Lt => compares(i64::lt),
            }
        })
}

/// The weight of the wishes that a node fulfils.
fn preference(pod: &Pod, node: &Node) -> u32 {
    let wishes = node_affinity(pod).map(|affinity| affinity.preferred.as_slice()).unwrap_or_default();
    wishes.iter().filter(|wish| fulfils(node, &wish.preference)).map(|wish| wish.weight).sum()
}

/// What becomes of a running pod when its node gets a taint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Eviction {
    /// It stays.
    Stays,
    /// It is evicted after so many seconds (`tolerationSeconds`).
    After(i64),
    /// It is evicted at once.
    AtOnce,
}

/// What becomes of a running pod when its node gets a taint. Only `NoExecute` evicts.
pub fn eviction(pod: &Pod, taint: &Taint) -> Eviction {
    if taint.effect != Effect::NoExecute {
        return Eviction::Stays;
    }
    let mut tolerating =
        pod.spec.tolerations.iter().filter(|toleration| matches(toleration, taint)).peekable();
    if tolerating.peek().is_none() {
        return Eviction::AtOnce;
    }
    // The shortest stay of all matching tolerations counts.
    tolerating
        .filter_map(|toleration| toleration.toleration_seconds)
        .min()
        .map_or(Eviction::Stays, Eviction::After)
}

/// The taint that the node controller puts on a cordoned node.
fn cordon() -> Taint {
    Taint { key: "node.kubernetes.io/unschedulable".into(), value: String::new(), effect: Effect::NoSchedule }
}

fn prefers_not(pod: &Pod, node: &Node) -> bool {
    let soft = |taint: &Taint| taint.effect == Effect::PreferNoSchedule && !tolerates(pod, taint);
    node.spec.taints.iter().any(soft)
}

/// Whether one of a pod's tolerations matches a taint.
pub fn tolerates(pod: &Pod, taint: &Taint) -> bool {
    pod.spec.tolerations.iter().any(|toleration| matches(toleration, taint))
}

fn matches(toleration: &Toleration, taint: &Taint) -> bool {
    let key = toleration.key.is_empty() && toleration.operator == TolerationOperator::Exists
        || toleration.key == taint.key;
    let value = toleration.operator == TolerationOperator::Exists || toleration.value == taint.value;
    key && value && toleration.effect.is_none_or(|effect| effect == taint.effect)
}
