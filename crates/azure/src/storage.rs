//! Storage accounts: firewall, service endpoints, private endpoints and the names that lead there.

use crate::{
    allocate::is_private,
    routes::NextHop,
    surroundings::{Location, locate, subnet_of_id},
};
use ipnet::IpNet;
use model::{
    ArmId, Model,
    azure::{self as document, Access},
};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

/// A storage account as the network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageAccount {
    /// The account's name, the first label of its host names.
    pub name: String,
    /// False where `publicNetworkAccess` is `Disabled`, which goes before everything else.
    pub public_network_access: bool,
    /// What the firewall does with requests that no rule lets in.
    pub default_action: Access,
    /// Public IPv4 addresses and ranges that are let in.
    pub ip_rules: Vec<IpNet>,
    /// Subnets that are let in, by name.
    pub subnet_rules: Vec<String>,
}

/// A private endpoint for one or more services of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateEndpoint {
    /// Its address in the virtual network.
    pub address: IpAddr,
    /// The services: `blob`, `file`, …
    pub groups: Vec<String>,
    /// Whether the account's owner approved it.
    pub approved: bool,
    /// What the subnet's policies let apply to it.
    pub policies: EndpointPolicies,
    /// The security group of its subnet denies the client.
    pub security_group_denies: bool,
}

/// `privateEndpointNetworkPolicies` of a subnet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum EndpointPolicies {
    /// Neither security groups nor route tables apply.
    #[default]
    Disabled,
    /// Both apply.
    Enabled,
    /// Security groups apply.
    NetworkSecurityGroupEnabled,
    /// Route tables apply.
    RouteTableEnabled,
}

impl EndpointPolicies {
    /// Reads the field's value.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Disabled" => Self::Disabled,
            "Enabled" => Self::Enabled,
            "NetworkSecurityGroupEnabled" => Self::NetworkSecurityGroupEnabled,
            "RouteTableEnabled" => Self::RouteTableEnabled,
            _ => return None,
        })
    }

    /// Whether the security group of the subnet is asked.
    pub fn security_groups_apply(self) -> bool {
        matches!(self, Self::Enabled | Self::NetworkSecurityGroupEnabled)
    }
}

/// The private DNS zone `privatelink.<service>.core.windows.net` in the eyes of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrivateZone {
    /// The client's network has no link to it (and no forwarding).
    #[default]
    NotLinked,
    /// It answers with the endpoint's address.
    HasRecord,
    /// It is linked and does not know the account.
    NoRecord,
}

/// Where a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The kind of place.
    pub place: Place,
    /// The address it has on the internet, if it gets there.
    pub public_address: Option<IpAddr>,
    /// Same region as the account: requests arrive from private addresses of Azure's.
    pub same_region: bool,
    /// The private DNS zone as this client sees it.
    pub zone: PrivateZone,
}

/// Places of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// On the internet.
    Internet,
    /// On premises, behind VPN or `ExpressRoute`.
    OnPremises,
    /// In a virtual network.
    Network {
        /// The subnet that the packets leave from: a node's where pods are masqueraded.
        subnet: String,
        /// The private source address, if known.
        address: Option<IpAddr>,
        /// The subnet has a service endpoint for `Microsoft.Storage`.
        service_endpoint: bool,
        /// A user route sends everything to an appliance.
        appliance: bool,
    },
}

/// What the name resolves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// The account's public address.
    Public,
    /// The private endpoint's address.
    Private(IpAddr),
    /// The private zone is asked and does not know the name.
    NxDomain,
}

/// Which source the account sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceSeen {
    /// The client's outbound public address.
    Public(Option<IpAddr>),
    /// A private address of Azure's, which no IP rule can name (same region).
    AzurePrivate,
    /// The private address with the subnet's identity (service endpoint).
    SubnetIdentity(Option<IpAddr>),
    /// The private endpoint's side; the firewall is not asked.
    Endpoint,
}

/// Why a request is answered or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The firewall's default action is Allow.
    AllowedByDefault,
    /// An IP rule lets it in.
    AllowedByIpRule,
    /// A rule for the subnet lets it in.
    AllowedBySubnetRule,
    /// It came over an approved private endpoint.
    AllowedByEndpoint,
    /// The firewall answers 403.
    DeniedByFirewall,
    /// Public network access is disabled: 403.
    DeniedPublicAccess,
    /// The security group of the endpoint's subnet drops it.
    DroppedBySecurityGroup,
    /// The endpoint is pending, rejected or disconnected.
    NotApproved,
    /// The name does not resolve.
    NameNotFound,
}

impl Outcome {
    /// Whether the request is served.
    pub fn is_allowed(self) -> bool {
        matches!(
            self,
            Self::AllowedByDefault
                | Self::AllowedByIpRule
                | Self::AllowedBySubnetRule
                | Self::AllowedByEndpoint
        )
    }

