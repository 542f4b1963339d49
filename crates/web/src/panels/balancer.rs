//! Load balancers as tables.

use super::drift::drifted;
use crate::{
    ptr::Ptr,
    state::Dispatch,
    ui::{self, Cell, Table},
    world::World,
};
use model::azure::{LoadBalancer, LoadBalancingRule, OutboundRule, Probe, SubResource};
use render::LoadBalancerView;
use session::{BalancerView, Balancers as View, ProbedMembers};
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
    let view = use_memo(props.world.clone(), |world| world.balancers());
    let Some(View { views, refused, triggers }) = &*view else { return ui::loading() };
    html! {
        <div class="balancers">
            if views.is_empty() {
                <p class="empty">{ "The cluster has no load balancer: no Service asks for one, and nothing goes out through one." }</p>
            }
            { for views.iter().map(|view| balancer(props, view, triggers)) }
            if !refused.is_empty() {
                <h3>{ "Refused by the cloud controller" }</h3>
                <ul>{ for refused.iter().map(|one| html! { <li class="bad">{ one }</li> }) }</ul>
            }
        </div>
    }
}

fn balancer(
    props: &BalancersProps,
    BalancerView { view, probes: states, drift }: &BalancerView,
    triggers: &[String],
) -> Html {
    let resource = &view.resource;
    html! {
        <section class="balancer" aria-label={format!("Load balancer {}", resource.name)}>
            <h3>{ &resource.name }{ " " }<span class="soft">{ resource.sku.name.to_string() }</span></h3>
            { for drift.iter().map(|drift| drifted(&resource.name, drift, triggers, &props.dispatch)) }
            <div class="balancer-tables">
                <Table caption="Load-balancing rules" rows={rules(resource)} empty="No rule: nothing comes in."
                    columns={vec!["Rule", "Frontend", "Backend", "Floating IP", "Pool", "Probe", "Distribution"]} />
                <Table caption="Frontends" rows={frontends(view)} columns={vec!["Frontend", "Address", "Rules", "Outbound rules"]} />
                <Table caption="Backend pools" rows={pools(view)} columns={vec!["Pool", "Rules", "Outbound rules", "Nodes"]} />
                <Table caption="Probes" rows={probes(view, states)} empty="No probe."
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

fn probes(view: &LoadBalancerView, probed: &[ProbedMembers]) -> Vec<Vec<Cell>> {
    let row = |(probe, probed): (&Probe, &ProbedMembers)| {
        let path = probe.request_path.as_deref().unwrap_or_default();
        let seconds = probe.interval_in_seconds.unwrap_or(DEFAULT_INTERVAL);
        vec![
            Cell::mono(probe.name.clone()),
            Cell::mono(format!("{} :{}{path}", probe.protocol, probe.port)),
            Cell::text(format!("{seconds} s")),
            Cell::html(states(probed)),
        ]
    };
    view.resource.probes.iter().zip(probed).map(row).collect()
}

/// Azure's own interval of a probe that names none, in seconds.
const DEFAULT_INTERVAL: u32 = 15;

/// The probe's last word on each member of the pools of its rules.
fn states(ProbedMembers { members, more }: &ProbedMembers) -> Html {
    if members.is_empty() {
        return html! { <span class="soft">{ "no node is probed" }</span> };
    }
    let state = |(label, state): &(String, engine::ProbeState)| {
        let (class, verdict) = if state.up { ("badge good", "up") } else { ("badge bad", "down") };
        html! {
            <li><span class="mono">{ label }</span>{ " " }
                <span {class} title={state.why.clone()}>{ format!("{} {verdict}", state.answer) }</span>
                if !state.up { { " " }<span class="soft">{ state.why.clone() }</span> }</li>
        }
    };
    html! {
        <ul class="states">
            { for members.iter().map(state) }
            if *more > 0 { <li>{ format!("and {more} more") }</li> }
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
