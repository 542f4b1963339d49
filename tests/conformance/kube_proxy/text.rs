use netfilter::*;
use std::fmt::Write;
pub(super) fn print(ruleset: &Ruleset, mark: &str) -> String {
    let mut o = String::new();
    for (n, t) in &ruleset.tables {
        let _ = writeln!(o, "*{n}");
        for c in &t.chains {
            let _ = writeln!(
                o,
                ":{} {} [0:0]",
                c.name,
                match c.policy {
                    None => "-",
                    Some(Policy::Accept) => "ACCEPT",
                    _ => "DROP",
                }
            );
        }
        for c in &t.chains {
            for r in &c.rules {
                let _ = writeln!(o, "-A {}{}", c.name, rule(r, mark));
            }
        }
        for d in &t.deletions {
            let _ = writeln!(o, "-X {d}");
        }
        o.push_str("COMMIT\n");
    }
    o
}
fn net(n: &ipnet::IpNet, not: bool) -> String {
    if n.prefix_len() == n.max_prefix_len() && !not { n.addr().to_string() } else { n.to_string() }
}
fn rule(r: &Rule, mark: &str) -> String {
    let mut o = String::new();
    let b = |not: &bool| if *not { " !" } else { "" };
    for m in &r.matches {
        match m {
            Match::Comment(c) => {
                let q = if c.contains(' ') { "\"" } else { "" };
                let _ = write!(o, " -m comment --comment {q}{c}{q}");
            }
            Match::Module(t) => {
                let _ = write!(
                    o,
                    " -m {}",
                    match t {
                        Transport::Tcp => "tcp",
                        Transport::Udp => "udp",
                        Transport::Sctp => "sctp",
                    }
                );
            }
            Match::Protocol { not, protocol } => {
                let _ = write!(o, "{} -p {protocol}", b(not));
            }
            Match::Source { not, net: n } => {
                let _ = write!(o, "{} -s {}", b(not), net(n, *not));
            }
            Match::Destination { not, net: n } => {
                let _ = write!(o, "{} -d {}", b(not), net(n, *not));
            }
            Match::DestinationPort { not, ports } => {
                let _ = write!(o, "{} --dport {}", b(not), ports.first);
            }
            Match::InInterface { not, name } => {
                let _ = write!(o, "{} -i {}", b(not), name.as_str());
            }
            Match::SourceType { .. } => o.push_str(" -m addrtype --src-type LOCAL"),
            Match::DestinationType { .. } => o.push_str(" -m addrtype --dst-type LOCAL"),
            Match::Mark { not, .. } => {
                let _ = write!(o, " -m mark{} --mark {mark}/{mark}", b(not));
            }
            Match::CtState { not, states } => {
                let l: Vec<_> = [
                    (CtState::Invalid, "INVALID"),
                    (CtState::New, "NEW"),
                    (CtState::Related, "RELATED"),
                    (CtState::Established, "ESTABLISHED"),
                    (CtState::Dnat, "DNAT"),
                ]
                .iter()
                .filter(|(s, _)| states.contains(*s))
                .map(|(_, n)| *n)
                .collect();
                let _ = write!(o, " -m conntrack{} --ctstate {}", b(not), l.join(","));
            }
            Match::Statistic(Statistic::Random { probability, .. }) => {
                let _ = write!(o, " -m statistic --mode random --probability {probability:.10}");
            }
            Match::Recent(r) => {
                let _ = match r.action {
                    RecentAction::Set => write!(o, " -m recent --name {} --set", r.name),
                    _ => write!(
                        o,
                        " -m recent --name {} --rcheck --seconds {} --reap",
                        r.name,
                        r.seconds.unwrap()
                    ),
                };
            }
            Match::Nfacct(n) => {
                let _ = write!(o, " -m nfacct --nfacct-name {n}");
            }
            other => {
                let _ = write!(o, " {other:?}");
            }
        }
    }
    let _ = match &r.target {
        Target::None => Ok(()),
        Target::Accept => write!(o, " -j ACCEPT"),
        Target::Drop => write!(o, " -j DROP"),
        Target::Return => write!(o, " -j RETURN"),
        Target::Jump(c) => write!(o, " -j {c}"),
        Target::Reject(_) => write!(o, " -j REJECT"),
        Target::Dnat(n) => write!(
            o,
            " -j DNAT --to-destination {}",
            std::net::SocketAddr::new(n.first.unwrap(), n.ports.unwrap().first)
        ),
        Target::Masquerade { random_fully, .. } => {
            write!(o, " -j MASQUERADE{}", if *random_fully { " --random-fully" } else { "" })
        }
        Target::OrMark(_) => write!(o, " -j MARK --or-mark {mark}"),
        Target::XorMark(_) => write!(o, " -j MARK --xor-mark {mark}"),
        other => write!(o, " {other:?}"),
    };
    o
}
