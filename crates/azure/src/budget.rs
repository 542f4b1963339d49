//! The budget of outbound ports: how many each node has, what one more node changes, when they run out.
//!
//! Azure, "Use SNAT for outbound connections": a load balancer hands ports to the members of a pool in
//! advance, by a table of pool sizes or by an explicit number; a NAT gateway hands them out on demand.

use crate::{
    balancer::Balancer,
    cloud::Cloud,
    network::Sender,
    outbound::{Method, Outbound},
    snat::{self, AllocationError, BLOCK, NAT_GATEWAY_PORTS_PER_ADDRESS, PORTS_PER_ADDRESS},
};
use model::{
    NodeName,
    azure::{OutboundRule, RuleProtocol},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
};

/// Concurrent connections of a NAT gateway to one destination, for each of its addresses.
pub const NAT_GATEWAY_CONNECTIONS_PER_DESTINATION: u32 = 50_000;

/// The ports of one pool of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnatBudget {
    /// The load balancer.
    pub balancer: String,
    /// The outbound rule; absent where load-balancing rules carry outbound traffic.
    pub rule: Option<String>,
    /// The pool.
    pub pool: String,
    /// The nodes that share its ports, in name order; members that are no node are counted only.
    pub nodes: Vec<NodeName>,
    /// How many members.
    pub members: u32,
    /// The public addresses.
    pub addresses: Vec<IpAddr>,
    /// What the rule allocates: a number of ports, or by Azure's table where it says 0.
    pub allocation: Allocation,
    /// Ports of all addresses, 64,000 each, less the blocks that load-balancing rules on them use.
    pub available: u64,
    /// Minutes after which an idle flow gives its port back.
    pub idle_timeout_in_minutes: u32,
}

/// How ports are allotted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// By the size of the pool.
    Table,
    /// The same number for every member.
    Explicit(u32),
}

/// The ports at one size of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Members.
    pub members: u32,
    /// Ports of each member, for each protocol: as many flows to one destination. 0 where Azure refuses.
    pub ports: u32,
    /// Ports of all members.
    pub total: u64,
    /// Why Azure refuses an explicit number of ports at this size.
    pub refused: Option<AllocationError>,
}

impl SnatBudget {
    /// The budget if the pool had so many members.
    pub fn at(&self, members: u32) -> At {
        let count = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX);
        let (ports, refused) = match self.allocation {
            Allocation::Table => (snat::default_ports(members, count), None),
            Allocation::Explicit(ports) => match self.check(ports, members) {
                Ok(()) => (ports, None),
                Err(error) => (0, Some(error)),
            },
        };
        At { members, ports, total: u64::from(ports) * u64::from(members), refused }
    }

    fn check(&self, ports: u32, members: u32) -> Result<(), AllocationError> {
        snat::check(ports, members, u32::try_from(self.addresses.len()).unwrap_or(u32::MAX))?;
        let wanted = u64::from(ports) * u64::from(members);
        if wanted > self.available {
            Err(AllocationError::TooMany { wanted, available: self.available })
        } else {
            Ok(())
        }
    }

    /// The budget as it is.
    pub fn now(&self) -> At {
        self.at(self.members)
    }

    /// The smallest larger pool in which each member has fewer ports: the next step of the table, or the
    /// size at which an explicit number no longer fits. `None` above 1,000 members.
    pub fn next_step(&self) -> Option<At> {
        let now = self.now().ports;
        let sizes = match self.allocation {
            Allocation::Table => {
                let steps = snat::DEFAULT_TABLE.iter().map(|(up_to, _)| up_to + 1);
                steps.filter(|size| *size > self.members).collect()
            }
            Allocation::Explicit(ports) => {
                let most = self.available.checked_div(u64::from(ports)).unwrap_or(u64::MAX);
                vec![u32::try_from(most.saturating_add(1)).unwrap_or(u32::MAX).max(self.members + 1)]
            }
        };
        sizes.into_iter().map(|size| self.at(size)).find(|at| at.ports < now && at.members <= 1_001)
    }

    /// Flows to one destination that each member loses when so many members join.
    pub fn cost_of(&self, more: u32) -> u32 {
        self.now().ports.saturating_sub(self.at(self.members.saturating_add(more)).ports)
    }

    /// Every size range of Azure's table with this number of addresses, and the ports of each member there.
    pub fn steps(&self) -> Vec<(RangeInclusive<u32>, At)> {
        let mut from = 1;
        let mut steps = Vec::new();
        for (up_to, _) in snat::DEFAULT_TABLE {
            steps.push((from..=up_to, self.at(up_to)));
            from = up_to + 1;
        }
        steps
    }

    /// How many more addresses would give each member this many ports.
    pub fn addresses_for(&self, ports: u32) -> u32 {
        let wanted = u64::from(ports) * u64::from(self.members);
        let needed = wanted.div_ceil(u64::from(PORTS_PER_ADDRESS));
        let have = u64::try_from(self.addresses.len()).unwrap_or(u64::MAX);
        u32::try_from(needed.saturating_sub(have)).unwrap_or(u32::MAX)
    }
}

