//! Lessons for JavaScript.

use crate::{Cluster, give};
use engine::World;
use formats::Source;
use lessons::{INDEX, Lesson, Posed};
use model::Model;
use serde::Serialize;
use wasm_bindgen::prelude::{JsError, JsValue, wasm_bindgen};

/// A lesson of the course.
#[derive(Serialize)]
struct Entry {
    id: &'static str,
    chapter: &'static str,
    title: &'static str,
}

/// A lesson that is being taken.
#[wasm_bindgen]
pub struct Course {
    lesson: Lesson,
    start: Model,
}

#[wasm_bindgen]
impl Course {
    /// Every lesson of the course, in order.
    ///
    /// # Errors
    /// None that input could cause.
    pub fn index() -> Result<JsValue, JsError> {
        let entries =
            INDEX.iter().map(|entry| Entry { id: entry.id, chapter: entry.chapter, title: entry.title });
        give(&entries.collect::<Vec<_>>())
    }

    /// Reads a lesson from the texts of its two files.
    ///
    /// # Errors
    /// What is wrong with them, with the line.
    pub fn read(lesson: String, cluster: String) -> Result<Course, JsError> {
        let (lesson, start) =
            Lesson::read(&Source::new("lesson.yaml", lesson), &Source::new("cluster.yaml", cluster))?;
        Ok(Self { lesson, start })
    }

    /// The lesson: title, idea, steps, claims.
    ///
    /// # Errors
    /// None that input could cause.
    pub fn lesson(&self) -> Result<JsValue, JsError> {
        give(&self.lesson)
    }

    /// The cluster at a step, from 0.
    ///
    /// # Errors
    /// A change cannot be made.
    pub fn cluster(&self, step: usize) -> Result<Cluster, JsError> {
        Ok(Cluster::of(self.lesson.model_at(&self.start, step)?, Vec::new()))
    }

    /// The question of a step about this cluster, with its options; `null` where the step asks nothing.
    ///
    /// # Errors
    /// The flow names something that is not in the cluster any more.
    pub fn pose(&self, step: usize, cluster: &Cluster) -> Result<JsValue, JsError> {
        give(&self.posed(step, cluster.world())?)
    }

    /// Grades picked options, by index.
    ///
    /// # Errors
    /// As `pose`.
    pub fn grade(&self, step: usize, cluster: &Cluster, picked: Vec<usize>) -> Result<JsValue, JsError> {
        give(&self.posed(step, cluster.world())?.map(|posed| posed.grade(&picked)))
    }
}

impl Course {
    fn posed(&self, step: usize, world: &World) -> Result<Option<Posed>, JsError> {
        let Some(step) = self.lesson.steps.get(step) else { return Ok(None) };
        Ok(step.play(world)?.posed)
    }
}
