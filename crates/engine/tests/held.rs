//! What Azure keeps between packets: a flow whose probe falls, a flow that is silent, ports that run out.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

use engine::{Cause, Flow, Place, State, Verdict, World, parse_destination};
use model::{Model, kubernetes::Protocol};

/// A cluster of so many nodes with a pod of `web` on each, ready where `ready` says; more lines for the Service and for
/// the cluster.
fn cluster(ready: &[bool], service: &str, profile: &str) -> Model {
    let mut text = format!(
        "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nspec:\n  networkProfile: {{networkPlugin: azure, networkPluginMode: overlay{profile}}}\n---\n"
    );
    for (node, ready) in ready.iter().enumerate() {
        let ready = if *ready { "True" } else { "False" };
        text += &format!(
            "kind: Node\napiVersion: v1\nmetadata: {{name: n{node}, labels: {{kubernetes.azure.com/agentpool: p}}}}\nspec: {{podCIDR: 10.244.{node}.0/24}}\nstatus:\n  addresses: [{{type: InternalIP, address: 10.224.0.{}}}]\n---\n\
             kind: Pod\napiVersion: v1\nmetadata: {{name: p{node}, labels: {{app: web}}}}\nspec: {{nodeName: n{node}}}\nstatus:\n  podIP: 10.244.{node}.10\n  phase: Running\n  conditions: [{{type: Ready, status: \"{ready}\"}}]\n---\n",
            4 + node
        );
    }
    text += &format!(
        "kind: Service\napiVersion: v1\nmetadata:\n  name: web\n{service}spec:\n  type: LoadBalancer\n  clusterIP: 10.0.0.10\n  externalTrafficPolicy: Local\n  healthCheckNodePort: 32100\n  selector: {{app: web}}\n  ports:\n  - {{name: t, port: 80, targetPort: 8080, nodePort: 30080}}\n  - {{name: u, protocol: UDP, port: 53, targetPort: 5353, nodePort: 30053}}\nstatus: {{loadBalancer: {{ingress: [{{ip: 20.50.0.10}}]}}}}\n"
    );
    let import = formats::import(&[formats::Source::new("test", text.into_bytes())]);
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    import.model
}

fn flow(from: &str, to: &str, protocol: Protocol) -> Flow {
    let (to, port) = parse_destination(to).expect("a destination");
    let mut flow = Flow::tcp(from.parse::<Place>().expect("a place"), to, port);
    flow.protocol = protocol.into();
    flow
}

const NO_RESET: &str =
    "  annotations: {service.beta.kubernetes.io/azure-load-balancer-disable-tcp-reset: \"true\"}\n";
const LONG: &str =
    "  annotations: {service.beta.kubernetes.io/azure-load-balancer-tcp-idle-timeout: \"30\"}\n";

