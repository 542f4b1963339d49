//! What does not depend on Services.

use super::{TABLE, chain};
use crate::kube_proxy::ProxyConfig;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::kubernetes::IpFamily;
use netfilter::{
    CtState, Family, Hook,
    nft::{
        Base, BaseKind, Chain, ChainId, Elements, Nets, Rule, Set, SetId, Side, Statement, Table, Verdict,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

/// Chains that rules of Services lead to; the places are those of [`table`].
pub(super) const MARK_FOR_MASQUERADE: ChainId = ChainId(14);
pub(super) const REJECT: ChainId = ChainId(15);
const SERVICES: ChainId = ChainId(8);
const SERVICE_ENDPOINTS_CHECK: ChainId = ChainId(9);
const NODE_PORT_ENDPOINTS_CHECK: ChainId = ChainId(10);
const FIREWALL_CHECK: ChainId = ChainId(11);
const CLUSTER_IPS_CHECK: ChainId = ChainId(12);
const MASQUERADING: ChainId = ChainId(13);

/// Sets and maps, likewise.
pub(super) const CLUSTER_IPS: SetId = SetId(0);
pub(super) const FIREWALL_IPS: SetId = SetId(1);
pub(super) const NO_ENDPOINT_NODE_PORTS: SetId = SetId(2);
pub(super) const NO_ENDPOINT_SERVICES: SetId = SetId(3);
pub(super) const SERVICE_IPS: SetId = SetId(4);
pub(super) const SERVICE_NODE_PORTS: SetId = SetId(5);
const NODE_PORT_IPS: SetId = SetId(6);

/// The priority of iptables' nat table on the way in.
const DSTNAT: i32 = -100;
const SRCNAT: i32 = 100;

/// The table without Services.
///
/// Source ranges are asked before translation, at a priority below it; refusals come after it, at that of filter,
/// because `reject` was not allowed in prerouting before Linux 5.9.
pub(super) fn table(config: &ProxyConfig) -> Table {
    let family = if config.family == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
    let mut table = Table {
        family,
        name: TABLE.into(),
        comment: "rules for kube-proxy",
        sets: sets(),
        chains: Vec::new(),
    };
    let open = config.node_port_ips();
    if let Some(ips) = &open {
        // Without route_localnet nothing could come back from the loopback.
        let ips: BTreeSet<_> = order::set(ips.iter().copied().filter(|ip| !ip.is_loopback()));
        table.sets.push(Set {
            name: "nodeport-ips".into(),
            comment: "IPs that accept NodePort traffic",
            elements: Elements::Addresses(ips),
        });
    }
    table.chains = chains(config, open.is_none());
    table
}

fn sets() -> Vec<Set> {
    let map = |name: &str, by_address, comment| Set {
        name: name.into(),
        comment,
        elements: Elements::Verdicts { by_address, elements: BTreeMap::new() },
    };
    vec![
        Set {
            name: "cluster-ips".into(),
            comment: "Active ClusterIPs",
            elements: Elements::Addresses(BTreeSet::new()),
        },
        map("firewall-ips", true, "destinations that are subject to LoadBalancerSourceRanges"),
        map(
            "no-endpoint-nodeports",
            false,
            "vmap to drop or reject packets to service nodeports with no endpoints",
        ),
        map("no-endpoint-services", true, "vmap to drop or reject packets to services with no endpoints"),
        map("service-ips", true, "ClusterIP, ExternalIP and LoadBalancer IP traffic"),
        map("service-nodeports", false, "NodePort traffic"),
    ]
}

/// The chains in the order of the constants above.
fn chains(config: &ProxyConfig, any_local: bool) -> Vec<Chain> {
    let base = |kind, hook, priority| Some(Base { kind, hook, priority });
    let filter = |name, hook, priority, rules| chain(name, base(BaseKind::Filter, hook, priority), rules);
    let nat = |name, hook, priority, to| {
        chain(name, base(BaseKind::Nat, hook, priority), vec![rule(vec![jump(to)])])
    };
    let if_new = |to| rule(vec![Statement::State(CtState::New), jump(to)]);
    let looked_up = |map| vec![rule(vec![Statement::Lookup(map)])];
    let mark = config.masquerade_mark;
    vec![
        filter("filter-prerouting-pre-dnat", Hook::Prerouting, DSTNAT - 10, vec![if_new(FIREWALL_CHECK)]),
        filter("filter-output-pre-dnat", Hook::Output, DSTNAT - 10, vec![if_new(FIREWALL_CHECK)]),
        filter(
            "filter-input",
            Hook::Input,
            0,
            vec![if_new(NODE_PORT_ENDPOINTS_CHECK), if_new(SERVICE_ENDPOINTS_CHECK)],
        ),
        filter(
            "filter-forward",
            Hook::Forward,
            0,
            vec![if_new(SERVICE_ENDPOINTS_CHECK), if_new(CLUSTER_IPS_CHECK)],
        ),
        filter(
            "filter-output",
            Hook::Output,
            0,
            vec![if_new(SERVICE_ENDPOINTS_CHECK), if_new(CLUSTER_IPS_CHECK)],
        ),
        nat("nat-prerouting", Hook::Prerouting, DSTNAT, SERVICES),
        nat("nat-output", Hook::Output, DSTNAT, SERVICES),
        nat("nat-postrouting", Hook::Postrouting, SRCNAT, MASQUERADING),
        chain(
            "services",
            None,
            vec![
                rule(vec![Statement::Lookup(SERVICE_IPS)]),
                node_ports(config, any_local, true, SERVICE_NODE_PORTS),
            ],
        ),
        chain("service-endpoints-check", None, looked_up(NO_ENDPOINT_SERVICES)),
        chain(
            "nodeport-endpoints-check",
            None,
            vec![node_ports(config, any_local, false, NO_ENDPOINT_NODE_PORTS)],
        ),
        chain("firewall-check", None, looked_up(FIREWALL_IPS)),
        chain("cluster-ips-check", None, cluster_ips_check(config)),
        chain(
            "masquerading",
            None,
            vec![
                rule(vec![Statement::Unmarked(mark), Statement::Verdict(Verdict::Return)]),
                rule(vec![Statement::XorMark(mark)]),
                rule(vec![Statement::Masquerade { fully_random: config.random_fully }]),
            ],
        ),
        chain("mark-for-masquerade", None, vec![rule(vec![Statement::OrMark(mark)])]),
        Chain {
            comment: "helper for @no-endpoint-services / @no-endpoint-nodeports",
            ..chain("reject-chain", None, vec![rule(vec![Statement::Reject])])
        },
    ]
}

/// A port of a cluster IP that no Service has is refused, and what is in the Services' ranges and of no Service is
/// dropped: what is of a Service was translated before.
fn cluster_ips_check(config: &ProxyConfig) -> Vec<Rule> {
    let side = Side::Destination;
    let mut rules = vec![Rule {
        statements: vec![Statement::InSet { side, set: CLUSTER_IPS }, Statement::Reject],
        comment: "Reject traffic to invalid ports of ClusterIPs",
    }];
    let of_family = |net: &&IpNet| net.addr().is_ipv4() == (config.family == IpFamily::IPv4);
    let ranges: Vec<IpNet> = config.service_ranges.iter().filter(of_family).map(IpNet::trunc).collect();
    if !ranges.is_empty() {
        let unallocated = Statement::Address { side, not: false, nets: Nets::Any(ranges) };
        rules.push(Rule {
            statements: vec![unallocated, Statement::Verdict(Verdict::Drop)],
            comment: "Drop traffic to unallocated ClusterIPs",
        });
    }
    rules
}

/// The rule that looks up a node port: on the addresses that answer, or on every local one but the loopback.
fn node_ports(config: &ProxyConfig, any_local: bool, asks_local: bool, map: SetId) -> Rule {
    let side = Side::Destination;
    if !any_local {
        return rule(vec![Statement::InSet { side, set: NODE_PORT_IPS }, Statement::Lookup(map)]);
    }
    let loopback: IpNet = match config.family {
        IpFamily::IPv4 => Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8).into(),
        IpFamily::IPv6 => Ipv6Net::from(Ipv6Addr::LOCALHOST).into(),
    };
    let mut statements = Vec::with_capacity(3);
    if asks_local {
        statements.push(Statement::Local(side));
    }
    statements.push(Statement::Address { side, not: true, nets: Nets::One(loopback) });
    statements.push(Statement::Lookup(map));
    rule(statements)
}

fn rule(statements: Vec<Statement>) -> Rule {
    Rule { statements, comment: "" }
}

pub(super) fn jump(to: ChainId) -> Statement {
    Statement::Verdict(Verdict::Jump(to))
}

pub(super) fn goto(to: ChainId) -> Statement {
    Statement::Verdict(Verdict::Goto(to))
}
