//! Flows as Mermaid diagrams: one branch as a sequence, all branches as a flowchart.

use crate::layout::words;
use engine::{PathOutcome, Paths, Station, StationKind, Step};
use std::{collections::BTreeMap, fmt::Write as _};

/// One branch as a sequence diagram: a message where the packet travels, a note where its header changes.
pub fn sequence(outcome: &PathOutcome) -> String {
    let mut diagram = Sequence { ids: BTreeMap::new(), head: String::new(), body: String::new() };
    diagram.way(&outcome.steps, "->>");
    match &outcome.reply {
        Some(reply) => diagram.way(&reply.steps, "-->>"),
        None => diagram.lost(outcome),
    }
    format!("sequenceDiagram\n{}{}", diagram.head, diagram.body)
}

struct Sequence<'a> {
    ids: BTreeMap<&'a Station, usize>,
    head: String,
    body: String,
}

impl<'a> Sequence<'a> {
    fn id(&mut self, station: &'a Station) -> usize {
        let next = self.ids.len();
        *self.ids.entry(station).or_insert_with(|| {
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(self.head, "    participant s{next} as {}", label(station));
            next
        })
    }

    fn way(&mut self, steps: &'a [Step], arrow: &str) {
        let mut previous: Option<&Step> = None;
        for step in steps {
            let here = self.id(&step.station);
            if let Some(before) = previous.filter(|before| before.station != step.station) {
                let from = self.id(&before.station);
                let header = escape(&words::header(step.before));
                let _ = writeln!(self.body, "    s{from}{arrow}s{here}: {header}");
            }
            for change in words::changes(step.before, step.after) {
                let _ = writeln!(self.body, "    Note over s{here}: {}", escape(&change));
            }
            previous = Some(step);
        }
    }

    fn lost(&mut self, outcome: &'a PathOutcome) {
        let Some(step) = outcome.steps.last() else { return };
        let here = self.id(&step.station);
        let _ = writeln!(self.body, "    Note over s{here}: {}", escape(&end(outcome)));
    }
}

/// All branches as a flowchart: shares on the edges, ends without an answer marked. What branches have in common is
/// drawn once; a station that a packet comes to twice stays two, or its way could not be told from the arrows.
pub fn flowchart(paths: &Paths) -> String {
    let mut ids: BTreeMap<(String, usize), usize> = BTreeMap::new();
    let mut nodes = String::new();
    let mut edges: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let mut id = |text: String, visit: usize, shape: (&str, &str), nodes: &mut String| {
        let next = ids.len();
        *ids.entry((text.clone(), visit)).or_insert_with(|| {
            let _ = writeln!(nodes, "    n{next}{}\"{text}\"{}", shape.0, shape.1);
            next
        })
    };
    for outcome in &paths.outcomes {
        let mut previous: Option<usize> = None;
        let mut stations: Vec<&Station> = outcome.steps.iter().map(|step| &step.station).collect();
        stations.dedup();
        for (at, station) in stations.iter().enumerate() {
            let shape = match station.kind {
                StationKind::Client | StationKind::Internet => ("([", "])"),
                StationKind::Pod => ("(", ")"),
                _ => ("[", "]"),
            };
            let visit = stations.iter().take(at).filter(|before| *before == station).count();
            let here = id(label(station), visit, shape, &mut nodes);
            if let Some(previous) = previous {
                *edges.entry((previous, here)).or_default() += outcome.probability;
            }
            previous = Some(here);
        }
        if outcome.endpoint.is_none()
            && let Some(previous) = previous
        {
            let here = id(escape(&end(outcome)), 0, ("{{", "}}"), &mut nodes);
            *edges.entry((previous, here)).or_default() += outcome.probability;
        }
    }
    let mut out = format!("flowchart LR\n{nodes}");
    for ((from, to), share) in edges {
        let share = if share > 1.0 - 1e-9 {
            String::new()
        } else {
            format!("|\"{}\"|", escape(&words::percent(share)))
        };
        let _ = writeln!(out, "    n{from} -->{share} n{to}");
    }
    out
}

fn end(outcome: &PathOutcome) -> String {
    let cause = outcome.cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{}{cause}", words::verdict(outcome.verdict))
}

fn label(station: &Station) -> String {
    escape(&format!("{} {}", crate::layout::station_words(station.kind), station.name))
}

/// Mermaid's entity codes for everything that could end or restyle a label.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in crate::measure::visible(text).chars() {
        match letter {
            '#' | ';' | '"' | '<' | '>' | '&' | '`' | '%' | '{' | '}' => {
                let _ = write!(out, "#{};", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out
}
