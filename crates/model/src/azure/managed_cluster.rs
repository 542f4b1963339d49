//! `az aks show`.

use super::SubResource;
use crate::{
    PoolName,
    kubernetes::{LabelSelector, LabelSelectorRequirement},
};
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use wire::Wire;

/// An AKS cluster as `az aks show -o json` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedCluster {
    /// The cluster's name in Azure (not the name in load-balancer names, which is `kubernetes`).
    pub name: String,
    /// The version of the control plane that was asked for, e.g. `1.33.2`, or `1.33` for its newest patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// The version that the control plane runs (Azure fills it in).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_kubernetes_version: Option<String>,
    /// The resource group that holds the nodes (`MC_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_resource_group: Option<String>,
    /// The region, e.g. `westeurope`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Plugin, address ranges, load balancer, outbound type.
    pub network_profile: NetworkProfile,
    /// The node pools.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub agent_pool_profiles: Vec<AgentPool>,
    /// Several Standard load balancers, as `az aks loadbalancer list` prints them; empty means one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancers: Vec<ClusterLoadBalancer>,
}

impl ManagedCluster {
    /// The version of the control plane: the one that runs, else the one that was asked for.
    pub fn version(&self) -> Option<&str> {
        self.current_kubernetes_version.as_deref().or(self.kubernetes_version.as_deref())
    }
}

/// One of several Standard load balancers of a cluster (`Microsoft.ContainerService/managedClusters/loadBalancers`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterLoadBalancer {
    /// Its name; one is called `kubernetes`. The internal one beside it is called `<name>-internal`.
    pub name: String,
    /// The node pool whose nodes are always its members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_agent_pool_name: Option<String>,
    /// Whether Services may be placed on it; true where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_service_placement: Option<bool>,
    /// Only Services with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_label_selector: Option<ArmLabelSelector>,
    /// Only Services of namespaces with these labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_namespace_selector: Option<ArmLabelSelector>,
    /// Nodes that may be members beside those of the primary pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<ArmLabelSelector>,
}

/// A label selector as Azure's API has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ArmLabelSelector {
    /// `key=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_labels: Vec<String>,
    /// Conditions that must all hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

impl ArmLabelSelector {
    /// The same as Kubernetes has it.
    pub fn selector(&self) -> LabelSelector {
        let pairs = self.match_labels.iter().map(|text| text.split_once('=').unwrap_or((text, "")));
        LabelSelector {
            match_labels: pairs.map(|(key, value)| (key.trim().into(), value.trim().into())).collect(),
            match_expressions: self.match_expressions.clone(),
        }
    }
}

/// `networkProfile`. Absent values mean AKS's defaults.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkProfile {
    /// `azure` (default), `kubenet` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_plugin: Option<String>,
    /// `overlay` (default with `azure`) or absent for VNet addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_plugin_mode: Option<String>,
    /// `azure` (iptables) or `cilium`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_dataplane: Option<String>,
    /// `azure`, `calico`, `cilium` or `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<String>,
    /// Range of pod addresses; 10.244.0.0/16 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_cidr: Option<String>,
    /// The same, one per family.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pod_cidrs: Vec<String>,
    /// Range of cluster IPs; 10.0.0.0/16 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_cidr: Option<String>,
    /// The same, one per family.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_cidrs: Vec<String>,
    /// Address of the cluster DNS; 10.0.0.10 where absent.
    #[serde(rename = "dnsServiceIP", alias = "dnsServiceIp", skip_serializing_if = "Option::is_none")]
    pub dns_service_ip: Option<String>,
    /// `standard` (default) or `basic`, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_sku: Option<String>,
    /// `loadBalancer` (default), `managedNATGateway`, `userAssignedNATGateway`, `userDefinedRouting`, `none`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_type: Option<String>,
    /// Outbound settings of the load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_profile: Option<LoadBalancerProfile>,
    /// Outbound settings of a NAT gateway that AKS manages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat_gateway_profile: Option<NatGatewayProfile>,
    /// `IMDS` (default), or `None`: pods without the node's network do not reach the instance metadata service (preview).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_link_local_access: Option<String>,
    /// Settings of AKS's own kube-proxy (preview).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kube_proxy_config: Option<KubeProxyConfig>,
}

/// `networkProfile.kubeProxyConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct KubeProxyConfig {
    /// `IPTABLES` (default), `IPVS` or `NFTABLES` (Kubernetes 1.33 and later).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// With mode `IPVS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipvs_config: Option<IpvsConfig>,
}

/// `networkProfile.kubeProxyConfig.ipvsConfig`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IpvsConfig {
    /// `RoundRobin` or `LeastConnection`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduler: Option<String>,
}

/// `networkProfile.natGatewayProfile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NatGatewayProfile {
    /// Managed outbound addresses, 1 to 16.
    #[serde(
        rename = "managedOutboundIPProfile",
        alias = "managedOutboundIpProfile",
        skip_serializing_if = "Option::is_none"
    )]
    pub managed_outbound_ip_profile: Option<ManagedOutboundIps>,
    /// The outbound addresses in use (AKS fills it in).
    #[serde(
        rename = "effectiveOutboundIPs",
        alias = "effectiveOutboundIps",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub effective_outbound_ips: Vec<SubResource>,
    /// Minutes, 4 to 120; 4 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_in_minutes: Option<u32>,
}

