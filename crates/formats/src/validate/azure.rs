//! The cluster, its networks and load balancers; kube-proxy's configuration.

use super::Check;
use crate::near::nearest;
use model::{Kind, ObjectRef, azure::ManagedCluster, kubernetes::KubeProxyConfiguration};
use std::collections::BTreeSet;

impl Check<'_> {
    pub(super) fn azure(&mut self) {
        if let Some(cluster) = &self.model.managed_cluster {
            self.cluster(&ObjectRef::cluster_scoped(Kind::ManagedCluster, &cluster.name), cluster);
        }
        self.networks();
        self.load_balancers();
        self.references();
        if let Some(config) = &self.model.kube_proxy {
            self.kube_proxy(&ObjectRef::cluster_scoped(Kind::KubeProxyConfiguration, "kube-proxy"), config);
        }
    }

    /// A word of a closed list, letters compared without case.
    pub(super) fn word(&mut self, id: &ObjectRef, path: &str, word: Option<&str>, known: &[&str]) {
        let Some(word) = word else { return };
        if known.iter().any(|known| known.eq_ignore_ascii_case(word)) {
            return;
        }
        let list = known.join(", ");
        let hint = match nearest(word, known.iter().copied()) {
            Some(near) => format!("did you mean {near}? Known are: {list}"),
            None => format!("known are: {list}"),
        };
        self.error(id, path, format!("{path}: {word:?} is not a known value"), hint);
    }

    fn cluster(&mut self, id: &ObjectRef, cluster: &ManagedCluster) {
        let network = &cluster.network_profile;
        for (field, word, known) in [
            ("networkPlugin", &network.network_plugin, &["azure", "kubenet", "none"][..]),
            ("networkPluginMode", &network.network_plugin_mode, &["overlay"]),
            ("networkDataplane", &network.network_dataplane, &["azure", "cilium"]),
            ("networkPolicy", &network.network_policy, &["azure", "calico", "cilium", "none"]),
            ("loadBalancerSku", &network.load_balancer_sku, &["standard", "basic"]),
            (
                "outboundType",
                &network.outbound_type,
                &[
                    "loadBalancer",
                    "managedNATGateway",
                    "userAssignedNATGateway",
                    "userDefinedRouting",
                    "none",
                    "block",
                ],
            ),
        ] {
            self.word(id, &format!("networkProfile.{field}"), word.as_deref(), known);
        }
        if let Some(config) = &network.kube_proxy_config {
            let path = "networkProfile.kubeProxyConfig";
            let modes = ["IPTABLES", "IPVS", "NFTABLES"];
            self.word(id, &format!("{path}.mode"), config.mode.as_deref(), &modes);
            let scheduler = config.ipvs_config.as_ref().and_then(|config| config.scheduler.as_deref());
            let schedulers = ["RoundRobin", "LeastConnection"];
            self.word(id, &format!("{path}.ipvsConfig.scheduler"), scheduler, &schedulers);
        }
        for (field, range) in [("podCidr", &network.pod_cidr), ("serviceCidr", &network.service_cidr)] {
            if let Some(range) = range {
                self.range(id, &format!("networkProfile.{field}"), range);
            }
        }
        self.ranges(id, "networkProfile.podCidrs", &network.pod_cidrs);
        self.ranges(id, "networkProfile.serviceCidrs", &network.service_cidrs);
        if let Some(address) = &network.dns_service_ip {
            self.address(id, "networkProfile.dnsServiceIP", address);
        }
        self.several(id, cluster);
        let mut names = BTreeSet::new();
        for (at, pool) in cluster.agent_pool_profiles.iter().enumerate() {
            let path = format!("agentPoolProfiles[{at}].name");
            if pool.name.as_str().is_empty() {
                self.error(id, &path, "a node pool has no name", "add `name:`");
            } else if !names.insert(&pool.name) {
                let what = format!("two node pools are named {}", pool.name);
                self.error(id, &path, what, "give each pool a name of its own");
            }
        }
    }

    /// Several load balancers of one cluster.
    fn several(&mut self, id: &ObjectRef, cluster: &ManagedCluster) {
        let balancers = &cluster.load_balancers;
        if balancers.is_empty() {
            return;
        }
        if !balancers.iter().any(|own| own.name.eq_ignore_ascii_case("kubernetes")) {
            let hint = "name one of them kubernetes; it carries the outbound traffic";
            self.error(id, "loadBalancers", "none of the load balancers is called kubernetes", hint);
        }
        let network = &cluster.network_profile;
        let profile = network.load_balancer_profile.as_ref();
        let is = |text: Option<&String>, word: &str| text.is_some_and(|text| text.eq_ignore_ascii_case(word));
        let by_address = is(profile.and_then(|profile| profile.backend_pool_type.as_ref()), "nodeIP");
        if !by_address || is(network.load_balancer_sku.as_ref(), "basic") {
            self.warning(
                id,
                "loadBalancers",
                "several load balancers need loadBalancerSku standard and backendPoolType nodeIP; there is one",
                "set networkProfile.loadBalancerProfile.backendPoolType to nodeIP",
            );
        }
        for (at, own) in balancers.iter().enumerate() {
            let pools = || cluster.agent_pool_profiles.iter().map(|pool| pool.name.as_str());
            let Some(pool) = own.primary_agent_pool_name.as_deref() else { continue };
            if !pools().any(|known| known == pool) {
                let path = format!("loadBalancers[{at}].primaryAgentPoolName");
                let hint = match nearest(pool, pools()) {
                    Some(near) => format!("did you mean {near}?"),
                    None => format!("the pools are {}", pools().collect::<Vec<_>>().join(", ")),
                };
                self.error(id, &path, format!("the cluster has no node pool {pool}"), hint);
            }
        }
    }

    fn kube_proxy(&mut self, id: &ObjectRef, config: &KubeProxyConfiguration) {
        let mode = Some(config.mode.as_str()).filter(|mode| !mode.is_empty());
        self.word(id, "mode", mode, &["iptables", "ipvs", "nftables"]);
        for range in config.cluster_cidr.split(',').filter(|range| !range.is_empty()) {
            self.range(id, "clusterCIDR", range);
        }
        for (at, range) in config.node_port_addresses.iter().enumerate() {
            if range != "primary" {
                self.range(id, &format!("nodePortAddresses[{at}]"), range);
            }
        }
        if config.iptables.masquerade_bit.is_some_and(|bit| bit > 31) {
            self.error(
                id,
                "iptables.masqueradeBit",
                "masqueradeBit must be from 0 to 31",
                "leave it out for 14",
            );
        }
    }
}
