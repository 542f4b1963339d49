//! Files, folders and standard input.

use crate::output::{self, Failure};
use engine::World;
use formats::{MAX_INPUT_BYTES, Severity, Source, import};
use model::Model;
use std::{
    fmt::Write as _,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

/// The model of the given files. Warnings and notices go to standard error.
pub(crate) fn model(files: &[String]) -> Result<Model, Failure> {
    let import = import(&sources(files)?);
    let mut message = String::new();
    let errors = import.has_errors();
    for diagnostic in &import.diagnostics {
        if !errors || diagnostic.severity == Severity::Error {
            message.push_str(&diagnostic.to_string());
            message.push('\n');
        }
    }
    if errors {
        return Err(Failure::raw(message));
    }
    output::complain(&message);
    Ok(import.model)
}

/// Things left undone that are told.
const MOST_UNDONE: usize = 10;

/// The settled cluster of the given files. Beside what [`model`] says, standard error gets what stays undone in it: pods
/// that stay pending, Services that Azure refuses.
pub(crate) fn world(files: &[String]) -> Result<World, Failure> {
    let world = World::new(&model(files)?);
    let mut message = String::new();
    let mut undone = world.undone();
    for told in undone.by_ref().take(MOST_UNDONE) {
        // Writing to a String does not fail.
        let _ = writeln!(message, "warning: {told}");
    }
    let more = undone.count();
    if more > 0 {
        let _ = writeln!(message, "warning: and {more} more of this kind");
    }
    output::complain(&message);
    Ok(world)
}

fn sources(files: &[String]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for file in files {
        if file == "-" {
            if files.iter().filter(|file| *file == "-").count() > 1 {
                return Err(Failure::new(
                    "standard input is given twice",
                    "`-` can stand among the files once",
                ));
            }
            sources.push(Source::new("<stdin>", read(io::stdin().lock()).map_err(|error| at(file, &error))?));
            continue;
        }
        let path = Path::new(file);
        let metadata = fs::metadata(path).map_err(|error| at(file, &error))?;
        if metadata.is_dir() {
            let inside = documents(path).map_err(|error| at(file, &error))?;
            if inside.is_empty() {
                return Err(Failure::new(
                    format!("{file}: this folder has no .yaml, .yml or .json file"),
                    "give the folder that holds the documents; folders inside it are not searched",
                ));
            }
            for path in inside {
                sources.push(source(&path)?);
            }
        } else {
            sources.push(source(path)?);
        }
    }
    Ok(sources)
}

/// The bytes of one file, `-` being standard input.
pub(crate) fn bytes(file: &str) -> Result<Vec<u8>, Failure> {
    let read = if file == "-" { read(io::stdin().lock()) } else { fs::File::open(file).and_then(read) };
    let bytes = read.map_err(|error| at(file, &error))?;
    if bytes.len() > MAX_INPUT_BYTES {
        let hint = format!("at most {} MiB are read", MAX_INPUT_BYTES >> 20);
        return Err(Failure::new(format!("{file}: the file is too large"), hint));
    }
    Ok(bytes)
}

fn source(path: &Path) -> Result<Source, Failure> {
    let name = path.display().to_string();
    let bytes = fs::File::open(path).and_then(read).map_err(|error| at(&name, &error))?;
    Ok(Source::new(name, bytes))
}

/// Reads up to one byte more than is allowed, so that too much is seen as such and no more is read.
fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_INPUT_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The documents in a folder, in name order.
fn documents(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_document = path
            .extension()
            .and_then(|extension| extension.to_str())
            .is_some_and(|extension| ["yaml", "yml", "json"].contains(&extension.to_lowercase().as_str()));
        if is_document && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn at(file: &str, error: &io::Error) -> Failure {
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "check the path; it is taken from the folder you are in",
        io::ErrorKind::PermissionDenied => "the file may not be read by you",
        _ => "give a file, a folder, or - for standard input",
    };
    Failure::new(format!("{file}: {}", in_words(error)), hint)
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
