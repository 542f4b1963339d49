//! Cuts the page's wasm in two: what runs before the first picture stands, and the rest, which is fetched after it.
//!
//! Most of a page's code draws what nobody has opened yet. Which functions the first picture needs is not guessed: a
//! browser runs the page with every function marked (`mark`), and `cargo xtask startup` writes the names of those that
//! ran into `www/startup.txt`. The build cuts along that list (`cut`). A list that is out of date makes the page
//! slower, never wrong: a function that is called before the rest has come has it fetched at once.

mod cut;
mod glue;
mod mark;
mod names;

use std::process::ExitCode;
use walrus::{Module, ModuleConfig};

const USAGE: &str = "\
split mark WASM MARKED NAMES           marks every function; NAMES gets the name of each, in the order of the marks
split cut WASM GLUE STARTUP LATER      cuts WASM into itself, with the functions named in STARTUP, and LATER; GLUE,
                                       its JavaScript, learns of it";

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
    let mut module = parse(wasm, &read(wasm)?)?;
    let listed = mark::every_function(&mut module).map_err(|error| format!("{wasm}: {error}"))?;
    write(marked, &module.emit_wasm())?;
    write(names, listed.join("\n").as_bytes())
}

fn cut(wasm: &str, glue: &str, startup: &str, later: &str) -> Result<(), String> {
    let bytes = read(wasm)?;
    let kept = names::listed(&text(startup)?);
    let (mut first, mut rest) = (parse(wasm, &bytes)?, parse(wasm, &bytes)?);
    let cut = cut::along(&mut first, &mut rest, &kept).map_err(|error| format!("{wasm}: {error}"))?;
    let short = glue::shorten(&mut first, &text(glue)?).map_err(|error| format!("{glue}: {error}"))?;
    write(glue, short.as_bytes())?;
    write(wasm, &first.emit_wasm())?;
    write(later, &rest.emit_wasm())?;
    println!("{cut}");
    Ok(())
}

/// Names are read and not written: the list speaks by them, the page has no use for them.
fn parse(file: &str, bytes: &[u8]) -> Result<Module, String> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
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
