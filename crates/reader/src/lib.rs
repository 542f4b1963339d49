//! The page's second wasm: reading and writing documents and links, and teaching. `www/boot.js` loads it when the page asks
//! its first question. It shares no memory with the page: should it stop, the page goes on.

use engine::RulesQuestion;
use wasm_bindgen::prelude::*;

/// Answers a `formats::Question`; both are in the wire form.
#[wasm_bindgen]
pub fn answer(question: &[u8]) -> Result<Vec<u8>, JsError> {
    formats::answer(question).ok_or_else(|| JsError::new("the page and its reader are of different versions"))
}

/// Answers a `lessons::Ask`; both are in the wire form.
#[wasm_bindgen]
pub fn teach(ask: &[u8]) -> Result<Vec<u8>, JsError> {
    lessons::answer(ask).ok_or_else(|| JsError::new("the page and its reader are of different versions"))
}

/// Answers an `engine::RulesQuestion`; both are in the wire form.
#[wasm_bindgen]
pub fn compare(question: &[u8]) -> Result<Vec<u8>, JsError> {
    let question: Option<RulesQuestion> = wire::decode(question);
    let question =
        question.ok_or_else(|| JsError::new("the page and its reader are of different versions"))?;
    Ok(wire::encode(&question.answer()))
}
