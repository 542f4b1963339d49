//! `discovery.k8s.io/v1` EndpointSlice.

use super::{ObjectMeta, Protocol};
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use wire::Wire;

/// A `discovery.k8s.io/v1` EndpointSlice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointSlice {
    /// Name, namespace, and the label that names the Service.
    pub metadata: ObjectMeta,
    /// The family of all its addresses.
    pub address_type: AddressType,
    /// The endpoints.
    pub endpoints: Vec<Endpoint>,
    /// The ports, shared by all endpoints.
    pub ports: Vec<EndpointPort>,
}

impl EndpointSlice {
    /// The label whose value is the name of the Service.
    pub const SERVICE_LABEL: &'static str = "kubernetes.io/service-name";

    /// The name of the Service that this slice belongs to.
    pub fn service(&self) -> Option<&str> {
        self.metadata.label(Self::SERVICE_LABEL)
    }
}

/// The kind of addresses in a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum AddressType {
    /// IPv4 addresses.
    #[default]
    IPv4,
    /// IPv6 addresses.
    IPv6,
    /// DNS names; kube-proxy ignores such slices.
    #[serde(rename = "FQDN")]
    Fqdn,
}

/// One endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Endpoint {
    /// Addresses; kube-proxy uses the first.
    pub addresses: Vec<String>,
    /// State.
    #[serde(skip_serializing_if = "EndpointConditions::is_default")]
    pub conditions: EndpointConditions,
    /// Its own name in DNS, below the Service's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The node it runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The zone it runs in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Where it should be used from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hints: Option<EndpointHints>,
    /// The pod behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_ref: Option<crate::ObjectRef>,
}

/// `conditions` of an endpoint. Absent means: ready true, serving true, terminating false.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointConditions {
    /// Receives new connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Passes its readiness probe, terminating or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving: Option<bool>,
    /// Is being deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminating: Option<bool>,
}

impl EndpointConditions {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// `hints` of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointHints {
    /// Zones that should use it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub for_zones: Vec<HintZone>,
    /// Nodes that should use it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub for_nodes: Vec<HintNode>,
}

/// A zone in `hints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct HintZone {
    /// The zone's name.
    pub name: String,
}

/// A node in `hints`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct HintNode {
    /// The node's name.
    pub name: String,
}

/// A port of a slice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointPort {
    /// The name, equal to the Service port's; absent (not empty) means that kube-proxy ignores it.
    pub name: Option<String>,
    /// The port of the endpoints; absent or 0 means that kube-proxy ignores it.
    pub port: Option<u16>,
    /// TCP where absent.
    pub protocol: Protocol,
    /// The application protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
}
