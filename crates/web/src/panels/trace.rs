//! The trace: every step of the drawn branch, grouped by station.

use super::{packet, words};
use crate::{
    ptr::Ptr,
    state::{
        Action, Answer, Dispatch, RealRules, Unanswered,
        answer::{per_cent, verdict_words},
    },
    ui::{self, Choice, Segmented, arrow, to_beginning},
};
use engine::{Action as Did, PathOutcome, Paths, StationKind, Step, Verdict};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// What the trace needs.
#[derive(Properties, PartialEq)]
pub(super) struct TraceProps {
    /// What the engine says about the flow.
    pub(super) answer: Ptr<Answer>,
    /// The branch that is drawn.
    pub(super) outcome: usize,
    /// Whether the way back is drawn.
    pub(super) reply: bool,
    /// The step that is lit, on the way that is drawn.
    pub(super) highlight: Option<usize>,
    /// The nodes on which given rules stand in place of the generated ones.
    pub(super) given: RealRules,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Branches by one node up to which each is a button of its own.
const FEW: usize = 4;

/// What stands in the place of an answer that is to be predicted.
pub(super) fn veil(veiled: &Unanswered) -> Html {
    html! { <p class="empty">{ format!("Not yet: {veiled}.") }</p> }
}

/// The trace.
#[component]
pub(super) fn Trace(props: &TraceProps) -> Html {
    let root = use_node_ref();
    use_effect_with(props.answer.flow.clone(), {
        let root = root.clone();
        // An edit leaves the view at the step that is looked at; another flow begins at its first.
        move |_| to_beginning(&root)
    });
    let (paths, left) = match props.answer.result() {
        Ok(answered) => (&answered.paths, answered.left),
        Err(veiled @ Unanswered::Veiled) => return veil(veiled),
        Err(Unanswered::Awaited) => return ui::loading(),
        Err(error) => {
            let dispatch = props.dispatch.clone();
            let onclick = Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::AskFirst));
            return html! {
                <div class="empty">
                    <p>{ format!("This flow cannot be traced: {error}.") }</p>
                    <button type="button" class="btn" {onclick}>{ "Ask about a flow of this cluster" }</button>
                </div>
            };
        }
    };
    let Some(outcome) = paths.outcomes.get(props.outcome).or(paths.outcomes.first()) else {
        return html! { <p class="empty">{ "No packet takes any way." }</p> };
    };
    html! {
        <div class="trace" ref={root}>
            <div class="trace-head">
                { verdict(outcome) }
                { branches("Branch", paths, props.outcome, choose(&props.dispatch), false) }
                if left > 0 { <span class="hint">{ format!("and {left} more, not listed; Shares has every receiver") }</span> }
            </div>
            { way(props, outcome) }
            { assumptions(paths) }
        </div>
    }
}

/// The steps of both ways; those of the way that is drawn can be lit.
fn way(props: &TraceProps, outcome: &PathOutcome) -> Html {
    let there = |lit: bool| {
        html! {
            <StepList key="there" label="Way there" steps={outcome.steps.clone()} first=1 {lit} given={props.given.clone()}
                highlight={props.highlight.filter(|_| lit)} dispatch={props.dispatch.clone()} />
        }
    };
    let back = |lit: bool| match &outcome.reply {
        None => Html::default(),
        Some(reply) => html! {
            <StepList key="back" label={format!("Way back: {}", verdict_words(reply.verdict, reply.cause))}
                steps={reply.steps.clone()} first={outcome.steps.len() + 1} {lit} given={props.given.clone()}
                highlight={props.highlight.filter(|_| lit)} dispatch={props.dispatch.clone()} />
        },
    };
    let order = if props.reply { [back(true), there(false)] } else { [there(true), back(false)] };
    html! { <div class="ways">{ for order }</div> }
}

