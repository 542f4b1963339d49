//! What connection tracking does with packets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod support;

use netfilter::{Conntrack, Event, Kernel, Passage, Segment, State};
use support::{RULES, entry, first, interface, ip, kernel, nat, node, summary, tcp, udp, ways};

fn pass_one(
    kernel: &Kernel,
    state: &mut State,
    from: &str,
    packet: netfilter::Packet,
    segment: Segment,
) -> Passage {
    let mut ways = kernel.pass(packet, entry(from), segment, state);
    assert_eq!(ways, kernel.pass_naive(packet, entry(from), segment, state));
    let way = ways.swap_remove(0);
    state.record(&way);
    way
}

#[test]
fn replies_are_translated_back_where_the_connection_is_known() {
    let kernel = kernel();
    let mut state = State::default();
    let opening = tcp("203.0.113.7:999", "20.0.0.1:80");
    let way = pass_one(&kernel, &mut state, "eth0", opening, Segment::Opening);
    assert_eq!(summary(&way), "0.5 out azv1 via 10.244.0.11 10.224.0.4:999 → 10.244.0.11:8080");
    let reply = pass_one(&kernel, &mut state, "azv1", way.packet.reversed(), Segment::Answer);
    assert_eq!(summary(&reply), "1 out eth0 via 10.224.0.1 20.0.0.1:80 → 203.0.113.7:999");
    assert!(!reply.events.iter().any(|event| matches!(event, Event::Dnat { .. } | Event::Snat { .. })));
    // Elsewhere the same SYN-ACK is invalid, and KUBE-FORWARD drops it.
    let stranger = ways(&kernel, way.packet.reversed(), "azv1", Segment::Answer, &State::default());
    assert_eq!(stranger, ["1 local 10.244.0.11:8080 → 10.224.0.4:999"]);
    let crossing = tcp("10.244.0.11:8080", "203.0.113.7:999");
    let stranger = ways(&kernel, crossing, "azv1", Segment::Answer, &State::default());
    assert_eq!(stranger, ["1 dropped 10.244.0.11:8080 → 203.0.113.7:999"]);
    // A datagram is never invalid.
    let datagram = udp("10.244.0.11:53", "203.0.113.7:999");
    let stranger = ways(&kernel, datagram, "azv1", Segment::Answer, &State::default());
    assert_eq!(stranger, ["1 out eth0 via 10.224.0.1 10.244.0.11:53 → 203.0.113.7:999"]);
}

#[test]
fn the_node_gets_its_replies_translated_back() {
    let kernel = kernel();
    let mut state = State::default();
    let way =
        pass_one(&kernel, &mut state, "sent", tcp("127.0.0.1:999", "127.0.0.1:30080"), Segment::Opening);
    assert_eq!(summary(&way), "0.5 out azv1 via 10.244.0.11 10.224.0.4:999 → 10.244.0.11:8080");
    let reply = pass_one(&kernel, &mut state, "azv1", way.packet.reversed(), Segment::Answer);
    assert_eq!(summary(&reply), "1 local 127.0.0.1:30080 → 127.0.0.1:999");
}

#[test]
fn established_flows_survive_a_change_of_rules() {
    let before = kernel();
    let mut state = State::default();
    let opening = tcp("10.244.0.12:999", "10.0.0.10:80");
    let way = pass_one(&before, &mut state, "azv1", opening, Segment::Opening);
    pass_one(&before, &mut state, "azv1", way.packet.reversed(), Segment::Answer);
    // All endpoints vanish: the Service's rules become a REJECT.
    let vanished = RULES
        .lines()
        .filter(|line| !line.contains("-j KUBE-SVC-WEB") && !line.contains("d/web cluster IP"))
        .collect::<Vec<_>>()
        .join("\n")
        .replace("10.0.0.20", "10.0.0.10");
    let after = Kernel::new(node(&vanished)).unwrap();
    let later = ways(&after, opening, "azv1", Segment::Later, &state);
    assert_eq!(later, ["1 out azv1 via 10.244.0.11 10.244.0.12:999 → 10.244.0.11:8080"]);
    let new = ways(&after, tcp("10.244.0.12:998", "10.0.0.10:80"), "azv1", Segment::Opening, &state);
    assert_eq!(new, ["1 rejected icmp-port-unreachable 10.244.0.12:998 → 10.0.0.10:80"]);
    // Until the answer, every packet counts as new: the second SYN meets the REJECT although it is translated
    // as the first was.
    let mut half_open = State::default();
    pass_one(&before, &mut half_open, "azv1", opening, Segment::Opening);
    let again = ways(&after, opening, "azv1", Segment::Opening, &half_open);
    assert_eq!(again, ["1 out azv1 via 10.244.0.11 10.244.0.12:999 → 10.244.0.11:8080"]);
}

