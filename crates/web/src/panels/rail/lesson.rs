//! A lesson: look, predict, see, and go on.

use super::{open, turn};
use crate::{
    ptr::Ptr,
    state::{
        Action, Dispatch,
        guide::{Stage, Taken, Turn},
    },
    tutor::{self, Lead},
};
use lessons::{Claim, Grade, Listed, Posed};
use model::Model;
use render::capital;
use std::rc::Rc;
use yew::prelude::*;

#[inline(never)]
pub(super) fn lesson(
    taken: &Rc<Taken>,
    next: Option<&Listed>,
    model: &Ptr<Model>,
    dispatch: &Dispatch,
) -> Html {
    let Some(step) = taken.step() else { return Html::default() };
    let (number, of) = (taken.step + 1, taken.sheet.steps.len());
    let flow = step.flow.as_ref().map(|flow| {
        html! { <p class="mono lesson-flow">{ format!("{} → {}", flow.from, flow.to) }</p> }
    });
    let rest = match &taken.stage {
        Stage::Asked(None, _) => html! { <p role="status">{ "Making the question…" }</p> },
        Stage::Asked(Some(posed), picked) => question(posed, picked, dispatch),
        Stage::Told(grade) => told(taken, grade.as_ref(), next, model, dispatch),
    };
    html! {
        <>
            <p class="hint">{ format!("{} · step {number} of {of}", taken.sheet.chapter) }</p>
            <progress max={of.to_string()} value={number.to_string()} aria-label="Steps of the lesson" />
            <h2 id="rail-title" tabindex="-1">{ &taken.sheet.title }</h2>
            if taken.step == 0 { <p class="idea">{ &taken.sheet.idea }</p> }
            <p>{ &step.caption }</p>
            { for flow }
            { rest }
        </>
    }
}

fn question(posed: &Posed, picked: &[usize], dispatch: &Dispatch) -> Html {
    let kind = if posed.several { "checkbox" } else { "radio" };
    let option = |at: usize, text: &str| {
        let dispatch = dispatch.clone();
        let onchange = Callback::from(move |_: Event| dispatch.dispatch(Action::Guide(Turn::Pick(at))));
        html! {
            <label class="option" key={at}>
                <input type={kind} name="option" checked={picked.contains(&at)} {onchange} />
                <span>{ text }</span>
            </label>
        }
    };
    let onsubmit = {
        let dispatch = dispatch.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            dispatch.dispatch(Action::Guide(Turn::Check));
        })
    };
    html! {
        <form class="question" {onsubmit}>
            <fieldset>
                <legend>{ &posed.prompt }</legend>
                if posed.several { <p class="hint">{ "Several may be right." }</p> }
                { for posed.options.iter().enumerate().map(|(at, one)| option(at, &one.text)) }
            </fieldset>
            <button type="submit" class="btn strong" aria-disabled={picked.is_empty().to_string()}>{ "Check" }</button>
        </form>
    }
}

fn told(
    taken: &Rc<Taken>,
    grade: Option<&Grade>,
    next: Option<&Listed>,
    model: &Ptr<Model>,
    dispatch: &Dispatch,
) -> Html {
    let reveal = taken.step().map(|step| step.reveal.clone()).unwrap_or_default();
    html! {
        <div class="told-step">
            <div role="status">
                if let Some(grade) = grade { { mark(grade) } }
                <p>{ reveal }</p>
            </div>
            { onwards(taken, next, model, dispatch) }
        </div>
    }
}

fn mark(grade: &Grade) -> Html {
    if grade.right {
        html! { <p class="mark-right"><strong>{ "Right." }</strong></p> }
    } else {
        html! { <p class="mark-wrong"><strong>{ "Not quite." }</strong>{ " It is: " }{ &grade.truth }</p> }
    }
}

/// To the next step, or from the last one to the next lesson.
fn onwards(taken: &Rc<Taken>, next: Option<&Listed>, model: &Ptr<Model>, dispatch: &Dispatch) -> Html {
    if let Some(step) = taken.next() {
        let (taken, model, dispatch) = (Rc::clone(taken), model.clone(), dispatch.clone());
        let words = match &step.change {
            Some(change) => format!("Try this: {change}"),
            None => "Next step".to_owned(),
        };
        let onclick = Callback::from(move |_: MouseEvent| {
            tutor::step(&taken, taken.step + 1, &model, dispatch.clone());
        });
        return html! { <button type="button" class="btn strong wide" {onclick}>{ words }</button> };
    }
    let again = open(dispatch, Lead::Lesson(taken.id.clone(), 0));
    html! {
        <>
            if !taken.sheet.claims.is_empty() { { claims(&taken.sheet.claims) } }
            <p class="hint">{ "The lesson is done. Its cluster is yours to play with until you go back." }</p>
            if let Some(next) = next {
                <button type="button" class="btn strong wide" onclick={open(dispatch, Lead::Lesson(next.id.clone(), 0))}>
                    { format!("Next lesson: {}", next.title) }
                </button>
            }
            <div class="actions">
                <button type="button" class="btn" onclick={again}>{ "Begin again" }</button>
                <button type="button" class="btn" onclick={turn(dispatch, Turn::Leave)}>{ "All lessons" }</button>
            </div>
        </>
    }
}

fn claims(claims: &[Claim]) -> Html {
    let line = |claim: &Claim| {
        html! {
            <li>
                <p>{ "“" }{ &claim.says }{ "”" }</p>
                <p><strong>{ capital(&claim.verdict.to_string()) }{ ". " }</strong>{ &claim.because }</p>
            </li>
        }
    };
    html! { <section class="claims"><h3>{ "What people say" }</h3><ul>{ for claims.iter().map(line) }</ul></section> }
}
