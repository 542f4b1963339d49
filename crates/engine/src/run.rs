//! Sampling: what N connections would do, beside the exact shares.

use crate::{
    Action, Component, Endpoint, Flow, FlowError, PathOutcome, Paths, Run, RunRow, World, answer::Question,
    outcome::fold_key, state::State,
};
use model::{
    Key, NodeName,
    azure::LoadDistribution,
    kubernetes::{Protocol, SessionAffinity},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

/// SplitMix64: small, good enough for sampling, the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform below a count; 0 below none.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are far below 2^52, and the product is not negative"
    )]
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((self.unit() * count as f64) as usize).min(count.saturating_sub(1))
    }
}

impl Paths {
    /// The index of one outcome, sampled with a seed.
    pub fn sample(&self, seed: u64) -> usize {
        Sampler::new(&self.outcomes).pick(&mut Random(seed))
    }
}

impl World {
    /// One branch, sampled with a seed while it is walked, with what was assumed on it.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn trace(&self, flow: &Flow, seed: u64) -> Result<Paths, FlowError> {
        Ok(self.branches(&Question::one(flow, State::fresh(), Random(seed)))?.paths)
    }

    /// Counts of `requests` connections sampled with a seed, beside the exact shares.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn run(&self, flow: &Flow, requests: u64, seed: u64) -> Result<Run, FlowError> {
        let paths = self.overview(flow)?;
        Ok(self.run_of(flow, &paths, requests, seed))
    }

    /// The same, with so many seconds from one connection to the next: long enough, and session affinity forgets
    /// the client.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn run_every(&self, flow: &Flow, requests: u64, seed: u64, interval: u64) -> Result<Run, FlowError> {
        let paths = self.overview(flow)?;
        Ok(self.sampled(flow, &paths, requests, seed, interval))
    }

    /// The same, where each connection stays open for so many seconds and is then closed with FIN: connections take
    /// outbound ports from one another.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn run_held(
        &self,
        flow: &Flow,
        (requests, interval): (u64, u64),
        hold: u64,
        seed: u64,
    ) -> Result<Run, FlowError> {
        let mut paths = self.paths(flow)?;
        let mut counts = vec![0_u64; paths.outcomes.len()];
        let mut state = State::default();
        for request in 0..requests {
            let random = Random::new(seed.wrapping_add(request));
            let asked = self.branches(&Question::one(flow, Arc::new(state.clone()), random))?;
            let Some((outcome, effects)) = asked.branch(0) else { break };
            let known = paths.outcomes.iter().position(|known| ends_alike(known, outcome));
            let place = known.unwrap_or_else(|| {
                // No share of a cluster that has seen nothing yet.
                paths.outcomes.push(PathOutcome { probability: 0.0, ..outcome.clone() });
                counts.push(0);
                counts.len() - 1
            });
            if let Some(count) = counts.get_mut(place) {
                *count += 1;
            }
            state.keep_for(effects, hold);
            state.wait(interval);
        }
        Ok(Run {
            requests,
            seed,
            affinity: self.is_remembered(&paths),
            rows: self.rows(flow, &paths, &counts),
            assumptions: paths.assumptions.clone(),
        })
    }

    /// The same for an answer that is already there.
    pub fn run_of(&self, flow: &Flow, paths: &Paths, requests: u64, seed: u64) -> Run {
        self.sampled(flow, paths, requests, seed, 0)
    }

    fn sampled(&self, flow: &Flow, paths: &Paths, requests: u64, seed: u64, interval: u64) -> Run {
        let affinity = self.is_remembered(paths);
        let sample = Sample { requests, seed, interval };
        let followed = if affinity { self.follow_client(flow, paths, sample) } else { None };
        let counts = followed.unwrap_or_else(|| independent(paths, sample));
        Run {
            requests,
            seed,
            affinity,
            rows: self.rows(flow, paths, &counts),
            assumptions: paths.assumptions.clone(),
        }
    }

    /// Connections of one client, each walked with what the ones before it left behind: the lists of session
    /// affinity on the nodes, and what the load balancer's hash of addresses was found to give. Each is closed
    /// before the next one. `None` where the flow cannot be asked about.
    fn follow_client(&self, flow: &Flow, paths: &Paths, sample: Sample) -> Option<Vec<u64>> {
        let mut counts = vec![0_u64; paths.outcomes.len()];
        let mut random = Random(sample.seed);
        let mut state = State::default();
        if paths.outcomes.iter().any(|outcome| outcome.count > 1) {
            // Too many branches to walk all of them for each connection that leaves something behind.
            for _ in 0..sample.requests {
                let question = Question::one(flow, Arc::new(state.clone()), Random(random.next()));
                let asked = self.branches(&question).ok()?;
                let (outcome, effects) = asked.branch(0)?;
                count(&mut counts, paths, outcome)?;
                state.remember(effects);
                state.wait(sample.interval);
            }
            return Some(counts);
        }
        let ask = |state: &State| self.branches(&Question::new(flow, Arc::new(state.clone()))).ok();
        let mut asked = ask(&state)?;
        let mut sampler = Sampler::new(&asked.paths.outcomes);
        for request in 0..sample.requests {
            let (outcome, effects) = asked.branch(sampler.pick(&mut random))?;
            count(&mut counts, paths, outcome)?;
            let changes = state.is_news(effects) || sample.interval > 0;
            if changes && request + 1 < sample.requests {
                state.remember(effects);
                state.wait(sample.interval);
                asked = ask(&state)?;
                sampler = Sampler::new(&asked.paths.outcomes);
            }
        }
        Some(counts)
    }

    /// Whether a connection can depend on the one before it: session affinity by client address, or a load
    /// balancer that hashes addresses only.
    fn is_remembered(&self, paths: &Paths) -> bool {
        let summary = &paths.flow;
        let protocol = if summary.protocol == "udp" { Protocol::Udp } else { Protocol::Tcp };
        let by_address = match self.cloud.select(summary.destination, summary.port, protocol) {
            azure::Selected::Rule(selection) => selection.distribution() != LoadDistribution::Default,
            _ => false,
        };
        by_address
            || paths.outcomes.iter().flat_map(service_of).any(|key| {
                self.model
                    .services
                    .get(&key)
                    .is_some_and(|service| service.spec.session_affinity == Some(SessionAffinity::ClientIP))
            })
    }

    fn rows(&self, flow: &Flow, paths: &Paths, counts: &[u64]) -> Vec<RunRow> {
        let mut rows: BTreeMap<_, RunRow> = BTreeMap::new();
        for (outcome, count) in paths.outcomes.iter().zip(counts) {
            let delivered = outcome.cause.is_none();
            let endpoint = outcome.endpoint.clone();
            let key = (!delivered, endpoint.clone(), outcome.verdict, outcome.cause);
            let row = rows.entry(key).or_insert_with(|| RunRow {
                verdict: outcome.verdict,
                cause: outcome.cause,
                node: endpoint.as_ref().and_then(|endpoint| self.node_of(endpoint)),
                endpoint,
                sources_seen: Vec::new(),
                more_sources: 0,
                count: 0,
                exact: 0.0,
            });
            row.count += count;
            row.exact += outcome.probability;
            row.sources_seen.extend(outcome.source_seen);
            if outcome.source_seen.is_some_and(|ip| ip != paths.flow.source) {
                row.more_sources += outcome.count - 1;
            }
        }
        for endpoint in self.idle_endpoints(flow, paths) {
            let key = (false, Some(endpoint.clone()), crate::Verdict::Delivered, None);
            rows.entry(key).or_insert_with(|| RunRow {
                verdict: crate::Verdict::Delivered,
                cause: None,
                node: self.node_of(&endpoint),
                endpoint: Some(endpoint),
                sources_seen: Vec::new(),
                more_sources: 0,
                count: 0,
                exact: 0.0,
            });
        }
        let mut rows: Vec<RunRow> = rows.into_values().collect();
        for row in &mut rows {
            order::sort(&mut row.sources_seen);
            row.sources_seen.dedup();
        }
        rows
    }

    /// The node on which an endpoint runs.
    fn node_of(&self, endpoint: &Endpoint) -> Option<NodeName> {
        let pod = endpoint.pod.as_ref().and_then(|key| self.model.pods.get(key));
        pod.map(|pod| NodeName::from(pod.spec.node_name.as_str())).or_else(|| endpoint.node.clone())
    }

    /// Ready endpoints of the flow's Service that no branch reaches. Controllers of Ingresses are on the way: their
    /// Service has none that are idle.
    fn idle_endpoints(&self, flow: &Flow, paths: &Paths) -> Vec<Endpoint> {
        let (proxied, direct): (Vec<_>, Vec<_>) =
            paths.outcomes.iter().partition(|outcome| is_proxied(outcome));
        let asked = match &flow.to {
            crate::Place::Service(key) if proxied.is_empty() => Some(key.clone()),
            _ => None,
        };
        let services: BTreeSet<Key> = order::set(direct.into_iter().flat_map(service_of).chain(asked));
        let mut idle = Vec::new();
        for (key, slice) in &self.model.endpoint_slices {
            let is_of = |own: &&Key| own.namespace == key.namespace && slice.service() == Some(&own.name);
            let Some(service) = services.iter().find(is_of) else { continue };
            let ports = self.target_ports(service, flow.port, slice);
            let ready = slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready.unwrap_or(true));
            for ip in ready.filter_map(|endpoint| endpoint.addresses.first()?.parse::<IpAddr>().ok()) {
                if ip.is_ipv4() != paths.flow.destination.is_ipv4() {
                    continue;
                }
                let pod = match self.topology.owner(ip) {
                    Some(crate::topology::AddressOwner::Pod(key)) => Some(key.clone()),
                    _ => None,
                };
                let host = pod.is_none().then(|| ip.to_string());
                idle.extend(ports.iter().map(|port| Endpoint {
                    pod: pod.clone(),
                    node: None,
                    host: host.clone(),
                    ip,
                    port: *port,
                }));
            }
        }
        idle
    }

    /// The endpoints' ports behind a Service's port.
    fn target_ports(&self, service: &Key, port: u16, slice: &model::kubernetes::EndpointSlice) -> Vec<u16> {
        let Some(service) = self.model.services.get(service) else { return Vec::new() };
        let asked = service.spec.ports.iter().filter(|entry| entry.port == port || entry.node_port == port);
        let names: BTreeSet<&str> = order::set(asked.map(|entry| entry.name.as_str()));
        let ports =
            slice.ports.iter().filter(|entry| names.contains(entry.name.as_deref().unwrap_or_default()));
        ports.filter_map(|entry| entry.port).collect()
    }
}

