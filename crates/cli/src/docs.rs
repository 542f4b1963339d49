//! `hopscope check --docs`: figures in Markdown and HTML pages, held against what the pages say of them.
//!
//! A figure is a `<hop-scope>` element with a `cluster` or `lesson`, or a comment `<!-- hopscope … -->` with YAML, whose
//! `svg:` names the picture that stands for it where no script runs.

use crate::{
    check::{Row, complaint},
    input,
    output::Failure,
};
use engine::{Flow, World};
use formats::{Diagnostic, Source, read_document};
use lessons::{Check, Checked, Expect, FlowSpec, Lesson, LessonError};
use model::Model;
use render::Picture;
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A figure as a page has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Figure {
    /// A file or folder, from the page's folder.
    cluster: Option<String>,
    /// A lesson of the course; its first step where no other is named.
    lesson: Option<String>,
    flow: Option<FlowSpec>,
    expect: Expect,
    /// The picture, from the page's folder.
    svg: Option<String>,
    title: Option<String>,
    description: Option<String>,
}

/// A figure and where it stands.
struct Found {
    line: u32,
    figure: Result<Figure, String>,
}

pub(crate) fn check(files: &[String], write: bool) -> Result<Vec<Row>, Failure> {
    let mut pages = Vec::new();
    for file in files {
        collect(Path::new(file), &mut pages)?;
    }
    let mut rows = Vec::new();
    for page in pages {
        let name = page.display().to_string();
        let bytes = input::bytes(&name)?;
        let text = String::from_utf8_lossy(&bytes);
        let folder = page.parent().unwrap_or(Path::new("."));
        for found in figures(&text, &name) {
            let (title, complaint) = match &found.figure {
                Ok(figure) => (figure.name(), held(figure, folder, write).unwrap_or_else(|error| error)),
                Err(error) => ("a figure".to_owned(), error.clone()),
            };
            rows.push(Row { name: title, file: name.clone(), line: found.line, complaint });
        }
    }
    if rows.is_empty() {
        return Err(Failure::new(
            "there is no figure in these pages",
            "a figure is a <hop-scope> element or a comment `<!-- hopscope`; see docs/embedding.md",
        ));
    }
    Ok(rows)
}

/// Pages under a path, in name order.
fn collect(path: &Path, pages: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("{}: {error}", path.display()), "give pages, or folders that hold them")
    };
    if !path.is_dir() {
        fs::metadata(path).map_err(failed)?;
        pages.push(path.to_owned());
        return Ok(());
    }
    let mut inside: Vec<PathBuf> =
        fs::read_dir(path).map_err(failed)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    inside.sort();
    for path in inside {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_dir() || matches!(ending, "md" | "mdx" | "html" | "htm") {
            collect(&path, pages)?;
        }
    }
    Ok(())
}

/// The figures of a page, those in fenced code left out: they are shown, not meant.
fn figures(text: &str, page: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let (mut fence, mut offset) = (None, 0);
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            _ => {}
        }
        if fence.is_some() || mark.is_some() {
            continue;
        }
        let number = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        let rest = text.get(start..).unwrap_or_default();
        for (at, name) in line.match_indices("<hop-scope") {
            let tag = rest.get(at..).unwrap_or_default();
            // In code, or the beginning of another name or of a template: shown, not meant.
            let in_code = line.get(..at).unwrap_or_default().matches('`').count() % 2 == 1;
            let next = tag.chars().nth(name.len());
            // An expression of MDX, whose value only the site's own tool knows.
            let computed = tag.split('>').next().is_some_and(|tag| tag.contains("={"));
            let begins = next.is_some_and(|next| next.is_whitespace() || matches!(next, '>' | '/'));
            if in_code || computed || !begins {
                continue;
            }
            found.push(Found { line: number, figure: element(tag, page) });
        }
        if let Some(at) = line.find("<!-- hopscope") {
            let body = rest.get(at + "<!-- hopscope".len()..).unwrap_or_default();
            let yaml = body.split("-->").next().unwrap_or_default().trim_start_matches(':');
            let blank = "\n".repeat(usize::try_from(number).unwrap_or(1) - 1);
            let figure = read_document(&Source::new(page, format!("{blank}{yaml}")));
            found.push(Found { line: number, figure: figure.map_err(|errors| lines(&errors)) });
        }
    }
    found
}

fn lines(errors: &[Diagnostic]) -> String {
    errors.iter().map(|error| format!("{error}\n")).collect()
}

