//! Standard output, standard error, and the exit code.

use engine::Paths;
use serde::Serialize;
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

/// What is printed.
#[derive(Debug)]
pub(crate) struct Done {
    /// Standard output.
    pub(crate) text: String,
    /// The exit code: 1 where a check failed.
    pub(crate) code: u8,
}

impl From<String> for Done {
    fn from(text: String) -> Self {
        Self { text, code: 0 }
    }
}

/// Why nothing was printed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) code: u8,
    /// The whole message, its lines ended.
    pub(crate) message: String,
}

impl Failure {
    /// Bad usage or input, with what to do about it.
    pub(crate) fn new(what: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self::raw(format!("error: {}\n  hint: {}\n", what.as_ref(), hint.as_ref()))
    }

    /// Bad usage or input, the message as it is.
    pub(crate) fn raw(message: String) -> Self {
        Self { code: 2, message }
    }
}

/// Prints the result. A reader that went away (`| head`) is no failure.
pub(crate) fn print(done: &Done) -> ExitCode {
    let mut out = io::stdout().lock();
    match out.write_all(done.text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            complain(&format!("error: cannot write: {error}\n  hint: is the disk full?\n"));
            ExitCode::from(2)
        }
        _ => ExitCode::from(done.code),
    }
}

/// Prints to standard error; where that is closed, nobody reads it.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(visible(text).as_bytes());
}

/// Makes control characters visible: names come from the input, and terminals obey escape sequences.
pub(crate) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() && letter != '\n' {
            // Writing to a String does not fail.
            let _ = write!(out, "{}", letter.escape_default());
        } else {
            out.push(letter);
        }
    }
    out
}

/// What there is to choose from, for hints.
pub(crate) fn choices<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let names: Vec<_> = names.collect();
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len() {
        0 => format!("the input has no {what}"),
        1..=SHOWN => format!("{what}: {shown}"),
        more => format!("{what}: {shown} and {} more", more - SHOWN),
    }
}

/// A result as JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map(|text| text + "\n").map_err(|error| {
        Failure::new(format!("the result does not fit JSON: {error}"), "report this as a bug")
    })
}

/// Several JSON texts as one list.
pub(crate) fn json_list(texts: &[String]) -> String {
    let items = texts.iter().map(|text| text.trim_end()).collect::<Vec<_>>().join(",\n");
    if items.is_empty() { "[]\n".to_owned() } else { format!("[\n{items}\n]\n") }
}

/// The answer of `trace --idle -o json` and `trace --then -o json`.
#[derive(Serialize)]
pub(crate) struct Later<'a> {
    /// The seed of the sampling.
    pub(crate) seed: u64,
    /// Seconds of silence.
    pub(crate) idle: u64,
    /// How the connection was opened.
    pub(crate) opened: &'a Paths,
    /// What its next packet meets.
    pub(crate) later: &'a Paths,
}

/// The answer of `trace -o json`: that of `paths` with one outcome, and the seed.
#[derive(Serialize)]
pub(crate) struct Seeded<'a> {
    /// The seed of the sampling.
    pub(crate) seed: u64,
    #[serde(flatten)]
    pub(crate) paths: &'a Paths,
}
