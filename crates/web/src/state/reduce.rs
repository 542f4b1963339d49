//! From one state to the next.

use super::{
    Action, Answer, Changed, Message, RealRules, State, Tab, Variant, describe, facts,
    history::{Cluster, History},
    watch,
};

use crate::ptr::Ptr;
use crate::world::World;
use engine::Flow;
use model::{Edit, EditError, Model};
use std::{cell::OnceCell, rc::Rc};
use yew::Reducible;

/// One step of history, back or forth.
type Turn = fn(&mut History, &mut Cluster) -> Option<Result<String, EditError>>;

impl Reducible for State {
    type Action = Action;

    fn reduce(self: Rc<Self>, action: Action) -> Rc<Self> {
        match action {
            Action::Answered => self.answered(),
            Action::Stopped(why) => self.stopped(why),
            action => self.act(action),
        }
    }
}

impl State {
    /// The state after an action, once every answer is there that it takes.
    pub(super) fn then(self: Rc<Self>, action: Action) -> Rc<Self> {
        let mut next = (*self).clone();
        next.rehearsed = None;
        // What is asked for next may depend on what followed from the last edit.
        if action.asks_engine() {
            next.follow_edit();
        }
        match action {
            Action::FollowEdit => next.follow_edit(),
            Action::Edit(edit) => next.plan(&edit, describe::edit(&edit)),
            Action::Rehearse(edit, shape) => return self.rehearse(edit, shape),
            Action::Named(label, edit) => next.plan(&edit, label),
            Action::Restore(label, edit) => next.edit(&edit, label, Vec::new()),
            Action::Undo => next.undo(),
            Action::Redo => next.redo(),
            Action::Travel(to) => next.travel(to),
            Action::Watch(flow) => {
                next.watched = Ptr::new(watch::add(&next.watched, &next.answer, &flow));
                next.announce(format!("Watching {}.", facts::flow_words(next.world.model(), &flow)));
            }
            Action::Unwatch(at) => {
                let mut watched = (*next.watched).clone();
                if at < watched.len() {
                    next.announce(format!("No longer watching {}.", watched.remove(at).title));
                }
                next.watched = Ptr::new(watched);
            }
            Action::Select(selection) => next.selection = selection,
            Action::Send(_) | Action::Run(_) if next.guide.veils() => {
                next.message = Some(Message::note(format!("Not yet: {}.", super::Unanswered::Veiled)));
            }
            Action::Send(flow) => next.send(flow),
            Action::Run(flow) => next.run(flow),
            Action::AskFirst => next.ask_first(),
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
            Action::Compare(baseline) => {
                next.compare = baseline.map(|baseline| Ptr::new(Variant::of(baseline, &next)));
            }
            Action::ToggleTheme => {
                let dark = !next.dark.unwrap_or_else(crate::theme::is_dark);
                next.dark = Some(dark);
                next.announce(if dark { "Dark theme.".into() } else { "Light theme.".into() });
            }
            Action::OpenTab(tab) => next.tab = tab,
            Action::ShowRules(node) => {
                next.rules_node = Some(node);
                next.tab = Tab::Rules;
            }
            Action::FindRules(search) => {
                next.rules_search = search;
                next.tab = Tab::Rules;
            }
            Action::GiveRules(node, text) => next.give_rules(node, text),
            Action::MoveMember(label, node, [from, to]) => match next.world.move_member(&node, from, to) {
                Ok(edit) => next.plan(&edit, label),
                Err(why) => next.refuse(&format!("Not done ({label}): {why}.")),
            },
            Action::OpenPreset(preset) => {
                next.replace(Self::new(Some(preset), preset.model()), preset.title);
            }
            Action::Open(model) => next.replace(Self::new(None, *model), "an imported cluster"),
            Action::OpenLink(link) => match Self::of_link(&link) {
                Ok(state) => next.replace(state, "a shared cluster"),
                Err(message) => next.message = Some(message),
            },
            Action::Show(dialog) => next.dialog = dialog,
            Action::Tell(message) => next.message = message,
            Action::Announce(text) => next.announce(text),
            Action::EngineCame(Ok(())) => {
                // What is drawn may have more to tell now.
                next.world = Ptr::new((*next.world).clone());
            }
            Action::EngineCame(Err(error)) => {
                next.refuse(&format!("Nothing can be changed or asked: {error}."));
            }
            Action::Guide(turn) => next.turn_guide(turn),
            // They are no steps.
            Action::Answered | Action::Stopped(_) => {}
        }
        Rc::new(next)
    }
}

