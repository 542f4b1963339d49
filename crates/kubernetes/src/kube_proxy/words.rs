//! Rules word by word, in the order of kube-proxy's own text.

use super::{LocalDetector, ServicePort, names::chain_name};
use model::kubernetes::Protocol;
use netfilter::{AddressType, ChainName, Match, Net, Rule, Target, Transport};
use std::{
    net::IpAddr,
    sync::{Arc, LazyLock},
};

/// Chains that always exist.
pub(super) mod chains {
    pub(in super::super) const SERVICES: &str = "KUBE-SERVICES";
    pub(in super::super) const EXTERNAL_SERVICES: &str = "KUBE-EXTERNAL-SERVICES";
    pub(in super::super) const NODE_PORTS: &str = "KUBE-NODEPORTS";
    pub(in super::super) const FORWARD: &str = "KUBE-FORWARD";
    pub(in super::super) const PROXY_FIREWALL: &str = "KUBE-PROXY-FIREWALL";
    pub(in super::super) const FIREWALL: &str = "KUBE-FIREWALL";
    pub(in super::super) const POSTROUTING: &str = "KUBE-POSTROUTING";
    pub(in super::super) const MARK_MASQ: &str = "KUBE-MARK-MASQ";
    pub(in super::super) const CANARY: &str = "KUBE-PROXY-CANARY";
    pub(in super::super) const ALL: [&str; 9] = [
        SERVICES,
        EXTERNAL_SERVICES,
        NODE_PORTS,
        FORWARD,
        PROXY_FIREWALL,
        FIREWALL,
        POSTROUTING,
        MARK_MASQ,
        CANARY,
    ];
}

/// A rule from its conditions and target.
pub(super) fn rule(matches: Vec<Match>, target: Target) -> Rule {
    Rule { matches, target }
}

/// `-j CHAIN` to a fixed chain.
pub(super) fn jump(chain: &str) -> Target {
    Target::Jump(chain_name(chain))
}

/// `-j KUBE-MARK-MASQ`.
pub(super) fn mark_masq() -> Target {
    // Every endpoint has such a rule.
    static NAME: LazyLock<ChainName> = LazyLock::new(|| chain_name(chains::MARK_MASQ));
    to(*NAME)
}

/// `-m comment --comment TEXT`.
pub(crate) fn comment(text: impl Into<Arc<str>>) -> Match {
    Match::Comment(text.into())
}

/// `-s NET`.
pub(super) fn source(net: impl Into<Net>) -> Match {
    Match::Source { not: false, net: net.into() }
}

/// `-d NET`.
pub(super) fn destination(net: impl Into<Net>) -> Match {
    Match::Destination { not: false, net: net.into() }
}

/// `--dport PORT`.
pub(super) fn port(port: u16) -> Match {
    Match::DestinationPort { not: false, ports: port.into() }
}

/// `-m addrtype --src-type LOCAL`.
pub(super) fn from_this_node() -> Match {
    Match::SourceType { not: false, kind: AddressType::Local }
}

/// `-m addrtype --dst-type LOCAL`.
pub(crate) fn to_this_node() -> Match {
    Match::DestinationType { not: false, kind: AddressType::Local }
}

/// `-m PROTOCOL -p PROTOCOL`.
pub(crate) fn transport(protocol: Protocol) -> [Match; 2] {
    let (module, protocol) = match protocol {
        Protocol::Tcp => (Transport::Tcp, netfilter::Protocol::Tcp),
        Protocol::Udp => (Transport::Udp, netfilter::Protocol::Udp),
        Protocol::Sctp => (Transport::Sctp, netfilter::Protocol::Sctp),
    };
    [Match::Module(module), Match::Protocol { not: false, protocol }]
}

/// A rule for one address and port of a service port.
pub(super) fn dispatch(service: &ServicePort, ip: IpAddr, text: &Arc<str>, target: Target) -> Rule {
    let [module, protocol] = transport(service.protocol);
    let matches = vec![comment(Arc::clone(text)), module, protocol, destination(ip), port(service.port)];
    rule(matches, target)
}

/// `-m comment --comment TEXT -j CHAIN` and the like: a comment and at most one condition.
pub(super) fn remark(text: &str, condition: Option<Match>, target: Target) -> Rule {
    let mut matches = Vec::with_capacity(2);
    matches.push(comment(text));
    matches.extend(condition);
    rule(matches, target)
}

impl LocalDetector {
    /// The condition that traffic is of a pod, or with `not` that it is not; `None` without a detector.
    pub(super) fn condition(self, not: bool) -> Option<Match> {
        match self {
            Self::Cidr(net) => Some(Match::Source { not, net: net.into() }),
            Self::BridgeInterface(name) | Self::InterfaceNamePrefix(name) => {
                Some(Match::InInterface { not, name })
            }
            Self::None => None,
        }
    }
}

/// A chain name that a generated chain jumps to.
pub(super) fn to(chain: ChainName) -> Target {
    Target::Jump(chain)
}
