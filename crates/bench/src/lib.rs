//! How long the engine takes for what it has a budget for, the same natively (`cargo run --release -p bench`) and in
//! wasm (`cargo xtask bench`).

mod cases;
mod clusters;

pub use cases::{Case, Run, all};
use wasm_bindgen::prelude::wasm_bindgen;

/// How many cases there are.
#[wasm_bindgen]
pub fn count() -> usize {
    all().len()
}

/// What a case measures.
#[wasm_bindgen]
pub fn name(case: usize) -> String {
    all().get(case).map(|case| case.name.clone()).unwrap_or_default()
}

/// The budget of a case in microseconds; 0 where there is none.
#[wasm_bindgen]
pub fn budget(case: usize) -> f64 {
    all().get(case).map_or(0.0, |case| case.budget)
}

/// A case that is prepared.
#[wasm_bindgen]
pub struct Prepared(Run);

#[wasm_bindgen]
impl Prepared {
    /// Prepares a case; nothing where that fails.
    pub fn of(case: usize) -> Option<Prepared> {
        let cases = all();
        let case = cases.get(case)?;
        (case.make)(case.size).map(Prepared)
    }

    /// Does what is measured so many times; gives a number that depends on it.
    pub fn repeat(&mut self, times: u32) -> usize {
        (0..times).map(|_| (self.0)()).sum()
    }
}
