//! The flow bar: who sends, where to, by which protocol.

use crate::{
    ptr::Ptr,
    state::{Action, Dispatch, Message, facts, link},
};
use engine::Flow;
use model::{Model, kubernetes::Protocol};
use std::rc::Rc;
use web_sys::{HtmlInputElement, HtmlSelectElement};
use yew::prelude::*;

/// What the flow bar needs.
#[derive(Properties, PartialEq)]
pub(super) struct FlowBarProps {
    /// The settled cluster, for completion.
    pub(super) model: Ptr<Model>,
    /// The flow that is asked about.
    pub(super) flow: Rc<Flow>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// The flow as text, while it is edited.
#[derive(Debug, Clone, PartialEq)]
struct Draft {
    from: String,
    to: String,
    protocol: Protocol,
}

impl Draft {
    fn of(flow: &Flow) -> Self {
        let (from, to) = link::ends(flow);
        Self { from, to, protocol: flow.protocol }
    }

    fn parse(&self) -> Result<Flow, String> {
        link::flow(&self.from, &self.to, self.protocol)
    }
}

/// The flow bar.
#[component]
pub(super) fn FlowBar(props: &FlowBarProps) -> Html {
    let draft = use_state(|| Draft::of(&props.flow));
    {
        let draft = draft.clone();
        use_effect_with(Rc::clone(&props.flow), move |flow| draft.set(Draft::of(flow)));
    }
    let edit = |change: fn(&mut Draft, String)| {
        let draft = draft.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(input) = event.target_dyn_into::<HtmlInputElement>() {
                let mut next = (*draft).clone();
                change(&mut next, input.value());
                draft.set(next);
            }
        })
    };
    let onchange = {
        let draft = draft.clone();
        Callback::from(move |event: Event| {
            let value = event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value());
            let protocol = if value.as_deref() == Some("UDP") { Protocol::Udp } else { Protocol::Tcp };
            draft.set(Draft { protocol, ..(*draft).clone() });
        })
    };
    let ask = |action: fn(Flow) -> Action| {
        let (draft, dispatch) = (draft.clone(), props.dispatch.clone());
        move || match draft.parse() {
            Ok(flow) => dispatch.dispatch(action(flow)),
            Err(text) => dispatch.dispatch(Action::Tell(Some(Message::error(text)))),
        }
    };
    let send = ask(Action::Send);
    let run = ask(Action::Run);
    let onsubmit = Callback::from(move |event: SubmitEvent| {
        event.prevent_default();
        send();
    });
    let onrun = Callback::from(move |_: MouseEvent| run());
    let protocol = |protocol: Protocol| {
        html! {
            <option value={protocol.upper()} selected={draft.protocol == protocol}>{ protocol.upper() }</option>
        }
    };
    html! {
        <form class="flow" aria-label="Flow" {onsubmit}>
            <input class="mono" aria-label="From" title="An address, pod/NAMESPACE/NAME, node/NAME"
                list="senders" autocomplete="off" spellcheck="false"
                value={draft.from.clone()} oninput={edit(|draft, text| draft.from = text)} />
            <span class="flow-arrow" aria-hidden="true">{ "→" }</span>
            <input class="mono wide" aria-label="To" title="svc/NAMESPACE/NAME:PORT, node/NAME:PORT, pod/…, ADDRESS:PORT"
                list="receivers" autocomplete="off" spellcheck="false"
                value={draft.to.clone()} oninput={edit(|draft, text| draft.to = text)} />
            <select aria-label="Protocol" {onchange}>
                { protocol(Protocol::Tcp) }
                { protocol(Protocol::Udp) }
            </select>
            <Completions model={props.model.clone()} />
            <button type="submit" class="btn strong">{ "Send" }</button>
            <button type="button" class="btn round" onclick={onrun}>{ "Run 100" }</button>
        </form>
    }
}

#[derive(Properties, PartialEq)]
struct CompletionsProps {
    model: Ptr<Model>,
}

/// What the two fields offer. Long lists are cut: who has thousands of pods types the name.
#[component]
fn Completions(props: &CompletionsProps) -> Html {
    const MOST: usize = 200;
    let options = |names: Vec<String>| {
        names.into_iter().take(MOST).map(|name| html! { <option value={name} /> }).collect::<Html>()
    };
    html! {
        <>
            <datalist id="senders">{ options(facts::senders(&props.model)) }</datalist>
            <datalist id="receivers">{ options(facts::receivers(&props.model)) }</datalist>
        </>
    }
}
