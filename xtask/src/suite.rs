//! `cargo xtask test`: every part, each counted, and one line at the end.

use crate::page::{self, Profile};
use crate::tally::{Libtest, Tally};
use crate::workspace::{cargo, dist, is_ci};
use crate::{Stop, browser, dist as site, host, package, playwright, say, sizes, tools};
use std::io::{BufRead, BufReader};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const PARTS: [&str; 8] = ["fmt", "clippy", "cargo", "page", "sizes", "package", "dist", "browser"];

/// What came of one part.
struct Part {
    name: &'static str,
    tally: Tally,
    took: Duration,
    /// Why the part, or something in it, failed or did not run.
    notes: Vec<String>,
}

/// What a part hands back.
type Outcome = Result<Counts, Trouble>;

/// The counts of a part that ran.
#[derive(Default)]
struct Counts {
    tally: Tally,
    /// Reasons for what was skipped in it.
    skipped: Vec<String>,
    /// What failed tests printed, to be repeated at the end.
    failures: Vec<String>,
}

impl Counts {
    const PASSED: Self = Self { tally: Tally::PASSED, skipped: Vec::new(), failures: Vec::new() };

    /// Counts of Playwright.
    fn of_browser((tally, skipped): (Tally, usize)) -> Self {
        let skipped = (skipped > 0).then(|| format!("{skipped} browser tests skipped themselves"));
        Self { tally, skipped: skipped.into_iter().collect(), failures: Vec::new() }
    }
}

/// Why a part has no counts.
enum Trouble {
    /// It ran and broke.
    Failed(Stop),
    /// This machine cannot run it: skipped by hand, failed in CI.
    Unavailable(Stop),
}

impl From<Stop> for Trouble {
    fn from(stop: Stop) -> Self {
        Self::Failed(stop)
    }
}

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Stop> {
    if let Some(unknown) = arguments.iter().find(|argument| !PARTS.contains(&argument.as_str())) {
        return Err(Stop(format!("no part `{unknown}`; the parts are: {}", PARTS.join(" "))));
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let mut parts: Vec<Part> = Vec::new();
    for name in PARTS.into_iter().filter(|name| wanted(name)) {
        say(format!("test: {}", describe(name)));
        let start = Instant::now();
        let page_failed = parts.iter().any(|part| part.name == "page" && part.tally != Tally::PASSED);
        let outcome = match name {
            "sizes" | "dist" | "browser" if page_failed => {
                Err(Trouble::Unavailable("the page was not built".into()))
            }
            "fmt" => fmt(),
            "clippy" => clippy(),
            "cargo" => cargo_test(),
            "page" => build_page(),
            "sizes" => sizes::check_budget().map(|()| Counts::PASSED).map_err(Trouble::Failed),
            "package" => test_package(),
            "dist" => assemble_site(),
            _ => test_browser(),
        };
        parts.push(close(name, outcome, start.elapsed()));
    }
    Ok(report(&parts))
}

fn describe(name: &str) -> &'static str {
    match name {
        "fmt" => "formatting",
        "clippy" => "lints, all targets",
        "cargo" => "unit, property, documentation, conformance and kernel tests",
        "page" => "the page, optimised",
        "sizes" => "the page's sizes against their budget",
        "package" => "the JavaScript package, installed into an empty project",
        "dist" => "what is published: offline, under any path, and as one file",
        _ => "the page in Chromium",
    }
}

fn close(name: &'static str, outcome: Outcome, took: Duration) -> Part {
    let (mut tally, mut notes, mut failures) = (Tally::default(), Vec::new(), Vec::new());
    match outcome {
        Ok(counts) => {
            tally += counts.tally;
            failures = counts.failures;
            for reason in counts.skipped {
                notes.push(format!("SKIPPED: {reason}"));
                if is_ci() {
                    tally += Tally::FAILED;
                }
            }
        }
        Err(Trouble::Failed(stop)) => {
            tally += Tally::FAILED;
            notes.push(format!("FAILED: {stop}"));
        }
        Err(Trouble::Unavailable(stop)) => {
            if is_ci() {
                tally += Tally::FAILED;
            }
            notes.push(format!("SKIPPED: {stop}"));
        }
    }
    for note in &notes {
        say(format!("test {name}: {note}"));
    }
    notes.append(&mut failures);
    Part { name, tally, took, notes }
}

/// Prints the parts and the closing line.
fn report(parts: &[Part]) -> ExitCode {
    let mut total = Tally::default();
    println!();
    for part in parts {
        total += part.tally;
        let (passed, failed) = (part.tally.passed, part.tally.failed);
        println!("{:<8} {passed:>5} ok {failed:>5} bad {:>7.1} s", part.name, part.took.as_secs_f64());
        for note in &part.notes {
            println!("{:<8} {note}", "");
        }
    }
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(command: &mut Command, what: &str) -> Outcome {
    host::run(command, what)?;
    Ok(Counts::PASSED)
}

fn fmt() -> Outcome {
    tools::ensure_component("rustfmt", "fmt").map_err(Trouble::Unavailable)?;
    one(cargo().args(["fmt", "--all", "--check"]), "cargo fmt --check")
}

fn clippy() -> Outcome {
    tools::ensure_component("clippy", "clippy").map_err(Trouble::Unavailable)?;
    one(
        cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--keep-going",
            "--locked",
            "--quiet",
            "--",
            "-D",
            "warnings",
        ]),
        "cargo clippy",
    )
}

fn cargo_test() -> Outcome {
    // The kernel tests build network namespaces; where these programs cannot be had, they say so themselves.
    let wanted =
        [("iptables-restore", "iptables"), ("ip", "iproute2"), ("nft", "nftables"), ("ipset", "ipset")];
    let missing: Vec<&str> = wanted
        .iter()
        .filter(|(program, _)| host::find(program).is_none())
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty()
        && let Err(stop) = host::install(&missing)
    {
        say(format!("kernel tests: {stop}"));
    }
    let mut command = cargo();
    command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--", "--show-output"]);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| Stop(format!("cargo test could not start: {error}")))?;
    let mut reader = Libtest::default();
    if let Some(output) = child.stdout.take() {
        let mut lines = BufReader::new(output);
        let mut line = Vec::new();
        // Bytes, since a test may print what is not UTF-8.
        while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            reader.read(&text);
            line.clear();
        }
    }
    let status = child.wait().map_err(|error| Stop(format!("cargo test was lost: {error}")))?;
    Ok(Counts {
        tally: reader.tally(status.success()),
        skipped: reader.skipped().to_vec(),
        failures: reader.failures().to_vec(),
    })
}

fn build_page() -> Outcome {
    if tools::ensure().map_err(Trouble::Unavailable)? == tools::Optimiser::Missing {
        return Err(Trouble::Unavailable(
            "the optimised page needs wasm-opt; please install Node.js with npm".into(),
        ));
    }
    page::build(Profile::Release)?;
    page::check_private(&dist())?;
    Ok(Counts::PASSED)
}

fn test_package() -> Outcome {
    package::available().map_err(Trouble::Unavailable)?;
    Ok(Counts { tally: package::test()?, ..Counts::default() })
}

fn assemble_site() -> Outcome {
    package::available().map_err(Trouble::Unavailable)?;
    playwright::ensure().map_err(Trouble::Unavailable)?;
    tools::ensure_recipes();
    site::assemble()?;
    let mut counts = Counts::of_browser(browser::test_site()?);
    counts.tally += Tally::PASSED;
    Ok(counts)
}

fn test_browser() -> Outcome {
    playwright::ensure().map_err(Trouble::Unavailable)?;
    Ok(Counts::of_browser(browser::test()?))
}
