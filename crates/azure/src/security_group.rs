//! Network security groups: which rule decides about a packet.

use crate::space::{AddressSpace, ServiceTag, holds};
use ipnet::IpNet;
use model::azure::{Access, Direction, NetworkSecurityGroup, SecurityProtocol, SecurityRule};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    sync::Arc,
};

/// A security group, its rules ready to match. Rules are in order of priority, Azure's own last.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityGroup {
    /// The document.
    pub document: Arc<NetworkSecurityGroup>,
    /// The document's name, to be shared.
    pub shared_name: Arc<str>,
    /// Whether its rules name service tags whose addresses only Azure knows.
    pub has_unknown_tags: bool,
    inbound: Table,
    outbound: Table,
}

/// What a security group sees of a packet. With floating IP the destination is the frontend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardedPacket {
    /// The protocol.
    pub protocol: SecurityProtocol,
    /// Source address.
    pub source: IpAddr,
    /// Source port.
    pub source_port: u16,
    /// Destination address.
    pub destination: IpAddr,
    /// Destination port.
    pub destination_port: u16,
}

/// The word of one security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// Allow or Deny.
    pub access: Access,
    /// The rule that decided.
    pub rule: Arc<SecurityRule>,
}

/// The first condition of a rule that a packet fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// The rule is for another protocol.
    Protocol,
    /// The source is not among the rule's.
    Source(IpAddr),
    /// The source port is not among the rule's.
    SourcePort(u16),
    /// The destination is not among the rule's.
    Destination(IpAddr),
    /// The destination port is not among the rule's.
    DestinationPort(u16),
    /// The rule names a service tag whose addresses only Azure knows: taken not to cover the address.
    UnknownTag {
        /// The tag.
        tag: String,
        /// The source or destination.
        address: IpAddr,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol => f.write_str("the rule is for another protocol"),
            Self::Source(ip) => write!(f, "source {ip} is not among the rule's sources"),
            Self::SourcePort(port) => write!(f, "source port {port} is not among the rule's"),
            Self::Destination(ip) => write!(f, "destination {ip} is not among the rule's destinations"),
            Self::DestinationPort(port) => write!(f, "destination port {port} is not among the rule's"),
            Self::UnknownTag { tag, address } => write!(
                f,
                "the addresses of the service tag {tag} are Azure's list, not known here: it is taken not to cover {address}"
            ),
        }
    }
}

/// Rules of one direction.
#[derive(Debug, Clone, PartialEq, Default)]
struct Table {
    rules: Vec<Compiled>,
    /// Positions of the rules for single destination ports only, by port.
    by_port: BTreeMap<u16, Vec<usize>>,
    /// Positions of all other rules.
    wide: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
struct Compiled {
    rule: Arc<SecurityRule>,
    sources: Addresses,
    source_ports: Ports,
    destinations: Addresses,
    destination_ports: Ports,
}

/// A set of addresses, prefixes and service tags.
#[derive(Debug, Clone, PartialEq, Default)]
struct Addresses {
    any: bool,
    hosts: BTreeSet<IpAddr>,
    nets: Vec<IpNet>,
    tags: Vec<ServiceTag>,
    /// Service tags whose addresses only Azure knows.
    unknown_tags: Vec<String>,
}

impl Addresses {
    fn parse(one: Option<&String>, several: &[String]) -> Self {
        let mut addresses = Self::default();
        for text in several.iter().chain(one).flat_map(|text| text.split(',')).map(str::trim) {
            if text == "*" || text.eq_ignore_ascii_case("any") {
                addresses.any = true;
            } else if let Ok(ip) = text.parse() {
                addresses.hosts.insert(ip);
            } else if let Ok(net) = text.parse::<IpNet>() {
                addresses.nets.push(net.trunc());
            } else if let Some(tag) = ServiceTag::named(text) {
                addresses.tags.push(tag);
            } else if !text.is_empty() {
                addresses.unknown_tags.push(text.to_owned());
            }
        }
        addresses
    }

    fn contains(&self, ip: IpAddr, space: &AddressSpace) -> bool {
        self.any
            || self.hosts.contains(&ip)
            || self.nets.iter().any(|net| holds(net, ip))
            || self.tags.iter().any(|tag| space.has_tag(ip, *tag))
    }