#[test]
fn a_flow_that_is_silent() {
    use Protocol::{Tcp, Udp};
    let (inbound, outbound) = (("198.51.100.7", "20.50.0.10"), ("pod/default/p0", "198.51.100.1"));
    let forgotten = |verdict| (verdict, Some(Cause::IdleTimeout));
    let goes_on = (Verdict::Delivered, None);
    // Annotations; the cluster's profile; from, to, port, protocol; seconds of silence; what the next packet meets.
    for (service, profile, (from, to), port, protocol, silence, meets) in [
        ("", "", inbound, 80, Tcp, 239, goes_on),
        ("", "", inbound, 80, Tcp, 240, forgotten(Verdict::Refused)),
        (NO_RESET, "", inbound, 80, Tcp, 239, goes_on),
        (NO_RESET, "", inbound, 80, Tcp, 240, forgotten(Verdict::Dropped)),
        (LONG, "", inbound, 80, Tcp, 1_799, goes_on),
        (LONG, "", inbound, 80, Tcp, 1_800, forgotten(Verdict::Refused)),
        // Basic has no TCP reset.
        ("", ", loadBalancerSku: basic", inbound, 80, Tcp, 240, forgotten(Verdict::Dropped)),
        // A datagram is the first of a new flow.
        ("", "", inbound, 53, Udp, 10_000, goes_on),
        // The outbound rule has a timeout of its own: 30 minutes on AKS.
        ("", "", outbound, 443, Tcp, 1_799, goes_on),
        ("", "", outbound, 443, Tcp, 1_800, forgotten(Verdict::Refused)),
        (
            "",
            ", loadBalancerProfile: {idleTimeoutInMinutes: 4}",
            outbound,
            443,
            Tcp,
            240,
            forgotten(Verdict::Refused),
        ),
        ("", ", outboundType: managedNATGateway", outbound, 443, Tcp, 239, goes_on),
        ("", ", outboundType: managedNATGateway", outbound, 443, Tcp, 240, forgotten(Verdict::Refused)),
        ("", "", outbound, 53, Udp, 240, goes_on),
        // Inside the network no load balancer is passed.
        ("", "", ("pod/default/p0", "10.0.0.10"), 80, Tcp, 100_000, goes_on),
    ] {
        let what = format!("{from} to {to}:{port}, {silence} s {service}{profile}");
        // One node, so that there is one branch.
        let world = World::new(&cluster(&[true], service, profile));
        let mut state = State::default();
        let opened =
            world.open(&flow(from, &format!("{to}:{port}"), protocol), 1, &mut state).expect("opens");
        assert_eq!(opened.answer.outcomes[0].verdict, Verdict::Delivered, "{what}: {:#?}", opened.answer);
        state.wait(silence);
        let later = world.later(&opened, &state).expect("an answer");
        let [outcome] = later.outcomes.as_slice() else { panic!("{what}: {later:#?}") };
        assert_eq!((outcome.verdict, outcome.cause), meets, "{what}: {:#?}", outcome.steps);
    }
}

#[test]
fn a_flow_whose_probe_falls() {
    use Protocol::{Tcp, Udp};
    let basic = ", loadBalancerSku: basic";
    // Profile; protocol; who is ready after; what the next packet of a flow to n0 meets.
    for (profile, protocol, ready, verdict, cause) in [
        ("", Tcp, [false, true], Verdict::Delivered, None),
        ("", Tcp, [false, false], Verdict::Delivered, None),
        (basic, Tcp, [false, true], Verdict::Delivered, None),
        (basic, Tcp, [false, false], Verdict::Dropped, Some(Cause::AllProbesDown)),
        // UDP moves to another member, and stops where there is none.
        ("", Udp, [false, true], Verdict::Delivered, None),
        ("", Udp, [false, false], Verdict::Dropped, Some(Cause::AllProbesDown)),
    ] {
        let what = format!("{protocol:?} {ready:?} {profile}");
        let port = if protocol == Tcp { 80 } else { 53 };
        // Only n0 is up when the connection is opened.
        let before = World::new(&cluster(&[true, false], "", profile));
        let mut state = State::default();
        let asked = flow("198.51.100.7", &format!("20.50.0.10:{port}"), protocol);
        let opened = before.open(&asked, 1, &mut state).expect("opens");
        let first = &opened.answer.outcomes[0];
        assert_eq!(first.node.as_ref().map(ToString::to_string).as_deref(), Some("n0"), "{what}");
        let after = World::new(&cluster(&ready, "", profile));
        let later = after.later(&opened, &state).expect("an answer");
        let [outcome] = later.outcomes.as_slice() else { panic!("{what}: {later:#?}") };
        assert_eq!((outcome.verdict, outcome.cause), (verdict, cause), "{what}: {:#?}", outcome.steps);
        if protocol == Udp && cause.is_none() {
            assert_eq!(outcome.node.as_ref().map(ToString::to_string).as_deref(), Some("n1"), "{what}");
        }
    }
}

