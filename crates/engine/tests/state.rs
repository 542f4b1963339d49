//! What outlives a packet: session affinity, open connections across a change of the rules, ports under masquerade.

#![allow(clippy::expect_used, clippy::type_complexity, reason = "a test ends where its set-up fails")]

use engine::{Cause, Flow, Opened, PathOutcome, Place, State, Verdict, World, parse_destination};
use model::{Model, kubernetes::Protocol};
use std::collections::{BTreeMap, BTreeSet};

/// Two nodes with two pods each, and the Service `web`, with more lines for its `spec`.
fn cluster(spec: &str) -> Model {
    partly_ready(spec, &[])
}

/// The same where the pods of these nodes are not ready.
fn partly_ready(spec: &str, unready: &[u8]) -> Model {
    let mut text = String::new();
    for node in 0..2 {
        text += &format!(
            "kind: Node\napiVersion: v1\nmetadata: {{name: n{node}}}\nspec: {{podCIDR: 10.244.{node}.0/24}}\nstatus:\n  addresses: [{{type: InternalIP, address: 10.224.0.{}}}]\n---\n",
            4 + node
        );
        for pod in 0..2 {
            text += &pod_text(node, pod, !unready.contains(&node));
        }
    }
    text += &format!(
        "kind: Service\napiVersion: v1\nmetadata: {{name: web}}\nspec:\n  type: LoadBalancer\n  clusterIP: 10.0.0.10\n  selector: {{app: web}}\n  ports: [{{port: 80, targetPort: 8080, nodePort: 30080}}]\n{spec}status: {{loadBalancer: {{ingress: [{{ip: 20.50.0.10}}]}}}}\n"
    );
    import(&text)
}

fn pod_text(node: u8, pod: u8, ready: bool) -> String {
    format!(
        "kind: Pod\napiVersion: v1\nmetadata: {{name: p{node}{pod}, labels: {{app: web}}}}\nspec: {{nodeName: n{node}}}\nstatus:\n  podIP: 10.244.{node}.{}\n  phase: Running\n  conditions: [{{type: Ready, status: \"{ready}\"}}]\n---\n",
        10 + pod
    )
    .replace("\"true\"", "\"True\"")
    .replace("\"false\"", "\"False\"")
}

fn import(text: &str) -> Model {
    let import = formats::import(&[formats::Source::new("test", text.as_bytes().to_vec())]);
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    import.model
}

fn flow(from: &str, to: &str) -> Flow {
    let (to, port) = parse_destination(to).expect("a destination");
    Flow::tcp(from.parse::<Place>().expect("a place"), to, port)
}

const AFFINITY: &str = "  sessionAffinity: ClientIP\n";
const SHORT_AFFINITY: &str =
    "  sessionAffinity: ClientIP\n  sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}\n";

#[test]
fn one_clients_connections_stay_together_as_long_as_affinity_lasts() {
    // spec of the Service, client, destination, seconds between connections, whether all go to one pod
    let cases: [(&str, &str, &str, u64, bool); 12] = [
        ("", "198.51.100.7", "20.50.0.10:80", 0, false),
        ("", "pod/default/p00", "10.0.0.10:80", 0, false),
        (AFFINITY, "198.51.100.7", "20.50.0.10:80", 0, true),
        (AFFINITY, "198.51.100.7", "20.50.0.10:80", 10_799, true),
        (AFFINITY, "198.51.100.7", "20.50.0.10:80", 10_801, false),
        (AFFINITY, "pod/default/p00", "10.0.0.10:80", 0, true),
        (AFFINITY, "node/n1", "10.0.0.10:80", 0, true),
        (AFFINITY, "10.224.0.99", "10.224.0.4:30080", 0, true),
        // An entry is young as long as its age is not above the timeout.
        (SHORT_AFFINITY, "pod/default/p00", "10.0.0.10:80", 60, true),
        (SHORT_AFFINITY, "pod/default/p00", "10.0.0.10:80", 61, false),
        // Policy Local spreads over the pods of the node that the load balancer picked.
        (
            "  sessionAffinity: ClientIP\n  externalTrafficPolicy: Local\n",
            "198.51.100.7",
            "20.50.0.10:80",
            0,
            true,
        ),
        ("  externalTrafficPolicy: Local\n", "198.51.100.7", "20.50.0.10:80", 0, false),
    ];
    for (spec, from, to, interval, together) in cases {
        let world = World::new(&cluster(spec));
        for seed in 1..=3 {
            let run = world.run_every(&flow(from, to), 100, seed, interval).expect("the flow exists");
            let used: Vec<(String, u64)> = run
                .rows
                .iter()
                .filter(|row| row.count > 0)
                .map(|row| (row.endpoint.as_ref().expect("delivered").to_string(), row.count))
                .collect();
            assert_eq!(used.iter().map(|(_, count)| count).sum::<u64>(), 100);
            assert_eq!(
                used.len() == 1,
                together,
                "{spec}{from} {to} every {interval} s, seed {seed}: {used:?}"
            );
            // The exact shares are those of many clients, whatever this one does.
            assert!(run.rows.iter().all(|row| (row.exact - 0.25).abs() < 1e-9), "{:?}", run.rows);
            assert_eq!(run.affinity, spec.contains("ClientIP"), "{spec}");
        }
    }
}

