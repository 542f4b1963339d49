//! Who reaches a storage account, and how.

use super::input::{self, compare};
use azure::{
    routes::NextHop,
    storage::{
        Client, EndpointPolicies, IpRuleError, Outcome, Place, PrivateEndpoint, PrivateZone, Request,
        Resolved, SourceSeen, StorageAccount, parse_ip_rule,
    },
};
use model::azure::Access;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::net::IpAddr;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    firewall: Option<Firewall>,
    public_network_access: Option<String>,
    private_endpoint: Option<Endpoint>,
    nsg_on_pe_subnet: Option<String>,
    client: Option<ClientFields>,
    expected: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Firewall {
    default_action: Access,
    #[serde(default)]
    ip_rules: Vec<String>,
    #[serde(default)]
    virtual_network_rules: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Endpoint {
    ip: Option<IpAddr>,
    state: Option<String>,
    dns_zone_linked: Option<bool>,
    record_present: Option<bool>,
    subnet_policies: Option<String>,
    group_ids: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ClientFields {
    kind: String,
    subnet: Option<String>,
    vnet: Option<String>,
    region: Option<String>,
    #[serde(default)]
    service_endpoints: Vec<String>,
    udr: Option<String>,
    network: Option<String>,
    node_subnet: Option<String>,
    via: Option<String>,
    dns_forwarding: Option<bool>,
    uses: Option<Vec<String>>,
}

const OUTBOUND: &str = "outbound public IP";
const OUTBOUND_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));
const ENDPOINT_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 224, 9, 5));
const CLIENT_ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 224, 0, 4));

/// `None` where Azure refuses a rule.
fn account(case: &Case) -> Result<Result<StorageAccount, IpRuleError>, String> {
    let public_network_access = match case.public_network_access.as_deref() {
        None | Some("Enabled") => true,
        Some("Disabled") => false,
        Some(other) => return Err(format!("publicNetworkAccess {other} is unknown")),
    };
    let firewall = case.firewall.as_ref();
    let rules = firewall.map(|firewall| firewall.ip_rules.as_slice()).unwrap_or_default();
    let parse = |text: &String| match text.as_str() {
        OUTBOUND => Ok(OUTBOUND_ADDRESS.into()),
        other => parse_ip_rule(other),
    };
    let ip_rules = match rules.iter().map(parse).collect::<Result<Vec<_>, _>>() {
        Ok(ip_rules) => ip_rules,
        Err(error) => return Ok(Err(error)),
    };
    Ok(Ok(StorageAccount {
        name: "acct".into(),
        public_network_access,
        default_action: firewall.map_or(Access::Deny, |firewall| firewall.default_action),
        ip_rules,
        subnet_rules: firewall.map(|firewall| firewall.virtual_network_rules.clone()).unwrap_or_default(),
    }))
}

fn endpoint(case: &Case) -> Result<Option<PrivateEndpoint>, String> {
    let denies = match case.nsg_on_pe_subnet.as_deref() {
        None => false,
        Some("deny all") => true,
        Some(other) => return Err(format!("nsgOnPeSubnet {other:?} is unknown")),
    };
    let Some(fields) = &case.private_endpoint else { return Ok(None) };
    let policies = match fields.subnet_policies.as_deref() {
        None => EndpointPolicies::default(),
        Some(text) => EndpointPolicies::parse(text).ok_or_else(|| format!("policies {text} unknown"))?,
    };
    let approved = match fields.state.as_deref() {
        None | Some("Approved") => true,
        Some("Pending" | "Rejected" | "Disconnected") => false,
        Some(other) => return Err(format!("state {other} is unknown")),
    };
    Ok(Some(PrivateEndpoint {
        address: fields.ip.unwrap_or(ENDPOINT_ADDRESS),
        groups: fields.group_ids.clone().unwrap_or_else(|| vec!["blob".into()]),
        approved,
        policies,
        security_group_denies: denies,
    }))
}

