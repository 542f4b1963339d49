//! The guide: lessons and questions that are visited, while the person's own work is kept.

use super::{Answer, State, Tab};
use crate::ptr::Ptr;
use engine::Flow;
use formats::Source;
use lessons::{Answered, FlowSpec, Grade, Posed, Sheet, SheetStep};
use model::{Edit, Model};
use std::rc::Rc;

/// What the rail shows, and what waits meanwhile.
#[derive(Debug, Clone, Default)]
pub(crate) struct Guide {
    /// What the rail shows.
    pub(crate) page: Page,
    /// The person's own work, while a lesson or a question has its cluster on the page.
    pub(crate) own: Option<Rc<State>>,
}

/// What the rail shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Page {
    /// The story of the cluster.
    #[default]
    Story,
    /// The list of lessons.
    Lessons,
    /// The list of questions.
    Questions,
    /// A lesson.
    Lesson(Rc<Taken>),
    /// A question and its answer.
    Answered(Rc<Looked>),
}

/// A lesson that is being taken.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Taken {
    /// The lesson.
    pub(crate) id: String,
    /// `lesson.yaml`, for asking about it.
    pub(crate) source: Source,
    /// Its text.
    pub(crate) sheet: Sheet,
    /// The step, from 0.
    pub(crate) step: u32,
    /// How far the learner is with it.
    pub(crate) stage: Stage,
}

/// How far a learner is with a step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    /// To predict; the question is put as soon as its options are made.
    Asked(Option<Posed>, Vec<usize>),
    /// Predicted and told; without a mark where nothing was asked.
    Told(Option<Grade>),
}

/// A question whose answer is looked at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Looked {
    /// The question.
    pub(crate) id: String,
    /// Its text.
    pub(crate) answered: Answered,
    /// The cluster on the page, as an index into the cases.
    pub(crate) case: usize,
    /// The flow that is drawn, as an index into the flows of the case.
    pub(crate) flow: usize,
}

/// What happens in the rail.
#[derive(Debug, Clone)]
pub(crate) enum Turn {
    /// Show the story or a list.
    Show(Page),
    /// Take up a lesson with this cluster.
    Begin(Box<Taken>, Box<Model>),
    /// Go to a step, by the change of that title.
    Step(u32, Option<(String, Edit)>),
    /// The options of a step's question are made.
    Posed(u32, Posed),
    /// An option is picked, or no longer.
    Pick(usize),
    /// Mark what is picked.
    Check,
    /// Look at a question with this cluster.
    Look(Box<Looked>, Box<Model>),
    /// Draw another flow of the case.
    Flow(usize),
    /// Back to the person's own work.
    Leave,
}

impl Taken {
    /// A lesson at a step.
    pub(crate) fn at(id: String, source: Source, sheet: Sheet, step: u32) -> Self {
        let mut taken = Self { id, source, sheet, step, stage: Stage::Told(None) };
        taken.go(step);
        taken
    }

    fn go(&mut self, step: u32) {
        self.step = step;
        let asks = self.step().is_some_and(|step| step.asks);
        self.stage = if asks { Stage::Asked(None, Vec::new()) } else { Stage::Told(None) };
    }

    /// The step.
    pub(crate) fn step(&self) -> Option<&SheetStep> {
        self.sheet.steps.get(index(self.step))
    }

    /// The step after it.
    pub(crate) fn next(&self) -> Option<&SheetStep> {
        self.sheet.steps.get(index(self.step) + 1)
    }

    /// Something is to be predicted first.
    pub(crate) fn asks(&self) -> bool {
        matches!(self.stage, Stage::Asked(..))
    }
}

impl Guide {
    /// What is to be seen would give the answer away.
    pub(crate) fn veils(&self) -> bool {
        matches!(&self.page, Page::Lesson(taken) if taken.asks())
    }

    /// The text after `#` that leads here; `None` where the person's own work is shown.
    pub(crate) fn hash(&self) -> Option<String> {
        match &self.page {
            Page::Lesson(taken) => Some(format!("lesson={}", taken.id)),
            Page::Answered(looked) => Some(format!("question={}", looked.id)),
            _ => None,
        }
    }
}

