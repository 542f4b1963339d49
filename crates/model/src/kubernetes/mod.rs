//! Kubernetes objects: the subset that decides where packets go, field names as in the API.

mod endpoint_slice;
mod ingress;
mod kube_proxy_config;
mod network_policy;
mod node;
mod pod;
mod service;

pub use endpoint_slice::{
    AddressType, Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, HintNode, HintZone,
};
pub use ingress::{
    HttpIngressPath, HttpIngressRule, Ingress, IngressBackend, IngressClass, IngressClassSpec, IngressRule,
    IngressServiceBackend, IngressSpec, IngressTls, PathType, ServiceBackendPort,
};
pub use kube_proxy_config::{DetectLocal, KubeProxyConfiguration, KubeProxyConntrack, KubeProxyIptables};
pub use network_policy::{
    IpBlock, LabelSelector, LabelSelectorOperator, LabelSelectorRequirement, Namespace, NetworkPolicy,
    NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec, PolicyType,
};
pub use node::{Address, AddressKind, Effect, Node, NodeSpec, NodeStatus, Taint};
pub use pod::{
    Affinity, Condition, Container, ContainerPort, NodeAffinity, NodeSelector, NodeSelectorOperator,
    NodeSelectorRequirement, NodeSelectorTerm, Pod, PodIp, PodSpec, PodStatus, PreferredSchedulingTerm,
    Toleration, TolerationOperator,
};
pub use service::{
    ClientIpConfig, IngressPort, IntOrString, IpFamily, IpMode, LoadBalancerIngress, LoadBalancerStatus,
    Protocol, Service, ServicePort, ServiceSpec, ServiceStatus, ServiceType, SessionAffinity,
    SessionAffinityConfig, TrafficPolicy,
};

use crate::Key;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names, labels and annotations: the part of `metadata` that the simulation reads.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
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
}

impl ObjectMeta {
    /// `namespace/name`, with `default` for an empty namespace.
    pub fn key(&self) -> Key {
        let namespace = if self.namespace.is_empty() { "default" } else { &self.namespace };
        Key::new(namespace, &self.name)
    }

    /// A label's value.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key).map(String::as_str)
    }

    /// An annotation's value.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.get(key).map(String::as_str)
    }
}
