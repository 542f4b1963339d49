//! Load balancers as tables.

use crate::{ptr::Ptr, state::Dispatch};
use engine::World;
use yew::prelude::*;

/// What the tables need.
#[derive(Properties, PartialEq)]
pub(super) struct BalancersProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// The load balancers.
#[component]
pub(super) fn Balancers(_props: &BalancersProps) -> Html {
    html! { <p class="empty">{ "No load balancer." }</p> }
}
