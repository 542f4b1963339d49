//! Rules that almost decided, and why they did not.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod support;

use netfilter::{Event, Kernel, Segment, State};
use support::{entry, filter, kernel, tcp};

/// The near misses of the last event that fits, as `rule: sentence`.
fn near(
    kernel: &Kernel,
    from: &str,
    packet: netfilter::Packet,
    decides: impl Fn(&Event) -> bool,
) -> Vec<String> {
    let state = State::default();
    let way = kernel.pass(packet, entry(from), Segment::Opening, &state).pop().unwrap();
    let decision = way.events.iter().rposition(decides).unwrap();
    let decided = &way.events[..=decision];
    let misses = kernel.near_misses(packet, entry(from), Segment::Opening, &state, decided, 0);
    let ruleset = kernel.ruleset(netfilter::Family::V4);
    misses
        .iter()
        .map(|miss| {
            let chain = &ruleset.chain(miss.rule).unwrap().name;
            format!("{chain} {}: {}", miss.rule.rule + 1, kernel.describe_failure(miss))
        })
        .collect()
}

#[test]
fn near_misses_say_what_was_wanting() {
    let kernel = kernel();
    let is_nat = |event: &Event| {
        matches!(
            event,
            Event::PolicyApplied { table: netfilter::TableName::Nat, hook: netfilter::Hook::Prerouting, .. }
        )
    };
    // The node's own address, but not the node port.
    let misses = near(&kernel, "eth0", tcp("203.0.113.7:1", "10.224.0.4:80"), is_nat);
    assert_eq!(
        misses,
        [
            "KUBE-NODEPORTS 1: wants destination port 30080, the packet has 80",
            "KUBE-SERVICES 3: wants destination 20.0.0.2, the packet has 10.224.0.4",
            "KUBE-SERVICES 2: wants destination 20.0.0.1, the packet has 10.224.0.4",
            "KUBE-SERVICES 1: wants destination 10.0.0.10, the packet has 10.224.0.4",
        ]
    );
    // The second endpoint was chosen: the first was not, by chance.
    let is_dnat = |event: &Event| matches!(event, Event::Dnat { .. });
    let misses = near(&kernel, "azv1", tcp("10.244.0.12:1", "10.0.0.10:80"), is_dnat);
    assert_eq!(
        misses,
        [
            "KUBE-SVC-WEB 1: wants source any but in 10.244.0.0/16, the packet has 10.244.0.12",
            "KUBE-SEP-B 1: wants source 10.244.1.11, the packet has 10.244.0.12",
            "KUBE-SVC-WEB 2: takes a packet with probability 0.5000, and did not take this one",
        ]
    );
    // Since the decision before: what was examined on the way to it counts no more.
    let (packet, state) = (tcp("10.244.0.12:1", "10.0.0.10:80"), State::default());
    let way = kernel.pass(packet, entry("azv1"), Segment::Opening, &state).pop().unwrap();
    let decision = way.events.iter().rposition(is_dnat).unwrap();
    let matched = |event: &Event| matches!(event, Event::Matched { .. });
    let before = way.events[..decision - 1].iter().rposition(matched).unwrap();
    let decided = &way.events[..=decision];
    let misses = kernel.near_misses(packet, entry("azv1"), Segment::Opening, &state, decided, before + 1);
    assert_eq!(
        misses.iter().map(|miss| kernel.describe_failure(miss)).collect::<Vec<_>>(),
        ["wants source 10.244.1.11, the packet has 10.244.0.12"]
    );
    // No decision of that kind on this way: nothing is found.
    assert!(
        kernel
            .near_misses(
                tcp("1.1.1.1:1", "2.2.2.2:2"),
                entry("eth0"),
                Segment::Opening,
                &State::default(),
                &[Event::Routed { route: Some(0), local: false }],
                0
            )
            .is_empty()
    );
}

#[test]
fn every_failed_condition_has_its_sentence() {
    let cases = [
        ("-p udp", "wants protocol udp, the packet is tcp"),
        ("! -p tcp", "wants anything but protocol tcp, the packet is tcp"),
        ("-s 10.1.0.0/16", "wants source in 10.1.0.0/16, the packet has 10.224.0.9"),
        ("-p tcp --sport 5:9", "wants source port 5 to 9, the packet has 1000"),
        (
            "-p tcp -m multiport --dports 22,443,1000:2000",
            "wants destination port 22, 443 or 1000 to 2000, the packet has 80",
        ),
        ("-p tcp ! --syn", "wants anything but TCP flags SYN of FIN,SYN,RST,ACK, the packet has others"),
        ("-i cbr0", "wants a packet that came in by cbr0, it came in by eth0"),
        ("-o cbr0", "wants a packet that goes out by cbr0, it goes out by none"),
        ("-m addrtype --src-type LOCAL", "wants a source that is LOCAL, 10.224.0.9 is not"),
        ("-m addrtype ! --dst-type LOCAL", "wants a destination that is not LOCAL, 10.224.0.4 is"),
        ("-m mark --mark 0x4000/0x4000", "wants mark 0x4000/0x4000, the packet has 0x0"),
        (
            "-m conntrack --ctstate RELATED,ESTABLISHED",
            "wants connection state RELATED,ESTABLISHED, the packet is NEW",
        ),
        ("-m recent --rcheck --seconds 60 --name X", "wants 10.224.0.9 in list X within 60 s, it is not"),
        ("-m statistic --mode nth --every 3 --packet 0", "takes one packet in 3, and not this one"),
    ];
    for (words, expected) in cases {
        let kernel = filter(&format!("-A INPUT {words} -j DROP"));
        let packet = tcp("10.224.0.9:1000", "10.224.0.4:80");
        let misses = near(&kernel, "eth0", packet, |event| matches!(event, Event::PolicyApplied { .. }));
        assert_eq!(misses, [format!("INPUT 1: {expected}")], "{words}");
    }
}
