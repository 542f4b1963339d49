//! What a rule means, in a sentence. The rules are kube-proxy's and ip-masq-agent's; any other rule is
//! told by what it does.

use crate::narrate::{comment, jump_target};
use kubernetes::kube_proxy::ChainKind;
use model::Key;
use netfilter::{Chain, Hook, Match, RejectWith, Rule, Statistic};

/// A Service as the sentences name it.
pub(crate) fn service_words(service: Option<&Key>) -> String {
    service.map_or_else(|| "the Service".to_owned(), |key| format!("Service {key}"))
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
    let service = service_words(service);
    let comment = comment(rule).unwrap_or_default();
    let node_port = chain.name.as_str() == "KUBE-NODEPORTS";
    match (from, to) {
        (_, None) => shared_chain_words(hook, target),
        (None, _) if node_port => format!("The destination port is the node port of {service}."),
        (None, Some(ChainKind::ServiceCluster)) => {
            format!("The destination is the cluster IP of {service}; any ready endpoint will do.")
        }
        (None, Some(ChainKind::ServiceLocal)) => format!(
            "The destination is the cluster IP of {service}; its internal policy Local allows endpoints on this node only."
        ),
        (None, Some(_)) if comment.ends_with("external IP") => {
            format!("The destination is an external IP of {service}.")
        }
        (None, Some(_)) => format!(
            "The destination is the load balancer address of {service}: kube-proxy knows it and takes the packet, on every node."
        ),
        (Some(ChainKind::Firewall), _) => "The client is in loadBalancerSourceRanges.".to_owned(),
        (Some(ChainKind::External), Some(ChainKind::ServiceLocal)) => {
            "External policy Local: only endpoints on this node, and the client's address is kept.".to_owned()
        }
        (Some(ChainKind::External), _) if comment.starts_with("pod traffic") => {
            "The client is a pod of this cluster: for it Local does not apply, every endpoint will do, and its address is kept.".to_owned()
        }
        (Some(ChainKind::External), _) if comment.starts_with("route LOCAL") => {
            "The client is this node itself: for it Local does not apply, every endpoint will do.".to_owned()
        }
        (Some(ChainKind::External), _) => "External policy Cluster: every ready endpoint, on whatever node.".to_owned(),
        (Some(ChainKind::ServiceLocal), _) => endpoint_words(chain, rule, "on this node"),
        (Some(_), _) => endpoint_words(chain, rule, "in the cluster"),
    }
}

fn shared_chain_words(hook: Hook, target: &str) -> String {
    match target {
        "KUBE-SERVICES" if hook == Hook::Output => {
            "OUTPUT shows every packet that the node itself sends to kube-proxy's rules, before it is routed.".to_owned()
        }
        "KUBE-SERVICES" => {
            "PREROUTING shows every packet that arrives to kube-proxy's rules, before routing and before any socket.".to_owned()
        }
        "KUBE-NODEPORTS" => {
            "The address is the node's own and no Service address matched, so the node ports are tried.".to_owned()
        }
        "KUBE-POSTROUTING" => "On the way out, kube-proxy looks whether the source must change.".to_owned(),
        "IP-MASQ-AGENT" => "On the way out, ip-masq-agent looks whether a pod's address may leave as it is.".to_owned(),
        _ => format!("The rule matches and sends the packet to the chain {target}."),
    }
}

fn endpoint_words(chain: &Chain, rule: &Rule, place: &str) -> String {
    if is_affinity(rule) {
        return "Session affinity: this client was here before and stays with its endpoint.".to_owned();
    }
    match endpoint_rules(chain).count() {
        1 => format!("There is one ready endpoint {place}."),
        count => format!(
            "One of {count} ready endpoints {place} is chosen at random, each with the same probability."
        ),
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
pub(crate) fn mark_words(chain: &Chain, rule: &Rule) -> String {
    let comment = comment(rule).unwrap_or_default();
    match ChainKind::of(&chain.name) {
        Some(ChainKind::Endpoint) => {
            "The client is the very endpoint that was chosen: it is marked, since its answer must come back through the node.".to_owned()
        }
        _ if comment.starts_with("masquerade LOCAL") => {
            "The client is this node itself, so the packet is marked for masquerade.".to_owned()
        }
        _ if comment.starts_with("masquerade traffic") => {
            "External policy Cluster: the packet is marked, so that on the way out its source becomes this node's address. The endpoint may be on another node, and its answer must come back through here.".to_owned()
        }
        _ => "The client is not a pod of this cluster, so the packet to the cluster IP is marked for masquerade.".to_owned(),
    }
}

/// Why a packet is dropped.
pub(crate) fn drop_words(chain: &Chain, rule: &Rule, service: Option<&Key>) -> String {
    let service = service_words(service);
    let comment = comment(rule).unwrap_or_default();
    match chain.name.as_str() {
        "KUBE-PROXY-FIREWALL" => format!(
            "The client is not in loadBalancerSourceRanges of {service}, so its packet was not translated and is dropped here. The client times out."
        ),
        "KUBE-FIREWALL" => {
            "A packet for 127.0.0.0/8 from outside is dropped: node ports on localhost are for the node itself.".to_owned()
        }
        "KUBE-FORWARD" => {
            "Connection tracking calls the packet INVALID: kube-proxy does not let it be forwarded.".to_owned()
        }
        _ if comment.ends_with("has no local endpoints") => format!(
            "{service} has policy Local and no endpoint on this node: the packet is dropped in silence, and the client times out."
        ),
        name => format!("A rule in {name} drops the packet."),
    }
}

/// Why a packet is answered with an error.
pub(crate) fn reject_words(rule: &Rule, with: Option<RejectWith>, service: Option<&Key>) -> String {
    let service = service_words(service);
    if comment(rule).unwrap_or_default().ends_with("has no endpoints") {
        return format!(
            "{service} has no ready endpoint anywhere: the node answers with an error at once (\"connection refused\")."
        );
    }
    match with {
        Some(RejectWith::TcpReset) => "The rule answers with a TCP reset.".to_owned(),
        _ => "The rule answers with an ICMP error.".to_owned(),
    }
}

/// Why a packet may pass.
pub(crate) fn accept_words(chain: &Chain, rule: &Rule) -> String {
    let by_state = rule.matches.iter().any(|condition| matches!(condition, Match::CtState { .. }));
    match chain.name.as_str() {
        "KUBE-NODEPORTS" => "kube-proxy keeps its health-check port open in the firewall.".to_owned(),
        "KUBE-FORWARD" if by_state => {
            "The packet belongs to a known connection, so it may be forwarded.".to_owned()
        }
        "KUBE-FORWARD" => "The packet carries kube-proxy's mark, so it may be forwarded.".to_owned(),
        name => format!("A rule in {name} lets the packet pass."),
    }
}
