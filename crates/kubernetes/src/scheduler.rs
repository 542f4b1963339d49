//! Binds pods to nodes.
//!
//! Modelled: cordoned nodes, taints and tolerations, and spreading by the number of pods. Not modelled:
//! affinity, topology spread constraints, resources.

use model::{
    Model, NodeName,
    kubernetes::{Effect, Node, Pod, Taint, Toleration, TolerationOperator},
};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Chooses nodes for pods, one after the other.
#[derive(Debug)]
pub struct Scheduler {
    nodes: Vec<(NodeName, Arc<Node>, u32)>,
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
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for pod in model.pods.values().filter(|pod| !pod.is_finished()) {
            *counts.entry(pod.spec.node_name.as_str()).or_default() += 1;
        }
        let count = |name: &NodeName| counts.get(name.as_str()).copied().unwrap_or_default();
        let nodes = model.nodes.iter().map(|(name, node)| (name.clone(), Arc::clone(node), count(name)));
        Self { nodes: nodes.collect() }
    }

    /// Chooses the node with the fewest pods among those that accept the pod, the first by name where
    /// several have as few, and counts the pod there.
    pub fn bind(&mut self, pod: &Pod) -> Result<NodeName, Unschedulable> {
        let fits = |node: &Node| refusal(pod, node).is_none();
        let best = (self.nodes.iter_mut())
            .filter(|(_, node, _)| fits(node))
            .min_by_key(|(_, node, count)| (prefers_not(pod, node), *count));
        if let Some((name, _, count)) = best {
            *count += 1;
            return Ok(name.clone());
        }
        let refusals =
            self.nodes.iter().filter_map(|(name, node, _)| Some((name.clone(), refusal(pod, node)?)));
        Err(Unschedulable(refusals.collect()))
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
