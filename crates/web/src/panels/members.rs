//! The members of a backend pool: NICs that are taken from pool to pool, by pointer, tap or keyboard.

use crate::state::{Action, Dispatch};
use model::NodeName;
use session::BackendPool;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;
use yew::prelude::*;

/// A NIC that is being moved.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Carried {
    node: NodeName,
    from: BackendPool,
    /// By the pointer; else its ways are offered as buttons.
    dragged: bool,
}

/// What the members of a pool need.
#[derive(Properties, PartialEq)]
pub(super) struct MembersProps {
    /// The pool.
    pub(super) pool: BackendPool,
    /// Its nodes.
    pub(super) nodes: Vec<NodeName>,
    /// Every pool of the cluster, with its nodes.
    pub(super) pools: Rc<Vec<(BackendPool, Vec<NodeName>)>>,
    /// What is being moved, of all pools.
    pub(super) carried: UseStateHandle<Option<Carried>>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Members that are shown; those of more are in the document.
const MOST_MEMBERS: usize = 100;

/// The members.
#[component]
pub(super) fn Members(props: &MembersProps) -> Html {
    let MembersProps { pool, carried, .. } = props;
    let mine = carried.as_ref().filter(|own| own.from == *pool);
    let target = carried.as_ref().is_some_and(|own| own.dragged && own.from != *pool);
    let ondragover = Callback::from(move |event: DragEvent| {
        if target {
            event.prevent_default();
        }
    });
    let ondrop = {
        let (carried, mover, pool) = (carried.clone(), Mover::of(props), pool.clone());
        Callback::from(move |event: DragEvent| {
            event.prevent_default();
            if let Some(own) = carried.as_ref() {
                mover.go(&own.node, Some(own.from.clone()), Some(pool.clone()));
            }
            carried.set(None);
        })
    };
    let onkeydown = {
        let carried = carried.clone();
        Callback::from(move |event: KeyboardEvent| {
            if event.key() == "Escape" && carried.is_some() {
                event.prevent_default();
                keep_focus(&event);
                carried.set(None);
            }
        })
    };
    let more = props.nodes.len().saturating_sub(MOST_MEMBERS);
    html! {
        <div class={classes!("members", target.then_some("target"))} tabindex="-1" role="group"
            aria-label={format!("Nodes of {}", pool.pool)} {ondragover} {ondrop} {onkeydown}>
            if props.nodes.is_empty() { <span class="soft">{ "none" }</span> }
            { for props.nodes.iter().take(MOST_MEMBERS).map(|node| chip(props, node, mine)) }
            if more > 0 { <span class="soft">{ format!("and {more} more") }</span> }
            if let Some(own) = mine.filter(|own| !own.dragged) { { ways(props, &own.node) } }
        </div>
    }
}

fn chip(props: &MembersProps, node: &NodeName, mine: Option<&Carried>) -> Html {
    let chosen = mine.is_some_and(|own| own.node == *node);
    let carry = |dragged: bool| {
        let (carried, node, from) = (props.carried.clone(), node.clone(), props.pool.clone());
        move || carried.set(Some(Carried { node: node.clone(), from: from.clone(), dragged }))
    };
    let onclick = {
        let (carried, choose) = (props.carried.clone(), carry(false));
        Callback::from(move |_: MouseEvent| if chosen { carried.set(None) } else { choose() })
    };
    let ondragstart = {
        let (drag, node) = (carry(true), node.to_string());
        Callback::from(move |event: DragEvent| {
            if let Some(data) = event.data_transfer() {
                // Firefox drags nothing that carries no data; a browser that refuses it drags anyway.
                let _ = data.set_data("text/plain", &node);
                data.set_effect_allowed("move");
            }
            drag();
        })
    };
    let ondragend = {
        let carried = props.carried.clone();
        Callback::from(move |_: DragEvent| carried.set(None))
    };
    html! {
        <button key={node.to_string()} type="button" class="member mono" draggable="true"
            aria-expanded={if chosen { "true" } else { "false" }}
            title={format!("Drag {node} to another pool, or press for its ways")}
            {onclick} {ondragstart} {ondragend}>{ node.to_string() }</button>
    }
}

/// Where a chosen member can go.
fn ways(props: &MembersProps, node: &NodeName) -> Html {
    let here = &props.pool;
    let way = |words: String, from: Option<&BackendPool>, to: Option<&BackendPool>| {
        let (mover, node, carried) = (Mover::of(props), node.clone(), props.carried.clone());
        let (from, to) = (from.cloned(), to.cloned());
        let onclick = Callback::from(move |event: MouseEvent| {
            keep_focus(&event);
            carried.set(None);
            mover.go(&node, from.clone(), to.clone());
        });
        html! { <button type="button" class="btn" {onclick}>{ words }</button> }
    };
    let without = props.pools.iter().filter(|(_, nodes)| !nodes.contains(node));
    html! {
        <div class="actions" role="group" aria-label={format!("NIC of {node}")}>
            { way(format!("Take out of {}", here.pool), Some(here), None) }
            { for without.map(|(to, _)| html! {
                <>
                    { way(format!("Move to {}", name(here, to)), Some(here), Some(to)) }
                    { way(format!("Add to {} too", name(here, to)), None, Some(to)) }
                </>
            }) }
        </div>
    }
}

/// A pool's name, with its load balancer's where that is another.
fn name(here: &BackendPool, other: &BackendPool) -> String {
    if here.balancer == other.balancer {
        other.pool.clone()
    } else {
        format!("{}/{}", other.balancer, other.pool)
    }
}

/// The element that had the focus is about to go: its pool gets it.
fn keep_focus(event: &Event) {
    let target = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
    let pool = target.and_then(|target| target.closest(".members").ok().flatten());
    if let Some(pool) = pool.and_then(|pool| pool.dyn_into::<HtmlElement>().ok()) {
        // An element that is there and can have the focus takes it.
        let _ = pool.focus();
    }
}

/// Has the edit made.
struct Mover {
    dispatch: Dispatch,
}

impl Mover {
    fn of(props: &MembersProps) -> Self {
        Self { dispatch: props.dispatch.clone() }
    }

    fn go(&self, node: &NodeName, from: Option<BackendPool>, to: Option<BackendPool>) {
        let label = match (&from, &to) {
            (Some(from), Some(to)) => format!("Move NIC of {node} from {} to {}", from.pool, name(from, to)),
            (Some(from), None) => format!("Take NIC of {node} out of {}", from.pool),
            (None, to) => {
                let to = to.as_ref().map(|to| to.pool.as_str()).unwrap_or_default();
                format!("Add NIC of {node} to {to}")
            }
        };
        self.dispatch.dispatch(Action::MoveMember(label, node.clone(), [from, to]));
    }
}
