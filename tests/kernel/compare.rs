//! The engine's outcomes beside what the kernel did.

use crate::{
    agent::Transport,
    socket::{Answer, Answers},
};
use engine::{Cause, PathOutcome, Paths, Verdict};
use std::{fmt, fmt::Write, net::IpAddr};

/// What a client sees of an outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight {
    /// An answer from this server, which saw this source.
    Answered {
        /// The server.
        by: String,
        /// The source that it saw.
        source: IpAddr,
    },
    /// A RST or an ICMP "port unreachable": a client cannot tell which.
    Refused,
    /// Nothing.
    Silence,
    /// An ICMP error, or nothing: sockets of UDP and ICMP do not hear of unreachable hosts.
    Unreachable,
    /// The engine has no answer; the lab has no flow of which that would be right.
    Unknown,
}

impl Sight {
    fn of(outcome: &PathOutcome) -> Self {
        match (outcome.verdict, &outcome.endpoint, outcome.source_seen) {
            (Verdict::Delivered, Some(endpoint), Some(source)) => {
                Self::Answered { by: name_of(endpoint), source }
            }
            (Verdict::Refused | Verdict::Rejected, ..) => Self::Refused,
            (Verdict::Dropped, ..) => Self::Silence,
            (Verdict::Unreachable | Verdict::Looped, ..) => Self::Unreachable,
            (Verdict::Ambiguous | Verdict::Delivered, ..) => Self::Unknown,
        }
    }

    fn admits(&self, answer: &Answer, transport: Transport) -> bool {
        match (self, answer) {
            (Self::Answered { by, source }, Answer::Answered { by: who, source: seen }) => {
                by == who && source == seen
            }
            (Self::Refused, Answer::Refused)
            | (Self::Silence, Answer::Silence)
            | (Self::Unreachable, Answer::Unreachable) => true,
            (Self::Unreachable, Answer::Silence) => transport != Transport::Tcp,
            _ => false,
        }
    }
}

/// The name that the server of an endpoint answers with in the lab.
fn name_of(endpoint: &engine::Endpoint) -> String {
    endpoint.to_string()
}

impl fmt::Display for Sight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered { by, source } => write!(f, "{by} saw {source}"),
            Self::Refused => f.write_str("refused"),
            Self::Silence => f.write_str("silence"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Unknown => f.write_str("no answer of the engine"),
        }
    }
}

/// Whether Azure and no kernel decides the flow, or a part of it: the lab has nothing to say about it.
pub(crate) fn is_decided_by_azure(paths: &Paths) -> bool {
    let by_azure = |cause| {
        matches!(
            cause,
            Cause::NoLoadBalancerRule
                | Cause::EmptyBackendPool
                | Cause::AllProbesDown
                | Cause::NsgDenied
                | Cause::LoadBalancerHairpin
                | Cause::NoOutbound
        )
    };
    paths.outcomes.iter().any(|outcome| outcome.cause.is_some_and(by_azure))
}

/// What clients of one flow should see, each sight with its exact share and what decided it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Expected {
    sights: Vec<(Sight, f64, String)>,
}

impl Expected {
    /// From the engine's answer: outcomes that look alike to the client count as one.
    pub(crate) fn of(paths: &Paths) -> Self {
        let mut expected = Self::default();
        for outcome in &paths.outcomes {
            expected.add(Sight::of(outcome), outcome.probability, &decided(outcome));
        }
        expected
    }

    /// Adds an outcome.
    pub(crate) fn add(&mut self, sight: Sight, share: f64, decided: &str) {
        match self.sights.iter_mut().find(|(known, ..)| *known == sight) {
            Some((_, sum, _)) => *sum += share,
            None => self.sights.push((sight, share, decided.into())),
        }
    }

    /// Whether every client sees the same.
    pub(crate) fn is_certain(&self) -> bool {
        self.sights.len() == 1
    }

    /// The share of clients that see nothing.
    pub(crate) fn silence(&self) -> f64 {
        let silent = |sight: &Sight| matches!(sight, Sight::Silence | Sight::Unreachable);
        self.sights.iter().filter(|(sight, ..)| silent(sight)).map(|(_, share, _)| share).sum()
    }

