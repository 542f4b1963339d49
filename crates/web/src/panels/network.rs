//! The network around the nodes: security groups, routes, and each node's way out, as tables.

use crate::{
    ptr::Ptr,
    state::Answer,
    ui::{Cell, Table},
};
use azure::{Cloud, GatewayBudget, Outbound, SecurityGroup, SnatBudget};
use engine::{StationKind, Step, World};
use model::{
    Model,
    azure::{Access, Direction, RouteTable, SecurityProtocol, SecurityRule},
};
use std::net::IpAddr;
use yew::prelude::*;

/// What the tables need.
#[derive(Properties, PartialEq)]
pub(super) struct NetworkProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// What the engine says about the flow.
    pub(super) answer: Ptr<Answer>,
    /// The branch that is drawn.
    pub(super) outcome: usize,
}

/// Nodes whose way out is listed.
const MOST_NODES: usize = 100;
/// A host on the internet to ask the way to: reserved for documentation (RFC 5737).
const FAR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1));

/// The network.
#[component]
pub(super) fn Network(props: &NetworkProps) -> Html {
    let cloud = props.world.cloud();
    let outcome = props.answer.paths().and_then(|paths| paths.outcomes.get(props.outcome));
    let back =
        |outcome: &engine::PathOutcome| outcome.reply.iter().flat_map(|reply| reply.steps.clone()).collect();
    let steps: Vec<Step> = outcome
        .map(|outcome| outcome.steps.iter().cloned().chain::<Vec<Step>>(back(outcome)).collect())
        .unwrap_or_default();
    html! {
        <div class="balancers network">
            { for cloud.security_groups().values().map(|group| security_group(group, &steps)) }
            <section class="balancer" aria-label="Ways out">
                <h3>{ "Ways out to the internet" }</h3>
                <div class="balancer-tables">
                    <Table caption="Of each node and its pods" quiet=true rows={ways_out(cloud)} empty="No node."
                        columns={vec!["Node", "By", "Source seen outside", "Ports per protocol", "Otherwise by"]} />
                </div>
            </section>
            <section class="balancer" aria-label="Outbound ports">
                <h3>{ "Outbound ports (SNAT)" }</h3>
                <div class="balancer-tables">
                    <Table caption="A port carries one flow to each destination; all pods of a node share the node's" quiet=true
                        rows={budgets(cloud)} empty="No outbound traffic goes through a load balancer."
                        columns={vec!["Pool", "Nodes", "Ports per node", "In all", "One node more", "Fewer from"]} />
                    { for cloud.gateway_budgets().iter().map(gateway) }
                </div>
            </section>
            <section class="balancer" aria-label="Routes">
                <h3>{ "Routes" }</h3>
                <div class="balancer-tables">
                    { for route_tables(props.world.model()) }
                </div>
            </section>
        </div>
    }
}

fn security_group(group: &SecurityGroup, steps: &[Step]) -> Html {
    let table = |direction: Direction, caption: &'static str| {
        html! { <Table {caption} rows={rules(group, direction, steps)} columns={vec!["Priority", "Rule", "Access", "Protocol", "From", "To", "Ports", "Drawn branch"]} /> }
    };
    html! {
        <section class="balancer" aria-label={format!("Security group {}", group.name())}>
            <h3>{ group.name().to_owned() }{ " " }<span class="soft">{ "security group" }</span></h3>
            <div class="balancer-tables stacked">
                { table(Direction::Inbound, "Inbound rules, the first that fits decides") }
                { table(Direction::Outbound, "Outbound rules, the first that fits decides") }
            </div>
        </section>
    }
}

fn rules(group: &SecurityGroup, direction: Direction, steps: &[Step]) -> Vec<Vec<Cell>> {
    let given = &group.document.default_security_rules;
    let own = if given.is_empty() { azure::default_rules() } else { given.clone() };
    let mut rules: Vec<SecurityRule> = group
        .document
        .security_rules
        .iter()
        .cloned()
        .chain(own)
        .filter(|rule| rule.direction == direction)
        .collect();
    order::sort_by_key(&mut rules, |rule| rule.priority);
    rules.iter().map(|rule| row(rule, used(group, rule, steps))).collect()
}

/// The steps of the drawn branch that a rule decided.
fn used(group: &SecurityGroup, rule: &SecurityRule, steps: &[Step]) -> String {
    let here = |step: &Step| {
        let decided = step.rule.as_ref().filter(|_| step.station.kind == StationKind::Nsg);
        decided.is_some_and(|decided| {
            let mut words = decided.text.split(' ');
            let named = words.next() == Some(rule.priority.to_string().as_str())
                && words.next() == Some(rule.name.as_str());
            named && decided.place.ends_with(group.name())
        })
    };
    let numbers: Vec<String> = steps
        .iter()
        .enumerate()
        .filter(|(_, step)| here(step))
        .map(|(at, _)| format!("step {}", at + 1))
        .collect();
    numbers.join(", ")
}

