//! What holds of all rules, packets and texts.

#![allow(
    clippy::unwrap_used,
    clippy::unreadable_literal,
    clippy::needless_for_each,
    reason = "a test says what it expects"
)]

mod support;

use netfilter::{
    AddressType, Chain, ChainName, Connection, CtState, CtStates, Family, Form, Kernel, MarkText, Match,
    NatTo, Packet, Policy, PortRange, Protocol, Recent, RecentAction, RecentUpdate, RejectWith, Rule,
    Ruleset, Segment, State, Statistic, Table, TableName, Target, TcpFlags, Transport, parse,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::{collections::BTreeMap, net::IpAddr};
use support::{entry, interface, ip, node, story};

fn net(text: &str) -> netfilter::Net {
    match text.parse::<IpAddr>() {
        Ok(ip) => ip.into(),
        Err(_) => text.parse::<ipnet::IpNet>().unwrap().into(),
    }
}

fn nets() -> impl Strategy<Value = netfilter::Net> {
    let nets =
        ["10.0.0.1", "10.0.0.2", "10.0.0.0/24", "10.0.0.1/32", "10.244.0.11", "0.0.0.0/0", "10.224.0.4"];
    select(nets.to_vec()).prop_map(net)
}

fn ports() -> impl Strategy<Value = PortRange> {
    prop_oneof![
        3 => select(vec![80_u16, 81, 443]).prop_map(PortRange::from),
        1 => Just(PortRange { first: 80, last: 90 }),
    ]
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp, Protocol::Icmp])
}

fn states() -> impl Strategy<Value = CtStates> {
    vec(select(CtState::ALL.to_vec()), 1..4).prop_map(|states| states.into_iter().collect())
}

fn recent() -> impl Strategy<Value = Recent> {
    let action =
        select(vec![RecentAction::Set, RecentAction::Rcheck, RecentAction::Update, RecentAction::Remove]);
    let name = select(vec!["A", "B"]);
    (any::<bool>(), name, action, option::of(0_u32..50), option::of(0_u32..3), any::<bool>(), any::<bool>())
        .prop_map(|(not, name, action, seconds, hitcount, reap, by_destination)| Recent {
            not,
            name: name.into(),
            action,
            seconds,
            hitcount,
            reap,
            by_destination,
        })
}

fn statistic() -> impl Strategy<Value = Statistic> {
    prop_oneof![
        (any::<bool>(), select(vec![0.0, 0.3333333333, 0.5, 0.25, 1.0]))
            .prop_map(|(not, probability)| Statistic::Random { not, probability }),
        (any::<bool>(), 1_u32..4).prop_map(|(not, every)| Statistic::Nth { not, every, packet: every - 1 }),
    ]
}

fn interfaces() -> impl Strategy<Value = netfilter::InterfaceName> {
    select(vec!["eth0", "azv1", "azv+", "lo", "+"]).prop_map(interface)
}

fn found() -> impl Strategy<Value = Match> {
    let kind = || select(vec![AddressType::Local, AddressType::Unicast, AddressType::Multicast]);
    prop_oneof![
        2 => "[a-z\"' \\\\/:]{0,9}".prop_map(|text| Match::Comment(text.into())),
        1 => Just(Match::Module(Transport::Tcp)),
        4 => (any::<bool>(), protocol()).prop_map(|(not, protocol)| Match::Protocol { not: not && protocol != Protocol::Tcp, protocol }),
        4 => (prop::bool::weighted(0.2), nets()).prop_map(|(not, net)| Match::Source { not, net }),
        6 => (prop::bool::weighted(0.2), nets()).prop_map(|(not, net)| Match::Destination { not, net }),
        1 => (any::<bool>(), ports()).prop_map(|(not, ports)| Match::SourcePort { not, ports }),
        6 => (prop::bool::weighted(0.2), ports()).prop_map(|(not, ports)| Match::DestinationPort { not, ports }),
        1 => any::<bool>().prop_map(|not| Match::TcpFlags { not, mask: TcpFlags::from_names("SYN,RST").unwrap(), set: TcpFlags::from_names("SYN").unwrap() }),
        1 => (any::<bool>(), any::<bool>(), vec(ports(), 1..4)).prop_map(|(not, source, ports)| Match::Multiport { not, source, ports }),
        1 => (any::<bool>(), vec(ports(), 1..4)).prop_map(|(not, ports)| Match::MultiportEither { not, ports }),
        1 => (any::<bool>(), interfaces()).prop_map(|(not, name)| Match::InInterface { not, name }),
        1 => (any::<bool>(), interfaces()).prop_map(|(not, name)| Match::OutInterface { not, name }),
        1 => (any::<bool>(), kind()).prop_map(|(not, kind)| Match::SourceType { not, kind }),
        1 => (any::<bool>(), kind()).prop_map(|(not, kind)| Match::DestinationType { not, kind }),
        2 => (any::<bool>(), 0_u32..4, select(vec![3, u32::MAX])).prop_map(|(not, value, mask)| Match::Mark { not, value, mask }),
        1 => (any::<bool>(), states()).prop_map(|(not, states)| Match::CtState { not, states }),
        2 => statistic().prop_map(Match::Statistic),
        2 => recent().prop_map(|recent| Match::Recent(Box::new(recent))),
        1 => Just(Match::Nfacct("counter".into())),
    ]
}

