//! The lab judged by hand: rules and answers that need no engine. If these fail, the judge is not to be trusted.

use crate::{
    agent::Transport,
    compare::{Expected, Sight},
    lab::{Frontend, Hash, Host, Plan, Role, Server},
    run::{Clients, Trial},
};
use std::net::{IpAddr, SocketAddr};

/// Rules of node n0, with `{…}` for what differs between the families.
const RULES: &str = "*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 81 -j REJECT
-A FORWARD -d {rejected} -m conntrack --ctstate NEW -m comment --comment \"no endpoints\" -j REJECT
-A FORWARD -d {dropped} -m conntrack --ctstate NEW -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
:MARK-MASQ - [0:0]
:SPREAD - [0:0]
:STICKY - [0:0]
:A - [0:0]
:B - [0:0]
-A PREROUTING -d {spread} -j SPREAD
-A PREROUTING -d {sticky} -j STICKY
-A PREROUTING -d {single} -j A
-A PREROUTING -m addrtype --dst-type LOCAL -p tcp -m tcp --dport 30080 -j A
-A OUTPUT -d {loopback} -p tcp -m tcp --dport 30080 -j SPREAD
-A POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A POSTROUTING -j MARK --xor-mark 0x4000
-A POSTROUTING -j MASQUERADE --random-fully
-A MARK-MASQ -j MARK --or-mark 0x4000
-A SPREAD -j MARK-MASQ
-A SPREAD -m statistic --mode random --probability 0.3333333333 -j A
-A SPREAD -j B
-A STICKY -m recent --name A --rcheck --seconds 100 --reap -j A
-A STICKY -m recent --name B --rcheck --seconds 100 --reap -j B
-A STICKY -m statistic --mode random --probability 0.5 -j A
-A STICKY -j B
-A A -s {a} -j MARK-MASQ
-A A -m recent --name A --set -m tcp -p tcp -j DNAT --to-destination {a_port}
-A A -p udp -m udp -j DNAT --to-destination {a_port}
-A B -m recent --name B --set -m tcp -p tcp -j DNAT --to-destination {b_port}
-A B -p udp -m udp -j DNAT --to-destination {b_port}
COMMIT
";

struct Addresses {
    n0: IpAddr,
    n1: IpAddr,
    a: IpAddr,
    b: IpAddr,
    client: IpAddr,
    spread: IpAddr,
    sticky: IpAddr,
    rejected: IpAddr,
    dropped: IpAddr,
    single: IpAddr,
    nothing: IpAddr,
    loopback: IpAddr,
}

fn addresses() -> Option<[Addresses; 2]> {
    let of = |prefix: &str, middle: &str| {
        let ip = |last: &str| format!("{prefix}{middle}{last}").parse().ok();
        Some(Addresses {
            n0: ip("4")?,
            n1: ip("5")?,
            a: ip("10")?,
            b: ip("11")?,
            client: ip("77")?,
            spread: ip("101")?,
            sticky: ip("102")?,
            rejected: ip("103")?,
            dropped: ip("104")?,
            single: ip("105")?,
            nothing: ip("106")?,
            loopback: if prefix == "10" { "127.0.0.1" } else { "::1" }.parse().ok()?,
        })
    };
    Some([of("10", ".9.0.")?, of("fd00", "::")?])
}

