//! The lists of lessons and questions.

use super::{Lists, open};
use crate::{saved, state::Dispatch, tutor::Lead};
use lessons::Listed;
use yew::prelude::*;

/// The course, with how far the learner came.
#[inline(never)]
pub(super) fn lessons(lists: &Lists, dispatch: &Dispatch) -> Html {
    let lists = match ready(lists, "Lessons") {
        Ok(lists) => lists,
        Err(instead) => return instead,
    };
    let reached = saved::reached();
    let of = |id: &str| reached.iter().find(|one| one.id == id);
    let done = lists.lessons.iter().filter(|one| of(&one.id).is_some_and(saved::Reached::is_done)).count();
    let line = |one: &Listed| {
        let reached = of(&one.id);
        let (mark, class, words) = match reached {
            Some(one) if one.is_done() => ("✓", "done", "Done".to_owned()),
            Some(one) => ("…", "begun", format!("{} of {} steps", one.steps, one.of)),
            None => ("", "", String::new()),
        };
        // A lesson that was left is taken up where it was left, one that is done from the start.
        let step = reached.filter(|one| !one.is_done()).map_or(0, |one| one.steps);
        item(one, mark, class, words, open(dispatch, Lead::Lesson(one.id.clone(), step)))
    };
    html! {
        <>
            <h2 id="rail-title">{ "Lessons" }</h2>
            <p>{ "Each asks what a packet will do. You predict, the packet decides." }</p>
            <p class="hint">{ format!("{done} of {} done. Your own cluster is kept meanwhile.", lists.lessons.len()) }</p>
            { chapters(&lists.lessons, line) }
        </>
    }
}

/// What people ask.
#[inline(never)]
pub(super) fn questions(lists: &Lists, dispatch: &Dispatch) -> Html {
    let lists = match ready(lists, "Questions people ask") {
        Ok(lists) => lists,
        Err(instead) => return instead,
    };
    let line =
        |one: &Listed| item(one, "", "", String::new(), open(dispatch, Lead::Question(one.id.clone(), 0)));
    html! {
        <>
            <h2 id="rail-title">{ "Questions people ask" }</h2>
            <p>{ "Taken from issues and forums. Each opens a cluster that shows the answer; yours is kept." }</p>
            { chapters(&lists.questions, line) }
        </>
    }
}

fn ready<'a>(lists: &'a Lists, title: &'static str) -> Result<&'a lessons::Contents, Html> {
    let words = match lists {
        Some(Ok(lists)) => return Ok(lists),
        Some(Err(why)) => format!("They cannot be listed now: {why}. Choose them again to try again."),
        None => "Getting the list…".to_owned(),
    };
    Err(html! { <><h2 id="rail-title">{ title }</h2><p role="status">{ words }</p></> })
}

fn chapters(list: &[Listed], line: impl Fn(&Listed) -> Html) -> Html {
    let parts = list.chunk_by(|one, next| one.chapter == next.chapter);
    let chapter = |part: &[Listed]| {
        let name = part.first().map(|one| one.chapter.clone()).unwrap_or_default();
        html! {
            <li key={name.clone()}>
                <h3>{ name }</h3>
                <ol>{ for part.iter().map(&line) }</ol>
            </li>
        }
    };
    html! { <ol class="listing">{ for parts.map(chapter) }</ol> }
}

fn item(
    one: &Listed,
    mark: &'static str,
    class: &'static str,
    words: String,
    onclick: Callback<MouseEvent>,
) -> Html {
    html! {
        <li key={one.id.clone()}>
            <button type="button" class={classes!("entry", class)} {onclick}>
                <span class="mark-of" aria-hidden="true">{ mark }</span>
                <span>{ &one.title }</span>
                if !words.is_empty() { <span class="hint">{ words }</span> }
            </button>
        </li>
    }
}

/// The lesson after one.
#[inline(never)]
pub(super) fn after<'a>(list: &'a [Listed], id: &str) -> Option<&'a Listed> {
    list.iter().skip_while(|one| one.id != id).nth(1)
}
