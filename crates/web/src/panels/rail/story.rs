//! The story of the cluster: states of it that a press brings about.

use super::RailProps;
use crate::{
    app::can_be_kept,
    state::{Action, stories},
};
use yew::prelude::*;

pub(super) fn story(props: &RailProps) -> Html {
    let lesson = stories::lesson(props.preset);
    // As it was opened, a cluster is the story without edits: there is nothing to compare.
    let untouched = props.model == props.origin;
    let button = |at: usize, story: &stories::Story| {
        let (model, origin, dispatch) = (props.model.clone(), props.origin.clone(), props.dispatch.clone());
        let story = *story;
        let here = if untouched {
            story.is_preset(&origin)
        } else {
            model.difference(&story.target(&origin)).is_none()
        };
        let stories::Story { title, text, .. } = story;
        let onclick = Callback::from(move |_: MouseEvent| {
            if let Some(edit) = model.difference(&story.target(&origin)) {
                dispatch.dispatch(Action::Restore(title.to_owned(), edit));
            }
        });
        html! {
            <li key={at}>
                <button type="button" class="story" aria-pressed={here.to_string()} {onclick}>
                    <span class="story-number" aria-hidden="true">{ at + 1 }</span>
                    <span class="story-title">{ title }</span>
                </button>
                if here { <p class="story-text">{ text }</p> }
            </li>
        }
    };
    html! {
        <>
            <h2 id="rail-title">{ lesson.title }</h2>
            { for lesson.intro.iter().map(|text| html! { <p>{ *text }</p> }) }
            if !lesson.stories.is_empty() {
                <ol class="stories">
                    { for lesson.stories.iter().enumerate().map(|(at, story)| button(at, story)) }
                </ol>
            }
            { for lesson.outro.iter().map(|text| html! { <p>{ *text }</p> }) }
            if !can_be_kept(&props.model) {
                <p>{ "It is too large to be kept for the next visit: export it, if you change it." }</p>
            }
        </>
    }
}
