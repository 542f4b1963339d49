//! Rules of real nodes: given in place of the generated ones, and compared with them.

use crate::{
    args::{CompareFormat, FlowArguments},
    input, node_exists,
    output::{self, Done, Failure},
};
use engine::{ChainComparison, NodeRules, RulesComparison, RulesError, World};
use model::NodeName;
use netfilter::{Parsed, Unmodelled, parse_any};
use serde::Serialize;
use std::{collections::BTreeSet, fmt::Write};

/// The world with the rules of `--rules` in it.
pub(crate) fn given(mut world: World, arguments: &FlowArguments) -> Result<World, Failure> {
    let mut seen = BTreeSet::new();
    for option in &arguments.rules {
        let (node, file) = split(&world, option, arguments.via.as_deref())?;
        let used = arguments.files.iter().chain(arguments.rules.iter().filter(|other| *other != option));
        let parsed = read(file, used)?;
        warn(file, &parsed.unmodelled);
        for (family, rules) in [("IPv4", &parsed.ipv4), ("IPv6", &parsed.ipv6)] {
            if !rules.tables.is_empty() && !seen.insert((node.clone(), family)) {
                return Err(Failure::new(
                    format!("--rules: the {family} rules of {node} are given twice"),
                    "give one file for each family of a node",
                ));
            }
        }
        world = world.with_rules(&node, NodeRules::from(parsed)).map_err(|error| refused(file, &error))?;
    }
    Ok(world)
}

/// The node and the file of `[NODE=]FILE`.
fn split<'a>(world: &World, option: &'a str, via: Option<&str>) -> Result<(NodeName, &'a str), Failure> {
    let nodes = &world.model().nodes;
    if let Some((node, file)) = option.split_once('=')
        && (nodes.contains_key(node) || !std::path::Path::new(option).exists())
    {
        node_exists(world, node, "--rules")?;
        return Ok((node.into(), file));
    }
    let mut names = nodes.keys();
    match (via, names.next(), names.next()) {
        (Some(via), ..) => Ok((via.into(), option)),
        (None, Some(only), None) => Ok((only.clone(), option)),
        _ => Err(Failure::new(
            format!("--rules {option}: which node's rules are these?"),
            format!(
                "write --rules NODE={option}; {}",
                output::choices("nodes", nodes.keys().map(NodeName::as_str))
            ),
        )),
    }
}

fn read<'a>(file: &str, mut used: impl Iterator<Item = &'a String>) -> Result<Parsed, Failure> {
    if file == "-" && used.any(|other| other == "-" || other.ends_with("=-")) {
        return Err(Failure::new(
            "standard input is given twice",
            "`-` can stand for one file of documents or of rules",
        ));
    }
    let bytes = input::bytes(file)?;
    let parsed = parse_any(&bytes).map_err(|error| {
        let hint = if error.hint.is_empty() { "" } else { "\n  hint: " };
        Failure::raw(format!("{}:{}: error: {}{hint}{}\n", name(file), error.line, error.what, error.hint))
    })?;
    if parsed.ipv4.tables.is_empty() && parsed.ipv6.tables.is_empty() {
        return Err(refused(file, &RulesError::Empty));
    }
    Ok(parsed)
}

fn name(file: &str) -> &str {
    if file == "-" { "<stdin>" } else { file }
}

fn refused(file: &str, error: &RulesError) -> Failure {
    Failure::new(
        format!("{}: {error}", name(file)),
        "give what iptables-save or ip6tables-save prints on the node",
    )
}

/// Tells what could not be modelled, each with its line.
fn warn(file: &str, unmodelled: &[Unmodelled]) {
    let mut message = String::new();
    for found in unmodelled {
        // Writing to a String does not fail.
        let _ = writeln!(message, "{}:{}: warning: `{}`: {}", name(file), found.line, found.text, found.why);
    }
    output::complain(&message);
}

/// How a saved ruleset differs from what kube-proxy would write.
pub(crate) fn compare(
    world: &World,
    node: &NodeName,
    saved: &str,
    files: &[String],
    format: CompareFormat,
) -> Result<Done, Failure> {
    let parsed = read(saved, files.iter())?;
    let comparison = world.compare_rules(node, &parsed).unwrap_or_default();
    let code = u8::from(!comparison.chains.is_empty());
    let text = match format {
        CompareFormat::Json => output::json(&Compared {
            node: node.as_str(),
            comparison: &comparison,
            unmodelled: parsed.unmodelled.iter().map(Unlike::from).collect(),
        })?,
        CompareFormat::Text => {
            warn(saved, &parsed.unmodelled);
            output::visible(&in_words(node, &comparison))
        }
    };
    Ok(Done { text, code })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Compared<'a> {
    node: &'a str,
    #[serde(flatten)]
    comparison: &'a RulesComparison,
    unmodelled: Vec<Unlike<'a>>,
}

#[derive(Serialize)]
struct Unlike<'a> {
    line: u32,
    text: &'a str,
    why: &'a str,
}

impl<'a> From<&'a Unmodelled> for Unlike<'a> {
    fn from(found: &'a Unmodelled) -> Self {
        Self { line: found.line, text: &found.text, why: found.why }
    }
}

fn in_words(node: &NodeName, comparison: &RulesComparison) -> String {
    let mut out = String::new();
    for chain in &comparison.chains {
        chain_in_words(&mut out, chain);
    }
    let sum = |count: fn(&ChainComparison) -> usize| comparison.chains.iter().map(count).sum::<usize>();
    let (lacks, besides) = (sum(|chain| chain.lacks.len()), sum(|chain| chain.besides.len()));
    // Writing to a String does not fail, here and below.
    let _ = match comparison.chains.len() {
        0 => writeln!(out, "{node} has every rule that kube-proxy would write, {} in all", comparison.alike),
        chains => writeln!(
            out,
            "{node}: {} alike, {} lacking, {} besides, in {}",
            count(usize::try_from(comparison.alike).unwrap_or(usize::MAX), "rule"),
            lacks,
            besides,
            count(chains, "chain")
        ),
    };
    out
}

fn chain_in_words(out: &mut String, chain: &ChainComparison) {
    let note = match (chain.absent, chain.reordered) {
        (true, _) => "  (the node has no such chain)",
        (false, true) => "  (in another order)",
        (false, false) => "",
    };
    let _ = writeln!(out, "{} {} {}{note}", chain.tool, chain.table, chain.chain);
    for rule in &chain.lacks {
        let _ = writeln!(out, "  lacks    {rule}");
    }
    for rule in &chain.besides {
        let _ = writeln!(out, "  besides  {}  (line {})", rule.text, rule.line);
    }
    out.push('\n');
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
