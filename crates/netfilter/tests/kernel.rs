//! What the kernel does with packets.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

mod support;

use netfilter::{Event, Kernel, Outcome, Segment, State};
use support::{entry, filter, first, ip, kernel, nat, node, summary, tcp};

#[test]
fn first_packets_take_the_ways_of_kube_proxy() {
    let kernel = kernel();
    let cases: [(&str, &str, &str, &[&str]); 17] = [
        // A pod to a cluster IP: not masqueraded.
        (
            "azv1",
            "10.244.0.12:1",
            "10.0.0.10:80",
            &[
                "0.5 out azv1 via 10.244.0.11 10.244.0.12:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.244.0.12:1 → 10.244.1.11:8080",
            ],
        ),
        // The very endpoint: masqueraded where it is picked. azv1 has no address, eth0's is taken.
        (
            "azv1",
            "10.244.0.11:1",
            "10.0.0.10:80",
            &[
                "0.5 out azv1 via 10.244.0.11 10.224.0.4:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.244.0.11:1 → 10.244.1.11:8080",
            ],
        ),
        // The internet to a VIP, floating IP: masqueraded.
        (
            "eth0",
            "203.0.113.7:1",
            "20.0.0.1:80",
            &[
                "0.5 out azv1 via 10.244.0.11 10.224.0.4:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.224.0.4:1 → 10.244.1.11:8080",
            ],
        ),
        // The same to the node port.
        (
            "eth0",
            "203.0.113.7:1",
            "10.224.0.4:30080",
            &[
                "0.5 out azv1 via 10.244.0.11 10.224.0.4:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.224.0.4:1 → 10.244.1.11:8080",
            ],
        ),
        // The Service's port on the node's address is nobody's.
        ("eth0", "203.0.113.7:1", "10.224.0.4:80", &["1 local 203.0.113.7:1 → 10.224.0.4:80"]),
        // No endpoints: rejected on the way through and from the node itself.
        (
            "azv1",
            "10.244.0.12:1",
            "10.0.0.20:80",
            &["1 rejected icmp-port-unreachable 10.244.0.12:1 → 10.0.0.20:80"],
        ),
        (
            "sent",
            "10.224.0.4:1",
            "10.0.0.20:80",
            &["1 rejected icmp-port-unreachable 10.224.0.4:1 → 10.0.0.20:80"],
        ),
        // Policy Local without a local endpoint: dropped from outside, short-cut for pods.
        ("eth0", "203.0.113.7:1", "20.0.0.2:80", &["1 dropped 203.0.113.7:1 → 20.0.0.2:80"]),
        (
            "azv1",
            "10.244.0.12:1",
            "20.0.0.2:80",
            &[
                "0.5 out azv1 via 10.244.0.11 10.244.0.12:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.244.0.12:1 → 10.244.1.11:8080",
            ],
        ),
        // The node to the cluster IP: masqueraded.
        (
            "sent",
            "10.224.0.4:1",
            "10.0.0.10:80",
            &[
                "0.5 out azv1 via 10.244.0.11 10.224.0.4:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.224.0.4:1 → 10.244.1.11:8080",
            ],
        ),
        // The node to a node port on its loopback: translated in OUTPUT, routed anew, masqueraded.
        (
            "sent",
            "127.0.0.1:1",
            "127.0.0.1:30080",
            &[
                "0.5 out azv1 via 10.244.0.11 10.224.0.4:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.224.0.4:1 → 10.244.1.11:8080",
            ],
        ),
        (
            "sent",
            "10.224.0.4:1",
            "10.224.0.4:30080",
            &[
                "0.5 out azv1 via 10.244.0.11 10.224.0.4:1 → 10.244.0.11:8080",
                "0.5 out eth0 via 10.224.0.5 10.224.0.4:1 → 10.244.1.11:8080",
            ],
        ),
        // The node to itself: out by the loopback and in again.
        ("sent", "10.224.0.4:1", "10.224.0.4:22", &["1 local 10.224.0.4:1 → 10.224.0.4:22"]),
        ("sent", "127.0.0.1:1", "127.0.0.1:10256", &["1 local 127.0.0.1:1 → 127.0.0.1:10256"]),
        // A neighbour to 127/8: with route_localnet it gets as far as KUBE-FIREWALL.
        ("eth0", "10.224.0.9:1", "127.0.0.1:10256", &["1 dropped 10.224.0.9:1 → 127.0.0.1:10256"]),
        // With the node's own or a loopback source from outside it does not.
        ("eth0", "10.224.0.4:1", "20.0.0.9:80", &["1 martian 10.224.0.4:1 → 20.0.0.9:80"]),
        ("eth0", "127.0.0.1:1", "10.224.0.4:80", &["1 martian 127.0.0.1:1 → 10.224.0.4:80"]),
    ];
    for (from, source, destination, expected) in cases {
        assert_eq!(first(&kernel, from, source, destination), expected, "{from}: {source} → {destination}");
    }
}