/// The private zone as the client sees it. A case that does not say has it linked where the client is in
/// a network.
fn zone(case: &Case, client: &ClientFields) -> PrivateZone {
    let Some(endpoint) = &case.private_endpoint else { return PrivateZone::NotLinked };
    let asks = match client.kind.as_str() {
        "internet" => false,
        "onprem" => client.dns_forwarding == Some(true),
        _ => true,
    };
    if !asks || endpoint.dns_zone_linked == Some(false) {
        PrivateZone::NotLinked
    } else if endpoint.record_present == Some(false) {
        PrivateZone::NoRecord
    } else {
        PrivateZone::HasRecord
    }
}

fn client(case: &Case) -> Result<Client, String> {
    let fields = case.client.as_ref().ok_or("client is missing")?;
    let service_endpoint = match fields.service_endpoints.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["Microsoft.Storage"] => true,
        _ => return Err("serviceEndpoints are unknown".into()),
    };
    let appliance = match fields.udr.as_deref() {
        None => false,
        Some("0/0->appliance") => true,
        Some(other) => return Err(format!("udr {other} is unknown")),
    };
    let same_region = match fields.region.as_deref() {
        None | Some("other than the account" | "paired region") => false,
        Some("same as the account") => true,
        Some(other) => return Err(format!("region {other:?} is unknown")),
    };
    let of_network = |subnet: Option<&String>| Place::Network {
        subnet: subnet.cloned().unwrap_or_default(),
        address: Some(CLIENT_ADDRESS),
        service_endpoint,
        appliance,
    };
    let place = match (fields.kind.as_str(), fields.network.as_deref(), fields.vnet.as_deref()) {
        ("vm", None, None | Some("peered")) => of_network(fields.subnet.as_ref()),
        // Overlay pods leave with their node's address, so its subnet counts.
        ("pod", Some("overlay"), None) => of_network(fields.node_subnet.as_ref()),
        ("onprem", None, None) => Place::OnPremises,
        ("internet", None, None) => Place::Internet,
        other => return Err(format!("client {other:?} is unknown")),
    };
    match fields.via.as_deref() {
        None | Some("ExpressRoute private peering") => {}
        Some(other) => return Err(format!("via {other:?} is unknown")),
    }
    Ok(Client { place, public_address: Some(OUTBOUND_ADDRESS), same_region, zone: zone(case, fields) })
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let mut case: Case = input::read(case)?;
    let expected = std::mem::take(&mut case.expected);
    if expected.is_empty() {
        return Err("nothing is expected".into());
    }
    let account = account(&case)?;
    let mut mismatches = Vec::new();
    for (key, value) in &expected {
        let got = match (&account, key.as_str()) {
            (account, "armAccepts") => json!(account.is_ok()),
            (Err(IpRuleError::TooSmall), "use") => json!("the bare address without prefix"),
            (Err(error), _) => return Err(format!("Azure refuses the account: {error}")),
            (Ok(account), key) => answer(&case, account, key, value)?,
        };
        mismatches.extend(compare(key, value, &got));
    }
    Ok(mismatches)
}

