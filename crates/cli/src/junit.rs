//! Reports as pipelines read them: JUnit's XML.

use crate::check::Row;
use std::fmt::Write as _;

pub(crate) fn report(rows: &[Row]) -> String {
    let failed = rows.iter().filter(|row| !row.complaint.is_empty()).count();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{0}\" failures=\"{failed}\">\n  <testsuite name=\"hopscope\" tests=\"{0}\" failures=\"{failed}\" errors=\"0\" skipped=\"0\">\n",
        rows.len()
    );
    for row in rows {
        // Writing to a String does not fail.
        let _ = write!(
            out,
            "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\"",
            escape(&row.name),
            escape(&row.file),
            escape(&row.file),
            row.line
        );
        if row.complaint.is_empty() {
            out.push_str("/>\n");
            continue;
        }
        let first = row.complaint.lines().next().unwrap_or_default();
        let _ = writeln!(
            out,
            ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
            escape(first),
            escape(&row.complaint)
        );
    }
    out.push_str("  </testsuite>\n</testsuites>\n");
    out
}

/// Text and attribute values; characters that XML cannot hold become a replacement character.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(letter),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            letter if letter.is_control() => out.push('\u{fffd}'),
            letter => out.push(letter),
        }
    }
    out
}
