//! A node with kube-proxy's rules, and packets in a few words.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use netfilter::{
    Entry, Event, Family, Form, Host, Interface, InterfaceName, Kernel, MarkText, Outcome, Packet, Passage,
    Protocol, Route, Segment, State, parse,
};
use std::net::{IpAddr, SocketAddr};

/// The rules of a node with three Services: `web` (10.0.0.10:80, node port 30080, VIP 20.0.0.1, two pods, one
/// local), `gone` (10.0.0.20:80, no endpoints), and `local` (VIP 20.0.0.2:80, policy Local, no local endpoint).
pub const RULES: &str = r#"
*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
:KUBE-FIREWALL - [0:0]
-A INPUT -j KUBE-FIREWALL
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -j KUBE-FIREWALL
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-SERVICES -m comment --comment "d/gone has no endpoints" -m tcp -p tcp -d 10.0.0.20 --dport 80 -j REJECT
-A KUBE-EXTERNAL-SERVICES -m comment --comment "d/local has no local endpoints" -m tcp -p tcp -d 20.0.0.2 --dport 80 -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -d 127.0.0.0/8 ! -s 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-WEB - [0:0]
:KUBE-EXT-WEB - [0:0]
:KUBE-SEP-A - [0:0]
:KUBE-SEP-B - [0:0]
:KUBE-EXT-LOCAL - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-SERVICES -m comment --comment "d/web cluster IP" -m tcp -p tcp -d 10.0.0.10 --dport 80 -j KUBE-SVC-WEB
-A KUBE-SERVICES -m comment --comment "d/web loadbalancer IP" -m tcp -p tcp -d 20.0.0.1 --dport 80 -j KUBE-EXT-WEB
-A KUBE-SERVICES -m comment --comment "d/local loadbalancer IP" -m tcp -p tcp -d 20.0.0.2 --dport 80 -j KUBE-EXT-LOCAL
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-NODEPORTS -m comment --comment d/web -m tcp -p tcp --dport 30080 -j KUBE-EXT-WEB
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-EXT-WEB -m comment --comment "masquerade traffic for d/web external destinations" -j KUBE-MARK-MASQ
-A KUBE-EXT-WEB -j KUBE-SVC-WEB
-A KUBE-SVC-WEB -m comment --comment "d/web cluster IP" -m tcp -p tcp -d 10.0.0.10 --dport 80 ! -s 10.244.0.0/16 -j KUBE-MARK-MASQ
-A KUBE-SVC-WEB -m comment --comment "d/web -> 10.244.0.11:8080" -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-A
-A KUBE-SVC-WEB -m comment --comment "d/web -> 10.244.1.11:8080" -j KUBE-SEP-B
-A KUBE-SEP-A -m comment --comment d/web -s 10.244.0.11 -j KUBE-MARK-MASQ
-A KUBE-SEP-A -m comment --comment d/web -m tcp -p tcp -j DNAT --to-destination 10.244.0.11:8080
-A KUBE-SEP-B -m comment --comment d/web -s 10.244.1.11 -j KUBE-MARK-MASQ
-A KUBE-SEP-B -m comment --comment d/web -m tcp -p tcp -j DNAT --to-destination 10.244.1.11:8080
-A KUBE-EXT-LOCAL -m comment --comment "pod traffic for d/local external destinations" -s 10.244.0.0/16 -j KUBE-SVC-WEB
COMMIT
"#;

pub fn interface(name: &str) -> InterfaceName {
    InterfaceName::new(name).unwrap()
}

