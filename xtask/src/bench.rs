//! `cargo xtask bench`: the engine's speed in wasm, built as the page's is, beside its budgets.

use crate::host::{find, run};
use crate::tools::{self, Optimiser};
use crate::workspace::{cargo, root, target};
use crate::{Stop, page, say};
use std::process::{Command, ExitCode};

/// Builds the measurements, and has Node.js run those whose names hold all the words.
pub(crate) fn command(words: &[String]) -> Result<ExitCode, Stop> {
    let node = find("node").ok_or_else(|| Stop("the measurements need Node.js 20 or newer".into()))?;
    if tools::ensure()? == Optimiser::Missing {
        return Err(Stop("the measurements need wasm-opt, as the page does, and with it npm".into()));
    }
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
    let path = tools::path()?;
    let tool = |program: &str| {
        let mut command = Command::new(program);
        command.env("PATH", &path);
        command
    };
    let mut bindgen = tool("wasm-bindgen");
    bindgen.args(["--target", "nodejs", "--out-name", "bench", "--out-dir"]).arg(&out).arg(&wasm);
    run(&mut bindgen, "wasm-bindgen")?;
    // The page's wasm goes through it, too (`data-wasm-opt` in index.html). Names stay, for profiles.
    let bound = out.join("bench_bg.wasm");
    let mut optimise = tool("wasm-opt");
    optimise.args(["-Oz", "--debuginfo", "-o"]).arg(&bound).arg(&bound);
    run(&mut optimise, "wasm-opt")?;
    let script = root().join("crates").join("bench").join("bench.mjs");
    run(Command::new(node).arg(script).arg(&out).args(words), "the measurements")?;
    Ok(ExitCode::SUCCESS)
}
