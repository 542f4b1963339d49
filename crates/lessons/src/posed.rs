//! A question as it is asked, and the mark of its answer.

use serde::Serialize;
use wire::Wire;

/// A question with its options, as the engine answers it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Posed {
    /// The question.
    pub prompt: String,
    /// Whether several options may be picked.
    pub several: bool,
    /// The options, in the order to show them in.
    pub options: Vec<PosedOption>,
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct PosedOption {
    /// The text.
    pub text: String,
    /// Whether it is right.
    pub right: bool,
}

/// The mark of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grade {
    /// Whether all right options were picked and no other.
    pub right: bool,
    /// What is right, in words.
    pub truth: String,
    /// Right options that were not picked, by index.
    pub missed: Vec<usize>,
    /// Picked options that are not right, by index.
    pub wrong: Vec<usize>,
}

impl Posed {
    /// Grades the picked options, by index. An index that does not exist is wrong.
    pub fn grade(&self, picked: &[usize]) -> Grade {
        let is_right = |index: usize| self.options.get(index).is_some_and(|option| option.right);
        let missed = (0..self.options.len()).filter(|index| is_right(*index) && !picked.contains(index));
        let missed: Vec<usize> = missed.collect();
        let wrong: Vec<usize> = picked.iter().copied().filter(|index| !is_right(*index)).collect();
        // Where one may be picked, one of several right ones is enough.
        let enough = missed.is_empty() || !self.several && picked.len() == 1;
        let right = wrong.is_empty() && enough;
        let truth: Vec<&str> =
            self.options.iter().filter(|option| option.right).map(|option| option.text.as_str()).collect();
        Grade { right, truth: truth.join("; "), missed: if right { Vec::new() } else { missed }, wrong }
    }
}
