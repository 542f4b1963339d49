//! Names of functions as the list has them: without the digests of crates, which change with every toolchain, and
//! without the numbers that tell copies of a function apart, which change with every edit.

use std::collections::{BTreeMap, BTreeSet};
use walrus::{FunctionId, Module};

/// The name of a function as the list has it. Copies of a function have one name.
pub(crate) fn name(module: &Module, function: FunctionId) -> Option<String> {
    module.funcs.get(function).name.as_deref().map(plain)
}

/// What runs before the first picture stands.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Startup {
    functions: BTreeSet<String>,
    /// Of the branches of a function of some shape (`branches`), whether each runs.
    branches: BTreeMap<(String, String), Vec<bool>>,
}

impl Startup {
    /// Reads a list: on each line the name of a function that runs, or its name, its shape and a `1` or `0` for each
    /// branch, with tabs between them. Empty lines and lines that begin with `#` say nothing.
    pub(crate) fn of(text: &str) -> Self {
        let mut startup = Self::default();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split('\t');
            let name = words.next().map(plain).unwrap_or_default();
            if let (Some(shape), Some(ran)) = (words.next(), words.next()) {
                let ran = ran.chars().map(|ran| ran != '0').collect();
                startup.branches.insert((name.clone(), shape.to_owned()), ran);
            }
            startup.functions.insert(name);
        }
        startup
    }

    /// Whether a function runs.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.functions.contains(name)
    }

    /// Whether each branch of a function runs, if the list knows it in this shape.
    pub(crate) fn ran(&self, name: &str, shape: &str) -> Option<&[bool]> {
        self.branches.get(&(name.to_owned(), shape.to_owned())).map(Vec::as_slice)
    }
}

/// `core[86c52d85e8b7]::ptr.12` is `core::ptr`; `[u8]` and `[1]` stay.
fn plain(name: &str) -> String {
    let name = match name.rsplit_once('.') {
        Some((own, copy)) if !copy.is_empty() && copy.bytes().all(|byte| byte.is_ascii_digit()) => own,
        _ => name,
    };
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('[') {
        text.push_str(before);
        match after.split_once(']') {
            Some((digest, behind))
                if digest.len() >= 12 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
            {
                rest = behind;
            }
            _ => {
                text.push('[');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_digests_and_nothing_else() {
        for (name, expected) in [
            (
                "core[86c52d85e8b7ec80]::ptr::read::<model[4df98f5dcd2107c]::Edit>",
                "core::ptr::read::<model::Edit>",
            ),
            ("<[u8]>::concat", "<[u8]>::concat"),
            ("drop_in_place[1]", "drop_in_place[1]"),
            ("main", "main"),
            ("<char>::is_whitespace.4034", "<char>::is_whitespace"),
            ("core[86c52d85e8b7ec80]::fmt.12", "core::fmt"),
            ("web::panels.rs", "web::panels.rs"),
            ("ends.", "ends."),
            ("[abcdef012345", "[abcdef012345"),
        ] {
            assert_eq!(plain(name), expected);
        }
    }

    #[test]
    fn a_list_names_functions_and_their_branches() {
        let startup = Startup::of("# why\n\nb[0123456789abcdef]::c\tcafe\t101\na\n");
        for (name, holds) in [("a", true), ("b::c", true), ("b", false), ("# why", false), ("", false)] {
            assert_eq!(startup.holds(name), holds, "{name}");
        }
        assert_eq!(startup.ran("b::c", "cafe"), Some(&[true, false, true][..]));
        for (name, shape) in [("b::c", "beef"), ("a", "cafe")] {
            assert_eq!(startup.ran(name, shape), None, "{name} {shape}");
        }
    }
}
