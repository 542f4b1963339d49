//! `kubeproxy.config.k8s.io/v1alpha1` KubeProxyConfiguration.

use model_derive::Filled;
use serde::Serialize;
use std::sync::Arc;
use wire::Wire;

/// The part of KubeProxyConfiguration that changes rules. Field names are kube-proxy's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
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
    /// Settings of the nftables mode.
    #[serde(skip_serializing_if = "is_default")]
    pub nftables: KubeProxyNftables,
    /// Settings of the IPVS mode.
    #[serde(skip_serializing_if = "is_default")]
    pub ipvs: KubeProxyIpvs,
    /// Connection tracking.
    pub conntrack: KubeProxyConntrack,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// `detectLocal`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct DetectLocal {
    /// Bridge name for `BridgeInterface`.
    pub bridge_interface: String,
    /// Prefix for `InterfaceNamePrefix`.
    pub interface_name_prefix: String,
}

/// `iptables`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeProxyConntrack {
    /// Sets `nf_conntrack_tcp_be_liberal`; then the INVALID rule is not written.
    pub tcp_be_liberal: bool,
}

/// `nftables`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeProxyNftables {
    /// Bit of the masquerade mark, 0 to 31; absent means 14.
    pub masquerade_bit: Option<u8>,
    /// Masquerade every packet to a cluster IP.
    pub masquerade_all: bool,
}

/// `ipvs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeProxyIpvs {
    /// How a virtual server picks: `rr` (default), `wrr`, `lc`, `wlc`, `sh`, `dh`, `sed`, `nq` and others of the kernel.
    pub scheduler: String,
}

/// What kube-proxy programs a node with (`mode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyMode {
    /// Rules of iptables.
    #[default]
    Iptables,
    /// A table of nftables.
    Nftables,
    /// Virtual servers of IPVS, sets of ipset and few rules of iptables.
    Ipvs,
}

impl ProxyMode {
    /// Every mode, the default first.
    pub const ALL: [Self; 3] = [Self::Iptables, Self::Nftables, Self::Ipvs];

    /// kube-proxy's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iptables => "iptables",
            Self::Nftables => "nftables",
            Self::Ipvs => "ipvs",
        }
    }

    /// The mode of a word, in any case: kube-proxy's are small, AKS's are `IPTABLES`, `IPVS` and `NFTABLES`. `None` for
    /// an empty or unknown one.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name().eq_ignore_ascii_case(word))
    }
}

impl std::fmt::Display for ProxyMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl crate::Model {
    /// The mode of every kube-proxy: that of its configuration, else of the cluster's `kubeProxyConfig`, else iptables.
    pub fn proxy_mode(&self) -> ProxyMode {
        let own = self.kube_proxy.as_ref().and_then(|config| ProxyMode::from_name(&config.mode));
        let cluster = || {
            let profile = &self.managed_cluster.as_ref()?.network_profile;
            ProxyMode::from_name(profile.kube_proxy_config.as_ref()?.mode.as_deref()?)
        };
        own.or_else(cluster).unwrap_or_default()
    }

    /// The edit that gives kube-proxy a mode: in its own configuration where there is one, or no cluster; else in the
    /// cluster's, as `az aks update --kube-proxy-config` does.
    pub fn proxy_mode_edit(&self, mode: ProxyMode) -> crate::Edit {
        let object = match (&self.kube_proxy, &self.managed_cluster) {
            (None, Some(cluster)) => {
                let mut cluster = (**cluster).clone();
                let config = cluster.network_profile.kube_proxy_config.get_or_insert_default();
                config.mode = Some(mode.name().to_ascii_uppercase());
                crate::Object::ManagedCluster(Arc::new(cluster))
            }
            (config, _) => {
                let mut config = config.as_deref().cloned().unwrap_or_default();
                mode.name().clone_into(&mut config.mode);
                crate::Object::KubeProxyConfiguration(Arc::new(config))
            }
        };
        crate::Edit::Put(object)
    }
}
