//! The rules of a real node, in place of those that kube-proxy would write there, and how the two differ.

use crate::{
    engineroom,
    ptr::Ptr,
    state::{Action, Dispatch},
    world::World,
};
use engine::{ChainComparison, RulesAnswer, RulesQuestion, UnmodelledLine};
use model::NodeName;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{HtmlInputElement, HtmlTextAreaElement};
use yew::prelude::*;

/// What the comparison needs.
#[derive(Properties, PartialEq)]
pub(super) struct RealProps {
    /// The settled cluster.
    pub(super) world: Ptr<World>,
    /// The node.
    pub(super) node: NodeName,
    /// What `iptables-save` printed there, if it was given.
    pub(super) text: Option<AttrValue>,
    /// How to change the store.
    pub(super) dispatch: Dispatch,
}

/// A field for the text, or what came of it.
#[component]
pub(super) fn Real(props: &RealProps) -> Html {
    let answer = use_state(|| None::<Result<RulesAnswer, String>>);
    use_effect_with((props.world.clone(), props.node.clone(), props.text.clone()), {
        let answer = answer.setter();
        move |(world, node, text)| {
            answer.set(None);
            let Some(text) = text else { return };
            let question =
                RulesQuestion { model: world.model().clone(), node: node.clone(), text: text.to_string() };
            spawn_local(async move {
                let compared = engineroom::compare(&question).await;
                answer.set(Some(compared.unwrap_or_else(|error| Err(error.to_string()))));
            });
        }
    });
    let field = use_node_ref();
    let give = {
        let (node, dispatch) = (props.node.clone(), props.dispatch.clone());
        move |text: Option<AttrValue>| dispatch.dispatch(Action::GiveRules(node.clone(), text))
    };
    if props.text.is_none() {
        return ask(&props.node, &field, give);
    }
    let away = Callback::from(move |_: MouseEvent| give(None));
    html! {
        <div class="real">
            <div class="actions">
                <p>{ format!("On {} packets go by the given rules.", props.node) }</p>
                <button type="button" class="btn" onclick={away}>{ "Use generated rules again" }</button>
            </div>
            { match &*answer {
                None => html! { <p role="status">{ "Comparing…" }</p> },
                Some(Err(why)) => html! { <p class="bad" role="alert">{ format!("Not compared: {why}.") }</p> },
                Some(Ok(answer)) => result(&props.node, answer),
            } }
        </div>
    }
}

/// Where the text is pasted or chosen.
fn ask(node: &NodeName, field: &NodeRef, give: impl Fn(Option<AttrValue>) + Clone + 'static) -> Html {
    let onsubmit = {
        let (field, give) = (field.clone(), give.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let text = field.cast::<HtmlTextAreaElement>().map(|area| area.value()).unwrap_or_default();
            if !text.trim().is_empty() {
                give(Some(text.into()));
            }
        })
    };
    let onchange = Callback::from(move |event: Event| {
        let files = event.target_dyn_into::<HtmlInputElement>().and_then(|input| input.files());
        let Some(file) = files.and_then(|files| files.get(0)) else { return };
        let give = give.clone();
        spawn_local(async move {
            let text = JsFuture::from(file.text()).await.ok().and_then(|text| text.as_string());
            give(Some(text.unwrap_or_default().into()));
        });
    });
    html! {
        <form class="real open" {onsubmit}>
            <p>{ "What does the real node have? Run " }<code>{ "iptables-save" }</code>{ format!(" on {node} and give what it prints. Packets go by it from then on, in place of the rules that kube-proxy would write. Here stands then which of those it lacks, which it has besides, and which lines cannot be modelled. It stays on this page.") }</p>
            <label class="field"><span class="field-name">{ "A file" }</span><input type="file" {onchange} /></label>
            <label class="field"><span class="field-name">{ "Or paste" }</span>
                <textarea ref={field.clone()} class="mono" rows="8" spellcheck="false" placeholder={"*nat\n:PREROUTING ACCEPT [0:0]"} /></label>
            <button type="submit" class="btn strong">{ "Use these rules" }</button>
        </form>
    }
}

fn result(node: &NodeName, answer: &RulesAnswer) -> Html {
    let chains = &answer.comparison.chains;
    let lacks: usize = chains.iter().map(|chain| chain.lacks.len()).sum();
    let besides: usize = chains.iter().map(|chain| chain.besides.len()).sum();
    let alike = answer.comparison.alike;
    let words = if chains.is_empty() {
        format!("{node} has every rule that kube-proxy would write, {alike} in all.")
    } else {
        format!("{alike} rules alike, {lacks} lacking, {besides} besides, in {} chains.", chains.len())
    };
    html! {
        <>
            <p role="status"><strong>{ words }</strong></p>
            if !answer.unmodelled.is_empty() {
                <h3>{ "Lines that cannot be modelled: a packet that depends on one has no certain end" }</h3>
                <ul class="rule-diff">{ for answer.unmodelled.iter().map(unmodelled) }</ul>
            }
            { for chains.iter().map(chain) }
        </>
    }
}

fn unmodelled(line: &UnmodelledLine) -> Html {
    html! {
        <li><span class="at-line">{ format!("line {}", line.line) }</span>
            <code>{ &line.text }</code><span class="hint">{ &line.why }</span></li>
    }
}

fn chain(chain: &ChainComparison) -> Html {
    let note = match (chain.absent, chain.reordered) {
        (true, _) => "the node has no such chain",
        (false, true) => "in another order",
        (false, false) => "",
    };
    html! {
        <section>
            <h3 class="mono">{ format!("{} {} {} ", chain.tool, chain.table, chain.chain) }<span class="hint">{ note }</span></h3>
            <ul class="rule-diff">
                { for chain.lacks.iter().map(|rule| html! {
                    <li class="lacks"><span class="at-line">{ "lacks" }</span><code>{ rule }</code></li>
                }) }
                { for chain.besides.iter().map(|rule| html! {
                    <li class="besides"><span class="at-line">{ format!("besides, line {}", rule.line) }</span><code>{ &rule.text }</code></li>
                }) }
            </ul>
        </section>
    }
}
