//! The words of a line, as `iptables-restore` splits it.

use std::borrow::Cow;

/// One word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word<'a> {
    /// Its text, quotes and escapes resolved.
    pub text: Cow<'a, str>,
    /// Whether it was quoted: then it is never an option or `!`.
    pub quoted: bool,
    /// Where it begins in the line, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl Word<'_> {
    /// The text, if the word is not quoted.
    pub(super) fn bare(&self) -> &str {
        if self.quoted { "" } else { &self.text }
    }

    pub(super) fn is_not(&self) -> bool {
        self.bare() == "!"
    }
}

/// A quote is not closed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OpenQuote;

/// Splits at blanks. A double quote anywhere begins quoted text, which ends the word where it ends; in it a
/// backslash keeps the next character. Outside it single quotes and backslashes are ordinary.
pub(super) fn split(line: &str) -> Result<Vec<Word<'_>>, OpenQuote> {
    let mut words = Vec::with_capacity(16);
    let mut rest = line;
    loop {
        let trimmed = rest.trim_start_matches([' ', '\t']);
        let start = line.len() - trimmed.len();
        if trimmed.is_empty() {
            return Ok(words);
        }
        let stop = trimmed.find([' ', '\t', '"']).unwrap_or(trimmed.len());
        let (plain, after) = trimmed.split_at(stop);
        let Some(quoted) = after.strip_prefix('"') else {
            words.push(Word { text: plain.into(), quoted: false, start, end: start + stop });
            rest = after;
            continue;
        };
        let mut text = plain.to_owned();
        let mut escaped = false;
        let mut closed = None;
        for (at, c) in quoted.char_indices() {
            match c {
                _ if escaped => {
                    text.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                '"' => {
                    closed = Some(at);
                    break;
                }
                _ => text.push(c),
            }
        }
        let Some(at) = closed else { return Err(OpenQuote) };
        rest = quoted.get(at + 1..).unwrap_or_default();
        words.push(Word { text: text.into(), quoted: true, start, end: line.len() - rest.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::{OpenQuote, split};

    #[test]
    fn words_are_split_as_iptables_restore_does() {
        let cases: [(&str, &[&str]); 7] = [
            ("-A X  -j\tY", &["-A", "X", "-j", "Y"]),
            (r#"--comment "a b" -j"#, &["--comment", "a b", "-j"]),
            (r#"--comment "say \"hi\" \\ it\'s""#, &["--comment", r#"say "hi" \ it's"#]),
            (r#"--comment """#, &["--comment", ""]),
            (r"it's a\b", &["it's", r"a\b"]),
            (r#"pre"fix ed"rest"#, &["prefix ed", "rest"]),
            ("", &[]),
        ];
        for (line, expected) in cases {
            let words = split(line).unwrap();
            assert_eq!(words.iter().map(|word| &*word.text).collect::<Vec<_>>(), expected, "{line}");
        }
        assert_eq!(split(r#"--comment "open"#), Err(OpenQuote));
    }
}
