//! `flows/*.json`: what becomes of single packets.

use super::{
    Outcome, compare,
    input::{Node, State, strict},
    tracer::{Probe, Tracer},
};
use kubernetes::kube_proxy::installed;
use model::kubernetes::Protocol;
use netfilter::{Family, Ruleset};
use serde::Deserialize;
use serde_json::Value;
use std::net::IpAddr;

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    description: String,
    source: String,
    node: Value,
    services: Option<Vec<Value>>,
    endpointslices: Option<Vec<Value>>,
    iptables: Option<String>,
    packets: Vec<Packet>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Packet {
    name: String,
    #[serde(rename = "sourceIP")]
    source_ip: IpAddr,
    protocol: Protocol,
    #[serde(rename = "destIP")]
    dest_ip: IpAddr,
    dest_port: u16,
    output: String,
    masq: bool,
}

/// Checks one case; each packet is a row.
pub(super) fn check(value: &Value) -> Result<Outcome, String> {
    let case: Case = strict(value)?;
    if [&case.name, &case.description, &case.source].iter().any(|text| text.is_empty()) {
        return Err("name, description and source must not be empty".into());
    }
    let node = Node::read(&case.node)?;
    let ruleset = match (case.services, case.endpointslices, case.iptables) {
        (Some(services), Some(slices), None) => {
            let map = State::read(&services, &slices)?.map(node.config.family);
            installed(&node.config, &map).ruleset
        }
        (None, None, Some(text)) => parse(&text, node.family())?,
        _ => return Err("either services and endpointslices, or iptables".into()),
    };
    if case.packets.is_empty() {
        return Err("there are no packets".into());
    }
    let rows = case.packets.iter().map(|packet| (packet.name.clone(), packet.check(&ruleset, &node)));
    Ok(Outcome { file: Vec::new(), rows: rows.collect() })
}

/// The packets of a case, each with what the case expects of it.
pub(super) fn packets(value: &Value) -> Result<Vec<(netfilter::Packet, String)>, String> {
    let case: Case = strict(value)?;
    let packet = |packet: Packet| {
        let sent = netfilter::Packet {
            protocol: packet.protocol(),
            source: packet.source_ip,
            source_port: 40_000,
            destination: packet.dest_ip,
            destination_port: packet.dest_port,
            mark: 0,
        };
        (sent, packet.output)
    };
    Ok(case.packets.into_iter().map(packet).collect())
}

impl Packet {
    fn protocol(&self) -> netfilter::Protocol {
        match self.protocol {
            Protocol::Tcp => netfilter::Protocol::Tcp,
            Protocol::Udp => netfilter::Protocol::Udp,
            Protocol::Sctp => netfilter::Protocol::Sctp,
        }
    }

    fn check(&self, ruleset: &Ruleset, node: &Node) -> Vec<String> {
        let protocol = self.protocol();
        let probe =
            Probe { protocol, source: self.source_ip, destination: self.dest_ip, port: self.dest_port };
        let traced = Tracer::new(ruleset, node).trace(probe);
        let mut mismatches = compare("output", &self.output, &traced.outputs.join(", "));
        mismatches.extend(compare("masq", &self.masq, &traced.masquerade));
        if !mismatches.is_empty() {
            mismatches.extend(traced.matched.iter().map(|rule| format!("matched {rule:?}")));
        }
        mismatches
    }
}

/// Parses rules that upstream's imitation of iptables printed, which leaves comments unquoted.
fn parse(text: &str, family: Family) -> Result<Ruleset, String> {
    let quoted: String = text.lines().map(|line| quote_comment(line) + "\n").collect();
    let parsed = netfilter::parse(quoted.as_bytes(), family).map_err(|error| format!("iptables: {error}"))?;
    match parsed.unmodelled.first() {
        Some(unmodelled) => Err(format!("iptables: {unmodelled}")),
        None if family == Family::V4 => Ok(parsed.ipv4),
        None => Ok(parsed.ipv6),
    }
}

fn quote_comment(line: &str) -> String {
    let Some((before, comment)) = line.split_once("--comment ") else { return line.to_owned() };
    if comment.starts_with('"') {
        return line.to_owned();
    }
    let end = comment.find(" -").unwrap_or(comment.len());
    let (comment, after) = comment.split_at(end);
    format!("{before}--comment \"{comment}\"{after}")
}
