//! NetworkPolicies.

use super::Check;
use ipnet::IpNet;
use model::{
    Kind, ObjectRef,
    kubernetes::{IntOrString, LabelSelector, NetworkPolicyPeer, NetworkPolicyPort, PolicyType},
};

impl Check<'_> {
    pub(super) fn network_policies(&mut self) {
        let unenforced = self.model.managed_cluster.as_ref().is_some_and(|cluster| {
            let profile = &cluster.network_profile;
            let cilium =
                profile.network_dataplane.as_deref().is_some_and(|own| own.eq_ignore_ascii_case("cilium"));
            !cilium && profile.network_policy.as_deref().is_none_or(|own| own.eq_ignore_ascii_case("none"))
        });
        for (key, policy) in &self.model.network_policies {
            let id = ObjectRef::namespaced(Kind::NetworkPolicy, key);
            if unenforced {
                self.warning(
                    &id,
                    "spec",
                    "the cluster has no network policy engine: nothing enforces this policy",
                    "set networkProfile.networkPolicy to azure, calico or cilium",
                );
            }
            // What a workload makes counts as its pods, whatever its number of replicas.
            let pods = self.model.pods.iter().map(|(pod, own)| (pod, &own.metadata.labels));
            let made = self.model.workloads();
            let made = made.map(|(_, pod, own)| (pod, &own.spec.template.metadata.labels));
            let mut all = pods.chain(made).peekable();
            let shown = all.peek().is_some();
            let mut own = all.filter(|(pod, _)| pod.namespace == key.namespace);
            let selects = own.any(|(_, labels)| policy.spec.pod_selector.matches(labels));
            if !selects && shown {
                self.warning(
                    &id,
                    "spec.podSelector",
                    format!("it selects no pod of namespace {}, so it has no effect", key.namespace),
                    self.selector_hint(&key.namespace, &policy.spec.pod_selector),
                );
            }
            let isolates = |direction| policy.spec.isolates(direction);
            if policy.spec.egress.is_some() && !isolates(PolicyType::Egress) {
                let hint = "add Egress to policyTypes";
                self.warning(
                    &id,
                    "spec.egress",
                    "Egress is not among policyTypes: these rules have no effect",
                    hint,
                );
            }
            if policy.spec.ingress.is_some() && !isolates(PolicyType::Ingress) {
                let hint = "add Ingress to policyTypes";
                self.warning(
                    &id,
                    "spec.ingress",
                    "Ingress is not among policyTypes: these rules have no effect",
                    hint,
                );
            }
            for (at, rule) in policy.spec.ingress.iter().flatten().enumerate() {
                self.peers(&id, &format!("spec.ingress[{at}].from"), &rule.peers);
                self.policy_ports(&id, &format!("spec.ingress[{at}].ports"), &rule.ports);
            }
            for (at, rule) in policy.spec.egress.iter().flatten().enumerate() {
                self.peers(&id, &format!("spec.egress[{at}].to"), &rule.peers);
                self.policy_ports(&id, &format!("spec.egress[{at}].ports"), &rule.ports);
            }
        }
    }

    /// The value that the first missing label has on pods of the namespace.
    fn selector_hint(&self, namespace: &str, selector: &LabelSelector) -> String {
        let labels = |key: &str| {
            let pods = self.model.pods.iter().map(|(pod, own)| (pod, &*own.metadata));
            let made = self.model.workloads().map(|(_, pod, own)| (pod, &own.spec.template.metadata));
            let own = pods.chain(made).filter(|(pod, _)| &*pod.namespace == namespace);
            let mut values: Vec<&str> = own.filter_map(|(_, own)| own.label(key)).collect();
            order::sort(&mut values);
            values.dedup();
            values.into_iter().take(5).collect::<Vec<_>>().join(", ")
        };
        match selector.match_labels.iter().next() {
            Some((key, value)) => match labels(key).as_str() {
                "" => format!("no pod there has the label {key}"),
                known => format!("no pod there has {key}: {value}; {key} is {known}"),
            },
            None => "check the selector against `kubectl get pods --show-labels`".to_owned(),
        }
    }

    fn peers(&mut self, id: &ObjectRef, path: &str, peers: &[NetworkPolicyPeer]) {
        for (at, peer) in peers.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let selects = peer.pod_selector.is_some() || peer.namespace_selector.is_some();
            match &peer.ip_block {
                Some(_) if selects => {
                    let what = "ipBlock stands beside a selector, which the API server refuses";
                    self.error(id, &path, what, "make two entries of it: each begins with a dash");
                }
                None if !selects => {
                    let what = "a peer needs podSelector, namespaceSelector or ipBlock";
                    self.error(id, &path, what, "leave the list out to mean everyone");
                }
                Some(block) => {
                    let whole = self.range(id, &format!("{path}.ipBlock.cidr"), &block.cidr);
                    for (number, text) in block.except.iter().enumerate() {
                        let path = format!("{path}.ipBlock.except[{number}]");
                        let except: Option<IpNet> = self.range(id, &path, text);
                        if let (Some(whole), Some(except)) = (whole, except)
                            && (!whole.contains(&except) || whole == except)
                        {
                            let what = format!("the exception {except} does not lie strictly inside {whole}");
                            self.error(id, &path, what, "the API server refuses it; remove or narrow it");
                        }
                    }
                }
                None => {}
            }
        }
    }

    fn policy_ports(&mut self, id: &ObjectRef, path: &str, ports: &[NetworkPolicyPort]) {
        for (at, port) in ports.iter().enumerate() {
            let path = format!("{path}[{at}]");
            match (&port.port, port.end_port) {
                (Some(IntOrString::Int(first)), Some(last)) if last < *first => {
                    let what = format!("endPort {last} is below port {first}");
                    self.error(id, &format!("{path}.endPort"), what, "swap the two");
                }
                (None | Some(IntOrString::String(_)), Some(_)) => {
                    let what = "endPort needs a port that is a number";
                    self.error(
                        id,
                        &format!("{path}.endPort"),
                        what,
                        "write `port:` with the first number of the range",
                    );
                }
                _ => {}
            }
        }
    }
}