/// The end of the branch in one line.
fn verdict(outcome: &PathOutcome) -> Html {
    let good = outcome.verdict == Verdict::Delivered;
    html! {
        <p class="verdict" data-testid="verdict">
            <strong class={if good { "good" } else { "bad" }}>
                { if good { "✓ " } else { "✕ " } }{ verdict_words(outcome.verdict, outcome.cause) }
            </strong>
            if let Some(endpoint) = &outcome.endpoint {
                <span>{ " to " }<b class="mono" title={endpoint.to_string()}>{ words::endpoint(endpoint) }</b></span>
            }
            if let Some(source) = outcome.source_seen {
                <span>{ ", which sees " }<b class="mono">{ source.to_string() }</b></span>
            }
            if let Some(told) = outcome.proxy_header_source {
                <span>{ " and a PROXY header with " }<b class="mono">{ told.to_string() }</b></span>
            }
            <span class="hint">{ steps_words(outcome) }</span>
        </p>
    }
}

/// How long both ways are: not all of their steps are in sight at once.
fn steps_words(outcome: &PathOutcome) -> String {
    match &outcome.reply {
        Some(reply) => format!(" {} steps there, {} back", outcome.steps.len(), reply.steps.len()),
        None => format!(" {} steps", outcome.steps.len()),
    }
}

/// Which way the picture draws.
pub(super) fn way_switch(reply: bool, dispatch: &Dispatch) -> Html {
    let dispatch = dispatch.clone();
    let on_choose = Callback::from(move |at: usize| dispatch.dispatch(Action::DrawReply(at == 1)));
    html! {
        <Segmented label="Drawn way" quiet=true choices={vec![Choice::new("Way there"), Choice::new("Way back")]}
            chosen={usize::from(reply)} {on_choose} />
    }
}

/// Draws another branch.
pub(super) fn choose(dispatch: &Dispatch) -> Callback<usize> {
    let dispatch = dispatch.clone();
    Callback::from(move |at: usize| dispatch.dispatch(Action::ChooseOutcome(at)))
}

/// Which branch is drawn, where there are several.
pub(super) fn branches(
    label: &'static str,
    paths: &Paths,
    chosen: usize,
    on_choose: Callback<usize>,
    compact: bool,
) -> Html {
    if paths.outcomes.len() < 2 {
        return Html::default();
    }
    let nodes = order::set(paths.outcomes.iter().map(|outcome| &outcome.node));
    let name = |outcome: &PathOutcome| {
        format!("{} % {}", per_cent(outcome.probability), words::branch(outcome, nodes.len() > 1))
    };
    if !compact && paths.outcomes.len() <= FEW && nodes.len() < 2 {
        let choices: Vec<Choice> = paths.outcomes.iter().map(|outcome| Choice::new(name(outcome))).collect();
        return html! { <Segmented {label} quiet=true {choices} {chosen} {on_choose} /> };
    }
    let onchange = Callback::from(move |event: Event| {
        let value = event.target_dyn_into::<web_sys::HtmlSelectElement>().map(|select| select.value());
        if let Some(at) = value.and_then(|value| value.parse().ok()) {
            on_choose.emit(at);
        }
    });
    html! {
        <select aria-label={label} {onchange}>
            { for paths.outcomes.iter().enumerate().map(|(at, outcome)| html! {
                <option value={at.to_string()} selected={at == chosen}>{ name(outcome) }</option>
            }) }
        </select>
    }
}

/// What the answer takes for granted.
fn assumptions(paths: &Paths) -> Html {
    if paths.assumptions.is_empty() {
        return Html::default();
    }
    html! {
        <details class="assumptions">
            <summary>{ match paths.assumptions.len() {
                1 => "1 assumption".to_owned(),
                many => format!("{many} assumptions"),
            } }</summary>
            <ul>{ for paths.assumptions.iter().map(|one| html! { <li>{ one.text.as_str() }</li> }) }</ul>
        </details>
    }
}

#[derive(Properties, PartialEq)]
struct StepListProps {
    label: AttrValue,
    steps: Vec<Step>,
    /// The number of the first step.
    first: usize,
    /// Whether this way is drawn, so that its steps can be lit.
    lit: bool,
    highlight: Option<usize>,
    given: RealRules,
    dispatch: Dispatch,
}

