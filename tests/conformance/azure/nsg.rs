//! Which security rule decides about a packet.

use super::input::{self, compare, strict};
use azure::{
    AddressSpace, Asked, FlowState, GuardedPacket, Guards, PROBE_SOURCE, SecurityGroup, ServiceTag,
    default_rules,
};
use model::azure::{Access, Direction, NetworkSecurityGroup, SecurityProtocol, SecurityRule};
use serde::Deserialize;
use serde_json::Value;
use std::{net::IpAddr, sync::Arc};

/// A rule in the short form of the cases.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Short {
    name: String,
    priority: u32,
    direction: Direction,
    #[serde(default)]
    protocol: SecurityProtocol,
    src: String,
    dst: String,
    #[serde(default)]
    ports: Vec<String>,
    access: Access,
}

impl From<Short> for SecurityRule {
    fn from(short: Short) -> Self {
        Self {
            name: short.name,
            priority: short.priority,
            access: short.access,
            direction: short.direction,
            protocol: short.protocol,
            source_address_prefix: Some(short.src),
            source_port_range: Some("*".into()),
            destination_address_prefix: Some(short.dst),
            destination_port_ranges: short.ports,
            ..Self::default()
        }
    }
}

pub(super) fn check_defaults(value: &Value) -> Result<Vec<String>, String> {
    let expected: Vec<Short> = strict(value)?;
    let got: Vec<Short> = default_rules()
        .into_iter()
        .map(|rule| Short {
            name: rule.name,
            priority: rule.priority,
            direction: rule.direction,
            protocol: rule.protocol,
            src: rule.source_address_prefix.unwrap_or_default(),
            dst: rule.destination_address_prefix.unwrap_or_default(),
            ports: Vec::new(),
            access: rule.access,
        })
        .collect();
    Ok(compare("defaults", &expected, &got))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    nic_nsg: Option<Vec<Short>>,
    subnet_nsg: Option<Vec<Short>>,
    packet: Option<Packet>,
    event: Option<String>,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Packet {
    dir: Direction,
    src: IpAddr,
    dst: IpAddr,
    port: Option<u16>,
    proto: SecurityProtocol,
    #[serde(default)]
    reply: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    access: Option<Access>,
    rule: Option<String>,
    evaluated: Option<Vec<String>>,
    stage: Option<String>,
    existing_flow: Option<String>,
    new_flow: Option<String>,
    effect: Option<String>,
    note: Option<String>,
}

fn group(rules: Vec<Short>) -> Arc<SecurityGroup> {
    let document = NetworkSecurityGroup {
        security_rules: rules.into_iter().map(Into::into).collect(),
        ..NetworkSecurityGroup::default()
    };
    Arc::new(SecurityGroup::new(Arc::new(document)))
}

/// AKS's network, peered with the network of the client VM 10.1.0.4.
fn space() -> AddressSpace {
    AddressSpace::new(["10.224.0.0/12", "10.1.0.0/16"].iter().filter_map(|net| net.parse().ok()).collect())
}

impl Packet {
    fn guarded(&self) -> GuardedPacket {
        GuardedPacket {
            protocol: self.proto,
            source: self.src,
            source_port: 50000,
            destination: self.dst,
            destination_port: self.port.unwrap_or(50000),
        }
    }
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let case: Case = input::read(case)?;
    if case.event.is_some() {
        return check_event(&case);
    }
    let packet = case.packet.ok_or("packet is missing")?;
    let guards = Guards { subnet: case.subnet_nsg.map(group), nic: case.nic_nsg.map(group) };
    let state = if packet.reply { FlowState::Established } else { FlowState::New };
    if packet.port.is_none() && !packet.reply {
        return Err("a new flow has a port".into());
    }
    let expected = case.expected;
    let passes = guards.pass(packet.dir, &packet.guarded(), &space(), state);
    let access = if passes { Access::Allow } else { Access::Deny };
    let mut mismatches = compare("access", &expected.access, &Some(access));
    let asked: Vec<_> = guards.ask(packet.dir, &packet.guarded(), &space()).collect();
    if let Some(names) = &expected.rule {
        mismatches.extend(check_rule(names, &asked));
    }
    if let Some(evaluated) = &expected.evaluated {
        let got = asked.iter().map(|asked| asked.attachment.to_string()).collect();
        mismatches.extend(compare("evaluated", evaluated, &got));
    }
    if let Some(stage) = &expected.stage {
        let denies = asked.iter().find(|asked| !asked.allows());
        let got = denies.map(|asked| asked.attachment.to_string());
        mismatches.extend(compare("stage", &Some(stage.clone()), &got));
    }
    if let Some(effect) = &expected.effect {
        mismatches.extend(check_effect(effect, &guards));
    }
    if let Some(note) = &expected.note {
        let text = "except Standard public IPs, which are closed without an NSG rule allowing the traffic";
        mismatches.extend(compare("note", note, &text.to_owned()));
    }
    if expected.existing_flow.is_some() || expected.new_flow.is_some() {
        mismatches.push("existingFlow and newFlow need an event".into());
    }
    Ok(mismatches)
}

/// The rule of the last group that was asked. A case may name alternatives; all of them must match the
/// packet, and the first by priority decides.
fn check_rule(names: &str, asked: &[Asked]) -> Vec<String> {
    let Some(ruling) = asked.last().and_then(|asked| asked.ruling.as_ref()) else {
        return vec![format!("expected rule {names}\n     got none")];
    };
    let alternatives =
        "AllowVnetInBound or AllowAzureLoadBalancerInBound (VirtualNetwork also covers 168.63.129.16)";
    if names == alternatives {
        let covered = space().has_tag(PROBE_SOURCE, ServiceTag::VirtualNetwork)
            && space().has_tag(PROBE_SOURCE, ServiceTag::AzureLoadBalancer);
        return [
            compare("168.63.129.16 has both tags", &true, &covered),
            compare("rule", &"AllowVnetInBound".to_owned(), &ruling.rule.name),
        ]
        .concat();
    }
    compare("rule", &names.to_owned(), &ruling.rule.name)
}

/// No probe of any protocol and port passes.
fn check_effect(effect: &str, guards: &Guards) -> Vec<String> {
    let mut mismatches =
        compare("effect", &"every backend of every rule goes down".to_owned(), &effect.to_owned());
    for port in [80, 10256, 30644, 32100] {
        let probe = GuardedPacket {
            protocol: SecurityProtocol::Tcp,
            source: PROBE_SOURCE,
            source_port: 50000,
            destination: IpAddr::from([10, 224, 0, 4]),
            destination_port: port,
        };
        let passes = guards.pass(Direction::Inbound, &probe, &space(), FlowState::New);
        mismatches.extend(compare(&format!("a probe of port {port} passes"), &false, &passes));
    }
    mismatches
}

fn check_event(case: &Case) -> Result<Vec<String>, String> {
    if case.event.as_deref() != Some("deny rule added while a TCP connection is open") {
        return Err("the event is unknown".into());
    }
    let expected = &case.expected;
    let others = case.packet.is_some()
        || case.nic_nsg.is_some()
        || case.subnet_nsg.is_some()
        || expected.access.is_some()
        || expected.rule.is_some()
        || expected.evaluated.is_some()
        || expected.stage.is_some()
        || expected.effect.is_some()
        || expected.note.is_some();
    if others {
        return Err("an event has existingFlow and newFlow only".into());
    }
    let deny = Short {
        name: "deny".into(),
        priority: 100,
        direction: Direction::Inbound,
        protocol: SecurityProtocol::Any,
        src: "*".into(),
        dst: "*".into(),
        ports: vec!["*".into()],
        access: Access::Deny,
    };
    let guards = Guards { subnet: Some(group(vec![deny])), nic: None };
    let packet = GuardedPacket {
        protocol: SecurityProtocol::Tcp,
        source: IpAddr::from([10, 1, 0, 4]),
        source_port: 50000,
        destination: IpAddr::from([10, 224, 0, 4]),
        destination_port: 80,
    };
    let passes = |state| guards.pass(Direction::Inbound, &packet, &space(), state);
    let existing = if passes(FlowState::Established) { "continues" } else { "denied" };
    let new = if passes(FlowState::New) { "allowed" } else { "denied" };
    Ok([
        compare("existingFlow", &expected.existing_flow, &Some(existing.to_owned())),
        compare("newFlow", &expected.new_flow, &Some(new.to_owned())),
    ]
    .concat())
}