#[test]
fn switches_of_the_host_decide() {
    let mut host = node("");
    host.route_localnet = false;
    host.forwarding = false;
    host.routes.retain(|route| route.destination.prefix_len() > 0);
    let kernel = Kernel::new(host.clone()).unwrap();
    let cases = [
        ("eth0", "10.224.0.9:1", "127.0.0.1:80", "1 martian 10.224.0.9:1 → 127.0.0.1:80"),
        ("eth0", "10.224.0.9:1", "10.244.0.11:80", "1 forwardingoff 10.224.0.9:1 → 10.244.0.11:80"),
        ("eth0", "10.224.0.9:1", "10.224.0.4:80", "1 local 10.224.0.9:1 → 10.224.0.4:80"),
        ("sent", "10.224.0.4:1", "8.8.8.8:53", "1 noroute 10.224.0.4:1 → 8.8.8.8:53"),
        ("sent", "127.0.0.1:1", "10.224.0.9:80", "1 martian 127.0.0.1:1 → 10.224.0.9:80"),
        ("eth0", "[fd01::9]:1", "[::1]:80", "1 martian [fd01::9]:1 → [::1]:80"),
        ("eth0", "[fd01::9]:1", "[fd01::4]:80", "1 local [fd01::9]:1 → [fd01::4]:80"),
        ("sent", "[::1]:1", "[::1]:80", "1 local [::1]:1 → [::1]:80"),
        ("sent", "[fd01::4]:1", "[fd01::9]:80", "1 out eth0 via fd01::9 [fd01::4]:1 → [fd01::9]:80"),
    ];
    for (from, source, destination, expected) in cases {
        assert_eq!(first(&kernel, from, source, destination), [expected], "{from}: {source} → {destination}");
    }
    host.forwarding = true;
    let kernel = Kernel::new(host).unwrap();
    assert_eq!(first(&kernel, "eth0", "10.224.0.9:1", "8.8.8.8:53"), ["1 noroute 10.224.0.9:1 → 8.8.8.8:53"]);
}

#[test]
fn the_longest_prefix_then_the_lowest_metric_wins() {
    let mut host = node("");
    let mut dearer = host.routes[3].clone();
    dearer.via = Some(ip("10.224.0.6"));
    dearer.metric = 10;
    host.routes.insert(0, dearer.clone());
    dearer.metric = 0;
    dearer.via = Some(ip("10.224.0.7"));
    host.routes.push(dearer);
    let kernel = Kernel::new(host).unwrap();
    let via = first(&kernel, "azv1", "10.244.0.11:1", "10.244.1.3:2");
    assert_eq!(via, ["1 out eth0 via 10.224.0.5 10.244.0.11:1 → 10.244.1.3:2"]);
}

