//! Load balancers as tables.

use super::drift::drifted;
use crate::{
    ptr::Ptr,
    state::Dispatch,
    ui::{Cell, Table},
};
use azure::Drift;
use engine::World;
use model::azure::{LoadBalancer, LoadBalancingRule, OutboundRule, Probe, SubResource};
use render::LoadBalancerView;
use yew::prelude::*;

/// What the tables need.
#[derive(Properties, PartialEq)]
pub(super) struct BalancersProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// The load balancers.
#[component]
pub(super) fn Balancers(props: &BalancersProps) -> Html {
    let views = render::load_balancers(&props.world, render::Probed::All);
    let refused = props.world.cloud().refused();
    let drifts = props.world.drifts();
    let drift = |name: &str| drifts.iter().find(|drift| drift.balancer == name);
    html! {
        <div class="balancers">
            if views.is_empty() {
                <p class="empty">{ "The cluster has no load balancer: no Service asks for one, and nothing goes out through one." }</p>
            }
            { for views.iter().map(|view| balancer(props, view, drift(&view.resource.name))) }
            if !refused.is_empty() {
                <h3>{ "Refused by the cloud controller" }</h3>
                <ul>{ for refused.iter().map(|one| html! { <li class="bad">{ one.to_string() }</li> }) }</ul>
            }
        </div>
    }
}

fn balancer(props: &BalancersProps, view: &LoadBalancerView, drift: Option<&Drift>) -> Html {
    let (world, resource) = (&props.world, &view.resource);
    html! {
        <section class="balancer" aria-label={format!("Load balancer {}", resource.name)}>
            <h3>{ &resource.name }{ " " }<span class="soft">{ resource.sku.name.to_string() }</span></h3>
            { for drift.map(|drift| drifted(world, drift, &props.dispatch)) }
            <div class="balancer-tables">
                <Table caption="Load-balancing rules" rows={rules(resource)} empty="No rule: nothing comes in."
                    columns={vec!["Rule", "Frontend", "Backend", "Floating IP", "Pool", "Probe", "Distribution"]} />
                <Table caption="Frontends" rows={frontends(view)} columns={vec!["Frontend", "Address", "Rules", "Outbound rules"]} />
                <Table caption="Backend pools" rows={pools(view)} columns={vec!["Pool", "Rules", "Outbound rules", "Nodes"]} />
                <Table caption="Probes" rows={probes(world, view)} empty="No probe."
                    columns={vec!["Probe", "Asks", "Every", "State per node"]} />
                <Table caption="Outbound rules" rows={outbound(resource)} empty="No outbound rule."
                    columns={vec!["Rule", "Pool", "Frontends", "Ports per node", "Idle timeout"]} />
            </div>
        </section>
    }
}

fn name(resource: &Option<SubResource>) -> String {
    resource.as_ref().map(|resource| resource.id.name().to_owned()).unwrap_or_default()
}

fn rules(resource: &LoadBalancer) -> Vec<Vec<Cell>> {
    let row = |rule: &LoadBalancingRule| {
        let pool = if rule.backend_address_pool.is_some() {
            name(&rule.backend_address_pool)
        } else {
            names(&rule.backend_address_pools)
        };
        vec![
            Cell::mono(rule.name.clone()),
            Cell::mono(format!("{} {}", rule.protocol, rule.frontend_port)),
            Cell::mono(rule.backend_port.to_string()),
            Cell::text(if rule.enable_floating_ip { "on" } else { "off" }),
            Cell::mono(pool),
            Cell::mono(name(&rule.probe)),
            Cell::text(rule.load_distribution.to_string()),
        ]
    };
    resource.load_balancing_rules.iter().map(row).collect()
}

fn names(resources: &[SubResource]) -> String {
    resources.iter().map(|resource| resource.id.name()).collect::<Vec<_>>().join(", ")
}

fn frontends(view: &LoadBalancerView) -> Vec<Vec<Cell>> {
    let row = |frontend: &model::azure::FrontendIpConfiguration| {
        let address = view.frontends.get(&frontend.name).map(ToString::to_string);
        vec![
            Cell::mono(frontend.name.clone()),
            Cell::mono(address.unwrap_or_else(|| "not known".into())),
            Cell::number(count(&view.resource, |rule| {
                name(&rule.frontend_ip_configuration) == frontend.name
            })),
            Cell::number(outbound_count(&view.resource, |rule| {
                rule.frontend_ip_configurations.iter().any(|one| one.id.name() == frontend.name)
            })),
        ]
    };
    view.resource.frontend_ip_configurations.iter().map(row).collect()
}

