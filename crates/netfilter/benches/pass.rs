//! One packet among many Services, and the loading of their rules. The rules are shaped as kube-proxy's are.

#![allow(clippy::unwrap_used, reason = "a test says what it expects")]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use netfilter::{
    AddressType, Chain, ChainName, CtState, Entry, Family, Form, Host, Interface, InterfaceName, Kernel,
    Match, NatTo, Packet, Policy, Protocol, Route, Rule, Ruleset, Segment, State, Statistic, Table,
    TableName, Target, Transport, parse,
};
use std::{collections::BTreeMap, hint::black_box, net::Ipv4Addr, sync::Arc};

/// Cluster IP, node port and chains for each Service, with this many endpoints each.
fn rules(services: u32, endpoints: u32) -> Ruleset {
    let mut dispatch = Vec::new();
    let mut node_ports = Vec::new();
    let mut own = Vec::new();
    for service in 0..services {
        let label: Arc<str> = format!("default/service-{service}").into();
        let text: Arc<str> = format!("{label} cluster IP").into();
        let svc = name(&format!("KUBE-SVC-{service:016}"));
        let ext = name(&format!("KUBE-EXT-{service:016}"));
        dispatch.push(rule(to_port(&text, Some(cluster_ip(service)), 80), Target::Jump(svc)));
        if service < 2_700 {
            let port = u16::try_from(30_000 + service).unwrap();
            node_ports.push(rule(to_port(&label, None, port), Target::Jump(ext)));
        }
        let remark = Match::Comment(format!("masquerade traffic for {label} external destinations").into());
        own.push(chain(
            ext,
            vec![rule(vec![remark], jump("KUBE-MARK-MASQ")), rule(vec![], Target::Jump(svc))],
        ));
        let mut spread = to_port(&text, Some(cluster_ip(service)), 80);
        spread
            .push(Match::Source { not: true, net: "10.244.0.0/16".parse::<ipnet::IpNet>().unwrap().into() });
        let mut spread = vec![rule(spread, jump("KUBE-MARK-MASQ"))];
        let at = own.len();
        for endpoint in 0..endpoints {
            let sep = name(&format!("KUBE-SEP-{:016}", service * endpoints + endpoint));
            let ip = pod_ip(service * endpoints + endpoint);
            let arrow: Arc<str> = format!("{label} -> {ip}:8080").into();
            let left = endpoints - endpoint;
            let mut matches = vec![Match::Comment(arrow)];
            if left > 1 {
                let probability = 1.0 / f64::from(left);
                matches.push(Match::Statistic(Statistic::Random { not: false, probability }));
            }
            spread.push(rule(matches, Target::Jump(sep)));
            let comment = Match::Comment(Arc::clone(&label));
            let hairpin =
                vec![comment.clone(), Match::Source { not: false, net: std::net::IpAddr::from(ip).into() }];
            let [module, protocol] = tcp();
            own.push(chain(
                sep,
                vec![
                    rule(hairpin, jump("KUBE-MARK-MASQ")),
                    rule(vec![comment, module, protocol], Target::Dnat(NatTo::socket(ip.into(), 8080))),
                ],
            ));
        }
        own.insert(at, chain(svc, spread));
    }
    let local = Match::DestinationType { not: false, kind: AddressType::Local };
    dispatch.push(rule(vec![local], jump("KUBE-NODEPORTS")));
    let mark = Match::Mark { not: true, value: 0x4000, mask: 0x4000 };
    let masquerade = Target::Masquerade { random_fully: true, to_ports: None };
    let mut nat = vec![
        built_in("PREROUTING", vec![rule(vec![], jump("KUBE-SERVICES"))]),
        built_in("INPUT", vec![]),
        built_in("OUTPUT", vec![rule(vec![], jump("KUBE-SERVICES"))]),
        built_in("POSTROUTING", vec![rule(vec![], jump("KUBE-POSTROUTING"))]),
        chain(name("KUBE-SERVICES"), dispatch),
        chain(name("KUBE-NODEPORTS"), node_ports),
        chain(
            name("KUBE-POSTROUTING"),
            vec![
                rule(vec![mark.clone()], Target::Return),
                rule(vec![], Target::XorMark(0x4000)),
                rule(vec![], masquerade),
            ],
        ),
        chain(name("KUBE-MARK-MASQ"), vec![rule(vec![], Target::OrMark(0x4000))]),
    ];
    nat.append(&mut own);
    let state = |states: &[CtState]| Match::CtState { not: false, states: states.iter().copied().collect() };
    let filter = vec![
        built_in("INPUT", vec![]),
        built_in(
            "FORWARD",
            vec![
                rule(vec![], jump("KUBE-FORWARD")),
                rule(vec![state(&[CtState::New])], jump("KUBE-SERVICES")),
            ],
        ),
        built_in("OUTPUT", vec![]),
        chain(name("KUBE-SERVICES"), vec![]),
        chain(
            name("KUBE-FORWARD"),
            vec![
                rule(vec![state(&[CtState::Invalid])], Target::Drop),
                rule(vec![Match::Mark { not: false, value: 0x4000, mask: 0x4000 }], Target::Accept),
                rule(vec![state(&[CtState::Related, CtState::Established])], Target::Accept),
            ],
        ),
    ];
    let table = |chains| Table { chains, deletions: Vec::new() };
    Ruleset { tables: BTreeMap::from([(TableName::Nat, table(nat)), (TableName::Filter, table(filter))]) }
}

