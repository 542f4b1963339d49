//! One order for restore text whose order is partly free.

use std::collections::BTreeMap;

/// Chains, rules and deletions of one table, as lines.
#[derive(Default)]
struct Lines<'a> {
    chains: Vec<&'a str>,
    rules: Vec<(&'a str, &'a str)>,
    deletions: Vec<&'a str>,
    other: Vec<&'a str>,
}

/// Brings the restore text of kube-proxy into the order in which it is compared.
///
/// Tables by name; chains `KUBE-NODEPORTS`, `KUBE-SERVICES`, other `KUBE-` by name, the rest by name; rules
/// by chain in that order, those of the first two chains by service name with the rule that must be last
/// kept last, otherwise in the order in which they stand; deletions at the end. Lines that are no rule are
/// kept with their chain.
pub fn canonical(text: &str) -> String {
    let mut tables: BTreeMap<&str, Lines<'_>> = BTreeMap::new();
    let mut table = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
            tables.entry(name).or_default();
            continue;
        }
        if line == "COMMIT" || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let lines = tables.entry(table).or_default();
        let second = || line.split(' ').nth(1).unwrap_or_default();
        match line.split(' ').next() {
            Some(chain) if chain.starts_with(':') => lines.chains.push(line),
            Some("-A") => lines.rules.push((second(), line)),
            Some("-X") => lines.deletions.push(line),
            _ => lines.other.push(line),
        }
    }
    let mut out = String::with_capacity(text.len());
    for (name, mut lines) in tables {
        order::sort_by_key(&mut lines.chains, |line| chain_rank(line.split(' ').next().unwrap_or_default()));
        order::sort_by_key(&mut lines.rules, |(chain, line)| (chain_rank(chain), service_rank(chain, line)));
        order::sort(&mut lines.deletions);
        let rules = lines.rules.iter().map(|(_, line)| *line);
        let body = lines.other.iter().copied().chain(lines.chains).chain(rules).chain(lines.deletions);
        for line in [&*format!("*{name}")].into_iter().chain(body).chain(["COMMIT"]) {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn chain_rank(chain: &str) -> (u8, &str) {
    let name = chain.strip_prefix(':').unwrap_or(chain);
    match name {
        "KUBE-NODEPORTS" => (0, name),
        "KUBE-SERVICES" => (1, name),
        _ if name.starts_with("KUBE-") => (2, name),
        _ => (3, name),
    }
}

/// Where a rule stands among the rules of its chain.
fn service_rank<'a>(chain: &str, line: &'a str) -> (bool, &'a str) {
    if !matches!(chain, "KUBE-NODEPORTS" | "KUBE-SERVICES") {
        return (false, "");
    }
    let comment = line.split_once("--comment ").map_or("", |(_, rest)| rest);
    let comment = comment.strip_prefix('"').unwrap_or(comment);
    let name = comment.split([' ', ':', '"']).next().unwrap_or_default();
    (line.contains("must be the last rule"), name)
}
