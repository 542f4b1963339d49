//! Sampling: what N connections would do, beside the exact shares.

use crate::{Action, Component, Endpoint, Flow, FlowError, PathOutcome, Paths, Run, RunRow, World};
use model::{Key, NodeName, kubernetes::SessionAffinity};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

/// SplitMix64: small, good enough for sampling, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform in [0, 1).
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Paths {
    /// The index of one outcome, sampled with a seed.
    pub fn sample(&self, seed: u64) -> usize {
        Sampler::new(self).pick(&mut Random(seed))
    }
}

impl World {
    /// One branch, sampled with a seed, with the assumptions of the whole answer.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn trace(&self, flow: &Flow, seed: u64) -> Result<Paths, FlowError> {
        let mut paths = self.paths(flow)?;
        let chosen = paths.sample(seed);
        if chosen < paths.outcomes.len() {
            paths.outcomes = vec![paths.outcomes.swap_remove(chosen)];
        }
        Ok(paths)
    }

    /// Counts of `requests` connections sampled with a seed, beside the exact shares.
    ///
    /// # Errors
    /// As [`World::paths`].
    pub fn run(&self, flow: &Flow, requests: u64, seed: u64) -> Result<Run, FlowError> {
        let paths = self.paths(flow)?;
        Ok(self.run_of(flow, &paths, requests, seed))
    }

    /// The same for an answer that is already there.
    pub fn run_of(&self, flow: &Flow, paths: &Paths, requests: u64, seed: u64) -> Run {
        let sampler = Sampler::new(paths);
        let mut random = Random(seed);
        let mut counts = vec![0_u64; paths.outcomes.len()];
        // One client whose connections stick together: all follow the first.
        let sticky = self.is_sticky(paths).then(|| sampler.pick(&mut random));
        for _ in 0..requests {
            let chosen = sticky.unwrap_or_else(|| sampler.pick(&mut random));
            if let Some(count) = counts.get_mut(chosen) {
                *count += 1;
            }
        }
        Run { requests, seed, rows: self.rows(flow, paths, &counts), assumptions: paths.assumptions.clone() }
    }

    /// Whether one client's connections all go the same way: session affinity by client address.
    fn is_sticky(&self, paths: &Paths) -> bool {
        paths.outcomes.iter().flat_map(service_of).any(|key| {
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
                count: 0,
                exact: 0.0,
            });
            row.count += count;
            row.exact += outcome.probability;
            row.sources_seen.extend(outcome.source_seen);
        }
        for endpoint in self.idle_endpoints(flow, paths) {
            let key = (false, Some(endpoint.clone()), crate::Verdict::Delivered, None);
            rows.entry(key).or_insert_with(|| RunRow {
                verdict: crate::Verdict::Delivered,
                cause: None,
                node: self.node_of(&endpoint),
                endpoint: Some(endpoint),
                sources_seen: Vec::new(),
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

    /// Ready endpoints of the flow's Service that no branch reaches.
    fn idle_endpoints(&self, flow: &Flow, paths: &Paths) -> Vec<Endpoint> {
        let asked = match &flow.to {
            crate::Place::Service(key) => Some(key.clone()),
            _ => None,
        };
        let services: BTreeSet<Key> = order::set(paths.outcomes.iter().flat_map(service_of).chain(asked));
        let mut idle = Vec::new();
        for slice in self.model.endpoint_slices.values() {
            let Some(service) = slice.service().map(|name| Key::new(&slice.metadata.key().namespace, name))
            else {
                continue;
            };
            if !services.contains(&service) {
                continue;
            }
            let ports = self.target_ports(&service, flow.port, slice);
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

/// Picks outcomes by their probability.
struct Sampler {
    /// Running sums.
    sums: Vec<f64>,
}

impl Sampler {
    fn new(paths: &Paths) -> Self {
        let mut sum = 0.0;
        let sums = paths.outcomes.iter().map(|outcome| {
            sum += outcome.probability;
            sum
        });
        Self { sums: sums.collect() }
    }

    fn pick(&self, random: &mut Random) -> usize {
        let total = self.sums.last().copied().unwrap_or_default();
        let point = random.unit() * total;
        self.sums.partition_point(|sum| *sum <= point).min(self.sums.len().saturating_sub(1))
    }
}
