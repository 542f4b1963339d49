//! A matrix says of each pair what the walk of that pair alone says.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

use engine::{ChangeKind, Flow, Place, Verdict, World, diff};
use formats::Source;
use std::path::Path;

fn world(folder: &str, files: &[&str]) -> World {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scenarios/questions").join(folder);
    let sources = files.iter().map(|file| Source::new(*file, std::fs::read(root.join(file)).expect(file)));
    let import = formats::import(&sources.collect::<Vec<_>>());
    assert!(!import.has_errors(), "{:#?}", import.diagnostics);
    World::new(&import.model)
}

const BASE: [&str; 3] = ["../common/overlay.yaml", "../common/nodes.yaml", "../common/pods.yaml"];

#[test]
fn cells_are_what_paths_say() {
    for (folder, more) in [
        ("lb-ip-from-pod", vec!["local.yaml"]),
        ("etp-local-imbalance", vec!["third.yaml", "local.yaml"]),
        ("network-policy-sees-node", vec!["../common/web.yaml", "by-client-and-probe.yaml"]),
        ("network-policy-sees-node", vec!["../common/web.yaml", "deny.yaml"]),
        ("dns-names", vec!["../common/web.yaml", "dns.yaml"]),
        ("ingress-end-to-end", vec!["../common/ingress-nginx.yaml", "tcp.yaml", "rules.yaml"]),
    ] {
        let files: Vec<&str> = BASE.iter().copied().chain(more.iter().copied()).collect();
        let world = world(folder, &files);
        let question = world.everything();
        let matrix = world.matrix(&question);
        for (client, row) in question.clients.iter().zip(&matrix.rows) {
            for (target, cell) in question.targets.iter().zip(row) {
                let mut flow = Flow::tcp(client.clone(), target.place.clone(), target.port);
                flow.protocol = target.protocol.into();
                let Ok(paths) = world.paths(&flow) else {
                    assert!(cell.impossible.is_some(), "{folder}: {client} → {target}: {cell:?}");
                    continue;
                };
                let good = paths.outcomes.iter().filter(|outcome| outcome.verdict == Verdict::Delivered);
                let delivered: f64 = good.map(|outcome| outcome.probability).sum();
                let wanted = (cell.delivered - delivered).abs() < 1e-9;
                assert!(wanted, "{folder}: {client} → {target}: {cell:?}, paths say {delivered}");
                let causes: Vec<_> = paths.outcomes.iter().map(|outcome| outcome.cause).collect();
                assert!(cell.verdict.is_none() || causes.contains(&cell.cause), "{cell:?} {causes:?}");
            }
        }
    }
}

#[test]
fn a_change_is_told_with_its_cause() {
    let files = |more: &'static str| [BASE.to_vec(), vec!["../common/web.yaml", more]].concat();
    let before = world("network-policy-sees-node", &files("by-client-and-probe.yaml"));
    let after = world("network-policy-sees-node", &files("deny.yaml"));
    let mut question = before.everything();
    // Of the range that the first policy lets in.
    question.clients.push(Place::Ip("203.0.113.9".parse().expect("an address")));
    let changes = diff(&before.matrix(&question), &after.matrix(&question));
    let of =
        |from: &str| changes.iter().find(|change| change.from == from && change.to == "svc/default/web:80");
    let client = of("pod/shop/client").expect("the client is let in now");
    assert_eq!(client.kind, ChangeKind::Added);
    let internet = of("203.0.113.9").expect("the internet is kept out now");
    assert_eq!(internet.kind, ChangeKind::Removed);
    let cause = internet.after.as_ref().and_then(|cell| cell.cause);
    assert_eq!(cause.map(|cause| cause.to_string()).as_deref(), Some("all-probes-down"));
    assert!(diff(&before.matrix(&question), &before.matrix(&question)).is_empty());
    assert!(matches!(question.clients.first(), Some(Place::Ip(_))));
}
