//! The reader: the second wasm, which reads and writes documents and links. It is fetched with the first
//! question and stays.

use formats::{Import, Link, Question, Source};
use js_sys::{Function, Uint8Array};
use model::Object;
use std::fmt;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wire::Wire;

#[wasm_bindgen]
extern "C" {
    /// The reader's function from a question to its answer, both as bytes (`www/boot.js`).
    #[wasm_bindgen(js_namespace = hopscope, js_name = reader, catch)]
    async fn load() -> Result<JsValue, JsValue>;
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
            Self::Failed(why) => write!(
                f,
                "the part of the page that reads documents could not be used ({why}); check the connection and try again"
            ),
            Self::OtherVersion => f.write_str("the page was updated meanwhile; reload it"),
        }
    }
}

impl std::error::Error for ReaderError {}

/// Fetches the reader, unless it is here.
pub(crate) async fn ready() -> Result<(), ReaderError> {
    function().await.map(drop)
}

/// Reads documents.
pub(crate) async fn import(sources: Vec<Source>) -> Result<Import, ReaderError> {
    ask(&Question::Import(sources)).await
}

/// An object's document.
pub(crate) async fn object_yaml(object: Object) -> Result<String, ReaderError> {
    ask(&Question::ObjectYaml(object)).await
}

/// The text after `#` of a link, or why there is none.
pub(crate) async fn write_link(link: Link) -> Result<String, String> {
    flat(ask(&Question::WriteLink(link)).await)
}

/// What a link holds, or why it was refused.
pub(crate) async fn read_link(link: String) -> Result<Link, String> {
    flat(ask(&Question::ReadLink(link)).await)
}

fn flat<T>(answer: Result<Result<T, String>, ReaderError>) -> Result<T, String> {
    answer.unwrap_or_else(|error| Err(error.to_string()))
}

async fn ask<T: Wire>(question: &Question) -> Result<T, ReaderError> {
    let question = Uint8Array::from(wire::encode(question).as_slice());
    let answer = function().await?.call1(&JsValue::NULL, &question).map_err(|error| failed(&error))?;
    wire::decode(&Uint8Array::new(&answer).to_vec()).ok_or(ReaderError::OtherVersion)
}

async fn function() -> Result<Function, ReaderError> {
    let function = load().await.map_err(|error| failed(&error))?;
    function.dyn_into().map_err(|_| ReaderError::OtherVersion)
}

fn failed(error: &JsValue) -> ReaderError {
    let message = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    ReaderError::Failed(message.unwrap_or_default())
}