/// Steps in columns: a step that matters begins one, what only carries the packet on stands below it.
#[component]
fn StepList(props: &StepListProps) -> Html {
    let list = use_node_ref();
    let focused = use_state(|| 0_usize);
    // The same callbacks each time: a step is drawn anew only where it is another.
    let light = use_callback((props.dispatch.clone(), props.lit), |step: Option<usize>, (dispatch, lit)| {
        if *lit {
            dispatch.dispatch(Action::Highlight(step));
        }
    });
    use_effect_with(props.highlight, {
        let list = list.clone();
        move |step| {
            if let Some(step) = step_element(&list, *step) {
                bring_into_panel(&step);
            }
        }
    });
    let onkeydown = {
        let (list, count, focused) = (list.clone(), props.steps.len(), focused.clone());
        Callback::from(move |event: KeyboardEvent| {
            if let Some(to) = arrow(&event.key(), *focused, count) {
                event.prevent_default();
                focus_step(&list, to);
            }
        })
    };
    let onfocus = use_callback((light.clone(), focused.setter()), |at: usize, (light, focused)| {
        focused.set(at);
        light.emit(Some(at));
    });
    let card = |at: usize| {
        let Some(step) = props.steps.get(at) else { return Html::default() };
        let last = at.checked_sub(1).and_then(|before| props.steps.get(before));
        let arrives = last.is_none_or(|last| last.station != step.station);
        let header = arrives || step.before != step.after;
        let rule = step.rule.is_some() && last.is_none_or(|last| last.rule != step.rule);
        html! {
            <StepCard key={at} {at} number={props.first + at} step={step.clone()} {header} {rule} lit={props.highlight == Some(at)}
                reachable={at == (*focused).min(props.steps.len().saturating_sub(1))}
                light={light.clone()} onfocus={onfocus.clone()} />
        }
    };
    html! {
        <section class={classes!("way", props.lit.then_some("drawn"))} aria-label={props.label.clone()}>
            <h3 class={if props.first == 1 { "visually-hidden" } else { "way-name" }}>{ &props.label }</h3>
            <div class="stations" ref={list} {onkeydown}>
                { for stations(&props.steps).into_iter().map(|columns| station(&props.steps, &columns, &props.given, &card)) }
            </div>
        </section>
    }
}

/// Indices of steps: per station its columns, per column its steps.
fn stations(steps: &[Step]) -> Vec<Vec<Vec<usize>>> {
    /// Small steps that one column holds below its first step.
    const BELOW: usize = 3;
    let mut stations: Vec<Vec<Vec<usize>>> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let same = at
            .checked_sub(1)
            .and_then(|before| steps.get(before))
            .is_some_and(|last| last.station == step.station);
        match stations.last_mut().filter(|_| same) {
            None => stations.push(vec![vec![at]]),
            Some(columns) => match columns.last_mut() {
                Some(column) if words::is_minor(step) && column.len() <= BELOW => column.push(at),
                _ => columns.push(vec![at]),
            },
        }
    }
    stations
}

