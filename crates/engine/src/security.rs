//! A packet at the security groups in front of a node.

use crate::{
    Action, Cause, Component, NearMiss, Owner, RuleRef, Station, StationKind, World,
    journey::{Traveller, plain, unmarked},
};
use azure::{Asked, GuardedPacket};
use model::{
    NodeName,
    azure::{Direction, SecurityProtocol, SecurityRule},
};
use netfilter::Protocol;

impl World {
    /// Asks the security groups of a node's subnet and NIC about a packet that comes in. `Some` is the
    /// cause of a denial.
    ///
    /// Answers are not asked about: security groups let the answers of a flow pass that they let in.
    pub(crate) fn security_groups(&self, traveller: &mut Traveller, node: &NodeName) -> Option<Cause> {
        if traveller.segment != netfilter::Segment::Opening {
            return None;
        }
        let packet = unmarked(traveller.packet);
        let address = self
            .model
            .nodes
            .get(node)?
            .internal_ips()
            .find(|ip| ip.is_ipv4() == packet.destination.is_ipv4())?;
        let guarded = GuardedPacket {
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
        };
        for asked in self.cloud.guards(address, true).ask(Direction::Inbound, &guarded, &self.space) {
            let allows = asked.allows();
            let mut step = plain(
                Station::new(StationKind::Nsg, asked.group.name()),
                Component::AzureNsg,
                Owner::Azure,
                Action::EvaluateNsg,
                words(&asked, allows),
            );
            if let Some(ruling) = &asked.ruling {
                step.rule = Some(rule_ref(asked.group.name(), &ruling.rule));
                let misses = ruling.near_misses.iter();
                step.near_misses = misses
                    .map(|(rule, mismatch)| NearMiss {
                        rule: rule_ref(asked.group.name(), rule),
                        failed: mismatch.to_string(),
                    })
                    .collect();
            }
            traveller.rewrite(packet, step);
            if !allows {
                return Some(Cause::NsgDenied);
            }
        }
        None
    }
}

fn words(asked: &Asked, allows: bool) -> String {
    let rule = asked.ruling.as_ref().map_or("no rule", |ruling| ruling.rule.name.as_str());
    if allows {
        format!("The security group lets the packet in by {rule}.")
    } else {
        format!("The security group drops the packet by {rule}: the client times out.")
    }
}

fn rule_ref(group: &str, rule: &SecurityRule) -> RuleRef {
    RuleRef { place: format!("security group {group}").into(), text: rule_text(rule).into(), object: None }
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
