//! The page's second wasm: the engine, reading and writing documents and links, and teaching. `www/boot.js` loads it
//! once the first picture stands. It shares no memory with the page: should it stop, the page goes on.

use engine::RulesQuestion;
use session::Session;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Told how much of how much is done (`www/worker.js`). Where nobody hears it, the name is not known.
    #[wasm_bindgen(js_name = hopscopeProgress, catch)]
    fn progress(done: f64, of: f64) -> Result<(), JsValue>;
}

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// Answers a `session::Call`; both are in the wire form.
#[wasm_bindgen]
pub fn compute(call: &[u8]) -> Result<Vec<u8>, JsError> {
    let answered = SESSION.with(|session| session.try_borrow_mut().ok()?.answer(call));
    answered.ok_or_else(|| JsError::new("the page and its engine are of different versions"))
}

/// Answers a `formats::Question`; both are in the wire form.
#[wasm_bindgen]
pub fn answer(question: &[u8]) -> Result<Vec<u8>, JsError> {
    #[expect(clippy::cast_precision_loss, reason = "numbers of bytes")]
    let mut tell = |done: usize, of: usize| drop(progress(done as f64, of as f64));
    formats::answer(question, &mut tell)
        .ok_or_else(|| JsError::new("the page and its engine are of different versions"))
}

/// Answers a `lessons::Ask`; both are in the wire form.
#[wasm_bindgen]
pub fn teach(ask: &[u8]) -> Result<Vec<u8>, JsError> {
    lessons::answer(ask).ok_or_else(|| JsError::new("the page and its engine are of different versions"))
}

/// Answers an `engine::RulesQuestion`; both are in the wire form.
#[wasm_bindgen]
pub fn compare(question: &[u8]) -> Result<Vec<u8>, JsError> {
    let question: Option<RulesQuestion> = wire::decode(question);
    let question =
        question.ok_or_else(|| JsError::new("the page and its engine are of different versions"))?;
    Ok(wire::encode(&question.answer()))
}
