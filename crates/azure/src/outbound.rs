//! How a VM reaches the internet: which method wins, and from which address.

use crate::{
    balancer::{Balancer, Frontend, Pool},
    cloud::Cloud,
    routes::{EndpointPolicy, NextHop, Routed, Routes},
    settings::OutboundType,
    snat,
};
use ipnet::IpNet;
use model::{
    Model, NodeName,
    azure::{NatGateway, OutboundRule, Subnet, VirtualNetwork},
};
use std::{net::IpAddr, sync::Arc};

/// Ways out, the one that wins first (Azure, "default outbound access": a user route beats a NAT gateway,
/// which beats the VM's own public address, which beats the load balancer's outbound rule).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// A user route to an appliance or gateway.
    UserRoute,
    /// A NAT gateway on the subnet.
    NatGateway,
    /// A public address of the VM itself.
    InstancePublicIp,
    /// An outbound rule, or a rule that has not disabled outbound SNAT.
    LoadBalancer,
    /// An address of Azure's that nobody chose; gone in new networks and private subnets.
    DefaultAccess,
    /// Nothing: the packet is dropped.
    None,
}

/// The method that wins among those on offer.
pub fn winner(offered: &[Method]) -> Method {
    offered.iter().copied().min().unwrap_or(Method::None)
}

/// The way out for one VM.
#[derive(Debug, Clone)]
pub enum Outbound<'a> {
    /// To an appliance or gateway; what happens there is its own affair.
    UserRoute {
        /// The appliance's address, where the route names one.
        next_hop: Option<IpAddr>,
    },
    /// Through a NAT gateway.
    NatGateway {
        /// The gateway's document; absent where AKS manages it and the input does not show it.
        gateway: Option<&'a Arc<NatGateway>>,
        /// The addresses it may use.
        sources: Vec<IpAddr>,
    },
    /// From a public address of the VM itself.
    InstancePublicIp {
        /// The address.
        source: IpAddr,
    },
    /// Through a load balancer.
    LoadBalancer {
        /// The load balancer.
        balancer: &'a Arc<Balancer>,
        /// The outbound rule; absent where a load-balancing rule does it.
        rule: Option<&'a OutboundRule>,
        /// The addresses it may use.
        sources: Vec<IpAddr>,
        /// Ports of this VM per protocol.
        ports: u32,
    },
    /// Through an address of Azure's.
    DefaultAccess,
    /// No way out.
    None,
}

/// The part of the network that outbound traffic depends on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network {
    subnets: Vec<SubnetEntry>,
    gateways: Vec<(Arc<NatGateway>, Vec<IpAddr>)>,
}

#[derive(Debug, Clone)]
struct SubnetEntry {
    prefixes: Vec<IpNet>,
    subnet: Subnet,
    routes: Routes,
}

impl Network {
    pub(crate) fn of(model: &Model) -> Self {
        let entry = |network: &VirtualNetwork, subnet: &Subnet| {
            let table = subnet.route_table.as_ref();
            let table = table.and_then(|reference| model.route_tables.get(reference.id.name()));
            SubnetEntry {
                prefixes: crate::allocate::subnet_prefixes(subnet),
                subnet: subnet.clone(),
                routes: Routes::of(network, table.map(|table| table.routes.as_slice()).unwrap_or_default()),
            }
        };
        let subnets = model
            .virtual_networks
            .values()
            .flat_map(|network| network.subnets.iter().map(|subnet| entry(network, subnet)))
            .collect();
        let address = |reference: &model::azure::SubResource| {
            let document = model.public_ip_addresses.get(reference.id.name())?;
            document.ip_address.as_deref()?.parse().ok()
        };
        let gateways = model.nat_gateways.values().map(|gateway| {
            let sources = gateway.public_ip_addresses.iter().filter_map(address).collect();
            (Arc::clone(gateway), sources)
        });
        Self { subnets, gateways: gateways.collect() }
    }

    fn subnet(&self, address: IpAddr) -> Option<&SubnetEntry> {
        self.subnets.iter().find(|entry| entry.prefixes.iter().any(|prefix| prefix.contains(&address)))
    }

    fn gateway(&self, subnet: &Subnet) -> Option<&(Arc<NatGateway>, Vec<IpAddr>)> {
        let named = subnet.nat_gateway.as_ref().map(|reference| reference.id.name());
        let serves =
            |gateway: &NatGateway| gateway.subnets.iter().any(|own| Some(&own.id) == subnet.id.as_ref());
        self.gateways.iter().find(|(gateway, _)| {
            named.is_some_and(|name| name.eq_ignore_ascii_case(&gateway.name)) || serves(gateway)
        })
    }
}

impl Cloud {
    /// The effective routes of the subnet that an address is in; `None` where the input has no such subnet.
    pub fn routes(&self, address: IpAddr) -> Option<&Routes> {
        self.network().subnet(address).map(|entry| &entry.routes)
    }

