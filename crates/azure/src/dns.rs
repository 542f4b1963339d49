//! Names as Azure's resolver and the internet's answer them: private zones with their links, CNAME chains,
//! storage accounts.

use crate::{
    PROBE_SOURCE,
    allocate::is_private,
    storage::{PrivateZone, group_of_name, public_address},
    surroundings::network_named,
};
use model::{
    Model,
    azure::{DnsResolver, PrivateDnsZone, RecordSet, StorageAccount, VirtualNetwork, VirtualNetworkLink},
};
use std::{collections::BTreeSet, fmt, net::IpAddr};

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolver<'a> {
    /// Azure DNS, 168.63.129.16, in a virtual network: private zones linked to it come first. `None` is the
    /// network of a cluster whose input has no network document.
    Azure(Option<&'a str>),
    /// The internet's DNS.
    Public,
}

/// The DNS servers that a network's DHCP gives its machines: its own (`dhcpOptions.dnsServers`), else Azure DNS
/// ("Name resolution for resources in Azure virtual networks").
pub fn servers(network: Option<&VirtualNetwork>) -> Vec<IpAddr> {
    let given = network.map(|network| network.dhcp_options.dns_servers.as_slice()).unwrap_or_default();
    let own: Vec<IpAddr> = given.iter().filter_map(|text| text.parse().ok()).collect();
    if own.is_empty() { vec![PROBE_SOURCE] } else { own }
}

/// The resolver that takes questions at an address, and the network in whose place it asks.
pub fn resolver_at(model: &Model, ip: IpAddr) -> Option<(&DnsResolver, &str)> {
    let holds = |resolver: &DnsResolver| {
        let own = resolver.inbound_endpoints.iter().flat_map(|endpoint| &endpoint.ip_configurations);
        own.filter_map(|own| own.private_ip_address.as_ref()?.parse::<IpAddr>().ok()).any(|own| own == ip)
    };
    let resolver = model.dns_resolvers.values().find(|resolver| holds(resolver))?;
    Some((resolver, resolver.virtual_network.as_ref()?.id.segment("virtualNetworks")?))
}

/// One record of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name that was asked for.
    pub name: String,
    /// What it has.
    pub data: Data,
    /// The private zone that answered; `None` is the internet's DNS.
    pub zone: Option<String>,
}

/// What a name has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Addresses.
    A(Vec<IpAddr>),
    /// Another name.
    Cname(String),
    /// The name does not exist.
    NxDomain,
    /// The name was asked for before: the chain is a circle.
    Loop,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, data, .. } = self;
        match data {
            Data::A(addresses) => {
                let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(f, "{name} A {}", all.join(", "))
            }
            Data::Cname(target) => write!(f, "{name} CNAME {target}"),
            Data::NxDomain => write!(f, "{name} NXDOMAIN"),
            Data::Loop => write!(f, "{name} was asked for before"),
        }
    }
}

/// The chain from a name to its addresses; the last record decides.
pub fn lookup(model: &Model, name: &str, resolver: Resolver<'_>) -> Vec<Record> {
    let mut records = Vec::new();
    let mut asked = BTreeSet::new();
    let mut name = name.trim_end_matches('.').to_ascii_lowercase();
    loop {
        if !asked.insert(name.clone()) {
            records.push(Record { name, data: Data::Loop, zone: None });
            return records;
        }
        let (data, zone) = one(model, &name, resolver);
        let next = match &data {
            Data::Cname(target) => Some(target.clone()),
            _ => None,
        };
        records.push(Record { name, data, zone });
        match next {
            Some(next) => name = next,
            None => return records,
        }
    }
}

/// The addresses at the end of a chain; none where it ends otherwise.
pub fn addresses(records: &[Record]) -> &[IpAddr] {
    match records.last() {
        Some(Record { data: Data::A(addresses), .. }) => addresses,
        _ => &[],
    }
}

fn one(model: &Model, name: &str, resolver: Resolver<'_>) -> (Data, Option<String>) {
    if let Resolver::Azure(network) = resolver
        && let Some((zone, link)) = zone_for(model, name, network)
    {
        let data = in_zone(zone, name);
        let redirects =
            link.resolution_policy.as_deref().is_some_and(|own| own.eq_ignore_ascii_case("NxDomainRedirect"));
        if data != Data::NxDomain || !redirects {
            return (data, Some(zone.name.clone()));
        }
    }
    (public(model, name), None)
}

