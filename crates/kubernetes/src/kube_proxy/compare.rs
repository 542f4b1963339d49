//! What a node's real rules lack of kube-proxy's, and what its chains hold besides.
//!
//! Rules are compared by what they mean to the kernel: by the text of `iptables-save`, conditions in one order.
//! Chains of others (kubelet, the network plugin, people) are not looked at, but for the jumps that kube-proxy
//! puts into built-in chains.

use super::{ChainKind, words::chains};
use netfilter::{Chain, ChainName, Family, Form, Match, Rule, RuleId, Ruleset, TableName};
use std::collections::BTreeMap;

/// How the rules of one chain differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainDifference {
    /// The table.
    pub table: TableName,
    /// The chain; a built-in one stands for kube-proxy's jumps in it.
    pub chain: ChainName,
    /// Whether the node does not have the chain at all.
    pub absent: bool,
    /// Rules that kube-proxy would write and the node does not have: ids of the generated ruleset.
    pub lacks: Vec<RuleId>,
    /// Rules that the node has and kube-proxy would not write: ids of the real ruleset.
    pub besides: Vec<RuleId>,
    /// Whether the rules that both have stand in another order, where the order decides.
    pub reordered: bool,
}

/// How two rulesets differ in what kube-proxy writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The chains that differ, by table and name.
    pub chains: Vec<ChainDifference>,
    /// How many rules both have.
    pub alike: usize,
}

/// Whether and how the order of a chain's rules counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Each Service's rules stand anywhere.
    Free,
    /// The same, but for the jump to the node ports, which is last.
    NodePortsLast,
    /// As written.
    Strict,
}

/// Compares the rules that kube-proxy would write with those of a real node.
///
/// The order of rules is free in the chains that dispatch Services, since upstream writes them in the random order
/// of a map. `KUBE-FIREWALL` is shared with kubelet: what it holds besides is not told, and where its jump stands
/// does not matter.
pub fn compare(generated: &Ruleset, real: &Ruleset, family: Family) -> Comparison {
    let mut comparison = Comparison::default();
    for table in TableName::ALL {
        let (ours, theirs) = (chains_of(generated, table), chains_of(real, table));
        let mut names: Vec<&str> = ours.keys().chain(theirs.keys()).copied().collect();
        order::sort(&mut names);
        names.dedup();
        for name in names {
            let (one, other) = (ours.get(name).copied(), theirs.get(name).copied());
            compare_chain(&mut comparison, (table, family), name, one, other);
        }
    }
    comparison
}

/// A chain and its index in the table.
type Placed<'a> = (u32, &'a Chain);

/// The chains of a table that are kube-proxy's or hold its jumps.
fn chains_of(ruleset: &Ruleset, table: TableName) -> BTreeMap<&str, Placed<'_>> {
    let chains = ruleset.tables.get(&table).map_or(&[][..], |table| &table.chains);
    let named = (0_u32..).zip(chains).map(|(i, chain)| (chain.name.as_str(), (i, chain)));
    order::map(named.filter(|(name, _)| is_ours(name) || table.is_built_in(name)))
}

/// Whether a chain is one that kube-proxy writes.
fn is_ours(chain: &str) -> bool {
    chains::ALL.contains(&chain) || ChainKind::of(chain).is_some()
}

fn order(table: TableName, chain: &str) -> Order {
    match chain {
        chains::SERVICES if table == TableName::Nat => Order::NodePortsLast,
        chains::SERVICES | chains::EXTERNAL_SERVICES | chains::NODE_PORTS | chains::PROXY_FIREWALL => {
            Order::Free
        }
        _ => Order::Strict,
    }
}

/// A rule as it is compared.
struct Entry {
    id: RuleId,
    text: String,
    target: Option<ChainName>,
}