/// Rare words, for texts.
fn odd() -> impl Strategy<Value = Match> {
    prop_oneof![
        9 => found(),
        1 => any::<bool>().prop_map(|not| Match::OtherProtocol { not, name: "gre".into() }),
        1 => Just(Match::State { not: false, states: [CtState::New].into_iter().collect() }),
        1 => Just(Match::Unsupported("-m limit --limit 5/min".into())),
    ]
}

fn targets(nat: bool, chains: Vec<ChainName>) -> BoxedStrategy<Target> {
    let jump = if chains.is_empty() {
        Just(Target::Return).boxed()
    } else {
        let goto = select(chains.clone()).prop_map(Target::Goto);
        prop_oneof![3 => select(chains).prop_map(Target::Jump), 1 => goto].boxed()
    };
    let mark = prop_oneof![
        (0_u32..4).prop_map(Target::OrMark),
        (0_u32..4).prop_map(Target::AndMark),
        (0_u32..4).prop_map(Target::XorMark),
        (0_u32..4, 0_u32..4).prop_map(|(value, mask)| Target::SetXmark { value, mask }),
    ];
    let common = prop_oneof![
        4 => jump,
        2 => mark,
        1 => Just(Target::Return),
        1 => Just(Target::Accept),
        1 => Just(Target::None),
        1 => Just(Target::Log("--log-prefix x".into())),
        1 => Just(Target::Continue("TCPMSS --clamp-mss-to-pmtu".into())),
    ];
    if !nat {
        let filter = prop_oneof![
            Just(Target::Drop),
            Just(Target::Reject(None)),
            Just(Target::Reject(Some(RejectWith::HostProhibited))),
            Just(Target::Unsupported("NFQUEUE --queue-num 1".into())),
        ];
        return prop_oneof![4 => common, 1 => filter].boxed();
    }
    let to = || {
        (select(vec!["10.244.0.11", "10.244.1.11", "10.224.0.4"]), option::of(ports()))
            .prop_map(|(to, ports)| NatTo { ports, ..NatTo { ports: None, ..NatTo::socket(ip(to), 1) } })
    };
    let nat = prop_oneof![
        3 => to().prop_map(Target::Dnat),
        1 => to().prop_map(Target::Snat),
        1 => option::of(ports()).prop_map(Target::Redirect),
        1 => (any::<bool>(), option::of(ports())).prop_map(|(random_fully, to_ports)| Target::Masquerade { random_fully, to_ports }),
    ];
    prop_oneof![4 => common, 1 => nat].boxed()
}

/// A rule of any table, for texts.
fn rule() -> impl Strategy<Value = Rule> {
    let chains = vec![ChainName::new("OWN").unwrap()];
    let target = prop_oneof![targets(false, chains.clone()), targets(true, chains)];
    (vec(odd(), 0..6), target).prop_map(|(matches, target)| Rule { matches, target })
}

fn in_table(rule: &Rule, form: Form) -> String {
    format!("*mangle\n:OWN - [0:0]\n:X - [0:0]\n{}\nCOMMIT\n", rule.line("X", Family::V4, form))
}

fn only_rule(ruleset: &Ruleset) -> &Rule {
    &ruleset.tables[&TableName::Mangle].chains[1].rules[0]
}