/// The linked zone that holds a name, the longest of several.
fn zone_for<'a>(
    model: &'a Model,
    name: &str,
    network: Option<&str>,
) -> Option<(&'a PrivateDnsZone, &'a VirtualNetworkLink)> {
    let holds = |zone: &PrivateDnsZone| relative(zone, name).is_some();
    let zones = model.private_dns_zones.values().filter(|zone| holds(zone));
    let linked = zones.filter_map(|zone| Some((&**zone, link_to(model, zone, network)?)));
    linked.max_by_key(|(zone, _)| zone.name.len())
}

/// The link of a zone to a network.
pub fn link_to<'a>(
    model: &Model,
    zone: &'a PrivateDnsZone,
    network: Option<&str>,
) -> Option<&'a VirtualNetworkLink> {
    zone.virtual_network_links.iter().find(|link| {
        let to = link.virtual_network.as_ref().and_then(|own| own.id.segment("virtualNetworks"));
        match (to, network) {
            (Some(to), Some(network)) => to.eq_ignore_ascii_case(network),
            // No network document: a link to a network that is not shown is taken as one to the cluster's.
            (Some(to), None) => network_named(model, to).is_none(),
            (None, _) => false,
        }
    })
}

/// The name within the zone; `@` is the zone itself.
fn relative<'n>(zone: &PrivateDnsZone, name: &'n str) -> Option<&'n str> {
    let at = name.len().checked_sub(zone.name.len())?;
    let (rest, own) = name.split_at_checked(at)?;
    if !own.eq_ignore_ascii_case(&zone.name) {
        return None;
    }
    if rest.is_empty() { Some("@") } else { rest.strip_suffix('.') }
}

fn in_zone(zone: &PrivateDnsZone, name: &str) -> Data {
    let Some(label) = relative(zone, name) else { return Data::NxDomain };
    let named = |wanted: &str| zone.record_sets.iter().find(|own| own.name.eq_ignore_ascii_case(wanted));
    match named(label).or_else(|| named("*")) {
        Some(records) => data_of(records),
        None => Data::NxDomain,
    }
}

fn data_of(records: &RecordSet) -> Data {
    if let Some(alias) = &records.cname_record {
        return Data::Cname(alias.cname.trim_end_matches('.').to_ascii_lowercase());
    }
    Data::A(records.a_records.iter().filter_map(|record| record.ipv4_address.parse().ok()).collect())
}

/// The internet's DNS, as far as the input says what it holds: storage accounts, and names that the cloud
/// controller gives public addresses (annotation `azure-dns-label-name`).
fn public(model: &Model, name: &str) -> Data {
    if let Some((account, group, is_private_name)) = group_of_name(name)
        && let Some((account, address)) = account_named(model, account)
    {
        if !is_private_name && has_endpoint(model, account, group) {
            return Data::Cname(format!("{}.privatelink.{group}.core.windows.net", account.name));
        }
        return Data::A(vec![address]);
    }
    for service in model.services.values() {
        let label = service.metadata.annotation("service.beta.kubernetes.io/azure-dns-label-name");
        let Some(label) = label.filter(|label| !label.is_empty()) else { continue };
        let rest = name.strip_prefix(label).and_then(|rest| rest.strip_prefix('.'));
        let region = rest.and_then(|rest| rest.strip_suffix(".cloudapp.azure.com"));
        let location = model.managed_cluster.as_ref().and_then(|cluster| cluster.location.as_deref());
        if region.is_some_and(|region| location.is_none_or(|own| own.eq_ignore_ascii_case(region))) {
            let frontends = service.status.load_balancer.ingress.iter();
            let own: Vec<IpAddr> = frontends.filter_map(|own| own.ip.parse().ok()).collect();
            return Data::A(own.into_iter().filter(|ip| !is_private(*ip)).collect());
        }
    }
    private_alias(model, name).map_or(Data::NxDomain, Data::Cname)
}

/// Top-level domains in common use beside those of countries, which have two letters, and those of other scripts.
/// Nothing tells others from a company's own or a mistyped one.
const DOMAINS: [&str; 26] = [
    "academy",
    "app",
    "aws",
    "azure",
    "biz",
    "blog",
    "cloud",
    "com",
    "dev",
    "edu",
    "goog",
    "google",
    "gov",
    "info",
    "int",
    "microsoft",
    "mil",
    "net",
    "online",
    "org",
    "page",
    "shop",
    "site",
    "store",
    "tech",
    "xyz",
];

