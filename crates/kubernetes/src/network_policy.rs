//! What NetworkPolicies say of a connection, as the engines that AKS offers evaluate them.
//!
//! Policies add up: a pod that at least one policy isolates in a direction gets what any of those lets in
//! (or out), and nothing else. A connection that was let in brings its answers home by itself.

use ipnet::IpNet;
use model::{
    Key, Model,
    kubernetes::{
        IntOrString, LabelSelector, Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, Pod,
        PolicyType, Protocol,
    },
};
use std::{collections::BTreeMap, net::IpAddr};

/// Who enforces policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PolicyEngine {
    /// Azure Network Policy Manager: iptables and ipsets in the FORWARD path of the node.
    AzureNpm,
    /// Calico: like it, in the FORWARD path of the node.
    Calico,
    /// Cilium: by identity. An ipBlock never means a pod or a node of the cluster.
    Cilium,
}

impl PolicyEngine {
    /// The engine of a cluster; `None` where nothing enforces policies. Without a ManagedCluster document
    /// the policies of the input are taken as enforced.
    pub fn of(model: &Model) -> Option<Self> {
        let Some(cluster) = &model.managed_cluster else { return Some(Self::AzureNpm) };
        let profile = &cluster.network_profile;
        let dataplane = profile.network_dataplane.as_deref();
        match profile.network_policy.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("azure") => Some(Self::AzureNpm),
            Some("calico") => Some(Self::Calico),
            Some("cilium") => Some(Self::Cilium),
            _ if dataplane.is_some_and(|own| own.eq_ignore_ascii_case("cilium")) => Some(Self::Cilium),
            _ => None,
        }
    }

    /// The engine's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::AzureNpm => "Azure NPM",
            Self::Calico => "Calico",
            Self::Cilium => "Cilium",
        }
    }
}

/// The other end of a connection, as the engine sees it.
#[derive(Debug, Clone, Copy)]
pub enum Peer<'a> {
    /// A pod, by its address.
    Pod(&'a Pod, IpAddr),
    /// A node's address: a process there, or a client whose address was replaced by the node's.
    Node(IpAddr),
    /// Anything else.
    Other(IpAddr),
}

impl Peer<'_> {
    fn address(&self) -> IpAddr {
        match self {
            Self::Pod(_, ip) | Self::Node(ip) | Self::Other(ip) => *ip,
        }
    }
}

/// A new connection of a pod.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Seen from the pod.
    pub direction: PolicyType,
    /// The pod.
    pub pod: &'a Pod,
    /// Who is at the other end.
    pub peer: Peer<'a>,
    /// The protocol.
    pub protocol: Protocol,
    /// The receiver's port.
    pub port: u16,
}

/// A rule that was asked and did not let the connection pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyMiss {
    /// The policy.
    pub policy: Key,
    /// The rule within it: `ingress[0]`, or `podSelector` where the policy has none.
    pub rule: String,
    /// What did not hold.
    pub failed: String,
}

/// What the policies say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyDecision {
    /// Whether the connection may pass.
    pub allowed: bool,
    /// The policy and rule that let it pass; where none does, the first policy that isolates the pod.
    pub policy: Key,
    /// The rule: `ingress[0]`; empty where none lets it pass.
    pub rule: String,
    /// Rules that did not let it pass, those that came nearest first.
    pub misses: Vec<PolicyMiss>,
}

/// Asks every policy; `None` where no policy isolates the pod in this direction.
pub fn decide(model: &Model, engine: PolicyEngine, question: &Question<'_>) -> Option<PolicyDecision> {
    let namespace = question.pod.metadata.key().namespace;
    let isolating = model.network_policies.iter().filter(|(key, policy)| {
        key.namespace == namespace
            && policy.spec.isolates(question.direction)
            && policy.spec.pod_selector.matches(&question.pod.metadata.labels)
    });
    let mut first = None;
    let mut misses: Vec<(u8, PolicyMiss)> = Vec::new();
    for (key, policy) in isolating {
        first.get_or_insert(key);
        let rules = rules(policy, question.direction);
        if rules.is_empty() {
            let failed = "it has no rules, so it lets nothing pass".to_owned();
            misses.push((2, PolicyMiss { policy: key.clone(), rule: "spec".into(), failed }));
        }
        for (at, (peers, ports)) in rules.into_iter().enumerate() {
            let rule = match question.direction {
                PolicyType::Ingress => format!("ingress[{at}]"),
                PolicyType::Egress => format!("egress[{at}]"),
            };
            match rule_fails(model, engine, question, key, peers, ports) {
                None => {
                    let misses = Vec::new();
                    return Some(PolicyDecision { allowed: true, policy: key.clone(), rule, misses });
                }
                Some((distance, failed)) => {
                    misses.push((distance, PolicyMiss { policy: key.clone(), rule, failed }));
                }
            }
        }
    }
    order::sort_by_key(&mut misses, |(distance, _)| *distance);
    let misses = misses.into_iter().map(|(_, miss)| miss).collect();
    first.map(|policy| PolicyDecision { allowed: false, policy: policy.clone(), rule: String::new(), misses })
}

