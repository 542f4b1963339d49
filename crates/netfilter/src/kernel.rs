//! Provisional kernel: a plain walk.

use crate::{
    AddressType, Connection, CtState, CtStates, Entry, Event, Hook, Host, InterfaceName, Match, NatTo,
    Outcome, Packet, Passage, Policy, RejectWith, Rule, RuleId, Ruleset, Segment, Statistic, TableName,
    Target,
};
use std::{fmt, net::IpAddr};

/// Connections that a host tracks.
#[derive(Debug, Clone, Default)]
pub struct Conntrack(Vec<Connection>);

impl Conntrack {
    /// Adds a connection.
    pub fn insert(&mut self, connection: Connection) {
        self.0.push(connection);
    }
}

/// What a host remembers.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// Connections.
    pub conntrack: Conntrack,
    /// Seconds.
    pub now: u64,
}

/// Why rules cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulesetError(pub String);

impl fmt::Display for RulesetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A host whose rules can be walked.
#[derive(Debug)]
pub struct Kernel {
    host: Host,
}

#[derive(Clone)]
struct Walk {
    probability: f64,
    packet: Packet,
    events: Vec<Event>,
    input: Option<InterfaceName>,
    output: Option<InterfaceName>,
    state: CtStates,
    dnat: bool,
    snat: bool,
    original: Packet,
}

enum Verdict {
    Accept,
    Drop,
    Reject(RejectWith),
    Ambiguous,
    Return,
}

