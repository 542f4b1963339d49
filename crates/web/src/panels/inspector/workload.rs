//! Switches of a workload: how many pods it keeps.

use crate::{
    ptr::Ptr,
    state::{Action, Dispatch},
    ui::Stepper,
};
use model::{Edit, Kind, Model, ObjectRef, kubernetes::Workload};
use std::sync::Arc;
use yew::prelude::*;

/// What the switches need.
#[derive(Properties, PartialEq)]
pub(super) struct WorkloadProps {
    /// Which one.
    pub(super) id: ObjectRef,
    /// The workload, settled.
    pub(super) workload: Arc<Workload>,
    /// The cluster with what controllers filled in.
    pub(super) settled: Ptr<Model>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Switches of a workload.
#[component]
pub(super) fn WorkloadSwitches(props: &WorkloadProps) -> Html {
    let scalable = matches!(props.id.kind, Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet);
    let on_choose = {
        let (dispatch, workload) = (props.dispatch.clone(), props.id.clone());
        Callback::from(move |replicas: u32| {
            dispatch.dispatch(Action::Edit(Edit::ScaleWorkload { workload: workload.clone(), replicas }));
        })
    };
    let stem = format!("{}-", props.id.name);
    let mine = |key: &&model::Key| key.namespace == props.id.namespace && key.name.starts_with(&stem);
    let pod = |key: &model::Key| {
        let (dispatch, id) = (props.dispatch.clone(), ObjectRef::namespaced(Kind::Pod, key));
        let onclick =
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Select(Some(id.clone()))));
        html! { <li><button type="button" class="link mono" {onclick}>{ &*key.name }</button></li> }
    };
    html! {
        <>
            if scalable {
                <Stepper label={format!("Replicas of {}", props.id.name)} short="Replicas"
                    value={props.workload.spec.replicas.unwrap_or(1)} {on_choose} />
            }
            <div class="field">
                <span class="field-name">{ "Pods" }</span>
                <ul class="plain-list">{ for props.settled.pods.keys().filter(mine).take(50).map(pod) }</ul>
            </div>
        </>
    }
}
