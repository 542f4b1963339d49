//! `v1` Node.

use super::{Condition, ObjectMeta};
use crate::NodeName;
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, net::IpAddr};
use wire::Wire;

/// A `v1` Node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Node {
    /// Name, labels, annotations.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: NodeSpec,
    /// What the kubelet reported.
    pub status: NodeStatus,
}

impl Node {
    /// The node's name as a typed id.
    pub fn name(&self) -> NodeName {
        NodeName::from(self.metadata.name.as_str())
    }

    /// The node's `InternalIP` addresses, in document order.
    pub fn internal_ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        self.status
            .addresses
            .iter()
            .filter(|address| address.kind == AddressKind::InternalIP)
            .filter_map(|address| address.address.parse().ok())
    }

    /// The agent pool from the labels that AKS sets.
    pub fn pool(&self) -> Option<&str> {
        self.metadata
            .label(Self::POOL_LABEL)
            .or_else(|| self.metadata.label("agentpool"))
            .filter(|pool| !pool.is_empty())
    }

    /// Whether it runs Windows, by the label that the kubelet sets.
    pub fn is_windows(&self) -> bool {
        self.metadata.label("kubernetes.io/os") == Some("windows")
    }

    /// The label in which AKS writes a node's agent pool.
    pub const POOL_LABEL: &'static str = "kubernetes.azure.com/agentpool";

    /// False only where the `Ready` condition says so; absent means ready.
    pub fn is_ready(&self) -> bool {
        self.status.conditions.iter().all(|condition| condition.kind != "Ready" || condition.is_true())
    }
}

/// `spec` of a Node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSpec {
    /// The range of this node's pod addresses, where the plugin gives each node one.
    #[serde(rename = "podCIDR", skip_serializing_if = "String::is_empty")]
    pub pod_cidr: String,
    /// The same, one per family.
    #[serde(rename = "podCIDRs", skip_serializing_if = "Vec::is_empty")]
    pub pod_cidrs: Vec<String>,
    /// `azure:///subscriptions/…/virtualMachineScaleSets/…/virtualMachines/N`.
    #[serde(rename = "providerID", skip_serializing_if = "String::is_empty")]
    pub provider_id: String,
    /// Taints.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taints: Vec<Taint>,
    /// Cordoned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unschedulable: bool,
}

/// A mark that repels pods without a matching toleration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Taint {
    /// The key.
    pub key: String,
    /// The value; often empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// What it does to pods.
    pub effect: Effect,
}

impl fmt::Display for Taint {
    /// `key=value:Effect`, as `kubectl taint` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if !self.value.is_empty() {
            write!(f, "={}", self.value)?;
        }
        write!(f, ":{}", self.effect)
    }
}

/// What a taint does to a pod that does not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
pub enum Effect {
    /// New pods are not scheduled here.
    NoSchedule,
    /// New pods are scheduled here only if nothing else fits.
    PreferNoSchedule,
    /// Running pods are evicted too.
    NoExecute,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// `status` of a Node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeStatus {
    /// The node's addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Conditions such as `Ready`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Resources of the VM (`cpu`, `memory`, `pods`), as quantities.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub capacity: BTreeMap<String, String>,
    /// Resources left for pods.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub allocatable: BTreeMap<String, String>,
    /// What the node runs.
    #[serde(skip_serializing_if = "NodeSystemInfo::is_empty")]
    pub node_info: NodeSystemInfo,
}

/// `status.nodeInfo`: only the version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSystemInfo {
    /// E.g. `v1.33.2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubelet_version: Option<String>,
}

impl NodeSystemInfo {
    fn is_empty(&self) -> bool {
        self.kubelet_version.is_none()
    }
}

/// One entry of `status.addresses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct Address {
    /// What kind of address it is.
    #[serde(rename = "type")]
    pub kind: AddressKind,
    /// The address or name.
    pub address: String,
}

/// Kinds of node addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum AddressKind {
    /// An address inside the virtual network.
    InternalIP,
    /// A public address of the VM itself.
    ExternalIP,
    /// The host name.
    Hostname,
    /// A DNS name that resolves inside.
    InternalDNS,
    /// A DNS name that resolves outside.
    ExternalDNS,
}
