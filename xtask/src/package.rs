//! `cargo xtask package`: the package `@hopscope/core`, complete and ready for a registry, as `npm pack` makes it.

use crate::host::{self, run};
use crate::tally::Tally;
use crate::wasm::Library;
use crate::workspace::{root, target};
use crate::{Stop, page, sizes};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

/// The name of the files that wasm-bindgen writes.
const NAME: &str = "hopscope";

pub(crate) fn command(arguments: &[String]) -> Result<ExitCode, Stop> {
    if let Some(argument) = arguments.first() {
        return Err(Stop(format!("package takes no arguments, not `{argument}`")));
    }
    let tarball = pack()?;
    println!("{}", tarball.display());
    Ok(ExitCode::SUCCESS)
}

/// The folder of the assembled package.
pub(crate) fn folder() -> PathBuf {
    target().join("package").join("core")
}

/// Builds the wasm and lays the package out in [`folder`], once in a run of this program.
pub(crate) fn assemble() -> Result<(), Stop> {
    static DONE: AtomicBool = AtomicBool::new(false);
    if DONE.load(Ordering::Relaxed) {
        return Ok(());
    }
    build()?;
    DONE.store(true, Ordering::Relaxed);
    Ok(())
}

fn build() -> Result<(), Stop> {
    let out = folder();
    clear(&out)?;
    let what = "the engine for JavaScript";
    let bound = Library { package: "js", what, bindings: "web", name: NAME, keep: &[] }.build(&out)?;
    copy_all(&root().join("packages").join("core"), &out)?;
    copy_all(&root().join("lessons"), &out.join("lessons"))?;
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&root().join(licence), &out.join(licence))?;
    }
    page::check_private(&out)?;
    sizes::check_package(&bound)
}

/// Assembles the package and packs it; the path of the tarball.
fn pack() -> Result<PathBuf, Stop> {
    assemble()?;
    let into = target().join("package");
    let mut npm = Command::new("npm");
    npm.current_dir(folder()).args(["pack", "--loglevel=error", "--pack-destination"]).arg(&into);
    run(&mut npm, "npm pack")?;
    let version = env!("CARGO_PKG_VERSION");
    let tarball = into.join(format!("hopscope-core-{version}.tgz"));
    if tarball.is_file() {
        Ok(tarball)
    } else {
        Err(Stop(format!("npm pack left no {}: is package.json of version {version}?", tarball.display())))
    }
}

/// Installs the tarball into an empty project, and runs the README's example and the tests of the package there.
pub(crate) fn test() -> Result<Tally, Stop> {
    let tarball = pack()?;
    let project = target().join("package").join("project");
    clear(&project)?;
    std::fs::write(project.join("package.json"), "{ \"private\": true, \"type\": \"module\" }\n")
        .map_err(|error| format!("{}: {error}", project.display()))?;
    let mut npm = Command::new("npm");
    npm.current_dir(&project)
        .args(["install", "--offline", "--no-audit", "--no-fund", "--loglevel=error"])
        .arg(&tarball);
    run(&mut npm, "npm install of the tarball")?;
    let script = root().join("tests").join("package").join("run.mjs");
    let mut node = Command::new("node");
    node.current_dir(&project).arg(&script).arg(root());
    let output = node.output().map_err(|error| format!("node could not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    print!("{text}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let counts = text.lines().last().and_then(|line| {
        let mut words = line.split_whitespace();
        let passed = words.next()?.parse().ok()?;
        let failed = words.nth(1)?.parse().ok()?;
        Some(Tally { passed, failed })
    });
    counts.ok_or_else(|| Stop("the package's tests printed no counts".into()))
}

/// An empty folder.
pub(crate) fn clear(folder: &Path) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop(format!("{}: {error}", folder.display()));
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(failed)?;
    }
    std::fs::create_dir_all(folder).map_err(failed)
}

/// Copies a folder with all that is in it, hidden files left out.
pub(crate) fn copy_all(from: &Path, to: &Path) -> Result<(), Stop> {
    for file in page::files(from)? {
        let inner = file.strip_prefix(from).map_err(|error| Stop(error.to_string()))?;
        copy(&file, &to.join(inner))?;
    }
    Ok(())
}

/// Copies a file into a folder that is made where it is not there.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), Stop> {
    let failed = |error: std::io::Error| Stop(format!("{}: {error}", to.display()));
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::copy(from, to).map(drop).map_err(failed)
}

/// Whether the programs that the package needs are on this machine.
pub(crate) fn available() -> Result<(), Stop> {
    match (host::find("node"), host::find("npm")) {
        (Some(_), Some(_)) => Ok(()),
        _ => Err(Stop("the package needs Node.js with npm".into())),
    }
}
