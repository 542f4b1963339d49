//! The lesson rail: the preset's story.

use crate::presets::Preset;
use crate::{
    ptr::Ptr,
    state::{Action, Dispatch, stories},
};
use model::Model;
use yew::prelude::*;

/// What the rail needs.
#[derive(Properties, PartialEq)]
pub(crate) struct RailProps {
    /// The preset that the cluster began as.
    pub(crate) preset: Option<&'static Preset>,
    /// The cluster as it began.
    pub(crate) origin: Ptr<Model>,
    /// The cluster now.
    pub(crate) model: Ptr<Model>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// The lesson rail.
#[component]
pub(crate) fn Rail(props: &RailProps) -> Html {
    let lesson = stories::lesson(props.preset);
    let button = |at: usize, story: &stories::Story| {
        let edit = props.model.difference(&story.target(&props.origin));
        let here = edit.is_none();
        let dispatch = props.dispatch.clone();
        let title = story.title;
        let onclick = Callback::from(move |_: MouseEvent| {
            if let Some(edit) = edit.clone() {
                dispatch.dispatch(Action::Named(title.to_owned(), edit));
            }
        });
        html! {
            <li key={at}>
                <button type="button" class="story" aria-pressed={here.to_string()} {onclick}>
                    <span class="story-number" aria-hidden="true">{ at + 1 }</span>
                    <span class="story-title">{ title }</span>
                </button>
                if here { <p class="story-text">{ story.text }</p> }
            </li>
        }
    };
    html! {
        <section class="rail" aria-labelledby="lesson-title">
            <h2 id="lesson-title">{ lesson.title }</h2>
            { for lesson.intro.iter().map(|text| html! { <p>{ *text }</p> }) }
            if !lesson.stories.is_empty() {
                <ol class="stories">
                    { for lesson.stories.iter().enumerate().map(|(at, story)| button(at, story)) }
                </ol>
            }
            { for lesson.outro.iter().map(|text| html! { <p>{ *text }</p> }) }
        </section>
    }
}