/// What Hopscope says to one expected field. Texts are given back where the fact behind them holds.
fn answer(case: &Case, account: &StorageAccount, key: &str, value: &Value) -> Result<Value, String> {
    let endpoint = endpoint(case)?;
    let client = client(case)?;
    let uses = case.client.as_ref().and_then(|client| client.uses.clone());
    let asked = |group: &str| -> Result<Request, String> {
        if uses.as_ref().is_some_and(|uses| !uses.iter().any(|own| own == group)) {
            return Err(format!("the client does not use {group}"));
        }
        Ok(account.request(endpoint.as_ref(), &client, group))
    };
    let request = asked("blob")?;
    let outcome = request.outcome;
    let holds = |fact: bool| if fact { value.clone() } else { Value::Null };
    let unknown = || format!("no check stands behind {key}: {value}");
    let word = |text: &str| value.as_str() == Some(text);
    let is_public = request.resolved == Resolved::Public;
    Ok(match key {
        "allowed" => json!(outcome.is_allowed()),
        "httpStatus" => json!(outcome.status()),
        "blobPrivate" => json!(matches!(asked("blob")?.resolved, Resolved::Private(_))),
        "filePrivate" => json!(matches!(asked("file")?.resolved, Resolved::Private(_))),
        "dnsChain" => json!(request.dns),
        "storageFirewallApplies" => json!(request.source != SourceSeen::Endpoint),
        "passesFirewallAppliance" => json!(request.next_hop == Some(NextHop::VirtualAppliance)),
        "readBlob" => json!(if outcome.is_allowed() { "allowed" } else { "denied" }),
        "listContainersViaArm" => {
            json!(if StorageAccount::FILTERS_RESOURCE_MANAGER { "filtered" } else { "allowed" })
        }
        "resolvesTo" => json!(if is_public { "public IP" } else { "private IP" }),
        "goesVia" => json!(if is_public { "public endpoint" } else { "private endpoint" }),
        "route" => match request.next_hop {
            Some(NextHop::InterfaceEndpoint) if word("InterfaceEndpoint /32 also in peered VNet") => {
                let peered =
                    case.client.as_ref().is_some_and(|client| client.vnet.as_deref() == Some("peered"));
                holds(peered)
            }
            Some(NextHop::InterfaceEndpoint) => json!("InterfaceEndpoint /32"),
            hop => json!(hop.map(|hop| hop.to_string())),
        },
        "sourceSeenByStorage" => match request.source {
            SourceSeen::Public(Some(ip)) => {
                json!((ip == OUTBOUND_ADDRESS).then_some("public outbound IP"))
            }
            SourceSeen::SubnetIdentity(Some(ip)) => {
                let pod = case.client.as_ref().is_some_and(|client| client.kind == "pod");
                let text =
                    if pod { "node IP of the node subnet" } else { "private VNet IP plus subnet identity" };
                holds(word(text) && ip == CLIENT_ADDRESS)
            }
            other => json!(format!("{other:?}")),
        },
        "dns" if word("public IP") => holds(is_public),
        "dns"
            if word(
                "NXDOMAIN for an account that has a private endpoint elsewhere but no record in this zone",
            ) =>
        {
            let without = account.request(None, &client, "blob");
            holds(request.resolved == Resolved::NxDomain && without.resolved == Resolved::Public)
        }
        "needs" => needs(case, account, value)?,
        "why" => holds(why(case, account, &outcome, value.as_str().unwrap_or_default()).ok_or_else(unknown)?),
        _ => return Err(unknown()),
    })
}

/// The fact behind `expected.why`.
fn why(case: &Case, account: &StorageAccount, outcome: &Outcome, text: &str) -> Option<bool> {
    Some(match text {
        "source is no longer the public IP once the endpoint is on" => {
            let mut without = client(case).ok()?;
            if let Place::Network { service_endpoint, .. } = &mut without.place {
                *service_endpoint = false;
            }
            *outcome == Outcome::DeniedByFirewall
                && account.request(None, &without, "blob").outcome == Outcome::AllowedByIpRule
        }
        "creating a private endpoint does not close the public one" => *outcome == Outcome::AllowedByDefault,
        "network policies on the PE subnet are off by default" => {
            EndpointPolicies::default() == EndpointPolicies::Disabled
                && *outcome == Outcome::AllowedByEndpoint
        }
        _ => return None,
    })
}

/// Each need is real: without it the request does not go to the endpoint.
fn needs(case: &Case, account: &StorageAccount, value: &Value) -> Result<Value, String> {
    let endpoint = endpoint(case)?;
    let mut unlinked = client(case)?;
    unlinked.zone = PrivateZone::NotLinked;
    let without = account.request(endpoint.as_ref(), &unlinked, "blob");
    let names_needed = without.resolved == Resolved::Public;
    let known: [Value; 2] = [
        json!(["private DNS zone linked to the peered VNet too"]),
        json!(["route over VPN or ExpressRoute", "DNS forwarding to the private zone"]),
    ];
    if !known.contains(value) {
        return Err(format!("no check stands behind needs {value}"));
    }
    Ok(if names_needed { value.clone() } else { Value::Null })
}
