//! Kubernetes objects: the subset that decides where packets go, field names as in the API.

mod affinity;
mod endpoint_slice;
mod ingress;
mod kube_proxy_config;
mod network_policy;
mod node;
mod pod;
mod priority_class;
mod quantity;
mod service;
mod workload;

pub use affinity::{
    Affinity, NodeAffinity, NodeSelector, NodeSelectorOperator, NodeSelectorRequirement, NodeSelectorTerm,
    PodAffinity, PodAffinityTerm, PreferredSchedulingTerm, TopologySpreadConstraint, WeightedPodAffinityTerm,
    WhenUnsatisfiable,
};
pub use endpoint_slice::{
    AddressType, Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, HintNode, HintZone,
};
pub use ingress::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressClass, IngressClassSpec, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTls, PathType, ServiceBackendPort,
};
pub use kube_proxy_config::{
    DetectLocal, KubeProxyConfiguration, KubeProxyConntrack, KubeProxyIptables, KubeProxyIpvs,
    KubeProxyNftables, ProxyMode,
};
pub use network_policy::{
    IpBlock, LabelSelector, LabelSelectorOperator, LabelSelectorRequirement, Namespace, NetworkPolicy,
    NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec, PolicyType,
};
pub use node::{Address, AddressKind, Effect, Node, NodeSpec, NodeStatus, NodeSystemInfo, Taint};
pub use pod::{
    Condition, Container, ContainerPort, ContainerState, ContainerStatus, DnsPolicy, Pod, PodDnsConfig,
    PodDnsConfigOption, PodIp, PodSpec, PodStatus, Resources, Toleration, TolerationOperator,
};
pub use priority_class::PriorityClass;
pub use quantity::{Quantity, QuantityError};
pub use service::{
    ClientIpConfig, IngressPort, IntOrString, IpFamily, IpMode, LoadBalancerIngress, LoadBalancerStatus,
    Protocol, Service, ServicePort, ServiceSpec, ServiceStatus, ServiceType, SessionAffinity,
    SessionAffinityConfig, TrafficDistribution, TrafficPolicy,
};
pub use workload::{
    Binding, BindingTarget, PodDisruptionBudget, PodDisruptionBudgetSpec, PodTemplate, Workload,
    WorkloadSpec, WorkloadStatus,
};

use crate::Key;
use model_derive::Filled;
use serde::Serialize;
use std::collections::BTreeMap;
use wire::Wire;

/// Names, labels and annotations: the part of `metadata` that the simulation reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectMeta {
    /// The object's name.
    pub name: String,
    /// The namespace; empty for cluster-scoped objects, `default` where a namespaced document has none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The API server's unique id, from which Azure names are made.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Labels, in key order.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations, in key order.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Set while the object is being deleted; its value is not interpreted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_timestamp: Option<String>,
    /// The objects that this one was made by.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub owner_references: Vec<OwnerReference>,
}

/// An entry of `metadata.ownerReferences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct OwnerReference {
    /// The API group and version of the owner, e.g. `apps/v1`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub api_version: String,
    /// The kind of the owner, e.g. `ReplicaSet`.
    pub kind: String,
    /// Its name, in the same namespace.
    pub name: String,
    /// Its uid.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// Whether it is the one that makes and removes this object.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub controller: bool,
    /// Whether the owner waits for this object when it is deleted in the foreground.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub block_owner_deletion: bool,
}

impl ObjectMeta {
    /// `namespace/name`, with `default` for an empty namespace.
    pub fn key(&self) -> Key {
        let namespace = if self.namespace.is_empty() { "default" } else { &self.namespace };
        Key::new(namespace, &self.name)
    }

    /// The owner that makes and removes this object.
    pub fn controller(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }

    /// A label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// Whether a Service with this selector selects it: it has all of these labels, with these values.
    pub fn has_labels(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.label(key) == Some(value))
    }

    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }
}
