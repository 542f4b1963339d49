//! AKS's restriction of the instance metadata service: pods without the node's network do not reach it.
//!
//! Facts: Azure/AgentBaker, `ensure_imds_restriction.sh`, and the rule as Azure/azure-container-networking's
//! iptables monitor knows it.

use netfilter::{Match, Protocol, Rule, Ruleset, TableName, Target, Transport};
use std::net::{IpAddr, Ipv4Addr};

/// The service of every VM.
const SERVICE: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
const COMMENT: &str = "AKS managed: added by AgentBaker ensureIMDSRestriction for IMDS restriction feature";

/// Adds the rule of a node of this address.
pub fn install(rules: &mut Ruleset, node: Ipv4Addr) {
    let filter = rules.tables.entry(TableName::Filter).or_default();
    let Some(forward) = filter.chain_mut("FORWARD") else { return };
    let matches = vec![
        Match::Source { not: true, net: IpAddr::V4(node).into() },
        Match::Destination { not: false, net: IpAddr::V4(SERVICE).into() },
        Match::Protocol { not: false, protocol: Protocol::Tcp },
        Match::Module(Transport::Tcp),
        Match::DestinationPort { not: false, ports: 80.into() },
        Match::Comment(COMMENT.into()),
    ];
    forward.rules.insert(0, Rule { matches, target: Target::Drop });
}
