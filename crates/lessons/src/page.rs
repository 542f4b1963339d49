//! What the page and its reader say to each other about teaching: the page asks an [`Ask`], the reader, which has
//! the reader of documents, answers. All of it passes in the wire form.

use crate::{Claim, FlowSpec};
use formats::Source;
use model::Model;
use wire::Wire;

/// What the page asks; the types of the answers stand with the variants.
#[derive(Debug, Clone, PartialEq, Wire)]
pub enum Ask {
    /// Which lessons and questions are there? [`Contents`].
    Contents,
    /// What do these files of a lesson hold, taken up at this step? `Result<Begun, String>`.
    Begin {
        /// `lesson.yaml`.
        lesson: Source,
        /// `cluster.yaml`.
        cluster: Source,
        /// The step, from 0; one beyond the last is the last.
        step: u32,
    },
    /// Which edit makes the change of this step in this cluster? `Result<Option<Edit>, String>`: `None` where the
    /// step changes nothing.
    Change {
        /// `lesson.yaml`.
        lesson: Source,
        /// The step, from 0.
        step: u32,
        /// The cluster as the learner has it.
        model: Model,
    },
    /// How is the question of this step put about this cluster? `Result<Option<Posed>, String>`: `None` where the
    /// step asks nothing.
    Pose {
        /// `lesson.yaml`.
        lesson: Source,
        /// The step, from 0.
        step: u32,
        /// The cluster as the learner has it.
        model: Model,
    },
    /// What does this file of a question hold? `Result<Answered, String>`.
    Answered(Source),
}

/// Lessons and questions, in the order in which they are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Wire)]
pub struct Contents {
    /// The course.
    pub lessons: Vec<Listed>,
    /// What people ask.
    pub questions: Vec<Listed>,
}

/// A lesson or a question in a list.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct Listed {
    /// The folder's name, which links refer to.
    pub id: String,
    /// The chapter; of a question what it is about.
    pub chapter: String,
    /// The heading.
    pub title: String,
}

/// A lesson that is taken up.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Begun {
    /// Its text.
    pub sheet: Sheet,
    /// The step that is taken up, from 0.
    pub step: u32,
    /// The cluster of that step.
    pub model: Model,
}

/// The text of a lesson.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Sheet {
    /// The heading.
    pub title: String,
    /// The chapter.
    pub chapter: String,
    /// What the learner takes away.
    pub idea: String,
    /// The steps; at least one.
    pub steps: Vec<SheetStep>,
    /// Claims that go about.
    pub claims: Vec<Claim>,
}

/// One step of a lesson, as the page shows it.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct SheetStep {
    /// What to look at.
    pub caption: String,
    /// What a button says that leads here from the step before.
    pub change: Option<String>,
    /// The flow that is sent.
    pub flow: Option<FlowSpec>,
    /// Whether something is to be predicted.
    pub asks: bool,
    /// What is seen then, and why.
    pub reveal: String,
}

/// A question that people ask, with its answer.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct Answered {
    /// The question.
    pub question: String,
    /// Where it was asked.
    pub asked: Vec<String>,
    /// The answer, a few sentences.
    pub answer: String,
    /// Clusters that show it; at least one.
    pub cases: Vec<AnsweredCase>,
}

/// One cluster that shows an answer.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct AnsweredCase {
    /// What is the matter in it.
    pub name: String,
    /// Its files, from the folder of all questions on.
    pub files: Vec<String>,
    /// Flows that show it; without one, the probes do.
    pub flows: Vec<FlowSpec>,
}

#[cfg(feature = "documents")]
mod reader {
    use super::{Answered, AnsweredCase, Ask, Begun, Contents, Listed, Sheet, SheetStep};
    use crate::{ANSWERED, Asked, INDEX, Lesson, LessonError, Posed};
    use engine::World;
    use formats::{Diagnostic, Source, read_document};
    use model::{Edit, Model};
    use wire::Wire;