/// The figure of a `<hop-scope …>` tag.
fn element(tag: &str, page: &str) -> Result<Figure, String> {
    let mut figure = Figure::default();
    for (name, value) in attributes(tag)? {
        match name.as_str() {
            "cluster" => figure.cluster = Some(value),
            "lesson" => figure.lesson = Some(value),
            "flow" => figure.flow = Some(value.parse().map_err(|error| format!("flow: {error}"))?),
            "expect" => {
                let source = Source::new(format!("{page}: expect"), value);
                figure.expect = read_document(&source).map_err(|errors| lines(&errors))?;
            }
            _ => {}
        }
    }
    Ok(figure)
}

/// Names and values of a tag's attributes.
fn attributes(tag: &str) -> Result<Vec<(String, String)>, String> {
    let unclosed = || "the tag is not closed".to_owned();
    let mut rest = tag.trim_start_matches("<hop-scope");
    let mut found = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.starts_with('>') || rest.starts_with("/>") {
            return Ok(found);
        }
        let end = rest.find(|letter: char| letter == '=' || letter == '>' || letter.is_whitespace());
        let (name, after) = rest.split_at(end.ok_or_else(unclosed)?);
        if name.is_empty() {
            return Err(format!(
                "an attribute has no name near {:?}",
                after.chars().take(12).collect::<String>()
            ));
        }
        let Some(value) = after.trim_start().strip_prefix('=') else {
            found.push((name.to_owned(), String::new()));
            rest = after;
            continue;
        };
        let value = value.trim_start();
        let quote = value.chars().next().filter(|letter| matches!(letter, '"' | '\''));
        let quote = quote.ok_or_else(|| format!("the value of {name} is not in quotes"))?;
        let (value, after) = value.get(1..).and_then(|value| value.split_once(quote)).ok_or_else(unclosed)?;
        found.push((name.to_ascii_lowercase(), unescape(value)));
        rest = after;
    }
}

fn unescape(text: &str) -> String {
    let pairs =
        [("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

impl Figure {
    fn name(&self) -> String {
        let what = self.lesson.as_ref().or(self.cluster.as_ref()).map_or("?", String::as_str);
        match &self.flow {
            Some(flow) => format!("{what}: {} -> {}", flow.from, flow.to),
            None => what.to_owned(),
        }
    }
}

/// What does not hold of a figure; an error is a complaint, too.
fn held(figure: &Figure, folder: &Path, write: bool) -> Result<String, String> {
    let (model, flow) = cluster(figure, folder)?;
    let check = Check { name: String::new(), edits: Vec::new(), flow, expect: figure.expect.clone() };
    let checked: Checked = check.run(&model).map_err(|error| error.to_string())?;
    let mut complaint = complaint(&checked);
    if let Some(file) = &figure.svg {
        let path = folder.join(file);
        let picture = Picture {
            title: figure.title.as_deref(),
            description: figure.description.as_deref(),
            ..Picture::default()
        };
        let drawn = picture.svg(&World::new(&model), checked.paths.as_ref());
        if write {
            fs::write(&path, drawn).map_err(|error| format!("{}: {error}", path.display()))?;
        } else if fs::read(&path).ok().as_deref() != Some(drawn.as_bytes()) {
            complaint +=
                &format!("{} is not what the engine draws now; write it with --write\n", path.display());
        }
    }
    Ok(complaint)
}

/// The figure's cluster, and its flow or that of its lesson.
fn cluster(figure: &Figure, folder: &Path) -> Result<(Model, Option<FlowSpec>), String> {
    if let Some(id) = &figure.lesson {
        let [lesson, cluster] = lessons::embedded(id).ok_or_else(|| format!("there is no lesson {id}"))?;
        let read = |error: LessonError| error.to_string();
        let (lesson, start) = Lesson::read(&lesson, &cluster).map_err(read)?;
        let model = lesson.model_at(&start, 0).map_err(read)?;
        let flow = lesson.steps.first().and_then(|step| step.flow.clone());
        return Ok((model, figure.flow.clone().or(flow)));
    }
    let Some(cluster) = &figure.cluster else {
        return Err("the figure names neither a cluster nor a lesson".to_owned());
    };
    let path = folder.join(cluster).display().to_string();
    let model = input::model(&[path]).map_err(|failure| failure.message)?;
    let readable = figure.flow.as_ref().map(Flow::try_from).transpose();
    readable.map_err(|error| error.to_string())?;
    Ok((model, figure.flow.clone()))
}