    /// Says what differs, if anything does.
    ///
    /// `from` are the addresses that the clients used in turn: a server that saw a client's own address counts as
    /// having seen the first one's, which is the one that the engine was asked about.
    pub(crate) fn mismatch(
        &self,
        answers: &Answers,
        from: &[IpAddr],
        transport: Transport,
    ) -> Option<String> {
        let mut counts = vec![0; self.sights.len()];
        let mut strange = Vec::new();
        let mut clients = 0;
        for (at, of_client) in answers.iter().enumerate() {
            let own = from.get(at % from.len().max(1)).copied();
            let seen: Vec<_> =
                of_client.iter().map(|answer| as_first_client(answer, own, from.first())).collect();
            if seen.windows(2).any(|pair| pair.first() != pair.last()) {
                let seen: Vec<_> = seen.iter().map(ToString::to_string).collect();
                strange.push(format!("one client got different answers: {}", seen.join(", ")));
            }
            clients += 1;
            let Some(first) = seen.first() else { continue };
            let slot = self.sights.iter().position(|(sight, ..)| sight.admits(first, transport));
            match slot.and_then(|slot| counts.get_mut(slot)) {
                Some(count) => *count += 1,
                None => strange.push(first.to_string()),
            }
        }
        let improbable = self
            .sights
            .iter()
            .zip(&counts)
            .any(|((_, share, _), &count)| chance_of_as_extreme(clients, count, *share) < FALSE_ALARM);
        if clients > 0 && strange.is_empty() && !improbable {
            return None;
        }
        Some(self.table(clients, &counts, &strange))
    }

    fn table(&self, clients: u32, counts: &[u32], strange: &[String]) -> String {
        let mut text = String::new();
        for ((sight, share, decided), count) in self.sights.iter().zip(counts) {
            let _ = writeln!(text, "engine: share {share:.4} {sight}; kernel: {count} of {clients}");
            text += decided;
        }
        let mut sorted = strange.to_vec();
        sorted.sort_unstable();
        let kinds: Vec<_> = sorted.chunk_by(|a, b| a == b).collect();
        for same in kinds.iter().take(MOST_KINDS) {
            let _ = writeln!(text, "kernel: {} × {}", same.len(), same.first().map_or("", |what| what));
        }
        if let Some(more) = kinds.len().checked_sub(MOST_KINDS).filter(|more| *more > 0) {
            let _ = writeln!(text, "kernel: {more} kinds of answers more");
        }
        text
    }
}

/// Most kinds of unforeseen answers that are printed.
const MOST_KINDS: usize = 8;

fn as_first_client(answer: &Answer, own: Option<IpAddr>, first: Option<&IpAddr>) -> Answer {
    match (answer, first) {
        (Answer::Answered { by, source }, Some(&first)) if Some(*source) == own => {
            Answer::Answered { by: by.clone(), source: first }
        }
        _ => answer.clone(),
    }
}

/// The steps that decided, with their rules.
fn decided(outcome: &PathOutcome) -> String {
    let mut text = String::new();
    if let Some(cause) = outcome.cause {
        let _ = writeln!(text, "    cause {cause}");
    }
    let reply = outcome.reply.iter().flat_map(|reply| &reply.steps);
    for step in outcome.steps.iter().chain(reply) {
        if let Some(rule) = &step.rule {
            let _ = writeln!(text, "    {}: {} {}", step.station.name, rule.place, rule.text);
        }
    }
    text
}

/// A share is refused if a count at least as far out had less chance than this. A run makes under 2,000 such
/// comparisons, so a run of a true engine fails by chance once in 50,000 runs.
const FALSE_ALARM: f64 = 1e-8;

/// The chance of a count at least as far out as this one, on either side, among `clients` with the given share.
fn chance_of_as_extreme(clients: u32, count: u32, share: f64) -> f64 {
    let (hit, miss) = (share.clamp(0.0, 1.0), 1.0 - share.clamp(0.0, 1.0));
    if miss < 1e-12 {
        return if count == clients { 1.0 } else { 0.0 };
    }
    if hit < 1e-12 {
        return if count == 0 { 1.0 } else { 0.0 };
    }
    let (mut below, mut above) = (0.0, 0.0);
    // The logarithm of the binomial probability of k hits, from each k to the next.
    let mut logarithm = f64::from(clients) * miss.ln();
    for k in 0..=clients {
        let chance = logarithm.exp();
        below += if k <= count { chance } else { 0.0 };
        above += if k >= count { chance } else { 0.0 };
        logarithm += (f64::from(clients - k) / f64::from(k + 1) * hit / miss).ln();
    }
    (2.0 * f64::min(below, above)).min(1.0)
}