/// Whether a name may exist in the internet's DNS though the input does not say so: its top-level domain is one of the
/// internet's and no namespace of the cluster, and it lies in no private zone of the input but one of private links, whose
/// names Azure's public DNS has, too.
pub fn may_be_public(model: &Model, name: &str) -> bool {
    let Some((_, domain)) = name.rsplit_once('.') else { return false };
    let of_a_country = domain.len() == 2 && domain.bytes().all(|byte| byte.is_ascii_lowercase());
    (of_a_country || domain.starts_with("xn--") || DOMAINS.contains(&domain))
        && !model.services.keys().any(|service| *service.namespace == *domain)
        && !model.private_dns_zones.values().any(|zone| !is_of_links(zone) && relative(zone, name).is_some())
}

/// Whether a zone is one of those that Azure proposes for private endpoints.
fn is_of_links(zone: &PrivateDnsZone) -> bool {
    zone.name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("privatelink."))
}

/// What the public name of a resource is an alias of once it has a private endpoint: `a.privatelink.vaultcore.azure.net`
/// for `a.vault.azure.net` (Azure, "Private endpoint DNS zone values"). That it has one is seen by the private zone.
fn private_alias(model: &Model, name: &str) -> Option<String> {
    let (label, domain) = name.split_once('.')?;
    let domain = if domain == "vault.azure.net" { "vaultcore.azure.net" } else { domain };
    let alias = format!("{label}.privatelink.{domain}");
    let mut zones = model.private_dns_zones.values().filter(|zone| is_of_links(zone));
    zones.any(|zone| in_zone(zone, &alias) != Data::NxDomain).then_some(alias)
}

fn account_named<'a>(model: &'a Model, name: &str) -> Option<(&'a StorageAccount, IpAddr)> {
    let account = model.storage_accounts.values().find(|own| own.name.eq_ignore_ascii_case(name))?;
    Some((account, public_address(model, &account.name)?))
}

/// Whether an account has a private endpoint for a service, in whatever network: its public name is an alias then.
fn has_endpoint(model: &Model, account: &StorageAccount, group: &str) -> bool {
    model.private_endpoints.values().filter_map(|endpoint| endpoint.connection()).any(|connection| {
        let leads = connection.private_link_service_id.as_ref();
        leads.is_some_and(|id| {
            id.segment("storageAccounts").is_some_and(|own| own.eq_ignore_ascii_case(&account.name))
        }) && connection.group_ids.iter().any(|own| own.eq_ignore_ascii_case(group))
    })
}

