//! What a rule means, in a sentence. The rules are kube-proxy's and ip-masq-agent's; any other rule is
//! told by what it does.

use crate::{
    Cause,
    deciding::{comment, jump_target},
};
use kubernetes::{kube_proxy::ChainKind, portmap};
use model::Key;
use netfilter::{Chain, Hook, Match, RejectWith, Rule, Statistic, Target};

/// A Service as the sentences name it.
pub(crate) fn service_words(service: Option<&Key>) -> String {
    service.map_or_else(|| "the Service".to_owned(), |key| format!("Service {key}"))
}

/// Why a packet is handed on, whatever kind of rules kube-proxy writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To the chain of a cluster IP; with internal policy Local.
    ClusterIp { local: bool },
    /// The address is one of `externalIPs`.
    ExternalIp,
    /// The address is the load balancer's.
    LoadBalancer,
    /// The port is a node port.
    NodePort,
    /// The client is in a source range.
    Allowed,
    /// External policy Local.
    Local,
    /// External policy Local, and the client is a pod.
    LocalFromPod,
    /// External policy Local, and the client is the node.
    LocalFromNode,
    /// External policy Cluster.
    Cluster,
    /// To an endpoint that remembers the client.
    Affinity,
    /// To one of so many endpoints, on this node or anywhere.
    Endpoint { count: usize, local: bool },
}

/// The sentence of a way.
pub(crate) fn way_words(way: Way, service: Option<&Key>) -> String {
    let service = service_words(service);
    match way {
        Way::NodePort => format!("The destination port is the node port of {service}."),
        Way::ClusterIp { local: false } => {
            format!("The destination is the cluster IP of {service}; any ready endpoint will do.")
        }
        Way::ClusterIp { local: true } => format!(
            "The destination is the cluster IP of {service}; its internal policy Local allows endpoints on this node only."
        ),
        Way::ExternalIp => format!("The destination is an external IP of {service}."),
        Way::LoadBalancer => format!(
            "The destination is the load balancer address of {service}: kube-proxy knows it and takes the packet, on every node."
        ),
        Way::Allowed => "The client is in loadBalancerSourceRanges.".to_owned(),
        Way::Local => {
            "External policy Local: only endpoints on this node, and the client's address is kept.".to_owned()
        }
        Way::LocalFromPod => {
            "The client is a pod of this cluster: for it Local does not apply, every endpoint will do, and its address is kept.".to_owned()
        }
        Way::LocalFromNode => {
            "The client is this node itself: for it Local does not apply, every endpoint will do.".to_owned()
        }
        Way::Cluster => "External policy Cluster: every ready endpoint, on whatever node.".to_owned(),
        Way::Affinity => {
            "Session affinity: this client was here before and stays with its endpoint.".to_owned()
        }
        Way::Endpoint { count, local } => {
            let place = if local { "on this node" } else { "in the cluster" };
            match count {
                1 => format!("There is one ready endpoint {place}."),
                _ => format!(
                    "One of {count} ready endpoints {place} is chosen at random, each with the same probability."
                ),
            }
        }
    }
}

/// Why a rule hands the packet to a chain.
pub(crate) fn jump_words(
    hook: Hook,
    service: Option<&Key>,
    chain: &Chain,
    rule: &Rule,
    target: &str,
) -> String {
    let from = ChainKind::of(&chain.name);
    let to = ChainKind::of(target);
    let comment = comment(rule).unwrap_or_default();
    let node_port = chain.name.as_str() == "KUBE-NODEPORTS";
    let endpoint = |local| {
        if is_affinity(rule) {
            Way::Affinity
        } else {
            Way::Endpoint { count: endpoint_rules(chain).count(), local }
        }
    };
    let way = match (from, to) {
        (_, None) => return shared_chain_words(hook, target),
        (None, _) if node_port => Way::NodePort,
        (None, Some(ChainKind::ServiceCluster)) => Way::ClusterIp { local: false },
        (None, Some(ChainKind::ServiceLocal)) => Way::ClusterIp { local: true },
        (None, Some(_)) if comment.ends_with("external IP") => Way::ExternalIp,
        (None, Some(_)) => Way::LoadBalancer,
        (Some(ChainKind::Firewall), _) => Way::Allowed,
        (Some(ChainKind::External), Some(ChainKind::ServiceLocal)) => Way::Local,
        (Some(ChainKind::External), _) if comment.starts_with("pod traffic") => Way::LocalFromPod,
        (Some(ChainKind::External), _) if comment.starts_with("route LOCAL") => Way::LocalFromNode,
        (Some(ChainKind::External), _) => Way::Cluster,
        (Some(ChainKind::ServiceLocal), _) => endpoint(true),
        (Some(_), _) => endpoint(false),
    };
    way_words(way, service)
}