/// The ports of a NAT gateway: on demand, for all VMs of its subnets together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayBudget {
    /// The gateway; absent where AKS manages it and the input does not show it.
    pub gateway: Option<String>,
    /// Its public addresses, those that the input shows.
    pub addresses: Vec<IpAddr>,
    /// How many addresses it has that the input does not show.
    pub unseen: u32,
    /// Ports of all addresses, 64,512 each, for each protocol and destination.
    pub ports: u64,
    /// Concurrent connections to one destination, 50,000 for each address.
    pub per_destination: u64,
    /// Minutes after which an idle TCP flow gives its port back; UDP has 4.
    pub idle_timeout_in_minutes: u32,
}

impl Cloud {
    /// The budgets of all pools with outbound traffic by a load balancer, in the order of the load balancers.
    pub fn snat_budgets(&self) -> Vec<SnatBudget> {
        let mut budgets = Vec::new();
        for balancer in self.balancers() {
            if balancer.outbound_rules.is_empty() {
                budgets.extend(self.budget_of_rules(balancer));
            }
            budgets.extend(balancer.outbound_rules.iter().filter_map(|rule| self.budget(balancer, rule)));
        }
        budgets
    }

    /// The budgets of the NAT gateways.
    pub fn gateway_budgets(&self) -> Vec<GatewayBudget> {
        let of = |gateway: Option<String>, addresses: &[IpAddr], unseen: usize, idle: Option<u32>| {
            let count = u64::try_from(addresses.len() + unseen).unwrap_or_default();
            GatewayBudget {
                gateway,
                addresses: addresses.to_vec(),
                unseen: u32::try_from(unseen).unwrap_or(u32::MAX),
                ports: count * u64::from(NAT_GATEWAY_PORTS_PER_ADDRESS),
                per_destination: count * u64::from(NAT_GATEWAY_CONNECTIONS_PER_DESTINATION),
                idle_timeout_in_minutes: idle.unwrap_or(4),
            }
        };
        let known = self.network().gateways.iter();
        let mut budgets: Vec<_> = known
            .map(|(gateway, addresses)| {
                // Of a prefix that is not shown nobody knows the size.
                let unseen = gateway.public_ip_addresses.len().saturating_sub(addresses.len());
                of(Some(gateway.name.clone()), addresses, unseen, gateway.idle_timeout_in_minutes)
            })
            .collect();
        let v4: Vec<IpAddr> = self.nat_addresses().iter().copied().filter(IpAddr::is_ipv4).collect();
        if budgets.is_empty() && !v4.is_empty() {
            budgets.push(of(None, &v4, 0, None));
        }
        budgets
    }

    /// Why some nodes of a pool do not use its ports, in words: by which better way they go out.
    pub fn ports_left_unused(&self, budget: &SnatBudget) -> Option<String> {
        // The better ways are those of IPv4.
        if budget.addresses.iter().any(IpAddr::is_ipv6) {
            return None;
        }
        let better = |node: &NodeName| match self.before_balancers(self.vm_sender(node)?, FAR) {
            Some(ways) => ways.first().map(Outbound::method),
            None => Some(Method::None),
        };
        unused(budget.nodes.iter().filter_map(better), budget.nodes.len())
    }