fn rules(of: &Addresses) -> String {
    let host = |ip: &IpAddr| ip.to_string();
    let port = |ip: &IpAddr| SocketAddr::new(*ip, 8080).to_string();
    [
        ("{a_port}", port(&of.a)),
        ("{b_port}", port(&of.b)),
        ("{a}", host(&of.a)),
        ("{spread}", host(&of.spread)),
        ("{sticky}", host(&of.sticky)),
        ("{single}", host(&of.single)),
        ("{rejected}", host(&of.rejected)),
        ("{dropped}", host(&of.dropped)),
        ("{loopback}", host(&of.loopback)),
    ]
    .iter()
    .fold(RULES.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// The lab and its flows; `None` cannot be, it stands for a constant that does not parse.
pub(crate) fn selfcheck() -> Option<(Plan, Vec<Trial>)> {
    let families = addresses()?;
    let [v4, v6] = &families;
    let both = |pick: fn(&Addresses) -> IpAddr| vec![pick(v4), pick(v6)];
    let node = |ipv4, ipv6| Role::Node {
        pod_ranges: Vec::new(),
        bridge: Vec::new(),
        ipv4,
        ipv6,
        nft: String::new(),
        route_localnet: true,
    };
    let host = |name: &str, role, addresses| {
        let servers = vec![Server::at_any(name.into(), vec![(Transport::Tcp, 8080), (Transport::Udp, 8080)])];
        Host { name: name.into(), role, addresses, servers }
    };
    let range = |ip: IpAddr| ipnet::IpNet::from(ip);
    let n0 = Role::Node {
        pod_ranges: both(|of| of.a).into_iter().map(range).collect(),
        bridge: Vec::new(),
        ipv4: rules(v4),
        ipv6: rules(v6),
        nft: String::new(),
        route_localnet: true,
    };
    let mut n1 = node(String::new(), String::new());
    if let Role::Node { pod_ranges, .. } = &mut n1 {
        pod_ranges.extend(both(|of| of.b).into_iter().map(range));
    }
    let plan = Plan {
        hosts: vec![
            host("n0", n0, both(|of| of.n0)),
            host("n1", n1, both(|of| of.n1)),
            host("a", Role::Pod { node: "n0".into() }, both(|of| of.a)),
            host("b", Role::Pod { node: "n1".into() }, both(|of| of.b)),
            host("client", Role::Outside, both(|of| of.client)),
        ],
        hash: Hash::FiveTuple,
    };
    Some((plan, families.iter().flat_map(trials).collect()))
}

fn trials(of: &Addresses) -> Vec<Trial> {
    let saw = |by: &str, source| Sight::Answered { by: by.into(), source };
    let via = |ip| Some(Frontend::Picks(ip, "n0".into()));
    let spread_over = |ip| Some(Frontend::Spreads(ip, vec!["n0".into(), "n1".into()]));
    let sure = |sight| vec![(sight, 1.0)];
    let family = if of.a.is_ipv4() { "IPv4" } else { "IPv6" };
    let trial = |name: &str, host: &str, to, port, frontend: Option<Frontend>, sights: Vec<(Sight, f64)>| {
        [Transport::Tcp, Transport::Udp].map(|transport| {
            let mut expected = Expected::default();
            for (sight, share) in &sights {
                expected.add(sight.clone(), *share, "");
            }
            let (host, to, frontend) = (host.to_owned(), SocketAddr::new(to, port), frontend.clone());
            let name = format!("{name} {transport} {family}");
            Trial {
                name,
                host,
                from: Vec::new(),
                to,
                transport,
                expected,
                frontend,
                clients: Clients::AsNeeded,
            }
        })
    };
    let third = vec![(saw("a", of.n0), 1.0 / 3.0), (saw("b", of.n0), 2.0 / 3.0)];
    let mixed = vec![(saw("a", of.n0), 0.5 / 3.0), (saw("b", of.n0), 1.0 / 3.0), (Sight::Unreachable, 0.5)];
    let spread = of.spread;
    let mut trials: Vec<_> = [
        trial("pod to pod keeps the source", "a", of.b, 8080, None, sure(saw("b", of.a))),
        trial("node to its pod", "n0", of.a, 8080, None, sure(saw("a", of.n0))),
        trial("nobody listens", "b", of.a, 8081, None, sure(Sight::Refused)),
        trial("no such address", "b", of.nothing, 80, None, sure(Sight::Unreachable)),
        trial("by the rules of another node", "b", of.single, 80, via(of.single), sure(saw("a", of.b))),
        trial("a third and two", "client", spread, 80, via(spread), third.clone()),
        trial("half by a node without rules", "client", spread, 80, spread_over(spread), mixed),
        trial("rejected", "client", of.rejected, 80, via(of.rejected), sure(Sight::Refused)),
        trial("dropped", "client", of.dropped, 80, via(of.dropped), sure(Sight::Silence)),
    ]
    .into_iter()
    .flatten()
    .collect();
    let only_tcp = |[tcp, _]: [Trial; 2]| tcp;
    let sticky = saw("a", of.client);
    trials.extend([
        only_tcp(trial("hairpin", "a", of.n0, 30080, None, sure(saw("a", of.n0)))),
        only_tcp(trial("node port", "client", of.n0, 30080, None, sure(saw("a", of.client)))),
        only_tcp(trial("rejected by the node itself", "client", of.n0, 81, None, sure(Sight::Refused))),
        Trial {
            clients: Clients::Sticky,
            ..only_tcp(trial(
                "sticks",
                "client",
                of.sticky,
                80,
                via(of.sticky),
                vec![(sticky, 0.5), (saw("b", of.client), 0.5)],
            ))
        },
    ]);
    // route_localnet exists for IPv4 only: a packet from ::1 never leaves the host.
    let loopback = if of.a.is_ipv4() { third } else { sure(Sight::Silence) };
    trials.push(only_tcp(trial("loopback", "n0", of.loopback, 30080, None, loopback)));
    trials
}
