//! The result dock: trace, shares, rules, load balancer.

use super::{
    balancer::Balancers,
    changes::Changes,
    matrix::Matrix,
    network::Network,
    rules::Rules,
    shares::Shares,
    trace::{Trace, way_switch},
};
use crate::world::World;
use crate::{
    hand_over,
    ptr::Ptr,
    state::{Action, Answer, Changed, Dispatch, Message, RealRules, Tab},
    ui::Tabs,
};
use model::NodeName;
use wasm_bindgen_futures::spawn_local;
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
    /// The last edit and the cluster before it.
    pub(crate) changed: Option<Ptr<Changed>>,
    /// The open tab.
    pub(crate) tab: Tab,
    /// The node whose rules are shown.
    pub(crate) rules_node: Option<NodeName>,
    /// What is searched for in its rules.
    pub(crate) rules_search: AttrValue,
    /// What real nodes have.
    pub(crate) real_rules: RealRules,
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
    // Other tabs may do without the answer.
    let paths = if props.tab == Tab::Trace { props.answer.paths() } else { None };
    let aside = paths.and_then(|paths| paths.outcomes.get(props.outcome)).map(|outcome| {
        html! {
            <>
                if outcome.reply.is_some() { { way_switch(props.reply, &props.dispatch) } }
                { copy_trace(&props.answer, props.outcome, &props.dispatch) }
            </>
        }
    });
    let (answer, dispatch, outcome) = (props.answer.clone(), props.dispatch.clone(), props.outcome);
    let panel = match props.tab {
        Tab::Trace => html! {
            <Trace {answer} {outcome} reply={props.reply} highlight={props.highlight} given={props.real_rules.clone()} {dispatch} />
        },
        Tab::Shares => html! { <Shares world={props.world.clone()} {answer} /> },
        Tab::Changes => html! {
            <Changes changed={props.changed.clone()} />
        },
        Tab::Rules => html! {
            <Rules world={props.world.clone()} {answer} {outcome} node={props.rules_node.clone()}
                search={props.rules_search.clone()} real={props.real_rules.clone()} changed={props.changed.clone()} {dispatch} />
        },
        Tab::LoadBalancer => html! { <Balancers world={props.world.clone()} {dispatch} /> },
        Tab::Matrix => html! { <Matrix world={props.world.clone()} {dispatch} /> },
        Tab::Network => html! { <Network world={props.world.clone()} {answer} {outcome} {dispatch} /> },
    };
    let names: Vec<AttrValue> = Tab::ALL.iter().map(|(_, name)| AttrValue::Static(name)).collect();
    html! {
        <section class="dock" aria-label="Result">
            <Tabs label="Result" {names} {open} {on_open} aside={aside.unwrap_or_default()}>{ panel }</Tabs>
        </section>
    }
}

/// Puts the drawn branch on the clipboard as text, for a ticket or a chat.
fn copy_trace(answer: &Ptr<Answer>, outcome: usize, dispatch: &Dispatch) -> Html {
    let (answer, dispatch) = (answer.clone(), dispatch.clone());
    let onclick = Callback::from(move |_: MouseEvent| {
        let (answer, dispatch) = (answer.clone(), dispatch.clone());
        spawn_local(async move {
            let message = match answer.text(outcome).await {
                Err(why) => {
                    return dispatch
                        .dispatch(Action::Tell(Some(Message::error(format!("Not copied: {why}.")))));
                }
                Ok(text) => hand_over::copy(&text).await,
            };
            let message = match message {
                Some(()) => Message::note("The trace is on the clipboard, as text."),
                None => {
                    Message::error("The browser did not let the trace be copied; Export has it as a file.")
                }
            };
            dispatch.dispatch(Action::Tell(Some(message)));
        });
    });
    html! { <button type="button" class="btn" {onclick}>{ "Copy as text" }</button> }
}
