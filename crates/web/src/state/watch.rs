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
                why: answer::cause((&old.answer, &old.now), (&answer, &now)),
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

#[cfg(test)]
mod tests {
    use crate::state::{Action, State};
    use model::{Edit, Key, kubernetes::TrafficPolicy};
    use std::rc::Rc;
    use yew::Reducible;

    #[test]
    fn an_edit_tells_why_the_shares_moved() {
        let policy =
            |policy| Edit::SetExternalTrafficPolicy { service: Key::new("default", "echo-service"), policy };
        let to = |node: &str, pool: &str| Edit::MoveNode { node: node.into(), pool: pool.into() };
        let not_ready = |pod: &str| Edit::SetPodReady { pod: Key::new("default", pod), ready: false };
        let facts: [(&str, Vec<Edit>, &str, &[&str]); 4] = [
            (
                "a second node behind the load balancer",
                vec![to("aks-pool-1-27255451-0", "system")],
                "50 / 25 / 25",
                &[
                    "aks-system-27255451-0 is one of 2 healthy members; the hash of addresses, ports and protocol picks it",
                ],
            ),
            (
                "policy Cluster",
                vec![policy(TrafficPolicy::Cluster)],
                "33.3 / 33.3 / 33.3",
                &[
                    "External policy Cluster: the packet is marked",
                    "One of 3 ready endpoints in the cluster is chosen at random, each with the same probability.",
                ],
            ),
            (
                "an endpoint less",
                vec![
                    to("aks-pool-1-27255451-0", "system"),
                    to("aks-system-27255451-0", "pool-1"),
                    not_ready("echo-deployment-78dc57c76d-fpwkf"),
                ],
                "0 / 100",
                &["There is one ready endpoint on this node."],
            ),
            (
                "the only pod behind the load balancer is not ready",
                vec![not_ready("echo-deployment-78dc57c76d-58mz5")],
                "dropped: all-probes-down",
                &["No member's health probe is up"],
            ),
        ];
        for (name, edits, now, why) in facts {
            let mut state = Rc::new(State::first());
            for edit in edits {
                state = state.reduce(Action::Edit(edit)).reduce(Action::FollowEdit);
            }
            let watched = &state.watched[0];
            let told = watched.change.as_ref().and_then(|change| change.why.clone()).unwrap_or_default();
            assert_eq!(watched.now.words(), now, "{name}: {told}");
            for words in why {
                assert!(told.contains(words), "{name}: {words:?} is not in {told:?}");
            }
        }
    }
}
