//! The cluster, its networks and load balancers; kube-proxy's configuration.

use super::Check;
use crate::near::nearest;
use ipnet::IpNet;
use model::{
    Kind, ObjectRef,
    azure::{LoadBalancer, ManagedCluster, RuleProtocol, VirtualNetwork},
    kubernetes::KubeProxyConfiguration,
};
use std::collections::BTreeSet;

impl Check<'_> {
    pub(super) fn azure(&mut self) {
        if let Some(cluster) = &self.model.managed_cluster {
            self.cluster(&ObjectRef::cluster_scoped(Kind::ManagedCluster, &cluster.name), cluster);
        }
        for network in self.model.virtual_networks.values() {
            self.network(&ObjectRef::cluster_scoped(Kind::VirtualNetwork, &network.name), network);
        }
        for balancer in self.model.load_balancers.values() {
            self.load_balancer(&ObjectRef::cluster_scoped(Kind::LoadBalancer, &balancer.name), balancer);
        }
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

    fn network(&mut self, id: &ObjectRef, network: &VirtualNetwork) {
        let mut ranges: Vec<IpNet> = Vec::new();
        for (at, text) in network.address_space.address_prefixes.iter().enumerate() {
            ranges.extend(self.range(id, &format!("addressSpace.addressPrefixes[{at}]"), text));
        }
        for (at, subnet) in network.subnets.iter().enumerate() {
            let listed = subnet
                .address_prefixes
                .iter()
                .enumerate()
                .map(|(number, text)| (format!("subnets[{at}].addressPrefixes[{number}]"), text));
            let single =
                subnet.address_prefix.iter().map(|text| (format!("subnets[{at}].addressPrefix"), text));
            for (path, text) in listed.chain(single) {
                let Some(range) = self.range(id, &path, text) else { continue };
                if !ranges.is_empty() && !ranges.iter().any(|outer| outer.contains(&range)) {
                    self.error(
                        id,
                        &path,
                        format!("the subnet {range} is outside of the network's addressSpace"),
                        "widen addressSpace.addressPrefixes, or move the subnet",
                    );
                }
            }
        }
    }

    fn load_balancer(&mut self, id: &ObjectRef, balancer: &LoadBalancer) {
        for (at, rule) in balancer.load_balancing_rules.iter().enumerate() {
            // Port 0 means every port, and goes with protocol All only (HA ports).
            if rule.protocol != RuleProtocol::All && (rule.frontend_port == 0 || rule.backend_port == 0) {
                self.error(
                    id,
                    &format!("loadBalancingRules[{at}]"),
                    format!("the rule {} needs frontendPort and backendPort from 1 to 65535", rule.name),
                    "port 0 is for protocol All only",
                );
            }
        }
        for (at, probe) in balancer.probes.iter().enumerate() {
            if probe.port == 0 {
                let what = format!("the probe {} needs a port from 1 to 65535", probe.name);
                self.error(id, &format!("probes[{at}]"), what, "write the port that is probed");
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
