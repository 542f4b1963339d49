//! From one state to the next.

use super::{Action, Answer, Message, State, Tab, describe, facts, preset_model, watch};
use crate::ptr::Ptr;
use engine::{Flow, FlowError, World};
use model::{Edit, Model};
use std::rc::Rc;
use yew::Reducible;

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = (*self).clone();
        match action {
            Action::Edit(edit) => next.edit(&edit, describe::edit(&edit)),
            Action::Named(label, edit) => next.edit(&edit, label),
            Action::Undo => next.undo(),
            Action::Redo => next.redo(),
            Action::Select(selection) => next.selection = selection,
            Action::Send(flow) => next.send(flow),
            Action::Run(flow) => next.run(flow),
            Action::ChooseOutcome(at) => {
                next.outcome = at;
                next.highlight = None;
            }
            Action::DrawReply(reply) => {
                next.reply = reply;
                next.highlight = None;
            }
            // Moving the pointer over one thing lights it once.
            Action::Highlight(step) if step == self.highlight => return self,
            Action::Highlight(step) => next.highlight = step,
            Action::OpenTab(tab) => next.tab = tab,
            Action::ShowRules(node) => {
                next.rules_node = Some(node);
                next.tab = Tab::Rules;
            }
            Action::OpenPreset(preset) => {
                next.replace(Self::new(Some(preset), preset_model(preset)), preset.title);
            }
            Action::Open(model) => next.replace(Self::new(None, *model), "an imported cluster"),
            Action::OpenLink(link) => match Self::of_link(&link) {
                Ok(state) => next.replace(state, "a shared cluster"),
                Err(error) => next.message = Some(super::link_refused(&error)),
            },
            Action::Show(dialog) => next.dialog = dialog,
            Action::Tell(message) => next.message = message,
            Action::Announce(text) => next.announce(text),
        }
        Rc::new(next)
    }
}

impl State {
    fn edit(&mut self, edit: &Edit, label: String) {
        let mut model = (*self.model).clone();
        let mut history = (*self.history).clone();
        match history.apply(&mut model, edit, label.clone()) {
            Ok(()) => {
                self.history = Rc::new(history);
                self.settle(model, &format!("{label}."));
            }
            Err(error) => self.refuse(&format!("{label}: {error}.")),
        }
    }

    fn undo(&mut self) {
        let mut model = (*self.model).clone();
        let mut history = (*self.history).clone();
        match history.undo(&mut model) {
            None => self.announce("Nothing to undo.".into()),
            Some(Err(error)) => self.refuse(&format!("Undo: {error}.")),
            Some(Ok(label)) => {
                self.history = Rc::new(history);
                self.settle(model, &format!("Undone: {label}."));
            }
        }
    }

    fn redo(&mut self) {
        let mut model = (*self.model).clone();
        let mut history = (*self.history).clone();
        match history.redo(&mut model) {
            None => self.announce("Nothing to redo.".into()),
            Some(Err(error)) => self.refuse(&format!("Redo: {error}.")),
            Some(Ok(label)) => {
                self.history = Rc::new(history);
                self.settle(model, &format!("Done again: {label}."));
            }
        }
    }

    /// Runs the controllers and the engine once over a changed model.
    fn settle(&mut self, model: Model, said: &str) {
        let world = World::new(&model);
        self.watched = Ptr::new(watch::update(&self.watched, &world));
        self.announce(format!("{said} {}", watch::summary(&self.watched)));
        self.model = Ptr::new(model);
        self.world = Ptr::new(world);
        self.selection = self.selection.take().filter(|id| self.world.model().get(id).is_some());
        self.message = None;
        self.ask();
        // Undoing an opening may leave a flow between things that are gone.
        if matches!(self.answer.result, Err(FlowError::NotFound(_))) {
            self.flow = Rc::new(facts::first_flow(&self.model));
            self.watched = Ptr::new(watch::first(&self.world, &self.model));
            self.ask();
        }
    }

    /// Asks the engine about the flow anew.
    fn ask(&mut self) {
        self.answer = Ptr::new(Answer::of(&self.world, &self.flow, self.seed));
        self.outcome = 0;
        self.highlight = None;
    }

    fn send(&mut self, flow: Flow) {
        self.change_flow(flow);
        self.seed += 1;
        self.ask();
        // One connection takes one branch: the sampled one is drawn.
        match &self.answer.result {
            Ok((paths, _)) => {
                self.outcome = paths.sample(self.seed);
                let sentence = paths.outcomes.get(self.outcome).map(super::answer::sentence);
                self.tab = Tab::Trace;
                self.announce(sentence.unwrap_or_default());
            }
            Err(error) => {
                let text = format!("{error}.");
                self.refuse(&text);
            }
        }
    }

    fn run(&mut self, flow: Flow) {
        self.change_flow(flow);
        self.seed += 1;
        self.ask();
        match &self.answer.result {
            Ok((_, run)) => {
                self.tab = Tab::Shares;
                self.announce(super::answer::run_sentence(run));
            }
            Err(error) => self.refuse(&format!("{error}.")),
        }
    }

    fn change_flow(&mut self, flow: Flow) {
        self.message = None;
        self.reply = false;
        if *self.flow != flow {
            self.flow = Rc::new(flow);
        }
    }

    /// Starts over with another cluster; one step of history leads back to this one.
    fn replace(&mut self, next: Self, what: &str) {
        let mut model = (*self.model).clone();
        let mut history = (*self.history).clone();
        if let Some(edit) = describe::difference(&model, &next.model)
            && let Err(error) = history.apply(&mut model, &edit, format!("Open {what}"))
        {
            return self.refuse(&format!("Open {what}: {error}."));
        }
        *self = Self { history: Rc::new(history), announcement: self.announcement.clone(), ..next };
        self.announce(format!("Opened {what}."));
    }

    fn refuse(&mut self, text: &str) {
        self.message = Some(Message::error(text.to_owned()));
    }

    fn announce(&mut self, text: String) {
        self.announcement = (self.announcement.0.wrapping_add(1), text.into());
    }
}