#[test]
fn different_clients_are_spread_and_each_keeps_its_pod() {
    let world = World::new(&cluster(AFFINITY));
    let mut state = State::default();
    let mut first: BTreeMap<u8, String> = BTreeMap::new();
    for round in 0..4 {
        for client in 1..=40 {
            let opened = world
                .open(
                    &flow(&format!("198.51.100.{client}"), "20.50.0.10:80"),
                    u64::from(client) + round * 1000,
                    &mut state,
                )
                .expect("the flow exists");
            let pod = endpoint(&opened);
            assert_eq!(*first.entry(client).or_insert_with(|| pod.clone()), pod, "client {client}");
            state.wait(60);
        }
    }
    assert_eq!(first.values().collect::<BTreeSet<_>>().len(), 4, "{first:?}");
}

fn only(opened: &Opened) -> &PathOutcome {
    opened.answer.outcomes.first().expect("one branch")
}

fn endpoint(opened: &Opened) -> String {
    only(opened).endpoint.as_ref().expect("delivered").to_string()
}

#[test]
fn open_connections_outlive_a_change_of_the_rules_and_new_ones_do_not() {
    let plain = || cluster("");
    let local = "  externalTrafficPolicy: Local\n";
    // The change; the verdict of a new connection through the same node.
    let cases: [(&str, Model, (Verdict, Option<Cause>)); 3] = [
        ("no endpoint is ready", partly_ready("", &[0, 1]), (Verdict::Rejected, Some(Cause::NoEndpoints))),
        (
            "policy Local, none here",
            partly_ready(local, &[0]),
            (Verdict::Dropped, Some(Cause::NoLocalEndpoints)),
        ),
        (
            "source ranges",
            cluster("  loadBalancerSourceRanges: [192.0.2.0/24]\n"),
            (Verdict::Dropped, Some(Cause::SourceRange)),
        ),
    ];
    for (name, after, (verdict, cause)) in cases {
        let (before, after) = (World::new(&plain()), World::new(&after));
        let mut asked = flow("198.51.100.7", "20.50.0.10:80");
        asked.via = Some("n0".into());
        for seed in 1..=8 {
            let mut state = State::default();
            let opened = before.open(&asked, seed, &mut state).expect("the flow exists");
            assert_eq!(only(&opened).verdict, Verdict::Delivered);
            assert!(state.node(&"n0".into()).is_some_and(|node| node.conntrack.len() == 1));
            let later = after.later(&opened, &state).expect("the flow exists");
            let [outcome] = &later.outcomes[..] else { unreachable!("{name}: {later:?}") };
            assert_eq!((outcome.verdict, outcome.cause), (Verdict::Delivered, None), "{name}: {outcome:#?}");
            assert_eq!(outcome.endpoint, only(&opened).endpoint, "{name}");
            assert_eq!(outcome.source_seen, only(&opened).source_seen, "{name}");
            let mut new = after.paths_in(&asked, &state).expect("the flow exists").outcomes;
            // Azure's own filter knows the source ranges as well and stands in front of the node's.
            new.retain(|outcome| outcome.cause != Some(Cause::NsgDenied));
            for outcome in &new {
                assert_eq!((outcome.verdict, outcome.cause), (verdict, cause), "{name}");
            }
        }
    }
}