impl Action {
    /// Whether it takes the engine.
    pub(super) fn asks_engine(&self) -> bool {
        !matches!(
            self,
            Self::FollowEdit
                | Self::Rehearse(..)
                | Self::Unwatch(_)
                | Self::Select(_)
                | Self::ChooseOutcome(_)
                | Self::Highlight(_)
                | Self::Compare(None)
                | Self::ToggleTheme
                | Self::OpenTab(_)
                | Self::ShowRules(_)
                | Self::FindRules(_)
                | Self::Show(_)
                | Self::Tell(_)
                | Self::Announce(_)
                | Self::EngineCame(_)
                | Self::Answered
                | Self::Stopped(_)
        )
    }
}

impl State {
    /// Does what a person does, and what the controllers do then.
    fn plan(&mut self, edit: &Edit, label: String) {
        match self.world.plan(edit) {
            Ok(plan) => self.edit(&plan.edit, label, plan.notes),
            Err(error) => self.refuse(&format!("Not done ({label}): {error}.")),
        }
    }

    pub(super) fn edit(&mut self, edit: &Edit, label: String, notes: Vec<String>) {
        let mut model = (*self.model).clone();
        let mut history = (*self.history).clone();
        match history.apply(&mut model, &self.real_rules, edit, label.clone()) {
            Ok(()) => {
                self.history = Rc::new(history);
                self.settle(model, self.real_rules.clone(), label, notes);
            }
            Err(error) => self.refuse(&format!("Not done ({label}): {error}.")),
        }
    }

    fn undo(&mut self) {
        self.turn(History::undo, "undo", "Undone");
    }

    fn redo(&mut self) {
        self.turn(History::redo, "redo", "Done again");
    }

    fn turn(&mut self, turn: Turn, order: &str, done: &str) {
        let mut cluster = self.cluster();
        let mut history = (*self.history).clone();
        match turn(&mut history, &mut cluster) {
            None => self.announce(format!("Nothing to {order}.")),
            Some(Err(error)) => self.refuse(&format!("Cannot {order}: {error}.")),
            Some(Ok(label)) => {
                self.history = Rc::new(history);
                self.go(cluster, format!("{done}: {label}"));
            }
        }
    }

