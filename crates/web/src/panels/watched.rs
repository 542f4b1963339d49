//! Watched flows: before and after the last edit.

use crate::{
    ptr::Ptr,
    state::{
        Action, Dispatch, Trend, Watched,
        answer::{Digest, per_cent},
    },
    ui::{Glyph, icon},
};
use engine::Flow;
use std::rc::Rc;
use yew::prelude::*;

/// What the list needs.
#[derive(Properties, PartialEq)]
pub(crate) struct WatchedProps {
    /// The flows.
    pub(crate) watched: Ptr<Vec<Watched>>,
    /// The flow that is asked about.
    pub(crate) flow: Rc<Flow>,
    /// They were not asked about since the last edit: that was cancelled.
    pub(crate) unfollowed: bool,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// The watched flows.
#[component]
pub(crate) fn WatchedFlows(props: &WatchedProps) -> Html {
    let flow = |at: usize, watched: &Watched| {
        let onclick = {
            let (dispatch, flow) = (props.dispatch.clone(), watched.flow.clone());
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Send((*flow).clone())))
        };
        let unwatch = {
            let dispatch = props.dispatch.clone();
            Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Unwatch(at)))
        };
        let class = watched.change.as_ref().map(|change| match change.trend {
            Trend::Worse => "worse",
            Trend::Other => "changed",
            Trend::Better => "better",
        });
        html! {
            <li key={at} class={classes!("watch", class)}>
                <div class="watch-line">
                    <button type="button" class="link" title={format!("Draw {} → {}", watched.flow.from, watched.flow.receiver())}
                        {onclick}>{ &watched.title }</button>
                    <strong class="watch-now" title={receivers(&watched.now)}>{ watched.now.words() }</strong>
                    <button type="button" class="btn quiet icon-btn" aria-label={format!("Stop watching {}", watched.title)}
                        title="Stop watching" onclick={unwatch}>{ icon(Glyph::Close) }</button>
                </div>
                { source_line(&watched.now) }
                if let Some(change) = &watched.change {
                    <p class="was">
                        <b class="trend">{ change.trend.words() }</b>{ ": " }{ was(&change.before, &watched.now) }
                        if let Some(why) = &change.why { <span class="why">{ why }</span> }
                    </p>
                }
            </li>
        }
    };
    let known = props.watched.iter().any(|one| one.flow == props.flow);
    let watch = {
        let (dispatch, flow) = (props.dispatch.clone(), Rc::clone(&props.flow));
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Watch(Rc::clone(&flow))))
    };
    let follow = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::FollowEdit))
    };
    html! {
        <section class="watched" aria-labelledby="watched-title">
            <h2 id="watched-title">{ "Watched flows" }</h2>
            <p class="hint">{ "Per cent per pod, now and before the last change." }</p>
            if props.unfollowed {
                <p class="hint">{ "Not asked since the last change: it was cancelled. " }
                    <button type="button" class="link" onclick={follow}>{ "Ask now" }</button></p>
            }
            if !known {
                <button type="button" class="btn" onclick={watch}>{ "Watch the drawn flow" }</button>
            }
            if props.watched.is_empty() {
                <p class="hint">{ "None. Watch a flow to see what each change does to it." }</p>
            }
            <ul>{ for props.watched.iter().enumerate().map(|(at, watched)| flow(at, watched)) }</ul>
        </section>
    }
}

/// Receivers that are named.
const MOST_NAMED: usize = 100;

/// Who gets how much.
fn receivers(digest: &Digest) -> String {
    let one = |(name, share): &(String, f64)| format!("{name}: {} %", per_cent(*share));
    digest.shares.iter().take(MOST_NAMED).map(one).collect::<Vec<_>>().join("\n")
}

fn sources(digest: &Digest) -> String {
    match digest.seen.words(12) {
        none if none.is_empty() => "nobody".into(),
        seen => seen,
    }
}

fn source_line(now: &Digest) -> Html {
    if now.seen.sources.is_empty() {
        return Html::default();
    }
    html! { <p class="seen">{ "source seen " }<span class="mono">{ sources(now) }</span></p> }
}

/// What was before, only as far as it differs.
fn was(before: &Digest, now: &Digest) -> String {
    let shares = (before.words() != now.words()).then(|| format!("was {}", before.words()));
    let source = (before.seen != now.seen && !before.seen.sources.is_empty())
        .then(|| format!("the source was {}", sources(before)));
    match (shares, source) {
        (Some(shares), Some(source)) => format!("{shares}, {source}. "),
        (Some(one), None) | (None, Some(one)) => format!("{one}. "),
        (None, None) => "was otherwise. ".into(),
    }
}
