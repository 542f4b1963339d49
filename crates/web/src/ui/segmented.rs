//! One of a few values, all in sight: a radio group that looks like a switch.

use super::{arrow, focus_child};
use yew::prelude::*;

/// One value of a switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What the button says.
    pub(crate) label: AttrValue,
    /// What hovering adds.
    pub(crate) title: Option<AttrValue>,
}

impl Choice {
    /// A value without further words.
    pub(crate) fn new(label: impl Into<AttrValue>) -> Self {
        Self { label: label.into(), title: None }
    }
}

/// What a switch needs.
#[derive(Properties, PartialEq)]
pub(crate) struct SegmentedProps {
    /// The question: `External traffic policy`.
    pub(crate) label: AttrValue,
    /// One sentence below it.
    #[prop_or_default]
    pub(crate) hint: Option<AttrValue>,
    /// The values.
    pub(crate) choices: Vec<Choice>,
    /// Index of the value that holds; `None` if it is none of them.
    pub(crate) chosen: Option<usize>,
    /// The person chose another value.
    pub(crate) on_choose: Callback<usize>,
    /// Nothing can be chosen; the hint says why.
    #[prop_or_default]
    pub(crate) disabled: bool,
    /// The values stand one below the other.
    #[prop_or_default]
    pub(crate) tall: bool,
    /// The question is for screen readers only.
    #[prop_or_default]
    pub(crate) quiet: bool,
}

/// A segmented switch. Arrow keys move and choose, as in any radio group.
#[component]
pub(crate) fn Segmented(props: &SegmentedProps) -> Html {
    let list = use_node_ref();
    let reachable = props.chosen.unwrap_or(0);
    let onkeydown = {
        let (list, on_choose) = (list.clone(), props.on_choose.clone());
        let (count, disabled) = (props.choices.len(), props.disabled);
        Callback::from(move |event: KeyboardEvent| {
            if let Some(to) = arrow(&event.key(), reachable, count).filter(|_| !disabled) {
                event.prevent_default();
                focus_child(&list, to);
                on_choose.emit(to);
            }
        })
    };
    let button = |at: usize, choice: &Choice| {
        let on_choose = props.on_choose.clone();
        let chosen = props.chosen == Some(at);
        html! {
            <button key={at} type="button" role="radio" class="seg-item"
                aria-checked={chosen.to_string()}
                tabindex={if at == reachable { "0" } else { "-1" }}
                title={choice.title.clone()}
                disabled={props.disabled}
                onclick={move |_| if !chosen { on_choose.emit(at) }}>
                { &choice.label }
            </button>
        }
    };
    html! {
        <div class={classes!("field", (!props.tall && !props.quiet).then_some("inline"))}>
            if !props.quiet { <span class="field-name" aria-hidden="true">{ &props.label }</span> }
            <div ref={list} class={classes!("seg", props.tall.then_some("tall"))} role="radiogroup"
                aria-label={props.label.clone()} {onkeydown}>
                { for props.choices.iter().enumerate().map(|(at, choice)| button(at, choice)) }
            </div>
            if let Some(hint) = &props.hint { <p class="hint">{ hint }</p> }
        </div>
    }
}