    /// Why it does not contain an address.
    fn mismatch(&self, ip: IpAddr, plain: fn(IpAddr) -> Mismatch) -> Mismatch {
        let unknown = self.unknown_tags.first();
        unknown.map_or_else(|| plain(ip), |tag| Mismatch::UnknownTag { tag: tag.clone(), address: ip })
    }
}

/// A set of port ranges.
#[derive(Debug, Clone, PartialEq, Default)]
struct Ports {
    any: bool,
    ranges: Vec<(u16, u16)>,
}

impl Ports {
    fn parse(one: Option<&String>, several: &[String]) -> Self {
        let mut ports = Self { any: one.is_none() && several.is_empty(), ranges: Vec::new() };
        for text in several.iter().chain(one).flat_map(|text| text.split(',')).map(str::trim) {
            if text == "*" {
                ports.any = true;
                continue;
            }
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            if let (Ok(low), Ok(high)) = (low.trim().parse(), high.trim().parse()) {
                ports.ranges.push((low, high));
            }
        }
        ports
    }

    fn contains(&self, port: u16) -> bool {
        self.any || self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&port))
    }

    fn is_single(&self) -> bool {
        !self.any && self.ranges.iter().all(|(low, high)| low == high)
    }
}

impl Compiled {
    fn new(rule: SecurityRule) -> Self {
        Self {
            sources: Addresses::parse(rule.source_address_prefix.as_ref(), &rule.source_address_prefixes),
            source_ports: Ports::parse(rule.source_port_range.as_ref(), &rule.source_port_ranges),
            destinations: Addresses::parse(
                rule.destination_address_prefix.as_ref(),
                &rule.destination_address_prefixes,
            ),
            destination_ports: Ports::parse(
                rule.destination_port_range.as_ref(),
                &rule.destination_port_ranges,
            ),
            rule: Arc::new(rule),
        }
    }

    /// Whether all conditions hold.
    fn holds(&self, packet: &GuardedPacket, space: &AddressSpace) -> bool {
        let protocol = self.rule.protocol;
        (protocol == SecurityProtocol::Any || protocol == packet.protocol)
            && self.source_ports.contains(packet.source_port)
            && self.destination_ports.contains(packet.destination_port)
            && self.sources.contains(packet.source, space)
            && self.destinations.contains(packet.destination, space)
    }

    fn mismatches(&self, packet: &GuardedPacket, space: &AddressSpace) -> Vec<Mismatch> {
        let protocol = self.rule.protocol;
        let checks = [
            (protocol != SecurityProtocol::Any && protocol != packet.protocol, Mismatch::Protocol),
            (
                !self.sources.contains(packet.source, space),
                self.sources.mismatch(packet.source, Mismatch::Source),
            ),
            (!self.source_ports.contains(packet.source_port), Mismatch::SourcePort(packet.source_port)),
            (
                !self.destinations.contains(packet.destination, space),
                self.destinations.mismatch(packet.destination, Mismatch::Destination),
            ),
            (
                !self.destination_ports.contains(packet.destination_port),
                Mismatch::DestinationPort(packet.destination_port),
            ),
        ];
        checks.into_iter().filter(|(failed, _)| *failed).map(|(_, mismatch)| mismatch).collect()
    }
}

impl Table {
    fn new(mut rules: Vec<SecurityRule>) -> Self {
        order::sort_by_key(&mut rules, |rule| rule.priority);
        let rules: Vec<Compiled> = rules.into_iter().map(Compiled::new).collect();
        let mut table = Self::default();
        for (at, rule) in rules.iter().enumerate() {
            if rule.destination_ports.is_single() {
                for (port, _) in &rule.destination_ports.ranges {
                    let entry = table.by_port.entry(*port).or_default();
                    if entry.last() != Some(&at) {
                        entry.push(at);
                    }
                }
            } else {
                table.wide.push(at);
            }
        }
        table.rules = rules;
        table
    }

    /// Positions that can match a port, in order of priority.
    fn candidates(&self, port: u16) -> Vec<usize> {
        let exact = self.by_port.get(&port).map(Vec::as_slice).unwrap_or_default();
        let mut positions = [exact, self.wide.as_slice()].concat();
        order::sort(&mut positions);
        positions
    }

