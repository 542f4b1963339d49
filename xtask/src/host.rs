//! Programs of the machine: found, or installed by apt where we are root.

use crate::{Stop, say};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The path of a program on `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let name = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|path| path.is_file())
}

/// What a program prints when run with `arguments`; nothing if it cannot run or fails.
pub(crate) fn output(program: impl AsRef<OsStr>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command to its end, its output shown. `what` names it in the error.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<(), Stop> {
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Stop(format!("{what} failed ({status})"))),
        Err(error) => Err(Stop(format!("{what} could not start: {error}"))),
    }
}

/// Chromium or a browser of its family: `CHROMIUM`, else the usual names.
pub(crate) fn chromium() -> Option<PathBuf> {
    if let Some(given) = std::env::var_os("CHROMIUM") {
        return Some(PathBuf::from(given));
    }
    let mac = Path::new("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome");
    ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"]
        .iter()
        .find_map(|name| find(name))
        .or_else(|| mac.is_file().then(|| mac.to_path_buf()))
}

/// True where `fc-list` knows the family.
pub(crate) fn has_font(family: &str) -> bool {
    output("fc-list", &[family, "family"]).is_some_and(|list| !list.trim().is_empty())
}

/// Installs Debian packages, where we are root on a system with apt; says what to install elsewhere.
pub(crate) fn install(packages: &[&str]) -> Result<(), Stop> {
    let list = packages.join(" ");
    let root = output("id", &["-u"]).is_some_and(|id| id.trim() == "0");
    if !root || find("apt-get").is_none() {
        return Err(Stop(format!("please install: {list} (names of Debian packages)")));
    }
    say(format!("installing {list} by apt-get"));
    let apt = |arguments: &[&str], what: &str| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq").args(arguments).stdout(Stdio::null());
        run(&mut command, what)
    };
    apt(&["update"], "apt-get update")?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments, &format!("apt-get install {list}"))
}