fn pools(view: &LoadBalancerView) -> Vec<Vec<Cell>> {
    let row = |pool: &model::azure::BackendAddressPool| {
        let members = view.members.get(&pool.name).map(Vec::as_slice).unwrap_or_default();
        let nodes: Vec<String> = members.iter().map(ToString::to_string).collect();
        vec![
            Cell::mono(pool.name.clone()),
            Cell::number(count(&view.resource, |rule| {
                name(&rule.backend_address_pool) == pool.name
                    || rule.backend_address_pools.iter().any(|one| one.id.name() == pool.name)
            })),
            Cell::number(outbound_count(&view.resource, |rule| {
                name(&rule.backend_address_pool) == pool.name
            })),
            Cell::mono(if nodes.is_empty() { "none".into() } else { nodes.join(", ") }),
        ]
    };
    view.resource.backend_address_pools.iter().map(row).collect()
}

fn count(resource: &LoadBalancer, holds: impl Fn(&LoadBalancingRule) -> bool) -> String {
    resource.load_balancing_rules.iter().filter(|rule| holds(rule)).count().to_string()
}

fn outbound_count(resource: &LoadBalancer, holds: impl Fn(&OutboundRule) -> bool) -> String {
    resource.outbound_rules.iter().filter(|rule| holds(rule)).count().to_string()
}

fn probes(world: &World, view: &LoadBalancerView) -> Vec<Vec<Cell>> {
    let row = |probe: &Probe| {
        let path = probe.request_path.as_deref().unwrap_or_default();
        let seconds = probe.interval_in_seconds.unwrap_or(DEFAULT_INTERVAL);
        vec![
            Cell::mono(probe.name.clone()),
            Cell::mono(format!("{} :{}{path}", probe.protocol, probe.port)),
            Cell::text(format!("{seconds} s")),
            Cell::html(states(world, &view.resource.name, probe)),
        ]
    };
    view.resource.probes.iter().map(row).collect()
}

/// Azure's own interval of a probe that names none, in seconds.
const DEFAULT_INTERVAL: u32 = 15;
/// Members whose states are shown of one probe.
const MOST_STATES: usize = 50;

/// The probe's last word on each member of the pools of its rules.
fn states(world: &World, balancer: &str, probe: &Probe) -> Html {
    let rules = world.cloud().balancer(balancer).into_iter().flat_map(|balancer| &balancer.frontends);
    let rule = rules
        .flat_map(|frontend| &frontend.rules)
        .find(|rule| rule.probe.as_ref().is_some_and(|one| one.name == probe.name));
    let pool = rule.and_then(|rule| world.cloud().pool(balancer, &rule.pool));
    let members = pool.map(|pool| pool.members.as_slice()).unwrap_or_default();
    if members.is_empty() {
        return html! { <span class="soft">{ "no node is probed" }</span> };
    }
    let state = |label: String, state: engine::ProbeState| {
        let (class, verdict) = if state.up { ("badge good", "up") } else { ("badge bad", "down") };
        html! {
            <li><span class="mono">{ label }</span>{ " " }
                <span {class} title={state.why.clone()}>{ format!("{} {verdict}", state.answer) }</span>
                if !state.up { { " " }<span class="soft">{ state.why }</span> }</li>
        }
    };
    html! {
        <ul class="states">
            { for members.iter().take(MOST_STATES).map(|member| {
                state(member.label(), world.probe_state(Some(probe), member))
            }) }
            if members.len() > MOST_STATES { <li>{ format!("and {} more", members.len() - MOST_STATES) }</li> }
        </ul>
    }
}

fn outbound(resource: &LoadBalancer) -> Vec<Vec<Cell>> {
    let row = |rule: &OutboundRule| {
        let ports = match rule.allocated_outbound_ports {
            0 => "by pool size".into(),
            ports => ports.to_string(),
        };
        let idle = rule.idle_timeout_in_minutes.map(|minutes| format!("{minutes} min")).unwrap_or_default();
        vec![
            Cell::mono(rule.name.clone()),
            Cell::mono(name(&rule.backend_address_pool)),
            Cell::mono(names(&rule.frontend_ip_configurations)),
            Cell::number(ports),
            Cell::number(idle),
        ]
    };
    resource.outbound_rules.iter().map(row).collect()
}
