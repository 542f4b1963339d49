//! The outside: documents in, documents out, and share links. The only crate that sees foreign formats.
//!
//! Everything imported is hostile: size, depth and alias expansion are limited, and no input panics.
//! Nothing is lost silently: a document is modelled, or a [`Diagnostic`] says where it is and why it is not.
//!
//! Without the feature `documents` only types are left: the page's first wasm holds those, and asks the rest,
//! which is a wasm of its own, by a [`Question`].

#[cfg(feature = "documents")]
mod answer;
#[cfg(feature = "documents")]
mod classify;
#[cfg(feature = "documents")]
mod de;
mod diagnostic;
#[cfg(feature = "documents")]
mod document;
#[cfg(feature = "documents")]
mod effective;
#[cfg(feature = "documents")]
mod endpoints;
#[cfg(feature = "documents")]
mod export;
mod link;
#[cfg(feature = "documents")]
mod near;
#[cfg(feature = "documents")]
mod parts;
#[cfg(feature = "documents")]
mod presets;
mod question;
#[cfg(feature = "documents")]
mod scalar;
#[cfg(feature = "documents")]
mod share;
#[cfg(feature = "documents")]
mod template;
#[cfg(feature = "documents")]
mod tree;
#[cfg(feature = "documents")]
mod typed;
#[cfg(feature = "documents")]
mod validate;
#[cfg(feature = "documents")]
mod value;
#[cfg(feature = "documents")]
pub use answer::answer;
pub use diagnostic::{Diagnostic, Severity};
#[cfg(feature = "documents")]
pub use effective::read_effective;
#[cfg(feature = "documents")]
pub use export::{model_json, model_yaml, object_json, object_yaml};
pub use link::Link;
#[cfg(feature = "documents")]
pub use presets::{PRESETS, Preset};
pub use question::Question;
#[cfg(feature = "documents")]
pub use share::{MAX_LINK_CHARS, ShareError, decode, encode};
#[cfg(feature = "documents")]
pub use typed::{line_of, read_document};
#[cfg(feature = "documents")]
pub use value::{Value, ValueError};

use model::Model;
use wire::{Input, Wire};

/// Most bytes of input, over all sources.
pub const MAX_INPUT_BYTES: usize = 64 << 20;

/// One piece of input: a file, standard input, pasted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What diagnostics call it.
    pub name: String,
    /// The content; UTF-8 is checked by [`import`].
    pub bytes: Vec<u8>,
}

/// As a derive would have it, but at once and not byte by byte.
impl Wire for Source {
    fn write(&self, out: &mut Vec<u8>) {
        out.reserve(self.bytes.len() + self.name.len() + 16);
        self.name.write(out);
        wire::write_bytes(&self.bytes, out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        Self { name: Wire::read(input), bytes: input.bytes().to_vec() }
    }
}

impl Source {
    /// Joins a name and a content.
    pub fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

/// What [`import`] made of its input.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Import {
    /// The objects that could be read; to be used only if there is no error.
    pub model: Model,
    /// Remarks in the order of the input, those about the whole last.
    pub diagnostics: Vec<Diagnostic>,
}

impl Import {
    /// Whether the input must be refused.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }
}

#[cfg(feature = "documents")]
/// Reads multi-document YAML and JSON: Kubernetes objects, Azure objects, lists of either.
pub fn import(sources: &[Source]) -> Import {
    import_telling(sources, &mut |_, _| {})
}

#[cfg(feature = "documents")]
/// The same, and tells of long input now and then how much of how much is read.
pub fn import_telling(sources: &[Source], tell: &mut dyn FnMut(usize, usize)) -> Import {
    let mut reader = document::Reader::default();
    let mut budget = MAX_INPUT_BYTES;
    let of = sources.iter().map(|source| source.bytes.len()).sum::<usize>();
    let mut before = 0;
    for source in sources {
        let Some(left) = budget.checked_sub(source.bytes.len()) else {
            reader.too_large(source);
            break;
        };
        budget = left;
        let own = source.bytes.len();
        reader.read(source, &mut |percent| tell(before + own / 100 * percent, of));
        before += own;
    }
    reader.finish()
}
