//! `az network lb show`.

use crate::ArmId;
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use wire::Wire;

/// A reference to another resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct SubResource {
    /// The ARM id.
    pub id: ArmId,
}

impl From<ArmId> for SubResource {
    fn from(id: ArmId) -> Self {
        Self { id }
    }
}

/// A load balancer as `az network lb show -o json` prints it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancer {
    /// The resource's name; `kubernetes` or `kubernetes-internal` in AKS.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The resource group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_group: Option<String>,
    /// Basic or Standard.
    pub sku: Sku,
    /// Tags.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Frontends.
    #[serde(rename = "frontendIPConfigurations", alias = "frontendIpConfigurations")]
    pub frontend_ip_configurations: Vec<FrontendIpConfiguration>,
    /// Backend pools.
    pub backend_address_pools: Vec<BackendAddressPool>,
    /// Load-balancing rules.
    pub load_balancing_rules: Vec<LoadBalancingRule>,
    /// Health probes.
    pub probes: Vec<Probe>,
    /// Outbound rules.
    pub outbound_rules: Vec<OutboundRule>,
    /// Inbound NAT rules.
    pub inbound_nat_rules: Vec<InboundNatRule>,
}

/// `sku`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct Sku {
    /// Basic or Standard.
    pub name: SkuName,
    /// `Regional` or `Global`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
}

/// Load balancer and public IP SKUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum SkuName {
    /// Retired on 2025-09-30: one availability set or scale set, no outbound rules.
    Basic,
    /// The default: all nodes of all pools.
    #[default]
    Standard,
    /// For appliances.
    Gateway,
}

impl fmt::Display for SkuName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A frontend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct FrontendIpConfiguration {
    /// The name, which cloud-provider-azure makes from the Service's uid.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The address of an internal frontend.
    #[serde(
        rename = "privateIPAddress",
        alias = "privateIpAddress",
        skip_serializing_if = "Option::is_none"
    )]
    pub private_ip_address: Option<String>,
    /// `Dynamic` or `Static`.
    #[serde(
        rename = "privateIPAllocationMethod",
        alias = "privateIpAllocationMethod",
        skip_serializing_if = "Option::is_none"
    )]
    pub private_ip_allocation_method: Option<String>,
    /// `IPv4` or `IPv6`.
    #[serde(
        rename = "privateIPAddressVersion",
        alias = "privateIpAddressVersion",
        skip_serializing_if = "Option::is_none"
    )]
    pub private_ip_address_version: Option<String>,
    /// The public address of a public frontend.
    #[serde(rename = "publicIPAddress", alias = "publicIpAddress", skip_serializing_if = "Option::is_none")]
    pub public_ip_address: Option<SubResource>,
    /// The subnet of an internal frontend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubResource>,
    /// Rules that use this frontend (Azure fills it in).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancing_rules: Vec<SubResource>,
    /// Outbound rules that use this frontend (Azure fills it in).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbound_rules: Vec<SubResource>,
}

/// A backend pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct BackendAddressPool {
    /// `kubernetes` (inbound) or `aksOutboundBackendPool` in AKS.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Members of a NIC-based pool.
    #[serde(
        rename = "backendIPConfigurations",
        alias = "backendIpConfigurations",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub backend_ip_configurations: Vec<SubResource>,
    /// Members with their addresses or NIC references.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_backend_addresses: Vec<BackendAddress>,
    /// Rules that use this pool (Azure fills it in).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancing_rules: Vec<SubResource>,
    /// Outbound rules that use this pool (Azure fills it in).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbound_rules: Vec<SubResource>,
}

/// A member of a backend pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct BackendAddress {
    /// The member's name; opaque.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address, for pools by address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// The network of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_network: Option<SubResource>,
    /// The NIC's configuration, for pools by NIC.
    #[serde(
        rename = "networkInterfaceIPConfiguration",
        alias = "networkInterfaceIpConfiguration",
        skip_serializing_if = "Option::is_none"
    )]
    pub network_interface_ip_configuration: Option<SubResource>,
    /// `None`, `Up` or `Down`: overrides the probe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_state: Option<String>,
}

