//! Virtual networks, security groups, routes, public addresses, NAT gateways.

use super::{Sku, SubResource};
use crate::ArmId;
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};
use wire::Wire;

/// `az network vnet show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualNetwork {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The address ranges.
    pub address_space: AddressSpace,
    /// What DHCP tells the network's machines.
    #[serde(skip_serializing_if = "DhcpOptions::is_empty")]
    pub dhcp_options: DhcpOptions,
    /// The subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<Subnet>,
    /// Links to other virtual networks. They are not transitive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_network_peerings: Vec<VirtualNetworkPeering>,
}

/// `dhcpOptions`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct DhcpOptions {
    /// The DNS servers, in order; where there are none, Azure DNS, 168.63.129.16.
    pub dns_servers: Vec<String>,
}

impl DhcpOptions {
    fn is_empty(&self) -> bool {
        self.dns_servers.is_empty()
    }
}

/// One side of a peering.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualNetworkPeering {
    /// The name.
    pub name: String,
    /// The network on the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_virtual_network: Option<SubResource>,
    /// The address ranges on the other side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_address_space: Option<AddressSpace>,
    /// `Initiated`, `Connected` or `Disconnected`; absent means connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peering_state: Option<String>,
    /// False closes the peering to VMs; absent means true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_virtual_network_access: Option<bool>,
    /// Whether packets that did not start in the other network may come through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_forwarded_traffic: Option<bool>,
    /// Whether the other network may use this one's gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_gateway_transit: Option<bool>,
    /// Whether this network uses the other one's gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_remote_gateways: Option<bool>,
}

impl VirtualNetworkPeering {
    /// Whether both sides are linked and packets of VMs may pass.
    pub fn is_open(&self) -> bool {
        let connected =
            self.peering_state.as_deref().is_none_or(|state| state.eq_ignore_ascii_case("connected"));
        connected && self.allow_virtual_network_access != Some(false)
    }
}

/// `addressSpace`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct AddressSpace {
    /// CIDRs.
    pub address_prefixes: Vec<String>,
}

/// A subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Subnet {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The CIDR.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_prefix: Option<String>,
    /// The CIDRs, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub address_prefixes: Vec<String>,
    /// The security group of the subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_security_group: Option<SubResource>,
    /// The route table of the subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route_table: Option<SubResource>,
    /// The NAT gateway of the subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nat_gateway: Option<SubResource>,
    /// Services that the subnet reaches with its own identity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub service_endpoints: Vec<ServiceEndpoint>,
    /// `Disabled` (default), `Enabled`, `NetworkSecurityGroupEnabled` or `RouteTableEnabled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_endpoint_network_policies: Option<String>,
    /// False in a private subnet: no way out unless one is set up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_outbound_access: Option<bool>,
}

impl Subnet {
    /// Its CIDRs as written.
    pub fn prefixes(&self) -> impl Iterator<Item = &str> {
        self.address_prefixes.iter().chain(&self.address_prefix).map(String::as_str)
    }
}

/// A service endpoint of a subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceEndpoint {
    /// E.g. `Microsoft.Storage`.
    pub service: String,
}

/// `az network nsg show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkSecurityGroup {
    /// The name; `aks-agentpool-<n>-nsg` where AKS made it.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Rules of users and controllers, priority 100 to 4,096.
    pub security_rules: Vec<SecurityRule>,
    /// Azure's own rules, priority 65,000 and up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_security_rules: Vec<SecurityRule>,
}

/// A rule of a security group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct SecurityRule {
    /// The name.
    pub name: String,
    /// Lower wins.
    pub priority: u32,
    /// Allow or Deny.
    pub access: Access,
    /// Inbound or Outbound.
    pub direction: Direction,
    /// Tcp, Udp, … or `*`.
    pub protocol: SecurityProtocol,
    /// One source: a CIDR, an address, a service tag or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address_prefix: Option<String>,
    /// Several sources.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_address_prefixes: Vec<String>,
    /// One source port range or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_port_range: Option<String>,
    /// Several source port ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_port_ranges: Vec<String>,
    /// One destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_address_prefix: Option<String>,
    /// Several destinations.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_address_prefixes: Vec<String>,
    /// One destination port range or `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port_range: Option<String>,
    /// Several destination port ranges.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub destination_port_ranges: Vec<String>,
    /// A note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// What a security rule does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum Access {
    /// Lets the flow pass.
    #[default]
    Allow,
    /// Drops the flow silently.
    Deny,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Which way a security rule looks, seen from the VM.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum Direction {
    /// Towards the VM.
    #[default]
    Inbound,
    /// From the VM.
    Outbound,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Protocol of a security rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum SecurityProtocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP.
    Icmp,
    /// ESP.
    Esp,
    /// AH.
    Ah,
    /// Every protocol.
    #[default]
    #[serde(rename = "*")]
    Any,
}

