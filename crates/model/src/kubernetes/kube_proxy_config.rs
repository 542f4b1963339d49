//! `kubeproxy.config.k8s.io/v1alpha1` KubeProxyConfiguration.

use serde::{Deserialize, Serialize};
use wire::Wire;

/// The part of KubeProxyConfiguration that changes rules. Field names are kube-proxy's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeProxyConfiguration {
    /// `iptables` (default), `ipvs` or `nftables`.
    pub mode: String,
    /// The pods' range(s), comma-separated.
    #[serde(rename = "clusterCIDR")]
    pub cluster_cidr: String,
    /// How traffic of pods is recognised: `ClusterCIDR` (default), `NodeCIDR`, `BridgeInterface`, `InterfaceNamePrefix`.
    pub detect_local_mode: String,
    /// Settings of the interface modes.
    pub detect_local: DetectLocal,
    /// Ranges of node addresses on which node ports are open; empty means all.
    pub node_port_addresses: Vec<String>,
    /// Settings of the iptables mode.
    pub iptables: KubeProxyIptables,
    /// Connection tracking.
    pub conntrack: KubeProxyConntrack,
}

/// `detectLocal`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct DetectLocal {
    /// Bridge name for `BridgeInterface`.
    pub bridge_interface: String,
    /// Prefix for `InterfaceNamePrefix`.
    pub interface_name_prefix: String,
}

/// `iptables`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeProxyIptables {
    /// Bit of the masquerade mark, 0 to 31; absent means 14.
    pub masquerade_bit: Option<u8>,
    /// Masquerade every packet to a cluster IP.
    pub masquerade_all: bool,
    /// Whether node ports answer on 127.0.0.1; absent means yes.
    pub localhost_node_ports: Option<bool>,
    /// Period of full syncs, as a duration.
    pub sync_period: Option<String>,
    /// Shortest time between syncs, as a duration.
    pub min_sync_period: Option<String>,
}

/// `conntrack`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeProxyConntrack {
    /// Sets `nf_conntrack_tcp_be_liberal`; then the INVALID rule is not written.
    pub tcp_be_liberal: bool,
}
