//! Documents in and out: the page's one door to foreign formats. What calls it waits for the answer, so that the
//! reader of documents need not be there when the page opens.

use formats::{Diagnostic, Import, Severity, Source};
use model::{Model, Object, ObjectRef};

/// The name of a document that is edited on the page, in diagnostics.
pub(crate) const EDITED: &str = "this text";

/// Formats of a whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Documents as kubectl prints them.
    Yaml,
    /// One `kind: List`.
    Json,
}

/// Reads documents.
#[expect(clippy::unused_async, reason = "callers must not rely on an answer at once")]
pub(crate) async fn import(sources: &[Source]) -> Import {
    formats::import(sources)
}

/// One object as YAML.
#[expect(clippy::unused_async, reason = "callers must not rely on an answer at once")]
pub(crate) async fn object_yaml(object: &Object) -> String {
    formats::object_yaml(object)
}

/// A whole cluster.
#[expect(clippy::unused_async, reason = "callers must not rely on an answer at once")]
pub(crate) async fn cluster(model: &Model, format: Format) -> String {
    match format {
        Format::Yaml => formats::model_yaml(model),
        Format::Json => formats::model_json(model),
    }
}

/// The cluster with `text` in the place of `original` (or beside all else), read as if it were one input: what the
/// text says is judged among the other objects. Without a model where the text is refused.
pub(crate) async fn revise(
    model: &Model,
    original: Option<&ObjectRef>,
    text: String,
) -> (Option<Model>, Vec<Diagnostic>) {
    let mut rest = model.clone();
    if let Some(original) = original {
        rest.remove(original);
    }
    let before = cluster(&rest, Format::Yaml).await;
    let import = import(&[Source::new(EDITED, text), Source::new("the rest of the cluster", before)]).await;
    let refused = import.has_errors();
    let told = |one: &Diagnostic| one.file == EDITED || one.severity == Severity::Error;
    let diagnostics = import.diagnostics.into_iter().filter(told).collect();
    ((!refused).then_some(import.model), diagnostics)
}