    /// The HTTP status of a refusal that is answered at all.
    pub fn status(self) -> Option<u16> {
        matches!(self, Self::DeniedByFirewall | Self::DeniedPublicAccess).then_some(403)
    }
}

/// A request on its way to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What the name resolves to.
    pub resolved: Resolved,
    /// The DNS records followed, in order.
    pub dns: Vec<String>,
    /// The next hop of the route that takes it; absent where it never leaves or is not in Azure.
    pub next_hop: Option<NextHop>,
    /// Which source the account sees.
    pub source: SourceSeen,
    /// What becomes of it.
    pub outcome: Outcome,
}

/// Why Azure refuses an IP rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum IpRuleError {
    /// Not an IPv4 address or range.
    NotIpv4,
    /// A private range.
    Private,
    /// /31 and /32 are written as addresses without a length.
    TooSmall,
}

impl fmt::Display for IpRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotIpv4 => "an IP rule is an IPv4 address or range",
            Self::Private => "an IP rule cannot name a private range",
            Self::TooSmall => "a range of /31 or /32 is written as addresses without a length",
        })
    }
}

impl std::error::Error for IpRuleError {}

/// Reads an IP rule as Azure accepts it.
pub fn parse_ip_rule(text: &str) -> Result<IpNet, IpRuleError> {
    let net = if let Ok(ip) = text.parse::<IpAddr>() {
        IpNet::from(ip)
    } else {
        let net: IpNet = text.parse().map_err(|_| IpRuleError::NotIpv4)?;
        if net.addr().is_ipv4() && net.prefix_len() > 30 {
            return Err(IpRuleError::TooSmall);
        }
        net
    };
    if net.addr().is_ipv6() {
        return Err(IpRuleError::NotIpv4);
    }
    if is_private(net.addr()) { Err(IpRuleError::Private) } else { Ok(net) }
}

/// The domain below which the services of storage accounts are.
const DOMAIN: &str = ".core.windows.net";
/// The services of a storage account, as its names spell them.
const GROUPS: [&str; 5] = ["blob", "file", "queue", "table", "dfs"];

/// Account, service, and whether it is the name below `privatelink`, of a name of a storage account.
pub fn group_of_name(name: &str) -> Option<(&str, &'static str, bool)> {
    let labels: Vec<&str> = name.strip_suffix(DOMAIN)?.split('.').collect();
    let (account, group, private) = match labels.as_slice() {
        [account, group] => (*account, *group, false),
        [account, "privatelink", group] => (*account, *group, true),
        _ => return None,
    };
    GROUPS.into_iter().find(|own| *own == group).map(|group| (account, group, private))
}

/// Stands for the public address of an account, which Azure gives and `az` does not print: one in
/// 20.60.0.0/16 for each account of the input.
pub fn public_address(model: &Model, account: &str) -> Option<IpAddr> {
    let at = model.storage_accounts.keys().position(|own| own == account)?;
    let [.., high, low] = u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1).to_be_bytes();
    Some(Ipv4Addr::new(20, 60, high, low).into())
}

impl StorageAccount {
    /// Reads a document. Rules that Azure refuses count for nothing.
    pub fn of(account: &document::StorageAccount) -> Self {
        let is = |text: &Option<String>, word: &str| {
            text.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(word))
        };
        let rules = account.network_rule_set.as_ref();
        let denies = rules.is_some_and(|rules| is(&rules.default_action, "Deny"));
        let ip_rules = rules.iter().flat_map(|rules| &rules.ip_rules);
        let subnets = rules.iter().flat_map(|rules| &rules.virtual_network_rules);
        let id = |rule: &document::VirtualNetworkRule| {
            subnet_of_id(&ArmId::from(&*rule.virtual_network_resource_id))
        };
        Self {
            name: account.name.clone(),
            public_network_access: !is(&account.public_network_access, "Disabled"),
            default_action: if denies { Access::Deny } else { Access::Allow },
            ip_rules: ip_rules.filter_map(|rule| parse_ip_rule(&rule.ip_address_or_range).ok()).collect(),
            subnet_rules: subnets.filter_map(id).collect(),
        }
    }
}

impl PrivateEndpoint {
    /// Reads a document; `None` where it has no address or leads to no storage account. Whether its security
    /// group denies a client is for the caller to find out.
    pub fn of(model: &Model, endpoint: &document::PrivateEndpoint) -> Option<Self> {
        let connection = endpoint.connection()?;
        let resource = connection.private_link_service_id.as_ref()?;
        let account = resource.segment("storageAccounts")?;
        let address = endpoint.addresses().find_map(|address| address.parse().ok())?;
        let state = connection.private_link_service_connection_state.as_ref();
        let approved = match state {
            Some(state) => state.status.eq_ignore_ascii_case("Approved"),
            // Within a subscription an endpoint is approved at once; across, its owner must say so.
            None => {
                let known =
                    model.storage_accounts.values().find(|own| own.name.eq_ignore_ascii_case(account));
                let subscription =
                    |id: Option<&ArmId>| id?.segment("subscriptions").map(str::to_ascii_lowercase);
                let own = subscription(endpoint.id.as_ref());
                let theirs = subscription(known.and_then(|known| known.id.as_ref()));
                own.is_none() || theirs.is_none() || own == theirs
            }
        };
        let policies = match locate(model, address) {
            Location::Network(_, Some(subnet)) => subnet.private_endpoint_network_policies.as_deref(),
            _ => None,
        };
        Some(Self {
            address,
            groups: connection.group_ids.iter().map(|group| group.to_ascii_lowercase()).collect(),
            approved,
            policies: policies.and_then(EndpointPolicies::parse).unwrap_or_default(),
            security_group_denies: false,
        })
    }

