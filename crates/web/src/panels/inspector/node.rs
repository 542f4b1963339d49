//! Switches of a node.

use crate::{
    ptr::Ptr,
    state::{Action, Dispatch, facts},
    ui::{Choice, Segmented},
};
use model::{Edit, Model, ObjectRef, kubernetes::Node};
use std::sync::Arc;
use yew::prelude::*;

/// What the switches need.
#[derive(Properties, PartialEq)]
pub(super) struct NodeProps {
    /// The node, settled.
    pub(super) node: Arc<Node>,
    /// The cluster as its author wrote it.
    pub(super) model: Ptr<Model>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Switches of a node.
#[component]
pub(super) fn NodeSwitches(props: &NodeProps) -> Html {
    let name = props.node.name();
    let pools = facts::pools(&props.model);
    let chosen = pools.iter().position(|pool| Some(pool.as_str()) == props.node.pool());
    let choices: Vec<Choice> = pools.iter().map(|pool| Choice::new(pool.to_string())).collect();
    let on_choose = {
        let (dispatch, node) = (props.dispatch.clone(), name.clone());
        Callback::from(move |at: usize| {
            if let Some(pool) = pools.get(at).cloned() {
                dispatch.dispatch(Action::Edit(Edit::MoveNode { node: node.clone(), pool }));
            }
        })
    };
    let show_rules = {
        let (dispatch, node) = (props.dispatch.clone(), name.clone());
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::ShowRules(node.clone())))
    };
    let on_cordon = {
        let (dispatch, node) = (props.dispatch.clone(), name.clone());
        Callback::from(move |at: usize| {
            dispatch.dispatch(Action::Edit(Edit::Cordon { node: node.clone(), cordoned: at == 1 }));
        })
    };
    let act = |edit: Edit| {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Edit(edit.clone())))
    };
    let drain = act(Edit::Drain { node: name.clone() });
    let spot = props
        .node
        .metadata
        .labels
        .get("kubernetes.azure.com/scalesetpriority")
        .is_some_and(|value| value == "spot");
    let evict = act(Edit::EvictSpot { node: name.clone() });
    let addresses: Vec<String> = props.node.internal_ips().map(|ip| ip.to_string()).collect();
    let pod = |key: &model::Key| {
        let (dispatch, id) = (props.dispatch.clone(), ObjectRef::namespaced(model::Kind::Pod, key));
        let onclick =
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Select(Some(id.clone()))));
        html! { <li><button type="button" class="link mono" {onclick}>{ &*key.name }</button></li> }
    };
    html! {
        <>
            <dl class="facts">
                <dt>{ "Address" }</dt><dd class="mono">{ addresses.join(", ") }</dd>
                <dt>{ "Pod range" }</dt><dd class="mono">{ &props.node.spec.pod_cidr }</dd>
                if !props.node.spec.taints.is_empty() {
                    <dt>{ "Taints" }</dt>
                    <dd class="mono">{ for props.node.spec.taints.iter().map(|taint| html! { <>{ taint }<br /></> }) }</dd>
                }
            </dl>
            <Segmented label="Move to pool" {choices} {chosen} {on_choose} tall=true
                hint="The node’s pool decides which load balancers can have it behind them." />
            <Segmented label="New pods" choices={vec![Choice::new("Welcome"), Choice::new("Kept away")]}
                chosen={usize::from(props.node.spec.unschedulable)} on_choose={on_cordon}
                hint="kubectl cordon. Pods that run here stay; a drain evicts them." />
            <div class="field">
                <span class="field-name">{ "Pods" }</span>
                <ul class="plain-list">{ for facts::pods_on(&props.model, &name).map(pod) }</ul>
            </div>
            <div class="actions">
                <button type="button" class="btn" onclick={show_rules}>{ "Show its iptables rules" }</button>
                <button type="button" class="btn" onclick={drain}>{ "Drain" }</button>
                if spot { <button type="button" class="btn" onclick={evict}>{ "Evict (spot)" }</button> }
            </div>
        </>
    }
}
