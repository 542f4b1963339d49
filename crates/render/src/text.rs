//! One branch as plain text, to paste into a ticket or a chat.

use crate::{layout::words, measure::visible};
use engine::{PathOutcome, Paths, Step};
use std::fmt::Write as _;

/// One branch: a headline, then its steps by station, each with header changes, rule and reason.
pub fn branch(paths: &Paths, outcome: &PathOutcome) -> String {
    let flow = &paths.flow;
    let mut out = String::new();
    let mut line = |text: &str| {
        out.push_str(&visible(text));
        out.push('\n');
    };
    let address = if flow.destination.is_unspecified() {
        String::new()
    } else {
        format!(" ({})", words::socket(flow.destination, flow.port))
    };
    line(&format!("{} {} to {}{address}", flow.protocol.to_uppercase(), flow.from, flow.to));
    line(&headline(outcome));
    steps(&mut line, &outcome.steps);
    if let Some(reply) = &outcome.reply {
        line("");
        let cause = reply.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
        line(&format!("Reply: {}{cause}", words::verdict(reply.verdict)));
        steps(&mut line, &reply.steps);
    }
    if !paths.assumptions.is_empty() {
        line("");
        line("Assumed:");
        for assumption in &paths.assumptions {
            line(&format!("  {}", assumption.text));
        }
    }
    out
}

fn headline(outcome: &PathOutcome) -> String {
    let mut text = format!("{}: {}", words::percent(outcome.probability), words::verdict(outcome.verdict));
    // Writing to a String cannot fail.
    if let Some(endpoint) = &outcome.endpoint {
        let _ = write!(text, " to {endpoint} at {}", words::socket(endpoint.ip, endpoint.port));
    }
    if let Some(cause) = outcome.cause {
        let _ = write!(text, " ({cause})");
    }
    if let Some(source) = outcome.source_seen {
        let _ = write!(text, ", which sees {source}");
    }
    if let Some(told) = outcome.proxy_header_source {
        let _ = write!(text, " and a PROXY header with {told}");
    }
    text
}

fn steps(line: &mut impl FnMut(&str), steps: &[Step]) {
    let mut station = None;
    for (index, step) in steps.iter().enumerate() {
        if station != Some(&step.station) {
            let kind = crate::layout::station_words(step.station.kind);
            line("");
            line(&format!("{kind} {}", step.station.name));
            station = Some(&step.station);
        }
        line(&format!("{:>3}. {}", index + 1, step.why));
        for change in words::changes(step.before, step.after) {
            line(&format!("     {change}"));
        }
        if let Some(rule) = &step.rule {
            line(&format!("     {}: {}", rule.place, rule.text));
        }
    }
}
