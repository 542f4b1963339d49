//! What an import has to say about its input.

use model::ObjectRef;
use serde::Serialize;
use std::fmt;
use wire::Wire;

/// How serious a diagnostic is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Wire)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The input is refused.
    Error,
    /// The input is used, but what it says may not be what its author meant, or some of it that decides where
    /// packets go is left out.
    Warning,
    /// Something was left out that no packet depends on.
    Notice,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        })
    }
}

/// One remark about the input, with its place and a way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
pub struct Diagnostic {
    /// How serious it is.
    pub severity: Severity,
    /// The name of the source.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
    /// What is wrong.
    pub what: String,
    /// What to do about it; empty where nothing need be done.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hint: String,
    /// The object that it is about, where one could be named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectRef>,
}

impl fmt::Display for Diagnostic {
    /// `file:line: error: what`, and the hint on a line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.severity, self.what)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}