fn station(steps: &[Step], columns: &[Vec<usize>], given: &RealRules, card: &dyn Fn(usize) -> Html) -> Html {
    let Some(first) = columns.first().and_then(|column| column.first()).and_then(|at| steps.get(*at)) else {
        return Html::default();
    };
    let by_given = first.station.kind == StationKind::Node && given.of(&first.station.name).is_some();
    html! {
        <section class={classes!("station", words::owner_class(first.owner))}>
            <h4><span class="station-name"><span class="dot" aria-hidden="true" /><span>{ words::station(&first.station) }</span>{ " " }
                <span class="mono" title={first.station.name.to_string()}>{ &*first.station.name }</span></span>
                if by_given { <span class="badge given" title="What iptables-save printed on the real node decides here">{ "given rules" }</span> }</h4>
            <div class="columns">
                { for columns.iter().map(|column| html! {
                    <ol class="column">{ for column.iter().map(|at| card(*at)) }</ol>
                }) }
            </div>
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct StepCardProps {
    at: usize,
    number: usize,
    step: Step,
    /// Whether the packet's header is shown: where a station begins and where it changes.
    header: bool,
    /// Whether the rule is shown: where it is not that of the step before.
    rule: bool,
    lit: bool,
    reachable: bool,
    light: Callback<Option<usize>>,
    onfocus: Callback<usize>,
}

/// One step.
#[component]
fn StepCard(props: &StepCardProps) -> Html {
    let StepCardProps { at, number, step, .. } = props;
    let at = *at;
    let minor = words::is_minor(step);
    let enter = props.light.reform(move |_: MouseEvent| Some(at));
    let leave = props.light.reform(|_: MouseEvent| None);
    let onfocus = props.onfocus.reform(move |_: FocusEvent| at);
    html! {
        <li class={classes!("step", words::owner_class(step.owner), minor.then_some("minor"), props.lit.then_some("lit"))}
            data-step={at.to_string()} tabindex={if props.reachable { "0" } else { "-1" }}
            onmouseenter={enter} onmouseleave={leave} {onfocus}>
            <h5>
                <span class="number">{ number }</span>
                { words::heading(step) }
                if let Some(share) = step.probability.filter(|share| *share < 1.0) {
                    <span class="share">{ format!("{} %", per_cent(share)) }</span>
                }
            </h5>
            if props.header { { packet::header(&step.before, &step.after) } }
            if step.action == Did::Resolve { { near_misses(step) } }
            <p class="why">{ words::abridged(&step.why) }</p>
            if let Some(rule) = step.rule.as_ref().filter(|_| props.rule) {
                <p class="rule">
                    if words::place_in_heading(step).is_none() { <span class="rule-place">{ &*rule.place }</span> }
                    <code>{ &*rule.text }</code>
                </p>
            }
            if step.action != Did::Resolve { { near_misses(step) } }
            <p class="by">{ words::done_by(step) }</p>
        </li>
    }
}

/// Rules that almost decided; of a name, what the resolver asked for before.
fn near_misses(step: &Step) -> Html {
    if step.near_misses.is_empty() {
        return Html::default();
    }
    if step.action == Did::Resolve {
        return html! {
            <ol class="asked">
                { for step.near_misses.iter().map(|miss| html! {
                    <li><code>{ &*miss.rule.text }</code><span>{ &miss.failed }</span></li>
                }) }
            </ol>
        };
    }
    html! {
        <details class="near">
            <summary>{ match step.near_misses.len() {
                1 => "1 rule almost matched".to_owned(),
                many => format!("{many} rules almost matched"),
            } }</summary>
            <ul>
                { for step.near_misses.iter().map(|miss| html! {
                    <li><code>{ &*miss.rule.text }</code><span>{ &miss.failed }</span></li>
                }) }
            </ul>
        </details>
    }
}

fn step_element(list: &NodeRef, at: Option<usize>) -> Option<HtmlElement> {
    let step = list.cast::<Element>()?.query_selector(&format!("[data-step='{}']", at?)).ok()??;
    step.dyn_into().ok()
}

fn focus_step(list: &NodeRef, at: usize) {
    if let Some(step) = step_element(list, Some(at)) {
        // Focusing an element that is there cannot fail.
        let _ = step.focus();
    }
}

/// Scrolls the panel, never the page, so far that a step is in sight.
fn bring_into_panel(step: &HtmlElement) {
    const MARGIN: f64 = 24.0;
    let Ok(Some(panel)) = step.closest("[role='tabpanel']") else { return };
    let (inner, outer) = (step.get_bounding_client_rect(), panel.get_bounding_client_rect());
    let beyond = |start: f64, end: f64, from: f64, to: f64| {
        if start < from {
            start - from - MARGIN
        } else if end > to {
            (end - to + MARGIN).min(start - from)
        } else {
            0.0
        }
    };
    let right = beyond(inner.left(), inner.right(), outer.left(), outer.right());
    let down = beyond(inner.top(), inner.bottom(), outer.top(), outer.bottom());
    if right != 0.0 || down != 0.0 {
        #[expect(clippy::cast_possible_truncation, reason = "pixels")]
        let (right, down) = (right as i32, down as i32);
        panel.set_scroll_left(panel.scroll_left() + right);
        panel.set_scroll_top(panel.scroll_top() + down);
    }
}
