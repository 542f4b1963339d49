//! Switches of a Service.

use crate::world::World;
use crate::{
    ptr::Ptr,
    state::{
        Action, Dispatch,
        describe::{self, FLOATING_IP_OFF, MODE},
        facts,
    },
    ui::{Choice, Segmented},
};
use engine::Remedy;
use model::{
    Edit, Key, Model,
    azure::SkuName,
    kubernetes::{Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy},
};
use std::sync::Arc;
use yew::prelude::*;

/// What can be done about a load balancer that reaches only some of the pods.
#[derive(Properties, PartialEq)]
pub(super) struct RemediesProps {
    /// The Service.
    pub(super) service: Key,
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Steps that can be performed, each with its reason.
#[component]
pub(super) fn Remedies(props: &RemediesProps) -> Html {
    let remedies =
        use_memo((props.world.clone(), props.service.clone()), |(world, service)| world.remedies(service));
    if remedies.is_empty() {
        return Html::default();
    }
    let remedy = |remedy: &Remedy| {
        let (dispatch, edit) = (props.dispatch.clone(), remedy.edit.clone());
        let onclick = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Edit(edit.clone())));
        html! {
            <li key={remedy.title}>
                <details class="remedy">
                    <summary>{ remedy.title }</summary>
                    <p class="hint">{ remedy.why }</p>
                    <button type="button" class="btn" {onclick}>{ "Do it" }</button>
                </details>
            </li>
        }
    };
    html! {
        <div class="field">
            <span class="field-name">{ "Remedies for uneven shares" }</span>
            <ul class="plain-list">{ for remedies.iter().map(remedy) }</ul>
        </div>
    }
}

/// What the switches need.
#[derive(Properties, PartialEq)]
pub(super) struct ServiceProps {
    /// The Service, settled.
    pub(super) service: Arc<Service>,
    /// The cluster as its author wrote it.
    pub(super) model: Ptr<Model>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

const POLICIES: [TrafficPolicy; 2] = [TrafficPolicy::Cluster, TrafficPolicy::Local];
const AFFINITIES: [SessionAffinity; 2] = [SessionAffinity::None, SessionAffinity::ClientIP];

/// Switches of a Service.
#[component]
pub(super) fn ServiceSwitches(props: &ServiceProps) -> Html {
    let spec = &props.service.spec;
    let key = props.service.metadata.key();
    let external =
        spec.service_type != ServiceType::ClusterIP && spec.service_type != ServiceType::ExternalName;
    let balanced = spec.service_type == ServiceType::LoadBalancer;
    let choose = |edit: Box<dyn Fn(usize) -> Option<Edit>>| {
        let dispatch = props.dispatch.clone();
        Callback::from(move |at: usize| {
            if let Some(edit) = edit(at) {
                dispatch.dispatch(Action::Edit(edit));
            }
        })
    };
    let policies = || POLICIES.iter().map(|policy| Choice::new(policy.to_string())).collect::<Vec<_>>();
    let external_policy = spec.external_traffic_policy.unwrap_or_default();
    let internal_policy = spec.internal_traffic_policy.unwrap_or_default();
    let affinity = spec.session_affinity.unwrap_or_default();
    let service = key.clone();
    let on_external = choose(Box::new(move |at| {
        let policy = *POLICIES.get(at)?;
        Some(Edit::SetExternalTrafficPolicy { service: service.clone(), policy })
    }));
    let service = key.clone();
    let on_internal = choose(Box::new(move |at| {
        let policy = *POLICIES.get(at)?;
        Some(Edit::SetInternalTrafficPolicy { service: service.clone(), policy })
    }));
    let service = key.clone();
    let on_affinity = choose(Box::new(move |at| {
        let affinity = *AFFINITIES.get(at)?;
        Some(Edit::SetSessionAffinity { service: service.clone(), affinity })
    }));
    let floating_off = props
        .service
        .metadata
        .annotation(FLOATING_IP_OFF)
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let service = key;
    let on_floating = choose(Box::new(move |at| {
        Some(Edit::SetServiceAnnotation {
            service: service.clone(),
            annotation: FLOATING_IP_OFF.into(),
            value: (at == 1).then(|| "true".into()),
        })
    }));
    let find_rules = {
        let (dispatch, name) =
            (props.dispatch.clone(), AttrValue::from(props.service.metadata.key().to_string()));
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::FindRules(name.clone())))
    };
    html! {
        <>
            <dl class="facts">
                <dt>{ "Cluster IP" }</dt><dd class="mono">{ &spec.cluster_ip }</dd>
                if balanced { <dt>{ "Frontend" }</dt><dd class="mono">{ frontend(&props.service) }</dd> }
                <dt>{ "Ports" }</dt><dd class="mono">{ ports(&props.service) }</dd>
            </dl>
            <div class="actions">
                <button type="button" class="btn" onclick={find_rules}>{ "Show its iptables rules" }</button>
            </div>
            if external {
                <Segmented label="External traffic policy" choices={policies()}
                    chosen={index(&POLICIES, external_policy)} on_choose={on_external}
                    hint={match external_policy {
                        TrafficPolicy::Cluster => "Outside traffic may go to pods of any node; they see a node’s address.",
                        TrafficPolicy::Local => "Outside traffic stays on the node it reached; pods see the client’s address.",
                    }} />
            }
            <Segmented label="Internal traffic policy" choices={policies()}
                chosen={index(&POLICIES, internal_policy)} on_choose={on_internal} />
            <Segmented label="Session affinity"
                choices={AFFINITIES.iter().map(|one| Choice::new(describe::affinity_words(*one))).collect::<Vec<_>>()}
                chosen={index(&AFFINITIES, affinity)} on_choose={on_affinity} />
            if balanced {
                <Segmented label="Floating IP" choices={vec![Choice::new("On"), Choice::new("Off")]}
                    chosen={usize::from(floating_off)} on_choose={on_floating}
                    hint={if floating_off {
                        "Azure readdresses the packet to the node port."
                    } else {
                        "The packet stays addressed to the frontend."
                    }} />
                { mode_switch(props) }
            }
        </>
    }
}

