//! What the page's first wasm asks about documents.

use crate::{Link, Source};
use model::{Model, Object};
use wire::Wire;

/// A question about documents; the types of the answers stand with the variants. Both pass as [`Wire`].
#[derive(Debug, Clone, PartialEq, Wire)]
pub enum Question {
    /// What do these documents hold? [`crate::Import`].
    Import(Vec<Source>),
    /// What is this object's document? `String`, YAML.
    ObjectYaml(Object),
    /// What are the documents of this cluster? `String`, YAML.
    ClusterYaml(Model),
    /// The same as JSON.
    ClusterJson(Model),
    /// Which link leads to this state? `Result<String, String>`: the text after `#`, or why there is none.
    WriteLink(Link),
    /// Which state does this link lead to? `Result<Link, String>`: the state, or why it was refused.
    ReadLink(String),
}