#[test]
fn clashing_source_ports_are_resolved() {
    let kernel = nat("-A POSTROUTING -o eth0 -j MASQUERADE");
    let mut state = State::default();
    let sources: Vec<String> = ["10.244.0.11:40000", "10.244.0.12:40000", "10.244.0.13:40000"]
        .into_iter()
        .map(|source| {
            let way = pass_one(&kernel, &mut state, "azv1", tcp(source, "8.8.8.8:53"), Segment::Opening);
            format!("{}:{}", way.packet.source, way.packet.source_port)
        })
        .collect();
    assert_eq!(sources, ["10.224.0.4:40000", "10.224.0.4:40001", "10.224.0.4:40002"]);
    // To another destination the port is free; a sender that was given one keeps it.
    let other =
        pass_one(&kernel, &mut state, "azv1", tcp("10.244.0.14:40000", "8.8.4.4:53"), Segment::Opening);
    assert_eq!(other.packet.source_port, 40000);
    let same =
        pass_one(&kernel, &mut state, "azv1", tcp("10.244.0.12:40000", "9.9.9.9:53"), Segment::Opening);
    assert_eq!(same.packet.source_port, 40001);
    // Each reply finds its own way back.
    let answer = tcp("8.8.8.8:53", "10.224.0.4:40002");
    let back = pass_one(&kernel, &mut state, "eth0", answer, Segment::Answer);
    assert_eq!(back.packet, tcp("8.8.8.8:53", "10.244.0.13:40000"));
    // Without any rule that translates, the kernel does it, too: two connections that were given the same
    // endpoint by different addresses.
    let kernel = nat(
        "-A PREROUTING -d 1.1.1.1 -j DNAT --to-destination 8.8.8.8\n-A PREROUTING -d 2.2.2.2 -j DNAT --to-destination 8.8.8.8",
    );
    let mut state = State::default();
    pass_one(&kernel, &mut state, "azv1", tcp("10.244.0.11:500", "1.1.1.1:53"), Segment::Opening);
    let second =
        pass_one(&kernel, &mut state, "azv1", tcp("10.244.0.11:500", "2.2.2.2:53"), Segment::Opening);
    assert_eq!(second.packet, tcp("10.244.0.11:501", "8.8.8.8:53"));
}

#[test]
fn untracked_packets_are_not_translated() {
    let rules = "*raw\n-A PREROUTING -j NOTRACK\nCOMMIT\n*nat\n-A PREROUTING -j DNAT --to-destination 10.244.1.1\nCOMMIT\n*filter\n-A FORWARD -m conntrack --ctstate UNTRACKED -j DROP\nCOMMIT\n";
    let kernel = Kernel::new(node(rules)).unwrap();
    assert_eq!(first(&kernel, "eth0", "10.224.0.9:1", "8.8.8.8:80"), ["1 dropped 10.224.0.9:1 → 8.8.8.8:80"]);
}

#[test]
fn connections_are_printed_as_conntrack_prints_them() {
    let kernel = kernel();
    let mut state = State::default();
    let way = pass_one(&kernel, &mut state, "eth0", tcp("203.0.113.7:999", "20.0.0.1:80"), Segment::Opening);
    assert_eq!(
        state.conntrack.to_string(),
        "tcp      6 120 SYN_SENT src=203.0.113.7 dst=20.0.0.1 sport=999 dport=80 [UNREPLIED] src=10.244.0.11 dst=10.224.0.4 sport=8080 dport=999 mark=0 use=1\n"
    );
    pass_one(&kernel, &mut state, "azv1", way.packet.reversed(), Segment::Answer);
    assert_eq!(
        state.conntrack.to_string(),
        "tcp      6 432000 ESTABLISHED src=203.0.113.7 dst=20.0.0.1 sport=999 dport=80 src=10.244.0.11 dst=10.224.0.4 sport=8080 dport=999 [ASSURED] mark=0 use=1\n"
    );
}

#[test]
fn udp_connections_of_a_service_can_be_flushed() {
    let kernel = nat("-A PREROUTING -d 10.0.0.53 -p udp -j DNAT --to-destination 10.244.1.1");
    let mut state = State::default();
    pass_one(&kernel, &mut state, "azv1", udp("10.244.0.11:1", "10.0.0.53:53"), Segment::Opening);
    pass_one(&kernel, &mut state, "azv1", udp("10.244.0.11:2", "10.0.0.53:53"), Segment::Opening);
    pass_one(&kernel, &mut state, "azv1", udp("10.244.0.11:2", "9.9.9.9:53"), Segment::Opening);
    pass_one(&kernel, &mut state, "azv1", tcp("10.244.0.11:1", "10.0.0.53:53"), Segment::Opening);
    assert_eq!(state.conntrack.flush_udp(ip("10.0.0.53"), 53, Some((ip("10.244.1.2"), 53))), 0);
    assert_eq!(state.conntrack.flush_udp(ip("10.0.0.53"), 53, Some((ip("10.244.1.1"), 53))), 2);
    assert_eq!(state.conntrack.len(), 2);
    assert!(Conntrack::default().is_empty());
    assert_eq!(interface("eth0").as_str(), "eth0");
}
