//! Watched flows: what each gives now and what it gave before the last edit.

use super::answer::{self, Answer, Digest};
use super::facts;
use crate::ptr::Ptr;
use engine::Flow;
use model::Model;
use std::rc::Rc;

/// A flow and its outcome before and after the last edit.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// The flow.
    pub(crate) flow: Rc<Flow>,
    /// `internet → echo-service`.
    pub(crate) title: String,
    /// What it gives now.
    pub(crate) now: Digest,
    /// What it gave before the last edit, if that was something else, and why.
    pub(crate) change: Option<Change>,
    answer: Ptr<Answer>,
}

/// A difference that an edit made.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// What it gave before.
    pub(crate) before: Digest,
    /// Whether more or fewer connections are answered than before.
    pub(crate) trend: Trend,
    /// Why it changed.
    pub(crate) why: Option<String>,
}

/// Which way a flow went by an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trend {
    /// Fewer connections are answered.
    Worse,
    /// As many are answered, but by others or with another source.
    Other,
    /// More are answered.
    Better,
}

impl Trend {
    fn of(before: &Digest, now: &Digest) -> Self {
        const NEAR: f64 = 1e-9;
        match now.answered() - before.answered() {
            more if more > NEAR => Self::Better,
            less if less < -NEAR => Self::Worse,
            _ => Self::Other,
        }
    }

    /// In front of what it was; colour is never the only sign.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Worse => "Worse",
            Self::Other => "Changed",
            Self::Better => "Better",
        }
    }
}

/// Watches one flow more; one that is watched already stays where it is.
pub(super) fn add(watched: &[Watched], drawn: &Ptr<Answer>, flow: &Flow) -> Vec<Watched> {
    let mut watched = watched.to_vec();
    if watched.iter().all(|one| *one.flow != *flow) {
        watched.push(begin(drawn, drawn.world.model(), flow.clone()));
    }
    watched
}

/// The flows that are watched in a cluster that was just opened.
pub(super) fn first(drawn: &Ptr<Answer>, model: &Model) -> Vec<Watched> {
    session::watched_flows(model).into_iter().map(|flow| begin(drawn, model, flow)).collect()
}

fn begin(drawn: &Ptr<Answer>, model: &Model, flow: Flow) -> Watched {
    let answer = answer(drawn, &flow);
    let title = facts::flow_words(model, &flow);
    Watched { flow: Rc::new(flow), title, now: answer.digest(), change: None, answer }
}

/// The answer about a flow in the cluster of the drawn one, which often is the same flow. Seeds differ, and nothing
/// that is compared is of a sampled run.
fn answer(drawn: &Ptr<Answer>, flow: &Flow) -> Ptr<Answer> {
    match &drawn.flow {
        Some(known) if known == flow => drawn.clone(),
        _ => Ptr::new(Answer::of(&drawn.world, flow, session::SEED)),
    }
}

/// The same flows after an edit.
pub(super) fn update(watched: &[Watched], drawn: &Ptr<Answer>) -> Vec<Watched> {
    watched
        .iter()
        .map(|old| {
            let answer = answer(drawn, &old.flow);
            let now = answer.digest();
            let change = (!now.is_like(&old.now)).then(|| Change {
                before: old.now.clone(),
                trend: Trend::of(&old.now, &now),
                why: answer::cause(&old.answer, &answer),
            });
            Watched { now, change, answer, ..old.clone() }
        })
        .collect()
}

/// One sentence on what an edit changed.
pub(super) fn summary(watched: &[Watched]) -> String {
    let told = |flow: &Watched| {
        let worse = flow.change.as_ref().is_some_and(|change| change.trend == Trend::Worse);
        let now = format!("{}: {}", flow.title, flow.now.words());
        flow.change.is_some().then(|| if worse { format!("{now}, worse than before") } else { now })
    };
    let changed: Vec<String> = watched.iter().filter_map(told).collect();
    match changed.len() {
        0 => "No watched flow changed.".into(),
        1 => format!("1 watched flow changed. {}.", changed.join(". ")),
        many => format!("{many} watched flows changed. {}.", changed.join(". ")),
    }
}
