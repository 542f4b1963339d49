//! Automation of the project: `cargo xtask serve`, `test`, `sizes`, `gallery`, `package`, `dist`.
//!
//! Every command installs what it needs, in pinned versions and in a folder of its own, and says so while it
//! does it. Nothing here knows anything about networking.

mod bench;
mod browser;
mod dist;
mod gallery;
mod host;
mod package;
mod page;
mod parts;
mod playwright;
mod serve;
mod server;
mod sizes;
mod startup;
mod suite;
mod tally;
mod tools;
mod wasm;
mod workspace;

use std::fmt;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask serve [--port N] [--watch]   build the page and serve it on this machine
                                         --port N   this port and no other (default: the first free from 8080)
                                         --watch    unoptimised, rebuilt on each change of a source
cargo xtask test [PART…]                 everything, or only some of: fmt clippy cargo page sizes package
                                         dist browser
cargo xtask sizes                        measure the page and write the table in README.md
cargo xtask gallery                      screenshots of the page, into target/gallery
cargo xtask bench [WORD…]                how long the engine takes in wasm, beside the budgets; words choose
cargo xtask startup                      write into www/startup.txt what the page's first picture needs
cargo xtask package                      the package @hopscope/core for JavaScript, as npm pack makes it
cargo xtask dist                         all that is published, into target/site: the page with what it needs
                                         offline, figures for other pages, hopscope.html, sizes against the budgets";

/// Why a command stopped: a sentence for a person.
#[derive(Debug)]
pub(crate) struct Stop(pub(crate) String);

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Stop {
    fn from(message: String) -> Self {
        Self(message)
    }
}

impl From<&str> for Stop {
    fn from(message: &str) -> Self {
        Self(message.to_owned())
    }
}

/// Says what is being done, on standard error so that it interleaves with what the tools say.
pub(crate) fn say(message: impl fmt::Display) {
    eprintln!("xtask: {message}");
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        println!("{USAGE}");
        return ExitCode::from(2);
    };
    let outcome = match command.as_str() {
        "serve" => serve::run(rest),
        "test" => suite::run(rest),
        "sizes" => sizes::run(rest),
        "gallery" => gallery::run(rest),
        "package" => package::command(rest),
        "dist" => dist::command(rest),
        "bench" => bench::command(rest),
        "startup" => startup::command(rest),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        other => Err(Stop(format!("no command `{other}`\n\n{USAGE}"))),
    };
    match outcome {
        Ok(code) => code,
        Err(stop) => {
            say(stop);
            ExitCode::from(2)
        }
    }
}
