//! Facts about whole clusters: a folder of `examples/`, a flow, and what must come of it.
//!
//! On a mismatch the deciding rules are printed.

#![allow(clippy::expect_used, clippy::type_complexity, reason = "a test says what it expects")]

mod addresses;
mod azure;
mod canary;
mod containers;
mod drift;
mod dual_stack;
mod fold;
mod ingress_hosts;
mod ingress_run;
mod kubenet;
mod lacking;
mod modes;
mod named_ports;
mod not_ready;
mod pod_names;
mod pools;
mod private_names;
mod public_addresses;
mod questions;
mod round_trip;
mod update;

use engine::{Cause, Flow, Paths, Place, Verdict, World, parse_destination};
use formats::Source;
use model::Transport;
use std::{collections::BTreeMap, path::Path};

/// Reads one example; its diagnostics must hold no error.
fn world(example: &str) -> World {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("the example exists")
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    let sources: Vec<Source> = files
        .iter()
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml" || ending == "json"))
        .map(|path| Source::new(path.display().to_string(), std::fs::read(path).expect("readable")))
        .collect();
    let import = formats::import(&sources);
    assert!(!import.has_errors(), "{example}: {:?}", import.diagnostics);
    World::new(&import.model)
}

/// A cluster written in a test; its diagnostics must hold no error.
fn in_one_file(text: impl Into<Vec<u8>>) -> World {
    let import = formats::import(&[Source::new("in.yaml", text)]);
    assert!(!import.has_errors(), "{:#?}", import.diagnostics);
    World::new(&import.model)
}

fn flow(from: &str, to: &str) -> Flow {
    let from = from.parse::<Place>().expect("a place");
    // Without a port, it is a ping.
    match parse_destination(to) {
        Ok((to, port)) => Flow::tcp(from, to, port),
        Err(_) => Flow { protocol: Transport::Icmp, ..Flow::tcp(from, to.parse().expect("a place"), 0) },
    }
}

/// What decided, for a failing test.
fn deciding(paths: &Paths) -> String {
    let mut text = String::new();
    for outcome in &paths.outcomes {
        text += &format!(
            "\n{:.4} {} {:?} {:?}",
            outcome.probability, outcome.verdict, outcome.cause, outcome.endpoint
        );
        for step in &outcome.steps {
            let rule = step.rule.as_ref().map(|rule| &*rule.text).unwrap_or_default();
            text += &format!("\n    {} {:?}: {} {rule}", step.station.name, step.action, step.why);
        }
    }
    text
}

const POD_SYSTEM: &str = "default/echo-deployment-78dc57c76d-58mz5";
const POD_A: &str = "default/echo-deployment-78dc57c76d-fpwkf";
const POD_B: &str = "default/echo-deployment-78dc57c76d-v2brg";
const CLIENT: &str = "198.51.100.7";

/// Exact shares per receiver.
fn shares(paths: &Paths) -> BTreeMap<String, f64> {
    let mut shares = BTreeMap::new();
    for outcome in &paths.outcomes {
        let name = outcome.endpoint.as_ref().map_or_else(|| outcome.verdict.to_string(), ToString::to_string);
        *shares.entry(name).or_insert(0.0) += outcome.probability;
    }
    shares
}

#[test]
fn the_three_stories_of_the_uneven_load_balancer() {
    let node_system = "10.224.0.4";
    for (example, expected, source) in [
        ("caveat", vec![(POD_SYSTEM, 1.0)], CLIENT),
        (
            "caveat-cluster",
            vec![(POD_SYSTEM, 1.0 / 3.0), (POD_A, 1.0 / 3.0), (POD_B, 1.0 / 3.0)],
            node_system,
        ),
    ] {
        let paths =
            world(example).paths(&flow(CLIENT, "svc/default/echo-service:80")).expect("the flow exists");
        let shares = shares(&paths);
        assert_eq!(shares.len(), expected.len(), "{example}: {shares:?} {}", deciding(&paths));
        for (pod, share) in expected {
            let got = shares.get(pod).copied().unwrap_or_default();
            assert!(
                (got - share).abs() < 1e-8,
                "{example}: {pod} {got} instead of {share}{}",
                deciding(&paths)
            );
        }
        for outcome in &paths.outcomes {
            assert_eq!(
                outcome.source_seen.map(|ip| ip.to_string()).as_deref(),
                Some(source),
                "{example}{}",
                deciding(&paths)
            );
            assert_eq!(outcome.verdict, Verdict::Delivered, "{example}{}", deciding(&paths));
        }
    }
}

