//! The trace's closed enums in the words of a person.

use crate::state::{answer::verdict_words, facts};
use engine::{Action, Component, Endpoint, Owner, PathOutcome, Station, StationKind, Step, Verdict};
use yew::{Html, html};

/// Digits of a hash up to which it is shown whole.
const WHOLE: usize = 20;

/// A sentence in which long hashes are cut in the middle: Azure's rules are named by 32 digits, which no column
/// holds. The rule below the sentence has the name in full, and so has the pointer.
pub(super) fn abridged(sentence: &str) -> Html {
    let word = |word: &str| match cut(word) {
        Some(short) => html! { <><span title={word.to_owned()}>{ short }</span>{ " " }</> },
        None => html! { { format!("{word} ") } },
    };
    sentence.split(' ').map(word).collect()
}

/// The word with its hash cut, if it has a long one: `a3f0e8…d2e1-TCP-80`.
fn cut(word: &str) -> Option<String> {
    const HEAD: usize = 6;
    const TAIL: usize = 4;
    let part = word.split(|letter: char| !letter.is_ascii_hexdigit()).find(|part| part.len() > WHOLE)?;
    let (before, after) = word.split_once(part)?;
    let (head, tail) = (part.get(..HEAD)?, part.get(part.len() - TAIL..)?);
    Some(format!("{before}{head}…{tail}{after}"))
}

/// Where a matching rule stands, `nat KUBE-SERVICES`: the heading of its step says it.
pub(super) fn place_in_heading(step: &Step) -> Option<&str> {
    let is_chain =
        matches!(step.component, Component::KubeProxy | Component::Iptables | Component::IpMasqAgent);
    step.rule.as_ref().filter(|_| is_chain && step.action == Action::Match).map(|rule| &*rule.place)
}

/// A step's heading.
pub(super) fn heading(step: &Step) -> String {
    place_in_heading(step).map_or_else(|| action(step).to_owned(), |place| format!("{place} matches"))
}

fn action(step: &Step) -> &'static str {
    match step.action {
        Action::Originate => "Client sends",
        Action::Resolve => "Name resolved",
        Action::Route => "Routed",
        Action::EvaluateNsg => "Security group checked",
        Action::SelectFrontend => "Frontend found",
        Action::SelectBackend => "Load balancer picks a node",
        Action::ProbeGate => "Probe decides who may serve",
        Action::EnterNode => "Node receives",
        Action::Match => "Rule matches",
        Action::Mark => "Packet marked",
        Action::Dnat => "Destination rewritten",
        Action::Snat => "Source rewritten",
        Action::Masquerade => "Source masqueraded",
        Action::Track => "Connection tracked",
        Action::Untranslate => "Translated back",
        Action::Forward => "Forwarded",
        Action::Accept => "Accepted",
        Action::Drop => "Dropped",
        Action::Reject => "Rejected",
        Action::Refuse => "Refused",
        Action::SocketLookup => "Socket looked up",
        Action::Deliver => "Delivered",
        Action::Answer => "Answer sent",
        Action::LeaveNode => "Leaves the node",
        Action::SkipSocketLookup => "No socket lookup",
        Action::SkipMasquerade => "No masquerade",
        Action::SkipProbe => "Probe not consulted",
        Action::SkipLoadBalancer => "Load balancer not involved",
        Action::SkipNat => "No translation",
        Action::SkipNsg => "Security group not asked",
    }
}

/// Whether a step only carries the packet on: it is set smaller.
pub(super) fn is_minor(step: &Step) -> bool {
    let quiet = matches!(
        step.action,
        Action::Route
            | Action::EnterNode
            | Action::Track
            | Action::Forward
            | Action::Accept
            | Action::LeaveNode
            | Action::Mark
    );
    quiet && !step.rewrites() && step.probability.is_none()
}

/// The kind of place, `Node`.
pub(super) fn station(station: &Station) -> &'static str {
    match station.kind {
        StationKind::Client => "Client",
        StationKind::Internet => "Internet",
        StationKind::VirtualNetwork => "Virtual network",
        StationKind::PublicIp => "Public IP",
        StationKind::LoadBalancer => "Load balancer",
        StationKind::Nsg => "Security group",
        StationKind::RouteTable => "Route table",
        StationKind::NatGateway => "NAT gateway",
        StationKind::Firewall => "Firewall",
        StationKind::Node => "Node",
        StationKind::Pod => "Pod",
        StationKind::Vm => "VM",
        StationKind::OnPremises => "On premises",
        StationKind::Dns => "DNS",
        StationKind::PrivateEndpoint => "Private endpoint",
        StationKind::AzureService => "Azure service",
    }
}

/// The class that colours an owner's things.
pub(super) fn owner_class(owner: Owner) -> &'static str {
    match owner {
        Owner::Client => "o-you",
        Owner::Azure => "o-cloud",
        Owner::Node => "o-node",
        Owner::Workload => "o-work",
    }
}

/// Who did a step and who owns that: colour is never the only sign.
pub(super) fn done_by(step: &Step) -> String {
    let component = match step.component {
        Component::Client => return "client".into(),
        Component::Dns => "DNS",
        Component::Internet => "internet",
        Component::AzureLoadBalancer => return "Azure Load Balancer".into(),
        Component::AzureNsg => "network security group",
        Component::AzureVnet => "virtual network",
        Component::AzureOutbound => "outbound translation",
        Component::Appliance => "firewall appliance",
        Component::KubeProxy => "kube-proxy",
        Component::Iptables => "iptables",
        Component::LinuxNetfilter => "Linux kernel",
        Component::KubeProxyHealth => "kube-proxy health server",
        Component::IpMasqAgent => "ip-masq-agent",
        Component::Pod => "application",
        Component::IngressNginx => "ingress-nginx",
        Component::NetworkPolicy => "network policy",
        Component::AzurePrivateLink => "Azure private link",
        Component::AzureStorage => "Azure storage",
    };
    let owner = match step.owner {
        Owner::Client => "client",
        Owner::Azure => "Azure",
        Owner::Node => "node",
        Owner::Workload => "workload",
    };
    format!("{component}, {owner}")
}

/// A branch in few words: `echo-dep…-58mz5`, with the node where branches enter by several, or how it fails.
pub(super) fn branch(outcome: &PathOutcome, with_node: bool) -> String {
    let end = match &outcome.endpoint {
        Some(endpoint) if outcome.verdict == Verdict::Delivered => self::endpoint(endpoint),
        _ => verdict_words(outcome.verdict, outcome.cause),
    };
    match &outcome.node {
        Some(node) if with_node => format!("{end} by {}", facts::short(node.as_str())),
        _ => end,
    }
}

/// The receiver's short name.
pub(super) fn endpoint(endpoint: &Endpoint) -> String {
    match (&endpoint.pod, &endpoint.node) {
        (Some(pod), _) => facts::short(&pod.name),
        (None, Some(node)) => facts::short(node.as_str()),
        (None, None) => endpoint.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn long_hashes_are_cut_and_nothing_else() {
        for (word, short) in [
            ("a3f0e8f6c1d2b4c559a0e5b8f3c7d2e1-TCP-80", Some("a3f0e8…d2e1-TCP-80")),
            (
                "k8s-azure-lb_allow_IPv4_d39272f7f57ed937951650d93992ad77.",
                Some("k8s-azure-lb_allow_IPv4_d39272…ad77."),
            ),
            ("KUBE-SEP-XYZABCDEFABCDEFAB", None),
            ("aks-agentpool-00000000-nsg", None),
            ("", None),
        ] {
            assert_eq!(cut(word).as_deref(), short, "{word}");
        }
    }
}
