//! What a node and a pod say of each other whatever else runs: cordon, taints, labels.

use super::Refusal;
use model::kubernetes::{
    Effect, Node, NodeAffinity, NodeSelectorOperator, NodeSelectorTerm, Pod, PodSpec, Taint, Toleration,
    TolerationOperator,
};

/// Why a node refuses a pod whatever else runs there; `None` if it accepts it.
///
/// In the order of kube-scheduler's plugins NodeUnschedulable, TaintToleration, NodeAffinity: the first that
/// refuses names the reason.
pub fn refusal(pod: &Pod, node: &Node) -> Option<Refusal> {
    if node.spec.unschedulable && !tolerates(pod, &cordon()) {
        return Some(Refusal::Cordoned);
    }
    if let Some(taint) = taints(node).find(|taint| is_hard(taint) && !tolerates(pod, taint)) {
        return Some(Refusal::Taint(taint));
    }
    (!fits_labels(&pod.spec, node)).then_some(Refusal::Affinity)
}

/// Whether the DaemonSet controller wants a pod on a node: its labels fit, and it tolerates the hard taints.
/// What is left of the node's resources does not matter to it.
pub(crate) fn daemon_runs_on(pod: &Pod, node: &Node) -> bool {
    refusal(pod, node).is_none()
}

/// The taints of a node, those that the node controller derives from its conditions included.
fn taints(node: &Node) -> impl Iterator<Item = Taint> + '_ {
    let not_ready = || Taint {
        key: "node.kubernetes.io/not-ready".into(),
        value: String::new(),
        effect: Effect::NoSchedule,
    };
    node.spec.taints.iter().cloned().chain((!node.is_ready()).then(not_ready))
}

fn is_hard(taint: &Taint) -> bool {
    taint.effect != Effect::PreferNoSchedule
}

/// Whether a node has the labels that a pod's node selector and required affinity ask for.
pub(super) fn fits_labels(spec: &PodSpec, node: &Node) -> bool {
    let has = |(key, value): (&String, &String)| node.metadata.labels.get(key) == Some(value);
    let required = node_affinity(spec).and_then(|affinity| affinity.required.as_ref());
    spec.node_selector.iter().all(has)
        && required.is_none_or(|selector| selector.node_selector_terms.iter().any(|term| fulfils(node, term)))
}

fn node_affinity(spec: &PodSpec) -> Option<&NodeAffinity> {
    spec.affinity.as_ref()?.node_affinity.as_ref()
}

/// Whether a node fulfils every condition of a term; an empty term matches nothing.
fn fulfils(node: &Node, term: &NodeSelectorTerm) -> bool {
    let named = |name: &String| *name == node.metadata.name;
    // The API knows one field: metadata.name.
    let field = |field: &model::kubernetes::NodeSelectorRequirement| match field.operator {
        NodeSelectorOperator::In => field.values.iter().any(named),
        NodeSelectorOperator::NotIn => !field.values.iter().any(named),
        _ => false,
    };
    !(term.match_expressions.is_empty() && term.match_fields.is_empty())
        && term.match_expressions.iter().all(|requirement| requirement.holds(&node.metadata.labels))
        && term.match_fields.iter().all(field)
}

/// The weight of the wishes about labels that a node fulfils.
pub(super) fn preference(pod: &Pod, node: &Node) -> u32 {
    let wishes = node_affinity(&pod.spec).map(|affinity| affinity.preferred.as_slice()).unwrap_or_default();
    wishes.iter().filter(|wish| fulfils(node, &wish.preference)).map(|wish| wish.weight.min(100)).sum()
}

/// How many soft taints of a node a pod does not tolerate.
pub(super) fn avoided(pod: &Pod, node: &Node) -> usize {
    let soft = |taint: &&Taint| taint.effect == Effect::PreferNoSchedule && !tolerates(pod, taint);
    node.spec.taints.iter().filter(soft).count()
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
    tolerating.filter_map(|toleration| toleration.toleration_seconds).min().map_or(
        Eviction::Stays,
        |seconds| if seconds > 0 { Eviction::After(seconds) } else { Eviction::AtOnce },
    )
}

/// The taint that the node controller puts on a cordoned node.
fn cordon() -> Taint {
    Taint { key: "node.kubernetes.io/unschedulable".into(), value: String::new(), effect: Effect::NoSchedule }
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
