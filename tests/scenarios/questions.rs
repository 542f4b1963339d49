//! Questions with their answers, as data: one folder for each, with the objects of its cluster in plain YAML and
//! what is expected in `expect.json`. On a mismatch the deciding steps are printed.
//!
//! The form is that of `lessons::Asked`. A flow expects outcomes, folded
//! by verdict, cause, endpoint and source seen; `says` are words that some step must say, `neverSays` words that
//! none may. `probes` expects what a health probe sees, by node.

use engine::{Flow, Paths, World};
use formats::Source;
use lessons::{ANSWERED, Asked, AskedCase, AskedFlow, AskedProbe};
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/questions")
}

fn world(folder: &Path, case: &AskedCase) -> Result<World, String> {
    let read = |name: &String| {
        let path = folder.join(name);
        let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Source::new(name.as_str(), bytes))
    };
    let sources = case.given.iter().map(read).collect::<Result<Vec<_>, String>>()?;
    let import = formats::import(&sources);
    if import.has_errors() {
        return Err(format!("{:#?}", import.diagnostics));
    }
    for wanted in &case.warnings {
        if !import.diagnostics.iter().any(|remark| remark.to_string().contains(wanted)) {
            return Err(format!("no remark says {wanted:?}: {:#?}", import.diagnostics));
        }
    }
    Ok(World::new(&import.model))
}

fn expected_paths(world: &World, expected: &AskedFlow) -> Result<Paths, String> {
    let flow = Flow::try_from(&expected.spec()).map_err(|error| error.to_string())?;
    world.paths(&flow).map_err(|error| error.to_string())
}

/// Verdict, cause, endpoint, source seen.
type Row = (String, String, String, String);

fn rows(paths: &Paths) -> BTreeMap<Row, f64> {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let mut rows = BTreeMap::new();
    for outcome in &paths.outcomes {
        let row = (
            outcome.verdict.to_string(),
            text(outcome.cause.map(|cause| cause.to_string())),
            text(outcome.endpoint.as_ref().map(ToString::to_string)),
            text(outcome.source_seen.map(|ip| ip.to_string())),
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
    let paths = expected_paths(world, expected)?;
    let fail = |what: String| Err(format!("{} → {}: {what}{}", expected.from, expected.to, deciding(&paths)));
    let mut got = rows(&paths);
    for wanted in &expected.outcomes {
        let same = |wanted: &Option<String>, got: &str| wanted.as_deref().is_none_or(|wanted| wanted == got);
        let fits = |row: &Row| {
            row.0 == wanted.verdict
                && row.1 == wanted.cause.as_deref().unwrap_or("-")
                && same(&wanted.endpoint, &row.2)
                && same(&wanted.source_seen, &row.3)
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
    let said = deciding(&paths);
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
        let state = world.probe_state(&expected.balancer, probe, member);
        let _ = write!(why, "\n    {}: {}", member.label(), state.why);
        let node = member.node.as_ref().map(ToString::to_string).unwrap_or_default();
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
                flows.chain(probes).chain(members).collect::<Result<Vec<()>, String>>()
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
