//! The page's JavaScript, as wasm-bindgen writes it: the imports get short names, and there is one more.

use crate::cut::FETCH;
use walrus::{ImportId, Module};

/// Where the object of imports begins.
const BEGIN: &str = "const import0 = {";

/// Gives the imports of the first module short names, in the module and in its JavaScript, and adds to the JavaScript
/// the import that fetches the rest: `hopscope.later`, which gets what the first module exports.
pub(crate) fn shorten(module: &mut Module, text: &str) -> Result<String, String> {
    if text.matches(BEGIN).count() != 1 {
        return Err(format!("it does not hold `{BEGIN}` once"));
    }
    let mut text =
        text.replace(BEGIN, &format!("{BEGIN}\n        {FETCH}: () => globalThis.hopscope.later(wasm),"));
    let imports: Vec<ImportId> = module.imports.iter().map(walrus::Import::id).collect();
    for (at, import) in imports.into_iter().enumerate() {
        let import = module.imports.get_mut(import);
        if import.name == FETCH {
            continue;
        }
        let (long, short) = (format!(" {}: ", import.name), format!("i{at}"));
        if text.matches(&long).count() != 1 {
            return Err(format!("it does not hold `{long}` once"));
        }
        text = text.replace(&long, &format!(" {short}: "));
        import.name = short;
    }
    Ok(text)
}