fn rules(
    matches: BoxedStrategy<Match>,
    nat: bool,
    chains: Vec<ChainName>,
) -> impl Strategy<Value = Vec<Rule>> {
    let rule =
        (vec(matches, 0..4), targets(nat, chains)).prop_map(|(matches, target)| Rule { matches, target });
    // Short chains are walked, long ones are indexed.
    prop_oneof![vec(rule.clone(), 0..6), vec(rule, 16..40)]
}

/// Built-in chains of a table, and four chains that jump only to later ones.
fn table(matches: BoxedStrategy<Match>, name: TableName) -> impl Strategy<Value = Table> {
    let own: Vec<ChainName> = (0..4).map(|i| ChainName::new(&format!("OWN-{i}")).unwrap()).collect();
    let nat = name == TableName::Nat;
    let built_in = name.hooks().iter().map(|hook| ChainName::new(hook.chain()).unwrap());
    let names: Vec<(ChainName, Vec<ChainName>)> = built_in
        .map(|name| (name, own.clone()))
        .chain(own.iter().enumerate().map(|(i, name)| (*name, own[i + 1..].to_vec())))
        .collect();
    let chains: Vec<_> = names
        .into_iter()
        .map(|(name, later)| {
            let policy = if name.starts_with("OWN") {
                Just(None).boxed()
            } else {
                select(vec![Some(Policy::Accept), Some(Policy::Accept), Some(Policy::Drop)]).boxed()
            };
            (policy, rules(matches.clone(), nat, later)).prop_map(move |(policy, rules)| Chain {
                name,
                policy,
                rules,
            })
        })
        .collect();
    chains.prop_map(|chains| Table { chains, deletions: Vec::new() })
}

fn ruleset(matches: BoxedStrategy<Match>) -> impl Strategy<Value = Ruleset> {
    (table(matches.clone(), TableName::Nat), table(matches, TableName::Filter)).prop_map(|(nat, filter)| {
        Ruleset { tables: BTreeMap::from([(TableName::Nat, nat), (TableName::Filter, filter)]) }
    })
}

fn packet() -> impl Strategy<Value = Packet> {
    let addresses = [
        "10.0.0.1",
        "10.0.0.2",
        "10.0.0.77",
        "10.244.0.11",
        "10.244.1.11",
        "10.224.0.4",
        "127.0.0.1",
        "8.8.8.8",
    ];
    let address = || select(addresses.to_vec());
    let port = || select(vec![80_u16, 81, 85, 443, 1000]);
    (protocol(), address(), port(), address(), port()).prop_map(
        |(protocol, source, source_port, destination, destination_port)| Packet {
            protocol,
            source: ip(source),
            source_port,
            destination: ip(destination),
            destination_port,
            mark: 0,
        },
    )
}

