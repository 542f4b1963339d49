//! A packet at the security groups between a NIC and the network, in both directions.

use crate::{
    Action, Cause, Component, NearMiss, NearMisses, Owner, RuleRef, Station, StationKind, Text, World,
    journey::{Traveller, plain, unmarked},
    later::{Sentence, later},
    topology::AddressOwner,
};
use azure::{Attachment, GuardedPacket, Guards, Mismatch, SecurityGroup, Sender};
use model::{
    NodeName,
    azure::{Direction, SecurityProtocol, SecurityRule},
};
use netfilter::{Packet, Protocol};
use std::sync::Arc;

impl World {
    /// Asks the security groups of the NIC and its subnet about a packet that leaves by it. `Some` is the
    /// cause of a denial.
    pub(crate) fn leave_nic(&self, traveller: &mut Traveller) -> Option<Cause> {
        let nic = traveller.nic.clone();
        let sender = self.sender_of(nic.as_ref(), &traveller.packet)?;
        self.ask_guards(traveller, sender, Direction::Outbound)
    }

    /// The same for a packet that comes in to a VM that is no node.
    pub(crate) fn enter_nic(&self, traveller: &mut Traveller, receiver: Sender<'_>) -> Option<Cause> {
        self.ask_guards(traveller, receiver, Direction::Inbound)
    }

    /// The same for a packet that comes in to a node, or to a pod on it.
    pub(crate) fn enter_node(&self, traveller: &mut Traveller, node: &NodeName) -> Option<Cause> {
        let destination = traveller.packet.destination;
        let own = || {
            let mut addresses = self.model.nodes.get(node)?.internal_ips();
            addresses.find(|ip| ip.is_ipv6() == destination.is_ipv6())
        };
        let of_pod =
            matches!(self.topology.owner(destination), Some(AddressOwner::Pod(_) | AddressOwner::Endpoint));
        let address = if of_pod { destination } else { own()? };
        self.ask_guards(traveller, Sender::node(node, address), Direction::Inbound)
    }

    /// Answers are not asked about: security groups let the answers of a flow pass that they let pass.
    fn ask_guards(&self, traveller: &mut Traveller, nic: Sender<'_>, direction: Direction) -> Option<Cause> {
        if traveller.segment != netfilter::Segment::Opening {
            let said = traveller.steps.iter().any(|step| step.action == Action::SkipNsg);
            if !traveller.quiet && !said {
                stateful(traveller, &self.cloud.guards(nic));
            }
            return None;
        }
        let guards = self.cloud.guards(nic);
        let packet = unmarked(traveller.packet);
        for asked in guards.ask(direction, &guarded(&packet), &self.space) {
            let allows = asked.allows();
            if traveller.quiet {
                if allows {
                    continue;
                }
                return Some(Cause::NsgDenied);
            }
            let attachment = asked.attachment;
            let (rule, why) = match asked.ruling.as_ref().map(|ruling| Arc::clone(&ruling.rule)) {
                Some(rule) => {
                    let own = Arc::clone(&rule);
                    let why = later(move || words(attachment, Some(&own), direction, allows));
                    let (rule, why) = rule_ref(&asked.group, &rule, why);
                    (Some(rule), why)
                }
                None => (None, later(move || words(attachment, None, direction, allows)).into()),
            };
            let station = station(&asked.group);
            let mut step = plain(station, Component::AzureNsg, Owner::Azure, Action::EvaluateNsg, why);
            step.rule = rule;
            if asked.ruling.is_some() {
                let (group, space) = (asked.group, Arc::clone(&self.space));
                step.near_misses = NearMisses::later(move || {
                    let misses = group.near_misses(direction, &guarded(&packet), &space);
                    let miss = |(rule, mismatch): &(_, Mismatch)| NearMiss {
                        rule: rule_ref(&group, rule, "").0,
                        failed: mismatch.to_string(),
                    };
                    misses.iter().map(miss).collect()
                });
            }
            traveller.rewrite(packet, step);
            if !allows {
                return Some(Cause::NsgDenied);
            }
        }
        None
    }
}

/// Says once on the way back that security groups are not asked.
fn stateful(traveller: &mut Traveller, guards: &Guards) {
    let Some(group) = guards.nic.as_ref().or(guards.subnet.as_ref()) else { return };
    let why = "Security groups are stateful: the answer of a connection that they let pass needs no rule.";
    traveller.note(station(group), Component::AzureNsg, Owner::Azure, Action::SkipNsg, why);
}

fn guarded(packet: &Packet) -> GuardedPacket {
    GuardedPacket {
        protocol: match packet.protocol {
            Protocol::Tcp => SecurityProtocol::Tcp,
            Protocol::Udp => SecurityProtocol::Udp,
            Protocol::Icmp | Protocol::Icmpv6 => SecurityProtocol::Icmp,
            Protocol::Sctp => SecurityProtocol::Any,
        },
        source: packet.source,
        source_port: packet.source_port,
        destination: packet.destination,
        destination_port: packet.destination_port,
    }
}

fn station(group: &SecurityGroup) -> Station {
    Station::new(StationKind::Nsg, Arc::clone(&group.shared_name))
}

fn words(attachment: Attachment, rule: Option<&SecurityRule>, direction: Direction, allows: bool) -> String {
    let rule = rule.map_or("no rule", |rule| rule.name.as_str());
    let way = match direction {
        Direction::Inbound => "in",
        Direction::Outbound => "out",
    };
    let place = match attachment {
        Attachment::Subnet => "The security group of the subnet",
        Attachment::Nic => "The security group of the NIC",
    };
    if allows {
        format!("{place} lets the packet {way} by {rule}.")
    } else {
        format!("{place} does not let the packet {way}: {rule} drops it, and the client times out.")
    }
}

/// A rule, and the sentence that stands beside it.
fn rule_ref(group: &Arc<SecurityGroup>, rule: &Arc<SecurityRule>, why: impl Sentence) -> (RuleRef, Text) {
    let (group, rule) = (Arc::clone(group), Arc::clone(rule));
    let [place, text, why] =
        why.beside(move || [format!("security group {}", group.name()), rule_text(&rule)]);
    (RuleRef { place, text, object: None }, why)
}

/// A rule in one line: `500 k8s-azure-lb_allow_… Allow Tcp Internet → 20.50.60.70 port 80`.
fn rule_text(rule: &SecurityRule) -> String {
    let list = |single: &Option<String>, several: &[String]| {
        let all: Vec<&str> = single.iter().chain(several).map(String::as_str).collect();
        if all.is_empty() { "*".to_owned() } else { all.join(",") }
    };
    let protocol = match rule.protocol {
        SecurityProtocol::Any => "any protocol".to_owned(),
        other => format!("{other:?}"),
    };
    format!(
        "{} {} {} {protocol} {} → {} port {}",
        rule.priority,
        rule.name,
        rule.access,
        list(&rule.source_address_prefix, &rule.source_address_prefixes),
        list(&rule.destination_address_prefix, &rule.destination_address_prefixes),
        list(&rule.destination_port_range, &rule.destination_port_ranges)
    )
}
