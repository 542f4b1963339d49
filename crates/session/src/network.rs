//! The network around the nodes: security groups, ways out, routes.

use azure::{Cloud, FAR, GatewayBudget, Outbound, Sender, SnatBudget, Vm};
use engine::World;
use model::{NodeName, azure::SecurityRule};
use std::net::IpAddr;
use wire::Wire;

/// The network around the nodes.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Network {
    /// Of each security group, in name order.
    pub security_groups: Vec<SecurityRules>,
    /// Of the first nodes, in name order.
    pub ways_out: Vec<NodeWay>,
    /// Of each pool that goes out through a load balancer.
    pub ports: Vec<PoolPorts>,
    /// Of each NAT gateway, a sentence.
    pub gateways: Vec<String>,
    /// Of each virtual network, in name order.
    pub system_routes: Vec<SystemRoutes>,
}

/// A security group.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct SecurityRules {
    /// Its name.
    pub group: String,
    /// Its rules and the default ones, by priority.
    pub rules: Vec<SecurityRule>,
}

/// How a node and its pods get out to the internet.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct NodeWay {
    /// The node.
    pub node: NodeName,
    /// By what; there is none where nothing leads out.
    pub method: Option<String>,
    /// Addresses that the other side may see.
    pub sources: Vec<IpAddr>,
    /// SNAT ports per protocol, in words.
    pub ports: String,
    /// What would be used if that were not there, in order.
    pub others: Vec<String>,
}

/// The outbound ports of a backend pool, in words.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct PoolPorts {
    /// `BALANCER/POOL`.
    pub pool: String,
    /// How many nodes are in it.
    pub nodes: String,
    /// What each node has, or why Azure refuses.
    pub ports: String,
    /// Whether Azure refuses.
    pub refused: bool,
    /// `USED of AVAILABLE`, and why some nodes use none of them.
    pub used: String,
    /// What one node more changes.
    pub more: String,
    /// From which size on each node has fewer.
    pub next: String,
}

impl PoolPorts {
    fn of(cloud: &Cloud, budget: &SnatBudget) -> Self {
        let now = budget.now();
        let more = match (budget.at(now.members.saturating_add(1)).refused, budget.cost_of(1)) {
            (Some(error), _) => format!("refused: {error}"),
            (None, 0) => "no change".to_owned(),
            (None, cost) => format!("every node can hold {cost} flows fewer to one destination"),
        };
        let next = budget.next_step().map(|next| match next.refused {
            Some(_) => format!("{} nodes: refused", next.members),
            None => format!("{} nodes: {} each", next.members, next.ports),
        });
        Self {
            pool: format!("{}/{}", budget.balancer, budget.pool),
            nodes: now.members.to_string(),
            refused: now.refused.is_some(),
            used: match cloud.ports_left_unused(budget) {
                Some(unused) => format!("{} of {}; {unused}", now.total, budget.available),
                None => format!("{} of {}", now.total, budget.available),
            },
            ports: now.refused.map_or_else(|| now.ports.to_string(), |error| format!("refused: {error}")),
            more,
            next: next.unwrap_or_default(),
        }
    }
}

fn gateway(cloud: &Cloud, budget: &GatewayBudget) -> String {
    let name = budget.gateway.as_deref().unwrap_or("that the input does not show");
    let unused = cloud.gateway_left_unused(budget).map(|unused| format!(" Not used by all: {unused}."));
    format!(
        "NAT gateway {name}: {} ports on demand for all nodes of its subnets, {} connections at once to one destination; more nodes change nothing.{}",
        budget.ports,
        budget.per_destination,
        unused.unwrap_or_default()
    )
}

/// The routes that Azure gives a virtual network.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct SystemRoutes {
    /// The network.
    pub network: String,
    /// The longest prefix wins.
    pub routes: Vec<SystemRoute>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct SystemRoute {
    /// Destinations.
    pub prefix: String,
    /// Where packets to them go.
    pub next_hop: String,
}

impl Network {
    pub(crate) fn of(world: &World, nodes: usize) -> Self {
        let cloud = world.cloud();
        let groups = cloud.security_groups().values().map(|group| {
            let given = &group.document.default_security_rules;
            let own = if given.is_empty() { azure::default_rules() } else { given.clone() };
            let mut rules: Vec<SecurityRule> =
                group.document.security_rules.iter().cloned().chain(own).collect();
            order::sort_by_key(&mut rules, |rule| rule.priority);
            SecurityRules { group: group.name().to_owned(), rules }
        });
        let routes = world.model().virtual_networks.values().map(|network| {
            let routes = azure::Routes::of(network, &[]);
            let told = routes.iter().map(|route| SystemRoute {
                prefix: route.prefix.to_string(),
                next_hop: route.next_hop.to_string(),
            });
            SystemRoutes { network: network.name.clone(), routes: told.collect() }
        });
        Self {
            security_groups: groups.collect(),
            ways_out: cloud.vms().take(nodes).filter_map(|vm| way_out(cloud, vm)).collect(),
            ports: cloud.snat_budgets().iter().map(|budget| PoolPorts::of(cloud, budget)).collect(),
            gateways: cloud.gateway_budgets().iter().map(|budget| gateway(cloud, budget)).collect(),
            system_routes: routes.collect(),
        }
    }
}

fn way_out(cloud: &Cloud, vm: &Vm) -> Option<NodeWay> {
    let ways = cloud.ways_out(Sender::node(&vm.node, vm.address(false)?), FAR);
    let way = ways.first();
    let ports = match way {
        Some(Outbound::LoadBalancer { ports, .. }) => ports.to_string(),
        Some(Outbound::NatGateway { .. }) => "64,512 per address, shared".into(),
        _ => String::new(),
    };
    let leads = |way: &&Outbound| !matches!(way, Outbound::None);
    Some(NodeWay {
        node: vm.node.clone(),
        method: way.filter(leads).map(|way| way.method().to_string()),
        sources: way.map(|way| way.sources().to_vec()).unwrap_or_default(),
        ports,
        others: ways.iter().skip(1).map(|way| way.method().to_string()).collect(),
    })
}
