//! Wasm beside the page's: a crate built as the page is, bound to JavaScript, and made small.

use crate::host::run;
use crate::workspace::{cargo, target};
use crate::{Stop, page, say, tools};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A library that becomes a wasm.
pub(crate) struct Library<'a> {
    /// The crate.
    pub(crate) package: &'a str,
    /// What it is for, in words.
    pub(crate) what: &'a str,
    /// wasm-bindgen's target: `web` or `nodejs`.
    pub(crate) bindings: &'a str,
    /// What its files are called.
    pub(crate) name: &'a str,
    /// Arguments of wasm-opt beside the size.
    pub(crate) keep: &'a [&'a str],
}

/// Functions of so many instructions are inlined wherever they are called, where by itself wasm-opt takes two: the
/// engine is as quick or somewhat quicker, and what is sent is smaller. `index.html` says the same for the engine room.
const INLINED: &str = "--always-inline-max-function-size=6";

impl Library<'_> {
    /// Builds it into a folder; gives the wasm's place.
    pub(crate) fn build(&self, out: &Path) -> Result<PathBuf, Stop> {
        let Self { package, what, bindings, name, keep } = *self;
        if tools::ensure()? == tools::Optimiser::Missing {
            return Err(Stop(format!("{what} needs wasm-opt, and with it npm")));
        }
        say(format!("building {what} (a minute the first time)"));
        let work = target();
        let mut build = cargo();
        build
            .env("CARGO_TARGET_DIR", &work)
            .env("CARGO_ENCODED_RUSTFLAGS", page::flags(&work))
            .args(["build", "--package", package, "--lib", "--profile", "page", "--locked"])
            .args(["--target", "wasm32-unknown-unknown"]);
        run(&mut build, &format!("cargo build of {what}"))?;
        let built = work.join("wasm32-unknown-unknown").join("page").join(format!("{package}.wasm"));
        let mut bindgen = Command::new("wasm-bindgen");
        bindgen.env("PATH", tools::path()?);
        bindgen.args(["--target", bindings, "--out-name", name, "--out-dir"]).arg(out).arg(&built);
        run(&mut bindgen, "wasm-bindgen")?;
        let bound = out.join(format!("{name}_bg.wasm"));
        optimise(&bound, &bound, &[&["-Oz", INLINED], keep].concat())?;
        Ok(bound)
    }
}

/// wasm-opt.
pub(crate) fn optimise(from: &Path, to: &Path, how: &[&str]) -> Result<(), Stop> {
    let mut command = Command::new("wasm-opt");
    command.env("PATH", tools::path()?).args(how).arg("-o").arg(to).arg(from);
    run(&mut command, "wasm-opt")
}