impl State {
    pub(super) fn turn_guide(&mut self, turn: Turn) {
        match turn {
            Turn::Show(page) => {
                self.leave();
                self.guide.page = page;
            }
            Turn::Begin(taken, model) => {
                let flow = taken.step().and_then(|step| step.flow.clone());
                let said = format!("Lesson: {}.", taken.sheet.title);
                self.visit(Page::Lesson(Rc::new(*taken)), *model, flow.as_ref());
                self.announce(said);
            }
            Turn::Step(step, change) => self.step(step, change),
            Turn::Posed(step, posed) => self.lesson(|taken| {
                if let Stage::Asked(known, picked) = &mut taken.stage
                    && taken.step == step
                {
                    picked.retain(|at| *at < posed.options.len());
                    *known = Some(posed);
                }
            }),
            Turn::Pick(at) => self.lesson(|taken| {
                let Stage::Asked(Some(posed), picked) = &mut taken.stage else { return };
                match picked.iter().position(|one| *one == at) {
                    Some(place) if posed.several => {
                        picked.remove(place);
                    }
                    Some(_) => {}
                    None if posed.several => picked.push(at),
                    None => *picked = vec![at],
                }
            }),
            Turn::Check => self.check(),
            Turn::Look(looked, model) => {
                let case = looked.answered.cases.get(looked.case);
                let flow = case.and_then(|case| case.flows.get(looked.flow)).cloned();
                let said = format!("{} {}", looked.answered.question, looked.answered.answer);
                self.visit(Page::Answered(Rc::new(*looked)), *model, flow.as_ref());
                if flow.is_none() {
                    self.tab = Tab::LoadBalancer;
                }
                self.announce(said);
            }
            Turn::Flow(at) => self.look_at(at),
            Turn::Leave => {
                let list = match self.guide.page {
                    Page::Answered(_) => Page::Questions,
                    _ => Page::Lessons,
                };
                self.leave();
                self.guide.page = list;
                self.announce("Your own cluster is back.".to_owned());
            }
        }
    }

    /// Puts the cluster of a lesson or a question on the page. The person's own work waits.
    fn visit(&mut self, page: Page, model: Model, flow: Option<&FlowSpec>) {
        let own = self.guide.own.take();
        let own = own.unwrap_or_else(|| Rc::new(Self { message: None, dialog: None, ..self.clone() }));
        let next = Self::new(None, model);
        let kept = (self.announcement.clone(), self.dark);
        *self = Self { guide: Guide { page, own: Some(own) }, watched: Ptr::new(Vec::new()), ..next };
        (self.announcement, self.dark) = kept;
        self.take_flow(flow);
        self.ask();
    }

    /// Brings the person's own work back, if it waits.
    pub(super) fn leave(&mut self) {
        if let Some(own) = self.guide.own.take() {
            let kept = (self.announcement.clone(), self.dark, self.dialog.take());
            *self = (*own).clone();
            (self.announcement, self.dark, self.dialog) = kept;
            self.guide = Guide::default();
        }
    }

    fn lesson(&mut self, change: impl FnOnce(&mut Taken)) {
        if let Page::Lesson(taken) = &mut self.guide.page {
            change(Rc::make_mut(taken));
        }
    }

    fn step(&mut self, to: u32, change: Option<(String, Edit)>) {
        let Page::Lesson(before) = &self.guide.page else { return };
        let before = Rc::clone(before);
        self.lesson(|taken| taken.go(to));
        if let Some((title, edit)) = change {
            self.edit(&edit, title, Vec::new());
            if self.message.is_some() {
                self.guide.page = Page::Lesson(before);
                return self.ask();
            }
        }
        let Page::Lesson(taken) = &self.guide.page else { return };
        let flow = taken.step().and_then(|step| step.flow.clone());
        let said = taken.step().map(|step| step.caption.clone()).unwrap_or_default();
        self.take_flow(flow.as_ref());
        self.reply = false;
        self.tab = Tab::Trace;
        self.ask();
        self.announce(said);
    }

    fn check(&mut self) {
        self.lesson(|taken| {
            if let Stage::Asked(Some(posed), picked) = &taken.stage
                && !picked.is_empty()
            {
                taken.stage = Stage::Told(Some(posed.grade(picked)));
            }
        });
        if !self.guide.veils() {
            self.ask();
        }
    }

    fn look_at(&mut self, at: usize) {
        let Page::Answered(looked) = &mut self.guide.page else { return };
        let Some(flow) = looked.answered.cases.get(looked.case).and_then(|case| case.flows.get(at)).cloned()
        else {
            return;
        };
        Rc::make_mut(looked).flow = at;
        self.take_flow(Some(&flow));
        self.tab = Tab::Trace;
        self.reply = false;
        self.ask();
        self.announce_answer();
    }

