//! A node's rules as a tree: built-in chains, their rules, and below a rule the chain that it leads to.

use super::line::{Hits, Line, Lines, number};
use crate::world::World;
use crate::{ptr::Ptr, state::Dispatch};
use std::rc::Rc;
use wasm_bindgen::JsCast;
use yew::prelude::*;

/// What the tree needs.
#[derive(Properties, PartialEq)]
pub(super) struct TreeProps {
    /// The text.
    pub(super) lines: Rc<Lines>,
    /// Rules that matched.
    pub(super) hits: Rc<Hits>,
    /// What is searched for, in lower case.
    pub(super) search: String,
    /// Show only rules that matched.
    pub(super) only: bool,
    /// The settled cluster.
    pub(super) model: Ptr<World>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// Rules shown of one chain.
const MOST: usize = 300;
/// A chain below so many others is not opened by itself: real rules stay far above it.
const DEEPEST: usize = 12;

/// The tree. What matched is open.
#[component]
pub(super) fn Tree(props: &TreeProps) -> Html {
    let built_in = |line: Line<'_>| {
        let (name, policy) = line.text.strip_prefix(':')?.split_once(' ')?;
        (!policy.starts_with('-')).then(|| (line.table.to_owned(), name.to_owned()))
    };
    let roots: Vec<(String, String)> = props.lines.all().filter_map(built_in).collect();
    let filled = |(table, chain): &&(String, String)| props.lines.rules(table, chain).next().is_some();
    html! {
        <ul class="rule-tree">
            { for roots.iter().filter(filled).map(|(table, chain)| html! {
                <li key={format!("{table}/{chain}")}>
                    <p class="tree-root"><span class="soft">{ table }</span>{ " " }<b>{ chain }</b></p>
                    <Chain lines={Rc::clone(&props.lines)} hits={Rc::clone(&props.hits)} search={props.search.clone()}
                        only={props.only} model={props.model.clone()} dispatch={props.dispatch.clone()}
                        table={table.clone()} chain={chain.clone()} depth={0} />
                </li>
            }) }
        </ul>
    }
}

#[derive(Properties, PartialEq)]
struct ChainProps {
    lines: Rc<Lines>,
    hits: Rc<Hits>,
    search: String,
    only: bool,
    model: Ptr<World>,
    dispatch: Dispatch,
    table: String,
    chain: String,
    depth: usize,
}

/// The rules of a chain. A rule that leads to another chain opens it below.
#[component]
fn Chain(props: &ChainProps) -> Html {
    let leads = |line: &Line<'_>| {
        let target = line.target()?;
        props.lines.rules(&props.table, target).next().map(|_| target.to_owned())
    };
    // A rule stands for those of the chain that it leads to.
    let fits = |line: &Line<'_>| {
        let fit = |line: &Line<'_>| line.fits(&props.hits, &props.search, props.only);
        fit(line)
            || leads(line)
                .is_some_and(|target| props.lines.rules(&props.table, &target).any(|line| fit(&line)))
    };
    let all: Vec<Line<'_>> = props.lines.rules(&props.table, &props.chain).filter(fits).collect();
    html! {
        <ul>
            { for all.iter().take(MOST).map(|line| html! {
                <li key={line.text}>{ match leads(line).filter(|_| props.depth < DEEPEST) {
                    Some(target) => html! { <Branch at={line.at} {target} chain={Branched::of(props)} /> },
                    None => rule(line, props, true),
                } }</li>
            }) }
            if all.len() > MOST { <li class="hint">{ format!("and {} more: search to see them", all.len() - MOST) }</li> }
        </ul>
    }
}

/// The rule; its way to the Service is left out where the rule itself opens and closes something.
fn rule(line: &Line<'_>, props: &ChainProps, linked: bool) -> Html {
    let hit = line.hit(&props.hits);
    let text =
        line.text.strip_prefix("-A ").and_then(|text| text.split_once(' ')).map_or("", |(_, text)| text);
    html! {
        <span class={classes!("tree-rule", hit.map(|hit| if hit.steps.is_empty() { "elsewhere" } else { "hit" }))}>
            { for hit.map(number) }<code>{ text }</code>
            if linked && hit.is_some() { { line.to_service(props.model.model(), &props.dispatch) } }
        </span>
    }
}

/// The properties of a chain, for the branches below it.
#[derive(Clone, PartialEq)]
struct Branched(Rc<ChainProps>);

impl Branched {
    fn of(props: &ChainProps) -> Self {
        Self(Rc::new(ChainProps {
            lines: Rc::clone(&props.lines),
            hits: Rc::clone(&props.hits),
            search: props.search.clone(),
            only: props.only,
            model: props.model.clone(),
            dispatch: props.dispatch.clone(),
            table: props.table.clone(),
            chain: props.chain.clone(),
            depth: props.depth,
        }))
    }
}

#[derive(Properties, PartialEq)]
struct BranchProps {
    /// The place of the rule.
    at: usize,
    target: String,
    chain: Branched,
}

/// A rule and the chain that it leads to, drawn once it is open.
#[component]
fn Branch(props: &BranchProps) -> Html {
    let above = &*props.chain.0;
    let below = above.lines.rules(&above.table, &props.target);
    let line = above.lines.line(props.at);
    let matched = line.is_some_and(|line| line.hit(&above.hits).is_some())
        || below.take(MOST).any(|line| line.hit(&above.hits).is_some());
    let open = use_state(|| matched);
    let ontoggle = {
        let open = open.setter();
        Callback::from(move |event: Event| {
            let details = event.target().and_then(|target| target.dyn_into::<web_sys::Element>().ok());
            open.set(details.is_some_and(|details| details.has_attribute("open")));
        })
    };
    html! {
        <details open={*open} {ontoggle}>
            <summary>{ for line.map(|line| rule(&line, above, false)) }</summary>
            if *open {
                <Chain lines={Rc::clone(&above.lines)} hits={Rc::clone(&above.hits)} search={above.search.clone()}
                    only={above.only} model={above.model.clone()} dispatch={above.dispatch.clone()}
                    table={above.table.clone()} chain={props.target.clone()} depth={above.depth + 1} />
            }
        </details>
    }
}