#[test]
fn translations_are_those_of_the_targets() {
    let cases = [
        ("-A PREROUTING -j DNAT --to-destination 10.244.1.1", "10.244.1.1:80"),
        ("-A PREROUTING -p tcp -j DNAT --to-destination 10.244.1.1:81", "10.244.1.1:81"),
        ("-A PREROUTING -p tcp -j DNAT --to-destination :81", "8.8.8.8:81"),
        ("-A PREROUTING -p tcp -j DNAT --to-destination 10.244.1.1:81-90", "10.244.1.1:81"),
        ("-A PREROUTING -p tcp -j DNAT --to-destination 10.244.1.1:75-90", "10.244.1.1:80"),
        ("-A PREROUTING -p tcp -j REDIRECT --to-ports 99", "10.224.0.4:99"),
        ("-A PREROUTING -j REDIRECT", "10.224.0.4:80"),
        ("-A PREROUTING -d 9.9.9.9 -j DNAT --to-destination 10.244.1.1", "8.8.8.8:80"),
    ];
    for (rule, expected) in cases {
        let kernel = nat(rule);
        let state = State::default();
        let passages =
            kernel.pass(tcp("10.224.0.9:1", "8.8.8.8:80"), entry("eth0"), Segment::Opening, &state);
        let packet = passages[0].packet;
        assert_eq!(packet.to_string(), format!("10.224.0.9:1 → {expected}"), "{rule}");
    }
    let cases = [
        ("-A POSTROUTING -j SNAT --to-source 20.0.0.9", "20.0.0.9:1"),
        ("-A POSTROUTING -p tcp -j SNAT --to-source 20.0.0.9:5000-5001", "20.0.0.9:5000"),
        ("-A POSTROUTING -p tcp -j MASQUERADE --to-ports 5000", "10.224.0.4:5000"),
        ("-A POSTROUTING -j MASQUERADE", "10.224.0.4:1"),
    ];
    for (rule, expected) in cases {
        assert_eq!(
            first(&nat(rule), "azv1", "10.244.0.11:1", "8.8.8.8:80"),
            [format!("1 out eth0 via 10.224.0.1 {expected} → 8.8.8.8:80")],
            "{rule}"
        );
    }
    // From the host itself REDIRECT goes to the loopback address, and INPUT can translate the source.
    let kernel = nat("-A OUTPUT -d 8.8.8.8 -j REDIRECT\n-A POSTROUTING -o lo -j SNAT --to-source 7.7.7.7");
    assert_eq!(first(&kernel, "sent", "10.224.0.4:1", "8.8.8.8:80"), ["1 local 7.7.7.7:1 → 127.0.0.1:80"]);
    let kernel = nat("-A INPUT -j SNAT --to-source 7.7.7.7");
    assert_eq!(
        first(&kernel, "eth0", "10.224.0.9:1", "10.224.0.4:80"),
        ["1 local 7.7.7.7:1 → 10.224.0.4:80"]
    );
}

#[test]
fn return_and_goto_come_back_to_the_right_chain() {
    let cases = [
        // RETURN comes back behind the jump.
        ("-A INPUT -j X\n-A INPUT -j DROP\n-A X -j RETURN\n-A X -j ACCEPT", "dropped"),
        // The end of a chain does, too.
        ("-A INPUT -j X\n-A INPUT -j DROP", "dropped"),
        // A chain that was gone to comes back to where its caller was jumped from.
        ("-A INPUT -j X\n-A INPUT -j DROP\n-A X -g Y\n-A X -j ACCEPT\n-A Y -j RETURN", "dropped"),
        ("-A INPUT -j X\n-A X -g Y\n-A X -j DROP\n-A Y -m comment --comment x", "local"),
        // From a built-in chain, to its policy.
        ("-P INPUT DROP\n-A INPUT -g X\n-A INPUT -j ACCEPT", "dropped"),
        ("-A INPUT -j RETURN\n-A INPUT -j DROP", "local"),
        // LOG and rules without target go on.
        ("-A INPUT -j LOG --log-prefix \"x \"\n-A INPUT -s 10.0.0.0/8\n-A INPUT -j DROP", "dropped"),
        ("-P INPUT DROP\n-A INPUT -j X\n-A X -j Y\n-A Y -j Z\n-A Z -j ACCEPT", "local"),
    ];
    for (rules, expected) in cases {
        let ways = first(&filter(rules), "eth0", "10.224.0.9:1", "10.224.0.4:80");
        assert_eq!(ways, [format!("1 {expected} 10.224.0.9:1 → 10.224.0.4:80")], "{rules}");
    }
}