/// Which set of nodes a Basic load balancer has behind it.
fn mode_switch(props: &ServiceProps) -> Html {
    let basic = facts::load_balancer_sku(&props.model) == SkuName::Basic;
    let mode = props.service.metadata.annotation(MODE).map(str::to_owned);
    let mut values: Vec<Option<String>> = vec![None];
    values.extend(facts::availability_sets(&props.model).into_iter().map(Some));
    if mode.is_some() && !values.contains(&mode) {
        values.push(mode.clone());
    }
    let choices: Vec<Choice> = values
        .iter()
        .map(|value| match value {
            None => Choice { label: "Primary set".into(), title: Some("No annotation".into()) },
            Some(set) => Choice { label: set.clone().into(), title: None },
        })
        .collect();
    let chosen = index(&values, mode);
    let on_choose = {
        let (dispatch, service) = (props.dispatch.clone(), props.service.metadata.key());
        Callback::from(move |at: usize| {
            if let Some(value) = values.get(at).cloned() {
                let annotation = MODE.to_owned();
                dispatch.dispatch(Action::Edit(Edit::SetServiceAnnotation {
                    service: service.clone(),
                    annotation,
                    value,
                }));
            }
        })
    };
    let hint = if basic {
        "The azure-load-balancer-mode annotation. A Basic load balancer serves the nodes of one set."
    } else {
        "The azure-load-balancer-mode annotation. A Standard load balancer has every node in its pool and ignores it."
    };
    html! {
        <Segmented label="Nodes behind the load balancer" {choices} {chosen} {on_choose} {hint} tall=true disabled={!basic} />
    }
}

fn index<T: PartialEq>(values: &[T], value: T) -> Option<usize> {
    values.iter().position(|one| *one == value)
}

fn frontend(service: &Service) -> String {
    let ingress = &service.status.load_balancer.ingress;
    let all: Vec<&str> = ingress.iter().map(|entry| entry.ip.as_str()).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}

/// `TCP 80 → 8080, node port 32651`, one line per port.
fn ports(service: &Service) -> Html {
    let port = |port: &ServicePort| {
        let target = port.target_port.as_ref().map_or(port.port.to_string(), ToString::to_string);
        html! {
            <span class="port">
                { format!("{} {} → {target}", port.protocol, port.port) }
                if port.node_port != 0 { <span class="soft">{ format!(" node {}", port.node_port) }</span> }
            </span>
        }
    };
    service.spec.ports.iter().map(port).collect()
}
