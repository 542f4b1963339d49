//! The reader: the second wasm, which reads and writes documents and links, and teaches. It is fetched with the
//! first question and stays.

use engine::{RulesAnswer, RulesQuestion};
use formats::{Question, Source};
use js_sys::{Function, Uint8Array};
use lessons::Ask;
use std::fmt;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wire::Wire;

#[wasm_bindgen]
extern "C" {
    /// The reader's function from a door and a question to its answer, both as bytes (`www/boot.js`).
    #[wasm_bindgen(js_namespace = hopscope, js_name = reader, catch)]
    async fn load() -> Result<JsValue, JsValue>;

    /// The text of a file beside the page (`www/boot.js`).
    #[wasm_bindgen(js_namespace = hopscope, js_name = text, catch)]
    async fn text(path: &str) -> Result<JsValue, JsValue>;
}

/// Why the reader did not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReaderError {
    /// It could not be fetched, or it stopped; what the browser says about it.
    Failed(String),
    /// It answered what the page does not understand.
    OtherVersion,
}

impl fmt::Display for ReaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(why) => {
                write!(f, "the part of the page that reads and writes documents could not be used ({why})")
            }
            Self::OtherVersion => f.write_str("the page was updated meanwhile; reload it"),
        }
    }
}

impl std::error::Error for ReaderError {}

/// Fetches the reader, unless it is here.
pub(crate) async fn ready() -> Result<(), ReaderError> {
    function().await.map(drop)
}

/// Asks a question. The type of the answer stands with the question.
pub(crate) async fn ask<T: Wire>(question: &Question) -> Result<T, ReaderError> {
    let answer = call("answer", &wire::encode(question)).await?;
    wire::decode(&answer).ok_or(ReaderError::OtherVersion)
}

/// Asks about lessons. The type of the answer stands with the question.
pub(crate) async fn teach<T: Wire>(ask: &Ask) -> Result<T, ReaderError> {
    let answer = call("teach", &wire::encode(ask)).await?;
    wire::decode(&answer).ok_or(ReaderError::OtherVersion)
}

/// Compares a real node's rules with those that the controllers would write.
pub(crate) async fn compare(question: &RulesQuestion) -> Result<Result<RulesAnswer, String>, ReaderError> {
    let answer = call("compare", &wire::encode(question)).await?;
    wire::decode(&answer).ok_or(ReaderError::OtherVersion)
}

/// A file beside the page, or what the browser says in its place.
pub(crate) async fn file(path: &str) -> Result<Source, ReaderError> {
    let text = text(path).await.map_err(|error| failed(&error))?;
    Ok(Source::new(path, text.as_string().unwrap_or_default()))
}

async fn call(door: &str, question: &[u8]) -> Result<Vec<u8>, ReaderError> {
    let question = Uint8Array::from(question);
    let answer = function().await?.call2(&JsValue::NULL, &door.into(), &question);
    Ok(Uint8Array::new(&answer.map_err(|error| failed(&error))?).to_vec())
}

async fn function() -> Result<Function, ReaderError> {
    let function = load().await.map_err(|error| failed(&error))?;
    function.dyn_into().map_err(|_| ReaderError::OtherVersion)
}

fn failed(error: &JsValue) -> ReaderError {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    ReaderError::Failed(message.unwrap_or_default())
}