    /// Answers an [`Ask`] in its wire form; `None` if it is not one.
    pub fn answer(ask: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        match wire::decode(ask)? {
            Ask::Contents => contents().write(&mut out),
            Ask::Begin { lesson, cluster, step } => {
                told(begin(&lesson, &cluster, step)).write(&mut out);
            }
            Ask::Change { lesson, step, model } => told(change(&lesson, step, &model)).write(&mut out),
            Ask::Pose { lesson, step, model } => told(pose(&lesson, step, &model)).write(&mut out),
            Ask::Answered(source) => told(answered(&source)).write(&mut out),
        }
        Some(out)
    }

    fn told<T>(result: Result<T, LessonError>) -> Result<T, String> {
        result.map_err(|error| error.to_string())
    }

    fn contents() -> Contents {
        let listed = |id: &str, chapter: &str, title: &str| Listed {
            id: id.to_owned(),
            chapter: chapter.to_owned(),
            title: title.to_owned(),
        };
        let of = |entries: &[crate::Entry]| {
            entries.iter().map(|entry| listed(entry.id, entry.chapter, entry.title)).collect()
        };
        Contents { lessons: of(INDEX), questions: of(ANSWERED) }
    }

    fn begin(lesson: &Source, cluster: &Source, step: u32) -> Result<Begun, LessonError> {
        let (lesson, start) = Lesson::read(lesson, cluster)?;
        let last = u32::try_from(lesson.steps.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let step = step.min(last);
        let model = lesson.model_at(&start, index(step))?;
        Ok(Begun { sheet: sheet(lesson), step, model })
    }

    fn sheet(lesson: Lesson) -> Sheet {
        let step = |step: crate::Step| SheetStep {
            caption: step.caption,
            change: step.change.map(|change| change.title),
            flow: step.flow,
            asks: step.ask.is_some(),
            reveal: step.reveal,
        };
        Sheet {
            title: lesson.title,
            chapter: lesson.chapter,
            idea: lesson.idea,
            steps: lesson.steps.into_iter().map(step).collect(),
            claims: lesson.claims,
        }
    }

    fn change(lesson: &Source, step: u32, model: &Model) -> Result<Option<Edit>, LessonError> {
        let lesson: Lesson = read(lesson)?;
        let change = lesson.steps.get(index(step)).and_then(|step| step.change.as_ref());
        let edit = change.map(|change| change.edit(model)).transpose();
        edit.map_err(|error| LessonError::Plan(index(step), error))
    }

    fn pose(lesson: &Source, step: u32, model: &Model) -> Result<Option<Posed>, LessonError> {
        let lesson: Lesson = read(lesson)?;
        match lesson.steps.get(index(step)) {
            Some(step) => Ok(step.play(&World::new(model))?.posed),
            None => Ok(None),
        }
    }

    fn answered(source: &Source) -> Result<Answered, LessonError> {
        let asked: Asked = read(source)?;
        let folder = source.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let cases = asked.cases.into_iter().map(|case| AnsweredCase {
            flows: case.specs(),
            files: case.given.iter().map(|file| inside(folder, file)).collect(),
            name: case.name,
        });
        Ok(Answered {
            question: asked.question,
            asked: asked.asked,
            answer: asked.answer,
            cases: cases.collect(),
        })
    }

    /// `../common/nodes.yaml` in `a` is `common/nodes.yaml`.
    fn inside(folder: &str, file: &str) -> String {
        match file.strip_prefix("../") {
            Some(beside) => beside.to_owned(),
            None => format!("{folder}/{file}"),
        }
    }

    fn read<T: serde::de::DeserializeOwned>(source: &Source) -> Result<T, LessonError> {
        read_document(source).map_err(|found: Vec<Diagnostic>| LessonError::Input(found))
    }

    fn index(step: u32) -> usize {
        usize::try_from(step).unwrap_or(usize::MAX)
    }
}

#[cfg(feature = "documents")]
pub use reader::answer;
