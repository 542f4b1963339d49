//! The inspector: what is selected, its switches, and its YAML.

mod cluster;
mod document;
mod node;
mod pod;
mod service;
mod workload;

use crate::world::World;
use crate::{
    ptr::Ptr,
    state::{Action, Dialog, Dispatch, describe},
    ui::{Glyph, icon},
};
use engine::Flow;
use model::{Kind, Model, Object, ObjectRef};
use std::rc::Rc;
use yew::prelude::*;

/// What the inspector needs.
#[derive(Properties, PartialEq)]
pub(crate) struct InspectorProps {
    /// The cluster as its author wrote it.
    pub(crate) model: Ptr<Model>,
    /// The settled cluster.
    pub(crate) world: Ptr<World>,
    /// The cluster with what controllers filled in.
    pub(crate) settled: Ptr<Model>,
    /// The same, as far as its objects are listed by name.
    pub(crate) listed: Ptr<Model>,
    /// What is selected; `None` is the cluster.
    pub(crate) selection: Option<ObjectRef>,
    /// The flow that is asked about.
    pub(crate) flow: Rc<Flow>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// The inspector.
#[component]
pub(crate) fn Inspector(props: &InspectorProps) -> Html {
    let object = props.selection.as_ref().and_then(|id| props.world.object(id));
    let (kind, name) = match &props.selection {
        Some(id) => match &object {
            Some(Object::Service(service)) => {
                (format!("{} {}", service.spec.service_type, place(id)), id.name.to_string())
            }
            _ => (place(id), id.name.to_string()),
        },
        None => ("Cluster".to_owned(), cluster_name(&props.model)),
    };
    let body = match &object {
        Some(Object::Service(service)) => html! {
            <>
                <service::ServiceSwitches service={std::sync::Arc::clone(service)} model={props.model.clone()}
                    dispatch={props.dispatch.clone()} />
                <service::Remedies service={service.metadata.key()} world={props.world.clone()} dispatch={props.dispatch.clone()} />
            </>
        },
        Some(Object::Node(node)) => html! {
            <node::NodeSwitches node={std::sync::Arc::clone(node)} model={props.model.clone()}
                dispatch={props.dispatch.clone()} />
        },
        Some(Object::Pod(pod)) => pod::switches(pod, &props.model, &props.dispatch),
        None | Some(Object::ManagedCluster(_)) => html! {
            <cluster::ClusterSwitches model={props.model.clone()} dispatch={props.dispatch.clone()} />
        },
        Some(
            Object::Deployment(workload)
            | Object::ReplicaSet(workload)
            | Object::StatefulSet(workload)
            | Object::DaemonSet(workload)
            | Object::Job(workload),
        ) => props.selection.as_ref().map_or_else(Html::default, |id| {
            workload::switches(id, workload, &props.settled, &props.dispatch)
        }),
        Some(_) => Html::default(),
    };
    let plain = matches!(
        object,
        Some(Object::LoadBalancer(_) | Object::NetworkSecurityGroup(_) | Object::RouteTable(_))
    );
    let cluster = || props.model.managed_cluster.clone().map(Object::ManagedCluster);
    let document = object.or_else(cluster).map(|settled| html! {
        <document::Document {plain} written={props.model.get(&settled.object_ref())} {settled} model={props.model.clone()}
            flow={Rc::clone(&props.flow)} dispatch={props.dispatch.clone()} />
    });
    let add = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Show(Some(Dialog::Add))))
    };
    html! {
        <section class="inspector" aria-labelledby="inspector-title">
            <h2 id="inspector-title" class="visually-hidden">{ format!("{kind}: {name}") }</h2>
            <div>
                <p class="kicker" aria-hidden="true">{ kind }</p>
                <div class="picker-row">
                    <ObjectPicker model={props.listed.clone()} selection={props.selection.clone()}
                        cluster={name} dispatch={props.dispatch.clone()} />
                    <button type="button" class="btn icon-btn" aria-label="Add an object" title="Add an object" onclick={add}>
                        { icon(Glyph::Add) }</button>
                </div>
            </div>
            { body }
            { for document }
        </section>
    }
}

/// `Service in default`.
fn place(id: &ObjectRef) -> String {
    if id.kind.is_namespaced() {
        format!("{} in {}", describe::kind(id.kind), id.namespace)
    } else {
        describe::kind(id.kind).to_owned()
    }
}

fn cluster_name(model: &Model) -> String {
    let name =
        model.managed_cluster.as_ref().map(|cluster| cluster.name.clone()).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "AKS with default settings".into())
}

#[derive(Properties, PartialEq)]
struct ObjectPickerProps {
    model: Ptr<Model>,
    selection: Option<ObjectRef>,
    cluster: String,
    dispatch: Dispatch,
}

/// Every object by name: the way to select without the picture.
#[component]
fn ObjectPicker(props: &ObjectPickerProps) -> Html {
    /// Objects of one kind that the list has; the command palette and the picture lead to the others.
    const MOST: usize = 300;
    let all: Vec<ObjectRef> = props.model.objects().map(|object| object.object_ref()).collect();
    let of = |kind: Kind| all.iter().filter(move |id| id.kind == kind).take(MOST).cloned();
    // What carries traffic first, the cluster itself is the list's first line.
    let first = [Kind::Service, Kind::Node, Kind::Pod];
    let rest = Kind::ALL.into_iter().filter(|kind| {
        !first.contains(kind) && !matches!(kind, Kind::ManagedCluster | Kind::EndpointSlice | Kind::Binding)
    });
    let kinds: Vec<Kind> = first.into_iter().chain(rest).collect();
    let objects: Vec<ObjectRef> = kinds.iter().flat_map(|kind| of(*kind)).collect();
    let onchange = {
        let (dispatch, objects) = (props.dispatch.clone(), objects.clone());
        Callback::from(move |event: Event| {
            let value = event.target_dyn_into::<web_sys::HtmlSelectElement>().map(|select| select.value());
            let chosen = value.and_then(|value| objects.get(value.parse::<usize>().ok()?).cloned());
            dispatch.dispatch(Action::Select(chosen));
        })
    };
    let group = |kind: Kind| {
        let options: Vec<(usize, &ObjectRef)> =
            objects.iter().enumerate().filter(|(_, id)| id.kind == kind).collect();
        if options.is_empty() {
            return Html::default();
        }
        html! {
            <optgroup label={describe::kinds(kind)}>
                { for options.into_iter().map(|(at, id)| html! {
                    <option value={at.to_string()} selected={props.selection.as_ref() == Some(id)}>{ &*id.name }</option>
                }) }
            </optgroup>
        }
    };
    html! {
        <select class="picker" aria-label="Selected object" {onchange}>
            <option value="" selected={props.selection.is_none()}>
                { if props.selection.is_none() { props.cluster.clone() } else { "Cluster".to_owned() } }
            </option>
            { for kinds.iter().map(|kind| group(*kind)) }
        </select>
    }
}
