//! `hopscope check`: expectations about a cluster, with an exit code for pipelines.

use crate::{
    args::{CheckArguments, ReportFormat},
    docs, input, junit,
    output::{Done, Failure, visible},
    text,
};
use formats::{Source, line_of, read_document};
use lessons::{Checked, Checks};
use std::fmt::Write as _;

/// One line of a report.
pub(crate) struct Row {
    /// What was checked.
    pub(crate) name: String,
    /// The file and line where it is written.
    pub(crate) file: String,
    pub(crate) line: u32,
    /// What does not hold, and why; empty where all holds.
    pub(crate) complaint: String,
}

pub(crate) fn run(arguments: &CheckArguments) -> Result<Done, Failure> {
    let rows = if arguments.docs {
        docs::check(&arguments.files, arguments.write)?
    } else {
        expectations(&arguments.files)?
    };
    Ok(report(&rows, arguments.output))
}

fn expectations(files: &[String]) -> Result<Vec<Row>, Failure> {
    let Some((file, cluster)) = files.split_last().filter(|(_, cluster)| !cluster.is_empty()) else {
        return Err(Failure::new(
            "check needs a cluster and a file of expectations",
            "write hopscope check FILE… EXPECTATIONS, the expectations last",
        ));
    };
    let source = Source::new(file.clone(), input::bytes(file)?);
    let checks: Checks = read_document(&source).map_err(|diagnostics| {
        Failure::raw(diagnostics.iter().map(|diagnostic| format!("{diagnostic}\n")).collect())
    })?;
    if checks.checks.is_empty() {
        return Err(Failure::new(format!("{file}: there are no checks in it"), "add one to `checks:`"));
    }
    let model = input::model(cluster)?;
    let mut rows = Vec::new();
    for (index, check) in checks.checks.iter().enumerate() {
        let line = |field: &str| line_of(&source, &format!("checks[{index}]{field}"));
        if check.expect.is_empty() {
            let what = format!("{file}:{}: error: {}: nothing is expected", line(""), check.name);
            return Err(Failure::raw(format!(
                "{what}\n  hint: add a field to `expect:`, such as verdict: delivered\n"
            )));
        }
        // A flow that cannot be asked about is a mistake in the file, not a failed check.
        let checked = check.run(&model).map_err(|error| {
            Failure::raw(format!(
                "{file}:{}: error: {}: {error}\n  hint: correct the flow or the edits of this check\n",
                line(".flow"),
                check.name
            ))
        })?;
        rows.push(Row {
            name: check.name.clone(),
            file: file.clone(),
            line: line(""),
            complaint: complaint(&checked),
        });
    }
    Ok(rows)
}

/// What does not hold, then what decided.
pub(crate) fn complaint(checked: &Checked) -> String {
    let mut out = String::new();
    for mismatch in &checked.mismatches {
        // Writing to a String does not fail.
        let _ = writeln!(out, "{mismatch}");
    }
    if let (false, Some(paths)) = (out.is_empty(), &checked.paths) {
        out += "what decided:\n";
        out += &text::deciding(paths);
    }
    out
}

fn report(rows: &[Row], format: ReportFormat) -> Done {
    let failed = rows.iter().filter(|row| !row.complaint.is_empty()).count();
    let text = match format {
        ReportFormat::Text => plain(rows, failed),
        ReportFormat::Junit => junit::report(rows),
    };
    Done { text, code: u8::from(failed > 0) }
}

fn plain(rows: &[Row], failed: usize) -> String {
    let mut out = String::new();
    for row in rows {
        let word = if row.complaint.is_empty() { "ok  " } else { "FAIL" };
        let place =
            if row.complaint.is_empty() { String::new() } else { format!("   {}:{}", row.file, row.line) };
        let _ = writeln!(out, "{word}  {}{place}", row.name);
        for line in row.complaint.lines() {
            let _ = writeln!(out, "      {line}");
        }
    }
    let _ = writeln!(out, "{} passed, {failed} failed", rows.len() - failed);
    visible(&out)
}
