//! What is pasted elsewhere: text and Mermaid.

#[allow(
    dead_code,
    clippy::expect_used,
    clippy::type_complexity,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::too_many_lines,
    clippy::trivially_copy_pass_by_ref,
    reason = "each test uses a part of it"
)]
mod fixture;

use fixture::{build, caveat, pools};
use model::{azure::SkuName, kubernetes::TrafficPolicy};
use render::{mermaid, text};

#[test]
fn a_branch_as_text_tells_stations_changes_and_the_end() {
    let fixture = caveat(TrafficPolicy::Local);
    let text = text::branch(&fixture.paths, &fixture.paths.outcomes[0]);
    for line in [
        "TCP 198.51.100.7 to svc/default/echo-service:80 (20.72.161.43:80)",
        "100 %: delivered to default/echo-58mz5 at 10.244.0.11:8080, which sees 198.51.100.7",
        "Azure Load Balancer kubernetes",
        "     destination 20.72.161.43:80 became 10.244.0.11:8080",
        "Reply: delivered",
    ] {
        assert!(text.lines().any(|found| found == line), "{line:?} is not in\n{text}");
    }
}

#[test]
fn a_branch_as_a_sequence_diagram() {
    let fixture = caveat(TrafficPolicy::Local);
    assert_eq!(
        mermaid::sequence(&fixture.paths.outcomes[0]),
        "sequenceDiagram
    participant s0 as Client 198.51.100.7
    participant s1 as Azure Load Balancer kubernetes
    participant s2 as Node aks-system-0
    participant s3 as Pod default/echo-58mz5
    s0->>s1: 198.51.100.7:51514 → 20.72.161.43:80
    s1->>s2: 198.51.100.7:51514 → 20.72.161.43:80
    Note over s2: destination 20.72.161.43:80 became 10.244.0.11:8080
    s2->>s3: 198.51.100.7:51514 → 10.244.0.11:8080
    s3-->>s2: 10.244.0.11:8080 → 198.51.100.7:51514
    Note over s2: source 10.244.0.11:8080 became 20.72.161.43:80
    s2-->>s0: 20.72.161.43:80 → 198.51.100.7:51514
"
    );
}

#[test]
fn all_branches_as_a_flowchart() {
    let spec = pools(&[("p", &[("n0", &["a"]), ("n1", &["b"])])]);
    let fixture = build(&spec, 2, TrafficPolicy::Local, SkuName::Standard);
    assert_eq!(
        mermaid::flowchart(&fixture.paths),
        "flowchart LR
    n0([\"Client 198.51.100.7\"])
    n1[\"Azure Load Balancer kubernetes\"]
    n2[\"Node n0\"]
    n3(\"Pod default/a\")
    n4[\"Node n1\"]
    n5(\"Pod default/b\")
    n0 --> n1
    n1 -->|\"50 #37;\"| n2
    n1 -->|\"50 #37;\"| n4
    n2 -->|\"50 #37;\"| n3
    n4 -->|\"50 #37;\"| n5
"
    );
}

#[test]
fn a_station_that_is_come_to_twice_stays_two() {
    let spec = pools(&[("p", &[("n0", &["a"])])]);
    let mut fixture = build(&spec, 1, TrafficPolicy::Local, SkuName::Standard);
    // An ingress controller in the pod calls a backend by way of its own node.
    let outcome = fixture.paths.outcomes.first_mut().expect("an outcome");
    let node = outcome.steps.iter().find(|step| &*step.station.name == "n0").cloned();
    outcome.steps.extend(node);
    let diagram = mermaid::flowchart(&fixture.paths);
    assert!(diagram.ends_with("    n2 --> n3\n    n3 --> n4\n"), "{diagram}");
    assert_eq!(diagram.matches("[\"Node n0\"]").count(), 2, "{diagram}");
}

#[test]
fn hostile_names_cannot_leave_their_labels() {
    let spec = pools(&[("p", &[("n\"]; click n0 href \"javascript:x\"\n%%{init}%%", &["<img src=x>"])])]);
    let fixture = build(&spec, 1, TrafficPolicy::Local, SkuName::Standard);
    for diagram in [mermaid::flowchart(&fixture.paths), mermaid::sequence(&fixture.paths.outcomes[0])] {
        for hostile in ["<img", "\"]; click", "%%{", "\n%%"] {
            assert!(!diagram.contains(hostile), "{hostile:?} is in\n{diagram}");
        }
    }
}
