//! What the engine does in its worker, while the page goes on. An action is tried; where the worker has yet to answer
//! something, the state stays as it is, the action waits, and it is tried again when the answer is there.

use super::{Action, Message, State};
use crate::{engineroom, worker, world};
use model::Kind;
use std::rc::Rc;

impl State {
    /// Does what a person does; after what was asked for before, if that still waits.
    pub(super) fn act(self: Rc<Self>, action: Action) -> Rc<Self> {
        // What waits follows the last edit before anything else.
        if matches!(action, Action::FollowEdit) && (self.working || !self.behind) {
            return self;
        }
        let waits = self.working || !engineroom::is_ready();
        if !waits && !self.waiting.is_empty() {
            return self.go_on().act(action);
        }
        match action {
            action if waits && action.asks_engine() => self.queue(action),
            Action::Edit(edit) => match self.rehearsed(&edit) {
                Some(then) => then,
                None => self.attempt(Action::Edit(edit)),
            },
            action => self.attempt(action),
        }
    }

    /// Keeps what cannot be done now.
    fn queue(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = (*self).clone();
        next.rehearsed = None;
        next.waiting.push(action);
        let why =
            if next.working { "The engine is at work: this waits." } else { "The engine is being loaded." };
        next.announce(why.to_owned());
        Rc::new(next)
    }

    fn attempt(self: Rc<Self>, action: Action) -> Rc<Self> {
        let tried = world::attempt(|| {
            let next = Rc::clone(&self).then(action.clone());
            next.draw_ahead(&self);
            next
        });
        tried.unwrap_or_else(|| {
            let mut next = (*self).clone();
            next.rehearsed = None;
            next.waiting.insert(0, action);
            next.working = true;
            Rc::new(next)
        })
    }

    /// Does what waits, until the worker has to answer first.
    fn go_on(self: Rc<Self>) -> Rc<Self> {
        let mut next = (*self).clone();
        next.working = false;
        let mut waiting = std::mem::take(&mut next.waiting).into_iter();
        let mut state = Rc::new(next);
        while let Some(action) = waiting.next() {
            state = state.attempt(action);
            if state.working {
                let mut next = (*state).clone();
                next.waiting.extend(waiting);
                return Rc::new(next);
            }
        }
        worker::done();
        state
    }

    /// Asks for what will be in sight in a large cluster, so that it takes the place of what is in sight now at once.
    fn draw_ahead(&self, before: &Self) {
        if self.world.is_apart() && self.answer != before.answer {
            self.answer.picture(self.outcome, self.reply, before.answer.shape());
            let _ = self.answer.result();
            if let Some(service) = self.selection.as_ref().filter(|id| id.kind == Kind::Service) {
                self.world.remedies(&service.key());
            }
        }
        if let Some(variant) = self.compare.as_ref().filter(|one| before.compare.as_ref() != Some(one)) {
            let _ = variant.answer.result();
        }
    }

    /// The worker answered: what is drawn asks again, and so does what is worked on, once it has all that it lacked.
    pub(super) fn answered(self: Rc<Self>) -> Rc<Self> {
        let mut next = (*self).clone();
        if worker::take_drawn() {
            next.renew();
        }
        let next = Rc::new(next);
        if next.working && !worker::is_awaited() { next.go_on() } else { next }
    }

    /// The person ended what the worker did, or it failed.
    pub(super) fn stopped(self: Rc<Self>, why: Option<String>) -> Rc<Self> {
        let mut next = (*self).clone();
        next.working = false;
        let dropped = std::mem::take(&mut next.waiting);
        let followed = matches!(dropped.as_slice(), [Action::FollowEdit]);
        next.unfollowed = next.behind && followed;
        let said = match (&why, dropped.len()) {
            (None, 0) => "Cancelled.".to_owned(),
            (None, _) if followed => "Cancelled: the watched flows were not asked again.".to_owned(),
            (None, 1) => "Cancelled: the cluster is as it was.".to_owned(),
            (None, many) => format!("Cancelled, with {} more: the cluster is as it was.", many - 1),
            (Some(why), _) => format!("The engine stopped ({why}). The cluster is as it was."),
        };
        if why.is_some() {
            next.message = Some(Message::error(said));
        } else {
            next.announce(said);
        }
        next.renew();
        // The next worker is told of the cluster before something is asked of it.
        if next.world.is_apart() {
            next.world.tell();
        }
        let next = Rc::new(next);
        if next.behind && !followed { next.act(Action::FollowEdit) } else { next }
    }

