//! The security rules of Services (cloud-provider-azure, `accesscontrol.go` and `securitygroup`).

use crate::{annotations::Annotations, refusal::Reason};
use ipnet::IpNet;
use md5::{Digest, Md5};
use model::{
    azure::{Access, Direction, SecurityProtocol, SecurityRule},
    kubernetes::{IpFamily, Protocol, Service},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    net::IpAddr,
};

/// What the names of managed rules start with.
pub const MANAGED_PREFIX: &str = "k8s-azure-lb";

/// The lowest and the highest priority of managed rules.
const PRIORITIES: std::ops::RangeInclusive<u32> = 500..=4096;

/// Rules that one security group can hold.
pub const MAX_RULES: usize = 1000;
/// Source addresses in the rules of one security group, and destinations likewise.
pub const MAX_ADDRESSES: usize = 4000;

/// Whether the controller regards a rule as its own: by name and priority.
pub fn is_managed(rule: &SecurityRule) -> bool {
    rule.name.starts_with(MANAGED_PREFIX) && PRIORITIES.contains(&rule.priority)
}

/// Who may reach one Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessControl {
    ranges: Vec<IpNet>,
    tags: Vec<String>,
    deny_others: bool,
    ports: BTreeMap<ProtocolKey, BTreeSet<String>>,
}

/// Protocols in the order in which the controller writes their rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ProtocolKey {
    Tcp,
    Udp,
    Any,
}

impl ProtocolKey {
    fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Sctp => Self::Any,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "Tcp",
            Self::Udp => "Udp",
            Self::Any => "*",
        }
    }

    fn rule(self) -> SecurityProtocol {
        match self {
            Self::Tcp => SecurityProtocol::Tcp,
            Self::Udp => SecurityProtocol::Udp,
            Self::Any => SecurityProtocol::Any,
        }
    }
}

/// A network prefix with no host bits, or `None` as upstream calls it invalid.
fn parse_range(text: &str) -> Option<IpNet> {
    let net: IpNet = text.parse().ok()?;
    (net.addr() == net.network()).then_some(net)
}

impl AccessControl {
    /// Reads a Service. Ranges in both places are refused.
    pub fn new(service: &Service) -> Result<Self, Reason> {
        let annotations = Annotations::of(service);
        let mut invalid = false;
        let mut parse = |texts: Vec<&str>| -> Vec<IpNet> {
            let parsed = texts.into_iter().map(|text| parse_range(text.trim()));
            parsed.inspect(|range| invalid |= range.is_none()).flatten().collect()
        };
        let source_ranges =
            parse(service.spec.load_balancer_source_ranges.iter().map(String::as_str).collect());
        // The older annotation counts as the newer one, not as the field of the same name.
        let allowed = ["azure-allowed-ip-ranges", "load-balancer-source-ranges"];
        let allowed_ranges = parse(allowed.iter().flat_map(|name| annotations.pieces(name)).collect());
        if !source_ranges.is_empty() && !allowed_ranges.is_empty() {
            return Err(Reason::BothRanges);
        }
        let ranges = [source_ranges, allowed_ranges].concat();
        let tags = annotations.pieces("azure-allowed-service-tags");
        let mut tags: Vec<String> = tags.into_iter().map(str::to_owned).collect();
        // An internal Service with an explicit "all" is open too, but its own range already says so.
        let open = tags.is_empty() && ranges.is_empty() && !invalid && !annotations.is_internal();
        let deny_others = invalid || (annotations.denies_all_but_ranges() && !ranges.is_empty());
        if open {
            tags.push("Internet".into());
        }
        let mut ports = BTreeMap::<_, BTreeSet<String>>::new();
        for port in &service.spec.ports {
            let number = if annotations.disables_floating_ip() { port.node_port } else { port.port };
            ports.entry(ProtocolKey::of(port.protocol)).or_default().insert(number.to_string());
        }
        Ok(Self { ranges: IpNet::aggregate(&ranges), tags, deny_others, ports })
    }

    fn sources(&self, family: IpFamily) -> Vec<String> {
        let of_family = self.ranges.iter().filter(|range| IpFamily::of(range.addr()) == family);
        let mut sources: Vec<String> = of_family.map(ToString::to_string).collect();
        order::sort(&mut sources);
        sources
    }
}

/// A security group being written: rules of users stay, rules of Services come.
#[derive(Debug)]
pub struct Writer {
    rules: Vec<SecurityRule>,
    by_name: BTreeMap<String, usize>,
    destinations: BTreeMap<usize, BTreeSet<String>>,
    priorities: BTreeSet<u32>,
    lowest_candidate: u32,
}

impl Writer {
    /// Starts from the rules that the security group has.
    pub fn new(existing: &[SecurityRule]) -> Self {
        let rules = existing.to_vec();
        let by_name = order::map(rules.iter().enumerate().map(|(at, rule)| (rule.name.clone(), at)));
        let priorities = order::set(rules.iter().map(|rule| rule.priority));
        let managed = rules.iter().enumerate().filter(|(_, rule)| is_managed(rule));
        let destinations = order::map(managed.map(|(at, rule)| {
            let several = rule.destination_address_prefixes.iter();
            (at, order::set(several.chain(&rule.destination_address_prefix).cloned()))
        }));
        Self { rules, by_name, destinations, priorities, lowest_candidate: *PRIORITIES.start() }
    }