/// Whether a receiver on the way read the request and did something about it.
fn is_proxied(outcome: &PathOutcome) -> bool {
    let before = outcome.steps.split_last().map(|(_, before)| before);
    before.into_iter().flatten().any(|step| step.action == Action::Deliver)
}

/// The Services whose rules an outcome's steps name.
fn service_of(outcome: &PathOutcome) -> impl Iterator<Item = Key> + '_ {
    let rules = outcome
        .steps
        .iter()
        .filter(|step| step.component == Component::KubeProxy && step.action != Action::SkipMasquerade)
        .filter_map(|step| step.rule.as_ref()?.object.as_ref());
    let services = rules.filter(|object| object.kind == model::Kind::Service).map(model::ObjectRef::key);
    order::set(services).into_iter()
}

/// How connections are sampled.
#[derive(Clone, Copy)]
struct Sample {
    requests: u64,
    seed: u64,
    /// Seconds from one to the next.
    interval: u64,
}

/// Connections of which each is a new choice: how often each outcome came up.
fn independent(paths: &Paths, sample: Sample) -> Vec<u64> {
    let sampler = Sampler::new(&paths.outcomes);
    let mut random = Random(sample.seed);
    let mut counts = vec![0_u64; paths.outcomes.len()];
    for _ in 0..sample.requests {
        if let Some(count) = counts.get_mut(sampler.pick(&mut random)) {
            *count += 1;
        }
    }
    counts
}

