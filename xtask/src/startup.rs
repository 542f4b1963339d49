//! The page's wasm in two: what the first picture needs is fetched first, the rest behind it. `crates/split` cuts along
//! `www/startup.txt`, and `cargo xtask startup` writes that list from what runs in a browser.

use crate::host::run;
use crate::page::{self, Profile};
use crate::workspace::{cargo, dist, root, target};
use crate::{Stop, package, parts, playwright, say, wasm};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The part of the page that holds the rest: a wasm without JavaScript of its own.
pub(crate) const REST: &str = "rest";

/// Lists what runs before the first picture stands.
pub(crate) fn command(arguments: &[String]) -> Result<ExitCode, Stop> {
    if let Some(argument) = arguments.first() {
        return Err(Stop(format!("startup takes no arguments, not `{argument}`")));
    }
    playwright::ensure()?;
    page::compile(Profile::Release)?;
    let (wasm, names) = (Glue::of(&dist())?.wasm, folder().join("names.txt"));
    run(split()?.arg("mark").arg(&wasm).arg(&wasm).arg(&names), "marking the page's functions and branches")?;
    parts::name(&dist())?;
    let mut command = playwright::test("startup.config.ts")?;
    command.env("HOPSCOPE_NAMES", &names).env("HOPSCOPE_STARTUP", list());
    run(&mut command, "opening the page")?;
    say(format!("{} is written; the next build cuts along it", list().display()));
    Ok(ExitCode::SUCCESS)
}

/// Cuts the wasm of a page that was just built, and keeps the whole one for where nothing is fetched.
pub(crate) fn cut(out: &Path) -> Result<(), Stop> {
    let Glue { name, glue, wasm: page } = Glue::of(out)?;
    let whole = whole();
    package::clear(&whole)?;
    package::copy(&glue, &whole.join("web.js"))?;
    // The names served the cut.
    wasm::optimise(&page, &whole.join("web_bg.wasm"), &["--strip-debug", "--strip-producers"])?;
    let rest = out.join(format!("{REST}_bg.wasm"));
    run(split()?.arg("cut").arg(&page).arg(&glue).arg(list()).arg(&rest), "cutting the page's wasm")?;
    for half in [&page, &rest] {
        wasm::optimise(half, half, &["-Oz"])?;
    }
    parts::rename(out, &name, "web")
}

/// The page's JavaScript and wasm as they were before the cut.
pub(crate) fn whole() -> PathBuf {
    target().join("whole")
}

fn folder() -> PathBuf {
    target().join("startup")
}

fn list() -> PathBuf {
    root().join("www").join("startup.txt")
}

fn split() -> Result<Command, Stop> {
    std::fs::create_dir_all(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    let mut command = cargo();
    command.current_dir(root()).env("CARGO_TARGET_DIR", target()).args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "split",
        "--",
    ]);
    Ok(command)
}

/// The page's first wasm and its JavaScript, which Trunk names by their content.
struct Glue {
    /// What both names begin with.
    name: String,
    glue: PathBuf,
    wasm: PathBuf,
}

impl Glue {
    fn of(out: &Path) -> Result<Self, Stop> {
        let names = page::files(out)?.into_iter().filter_map(|file| {
            let name = file.file_name()?.to_str()?.strip_suffix("_bg.wasm")?.to_owned();
            name.starts_with("web-").then_some(name)
        });
        match names.collect::<Vec<_>>().as_slice() {
            [name] => Ok(Self {
                glue: out.join(format!("{name}.js")),
                wasm: out.join(format!("{name}_bg.wasm")),
                name: name.clone(),
            }),
            other => Err(Stop(format!("the page has {} wasms of its own", other.len()))),
        }
    }
}
