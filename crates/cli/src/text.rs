//! Answers for people.

use crate::output::visible;
use engine::{
    Action, Assumption, FlowSummary, Header, PathOutcome, Paths, Run, RunRow, Seen, Station, StationKind,
    Step, socket,
};
use std::fmt::Write;

/// A run: one line per receiver, the count first, like `sort | uniq -c`.
pub(crate) fn run(run: &Run) -> String {
    let rows: Vec<[String; 5]> = run
        .rows
        .iter()
        .map(|row| {
            [
                row.count.to_string(),
                percent(ratio(row.count, run.requests)),
                format!("exact {}", share(row.exact)),
                receiver(row),
                sources(row),
            ]
        })
        .collect();
    let widths = columns(&rows);
    let mut out = String::new();
    for [count, sampled, exact, receiver, sources] in &rows {
        let [a, b, c, d, _] = widths;
        let a = a.max(7);
        let line = format!("{count:>a$}  {sampled:>b$}   {exact:<c$}   {receiver:<d$}   {sources}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let _ = writeln!(out, "\nsampled {} connections with seed {}", run.requests, run.seed);
    if run.affinity {
        out.push_str(
            "one client, whose connections stay together while affinity lasts; the exact shares are those of many\n",
        );
    }
    assumptions(&mut out, &run.assumptions);
    visible(&out)
}

fn receiver(row: &RunRow) -> String {
    match (&row.endpoint, row.cause) {
        (Some(endpoint), None) => endpoint.to_string(),
        (Some(endpoint), Some(cause)) => format!("{endpoint} {}: {cause}", row.verdict),
        (None, Some(cause)) => format!("{}: {cause}", row.verdict),
        (None, None) => row.verdict.to_string(),
    }
}

fn sources(row: &RunRow) -> String {
    match Seen::by([row]).words(4) {
        none if none.is_empty() => none,
        seen => format!("source {seen}"),
    }
}

/// All paths, each with its steps in short.
pub(crate) fn paths(paths: &Paths) -> String {
    let mut out = title(&paths.flow);
    for outcome in &paths.outcomes {
        path(&mut out, outcome);
    }
    assumptions(&mut out, &paths.assumptions);
    visible(&out)
}

/// One path with every step in full.
pub(crate) fn trace(paths: &Paths, seed: u64) -> String {
    let mut out = title(&paths.flow);
    for outcome in &paths.outcomes {
        let _ = writeln!(out, "\n{}   (sampled with seed {seed})", headline(outcome));
        out.push('\n');
        both_ways(&mut out, outcome);
    }
    assumptions(&mut out, &paths.assumptions);
    visible(&out)
}

/// The branch that a connection was opened by, in one line, and what its next packet meets.
pub(crate) fn later(opened: &Paths, paths: &Paths, idle: u64) -> String {
    let mut out = title(&paths.flow);
    for outcome in &opened.outcomes {
        let _ = writeln!(out, "\nopened: {}", headline(outcome));
    }
    let silence = if idle == 0 { String::new() } else { format!(", after {idle} s of silence") };
    for outcome in &paths.outcomes {
        let _ = writeln!(out, "its next packet{silence}: {}\n", headline(outcome));
        both_ways(&mut out, outcome);
    }
    assumptions(&mut out, &paths.assumptions);
    visible(&out)
}

/// The steps there, and those back where something answers.
fn both_ways(out: &mut String, outcome: &PathOutcome) {
    steps(out, &outcome.steps);
    if let Some(reply) = &outcome.reply {
        let cause = reply.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        let _ = writeln!(out, "\nreply {}{cause}\n", reply.verdict);
        steps(out, &reply.steps);
    }
}

fn title(flow: &FlowSummary) -> String {
    let from = if *flow.from == flow.source.to_string() {
        flow.from.to_string()
    } else {
        format!("{} ({})", flow.from, flow.source)
    };
    let destination = socket(flow.destination, flow.port);
    let bare = *flow.to == destination || flow.destination.is_unspecified();
    let to = if bare { flow.to.to_string() } else { format!("{} ({destination})", flow.to) };
    format!("{} from {from} to {to}\n", flow.protocol)
}

/// `50.0 % (1/2)  delivered to default/echo (10.244.0.11:8080) by node n0, which saw 10.224.0.4`.
fn headline(outcome: &PathOutcome) -> String {
    let mut line = match fraction(outcome.probability).filter(|fraction| fraction.contains('/')) {
        Some(fraction) => format!("{} ({fraction})  {}", percent(outcome.probability), outcome.verdict),
        None => format!("{}  {}", percent(outcome.probability), outcome.verdict),
    };
    if let Some(endpoint) = &outcome.endpoint {
        let address = socket(endpoint.ip, endpoint.port);
        let word = if outcome.cause.is_none() { "to" } else { "at" };
        let _ = write!(line, " {word} {endpoint} ({address})");
    }
    if let Some(cause) = outcome.cause {
        let _ = write!(line, ": {cause}");
    }
    match (&outcome.node, outcome.count) {
        (Some(node), 1) => {
            let _ = write!(line, ", by node {node}");
        }
        (Some(_), more) => {
            let _ = write!(line, ", by {more} nodes alike");
        }
        (None, _) => {}
    }
    if let Some(told) = outcome.proxy_header_source {
        let _ = write!(line, ", PROXY header {told}");
    }
    if let Some(source) = outcome.source_seen {
        let _ = write!(line, ", source seen {source}");
    }
    line
}

/// One line for each branch, alike ones folded; the rest is counted.
pub(crate) fn headlines(paths: &Paths) -> Vec<String> {
    const SHOWN: usize = 6;
    let folded = paths.clone().fold().outcomes;
    let mut lines: Vec<String> = folded.iter().take(SHOWN).map(headline).collect();
    if folded.len() > SHOWN {
        lines.push(format!("and {} more branches", folded.len() - SHOWN));
    }
    lines
}

/// Each branch in one line, and the rules that rewrote it or ended it.
pub(crate) fn deciding(paths: &Paths) -> String {
    const SHOWN: usize = 4;
    let mut out = String::new();
    for outcome in paths.outcomes.iter().take(SHOWN) {
        let _ = writeln!(out, "{}", headline(outcome));
        let reply = outcome.reply.iter().flat_map(|reply| &reply.steps);
        let ends = [outcome.steps.last(), outcome.reply.as_ref().and_then(|reply| reply.steps.last())];
        for step in outcome.steps.iter().chain(reply) {
            let is_end = outcome.cause.is_some() && ends.iter().flatten().any(|end| std::ptr::eq(*end, step));
            if !(step.rewrites() || is_end) {
                continue;
            }
            let _ = writeln!(out, "  {}: {}", place(&step.station), step.why);
            if let Some(rule) = &step.rule {
                let _ = writeln!(out, "    {}: {}", rule.place, rule.text.lines().next().unwrap_or_default());
            }
        }
    }
    if paths.outcomes.len() > SHOWN {
        let _ = writeln!(out, "and {} more branches", paths.outcomes.len() - SHOWN);
    }
    visible(&out)
}

fn path(out: &mut String, outcome: &PathOutcome) {
    let _ = writeln!(out, "\n{}", headline(outcome));
    short(out, "  ", &outcome.steps);
    almost(out, outcome);
    if let Some(reply) = &outcome.reply {
        let cause = reply.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
        let _ = writeln!(out, "  reply {}{cause}", reply.verdict);
        short(out, "    ", &reply.steps);
    }
}

/// Where a flow fails, what almost decided otherwise.
fn almost(out: &mut String, outcome: &PathOutcome) {
    const SHOWN: usize = 3;
    if outcome.cause.is_none() || outcome.endpoint.is_some() {
        return;
    }
    // The packet's end is the last step, or the look-up before it.
    let last = outcome.steps.iter().rev().take(2).find(|step| !step.near_misses.is_empty());
    for miss in last.into_iter().flat_map(|step| &step.near_misses).take(SHOWN) {
        let _ = writeln!(out, "  almost: {}: {}", miss.rule.place, miss.failed);
    }
}

/// One line per step: where, what, and what changed or else which rule it was.
fn short(out: &mut String, indent: &str, steps: &[Step]) {
    let rule = |step: &Step| step.rule.as_ref().map(|rule| rule.place.to_string()).unwrap_or_default();
    let rows: Vec<[String; 3]> = steps
        .iter()
        .map(|step| {
            let change = change(step);
            let rest = if change.is_empty() { rule(step) } else { change };
            [place(&step.station), action(step.action), rest]
        })
        .collect();
    let [a, b, _] = columns(&rows);
    for [place, action, change] in &rows {
        let line = format!("{indent}{place:<a$}  {action:<b$}  {change}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Every step in full: where and what; the packet; the rule; near misses; why.
fn steps(out: &mut String, steps: &[Step]) {
    let width = steps.len().to_string().len();
    for (number, step) in (1..).zip(steps) {
        let pad = " ".repeat(width + 3);
        let share = step
            .probability
            .filter(|share| *share < 1.0)
            .map(|share| format!("   (chosen with probability {})", self::share(share)));
        let _ = writeln!(
            out,
            "{number:>width$}.  {}: {}{}",
            place(&step.station),
            action(step.action),
            share.unwrap_or_default()
        );
        let _ = writeln!(out, "{pad} {}", step.why);
        let packet = if step.before == step.after {
            header(&step.before)
        } else {
            format!("{}  ⇒  {}", header(&step.before), header(&step.after))
        };
        let _ = writeln!(out, "{pad} packet  {packet}");
        if let Some(rule) = &step.rule {
            let _ = writeln!(out, "{pad} rule    {}", rule.place);
            for line in rule.text.lines() {
                let _ = writeln!(out, "{pad}         {line}");
            }
        }
        for miss in &step.near_misses {
            let _ = writeln!(out, "{pad} not     {}: {}", miss.rule.place, miss.failed);
            for line in miss.rule.text.lines() {
                let _ = writeln!(out, "{pad}         {line}");
            }
        }
    }
}

fn header(header: &Header) -> String {
    let source = socket(header.source, header.source_port);
    let destination = socket(header.destination, header.destination_port);
    let mark = if header.mark == 0 { String::new() } else { format!(" mark {:#x}", header.mark) };
    format!("{source} → {destination}{mark}")
}

/// The fields that a step changed.
fn change(step: &Step) -> String {
    let (before, after) = (&step.before, &step.after);
    let mut changes = Vec::new();
    let end = |name: &str, was: String, is: String| (was != is).then(|| format!("{name} {was} → {is}"));
    changes.extend(end(
        "src",
        socket(before.source, before.source_port),
        socket(after.source, after.source_port),
    ));
    changes.extend(end(
        "dst",
        socket(before.destination, before.destination_port),
        socket(after.destination, after.destination_port),
    ));
    if before.mark != after.mark {
        changes.push(format!("mark {:#x} → {:#x}", before.mark, after.mark));
    }
    changes.join(", ")
}

fn place(station: &Station) -> String {
    let kind = match station.kind {
        StationKind::Client => "client",
        StationKind::Internet => "internet",
        StationKind::VirtualNetwork => "network",
        StationKind::PublicIp => "public IP",
        StationKind::LoadBalancer => "load balancer",
        StationKind::Nsg => "NSG",
        StationKind::RouteTable => "route table",
        StationKind::NatGateway => "NAT gateway",
        StationKind::Firewall => "firewall",
        StationKind::Node => "node",
        StationKind::Pod => "pod",
        StationKind::Vm => "VM",
        StationKind::OnPremises => "on premises",
        StationKind::Dns => "DNS",
        StationKind::PrivateEndpoint => "private endpoint",
        StationKind::AzureService => "Azure service",
    };
    if station.name.is_empty() || *station.name == *kind {
        kind.to_owned()
    } else {
        format!("{kind} {}", station.name)
    }
}

/// `SelectFrontend` → `select frontend`, `SkipMasquerade` → `no masquerade`.
fn action(action: Action) -> String {
    let word = match action {
        Action::Dnat => return "DNAT".to_owned(),
        Action::Snat => return "SNAT".to_owned(),
        Action::SkipNat => return "no NAT".to_owned(),
        Action::EvaluateNsg => return "evaluate NSG".to_owned(),
        action => format!("{action:?}"),
    };
    let mut words = String::new();
    for (at, letter) in word.char_indices() {
        if at > 0 && letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    match words.strip_prefix("skip ") {
        Some(rest) => format!("no {rest}"),
        None => words,
    }
}

fn assumptions(out: &mut String, assumptions: &[Assumption]) {
    if assumptions.is_empty() {
        return;
    }
    out.push_str("\nassumed\n");
    for assumption in assumptions {
        let code = serde_json::to_value(assumption.code).unwrap_or_default();
        let _ = writeln!(out, "  {}: {}", code.as_str().unwrap_or_default(), assumption.text);
    }
}

/// The widest cell of each column, in characters.
fn columns<const N: usize>(rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|column| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    })
}

fn ratio(count: u64, of: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let ratio = count as f64 / of.max(1) as f64;
    ratio
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// A share as a fraction where it is one, else in percent.
fn share(share: f64) -> String {
    fraction(share).unwrap_or_else(|| format!("{:.3} %", share * 100.0))
}

/// `n/d` with a denominator up to 1,000, where the share is that fraction to within 1e-9.
fn fraction(share: f64) -> Option<String> {
    (1..=1000_u32).find_map(|below| {
        let above = (share * f64::from(below)).round();
        let near = (share - above / f64::from(below)).abs() < 1e-9;
        near.then(|| if below == 1 { format!("{above}") } else { format!("{above}/{below}") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_are_fractions_are_written_so() {
        for (value, expected) in [
            (1.0 / 3.0, "1/3"),
            (0.5, "1/2"),
            (0.0, "0"),
            (1.0, "1"),
            (2.0 / 7.0, "2/7"),
            (1.0 / 999.0, "1/999"),
            (0.123_456_789, "12.346 %"),
            (1.0 - 1.0 / 3.0 - 1.0 / 3.0, "1/3"),
        ] {
            assert_eq!(share(value), expected);
        }
    }

    #[test]
    fn actions_in_words() {
        assert_eq!(action(Action::SelectFrontend), "select frontend");
        assert_eq!(action(Action::SkipSocketLookup), "no socket lookup");
        assert_eq!(action(Action::Dnat), "DNAT");
    }
}
