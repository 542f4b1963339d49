//! Switches of a pod.

use crate::{
    ptr::Ptr,
    state::{Action, Dispatch},
    ui::{Choice, Segmented},
};
use model::{Edit, Model, NodeName, kubernetes::Pod};
use std::sync::Arc;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// What the switches need.
#[derive(Properties, PartialEq)]
pub(super) struct PodProps {
    /// The pod, settled.
    pub(super) pod: Arc<Pod>,
    /// The cluster as its author wrote it.
    pub(super) model: Ptr<Model>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Nodes up to which each is a button of its own.
const FEW: usize = 4;

/// Switches of a pod.
#[component]
pub(super) fn PodSwitches(props: &PodProps) -> Html {
    let on_ready = {
        let (dispatch, pod) = (props.dispatch.clone(), props.pod.metadata.key());
        Callback::from(move |at: usize| {
            dispatch.dispatch(Action::Edit(Edit::SetPodReady { pod: pod.clone(), ready: at == 0 }));
        })
    };
    let addresses: Vec<String> = props.pod.ips().map(|ip| ip.to_string()).collect();
    html! {
        <>
            <dl class="facts">
                <dt>{ "Address" }</dt><dd class="mono">{ addresses.join(", ") }</dd>
                <dt>{ "Node" }</dt><dd class="mono">{ &props.pod.spec.node_name }</dd>
            </dl>
            <Segmented label="Readiness" choices={vec![Choice::new("Ready"), Choice::new("Not ready")]}
                chosen={usize::from(!props.pod.is_ready())} on_choose={on_ready}
                hint="A pod that is not ready leaves the Service’s endpoints." />
            { node_choice(props) }
        </>
    }
}

/// Nodes as buttons, or as a list where they are many.
fn node_choice(props: &PodProps) -> Html {
    let nodes: Vec<NodeName> = props.model.nodes.keys().cloned().collect();
    let chosen = nodes.iter().position(|node| node.as_str() == props.pod.spec.node_name);
    let pick = {
        let (dispatch, pod, nodes) = (props.dispatch.clone(), props.pod.metadata.key(), nodes.clone());
        Callback::from(move |at: usize| {
            if let Some(node) = nodes.get(at).cloned() {
                dispatch.dispatch(Action::Edit(Edit::MovePod { pod: pod.clone(), node }));
            }
        })
    };
    let hint = "The pod gets a new address: addresses belong to nodes.";
    if nodes.len() <= FEW {
        let choices: Vec<Choice> = nodes.iter().map(|node| Choice::new(node.to_string())).collect();
        return html! { <Segmented label="Move to node" {choices} {chosen} on_choose={pick} tall=true {hint} /> };
    }
    let onchange = Callback::from(move |event: Event| {
        let value = event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value());
        if let Some(at) = value.and_then(|value| value.parse().ok()) {
            pick.emit(at);
        }
    });
    html! {
        <label class="field">
            <span class="field-name">{ "Move to node" }</span>
            <select {onchange}>
                { for nodes.iter().enumerate().map(|(at, node)| html! {
                    <option value={at.to_string()} selected={chosen == Some(at)}>{ node.as_str() }</option>
                }) }
            </select>
            <span class="hint">{ hint }</span>
        </label>
    }
}