    /// The route that a packet from an address takes; `None` where the input does not show the subnet or
    /// nothing covers the destination.
    pub fn route(&self, source: IpAddr, destination: IpAddr) -> Option<Routed<'_>> {
        let target = self.network().subnet(destination);
        let policies = target.and_then(|entry| entry.subnet.private_endpoint_network_policies.as_deref());
        let routes_apply = policies.is_some_and(|policies| {
            policies.eq_ignore_ascii_case("Enabled") || policies.eq_ignore_ascii_case("RouteTableEnabled")
        });
        let policy = EndpointPolicy { routes_apply, network: Some(self.space()) };
        self.routes(source)?.select(destination, policy)
    }

    /// How a node's VM reaches an address on the internet.
    pub fn outbound(&self, node: &NodeName, destination: IpAddr) -> Outbound<'_> {
        let v6 = destination.is_ipv6();
        let Some(vm) = self.vm(node) else { return Outbound::None };
        let Some(address) = vm.address(v6) else { return Outbound::None };
        let network = self.network();
        let subnet = network.subnet(address);
        if let Some(routed) = self.route(address, destination) {
            match routed.route.next_hop {
                NextHop::Internet | NextHop::VirtualNetworkServiceEndpoint => {}
                NextHop::None => return Outbound::None,
                _ => return Outbound::UserRoute { next_hop: routed.route.next_hop_ip },
            }
        } else if self.settings().outbound == OutboundType::UserDefinedRouting {
            return Outbound::UserRoute { next_hop: None };
        }
        if let Some((gateway, sources)) = subnet.and_then(|entry| network.gateway(&entry.subnet)) {
            return Outbound::NatGateway { gateway: Some(gateway), sources: sources.clone() };
        }
        let managed = matches!(
            self.settings().outbound,
            OutboundType::ManagedNatGateway | OutboundType::UserAssignedNatGateway
        );
        if managed {
            let known = network.gateways.first();
            return Outbound::NatGateway {
                gateway: known.map(|(gateway, _)| gateway),
                sources: known.map(|(_, sources)| sources.clone()).unwrap_or_default(),
            };
        }
        if let Some(source) = vm.public_address.filter(|ip| ip.is_ipv6() == v6) {
            return Outbound::InstancePublicIp { source };
        }
        if let Some(outbound) = self.by_outbound_rule(node, v6).or_else(|| self.by_balancing_rule(node, v6)) {
            return outbound;
        }
        let private = subnet.is_some_and(|entry| entry.subnet.default_outbound_access == Some(false));
        // A VM behind a Standard load balancer has no default access, and AKS's `none` sets none up.
        if private || self.settings().is_standard() { Outbound::None } else { Outbound::DefaultAccess }
    }

    fn by_outbound_rule(&self, node: &NodeName, v6: bool) -> Option<Outbound<'_>> {
        for balancer in self.balancers() {
            for rule in &balancer.outbound_rules {
                let pool = rule.backend_address_pool.as_ref().map(|reference| reference.id.name());
                let Some(pool) = pool.and_then(|name| self.pool(&balancer.name, name)) else { continue };
                if !holds(pool, node) {
                    continue;
                }
                let named = |frontend: &&Arc<Frontend>| {
                    rule.frontend_ip_configurations
                        .iter()
                        .any(|own| own.id.name().eq_ignore_ascii_case(&frontend.configuration.name))
                };
                let sources = addresses(balancer.frontends.iter().filter(named), v6);
                let ports = ports(rule.allocated_outbound_ports, pool, &sources);
                return Some(Outbound::LoadBalancer { balancer, rule: Some(rule), sources, ports });
            }
        }
        None
    }

    /// Without an outbound rule, a public frontend whose rule serves the VM also carries its own traffic.
    fn by_balancing_rule(&self, node: &NodeName, v6: bool) -> Option<Outbound<'_>> {
        for balancer in self.balancers() {
            let serves = |frontend: &&Arc<Frontend>| {
                frontend.configuration.public_ip_address.is_some()
                    && frontend.rules.iter().any(|rule| {
                        rule.rule.disable_outbound_snat != Some(true)
                            && self.pool(&balancer.name, &rule.pool).is_some_and(|pool| holds(pool, node))
                    })
            };
            let sources = addresses(balancer.frontends.iter().filter(serves), v6);
            if sources.is_empty() {
                continue;
            }
            let members = self.pools(&balancer.name).iter().find(|pool| holds(pool, node))?;
            let ports = ports(0, members, &sources);
            return Some(Outbound::LoadBalancer { balancer, rule: None, sources, ports });
        }
        None
    }
}

fn holds(pool: &Pool, node: &NodeName) -> bool {
    pool.members.iter().any(|member| member.node.as_ref() == Some(node))
}

fn addresses<'a>(frontends: impl Iterator<Item = &'a Arc<Frontend>>, v6: bool) -> Vec<IpAddr> {
    frontends.filter_map(|frontend| frontend.address).filter(|ip| ip.is_ipv6() == v6).collect()
}

fn ports(allocated: u32, pool: &Pool, sources: &[IpAddr]) -> u32 {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    snat::ports_per_member(allocated, count(pool.members.len()), count(sources.len()))
}

impl Outbound<'_> {
    /// The method.
    pub fn method(&self) -> Method {
        match self {
            Self::UserRoute { .. } => Method::UserRoute,
            Self::NatGateway { .. } => Method::NatGateway,
            Self::InstancePublicIp { .. } => Method::InstancePublicIp,
            Self::LoadBalancer { .. } => Method::LoadBalancer,
            Self::DefaultAccess => Method::DefaultAccess,
            Self::None => Method::None,
        }
    }

    /// The public addresses that the far side may see.
    pub fn sources(&self) -> &[IpAddr] {
        match self {
            Self::NatGateway { sources, .. } | Self::LoadBalancer { sources, .. } => sources,
            Self::InstancePublicIp { source } => std::slice::from_ref(source),
            Self::UserRoute { .. } | Self::DefaultAccess | Self::None => &[],
        }
    }
}
