//! The second wasm: it computes, reads and writes documents and links, and teaches. It is fetched once the first
//! picture stands. What is asked of the engine before is answered by what the build left in the page, or not yet.

use crate::{pause, worker};
use engine::{RulesAnswer, RulesQuestion};
use formats::{Import, Question, Source};
use js_sys::{Function, Uint8Array};
use lessons::Ask;
use model::{Model, Object};
use std::{cell::RefCell, fmt};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wire::{Input, Wire};

#[wasm_bindgen]
extern "C" {
    /// The engine room's function from a door and a question to its answer, both as bytes (`www/boot.js`).
    #[wasm_bindgen(js_namespace = hopscope, js_name = engineroom, catch)]
    async fn load() -> Result<JsValue, JsValue>;

    /// The text of a file beside the page (`www/boot.js`).
    #[wasm_bindgen(js_namespace = hopscope, js_name = text, catch)]
    async fn text(path: &str) -> Result<JsValue, JsValue>;
}

thread_local! {
    static HERE: RefCell<Here> = RefCell::default();
}

#[derive(Debug, Default)]
struct Here {
    /// The engine room's function, when it is here.
    function: Option<Function>,
    /// What the engine must be told when it comes: the cluster that the build answered for.
    untold: Vec<Vec<u8>>,
    /// In a test: the engine itself.
    #[cfg(not(target_arch = "wasm32"))]
    session: session::Session,
}

/// What the page asks of the engine when it opens with the first example, and the answers, as the build left them.
/// The first call gives the cluster its number.
#[cfg(any(test, target_arch = "wasm32"))]
const OPENING: &[(&[u8], &[u8])] = include!(concat!(env!("OUT_DIR"), "/opening.rs"));

/// Why the engine room did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineroomError {
    /// It could not be fetched, or it stopped; what the browser says about it.
    Failed(String),
    /// It answered what the page does not understand.
    OtherVersion,
    /// The person ended it.
    Cancelled,
    /// The browser lets the page have no worker.
    NoWorker,
}

impl fmt::Display for EngineroomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => {
                write!(f, "the part of the page that computes and reads could not be used ({why})")
            }
            Self::OtherVersion => f.write_str("the page was updated meanwhile; reload it"),
            Self::Cancelled => f.write_str("it was cancelled"),
            Self::NoWorker => f.write_str("the browser lets the page have no worker"),
        }
    }
}

impl std::error::Error for EngineroomError {}

/// Whether the engine room is here.
pub(crate) fn is_ready() -> bool {
    cfg!(not(target_arch = "wasm32")) || HERE.with_borrow(|here| here.function.is_some())
}

/// Fetches the engine room, unless it is here.
pub(crate) async fn ready() -> Result<(), EngineroomError> {
    function().await.map(drop)
}