    /// Why some nodes in a NAT gateway's subnets do not use it, in words.
    pub fn gateway_left_unused(&self, budget: &GatewayBudget) -> Option<String> {
        let is_it = |way: &Outbound<'_>| match way {
            Outbound::NatGateway { gateway, .. } => {
                gateway.map(|gateway| gateway.name.as_str()) == budget.gateway.as_deref()
            }
            _ => false,
        };
        let mut behind = 0;
        let mut better = Vec::new();
        for vm in self.vms() {
            let ways = self.vm_sender(&vm.node).and_then(|sender| self.before_balancers(sender, FAR));
            let Some(ways) = ways.filter(|ways| ways.iter().any(is_it)) else { continue };
            behind += 1;
            better.extend(ways.first().filter(|way| !is_it(way)).map(Outbound::method));
        }
        unused(better.into_iter(), behind)
    }

    fn vm_sender<'a>(&self, node: &'a NodeName) -> Option<Sender<'a>> {
        Some(Sender::node(node, self.vm(node)?.address(false)?))
    }

    fn budget(&self, balancer: &Balancer, rule: &OutboundRule) -> Option<SnatBudget> {
        let named: BTreeSet<String> =
            order::set(rule.frontend_ip_configurations.iter().map(|own| own.id.name().to_ascii_lowercase()));
        let frontends = balancer
            .frontends
            .iter()
            .filter(|own| named.contains(&own.configuration.name.to_ascii_lowercase()));
        let mut used: BTreeSet<(IpAddr, RuleProtocol, u16)> = BTreeSet::new();
        let mut addresses = Vec::new();
        for frontend in frontends {
            let Some(address) = frontend.address else { continue };
            addresses.push(address);
            for own in &frontend.rules {
                let block = own.rule.frontend_port / u16::try_from(BLOCK).unwrap_or(8);
                used.insert((address, own.rule.protocol, block));
            }
        }
        let pool = rule.backend_address_pool.as_ref()?.id.name();
        let members = &self.pool(&balancer.name, pool)?.members;
        let blocks = u64::from(BLOCK) * u64::try_from(used.len()).unwrap_or_default();
        let all = u64::from(PORTS_PER_ADDRESS) * u64::try_from(addresses.len()).unwrap_or_default();
        Some(SnatBudget {
            balancer: balancer.name.to_string(),
            rule: Some(rule.name.clone()),
            pool: pool.to_owned(),
            nodes: members.iter().filter_map(|member| member.node.clone()).collect(),
            members: u32::try_from(members.len()).unwrap_or(u32::MAX),
            addresses,
            allocation: match rule.allocated_outbound_ports {
                0 => Allocation::Table,
                ports => Allocation::Explicit(ports),
            },
            available: all.saturating_sub(blocks),
            idle_timeout_in_minutes: rule.idle_timeout_in_minutes.unwrap_or(4),
        })
    }

    /// Without an outbound rule: public frontends whose rules leave outbound SNAT on carry it, by the table.
    fn budget_of_rules(&self, balancer: &Balancer) -> Option<SnatBudget> {
        let carries = |frontend: &&std::sync::Arc<crate::Frontend>| {
            frontend.configuration.public_ip_address.is_some()
                && frontend.rules.iter().any(|own| own.rule.disable_outbound_snat != Some(true))
        };
        let frontends: Vec<_> = balancer.frontends.iter().filter(carries).collect();
        let rule = frontends.first()?.rules.first()?;
        let pool = self.pool(&balancer.name, &rule.pool)?;
        let addresses: Vec<IpAddr> =
            frontends.iter().filter_map(|own| own.address.filter(IpAddr::is_ipv4)).collect();
        Some(SnatBudget {
            balancer: balancer.name.to_string(),
            rule: None,
            pool: pool.name.to_string(),
            nodes: pool.members.iter().filter_map(|member| member.node.clone()).collect(),
            members: u32::try_from(pool.members.len()).unwrap_or(u32::MAX),
            available: u64::from(PORTS_PER_ADDRESS) * u64::try_from(addresses.len()).unwrap_or_default(),
            addresses,
            allocation: Allocation::Table,
            idle_timeout_in_minutes: 4,
        })
    }
}

