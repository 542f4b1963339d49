//! References between Azure documents: ids that lead to the wrong kind of thing, or nowhere.

use super::Check;
use crate::near::nearest;
use model::{ArmId, Kind, ObjectRef, azure::SubResource};

/// Whether an id is written out; a short one is taken by its last part.
fn is_whole(id: &ArmId) -> bool {
    id.segment("providers").is_some()
}

impl Check<'_> {
    /// The ids of public addresses, subnets and NICs.
    pub(super) fn references(&mut self) {
        let model = self.model;
        for balancer in model.load_balancers.values() {
            let id = ObjectRef::cluster_scoped(Kind::LoadBalancer, &balancer.name);
            for (at, frontend) in balancer.frontend_ip_configurations.iter().enumerate() {
                let path = |field: &str| format!("frontendIPConfigurations[{at}].{field}");
                self.public_ip(&id, &path("publicIPAddress"), frontend.public_ip_address.as_ref());
                self.subnet(&id, &path("subnet"), frontend.subnet.as_ref());
            }
            for (at, pool) in balancer.backend_address_pools.iter().enumerate() {
                for (number, member) in pool.backend_ip_configurations.iter().enumerate() {
                    let path = format!("backendAddressPools[{at}].backendIPConfigurations[{number}]");
                    self.kind_of_id(
                        &id,
                        &path,
                        &member.id,
                        "networkInterfaces",
                        "the configuration of a NIC",
                    );
                }
            }
        }
        for nic in model.network_interfaces.values() {
            let id = ObjectRef::cluster_scoped(Kind::NetworkInterface, &nic.name);
            for (at, own) in nic.ip_configurations.iter().enumerate() {
                let path = |field: &str| format!("ipConfigurations[{at}].{field}");
                self.public_ip(&id, &path("publicIPAddress"), own.public_ip_address.as_ref());
                self.subnet(&id, &path("subnet"), own.subnet.as_ref());
            }
        }
        for firewall in model.azure_firewalls.values() {
            let id = ObjectRef::cluster_scoped(Kind::AzureFirewall, &firewall.name);
            for (at, own) in firewall.ip_configurations.iter().enumerate() {
                let path = |field: &str| format!("ipConfigurations[{at}].{field}");
                self.public_ip(&id, &path("publicIPAddress"), own.public_ip_address.as_ref());
                self.subnet(&id, &path("subnet"), own.subnet.as_ref());
            }
        }
        for gateway in model.nat_gateways.values() {
            let id = ObjectRef::cluster_scoped(Kind::NatGateway, &gateway.name);
            for (at, address) in gateway.public_ip_addresses.iter().enumerate() {
                self.public_ip(&id, &format!("publicIpAddresses[{at}]"), Some(address));
            }
        }
        if let Some(cluster) = &model.managed_cluster {
            let id = ObjectRef::cluster_scoped(Kind::ManagedCluster, &cluster.name);
            let profile = cluster.network_profile.load_balancer_profile.as_ref();
            let own = profile.and_then(|profile| profile.outbound_ips.as_ref());
            for (at, address) in own.iter().flat_map(|own| &own.public_ips).enumerate() {
                let path = format!("networkProfile.loadBalancerProfile.outboundIPs.publicIPs[{at}]");
                self.public_ip(&id, &path, Some(address));
            }
        }
    }

    /// Whether a whole id leads to the wanted kind of resource.
    fn kind_of_id(&mut self, id: &ObjectRef, path: &str, to: &ArmId, kind: &str, what: &str) -> bool {
        let fits = !is_whole(to) || to.segment(kind).is_some();
        if !fits {
            let hint = format!("such an id has …/{kind}/NAME in it");
            self.error(id, path, format!("{path}: {to} is not the id of {what}"), hint);
        }
        fits
    }

    /// A public address need not be in the input: then its frontend has the address that its Service reports. A
    /// name that is almost that of one that is there is a mistake.
    fn public_ip(&mut self, id: &ObjectRef, path: &str, reference: Option<&SubResource>) {
        let Some(to) = reference.map(|reference| &reference.id) else { return };
        if !self.kind_of_id(id, path, to, "publicIPAddresses", "a public address") {
            return;
        }
        let known = &self.model.public_ip_addresses;
        let name = to.name();
        if known.is_empty() || known.keys().any(|own| own.eq_ignore_ascii_case(name)) {
            return;
        }
        let what = format!("{path} refers to the public address {name}, which is not in the input");
        match nearest(name, known.keys().map(String::as_str)) {
            Some(near) => self.error(id, path, what, format!("did you mean {near}?")),
            None => {
                let hint = format!("add the output of `az network public-ip show -n {name} -o json`");
                self.warning(id, path, what, hint);
            }
        }
    }

    /// A subnet must be one of its network's, where the input has the network.
    fn subnet(&mut self, id: &ObjectRef, path: &str, reference: Option<&SubResource>) {
        let Some(to) = reference.map(|reference| &reference.id) else { return };
        if !self.kind_of_id(id, path, to, "subnets", "a subnet") {
            return;
        }
        let of_network = to.segment("virtualNetworks").unwrap_or_default();
        let mut networks = self.model.virtual_networks.values();
        let Some(network) = networks.find(|own| own.name.eq_ignore_ascii_case(of_network)) else { return };
        let names: Vec<&str> = network.subnets.iter().map(|own| own.name.as_str()).collect();
        if names.iter().any(|own| own.eq_ignore_ascii_case(to.name())) {
            return;
        }
        let hint = match nearest(to.name(), names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("the subnets of {} are {}", network.name, names.join(", ")),
        };
        let what = format!("{path} refers to a subnet {} that {} does not have", to.name(), network.name);
        self.error(id, path, what, hint);
    }
}