#[test]
fn a_connection_that_no_node_tracks_is_taken_up_anew_and_may_be_refused() {
    let world = World::new(&cluster(""));
    let asked = flow("pod/default/p00", "10.0.0.10:80");
    let opened = world.open(&asked, 1, &mut State::default()).expect("the flow exists");
    // The node has forgotten everything: the rules choose again, and only one pod knows the connection.
    let later = world.later(&opened, &State::default()).expect("the flow exists");
    assert_eq!(later.outcomes.len(), 4);
    for outcome in &later.outcomes {
        let expected = if outcome.endpoint == only(&opened).endpoint {
            (Verdict::Delivered, None)
        } else {
            (Verdict::Refused, Some(Cause::UnknownConnection))
        };
        assert_eq!((outcome.verdict, outcome.cause), expected, "{outcome:#?}");
    }
    let delivered: f64 = later
        .outcomes
        .iter()
        .filter(|outcome| outcome.cause.is_none())
        .map(|outcome| outcome.probability)
        .sum();
    assert!((delivered - 0.25).abs() < 1e-9, "{delivered}");
}

#[test]
fn two_clients_with_one_source_port_stay_apart_under_masquerade() {
    let world = World::new(&partly_ready("", &[1]));
    // Both connections begin at port 51514, are masqueraded by one node, and may go to one pod.
    let via = |client: &str| Flow { via: Some("n1".into()), ..flow(client, "20.50.0.10:80") };
    let mut state = State::default();
    let first = world.open(&via("198.51.100.7"), 1, &mut state).expect("the flow exists");
    let received = |outcome: &PathOutcome| outcome.steps.last().expect("delivered").after;
    let port = received(only(&first)).source_port;
    assert_eq!((received(only(&first)).source.to_string().as_str(), port), ("10.224.0.5", 51514));
    let second = world.paths_in(&via("198.51.100.8"), &state).expect("the flow exists");
    for outcome in &second.outcomes {
        assert_eq!(outcome.verdict, Verdict::Delivered, "{outcome:#?}");
        let header = received(outcome);
        assert_eq!(outcome.steps[0].after.source_port, 51514);
        assert_eq!(header.source.to_string(), "10.224.0.5");
        let same_pod = outcome.endpoint == only(&first).endpoint;
        assert_eq!(header.source_port != 51514, same_pod, "{header:?}");
    }
    // The client itself takes another port for a second connection.
    let again = world.paths_in(&via("198.51.100.7"), &state).expect("the flow exists");
    assert!(again.outcomes.iter().all(|outcome| outcome.steps[0].after.source_port == 51515));
}

#[test]
fn after_a_change_of_endpoints_tcp_stays_and_udp_moves_on() {
    let of = |protocol: Protocol, unready: &[u8]| {
        let mut model = partly_ready("", unready);
        for service in model.services.values_mut() {
            for port in &mut std::sync::Arc::make_mut(service).spec.ports {
                port.protocol = protocol;
            }
        }
        World::new(&model)
    };
    // protocol, whether the later packet still goes to the pod that the first one went to
    for (protocol, stays) in [(Protocol::Tcp, true), (Protocol::Udp, false)] {
        let (before, after) = (of(protocol, &[]), of(protocol, &[1]));
        let mut moved = 0;
        for seed in 0..20 {
            let mut state = State::default();
            let mut asked = flow("pod/default/p00", "10.0.0.10:80");
            asked.protocol = protocol.into();
            let opened = before.open(&asked, seed, &mut state).expect("the flow exists");
            let first = endpoint(&opened);
            let later = after.later(&opened, &state).expect("the flow exists");
            let pods: BTreeSet<String> = later
                .outcomes
                .iter()
                .map(|outcome| outcome.endpoint.as_ref().expect("delivered").to_string())
                .collect();
            if stays || first.starts_with("default/p0") {
                assert_eq!(pods, BTreeSet::from([first]), "{protocol:?}, seed {seed}");
                continue;
            }
            assert_eq!(pods.len(), 2, "{protocol:?}, seed {seed}, {first}: {pods:?}");
            assert!(pods.iter().all(|pod| pod.starts_with("default/p0")), "{pods:?}");
            moved += 1;
        }
        assert_eq!(moved > 0, !stays);
    }
}

