//! A question that people ask, its answer, and the clusters that show it.

use super::{open, turn};
use crate::{
    state::{
        Dispatch,
        guide::{Looked, Turn},
    },
    tutor::Lead,
};
use lessons::FlowSpec;
use render::capital;
use yew::prelude::*;

#[inline(never)]
pub(super) fn answered(looked: &Looked, dispatch: &Dispatch) -> Html {
    let case = |at: usize| {
        let here = at == looked.case;
        let case = looked.answered.cases.get(at)?;
        let onclick = open(dispatch, Lead::Question(looked.id.clone(), at));
        Some(html! {
            <li key={at}>
                <button type="button" class="story" aria-pressed={here.to_string()} {onclick}>
                    <span class="story-number" aria-hidden="true">{ at + 1 }</span>
                    <span class="story-title">{ capital(&case.name) }</span>
                </button>
                if here { { flows(&case.flows, looked.flow, dispatch) } }
            </li>
        })
    };
    html! {
        <>
            <p class="hint">{ "A question people ask" }</p>
            <h2 id="rail-title" tabindex="-1">{ &looked.answered.question }</h2>
            <p class="answer">{ &looked.answered.answer }</p>
            <h3>{ "See for yourself" }</h3>
            <ol class="stories">{ for (0..looked.answered.cases.len()).filter_map(case) }</ol>
            <p class="hint">{ format!("Asked in {}.", looked.answered.asked.join(", ")) }</p>
        </>
    }
}

fn flows(flows: &[FlowSpec], shown: usize, dispatch: &Dispatch) -> Html {
    let line = |at: usize, flow: &FlowSpec| {
        let to = match (&flow.host, &flow.path) {
            (None, None) => flow.to.clone(),
            (host, path) => format!(
                "{}, {}{}",
                flow.to,
                host.as_deref().unwrap_or_default(),
                path.as_deref().unwrap_or_default()
            ),
        };
        let via = flow.via.as_ref().map(|node| format!(", by {node}")).unwrap_or_default();
        html! {
            <li key={at}>
                <button type="button" class="flow-line mono" aria-pressed={(at == shown).to_string()}
                    onclick={turn(dispatch, Turn::Flow(at))}>{ format!("{} → {to}{via}", flow.from) }</button>
            </li>
        }
    };
    if flows.is_empty() {
        return html! { <p class="story-text">{ "What its health probe sees stands below, under Load balancer." }</p> };
    }
    html! { <ul class="flow-lines" aria-label="Flows">{ for flows.iter().enumerate().map(|(at, flow)| line(at, flow)) }</ul> }
}
