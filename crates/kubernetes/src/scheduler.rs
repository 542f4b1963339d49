//! Binds pods to nodes.
//!
//! Modelled: cordoned nodes, taints and tolerations, and spreading by the number of pods. Not modelled:
//! affinity, topology spread constraints, resources.

use crate::hashing::FastMap;
use model::{
    Model, NodeName,
    kubernetes::{Effect, Node, Pod, Taint, Toleration, TolerationOperator},
};
use std::{collections::BTreeSet, fmt, sync::Arc};

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
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cordoned => f.write_str("is cordoned"),
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

    /// Chooses the node with the fewest pods among those that accept the pod, the first by name where
    /// several have as few, and counts the pod there.
    pub fn bind(&mut self, pod: &Pod) -> Result<NodeName, Unschedulable> {
        let best = (self.classes.iter_mut())
            .filter(|class| refusal(pod, &class.example).is_none())
            .min_by_key(|class| (prefers_not(pod, &class.example), class.by_load.first().copied()));
        let chosen = best.and_then(|class| {
            let (count, node) = class.by_load.pop_first()?;
            class.by_load.insert((count + 1, node));
            self.nodes.get(node)
        });
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
}

/// Why a node refuses a pod; `None` if it accepts it.
pub fn refusal(pod: &Pod, node: &Node) -> Option<Refusal> {
    if node.spec.unschedulable && !tolerates(pod, &cordon()) {
        return Some(Refusal::Cordoned);
    }
    let hard = |taint: &&Taint| taint.effect != Effect::PreferNoSchedule && !tolerates(pod, taint);
    node.spec.taints.iter().find(hard).cloned().map(Refusal::Taint)
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
    let matches = |toleration: &Toleration| {
        let key = toleration.key.is_empty() && toleration.operator == TolerationOperator::Exists
            || toleration.key == taint.key;
        let value = toleration.operator == TolerationOperator::Exists || toleration.value == taint.value;
        key && value && toleration.effect.is_none_or(|effect| effect == taint.effect)
    };
    pod.spec.tolerations.iter().any(matches)
}
