//! Lessons and questions: their files lie beside the page, and the engine room reads, asks and grades.

use crate::{
    documents, engineroom,
    state::{
        Action, Dispatch, Message,
        guide::{Looked, Taken, Turn},
    },
};
use formats::Source;
use lessons::{Answered, Ask, Begun, Contents, Posed};
use model::{Edit, Model};
use wasm_bindgen_futures::spawn_local;

/// What an address or a list leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lead {
    /// A lesson at a step, from 0.
    Lesson(String, u32),
    /// A question at a case, from 0.
    Question(String, usize),
}

impl Lead {
    /// Reads the text after `#`: `lesson=port-80`, `question=snat-budget`.
    pub(crate) fn read(hash: &str) -> Option<Self> {
        let (kind, id) = hash.split_once('=')?;
        match kind {
            "lesson" => Some(Self::Lesson(id.to_owned(), 0)),
            "question" => Some(Self::Question(id.to_owned(), 0)),
            _ => None,
        }
    }
}

/// The lists of lessons and questions.
pub(crate) async fn contents() -> Result<Contents, String> {
    engineroom::teach(&Ask::Contents).await.map_err(|error| error.to_string())
}

/// Opens a lesson or a question; the person's own work is kept.
pub(crate) fn open(lead: Lead, dispatch: Dispatch) {
    dispatch.dispatch(Action::Tell(Some(Message::note("Opening…"))));
    spawn_local(async move {
        let (what, turn) = match lead {
            Lead::Lesson(id, step) => ("lesson", lesson(id, step).await),
            Lead::Question(id, case) => ("question", question(id, case).await),
        };
        dispatch.dispatch(match turn {
            Ok(turn) => Action::Guide(turn),
            Err(why) => Action::Tell(Some(Message::error(format!("The {what} was not opened: {why}.")))),
        });
    });
}

/// Goes to a step of a lesson, by its change to the cluster as the learner has it.
pub(crate) fn step(taken: &Taken, step: u32, model: &Model, dispatch: Dispatch) {
    let title = usize::try_from(step).ok().and_then(|at| taken.sheet.steps.get(at)?.change.clone());
    let Some(title) = title else { return dispatch.dispatch(Action::Guide(Turn::Step(step, None))) };
    let ask = Ask::Change { lesson: taken.source.clone(), step, model: model.clone() };
    spawn_local(async move {
        let edit = told(engineroom::teach::<Result<Option<Edit>, String>>(&ask).await);
        dispatch.dispatch(match edit {
            Ok(edit) => Action::Guide(Turn::Step(step, edit.map(|edit| (title, edit)))),
            Err(why) => Action::Tell(Some(Message::error(format!(
                "The cluster as you left it does not allow the next step: {why}. Undo your changes, or begin the step anew."
            )))),
        });
    });
}

/// Puts the question of the learner's step about the cluster as they have it.
pub(crate) fn pose(taken: &Taken, model: &Model, dispatch: Dispatch) {
    let step = taken.step;
    let ask = Ask::Pose { lesson: taken.source.clone(), step, model: model.clone() };
    spawn_local(async move {
        match told(engineroom::teach::<Result<Option<Posed>, String>>(&ask).await) {
            Ok(Some(posed)) => dispatch.dispatch(Action::Guide(Turn::Posed(step, posed))),
            Ok(None) => {}
            Err(why) => dispatch.dispatch(Action::Tell(Some(Message::error(format!(
                "The question cannot be put about the cluster as you left it: {why}."
            ))))),
        }
    });
}

async fn lesson(id: String, step: u32) -> Result<Turn, String> {
    let file = async |name: &str| file(&format!("lessons/{}/{name}.yaml", known(&id)?)).await;
    let (source, cluster) = (file("lesson").await?, file("cluster").await?);
    let ask = Ask::Begin { lesson: source.clone(), cluster, step };
    let Begun { sheet, step, model } = told(engineroom::teach(&ask).await)?;
    Ok(Turn::Begin(Box::new(Taken::at(id, source, sheet, step)), Box::new(model)))
}

async fn question(id: String, case: usize) -> Result<Turn, String> {
    let mut source = file(&format!("questions/{}/expect.json", known(&id)?)).await?;
    source.name = format!("{id}/expect.json");
    let answered: Answered = told(engineroom::teach(&Ask::Answered(source)).await)?;
    let mut sources = Vec::new();
    for name in answered.cases.get(case).into_iter().flat_map(|case| &case.files) {
        sources.push(file(&format!("questions/{name}")).await?);
    }
    let import = documents::import(&sources).await;
    if let Some(refusal) = import.diagnostics.iter().find(|_| import.has_errors()) {
        return Err(refusal.to_string());
    }
    Ok(Turn::Look(Box::new(Looked { id, answered, case, flow: 0 }), Box::new(import.model)))
}

/// The id, if it is one: it comes from the address, and names a folder.
fn known(id: &str) -> Result<&str, String> {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if !id.is_empty() && id.chars().all(fits) {
        Ok(id)
    } else {
        Err(format!("there is none called \"{id}\""))
    }
}

async fn file(path: &str) -> Result<Source, String> {
    engineroom::file(path).await.map_err(|error| error.to_string())
}

fn told<T>(answer: Result<Result<T, String>, engineroom::EngineroomError>) -> Result<T, String> {
    answer.unwrap_or_else(|error| Err(error.to_string()))
}
