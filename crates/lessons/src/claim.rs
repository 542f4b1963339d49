//! Claims that go about, and what the packets say to them.

use serde::{Deserialize, Serialize};
use std::fmt;
use wire::Wire;

/// A claim of the sources, marked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Wire)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
    /// The claim, as people put it.
    pub says: String,
    /// Whether it holds.
    pub verdict: ClaimVerdict,
    /// Why, in one or two sentences.
    pub because: String,
    /// The step, from 1, whose packet shows it.
    pub step: u32,
}

/// Whether a claim holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
#[serde(rename_all = "lowercase")]
pub enum ClaimVerdict {
    /// It does.
    True,
    /// The right idea with a detail left out or wrong.
    Simplified,
    /// It did once.
    Outdated,
    /// It does not.
    False,
}

impl fmt::Display for ClaimVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::True => "true",
            Self::Simplified => "simplified",
            Self::Outdated => "outdated",
            Self::False => "false",
        })
    }
}
