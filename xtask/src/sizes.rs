//! `cargo xtask sizes`: what the page weighs and how long it takes to build, measured and written down.

use crate::page::{self, Profile};
use crate::workspace::{dist, root, target};
use crate::{Stop, host, parts, say, tools};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Instant, SystemTime};

/// Brotli bytes of wasm at first load (`DESIGN.md`, section 8).
const WASM_BUDGET: u64 = 160_000;
/// Brotli bytes of JavaScript, CSS and HTML together at first load.
const REST_BUDGET: u64 = 25_000;
/// What the wasm must not outgrow: raised only for what a commit names.
const WASM_CEILING: u64 = 157_500;

/// Brotli bytes of the package's wasm, all of the engine with its documents: raised only for what a commit names.
const PACKAGE_CEILING: u64 = 947_000;

const KINDS: [&str; 4] = ["wasm", "js", "css", "html"];
const BEGIN: &str = "<!-- sizes: written by `cargo xtask sizes` -->";
const END: &str = "<!-- end of sizes -->";

/// Bytes of all files of one kind, each file compressed by itself.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    raw: u64,
    gzip: u64,
    brotli: u64,
}

impl std::ops::AddAssign for Weight {
    fn add_assign(&mut self, other: Self) {
        self.raw += other.raw;
        self.gzip += other.gzip;
        self.brotli += other.brotli;
    }
}

