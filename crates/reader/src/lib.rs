//! The page's second wasm: the engine, and the reading and writing of documents and links. `www/boot.js` loads it
//! once the first picture stands. It shares no memory with the page: should it stop, the page goes on.

use session::Session;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

thread_local! {
    static SESSION: RefCell<Session> = RefCell::default();
}

/// Answers a `session::Call`; both are in the wire form.
///
/// # Errors
/// The call is none, or names a cluster that is not kept: the page is of another version.
#[wasm_bindgen]
pub fn answer(call: &[u8]) -> Result<Vec<u8>, JsError> {
    let answered = SESSION.with(|session| session.try_borrow_mut().ok()?.answer(call));
    answered.ok_or_else(|| JsError::new("the page and its engine are of different versions"))
}
