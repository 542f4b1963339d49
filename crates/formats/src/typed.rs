//! One document of a type that is no object of a cluster: a lesson, a list of expectations.

use crate::{
    Diagnostic, Severity, Source,
    de::{Dialect, Ignored, read},
    tree::{self, Position},
};
use serde::de::DeserializeOwned;

/// What is wrong with a source as a whole.
pub(crate) fn error_of(source: &Source, what: String, hint: String) -> Diagnostic {
    error_at(source, Position::START, what, hint)
}

fn error_at(source: &Source, at: Position, what: String, hint: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: source.name.clone(),
        line: at.line,
        column: at.column,
        what,
        hint,
        object: None,
    }
}

/// Reads the single document of a source as a value of the given type. A field that the type does not have is an
/// error: what its author wanted of it would be lost.
///
/// # Errors
/// Everything that is wrong with the source, with file, line and hint.
pub fn read_document<T: DeserializeOwned>(source: &Source) -> Result<T, Vec<Diagnostic>> {
    let (value, ignored) = read_one(source, Dialect::Kubernetes)?;
    if ignored.is_empty() {
        return Ok(value);
    }
    let unknown = ignored.into_iter().map(|field| {
        let hint =
            field.near.map_or_else(|| "take it out".to_owned(), |near| format!("did you mean {near}?"));
        error_at(source, field.at, format!("{} is not a known field", field.path), hint)
    });
    Err(unknown.collect())
}

/// The same as Azure's tools print it: fields that the type does not have are left out.
pub(crate) fn read_lenient<T: DeserializeOwned>(source: &Source) -> Result<T, Vec<Diagnostic>> {
    read_one(source, Dialect::Azure).map(|(value, _)| value)
}

fn read_one<T: DeserializeOwned>(
    source: &Source,
    dialect: Dialect,
) -> Result<(T, Vec<Ignored>), Vec<Diagnostic>> {
    let error = |at: Position, what: String, hint: &str| vec![error_at(source, at, what, hint.to_owned())];
    if source.bytes.len() > crate::MAX_INPUT_BYTES {
        let limit = crate::MAX_INPUT_BYTES >> 20;
        return Err(error(Position::START, format!("the input is larger than {limit} MiB"), "split it"));
    }
    let Ok(text) = tree::decode(&source.bytes) else {
        return Err(error(Position::START, "this is not UTF-8 text".into(), "save the file as UTF-8"));
    };
    let (documents, broken) = tree::parse(&text);
    if let Some(broken) = broken {
        return Err(error(broken.at, broken.what, broken.hint));
    }
    let mut documents = documents.into_iter().filter(|document| !document.is_null());
    let Some(document) = documents.next() else {
        return Err(error(Position::START, "there is nothing in it".into(), "write a document"));
    };
    if let Some(second) = documents.next() {
        let what = "a second document begins here".into();
        return Err(error(second.at, what, "keep one document to a file"));
    }
    read(&document, dialect)
        .map_err(|found| error(found.at.unwrap_or(document.at), found.to_string(), &found.hint))
}

/// The line of a field of the first document of a source, `checks[2].flow`, or of the deepest part of that path that
/// is there; 1 where the source cannot be read.
pub fn line_of(source: &Source, path: &str) -> u32 {
    let text = std::str::from_utf8(&source.bytes).unwrap_or_default();
    let (documents, _) = tree::parse(text.strip_prefix('\u{feff}').unwrap_or(text));
    let document = documents.into_iter().find(|document| !document.is_null());
    document.map_or(1, |document| document.place(path).line)
}
