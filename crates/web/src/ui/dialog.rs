//! The one dialog: the browser's own, which keeps the focus inside and closes on Escape.

use super::Work;
use web_sys::HtmlDialogElement;
use yew::prelude::*;

/// What a dialog needs.
#[derive(Properties, PartialEq)]
pub(crate) struct DialogProps {
    /// Its heading.
    pub(crate) title: AttrValue,
    /// The person closed it.
    pub(crate) on_close: Callback<()>,
    /// What it shows.
    pub(crate) children: Html,
}

/// A dialog that is open as long as it is there.
#[component]
pub(crate) fn Dialog(props: &DialogProps) -> Html {
    let dialog = use_node_ref();
    use_effect_with(dialog.clone(), |dialog| {
        let element = dialog.cast::<HtmlDialogElement>();
        if let Some(element) = &element {
            // It fails only for a dialog that is already open.
            let _ = element.show_modal();
        }
        move || {
            if let Some(element) = element {
                element.close();
            }
        }
    });
    let oncancel = {
        let on_close = props.on_close.clone();
        Callback::from(move |event: Event| {
            event.prevent_default();
            on_close.emit(());
        })
    };
    let onclick = {
        let on_close = props.on_close.clone();
        Callback::from(move |_: MouseEvent| on_close.emit(()))
    };
    html! {
        <dialog ref={dialog} aria-labelledby="dialog-title" {oncancel}>
            <div class="dialog-head">
                <h2 id="dialog-title">{ &props.title }</h2>
                <button type="button" class="btn quiet" {onclick}>{ "Close" }</button>
            </div>
            <div class="dialog-body">{ props.children.clone() }</div>
            // What lies behind a dialog cannot be reached.
            <Work />
        </dialog>
    }
}
