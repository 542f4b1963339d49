//! Counting what tests print.

use std::ops::AddAssign;

/// How many passed and how many failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
}

impl Tally {
    pub(crate) const PASSED: Self = Self { passed: 1, failed: 0 };
    pub(crate) const FAILED: Self = Self { passed: 0, failed: 1 };
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Reads the output of `cargo test -- --show-output` line by line.
///
/// A test that closes with `N passed, M failed` of its own (the conformance runner) counts as its cases instead
/// of as one test. A line that begins with `skipped:` or holds `SKIPPED: ` is a notice to repeat at the end, and so is
/// what a test binary prints of its failures.
#[derive(Debug, Default)]
pub(crate) struct Libtest {
    finished: Tally,
    /// Case counts of the test binary that is running, and how many of its tests printed some.
    cases: Tally,
    tests_with_cases: Tally,
    skipped_in_binary: usize,
    skipped: Vec<String>,
    /// What the binary that is running printed from `failures:` on.
    failing: Vec<String>,
    failures: Vec<String>,
}

/// Of one binary's failures this many lines are repeated: enough for one test, and a log that is cut keeps its end.
const REPEATED_LINES: usize = 60;

impl Libtest {
    pub(crate) fn read(&mut self, line: &str) {
        let whole = line.trim_end();
        let line = line.trim();
        if line == "failures:" || !self.failing.is_empty() {
            self.failing.push(whole.to_owned());
        }
        if let Some(result) = line.strip_prefix("test result: ") {
            self.finish_binary(result);
        } else if let Some(reason) = skipped(line) {
            self.skipped.push(reason.to_owned());
            self.skipped_in_binary += 1;
        } else if let Some(cases) = cases(line) {
            self.cases += cases;
            self.tests_with_cases += if cases.failed == 0 { Tally::PASSED } else { Tally::FAILED };
        }
    }

    /// A binary's closing line: `ok. 3 passed; 0 failed; 1 ignored; …`.
    fn finish_binary(&mut self, result: &str) {
        let count = |what: &str| {
            result
                .split(['.', ';'])
                .find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
                .unwrap_or(0_usize)
        };
        self.finished.passed +=
            count("passed").saturating_sub(self.tests_with_cases.passed) + self.cases.passed;
        self.finished.failed +=
            count("failed").saturating_sub(self.tests_with_cases.failed) + self.cases.failed;
        // A test may be counted as ignored and say why, too.
        let silent = count("ignored").saturating_sub(self.skipped_in_binary);
        if silent > 0 {
            self.skipped.push(format!("{silent} ignored without a reason"));
        }
        let failing = std::mem::take(&mut self.failing);
        if count("failed") > 0 {
            let left_out = failing.len().saturating_sub(REPEATED_LINES);
            self.failures.extend(failing.into_iter().take(REPEATED_LINES));
            if left_out > 0 {
                self.failures.push(format!("({left_out} more lines stand above)"));
            }
        }
        self.skipped_in_binary = 0;
        self.cases = Tally::default();
        self.tests_with_cases = Tally::default();
    }

    /// The counts, given whether cargo ended well: a test binary that did not build or that died counts as one.
    pub(crate) fn tally(&self, success: bool) -> Tally {
        let mut tally = self.finished;
        tally += self.cases;
        if !success && tally.failed == 0 {
            tally += Tally::FAILED;
        }
        tally
    }

    /// Reasons for which tests did not run.
    pub(crate) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// What failed tests printed, line by line.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }
}

/// The reason in a line that says that something did not run.
fn skipped(line: &str) -> Option<&str> {
    let reason = line.strip_prefix("skipped:").or_else(|| Some(line.split_once("SKIPPED: ")?.1))?;
    Some(reason.trim())
}

/// The counts at the end of a line `N passed, M failed`.
fn cases(line: &str) -> Option<Tally> {
    let mut words = line.split_whitespace().rev();
    let (failed_word, failed) = (words.next()?, words.next()?);
    let (passed_word, passed) = (words.next()?, words.next()?);
    if (passed_word, failed_word) != ("passed,", "failed") {
        return None;
    }
    Some(Tally { passed: passed.parse().ok()?, failed: failed.parse().ok()? })
}

/// The counts in the report that Playwright's JSON reporter wrote, and how many tests it skipped.
pub(crate) fn playwright(report: &str) -> Option<(Tally, usize)> {
    let stats = report.get(report.rfind("\"stats\"")?..)?;
    let count = |key: &str| -> Option<usize> {
        let (_, rest) = stats.split_once(&format!("\"{key}\":"))?;
        let end = rest.find([',', '}'])?;
        rest.get(..end)?.trim().parse().ok()
    };
    let failed = count("unexpected")? + count("flaky")?;
    Some((Tally { passed: count("expected")?, failed }, count("skipped")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn libtest(lines: &[&str], success: bool) -> (Tally, Vec<String>) {
        let mut reader = Libtest::default();
        for line in lines {
            reader.read(line);
        }
        (reader.tally(success), reader.skipped().to_vec())
    }

    #[test]
    fn counts_tests_and_cases_once() {
        let ok =
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.01s";
        let bad =
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1s";
        let facts = [
            ("two binaries", vec![ok, ok], true, "6 0"),
            ("a failure", vec![ok, bad], false, "5 1"),
            ("cases stand for their test", vec!["41 passed, 0 failed", ok], true, "43 0"),
            ("failed cases stand for their test", vec!["39 passed, 2 failed", bad], false, "41 2"),
            ("cases are of their binary alone", vec!["5 passed, 0 failed", ok, ok], true, "10 0"),
            (
                "printed after the test's name",
                vec!["test conformance ... 5 passed, 0 failed", ok],
                true,
                "7 0",
            ),
            ("nothing compiled", vec![], false, "0 1"),
        ];
        for (name, lines, success, expected) in facts {
            let Tally { passed, failed } = libtest(&lines, success).0;
            assert_eq!(format!("{passed} {failed}"), expected, "{name}");
        }
    }

    #[test]
    fn repeats_skips() {
        let lines = [
            "skipped: no cases",
            "test result: ok. 1 passed; 0 failed; 2 ignored; 0 measured",
            "kernel test SKIPPED: it needs root",
            "test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured",
        ];
        let (tally, skipped) = libtest(&lines, true);
        assert_eq!(tally, Tally::PASSED);
        assert_eq!(skipped, ["no cases", "1 ignored without a reason", "it needs root"]);
    }

    #[test]
    fn repeats_failures() {
        let mut reader = Libtest::default();
        for line in [
            "successes:",
            "---- fine stdout ----",
            "test result: ok. 1 passed; 0 failed; 0 ignored",
            "failures:",
            "---- wrong stdout ----",
            "  left: 1",
            "failures:",
            "    wrong",
            "test result: FAILED. 0 passed; 1 failed; 0 ignored",
        ] {
            reader.read(line);
        }
        assert_eq!(
            reader.failures().join("\n"),
            "failures:\n---- wrong stdout ----\n  left: 1\nfailures:\n    wrong\n\
             test result: FAILED. 0 passed; 1 failed; 0 ignored"
        );
    }

    #[test]
    fn reads_a_playwright_report() {
        let report = r#"{"suites":[{"specs":[{"expected": 9}]}],"errors":[],
            "stats": {"startTime":"x","duration": 6.5, "expected": 4, "skipped": 1, "unexpected": 2, "flaky": 0}}"#;
        assert_eq!(playwright(report), Some((Tally { passed: 4, failed: 2 }, 1)));
        assert_eq!(playwright("{}"), None);
    }
}