pub(crate) fn shared_chain_words(hook: Hook, target: &str) -> String {
    match target {
        "KUBE-SERVICES" if hook == Hook::Output => {
            "OUTPUT shows every packet that the node itself sends to kube-proxy's rules, before it is routed.".to_owned()
        }
        "KUBE-SERVICES" if hook == Hook::Forward => {
            "Before a new connection is forwarded, kube-proxy's rules refuse it where its Service has no endpoint.".to_owned()
        }
        "KUBE-SERVICES" => {
            "PREROUTING shows every packet that arrives to kube-proxy's rules, before routing and before any socket.".to_owned()
        }
        "KUBE-NODEPORTS" | "KUBE-NODE-PORT" => {
            "The address is the node's own and no Service address matched, so the node ports are tried.".to_owned()
        }
        "KUBE-LOAD-BALANCER" => {
            "The destination is in the set of load balancer addresses: kube-proxy asks whether the source must change.".to_owned()
        }
        "KUBE-POSTROUTING" => "On the way out, kube-proxy looks whether the source must change.".to_owned(),
        portmap::CHAIN => {
            "The address is the node's own, so the ports that pods of this node take of it (hostPort) are tried.".to_owned()
        }
        portmap::MASQUERADE => "On the way out, portmap looks whether the source must change.".to_owned(),
        portmap::SET_MARK => "The sender is in the pods' own network or the node itself: the source must change, else the answer would not come back this way.".to_owned(),
        name if name.starts_with("CNI-DN-") => "A pod of this node has this port as its hostPort.".to_owned(),
        "IP-MASQ-AGENT" => "On the way out, ip-masq-agent looks whether a pod's address may leave as it is.".to_owned(),
        _ => format!("The rule matches and sends the packet to the chain {target}."),
    }
}

/// The share of one endpoint among those that a chain chooses from; `None` where there is no choice.
///
/// A rule's own probability is that of being chosen after those before it were not.
pub(crate) fn endpoint_share(chain: &Chain, rule: &Rule) -> Option<f64> {
    let from = ChainKind::of(&chain.name);
    if !matches!(from, Some(ChainKind::ServiceCluster | ChainKind::ServiceLocal)) || is_affinity(rule) {
        return None;
    }
    let count = endpoint_rules(chain).count();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 endpoints")]
    let share = 1.0 / count as f64;
    (count > 1 && endpoint_rules(chain).any(is_random)).then_some(share)
}

fn endpoint_rules(chain: &Chain) -> impl Iterator<Item = &Rule> {
    let jumps = chain.rules.iter().filter(|rule| {
        jump_target(rule).is_some_and(|target| ChainKind::of(target) == Some(ChainKind::Endpoint))
    });
    jumps.filter(|rule| !is_affinity(rule))
}

fn is_affinity(rule: &Rule) -> bool {
    rule.matches.iter().any(|condition| matches!(condition, Match::Recent(_)))
}

fn is_random(rule: &Rule) -> bool {
    rule.matches.iter().any(|condition| matches!(condition, Match::Statistic(Statistic::Random { .. })))
}

/// Why a packet is marked for masquerade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    /// The client is the endpoint.
    Hairpin,
    /// The client is the node, and the policy Local.
    FromNode,
    /// External policy Cluster.
    Cluster,
    /// The client is no pod, the address a cluster IP.
    NotAPod,
}

/// The sentence of a mark.
pub(crate) fn marked_words(marked: Marked) -> &'static str {
    match marked {
        Marked::Hairpin => {
            "The client is the very endpoint that was chosen: it is marked, since its answer must come back through the node."
        }
        Marked::FromNode => "The client is this node itself, so the packet is marked for masquerade.",
        Marked::Cluster => {
            "External policy Cluster: the packet is marked, so that on the way out its source becomes this node's address. The endpoint may be on another node, and its answer must come back through here."
        }
        Marked::NotAPod => {
            "The client is not a pod of this cluster, so the packet to the cluster IP is marked for masquerade."
        }
    }
}

