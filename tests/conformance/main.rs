//! Runs every conformance case under `HOPSCOPE_CASES` (default `../shared/cases`).
//!
//! A case is read whole: a field that the runner does not know fails it. Each mismatch is printed with
//! what was expected and what came; the closing line counts case files and rows.

#![allow(
    clippy::unwrap_used,
    clippy::assigning_clones,
    clippy::float_cmp,
    clippy::needless_for_each,
    clippy::no_effect_underscore_binding,
    clippy::nonminimal_bool,
    clippy::trivially_copy_pass_by_ref,
    unused_qualifications,
    reason = "a test says what it expects"
)]

mod azure;
mod kube_proxy;
mod report;

use report::Report;
use std::path::PathBuf;

fn cases() -> Option<PathBuf> {
    let directory = std::env::var_os("HOPSCOPE_CASES").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/cases")),
        PathBuf::from,
    );
    if directory.is_dir() {
        return Some(directory);
    }
    println!(
        "skipped: no conformance cases at {}; set HOPSCOPE_CASES to a directory of them",
        directory.display()
    );
    None
}

#[test]
fn conformance() {
    let Some(directory) = cases() else { return };
    let mut report = Report::default();
    kube_proxy::run(&directory.join("kube-proxy"), &mut report);
    azure::run(&directory.join("azure"), &mut report);
    report.close();
}
