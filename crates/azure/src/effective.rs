//! The effective routes and security rules of a node's NIC, and the comparison with what `az` shows of a real one.

use crate::{
    cloud::Cloud,
    network::Sender,
    routes::{EffectiveRoute, LostBy, NextHop, Routes, loses},
    security_group::{Attachment, SecurityGroup, default_rules},
};
use ipnet::IpNet;
use model::{
    NodeName,
    azure::{
        Association, Direction, Effective, SecurityProtocol, SecurityRule, ShownGroup, ShownRoute, ShownRule,
    },
};
use std::{collections::BTreeMap, fmt, net::IpAddr};

/// One thing that differs between the NIC of a real node and the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveRow {
    /// The route or rule: `route 0.0.0.0/0 (User)`, `GROUP Inbound 500 NAME`.
    pub what: String,
    /// How it differs.
    pub difference: EffectiveDifference,
}

/// How a route or rule differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectiveDifference {
    /// The real NIC has it, the model does not: what it says.
    Lacks(String),
    /// The model has it, the real NIC does not: what it says.
    Besides(String),
    /// Both have it, with other values: field, the real one's, the model's.
    Changed(Vec<(&'static str, String, String)>),
}

/// What a comparison found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EffectiveComparison {
    /// Everything that differs, routes by prefix, rules by group, direction and priority.
    pub rows: Vec<EffectiveRow>,
    /// How many routes or rules are the same.
    pub same: usize,
    /// Prefixes of service endpoints, which are Azure's own lists and are not compared.
    pub not_compared: usize,
}

/// A route or rule by its fields.
type Fields = Vec<(&'static str, String)>;

impl Cloud {
    /// The effective routes of a node's NIC, as `az network nic show-effective-route-table` has them; `None` where the
    /// cloud knows no address of it.
    pub fn effective_routes(&self, node: &NodeName) -> Option<Vec<ShownRoute>> {
        let subnet = self.sender_subnet(self.nic_of_node(node)?)?;
        Some(subnet.routes.iter().map(|route| shown_route(route, &subnet.routes)).collect())
    }

    /// The effective security rules of a node's NIC, as `az network nic list-effective-nsg` has them, in the order in
    /// which a packet that comes in meets the groups.
    pub fn effective_rules(&self, node: &NodeName) -> Option<Vec<ShownGroup>> {
        let guards = self.guards(self.nic_of_node(node)?);
        let of =
            |attachment, group: Option<std::sync::Arc<SecurityGroup>>| group.map(|group| (attachment, group));
        let groups = [of(Attachment::Subnet, guards.subnet), of(Attachment::Nic, guards.nic)];
        let vm = self.vm(node)?;
        let shown = |(attachment, group): (Attachment, std::sync::Arc<SecurityGroup>)| {
            let nic = model::azure::SubResource::from(vm.ip_configuration.clone());
            ShownGroup {
                network_security_group: Some(
                    group.document.id.clone().unwrap_or_else(|| group.name().into()).into(),
                ),
                association: (attachment == Attachment::Nic)
                    .then_some(Association { network_interface: Some(nic), subnet: None }),
                effective_security_rules: rules(&group),
            }
        };
        Some(groups.into_iter().flatten().map(shown).collect())
    }

    fn nic_of_node<'a>(&self, node: &'a NodeName) -> Option<Sender<'a>> {
        let address: IpAddr = self.vm(node)?.address(false)?;
        Some(Sender::node(node, address))
    }
}

fn shown_route(route: &EffectiveRoute, all: &Routes) -> ShownRoute {
    let beaten = all.iter().any(|other| {
        other.prefix == route.prefix
            && matches!(loses(route, other), Some(LostBy::Source | LostBy::SystemPreferred))
    });
    ShownRoute {
        name: route.name.clone(),
        source: route.source.to_string(),
        state: if beaten { "Invalid" } else { "Active" }.to_owned(),
        address_prefix: vec![route.prefix.to_string()],
        next_hop_type: route.next_hop.to_string(),
        next_hop_ip_address: route.next_hop_ip.iter().map(ToString::to_string).collect(),
    }
}

fn rules(group: &SecurityGroup) -> Vec<ShownRule> {
    let document = &group.document;
    let own = document.security_rules.iter().map(|rule| shown_rule("securityRules", rule));
    let given = &document.default_security_rules;
    let defaults = if given.is_empty() { default_rules() } else { given.clone() };
    own.chain(defaults.iter().map(|rule| shown_rule("defaultSecurityRules", rule))).collect()
}

fn shown_rule(folder: &str, rule: &SecurityRule) -> ShownRule {
    ShownRule {
        name: format!("{folder}/{}", rule.name),
        priority: rule.priority,
        access: rule.access,
        direction: rule.direction,
        protocol: match rule.protocol {
            SecurityProtocol::Any => "All".to_owned(),
            protocol => format!("{protocol:?}"),
        },
        source_address_prefix: rule.source_address_prefix.clone(),
        source_address_prefixes: rule.source_address_prefixes.clone(),
        source_port_range: rule.source_port_range.clone(),
        source_port_ranges: rule.source_port_ranges.clone(),
        destination_address_prefix: rule.destination_address_prefix.clone(),
        destination_address_prefixes: rule.destination_address_prefixes.clone(),
        destination_port_range: rule.destination_port_range.clone(),
        destination_port_ranges: rule.destination_port_ranges.clone(),
    }
}

