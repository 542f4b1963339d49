//! What an answer takes for granted.

use crate::{
    Action, Assumption, AssumptionCode, Component, PathOutcome, StationKind, Step, World,
    receive::declares_nothing, resolve::Resolved,
};
use model::kubernetes::ProxyMode;
use std::net::IpAddr;

impl World {
    pub(crate) fn assumptions(&self, resolved: &Resolved, outcomes: &[PathOutcome]) -> Vec<Assumption> {
        let mut codes = Codes::default();
        let any_special = self.has_windows() || !self.given.is_empty() || !self.unready().is_empty();
        for outcome in outcomes {
            outcome.steps.iter().for_each(|step| self.assumed_on_the_way(step, &mut codes));
            let replies = outcome.reply.iter().flat_map(|reply| &reply.steps);
            for step in outcome.steps.iter().chain(replies) {
                self.assumed_both_ways(step, &mut codes);
                if any_special && step.station.kind == StationKind::Node {
                    self.assumed_of_node(&step.station.name, &mut codes);
                }
            }
            if let Some(endpoint) = &outcome.endpoint {
                let pod = endpoint.pod.as_ref().and_then(|key| self.pod(key));
                // Of a branch without steps this is known all the same.
                let node = pod.as_ref().map(|pod| pod.spec.node_name.as_str());
                if node.is_some_and(|node| self.runs_windows(node)) {
                    codes.insert(AssumptionCode::WindowsNode);
                }
                if pod.is_some_and(|pod| declares_nothing(&pod)) {
                    codes.insert(AssumptionCode::PodListensOnTargetPort);
                }
                if endpoint.host.is_some()
                    && let Some(code) = self.assumed_of(endpoint.ip)
                {
                    codes.insert(code);
                }
            }
        }
        if let Some(code) = self.assumed_of(resolved.source) {
            codes.insert(code);
        }
        if self.allocated {
            codes.insert(AssumptionCode::AllocatedValues);
        }
        if self.input.managed_cluster.is_none() {
            codes.insert(AssumptionCode::DefaultCluster);
        }
        codes.assumptions()
    }

    /// What a step of the way there takes for granted.
    fn assumed_on_the_way(&self, step: &Step, codes: &mut Codes) {
        if step.action == Action::SelectBackend {
            codes.insert(AssumptionCode::IdealLbHash);
            codes.insert(AssumptionCode::ProbesSettled);
        }
        if step.action == Action::SocketLookup && step.station.kind == StationKind::Pod {
            codes.insert(AssumptionCode::PodListensOnTargetPort);
        }
        match step.component {
            Component::KubeProxy => {
                if step.action == Action::SkipNat {
                    codes.insert(AssumptionCode::NodeWithoutKubeProxy);
                }
                if step.probability.is_some() {
                    codes.insert(match self.model.proxy_mode() {
                        ProxyMode::Iptables | ProxyMode::Nftables => AssumptionCode::UniformStatistic,
                        ProxyMode::Ipvs => AssumptionCode::IpvsScheduler,
                    });
                }
                if self.is_cilium() {
                    codes.insert(AssumptionCode::CiliumServices);
                }
            }
            Component::NetworkPolicy if self.input.managed_cluster.is_none() => {
                codes.insert(AssumptionCode::PoliciesEnforced);
            }
            Component::AzureStorage => {
                codes.insert(AssumptionCode::ServiceAddress);
            }
            _ => {}
        }
    }

    /// What a step of either way takes for granted.
    fn assumed_both_ways(&self, step: &Step, codes: &mut Codes) {
        if step.component == Component::Appliance {
            codes.insert(AssumptionCode::ApplianceForwards);
        }
        if step.action == Action::EvaluateNsg {
            let group = self.cloud.security_groups().get(&*step.station.name);
            if group.is_some_and(|group| group.has_unknown_tags) {
                codes.insert(AssumptionCode::UnknownServiceTag);
            }
        }
    }

    /// What is taken for granted of a node on the way.
    fn assumed_of_node(&self, name: &str, codes: &mut Codes) {
        if self.runs_windows(name) {
            codes.insert(AssumptionCode::WindowsNode);
        }
        if self.unready().contains(name) {
            codes.insert(AssumptionCode::NodeNotReady);
        }
        if self.given.contains_key(name) {
            codes.insert(AssumptionCode::GivenRules);
        }
    }

    /// What is taken for granted of an end that nothing in the input owns.
    fn assumed_of(&self, ip: IpAddr) -> Option<AssumptionCode> {
        if self.topology.owner(ip).is_some() {
            None
        } else if self.topology.in_vnet(ip) {
            Some(AssumptionCode::UnownedAddressIsVm)
        } else {
            // A host on premises, the platform, a range of the cluster, or the sender's own loopback.
            let is_known = self.is_inside(ip) || ip.is_loopback();
            (!is_known).then_some(AssumptionCode::UnknownAddressIsInternet)
        }
    }
}