fn row(rule: &SecurityRule, used: String) -> Vec<Cell> {
    let access = match rule.access {
        Access::Allow => Cell::text("Allow").class("good"),
        Access::Deny => Cell::text("Deny").class("bad"),
    };
    vec![
        Cell::number(rule.priority.to_string()),
        Cell::mono(rule.name.clone()),
        access,
        Cell::mono(protocol(rule.protocol)),
        Cell::mono(either(rule.source_address_prefix.as_ref(), &rule.source_address_prefixes)),
        Cell::mono(either(rule.destination_address_prefix.as_ref(), &rule.destination_address_prefixes)),
        Cell::mono(either(rule.destination_port_range.as_ref(), &rule.destination_port_ranges)),
        Cell::text(used).class("used"),
    ]
}

fn protocol(protocol: SecurityProtocol) -> &'static str {
    match protocol {
        SecurityProtocol::Tcp => "Tcp",
        SecurityProtocol::Udp => "Udp",
        SecurityProtocol::Icmp => "Icmp",
        SecurityProtocol::Esp => "Esp",
        SecurityProtocol::Ah => "Ah",
        SecurityProtocol::Any => "*",
    }
}

fn either(one: Option<&String>, several: &[String]) -> String {
    let all: Vec<&str> = one.into_iter().chain(several).map(String::as_str).collect();
    if all.is_empty() { "*".into() } else { all.join(", ") }
}

fn ways_out(cloud: &Cloud) -> Vec<Vec<Cell>> {
    let row = |vm: &azure::Vm| {
        let address = vm.address(false)?;
        let ways = cloud.ways_out(azure::Sender::node(&vm.node, address), FAR);
        let way = ways.first().cloned().unwrap_or(Outbound::None);
        let sources: Vec<String> = way.sources().iter().map(ToString::to_string).collect();
        let ports = match &way {
            Outbound::LoadBalancer { ports, .. } => ports.to_string(),
            Outbound::NatGateway { .. } => "64,512 per address, shared".into(),
            _ => String::new(),
        };
        let others: Vec<String> = ways.iter().skip(1).map(|way| way.method().to_string()).collect();
        let class = if matches!(way, Outbound::None) { "bad" } else { "" };
        Some(vec![
            Cell::mono(vm.node.to_string()),
            Cell::text(way.method().to_string()).class(class),
            Cell::mono(sources.join(", ")),
            Cell::text(ports),
            Cell::text(others.join(", ")),
        ])
    };
    cloud.vms().take(MOST_NODES).filter_map(|vm| row(vm)).collect()
}

/// The ports of each pool, what one node more changes, and at which size every node has fewer.
fn budgets(cloud: &Cloud) -> Vec<Vec<Cell>> {
    let row = |budget: SnatBudget| {
        let now = budget.now();
        let ports = now.refused.map_or_else(|| now.ports.to_string(), |error| format!("refused: {error}"));
        let more = match (budget.at(now.members.saturating_add(1)).refused, budget.cost_of(1)) {
            (Some(error), _) => format!("refused: {error}"),
            (None, 0) => "no change".to_owned(),
            (None, cost) => format!("every node can hold {cost} flows fewer to one destination"),
        };
        let next = budget.next_step().map(|next| match next.refused {
            Some(_) => format!("{} nodes: refused", next.members),
            None => format!("{} nodes: {} each", next.members, next.ports),
        });
        vec![
            Cell::mono(format!("{}/{}", budget.balancer, budget.pool)),
            Cell::number(now.members.to_string()),
            Cell::number(ports).class(if now.refused.is_some() { "bad" } else { "" }),
            Cell::number(format!("{} of {}", now.total, budget.available)),
            Cell::text(more),
            Cell::text(next.unwrap_or_default()),
        ]
    };
    cloud.snat_budgets().into_iter().map(row).collect()
}

fn gateway(budget: &GatewayBudget) -> Html {
    let name = budget.gateway.as_deref().unwrap_or("of AKS");
    html! {
        <p class="hint">{ format!(
            "NAT gateway {name}: {} ports on demand for all nodes of its subnets, {} connections at once to one destination; more nodes change nothing.",
            budget.ports, budget.per_destination
        ) }</p>
    }
}

fn route_tables(model: &Model) -> Vec<Html> {
    let user = |table: &RouteTable| {
        let rows: Vec<Vec<Cell>> = table
            .routes
            .iter()
            .map(|route| {
                vec![
                    Cell::mono(route.address_prefix.clone()),
                    Cell::text(route.next_hop_type.clone()),
                    Cell::mono(route.next_hop_ip_address.clone().unwrap_or_default()),
                    Cell::mono(route.name.clone()),
                ]
            })
            .collect();
        html! { <Table caption={format!("Route table {}", table.name)} {rows} columns={vec!["Prefix", "Next hop", "Address", "Route"]} empty="No user route." /> }
    };
    let system = model.virtual_networks.values().map(|network| {
        let rows: Vec<Vec<Cell>> = azure::Routes::of(network, &[])
            .iter()
            .map(|route| vec![Cell::mono(route.prefix.to_string()), Cell::text(route.next_hop.to_string())])
            .collect();
        html! { <Table caption={format!("System routes of {}", network.name)} {rows} columns={vec!["Prefix", "Next hop"]} /> }
    });
    let mut all: Vec<Html> = model.route_tables.values().map(|table| user(table)).collect();
    all.extend(system);
    if all.is_empty() {
        all.push(html! { <p class="hint">{ "No virtual network is in the input: AKS makes one with Azure's system routes." }</p> });
    }
    all
}