/// Compares what `az` shows of a real NIC with the model's own.
pub fn compare_effective(real: &Effective, own: &Effective) -> EffectiveComparison {
    let mut comparison = EffectiveComparison::default();
    let (real, own) = match (real, own) {
        (Effective::Routes(real), Effective::Routes(own)) => {
            let listed = |route: &&ShownRoute| is_service_endpoint(route);
            comparison.not_compared =
                real.iter().filter(listed).map(|route| route.address_prefix.len()).sum();
            (routes_by_key(real), routes_by_key(own))
        }
        (Effective::Security(real), Effective::Security(own)) => (rules_by_key(real), rules_by_key(own)),
        _ => return comparison,
    };
    for (what, fields) in &real {
        match own.get(what) {
            None => comparison.rows.push(row(what, EffectiveDifference::Lacks(words(fields)))),
            Some(mine) if mine == fields => comparison.same += 1,
            Some(mine) => {
                let changed = fields.iter().zip(mine).filter(|(theirs, mine)| theirs != mine);
                let changed =
                    changed.map(|((field, theirs), (_, mine))| (*field, theirs.clone(), mine.clone()));
                comparison.rows.push(row(what, EffectiveDifference::Changed(changed.collect())));
            }
        }
    }
    let besides = own.iter().filter(|(what, _)| !real.contains_key(*what));
    comparison
        .rows
        .extend(besides.map(|(what, fields)| row(what, EffectiveDifference::Besides(words(fields)))));
    comparison
}

fn row(what: &Key, difference: EffectiveDifference) -> EffectiveRow {
    EffectiveRow { what: what.to_string(), difference }
}

fn words(fields: &Fields) -> String {
    let said = fields.iter().filter(|(_, value)| !value.is_empty());
    said.map(|(field, value)| format!("{field} {value}")).collect::<Vec<_>>().join(", ")
}

/// What two entries have in common that are about the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Route { prefix: String, source: String },
    Rule { group: String, direction: Direction, priority: u32 },
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { prefix, source } => write!(f, "route {prefix} ({source})"),
            Self::Rule { group, direction, priority } => write!(f, "{group} {direction} {priority}"),
        }
    }
}

fn is_service_endpoint(route: &ShownRoute) -> bool {
    NextHop::parse(&route.next_hop_type) == Some(NextHop::VirtualNetworkServiceEndpoint)
}

fn routes_by_key(routes: &[ShownRoute]) -> BTreeMap<Key, Fields> {
    let mut all = BTreeMap::new();
    for route in routes.iter().filter(|route| !is_service_endpoint(route)) {
        // A peering across regions is told apart by `az`; to a packet it is the same.
        let hop = NextHop::parse(&route.next_hop_type.replace("Global", ""));
        let hop = hop.map_or_else(|| route.next_hop_type.clone(), |hop| hop.to_string());
        for prefix in &route.address_prefix {
            let key = Key::Route { prefix: plain_address(prefix), source: route.source.clone() };
            let fields = vec![
                ("nextHopType", hop.clone()),
                ("nextHopIpAddress", route.next_hop_ip_address.join(" ")),
                ("state", route.state.clone()),
            ];
            all.insert(key, fields);
        }
    }
    all
}

fn rules_by_key(groups: &[ShownGroup]) -> BTreeMap<Key, Fields> {
    let mut all = BTreeMap::new();
    for group in groups {
        let name = group.network_security_group.as_ref().map(|own| own.id.name().to_ascii_lowercase());
        for rule in &group.effective_security_rules {
            let key = Key::Rule {
                group: name.clone().unwrap_or_default(),
                direction: rule.direction,
                priority: rule.priority,
            };
            let set = |one: &Option<String>, several: &[String], plain: fn(&str) -> String| {
                let mut all: Vec<String> = one.iter().chain(several).map(|text| plain(text)).collect();
                order::sort(&mut all);
                all.dedup();
                all.join(" ")
            };
            let protocol = rule.protocol.replace('*', "All");
            let fields = vec![
                ("name", rule.name.rsplit('/').next().unwrap_or_default().to_owned()),
                ("access", rule.access.to_string()),
                ("protocol", protocol.to_ascii_lowercase()),
                ("from", set(&rule.source_address_prefix, &rule.source_address_prefixes, plain_address)),
                ("source ports", set(&rule.source_port_range, &rule.source_port_ranges, plain_ports)),
                (
                    "to",
                    set(&rule.destination_address_prefix, &rule.destination_address_prefixes, plain_address),
                ),
                ("ports", set(&rule.destination_port_range, &rule.destination_port_ranges, plain_ports)),
            ];
            all.insert(key, fields);
        }
    }
    all
}

/// Addresses in one spelling: `az` writes `0.0.0.0/0` for `*`, and a bare address as a prefix of its own.
fn plain_address(text: &str) -> String {
    if let Ok(net) = text.parse::<IpNet>() {
        return net.trunc().to_string();
    }
    match text.parse::<IpAddr>() {
        Ok(ip) => IpNet::from(ip).to_string(),
        Err(_) if text == "*" => "0.0.0.0/0".to_owned(),
        Err(_) => text.to_owned(),
    }
}

/// Ports in one spelling: `az` writes `0-65535` for `*`, and `80-80` for `80`.
fn plain_ports(text: &str) -> String {
    match text.split_once('-') {
        _ if text == "*" => "0-65535".to_owned(),
        None => format!("{text}-{text}"),
        Some(_) => text.to_owned(),
    }
}
