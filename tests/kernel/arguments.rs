//! The arguments that `cargo test` passes on to a test binary, as far as they mean anything here.

/// Which flows to test, and how to speak of them.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag of the command line")]
pub(crate) struct Arguments {
    filters: Vec<String>,
    skips: Vec<String>,
    exact: bool,
    /// Print the names only.
    pub(crate) list: bool,
    /// Print no line for a flow that agrees.
    pub(crate) quiet: bool,
    /// Only tests that are marked as ignored: there are none.
    pub(crate) only_ignored: bool,
}

impl Arguments {
    /// Reads the arguments; what does not apply to this test is accepted and has no effect.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Self {
        let mut parsed = Self::default();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--exact" => parsed.exact = true,
                "--list" => parsed.list = true,
                "--quiet" | "-q" => parsed.quiet = true,
                "--ignored" => parsed.only_ignored = true,
                "--skip" => parsed.skips.extend(arguments.next()),
                "--test-threads" | "--format" | "--color" | "--logfile" | "--shuffle-seed" | "-Z" => {
                    arguments.next();
                }
                flag if flag.starts_with('-') => {
                    parsed.skips.extend(flag.strip_prefix("--skip=").map(str::to_owned));
                }
                filter => parsed.filters.push(filter.into()),
            }
        }
        parsed
    }

    /// Whether a test of this name is wanted.
    pub(crate) fn selects(&self, name: &str) -> bool {
        let matches =
            |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        !self.only_ignored
            && (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.skips.iter().any(matches)
    }
}