type Rule<'a> = (&'a [NetworkPolicyPeer], &'a [NetworkPolicyPort]);

fn rules(policy: &NetworkPolicy, direction: PolicyType) -> Vec<Rule<'_>> {
    match direction {
        PolicyType::Ingress => {
            policy.spec.ingress.iter().flatten().map(|rule| (&*rule.peers, &*rule.ports)).collect()
        }
        PolicyType::Egress => {
            policy.spec.egress.iter().flatten().map(|rule| (&*rule.peers, &*rule.ports)).collect()
        }
    }
}

/// Why a rule does not let the connection pass, and how far it is from doing so.
fn rule_fails(
    model: &Model,
    engine: PolicyEngine,
    question: &Question<'_>,
    policy: &Key,
    peers: &[NetworkPolicyPeer],
    ports: &[NetworkPolicyPort],
) -> Option<(u8, String)> {
    let reasons: Vec<String> =
        peers.iter().filter_map(|peer| peer_fails(model, engine, question, policy, peer)).collect();
    let by_peer = (!peers.is_empty() && reasons.len() == peers.len()).then(|| reasons.join("; "));
    let by_port = (!ports.is_empty() && !ports.iter().any(|port| port_holds(question, port))).then(|| {
        format!("wants port {}, packet has {}/{}", ports_words(ports), question.port, question.protocol)
    });
    match (by_peer, by_port) {
        (None, None) => None,
        (Some(reason), None) | (None, Some(reason)) => Some((0, reason)),
        (Some(peer), Some(port)) => Some((1, format!("{peer}; {port}"))),
    }
}

fn peer_fails(
    model: &Model,
    engine: PolicyEngine,
    question: &Question<'_>,
    policy: &Key,
    wanted: &NetworkPolicyPeer,
) -> Option<String> {
    let address = question.peer.address();
    if let Some(block) = &wanted.ip_block {
        let inside = |text: &str| text.parse::<IpNet>().is_ok_and(|range| range.contains(&address));
        if engine == PolicyEngine::Cilium && !matches!(question.peer, Peer::Other(_)) {
            return Some(format!(
                "Cilium never takes {address}, an address of the cluster, for the range {}",
                block.cidr
            ));
        }
        if !inside(&block.cidr) {
            return Some(format!("{address} is not in {}", block.cidr));
        }
        return block
            .except
            .iter()
            .find(|range| inside(range))
            .map(|range| format!("{address} is in {range}, which is excepted"));
    }
    let Peer::Pod(pod, _) = question.peer else {
        return Some(format!("wants pods ({}), and {address} is no pod's address", selector_words(wanted)));
    };
    let key = pod.metadata.key();
    let namespace_fits = match &wanted.namespace_selector {
        Some(selector) => selector.matches(&namespace_labels(model, &key.namespace)),
        None => key.namespace == policy.namespace,
    };
    if !namespace_fits {
        return Some(match &wanted.namespace_selector {
            Some(selector) => format!("namespace {} lacks {}", key.namespace, labels_words(selector)),
            None => format!("wants pods of namespace {}, {key} is not there", policy.namespace),
        });
    }
    let selector = wanted.pod_selector.as_ref()?;
    (!selector.matches(&pod.metadata.labels))
        .then(|| format!("pod {key} does not have {}", labels_words(selector)))
}

/// The labels of a namespace. The API server gives each the label with its own name.
pub fn namespace_labels(model: &Model, name: &str) -> BTreeMap<String, String> {
    let mut labels = model.namespaces.get(name).map(|own| own.metadata.labels.clone()).unwrap_or_default();
    labels.insert(Namespace::NAME_LABEL.to_owned(), name.to_owned());
    labels
}