    /// Adds the rules of one Service for its destinations: frontend addresses with Service ports, or node
    /// addresses with node ports.
    pub fn add(&mut self, access: &AccessControl, destinations: &[IpAddr]) -> Result<(), Reason> {
        let of = |family| {
            let own = destinations.iter().filter(move |ip| IpFamily::of(**ip) == family);
            order::set(own.map(ToString::to_string))
        };
        let families = [IpFamily::IPv4, IpFamily::IPv6].map(|family| (family, of(family)));
        for (protocol, ports) in &access.ports {
            for (family, addresses) in &families {
                if addresses.is_empty() {
                    continue;
                }
                for tag in &access.tags {
                    self.allow(*protocol, *family, std::slice::from_ref(tag), ports, addresses)?;
                }
                let sources = access.sources(*family);
                if !sources.is_empty() {
                    self.allow(*protocol, *family, &sources, ports, addresses)?;
                }
            }
        }
        if access.deny_others {
            for (family, addresses) in &families {
                if !addresses.is_empty() {
                    self.deny_all(*family, addresses)?;
                }
            }
        }
        self.check_addresses()
    }

    /// ARM counts addresses over all rules of a group; upstream checks before it writes.
    fn check_addresses(&self) -> Result<(), Reason> {
        let sources = self.rules.iter().map(|rule| {
            rule.source_address_prefixes.len() + usize::from(rule.source_address_prefix.is_some())
        });
        let destinations = self.destinations.values().map(BTreeSet::len);
        if sources.sum::<usize>() > MAX_ADDRESSES || destinations.sum::<usize>() > MAX_ADDRESSES {
            return Err(Reason::TooManyAddresses(MAX_ADDRESSES));
        }
        Ok(())
    }

    /// The rules in order of priority.
    pub fn finish(mut self) -> Vec<SecurityRule> {
        for (at, addresses) in self.destinations {
            let Some(rule) = self.rules.get_mut(at) else { continue };
            let (one, several) = one_or_several(addresses);
            rule.destination_address_prefix = one;
            rule.destination_address_prefixes = several;
        }
        order::sort_by_key(&mut self.rules, |rule| rule.priority);
        self.rules
    }

    fn grow(&mut self, name: &str, addresses: &BTreeSet<String>) -> bool {
        let Some(at) = self.by_name.get(name) else { return false };
        self.destinations.entry(*at).or_default().extend(addresses.iter().cloned());
        true
    }

    fn push(&mut self, rule: SecurityRule, addresses: &BTreeSet<String>) -> Result<(), Reason> {
        if self.rules.len() >= MAX_RULES {
            return Err(Reason::TooManySecurityRules(MAX_RULES));
        }
        let at = self.rules.len();
        self.priorities.insert(rule.priority);
        self.by_name.insert(rule.name.clone(), at);
        self.destinations.insert(at, addresses.clone());
        self.rules.push(rule);
        Ok(())
    }

    fn allow(
        &mut self,
        protocol: ProtocolKey,
        family: IpFamily,
        sources: &[String],
        ports: &BTreeSet<String>,
        addresses: &BTreeSet<String>,
    ) -> Result<(), Reason> {
        let name = allow_name(protocol.name(), family, sources, ports);
        if self.grow(&name, addresses) {
            return Ok(());
        }
        let free = |priority: &u32| !self.priorities.contains(priority);
        let priority =
            (self.lowest_candidate..=*PRIORITIES.end()).find(free).ok_or(Reason::PrioritiesExhausted)?;
        self.lowest_candidate = priority;
        let (source_address_prefix, source_address_prefixes) =
            one_or_several(sources.iter().cloned().collect());
        let rule = SecurityRule {
            name,
            priority,
            access: Access::Allow,
            direction: Direction::Inbound,
            protocol: protocol.rule(),
            source_address_prefix,
            source_address_prefixes,
            source_port_range: Some("*".into()),
            destination_port_ranges: ports.iter().cloned().collect(),
            ..SecurityRule::default()
        };
        self.push(rule, addresses)
    }

    fn deny_all(&mut self, family: IpFamily, addresses: &BTreeSet<String>) -> Result<(), Reason> {
        let name = format!("{MANAGED_PREFIX}_deny-all_{family}");
        if self.grow(&name, addresses) {
            return Ok(());
        }
        let free = |priority: &u32| !self.priorities.contains(priority);
        let priority = PRIORITIES.rev().skip(1).find(free).ok_or(Reason::PrioritiesExhausted)?;
        let rule = SecurityRule {
            name,
            priority,
            access: Access::Deny,
            direction: Direction::Inbound,
            protocol: SecurityProtocol::Any,
            source_address_prefix: Some("*".into()),
            source_port_range: Some("*".into()),
            destination_port_range: Some("*".into()),
            ..SecurityRule::default()
        };
        self.push(rule, addresses)
    }
}

fn one_or_several(values: BTreeSet<String>) -> (Option<String>, Vec<String>) {
    let mut values: Vec<String> = values.into_iter().collect();
    if values.len() == 1 { (values.pop(), Vec::new()) } else { (None, values) }
}

/// `k8s-azure-lb_allow_<family>_<md5 of protocol_sources_ports>`: Services alike in these share the rule.
fn allow_name(protocol: &str, family: IpFamily, sources: &[String], ports: &BTreeSet<String>) -> String {
    let ports: Vec<&str> = ports.iter().map(String::as_str).collect();
    let text = format!("{protocol}_{}_{}", sources.join(","), ports.join(","));
    let mut name = format!("{MANAGED_PREFIX}_allow_{family}_");
    for byte in Md5::digest(text.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name
}