/// What the built page weighs.
#[derive(Debug, Default)]
struct Weights {
    /// At first load, by kind.
    first: Vec<(&'static str, Weight)>,
    /// What is fetched later, by part.
    later: Vec<(&'static str, Weight)>,
}

/// Builds the page in a fresh target directory and writes the tables in `README.md`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Stop> {
    if let Some(argument) = arguments.first() {
        return Err(Stop(format!("sizes takes no arguments, not `{argument}`")));
    }
    page::build(Profile::Release)?;
    let weights = weigh(&dist())?;
    let times = build_times()?;
    let text = table(&weights, &times);
    let readme = root().join("README.md");
    let old = std::fs::read_to_string(&readme).map_err(|error| format!("{}: {error}", readme.display()))?;
    let new = replace_between(&old, &text).ok_or("README.md has lost the markers of the sizes")?;
    std::fs::write(&readme, new).map_err(|error| format!("{}: {error}", readme.display()))?;
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// Fails if the package's wasm, which is also that of a figure on another page, is above its ceiling.
pub(crate) fn check_package(wasm: &Path) -> Result<(), Stop> {
    let Weight { raw, brotli, .. } = compress(wasm)?;
    println!("package {raw:>7} bytes of wasm, brotli {brotli:>7}");
    if brotli > PACKAGE_CEILING {
        return Err(Stop(format!("package: {brotli} bytes of brotli, the limit is {PACKAGE_CEILING}")));
    }
    Ok(())
}

/// Fails if the built page is over its budget, or for the wasm over its ceiling.
pub(crate) fn check_budget() -> Result<(), Stop> {
    let mut wasm = 0;
    let mut rest = 0;
    let weights = weigh(&dist())?;
    for (part, weight) in weights.later {
        println!("{part:<6} {:>8} bytes, brotli {:>7}, later", weight.raw, weight.brotli);
        if weight.raw == 0 {
            return Err(Stop(format!("the page has no {part}")));
        }
    }
    for (kind, weight) in weights.first {
        println!("{kind:<6} {:>8} bytes, brotli {:>7}", weight.raw, weight.brotli);
        *(if kind == "wasm" { &mut wasm } else { &mut rest }) += weight.brotli;
    }
    for (what, bytes, budget, limit) in
        [("wasm", wasm, WASM_BUDGET, WASM_CEILING), ("js, css and html", rest, REST_BUDGET, REST_BUDGET)]
    {
        if bytes == 0 {
            return Err(Stop(format!("the page has no {what}")));
        }
        if bytes > limit {
            return Err(Stop(format!("{what}: {bytes} bytes of brotli, the limit is {limit}")));
        }
        if bytes > budget {
            println!("{what}: {bytes} bytes of brotli, over the budget of {budget}");
        }
    }
    Ok(())
}

fn weigh(out: &Path) -> Result<Weights, Stop> {
    let none = |names: &[&'static str]| names.iter().map(|name| (*name, Weight::default())).collect();
    let mut weights = Weights { first: none(&KINDS), later: none(&parts::LATER) };
    for file in page::files(out)? {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let sums = if let Some(part) = parts::of(&file) {
            weights.later.iter_mut().find(|(name, _)| *name == part)
        } else {
            weights.first.iter_mut().find(|(kind, _)| *kind == extension)
        };
        if let Some((_, sum)) = sums {
            *sum += compress(&file)?;
        }
    }
    Ok(weights)
}

/// Node has both compressors built in, which saves compiling them here.
fn compress(file: &Path) -> Result<Weight, Stop> {
    const SCRIPT: &str = "const z = require('zlib'), b = require('fs').readFileSync(process.argv[1]);\
        const brotli = z.brotliCompressSync(b, { params: { [z.constants.BROTLI_PARAM_QUALITY]: 11,\
        [z.constants.BROTLI_PARAM_SIZE_HINT]: b.length } });\
        console.log(b.length, z.gzipSync(b, { level: 9 }).length, brotli.length)";
    let output = Command::new("node").args(["-e", SCRIPT]).arg(file).output();
    let output =
        output.map_err(|error| format!("node could not start, and it measures the sizes: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers.as_slice() {
        &[raw, gzip, brotli] => Ok(Weight { raw, gzip, brotli }),
        _ => Err(Stop(format!("{} was not measured", file.display()))),
    }
}

/// Seconds of a cold build, of one with nothing changed, and of one with a source touched.
fn build_times() -> Result<Vec<(&'static str, f64)>, Stop> {
    let folder = target().join("sizes");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let (out, work) = (folder.join("dist"), folder.join("target"));
    std::fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let timed = |what: &'static str| -> Result<(&'static str, f64), Stop> {
        say(format!("timing a build: {what}"));
        let start = Instant::now();
        host::run(&mut page::trunk("build", Profile::Release, &out, &work)?, "trunk build")?;
        Ok((what, start.elapsed().as_secs_f64()))
    };
    let mut times = vec![timed("nothing built yet")?, timed("nothing changed")?];
    let source: PathBuf = root().join("crates").join("web").join("src").join("main.rs");
    std::fs::File::options()
        .append(true)
        .open(&source)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .map_err(|error| format!("{}: {error}", source.display()))?;
    times.push(timed("one file of the page changed")?);
    std::fs::remove_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(times)
}

fn table(weights: &Weights, times: &[(&str, f64)]) -> String {
    let mut text =
        String::from("| bytes at first load | raw | gzip | brotli | budget |\n|---|--:|--:|--:|--:|\n");
    let mut rest = Weight::default();
    let mut line = |name: &str, weight: Weight, budget: &str| {
        let [raw, gzip, brotli] = [weight.raw, weight.gzip, weight.brotli].map(grouped);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {name} | {raw} | {gzip} | {brotli} | {budget} |");
    };
    for (kind, weight) in &weights.first {
        if *kind == "wasm" {
            line(kind, *weight, &grouped(WASM_BUDGET));
        } else {
            line(kind, *weight, "");
            rest += *weight;
        }
    }
    line("js, css and html", rest, &grouped(REST_BUDGET));
    for (part, weight) in &weights.later {
        line(&format!("later: {part}"), *weight, "");
    }
    let version = host::output("rustc", &["--version"]).unwrap_or_default();
    let rust = version.split_whitespace().nth(1).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let _ =
        writeln!(text, "\n| optimised build of the page, Rust {rust}, {cores} cores | seconds |\n|---|--:|");
    for (what, seconds) in times {
        let _ = writeln!(text, "| {what} | {seconds:.0} |");
    }
    let tools = tools::versions();
    let _ = writeln!(text, "\nBuilt with {tools}.");
    text
}

/// A number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn replace_between(text: &str, new: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{new}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_digits() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }

    #[test]
    fn replaces_the_table_and_nothing_else() {
        let old = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let once = replace_between(&old, "new\n").unwrap();
        assert_eq!(once, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert_eq!(replace_between(&once, "new\n").unwrap(), once);
        assert_eq!(replace_between("no markers", "new"), None);
    }
}