#[test]
fn conditions_hold_as_in_the_kernel() {
    // A TCP SYN from 10.224.0.9:1000 to 10.224.0.4:80 by eth0.
    let cases = [
        ("-p tcp", true),
        ("! -p tcp", false),
        ("-p gre", false),
        ("! -p gre", true),
        ("-s 10.224.0.0/16", true),
        ("! -s 10.224.0.0/16", false),
        ("-s 0.0.0.0/0", true),
        ("-i eth0", true),
        ("-i eth+", true),
        ("-i et", false),
        ("! -i lo", true),
        ("-i +", true),
        ("-o eth0", false),
        ("! -o eth0", true),
        ("-p tcp --sport 1000:1001", true),
        ("-p tcp ! --dport 80", false),
        ("-p tcp -m multiport --dports 22,79:81", true),
        ("-p tcp -m multiport --sports 80", false),
        ("-p tcp -m multiport --ports 1000", true),
        ("-m addrtype --dst-type LOCAL", true),
        ("-m addrtype --src-type LOCAL", false),
        ("-m addrtype --src-type UNICAST ! --dst-type UNICAST", true),
        ("-m mark --mark 0x0/0x4000", true),
        ("-m mark --mark 0x4000/0x4000", false),
        ("-m conntrack --ctstate NEW", true),
        ("-m conntrack ! --ctstate NEW", false),
        ("-m conntrack --ctstate DNAT,SNAT", false),
        ("-m state --state NEW", true),
        ("-p tcp --syn", true),
        ("-p tcp ! --syn", false),
        ("-p tcp --tcp-flags ACK ACK", false),
        ("-m nfacct --nfacct-name x", true),
        ("-m recent --set", true),
        ("-m recent --rcheck", false),
        ("-m recent ! --rcheck", true),
        ("-m statistic --mode random --probability 1", true),
        ("-m statistic --mode random --probability 0", false),
        ("-m statistic --mode random ! --probability 0", true),
        // What is not modelled does not matter where something else fails.
        ("-p udp -m limit --limit 5/min", false),
        ("-m limit --limit 5/min -p udp", false),
        ("-m limit --limit 5/min -m mark --mark 5", false),
    ];
    for (words, holds) in cases {
        let ways =
            first(&filter(&format!("-A INPUT {words} -j DROP")), "eth0", "10.224.0.9:1000", "10.224.0.4:80");
        let expected = if holds { "dropped" } else { "local" };
        assert_eq!(ways, [format!("1 {expected} 10.224.0.9:1000 → 10.224.0.4:80")], "{words}");
    }
}

#[test]
fn what_is_not_modelled_makes_the_outcome_ambiguous_only_where_it_decides() {
    let cases = [
        ("-A INPUT -m limit --limit 5/min -j DROP", "ambiguous"),
        ("-A INPUT -j NFQUEUE --queue-num 1", "ambiguous"),
        ("-A INPUT -p udp -j NFQUEUE --queue-num 1", "local"),
        ("-A INPUT -m limit --limit 5/min -j LOG", "local"),
        ("-A INPUT -j TCPMSS --clamp-mss-to-pmtu", "local"),
        ("-A INPUT -p tcp --dport 80 -j DROP\n-A INPUT -m limit --limit 5/min -j DROP", "dropped"),
    ];
    for (rules, expected) in cases {
        let kernel = filter(rules);
        let packet = tcp("10.224.0.9:1", "10.224.0.4:80");
        let ways = kernel.pass(packet, entry("eth0"), Segment::Opening, &State::default());
        assert_eq!(summary(&ways[0]), format!("1 {expected} {packet}"), "{rules}");
        let named = matches!(ways[0].events.last(), Some(Event::Unsupported { .. }));
        assert_eq!(named, expected == "ambiguous", "{rules}");
    }
}

