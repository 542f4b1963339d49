//! Expectations about a cluster of one's own, for a pipeline.

use crate::{Change, Expect, FlowSpec, LessonError, Mismatch};
use engine::{Flow, Paths, World};
use model::{Edit, Model};
use serde::{Deserialize, Serialize};

/// A file of expectations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Checks {
    /// The expectations, each checked by itself.
    pub checks: Vec<Check>,
}

/// One expectation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Check {
    /// What it is about, in a few words.
    pub name: String,
    /// Changes made to the cluster for this check alone: what would happen if.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<Edit>,
    /// The flow that is asked about; absent for expectations about the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flow: Option<FlowSpec>,
    /// What must hold.
    pub expect: Expect,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// What does not hold; empty where all does.
    pub mismatches: Vec<Mismatch>,
    /// The answer that was held against it.
    pub paths: Option<Paths>,
}

impl Check {
    /// Asks the engine and compares.
    ///
    /// # Errors
    /// An edit is refused, or the flow cannot be read or asked about.
    pub fn run(&self, model: &Model) -> Result<Checked, LessonError> {
        let mut model = model.clone();
        if !self.edits.is_empty() {
            let change = Change { title: String::new(), edits: self.edits.clone(), reconcile: None };
            let edit = change.edit(&model).map_err(|error| LessonError::Plan(0, error))?;
            edit.apply(&mut model).map_err(|error| LessonError::Edit(0, error))?;
        }
        let world = World::new(&model);
        let flow = self.flow.as_ref().map(Flow::try_from).transpose().map_err(LessonError::Spec)?;
        let paths = flow.map(|flow| world.paths(&flow)).transpose().map_err(LessonError::Flow)?;
        let mismatches = self.expect.mismatches(&world, paths.as_ref());
        Ok(Checked { mismatches, paths })
    }
}
