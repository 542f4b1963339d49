//! The pinned build tools, in a folder per user: installed once, then only looked at.

use crate::host::{find, install, output, run};
use crate::workspace::{cargo, tools};
use crate::{Stop, say};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

const TRUNK: &str = "0.21.14";
/// The same as `wasm-bindgen` in `Cargo.toml` and `Trunk.toml`: the two halves must be of one version.
const WASM_BINDGEN: &str = "0.2.129";
const BINARYEN: &str = "132";
/// Builds a recipe of `recipes/`.
const MDBOOK: &str = "0.5.4";

/// Whether the page can be optimised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Optimiser {
    /// `wasm-opt` stands.
    Ready,
    /// There is no npm to fetch `wasm-opt` with.
    Missing,
}

/// `PATH` with the pinned tools first.
pub(crate) fn path() -> Result<OsString, Stop> {
    let mut folders = vec![tools().join("bin"), tools().join("node_modules").join(".bin")];
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path));
    }
    std::env::join_paths(folders).map_err(|error| Stop(format!("PATH cannot be extended: {error}")))
}

/// Makes the wasm target, Trunk and wasm-bindgen stand, and `wasm-opt` where npm does.
pub(crate) fn ensure() -> Result<Optimiser, Stop> {
    ensure_target()?;
    ensure_crate("trunk", "trunk", TRUNK, "0")?;
    ensure_crate("wasm-bindgen-cli", "wasm-bindgen", WASM_BINDGEN, "1")?;
    ensure_binaryen()
}

/// Makes what builds the recipes stand, as far as it can be had here. A recipe without its tool is not tested, and its
/// test says so.
pub(crate) fn ensure_recipes() {
    if let Err(stop) = ensure_crate("mdbook", "mdbook", MDBOOK, "0") {
        say(format!("recipe for mdBook: {stop}"));
    }
    if find("hugo").is_none()
        && let Err(stop) = install(&["hugo"])
    {
        say(format!("recipe for Hugo: {stop}"));
    }
}

/// Makes xz stand, which packs the single file.
pub(crate) fn ensure_packer() -> Result<(), Stop> {
    if find("xz").is_some() { Ok(()) } else { install(&["xz-utils"]) }
}

/// Makes a component of the toolchain stand, `rustfmt` or `clippy`.
pub(crate) fn ensure_component(component: &str, program: &str) -> Result<(), Stop> {
    if cargo().args([program, "--version"]).output().is_ok_and(|output| output.status.success()) {
        return Ok(());
    }
    say(format!("adding {component} to the toolchain"));
    run(Command::new("rustup").args(["component", "add", component]), "rustup component add")
}

fn ensure_target() -> Result<(), Stop> {
    let target = "wasm32-unknown-unknown";
    let library = output("rustc", &["--print", "target-libdir", "--target", target]);
    if library.is_some_and(|folder| PathBuf::from(folder.trim()).is_dir()) {
        return Ok(());
    }
    if find("rustup").is_none() {
        return Err(Stop(format!(
            "this Rust has no {target} target, and there is no rustup to add it; see https://rustup.rs"
        )));
    }
    say(format!("adding the {target} target to the toolchain"));
    run(Command::new("rustup").args(["target", "add", target]), "rustup target add")
}

/// Installs a tool from crates.io in the given version, lightly optimised: it compiles four times faster so,
/// and what it writes is the same.
fn ensure_crate(package: &str, program: &str, version: &str, opt_level: &str) -> Result<(), Stop> {
    let installed = tools().join("bin").join(format!("{program}{}", std::env::consts::EXE_SUFFIX));
    let wanted = format!("{program} {version}");
    // mdBook writes a `v` before its version.
    let is = |text: String| text.trim().replace(" v", " ") == wanted;
    let stands = |path: PathBuf| output(path, &["--version"]).is_some_and(is);
    if stands(installed.clone()) || find(program).is_some_and(stands) {
        return Ok(());
    }
    say(format!("installing {package} {version} into {} (once, a minute or two)", tools().display()));
    let mut command = cargo();
    command
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", opt_level)
        .args(["install", "--locked", "--force", "--no-default-features"])
        .args([package, "--version", version, "--root"])
        .arg(tools());
    run(&mut command, &format!("cargo install {package}"))?;
    if stands(installed) { Ok(()) } else { Err(Stop(format!("{package} was installed but is not {wanted}"))) }
}

fn ensure_binaryen() -> Result<Optimiser, Stop> {
    let program = tools().join("node_modules").join(".bin").join("wasm-opt");
    // wasm-opt adds a commit in brackets to its version when it was built from a checkout.
    let wanted = format!("wasm-opt version {BINARYEN}");
    let stands =
        |path: PathBuf| output(path, &["--version"]).is_some_and(|text| text.trim().starts_with(&wanted));
    if stands(program.clone()) || find("wasm-opt").is_some_and(stands) {
        return Ok(Optimiser::Ready);
    }
    if find("npm").is_none()
        && let Err(stop) = install(&["nodejs", "npm"])
    {
        say(format!("wasm-opt comes by npm, and there is none: {stop}"));
        return Ok(Optimiser::Missing);
    }
    say(format!("installing wasm-opt {BINARYEN} (npm binaryen) into {}", tools().display()));
    std::fs::create_dir_all(tools()).map_err(|error| format!("{}: {error}", tools().display()))?;
    let mut command = Command::new("npm");
    command
        .args(["install", "--no-audit", "--no-fund", "--loglevel=error", "--no-save", "--prefix"])
        .arg(tools())
        .arg(format!("binaryen@{BINARYEN}.0.0"));
    run(&mut command, "npm install binaryen")?;
    if stands(program) {
        Ok(Optimiser::Ready)
    } else {
        Err(Stop("wasm-opt was installed but does not run".into()))
    }
}

/// The pinned tools in words.
pub(crate) fn versions() -> String {
    format!("Trunk {TRUNK}, wasm-bindgen {WASM_BINDGEN}, wasm-opt {BINARYEN}")
}
