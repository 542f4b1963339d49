//! What kube-proxy made of a node, as the tools of its mode print it; rules of mode iptables as a tree of chains too.
//! With those that connections of the flow matched.

mod line;
mod real;
mod rewritten;
mod tree;

use crate::world::World;
use crate::{
    ptr::{Identity, Ptr},
    state::{Action, Answer, Changed, Dispatch, RealRules, answer::per_cent},
    ui::{self, Choice, Segmented},
};
use engine::{PathOutcome, Paths, StationKind, Step};
use line::{Hits, Lines};
use model::{
    NodeName,
    kubernetes::{IpFamily, ProxyMode},
};
use real::Real;
use rewritten::Rewritten;
use std::{net::IpAddr, rc::Rc};
use tree::Tree;
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
    /// What is searched for.
    pub(super) search: AttrValue,
    /// What real nodes have.
    pub(super) real: RealRules,
    /// The last edit and the cluster before it.
    pub(super) changed: Option<Ptr<Changed>>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// How the rules are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// As `iptables-save` prints them.
    Text,
    /// As a tree of chains.
    Tree,
    /// What the last edit makes kube-proxy write.
    Edit,
    /// Those of a real node in their place, and how the two differ.
    Real,
}

impl Shape {
    const ALL: [(Self, &'static str); 4] =
        [(Self::Text, "Text"), (Self::Tree, "Tree"), (Self::Edit, "Last edit"), (Self::Real, "Real node")];

    /// Whether it shows the rules themselves.
    fn is_rules(self) -> bool {
        matches!(self, Self::Text | Self::Tree)
    }
}

/// Nodes that the list has; the palette, the picture and the inspector lead to the others.
const MOST_NODES: usize = 100;

/// Lines shown of one node; more are cut, and the panel says so.
const MOST_LINES: usize = 1_500;

/// The rules of a node.
#[component]
pub(super) fn Rules(props: &RulesProps) -> Html {
    let search = use_state(|| props.search.to_string());
    let only = use_state(|| false);
    let form = use_state(|| Shape::Text);
    use_effect_with(props.search.clone(), {
        let search = search.setter();
        move |wanted| search.set(wanted.to_string())
    });
    let names = || props.world.model().nodes.keys();
    let outcome = props.answer.paths().and_then(|paths| paths.outcomes.get(props.outcome));
    let passed = outcome.and_then(|outcome| outcome.node.clone().or_else(|| first_node(outcome)));
    let node = props.node.clone().or(passed).or_else(|| names().next().cloned());
    let (text_box, root) = (use_node_ref(), use_node_ref());
    use_effect_with((Identity(props.answer.clone()), props.outcome, node.clone()), {
        let text_box = text_box.clone();
        move |_| show_first_match(&text_box)
    });
    let family = family_of(&props.answer);
    let given = node.as_ref().is_some_and(|node| props.real.of(node.as_str()).is_some());
    use_effect_with((*form, given), {
        let (root, text_box) = (root.clone(), text_box.clone());
        move |_| {
            ui::to_beginning(&root);
            show_first_match(&text_box);
        }
    });
    let lines = use_memo((props.world.clone(), node.clone(), family), |(world, node, family)| {
        Some(world.rules(node.as_ref()?, *family).ok()?.map(|rules| Rc::new(Lines::of(rules))))
    });
    let Some(node) = node else {
        return html! { <p class="empty">{ "The cluster has no node." }</p> };
    };
    let Some(lines) = (*lines).clone() else { return ui::loading() };
    let Some(lines) = lines else {
        return html! { <p class="empty">{ format!("{node} has no rules: kube-proxy does not run there.") }</p> };
    };
    let hits = Rc::new(hits(props.answer.paths(), props.outcome, &node));
    let shown = lines.shown(&hits, &search.to_ascii_lowercase(), *only);
    let rules = shown.iter().filter(|line| line.is_rule()).count();
    let mode = props.world.model().proxy_mode();
    // The rules of the other modes are text alone.
    let shape = if mode == ProxyMode::Iptables { *form } else { Shape::Text };
    let drawn = hits.values().filter(|hit| !hit.steps.is_empty()).count();
    let others = hits.len() - drawn;
    let count = format!(
        "{rules} rules shown, {drawn} matched by the drawn branch, numbered by step{}",
        match others {
            0 => String::new(),
            others => format!("; {others} by other branches"),
        }
    );
    let other = Some(&node).filter(|node| !names().take(MOST_NODES).any(|name| name == *node));
    let listed = other.into_iter().chain(names().take(MOST_NODES));
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
    let on_form = {
        let form = form.clone();
        Callback::from(move |at: usize| {
            if let Some((shape, _)) = Shape::ALL.get(at) {
                form.set(*shape);
            }
        })
    };
    let ononly = {
        let only = only.clone();
        Callback::from(move |_: Event| only.set(!*only))
    };
    html! {
        <div class="rules" ref={root}>
            <div class="rules-head">
                <select aria-label="Node" onchange={onnode}>
                    { for listed.map(|name| html! {
                        <option value={name.to_string()} selected={*name == node}>{ name.as_str() }</option>
                    }) }
                </select>
                if shape.is_rules() {
                <input type="search" aria-label="Search rules" placeholder="Search rules" value={(*search).clone()} {oninput} />
                }
                if shape.is_rules() {
                <label class="check"><input type="checkbox" checked={*only} onchange={ononly} />{ "Only matched" }</label>
                }
                if mode == ProxyMode::Iptables {
                    <Segmented label="Form" quiet=true choices={Shape::ALL.map(|(_, name)| Choice::new(name)).to_vec()}
                        chosen={Shape::ALL.iter().position(|(one, _)| *one == shape)} on_choose={on_form} />
                }
                if given && shape != Shape::Real { <span class="badge given">{ "given rules" }</span> }
                if shape.is_rules() { <p class="hint" role="status">{ count }</p> }
            </div>
            if shape == Shape::Real {
                <Real world={props.world.clone()} node={node.clone()} text={props.real.of(node.as_str()).cloned()} dispatch={props.dispatch.clone()} />
            } else if shape == Shape::Edit {
                <Rewritten world={props.world.clone()} changed={props.changed.clone()} node={node.clone()} {family} />
            } else if shown.is_empty() {
                <p class="empty">{ "No rule fits." }</p>
            } else if shape == Shape::Tree {
                <Tree lines={Rc::clone(&lines)} hits={Rc::clone(&hits)} search={search.to_ascii_lowercase()} only={*only}
                    model={Ptr::clone(&props.world)} dispatch={props.dispatch.clone()} />
            } else {
                <pre ref={text_box} class="rule-text" tabindex="0" aria-label={format!("{mode} rules of {node}")}>
                    { for shown.iter().take(MOST_LINES).map(|line| {
                        line.html(&hits, props.world.model(), &props.dispatch)
                    }) }
                    if shown.len() > MOST_LINES { { format!("… {} more lines: search to see them\n", shown.len() - MOST_LINES) } }
                </pre>
            }
        </div>
    }
}

/// The family of the flow.
fn family_of(answer: &Answer) -> IpFamily {
    match answer.paths().map(|paths| paths.flow.destination) {
        Some(IpAddr::V6(_)) => IpFamily::IPv6,
        Some(IpAddr::V4(_)) | None => IpFamily::IPv4,
    }
}

fn at_node(step: &Step, node: &str) -> bool {
    step.station.kind == StationKind::Node && &*step.station.name == node
}

fn first_node(outcome: &PathOutcome) -> Option<NodeName> {
    let step = outcome.steps.iter().find(|step| step.station.kind == StationKind::Node)?;
    Some((&*step.station.name).into())
}

/// Rules that connections of the flow matched on a node: by which steps of the drawn branch, and in which share.
fn hits(paths: Option<&Paths>, drawn: usize, node: &NodeName) -> Hits {
    let mut hits = Hits::default();
    for (at, outcome) in paths.iter().flat_map(|paths| &paths.outcomes).enumerate() {
        let back = outcome.reply.iter().flat_map(|reply| &reply.steps);
        let mut counted = Vec::new();
        for (number, step) in outcome.steps.iter().chain(back).enumerate() {
            let Some(rule) = step.rule.as_ref().filter(|_| at_node(step, node.as_str())) else { continue };
            let table = rule.place.split(' ').next().unwrap_or_default();
            for text in line::parts(table, &rule.text) {
                let key = (table.to_owned(), text.to_owned());
                let hit = hits.entry(key.clone()).or_default();
                if at == drawn && hit.steps.last() != Some(&(number + 1)) {
                    hit.steps.push(number + 1);
                }
                // A rule that a connection matches twice is matched by it once.
                if !counted.contains(&key) {
                    hit.share += outcome.probability;
                    counted.push(key);
                }
            }
        }
    }
    hits
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
        panel.set_scroll_left(0);
        panel.set_scroll_top((mark.offset_top() - panel.client_height() / 3).max(0));
    }
}
