//! Documents in and out: the page's one door to foreign formats. What calls it waits for the answer, so that the
//! reader of documents need not be there when the page opens.

use crate::engineroom::{self, EngineroomError};
use formats::{Diagnostic, Import, Link, Question, Severity, Source};
use model::{Model, Object, ObjectRef};

/// The name of a document that is edited on the page, in diagnostics.
pub(crate) const EDITED: &str = "this text";

const WRITING: &str = "Writing the documents";

/// Formats of a whole cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Documents as kubectl prints them.
    Yaml,
    /// One `kind: List`.
    Json,
}

/// Reads documents. Where the engine room cannot be used, they are refused, and the one remark says why.
pub(crate) async fn import(sources: &[Source]) -> Import {
    let read = engineroom::import(sources).await;
    read.unwrap_or_else(|error| Import { model: Model::default(), diagnostics: vec![unread(&error)] })
}

/// The refusal of documents that nobody could read.
fn unread(error: &EngineroomError) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: EDITED.to_owned(),
        line: 1,
        column: 1,
        what: error.to_string(),
        hint: match error {
            EngineroomError::Cancelled => "nothing was changed".to_owned(),
            _ => "check the connection and try again".to_owned(),
        },
        object: None,
    }
}

/// One object as YAML.
pub(crate) async fn object_yaml(object: &Object) -> Result<String, EngineroomError> {
    engineroom::ask(&Question::ObjectYaml(object.clone()), Some(WRITING)).await
}

/// A whole cluster.
pub(crate) async fn cluster(model: &Model, format: Format) -> Result<String, EngineroomError> {
    let model = model.clone();
    let question = match format {
        Format::Yaml => Question::ClusterYaml(model),
        Format::Json => Question::ClusterJson(model),
    };
    engineroom::ask(&question, Some(WRITING)).await
}

/// The text after `#` of a link, or why there is none; `quietly` where nobody waits for it.
pub(crate) async fn write_link(link: Link, quietly: bool) -> Result<String, String> {
    let words = (!quietly).then_some(WRITING);
    let written = engineroom::ask::<Result<_, _>>(&Question::WriteLink(link), words).await;
    written.unwrap_or_else(|error| Err(error.to_string()))
}

/// What a link holds, given the text after `#`, or why it was refused.
pub(crate) async fn read_link(link: String) -> Result<Link, String> {
    let read = engineroom::ask::<Result<_, _>>(&Question::ReadLink(link), Some("Reading the link")).await;
    read.unwrap_or_else(|error| Err(error.to_string()))
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
    let before = match cluster(&rest, Format::Yaml).await {
        Ok(before) => before,
        Err(error) => return (None, vec![unread(&error)]),
    };
    let import = import(&[Source::new(EDITED, text), Source::new("the rest of the cluster", before)]).await;
    let refused = import.has_errors();
    let told = |one: &Diagnostic| one.file == EDITED || one.severity == Severity::Error;
    let diagnostics = import.diagnostics.into_iter().filter(told).collect();
    ((!refused).then_some(import.model), diagnostics)
}