    fn take_flow(&mut self, flow: Option<&FlowSpec>) {
        if let Some(Ok(flow)) = flow.map(Flow::try_from) {
            self.flow = Rc::new(flow);
        }
    }

    fn announce_answer(&mut self) {
        let outcome = self.answer.paths().and_then(|paths| paths.outcomes.first());
        let said = outcome.map(super::answer::sentence).unwrap_or_default();
        self.announce(said);
    }

    /// Asks the engine, unless something is to be predicted first.
    pub(super) fn answer_now(&self) -> Answer {
        if self.guide.veils() {
            Answer::veiled(&self.world)
        } else {
            Answer::of(&self.world, &self.flow, self.seed)
        }
    }
}

fn index(step: u32) -> usize {
    usize::try_from(step).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Action, Unanswered};
    use lessons::PosedOption;
    use yew::Reducible;

    fn step(asks: bool) -> SheetStep {
        let flow = FlowSpec {
            from: "198.51.100.7".into(),
            to: "svc/default/echo-service:80".into(),
            ..FlowSpec::default()
        };
        SheetStep { caption: "c".into(), change: None, flow: Some(flow), asks, reveal: "r".into() }
    }

    fn posed() -> Posed {
        let option = |text: &str, right| PosedOption { text: text.into(), right };
        Posed { prompt: "?".into(), several: false, options: vec![option("a", true), option("b", false)] }
    }

    fn begun(own: &Rc<State>) -> Rc<State> {
        let sheet = Sheet {
            title: "t".into(),
            chapter: "h".into(),
            idea: "i".into(),
            steps: vec![step(true), step(false)],
            claims: Vec::new(),
        };
        let taken = Taken::at("one".into(), Source::new("lesson.yaml", ""), sheet, 0);
        let preset = crate::presets::Preset::find("caveat-pool-1").expect("a preset");
        let model = preset.model();
        Rc::clone(own).reduce(Action::Guide(Turn::Begin(Box::new(taken), Box::new(model))))
    }

    #[test]
    fn nothing_is_answered_before_the_prediction() {
        let own = Rc::new(State::first());
        let state = begun(&own);
        assert!(matches!(state.answer.result(), Err(Unanswered::Veiled)));
        let state = state.reduce(Action::Run((*own.flow).clone()));
        assert!(state.answer.run().is_none(), "the answer is not to be had by another way");
        let state = state.reduce(Action::Guide(Turn::Posed(0, posed())));
        let state = state.reduce(Action::Guide(Turn::Check));
        assert!(state.answer.paths().is_none(), "nothing was picked");
        let state = state.reduce(Action::Guide(Turn::Pick(0))).reduce(Action::Guide(Turn::Pick(1)));
        let state = state.reduce(Action::Guide(Turn::Check));
        assert!(state.answer.paths().is_some());
        let Page::Lesson(taken) = &state.guide.page else { panic!("the lesson goes on") };
        assert!(matches!(&taken.stage, Stage::Told(Some(grade)) if !grade.right && grade.truth == "a"));
        let state = state.reduce(Action::Guide(Turn::Step(1, None)));
        assert!(state.answer.paths().is_some(), "the second step asks nothing");
    }

    #[test]
    fn the_own_work_comes_back_as_it_was() {
        let service = model::Key::new("default", "echo-service");
        let policy = model::kubernetes::TrafficPolicy::Cluster;
        let edit = Edit::SetExternalTrafficPolicy { service, policy };
        let own = Rc::new(State::first()).reduce(Action::Edit(edit));
        let away = begun(&own);
        assert!(*away.model != *own.model);
        assert_eq!(away.history.next_undo(), None);
        for back in [Action::Guide(Turn::Leave), Action::Guide(Turn::Show(Page::Story))] {
            let state = Rc::clone(&away).reduce(back);
            assert!(state.model == own.model && state.history.next_undo() == own.history.next_undo());
            assert!(state.guide.own.is_none());
        }
        // Another lesson keeps the first one's guest, and what is opened meanwhile is one undo away from it.
        let preset = crate::presets::PRESETS.last().expect("presets");
        let opened = begun(&away).reduce(Action::OpenPreset(preset)).reduce(Action::Undo);
        assert!(*opened.model == *own.model);
    }
}
