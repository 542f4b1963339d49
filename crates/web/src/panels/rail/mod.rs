//! The rail: the story of a cluster, the lessons, the questions that people ask.

mod answered;
mod contents;
mod lesson;
mod story;

use crate::presets::Preset;
use crate::{
    ptr::Ptr,
    saved,
    state::{
        Action, Dispatch,
        guide::{Guide, Page, Stage, Turn},
    },
    tutor::{self, Lead},
    ui::{Choice, Segmented},
};
use lessons::Contents;
use model::Model;
use std::rc::Rc;
use yew::prelude::*;

/// What the rail needs.
#[derive(Properties)]
pub(crate) struct RailProps {
    /// The preset that the cluster began as.
    pub(crate) preset: Option<&'static Preset>,
    /// The cluster as it began.
    pub(crate) origin: Ptr<Model>,
    /// The cluster now.
    pub(crate) model: Ptr<Model>,
    /// What is shown.
    pub(crate) guide: Guide,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

impl PartialEq for RailProps {
    fn eq(&self, other: &Self) -> bool {
        self.preset == other.preset
            && self.origin == other.origin
            && self.model == other.model
            && self.guide.page == other.guide.page
    }
}

/// The lists, as soon as they are there, or why they are not.
type Lists = Option<Result<Rc<Contents>, AttrValue>>;

/// The rail.
#[component]
pub(crate) fn Rail(props: &RailProps) -> Html {
    let page = &props.guide.page;
    let lists = use_state(|| Lists::None);
    let wanted = !matches!(page, Page::Story) && !matches!(*lists, Some(Ok(_)));
    use_effect_with(wanted, {
        let lists = lists.setter();
        move |wanted| {
            if *wanted {
                wasm_bindgen_futures::spawn_local(async move {
                    lists.set(Some(tutor::contents().await.map(Rc::new).map_err(AttrValue::from)));
                });
            }
        }
    });
    // The options are made anew when the learner changes the cluster, and the mark with them.
    let asked = match page {
        Page::Lesson(taken) if taken.asks() => Some((taken.id.clone(), taken.step, props.model.clone())),
        _ => None,
    };
    use_effect_with(asked, {
        let (page, dispatch) = (page.clone(), props.dispatch.clone());
        move |asked| {
            if let (Page::Lesson(taken), Some((_, _, model))) = (&page, asked) {
                tutor::pose(taken, model, dispatch);
            }
        }
    });
    let rail = use_node_ref();
    let place = match page {
        Page::Lesson(taken) => Some((taken.id.clone(), taken.step, !taken.asks())),
        Page::Answered(looked) => Some((looked.id.clone(), 0, false)),
        _ => None,
    };
    use_effect_with(place, {
        let (page, rail) = (page.clone(), rail.clone());
        move |place| {
            let Some((id, step, told)) = place else { return };
            let mut next = "#rail-title";
            if let (Page::Lesson(taken), true) = (&page, told) {
                saved::reach(id, step + 1, taken.sheet.steps.len());
                if matches!(taken.stage, Stage::Told(Some(_))) {
                    // What was pressed last is gone.
                    next = ".told-step button";
                }
            }
            focus(&rail, next);
        }
    });
    let shown = match page {
        Page::Story => story::story(props),
        Page::Lessons => contents::lessons(&lists, &props.dispatch),
        Page::Questions => contents::questions(&lists, &props.dispatch),
        Page::Lesson(taken) => {
            let next = match &*lists {
                Some(Ok(lists)) => contents::after(&lists.lessons, &taken.id),
                _ => None,
            };
            lesson::lesson(taken, next, &props.model, &props.dispatch)
        }
        Page::Answered(looked) => answered::answered(looked, &props.dispatch),
    };
    html! {
        <section class="rail" aria-labelledby="rail-title" ref={rail}>
            { switch(page, props.guide.own.is_some(), &props.dispatch) }
            { shown }
        </section>
    }
}

/// What the rail can show; beside a visited cluster, the way back.
fn switch(page: &Page, visiting: bool, dispatch: &Dispatch) -> Html {
    if visiting {
        return html! {
            <button type="button" class="btn back" onclick={turn(dispatch, Turn::Leave)}>{ "← Back to your cluster" }</button>
        };
    }
    let chosen = match page {
        Page::Lessons => 1,
        Page::Questions => 2,
        _ => 0,
    };
    let dispatch = dispatch.clone();
    let on_choose = Callback::from(move |at: usize| {
        let page = [Page::Story, Page::Lessons, Page::Questions].into_iter().nth(at).unwrap_or_default();
        dispatch.dispatch(Action::Guide(Turn::Show(page)));
    });
    html! {
        <Segmented label="Guide" quiet=true {chosen} {on_choose}
            choices={["Story", "Lessons", "Questions"].map(Choice::new).to_vec()} />
    }
}

/// Gives the focus to what a selector finds in the rail: what comes next is read from there.
fn focus(rail: &NodeRef, selector: &str) {
    use wasm_bindgen::JsCast;
    let found = rail.cast::<web_sys::Element>().and_then(|rail| rail.query_selector(selector).ok().flatten());
    if let Some(element) = found.and_then(|element| element.dyn_into::<web_sys::HtmlElement>().ok()) {
        // Focusing an element that is there cannot fail.
        let _ = element.focus();
    }
}

fn turn(dispatch: &Dispatch, turn: Turn) -> Callback<MouseEvent> {
    let dispatch = dispatch.clone();
    Callback::from(move |_: MouseEvent| dispatch.dispatch(Action::Guide(turn.clone())))
}

fn open(dispatch: &Dispatch, lead: Lead) -> Callback<MouseEvent> {
    let dispatch = dispatch.clone();
    Callback::from(move |_: MouseEvent| tutor::open(lead.clone(), dispatch.clone()))
}