#[test]
fn the_filter_sees_the_first_route_in_output() {
    // The kernel keeps telling OUTPUT of the interface that was chosen before nat.
    let rules = |interface: &str| {
        format!(
            "*nat\n-A OUTPUT -d 8.8.8.8 -j DNAT --to-destination 10.244.0.11\nCOMMIT\n*filter\n-A OUTPUT -o {interface} -j DROP\nCOMMIT\n"
        )
    };
    for (interface, expected) in [("eth0", "dropped"), ("azv1", "out azv1 via 10.244.0.11")] {
        let kernel = Kernel::new(node(&rules(interface))).unwrap();
        let ways = first(&kernel, "sent", "10.224.0.4:1", "8.8.8.8:80");
        assert_eq!(ways, [format!("1 {expected} 10.224.0.4:1 → 10.244.0.11:80")]);
    }
}

#[test]
fn a_bridge_port_without_hairpin_does_not_send_back() {
    let kernel = nat(
        "-A PREROUTING -d 1.1.1.1 -j DNAT --to-destination 10.245.0.7\n-A POSTROUTING -s 10.245.0.0/24 -j MASQUERADE",
    );
    let hairpin = first(&kernel, "cbr0", "10.245.0.7:1", "1.1.1.1:80");
    assert_eq!(hairpin, ["1 dropped 10.245.0.1:1 → 10.245.0.7:80"]);
    let neighbour = first(&kernel, "cbr0", "10.245.0.8:1", "1.1.1.1:80");
    assert_eq!(neighbour, ["1 out cbr0 via 10.245.0.7 10.245.0.1:1 → 10.245.0.7:80"]);
}

#[test]
fn branches_have_exact_probabilities_in_rule_order() {
    let rules = "\
-A INPUT -p tcp -m statistic --mode random --probability 0.25 -j X
-A INPUT -m statistic --mode nth --every 3 --packet 0 -j DROP
-A INPUT -m statistic --mode random --probability 0.5 -p udp -j DROP
-A X -m statistic --mode random --probability 0.5 -m statistic --mode random --probability 0.5 -j REJECT";
    let ways = first(&filter(rules), "eth0", "10.224.0.9:1", "10.224.0.4:80");
    let packet = "10.224.0.9:1 → 10.224.0.4:80";
    let shares: Vec<(f64, &str)> = ways
        .iter()
        .map(|way| (way.split(' ').next().unwrap().parse().unwrap(), way.split(' ').nth(1).unwrap()))
        .collect();
    assert_eq!(ways[0], format!("0.0625 rejected icmp-port-unreachable {packet}"));
    assert!((shares.iter().map(|(share, _)| share).sum::<f64>() - 1.0).abs() < 1e-12);
    let total =
        |outcome| shares.iter().filter(|(_, found)| *found == outcome).map(|(share, _)| share).sum::<f64>();
    assert!((total("dropped") - 0.9375 / 3.0).abs() < 1e-12);
    assert!((total("local") - 0.9375 * 2.0 / 3.0).abs() < 1e-12);
}