#[test]
fn with_the_balancer_on_pool_1_local_spreads_and_keeps_the_source() {
    let world = world("caveat-pool-1");
    let paths = world.paths(&flow(CLIENT, "svc/default/echo-service:80")).expect("the flow exists");
    let shares = shares(&paths);
    assert_eq!(shares.len(), 3, "{shares:?}{}", deciding(&paths));
    for outcome in &paths.outcomes {
        assert_eq!(
            outcome.source_seen.map(|ip| ip.to_string()).as_deref(),
            Some(CLIENT),
            "{}",
            deciding(&paths)
        );
    }
}

#[test]
fn a_run_of_a_hundred_prints_idle_endpoints_with_zero() {
    let run =
        world("caveat").run(&flow(CLIENT, "svc/default/echo-service:80"), 100, 1).expect("the flow exists");
    let rows: Vec<(String, u64)> = run
        .rows
        .iter()
        .map(|row| (row.endpoint.as_ref().map(ToString::to_string).unwrap_or_default(), row.count))
        .collect();
    assert_eq!(rows, [(POD_SYSTEM.to_owned(), 100), (POD_A.to_owned(), 0), (POD_B.to_owned(), 0)]);
}

#[test]
fn single_flows() {
    use Cause::{NoListener, NoLocalEndpoints, NoRoute, NoSuchAddress};
    use Verdict::{Delivered, Dropped, Refused, Unreachable};
    let vm = "10.224.0.77";
    let rows: [(&str, &str, &str, Verdict, Option<Cause>, Option<&str>); 9] = [
        // A node's own address at port 80: no rule, no socket.
        ("caveat", vm, "10.224.0.4:80", Refused, Some(NoListener), Some(vm)),
        // From the internet, a private address has no route.
        ("caveat", CLIENT, "10.224.0.4:80", Unreachable, Some(NoRoute), None),
        // The node port under Local answers where a pod is, and is dropped where none is.
        ("caveat", vm, "10.224.0.4:32651", Delivered, None, Some(vm)),
        ("caveat-empty-node", vm, "10.224.0.6:32651", Dropped, Some(NoLocalEndpoints), None),
        // kube-proxy's health server is a real socket.
        ("caveat", vm, "10.224.0.4:32649", Delivered, None, Some(vm)),
        // From inside, Local does not apply to the load balancer's address.
        ("caveat", "pod/default/echo-deployment-78dc57c76d-fpwkf", "10.0.171.239:80", Delivered, None, None),
        // Cluster IPs exist only in the rules of nodes.
        ("caveat", vm, "10.0.171.239:80", Unreachable, Some(NoSuchAddress), None),
        ("caveat", "node/aks-system-27255451-0", "10.0.171.239:80", Delivered, None, None),
        ("caveat", "node/aks-system-27255451-0", "10.244.0.200:80", Unreachable, Some(NoSuchAddress), None),
    ];
    for (example, from, to, verdict, cause, source) in rows {
        if !Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example).exists() {
            continue;
        }
        let paths = world(example).paths(&flow(from, to)).expect("the flow exists");
        let total: f64 = paths.outcomes.iter().map(|outcome| outcome.probability).sum();
        assert!((total - 1.0).abs() < 1e-8, "{example} {from} {to}: {total}");
        for outcome in &paths.outcomes {
            assert_eq!(
                (outcome.verdict, outcome.cause),
                (verdict, cause),
                "{example} {from} {to}{}",
                deciding(&paths)
            );
            if let Some(source) = source {
                assert_eq!(
                    outcome.source_seen.map(|ip| ip.to_string()).as_deref(),
                    Some(source),
                    "{example} {from} {to}{}",
                    deciding(&paths)
                );
            }
        }
    }
}