/// A host on the internet to ask the way to: reserved for documentation (RFC 5737).
pub const FAR: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

/// `3 of 3 nodes go out by a user route`; `None` where no node does.
fn unused(better: impl Iterator<Item = Method>, nodes: usize) -> Option<String> {
    let mut counts: BTreeMap<Method, usize> = BTreeMap::new();
    for method in better {
        *counts.entry(method).or_default() += 1;
    }
    let told = counts.into_iter().map(|(method, count)| match method {
        Method::None => format!("{count} of {nodes} nodes have {method}"),
        _ => format!("{count} of {nodes} nodes go out by {method}"),
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(members: u32, addresses: u8, allocation: Allocation) -> SnatBudget {
        SnatBudget {
            balancer: "kubernetes".into(),
            rule: Some("aksOutboundRule".into()),
            pool: "aksOutboundBackendPool".into(),
            nodes: Vec::new(),
            members,
            addresses: (1..=addresses).map(|last| [20, 0, 0, last].into()).collect(),
            allocation,
            available: u64::from(PORTS_PER_ADDRESS) * u64::from(addresses),
            idle_timeout_in_minutes: 30,
        }
    }

    #[test]
    fn steps_of_the_table() {
        use Allocation::{Explicit, Table};
        for (members, addresses, allocation, ports, next, cost_of_four) in [
            // AKS's own example: 48 nodes have 1,024 ports each, 52 have 512.
            (48, 1, Table, 1024, Some((51, 512)), 512),
            (50, 1, Table, 1024, Some((51, 512)), 512),
            (52, 1, Table, 512, Some((101, 256)), 0),
            (3, 1, Table, 1024, Some((51, 512)), 0),
            // Two addresses: the cap hides the first step.
            (50, 2, Table, 1024, Some((101, 512)), 0),
            (900, 1, Table, 32, Some((1001, 0)), 0),
            (1000, 1, Table, 32, Some((1001, 0)), 32),
            (10, 1, Explicit(4000), 4000, Some((17, 0)), 0),
            (16, 1, Explicit(4000), 4000, Some((17, 0)), 4000),
            (17, 1, Explicit(4000), 0, None, 0),
            (17, 2, Explicit(4000), 4000, Some((33, 0)), 0),
            // Not a multiple of 8.
            (3, 1, Explicit(1001), 0, None, 0),
        ] {
            let budget = budget(members, addresses, allocation);
            let name = format!("{members} members, {addresses} addresses, {allocation:?}");
            assert_eq!(budget.now().ports, ports, "{name}");
            assert_eq!(budget.next_step().map(|at| (at.members, at.ports)), next, "{name}");
            assert_eq!(budget.cost_of(4), cost_of_four, "{name}");
        }
        assert_eq!(budget(100, 1, Table).addresses_for(1024), 1);
    }

    #[test]
    fn never_more_ports_than_the_addresses_have() {
        for addresses in 0..=16 {
            for members in (0..=1100).step_by(7).chain([50, 51, 100, 101, 200, 201, 400, 401, 800, 801]) {
                for allocation in [0, 8, 64, 1000, 1024, 4000, 64_000].map(|ports| match ports {
                    0 => Allocation::Table,
                    ports => Allocation::Explicit(ports),
                }) {
                    let at = budget(members, addresses, allocation).now();
                    let most = u64::from(PORTS_PER_ADDRESS) * u64::from(addresses);
                    assert!(
                        at.total <= most,
                        "{members} members, {addresses} addresses, {allocation:?}: {at:?}"
                    );
                }
            }
        }
    }
}
