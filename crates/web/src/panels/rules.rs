//! A node's iptables rules as text.

use crate::{
    ptr::Ptr,
    state::{Answer, Dispatch},
};
use engine::World;
use model::NodeName;
use yew::prelude::*;

/// What the rules need.
#[derive(Properties, PartialEq)]
pub(super) struct RulesProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// What the engine says about the flow.
    pub(super) answer: Ptr<Answer>,
    /// The branch that is drawn.
    pub(super) outcome: usize,
    /// The node; `None` is the one that the drawn branch passes.
    pub(super) node: Option<NodeName>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// The rules of a node.
#[component]
pub(super) fn Rules(_props: &RulesProps) -> Html {
    html! { <p class="empty">{ "No rules." }</p> }
}
