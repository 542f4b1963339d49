//! Tabs as WAI-ARIA has them: one stop for Tab, arrow keys within.

use super::{arrow, focus_child, to_beginning};
use yew::prelude::*;

/// What tabs need.
#[derive(Properties, PartialEq)]
pub(crate) struct TabsProps {
    /// What the tabs are of.
    pub(crate) label: AttrValue,
    /// Names of the tabs.
    pub(crate) names: Vec<AttrValue>,
    /// Index of the open one.
    pub(crate) open: usize,
    /// The person opened another one.
    pub(crate) on_open: Callback<usize>,
    /// Beside the tabs, at the far end.
    #[prop_or_default]
    pub(crate) aside: Html,
    /// What the open tab shows.
    pub(crate) children: Html,
}

/// Tabs and the panel of the open one.
#[component]
pub(crate) fn Tabs(props: &TabsProps) -> Html {
    let (list, panel) = (use_node_ref(), use_node_ref());
    use_effect_with(props.open, {
        let panel = panel.clone();
        // A tab is shown from its beginning, wherever the one before was scrolled to.
        move |_| to_beginning(&panel)
    });
    let onkeydown = {
        let (list, on_open) = (list.clone(), props.on_open.clone());
        let (open, count) = (props.open, props.names.len());
        Callback::from(move |event: KeyboardEvent| {
            if matches!(event.key().as_str(), "ArrowUp" | "ArrowDown") {
                return;
            }
            if let Some(to) = arrow(&event.key(), open, count) {
                event.prevent_default();
                focus_child(&list, to);
                on_open.emit(to);
            }
        })
    };
    let tab = |at: usize, name: &AttrValue| {
        let on_open = props.on_open.clone();
        let open = at == props.open;
        html! {
            <button key={at} type="button" role="tab" class="tab" id={format!("tab-{at}")}
                aria-selected={open.to_string()} aria-controls={open.then_some("tab-panel")}
                tabindex={if open { "0" } else { "-1" }}
                onclick={move |_| on_open.emit(at)}>{ name }</button>
        }
    };
    html! {
        <>
            <div class="tab-row">
                <div ref={list} class="tabs" role="tablist" aria-label={props.label.clone()} {onkeydown}>
                    { for props.names.iter().enumerate().map(|(at, name)| tab(at, name)) }
                </div>
                <div class="tab-aside">{ props.aside.clone() }</div>
            </div>
            <div ref={panel} class="tab-panel" id="tab-panel" role="tabpanel" tabindex="0"
                aria-labelledby={format!("tab-{}", props.open)}>
                { props.children.clone() }
            </div>
        </>
    }
}
