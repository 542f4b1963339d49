//! The result dock: trace, shares, rules, load balancer.

use super::{
    balancer::Balancers,
    rules::Rules,
    shares::Shares,
    trace::{Trace, WaySwitch},
};
use crate::{
    ptr::Ptr,
    state::{Action, Answer, Dispatch, Tab},
    ui::Tabs,
};
use engine::World;
use model::NodeName;
use yew::prelude::*;

/// What the dock needs.
#[derive(Properties, PartialEq)]
pub(crate) struct DockProps {
    /// The settled cluster.
    pub(crate) world: Ptr<World>,
    /// What the engine says about the flow.
    pub(crate) answer: Ptr<Answer>,
    /// The branch that is drawn.
    pub(crate) outcome: usize,
    /// Whether the way back is drawn.
    pub(crate) reply: bool,
    /// The step that is lit.
    pub(crate) highlight: Option<usize>,
    /// The open tab.
    pub(crate) tab: Tab,
    /// The node whose rules are shown.
    pub(crate) rules_node: Option<NodeName>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// The result dock.
#[component]
pub(crate) fn Dock(props: &DockProps) -> Html {
    let open = Tab::ALL.iter().position(|(tab, _)| *tab == props.tab).unwrap_or_default();
    let on_open = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |at: usize| {
            if let Some((tab, _)) = Tab::ALL.get(at) {
                dispatch.dispatch(Action::OpenTab(*tab));
            }
        })
    };
    let outcome = props.answer.paths().and_then(|paths| paths.outcomes.get(props.outcome));
    let answered = outcome.is_some_and(|outcome| outcome.reply.is_some());
    let aside = if answered && props.tab == Tab::Trace {
        html! { <WaySwitch reply={props.reply} dispatch={props.dispatch.clone()} /> }
    } else {
        Html::default()
    };
    let (answer, dispatch, outcome) = (props.answer.clone(), props.dispatch.clone(), props.outcome);
    let panel = match props.tab {
        Tab::Trace => html! {
            <Trace {answer} {outcome} reply={props.reply} highlight={props.highlight} {dispatch} />
        },
        Tab::Shares => html! { <Shares {answer} /> },
        Tab::Rules => html! {
            <Rules world={props.world.clone()} {answer} {outcome} node={props.rules_node.clone()} {dispatch} />
        },
        Tab::LoadBalancer => html! { <Balancers world={props.world.clone()} /> },
    };
    let names: Vec<AttrValue> = Tab::ALL.iter().map(|(_, name)| AttrValue::Static(name)).collect();
    html! {
        <section class="dock" aria-label="Result">
            <Tabs label="Result" {names} {open} {on_open} {aside}>{ panel }</Tabs>
        </section>
    }
}