fn port_holds(question: &Question<'_>, wanted: &NetworkPolicyPort) -> bool {
    if wanted.protocol != question.protocol {
        return false;
    }
    match (&wanted.port, wanted.end_port) {
        (None, _) => true,
        (Some(IntOrString::Int(first)), Some(last)) => (*first..=last).contains(&question.port),
        (Some(IntOrString::Int(port)), None) => *port == question.port,
        (Some(IntOrString::String(name)), _) => {
            // A name is looked up in the pod that receives.
            let receiver = match (question.direction, question.peer) {
                (PolicyType::Ingress, _) => Some(question.pod),
                (PolicyType::Egress, Peer::Pod(pod, _)) => Some(pod),
                (PolicyType::Egress, _) => None,
            };
            let ports = receiver.into_iter().flat_map(|pod| &pod.spec.containers).flat_map(|own| &own.ports);
            let mut named = ports.filter(|port| port.name == *name && port.protocol == question.protocol);
            named.any(|port| port.container_port == question.port)
        }
    }
}

fn ports_words(ports: &[NetworkPolicyPort]) -> String {
    let words = ports.iter().map(|port| match (&port.port, port.end_port) {
        (None, _) => format!("any/{}", port.protocol),
        (Some(first), Some(last)) => format!("{first}-{last}/{}", port.protocol),
        (Some(first), None) => format!("{first}/{}", port.protocol),
    });
    words.collect::<Vec<_>>().join(" or ")
}

fn selector_words(peer: &NetworkPolicyPeer) -> String {
    let of = |selector: &Option<LabelSelector>| selector.as_ref().map(labels_words);
    match (of(&peer.pod_selector), of(&peer.namespace_selector)) {
        (Some(pods), Some(namespaces)) => format!("{pods} in namespaces {namespaces}"),
        (Some(pods), None) => pods,
        (None, Some(namespaces)) => format!("all in namespaces {namespaces}"),
        (None, None) => "none".to_owned(),
    }
}

