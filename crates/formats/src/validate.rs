//! What is wrong with the whole though each document is well formed.

use crate::{Diagnostic, document::Places};
use model::Model;

/// Checks the objects against each other.
pub(crate) fn validate(_model: &Model, _places: &Places, _diagnostics: &mut Vec<Diagnostic>) {}
