//! The packet tracer of upstream's own tests, which is not the kernel: it collects every endpoint that a
//! packet could reach and runs the filter chains of all hooks.

use super::input::Node;
use netfilter::{AddressType, Match, Protocol, RecentAction, Rule, Ruleset, TableName, Target};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A packet as the tracer knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) protocol: Protocol,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) port: u16,
}

/// What came of a packet.
#[derive(Debug, Default)]
pub(super) struct Traced {
    /// Endpoints and verdicts in rule order.
    pub(super) outputs: Vec<String>,
    /// Whether `KUBE-MARK-MASQ` was hit.
    pub(super) masquerade: bool,
    /// The rules that matched.
    pub(super) matched: Vec<Rule>,
}

/// Walks a ruleset.
pub(super) struct Tracer<'a> {
    ruleset: &'a Ruleset,
    local: Vec<IpAddr>,
    traced: Traced,
}

/// Deeper than any chain of kube-proxy; guards against loops in given rules.
const DEPTH: usize = 16;

impl<'a> Tracer<'a> {
    pub(super) fn new(ruleset: &'a Ruleset, node: &Node) -> Self {
        let loopbacks = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let local = node.config.local_addresses.iter().copied().chain(loopbacks).collect();
        Self { ruleset, local, traced: Traced::default() }
    }

    /// PREROUTING of nat with the first translation applied, then the filter chains that matter.
    pub(super) fn trace(mut self, mut probe: Probe) -> Traced {
        self.run(TableName::Nat, "PREROUTING", probe, DEPTH);
        if let Some(endpoint) = self.traced.outputs.first().and_then(|text| text.parse::<SocketAddr>().ok()) {
            probe.destination = endpoint.ip();
            probe.port = endpoint.port();
        }
        for chain in ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS", "KUBE-PROXY-FIREWALL"] {
            self.run(TableName::Filter, chain, probe, DEPTH);
        }
        self.traced
    }

    /// Whether the chain came to an end before its end.
    fn run(&mut self, table: TableName, chain: &str, probe: Probe, depth: usize) -> bool {
        let chains = self.ruleset.tables.get(&table).into_iter().flat_map(|table| &table.chains);
        let Some(chain) = chains.into_iter().find(|candidate| *candidate.name == *chain) else {
            return false;
        };
        for rule in &chain.rules {
            if !rule.matches.iter().all(|condition| self.holds(condition, probe)) {
                continue;
            }
            self.traced.matched.push(rule.clone());
            match &rule.target {
                Target::Jump(chain) if &**chain == "KUBE-MARK-MASQ" => self.traced.masquerade = true,
                Target::Jump(chain) if depth > 0 => {
                    let by_chance = rule.matches.iter().any(|word| matches!(word, Match::Statistic(_)));
                    if self.run(table, chain, probe, depth - 1) && !by_chance {
                        return true;
                    }
                }
                Target::Accept => return self.output("ACCEPT".into()),
                Target::Drop => return self.output("DROP".into()),
                Target::Reject(_) => return self.output("REJECT".into()),
                Target::Dnat(to) => {
                    let socket = to.first.zip(to.ports).map(|(ip, ports)| SocketAddr::new(ip, ports.first));
                    return self
                        .output(socket.map_or_else(|| format!("{to:?}"), |socket| socket.to_string()));
                }
                _ => {}
            }
        }
        false
    }

    fn output(&mut self, text: String) -> bool {
        self.traced.outputs.push(text);
        true
    }

    fn holds(&self, condition: &Match, probe: Probe) -> bool {
        match condition {
            Match::Protocol { not, protocol } => (*protocol == probe.protocol) != *not,
            Match::Source { not, net } => net.contains(probe.source) != *not,
            Match::Destination { not, net } => net.contains(probe.destination) != *not,
            Match::DestinationPort { not, ports } => {
                (ports.first <= probe.port && probe.port <= ports.last) != *not
            }
            Match::SourceType { not, kind: AddressType::Local } => self.local.contains(&probe.source) != *not,
            Match::DestinationType { not, kind: AddressType::Local } => {
                self.local.contains(&probe.destination) != *not
            }
            Match::CtState { .. } | Match::Mark { .. } => false,
            Match::Recent(recent) => recent.action != RecentAction::Rcheck,
            _ => true,
        }
    }
}
