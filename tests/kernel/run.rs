//! Runs the flows of one lab: all that need no other routes at once, the rest in further rounds.

use crate::{
    agent::Transport,
    compare::Expected,
    lab::{Frontend, Lab, LabError},
    socket::Probe,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

/// One flow, ready to be put to the kernel.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// What it is called in the report.
    pub(crate) name: String,
    /// The host that connects.
    pub(crate) host: String,
    /// The addresses that it connects from, in turn; empty leaves the choice to the kernel.
    pub(crate) from: Vec<IpAddr>,
    /// Where to.
    pub(crate) to: SocketAddr,
    /// The protocol.
    pub(crate) transport: Transport,
    /// What clients should see.
    pub(crate) expected: Expected,
    /// Where the fabric is to send the address that is called, if it is a frontend.
    pub(crate) frontend: Option<Frontend>,
    /// How many clients, and how many connections each opens.
    pub(crate) clients: Clients,
}

/// How often a flow is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clients {
    /// As many single connections as its shares need.
    AsNeeded,
    /// One client that connects several times and must get the same answer each time.
    Sticky,
    /// One such client at each source address; what their first connections get are the shares.
    StickyAtEach,
}

/// Connections per flow with several outcomes: tells shares of 1/3 and 1/2 apart, 1/6 and 1/4 most often.
const SAMPLE: usize = 500;
/// The same where some of them wait in vain.
const SLOW_SAMPLE: usize = 120;
/// Connections per flow with one outcome.
const CERTAIN: usize = 2;
/// Connections in a row of a client that must stick to its endpoint.
const STICKY: usize = 3;

impl Trial {
    fn probe(&self, tos: u8) -> Probe {
        let silence = self.expected.silence();
        let (clients, repeat) = match self.clients {
            Clients::Sticky => (1, STICKY),
            Clients::StickyAtEach => (self.from.len(), STICKY),
            Clients::AsNeeded if self.expected.is_certain() => (CERTAIN, 1),
            Clients::AsNeeded if silence > 0.0 => (SLOW_SAMPLE, 1),
            Clients::AsNeeded => (SAMPLE, 1),
        };
        let patience_ms = self.patience_ms(silence);
        let (transport, to, from) = (self.transport, self.to, self.from.clone());
        Probe { transport, to, from, clients, repeat, tos, patience_ms }
    }
}

impl Trial {
    /// How long an answer is waited for.
    ///
    /// Where no silence is expected, a busy machine must not look like one; a wait in vain is a mismatch anyway.
    /// An ICMP error that comes back while `connect` still holds the socket is only noted, and takes effect with
    /// the second SYN, a second later: a TCP client that gave up before would take a rejection for silence.
    fn patience_ms(&self, silence: f64) -> u64 {
        match (self.transport, self.expected.is_certain()) {
            _ if silence == 0.0 => 5000,
            (Transport::Tcp, _) => 1500,
            (Transport::Udp | Transport::Icmp, true) => 600,
            (Transport::Udp | Transport::Icmp, false) => 1000,
        }
    }
}

/// The name of a trial, and its mismatch if there is one.
pub(crate) type Verdict = (String, Option<String>);

/// Puts every trial to the kernel; the verdicts come in the order of the trials.
///
/// A mismatch is put to it once more by itself: a busy machine loses a connection in thousands now and then, and a
/// real disagreement stays.
pub(crate) fn run(lab: &mut Lab, trials: &[Trial]) -> Result<Vec<Verdict>, LabError> {
    let mut verdicts = once(lab, trials)?;
    for (verdict, trial) in verdicts.iter_mut().zip(trials) {
        if verdict.1.is_some() {
            for again in once(lab, std::slice::from_ref(trial))? {
                *verdict = again;
            }
        }
    }
    Ok(verdicts)
}

fn once(lab: &mut Lab, trials: &[Trial]) -> Result<Vec<Verdict>, LabError> {
    let mut verdicts = BTreeMap::new();
    for (frontends, round) in rounds(trials) {
        lab.point(&frontends)?;
        let mut by_host: BTreeMap<&str, Vec<(usize, &Trial)>> = BTreeMap::new();
        for (at, trial) in round {
            by_host.entry(&trial.host).or_default().push((at, trial));
        }
        for (host, trials) in &by_host {
            let mut probes = Vec::new();
            for (_, trial) in trials {
                probes.push(trial.probe(lab.tos(trial.frontend.as_ref())?));
            }
            lab.agent(host)?.start_probes(probes)?;
        }
        for (host, trials) in &by_host {
            let answers = lab.agent(host)?.answers()?;
            for ((at, trial), answers) in trials.iter().zip(&answers) {
                let mismatch = trial.expected.mismatch(answers, &trial.from, trial.transport);
                verdicts.insert(*at, (trial.name.clone(), mismatch));
            }
        }
    }
    Ok(verdicts.into_values().collect())
}

type Round<'a> = (Vec<Frontend>, Vec<(usize, &'a Trial)>);

/// Sorts trials into rounds within which every frontend leads to one place.
fn rounds(trials: &[Trial]) -> Vec<Round<'_>> {
    let mut rounds: Vec<Round<'_>> = Vec::new();
    for (at, trial) in trials.iter().enumerate() {
        let clashes = |known: &Frontend| trial.frontend.as_ref().is_some_and(|wanted| wanted.clashes(known));
        let fits = |round: &Round<'_>| !round.0.iter().any(clashes);
        let slot = rounds.iter().position(fits).unwrap_or(rounds.len());
        if slot == rounds.len() {
            rounds.push(Round::default());
        }
        if let Some((frontends, round)) = rounds.get_mut(slot) {
            frontends.extend(trial.frontend.clone().filter(|wanted| !frontends.contains(wanted)));
            round.push((at, trial));
        }
    }
    rounds
}
