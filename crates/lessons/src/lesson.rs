//! A lesson: a cluster, and steps that change it and ask about it.

use crate::{Claim, Expect, FlowSpec, Posed, Question, SpecError};
use engine::{Flow, FlowError, Paths, PlanError, World};
use formats::{Diagnostic, Source, import, read_document};
use model::{Edit, EditError, Model};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A lesson, apart from its cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Lesson {
    /// The heading: a question, or what will be found out.
    pub title: String,
    /// The chapter of the course.
    pub chapter: String,
    /// What the learner takes away, in one sentence.
    pub idea: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Claims that go about, and what the packets say to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<Claim>,
}

/// One step: one idea.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Step {
    /// What to look at, a few sentences.
    pub caption: String,
    /// The change that leads here from the step before: "try this".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// The flow that is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowSpec>,
    /// What to predict before the flow is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Question>,
    /// What is seen then, and why: shown after the prediction.
    pub reveal: String,
    /// What the engine must compute for the text to be true.
    pub expect: Expect,
}

/// A step as the engine has it: the one way by which every face asks and marks.
#[derive(Debug, Clone)]
pub struct Played {
    /// The flow that was sent and what came of it; `None` for a step without one.
    pub answer: Option<(Flow, Paths)>,
    /// The question with its options; [`Posed::grade`] marks what is picked.
    pub posed: Option<Posed>,
}

/// Edits under a name, as one step of history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Change {
    /// What a button says: `Set the policy to Cluster`.
    pub title: String,
    /// The edits, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// A load balancer that the cloud controller reconciles, after the edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconcile: Option<String>,
}

impl Change {
    /// The change of this cluster as one edit, with what follows from it: pods are evicted and made, nodes come and
    /// go, a document that is edited by hand is written down first.
    ///
    /// # Errors
    /// An edit is refused.
    pub fn edit(&self, model: &Model) -> Result<Edit, PlanError> {
        let mut model = model.clone();
        let mut world = World::new(&model);
        let mut edits = Vec::with_capacity(self.edits.len());
        for edit in &self.edits {
            let edit = world.plan(&world.by_hand(edit.clone()))?.edit;
            edit.apply(&mut model).map_err(PlanError::Edit)?;
            world = world.update(&model);
            edits.push(edit);
        }
        edits.extend(self.reconcile.as_ref().and_then(|balancer| world.reconcile(balancer)));
        Ok(Edit::Many { edits })
    }
}

/// Why a lesson cannot be shown.
#[derive(Debug, Clone, PartialEq)]
pub enum LessonError {
    /// Its files are not as they must be.
    Input(Vec<Diagnostic>),
    /// A change cannot be made.
    Edit(usize, EditError),
    /// A change is refused by whom it is asked of.
    Plan(usize, PlanError),
    /// A flow cannot be read.
    Spec(SpecError),
    /// A flow cannot be asked about.
    Flow(FlowError),
    /// The question is about a flow and there is none.
    NoFlow,
    /// The question is about a share and names no receiver.
    NoReceiver,
}

impl fmt::Display for LessonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(diagnostics) => {
                for (index, diagnostic) in diagnostics.iter().enumerate() {
                    let line = if index == 0 { "" } else { "\n" };
                    write!(f, "{line}{diagnostic}")?;
                }
                Ok(())
            }
            Self::Edit(step, error) => write!(f, "the change of step {}: {error}", step + 1),
            Self::Plan(step, error) => write!(f, "the change of step {}: {error}", step + 1),
            Self::Spec(error) => error.fmt(f),
            Self::Flow(error) => error.fmt(f),
            Self::NoFlow => f.write_str("the question needs a flow; add `flow:` to the step"),
            Self::NoReceiver => f.write_str("the question is about a share; add `of:` with the receiver"),
        }
    }
}

impl std::error::Error for LessonError {}

impl Lesson {
    /// Reads a lesson and the cluster that it begins with.
    ///
    /// # Errors
    /// What is wrong with the files, with their lines.
    pub fn read(lesson: &Source, cluster: &Source) -> Result<(Self, Model), LessonError> {
        let lesson = read_document(lesson).map_err(LessonError::Input)?;
        let import = import(std::slice::from_ref(cluster));
        if import.has_errors() {
            return Err(LessonError::Input(import.diagnostics));
        }
        Ok((lesson, import.model))
    }

    /// The cluster at a step: that of the beginning with all changes up to and with this step's. Steps count
    /// from 0; one beyond the last is the last.
    ///
    /// # Errors
    /// A change cannot be made.
    pub fn model_at(&self, start: &Model, step: usize) -> Result<Model, LessonError> {
        let mut model = start.clone();
        for (index, step) in self.steps.iter().enumerate().take(step.saturating_add(1)) {
            let Some(change) = &step.change else { continue };
            let edit = change.edit(&model).map_err(|error| LessonError::Plan(index, error))?;
            edit.apply(&mut model).map_err(|error| LessonError::Edit(index, error))?;
        }
        Ok(model)
    }
}

impl Step {
    /// The flow that is sent.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn flow(&self) -> Result<Option<Flow>, LessonError> {
        self.flow.as_ref().map(Flow::try_from).transpose().map_err(LessonError::Spec)
    }

    /// Sends the flow in this cluster, and poses the question about what came of it.
    ///
    /// # Errors
    /// The flow cannot be read or asked about, or the question does not fit the step.
    pub fn play(&self, world: &World) -> Result<Played, LessonError> {
        let flow = self.flow()?;
        let paths = flow.as_ref().map(|flow| world.paths(flow)).transpose().map_err(LessonError::Flow)?;
        let answer = flow.zip(paths);
        let pair = answer.as_ref().map(|(flow, paths)| (flow, paths));
        let posed = self.ask.as_ref().map(|ask| ask.pose(world, pair)).transpose()?;
        Ok(Played { answer, posed })
    }
}
