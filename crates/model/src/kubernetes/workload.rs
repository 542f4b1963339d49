//! What makes pods: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job; and what is said about pods that
//! something else makes: PodDisruptionBudget, Binding.

use super::{Condition, IntOrString, LabelSelector, ObjectMeta, PodSpec};
use model_derive::Filled;
use serde::Serialize;
use wire::Wire;

/// A Deployment, ReplicaSet, StatefulSet, DaemonSet or Job: each has the fields of its kind only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// Name, namespace, labels, owners.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: WorkloadSpec,
    /// What the controller reported.
    #[serde(skip_serializing_if = "WorkloadStatus::is_empty")]
    pub status: WorkloadStatus,
}

/// `spec` of a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadSpec {
    /// How many pods; 1 where absent. Not of DaemonSets and Jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
    /// How many pods of a Job must succeed; as many as run at once where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completions: Option<u32>,
    /// How many pods of a Job run at once; 1 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// Whether a Job is on hold.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub suspend: bool,
    /// The headless Service below whose name the pods of a StatefulSet have names of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// The pods that it counts as its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// What its pods are like.
    pub template: PodTemplate,
}

/// `spec.template` of a workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodTemplate {
    /// Labels and annotations of the pods.
    pub metadata: ObjectMeta,
    /// What is wanted of the pods.
    pub spec: PodSpec,
}

/// `status` of a workload: only what ends a Job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct WorkloadStatus {
    /// Pods of a Job that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<u32>,
    /// `Complete` and `Failed` end a Job.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

impl WorkloadStatus {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A `policy/v1` PodDisruptionBudget: how many pods may be evicted at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDisruptionBudget {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: PodDisruptionBudgetSpec,
}

/// `spec` of a PodDisruptionBudget; one of the two bounds is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDisruptionBudgetSpec {
    /// How many pods, or which share of them, must stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_available: Option<IntOrString>,
    /// How many pods, or which share of them, may be gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_unavailable: Option<IntOrString>,
    /// The pods; absent selects none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// A `v1` Binding, which the scheduler posts: here it keeps a pod that a workload makes on the node to which it
/// was bound. One whose pod or node is gone has no effect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Binding {
    /// Namespace and name of the pod.
    pub metadata: ObjectMeta,
    /// The node.
    pub target: BindingTarget,
}

/// `target` of a Binding.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct BindingTarget {
    /// `Node`.
    pub kind: String,
    /// The node's name.
    pub name: String,
}
