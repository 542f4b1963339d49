//! The rules of iptables in mode IPVS. There are as many for a thousand Services as for one.

use super::{
    Balancing,
    sets::Purpose::{
        self, ClusterIp, ExternalIp, ExternalIpLocal, HealthCheckNodePort, IpvsIps, LoadBalancer,
        LoadBalancerFirewall, LoadBalancerLocal, LoadBalancerSourceCidr, LoadBalancerSourceIp, LoopBack,
        NodePortLocalSctp, NodePortLocalTcp, NodePortLocalUdp, NodePortSctp, NodePortTcp, NodePortUdp,
    },
};
use crate::kube_proxy::{
    LocalDetector, ProxyConfig, bare_host, fixed,
    names::chain_name,
    words::{comment, jump, mark_masq, remark, rule, source, to_this_node},
};
use ipnet::{IpNet, Ipv6Net};
use model::kubernetes::IpFamily;
use netfilter::{
    AddressType, Chain, CtState, CtStates, Match, Protocol, Rule, Ruleset, SetMatch, TableName, Target,
    VirtualMatch, nft::Side,
};
use std::net::Ipv6Addr;

const SERVICES: &str = "KUBE-SERVICES";
const POSTROUTING: &str = "KUBE-POSTROUTING";
const NODE_PORT: &str = "KUBE-NODE-PORT";
const LOAD_BALANCER: &str = "KUBE-LOAD-BALANCER";
const MARK_MASQ: &str = "KUBE-MARK-MASQ";
const FORWARD: &str = "KUBE-FORWARD";
const PROXY_FIREWALL: &str = "KUBE-PROXY-FIREWALL";
const SOURCE_RANGES_FIREWALL: &str = "KUBE-SOURCE-RANGES-FIREWALL";
const IPVS_FILTER: &str = "KUBE-IPVS-FILTER";
const IPVS_OUT_FILTER: &str = "KUBE-IPVS-OUT-FILTER";

use Side::{Destination as Dst, Source as Src};

/// The jumps from built-in chains. kube-proxy puts each at the top, so the last is first.
const JUMPS: [(TableName, &str, &str, &str); 9] = [
    (TableName::Nat, "OUTPUT", SERVICES, "kubernetes service portals"),
    (TableName::Nat, "PREROUTING", SERVICES, "kubernetes service portals"),
    (TableName::Nat, "POSTROUTING", POSTROUTING, "kubernetes postrouting rules"),
    (TableName::Filter, "FORWARD", FORWARD, "kubernetes forwarding rules"),
    (TableName::Filter, "INPUT", NODE_PORT, "kubernetes health check rules"),
    (TableName::Filter, "INPUT", PROXY_FIREWALL, "kube-proxy firewall rules"),
    (TableName::Filter, "FORWARD", PROXY_FIREWALL, "kube-proxy firewall rules"),
    (TableName::Filter, "INPUT", IPVS_FILTER, "kubernetes ipvs access filter"),
    (TableName::Filter, "OUTPUT", IPVS_OUT_FILTER, "kubernetes ipvs access filter"),
];

/// The whole ruleset of a host that was empty before: built-in chains with their jumps, and kube-proxy's chains.
pub fn rules(config: &ProxyConfig, balancing: &Balancing) -> Ruleset {
    let mut host = bare_host();
    for (table, from, to, text) in JUMPS {
        let chains = host.tables.entry(table).or_default().chains.iter_mut();
        if let Some(chain) = { chains }.find(|chain| *chain.name == *from) {
            chain.rules.insert(0, remark(text, None, jump(to)));
        }
    }
    let writer = Writer { config, balancing };
    let own = |name: &str, rules| Chain { name: chain_name(name), policy: None, rules };
    host.tables.entry(TableName::Nat).or_default().chains.extend([
        own(SERVICES, writer.services()),
        own(POSTROUTING, writer.postrouting()),
        own(NODE_PORT, writer.node_port()),
        own(LOAD_BALANCER, writer.load_balancer()),
        own(MARK_MASQ, fixed::mark_masq(config)),
    ]);
    host.tables.entry(TableName::Filter).or_default().chains.extend([
        own(FORWARD, fixed::forward_marked(config)),
        own(NODE_PORT, vec![writer.about(HealthCheckNodePort, &[Dst], Target::Accept)]),
        own(PROXY_FIREWALL, writer.proxy_firewall()),
        own(SOURCE_RANGES_FIREWALL, writer.source_ranges()),
        own(IPVS_FILTER, writer.filter()),
        own(IPVS_OUT_FILTER, writer.out_filter()),
    ]);
    host
}

struct Writer<'a> {
    config: &'a ProxyConfig,
    balancing: &'a Balancing,
}