fn state() -> impl Strategy<Value = State> {
    let connection =
        (packet(), packet(), any::<bool>()).prop_map(|(original, translated, answered)| Connection {
            original,
            reply: Packet { protocol: original.protocol, ..translated.reversed() },
            answered,
        });
    let seen = (select(vec!["A", "B"]), packet())
        .prop_map(|(list, packet)| RecentUpdate::Seen { list: list.into(), address: packet.source });
    (vec(connection, 0..6), vec((seen, 0_u64..20), 0..6)).prop_map(|(connections, seen)| {
        let mut state = State { now: 30, ..State::default() };
        connections.into_iter().for_each(|connection| state.conntrack.insert(connection));
        for (update, time) in seen {
            state.recent.apply(&[update], time);
        }
        state
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_evaluators_agree_and_probabilities_sum_to_one(
        rules in ruleset(found().boxed()),
        packets in vec((packet(), select(vec!["eth0", "azv1", "sent"]), select(vec![Segment::Opening, Segment::Answer, Segment::Later])), 1..8),
        state in state(),
    ) {
        let mut host = node("");
        host.ipv4 = rules.into();
        let kernel = Kernel::new(host).unwrap();
        for (packet, from, segment) in packets {
            let fast = kernel.pass(packet, entry(from), segment, &state);
            let naive = kernel.pass_naive(packet, entry(from), segment, &state);
            prop_assert_eq!(&fast, &naive, "{}", naive.iter().map(|way| story(&kernel, way)).collect::<String>());
            let sum: f64 = fast.iter().map(|way| way.probability).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn a_way_that_is_drawn_is_one_of_all(
        rules in ruleset(found().boxed()),
        (packet, from) in (packet(), select(vec!["eth0", "azv1", "sent"])),
        state in state(),
        draws in vec(0.0_f64..1.0, 1..6),
    ) {
        let mut host = node("");
        host.ipv4 = rules.into();
        let kernel = Kernel::new(host).unwrap();
        let mut all = kernel.pass(packet, entry(from), Segment::Opening, &state);
        let left = std::cell::RefCell::new(draws.into_iter().cycle());
        let draw = || left.borrow_mut().next().unwrap();
        let mut one = kernel.pass_one(packet, entry(from), Segment::Opening, &state, &draw);
        all.retain(|way| (way.probability - one.probability).abs() < 1e-9);
        all.iter_mut().chain([&mut one]).for_each(|way| way.probability = 0.0);
        prop_assert!(all.contains(&one), "{}", story(&kernel, &one));
    }

    #[test]
    fn restore_text_is_read_as_it_was(rule in rule(), marks in select(vec![MarkText::EightDigits, MarkText::Short])) {
        let text = in_table(&rule, Form::Restore(marks));
        let read = parse(text.as_bytes(), Family::V4).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(only_rule(&read.ipv4), &rule, "{}", text);
        prop_assert_eq!(read.ipv4.text(Family::V4, Form::Restore(marks)).to_string(), text);
    }

    #[test]
    fn save_text_is_read_as_the_same_rule(rule in rule()) {
        let text = in_table(&rule, Form::Save);
        let read = parse(text.as_bytes(), Family::V4).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let again = in_table(only_rule(&read.ipv4), Form::Save);
        prop_assert_eq!(again, text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes, Family::V4);
    }

    #[test]
    fn any_words_are_read_or_refused(words in vec(select(WORDS.to_vec()), 0..40), family in select(vec![Family::V4, Family::V6])) {
        let text = words.join(" ");
        if let Ok(parsed) = parse(text.as_bytes(), family) {
            // What was read can be printed and read again.
            for (rules, family) in [(&parsed.ipv4, Family::V4), (&parsed.ipv6, Family::V6)] {
                let text = rules.text(family, Form::KUBE_PROXY).to_string();
                prop_assert!(parse(text.as_bytes(), family).is_ok(), "{}", text);
            }
        }
    }

    #[test]
    fn any_text_of_one_rule_is_read_or_refused(text in "\\PC{0,80}") {
        let _ = parse(format!("*filter\n-A INPUT {text}\nCOMMIT\n").as_bytes(), Family::V4);
    }
}

/// Pieces of rule text; a newline begins the next line.
const WORDS: &[&str] = &[
    "*filter\n",
    "*nat\n",
    "\nCOMMIT\n",
    "\n:X - [0:0]\n",
    "\n:INPUT DROP [1:2]\n",
    "\n-A INPUT",
    "\n-A X",
    "\n-I X 1",
    "\n-X X",
    "\n-F X",
    "\n-F",
    "\n[1:2] -A X",
    "\n# Generated by ip6tables-save\n",
    "!",
    "-p",
    "tcp",
    "udp",
    "-s",
    "-d",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.1,10.0.0.2",
    "fd00::1",
    "-m",
    "comment",
    "--comment",
    "\"a b\"",
    "\"",
    "-j",
    "-g",
    "X",
    "ACCEPT",
    "DNAT",
    "--to-destination",
    "1.2.3.4:80",
    "[fd00::1]:80",
    "mark",
    "--mark",
    "0x1/0x2",
    "conntrack",
    "--ctstate",
    "NEW",
    "recent",
    "--set",
    "--name",
    "statistic",
    "--mode",
    "random",
    "--probability",
    "0.5",
    "--dport",
    "80",
    ":",
    "multiport",
    "--dports",
    "1,2,3:4",
    "-i",
    "eth0",
    "-f",
    "--syn",
    "--tcp-flags",
    "limit",
    "--limit",
    "5/min",
    "REJECT",
    "--reject-with",
    "tcp-reset",
    "MARK",
    "--set-xmark",
    "LOG",
    "MASQUERADE",
    "--to-ports",
    "1-2",
    "-c",
    "0",
    "-4",
    "-6",
];
