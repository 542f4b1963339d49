//! The head of the page: name, preset, flow, history, theme.

use super::flow_bar::FlowBar;
use crate::presets::{PRESETS, Preset};
use crate::{
    ptr::Ptr,
    state::{Action, Dialog, Dispatch, compare::Baseline},
    theme,
    ui::{Glyph, icon},
};
use engine::Flow;
use model::Model;
use std::rc::Rc;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

/// What the head needs.
#[derive(Properties, PartialEq)]
pub(crate) struct TopBarProps {
    /// The preset that the cluster began as.
    pub(crate) preset: Option<&'static Preset>,
    /// The settled cluster, for completion.
    pub(crate) model: Ptr<Model>,
    /// The flow that is asked about.
    pub(crate) flow: Rc<Flow>,
    /// What undo would take back.
    pub(crate) undo: Option<AttrValue>,
    /// What redo would do again.
    pub(crate) redo: Option<AttrValue>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
    /// The cluster is that of a lesson or of a question.
    pub(crate) visiting: bool,
    /// The cluster is compared with another.
    pub(crate) comparing: bool,
    /// The page is dark.
    pub(crate) dark: bool,
}

/// The head of the page.
#[component]
pub(crate) fn TopBar(props: &TopBarProps) -> Html {
    let act = |action: Action| {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(action.clone()))
    };
    let show = |dialog: Dialog| act(Action::Show(Some(dialog)));
    let compare = if props.comparing { None } else { Some(Baseline::OtherPolicy) };
    html! {
        <header class="top">
            <h1 class="logo">
                <svg class="mark" viewBox="0 0 22 22" aria-hidden="true">
                    <path class="hop" d="M4 15C6 3 16 3 18 15" />
                    <circle class="from" cx="4" cy="15" r="3" />
                    <circle class="to" cx="18" cy="15" r="3" />
                </svg>
                { "Hopscope" }
            </h1>
            { preset_picker(props) }
            <FlowBar model={props.model.clone()} flow={Rc::clone(&props.flow)} dispatch={props.dispatch.clone()} />
            <div class="tools">
                { turn(Glyph::Undo, "Undo", "Control+Z", props.undo.as_ref(), act(Action::Undo)) }
                { turn(Glyph::Redo, "Redo", "Control+Y", props.redo.as_ref(), act(Action::Redo)) }
                <button type="button" class="btn icon-btn" aria-label="History" title="History" onclick={show(Dialog::History)}>
                    { icon(Glyph::History) }</button>
                <button type="button" class="btn" aria-pressed={props.comparing.to_string()} onclick={act(Action::Compare(compare))}>{ "Compare" }</button>
                <button type="button" class="btn" onclick={show(Dialog::Share)}>{ "Share…" }</button>
                <button type="button" class="btn" onclick={show(Dialog::Open)}>{ "Open…" }</button>
                <button type="button" class="btn icon-btn" aria-label="Commands" title="Commands (Ctrl+K)" aria-keyshortcuts="Control+K"
                    onclick={show(Dialog::Palette)}>{ icon(Glyph::Search) }</button>
                { theme::button(props.dark, act(Action::ToggleTheme)) }
                <button type="button" class="btn icon-btn" aria-label="Help" title="Help (?)" onclick={show(Dialog::Help)}>{ "?" }</button>
            </div>
        </header>
    }
}

/// Undo or redo. It stays in the tab order where there is nothing to do, so that the focus is not lost.
fn turn(
    glyph: Glyph,
    name: &'static str,
    shortcut: &'static str,
    what: Option<&AttrValue>,
    onclick: Callback<MouseEvent>,
) -> Html {
    let title = match what {
        Some(what) => format!("{name}: {what}"),
        None => format!("Nothing to {}", name.to_ascii_lowercase()),
    };
    html! {
        <button type="button" class="btn icon-btn" aria-label={name} aria-keyshortcuts={shortcut}
            aria-disabled={what.is_none().to_string()} {title} {onclick}>
            { icon(glyph) }
        </button>
    }
}

fn preset_picker(props: &TopBarProps) -> Html {
    let onchange = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |event: Event| {
            let name = event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value());
            if let Some(preset) = name.as_deref().and_then(Preset::find) {
                dispatch.dispatch(Action::OpenPreset(preset));
            }
        })
    };
    let option = |preset: &'static Preset| {
        html! {
            <option key={preset.name} value={preset.name} selected={props.preset == Some(preset)}>
                { preset.title }
            </option>
        }
    };
    html! {
        <select class="preset" aria-label="Example cluster" {onchange}>
            if props.preset.is_none() {
                <option value="" selected=true>{ if props.visiting { "Cluster of the lesson" } else { "Your cluster" } }</option>
            }
            { for PRESETS.iter().map(option) }
        </select>
    }
}
