//! Playwright with the machine's own Chromium, against the built page.

use crate::host::{chromium, find, has_font, install, output, run};
use crate::server::{self, Port};
use crate::workspace::{dist, root, target};
use crate::{Stop, say, tools};
use std::path::PathBuf;
use std::process::Command;

/// The oldest Node.js that Playwright runs on.
const NODE: u32 = 20;

fn folder() -> PathBuf {
    root().join("tests").join("browser")
}

/// Makes Node.js, Chromium, the fonts and the packages of `tests/browser` stand.
pub(crate) fn ensure() -> Result<(), Stop> {
    let mut missing = Vec::new();
    if find("node").is_none() || find("npm").is_none() {
        missing.extend(["nodejs", "npm"]);
    }
    if chromium().is_none() {
        missing.extend(["chromium", "fontconfig"]);
    }
    if !missing.is_empty() {
        install(&missing)?;
    }
    let version = output("node", &["--version"]).unwrap_or_default();
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse().ok());
    if major.is_none_or(|major: u32| major < NODE) {
        return Err(Stop(format!("Playwright wants Node.js {NODE} or newer, this is {}", version.trim())));
    }
    // The page falls back to the system's fonts, so that these are wanted for honest pictures alone.
    if (!has_font("Inter") || !has_font("JetBrains Mono"))
        && let Err(stop) = install(&["fonts-inter", "fonts-jetbrains-mono"])
    {
        say(format!("testing with other fonts than the page asks for: {stop}"));
    }
    let lock = folder().join("package-lock.json");
    let stamp = folder().join("node_modules").join(".installed-lock");
    let wanted = std::fs::read(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    if std::fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    say("installing Playwright and axe (npm ci in tests/browser)");
    let mut npm = Command::new("npm");
    npm.current_dir(folder()).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").args([
        "ci",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    run(&mut npm, "npm ci")?;
    std::fs::write(&stamp, wanted).map_err(|error| Stop(format!("{}: {error}", stamp.display())))
}

/// `playwright test` with a configuration of `tests/browser`, the page served beside it.
pub(crate) fn test(configuration: &str) -> Result<Command, Stop> {
    serve_and_test(configuration, dist(), "")
}

/// The same over the site, served under a path of its own, as many hosts do.
pub(crate) fn test_site(configuration: &str) -> Result<Command, Stop> {
    serve_and_test(configuration, target(), "site/")
}

fn serve_and_test(configuration: &str, folder_served: PathBuf, path: &str) -> Result<Command, Stop> {
    let browser = chromium().ok_or("there is no Chromium")?;
    let (listener, address) =
        server::listen(Port::Exactly(0)).map_err(|error| format!("cannot serve the page: {error}"))?;
    std::thread::spawn(move || server::serve(&listener, &folder_served));
    let program = folder().join("node_modules").join(".bin").join("playwright");
    let mut command = Command::new(program);
    command
        .current_dir(folder())
        .env("PATH", tools::path()?)
        .env("CHROMIUM", browser)
        .env("HOPSCOPE_URL", format!("{address}{path}"))
        .env("HOPSCOPE_OUT", target())
        .args(["test", "--config", configuration]);
    Ok(command)
}
