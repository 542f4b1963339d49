//! Watched flows: what each gives now and what it gave before the last edit.

use super::answer::{self, Answer, Digest};
use super::facts;
use crate::ptr::Ptr;
use crate::world::World;
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
pub(super) fn add(watched: &[Watched], world: &World, flow: &Flow) -> Vec<Watched> {
    let mut watched = watched.to_vec();
    if watched.iter().all(|one| *one.flow != *flow) {
        watched.push(begin(world, world.model(), flow.clone()));
    }
    watched
}

/// The flows that are watched in a cluster that was just opened.
pub(super) fn first(world: &World, model: &Model) -> Vec<Watched> {
    session::watched_flows(model).into_iter().map(|flow| begin(world, model, flow)).collect()
}

fn begin(world: &World, model: &Model, flow: Flow) -> Watched {
    let answer = Answer::of(world, &flow, session::SEED);
    let title = facts::flow_words(model, &flow);
    Watched { flow: Rc::new(flow), title, now: answer.digest(), change: None, answer: Ptr::new(answer) }
}

/// The same flows after an edit.
pub(super) fn update(watched: &[Watched], world: &World) -> Vec<Watched> {
    watched
        .iter()
        .map(|old| {
            let answer = Answer::of(world, &old.flow, session::SEED);
            let now = answer.digest();
            let change = (!now.is_like(&old.now)).then(|| Change {
                before: old.now.clone(),
                trend: Trend::of(&old.now, &now),
                why: answer::cause(&old.answer, &answer),
            });
            Watched { now, change, answer: Ptr::new(answer), ..old.clone() }
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
