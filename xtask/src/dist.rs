//! `cargo xtask dist`: everything that is published, in one folder that works under any path of any static host.

use crate::host::run;
use crate::page::{self, Profile};
use crate::workspace::{dist, root, target};
use crate::{Stop, package, say, sizes, startup, tools};
use std::path::PathBuf;
use std::process::{Command, ExitCode};

pub(crate) fn command(arguments: &[String]) -> Result<ExitCode, Stop> {
    if let Some(argument) = arguments.first() {
        return Err(Stop(format!("dist takes no arguments, not `{argument}`")));
    }
    page::build(Profile::Release)?;
    page::check_private(&dist())?;
    assemble()?;
    println!("{}", site().display());
    Ok(ExitCode::SUCCESS)
}

/// The folder that is published.
pub(crate) fn site() -> PathBuf {
    target().join("site")
}

/// Lays the site out from the built page and the package, writes the single file, and holds all to its budget.
pub(crate) fn assemble() -> Result<(), Stop> {
    tools::ensure_packer()?;
    package::assemble()?;
    say("laying out the site");
    let site = site();
    package::clear(&site)?;
    package::copy_all(&dist(), &site)?;
    package::copy_all(&package::folder(), &site.join("embed"))?;
    let mut node = Command::new("node");
    node.arg(root().join("xtask").join("site.mjs")).arg(&site).arg(root()).arg(startup::whole());
    run(&mut node, "laying out the site")?;
    sizes::check_budget()
}
