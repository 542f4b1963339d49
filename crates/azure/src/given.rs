//! Load balancers that the input has: used as they are.

use crate::{
    balancer::{AdminState, Balancer, Frontend, Member, Origin, Rule},
    membership, names,
    program::{PoolMembers, PoolSpec},
};
use model::{
    ArmId, Key, Model, NodeName,
    azure::{BackendAddressPool, FrontendIpConfiguration, LoadBalancer},
    kubernetes::Service,
};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

/// What a document's ids and addresses point to.
#[derive(Debug)]
pub(crate) struct Resolver<'a> {
    model: &'a Model,
    nics: BTreeMap<(String, String), NodeName>,
    /// Addresses of the configurations of NICs that the input shows.
    configurations: BTreeMap<ArmId, IpAddr>,
    addresses: BTreeMap<IpAddr, NodeName>,
    prefixes: BTreeMap<String, (Key, &'a Arc<Service>)>,
    public_ips: BTreeMap<ArmId, IpAddr>,
}

impl<'a> Resolver<'a> {
    pub(crate) fn new(model: &'a Model) -> Self {
        let nodes = model.nodes.values();
        let places = nodes.clone();
        let nics =
            order::map(places.filter_map(|node| Some((membership::physical_place(node)?, node.name()))));
        let addresses = order::map(nodes.flat_map(|node| node.internal_ips().map(|ip| (ip, node.name()))));
        let known = model.services.iter().filter(|(_, service)| !service.metadata.uid.is_empty());
        let prefixes =
            order::map(known.map(|(key, service)| (names::service_prefix(service), (key.clone(), service))));
        let public_ips = order::map(model.public_ip_addresses.values().filter_map(|document| {
            Some((document.id.clone()?, document.ip_address.as_deref()?.parse().ok()?))
        }));
        let shown = model.network_interfaces.values().flat_map(|nic| &nic.ip_configurations);
        let configurations =
            order::map(shown.filter_map(|shown| Some((shown.id.clone()?, shown.address()?))));
        Self { model, nics, configurations, addresses, prefixes, public_ips }
    }

    /// The Service whose prefix starts a name.
    pub(crate) fn service_of(&self, name: &str) -> Option<(&Key, &'a Arc<Service>)> {
        let prefix = name.get(..32.min(name.len()))?.to_ascii_lowercase();
        self.prefixes.get(&prefix).map(|(key, service)| (key, *service))
    }

    /// A frontend's address: its own, its public address's, or the one that its Service reports.
    pub(crate) fn address(&self, frontend: &FrontendIpConfiguration) -> Option<IpAddr> {
        if let Some(private) = &frontend.private_ip_address {
            return private.parse().ok();
        }
        if let Some(public) = &frontend.public_ip_address {
            let by_name = || {
                let document = self.model.public_ip_addresses.get(public.id.name())?;
                document.ip_address.as_deref()?.parse().ok()
            };
            let known = self.public_ips.get(&public.id).copied().or_else(by_name);
            if known.is_some() {
                return known;
            }
        }
        let (_, service) = self.service_of(&frontend.name)?;
        let v6 = frontend.name.to_ascii_lowercase().ends_with("-ipv6");
        let ingress = &service.status.load_balancer.ingress;
        let mut reported = ingress.iter().filter_map(|entry| entry.ip.parse::<IpAddr>().ok());
        let dual = names::families(service).len() > 1;
        reported.find(|ip| !dual || ip.is_ipv6() == v6)
    }

    /// The node behind a NIC configuration.
    fn node_of_nic(&self, id: &ArmId) -> Option<&NodeName> {
        let place = if let (Some(set), Some(instance)) =
            (id.segment("virtualMachineScaleSets"), id.segment("virtualMachines"))
        {
            (set.to_ascii_lowercase(), instance.to_owned())
        } else {
            // `aks-<pool>-<number>-nic-<index>` belongs to `aks-<pool>-<number>-<index>`.
            let nic = id.segment("networkInterfaces")?;
            let plain = nic.strip_suffix("-nic").unwrap_or(nic);
            let node = plain.replace("-nic-", "-");
            return self.model.nodes.get_key_value(node.as_str()).map(|(name, _)| name);
        };
        // A node whose name tells no instance is its own instance.
        let by_name = || self.model.nodes.get_key_value(place.1.as_str()).map(|(name, _)| name);
        self.nics.get(&place).or_else(by_name)
    }

