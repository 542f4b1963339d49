//! Counts and mismatches.

/// What came of the cases so far.
#[derive(Debug, Default)]
pub(crate) struct Report {
    passed: usize,
    failed: usize,
}

impl Report {
    /// Counts one case or row; prints its mismatches if there are any. `name` is the file, and the row where it has rows.
    pub(crate) fn case(&mut self, name: &str, mismatches: &[String]) {
        if mismatches.is_empty() {
            self.passed += 1;
            return;
        }
        self.failed += 1;
        println!("FAILED {name}");
        for mismatch in mismatches {
            println!("  {}", mismatch.replace('\n', "\n  "));
        }
    }

    /// Prints the closing line and fails the test if a case failed.
    pub(crate) fn close(self) {
        println!("{} passed, {} failed", self.passed, self.failed);
        assert_eq!(self.failed, 0, "conformance cases failed; each mismatch is printed above");
    }
}
