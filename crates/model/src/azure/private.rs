//! Storage accounts, private endpoints, private DNS zones, and networks on premises.

use super::{AddressSpace, SubResource};
use crate::ArmId;
use model_derive::Filled;
use serde::Serialize;
use wire::Wire;

/// `az storage account show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct StorageAccount {
    /// The name, the first label of its host names: 3 to 24 lower-case letters and digits.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// `Enabled` (default), `Disabled` or `SecuredByPerimeter`; `Disabled` goes before the rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_network_access: Option<String>,
    /// The firewall; absent lets everything in. ARM calls it `networkAcls`.
    #[serde(alias = "networkAcls", skip_serializing_if = "Option::is_none")]
    pub network_rule_set: Option<NetworkRuleSet>,
}

/// `networkRuleSet`: the firewall of a storage account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkRuleSet {
    /// `Allow` or `Deny`: what happens to what no rule lets in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_action: Option<String>,
    /// Services of Azure that are let in all the same: `AzureServices`, `None`, …; not interpreted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bypass: Option<String>,
    /// Public IPv4 addresses and ranges that are let in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_rules: Vec<IpRule>,
    /// Subnets that are let in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_network_rules: Vec<VirtualNetworkRule>,
}

/// An IP rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IpRule {
    /// An IPv4 address or range. ARM calls it `value`.
    #[serde(alias = "value")]
    pub ip_address_or_range: String,
}

/// A rule for a subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualNetworkRule {
    /// The subnet's ARM id. ARM calls it `id`.
    #[serde(alias = "id")]
    pub virtual_network_resource_id: String,
}

/// `az network private-endpoint show`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PrivateEndpoint {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The subnet of its address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubResource>,
    /// Its names and addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub custom_dns_configs: Vec<CustomDnsConfig>,
    /// Addresses that were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_configurations: Vec<EndpointIpConfiguration>,
    /// Connections that are approved by themselves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub private_link_service_connections: Vec<PrivateLinkServiceConnection>,
    /// Connections that the owner of the resource approves by hand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub manual_private_link_service_connections: Vec<PrivateLinkServiceConnection>,
}

impl PrivateEndpoint {
    /// The connection, of whichever kind.
    pub fn connection(&self) -> Option<&PrivateLinkServiceConnection> {
        self.private_link_service_connections
            .iter()
            .chain(&self.manual_private_link_service_connections)
            .next()
    }

    /// Its addresses as text, in document order.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        let asked = self.ip_configurations.iter().map(|config| config.private_ip_address.as_str());
        let listed = self.custom_dns_configs.iter().flat_map(|config| &config.ip_addresses);
        asked.chain(listed.map(String::as_str)).filter(|address| !address.is_empty())
    }
}

/// A name of a private endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomDnsConfig {
    /// The public name of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fqdn: Option<String>,
    /// The addresses.
    pub ip_addresses: Vec<String>,
}

/// An address that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct EndpointIpConfiguration {
    /// The address.
    #[serde(rename = "privateIPAddress", alias = "privateIpAddress")]
    pub private_ip_address: String,
    /// The service it is for: `blob`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
}

/// What a private endpoint leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PrivateLinkServiceConnection {
    /// The name.
    pub name: String,
    /// The ARM id of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_link_service_id: Option<ArmId>,
    /// Its services: `blob`, `file`, `dfs`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group_ids: Vec<String>,
    /// Whether the owner approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_link_service_connection_state: Option<ConnectionState>,
}

/// Whether the owner of the resource approved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionState {
    /// `Approved`, `Pending`, `Rejected` or `Disconnected`.
    pub status: String,
}

/// `az network private-dns zone show`, with its links and records: `az … link vnet list` and
/// `az … record-set list` give those, and they are read into the zone that they name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PrivateDnsZone {
    /// The zone's name, e.g. `privatelink.blob.core.windows.net`.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Virtual networks whose Azure DNS asks this zone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub virtual_network_links: Vec<VirtualNetworkLink>,
    /// The records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub record_sets: Vec<RecordSet>,
}

/// A link of a zone to a virtual network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualNetworkLink {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The network.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_network: Option<SubResource>,
    /// `NxDomainRedirect`: names that the zone does not have are asked on the internet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution_policy: Option<String>,
}

/// Records of one name. The type follows from which field is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct RecordSet {
    /// The name within the zone; `@` is the zone itself, `*` stands for every name that has no records.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub a_records: Vec<ARecord>,
    /// The name that this one stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cname_record: Option<CnameRecord>,
}

/// An address of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ARecord {
    /// The address.
    pub ipv4_address: String,
}

/// Another name of a name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct CnameRecord {
    /// The name to ask instead.
    pub cname: String,
}

/// `az network local-gateway show`: a network on premises, behind VPN or ExpressRoute.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct LocalNetworkGateway {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The public address of the device on premises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_ip_address: Option<String>,
    /// The ranges on premises.
    pub local_network_address_space: AddressSpace,
}

/// `az network vnet-gateway show`: VPN or ExpressRoute, in a subnet named `GatewaySubnet`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct VirtualNetworkGateway {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// `Vpn` or `ExpressRoute`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_type: Option<String>,
    /// Its addresses; the subnet names the network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ip_configurations: Vec<GatewayIpConfiguration>,
}

/// An address of a gateway.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct GatewayIpConfiguration {
    /// The `GatewaySubnet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubResource>,
    /// The public address.
    #[serde(rename = "publicIPAddress", alias = "publicIpAddress", skip_serializing_if = "Option::is_none")]
    pub public_ip_address: Option<SubResource>,
}

/// `az dns-resolver show`: lets networks on premises ask the Azure DNS of a virtual network.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct DnsResolver {
    /// The name.
    pub name: String,
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// The network in whose place it asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub virtual_network: Option<SubResource>,
    /// Where it takes questions; Azure's tools print them apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inbound_endpoints: Vec<InboundEndpoint>,
}

/// `az dns-resolver inbound-endpoint show`: addresses of a subnet at which a resolver takes questions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct InboundEndpoint {
    /// The ARM id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<ArmId>,
    /// Its addresses.
    pub ip_configurations: Vec<InboundIpConfiguration>,
}

/// An entry of an inbound endpoint's `ipConfigurations`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct InboundIpConfiguration {
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_ip_address: Option<String>,
}