    /// The account that an endpoint leads to.
    pub fn account<'a>(
        model: &'a Model,
        endpoint: &document::PrivateEndpoint,
    ) -> Option<&'a document::StorageAccount> {
        let resource = endpoint.connection()?.private_link_service_id.as_ref()?;
        let name = resource.segment("storageAccounts")?;
        model.storage_accounts.values().map(|own| &**own).find(|own| own.name.eq_ignore_ascii_case(name))
    }
}

impl StorageAccount {
    /// Requests of Azure Resource Manager (listing containers, keys) are not filtered by the firewall.
    pub const FILTERS_RESOURCE_MANAGER: bool = false;

    /// What becomes of a request for a service (`blob`, `file`, …) of this account.
    pub fn request(&self, endpoint: Option<&PrivateEndpoint>, client: &Client, group: &str) -> Request {
        let endpoint = endpoint.filter(|endpoint| endpoint.groups.iter().any(|own| own == group));
        let name = format!("{}.{group}.core.windows.net", self.name);
        let private_name = format!("{}.privatelink.{group}.core.windows.net", self.name);
        let alias = format!("{name} CNAME {private_name}");
        if client.zone == PrivateZone::NoRecord && endpoint.is_some() {
            return Request {
                resolved: Resolved::NxDomain,
                dns: vec![alias, format!("{private_name} NXDOMAIN")],
                next_hop: None,
                source: SourceSeen::Public(client.public_address),
                outcome: Outcome::NameNotFound,
            };
        }
        match endpoint {
            Some(endpoint) if client.zone == PrivateZone::HasRecord => Request {
                resolved: Resolved::Private(endpoint.address),
                dns: vec![alias, format!("{private_name} A {}", endpoint.address)],
                next_hop: match client.place {
                    Place::Network { .. } => Some(NextHop::InterfaceEndpoint),
                    Place::Internet | Place::OnPremises => None,
                },
                source: SourceSeen::Endpoint,
                outcome: through(endpoint),
            },
            endpoint => {
                let aliased = endpoint.map(|_| alias);
                self.public(client, aliased.into_iter().collect())
            }
        }
    }

    fn public(&self, client: &Client, dns: Vec<String>) -> Request {
        let (next_hop, source) = match &client.place {
            Place::Network { address, service_endpoint: true, .. } => {
                (Some(NextHop::VirtualNetworkServiceEndpoint), SourceSeen::SubnetIdentity(*address))
            }
            Place::Network { appliance: true, .. } => {
                (Some(NextHop::VirtualAppliance), SourceSeen::Public(client.public_address))
            }
            Place::Network { .. } if client.same_region => {
                (Some(NextHop::Internet), SourceSeen::AzurePrivate)
            }
            Place::Network { .. } => (Some(NextHop::Internet), SourceSeen::Public(client.public_address)),
            Place::Internet | Place::OnPremises => (None, SourceSeen::Public(client.public_address)),
        };
        let outcome = self.firewall(client, source);
        Request { resolved: Resolved::Public, dns, next_hop, source, outcome }
    }

    fn firewall(&self, client: &Client, source: SourceSeen) -> Outcome {
        if !self.public_network_access {
            return Outcome::DeniedPublicAccess;
        }
        if self.default_action == Access::Allow {
            return Outcome::AllowedByDefault;
        }
        let subnet_rule = match (&client.place, source) {
            (Place::Network { subnet, .. }, SourceSeen::SubnetIdentity(_)) => {
                self.subnet_rules.contains(subnet)
            }
            _ => false,
        };
        if subnet_rule {
            return Outcome::AllowedBySubnetRule;
        }
        let ip_rule = match source {
            SourceSeen::Public(Some(ip)) => self.ip_rules.iter().any(|rule| rule.contains(&ip)),
            _ => false,
        };
        if ip_rule { Outcome::AllowedByIpRule } else { Outcome::DeniedByFirewall }
    }
}

fn through(endpoint: &PrivateEndpoint) -> Outcome {
    if !endpoint.approved {
        Outcome::NotApproved
    } else if endpoint.security_group_denies && endpoint.policies.security_groups_apply() {
        Outcome::DroppedBySecurityGroup
    } else {
        Outcome::AllowedByEndpoint
    }
}
