//! What is written about the code is what the code says. `HOPSCOPE_WRITE=1 cargo test -p cli --test docs` writes the
//! generated pages anew.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

use engine::{AssumptionCode, Cause};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_default()
}

/// Holds a generated page against the file, or writes it.
fn current(path: &str, text: &str) {
    if std::env::var_os("HOPSCOPE_WRITE").is_some() {
        fs::write(top().join(path), text).expect("the page can be written");
    }
    assert!(read(path) == text, "{path} is not current: HOPSCOPE_WRITE=1 cargo test -p cli --test docs");
}

fn prints(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(arguments)
        .current_dir(top())
        .output()
        .expect("the binary runs");
    assert!(
        output.status.success(),
        "hopscope {arguments:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The variants of an enum as JSON has them: serde lists them where it is given none of them.
fn words<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
    variants::<T>("\"?\"")
}

/// The same for a document that names none of them where it must name one: the reader lists what it knows.
fn variants<T: serde::de::DeserializeOwned>(none: &str) -> BTreeSet<String> {
    let refused = formats::read_document::<T>(&formats::Source::new("none", none)).map(drop);
    let hint = refused.expect_err("no variant").into_iter().next().expect("a remark").hint;
    let (_, list) = hint.split_once("nown are: ").expect("a list");
    list.split(", ").map(str::to_owned).collect()
}

/// The commands that help lists.
fn commands(help: &str) -> Vec<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    lines
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn the_reference_of_the_command_line_is_its_help() {
    let help = prints(&["--help"]);
    let mut page = String::from(
        "# Command line\n\nWritten from the program's own help.\n\nExit codes: 0 done; 1 a check failed; 2 bad usage or bad input, with file, line, what and a hint on standard\nerror.\n",
    );
    let mut section = |title: &str, text: &str| {
        // Writing to a String does not fail.
        let _ = write!(page, "\n## `{title}`\n\n```\n{}\n```\n", text.trim_end());
    };
    section("hopscope", &help);
    for command in commands(&help) {
        let text = prints(&[command, "--help"]);
        section(&format!("hopscope {command}"), &text);
        for inner in commands(&text) {
            section(&format!("hopscope {command} {inner}"), &prints(&[command, inner, "--help"]));
        }
    }
    current("docs/cli.md", &page);
}

#[test]
fn the_reference_of_the_package_is_its_types() {
    let mut page = String::from(
        "# JavaScript\n\nWritten from the package's own types. [The package's page](../packages/core/README.md) begins more gently.\n",
    );
    for (title, file) in [("@hopscope/core", "index.d.ts"), ("@hopscope/core/element", "element.d.ts")] {
        let types = read(&format!("packages/core/{file}"));
        assert!(!types.is_empty(), "{file}");
        let _ = write!(page, "\n## `{title}`\n\n```ts\n{}\n```\n", types.trim_end());
    }
    current("docs/js.md", &page);
    let types = read("packages/core/index.d.ts");
    for edit in variants::<model::Edit>(r#"{"edit": "?"}"#) {
        assert!(
            types.contains(&format!("{{ edit: \"{edit}\"")),
            "packages/core/index.d.ts has no edit {edit}"
        );
    }
}

/// A claim that no packet decides.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Documented {
    says: String,
    verdict: lessons::ClaimVerdict,
    because: String,
    source: String,
}

#[test]
fn every_claim_that_goes_about_is_marked() {
    let mut page = String::from(
        "# What people say\n\nClaims of popular explanations, each with the lesson and the step whose packet shows what is so. Written from the\ncourse.\n\n| claim | is | because | shown by |\n|---|---|---|---|\n",
    );
    let mut verdicts = BTreeSet::new();
    for entry in lessons::INDEX {
        let [lesson, cluster] = lessons::embedded(entry.id).expect("files");
        let (lesson, _) = lessons::Lesson::read(&lesson, &cluster).expect("a lesson");
        for claim in lesson.claims {
            verdicts.insert(claim.verdict);
            let cell = |text: &str| text.replace('|', "\\|");
            let _ = writeln!(
                page,
                "| {} | {} | {} | `{}` {} |",
                cell(&claim.says),
                claim.verdict,
                cell(&claim.because),
                entry.id,
                claim.step
            );
        }
    }
    assert_eq!(verdicts.len(), 4, "every verdict occurs");
    page.push_str("\n## What no packet decides\n\nClaims of the same explanations about other things than packets, with where the answer is documented.\n\n| claim | is | because | documented in |\n|---|---|---|---|\n");
    let source = formats::Source::new("no-packet.yaml", read("lessons/no-packet.yaml"));
    let list: Vec<Documented> = formats::read_document(&source).expect("a list of claims");
    for Documented { says, verdict, because, source } in list {
        let _ = writeln!(page, "| {says} | {verdict} | {because} | {source} |");
    }
    current("docs/claims.md", &page);
}

