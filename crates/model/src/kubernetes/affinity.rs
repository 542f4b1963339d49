//! Where a pod would or must run: affinity to nodes and pods, topology spread.

use super::LabelSelector;
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::Wire;

/// `affinity` of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Affinity {
    /// Affinity to nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_affinity: Option<NodeAffinity>,
    /// Pods that it runs close to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_affinity: Option<PodAffinity>,
    /// Pods that it keeps away from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_anti_affinity: Option<PodAffinity>,
}

/// `podAffinity` or `podAntiAffinity`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(default)]
pub struct PodAffinity {
    /// Terms that must all hold.
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub required: Vec<PodAffinityTerm>,
    /// Terms that count by their weight.
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub preferred: Vec<WeightedPodAffinityTerm>,
}

/// Pods that count, and how far "close" reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodAffinityTerm {
    /// The pods; absent selects none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// Namespaces of the pods; empty means the pod's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// More namespaces, by their labels; one that is empty selects all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// The label of nodes whose value two nodes share that are close to each other.
    pub topology_key: String,
}

/// A wish about other pods, with a weight.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct WeightedPodAffinityTerm {
    /// 1 to 100.
    pub weight: u32,
    /// The wish.
    pub pod_affinity_term: PodAffinityTerm,
}

/// An entry of `topologySpreadConstraints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct TopologySpreadConstraint {
    /// How many more pods one domain may have than the one with the fewest; at least 1.
    pub max_skew: u32,
    /// The label of nodes whose values are the domains.
    pub topology_key: String,
    /// Whether the constraint binds.
    pub when_unsatisfiable: WhenUnsatisfiable,
    /// The pods that are counted; absent selects none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<LabelSelector>,
    /// How many domains there must be: with fewer, the fewest pods of any domain count as none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_domains: Option<u32>,
    /// Labels of the pod whose values the counted pods must share.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_label_keys: Vec<String>,
}

/// What a topology spread constraint does where it cannot hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Wire)]
pub enum WhenUnsatisfiable {
    /// The pod stays pending.
    #[default]
    DoNotSchedule,
    /// It is a wish.
    ScheduleAnyway,
}

/// `affinity.nodeAffinity`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(default)]
pub struct NodeAffinity {
    /// What the node must fulfil.
    #[serde(
        rename = "requiredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Option::is_none"
    )]
    pub required: Option<NodeSelector>,
    /// What the node should fulfil.
    #[serde(
        rename = "preferredDuringSchedulingIgnoredDuringExecution",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub preferred: Vec<PreferredSchedulingTerm>,
}

/// Terms of which one must match.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// The terms.
    pub node_selector_terms: Vec<NodeSelectorTerm>,
}

/// A wish with a weight.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(default)]
pub struct PreferredSchedulingTerm {
    /// 1 to 100.
    pub weight: u32,
    /// The wish.
    pub preference: NodeSelectorTerm,
}

/// Conditions that must all hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelectorTerm {
    /// Conditions on labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<NodeSelectorRequirement>,
    /// Conditions on fields, of which the API knows `metadata.name` only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_fields: Vec<NodeSelectorRequirement>,
}

/// A condition on one label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Wire)]
pub struct NodeSelectorRequirement {
    /// The label.
    pub key: String,
    /// How it is compared.
    pub operator: NodeSelectorOperator,
    /// The values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl NodeSelectorRequirement {
    /// Whether labels fulfil the condition.
    pub fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let label = labels.get(&self.key);
        let listed = || label.is_some_and(|value| self.values.contains(value));
        let compares = |than: fn(&i64, &i64) -> bool| {
            let number = label.and_then(|value| value.parse::<i64>().ok());
            let bound = self.values.first().and_then(|value| value.parse::<i64>().ok());
            number.zip(bound).is_some_and(|(number, bound)| than(&number, &bound))
        };
        match self.operator {
            NodeSelectorOperator::In => listed(),
            NodeSelectorOperator::NotIn => !listed(),
            NodeSelectorOperator::Exists => label.is_some(),
            NodeSelectorOperator::DoesNotExist => label.is_none(),
            NodeSelectorOperator::Gt => compares(i64::gt),
            NodeSelectorOperator::Lt => compares(i64::lt),
        }
    }
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Wire)]
pub enum NodeSelectorOperator {
    /// The value is one of these.
    In,
    /// The label is absent or its value is none of these.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
    /// The value is a number above the one given.
    Gt,
    /// The value is a number below the one given.
    Lt,
}
