//! `render`, `check` and `lessons` from end to end.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};
use support::{hopscope, top};

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Standard output of a call that must end with this code.
fn prints(code: i32, arguments: &[&str], input: &str) -> String {
    let output = hopscope(arguments, input);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{stderr}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Standard error of a call that must be refused.
fn refuses(arguments: &[&str]) -> String {
    let output = hopscope(arguments, "");
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}");
    String::from_utf8(output.stderr).expect("UTF-8")
}

const FLOW: [&str; 4] = ["--from", "198.51.100.7", "--to", "svc/default/echo-service:80"];

fn render(more: &[&str]) -> String {
    prints(0, &[&["render", "examples/caveat"], &FLOW[..], more].concat(), "")
}

#[test]
fn pictures_have_themes_titles_and_text_that_is_text() {
    let svg = render(&[]);
    for part in ["role=\"img\"", "<title>", "<desc>", "prefers-color-scheme:dark", "10.244.0.11"] {
        assert!(svg.contains(part), "{part}");
    }
    for part in ["<script", "href=", "@import", "url("] {
        assert!(!svg.contains(part), "{part}");
    }
    assert!(!render(&["--theme", "light"]).contains("prefers-color-scheme"));
    let titled = render(&["--title", "<b>One & all</b>", "--description", "\"d\""]);
    assert!(titled.contains("<title>&lt;b&gt;One &amp; all&lt;/b&gt;</title>"), "{}", &titled[..600]);
    assert_ne!(render(&["--shape", "tall"]), svg);
    assert_ne!(render(&["--branch", "1", "--reply"]), svg);
    assert_eq!(render(&[]), svg, "the same bytes each time");
}

#[test]
fn the_cluster_alone_can_be_drawn() {
    let svg = prints(0, &["render", "examples/caveat"], "");
    assert!(svg.starts_with("<svg") && svg.contains("aks-system-27255451-0"));
}

#[test]
fn a_controller_on_the_way_is_not_drawn_as_one_that_gets_nothing() {
    let ask = ["--from", "internet", "--to", "http://shop.example/app-a"];
    let svg = prints(0, &[&["render", "lessons/ingress/cluster.yaml"], &ask[..]].concat(), "");
    assert!(svg.contains(" %<") && !svg.contains(">0 %<"), "{svg}");
}

#[test]
fn flows_can_be_told_as_text_and_mermaid() {
    assert!(render(&["-o", "mermaid"]).starts_with("sequenceDiagram\n"));
    let all =
        prints(0, &[&["render", "examples/caveat-cluster"], &FLOW[..], &["-o", "mermaid"]].concat(), "");
    assert!(all.starts_with("flowchart"), "{all}");
    assert!(render(&["-o", "text"]).contains("100.0 %"));
    assert!(
        render(&["-o", "text", "--branch", "1"]).contains("100 %: delivered to"),
        "{}",
        render(&["-o", "text", "--branch", "1"])
    );
}

#[test]
fn pictures_that_cannot_be_are_refused() {
    for (arguments, complaint) in [
        (vec!["render", "examples/caveat", "-o", "mermaid"], "there is none"),
        (vec!["render", "examples/caveat", "--from", "198.51.100.7"], "--to"),
        ([&["render", "examples/caveat"], &FLOW[..], &["--branch", "2"]].concat(), "there is one branch"),
        (vec!["render", "examples/caveat", "--from", "svc/a/b", "--to", "10.0.0.1:80"], "cannot send"),
        (vec!["render", "nowhere"], "no such file"),
    ] {
        let stderr = refuses(&arguments);
        assert!(stderr.contains(complaint), "{arguments:?}\n{stderr}");
    }
}

#[test]
fn expectations_that_hold_pass() {
    let text = prints(0, &["check", "examples/caveat", "examples/caveat.checks.yaml"], "");
    assert!(text.ends_with("4 passed, 0 failed\n"), "{text}");
}