    /// Has everything drawn that may ask the engine.
    fn renew(&mut self) {
        self.world.renew();
        self.answer.renew();
        if let Some(changed) = &mut self.changed {
            changed.renew();
        }
        if let Some(variant) = &mut self.compare {
            variant.renew();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Tab;
    use crate::worker::testing;
    use model::{Edit, Key, Model, Object, kubernetes::TrafficPolicy};
    use session::Session;
    use std::sync::Arc;
    use yew::Reducible;

    /// A worker, and what the page asks it.
    #[derive(Default)]
    struct Worker(Session);

    impl Worker {
        /// Answers all that is asked, and tells the page after each answer; the words for what was done.
        fn work(&mut self, state: &mut Rc<State>) -> Vec<&'static str> {
            let mut done = Vec::new();
            while let Some(words) = testing::work(&mut self.0) {
                done.push(words);
                *state = Rc::clone(state).reduce(Action::Answered);
            }
            done
        }
    }

    /// The first example with so many Pods more that it is a large cluster.
    fn large() -> Model {
        let mut model = (*State::first().model).clone();
        let pods: Vec<_> = model.pods.values().cloned().collect();
        for number in 0..300 {
            let mut pod = (*pods[number % pods.len()]).clone();
            pod.metadata.name = format!("more-{number}");
            pod.metadata.uid = String::new();
            pod.status.pod_ip = String::new();
            pod.status.pod_ips = Vec::new();
            model.put(Object::Pod(Arc::new(pod)));
        }
        model
    }

    fn policy(policy: TrafficPolicy) -> Action {
        Action::Edit(Edit::SetExternalTrafficPolicy { service: Key::new("default", "echo-service"), policy })
    }

    fn opened() -> (Worker, Rc<State>) {
        let mut worker = Worker::default();
        testing::begin();
        let mut state = Rc::new(State::first()).reduce(Action::Open(Box::new(large())));
        assert!(state.working && state.history.next_undo().is_none(), "nothing changed yet");
        let done = worker.work(&mut state);
        assert!(done.contains(&"Settling the cluster") && done.contains(&"Drawing"), "{done:?}");
        assert!(!state.working && state.waiting.is_empty() && state.model.pods.len() > 300);
        (worker, state)
    }

    /// What a person compares.
    fn shown(state: &State) -> (Model, Model, Option<String>, super::super::answer::Digest) {
        let undo = state.history.next_undo().map(str::to_owned);
        ((*state.model).clone(), state.world.model().clone(), undo, state.answer.digest())
    }

    #[test]
    fn a_large_cluster_ends_where_a_small_one_does() {
        let (mut worker, mut state) = opened();
        let actions = [
            policy(TrafficPolicy::Cluster),
            Action::FollowEdit,
            Action::OpenTab(Tab::Changes),
            policy(TrafficPolicy::Local),
            Action::Undo,
            Action::Compare(Some(crate::state::compare::Baseline::OtherPolicy)),
            Action::Undo,
            Action::Redo,
            Action::Run((*state.flow).clone()),
        ];
        for action in actions.clone() {
            state = state.reduce(action);
            worker.work(&mut state);
            assert!(!state.working && state.waiting.is_empty());
        }
        // All at once: what comes later waits.
        let (mut worker, mut queued) = opened();
        for action in actions.clone() {
            queued = queued.reduce(action);
        }
        assert!(queued.working && queued.waiting.len() > 3);
        worker.work(&mut queued);
        assert!(!queued.working && queued.waiting.is_empty());
        // Where there is no worker, at once.
        testing::end();
        let mut own = Rc::new(State::first()).reduce(Action::Open(Box::new(large())));
        for action in actions {
            own = own.reduce(action);
            assert!(!own.working);
        }
        for (state, how) in [(&state, "one by one"), (&queued, "at once")] {
            testing::begin();
            let mut state = Rc::clone(state);
            state.answer.digest();
            worker.work(&mut state);
            let (model, settled, undo, digest) = shown(&state);
            testing::end();
            let other = shown(&own);
            assert_eq!((model, settled, undo), (other.0, other.1, other.2), "{how}");
            assert!(digest.is_like(&other.3), "{how}: {digest:?}, {:?}", other.3);
        }
    }

    #[test]
    fn what_is_cancelled_leaves_the_state_and_the_next_edit_works() {
        let (_, mut state) = opened();
        let before = (state.model.clone(), state.world.id());
        let other = policy(TrafficPolicy::Cluster);
        state = state.reduce(other.clone()).reduce(Action::OpenTab(Tab::Shares)).reduce(Action::Undo);
        assert_eq!((state.waiting.len(), state.tab), (2, Tab::Shares));
        testing::cancel();
        state = state.reduce(Action::Stopped(None));
        assert!(state.model == before.0 && state.world.id() == before.1 && state.waiting.is_empty());
        assert!(state.announcement.1.contains("Cancelled, with 1 more"), "{}", state.announcement.1);
        // The next worker knows nothing: it is told.
        let mut worker = Worker::default();
        state = state.reduce(other);
        worker.work(&mut state);
        assert!(!state.working && state.model != before.0);
        state = state.reduce(Action::FollowEdit);
        worker.work(&mut state);
        // One that fails tells why, and nothing is lost either.
        let before = state.model.clone();
        state = state.reduce(policy(TrafficPolicy::Local));
        testing::cancel();
        state = state.reduce(Action::Stopped(Some("unreachable".to_owned())));
        assert!(state.model == before && !state.working);
        assert!(state.message.as_ref().is_some_and(|told| told.error && told.text.contains("unreachable")));
        state = state.reduce(Action::Undo);
        Worker::default().work(&mut state);
        assert!(state.model != before);
    }

    #[test]
    fn small_and_large_follow_each_other() {
        let (mut worker, mut state) = opened();
        state = state.reduce(Action::Undo);
        worker.work(&mut state);
        assert!(!state.world.is_apart() && *state.model == *State::first().model);
        // A small cluster is edited in the page's own thread, at once.
        state = state.reduce(policy(TrafficPolicy::Cluster));
        assert!(!state.working);
        state = state.reduce(Action::Undo).reduce(Action::Redo).reduce(Action::Undo);
        assert!(!state.working);
        state = state.reduce(Action::Open(Box::new(large())));
        worker.work(&mut state);
        assert!(state.world.is_apart() && !state.working);
    }
}
