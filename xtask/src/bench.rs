//! `cargo xtask bench`: the engine's speed in wasm, built as the page's is, beside its budgets.

use crate::host::{find, run};
use crate::tools;
use crate::workspace::{cargo, root, target};
use crate::{Stop, page, say};
use std::process::{Command, ExitCode};

/// Builds the measurements, and has Node.js run those whose names hold all the words.
pub(crate) fn command(words: &[String]) -> Result<ExitCode, Stop> {
    let node = find("node").ok_or_else(|| Stop("the measurements need Node.js 20 or newer".into()))?;
    tools::ensure()?;
    say("building the measurements for wasm (a minute the first time)");
    let work = target();
    let mut build = cargo();
    build
        .env("CARGO_TARGET_DIR", &work)
        .env("CARGO_ENCODED_RUSTFLAGS", page::flags(&work))
        .args(["build", "--package", "bench", "--lib", "--profile", "page", "--locked"])
        .args(["--target", "wasm32-unknown-unknown"]);
    run(&mut build, "cargo build of the measurements")?;
    let out = target().join("bench-wasm");
    let wasm = work.join("wasm32-unknown-unknown").join("page").join("bench.wasm");
    let mut bindgen = Command::new("wasm-bindgen");
    bindgen.env("PATH", tools::path()?);
    bindgen.args(["--target", "nodejs", "--out-name", "bench", "--out-dir"]).arg(&out).arg(&wasm);
    run(&mut bindgen, "wasm-bindgen")?;
    let script = root().join("crates").join("bench").join("bench.mjs");
    run(Command::new(node).arg(script).arg(&out).args(words), "the measurements")?;
    Ok(ExitCode::SUCCESS)
}
