//! Where pods have their addresses from.

use super::{AgentPool, ManagedCluster};
use crate::ArmId;

/// Where pods have their addresses from (AKS, "Plan IP addressing for your cluster").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PodAddresses<'a> {
    /// A range of their node, out of the cluster's range of pods: Azure CNI Overlay, kubenet.
    OwnRange,
    /// The subnet of their node: Azure CNI node subnet.
    NodeSubnet,
    /// A subnet of pods: Azure CNI pod subnet.
    Subnet(&'a ArmId),
}

impl ManagedCluster {
    /// Where pods on the nodes of a pool have their addresses from; without a pool, on nodes of none.
    pub fn pod_addresses<'a>(&self, pool: Option<&'a AgentPool>) -> PodAddresses<'a> {
        let profile = &self.network_profile;
        let is = |text: &Option<String>, word: &str| {
            text.as_deref().is_some_and(|text| text.eq_ignore_ascii_case(word))
        };
        let in_network = is(&profile.network_plugin, "azure")
            && !is(&profile.network_plugin_mode, "overlay")
            && profile.pod_cidr.is_none();
        match pool.and_then(|pool| pool.pod_subnet_id.as_ref()) {
            _ if !in_network => PodAddresses::OwnRange,
            Some(subnet) => PodAddresses::Subnet(subnet),
            None => PodAddresses::NodeSubnet,
        }
    }
}