impl Writer<'_> {
    fn has(&self, purpose: Purpose) -> bool {
        let set = self.balancing.sets.get(&purpose.name(self.config.family));
        set.is_some_and(|set| !set.entries.is_empty())
    }

    /// `-m set --match-set NAME SIDES`.
    fn set(&self, purpose: Purpose, sides: &[Side]) -> Match {
        let name = purpose.name(self.config.family);
        Match::Set(Box::new(SetMatch { not: false, name, sides: sides.to_vec() }))
    }

    /// A rule about a set, with what the set is for as its comment.
    fn about(&self, purpose: Purpose, sides: &[Side], target: Target) -> Rule {
        rule(vec![comment(purpose.comment()), self.set(purpose, sides)], target)
    }

    /// The same, where the set has entries.
    fn if_any(&self, rules: &mut Vec<Rule>, purpose: Purpose, sides: &[Side], target: Target) {
        if self.has(purpose) {
            rules.push(self.about(purpose, sides, target));
        }
    }

    fn services(&self) -> Vec<Rule> {
        let loopback: IpNet = match self.config.family {
            IpFamily::IPv4 => fixed::loopback(),
            IpFamily::IPv6 => Ipv6Net::from(Ipv6Addr::LOCALHOST).into(),
        };
        let mut rules = vec![rule(vec![source(loopback)], Target::Return)];
        self.if_any(&mut rules, LoadBalancer, &[Dst, Dst], jump(LOAD_BALANCER));
        if self.has(ClusterIp) {
            rules.push(self.cluster_ip());
        }
        for (purpose, marks) in [(ExternalIp, true), (ExternalIpLocal, false)] {
            if !self.has(purpose) {
                continue;
            }
            if marks {
                rules.push(self.about(purpose, &[Dst, Dst], mark_masq()));
            }
            let mut from_outside = self.about(purpose, &[Dst, Dst], Target::Accept);
            from_outside.matches.extend([
                Match::PhysdevIsIn { not: true },
                Match::SourceType { not: true, kind: AddressType::Local },
            ]);
            let mut local = self.about(purpose, &[Dst, Dst], Target::Accept);
            local.matches.push(to_this_node());
            rules.extend([from_outside, local]);
        }
        rules.push(rule(vec![to_this_node()], jump(NODE_PORT)));
        for purpose in [ClusterIp, LoadBalancer] {
            if self.has(purpose) {
                rules.push(rule(vec![self.set(purpose, &[Dst, Dst])], Target::Accept));
            }
        }
        rules
    }

    /// What goes to a cluster IP and is not of a pod is masqueraded. Without a way to tell, what the node sends: its
    /// source is the cluster IP itself, an address of this host.
    fn cluster_ip(&self) -> Rule {
        if self.config.masquerade_all {
            return self.about(ClusterIp, &[Dst, Dst], mark_masq());
        }
        match self.config.local_detector {
            LocalDetector::None => self.about(ClusterIp, &[Src, Dst], mark_masq()),
            detector => {
                let mut rule = self.about(ClusterIp, &[Dst, Dst], mark_masq());
                rule.matches.extend(detector.condition(true));
                rule
            }
        }
    }

    fn postrouting(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        let masquerade = Target::Masquerade { random_fully: false, to_ports: None };
        self.if_any(&mut rules, LoopBack, &[Dst, Dst, Src], masquerade);
        rules.extend(fixed::postrouting(self.config));
        rules
    }

    fn node_port(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        for (protocol, local, all, sides) in [
            (Protocol::Tcp, NodePortLocalTcp, NodePortTcp, &[Dst][..]),
            (Protocol::Udp, NodePortLocalUdp, NodePortUdp, &[Dst]),
            (Protocol::Sctp, NodePortLocalSctp, NodePortSctp, &[Dst, Dst]),
        ] {
            for (purpose, target) in [(local, Target::Return), (all, mark_masq())] {
                if self.has(purpose) {
                    let mut rule = self.about(purpose, sides, target);
                    rule.matches.insert(0, Match::Protocol { not: false, protocol });
                    rules.push(rule);
                }
            }
        }
        rules
    }

    fn load_balancer(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        self.if_any(&mut rules, LoadBalancerLocal, &[Dst, Dst], Target::Return);
        rules.push(rule(Vec::new(), mark_masq()));
        rules
    }

    fn proxy_firewall(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        self.if_any(&mut rules, LoadBalancerFirewall, &[Dst, Dst], jump(SOURCE_RANGES_FIREWALL));
        rules
    }

    fn source_ranges(&self) -> Vec<Rule> {
        let mut rules = Vec::new();
        self.if_any(&mut rules, LoadBalancerSourceCidr, &[Dst, Dst, Src], Target::Return);
        self.if_any(&mut rules, LoadBalancerSourceIp, &[Dst, Dst, Src], Target::Return);
        rules.push(rule(Vec::new(), Target::Drop));
        rules
    }

    /// Nobody shall reach the host's own ports by the address of a Service.
    fn filter(&self) -> Vec<Rule> {
        let pass = |purpose, sides: &[Side]| rule(vec![self.set(purpose, sides)], Target::Return);
        let new = Match::CtState { not: false, states: CtStates::from_iter([CtState::New]) };
        vec![
            pass(LoadBalancer, &[Dst, Dst]),
            pass(ClusterIp, &[Dst, Dst]),
            pass(ExternalIp, &[Dst, Dst]),
            pass(ExternalIpLocal, &[Dst, Dst]),
            pass(HealthCheckNodePort, &[Dst]),
            rule(vec![new, self.set(IpvsIps, &[Dst])], Target::Reject(None)),
        ]
    }

    /// The node's own packets to a load balancer's address leave with that address as source.
    fn out_filter(&self) -> Vec<Rule> {
        let closed = self.balancing.closed_to_node.iter();
        closed
            .map(|at| {
                let taken = Match::Ipvs(VirtualMatch { at: *at });
                rule(vec![source(at.ip), taken], Target::Drop)
            })
            .collect()
    }
}