#[test]
fn expectations_that_do_not_hold_fail_and_name_the_rule() {
    let checks = ["check", "examples/caveat-cluster", "examples/caveat.checks.yaml"];
    let text = prints(1, &checks, "");
    for part in [
        "FAIL  every connection goes to the pod on the system node   examples/caveat.checks.yaml:4",
        "sourceSeen: expected 198.51.100.7, found 10.224.0.4",
        "shares default/echo-deployment-78dc57c76d-58mz5: expected 100%, found 0.3333",
        "KUBE-SEP-",
        "2 passed, 2 failed\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let xml = prints(1, &[&checks[..], &["-o", "junit"]].concat(), "");
    for part in [
        "<testsuites tests=\"4\" failures=\"2\">",
        "file=\"examples/caveat.checks.yaml\" line=\"4\"",
        "<failure message=\"shares default/echo-deployment-78dc57c76d-58mz5: expected 100%, found 0.3333\">",
        "&quot;default/echo-service:http&quot;",
    ] {
        assert!(xml.contains(part), "{part}\n{xml}");
    }
}

#[test]
fn mistakes_in_expectations_name_file_line_and_hint() {
    let folder = folder("mistakes");
    let file = folder.join("checks.yaml");
    let path = file.display().to_string();
    let flow = "checks:\n- name: a\n  flow: {from: 198.51.100.7, to: 'svc/default/echo-service:80'}\n";
    for (text, line, complaint) in [
        (format!("{flow}  expect:\n    verdict: deliverd\n"), 5, "did you mean delivered"),
        (format!("{flow}  expect:\n    shares: {{a: 120%}}\n"), 5, "a share from 0 to 1"),
        (format!("{flow}  expects: {{}}\n"), 4, "did you mean expect"),
        (format!("{flow}  expect: {{}}\n"), 2, "nothing is expected"),
        ("checks:\n- name: a\n  flow:\n    from: svc/default/echo-service\n    to: 10.0.0.1:80\n  expect: {reachable: true}\n".into(), 3, "cannot send"),
        ("checks:\n- name: a\n  flow: {from: 198.51.100.7, to: 'svc/default/none:80'}\n  expect: {reachable: true}\n".into(), 3, "no Service default/none"),
        ("checks: []\n".into(), 0, "there are no checks"),
        ("checks: [\n".into(), 2, "error"),
        (String::new(), 1, "nothing in it"),
    ] {
        fs::write(&file, &text).expect("written");
        let stderr = refuses(&["check", "examples/caveat", &path]);
        let place = if line == 0 { "error:".to_owned() } else { format!("{path}:{line}: error: ") };
        assert!(stderr.contains(&place) && stderr.contains(complaint) && stderr.contains("hint:"), "{text}\n{stderr}");
    }
    assert!(refuses(&["check", &path]).contains("needs a cluster"));
}

#[test]
fn figures_in_pages_are_held_against_what_the_page_says() {
    let folder = folder("figures");
    let cluster = top().join("examples/caveat").canonicalize().expect("the example");
    let page = folder.join("page.md");
    let path = page.display().to_string();
    let figure = |flow: &str, expect: &str| {
        format!(
            "<hop-scope cluster=\"{}\" flow=\"{flow}\"\n  expect=\"{expect}\"></hop-scope>\n",
            cluster.display()
        )
    };
    let good = figure(
        "198.51.100.7 -> svc/default/echo-service:80",
        "{verdict: delivered, sourceSeen: 198.51.100.7}",
    );
    let comment = format!(
        "<!-- hopscope\ncluster: {}\nflow: {{from: 198.51.100.7, to: 'svc/default/echo-service:80'}}\nexpect: {{verdict: delivered}}\nsvg: figure.svg\n-->\n",
        cluster.display()
    );
    let text = format!(
        "# A page\n\n{good}\n```html\n<hop-scope cluster=\"none\"></hop-scope>\n```\n<hop-scope cluster={{address}}></hop-scope>\n<hop-scope lesson=\"port-80\"></hop-scope>\n{comment}"
    );
    fs::write(&page, &text).expect("written");
    let stale = prints(1, &["check", "--docs", &path], "");
    assert!(
        stale.contains("is not what the engine draws now") && stale.ends_with("2 passed, 1 failed\n"),
        "{stale}"
    );
    prints(0, &["check", "--docs", "--write", &path], "");
    let fresh = prints(0, &["check", "--docs", &path], "");
    assert!(fresh.ends_with("3 passed, 0 failed\n"), "{fresh}");
    assert!(fs::read_to_string(folder.join("figure.svg")).expect("drawn").starts_with("<svg"));

    fs::write(&page, figure("198.51.100.7 -> svc/default/echo-service:80", "{verdict: dropped}"))
        .expect("written");
    let wrong = prints(1, &["check", "--docs", &path], "");
    assert!(
        wrong.contains("verdict: expected dropped, found delivered") && wrong.contains("page.md:1"),
        "{wrong}"
    );
    for (text, complaint) in [
        ("<hop-scope lesson=\"none\"></hop-scope>", "there is no lesson none"),
        ("<hop-scope></hop-scope>", "neither a cluster nor a lesson"),
        ("<hop-scope cluster=\"none.yaml\"></hop-scope>", "no such file"),
        ("<hop-scope lesson=port-80></hop-scope>", "not in quotes"),
        ("<hop-scope lesson=\"port-80\" flow=\"x\"></hop-scope>", "is not a flow"),
        ("<hop-scope lesson=\"port-80", "not closed"),
        ("\n\n<!-- hopscope\nclutser: x\n-->", "page.md:4"),
    ] {
        fs::write(&page, text).expect("written");
        let report = prints(1, &["check", "--docs", &path], "");
        assert!(report.contains(complaint), "{text}\n{report}");
    }
    fs::write(&page, "no figure").expect("written");
    assert!(refuses(&["check", "--docs", &path]).contains("no figure"));
}

#[test]
fn the_course_is_listed_shown_and_taken() {
    let list = prints(0, &["lessons"], "");
    assert!(
        list.contains("  port-80 ") && list.lines().filter(|line| line.starts_with("  ")).count() >= 20,
        "{list}"
    );
    let shown = prints(0, &["lessons", "show", "port-80"], "");
    assert!(
        shown.contains("* 1) 20.50.60.70:80, as the client wrote it")
            && shown.contains("false       “Azure sends"),
        "{shown}"
    );
    let json = prints(0, &["lessons", "show", "port-80", "-o", "json"], "");
    assert!(json.contains("\"right\": true"));
    let taken = prints(0, &["lessons", "run", "port-80"], "1\n9\n\n1\n1\n");
    for part in [
        "Right.",
        "please write a number from 1 to 3",
        "Not quite. It is: A rule of kube-proxy rewrites it straight",
        "1 of 4 predicted rightly",
    ] {
        assert!(taken.contains(part), "{part}\n{taken}");
    }
    let ended = prints(0, &["lessons", "run", "port-80"], "");
    assert!(ended.contains("It is: Refused") && ended.ends_with("0 of 4 predicted rightly\n"), "{ended}");
    assert!(refuses(&["lessons", "show", "none"]).contains("there is no lesson none"));
}
