//! Building the page by Trunk.

use crate::host::run;
use crate::tools::{self, Optimiser};
use crate::workspace::{cargo_home, dist, home, root, target};
use crate::{Stop, parts, say, startup};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// How the page is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Optimised: what is tested, measured and published.
    Release,
    /// Unoptimised: quick to rebuild, needs no `wasm-opt`.
    Dev,
}

/// Installs the tools and builds the page into `dist/`.
pub(crate) fn build(profile: Profile) -> Result<(), Stop> {
    compile(profile)?;
    if profile == Profile::Release {
        startup::cut(&dist())?;
        draw_first(&dist())?;
    }
    parts::name(&dist())
}

/// Leaves in a page what it draws first, as the uncut page draws it.
fn draw_first(out: &Path) -> Result<(), Stop> {
    let mut node = Command::new("node");
    node.arg(root().join("xtask").join("first.mjs")).arg(out).arg(startup::whole());
    run(&mut node, "drawing the first picture")
}

/// The page as Trunk leaves it.
pub(crate) fn compile(profile: Profile) -> Result<(), Stop> {
    if tools::ensure()? == Optimiser::Missing && profile == Profile::Release {
        return Err(Stop("the optimised page needs wasm-opt, and with it npm".into()));
    }
    say(match profile {
        Profile::Release => "building the page (a minute the first time)",
        Profile::Dev => "building the page, unoptimised (a minute the first time)",
    });
    run(&mut trunk("build", profile, &dist(), &target())?, "trunk build")
}

/// A Trunk command for the page; `work` is cargo's target directory.
pub(crate) fn trunk(command: &str, profile: Profile, out: &Path, work: &Path) -> Result<Command, Stop> {
    let mut trunk = Command::new("trunk");
    trunk
        .current_dir(root())
        .env("PATH", tools::path()?)
        // Trunk 0.21 reads NO_COLOR as a boolean of its own and refuses `1`.
        .env_remove("NO_COLOR")
        // Its own backtraces say nothing about the page.
        .env_remove("RUST_BACKTRACE")
        .env("CARGO_TARGET_DIR", work)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(work))
        .arg(command)
        .arg("--dist")
        .arg(out);
    if profile == Profile::Release {
        trunk.arg("--release");
    }
    Ok(trunk)
}

/// What LLVM thinks a call worth, where it builds for size: five instructions by itself. With thirty a trace takes a
/// sixth less time, and the wasm grows by a fiftieth.
const INLINED: &str = "-Cllvm-args=-inline-threshold=30";

/// rustc's flags: the user's own; how much is inlined; names of functions that tell one instance of a generic one from another, for
/// `www/startup.txt`; and names for the folders whose paths would else be embedded in the wasm.
pub(crate) fn flags(work: &Path) -> OsString {
    let mut flags: Vec<OsString> =
        std::env::var("RUSTFLAGS").unwrap_or_default().split_whitespace().map(OsString::from).collect();
    flags.push(INLINED.into());
    flags.push("-Csymbol-mangling-version=v0".into());
    for (folder, name) in private_folders(work) {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(folder);
        flag.push("=");
        flag.push(name);
        flags.push(flag);
    }
    flags.join(&OsString::from("\u{1f}"))
}

/// Folders of this machine and the names they get. Of two that match, rustc takes the last.
fn private_folders(work: &Path) -> Vec<(PathBuf, &'static str)> {
    let mut folders = vec![(home(), "/home"), (root(), "/hopscope"), (cargo_home(), "/cargo")];
    folders.push((work.to_path_buf(), "/target"));
    let resolved: Vec<_> = folders
        .iter()
        .filter_map(|(folder, name)| Some((folder.canonicalize().ok()?, *name)))
        .filter(|entry| !folders.contains(entry))
        .collect();
    folders.extend(resolved);
    folders.retain(|(folder, _)| folder.parent().is_some());
    folders
}

/// Checks that the wasm names no folder of this machine.
pub(crate) fn check_private(out: &Path) -> Result<(), Stop> {
    for file in files(out)? {
        if file.extension().is_none_or(|extension| extension != "wasm") {
            continue;
        }
        let bytes = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        for (folder, _) in private_folders(&target()) {
            let needle = format!("{}/", folder.display());
            if bytes.windows(needle.len()).any(|window| window == needle.as_bytes()) {
                return Err(Stop(format!("{} embeds the path {needle}", file.display())));
            }
        }
    }
    Ok(())
}

/// The files of the built page, in name order.
pub(crate) fn files(out: &Path) -> Result<Vec<PathBuf>, Stop> {
    let mut found = Vec::new();
    let mut folders = vec![out.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| format!("{}: {error}", folder.display()))?.path();
            // Trunk builds in `.stage` and moves the result.
            let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
            if path.is_dir() && !hidden {
                folders.push(path);
            } else if path.is_file() && !hidden {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
