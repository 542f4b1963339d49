//! Names of functions as the list has them: without the digests of crates, which change with every toolchain, and
//! without the numbers that tell copies of a function apart, which change with every edit.

use std::collections::BTreeSet;
use walrus::{FunctionId, Module};

/// The name of a function as the list has it. Copies of a function have one name.
pub(crate) fn name(module: &Module, function: FunctionId) -> Option<String> {
    module.funcs.get(function).name.as_deref().map(plain)
}

/// The names of a list: one on each line; empty lines and lines that begin with `#` say nothing.
pub(crate) fn listed(text: &str) -> BTreeSet<String> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(plain).collect()
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
        assert_eq!(listed("# why\n\nb\na\nb\n").into_iter().collect::<Vec<_>>(), ["a", "b"]);
    }
}
