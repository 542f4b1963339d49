//! The parts of the page that are fetched later, named by their content: a host may keep them for ever, and a page
//! never meets a part of another version.

use crate::{Stop, page, startup};
use std::path::Path;

/// Each is `NAME.js`, `NAME_bg.wasm`, or both.
pub(crate) const LATER: [&str; 4] = [startup::REST, "engineroom", "worker", "embed"];

/// Puts digests into the names of the parts in a built page, and the names into its `index.html`.
pub(crate) fn name(out: &Path) -> Result<(), Stop> {
    let index = out.join("index.html");
    let mut html = read(&index)?;
    for part in LATER {
        let digest = by_content(out, part, part)?;
        refer(&mut html, part, &digest)?;
    }
    let mut digest = Digest::default();
    for file in page::files(out)? {
        let inner = file.strip_prefix(out).map_err(|error| Stop(error.to_string()))?;
        // What lies in folders is fetched as text: lessons and questions.
        if inner.components().count() > 1 {
            digest.add(inner.to_string_lossy().as_bytes());
            digest.add(&bytes(&file)?);
        }
    }
    refer(&mut html, "texts", &digest)?;
    std::fs::write(&index, html).map_err(|error| Stop(format!("{}: {error}", index.display())))
}

/// Gives two files of the page, `OLD.js` and `OLD_bg.wasm`, names by what is in them now.
pub(crate) fn rename(out: &Path, old: &str, part: &str) -> Result<(), Stop> {
    let digest = by_content(out, old, part)?;
    let index = out.join("index.html");
    let html = read(&index)?.replace(old, &format!("{part}-{digest}"));
    std::fs::write(&index, html).map_err(|error| Stop(format!("{}: {error}", index.display())))
}

/// Renames `OLD.js` and `OLD_bg.wasm`, as far as they are there, to `PART-DIGEST…`.
fn by_content(out: &Path, old: &str, part: &str) -> Result<Digest, Stop> {
    let file = |stem: &str, end: &str| out.join(format!("{stem}{end}"));
    let there: Vec<&str> = [".js", "_bg.wasm"].into_iter().filter(|end| file(old, end).is_file()).collect();
    let mut digest = Digest::default();
    for end in &there {
        digest.add(&bytes(&file(old, end))?);
    }
    for end in there {
        let to = file(&format!("{part}-{digest}"), end);
        std::fs::rename(file(old, end), &to).map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(digest)
}

/// The part that a file of the page belongs to, if it is one that is fetched later.
pub(crate) fn of(file: &Path) -> Option<&'static str> {
    let name = file.file_name()?.to_str()?;
    let ends = |rest: &str| rest == ".js" || rest == "_bg.wasm";
    LATER.into_iter().find(|part| {
        let rest = name.strip_prefix(part);
        rest.is_some_and(|rest| ends(rest) || rest.starts_with('-') && rest.get(17..).is_some_and(ends))
    })
}

fn refer(html: &mut String, part: &str, digest: &Digest) -> Result<(), Stop> {
    let plain = format!("name=\"part-{part}\" content=\"{part}\"");
    if html.matches(&plain).count() != 1 {
        return Err(Stop(format!("index.html does not hold {plain} once")));
    }
    *html = html.replace(&plain, &format!("name=\"part-{part}\" content=\"{part}-{digest}\""));
    Ok(())
}

fn read(file: &Path) -> Result<String, Stop> {
    std::fs::read_to_string(file).map_err(|error| Stop(format!("{}: {error}", file.display())))
}

fn bytes(file: &Path) -> Result<Vec<u8>, Stop> {
    std::fs::read(file).map_err(|error| Stop(format!("{}: {error}", file.display())))
}

/// FNV-1a of 64 bits: it tells versions apart; nobody is kept from making two alike.
struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        // The length keeps `ab` `c` apart from `a` `bc`.
        let length = u64::try_from(bytes.len()).unwrap_or_default().to_le_bytes();
        for byte in length.iter().chain(bytes) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_fetched_later() {
        for (file, part) in [
            ("dist/engineroom.js", Some("engineroom")),
            ("dist/engineroom_bg.wasm", Some("engineroom")),
            ("dist/engineroom-0123456789abcdef.js", Some("engineroom")),
            ("dist/engineroom-0123456789abcdef_bg.wasm", Some("engineroom")),
            ("dist/embed-0123456789abcdef.js", Some("embed")),
            ("dist/engineroom-1.js", None),
            ("dist/enginerooms.js", None),
            ("dist/web-1234_bg.wasm", None),
            ("dist/boot-1234.js", None),
            ("dist/index.html", None),
        ] {
            assert_eq!(of(Path::new(file)), part, "{file}");
        }
    }

    #[test]
    fn names_follow_the_content() {
        let digest = |parts: &[&str]| {
            let mut digest = Digest::default();
            for part in parts {
                digest.add(part.as_bytes());
            }
            digest.to_string()
        };
        assert_eq!(digest(&["a", "b"]), digest(&["a", "b"]));
        for other in [&["b", "a"] as &[&str], &["ab"], &["a"], &[]] {
            assert_ne!(digest(&["a", "b"]), digest(other));
        }
    }
}
