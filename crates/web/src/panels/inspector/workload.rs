//! Switches of a workload: how many pods it keeps.

use crate::{
    state::{Action, Dispatch},
    ui::Stepper,
};
use model::{Edit, Kind, Model, ObjectRef, kubernetes::Workload};
use yew::prelude::*;

/// Switches of a settled workload, with its pods in the settled cluster.
pub(super) fn switches(id: &ObjectRef, workload: &Workload, settled: &Model, dispatch: &Dispatch) -> Html {
    let scalable = matches!(id.kind, Kind::Deployment | Kind::ReplicaSet | Kind::StatefulSet);
    let on_choose = {
        let (dispatch, workload) = (dispatch.clone(), id.clone());
        Callback::from(move |replicas: u32| {
            dispatch.dispatch(Action::Edit(Edit::ScaleWorkload { workload: workload.clone(), replicas }));
        })
    };
    let stem = format!("{}-", id.name);
    let mine = |key: &&model::Key| key.namespace == id.namespace && key.name.starts_with(&stem);
    let pod = |key: &model::Key| {
        let (dispatch, id) = (dispatch.clone(), ObjectRef::namespaced(Kind::Pod, key));
        let onclick =
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Select(Some(id.clone()))));
        html! { <li><button type="button" class="link mono" {onclick}>{ &*key.name }</button></li> }
    };
    html! {
        <>
            if scalable {
                <Stepper label={format!("Replicas of {}", id.name)} short="Replicas"
                    value={workload.spec.replicas.unwrap_or(1)} {on_choose} />
            }
            <div class="field">
                <span class="field-name">{ "Pods" }</span>
                <ul class="plain-list">{ for settled.pods.keys().filter(mine).take(50).map(pod) }</ul>
            </div>
        </>
    }
}
