//! Switches of the cluster.

use crate::{
    ptr::Ptr,
    state::{Action, Dispatch, facts},
    ui::{Choice, Segmented, Stepper},
};
use model::{
    Edit, Model,
    azure::{AgentPool, SkuName},
    kubernetes::ProxyMode,
};
use yew::prelude::*;

/// What the switches need.
#[derive(Properties, PartialEq)]
pub(super) struct ClusterProps {
    /// The cluster as its author wrote it.
    pub(super) model: Ptr<Model>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

const SKUS: [SkuName; 2] = [SkuName::Basic, SkuName::Standard];

/// Switches of the cluster.
#[component]
pub(super) fn ClusterSwitches(props: &ClusterProps) -> Html {
    let sku = facts::load_balancer_sku(&props.model);
    let on_choose = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |at: usize| {
            if let Some(sku) = SKUS.get(at) {
                dispatch.dispatch(Action::Edit(Edit::SetLoadBalancerSku { sku: *sku }));
            }
        })
    };
    let on_mode = {
        let (dispatch, model) = (props.dispatch.clone(), Ptr::clone(&props.model));
        Callback::from(move |at: usize| {
            if let Some(mode) = ProxyMode::ALL.get(at) {
                dispatch.dispatch(Action::Edit(model.proxy_mode_edit(*mode)));
            }
        })
    };
    let mode = props.model.proxy_mode();
    let pools = props.model.managed_cluster.iter().flat_map(|cluster| &cluster.agent_pool_profiles);
    let pool = |pool: &AgentPool| {
        let here = props.model.nodes.values().filter(|node| node.pool() == Some(pool.name.as_str())).count();
        let value = pool.count.unwrap_or_else(|| u32::try_from(here).unwrap_or(u32::MAX));
        let on_choose = {
            let (dispatch, pool) = (props.dispatch.clone(), pool.name.clone());
            Callback::from(move |count: u32| {
                dispatch.dispatch(Action::Edit(Edit::ScalePool { pool: pool.clone(), count }));
            })
        };
        html! { <Stepper key={pool.name.to_string()} label={format!("Nodes of {}", pool.name)} short={pool.name.to_string()} {value} {on_choose} /> }
    };
    let profile = props.model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
    let text = |value: Option<&String>, default: &str| value.map_or(default.to_owned(), Clone::clone);
    html! {
        <>
            <dl class="facts">
                <dt>{ "Network plugin" }</dt>
                <dd>{ text(profile.and_then(|profile| profile.network_plugin.as_ref()), "azure, overlay") }</dd>
                <dt>{ "Outbound type" }</dt>
                <dd>{ text(profile.and_then(|profile| profile.outbound_type.as_ref()), "loadBalancer") }</dd>
                <dt>{ "Pods" }</dt><dd>{ props.model.pods.len() }</dd>
                <dt>{ "Nodes" }</dt><dd>{ props.model.nodes.len() }</dd>
            </dl>
            <Segmented label="Load balancer SKU" choices={vec![Choice::new("Basic"), Choice::new("Standard")]}
                chosen={SKUS.iter().position(|one| *one == sku)} {on_choose}
                hint={match sku {
                    SkuName::Basic => "One availability set behind each load balancer. Azure retired Basic on 30 September 2025.",
                    _ => "Nodes of all pools behind one load balancer.",
                }} />
            <Segmented label="kube-proxy mode" choices={ProxyMode::ALL.map(|mode| Choice::new(mode.name())).to_vec()}
                chosen={ProxyMode::ALL.iter().position(|one| *one == mode)} on_choose={on_mode}
                hint={match mode {
                    ProxyMode::Iptables => "A chain of rules for each Service.",
                    ProxyMode::Nftables => "One table: Services are looked up in maps.",
                    ProxyMode::Ipvs => "Virtual servers in the kernel's load balancer, and few rules.",
                }} />
            <div class="field">
                <span class="field-name">{ "Nodes per pool" }</span>
                { for pools.map(pool) }
            </div>
        </>
    }
}
