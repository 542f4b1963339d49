//! `cargo xtask gallery`: pictures of the page, to be looked at.

use crate::host;
use crate::page::{self, Profile};
use crate::playwright;
use crate::workspace::target;
use crate::{Stop, say};
use std::process::ExitCode;

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Stop> {
    if let Some(argument) = arguments.first() {
        return Err(Stop(format!("gallery takes no arguments, not `{argument}`")));
    }
    playwright::ensure()?;
    page::build(Profile::Release)?;
    host::run(&mut playwright::test("gallery.config.ts")?, "the gallery")?;
    say(format!("pictures are in {}", target().join("gallery").display()));
    Ok(ExitCode::SUCCESS)
}
