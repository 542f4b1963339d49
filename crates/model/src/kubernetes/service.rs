//! `v1` Service.

use super::ObjectMeta;
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, net::IpAddr};
use wire::Wire;

/// A `v1` Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Name, namespace, labels, annotations.
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ServiceSpec,
    /// What the cloud controller reported.
    #[serde(skip_serializing_if = "ServiceStatus::is_empty")]
    pub status: ServiceStatus,
}

/// `spec` of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceSpec {
    /// How the Service is exposed.
    #[serde(rename = "type")]
    pub service_type: ServiceType,
    /// Virtual address inside the cluster; `None` (the word) makes it headless; empty means not allocated yet.
    #[serde(rename = "clusterIP", skip_serializing_if = "String::is_empty")]
    pub cluster_ip: String,
    /// One address per family, the first equal to `clusterIP`.
    #[serde(rename = "clusterIPs", skip_serializing_if = "Vec::is_empty")]
    pub cluster_ips: Vec<String>,
    /// Families in order of preference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_families: Vec<IpFamily>,
    /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family_policy: Option<String>,
    /// Ports, in document order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ServicePort>,
    /// Pods that back the Service; empty means that slices are managed by hand.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub selector: BTreeMap<String, String>,
    /// DNS name that an ExternalName Service stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_name: Option<String>,
    /// Further addresses at which nodes accept the Service. Kept as text: kube-proxy parses them leniently.
    #[serde(rename = "externalIPs", skip_serializing_if = "Vec::is_empty")]
    pub external_ips: Vec<String>,
    /// Which endpoints external destinations may use; absent means Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<TrafficPolicy>,
    /// Which endpoints the cluster IP may use; absent means Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub internal_traffic_policy: Option<TrafficPolicy>,
    /// Port of kube-proxy's health answer for policy Local; 0 means not allocated.
    #[serde(skip_serializing_if = "is_zero")]
    pub health_check_node_port: u16,
    /// Which endpoints clients should prefer; absent treats all alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic_distribution: Option<TrafficDistribution>,
    /// Whether one client sticks to one endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity: Option<SessionAffinity>,
    /// Timeout of the affinity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_affinity_config: Option<SessionAffinityConfig>,
    /// Clients that may use the load balancer address, as CIDRs in text: kube-proxy parses them leniently.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_source_ranges: Vec<String>,
    /// Frontend address asked for (deprecated in favour of an annotation).
    #[serde(rename = "loadBalancerIP", skip_serializing_if = "Option::is_none")]
    pub load_balancer_ip: Option<String>,
    /// A controller other than the cloud's default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_class: Option<String>,
    /// Whether a LoadBalancer Service gets node ports; absent means true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocate_load_balancer_node_ports: Option<bool>,
    /// Whether DNS and slices also name pods that are not ready.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub publish_not_ready_addresses: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(port: &u16) -> bool {
    *port == 0
}

/// How a Service is exposed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum ServiceType {
    /// Inside the cluster only.
    #[default]
    ClusterIP,
    /// On a port of every node.
    NodePort,
    /// On an address of a cloud load balancer.
    LoadBalancer,
    /// A DNS alias without any packet handling.
    ExternalName,
}

impl fmt::Display for ServiceType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which endpoints a kind of traffic may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum TrafficPolicy {
    /// Every ready endpoint.
    #[default]
    Cluster,
    /// Only endpoints on the node that received the packet.
    Local,
}

impl fmt::Display for TrafficPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// For whom the EndpointSlice controller hints endpoints (`trafficDistribution`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum TrafficDistribution {
    /// For clients in the endpoint's zone: the older name of `PreferSameZone`.
    PreferClose,
    /// For clients in the endpoint's zone (since Kubernetes 1.34).
    PreferSameZone,
    /// For clients on the endpoint's node, and where kube-proxy knows no such hints, in its zone (since Kubernetes 1.34).
    PreferSameNode,
}

/// Whether one client address sticks to one endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum SessionAffinity {
    /// Each connection is balanced anew.
    #[default]
    None,
    /// The client's address decides.
    ClientIP,
}

impl fmt::Display for SessionAffinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// `sessionAffinityConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionAffinityConfig {
    /// For affinity by client address.
    #[serde(rename = "clientIP", skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<ClientIpConfig>,
}

/// `sessionAffinityConfig.clientIP`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientIpConfig {
    /// Seconds, 1 to 86,400; absent means 10,800.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// An address family as the API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum IpFamily {
    /// IPv4.
    IPv4,
    /// IPv6.
    IPv6,
}

impl IpFamily {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::IPv4 } else { Self::IPv6 }
    }
}

impl fmt::Display for IpFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A transport protocol as the API names it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// TCP, the default.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// `tcp`, `udp` or `sctp`, as rules and chain hashes have it.
    pub fn lower(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }

    /// `TCP`, `UDP` or `SCTP`, as the API and Azure rule names have it.
    pub fn upper(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.upper())
    }
}

/// One port of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ServicePort {
    /// The port's name; empty is allowed for a single port.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// TCP where absent.
    pub protocol: Protocol,
    /// The application protocol, which AKS from 1.24 on turns into an HTTP probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_protocol: Option<String>,
    /// The Service's port, 1 to 65,535.
    pub port: u16,
    /// The pods' port by number or name; absent means the same as `port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_port: Option<IntOrString>,
    /// The port on every node, 30,000 to 32,767 by default; 0 means none.
    #[serde(skip_serializing_if = "is_zero")]
    pub node_port: u16,
}

/// A port by number or by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Wire)]
#[serde(untagged)]
pub enum IntOrString {
    /// A number.
    Int(u16),
    /// The name of a container port.
    String(String),
}

impl fmt::Display for IntOrString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => write!(f, "{number}"),
            Self::String(name) => f.write_str(name),
        }
    }
}

/// `status` of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceStatus {
    /// What the cloud controller provisioned.
    pub load_balancer: LoadBalancerStatus,
}

impl ServiceStatus {
    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.load_balancer.ingress.is_empty()
    }
}

/// `status.loadBalancer`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerStatus {
    /// The frontend addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingress: Vec<LoadBalancerIngress>,
}

/// One frontend address of a Service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerIngress {
    /// The address, as text: kube-proxy parses it leniently.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// A DNS name, for clouds that give one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
    /// Whether kube-proxy may catch the address on the node; absent means VIP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_mode: Option<IpMode>,
    /// Per-port state; not interpreted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<IngressPort>,
}

/// Whether kube-proxy may catch a load-balancer address on the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub enum IpMode {
    /// Packets arrive with the load balancer's address as destination: kube-proxy catches it.
    #[serde(rename = "VIP")]
    Vip,
    /// Packets arrive addressed to the node or pod: kube-proxy writes no rule for the address.
    Proxy,
}

/// Per-port state in `status.loadBalancer.ingress`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressPort {
    /// The port.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// A provider's error for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
