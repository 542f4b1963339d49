//! A node's iptables rules as `iptables-save` prints them, with those that the drawn branch matched.

use crate::{
    ptr::Ptr,
    state::{Action, Answer, Dispatch},
};
use engine::{PathOutcome, StationKind, Step, World};
use model::{NodeName, kubernetes::IpFamily};
use netfilter::{Family, Form};
use std::{collections::BTreeMap, net::IpAddr};
use web_sys::{HtmlInputElement, HtmlSelectElement};
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

/// Lines shown of one node; more are cut, and the panel says so.
const MOST_LINES: usize = 2_000;

/// The rules of a node.
#[component]
pub(super) fn Rules(props: &RulesProps) -> Html {
    let search = use_state(String::new);
    let only = use_state(|| false);
    let outcome = props.answer.paths().and_then(|paths| paths.outcomes.get(props.outcome));
    let passed = outcome.and_then(|outcome| outcome.node.clone().or_else(|| first_node(outcome)));
    let names = || props.world.model().nodes.keys();
    let Some(node) = props.node.clone().or(passed).or_else(|| names().next().cloned()) else {
        return html! { <p class="empty">{ "The cluster has no node." }</p> };
    };
    let family = family(props);
    let text = props.world.rules(&node, family.0).map(|rules| rules.text(family.1, Form::Save).to_string());
    let Some(text) = text else {
        return html! { <p class="empty">{ format!("{node} has no rules: kube-proxy does not run there.") }</p> };
    };
    let matched = outcome.map(|outcome| matched(outcome, &node)).unwrap_or_default();
    let lines = lines(&text, &matched, &search.to_lowercase(), *only);
    let first = lines.iter().filter_map(|line| line.steps.first()).min().copied();
    let rules = lines.iter().filter(|line| line.text.starts_with("-A")).count();
    let onnode = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |event: Event| {
            if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
                dispatch.dispatch(Action::ShowRules(select.value().into()));
            }
        })
    };
    let oninput = {
        let search = search.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                search.set(input.value());
            }
        })
    };
    let ononly = {
        let only = only.clone();
        Callback::from(move |_: Event| only.set(!*only))
    };
    let text_box = use_node_ref();
    use_effect_with((props.answer.clone(), props.outcome, node.clone()), {
        let text_box = text_box.clone();
        move |_| show_first_match(&text_box)
    });
    html! {
        <div class="rules">
            <div class="rules-head">
                <select aria-label="Node" onchange={onnode}>
                    { for names().map(|name| html! {
                        <option value={name.to_string()} selected={*name == node}>{ name.as_str() }</option>
                    }) }
                </select>
                <input type="search" aria-label="Search rules" placeholder="Search rules" value={(*search).clone()} {oninput} />
                <label class="check"><input type="checkbox" checked={*only} onchange={ononly} />{ "Only matched" }</label>
                <p class="hint" role="status">
                    { format!("{rules} rules shown, {} matched by the drawn branch, numbered by step", matched.len()) }
                </p>
            </div>
            if lines.is_empty() { <p class="empty">{ "No rule fits." }</p> }
            <pre ref={text_box} class="rule-text" tabindex="0" aria-label={format!("iptables rules of {node}")}>
                { for lines.iter().take(MOST_LINES).map(|line| line.html(first)) }
                if lines.len() > MOST_LINES { { format!("… {} more lines: search to see them\n", lines.len() - MOST_LINES) } }
            </pre>
        </div>
    }
}

/// The family of the flow, for rules of that family.
fn family(props: &RulesProps) -> (IpFamily, Family) {
    let destination = props.answer.paths().map(|paths| paths.flow.destination);
    match destination {
        Some(IpAddr::V6(_)) => (IpFamily::IPv6, Family::V6),
        _ => (IpFamily::IPv4, Family::V4),
    }
}

fn at_node(step: &Step, node: &str) -> bool {
    step.station.kind == StationKind::Node && &*step.station.name == node
}

fn first_node(outcome: &PathOutcome) -> Option<NodeName> {
    let step = outcome.steps.iter().find(|step| step.station.kind == StationKind::Node)?;
    Some((&*step.station.name).into())
}

/// Rules that the branch matched on a node, by table and text, with the numbers of their steps.
fn matched(outcome: &PathOutcome, node: &NodeName) -> BTreeMap<(String, String), Vec<usize>> {
    let back = outcome.reply.iter().flat_map(|reply| &reply.steps);
    let mut matched: BTreeMap<(String, String), Vec<usize>> = BTreeMap::new();
    for (at, step) in outcome.steps.iter().chain(back).enumerate() {
        let Some(rule) = step.rule.as_ref().filter(|_| at_node(step, node.as_str())) else { continue };
        let table = rule.place.split(' ').next().unwrap_or_default();
        matched.entry((table.to_owned(), rule.text.to_string())).or_default().push(at + 1);
    }
    matched
}

/// Scrolls the panel, never the page, to the first rule that matched.
fn show_first_match(text: &NodeRef) {
    use wasm_bindgen::JsCast;
    let Some(text) = text.cast::<web_sys::Element>() else { return };
    let mark = text.query_selector("mark[data-first]").ok().flatten();
    let panel = text.closest("[role='tabpanel']").ok().flatten();
    if let (Some(mark), Some(panel)) =
        (mark.and_then(|mark| mark.dyn_into::<web_sys::HtmlElement>().ok()), panel)
    {
        panel.set_scroll_top((mark.offset_top() - panel.client_height() / 3).max(0));
    }
}

/// A line of the text.
struct Line<'a> {
    text: &'a str,
    /// Numbers of the steps that matched it.
    steps: Vec<usize>,
}

fn lines<'a>(
    text: &'a str,
    matched: &BTreeMap<(String, String), Vec<usize>>,
    search: &str,
    only_matched: bool,
) -> Vec<Line<'a>> {
    let mut table = "";
    let mut lines = Vec::new();
    for text in text.lines() {
        table = text.strip_prefix('*').unwrap_or(table);
        let steps = matched.get(&(table.to_owned(), text.to_owned())).cloned().unwrap_or_default();
        let fits = search.is_empty() || text.to_lowercase().contains(search);
        if fits && (!only_matched || !steps.is_empty()) {
            lines.push(Line { text, steps });
        }
    }
    lines
}

impl Line<'_> {
    /// The line; `first` is the number of the first step that matched any.
    fn html(&self, first: Option<usize>) -> Html {
        let kind = match self.text.bytes().next() {
            Some(b'*') => "table",
            Some(b':') => "chain",
            Some(b'-') => "append",
            _ => "other",
        };
        if self.steps.is_empty() {
            return html! { <span class={kind}>{ self.text }{ "\n" }</span> };
        }
        let steps: Vec<String> = self.steps.iter().map(ToString::to_string).collect();
        html! {
            <mark class={kind} data-first={(self.steps.first() == first.as_ref()).then_some("")}><span class="at" aria-label={format!("step {}", steps.join(", "))}>{ steps.join(",") }</span>{ self.text }{ "\n" }</mark>
        }
    }
}
