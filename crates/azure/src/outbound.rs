//! How a VM reaches the internet: which method wins, and from which address.

use crate::{
    balancer::{Balancer, Frontend, Pool},
    cloud::Cloud,
    network::{Sender, SubnetEntry},
    routes::NextHop,
    settings::OutboundType,
    snat,
};
use model::{
    NodeName,
    azure::{NatGateway, OutboundRule},
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

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::UserRoute => "a user route",
            Self::NatGateway => "a NAT gateway",
            Self::InstancePublicIp => "a public address of the VM",
            Self::LoadBalancer => "a load balancer's outbound rule",
            Self::DefaultAccess => "default outbound access",
            Self::None => "no way out",
        })
    }
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

impl Cloud {
    /// How a node's VM reaches an address on the internet.
    pub fn outbound(&self, node: &NodeName, destination: IpAddr) -> Outbound<'_> {
        let address = self.vm(node).and_then(|vm| vm.address(destination.is_ipv6()));
        let Some(address) = address else { return Outbound::None };
        self.ways_out(Sender::node(node, address), destination).into_iter().next().unwrap_or(Outbound::None)
    }

    /// Every way out that a sender has, the one that wins first. Empty: the packet is dropped. A user route
    /// to nowhere leaves none.
    pub fn ways_out(&self, sender: Sender<'_>, destination: IpAddr) -> Vec<Outbound<'_>> {
        let v6 = destination.is_ipv6();
        let Some(mut ways) = self.before_balancers(sender, destination) else { return Vec::new() };
        ways.extend(self.by_outbound_rule(sender, v6).or_else(|| self.by_balancing_rule(sender, v6)));
        let subnet = self.sender_subnet(sender);
        let private = subnet.is_some_and(|entry| entry.subnet.default_outbound_access == Some(false));
        // A VM behind a Standard load balancer has no default access, and AKS's `none` sets none up.
        let behind_standard = sender.node.is_some() && self.settings().is_standard();
        if !private && !behind_standard && ways.is_empty() {
            ways.push(Outbound::DefaultAccess);
        }
        ways
    }

    /// The ways out that win over a load balancer's, in order; `None` where a user route leads nowhere.
    pub(crate) fn before_balancers(
        &self,
        sender: Sender<'_>,
        destination: IpAddr,
    ) -> Option<Vec<Outbound<'_>>> {
        let v6 = destination.is_ipv6();
        let subnet = self.sender_subnet(sender).map(|subnet| &**subnet);
        let mut ways = Vec::new();
        match subnet.and_then(|subnet| self.route_in(subnet, destination)) {
            Some(routed) => match routed.route.next_hop {
                NextHop::Internet | NextHop::VirtualNetworkServiceEndpoint => {}
                NextHop::None => return None,
                _ => ways.push(Outbound::UserRoute { next_hop: routed.route.next_hop_ip }),
            },
            None if subnet.is_some_and(|subnet| subnet.is_given) => return None,
            None => {}
        }
        let unseen = subnet.is_none_or(|subnet| !subnet.is_given);
        if unseen && sender.node.is_some() && self.settings().outbound == OutboundType::UserDefinedRouting {
            ways.push(Outbound::UserRoute { next_hop: None });
        }
        ways.extend(self.by_nat_gateway(sender, subnet, v6));
        let own = |node| self.vm(node)?.public_address;
        let instance = self.instance_address(sender.address).or_else(|| own(sender.node?));
        let source = instance.filter(|ip| ip.is_ipv6() == v6);
        ways.extend(source.map(|source| Outbound::InstancePublicIp { source }));
        Some(ways)
    }

    fn by_nat_gateway(
        &self,
        sender: Sender<'_>,
        subnet: Option<&SubnetEntry>,
        v6: bool,
    ) -> Option<Outbound<'_>> {
        let network = self.network();
        let of_family = |sources: &[IpAddr]| {
            let sources: Vec<_> = sources.iter().copied().filter(|ip| ip.is_ipv6() == v6).collect();
            // A NAT gateway translates IPv4; IPv6 only with SKU StandardV2, and an address of it.
            (!v6 || !sources.is_empty()).then_some(sources)
        };
        if let Some((gateway, sources)) = subnet.and_then(|entry| network.gateway(&entry.subnet)) {
            let sources = of_family(if sources.is_empty() { self.nat_addresses() } else { sources })?;
            return Some(Outbound::NatGateway { gateway: Some(gateway), sources });
        }
        let managed = matches!(
            self.settings().outbound,
            OutboundType::ManagedNatGateway | OutboundType::UserAssignedNatGateway
        );
        if !managed || sender.node.is_none() {
            return None;
        }
        let known = network.gateways.first();
        let sources = known.map(|(_, sources)| sources.as_slice()).filter(|sources| !sources.is_empty());
        Some(Outbound::NatGateway {
            gateway: known.map(|(gateway, _)| gateway),
            sources: of_family(sources.unwrap_or_else(|| self.nat_addresses()))?,
        })
    }

    fn by_outbound_rule(&self, sender: Sender<'_>, v6: bool) -> Option<Outbound<'_>> {
        for balancer in self.balancers() {
            for rule in &balancer.outbound_rules {
                let pool = rule.backend_address_pool.as_ref().map(|reference| reference.id.name());
                let Some(pool) = pool.and_then(|name| self.pool(&balancer.name, name)) else { continue };
                if !holds(pool, sender, v6) {
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
    fn by_balancing_rule(&self, sender: Sender<'_>, v6: bool) -> Option<Outbound<'_>> {
        for balancer in self.balancers() {
            let serves = |frontend: &&Arc<Frontend>| {
                frontend.configuration.public_ip_address.is_some()
                    && frontend.rules.iter().any(|rule| {
                        rule.rule.disable_outbound_snat != Some(true)
                            && self
                                .pool(&balancer.name, &rule.pool)
                                .is_some_and(|pool| holds(pool, sender, v6))
                    })
            };
            let sources = addresses(balancer.frontends.iter().filter(serves), v6);
            if sources.is_empty() {
                continue;
            }
            let members = self.pools(&balancer.name).iter().find(|pool| holds(pool, sender, v6))?;
            let ports = ports(0, members, &sources);
            return Some(Outbound::LoadBalancer { balancer, rule: None, sources, ports });
        }
        None
    }
}

/// Whether the pool has the sender's VM: ports belong to the VM's configuration, and its pods share them.
fn holds(pool: &Pool, sender: Sender<'_>, v6: bool) -> bool {
    pool.members.iter().any(|member| match sender.node {
        Some(node) => {
            member.node.as_ref() == Some(node) && member.address.is_none_or(|ip| ip.is_ipv6() == v6)
        }
        None => member.address == Some(sender.address),
    })
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