/// Causes that a cluster's documents alone do not bring about: they need time, open connections, a node's own rules or
/// settings, or an appliance at fault.
const NO_FIGURE: [&str; 11] = [
    "firewall-dropped",
    "firewall-rejected",
    "forwarding-off",
    "idle-timeout",
    "invalid-state",
    "loop",
    "martian",
    "node-down",
    "snat-exhausted",
    "unknown-connection",
    "unsupported-rule",
];

#[test]
fn every_cause_and_assumption_has_a_page_and_the_index_names_it() {
    let mut index = String::from(
        "# Hopscope\n\n- [Getting started in five minutes](getting-started.md)\n- [The trace explained](trace.md)\n- [Expectations in a pipeline](check.md)\n- [Figures in your own pages](embedding.md)\n- [Hosting the page](hosting.md)\n- [kube-proxy's modes](kube-proxy-modes.md)\n- [What people say](claims.md)\n- [How truth is checked](truth.md)\n- Reference: [command line](cli.md), [JavaScript](js.md)\n- For contributors: [`CONTRIBUTING.md`](../CONTRIBUTING.md), [`ARCHITECTURE.md`](../ARCHITECTURE.md)\n",
    );
    for (title, folder, codes) in
        [("Causes", "causes", words::<Cause>()), ("Assumptions", "assumptions", words::<AssumptionCode>())]
    {
        assert!(codes.len() > 5, "{folder}: {codes:?}");
        let files = fs::read_dir(top().join("docs").join(folder)).expect("the folder");
        let pages: BTreeSet<String> = files
            .filter_map(|file| file.ok()?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()))
            .collect();
        assert_eq!(pages, codes, "docs/{folder}: one page for each code");
        let _ = write!(index, "\n## {title}\n\n");
        for code in codes {
            let text = read(&format!("docs/{folder}/{code}.md"));
            let heading = text.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a heading");
            assert!(text.contains(&format!("Code: `{code}`")), "{code}");
            if folder == "causes" {
                let shown = text.contains("<hop-scope") && text.contains(&format!("cause: {code}}}"));
                assert_ne!(
                    shown,
                    NO_FIGURE.contains(&code.as_str()),
                    "{code}: a figure that shows it, or none"
                );
                for part in ["**What decides:**", "**See it on a real cluster:**", "**What changes it:**"] {
                    assert!(text.contains(part), "{code}: {part}");
                }
            }
            let _ = writeln!(index, "- [`{code}`]({folder}/{code}.md): {heading}");
        }
    }
    current("docs/README.md", &index);
}

#[test]
fn figures_in_the_pages_show_what_the_pages_say() {
    let mut arguments = vec!["check", "--docs", "docs", "recipes"];
    if std::env::var_os("HOPSCOPE_WRITE").is_some() {
        arguments.push("--write");
    }
    let report = prints(&arguments);
    assert!(report.ends_with(" 0 failed\n"), "{report}");
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut pages = vec![top().join("README.md"), top().join("packages/core/README.md")];
    for folder in ["docs", "docs/causes", "docs/assumptions", "recipes", "recipes/svg"] {
        let files = fs::read_dir(top().join(folder)).expect("the folder");
        pages.extend(files.filter_map(|file| Some(file.ok()?.path())));
    }
    for page in pages.iter().filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
        let text = fs::read_to_string(page).expect("a page");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let target = page.parent().expect("a folder").join(file);
            assert!(target.exists(), "{}: {link}", page.display());
        }
    }
}
