//! `networking.k8s.io/v1` NetworkPolicy, and `v1` Namespace, whose labels policies select by.

use super::{IntOrString, ObjectMeta, Protocol};
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::Wire;

/// A `v1` Namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespace {
    /// Name and labels.
    pub metadata: ObjectMeta,
}

impl Namespace {
    /// The label with the namespace's own name, which the API server always sets.
    pub const NAME_LABEL: &'static str = "kubernetes.io/metadata.name";
}

/// A `networking.k8s.io/v1` NetworkPolicy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicy {
    /// Name and namespace.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: NetworkPolicySpec,
}

/// `spec` of a NetworkPolicy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicySpec {
    /// The pods of the namespace that it isolates; an empty selector means all of them.
    pub pod_selector: LabelSelector,
    /// Directions; absent means Ingress, and Egress too where `egress` is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policy_types: Vec<PolicyType>,
    /// What may come in; absent or empty lets nothing in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Vec<NetworkPolicyIngressRule>>,
    /// What may go out; absent or empty lets nothing out where Egress is among the types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egress: Option<Vec<NetworkPolicyEgressRule>>,
}

impl NetworkPolicySpec {
    /// Whether the policy isolates its pods in a direction.
    pub fn isolates(&self, direction: PolicyType) -> bool {
        if self.policy_types.is_empty() {
            direction == PolicyType::Ingress || self.egress.is_some()
        } else {
            self.policy_types.contains(&direction)
        }
    }
}

/// A direction of a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum PolicyType {
    /// Towards the pod.
    #[default]
    Ingress,
    /// From the pod.
    Egress,
}

/// What may come in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicyIngressRule {
    /// From whom; empty means from everyone.
    #[serde(rename = "from", skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<NetworkPolicyPeer>,
    /// To which ports; empty means to all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<NetworkPolicyPort>,
}

/// What may go out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicyEgressRule {
    /// To whom; empty means to everyone.
    #[serde(rename = "to", skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<NetworkPolicyPeer>,
    /// To which ports; empty means to all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<NetworkPolicyPort>,
}

/// The other end: pods by labels, or addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicyPeer {
    /// Pods; without a namespace selector those of the policy's own namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_selector: Option<LabelSelector>,
    /// Namespaces; with a pod selector both must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace_selector: Option<LabelSelector>,
    /// Addresses; excludes the selectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_block: Option<IpBlock>,
}

/// A range with holes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IpBlock {
    /// The range.
    pub cidr: String,
    /// Ranges inside it that are not meant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub except: Vec<String>,
}

/// A port or a range of ports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicyPort {
    /// TCP where absent.
    pub protocol: Protocol,
    /// A number, or the name of a container port of the receiving pod; absent means every port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<IntOrString>,
    /// The end of a range that begins at `port`, which must be a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_port: Option<u16>,
}

/// Selects by labels; an empty one selects everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// Labels that must have these values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
    /// Conditions that must all hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// A condition on one label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// How it is compared.
    pub operator: LabelSelectorOperator,
    /// The values, for `In` and `NotIn`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a label is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Wire)]
pub enum LabelSelectorOperator {
    /// The value is one of these.
    #[default]
    In,
    /// The label is absent or its value is none of these.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is absent.
    DoesNotExist,
}

impl LabelSelector {
    /// Whether labels fulfil the selector.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let holds = |requirement: &LabelSelectorRequirement| {
            let value = labels.get(&requirement.key);
            let listed = value.is_some_and(|value| requirement.values.contains(value));
            match requirement.operator {
                LabelSelectorOperator::In => listed,
                LabelSelectorOperator::NotIn => !listed,
                LabelSelectorOperator::Exists => value.is_some(),
                LabelSelectorOperator::DoesNotExist => value.is_none(),
            }
        };
        self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
            && self.match_expressions.iter().all(holds)
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}