/// Why a rule of iptables marks a packet for masquerade.
pub(crate) fn mark_words(chain: &Chain, rule: &Rule) -> &'static str {
    let comment = comment(rule).unwrap_or_default();
    marked_words(match ChainKind::of(&chain.name) {
        Some(ChainKind::Endpoint) => Marked::Hairpin,
        // Mode IPVS.
        _ if matches!(chain.name.as_str(), "KUBE-LOAD-BALANCER" | "KUBE-NODE-PORT") => Marked::Cluster,
        _ if comment.starts_with("Kubernetes service external ip") => Marked::Cluster,
        _ if comment.starts_with("masquerade LOCAL") => Marked::FromNode,
        _ if comment.starts_with("masquerade traffic") => Marked::Cluster,
        _ => Marked::NotAPod,
    })
}

/// Why kube-proxy refuses or drops, whatever kind of rules it writes.
pub(crate) fn refusal_words(cause: Cause, service: Option<&Key>) -> Option<String> {
    let service = service_words(service);
    Some(match cause {
        Cause::SourceRange => format!(
            "The client is not in loadBalancerSourceRanges of {service}, so its packet was not translated and is dropped here. The client times out."
        ),
        Cause::NoLocalEndpoints => format!(
            "{service} has policy Local and no endpoint on this node: the packet is dropped in silence, and the client times out."
        ),
        Cause::NoEndpoints => format!(
            "{service} has no ready endpoint anywhere: the node answers with an error at once (\"connection refused\")."
        ),
        _ => return None,
    })
}

/// Why a packet is dropped.
pub(crate) fn drop_words(chain: &Chain, rule: &Rule, service: Option<&Key>) -> String {
    let comment = comment(rule).unwrap_or_default();
    let refused = |cause| refusal_words(cause, service).unwrap_or_default();
    match chain.name.as_str() {
        "KUBE-PROXY-FIREWALL" | "KUBE-SOURCE-RANGES-FIREWALL" | "KUBE-IPVS-OUT-FILTER" => {
            refused(Cause::SourceRange)
        }
        "KUBE-FIREWALL" => {
            "A packet for 127.0.0.0/8 from outside is dropped: node ports on localhost are for the node itself.".to_owned()
        }
        "KUBE-FORWARD" => {
            "Connection tracking calls the packet INVALID: kube-proxy does not let it be forwarded.".to_owned()
        }
        _ if comment.ends_with("has no local endpoints") => refused(Cause::NoLocalEndpoints),
        name => format!("A rule in {name} drops the packet."),
    }
}

/// Why a packet is answered with an error.
pub(crate) fn reject_words(chain: &Chain, rule: &Rule, service: Option<&Key>) -> String {
    if comment(rule).unwrap_or_default().ends_with("has no endpoints") {
        return refusal_words(Cause::NoEndpoints, service).unwrap_or_default();
    }
    if chain.name.as_str() == "KUBE-IPVS-FILTER" {
        return "The address is one of a Service, held by this node, and the Service has no such port: mode IPVS refuses it (\"connection refused\"), so that nobody reaches the node's own ports by it.".to_owned();
    }
    match rule.target {
        Target::Reject(Some(RejectWith::TcpReset)) => "The rule answers with a TCP reset.".to_owned(),
        _ => "The rule answers with an ICMP error.".to_owned(),
    }
}

/// Why a packet may pass.
pub(crate) fn accept_words(chain: &Chain, rule: &Rule, _: Option<&Key>) -> String {
    let by_state = rule.matches.iter().any(|condition| matches!(condition, Match::CtState { .. }));
    match chain.name.as_str() {
        "KUBE-NODEPORTS" | "KUBE-NODE-PORT" => {
            "kube-proxy keeps its health-check port open in the firewall.".to_owned()
        }
        "KUBE-FORWARD" if by_state => {
            "The packet belongs to a known connection, so it may be forwarded.".to_owned()
        }
        "KUBE-FORWARD" => "The packet carries kube-proxy's mark, so it may be forwarded.".to_owned(),
        name => format!("A rule in {name} lets the packet pass."),
    }
}