    fn decide(&self, packet: &GuardedPacket, space: &AddressSpace) -> Option<Ruling> {
        let exact = self.by_port.get(&packet.destination_port).map(Vec::as_slice).unwrap_or_default();
        let holds = |at: &&usize| self.rules.get(**at).is_some_and(|rule| rule.holds(packet, space));
        let found = [exact.iter().find(holds), self.wide.iter().find(holds)];
        let rule = self.rules.get(*found.into_iter().flatten().min()?)?;
        Some(Ruling { access: rule.rule.access, rule: Arc::clone(&rule.rule) })
    }

    /// Rules of higher precedence than the one that decides which failed in one condition only.
    fn near_misses(
        &self,
        packet: &GuardedPacket,
        space: &AddressSpace,
    ) -> Vec<(Arc<SecurityRule>, Mismatch)> {
        let mut near_misses = Vec::new();
        for at in self.candidates(packet.destination_port) {
            let Some(rule) = self.rules.get(at) else { break };
            let mut mismatches = rule.mismatches(packet, space);
            match (mismatches.pop(), mismatches.is_empty()) {
                (None, _) => {
                    self.near_ports(packet, space, at, &mut near_misses);
                    return near_misses;
                }
                (Some(mismatch), true) if near_misses.len() < NEAR_MISSES => {
                    near_misses.push((Arc::clone(&rule.rule), mismatch));
                }
                _ => {}
            }
        }
        // No rule decided.
        Vec::new()
    }

    /// Rules for neighbouring ports that fail in nothing but the port.
    fn near_ports(
        &self,
        packet: &GuardedPacket,
        space: &AddressSpace,
        decided: usize,
        near_misses: &mut Vec<(Arc<SecurityRule>, Mismatch)>,
    ) {
        let port = packet.destination_port;
        let above = self.by_port.range(port..).take(NEAR_MISSES);
        let below = self.by_port.range(..port).rev().take(NEAR_MISSES);
        let mut seen = BTreeSet::new();
        for at in above.chain(below).flat_map(|(_, positions)| positions).take(4 * NEAR_MISSES) {
            let Some(rule) = self.rules.get(*at).filter(|_| *at < decided) else { continue };
            let mismatches = rule.mismatches(packet, space);
            let only_port = mismatches == [Mismatch::DestinationPort(port)];
            if only_port && near_misses.len() < NEAR_MISSES && seen.insert(*at) {
                near_misses.push((Arc::clone(&rule.rule), Mismatch::DestinationPort(port)));
            }
        }
    }
}

const NEAR_MISSES: usize = 5;

impl SecurityGroup {
    /// Prepares a document. Azure's default rules are added where the document lists none.
    pub fn new(document: Arc<NetworkSecurityGroup>) -> Self {
        let mut rules = document.security_rules.clone();
        if document.default_security_rules.is_empty() {
            rules.extend(default_rules());
        } else {
            rules.extend(document.default_security_rules.iter().cloned());
        }
        let (inbound, outbound) = rules.into_iter().partition(|rule| rule.direction == Direction::Inbound);
        let (inbound, outbound) = (Table::new(inbound), Table::new(outbound));
        let mut group = Self {
            shared_name: document.name.as_str().into(),
            has_unknown_tags: false,
            document,
            inbound,
            outbound,
        };
        let has_unknown_tags = group.unknown_tags().next().is_some();
        group.has_unknown_tags = has_unknown_tags;
        group
    }

    /// Service tags in its rules whose addresses only Azure knows.
    pub fn unknown_tags(&self) -> impl Iterator<Item = &str> {
        let rules = self.inbound.rules.iter().chain(&self.outbound.rules);
        let tags = rules.flat_map(|rule| [&rule.sources.unknown_tags, &rule.destinations.unknown_tags]);
        tags.flatten().map(String::as_str)
    }

    /// The group's name.
    pub fn name(&self) -> &str {
        &self.document.name
    }

    /// The first rule by priority that matches. Without any (a document with odd default rules), Azure
    /// denies; then there is no ruling.
    pub fn decide(
        &self,
        direction: Direction,
        packet: &GuardedPacket,
        space: &AddressSpace,
    ) -> Option<Ruling> {
        match direction {
            Direction::Inbound => self.inbound.decide(packet, space),
            Direction::Outbound => self.outbound.decide(packet, space),
        }
    }

