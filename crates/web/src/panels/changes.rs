//! What the last edit brought about, in the order in which it happens: from the nodes to the shares of flows.

use crate::{ptr::Ptr, state::Changed, ui};
use engine::Stage;
use yew::prelude::*;

/// What the chain needs.
#[derive(Properties, PartialEq)]
pub(super) struct ChangesProps {
    /// The last edit and what followed from it.
    pub(super) changed: Option<Ptr<Changed>>,
}

/// The chain of consequences.
#[component]
pub(super) fn Changes(props: &ChangesProps) -> Html {
    let Some(changed) = &props.changed else {
        return html! {
            <p class="empty">{ "Nothing was changed yet. Move a node, flip a policy or scale a pool: here stands what the controllers, kube-proxy and Azure make of it, in order." }</p>
        };
    };
    let stage = |stage: &Stage| {
        html! {
            <li key={stage.title} class="stage-of">
                <h4>{ stage.title }{ " " }<span class="hint">{ stage.actor }</span></h4>
                <ul>{ for stage.lines.iter().map(|line| html! { <li>{ line }</li> }) }</ul>
            </li>
        }
    };
    html! {
        <div class="changes">
            <h3>{ &changed.label }</h3>
            if !changed.notes.is_empty() {
                <ul class="notes">{ for changed.notes.iter().map(|note| html! { <li>{ note }</li> }) }</ul>
            }
            { match changed.stages() {
                None => ui::loading(),
                Some([]) => html! {
                    <p class="hint">{ "Nothing else follows: no pod, rule, probe or watched flow is another than before." }</p>
                },
                Some(stages) => html! { <ol class="chain">{ for stages.iter().map(stage) }</ol> },
            } }
        </div>
    }
}