/// `az network route-table show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct RouteTable {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// User-defined routes.
    pub routes: Vec<Route>,
}

/// A user-defined route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Route {
    /// The name.
    pub name: String,
    /// A CIDR or a service tag.
    pub address_prefix: String,
    /// `VirtualAppliance`, `VnetLocal`, `Internet`, `VirtualNetworkGateway` or `None`.
    pub next_hop_type: String,
    /// The appliance's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_hop_ip_address: Option<String>,
}

/// `az network public-ip show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PublicIpAddress {
    /// The name; `kubernetes-<prefix>` where the cloud controller made it.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The address itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// What has it: the configuration of a NIC, a load balancer, a gateway or whatever else (Azure fills it in).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_configuration: Option<SubResource>,
    /// Basic or Standard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<Sku>,
    /// The name that leads to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_settings: Option<PublicIpDns>,
    /// Tags of Azure's own, such as `RoutingPreference`; changing them makes another address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_tags: Vec<IpTag>,
    /// Tags, among them the Services that use it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// `dnsSettings` of a public address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PublicIpDns {
    /// The first label, unique within the region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_name_label: Option<String>,
    /// The whole name: `<label>.<region>.cloudapp.azure.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
}

/// An entry of `ipTags`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IpTag {
    /// E.g. `RoutingPreference`.
    pub ip_tag_type: String,
    /// E.g. `Internet`.
    pub tag: String,
}

/// `az network nat gateway show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NatGateway {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// TCP idle timeout in minutes, 4 to 120; 4 where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_timeout_in_minutes: Option<u32>,
    /// The addresses it leaves from, 1 to 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub public_ip_addresses: Vec<SubResource>,
    /// The subnets that it serves (Azure fills it in).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<SubResource>,
}

/// `az network nic show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkInterface {
    /// The name. NICs of a scale set share one; theirs here is `<scale set>/<instance>/<name>`.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The addresses.
    pub ip_configurations: Vec<NicIpConfiguration>,
    /// The security group of the NIC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_security_group: Option<SubResource>,
    /// The VM that has the NIC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_machine: Option<SubResource>,
    /// Whether the VM may forward what is not addressed to it: an appliance's NIC.
    #[serde(
        rename = "enableIPForwarding",
        alias = "enableIpForwarding",
        skip_serializing_if = "Option::is_none"
    )]
    pub enable_ip_forwarding: Option<bool>,
}

/// One address of a NIC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NicIpConfiguration {
    /// The name, e.g. `ipconfig1`.
    pub name: String,
    /// The ARM id, by which backend pools name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The address in the subnet.
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
    /// The first address of the NIC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary: Option<bool>,
    /// A public address of its own.
    #[serde(rename = "publicIPAddress", alias = "publicIpAddress", skip_serializing_if = "Option::is_none")]
    pub public_ip_address: Option<SubResource>,
    /// The subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubResource>,
    /// The backend pools that it is a member of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub load_balancer_backend_address_pools: Vec<SubResource>,
}

impl NicIpConfiguration {
    /// The address, if it is one.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        self.private_ip_address.as_deref()?.parse().ok()
    }
}

/// `az network firewall show`: an Azure Firewall in a subnet of its own. Its rules and its policy are no part of this:
/// it is taken to let everything pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct AzureFirewall {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Its addresses: the first has the private address that routes name, each may have a public one to leave from.
    pub ip_configurations: Vec<NicIpConfiguration>,
    /// The policy that holds its rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub firewall_policy: Option<SubResource>,
}

impl AzureFirewall {
    /// The address that user routes name as next hop.
    pub fn address(&self) -> Option<std::net::IpAddr> {
        self.ip_configurations.iter().find_map(NicIpConfiguration::address)
    }
}
