//! What Azure says about one NIC: its effective routes and security rules. Shown by `az`, never part of a cluster.

use super::{Access, Direction, SubResource};
use model_derive::Filled;
use serde::Serialize;

/// What one of the two commands prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Effective {
    /// `az network nic show-effective-route-table`.
    Routes(Vec<ShownRoute>),
    /// `az network nic list-effective-nsg`.
    Security(Vec<ShownGroup>),
}

/// One effective route.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default)]
pub struct ShownRoute {
    /// The name of a user route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `Default`, `User` or `VirtualNetworkGateway`.
    pub source: String,
    /// `Active`, or `Invalid` where another route of the same prefix is preferred.
    pub state: String,
    /// Destinations; several of a service endpoint.
    pub address_prefix: Vec<String>,
    /// `VnetLocal`, `Internet`, `VirtualAppliance`, `None`, …
    pub next_hop_type: String,
    /// The appliance's address.
    pub next_hop_ip_address: Vec<String>,
}

/// The rules of one security group, as they apply to the NIC.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default)]
pub struct ShownGroup {
    /// The group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_security_group: Option<SubResource>,
    /// What it is attached to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association: Option<Association>,
    /// Its rules, Azure's own included.
    pub effective_security_rules: Vec<ShownRule>,
}

/// What a security group is attached to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default)]
pub struct Association {
    /// The NIC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_interface: Option<SubResource>,
    /// The subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubResource>,
}

/// One effective security rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled)]
#[serde(rename_all = "camelCase", default)]
pub struct ShownRule {
    /// `securityRules/NAME` or `defaultSecurityRules/NAME`.
    pub name: String,
    /// Lower wins.
    pub priority: u32,
    /// Allow or Deny.
    pub access: Access,
    /// Inbound or Outbound.
    pub direction: Direction,
    /// `Tcp`, `Udp`, … or `All`.
    pub protocol: String,
    /// One source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_address_prefix: Option<String>,
    /// Every source.
    pub source_address_prefixes: Vec<String>,
    /// One range of source ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_port_range: Option<String>,
    /// Every range of source ports.
    pub source_port_ranges: Vec<String>,
    /// One destination.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_address_prefix: Option<String>,
    /// Every destination.
    pub destination_address_prefixes: Vec<String>,
    /// One range of destination ports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_port_range: Option<String>,
    /// Every range of destination ports.
    pub destination_port_ranges: Vec<String>,
}