fn name(text: &str) -> ChainName {
    ChainName::new(text).unwrap()
}

fn jump(chain: &str) -> Target {
    Target::Jump(name(chain))
}

fn rule(matches: Vec<Match>, target: Target) -> Rule {
    Rule { matches, target }
}

fn chain(name: ChainName, rules: Vec<Rule>) -> Chain {
    Chain { name, policy: None, rules }
}

fn built_in(text: &str, rules: Vec<Rule>) -> Chain {
    Chain { name: name(text), policy: Some(Policy::Accept), rules }
}

fn tcp() -> [Match; 2] {
    [Match::Module(Transport::Tcp), Match::Protocol { not: false, protocol: Protocol::Tcp }]
}

fn to_port(text: &Arc<str>, ip: Option<Ipv4Addr>, port: u16) -> Vec<Match> {
    let [module, protocol] = tcp();
    let destination = ip.map(|ip| Match::Destination { not: false, net: std::net::IpAddr::from(ip).into() });
    let port = Match::DestinationPort { not: false, ports: port.into() };
    [Match::Comment(Arc::clone(text)), module, protocol]
        .into_iter()
        .chain(destination)
        .chain([port])
        .collect()
}

fn cluster_ip(service: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 0).to_bits() + 1 + service)
}

fn pod_ip(pod: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(10, 244, 0, 0).to_bits() + 1 + pod % 60_000)
}

fn host(ipv4: Ruleset) -> Host {
    let eth0 = InterfaceName::new("eth0").unwrap();
    let route = |to: &str, via: Option<&str>| Route {
        destination: to.parse().unwrap(),
        via: via.map(|via| via.parse().unwrap()),
        interface: eth0,
        source: None,
        metric: 0,
    };
    Host {
        nft: Vec::new(),
        ipsets: BTreeMap::new(),
        ipvs: netfilter::Ipvs::new(),
        interfaces: vec![Interface {
            name: eth0,
            addresses: vec!["10.224.0.4/16".parse().unwrap()],
            hairpin: true,
        }],
        routes: vec![route("0.0.0.0/0", Some("10.224.0.1")), route("10.224.0.0/16", None)],
        ipv4: ipv4.into(),
        forwarding: true,
        route_localnet: true,
        ..Host::default()
    }
}

/// From a neighbour to the cluster IP of a Service in the middle.
fn packet(services: u32) -> Packet {
    Packet {
        protocol: Protocol::Tcp,
        source: Ipv4Addr::new(10, 224, 0, 9).into(),
        source_port: 40_000,
        destination: cluster_ip(services / 2).into(),
        destination_port: 80,
        mark: 0,
    }
}

fn passing(criterion: &mut Criterion) {
    let entry = Entry::Received(InterfaceName::new("eth0").unwrap());
    let state = State::default();
    let mut group = criterion.benchmark_group("pass");
    for services in [10, 100, 1_000, 10_000] {
        let kernel = Kernel::new(host(rules(services, 3))).unwrap();
        let packet = packet(services);
        assert_eq!(kernel.pass(packet, entry, Segment::Opening, &state).len(), 3);
        group.bench_function(format!("compiled/{services}"), |bencher| {
            bencher.iter(|| kernel.pass(black_box(packet), entry, Segment::Opening, &state));
        });
        group.bench_function(format!("naive/{services}"), |bencher| {
            bencher.iter(|| kernel.pass_naive(black_box(packet), entry, Segment::Opening, &state));
        });
    }
    group.finish();
}

fn loading(criterion: &mut Criterion) {
    let entry = Entry::Received(InterfaceName::new("eth0").unwrap());
    let state = State::default();
    let mut group = criterion.benchmark_group("load");
    group.sample_size(20);
    for (services, endpoints) in [(100, 10), (1_000, 10), (10_000, 10)] {
        let rules = rules(services, endpoints);
        let count: usize =
            rules.tables.values().flat_map(|table| &table.chains).map(|chain| chain.rules.len()).sum();
        group.throughput(Throughput::Elements(count as u64));
        let packet = packet(services);
        group.bench_function(format!("compile/{services}x{endpoints}"), |bencher| {
            let load = |host| Kernel::new(host).unwrap();
            bencher.iter_batched(|| host(rules.clone()), load, BatchSize::PerIteration);
        });
        group.bench_function(format!("compile and first packet/{services}x{endpoints}"), |bencher| {
            let load = |host| {
                let kernel = Kernel::new(host).unwrap();
                let passages = kernel.pass(packet, entry, Segment::Opening, &state);
                (kernel, passages)
            };
            bencher.iter_batched(|| host(rules.clone()), load, BatchSize::PerIteration);
        });
        group.bench_function(format!("print/{services}x{endpoints}"), |bencher| {
            bencher.iter(|| rules.text(Family::V4, Form::KUBE_PROXY).to_string().len());
        });
        let text = rules.text(Family::V4, Form::KUBE_PROXY).to_string();
        group.bench_function(format!("parse/{services}x{endpoints}"), |bencher| {
            bencher.iter(|| parse(black_box(text.as_bytes()), Family::V4).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, passing, loading);
criterion_main!(benches);
