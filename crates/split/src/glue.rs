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

#[cfg(test)]
mod tests {
    use super::*;

    const GLUE: &str = "const import0 = {\n        __wbg_log_01: function(arg0) {},\n        __wbg_log_012: function(arg0) {},\n};\n";

    fn module(names: &[&str]) -> Module {
        let mut module = Module::default();
        let nothing = module.types.add(&[], &[]);
        for name in names {
            module.add_import_func("./web_bg.js", name, nothing);
        }
        module
    }

    #[test]
    fn imports_are_called_alike_in_both() {
        let mut page = module(&["__wbg_log_01", "__wbg_log_012", FETCH]);
        let text = shorten(&mut page, GLUE).expect("it fits");
        assert_eq!(
            text,
            "const import0 = {\n        later: () => globalThis.hopscope.later(wasm),\n        i0: function(arg0) {},\n        i1: function(arg0) {},\n};\n"
        );
        let names: Vec<_> = page.imports.iter().map(|import| import.name.as_str()).collect();
        assert_eq!(names, ["i0", "i1", FETCH]);
    }

    #[test]
    fn another_javascript_is_refused() {
        for (text, names, error) in [
            ("", &["__wbg_log_01"] as &[_], "it does not hold `const import0 = {` once"),
            (GLUE, &["__wbg_other_01"], "it does not hold ` __wbg_other_01: ` once"),
        ] {
            assert_eq!(shorten(&mut module(names), text), Err(error.to_owned()));
        }
    }
}
