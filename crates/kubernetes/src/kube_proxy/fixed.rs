//! Rules that do not depend on Services, and the jumps from the built-in chains.

use super::{
    NfacctCounter, ProxyConfig,
    words::{chains, comment, destination, jump, remark, rule, to_this_node},
};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::kubernetes::IpFamily;
use netfilter::{CtState, CtStates, Match, Rule, TableName, Target};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// 127.0.0.0/8.
pub(super) fn loopback() -> IpNet {
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into()
}

fn ct_state<const N: usize>(not: bool, states: [CtState; N]) -> Match {
    Match::CtState { not, states: CtStates::from_iter(states) }
}

/// `KUBE-POSTROUTING`: masquerades what is marked, and clears the mark first so that a packet that comes
/// by again (IPVS, tunnels) is not masqueraded twice.
pub(super) fn postrouting(config: &ProxyConfig) -> Vec<Rule> {
    let mark = config.masquerade_mark;
    vec![
        rule(vec![Match::Mark { not: true, value: mark, mask: mark }], Target::Return),
        rule(Vec::new(), Target::XorMark(mark)),
        remark(
            "kubernetes service traffic requiring SNAT",
            None,
            Target::Masquerade { random_fully: config.random_fully, to_ports: None },
        ),
    ]
}

/// `KUBE-MARK-MASQ`.
pub(super) fn mark_masq(config: &ProxyConfig) -> Vec<Rule> {
    vec![rule(Vec::new(), Target::OrMark(config.masquerade_mark))]
}

/// `KUBE-FORWARD`: accepts what kube-proxy marked and what is under way, not what is new.
pub(super) fn forward(config: &ProxyConfig) -> Vec<Rule> {
    let mut rules = Vec::with_capacity(3);
    if !config.conntrack_tcp_liberal {
        let mut matches = vec![ct_state(false, [CtState::Invalid])];
        matches.extend(config.counter(NfacctCounter::CtStateInvalidDroppedPkts).map(Match::Nfacct));
        rules.push(rule(matches, Target::Drop));
    }
    rules.extend(forward_marked(config));
    rules
}

/// The same without what drops packets of no known connection, as mode IPVS writes it.
pub(super) fn forward_marked(config: &ProxyConfig) -> Vec<Rule> {
    let mark = config.masquerade_mark;
    let marked = Match::Mark { not: false, value: mark, mask: mark };
    let known = ct_state(false, [CtState::Related, CtState::Established]);
    vec![
        remark("kubernetes forwarding rules", Some(marked), Target::Accept),
        remark("kubernetes forwarding conntrack rule", Some(known), Target::Accept),
    ]
}

/// The rule of `KUBE-FIREWALL`: with `route_localnet` on, nothing but this host may speak to 127.0.0.0/8.
pub(crate) fn localnet_rule() -> Rule {
    let matches = vec![
        comment("block incoming localnet connections"),
        destination(loopback()),
        Match::Source { not: true, net: loopback().into() },
        ct_state(true, [CtState::Related, CtState::Established, CtState::Dnat]),
    ];
    rule(matches, Target::Drop)
}

/// `KUBE-FIREWALL`. `None` where kube-proxy does not write the chain.
pub(super) fn firewall(config: &ProxyConfig) -> Option<Vec<Rule>> {
    config.serves_localhost_node_ports().then(|| vec![localnet_rule()])
}

/// The last rules of nat `KUBE-SERVICES`: whatever is addressed to this node may be for a node port.
pub(super) fn node_port_jumps(config: &ProxyConfig) -> Vec<Rule> {
    let text: Arc<str> =
        "kubernetes service nodeports; NOTE: this must be the last rule in this chain".into();
    if let Some(ips) = config.node_port_ips() {
        let to = |ip| rule(vec![comment(Arc::clone(&text)), destination(ip)], jump(chains::NODE_PORTS));
        return ips.into_iter().map(to).collect();
    }
    let mut matches = vec![comment(text), to_this_node()];
    let excluded: Option<IpNet> = match config.family {
        // Martian: the kernel drops what comes from ::1, and has no route_localnet for IPv6.
        IpFamily::IPv6 => Some(Ipv6Net::from(Ipv6Addr::LOCALHOST).into()),
        IpFamily::IPv4 => (!config.serves_localhost_node_ports()).then(loopback),
    };
    matches.extend(excluded.map(|net| Match::Destination { not: true, net: net.into() }));
    vec![rule(matches, jump(chains::NODE_PORTS))]
}

/// A jump from a built-in chain, made once when kube-proxy starts and not part of the payload.
#[derive(Debug, Clone, PartialEq)]
pub struct Jump {
    /// The table.
    pub table: TableName,
    /// The built-in chain that it stands in.
    pub chain: &'static str,
    /// The rule.
    pub rule: Rule,
}

/// The jumps from built-in chains, top to bottom within each chain, as an empty host has them after
/// kube-proxy has started.
///
/// kube-proxy inserts each at the top, so the last inserted comes first. On a host where kubelet ran
/// before, the jumps to `KUBE-FIREWALL` stand below the others instead.
pub fn jumps() -> Vec<Jump> {
    let inserted: [(TableName, &[&'static str], bool, &str, &str); 9] = [
        (
            TableName::Filter,
            &["INPUT", "FORWARD"],
            true,
            "kubernetes externally-visible service portals",
            chains::EXTERNAL_SERVICES,
        ),
        (TableName::Filter, &["INPUT"], false, "kubernetes health check service ports", chains::NODE_PORTS),
        (TableName::Filter, &["FORWARD", "OUTPUT"], true, "kubernetes service portals", chains::SERVICES),
        (TableName::Filter, &["FORWARD"], false, "kubernetes forwarding rules", chains::FORWARD),
        (
            TableName::Filter,
            &["INPUT", "OUTPUT", "FORWARD"],
            true,
            "kubernetes load balancer firewall",
            chains::PROXY_FIREWALL,
        ),
        (TableName::Nat, &["OUTPUT", "PREROUTING"], false, "kubernetes service portals", chains::SERVICES),
        (TableName::Nat, &["POSTROUTING"], false, "kubernetes postrouting rules", chains::POSTROUTING),
        (TableName::Filter, &["OUTPUT"], false, "", chains::FIREWALL),
        (TableName::Filter, &["INPUT"], false, "", chains::FIREWALL),
    ];
    let mut jumps = Vec::new();
    for (table, chains, only_new, text, target) in inserted {
        for chain in chains {
            let mut matches = Vec::new();
            if only_new {
                matches.push(ct_state(false, [CtState::New]));
            }
            if !text.is_empty() {
                matches.push(comment(text));
            }
            jumps.push(Jump { table, chain, rule: rule(matches, jump(target)) });
        }
    }
    jumps.reverse();
    jumps
}