/// Counts a connection for the outcome that is the same to whoever counts, or stands for it.
fn count(counts: &mut [u64], paths: &Paths, outcome: &PathOutcome) -> Option<()> {
    let source = paths.flow.source;
    let stands_for = |known: &PathOutcome| {
        let folds = || known.count > 1 && fold_key(known, source) == fold_key(outcome, source);
        ends_alike(known, outcome) || folds()
    };
    let place = paths.outcomes.iter().position(stands_for)?;
    *counts.get_mut(place)? += 1;
    Some(())
}

/// Whether two outcomes are the same to whoever counts them.
fn ends_alike(one: &PathOutcome, other: &PathOutcome) -> bool {
    (&one.endpoint, &one.node, one.verdict, one.cause, one.source_seen)
        == (&other.endpoint, &other.node, other.verdict, other.cause, other.source_seen)
}

/// Picks outcomes by their probability.
pub(crate) struct Sampler {
    /// Running sums.
    sums: Vec<f64>,
}

impl Sampler {
    pub(crate) fn new<'a>(outcomes: impl IntoIterator<Item = &'a PathOutcome>) -> Self {
        let mut sum = 0.0;
        let sums = outcomes.into_iter().map(|outcome| {
            sum += outcome.probability;
            sum
        });
        Self { sums: sums.collect() }
    }

    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let point = random.unit() * total;
        self.sums.partition_point(|sum| *sum <= point).min(self.sums.len().saturating_sub(1))
    }
}
