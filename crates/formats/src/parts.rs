//! Resources of Azure that stand inside another, which Azure's tools also print apart: node pools, subnets, rules, routes,
//! links and records of private DNS zones, and where resolvers take questions. They are read into what they belong to.

use crate::{
    Severity,
    classify::PartKind,
    de::{Dialect, FieldError, read},
    document::Reader,
    tree::{Data, Node, Position},
};
use model::{
    Kind, Model, ObjectRef,
    azure::{
        AgentPool, EndpointIpConfiguration, InboundEndpoint, RecordSet, Route, SecurityRule, Subnet,
        VirtualNetworkLink,
    },
};
use std::sync::Arc;

/// A part, the name of what it belongs to, and the place where it stands.
pub(crate) struct Found {
    owner: String,
    kind: PartKind,
    part: Part,
    file: Arc<str>,
    at: Position,
}

enum Part {
    Link(VirtualNetworkLink),
    Records(RecordSet),
    Inbound(InboundEndpoint),
    Pool(Box<AgentPool>),
    Subnet(Box<Subnet>),
    Rule(Box<SecurityRule>),
    Route(Route),
}

/// What a part belongs to.
struct Owner {
    kind: Kind,
    /// Its segment in ids.
    segment: &'static str,
    words: &'static str,
    /// The command that shows it.
    command: &'static str,
}

impl PartKind {
    fn owner(self) -> Owner {
        let (kind, segment, words, command) = match self {
            Self::Link | Self::Records => {
                (Kind::PrivateDnsZone, "privateDnsZones", "private DNS zone", "network private-dns zone")
            }
            Self::Inbound => (Kind::DnsResolver, "dnsResolvers", "DNS resolver", "dns-resolver"),
            Self::Pool => (Kind::ManagedCluster, "managedClusters", "AKS cluster", "aks"),
            Self::Subnet => (Kind::VirtualNetwork, "virtualNetworks", "virtual network", "network vnet"),
            Self::Rule => {
                (Kind::NetworkSecurityGroup, "networkSecurityGroups", "security group", "network nsg")
            }
            Self::Route => (Kind::RouteTable, "routeTables", "route table", "network route-table"),
        };
        Owner { kind, segment, words, command }
    }
}

impl Part {
    fn read(kind: PartKind, node: &Node) -> Result<Self, FieldError> {
        Ok(match kind {
            PartKind::Link => Self::Link(read(node, Dialect::Azure)?.0),
            PartKind::Records => Self::Records(read(node, Dialect::Azure)?.0),
            PartKind::Inbound => Self::Inbound(read(node, Dialect::Azure)?.0),
            PartKind::Pool => Self::Pool(read(&pool_as_profile(node), Dialect::Azure)?.0),
            PartKind::Subnet => Self::Subnet(read(node, Dialect::Azure)?.0),
            PartKind::Rule => Self::Rule(read(node, Dialect::Azure)?.0),
            PartKind::Route => Self::Route(read(node, Dialect::Azure)?.0),
        })
    }

    /// Gives it to what it belongs to, which may have it already; false where that is not in the model.
    fn join(self, model: &mut Model, owner: &str) -> bool {
        let named = |name: &str| name.eq_ignore_ascii_case(owner);
        match self {
            Self::Link(link) => with(
                model.private_dns_zones.values_mut(),
                |own| named(&own.name),
                |own| {
                    own.virtual_network_links.push(link);
                },
            ),
            Self::Records(records) => with(
                model.private_dns_zones.values_mut(),
                |own| named(&own.name),
                |own| {
                    own.record_sets.push(records);
                },
            ),
            Self::Inbound(inbound) => with(
                model.dns_resolvers.values_mut(),
                |own| named(&own.name),
                |own| {
                    own.inbound_endpoints.push(inbound);
                },
            ),
            Self::Pool(mut pool) => {
                pool.name = own_name(pool.name.as_str()).into();
                with(
                    model.managed_cluster.iter_mut(),
                    |own| named(&own.name),
                    |own| add(&mut own.agent_pool_profiles, *pool, |pool| pool.name.as_str()),
                )
            }
            Self::Subnet(mut subnet) => {
                subnet.name = own_name(&subnet.name);
                with(
                    model.virtual_networks.values_mut(),
                    |own| named(&own.name),
                    |own| add(&mut own.subnets, *subnet, |subnet| &subnet.name),
                )
            }
            Self::Rule(mut rule) => {
                rule.name = own_name(&rule.name);
                let is_default = rule.priority >= DEFAULT_RULES;
                with(
                    model.network_security_groups.values_mut(),
                    |own| named(&own.name),
                    |own| {
                        let rules = if is_default {
                            &mut own.default_security_rules
                        } else {
                            &mut own.security_rules
                        };
                        add(rules, *rule, |rule| &rule.name);
                    },
                )
            }
            Self::Route(mut route) => {
                route.name = own_name(&route.name);
                with(
                    model.route_tables.values_mut(),
                    |own| named(&own.name),
                    |own| add(&mut own.routes, route, |route| &route.name),
                )
            }
        }
    }
}