fn compare_chain(
    comparison: &mut Comparison,
    (table, family): (TableName, Family),
    name: &str,
    generated: Option<Placed<'_>>,
    real: Option<Placed<'_>>,
) {
    let built_in = table.is_built_in(name);
    let entries = |chain: Option<Placed<'_>>| -> Vec<Entry> {
        let Some((at, chain)) = chain else { return Vec::new() };
        let rules = (0_u32..).zip(&chain.rules);
        let counts = rules.filter(|(_, rule)| !built_in || rule.target.chain().is_some_and(|to| is_ours(to)));
        let entry = |(i, rule): (u32, &Rule)| Entry {
            id: RuleId { table, chain: at, rule: i },
            text: canonical_text(rule, family),
            target: rule.target.chain().copied(),
        };
        counts.map(entry).collect()
    };
    let (ours, theirs) = (entries(generated), entries(real));
    let (lacks, kept) = without(&ours, &theirs);
    let (besides, real_kept) = without(&theirs, &ours);
    comparison.alike += kept.len();
    let is_shared =
        |entry: &&&Entry| !built_in || entry.target.is_none_or(|to| to.as_str() != chains::FIREWALL);
    let texts = |kept: &[&Entry]| -> Vec<String> {
        kept.iter().filter(|entry| is_shared(entry)).map(|entry| entry.text.clone()).collect()
    };
    let reordered = match order(table, name) {
        Order::Free => false,
        Order::Strict => texts(&kept) != texts(&real_kept),
        Order::NodePortsLast => {
            let to_node_ports =
                |entry: &&Entry| entry.target.is_some_and(|to| to.as_str() == chains::NODE_PORTS);
            theirs.iter().skip_while(|entry| !to_node_ports(entry)).any(|entry| !to_node_ports(&entry))
        }
    };
    let ids = |entries: &[&Entry]| entries.iter().map(|entry| entry.id).collect::<Vec<_>>();
    let besides = if name == chains::FIREWALL { Vec::new() } else { ids(&besides) };
    let lacks = ids(&lacks);
    let Some(chain) = generated.or(real).map(|(_, chain)| chain.name) else { return };
    if reordered || !lacks.is_empty() || !besides.is_empty() {
        let absent = real.is_none() && !built_in;
        comparison.chains.push(ChainDifference { table, chain, absent, lacks, besides, reordered });
    }
}

/// The entries of the first list that the second lacks, each as often as it lacks it, and the others.
fn without<'a>(entries: &'a [Entry], other: &[Entry]) -> (Vec<&'a Entry>, Vec<&'a Entry>) {
    let mut left: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in other {
        *left.entry(&entry.text).or_default() += 1;
    }
    entries.iter().partition(|entry| match left.get_mut(&*entry.text) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    })
}

/// The rule as `iptables-save` would print it, its conditions in one order whatever order they were written in.
fn canonical_text(rule: &Rule, family: Family) -> String {
    let mut rule = rule.clone();
    order::sort_by_key(&mut rule.matches, rank);
    rule.text(family, Form::Save).to_string()
}

/// Where a condition stands among the others; those of one kind keep their order.
fn rank(condition: &Match) -> u8 {
    match condition {
        Match::Comment(_) => 0,
        Match::Module(_)
        | Match::SourcePort { .. }
        | Match::DestinationPort { .. }
        | Match::TcpFlags { .. } => 1,
        Match::Multiport { .. } | Match::MultiportEither { .. } => 2,
        Match::SourceType { .. } => 3,
        Match::DestinationType { .. } => 4,
        Match::Mark { .. } => 5,
        Match::CtState { .. } | Match::State { .. } => 6,
        Match::Nfacct(_) | Match::Set(_) | Match::Ipvs(_) | Match::PhysdevIsIn { .. } => 7,
        Match::Statistic(_) => 8,
        Match::Recent(_) => 9,
        Match::Unsupported(_) => 10,
        // The printer has a place of its own for the conditions of the header.
        Match::Protocol { .. }
        | Match::OtherProtocol { .. }
        | Match::Source { .. }
        | Match::Destination { .. }
        | Match::InInterface { .. }
        | Match::OutInterface { .. } => 11,
    }
}