#[test]
fn steps_that_decide_say_what_almost_did_and_only_when_asked() {
    let world = World::new(&cluster("  externalTrafficPolicy: Local\n"));
    let none = World::new(&partly_ready("  externalTrafficPolicy: Local\n", &[0]));
    let empty = World::new(&partly_ready("", &[0, 1]));
    // world, client, destination, words of the step that decides, and what almost did, nearest first
    let cases: [(&World, &str, &str, &str, &[&str]); 4] = [
        (
            &world,
            "10.224.0.99",
            "10.224.0.4:80",
            "finds none",
            &[
                "nat KUBE-NODEPORTS: wants destination port 30080, the packet has 80",
                "nat KUBE-SERVICES: wants destination",
            ],
        ),
        (
            &world,
            "198.51.100.7",
            "20.50.0.10:80",
            "External policy Local",
            &[
                "nat KUBE-EXT-LOLE4ISW44XBNF3G: wants a source that is LOCAL, 198.51.100.7 is not",
                "nat KUBE-EXT-LOLE4ISW44XBNF3G: wants a source that is LOCAL, 198.51.100.7 is not",
                "nat KUBE-EXT-LOLE4ISW44XBNF3G: wants source in 10.244.0.0/16, the packet has 198.51.100.7",
            ],
        ),
        (
            &none,
            "10.224.0.99",
            "10.224.0.4:30080",
            "no endpoint on this node",
            &["filter KUBE-EXTERNAL-SERVICES: wants destination 20.50.0.10"],
        ),
        (&empty, "pod/default/p00", "10.0.0.10:80", "no ready endpoint anywhere", &[]),
    ];
    for (world, from, to, words, expected) in cases {
        let asked = flow(from, to);
        let mut paths = world.paths(&asked).expect("the flow exists");
        let kernel = |step: &engine::Step| step.station.kind == engine::StationKind::Node;
        let all = |outcome: &PathOutcome| -> usize {
            outcome.steps.iter().filter(|step| kernel(step)).map(|step| step.near_misses.len()).sum()
        };
        assert!(paths.outcomes.iter().all(|outcome| all(outcome) == 0), "{from} {to}");
        let bare = paths.clone();
        world.explain_paths(&asked, &mut paths).expect("the flow exists");
        for (outcome, bare) in paths.outcomes.iter().zip(&bare.outcomes) {
            assert_eq!(outcome.steps.len(), bare.steps.len());
            let decides = |step: &&engine::Step| step.why.contains(words);
            let step = outcome.steps.iter().find(decides).expect("the step that decides");
            let told: Vec<String> =
                step.near_misses.iter().map(|miss| format!("{}: {}", miss.rule.place, miss.failed)).collect();
            assert!(told.len() <= 5, "{told:?}");
            for (told, expected) in told.iter().zip(expected.iter()) {
                assert!(told.starts_with(expected), "{from} {to}: {told} instead of {expected}");
            }
            assert!(told.len() >= expected.len(), "{from} {to}: {told:?}");
            // Nothing but the near misses differs.
            let mut stripped = outcome.clone();
            let replied = stripped.reply.iter_mut().flat_map(|reply| &mut reply.steps);
            stripped
                .steps
                .iter_mut()
                .chain(replied)
                .filter(|step| kernel(step))
                .for_each(|step| step.near_misses = engine::NearMisses::NONE);
            assert_eq!(&stripped, bare);
        }
    }
}
