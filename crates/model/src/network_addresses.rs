//! Which private addresses are in use.

use crate::{
    ArmId, Model,
    azure::{NicIpConfiguration, PodAddresses, Subnet},
};
use std::net::IpAddr;

impl Model {
    /// The subnet of this id, names compared without case; `None` where no document shows it.
    pub fn subnet(&self, id: &ArmId) -> Option<&Subnet> {
        let name = id.segment("virtualNetworks")?;
        let network = self.virtual_networks.values().find(|own| own.name.eq_ignore_ascii_case(name))?;
        let name = id.segment("subnets")?;
        network.subnets.iter().find(|own| own.name.eq_ignore_ascii_case(name))
    }

    /// The addresses that something in the virtual network has: nodes, pods that live in subnets, NICs, private
    /// endpoints, frontends. An address may come more than once.
    pub fn network_addresses(&self) -> impl Iterator<Item = IpAddr> {
        let in_network = self
            .managed_cluster
            .as_deref()
            .is_some_and(|cluster| cluster.pod_addresses(None) != PodAddresses::OwnRange);
        let pods = self.pods.values().filter(move |_| in_network).flat_map(|pod| pod.ips());
        let nodes = self.nodes.values().flat_map(|node| node.internal_ips());
        let services = self.services.values().flat_map(|service| &service.status.load_balancer.ingress);
        let frontends = self.load_balancers.values().flat_map(|own| &own.frontend_ip_configurations);
        let texts = services
            .map(|ingress| ingress.ip.as_str())
            .chain(frontends.filter_map(|frontend| frontend.private_ip_address.as_deref()))
            .chain(self.private_endpoints.values().flat_map(|own| own.addresses()));
        let nics = self.network_interfaces.values().flat_map(|nic| &nic.ip_configurations);
        let firewalls = self.azure_firewalls.values().flat_map(|firewall| &firewall.ip_configurations);
        nodes
            .chain(pods)
            .chain(texts.filter_map(|text| text.parse().ok()))
            .chain(nics.chain(firewalls).filter_map(NicIpConfiguration::address))
    }
}
