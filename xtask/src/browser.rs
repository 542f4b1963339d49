//! The browser tests as one part of the suite.

use crate::Stop;
use crate::playwright;
use crate::tally::{self, Tally};
use crate::workspace::target;
use std::process::{Command, Stdio};

/// Runs the browser tests over `dist/`; the counts, and how many tests skipped themselves.
pub(crate) fn test() -> Result<(Tally, usize), Stop> {
    run(&mut playwright::test("playwright.config.ts")?, "report.json")
}

/// Runs those over the site; the same counts.
pub(crate) fn test_site() -> Result<(Tally, usize), Stop> {
    run(&mut playwright::test_site("site.config.ts")?, "site-report.json")
}

fn run(command: &mut Command, report: &str) -> Result<(Tally, usize), Stop> {
    let report = target().join("browser").join(report);
    // A report of an earlier run must not be counted.
    if report.exists() {
        std::fs::remove_file(&report).map_err(|error| format!("{}: {error}", report.display()))?;
    }
    let status = command
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("Playwright could not start: {error}"))?;
    let text =
        std::fs::read_to_string(&report).map_err(|error| format!("Playwright left no report: {error}"))?;
    let (mut tally, skipped) = tally::playwright(&text).ok_or("Playwright's report holds no counts")?;
    if tally.passed == 0 && tally.failed == 0 {
        return Err(Stop("no browser test ran".into()));
    }
    if !status.success() && tally.failed == 0 {
        tally += Tally::FAILED;
    }
    Ok((tally, skipped))
}