/// Asks the engine what can be answered at once, both in the wire form; `None` if it is not here yet, or stopped.
#[cfg(target_arch = "wasm32")]
pub(crate) fn computed(call: &[u8]) -> Option<Vec<u8>> {
    match HERE.with_borrow(|here| here.function.clone()) {
        Some(function) => at_door(&function, "compute", call).ok(),
        None => left_by_build(call),
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn computed(call: &[u8]) -> Option<Vec<u8>> {
    HERE.with_borrow_mut(|here| here.session.answer(call))
}

/// The answer that the build left. A cluster is named to the engine when it comes.
#[cfg(any(test, target_arch = "wasm32"))]
fn left_by_build(call: &[u8]) -> Option<Vec<u8>> {
    let (at, (_, answer)) = OPENING.iter().enumerate().find(|(_, (asked, _))| *asked == call)?;
    if at == 0 {
        HERE.with_borrow_mut(|here| here.untold.push(call.to_vec()));
    }
    Some(answer.to_vec())
}

/// Asks a question. The type of the answer stands with the question. `words` say what is done, for a person who waits
/// for it; without any nobody does.
pub(crate) async fn ask<T: Wire>(
    question: &Question,
    words: Option<&'static str>,
) -> Result<T, EngineroomError> {
    let answer = call("answer", &wire::encode(question), words).await?;
    wire::decode(&answer).ok_or(EngineroomError::OtherVersion)
}

/// Reads documents.
pub(crate) async fn import(sources: &[Source]) -> Result<Import, EngineroomError> {
    let question = wire::encode(&Question::Import(sources.to_vec()));
    let answer = call("answer", &question, Some("Reading the documents")).await?;
    let mut input = Input::of(&answer);
    let mut model = Model::default();
    // A model passes as the list of its objects.
    pause::each(&mut input, |object: Object| drop(model.put(object))).await;
    let import = Import { model, diagnostics: Vec::read(&mut input) };
    if input.is_read() { Ok(import) } else { Err(EngineroomError::OtherVersion) }
}

/// Asks about lessons. The type of the answer stands with the question.
pub(crate) async fn teach<T: Wire>(ask: &Ask) -> Result<T, EngineroomError> {
    let answer = call("teach", &wire::encode(ask), Some("Reading the lesson")).await?;
    wire::decode(&answer).ok_or(EngineroomError::OtherVersion)
}

/// Compares a real node's rules with those that the controllers would write.
pub(crate) async fn compare(
    question: &RulesQuestion,
) -> Result<Result<RulesAnswer, String>, EngineroomError> {
    let answer = call("compare", &wire::encode(question), Some("Comparing the rules")).await?;
    wire::decode(&answer).ok_or(EngineroomError::OtherVersion)
}

/// A file beside the page, or what the browser says in its place.
pub(crate) async fn file(path: &str) -> Result<Source, EngineroomError> {
    let text = text(path).await.map_err(|error| failed(&error))?;
    Ok(Source::new(path, text.as_string().unwrap_or_default()))
}

/// Bytes from which on a question is answered in a worker, so that the page is not held by it.
const LARGE: usize = 200_000;

async fn call(door: &str, question: &[u8], words: Option<&'static str>) -> Result<Vec<u8>, EngineroomError> {
    if question.len() > LARGE && worker::is_there() {
        let answer = worker::ask(door, question, words.unwrap_or_default(), words.is_none()).await;
        if !matches!(answer, Err(EngineroomError::NoWorker)) {
            return answer;
        }
    }
    at_door(&function().await?, door, question)
}

fn at_door(function: &Function, door: &str, question: &[u8]) -> Result<Vec<u8>, EngineroomError> {
    let answer = function.call2(&JsValue::NULL, &door.into(), &Uint8Array::from(question));
    Ok(Uint8Array::new(&answer.map_err(|error| failed(&error))?).to_vec())
}

async fn function() -> Result<Function, EngineroomError> {
    if let Some(function) = HERE.with_borrow(|here| here.function.clone()) {
        return Ok(function);
    }
    let function = load().await.map_err(|error| failed(&error))?;
    let function: Function = function.dyn_into().map_err(|_| EngineroomError::OtherVersion)?;
    for call in HERE.with_borrow_mut(|here| std::mem::take(&mut here.untold)) {
        at_door(&function, "compute", &call)?;
    }
    HERE.with_borrow_mut(|here| here.function = Some(function.clone()));
    Ok(function)
}

fn failed(error: &JsValue) -> EngineroomError {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    EngineroomError::Failed(message.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;
    use render::{Format, Options};
    use session::{Call, REQUESTS, SEED, WorldId};

    /// What the page asks when it opens is what the build left: else its first picture waits for the engine.
    #[test]
    fn the_build_answers_for_the_first_picture() {
        let state = State::first();
        let world = WorldId(0);
        let ask =
            |flow: &engine::Flow| Call::Ask { world, flow: flow.clone(), requests: REQUESTS, seed: SEED };
        let picture = |shape: Format| Call::Picture {
            world,
            flow: Some((*state.flow).clone()),
            outcome: state.outcome,
            reply: state.reply,
            options: Options { shape },
        };
        let mut calls = vec![Call::New(world, Box::new((*state.model).clone())), ask(&state.flow)];
        calls.extend(state.watched.iter().map(|watched| ask(&watched.flow)));
        calls.extend([picture(Format::Wide), picture(Format::Tall)]);
        calls.extend(state.selection.iter().map(|service| Call::Remedies(world, service.key())));
        for call in calls {
            let call_bytes = wire::encode(&call);
            assert_eq!(left_by_build(&call_bytes), computed(&call_bytes), "{call:?}");
        }
    }
}