fn labels_words(selector: &LabelSelector) -> String {
    if selector.is_empty() {
        return "any labels".to_owned();
    }
    let labels = selector.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
    let expressions = selector
        .match_expressions
        .iter()
        .map(|own| format!("{} {:?} {}", own.key, own.operator, own.values.join(",")).trim_end().to_owned());
    labels.chain(expressions).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::kubernetes::{
        Container, ContainerPort, IpBlock, NetworkPolicyEgressRule, NetworkPolicyIngressRule,
    };
    use std::sync::Arc;

    fn pod(namespace: &str, name: &str, app: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.namespace = namespace.into();
        pod.metadata.name = name.into();
        pod.metadata.labels.insert("app".into(), app.into());
        pod.spec.containers.push(Container {
            ports: vec![ContainerPort {
                name: "web".into(),
                container_port: 8080,
                ..ContainerPort::default()
            }],
            ..Container::default()
        });
        pod
    }

    fn app(name: &str) -> LabelSelector {
        LabelSelector {
            match_labels: BTreeMap::from([("app".into(), name.into())]),
            ..LabelSelector::default()
        }
    }

    fn port(port: IntOrString) -> NetworkPolicyPort {
        NetworkPolicyPort { port: Some(port), ..NetworkPolicyPort::default() }
    }

    fn ingress(peer: NetworkPolicyPeer, ports: Vec<NetworkPolicyPort>) -> Model {
        let mut policy = NetworkPolicy::default();
        policy.metadata.name = "p".into();
        policy.metadata.namespace = "shop".into();
        policy.spec.pod_selector = app("web");
        policy.spec.ingress = Some(vec![NetworkPolicyIngressRule { peers: vec![peer], ports }]);
        let mut model = Model::default();
        model.network_policies.insert(policy.metadata.key(), Arc::new(policy));
        model
    }

    #[test]
    fn who_may_come_in() {
        let by_pods = NetworkPolicyPeer { pod_selector: Some(app("front")), ..NetworkPolicyPeer::default() };
        let by_namespace = NetworkPolicyPeer {
            namespace_selector: Some(LabelSelector {
                match_labels: BTreeMap::from([(Namespace::NAME_LABEL.into(), "other".into())]),
                ..LabelSelector::default()
            }),
            ..NetworkPolicyPeer::default()
        };
        let block = |cidr: &str, except: &[&str]| NetworkPolicyPeer {
            ip_block: Some(IpBlock {
                cidr: cidr.into(),
                except: except.iter().map(|text| (*text).to_owned()).collect(),
            }),
            ..NetworkPolicyPeer::default()
        };
        let (front, stranger) = (pod("shop", "front", "front"), pod("other", "x", "front"));
        let pod_ip: IpAddr = [10, 244, 1, 9].into();
        let node: IpAddr = [10, 224, 0, 4].into();
        let client: IpAddr = [203, 0, 113, 9].into();
        let named = || vec![port(IntOrString::String("web".into()))];
        let range = || vec![NetworkPolicyPort { end_port: Some(8090), ..port(IntOrString::Int(8000)) }];
        use PolicyEngine::{AzureNpm, Cilium};
        for (at, (peer, ports, from, engine, allowed)) in [
            (by_pods.clone(), vec![], Peer::Pod(&front, pod_ip), AzureNpm, true),
            (by_pods.clone(), vec![], Peer::Pod(&stranger, pod_ip), AzureNpm, false),
            (by_pods.clone(), vec![], Peer::Node(node), AzureNpm, false),
            (by_namespace.clone(), vec![], Peer::Pod(&stranger, pod_ip), AzureNpm, true),
            (by_namespace, vec![], Peer::Pod(&front, pod_ip), Cilium, false),
            (by_pods.clone(), named(), Peer::Pod(&front, pod_ip), AzureNpm, true),
            (by_pods.clone(), range(), Peer::Pod(&front, pod_ip), AzureNpm, true),
            (by_pods, vec![port(IntOrString::Int(80))], Peer::Pod(&front, pod_ip), AzureNpm, false),
            (block("203.0.113.0/24", &[]), vec![], Peer::Other(client), Cilium, true),
            (block("203.0.113.0/24", &["203.0.113.8/29"]), vec![], Peer::Other(client), Cilium, false),
            (block("10.224.0.0/16", &[]), vec![], Peer::Node(node), AzureNpm, true),
            (block("10.224.0.0/16", &[]), vec![], Peer::Node(node), Cilium, false),
            (block("10.244.0.0/16", &[]), vec![], Peer::Pod(&front, pod_ip), Cilium, false),
        ]
        .into_iter()
        .enumerate()
        {
            let model = ingress(peer, ports);
            let web = pod("shop", "web", "web");
            let question = Question {
                direction: PolicyType::Ingress,
                pod: &web,
                peer: from,
                protocol: Protocol::Tcp,
                port: 8080,
            };
            let decision = decide(&model, engine, &question).expect("the policy isolates the pod");
            assert_eq!(decision.allowed, allowed, "row {at}: {decision:?}");
            assert_eq!(decision.misses.is_empty(), allowed, "row {at}");
            let out = Question { direction: PolicyType::Egress, ..question };
            assert_eq!(decide(&model, engine, &out), None, "row {at}: nothing is said of egress");
            assert_eq!(decide(&model, engine, &Question { pod: &front, ..question }), None, "row {at}");
        }
    }

    #[test]
    fn a_default_deny_and_names_of_ports_on_the_way_out() {
        let mut policy = NetworkPolicy::default();
        policy.metadata.name = "deny".into();
        policy.spec.policy_types = vec![PolicyType::Ingress, PolicyType::Egress];
        let mut model = Model::default();
        model.network_policies.insert(policy.metadata.key(), Arc::new(policy.clone()));
        let (front, web) = (pod("default", "front", "front"), pod("default", "web", "web"));
        let question = Question {
            direction: PolicyType::Egress,
            pod: &front,
            peer: Peer::Pod(&web, [10, 244, 1, 9].into()),
            protocol: Protocol::Tcp,
            port: 8080,
        };
        let denied = decide(&model, PolicyEngine::AzureNpm, &question).expect("it isolates every pod");
        assert!(!denied.allowed && denied.misses[0].failed.contains("lets nothing pass"), "{denied:?}");
        policy.spec.egress = Some(vec![NetworkPolicyEgressRule {
            peers: vec![],
            ports: vec![port(IntOrString::String("web".into()))],
        }]);
        model.network_policies.insert(policy.metadata.key(), Arc::new(policy));
        assert!(decide(&model, PolicyEngine::AzureNpm, &question).is_some_and(|own| own.allowed));
        let outside = Question { peer: Peer::Other([20, 0, 0, 1].into()), ..question };
        assert!(decide(&model, PolicyEngine::AzureNpm, &outside).is_some_and(|own| !own.allowed));
    }
}
