//! `rules/*.json`: the payload that kube-proxy feeds to `iptables-restore`.

use super::{
    Outcome, compare,
    input::{Node, State, names, strict},
};
use kubernetes::kube_proxy::{ChainKind, Programmed, Sync, canonical};
use netfilter::ChainName;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
struct Case {
    name: String,
    description: String,
    source: String,
    sync: SyncKind,
    node: Value,
    services: Vec<Value>,
    endpointslices: Vec<Value>,
    previous: Option<Previous>,
    existing_nat_chains: Option<Vec<String>>,
    changed_services: Option<BTreeSet<String>>,
    expected_iptables: Option<String>,
    expected_chain: Option<ExpectedChain>,
    expected_destination_rule: Option<ExpectedDestination>,
    expected_lines: Option<Vec<String>>,
    expected_counts: Option<BTreeMap<String, usize>>,
    expected_chains: Option<Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SyncKind {
    Full,
    Partial,
}

#[derive(Debug, Deserialize)]
struct Previous {
    services: Vec<Value>,
    endpointslices: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct ExpectedChain {
    table: String,
    chain: String,
    rules: String,
}

#[derive(Debug, Deserialize)]
struct ExpectedDestination {
    table: String,
    chain: String,
    destination: String,
    exists: bool,
}

/// Checks one case.
pub(super) fn check(value: &Value) -> Result<Outcome, String> {
    let case: Case = strict(value)?;
    if [&case.name, &case.description, &case.source].iter().any(|text| text.is_empty()) {
        return Err("name, description and source must not be empty".into());
    }
    let node = Node::read(&case.node)?;
    let state = State::read(&case.services, &case.endpointslices)?;
    let mut file = Vec::new();
    let programmed = program(&case, &node, &state, &mut file)?;
    let text = canonical(&node.restore_text(&programmed.ruleset));
    let checks = [
        case.expected_iptables.map(|expected| compare_text(&expected, &text)),
        case.expected_chain.map(|expected| expected.check(&text)),
        case.expected_destination_rule.map(|expected| expected.check(&text, &case.services)),
        case.expected_lines.map(|expected| check_lines(&expected, &text)),
        case.expected_counts.map(|expected| check_counts(&expected, &text)),
        case.expected_chains.map(|expected| check_chains(&expected, &text)),
    ];
    if checks.iter().all(Option::is_none) {
        return Err("nothing is expected".into());
    }
    file.extend(checks.into_iter().flatten().flatten());
    Ok(Outcome { file, rows: Vec::new() })
}

/// Runs the sync that the case asks for.
fn program(
    case: &Case,
    node: &Node,
    state: &State,
    mismatches: &mut Vec<String>,
) -> Result<Programmed, String> {
    let map = state.map(node.config.family);
    let existing = case.existing_nat_chains.iter().flatten();
    let existing: Vec<ChainName> = existing
        .map(|name| ChainName::new(name).ok_or_else(|| format!("no chain name: {name}")))
        .collect::<Result<_, _>>()?;
    let mut sync = Sync { existing: &existing, ..Sync::default() };
    let Some(previous) = &case.previous else {
        if case.sync == SyncKind::Partial || case.changed_services.is_some() {
            return Err("a change needs `previous`".into());
        }
        return Ok(sync.payload(&node.config, &map));
    };
    let previous = State::read(&previous.services, &previous.endpointslices)?.map(node.config.family);
    let changed = map.changed_since(&previous);
    let expected = case.changed_services.clone().ok_or("`previous` needs `changed_services`")?;
    mismatches.extend(compare("changed_services", &expected, &names(&changed)));
    if case.sync == SyncKind::Partial {
        sync.changed = Some(&changed);
    }
    mismatches.extend(compare(
        "existing_nat_chains",
        &existing.iter().map(netfilter::ChainName::as_str).collect::<BTreeSet<_>>(),
        &generated(&kubernetes::kube_proxy::sync(&node.config, &previous)),
    ));
    Ok(sync.payload(&node.config, &map))
}

/// The chains that a payload makes per service and endpoint.
fn generated(programmed: &Programmed) -> BTreeSet<&str> {
    let chains = programmed.ruleset.tables.values().flat_map(|table| &table.chains);
    chains.map(|chain| chain.name.as_str()).filter(|name| ChainKind::of(name).is_some()).collect()
}

/// Both texts are equal to the byte; else the lines that only one of them has.
fn compare_text(expected: &str, got: &str) -> Vec<String> {
    if expected == got {
        return Vec::new();
    }
    let only = |in_this: &str, not_in: &str, sign: char| -> Vec<String> {
        let other: BTreeSet<&str> = not_in.lines().collect();
        in_this.lines().filter(|line| !other.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    let mut lines = only(expected, got, '-');
    lines.extend(only(got, expected, '+'));
    if lines.is_empty() {
        let differing = expected.lines().zip(got.lines()).find(|(expected, got)| expected != got);
        lines.push(format!("the same lines in another order, or another end: first {differing:?}"));
    }
    vec![format!("expected_iptables:\n{}", lines.join("\n"))]
}

/// The lines of one table.
fn table<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let head = format!("*{name}");
    text.lines().skip_while(|line| **line != head).take_while(|line| *line != "COMMIT").collect()
}

/// The rules of one chain.
fn rules<'a>(text: &'a str, table_name: &str, chain: &str) -> Vec<&'a str> {
    let head = format!("-A {chain} ");
    table(text, table_name).into_iter().filter(|line| line.starts_with(&head)).collect()
}

/// The chains that do not depend on Services, whether or not a payload has them.
const FIXED_CHAINS: &[&str] = &[
    "KUBE-SERVICES",
    "KUBE-EXTERNAL-SERVICES",
    "KUBE-NODEPORTS",
    "KUBE-FORWARD",
    "KUBE-PROXY-FIREWALL",
    "KUBE-FIREWALL",
    "KUBE-POSTROUTING",
    "KUBE-MARK-MASQ",
];

impl ExpectedChain {
    fn check(self, text: &str) -> Vec<String> {
        let is_table = table(text, &self.table).is_empty();
        let mut mismatches = compare("table is there", &false, &is_table);
        if !FIXED_CHAINS.contains(&self.chain.as_str()) && ChainKind::of(&self.chain).is_none() {
            mismatches.push(format!("{} is no chain of kube-proxy", self.chain));
        }
        let got: String =
            rules(text, &self.table, &self.chain).iter().map(|rule| format!("{rule}\n")).collect();
        mismatches.extend(compare(&format!("rules of {} {}", self.table, self.chain), &self.rules, &got));
        mismatches
    }
}

impl ExpectedDestination {
    fn check(self, text: &str, services: &[Value]) -> Vec<String> {
        let rules = rules(text, &self.table, &self.chain);
        let destination = format!(" -d {} ", self.destination);
        let exists = rules.iter().any(|rule| rule.contains(&destination));
        let mut mismatches =
            compare(&format!("{} has a rule for {}", self.chain, self.destination), &self.exists, &exists);
        if rules.is_empty() {
            mismatches.push(format!("{} {} has no rules at all", self.table, self.chain));
        }
        if !services.iter().any(|service| service.to_string().contains(&format!("\"{}\"", self.destination)))
        {
            mismatches.push(format!("no service has the address {}", self.destination));
        }
        mismatches
    }
}

fn check_lines(expected: &[String], text: &str) -> Vec<String> {
    let lines: BTreeSet<&str> = text.lines().collect();
    let missing = expected.iter().filter(|line| !lines.contains(line.as_str()));
    missing.map(|line| format!("expected_lines: missing {line}")).collect()
}

fn check_chains(expected: &[String], text: &str) -> Vec<String> {
    let declared = |chain: &&String| text.lines().any(|line| line == format!(":{chain} - [0:0]"));
    let missing = expected.iter().filter(|chain| !declared(chain));
    missing.map(|chain| format!("expected_chains: missing {chain}")).collect()
}

/// The keys say in words what is counted: lines that start so and contain such, and of those, how many
/// contain something else.
fn check_counts(expected: &BTreeMap<String, usize>, text: &str) -> Vec<String> {
    let quoted =
        |key: &str| -> Vec<String> { key.split('\'').skip(1).step_by(2).map(str::to_owned).collect() };
    let mut mismatches = Vec::new();
    let Some((base, count)) = expected.iter().find(|(key, _)| key.starts_with("lines starting ")) else {
        return vec!["expected_counts: nothing says which lines".into()];
    };
    let [start, contained] = &quoted(base)[..] else {
        return vec![format!("expected_counts: cannot read {base:?}")];
    };
    if *base != format!("lines starting '{start}' containing '{contained}'") {
        return vec![format!("expected_counts: cannot read {base:?}")];
    }
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with(start.as_str()) && line.contains(contained.as_str()))
        .collect();
    mismatches.extend(compare(base, count, &lines.len()));
    for (key, count) in expected.iter().filter(|(key, _)| *key != base) {
        match &quoted(key)[..] {
            [part] if *key == format!("of those, containing '{part}'") => {
                let got = lines.iter().filter(|line| line.contains(part.as_str())).count();
                mismatches.extend(compare(key, count, &got));
            }
            _ => mismatches.push(format!("expected_counts: cannot read {key:?}")),
        }
    }
    mismatches
}
