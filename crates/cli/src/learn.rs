//! `hopscope lessons`: the course in a terminal.

use crate::{
    args::{LessonFormat, LessonsArguments, LessonsCommand},
    output::{self, Failure, visible},
    text,
};
use engine::{Paths, World};
use lessons::{Grade, INDEX, Lesson, Played, Posed, Step};
use model::Model;
use serde::Serialize;
use std::{
    fmt::Write as _,
    io::{self, BufRead, IsTerminal, Write as _},
};

pub(crate) fn run(arguments: &LessonsArguments) -> Result<String, Failure> {
    match &arguments.command {
        None | Some(LessonsCommand::List) => Ok(list()),
        Some(LessonsCommand::Show { lesson, output }) => show(lesson, *output),
        Some(LessonsCommand::Run { lesson }) => take(lesson),
    }
}

fn list() -> String {
    let width = INDEX.iter().map(|entry| entry.id.len()).max().unwrap_or_default();
    let (mut out, mut chapter) = (String::new(), "");
    for entry in INDEX {
        if entry.chapter != chapter {
            let line = if chapter.is_empty() { "" } else { "\n" };
            // Writing to a String does not fail.
            let _ = writeln!(out, "{line}{}", entry.chapter);
            chapter = entry.chapter;
        }
        let _ = writeln!(out, "  {:<width$}  {}", entry.id, entry.title);
    }
    out.push_str("\ntake one: hopscope lessons run LESSON\n");
    out
}

fn open(id: &str) -> Result<(Lesson, Model), Failure> {
    let Some([lesson, cluster]) = lessons::embedded(id) else {
        return Err(Failure::new(format!("there is no lesson {id}"), "`hopscope lessons` lists them"));
    };
    Lesson::read(&lesson, &cluster).map_err(|error| Failure::new(error.to_string(), "report this as a bug"))
}

/// A step's cluster, and what the engine makes of the step.
fn play(lesson: &Lesson, start: &Model, index: usize, step: &Step) -> Result<(World, Played), Failure> {
    let bug = |error: lessons::LessonError| Failure::new(error.to_string(), "report this as a bug");
    let world = World::new(&lesson.model_at(start, index).map_err(bug)?);
    let played = step.play(&world).map_err(bug)?;
    Ok((world, played))
}

/// A lesson with what the engine computed, for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    id: &'a str,
    lesson: &'a Lesson,
    questions: Vec<Option<Posed>>,
    answers: Vec<Option<Paths>>,
}

fn show(id: &str, format: LessonFormat) -> Result<String, Failure> {
    let (lesson, start) = open(id)?;
    let played = lesson.steps.iter().enumerate();
    let played: Vec<(World, Played)> =
        played.map(|(index, step)| play(&lesson, &start, index, step)).collect::<Result<_, _>>()?;
    if format == LessonFormat::Json {
        let (questions, answers) =
            played.into_iter().map(|(_, step)| (step.posed, step.answer.map(|(_, paths)| paths))).unzip();
        return output::json(&Shown { id, lesson: &lesson, questions, answers });
    }
    let mut out = heading(&lesson);
    for (index, (step, (world, played))) in lesson.steps.iter().zip(&played).enumerate() {
        out += &opening(index, step);
        if let Some(posed) = &played.posed {
            out += &question(posed, true);
        }
        out += &closing(step, world, played);
    }
    out += &claims(&lesson);
    Ok(visible(&out))
}

/// Asks step by step. Where standard input ends, the rest is shown.
fn take(id: &str) -> Result<String, Failure> {
    let (lesson, start) = open(id)?;
    let mut input = io::stdin().lock();
    say(&heading(&lesson));
    let (mut asked, mut right) = (0, 0);
    for (index, step) in lesson.steps.iter().enumerate() {
        let (world, played) = play(&lesson, &start, index, step)?;
        say(&opening(index, step));
        if let Some(posed) = &played.posed {
            asked += 1;
            say(&question(posed, false));
            let grade = answer(posed, &mut input);
            right += u32::from(grade.as_ref().is_some_and(|grade| grade.right));
            say(&mark(grade.as_ref(), posed));
        }
        say(&closing(step, &world, &played));
    }
    say(&claims(&lesson));
    Ok(format!("{right} of {asked} predicted rightly\n"))
}

