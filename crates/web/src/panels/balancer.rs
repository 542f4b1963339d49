//! Load balancers as tables.

use super::{
    drift::drifted,
    members::{Carried, Members},
};
use crate::{
    ptr::Ptr,
    state::{Action, Dispatch},
    ui::{self, Cell, Table},
    world::World,
};
use model::{
    BalancerEdit, Edit, Kind, NodeName, ObjectRef,
    azure::{BackendAddressPool, LoadBalancer, LoadBalancingRule, OutboundRule, Probe, SubResource},
};
use render::LoadBalancerView;
use session::{BackendPool, BalancerView, Balancers as View, ProbedMembers};
use std::rc::Rc;
use yew::prelude::*;

/// Every pool of the cluster, with its nodes.
type Pools = Rc<Vec<(BackendPool, Vec<NodeName>)>>;

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
    let carried = use_state(|| None::<Carried>);
    let Some(View { views, refused, triggers }) = &*view else { return ui::loading() };
    let of = |one: &BalancerView| {
        let view = &one.view;
        let own = |pool: &BackendAddressPool| {
            let name = BackendPool { balancer: view.resource.name.clone(), pool: pool.name.clone() };
            (name, view.members.get(&pool.name).cloned().unwrap_or_default())
        };
        view.resource.backend_address_pools.iter().map(own).collect::<Vec<_>>()
    };
    let pools: Pools = Rc::new(views.iter().flat_map(of).collect());
    html! {
        <div class="balancers">
            if views.is_empty() {
                <p class="empty">{ "The cluster has no load balancer: no Service asks for one, and nothing goes out through one." }</p>
            }
            { for views.iter().map(|view| balancer(props, view, triggers, &pool_table(props, &view.view, &pools, &carried))) }
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
    pools: &Html,
) -> Html {
    let resource = &view.resource;
    let remove = |words: &str, change: BalancerEdit| {
        let load_balancer = resource.name.clone();
        delete(words, Edit::EditLoadBalancer { load_balancer, change }, &props.dispatch)
    };
    html! {
        <section class="balancer" aria-label={format!("Load balancer {}", resource.name)}>
            <h3>{ &resource.name }{ " " }<span class="soft">{ resource.sku.name.to_string() }</span>
                { edit(ObjectRef::cluster_scoped(Kind::LoadBalancer, &resource.name), &props.dispatch) }</h3>
            { for drift.iter().map(|drift| drifted(&resource.name, drift, triggers, &props.dispatch)) }
            <div class="balancer-tables">
                <Table caption="Load-balancing rules" rows={rules(resource, &remove)} empty="No rule: nothing comes in."
                    columns={vec!["Rule", "Frontend", "Backend", "Floating IP", "Pool", "Probe", "Distribution", "By hand"]} />
                <Table caption="Frontends" rows={frontends(view)} columns={vec!["Frontend", "Address", "Rules", "Outbound rules"]} />
                { pools.clone() }
                <Table caption="Probes" rows={probes(view, states, &remove)} empty="No probe."
                    columns={vec!["Probe", "Asks", "Every", "State per node", "By hand"]} />
                <Table caption="Outbound rules" rows={outbound(resource)} empty="No outbound rule."
                    columns={vec!["Rule", "Pool", "Frontends", "Ports per node", "Idle timeout"]} />
            </div>
        </section>
    }
}

fn name(resource: &Option<SubResource>) -> String {
    resource.as_ref().map(|resource| resource.id.name().to_owned()).unwrap_or_default()
}

/// A button that opens the document of an object in the inspector.
pub(super) fn edit(object: ObjectRef, dispatch: &Dispatch) -> Html {
    let label = format!("Edit {}", object.name);
    let dispatch = dispatch.clone();
    let onclick =
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Select(Some(object.clone()))));
    html! { <button type="button" class="btn quiet" aria-label={label} {onclick}>{ "Edit" }</button> }
}

/// A button that deletes what a row is of.
fn delete(words: &str, edit: Edit, dispatch: &Dispatch) -> Cell {
    let dispatch = dispatch.clone();
    let onclick = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Edit(edit.clone())));
    let label = format!("Delete {words}");
    Cell::html(html! {
        <button type="button" class="btn quiet" aria-label={label} {onclick}>{ "Delete" }</button>
    })
}

fn rules(resource: &LoadBalancer, remove: &impl Fn(&str, BalancerEdit) -> Cell) -> Vec<Vec<Cell>> {
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
            remove(&format!("rule {}", rule.name), BalancerEdit::RemoveRule { rule: rule.name.clone() }),
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

fn pool_table(
    props: &BalancersProps,
    view: &LoadBalancerView,
    all: &Pools,
    carried: &UseStateHandle<Option<Carried>>,
) -> Html {
    let row = |pool: &BackendAddressPool| {
        let nodes = view.members.get(&pool.name).cloned().unwrap_or_default();
        let own = BackendPool { balancer: view.resource.name.clone(), pool: pool.name.clone() };
        vec![
            Cell::mono(pool.name.clone()),
            Cell::number(count(&view.resource, |rule| {
                name(&rule.backend_address_pool) == pool.name
                    || rule.backend_address_pools.iter().any(|one| one.id.name() == pool.name)
            })),
            Cell::number(outbound_count(&view.resource, |rule| {
                name(&rule.backend_address_pool) == pool.name
            })),
            Cell::html(html! {
                <Members pool={own} {nodes} pools={Rc::clone(all)} carried={carried.clone()}
                    dispatch={props.dispatch.clone()} />
            }),
        ]
    };
    let rows: Vec<Vec<Cell>> = view.resource.backend_address_pools.iter().map(row).collect();
    html! { <Table caption="Backend pools" {rows} columns={vec!["Pool", "Rules", "Outbound rules", "Nodes"]} /> }
}

fn count(resource: &LoadBalancer, holds: impl Fn(&LoadBalancingRule) -> bool) -> String {
    resource.load_balancing_rules.iter().filter(|rule| holds(rule)).count().to_string()
}

fn outbound_count(resource: &LoadBalancer, holds: impl Fn(&OutboundRule) -> bool) -> String {
    resource.outbound_rules.iter().filter(|rule| holds(rule)).count().to_string()
}

fn probes(
    view: &LoadBalancerView,
    probed: &[ProbedMembers],
    remove: &impl Fn(&str, BalancerEdit) -> Cell,
) -> Vec<Vec<Cell>> {
    let row = |(probe, probed): (&Probe, &ProbedMembers)| {
        let path = probe.request_path.as_deref().unwrap_or_default();
        let seconds = probe.interval_in_seconds.unwrap_or(DEFAULT_INTERVAL);
        vec![
            Cell::mono(probe.name.clone()),
            Cell::mono(format!("{} :{}{path}", probe.protocol, probe.port)),
            Cell::text(format!("{seconds} s")),
            Cell::html(states(probed)),
            remove(&format!("probe {}", probe.name), BalancerEdit::RemoveProbe { probe: probe.name.clone() }),
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
        let class = if state.up { "badge good" } else { "badge bad" };
        html! {
            <li><span class="mono">{ label }</span>{ " " }
                <span {class} title={state.why.clone()}>{ render::probe_words(state) }</span>
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
