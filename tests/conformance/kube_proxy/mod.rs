//! Cases of kube-proxy: rules, flows, endpoint choice, single algorithms.
//!
//! The format stands in the README of the cases. Each folder has one function that checks a case and says
//! what mismatches; nothing else touches files.

mod flows;
pub(crate) mod input;
mod misc;
mod modes;
mod mutations;
mod rules;
mod topology;
mod tracer;

use crate::report::Report;
use serde_json::Value;
use std::path::Path;

/// What a case came to: mismatches of the file itself, and of each of its rows by name.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) file: Vec<String>,
    pub(crate) rows: Vec<(String, Vec<String>)>,
}

impl Outcome {
    /// Whether nothing mismatched.
    pub(crate) fn passed(&self) -> bool {
        self.file.is_empty() && self.rows.iter().all(|(_, mismatches)| mismatches.is_empty())
    }
}

/// A case that cannot even be read mismatches as a whole.
impl From<Result<Self, String>> for Outcome {
    fn from(result: Result<Self, String>) -> Self {
        result.unwrap_or_else(|error| Self { file: vec![error], ..Self::default() })
    }
}

/// Checks one case of a folder.
pub(crate) fn check(folder: &str, case: &Value) -> Outcome {
    match folder {
        "rules" => rules::check(case),
        "flows" => flows::check(case),
        "topology" => topology::check(case),
        "misc" => misc::check(case),
        _ => Err(format!("no cases of kind {folder:?} are known")),
    }
    .into()
}

/// Checks every case in a directory; folders that are missing are fine.
pub(crate) fn run(directory: &Path, report: &mut Report) {
    for (folder, path) in files(directory) {
        let name = path.strip_prefix(directory).unwrap_or(&path).display().to_string();
        let outcome = match read(&path) {
            Ok(case) => check(&folder, &case),
            Err(error) => Err(error).into(),
        };
        let failed = outcome.rows.iter().filter(|(_, mismatches)| !mismatches.is_empty()).count();
        let mut file = outcome.file;
        if failed > 0 {
            file.push(format!("{failed} of {} rows failed", outcome.rows.len()));
        }
        for (row, mismatches) in outcome.rows {
            report.case(&format!("kube-proxy/{name}: {row}"), &mismatches);
        }
        report.case(&format!("kube-proxy/{name}"), &file);
    }
}

/// Every case file with its folder, in name order.
pub(crate) fn files(directory: &Path) -> Vec<(String, std::path::PathBuf)> {
    let list = |directory: &Path| {
        let mut paths: Vec<_> = std::fs::read_dir(directory)
            .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
            .unwrap_or_default();
        paths.sort();
        paths
    };
    let mut files = Vec::new();
    for folder in list(directory).into_iter().filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let cases =
            list(&folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "json"));
        files.extend(cases.map(|path| (name.clone(), path)));
    }
    files
}

/// Reads a case file.
pub(crate) fn read(path: &Path) -> Result<Value, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

/// A mismatch in the words of a reader: what was expected, what came.
pub(crate) fn compare<T: PartialEq + std::fmt::Debug>(what: &str, expected: &T, got: &T) -> Vec<String> {
    if expected == got {
        return Vec::new();
    }
    vec![format!("{what}: expected {expected:?}\n     got {got:?}")]
}
