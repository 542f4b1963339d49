//! ip-masq-agent, the DaemonSet of AKS that masquerades what pods send out of their own ranges.
//!
//! Facts: Azure/ip-masq-agent-v2. It owns the nat chain `IP-MASQ-AGENT` and appends one jump to
//! POSTROUTING, so kube-proxy's rules, inserted at the top, come first.

use crate::kube_proxy::comment;
use ipnet::IpNet;
use model::kubernetes::IpFamily;
use netfilter::{AddressType, Chain, ChainName, Match, Rule, Ruleset, TableName, Target};

/// The agent's chain.
const CHAIN: &str = "IP-MASQ-AGENT";
const JUMP: &str = "ip-masq-agent: ensure nat POSTROUTING directs all non-LOCAL destination traffic to our custom IP-MASQ-AGENT chain";
const KEEP: &str = "ip-masq-agent: local traffic is not subject to MASQUERADE";
const MASQUERADE: &str = "ip-masq-agent: outbound traffic is subject to MASQUERADE (must be last in chain)";

/// Adds the agent's rules to a node's. Traffic to `unmasqueraded` keeps the pod's address.
pub fn install(rules: &mut Ruleset, unmasqueraded: impl IntoIterator<Item = IpNet>, family: IpFamily) {
    let Some(name) = ChainName::new(CHAIN) else { return };
    let nat = rules.tables.entry(TableName::Nat).or_default();
    let Some(postrouting) = nat.chain_mut("POSTROUTING") else { return };
    let not_local = Match::DestinationType { not: true, kind: AddressType::Local };
    postrouting.rules.push(Rule { matches: vec![comment(JUMP), not_local], target: Target::Jump(name) });

    let keep = comment(KEEP);
    let in_family = |net: &IpNet| net.addr().is_ipv4() == (family == IpFamily::IPv4);
    let mut ranges: Vec<IpNet> = unmasqueraded.into_iter().filter(in_family).map(|net| net.trunc()).collect();
    order::sort(&mut ranges);
    ranges.dedup();
    let ranges = IpNet::aggregate(&ranges);
    let mut chain: Vec<Rule> = ranges
        .into_iter()
        .map(|net| Rule {
            matches: vec![Match::Destination { not: false, net: net.into() }, keep.clone()],
            target: Target::Return,
        })
        .collect();
    let target = Target::Masquerade { random_fully: false, to_ports: None };
    chain.push(Rule { matches: vec![comment(MASQUERADE)], target });
    nat.chains.push(Chain { name, policy: None, rules: chain });
}
