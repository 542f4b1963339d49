//! The engine: the second wasm, which computes, and reads and writes documents. It is fetched once the first picture
//! stands. What is asked before is answered by what the build left in the page, or not yet.

use js_sys::{Function, Uint8Array};
use session::Call;
use std::{cell::RefCell, fmt};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wire::Wire;

#[wasm_bindgen]
extern "C" {
    /// The engine's function from a call to its answer, both as bytes (`www/boot.js`).
    #[wasm_bindgen(js_namespace = hopscope, js_name = reader, catch)]
    async fn load() -> Result<JsValue, JsValue>;
}

thread_local! {
    static ENGINE: RefCell<Engine> = RefCell::default();
}

#[derive(Debug, Default)]
struct Engine {
    /// Its function, when it is here.
    function: Option<Function>,
    /// What it must be told when it comes: clusters that the build answered for.
    untold: Vec<Vec<u8>>,
    /// In a test: the engine itself.
    #[cfg(not(target_arch = "wasm32"))]
    session: session::Session,
}

/// What the page asks when it opens with the first example, and the answers, as the build left them.
const OPENING: &[(&[u8], &[u8])] = include!(concat!(env!("OUT_DIR"), "/opening.rs"));

/// Why the engine did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum EngineError {
    /// It could not be fetched, or it stopped; what the browser says about it.
    Failed(String),
    /// It answered what the page does not understand.
    OtherVersion,
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => write!(f, "the part of the page that computes could not be used ({why})"),
            Self::OtherVersion => f.write_str("the page was updated meanwhile; reload it"),
        }
    }
}

impl std::error::Error for EngineError {}

/// Whether the engine is here.
pub(crate) fn is_ready() -> bool {
    cfg!(not(target_arch = "wasm32")) || ENGINE.with_borrow(|engine| engine.function.is_some())
}

/// Fetches the engine, unless it is here.
pub(crate) async fn ready() -> Result<(), EngineError> {
    if is_ready() {
        return Ok(());
    }
    let function = load().await.map_err(|error| failed(&error))?;
    let function: Function = function.dyn_into().map_err(|_| EngineError::OtherVersion)?;
    let untold = ENGINE.with_borrow_mut(|engine| std::mem::take(&mut engine.untold));
    for call in untold {
        ask_there(&function, &call)?;
    }
    ENGINE.with_borrow_mut(|engine| engine.function = Some(function));
    Ok(())
}

/// Asks, and waits for the engine if it must. The type of the answer stands with the call.
pub(crate) async fn ask<T: Wire>(call: &Call) -> Result<T, EngineError> {
    ready().await?;
    now(call)
}

/// Asks what can be answered at once; `None` if the engine is not here yet, or stopped.
pub(crate) fn call<T: Wire>(call: &Call) -> Option<T> {
    now(call).ok()
}

fn now<T: Wire>(call: &Call) -> Result<T, EngineError> {
    wire::decode(&answer(&wire::encode(call))?).ok_or(EngineError::OtherVersion)
}

#[cfg(target_arch = "wasm32")]
fn answer(call: &[u8]) -> Result<Vec<u8>, EngineError> {
    match ENGINE.with_borrow(|engine| engine.function.clone()) {
        Some(function) => ask_there(&function, call),
        None => left_by_build(call).ok_or_else(|| EngineError::Failed("it is not loaded yet".to_owned())),
    }
}

#[cfg(not(target_arch = "wasm32"))]
fn answer(call: &[u8]) -> Result<Vec<u8>, EngineError> {
    let answer = ENGINE.with_borrow_mut(|engine| engine.session.answer(call));
    answer.ok_or(EngineError::OtherVersion)
}

/// The answer that the build left. A cluster is named to the engine when it comes.
#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "tests have the engine itself"))]
fn left_by_build(call: &[u8]) -> Option<Vec<u8>> {
    let (at, (_, answer)) = OPENING.iter().enumerate().find(|(_, (asked, _))| *asked == call)?;
    if at == 0 {
        ENGINE.with_borrow_mut(|engine| engine.untold.push(call.to_vec()));
    }
    Some(answer.to_vec())
}

fn ask_there(function: &Function, call: &[u8]) -> Result<Vec<u8>, EngineError> {
    let answer = function.call1(&JsValue::NULL, &Uint8Array::from(call)).map_err(|error| failed(&error))?;
    Ok(Uint8Array::new(&answer).to_vec())
}

fn failed(error: &JsValue) -> EngineError {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    EngineError::Failed(message.unwrap_or_default())
}