/// Prints at once: a person waits for it. A reader that went away is noticed at the end.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(visible(text).as_bytes()).and_then(|()| out.flush());
}

/// Reads numbers until they are of the question; `None` at the end of the input.
fn answer(posed: &Posed, input: &mut impl BufRead) -> Option<Grade> {
    let most = posed.options.len();
    loop {
        let hint = if posed.several { "numbers" } else { "a number" };
        say(&format!("\nyour prediction ({hint}): "));
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            say("\n");
            return None;
        }
        if !io::stdin().is_terminal() {
            say(&line);
        }
        let words =
            line.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let picked: Option<Vec<usize>> =
            words.map(|word| word.parse().ok().filter(|n| (1..=most).contains(n))).collect();
        match picked {
            Some(picked) if !picked.is_empty() && (posed.several || picked.len() == 1) => {
                let picked: Vec<usize> = picked.into_iter().map(|number| number - 1).collect();
                return Some(posed.grade(&picked));
            }
            _ => say(&format!("please write {hint} from 1 to {most}\n")),
        }
    }
}

fn heading(lesson: &Lesson) -> String {
    format!("{}\n{}\n{}\n", lesson.title, "=".repeat(lesson.title.chars().count()), wrap(&lesson.idea))
}

fn opening(index: usize, step: &Step) -> String {
    let mut out = format!("\n{}. ", index + 1);
    if let Some(change) = &step.change {
        let _ = writeln!(out, "[{}]", change.title);
    }
    out += &wrap(&step.caption);
    out.push('\n');
    if let Some(flow) = &step.flow {
        let via = flow.via.as_ref().map(|node| format!(", by {node}")).unwrap_or_default();
        let _ = writeln!(out, "\n   {} → {}{via}", flow.from, flow.to);
    }
    out
}

fn question(posed: &Posed, told: bool) -> String {
    let several = if posed.several { " (several may be right)" } else { "" };
    let mut out = format!("\n   {}{several}\n", posed.prompt);
    for (index, option) in posed.options.iter().enumerate() {
        let mark = if told && option.right { "*" } else { " " };
        let _ = writeln!(out, "   {mark} {}) {}", index + 1, option.text);
    }
    out
}

fn mark(grade: Option<&Grade>, posed: &Posed) -> String {
    match grade {
        Some(grade) if grade.right => "Right.\n".to_owned(),
        Some(grade) => format!("Not quite. It is: {}\n", grade.truth),
        None => format!("It is: {}\n", posed.grade(&[]).truth),
    }
}

fn closing(step: &Step, world: &World, played: &Played) -> String {
    let mut out = format!("\n{}\n", wrap(&step.reveal));
    if let Some((_, paths)) = &played.answer {
        out.push('\n');
        for line in text::headlines(paths) {
            let _ = writeln!(out, "   {line}");
        }
    } else {
        let nodes = world.model().nodes.len();
        let _ = writeln!(out, "\n   (a fact of the cluster of {nodes} nodes, not of a packet)");
    }
    out
}

fn claims(lesson: &Lesson) -> String {
    if lesson.claims.is_empty() {
        return String::new();
    }
    let mut out = "\nWhat people say\n".to_owned();
    for claim in &lesson.claims {
        let _ = writeln!(
            out,
            "\n{:<10}  “{}”\n{}",
            claim.verdict,
            claim.says,
            wrap(&format!("{} (Step {})", claim.because, claim.step))
        );
    }
    out
}

/// Breaks lines at 100 characters.
fn wrap(text: &str) -> String {
    const WIDTH: usize = 100;
    let (mut out, mut width) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if width > 0 {
            let breaks = width + 1 + length > WIDTH;
            out.push(if breaks { '\n' } else { ' ' });
            width = if breaks { 0 } else { width + 1 };
        }
        out.push_str(word);
        width += length;
    }
    out
}