    /// Rules of higher precedence than the one that decides that failed in one condition only, and which, at most
    /// five.
    pub fn near_misses(
        &self,
        direction: Direction,
        packet: &GuardedPacket,
        space: &AddressSpace,
    ) -> Vec<(Arc<SecurityRule>, Mismatch)> {
        match direction {
            Direction::Inbound => self.inbound.near_misses(packet, space),
            Direction::Outbound => self.outbound.near_misses(packet, space),
        }
    }
}

/// The rules that every security group ends with.
pub fn default_rules() -> Vec<SecurityRule> {
    use Access::{Allow, Deny};
    use Direction::{Inbound, Outbound};
    let rule = |name: &str, priority, direction, source: &str, destination: &str, access| SecurityRule {
        name: name.into(),
        priority,
        access,
        direction,
        protocol: SecurityProtocol::Any,
        source_address_prefix: Some(source.into()),
        source_port_range: Some("*".into()),
        destination_address_prefix: Some(destination.into()),
        destination_port_range: Some("*".into()),
        ..SecurityRule::default()
    };
    vec![
        rule("AllowVnetInBound", 65000, Inbound, "VirtualNetwork", "VirtualNetwork", Allow),
        rule("AllowAzureLoadBalancerInBound", 65001, Inbound, "AzureLoadBalancer", "*", Allow),
        rule("DenyAllInBound", 65500, Inbound, "*", "*", Deny),
        rule("AllowVnetOutBound", 65000, Outbound, "VirtualNetwork", "VirtualNetwork", Allow),
        rule("AllowInternetOutBound", 65001, Outbound, "*", "Internet", Allow),
        rule("DenyAllOutBound", 65500, Outbound, "*", "*", Deny),
    ]
}

/// Where a security group is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attachment {
    /// To the subnet.
    Subnet,
    /// To the NIC.
    Nic,
}

impl fmt::Display for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Subnet => "subnet",
            Self::Nic => "nic",
        })
    }
}

/// Whether a packet starts a flow. Security groups are stateful: they are asked about new flows only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowState {
    /// The first packet of a flow.
    New,
    /// A reply, or a later packet of a flow that was let in. A rule added later does not cut it.
    Established,
}

/// The security groups between the network and one VM.
#[derive(Debug, Clone, Default)]
pub struct Guards {
    /// The group of the subnet.
    pub subnet: Option<Arc<SecurityGroup>>,
    /// The group of the NIC.
    pub nic: Option<Arc<SecurityGroup>>,
}

/// One group asked on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Where it is attached.
    pub attachment: Attachment,
    /// The group.
    pub group: Arc<SecurityGroup>,
    /// Its word; absent means that no rule matched, which denies.
    pub ruling: Option<Ruling>,
}

impl Asked {
    /// Whether this group lets the packet pass.
    pub fn allows(&self) -> bool {
        self.ruling.as_ref().is_some_and(|ruling| ruling.access == Access::Allow)
    }
}

impl Guards {
    /// Asks the groups in Azure's order (inbound: subnet, then NIC; outbound: NIC, then subnet) up to the
    /// first that denies. Both must allow; without groups the flow passes. This is about the first packet
    /// of a flow; see [`Guards::pass`] for others.
    pub fn ask(
        &self,
        direction: Direction,
        packet: &GuardedPacket,
        space: &AddressSpace,
    ) -> impl Iterator<Item = Asked> {
        let subnet = (Attachment::Subnet, self.subnet.as_ref());
        let nic = (Attachment::Nic, self.nic.as_ref());
        let order = match direction {
            Direction::Inbound => [subnet, nic],
            Direction::Outbound => [nic, subnet],
        };
        let mut denied = false;
        order.into_iter().filter_map(move |(attachment, group)| {
            let group = group.filter(|_| !denied)?;
            let ruling = group.decide(direction, packet, space);
            let asked = Asked { attachment, group: Arc::clone(group), ruling };
            denied = !asked.allows();
            Some(asked)
        })
    }

    /// Whether a packet passes.
    pub fn pass(
        &self,
        direction: Direction,
        packet: &GuardedPacket,
        space: &AddressSpace,
        state: FlowState,
    ) -> bool {
        state == FlowState::Established || self.ask(direction, packet, space).all(|asked| asked.allows())
    }
}