#[test]
fn affinity_follows_the_recent_lists() {
    let rules = "\
-A PREROUTING -m recent --name SEP-A --rcheck --seconds 100 --reap -j X
-A PREROUTING -m recent --name SEP-B --rcheck --seconds 100 --reap -j Y
-A PREROUTING -m statistic --mode random --probability 0.5 -j X
-A PREROUTING -j Y
-A X -m recent --name SEP-A --set -m tcp -p tcp -j DNAT --to-destination 10.244.0.11:80
-A Y -m recent --name SEP-B --set -m tcp -p tcp -j DNAT --to-destination 10.244.1.11:80";
    let kernel = nat(rules);
    let mut state = State { now: 1_000, ..State::default() };
    let packet = |port: u16| tcp(&format!("10.224.0.9:{port}"), "20.0.0.1:80");
    let chosen = |state: &State, port| -> Vec<String> {
        let ways = kernel.pass(packet(port), entry("eth0"), Segment::Opening, state);
        ways.iter().map(|way| format!("{} {}", way.probability, way.packet.destination)).collect()
    };
    assert_eq!(chosen(&state, 1), ["0.5 10.244.0.11", "0.5 10.244.1.11"]);
    let second = kernel.pass(packet(1), entry("eth0"), Segment::Opening, &state).swap_remove(1);
    state.record(&second);
    state.now = 1_100;
    assert_eq!(chosen(&state, 2), ["1 10.244.1.11"]);
    // One second more and the entry has expired, and is reaped.
    state.now = 1_101;
    assert_eq!(chosen(&state, 3), ["0.5 10.244.0.11", "0.5 10.244.1.11"]);
    let way = kernel.pass(packet(3), entry("eth0"), Segment::Opening, &state).swap_remove(0);
    state.record(&way);
    assert_eq!(state.recent.addresses("SEP-B").count(), 0);
    assert_eq!(state.recent.times("SEP-A", ip("10.224.0.9")), [1_101]);
}

#[test]
fn chains_that_double_their_paths_end_as_ambiguous() {
    let mut rules = String::from("*filter\n");
    for i in 0..40 {
        rules.push_str(&format!(":C{i} - [0:0]\n"));
    }
    for i in 0..39 {
        rules.push_str(&format!("-A C{i} -j C{0}\n-A C{i} -j C{0}\n", i + 1));
    }
    rules.push_str("-A INPUT -j C0\nCOMMIT\n");
    let kernel = Kernel::new(node(&rules)).unwrap();
    let ways =
        kernel.pass(tcp("10.224.0.9:1", "10.224.0.4:80"), entry("eth0"), Segment::Opening, &State::default());
    assert_eq!(ways[0].outcome, Outcome::Ambiguous);
    // The same with chance: two to the fortieth branches.
    let rule = "-A INPUT -m statistic --mode random --probability 0.5 -j LOG\n";
    let kernel = filter(&rule.repeat(40));
    let ways =
        kernel.pass(tcp("10.224.0.9:1", "10.224.0.4:80"), entry("eth0"), Segment::Opening, &State::default());
    assert!(ways.len() <= 70_000, "{}", ways.len());
    assert!((ways.iter().map(|way| way.probability).sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn rules_that_cannot_be_loaded_are_refused() {
    let cases = [
        ("-A X -j NOWHERE", "iptables filter: rule 1 of X jumps to NOWHERE, which does not exist"),
        ("-A X -j Y\n-A Y -j X", "iptables filter: rule 1 of Y jumps to X and closes a loop of chains"),
    ];
    for (rules, expected) in cases {
        let mut host = node("*filter\n:X - [0:0]\n:Y - [0:0]\n:NOWHERE - [0:0]\nCOMMIT\n");
        let table = std::sync::Arc::make_mut(&mut host.ipv4).tables.values_mut().next().unwrap();
        for line in rules.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let chain = table.chains.iter_mut().find(|chain| chain.name.as_str() == words[1]).unwrap();
            let target = netfilter::Target::Jump(netfilter::ChainName::new(words[3]).unwrap());
            chain.rules.push(netfilter::Rule { matches: Vec::new(), target });
        }
        table.chains.retain(|chain| chain.name.as_str() != "NOWHERE");
        assert_eq!(Kernel::new(host).unwrap_err().to_string(), expected);
    }
}