/// Adds what is not there by its name, letters compared without case.
fn add<T>(all: &mut Vec<T>, own: T, name: impl Fn(&T) -> &str) {
    if !all.iter().any(|known| name(known).eq_ignore_ascii_case(name(&own))) {
        all.push(own);
    }
}

/// The priority from which on rules are Azure's own.
const DEFAULT_RULES: u32 = 65_000;

/// Changes the first object that is meant; false where there is none.
fn with<'m, T: Clone + 'm>(
    mut objects: impl Iterator<Item = &'m mut Arc<T>>,
    is_meant: impl Fn(&T) -> bool,
    change: impl FnOnce(&mut T),
) -> bool {
    match objects.find(|own| is_meant(own)) {
        Some(own) => {
            change(Arc::make_mut(own));
            true
        }
        None => false,
    }
}

/// Templates name a part `OWNER/PART`.
fn own_name(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

/// `az aks nodepool show` has the resource's type in `type`, where `az aks show` has that of the pool, and the pool's
/// in `typePropertiesType`.
fn pool_as_profile(node: &Node) -> Node {
    let mut node = node.clone();
    if let Data::Mapping(entries) = &mut node.data {
        entries.retain(|entry| entry.key != "type");
        for entry in entries.iter_mut().filter(|entry| entry.key == "typePropertiesType") {
            "type".clone_into(&mut entry.key);
        }
    }
    node
}

impl Reader {
    /// Reads a part, and keeps it until everything has been read.
    pub(crate) fn part(&mut self, kind: PartKind, node: &Node) {
        let Owner { segment, words, .. } = kind.owner();
        let part = match Part::read(kind, node) {
            Ok(part) => part,
            Err(error) => {
                let at = error.at.unwrap_or(node.at);
                return self.error(at, format!("part of a {words}: {error}"), error.hint.clone());
            }
        };
        let text = |field: &str| node.get_ignoring_case(field).and_then(Node::text);
        let id = text("id").map(model::ArmId::from);
        let by_id = id.as_ref().and_then(|id| id.segment(segment));
        let by_name = || text("name")?.split_once('/').map(|(owner, _)| owner);
        let Some(owner) = by_id.or_else(by_name).map(str::to_owned) else {
            return self.error(
                node.at,
                format!("this part of a {words} does not say of which"),
                "give it with its `id`, as `az … -o json` prints it",
            );
        };
        self.parts.push(Found { owner, kind, part, file: Arc::clone(&self.file), at: node.at });
    }

    /// Gives every part to what it belongs to.
    pub(crate) fn join_parts(&mut self) {
        self.join_found();
        // The address of a private endpoint with a DNS zone group is printed of its zone alone.
        let model = &mut self.model;
        for endpoint in model.private_endpoints.values_mut() {
            let resource = endpoint.connection().and_then(|own| own.private_link_service_id.as_ref());
            let Some(resource) = resource.filter(|_| endpoint.addresses().next().is_none()) else { continue };
            let zones = model.private_dns_zones.values().filter(|zone| zone.name.starts_with("privatelink."));
            let mut records = zones.flat_map(|zone| &zone.record_sets);
            let record = records.find(|own| own.name.eq_ignore_ascii_case(resource.name()));
            if let Some(address) = record.and_then(|own| own.a_records.first()) {
                let private_ip_address = address.ipv4_address.clone();
                let found = EndpointIpConfiguration { private_ip_address, group_id: None };
                Arc::make_mut(endpoint).ip_configurations.push(found);
            }
        }
    }

    fn join_found(&mut self) {
        for Found { owner, kind: part_kind, part, file, at } in std::mem::take(&mut self.parts) {
            if part.join(&mut self.model, &owner) {
                continue;
            }
            let Owner { kind, words, command, .. } = part_kind.owner();
            self.file = file;
            self.say(
                Severity::Error,
                at,
                format!("there is no {words} {owner} for this part of it"),
                format!("add the output of `az {command} show -n {owner} -o json`"),
                Some(ObjectRef::cluster_scoped(kind, &owner)),
            );
        }
    }
}
