//! What AKS and the controller keep beside the Services' own rules: the outbound rule with its pools and
//! addresses, and the security group of the nodes.

use crate::{
    access::{self, Writer},
    allocate::{managed_outbound_name, subnet_prefixes},
    balancer::Frontend,
    cloud::Allocated,
    names::{OUTBOUND_POOL, OUTBOUND_RULE, OUTBOUND_V6, balancer_part_id, network_id},
    program::{Builder, Draft, PoolMembers},
    refusal::Stage,
    security_group::SecurityGroup,
    settings::OutboundType,
    snat,
};
use model::azure::{
    FrontendIpConfiguration, LoadBalancerProfile, NatGateway, NetworkSecurityGroup, OutboundRule,
    PublicIpAddress, RuleProtocol, SkuName,
};
use std::{net::IpAddr, sync::Arc};

impl Builder<'_> {
    /// What AKS itself keeps on the public load balancer: both pools, the outbound rule and its addresses.
    pub(crate) fn outbound(&mut self) {
        let settings = self.settings;
        let name: Arc<str> = settings.balancer_name().into();
        if !settings.has_outbound_rule() || self.done.balancers.contains_key(&name) {
            return;
        }
        let mut addresses: Vec<(String, IpAddr)> = self
            .model
            .public_ip_addresses
            .values()
            .filter(|document| {
                document
                    .tags
                    .get("aks-managed-type")
                    .is_some_and(|kind| kind == "aks-slb-managed-outbound-ip")
                    || self.is_effective_outbound(document)
            })
            .filter_map(|document| {
                Some((document.name.clone(), document.ip_address.as_deref()?.parse().ok()?))
            })
            .collect();
        let rule = &settings.outbound_rule;
        let count = |v6| addresses.iter().filter(|(_, ip)| ip.is_ipv6() == v6).count();
        let known = [false, true].map(|v6| u32::try_from(count(v6)).unwrap_or(u32::MAX));
        // Addresses of the owner's own stand in the place of managed ones.
        let wanted = match self.owned_outbound() {
            0 => [rule.managed_ips, rule.managed_ips_v6],
            owned => [owned.saturating_sub(known[1]), 0],
        };
        let [v4, v6] = [0, 1].map(|family| wanted[family].saturating_sub(known[family]));
        for index in 0..v4 + v6 {
            let address = self.allocator.outbound(index >= v4);
            let public_ip = managed_outbound_name(index);
            self.done
                .allocated
                .push(Allocated { owner: format!("managed outbound address {}", index + 1), address });
            let mut document = PublicIpAddress {
                id: Some(network_id(&settings.scope, "publicIPAddresses", &public_ip)),
                name: public_ip.clone(),
                ip_address: Some(address.to_string()),
                sku: Some(model::azure::Sku { name: SkuName::Standard, tier: Some("Regional".into()) }),
                ..PublicIpAddress::default()
            };
            document.tags.insert("aks-managed-type".into(), "aks-slb-managed-outbound-ip".into());
            self.done.public_ips.insert(public_ip.clone(), Arc::new(document));
            addresses.push((public_ip, address));
        }
        let scope = &settings.scope;
        let id = |kind: &str, part: &str| balancer_part_id(scope, &name, kind, part);
        let mut draft = Draft::default();
        draft.add_pool(OUTBOUND_POOL, false, || PoolMembers::All);
        draft.add_pool(&settings.cluster_name, false, || {
            if settings.balancers.is_empty() { PoolMembers::All } else { PoolMembers::Shard(name.clone()) }
        });
        let names = |v6| if v6 { OUTBOUND_V6 } else { [OUTBOUND_POOL, OUTBOUND_RULE] };
        for (public_ip, address) in &addresses {
            let rule_id = id("outboundRules", names(address.is_ipv6())[1]);
            draft.by_address.insert(*address, draft.frontends.len());
            draft.frontends.push(Arc::new(Frontend {
                configuration: FrontendIpConfiguration {
                    name: public_ip.clone(),
                    id: Some(id("frontendIPConfigurations", public_ip)),
                    private_ip_allocation_method: Some("Dynamic".into()),
                    public_ip_address: Some(network_id(scope, "publicIPAddresses", public_ip).into()),
                    outbound_rules: vec![rule_id.into()],
                    ..FrontendIpConfiguration::default()
                },
                address: Some(*address),
                rules: Vec::new(),
            }));
        }
        for v6 in [false, true] {
            let [pool, name] = names(v6);
            let own: Vec<_> = addresses.iter().filter(|(_, ip)| ip.is_ipv6() == v6).collect();
            if v6 && own.is_empty() {
                continue;
            }
            draft.add_pool(pool, v6, || PoolMembers::All);
            draft.outbound_rules.push(OutboundRule {
                name: name.into(),
                id: Some(id("outboundRules", name)),
                protocol: RuleProtocol::All,
                allocated_outbound_ports: rule.allocated_ports,
                enable_tcp_reset: Some(true),
                idle_timeout_in_minutes: Some(rule.idle_timeout_in_minutes),
                backend_address_pool: Some(id("backendAddressPools", pool).into()),
                frontend_ip_configurations: own
                    .into_iter()
                    .map(|(public_ip, _)| id("frontendIPConfigurations", public_ip).into())
                    .collect(),
            });
        }
        self.drafts.insert(name, draft);
    }

    /// Addresses for NAT gateways of which the input shows none: a gateway's document names its addresses and prefixes by
    /// id only, and one that AKS manages may have no document.
    pub(crate) fn nat_gateway(&mut self) {
        let used = matches!(
            self.settings.outbound,
            OutboundType::ManagedNatGateway | OutboundType::UserAssignedNatGateway
        );
        let public_ips = &self.model.public_ip_addresses;
        let shows = |gateway: &Arc<NatGateway>| {
            let mut documents =
                gateway.public_ip_addresses.iter().filter_map(|own| public_ips.get(own.id.name()));
            documents.any(|document| document.ip_address.is_some())
        };
        let gateways = &self.model.nat_gateways;
        let all_known = if gateways.is_empty() { !used } else { gateways.values().all(shows) };
        if all_known {
            return;
        }
        let profile = self
            .model
            .managed_cluster
            .as_deref()
            .and_then(|cluster| cluster.network_profile.nat_gateway_profile.as_ref());
        let effective = profile.map(|profile| profile.effective_outbound_ips.as_slice()).unwrap_or_default();
        let shown = effective.iter().filter_map(|reference| {
            let document = self.model.public_ip_addresses.get(reference.id.name())?;
            document.ip_address.as_deref()?.parse().ok()
        });
        self.done.nat_addresses = shown.collect();
        let managed = profile.and_then(|profile| profile.managed_outbound_ip_profile.as_ref()?.count);
        let named = gateways.values().map(|gateway| gateway.public_ip_addresses.len()).max();
        let named = named.and_then(|count| u32::try_from(count).ok());
        let wanted = named.or(managed).unwrap_or(1).clamp(1, snat::NAT_GATEWAY_ADDRESSES);
        let missing = wanted.saturating_sub(u32::try_from(self.done.nat_addresses.len()).unwrap_or(u32::MAX));
        // Of an IPv6 address there is a gateway of the SKU StandardV2 alone.
        let v6 = profile.and_then(|profile| profile.managed_outbound_ip_profile.as_ref()?.count_ipv6);
        let v6 = v6.filter(|_| gateways.is_empty()).unwrap_or(0).min(snat::NAT_GATEWAY_ADDRESSES);
        for index in 0..missing + v6 {
            let address = self.allocator.outbound(index >= missing);
            let number = self.done.nat_addresses.len() + 1;
            self.done.allocated.push(Allocated { owner: format!("NAT gateway address {number}"), address });
            self.done.nat_addresses.push(address);
        }
    }

    fn balancer_profile(&self) -> Option<&LoadBalancerProfile> {
        let cluster = self.model.managed_cluster.as_deref()?;
        cluster.network_profile.load_balancer_profile.as_ref()
    }

    /// How many outbound addresses the cluster's owner brings.
    fn owned_outbound(&self) -> u32 {
        let owned = self.balancer_profile().and_then(|profile| profile.outbound_ips.as_ref());
        owned.map_or(0, |owned| u32::try_from(owned.public_ips.len()).unwrap_or(u32::MAX))
    }

    fn is_effective_outbound(&self, document: &PublicIpAddress) -> bool {
        let Some(profile) = self.balancer_profile() else { return false };
        let owned = profile.outbound_ips.iter().flat_map(|owned| &owned.public_ips);
        let mut ids = profile.effective_outbound_ips.iter().chain(owned);
        ids.any(|reference| Some(&reference.id) == document.id.as_ref())
    }

    /// The cluster's own security group: a given one keeps its rules, and one without managed rules gets them.
    pub(crate) fn security_group(&mut self) {
        let given = &self.model.network_security_groups;
        for (name, document) in given {
            self.done
                .security_groups
                .insert(name.clone(), Arc::new(SecurityGroup::new(Arc::clone(document))));
        }
        let own = given.iter().find(|(name, _)| name.starts_with("aks-agentpool-"));
        let name = own.map_or_else(|| "aks-agentpool-00000000-nsg".to_owned(), |(name, _)| name.clone());
        self.done.node_group.clone_from(&name);
        let existing = own.map(|(_, document)| Arc::clone(document));
        let as_it_is =
            existing.as_ref().is_some_and(|document| document.security_rules.iter().any(access::is_managed));
        let mut document = existing.as_deref().cloned().unwrap_or_else(|| NetworkSecurityGroup {
            id: Some(network_id(&self.settings.scope, "networkSecurityGroups", &name)),
            location: Some(self.settings.scope.location.clone()),
            name: name.clone(),
            ..NetworkSecurityGroup::default()
        });
        let mut writer = Writer::new(&document.security_rules);
        for (key, access, destinations) in std::mem::take(&mut self.security) {
            let written =
                access.and_then(|access| if as_it_is { Ok(()) } else { writer.add(&access, &destinations) });
            if let Err(reason) = written {
                self.refuse(&key, Stage::SecurityGroup, reason);
            }
        }
        if !as_it_is {
            document.security_rules = writer.finish();
            self.done.security_groups.insert(name, Arc::new(SecurityGroup::new(Arc::new(document))));
        }
        for subnet in self.model.virtual_networks.values().flat_map(|network| &network.subnets) {
            let Some(reference) = &subnet.network_security_group else { continue };
            let Some(group) = self.done.security_groups.get(reference.id.name()) else { continue };
            self.done.subnet_groups.push((subnet_prefixes(subnet), Arc::clone(group)));
        }
    }
}