/// `networkProfile.loadBalancerProfile`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancerProfile {
    /// Managed outbound addresses.
    #[serde(
        rename = "managedOutboundIPs",
        alias = "managedOutboundIps",
        skip_serializing_if = "Option::is_none"
    )]
    pub managed_outbound_ips: Option<ManagedOutboundIps>,
    /// Outbound addresses of the cluster's owner, in place of managed ones.
    #[serde(rename = "outboundIPs", alias = "outboundIps", skip_serializing_if = "Option::is_none")]
    pub outbound_ips: Option<OutboundIps>,
    /// The outbound addresses in use (AKS fills it in).
    #[serde(
        rename = "effectiveOutboundIPs",
        alias = "effectiveOutboundIps",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub effective_outbound_ips: Vec<SubResource>,
    /// SNAT ports per node; 0 means Azure's table by pool size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocated_outbound_ports: Option<u32>,
    /// Minutes, 4 to 120; 30 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_in_minutes: Option<u32>,
    /// `nodeIPConfiguration` (default) or `nodeIP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_pool_type: Option<String>,
    /// `servicenodeport` (default) or `shared`, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_service_load_balancer_health_probe_mode: Option<String>,
}

/// `managedOutboundIPs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedOutboundIps {
    /// How many IPv4 addresses, 1 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How many IPv6 addresses, up to 100; 1 where absent of a cluster with both families.
    #[serde(rename = "countIPv6", alias = "countIpv6", skip_serializing_if = "Option::is_none")]
    pub count_ipv6: Option<u32>,
}

/// `outboundIPs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundIps {
    /// The addresses.
    #[serde(rename = "publicIPs", alias = "publicIps", skip_serializing_if = "Vec::is_empty")]
    pub public_ips: Vec<SubResource>,
}

/// One node pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct AgentPool {
    /// The pool's name.
    pub name: PoolName,
    /// System or User.
    pub mode: AgentPoolMode,
    /// Scale set or availability set.
    #[serde(rename = "type")]
    pub pool_type: AgentPoolType,
    /// How many nodes are wanted; absent means as many as the input has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// E.g. `Standard_D4s_v5`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm_size: Option<String>,
    /// What a VM of this size has: read where the size is not one that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vm_size_figures: Option<VmSizeFigures>,
    /// Most pods per node; 250 with Azure CNI Overlay, 110 with kubenet, 30 with Azure CNI where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pods: Option<u32>,
    /// Linux where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_type: Option<OsType>,
    /// Regular where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_set_priority: Option<ScaleSetPriority>,
    /// Zones of the region over which the nodes are spread: `1`, `2`, `3`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<String>,
    /// Whether the cluster autoscaler sets the count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_auto_scaling: Option<bool>,
    /// The autoscaler's lower bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_count: Option<u32>,
    /// The autoscaler's upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u32>,
    /// The version of the nodes that was asked for, e.g. `1.33.2`; the control plane's where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orchestrator_version: Option<String>,
    /// The version that the nodes run (Azure fills it in).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_orchestrator_version: Option<String>,
    /// How an upgrade replaces nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade_settings: Option<UpgradeSettings>,
    /// The subnet of the nodes; where absent they are in the network that AKS makes for the cluster.
    #[serde(rename = "vnetSubnetID", alias = "vnetSubnetId", skip_serializing_if = "Option::is_none")]
    pub vnet_subnet_id: Option<crate::ArmId>,
    /// Whether each node has a public address of its own; false where absent.
    #[serde(
        rename = "enableNodePublicIP",
        alias = "enableNodePublicIp",
        skip_serializing_if = "Option::is_none"
    )]
    pub enable_node_public_ip: Option<bool>,
    /// The subnet of the pods, where they have one of their own.
    #[serde(rename = "podSubnetId", alias = "podSubnetID", skip_serializing_if = "Option::is_none")]
    pub pod_subnet_id: Option<crate::ArmId>,
    /// Taints put on each node, as `key=value:Effect`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_taints: Vec<String>,
    /// Labels put on each node.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_labels: BTreeMap<String, String>,
}

/// What a VM has, in the words of `az vm list-sizes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct VmSizeFigures {
    /// Virtual CPUs.
    pub number_of_cores: u32,
    /// Memory in MiB.
    #[serde(rename = "memoryInMB", alias = "memoryInMb")]
    pub memory_in_mb: u32,
    /// Graphics processors; 0 where absent.
    #[serde(skip_serializing_if = "is_zero")]
    pub number_of_gpus: u32,
    /// Most network interfaces; not needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_nics: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// `upgradeSettings`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct UpgradeSettings {
    /// How many nodes more there are during an upgrade: a number or a share (`33%`); 10% where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_surge: Option<String>,
}

/// The operating system of a pool's nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum OsType {
    /// Ubuntu or Azure Linux.
    #[default]
    Linux,
    /// Windows Server.
    Windows,
}

/// Whether Azure may take the VMs back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum ScaleSetPriority {
    /// The VMs stay.
    #[default]
    Regular,
    /// Azure may evict the VMs at any time.
    Spot,
}

impl AgentPool {
    /// Whether Azure may evict its VMs.
    pub fn is_spot(&self) -> bool {
        self.scale_set_priority == Some(ScaleSetPriority::Spot)
    }

    /// Whether its nodes run Windows.
    pub fn is_windows(&self) -> bool {
        self.os_type == Some(OsType::Windows)
    }
}

impl ManagedCluster {
    /// The pool of that name.
    pub fn pool(&self, name: &str) -> Option<&AgentPool> {
        self.agent_pool_profiles.iter().find(|pool| pool.name.as_str() == name)
    }
}

/// What a pool is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum AgentPoolMode {
    /// Must exist; AKS's own pods prefer it.
    System,
    /// For applications.
    #[default]
    User,
}

/// What a pool is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum AgentPoolType {
    /// A virtual machine scale set.
    #[default]
    VirtualMachineScaleSets,
    /// An availability set (Basic load balancer; retired).
    AvailabilitySet,
}
