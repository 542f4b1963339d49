//! The network around the nodes: security groups, routes, and each node's way out, as tables.

use super::balancer::edit;
use crate::world::World;
use crate::{
    ptr::Ptr,
    state::{Answer, Dispatch},
    ui::{self, Cell, Table},
};
use engine::{StationKind, Step};
use model::{
    Kind, ObjectRef,
    azure::{Access, Direction, RouteTable, SecurityProtocol, SecurityRule},
};
use session::{NodeWay, PoolPorts, SecurityRules, SystemRoutes};
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
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Nodes whose way out is listed.
const MOST_NODES: usize = 100;

/// The network.
#[component]
pub(super) fn Network(props: &NetworkProps) -> Html {
    let view = use_memo(props.world.clone(), |world| world.network(MOST_NODES));
    let Some(view) = &*view else { return ui::loading() };
    let outcome = props.answer.paths().and_then(|paths| paths.outcomes.get(props.outcome));
    let back =
        |outcome: &engine::PathOutcome| outcome.reply.iter().flat_map(|reply| reply.steps.clone()).collect();
    let steps: Vec<Step> = outcome
        .map(|outcome| outcome.steps.iter().cloned().chain::<Vec<Step>>(back(outcome)).collect())
        .unwrap_or_default();
    html! {
        <div class="balancers network">
            { for view.security_groups.iter().map(|group| security_group(group, &steps, &props.dispatch)) }
            <section class="balancer" aria-label="Ways out">
                <h3>{ "Ways out to the internet" }</h3>
                <div class="balancer-tables">
                    <Table caption="Of each node and its pods" quiet=true rows={ways_out(&view.ways_out)} empty="No node."
                        columns={vec!["Node", "By", "Source seen outside", "Ports per protocol", "Otherwise by"]} />
                </div>
            </section>
            <section class="balancer" aria-label="Outbound ports">
                <h3>{ "Outbound ports (SNAT)" }</h3>
                <div class="balancer-tables">
                    <Table caption="A port carries one flow to each destination; all pods of a node share the node's" quiet=true
                        rows={budgets(&view.ports)} empty="No outbound traffic goes through a load balancer."
                        columns={vec!["Pool", "Nodes", "Ports per node", "In all", "One node more", "Fewer from"]} />
                    { for view.gateways.iter().map(|words| html! { <p class="hint">{ words }</p> }) }
                </div>
            </section>
            <section class="balancer" aria-label="Routes">
                <h3>{ "Routes" }</h3>
                <div class="balancer-tables">
                    { for route_tables(props, &view.system_routes) }
                </div>
            </section>
        </div>
    }
}

fn security_group(group: &SecurityRules, steps: &[Step], dispatch: &Dispatch) -> Html {
    let table = |direction: Direction, caption: &'static str| {
        html! { <Table {caption} rows={rules(group, direction, steps)} columns={vec!["Priority", "Rule", "Access", "Protocol", "From", "To", "Ports", "Drawn branch"]} /> }
    };
    html! {
        <section class="balancer" aria-label={format!("Security group {}", group.group)}>
            <h3>{ &group.group }{ " " }<span class="soft">{ "security group" }</span>
                { edit(ObjectRef::cluster_scoped(Kind::NetworkSecurityGroup, &group.group), dispatch) }</h3>
            <div class="balancer-tables stacked">
                { table(Direction::Inbound, "Inbound rules, the first that fits decides") }
                { table(Direction::Outbound, "Outbound rules, the first that fits decides") }
            </div>
        </section>
    }
}

fn rules(group: &SecurityRules, direction: Direction, steps: &[Step]) -> Vec<Vec<Cell>> {
    let rules = group.rules.iter().filter(|rule| rule.direction == direction);
    rules.map(|rule| row(rule, used(group, rule, steps))).collect()
}

/// The steps of the drawn branch that a rule decided.
fn used(group: &SecurityRules, rule: &SecurityRule, steps: &[Step]) -> String {
    let here = |step: &Step| {
        let decided = step.rule.as_ref().filter(|_| step.station.kind == StationKind::Nsg);
        decided.is_some_and(|decided| {
            let mut words = decided.text.split(' ');
            let named = words.next() == Some(rule.priority.to_string().as_str())
                && words.next() == Some(rule.name.as_str());
            named && decided.place.ends_with(&group.group)
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

fn ways_out(ways: &[NodeWay]) -> Vec<Vec<Cell>> {
    let row = |way: &NodeWay| {
        let sources: Vec<String> = way.sources.iter().map(ToString::to_string).collect();
        let method = match &way.method {
            Some(method) => Cell::text(method.clone()),
            None => Cell::text("none").class("bad"),
        };
        vec![
            Cell::mono(way.node.to_string()),
            method,
            Cell::mono(sources.join(", ")),
            Cell::text(way.ports.clone()),
            Cell::text(way.others.join(", ")),
        ]
    };
    ways.iter().map(row).collect()
}

/// The ports of each pool, what one node more changes, and at which size every node has fewer.
fn budgets(pools: &[PoolPorts]) -> Vec<Vec<Cell>> {
    let row = |pool: &PoolPorts| {
        vec![
            Cell::mono(pool.pool.clone()),
            Cell::number(pool.nodes.clone()),
            Cell::number(pool.ports.clone()).class(if pool.refused { "bad" } else { "" }),
            Cell::number(pool.used.clone()),
            Cell::text(pool.more.clone()),
            Cell::text(pool.next.clone()),
        ]
    };
    pools.iter().map(row).collect()
}

fn route_tables(props: &NetworkProps, system: &[SystemRoutes]) -> Vec<Html> {
    let model = props.world.model();
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
        html! {
            <div>
                <Table caption={format!("Route table {}", table.name)} {rows} columns={vec!["Prefix", "Next hop", "Address", "Route"]} empty="No user route." />
                { edit(ObjectRef::cluster_scoped(Kind::RouteTable, &table.name), &props.dispatch) }
            </div>
        }
    };
    let system = system.iter().map(|network| {
        let rows: Vec<Vec<Cell>> = network
            .routes
            .iter()
            .map(|route| vec![Cell::mono(route.prefix.clone()), Cell::text(route.next_hop.clone())])
            .collect();
        html! { <Table caption={format!("System routes of {}", network.network)} {rows} columns={vec!["Prefix", "Next hop"]} /> }
    });
    let mut all: Vec<Html> = model.route_tables.values().map(|table| user(table)).collect();
    all.extend(system);
    if all.is_empty() {
        all.push(html! { <p class="hint">{ "No virtual network is in the input: AKS makes one with Azure's system routes." }</p> });
    }
    all
}
