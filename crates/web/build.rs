//! Reads the example clusters at build time, so that the page opens with one before it can read documents.

use std::{env, error::Error, fmt::Write as _, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    // The examples are part of `formats`, which this script is built with.
    println!("cargo::rerun-if-changed=build.rs");
    let folder = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    let mut list = String::from("&[\n");
    for preset in formats::PRESETS {
        let import = formats::import(&preset.sources());
        if import.has_errors() {
            return Err(format!("examples/{} is refused: {:?}", preset.name, import.diagnostics).into());
        }
        let file = format!("{}.wire", preset.name);
        fs::write(folder.join(&file), wire::encode(&import.model))?;
        let (name, title) = (preset.name, preset.title);
        writeln!(
            list,
            "Preset {{ name: {name:?}, title: {title:?}, wire: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\")) }},"
        )?;
    }
    list.push(']');
    fs::write(folder.join("presets.rs"), list)?;
    Ok(())
}
