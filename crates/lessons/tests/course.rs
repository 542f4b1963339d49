//! No lesson teaches what the engine does not compute: every expectation is held against it, every question posed.

#![cfg(feature = "embedded")]
#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where its set-up fails")]

use engine::World;
use lessons::{About, INDEX, Lesson, Step, deciding, embedded};
use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

fn read(id: &str) -> (Lesson, model::Model) {
    let [lesson, cluster] = embedded(id).expect("a lesson of the index has files");
    Lesson::read(&lesson, &cluster).unwrap_or_else(|error| panic!("{error}"))
}

/// What is wrong with a step, with the rules that decided.
fn complaints(step: &Step, world: &World) -> Result<String, String> {
    let mut text = String::new();
    let played = step.play(world).map_err(|error| error.to_string())?;
    let paths = played.answer.as_ref().map(|(_, paths)| paths);
    for mismatch in step.expect.mismatches(world, paths) {
        let _ = writeln!(text, "  {mismatch}");
    }
    if step.expect.is_empty() {
        text += "  expects nothing, so that its text is held to nothing\n";
    }
    if let (Some(question), Some(posed)) = (&step.ask, &played.posed) {
        let right = posed.options.iter().filter(|option| option.right).count();
        let texts: BTreeSet<_> = posed.options.iter().map(|option| &option.text).collect();
        if right == 0 || right == posed.options.len() && question.about != About::Probes {
            let _ = writeln!(text, "  {right} of {} options are right: {posed:#?}", posed.options.len());
        }
        if right > 1 && !posed.several {
            let _ = writeln!(text, "  several options are right where one may be picked: {posed:#?}");
        }
        if texts.len() != posed.options.len() {
            let _ = writeln!(text, "  two options are alike");
        }
    }
    if !text.is_empty()
        && let Some(paths) = paths
    {
        text += &deciding(paths);
    }
    Ok(text)
}

#[test]
fn every_lesson_teaches_what_the_engine_computes() {
    let mut failures = String::new();
    for entry in INDEX {
        let (lesson, start) = read(entry.id);
        if (entry.title, entry.chapter) != (&*lesson.title, &*lesson.chapter) {
            let _ = writeln!(failures, "{}: title or chapter differ from the index", entry.id);
        }
        for (number, step) in lesson.steps.iter().enumerate() {
            let model =
                lesson.model_at(&start, number).unwrap_or_else(|error| panic!("{}: {error}", entry.id));
            let text = complaints(step, &World::new(&model)).unwrap_or_else(|error| format!("  {error}\n"));
            if !text.is_empty() {
                let _ = writeln!(failures, "{} step {}:\n{text}", entry.id, number + 1);
            }
        }
        for claim in &lesson.claims {
            if !usize::try_from(claim.step).is_ok_and(|step| (1..=lesson.steps.len()).contains(&step)) {
                let _ = writeln!(failures, "{}: the claim {:?} names no step", entry.id, claim.says);
            }
        }
    }
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn every_folder_is_in_the_index_and_ids_are_unique() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lessons");
    let entries = fs::read_dir(folder).expect("there are lessons").map(|entry| entry.expect("readable"));
    let folders: BTreeSet<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let ids: BTreeSet<String> = INDEX.iter().map(|entry| entry.id.to_owned()).collect();
    assert_eq!(folders, ids);
    assert_eq!(ids.len(), INDEX.len());
    assert!(INDEX.len() >= 20, "a course has at least 20 lessons");
}

#[test]
fn a_wrong_prediction_is_told_what_is_right() {
    let (lesson, start) = read("one-pod-gets-all");
    let step = lesson.steps.first().expect("a step");
    let world = World::new(&lesson.model_at(&start, 0).expect("no change"));
    let posed = step.play(&world).expect("an answer").posed.expect("a question");
    let right: Vec<usize> = (0..posed.options.len())
        .filter(|index| posed.options.get(*index).is_some_and(|option| option.right))
        .collect();
    assert!(posed.several);
    assert_eq!(right.len(), 1);
    assert!(posed.grade(&right).right);
    let all: Vec<usize> = (0..posed.options.len()).collect();
    let grade = posed.grade(&all);
    assert!(!grade.right);
    assert_eq!(grade.wrong.len(), posed.options.len() - 1);
    assert!(grade.truth.contains("58mz5"), "{}", grade.truth);
    assert_eq!(posed.grade(&[]).missed, right);
    assert!(!posed.grade(&[99]).right);
}

#[test]
fn a_lesson_that_is_wrong_names_the_line() {
    let [lesson, cluster] = embedded("port-80").expect("a lesson");
    let text = String::from_utf8(lesson.bytes).expect("UTF-8");
    for (from, to, complaint) in [
        ("about: arrivesAs", "about: arrival", "not a known value"),
        ("reveal:", "reveals:", "did you mean reveal"),
        ("cause: no-listener", "cuase: no-listener", "known are: verdict, cause"),
    ] {
        let source = formats::Source::new("lesson.yaml", text.replacen(from, to, 1));
        let error = Lesson::read(&source, &cluster).expect_err("a refusal").to_string();
        assert!(error.starts_with("lesson.yaml:") && error.contains(complaint), "{error}");
    }
}
