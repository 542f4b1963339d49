//! Switches of a pod.

use crate::{
    state::{Action, Dispatch},
    ui::{Choice, Segmented},
};
use model::{Edit, Model, NodeName, kubernetes::Pod};
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// Nodes up to which each is a button of its own.
const FEW: usize = 4;

/// Switches of a settled pod.
pub(super) fn switches(pod: &Pod, model: &Model, dispatch: &Dispatch) -> Html {
    let on_ready = {
        let (dispatch, pod) = (dispatch.clone(), pod.metadata.key());
        Callback::from(move |at: usize| {
            dispatch.dispatch(Action::Edit(Edit::SetPodReady { pod: pod.clone(), ready: at == 0 }));
        })
    };
    let addresses: Vec<String> = pod.ips().map(|ip| ip.to_string()).collect();
    html! {
        <>
            <dl class="facts">
                <dt>{ "Address" }</dt><dd class="mono">{ addresses.join(", ") }</dd>
                <dt>{ "Node" }</dt><dd class="mono">{ &pod.spec.node_name }</dd>
            </dl>
            <Segmented label="Readiness" choices={vec![Choice::new("Ready"), Choice::new("Not ready")]}
                chosen={usize::from(!pod.is_ready())} on_choose={on_ready}
                hint="A pod that is not ready leaves the Service’s endpoints." />
            { node_choice(pod, model, dispatch) }
        </>
    }
}

/// Nodes as buttons, or as a list where they are many.
fn node_choice(pod: &Pod, model: &Model, dispatch: &Dispatch) -> Html {
    let nodes: Vec<NodeName> = model.nodes.keys().cloned().collect();
    let chosen = nodes.iter().position(|node| node.as_str() == pod.spec.node_name);
    let pick = {
        let (dispatch, pod, nodes) = (dispatch.clone(), pod.metadata.key(), nodes.clone());
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