/// A set of codes. Every trace collects one.
#[derive(Default)]
struct Codes(u32);

impl Codes {
    fn insert(&mut self, code: AssumptionCode) {
        self.0 |= 1 << code as u32;
    }

    /// In the order of the codes.
    fn assumptions(&self) -> Vec<Assumption> {
        let held = AssumptionCode::ALL.iter().filter(|code| self.0 & (1 << **code as u32) != 0);
        held.map(|code| Assumption::from(*code)).collect()
    }
}

impl From<AssumptionCode> for Assumption {
    fn from(code: AssumptionCode) -> Self {
        Self { code, text: code.sentence().into() }
    }
}

impl AssumptionCode {
    /// The assumption in one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::IdealLbHash => {
                "Azure does not publish its load balancer's hash: an ideal one is assumed, which spreads connections evenly over the healthy members."
            }
            Self::UniformStatistic => {
                "kube-proxy's random choice among endpoints is taken as exactly uniform."
            }
            Self::PodListensOnTargetPort => {
                "Pods are assumed to listen on the ports that their containers declare, and on no others; one that declares none listens wherever it is called."
            }
            Self::UnownedAddressIsVm => {
                "An address of the virtual network that no object owns is taken as a VM with default settings."
            }
            Self::UnknownAddressIsInternet => {
                "An address outside of every known range is taken as a host on the internet."
            }
            Self::AllocatedValues => {
                "Values that the input leaves open (addresses, node ports, endpoints) were allocated as the controllers would."
            }
            Self::DefaultCluster => {
                "No ManagedCluster document: Azure CNI Overlay, Standard load balancer, outbound by load balancer."
            }
            Self::ApplianceForwards => {
                "What an appliance behind a user route lets pass is not in the input: it is taken as a stateful one that lets everything pass, translates what goes to the internet, and discards answers to requests that it did not see."
            }
            Self::UnknownServiceTag => {
                "A security rule names a service tag whose addresses only Azure knows: it is taken not to cover the packet."
            }
            Self::ClusterDnsAnswers => {
                "The input has no Service kube-system/kube-dns: the cluster DNS is taken to be there, and to be reachable."
            }
            Self::OnPremisesDns => {
                "DNS on premises is taken to ask the internet's DNS only: no DnsResolver of the input forwards private zones to it."
            }
            Self::OwnDnsServer => {
                "A DNS server of one's own is taken to ask the internet's DNS only, and not 168.63.129.16: no inbound endpoint of a DnsResolver has its address."
            }
            Self::IngressHostInDns => {
                "The host of an Ingress is taken to have a DNS record that leads to its controller."
            }
            Self::PublicName => {
                "A name of the internet that the input does not show is taken to exist: 192.0.2.1 or 2001:db8::1 stands for its address."
            }
            Self::ServiceAddress => {
                "Azure does not show the public address of a storage account: one of 20.60.0.0/16 stands for it."
            }
            Self::CiliumServices => {
                "Cilium takes kube-proxy's place: Services behave as kube-proxy's rules say, masquerade aside, but the rules shown are not on the node."
            }
            Self::NodeWithoutKubeProxy => {
                "A node on which the DaemonSet kube-system/kube-proxy has no pod is taken as one that was started without it: a kube-proxy that stops leaves its rules behind, and they go on working until they are out of date."
            }
            Self::WindowsNode => {
                "A node with Windows has no iptables: kube-proxy programs its Host Networking Service. It is taken to do with packets what a node with Linux does, but the rules shown are not on it."
            }
            Self::PoliciesEnforced => {
                "No ManagedCluster document says who enforces NetworkPolicies: they are taken as enforced, by Azure's engine."
            }
            Self::ProbesSettled => "Health probes have had time to see the cluster as it is.",
            Self::NodeNotReady => {
                "A node that is not Ready is taken to run: that its kubelet does not report says nothing of its kernel."
            }
            Self::IpvsScheduler => {
                "IPVS picks by its scheduler, which looks at the connections before: the shares are those of many connections, equal among real servers."
            }
            Self::GivenRules => {
                "The rules of a node on the way are the given ones; its interfaces are named eth0 towards the network and azv… towards each pod (kubenet: cbr0; with Calico: cali…)."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_stands_at_its_own_place() {
        for (at, code) in AssumptionCode::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at, "{code:?}");
        }
        assert_eq!(AssumptionCode::ALL.last(), Some(&AssumptionCode::UnknownServiceTag));
    }
}