impl Kernel {
    /// Loads a host.
    pub fn new(host: Host) -> Result<Self, RulesetError> {
        Ok(Self { host })
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    fn rules(&self, packet: Packet) -> &Ruleset {
        if packet.destination.is_ipv6() { &self.host.ipv6 } else { &self.host.ipv4 }
    }

    fn is_local(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || self.host.interfaces.iter().any(|i| i.addresses.iter().any(|a| a.addr() == ip))
    }

    fn route(&self, ip: IpAddr) -> Option<(u32, InterfaceName, IpAddr)> {
        let mut best: Option<(usize, &crate::Route)> = None;
        for (i, r) in self.host.routes.iter().enumerate() {
            if r.destination.contains(&ip)
                && best.is_none_or(|(_, b)| r.destination.prefix_len() > b.destination.prefix_len())
            {
                best = Some((i, r));
            }
        }
        best.map(|(i, r)| (u32::try_from(i).unwrap_or(0), r.interface, r.via.unwrap_or(ip)))
    }

    /// Passes a packet.
    pub fn pass(&self, packet: Packet, entry: Entry, segment: Segment, state: &State) -> Vec<Passage> {
        let lo = InterfaceName::new("lo");
        let mut walk = Walk {
            probability: 1.0,
            packet,
            events: Vec::new(),
            input: match entry {
                Entry::Received(i) => Some(i),
                Entry::Sent => None,
            },
            output: None,
            state: CtStates::default(),
            dnat: false,
            snat: false,
            original: packet,
        };
        let known =
            state.conntrack.0.iter().find(|c| same(c.reply, packet) || same(c.original, packet)).copied();
        let mut opening = true;
        if let Some(c) = known {
            opening = false;
            walk.state =
                [CtState::Established].into_iter().chain(c.is_dnat().then_some(CtState::Dnat)).collect();
            walk.events.push(Event::Track(CtState::Established));
            let after = if same(c.reply, packet) { c.original.reversed() } else { c.reply.reversed() };
            if !same(after, packet) {
                walk.events.push(Event::Translate { before: packet, after });
                walk.packet = Packet { mark: packet.mark, ..after };
            }
        } else {
            let s = if segment == Segment::Answer { CtState::Invalid } else { CtState::New };
            opening = s == CtState::New;
            walk.events.push(Event::Track(s));
            walk.state = [s].into_iter().collect();
        }
        let first = if entry == Entry::Sent { Hook::Output } else { Hook::Prerouting };
        if entry == Entry::Sent {
            walk.output = if self.is_local(packet.destination) {
                lo
            } else {
                self.route(packet.destination).map(|r| r.1)
            };
        }
        let mut done = Vec::new();
        let mut walks = vec![walk];
        if opening {
            walks = self.hook(walks, TableName::Nat, first, &mut done);
        }
        if entry == Entry::Sent {
            walks = self.hook(walks, TableName::Filter, Hook::Output, &mut done);
        }
        for mut w in walks {
            let local = self.is_local(w.packet.destination);
            w.events.push(Event::Routed { route: None, local });
            if local {
                if w.packet.destination.is_loopback() && w.input.is_some() && !w.packet.source.is_loopback() {
                    done.push((w, Outcome::Martian));
                    continue;
                }
                if entry == Entry::Sent {
                    w.output = lo;
                    let mut ws = vec![w];
                    if opening {
                        ws = self.hook(ws, TableName::Nat, Hook::Postrouting, &mut done);
                    }
                    for w in &mut ws {
                        w.input = lo;
                        w.output = None;
                    }
                    let ws = self.hook(ws, TableName::Filter, Hook::Input, &mut done);
                    done.extend(ws.into_iter().map(|w| (w, Outcome::Local)));
                } else {
                    let ws = self.hook(vec![w], TableName::Filter, Hook::Input, &mut done);
                    done.extend(ws.into_iter().map(|w| (w, Outcome::Local)));
                }
                continue;
            }
            let Some((_, interface, next_hop)) = self.route(w.packet.destination) else {
                done.push((w, Outcome::NoRoute));
                continue;
            };
            w.output = Some(interface);
            let mut ws = vec![w];
            if entry != Entry::Sent {
                ws = self.hook(ws, TableName::Filter, Hook::Forward, &mut done);
            }
            if opening {
                ws = self.hook(ws, TableName::Nat, Hook::Postrouting, &mut done);
            }
            done.extend(ws.into_iter().map(|w| (w, Outcome::Out { interface, next_hop })));
        }
        done.into_iter()
            .map(|(w, outcome)| {
                let connection = known.map(|c| Connection { answered: true, ..c }).or_else(|| {
                    opening.then(|| Connection {
                        original: Packet { mark: 0, ..w.original },
                        reply: Packet { mark: 0, ..w.packet }.reversed(),
                        answered: false,
                    })
                });
                Passage {
                    probability: w.probability,
                    packet: w.packet,
                    outcome,
                    connection,
                    recent: Vec::new(),
                    events: w.events,
                }
            })
            .collect()
    }

    fn hook(
        &self,
        walks: Vec<Walk>,
        table: TableName,
        hook: Hook,
        done: &mut Vec<(Walk, Outcome)>,
    ) -> Vec<Walk> {
        let mut on = Vec::new();
        for mut w in walks {
            w.events.push(Event::Hook { hook, table });
            let rules = self.rules(w.packet);
            let chain = rules
                .tables
                .get(&table)
                .and_then(|t| t.chains.iter().position(|c| c.name.as_str() == hook.chain()));
            let Some(chain) = chain else {
                on.push(w);
                continue;
            };
            for (w, v) in self.chain(w, table, chain) {
                match v {
                    Verdict::Accept | Verdict::Return => on.push(w),
                    Verdict::Drop => done.push((w, Outcome::Dropped)),
                    Verdict::Reject(r) => done.push((w, Outcome::Rejected(r))),
                    Verdict::Ambiguous => done.push((w, Outcome::Ambiguous)),
                }
            }
        }
        on
    }

    fn chain(&self, walk: Walk, table: TableName, index: usize) -> Vec<(Walk, Verdict)> {
        let rules = self.rules(walk.packet);
        let Some(t) = rules.tables.get(&table) else { return vec![(walk, Verdict::Return)] };
        let Some(chain) = t.chains.get(index) else { return vec![(walk, Verdict::Return)] };
        let mut open = vec![walk];
        let mut out = Vec::new();
        for (r, rule) in chain.rules.iter().enumerate() {
            let id = RuleId {
                table,
                chain: u32::try_from(index).unwrap_or(0),
                rule: u32::try_from(r).unwrap_or(0),
            };
            let mut next = Vec::new();
            for w in open {
                let (p, has) = self.matches(rule, &w);
                if p <= 0.0 {
                    next.push(w);
                    continue;
                }
                if p < 1.0 {
                    let mut rest = w.clone();
                    rest.probability *= 1.0 - p;
                    next.push(rest);
                }
                let mut w = w;
                w.probability *= p;
                w.events.push(Event::Matched { rule: id, probability: has.then_some(p), packet: w.packet });
                match &rule.target {
                    Target::Jump(name) | Target::Goto(name) => {
                        let at = t.chains.iter().position(|c| c.name == *name).unwrap_or(usize::MAX);
                        for (w, v) in self.chain(w, table, at) {
                            match v {
                                Verdict::Return => next.push(w),
                                v => out.push((w, v)),
                            }
                        }
                    }
                    Target::Accept => out.push((w, Verdict::Accept)),
                    Target::Drop => out.push((w, Verdict::Drop)),
                    Target::Return => out.push((w, Verdict::Return)),
                    Target::Reject(with) => {
                        out.push((w, Verdict::Reject(with.unwrap_or(RejectWith::PortUnreachable))))
                    }
                    Target::Dnat(NatTo { first, ports, .. }) => {
                        let before = w.packet;
                        w.packet.destination = first.unwrap_or(before.destination);
                        w.packet.destination_port = ports.map_or(before.destination_port, |p| p.first);
                        w.dnat = true;
                        w.events.push(Event::Dnat { before, after: w.packet });
                        out.push((w, Verdict::Accept));
                    }
                    Target::Masquerade { .. } => {
                        let before = w.packet;
                        let own =
                            self.host.routes.iter().filter(|r| Some(r.interface) == w.output).find_map(|r| {
                                r.source.filter(|s| s.is_ipv4() == before.destination.is_ipv4())
                            });
                        let uplink =
                            self.host.routes.iter().find_map(|r| {
                                r.source.filter(|s| s.is_ipv4() == before.destination.is_ipv4())
                            });
                        w.packet.source = own.or(uplink).unwrap_or(before.source);
                        w.snat = true;
                        w.events.push(Event::Snat { before, after: w.packet, masquerade: true });
                        out.push((w, Verdict::Accept));
                    }
                    Target::OrMark(m) => mark(&mut w, &mut next, |x| x | m),
                    Target::XorMark(m) => mark(&mut w, &mut next, |x| x ^ m),
                    Target::AndMark(m) => mark(&mut w, &mut next, |x| x & m),
                    Target::SetXmark { value, mask } => mark(&mut w, &mut next, |x| (x & !mask) ^ value),
                    _ => next.push(w),
                }
            }
            open = next;
            if open.is_empty() {
                break;
            }
        }
        for w in open {
            let v = match chain.policy {
                Some(Policy::Drop) => Verdict::Drop,
                _ => Verdict::Return,
            };
            out.push((w, v));
        }
        out
    }

    fn matches(&self, rule: &Rule, w: &Walk) -> (f64, bool) {
        let mut p = 1.0;
        let mut has = false;
        for m in &rule.matches {
            let ok = match m {
                Match::Comment(_) | Match::Module(_) | Match::Nfacct(_) => true,
                Match::Protocol { not, protocol } => (w.packet.protocol == *protocol) != *not,
                Match::Source { not, net } => net.contains(w.packet.source) != *not,
                Match::Destination { not, net } => net.contains(w.packet.destination) != *not,
                Match::SourcePort { not, ports } => {
                    (ports.first <= w.packet.source_port && w.packet.source_port <= ports.last) != *not
                }
                Match::DestinationPort { not, ports } => {
                    (ports.first <= w.packet.destination_port && w.packet.destination_port <= ports.last)
                        != *not
                }
                Match::SourceType { not, kind: AddressType::Local } => self.is_local(w.packet.source) != *not,
                Match::DestinationType { not, kind: AddressType::Local } => {
                    self.is_local(w.packet.destination) != *not
                }
                Match::Mark { not, value, mask } => ((w.packet.mark & mask) == *value) != *not,
                Match::CtState { not, states } => {
                    let dnat = w.dnat && states.contains(CtState::Dnat);
                    (states.intersects(w.state) || dnat) != *not
                }
                Match::InInterface { not, name } => {
                    w.input.is_some_and(|i| interface(name.as_str(), i.as_str())) != *not
                }
                Match::Statistic(Statistic::Random { probability, .. }) => {
                    p *= probability;
                    has = true;
                    true
                }
                Match::Recent(r) => r.action == crate::RecentAction::Set,
                _ => false,
            };
            if !ok {
                return (0.0, false);
            }
        }
        (p, has)
    }
}

fn interface(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('+').map_or(pattern == name, |p| name.starts_with(p))
}

fn mark(w: &mut Walk, next: &mut Vec<Walk>, f: impl Fn(u32) -> u32) {
    let before = w.packet.mark;
    w.packet.mark = f(before);
    w.events.push(Event::Mark { before, after: w.packet.mark });
    next.push(w.clone());
}

fn same(a: Packet, b: Packet) -> bool {
    Packet { mark: 0, ..a } == Packet { mark: 0, ..b }
}