/// The node: eth0 in 10.224.0.0/16, one pod behind azv1, the other node's pods behind 10.224.0.5.
pub fn node(rules: &str) -> Host {
    let parsed = parse(rules.as_bytes(), Family::V4).unwrap_or_else(|error| unreachable!("{error}"));
    let net = |text: &str| text.parse().unwrap();
    let device = |name, addresses: &[&str], hairpin| Interface {
        name: interface(name),
        addresses: addresses.iter().map(|address| net(address)).collect(),
        hairpin,
    };
    let route = |to, via: Option<&str>, out| Route {
        destination: net(to),
        via: via.map(|via| via.parse().unwrap()),
        interface: interface(out),
        source: None,
        metric: 0,
    };
    Host {
        nft: Vec::new(),
        ipsets: std::collections::BTreeMap::new(),
        ipvs: netfilter::Ipvs::new(),
        interfaces: vec![
            device("lo", &["127.0.0.1/8", "::1/128"], true),
            device("eth0", &["10.224.0.4/16", "fd01::4/64"], true),
            device("azv1", &[], true),
            device("cbr0", &["10.245.0.1/24"], false),
        ],
        routes: vec![
            route("0.0.0.0/0", Some("10.224.0.1"), "eth0"),
            route("10.224.0.0/16", None, "eth0"),
            route("10.244.0.11/32", None, "azv1"),
            route("10.244.1.0/24", Some("10.224.0.5"), "eth0"),
            route("10.245.0.0/24", None, "cbr0"),
            route("fd01::/64", None, "eth0"),
        ],
        ipv4: parsed.ipv4.into(),
        ipv6: parsed.ipv6.into(),
        forwarding: true,
        route_localnet: true,
    }
}

/// A TCP packet from one socket address to another.
pub fn tcp(from: &str, to: &str) -> Packet {
    let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
    Packet {
        protocol: Protocol::Tcp,
        source: from.ip(),
        source_port: from.port(),
        destination: to.ip(),
        destination_port: to.port(),
        mark: 0,
    }
}

pub fn udp(from: &str, to: &str) -> Packet {
    Packet { protocol: Protocol::Udp, ..tcp(from, to) }
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Where a packet enters: an interface's name, or `sent`.
pub fn entry(text: &str) -> Entry {
    if text == "sent" { Entry::Sent } else { Entry::Received(interface(text)) }
}

/// A passage in a line: `0.5 out eth0 via 10.224.0.5 10.224.0.4:1 → 10.244.1.11:8080`.
pub fn summary(passage: &Passage) -> String {
    let outcome = match &passage.outcome {
        Outcome::Local => "local".to_owned(),
        Outcome::Out { interface, next_hop } => format!("out {} via {next_hop}", interface.as_str()),
        Outcome::Rejected(with) => format!("rejected {}", with.name(Family::V4)),
        other => format!("{other:?}").to_lowercase(),
    };
    format!("{} {outcome} {}", passage.probability, passage.packet)
}

/// The rules that matched, and whatever else happened, for messages.
pub fn story(kernel: &Kernel, passage: &Passage) -> String {
    let family = Family::of(passage.packet.destination);
    let line = |event: &Event| match event {
        Event::Matched { rule, .. } | Event::Unsupported { rule } => {
            let ruleset = kernel.ruleset(family);
            let (chain, rule) = (ruleset.chain(*rule).unwrap(), ruleset.rule(*rule).unwrap());
            rule.line(&chain.name, family, Form::Restore(MarkText::Short)).to_string()
        }
        other => format!("{other:?}"),
    };
    passage.events.iter().map(|event| format!("    {}\n", line(event))).collect()
}

/// All ways of a first packet, in lines; both evaluators are asked.
pub fn ways(kernel: &Kernel, packet: Packet, from: &str, segment: Segment, state: &State) -> Vec<String> {
    let passages = kernel.pass(packet, entry(from), segment, state);
    assert_eq!(passages, kernel.pass_naive(packet, entry(from), segment, state), "the evaluators differ");
    for passage in &passages {
        println!("{}\n{}", summary(passage), story(kernel, passage));
    }
    passages.iter().map(summary).collect()
}

/// The kernel of that node.
pub fn kernel() -> Kernel {
    Kernel::new(node(RULES)).unwrap()
}

/// Table nat with these chains and rules, and nothing else.
pub fn nat(rules: &str) -> Kernel {
    Kernel::new(node(&format!("*nat\n:X - [0:0]\n:Y - [0:0]\n{rules}\nCOMMIT\n"))).unwrap()
}

/// Table filter with these chains and rules, and nothing else.
pub fn filter(rules: &str) -> Kernel {
    Kernel::new(node(&format!("*filter\n:X - [0:0]\n:Y - [0:0]\n:Z - [0:0]\n{rules}\nCOMMIT\n"))).unwrap()
}

/// What becomes of the first packet of a TCP connection.
pub fn first(kernel: &Kernel, from: &str, source: &str, destination: &str) -> Vec<String> {
    ways(kernel, tcp(source, destination), from, Segment::Opening, &State::default())
}