#[test]
fn ports_run_out_and_come_back() {
    let ports = ", loadBalancerProfile: {allocatedOutboundPorts: 64}";
    // Profile; connections; seconds between them; seconds each is open; how many find no port.
    for (profile, requests, interval, hold, failed) in [
        (ports, 64, 0, 3_600, 0),
        (ports, 80, 0, 3_600, 16),
        // Closed at once, a port is still kept for 240 s.
        (ports, 80, 0, 0, 16),
        (ports, 80, 1, 0, 16),
        // One each five seconds: 48 are kept at any time.
        (ports, 80, 5, 0, 0),
        (ports, 80, 5, 100, 4),
        // Azure's table gives a node of a small cluster 1,024.
        ("", 1_030, 0, 60, 6),
    ] {
        let what = format!("{requests} connections every {interval} s for {hold} s {profile}");
        let world = World::new(&cluster(&[true], "", profile));
        let flow = flow("pod/default/p0", "198.51.100.1:443", Protocol::Tcp);
        let run = world.run_held(&flow, (requests, interval), hold, 1).expect("a run");
        let lost: u64 =
            run.rows.iter().filter(|row| row.cause == Some(Cause::SnatExhausted)).map(|row| row.count).sum();
        assert_eq!(lost, failed, "{what}: {:#?}", run.rows);
        assert_eq!(run.rows.iter().map(|row| row.count).sum::<u64>(), requests, "{what}");
    }
}

#[test]
fn a_full_destination_leaves_others_free_and_a_closed_connection_gives_its_port_back() {
    let world = World::new(&cluster(&[true, true], "", ", loadBalancerProfile: {allocatedOutboundPorts: 8}"));
    let to = |from: &str, to: &str, protocol| flow(from, to, protocol);
    let ends = |state: &State, flow: &Flow| {
        let paths = world.paths_in(flow, state).expect("paths");
        paths.outcomes[0].cause
    };
    let mut state = State::default();
    let first = to("pod/default/p0", "198.51.100.1:443", Protocol::Tcp);
    let opened: Vec<_> = (0..8).map(|_| world.open(&first, 1, &mut state).expect("opens")).collect();
    for (from, destination, protocol, cause) in [
        ("pod/default/p0", "198.51.100.1:443", Protocol::Tcp, Some(Cause::SnatExhausted)),
        ("node/n0", "198.51.100.1:443", Protocol::Tcp, Some(Cause::SnatExhausted)),
        // Another port, address, protocol or node needs no port of these.
        ("pod/default/p0", "198.51.100.1:80", Protocol::Tcp, None),
        ("pod/default/p0", "198.51.100.2:443", Protocol::Tcp, None),
        ("pod/default/p0", "198.51.100.1:443", Protocol::Udp, None),
        ("pod/default/p1", "198.51.100.1:443", Protocol::Tcp, None),
    ] {
        assert_eq!(ends(&state, &to(from, destination, protocol)), cause, "{from} {destination}");
    }
    state.close(&opened[0]);
    state.wait(239);
    assert_eq!(ends(&state, &first), Some(Cause::SnatExhausted));
    state.wait(1);
    assert_eq!(ends(&state, &first), None);
    // Silent for the outbound rule's 30 minutes, the others are forgotten.
    state.wait(1_800);
    assert_eq!(ends(&state, &first), None);
}

#[test]
fn what_a_node_more_costs_in_outbound_ports() {
    let of = |count: usize, profile: &str| World::new(&cluster(&vec![true; count], "", profile));
    let ports = ", loadBalancerProfile: {allocatedOutboundPorts: 32000}";
    // Nodes before and after, the profile, what is told.
    for (before, after, profile, said) in [
        (
            50,
            51,
            "",
            "512 each for 51 nodes; before: 1024 each for 50 nodes. Every node can hold 512 flows fewer",
        ),
        (51, 50, "", "1024 each for 50 nodes; before: 512 each for 51 nodes."),
        (2, 3, "", ""),
        (2, 3, ports, "refused for 3 nodes (96000 ports are wanted"),
    ] {
        let found = of(before, profile).consequences(&of(after, profile), &[]);
        let stage = found.chain().into_iter().find(|stage| stage.title == "Outbound ports");
        let lines = stage.map(|stage| stage.lines.join(" ")).unwrap_or_default();
        assert!(
            lines.contains(said) && lines.is_empty() == said.is_empty(),
            "{before} to {after}: {lines:?}"
        );
    }
}