/// A load-balancing rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LoadBalancingRule {
    /// `<service prefix>-<PROTO>-<port>` in AKS.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Tcp, Udp or All.
    pub protocol: RuleProtocol,
    /// Port of the frontend; 0 with protocol All (HA ports).
    pub frontend_port: u16,
    /// Port at the member: the Service's port with floating IP, the node port without.
    pub backend_port: u16,
    /// On: the packet keeps the frontend as destination.
    #[serde(rename = "enableFloatingIP", alias = "enableFloatingIp")]
    pub enable_floating_ip: bool,
    /// RST to both ends when idle; absent on UDP, SCTP and Basic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_tcp_reset: Option<bool>,
    /// Minutes, 4 to 100; absent means 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_in_minutes: Option<u32>,
    /// What is hashed.
    pub load_distribution: LoadDistribution,
    /// No outbound SNAT through this rule's frontend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_outbound_snat: Option<bool>,
    /// The frontend.
    #[serde(
        rename = "frontendIPConfiguration",
        alias = "frontendIpConfiguration",
        skip_serializing_if = "Option::is_none"
    )]
    pub frontend_ip_configuration: Option<SubResource>,
    /// The pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_address_pool: Option<SubResource>,
    /// The same, as a list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub backend_address_pools: Vec<SubResource>,
    /// The probe; without one every member counts as up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe: Option<SubResource>,
}

/// Protocol of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum RuleProtocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// Every protocol and port (HA ports, SCTP).
    All,
}

impl fmt::Display for RuleProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What the load balancer hashes to choose a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum LoadDistribution {
    /// Source and destination address and port, protocol (5-tuple).
    #[default]
    Default,
    /// Source and destination address (2-tuple).
    SourceIP,
    /// Source and destination address, protocol (3-tuple).
    SourceIPProtocol,
}

impl fmt::Display for LoadDistribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A health probe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Tcp, Http or Https.
    pub protocol: ProbeProtocol,
    /// Port on the member's own address.
    pub port: u16,
    /// Path for Http and Https.
    pub request_path: Option<String>,
    /// Seconds, at least 5; absent means 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_in_seconds: Option<u32>,
    /// Failures in a row to go down; one success recovers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_of_probes: Option<u32>,
    /// Results in a row to go down and to come up; preferred to `numberOfProbes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probe_threshold: Option<u32>,
    /// `AllProbedDown` (default) or `AllProbedUp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_healthy_backends_behavior: Option<String>,
    /// Rules that use this probe (Azure fills it in).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancing_rules: Vec<SubResource>,
}

/// Protocol of a probe.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum ProbeProtocol {
    /// A TCP handshake.
    #[default]
    Tcp,
    /// A GET answered 200.
    Http,
    /// The same over TLS (Standard only).
    Https,
}

impl fmt::Display for ProbeProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// An outbound rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct OutboundRule {
    /// `aksOutboundRule` in AKS.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Usually All.
    pub protocol: RuleProtocol,
    /// SNAT ports per member, a multiple of 8; 0 means Azure's table by pool size.
    pub allocated_outbound_ports: u32,
    /// RST to both ends when idle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_tcp_reset: Option<bool>,
    /// Minutes, 4 to 120.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_in_minutes: Option<u32>,
    /// Whose outbound traffic it carries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_address_pool: Option<SubResource>,
    /// The addresses it leaves from.
    #[serde(
        rename = "frontendIPConfigurations",
        alias = "frontendIpConfigurations",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub frontend_ip_configurations: Vec<SubResource>,
}

/// An inbound NAT rule: one frontend port to one VM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct InboundNatRule {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Tcp, Udp or All.
    pub protocol: RuleProtocol,
    /// Port of the frontend.
    pub frontend_port: u16,
    /// Port at the VM.
    pub backend_port: u16,
    /// The frontend.
    #[serde(
        rename = "frontendIPConfiguration",
        alias = "frontendIpConfiguration",
        skip_serializing_if = "Option::is_none"
    )]
    pub frontend_ip_configuration: Option<SubResource>,
    /// The VM's NIC configuration.
    #[serde(
        rename = "backendIPConfiguration",
        alias = "backendIpConfiguration",
        skip_serializing_if = "Option::is_none"
    )]
    pub backend_ip_configuration: Option<SubResource>,
}
