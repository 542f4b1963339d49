//! Questions with their answers, as data: one folder for each, with the objects of its cluster in plain YAML and
//! what is expected in `expect.json`. On a mismatch the deciding steps are printed.
//!
//! The form is that of `lessons::Asked`. A flow expects outcomes, folded
//! by verdict, cause, endpoint and source seen; `says` are words that some step must say, `neverSays` words that
//! none may. `probes` expects what a health probe sees, by node.

use engine::{Flow, Paths, State, World, parse_destination};
use formats::Source;
use lessons::{ANSWERED, Asked, AskedCase, AskedFlow, AskedLater, AskedProbe, AskedRun};
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/questions")
}

fn world(folder: &Path, case: &AskedCase) -> Result<World, String> {
    world_of(folder, &case.given, &case.warnings)
}

fn world_of(folder: &Path, given: &[String], warnings: &[String]) -> Result<World, String> {
    let read = |name: &String| {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Source::new(name.as_str(), bytes))
    };
    let sources = given.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    let import = formats::import(&sources);
    if import.has_errors() {
        return Err(format!("{:#?}", import.diagnostics));
    }
    for wanted in warnings {
        if !import.diagnostics.iter().any(|remark| remark.to_string().contains(wanted)) {
            return Err(format!("no remark says {wanted:?}: {:#?}", import.diagnostics));
        }
    }
    Ok(World::new(&import.model))
}

fn flow(expected: &AskedFlow) -> Result<Flow, String> {
    Flow::try_from(&expected.spec()).map_err(|error| error.to_string())
}

fn check_later(folder: &Path, world: &World, later: &AskedLater) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let expected = later.flow();
    let mut state = State::default();
    let opened = world.open(&flow(&expected)?, 1, &mut state).map_err(|error| text(&error))?;
    if let Some(cause) = opened.answer.outcomes.first().and_then(|outcome| outcome.cause) {
        return Err(format!("the connection is not opened: {cause}{}", deciding(&opened.answer)));
    }
    state.wait(later.idle);
    let then = match later.then.as_slice() {
        [] => None,
        names => Some(world_of(folder, names, &[])?),
    };
    let paths = then.as_ref().unwrap_or(world).later(&opened, &state).map_err(|error| text(&error))?;
    check_outcomes(&paths, &expected)
}

fn check_run(world: &World, expected: &AskedRun) -> Result<(), String> {
    let (to, port) = parse_destination(&expected.to).map_err(|error| error.to_string())?;
    let from = expected.from.parse().map_err(|error| format!("{error:?}"))?;
    let how_many = (expected.requests, expected.interval);
    let run = world.run_held(&Flow::tcp(from, to, port), how_many, expected.hold, 1);
    let mut got: BTreeMap<String, u64> = BTreeMap::new();
    for row in run.map_err(|error| error.to_string())?.rows.iter().filter(|row| row.count > 0) {
        let word = row.cause.map_or_else(|| "delivered".to_owned(), |cause| cause.to_string());
        *got.entry(word).or_default() += row.count;
    }
    if got == expected.counts {
        Ok(())
    } else {
        Err(format!("{} → {}: {got:?}, expected {:?}", expected.from, expected.to, expected.counts))
    }
}

/// Verdict, cause, endpoint, source seen.
type Row = (String, String, String, String, String);

fn rows(paths: &Paths) -> BTreeMap<Row, f64> {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let mut rows = BTreeMap::new();
    for outcome in &paths.outcomes {
        let row = (
            outcome.verdict.to_string(),
            text(outcome.cause.map(|cause| cause.to_string())),
            text(outcome.endpoint.as_ref().map(ToString::to_string)),
            text(outcome.source_seen.map(|ip| ip.to_string())),
            text(outcome.proxy_header_source.map(|ip| ip.to_string())),
        );
        *rows.entry(row).or_insert(0.0) += outcome.probability;
    }
    rows
}

/// The steps of every branch, for a failing case.
fn deciding(paths: &Paths) -> String {
    let mut text = String::new();
    for outcome in &paths.outcomes {
        let _ = write!(text, "\n  {:.4} {} {:?}", outcome.probability, outcome.verdict, outcome.cause);
        let reply = outcome.reply.iter().flat_map(|reply| &reply.steps);
        for step in outcome.steps.iter().chain(reply) {
            let rule = step.rule.as_ref().map(|rule| &*rule.text).unwrap_or_default();
            let _ = write!(text, "\n    {} {:?}: {} [{rule}]", step.station.name, step.action, step.why);
            for miss in &step.near_misses {
                let _ = write!(text, "\n        not {}: {}", miss.rule.text, miss.failed);
            }
        }
    }
    text
}

fn check_flow(world: &World, expected: &AskedFlow) -> Result<(), String> {
    let paths = world.paths(&flow(expected)?).map_err(|error| error.to_string())?;
    check_outcomes(&paths, expected)
}

