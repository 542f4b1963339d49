//! Cuts the page's wasm in two: what runs before the first picture stands, and the rest, which is fetched after it.
//!
//! Most of a page's code draws what nobody has opened yet, and most of what runs has branches that do not. Which the
//! first picture needs is not guessed: a browser runs the page with every function and every larger branch marked
//! (`mark`), and `cargo xtask startup` writes into `www/startup.txt` which of them ran. The build puts the branches that
//! did not into functions of their own (`outline`) and cuts along that list (`cut`). A list that is out of date makes the
//! page slower, never wrong: a function that is called before the rest has come has it fetched at once, and one that is
//! not the one that was marked keeps its branches.

mod branches;
mod cut;
mod glue;
mod lift;
mod live;
mod mark;
mod names;
mod outline;

use std::process::ExitCode;
use walrus::{Module, ModuleConfig};

const USAGE: &str = "\
split mark WASM MARKED NAMES           marks every function and branch; NAMES gets what each is, in the order of the
                                       marks
split cut WASM GLUE STARTUP LATER      cuts WASM into itself, with the functions and branches that run by STARTUP, and
                                       LATER; GLUE, its JavaScript, learns of it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["mark", wasm, marked, names] => mark(wasm, marked, names),
        ["cut", wasm, glue, startup, later] => cut(wasm, glue, startup, later),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("split: {message}");
            ExitCode::FAILURE
        }
    }
}

fn mark(wasm: &str, marked: &str, names: &str) -> Result<(), String> {
    let mut module = parse(wasm, &read(wasm)?, false)?;
    let listed = mark::everything(&mut module).map_err(|error| format!("{wasm}: {error}"))?;
    write(marked, &module.emit_wasm())?;
    write(names, listed.join("\n").as_bytes())
}

fn cut(wasm: &str, glue: &str, startup: &str, later: &str) -> Result<(), String> {
    let startup = names::Startup::of(&text(startup)?);
    let mut whole = parse(wasm, &read(wasm)?, true)?;
    let lifted = outline::seldom(&mut whole, &startup);
    let bytes = whole.emit_wasm();
    let (mut first, mut rest) = (parse(wasm, &bytes, false)?, parse(wasm, &bytes, false)?);
    let cut = cut::along(&mut first, &mut rest, &startup).map_err(|error| format!("{wasm}: {error}"))?;
    let short = glue::shorten(&mut first, &text(glue)?).map_err(|error| format!("{glue}: {error}"))?;
    write(glue, short.as_bytes())?;
    write(wasm, &first.emit_wasm())?;
    write(later, &rest.emit_wasm())?;
    println!("{lifted} branches lifted; {cut}");
    Ok(())
}

/// Names are always read, since the list speaks by them; the page has no use for them.
fn parse(file: &str, bytes: &[u8], names: bool) -> Result<Module, String> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(names).generate_producers_section(false);
    config.parse(bytes).map_err(|error| format!("{file}: {error}"))
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    std::fs::read(file).map_err(|error| format!("{file}: {error}"))
}

fn text(file: &str) -> Result<String, String> {
    String::from_utf8(read(file)?).map_err(|error| format!("{file}: {error}"))
}

fn write(file: &str, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(file, bytes).map_err(|error| format!("{file}: {error}"))
}
