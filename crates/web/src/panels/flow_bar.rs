//! The flow bar: who sends, where to, by which protocol; of a request also its host and path.

use crate::{
    ptr::Ptr,
    state::{Action, Dispatch, Message, facts, link},
};
use engine::Flow;
use model::{Model, Transport};
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
    protocol: Transport,
    /// Host and path of a request, if it is one.
    request: Option<(String, String)>,
}

impl Draft {
    fn of(flow: &Flow) -> Self {
        let (from, to) = link::ends(flow);
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        let asks = flow.host.is_some() || flow.path.is_some();
        let request = asks.then(|| (text(&flow.host), text(&flow.path)));
        Self { from, to, protocol: flow.protocol, request }
    }

    /// The flow; its condition is that of the former one, as long as the ends stay.
    fn parse(&self, former: &Flow) -> Result<Flow, String> {
        let flow = link::flow(&self.from, &self.to, self.protocol)?;
        let via = former.via.clone().filter(|_| flow.from == former.from && flow.to == former.to);
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let (host, path) = match &self.request {
            Some((host, path)) => (some(host), some(path)),
            None => (None, None),
        };
        if path.as_ref().is_some_and(|path| !path.starts_with('/')) {
            return Err("Path: it begins with a slash, such as /api.".to_owned());
        }
        // The path of a URL, if the receiver is one.
        let path = flow.path.clone().or(path);
        Ok(Flow { host, path, via, ..flow })
    }
}

/// What an echo request is called.
const PING: &str = "ping";
/// What the protocol of a request is called.
const HTTP: &str = "HTTP";

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
            let protocol = match value.as_deref() {
                Some("UDP") => Transport::Udp,
                Some(PING) => Transport::Icmp,
                _ => Transport::Tcp,
            };
            let request = (value.as_deref() == Some(HTTP))
                .then(|| draft.request.clone().unwrap_or_else(|| (String::new(), "/".to_owned())));
            let mut next = Draft { protocol, request, ..(*draft).clone() };
            // A ping has no port; the one that stands there goes, and what is called stays.
            if let (Transport::Icmp, Ok((place, _))) = (protocol, engine::parse_destination(next.to.trim())) {
                next.to = place.to_string();
            }
            draft.set(next);
        })
    };
    let ask = |action: fn(Flow) -> Action| {
        let (draft, dispatch) = (draft.clone(), props.dispatch.clone());
        let former = Rc::clone(&props.flow);
        move || match draft.parse(&former) {
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
    // What the fields offer are long lists: they are made for who comes to a field.
    let offering = use_state(|| false);
    let onfocusin = {
        let offering = offering.setter();
        Callback::from(move |_: FocusEvent| offering.set(true))
    };
    let asks = draft.request.is_some();
    let protocol = |name: &'static str, chosen: bool| {
        html! { <option value={name} selected={chosen}>{ name }</option> }
    };
    let request = draft.request.as_ref().map(|(host, path)| {
        html! {
            <>
                <input class="mono host" aria-label="Host" title="The request’s host, such as shop.example.com"
                    placeholder="host" list="hosts" autocomplete="off" spellcheck="false" value={host.clone()}
                    oninput={edit(|draft, text| if let Some((host, _)) = &mut draft.request { *host = text })} />
                <input class="mono path" aria-label="Path" title="The request’s path, such as /api"
                    placeholder="/" list="paths" autocomplete="off" spellcheck="false" value={path.clone()}
                    oninput={edit(|draft, text| if let Some((_, path)) = &mut draft.request { *path = text })} />
            </>
        }
    });
    html! {
        <form class="flow" aria-label="Flow" {onsubmit} {onfocusin}>
            <input class="mono" aria-label="From" title="An address, pod/NAMESPACE/NAME, node/NAME"
                list="senders" autocomplete="off" spellcheck="false"
                value={draft.from.clone()} oninput={edit(|draft, text| draft.from = text)} />
            <span class="flow-arrow" aria-hidden="true">{ "→" }</span>
            <input class="mono wide" aria-label="To" title="svc/NAMESPACE/NAME:PORT, node/NAME:PORT, pod/…, ADDRESS:PORT"
                list="receivers" autocomplete="off" spellcheck="false"
                value={draft.to.clone()} oninput={edit(|draft, text| draft.to = text)} />
            <select aria-label="Protocol" {onchange}>
                { protocol("TCP", draft.protocol == Transport::Tcp && !asks) }
                { protocol("UDP", draft.protocol == Transport::Udp && !asks) }
                { protocol(PING, draft.protocol == Transport::Icmp) }
                { protocol(HTTP, asks) }
            </select>
            { for request }
            <Completions model={offering.then(|| props.model.clone())} />
            <button type="submit" class="btn strong">{ "Send" }</button>
            <button type="button" class="btn round" onclick={onrun}>{ "Run 100" }</button>
        </form>
    }
}

#[derive(Properties, PartialEq)]
struct CompletionsProps {
    /// The cluster; `None` before somebody came to a field.
    model: Option<Ptr<Model>>,
}

/// What the two fields offer. Long lists are cut: who has thousands of pods types the name.
#[component]
fn Completions(props: &CompletionsProps) -> Html {
    let [senders, receivers, hosts, paths] =
        props.model.as_ref().map(|model| offers(model)).unwrap_or_default();
    // Without their lists, assistive technology would not know that the fields offer anything.
    html! {
        <>
            <datalist id="senders">{ senders }</datalist>
            <datalist id="receivers">{ receivers }</datalist>
            <datalist id="hosts">{ hosts }</datalist>
            <datalist id="paths">{ paths }</datalist>
        </>
    }
}

/// Senders, receivers, hosts and paths.
#[inline(never)]
fn offers(model: &Model) -> [Html; 4] {
    const MOST: usize = 200;
    let options = |names: Vec<String>| {
        names.into_iter().take(MOST).map(|name| html! { <option value={name} /> }).collect::<Html>()
    };
    [facts::senders(model), facts::receivers(model), facts::hosts(model), facts::paths(model)].map(options)
}