fn check_outcomes(paths: &Paths, expected: &AskedFlow) -> Result<(), String> {
    let fail = |what: String| Err(format!("{} → {}: {what}{}", expected.from, expected.to, deciding(paths)));
    let mut got = rows(paths);
    for wanted in &expected.outcomes {
        let same = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|wanted| wanted == got);
        let fits = |row: &Row| {
            row.0 == wanted.verdict
                && row.1 == wanted.cause.as_deref().unwrap_or("-")
                && same(&wanted.endpoint, &row.2)
                && same(&wanted.source_seen, &row.3)
                && same(&wanted.proxy_header_source, &row.4)
        };
        let share: f64 = got.iter().filter(|(row, _)| fits(row)).map(|(_, share)| share).sum();
        if (share - wanted.share).abs() > 1e-6 {
            return fail(format!("{wanted:?} has {share}; left are {got:#?}"));
        }
        got.retain(|row, _| !fits(row));
    }
    if !got.is_empty() {
        return fail(format!("not expected: {got:#?}"));
    }
    let said = deciding(paths);
    for words in &expected.says {
        if !said.contains(words) {
            return fail(format!("no step says {words:?}"));
        }
    }
    for words in &expected.never_says {
        if said.contains(words) {
            return fail(format!("a step says {words:?}"));
        }
    }
    let sum: f64 = paths.outcomes.iter().map(|outcome| outcome.probability).sum();
    if (sum - 1.0).abs() > 1e-9 {
        return fail(format!("the shares sum to {sum}"));
    }
    Ok(())
}

fn check_probe(world: &World, expected: &AskedProbe) -> Result<(), String> {
    let cloud = world.cloud();
    let balancer = cloud.balancers().find(|own| *own.name == *expected.balancer);
    let balancer = balancer.ok_or_else(|| format!("there is no load balancer {}", expected.balancer))?;
    let words = |rule: &::azure::Rule| {
        rule.probe.as_deref().map_or_else(
            || "none".to_owned(),
            |probe| {
                format!(
                    "{} {}{}",
                    probe.protocol,
                    probe.port,
                    probe.request_path.as_deref().unwrap_or_default()
                )
            },
        )
    };
    let rules = || balancer.frontends.iter().flat_map(|own| &own.rules);
    let of_port = || rules().filter(|rule| rule.rule.frontend_port == expected.port);
    let Some(rule) = of_port().find(|rule| words(rule) == expected.protocol) else {
        let known: Vec<String> = of_port().map(|rule| words(rule)).collect();
        return Err(format!("the probes of port {} are {known:?}, not {}", expected.port, expected.protocol));
    };
    let probe = rule.probe.as_deref();
    let pool = cloud.pool(&expected.balancer, &rule.pool).ok_or("the rule has no pool")?;
    let mut got = BTreeMap::new();
    let mut why = String::new();
    for member in &pool.members {
        let state = world.probe_state(probe, member);
        let _ = write!(why, "\n    {}: {}", member.label(), state.why);
        let node = member.node.as_ref().map(ToString::to_string).unwrap_or_default();
        let rule = state.stopped.and_then(|stopped| stopped.rule);
        let rule = rule.map(|rule| format!("{}: {}", rule.place, rule.text)).unwrap_or_default();
        if let Some(words) = expected.stopped_by.as_ref().filter(|words| !rule.contains(words.as_str())) {
            return Err(format!("{node} is stopped by {rule:?}, not by {words:?}"));
        }
        got.insert(node, state.answer);
    }
    if got == expected.answers {
        Ok(())
    } else {
        Err(format!("probes of port {}: {got:?}{why}", expected.port))
    }
}

fn check_members(world: &World, expected: &BTreeMap<String, Vec<String>>) -> Result<(), String> {
    for (pool, nodes) in expected {
        let (balancer, name) = pool.split_once('/').ok_or("a pool is BALANCER/POOL")?;
        let found = world.cloud().pool(balancer, name).ok_or_else(|| format!("there is no pool {pool}"))?;
        let got: Vec<String> =
            found.members.iter().filter_map(|member| Some(member.node.as_ref()?.to_string())).collect();
        if got != *nodes {
            return Err(format!("members of {pool}: {got:?}, expected {nodes:?}"));
        }
    }
    Ok(())
}

#[test]
fn questions_are_answered() {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder of questions")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("expect.json").is_file())
        .collect();
    folders.sort();
    let only = std::env::var("QUESTION").unwrap_or_default();
    let (mut passed, mut failures) = (0, Vec::new());
    for folder in folders.iter().filter(|folder| folder.display().to_string().contains(&only)) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(folder.join("expect.json")).expect("expect.json");
        let question: Asked =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}/expect.json: {error}"));
        assert!(!question.question.is_empty() && !question.asked.is_empty(), "{name}");
        assert!(!question.answer.is_empty() && !question.cases.is_empty(), "{name}");
        assert!(ANSWERED.iter().any(|listed| listed.id == name), "{name} is not listed");
        for case in &question.cases {
            let checked = world(folder, case).and_then(|world| {
                let flows = case.flows.iter().map(|expected| check_flow(&world, expected));
                let probes = case.probes.iter().map(|expected| check_probe(&world, expected));
                let members = case.members.iter().map(|expected| check_members(&world, expected));
                let later = case.later.iter().map(|expected| check_later(folder, &world, expected));
                let runs = case.runs.iter().map(|expected| check_run(&world, expected));
                let facts = flows.chain(probes).chain(members).chain(later).chain(runs);
                facts.collect::<Result<Vec<()>, String>>()
            });
            match checked {
                Ok(facts) => passed += facts.len(),
                Err(error) => failures.push(format!("{name}, {}: {error}", case.name)),
            }
        }
    }
    assert!(!only.is_empty() || folders.len() == ANSWERED.len(), "a question is listed that is not there");
    println!("{passed} facts hold in {} questions", folders.len());
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n\n"));
}
