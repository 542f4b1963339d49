//! `scheduling.k8s.io/v1` PriorityClass.

use super::{ObjectMeta, PodSpec};
use crate::Model;
use model_derive::Filled;
use serde::Serialize;
use wire::Wire;

/// A `scheduling.k8s.io/v1` PriorityClass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PriorityClass {
    /// Name and labels.
    pub metadata: ObjectMeta,
    /// The priority of its pods; more goes first.
    pub value: i32,
    /// Whether it is that of pods that name none.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub global_default: bool,
    /// `Never`, or `PreemptLowerPriority` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemption_policy: Option<String>,
}

/// The classes that every cluster has.
const BUILT_IN: [(&str, i32); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

impl PodSpec {
    fn class<'a>(&self, model: &'a Model) -> Option<&'a PriorityClass> {
        let default = || model.priority_classes.values().find(|class| class.global_default);
        let name = &self.priority_class_name;
        let class = if name.is_empty() { default() } else { model.priority_classes.get(name) };
        class.map(|class| &**class)
    }

    /// The pod's priority: its own, else that of its class, else that of the default class, else 0.
    pub fn priority_in(&self, model: &Model) -> i32 {
        let built_in = BUILT_IN.iter().find(|(name, _)| *name == self.priority_class_name);
        let of_class = || self.class(model).map(|class| class.value);
        self.priority.or(built_in.map(|(_, value)| *value)).or_else(of_class).unwrap_or_default()
    }

    /// Whether the pod may take the place of others.
    pub fn preempts_in(&self, model: &Model) -> bool {
        let policy = self.preemption_policy.as_ref();
        let policy = policy.or_else(|| self.class(model)?.preemption_policy.as_ref());
        policy.is_none_or(|policy| policy != "Never")
    }
}
