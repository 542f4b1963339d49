//! The kinds of objects, and names of objects.

use crate::ids::{Key, NodeName};
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};
use wire::Wire;

/// The kinds of objects, spelled as in `kind:` of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[expect(missing_docs, reason = "each variant is the kind it names")]
pub enum Kind {
    Node,
    Pod,
    Service,
    EndpointSlice,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    PodDisruptionBudget,
    Binding,
    KubeProxyConfiguration,
    ManagedCluster,
    LoadBalancer,
    VirtualNetwork,
    NetworkSecurityGroup,
    RouteTable,
    PublicIPAddress,
    NatGateway,
    Namespace,
    PriorityClass,
    Ingress,
    IngressClass,
    NetworkPolicy,
    StorageAccount,
    PrivateEndpoint,
    PrivateDnsZone,
    DnsResolver,
    LocalNetworkGateway,
    VirtualNetworkGateway,
    NetworkInterface,
    AzureFirewall,
}

impl Kind {
    /// Every kind, in the order in which they are listed and exported.
    pub const ALL: [Self; 32] = [
        Self::ManagedCluster,
        Self::VirtualNetwork,
        Self::NetworkSecurityGroup,
        Self::RouteTable,
        Self::PublicIPAddress,
        Self::NatGateway,
        Self::LocalNetworkGateway,
        Self::VirtualNetworkGateway,
        Self::StorageAccount,
        Self::PrivateEndpoint,
        Self::PrivateDnsZone,
        Self::DnsResolver,
        Self::NetworkInterface,
        Self::AzureFirewall,
        Self::LoadBalancer,
        Self::KubeProxyConfiguration,
        Self::Node,
        Self::Namespace,
        Self::PriorityClass,
        Self::IngressClass,
        Self::Ingress,
        Self::NetworkPolicy,
        Self::Service,
        Self::Deployment,
        Self::ReplicaSet,
        Self::StatefulSet,
        Self::DaemonSet,
        Self::Job,
        Self::PodDisruptionBudget,
        Self::Binding,
        Self::Pod,
        Self::EndpointSlice,
    ];

    /// Whether objects of this kind live in a namespace.
    pub fn is_namespaced(self) -> bool {
        matches!(
            self,
            Self::Pod
                | Self::Service
                | Self::EndpointSlice
                | Self::Ingress
                | Self::NetworkPolicy
                | Self::PodDisruptionBudget
                | Self::Binding
        ) || self.is_workload()
    }

    /// The kinds that make pods.
    pub const WORKLOADS: [Self; 5] =
        [Self::Deployment, Self::ReplicaSet, Self::StatefulSet, Self::DaemonSet, Self::Job];

    /// Whether objects of this kind make pods.
    pub fn is_workload(self) -> bool {
        Self::WORKLOADS.contains(&self)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Names an object: kind, namespace (empty where the kind has none) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
pub struct ObjectRef {
    /// The kind.
    pub kind: Kind,
    /// The namespace, or empty.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub namespace: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

impl ObjectRef {
    /// A reference to an object without a namespace.
    pub fn cluster_scoped(kind: Kind, name: &str) -> Self {
        Self { kind, namespace: "".into(), name: name.into() }
    }

    /// A reference to an object in a namespace.
    pub fn namespaced(kind: Kind, key: &Key) -> Self {
        Self { kind, namespace: key.namespace.clone(), name: key.name.clone() }
    }

    /// A reference to a node.
    pub fn node(name: &NodeName) -> Self {
        Self::cluster_scoped(Kind::Node, name.as_str())
    }

    /// `namespace/name`, meaningful for namespaced kinds.
    pub fn key(&self) -> Key {
        Key { namespace: self.namespace.clone(), name: self.name.clone() }
    }
}

impl fmt::Display for ObjectRef {
    /// `Service default/echo`, `Node aks-system-0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{} {}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}