/// The private zone of a storage service, as a client of a resolver sees it for an account.
pub fn private_zone(model: &Model, resolver: Resolver<'_>, account: &str, group: &str) -> PrivateZone {
    let Resolver::Azure(network) = resolver else { return PrivateZone::NotLinked };
    let name = format!("{account}.privatelink.{group}.core.windows.net");
    match zone_for(model, &name, network) {
        None => PrivateZone::NotLinked,
        Some((zone, _)) if in_zone(zone, &name) == Data::NxDomain => PrivateZone::NoRecord,
        Some(_) => PrivateZone::HasRecord,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{self, Client, Place, Resolved};
    use model::azure::{
        ARecord, CustomDnsConfig, PrivateEndpoint, PrivateLinkServiceConnection, SubResource, VirtualNetwork,
    };
    use std::sync::Arc;

    const NETWORK: &str =
        "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/home";
    const ACCOUNT: &str =
        "/subscriptions/0/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/acct";

    fn model(endpoint: bool, linked: bool, record: bool) -> Model {
        let mut model = Model::default();
        let account = StorageAccount { name: "acct".into(), ..StorageAccount::default() };
        model.storage_accounts.insert("acct".into(), Arc::new(account));
        let network = VirtualNetwork { name: "home".into(), ..VirtualNetwork::default() };
        model.virtual_networks.insert("home".into(), Arc::new(network));
        if endpoint {
            let endpoint = PrivateEndpoint {
                name: "pe".into(),
                custom_dns_configs: vec![CustomDnsConfig {
                    fqdn: None,
                    ip_addresses: vec!["10.226.0.5".into()],
                }],
                private_link_service_connections: vec![PrivateLinkServiceConnection {
                    private_link_service_id: Some(ACCOUNT.into()),
                    group_ids: vec!["blob".into()],
                    ..PrivateLinkServiceConnection::default()
                }],
                ..PrivateEndpoint::default()
            };
            model.private_endpoints.insert("pe".into(), Arc::new(endpoint));
        }
        let mut zone =
            PrivateDnsZone { name: "privatelink.blob.core.windows.net".into(), ..PrivateDnsZone::default() };
        if linked {
            let virtual_network = Some(SubResource { id: NETWORK.into() });
            zone.virtual_network_links
                .push(VirtualNetworkLink { virtual_network, ..VirtualNetworkLink::default() });
        }
        if record {
            let a_records = vec![ARecord { ipv4_address: "10.226.0.5".into() }];
            zone.record_sets.push(RecordSet { name: "acct".into(), a_records, ..RecordSet::default() });
        }
        model.private_dns_zones.insert(zone.name.clone(), Arc::new(zone));
        model
    }

    /// The chain that is looked up is the one by which the account is said to be reached.
    #[test]
    fn the_chain_of_an_account_is_that_of_its_requests() {
        for bits in 0..16_u8 {
            let has = |bit: u8| bits & (1 << bit) != 0;
            let (endpoint, linked, record, inside) = (has(0), has(1), has(2), has(3));
            let model = model(endpoint, linked, record);
            let resolver = if inside { Resolver::Azure(Some("home")) } else { Resolver::Public };
            let records = lookup(&model, "acct.blob.core.windows.net", resolver);
            let account = storage::StorageAccount::of(&model.storage_accounts["acct"]);
            let private = model.private_endpoints.get("pe");
            let private = private.and_then(|own| storage::PrivateEndpoint::of(&model, own));
            let client = Client {
                place: Place::Internet,
                public_address: None,
                same_region: false,
                zone: private_zone(&model, resolver, "acct", "blob"),
            };
            let request = account.request(private.as_ref(), &client, "blob");
            let texts: Vec<String> = records.iter().map(ToString::to_string).collect();
            let told = texts.get(..request.dns.len());
            assert_eq!(told, Some(&*request.dns), "{bits:04b}: {texts:?}");
            let resolved = match &records.last().expect("a record").data {
                Data::A(ips) if ips.iter().any(|ip| is_private(*ip)) => Resolved::Private(ips[0]),
                Data::A(_) => Resolved::Public,
                _ => Resolved::NxDomain,
            };
            assert_eq!(resolved, request.resolved, "{bits:04b}: {texts:?}");
        }
    }

    #[test]
    fn what_may_be_a_name_of_the_internet() {
        let mut model = model(true, true, true);
        let mut service = model::kubernetes::Service::default();
        service.metadata.name = "web".into();
        service.metadata.namespace = "shop".into();
        model.services.insert(service.metadata.key(), Arc::new(service));
        for (name, may) in [
            ("example.com", true),
            ("api.github.com", true),
            ("mcr.microsoft.com", true),
            ("xn--h1alffa9f.xn--p1ai", true),
            ("bbc.co.uk", true),
            ("web", false),
            ("web.default", false),
            ("web.shop", false),
            ("web.dev", true),
            ("web.default.svc.cluster.local", false),
            ("db.corp.internal", false),
            ("printer.lan", false),
            ("10.0.0.300", false),
            ("9.113.0.203.in-addr.arpa", false),
            // What the input need not show.
            ("other.blob.core.windows.net", true),
            ("other.privatelink.blob.core.windows.net", true),
        ] {
            assert_eq!(may_be_public(&model, name), may, "{name}");
        }
    }

    #[test]
    fn a_circle_of_names_ends() {
        let mut model = model(false, true, false);
        let mut zone = PrivateDnsZone { name: "corp.net".into(), ..PrivateDnsZone::default() };
        let virtual_network = Some(SubResource { id: NETWORK.into() });
        zone.virtual_network_links
            .push(VirtualNetworkLink { virtual_network, ..VirtualNetworkLink::default() });
        for (name, target) in [("a", "b.corp.net."), ("b", "a.corp.net")] {
            let cname_record = Some(model::azure::CnameRecord { cname: target.into() });
            zone.record_sets.push(RecordSet { name: name.into(), cname_record, ..RecordSet::default() });
        }
        model.private_dns_zones.insert("corp.net".into(), Arc::new(zone));
        let records = lookup(&model, "A.corp.net.", Resolver::Azure(Some("home")));
        assert_eq!(records.last().map(|last| &last.data), Some(&Data::Loop), "{records:?}");
        assert_eq!(addresses(&records), &[] as &[IpAddr]);
    }
}