    fn member(&self, id: Option<&ArmId>, address: Option<IpAddr>, v6: bool, admin: AdminState) -> Member {
        let address = address.or_else(|| self.configurations.get(id?).copied());
        let node =
            id.and_then(|id| self.node_of_nic(id)).or_else(|| address.and_then(|ip| self.addresses.get(&ip)));
        let of_node = || {
            let node = self.model.nodes.get(node?)?;
            node.internal_ips().find(|ip| ip.is_ipv6() == v6)
        };
        Member {
            node: node.cloned(),
            address: address.or_else(of_node),
            ip_configuration: id.cloned(),
            admin_state: admin,
        }
    }

    fn members(&self, pool: &BackendAddressPool, v6: bool) -> Vec<Arc<Member>> {
        let mut members: Vec<Member> = Vec::new();
        for entry in &pool.load_balancer_backend_addresses {
            let id = entry.network_interface_ip_configuration.as_ref().map(|reference| &reference.id);
            let address = entry.ip_address.as_deref().and_then(|ip| ip.parse().ok());
            members.push(self.member(id, address, v6, AdminState::parse(entry.admin_state.as_deref())));
        }
        for reference in &pool.backend_ip_configurations {
            let known = members.iter().any(|member| member.ip_configuration.as_ref() == Some(&reference.id));
            if !known {
                members.push(self.member(Some(&reference.id), None, v6, AdminState::None));
            }
        }
        members.into_iter().map(Arc::new).collect()
    }

    /// A given load balancer with the members of its pools. Frontends without a known address are listed.
    pub(crate) fn balancer(&self, document: &Arc<LoadBalancer>) -> (Balancer, Vec<PoolSpec>) {
        let by_id = |id: &ArmId| {
            let probe = document
                .probes
                .iter()
                .find(|probe| probe.id.as_ref() == Some(id) || probe.name.eq_ignore_ascii_case(id.name()));
            probe.cloned().map(Arc::new)
        };
        let rules: Vec<(String, Arc<Rule>)> = document
            .load_balancing_rules
            .iter()
            .map(|rule| {
                let pool = rule
                    .backend_address_pool
                    .as_ref()
                    .or_else(|| rule.backend_address_pools.first())
                    .map_or("", |reference| reference.id.name());
                let frontend =
                    rule.frontend_ip_configuration.as_ref().map_or("", |reference| reference.id.name());
                let decided = Rule {
                    probe: rule.probe.as_ref().and_then(|reference| by_id(&reference.id)),
                    pool: pool.into(),
                    service: self.service_of(&rule.name).map(|(key, _)| key.clone()),
                    rule: rule.clone(),
                };
                (frontend.to_ascii_lowercase(), Arc::new(decided))
            })
            .collect();
        let frontends = document.frontend_ip_configurations.iter().map(|configuration| {
            let name = configuration.name.to_ascii_lowercase();
            let own = rules.iter().filter(|(frontend, _)| *frontend == name);
            Arc::new(Frontend {
                address: self.address(configuration),
                rules: own.map(|(_, rule)| Arc::clone(rule)).collect(),
                configuration: configuration.clone(),
            })
        });
        let pools = document.backend_address_pools.iter().map(|pool| {
            let v6 = pool.name.to_ascii_lowercase().ends_with("-ipv6");
            PoolSpec {
                name: pool.name.as_str().into(),
                v6,
                members: PoolMembers::Given(self.members(pool, v6)),
            }
        });
        let balancer = Balancer {
            name: document.name.as_str().into(),
            sku: document.sku.name,
            origin: Origin::Given(Arc::clone(document)),
            frontends: frontends.collect(),
            probes: document.probes.iter().cloned().map(Arc::new).collect(),
            outbound_rules: document.outbound_rules.clone(),
        };
        (balancer, pools.collect())
    }
}
