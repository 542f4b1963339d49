//! Reads the example clusters at build time, and asks what the page asks when it opens with the first, so that its
//! picture stands before the engine is there.

use model::Model;
use std::{
    env,
    error::Error,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

fn main() -> Result<(), Box<dyn Error>> {
    // The examples are part of `formats`, which this script is built with.
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut list = String::from("&[\n");
    let mut first = None;
    for preset in formats::PRESETS {
        let import = formats::import(&preset.sources());
        if import.has_errors() {
            return Err(format!("examples/{} is refused: {:?}", preset.name, import.diagnostics).into());
        }
        let file = format!("{}.wire", preset.name);
        fs::write(folder.join(&file), wire::encode(&import.model))?;
        first.get_or_insert(import.model);
        let (name, title) = (preset.name, preset.title);
        writeln!(
            list,
            "Preset {{ name: {name:?}, title: {title:?}, wire: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")) }},"
        )?;
    }
    list.push(']');
    fs::write(folder.join("presets.rs"), list)?;
    leave_opening(&folder, &first.unwrap_or_default())
}

/// Writes each call with which the page opens, and its answer.
fn leave_opening(folder: &Path, first: &Model) -> Result<(), Box<dyn Error>> {
    let mut list = String::from("&[\n");
    for (at, (call, answer)) in session::opening(first).into_iter().enumerate() {
        fs::write(folder.join(format!("call-{at}.wire")), call)?;
        fs::write(folder.join(format!("answer-{at}.wire")), answer)?;
        let file = |name| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}-{at}.wire\"))");
        writeln!(list, "({}, {}),", file("call"), file("answer"))?;
    }
    list.push(']');
    fs::write(folder.join("opening.rs"), list)?;
    Ok(())
}
