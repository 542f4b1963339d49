//! One document of a type that is no object of a cluster: a lesson, a list of expectations.

use crate::{
    Diagnostic, Severity, Source,
    de::{Dialect, read},
    tree::{self, Position},
};
use serde::de::DeserializeOwned;

/// Reads the single document of a source as a value of the given type. A field that the type does not have is an
/// error: what its author wanted of it would be lost.
///
/// # Errors
/// Everything that is wrong with the source, with file, line and hint.
pub fn read_document<T: DeserializeOwned>(source: &Source) -> Result<T, Vec<Diagnostic>> {
    let error = |at: Position, what: String, hint: String| Diagnostic {
        severity: Severity::Error,
        file: source.name.clone(),
        line: at.line,
        column: at.column,
        what,
        hint,
        object: None,
    };
    if source.bytes.len() > crate::MAX_INPUT_BYTES {
        let limit = crate::MAX_INPUT_BYTES >> 20;
        return Err(vec![error(
            Position::START,
            format!("the input is larger than {limit} MiB"),
            "split it".into(),
        )]);
    }
    let Ok(text) = std::str::from_utf8(&source.bytes) else {
        let hint = "save the file as UTF-8";
        return Err(vec![error(Position::START, "this is not UTF-8 text".into(), hint.into())]);
    };
    let (documents, broken) = tree::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
    if let Some(broken) = broken {
        return Err(vec![error(broken.at, broken.what, broken.hint.into())]);
    }
    let mut documents = documents.into_iter().filter(|document| !document.is_null());
    let Some(document) = documents.next() else {
        return Err(vec![error(Position::START, "there is nothing in it".into(), "write a document".into())]);
    };
    if let Some(second) = documents.next() {
        let hint = "keep one document to a file";
        return Err(vec![error(second.at, "a second document begins here".into(), hint.into())]);
    }
    let (value, ignored) = read(&document, Dialect::Kubernetes).map_err(|found| {
        vec![error(found.at.unwrap_or(document.at), found.to_string(), found.hint.clone())]
    })?;
    if ignored.is_empty() {
        return Ok(value);
    }
    let unknown = ignored.into_iter().map(|field| {
        let hint =
            field.near.map_or_else(|| "take it out".to_owned(), |near| format!("did you mean {near}?"));
        error(field.at, format!("{} is not a known field", field.path), hint)
    });
    Err(unknown.collect())
}

/// The line of a field of the first document of a source, `checks[2].flow`, or of the deepest part of that path that
/// is there; 1 where the source cannot be read.
pub fn line_of(source: &Source, path: &str) -> u32 {
    let text = std::str::from_utf8(&source.bytes).unwrap_or_default();
    let (documents, _) = tree::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
    let document = documents.into_iter().find(|document| !document.is_null());
    document.map_or(1, |document| document.place(path).line)
}
