//! `cargo xtask bench`: the engine's speed in wasm, built as the page's is, beside its budgets.

use crate::Stop;
use crate::host::{find, run};
use crate::wasm::Library;
use crate::workspace::{root, target};
use std::process::{Command, ExitCode};

/// Builds the measurements, and has Node.js run those whose names hold all the words.
pub(crate) fn command(words: &[String]) -> Result<ExitCode, Stop> {
    let node = find("node").ok_or_else(|| Stop("the measurements need Node.js 20 or newer".into()))?;
    let out = target().join("bench-wasm");
    // The page's wasm goes through wasm-opt, too (`data-wasm-opt` in index.html). Names stay, for profiles.
    let what = "the engine's measurements";
    Library { package: "bench", what, bindings: "nodejs", name: "bench", keep: &["--debuginfo"] }
        .build(&out)?;
    let script = root().join("crates").join("bench").join("bench.mjs");
    run(Command::new(node).arg(script).arg(&out).args(words), "the measurements")?;
    Ok(ExitCode::SUCCESS)
}