    /// Undoes or does again until so many edits are done; the engine runs once.
    fn travel(&mut self, to: usize) {
        let mut cluster = self.cluster();
        let mut history = (*self.history).clone();
        while history.done().len() != to {
            let turn: Turn = if history.done().len() > to { History::undo } else { History::redo };
            match turn(&mut history, &mut cluster) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return self.refuse(&format!("Cannot go there: {error}.")),
                None => break,
            }
        }
        let said = match history.next_undo() {
            Some(label) => format!("Back to where this was done: {label}"),
            None => "Back to the beginning".to_owned(),
        };
        self.history = Rc::new(history);
        self.go(cluster, said);
    }

    /// What history changes.
    fn cluster(&self) -> Cluster {
        Cluster { model: (*self.model).clone(), rules: self.real_rules.clone(), origin: self.origin.clone() }
    }

    /// To where history led.
    fn go(&mut self, to: Cluster, said: String) {
        let elsewhere = self.origin.model != to.origin.model;
        self.origin = to.origin;
        self.settle(to.model, to.rules, said, Vec::new());
        if elsewhere {
            self.ask_first();
        }
    }

    /// Runs the controllers and the engine once over a changed model, with these rules on real nodes.
    fn settle(&mut self, model: Model, rules: RealRules, said: String, notes: Vec<String>) {
        let world = self.world.update(&model);
        self.model = Ptr::new(model);
        let world = self.give_all(world, rules);
        self.stand_in(world, said, notes);
    }

    /// Puts a settled cluster in the place of the one before, and asks about the flows in it.
    pub(super) fn stand_in(&mut self, world: World, said: String, notes: Vec<String>) {
        self.behind = true;
        let before = std::mem::replace(&mut self.world, Ptr::new(world));
        self.changed = Some(Ptr::new(Changed {
            label: said,
            notes,
            worlds: [before, self.world.clone()],
            flows: self.watched.iter().map(|watched| (*watched.flow).clone()).collect(),
            stages: OnceCell::new(),
        }));
        let there = &self.world.model().nodes;
        self.real_rules.keep(|node| there.contains_key(node));
        self.selection = self.selection.take().filter(|id| self.world.object(id).is_some());
        self.message = None;
        self.ask();
        // In here nothing gives the browser a turn, as Yew does between a state and its picture.
        if let Some(changed) = self.changed.as_ref().filter(|_| self.tab == Tab::Changes) {
            changed.stages();
        }
    }

    /// What is looked at less closely after an edit: what it did to the watched flows, and the sentence about it all.
    fn follow_edit(&mut self) {
        let Some(changed) = self.changed.clone().filter(|_| std::mem::take(&mut self.behind)) else { return };
        self.unfollowed = false;
        self.watched = Ptr::new(watch::update(&self.watched, &self.answer));
        let said = [&format!("{}.", changed.label), &watch::summary(&self.watched), &changed.notes.join(" ")];
        self.announce(said.map(String::as_str).join(" ").trim().to_owned());
    }

    /// Asks about the flows of a cluster that was just opened: the former ones may be between things that are gone.
    fn ask_first(&mut self) {
        // Pods that controllers make are in the settled cluster alone.
        self.flow = Rc::new(session::first_flow(self.world.model()));
        self.ask();
        self.watched = Ptr::new(watch::first(&self.answer, self.world.model()));
        self.ask_variant();
    }

    /// Asks about the flow in the variant that is compared with.
    fn ask_variant(&mut self) {
        self.compare = self.compare.as_ref().map(|variant| Ptr::new(variant.asked(self)));
    }

    /// Asks the engine about the flow anew.
    pub(super) fn ask(&mut self) {
        self.show(self.answer_now());
    }

    fn show(&mut self, answer: Answer) {
        self.answer = Ptr::new(answer);
        self.outcome = 0;
        self.highlight = None;
    }

    fn send(&mut self, flow: Flow) {
        if !self.change_flow(flow) {
            return;
        }
        // One connection takes one branch: the sampled one is drawn.
        let outcome = self.answer.result().map_or(0, |answered| answered.drawn);
        let sampled = self.answer.paths().and_then(|paths| paths.outcomes.get(outcome));
        let sentence = sampled.map(super::answer::sentence);
        self.outcome = outcome;
        self.tab = Tab::Trace;
        self.announce(sentence.unwrap_or_default());
    }

    fn run(&mut self, flow: Flow) {
        if !self.change_flow(flow) {
            return;
        }
        self.tab = Tab::Shares;
        let sentence = self.answer.run().map(super::answer::run_sentence);
        self.announce(sentence.unwrap_or_default());
    }

    /// Asks about a flow with a new seed. One that cannot be asked about changes nothing, and
    /// `false` is returned.
    fn change_flow(&mut self, flow: Flow) -> bool {
        let seed = self.seed + 1;
        let answer = Answer::of(&self.world, &flow, seed);
        if let Err(error) = answer.result() {
            self.refuse(&format!("Not sent: {error}."));
            return false;
        }
        self.message = None;
        self.reply = false;
        self.seed = seed;
        if *self.flow != flow {
            self.flow = Rc::new(flow);
            self.ask_variant();
        }
        self.show(answer);
        true
    }

    /// Starts over with another cluster; one step of history leads back to this one.
    fn replace(&mut self, next: Self, what: &str) {
        self.leave();
        let mut history = (*self.history).clone();
        if *self.model != *next.model || !self.real_rules.is_empty() {
            history.opened(self.cluster(), format!("Open {what}"));
        }
        let (announcement, dialog, dark) = (self.announcement.clone(), self.dialog.clone(), self.dark);
        *self = Self { history: Rc::new(history), announcement, dialog, dark, ..next };
        self.announce(format!("Opened {what}."));
    }

    pub(super) fn refuse(&mut self, text: &str) {
        self.message = Some(Message::error(text.to_owned()));
    }

    pub(super) fn announce(&mut self, text: String) {
        self.announcement = (self.announcement.0.wrapping_add(1), text.into());
    }
}
