//! A settled cluster: every controller has run, every node is programmed.

use crate::{Assumption, Cause, Endpoint, Flow, PathOutcome, Paths, Verdict};
use model::{Model, NodeName};
use serde::Serialize;
use std::{fmt, net::IpAddr};

/// A settled cluster, ready to answer questions. Immutable: an edit makes a new one.
#[derive(Debug)]
pub struct World {
    model: Model,
}

/// Why a flow cannot be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowError {
    /// The model has no such pod, node, VM or Service.
    NotFound(String),
    /// The sender or receiver has no address.
    NoAddress(String),
    /// The two ends share no address family.
    MixedFamilies(IpAddr, IpAddr),
    /// The node of `--via` is not among those that the load balancer can pick.
    ViaNotChosen(NodeName),
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => write!(f, "there is no {what}"),
            Self::NoAddress(what) => write!(f, "{what} has no address"),
            Self::MixedFamilies(from, to) => write!(f, "{from} and {to} are of different families"),
            Self::ViaNotChosen(node) => write!(f, "the load balancer cannot pick {node} for this flow"),
        }
    }
}

impl std::error::Error for FlowError {}

/// The counts of a sampled run, beside the exact shares.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// How many connections.
    pub requests: u64,
    /// The seed of the sampling.
    pub seed: u64,
    /// One row per receiver or cause of failure, receivers in name order, failures last. A ready endpoint of the
    /// Service that gets nothing has a row with count 0.
    pub rows: Vec<RunRow>,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
}

/// One receiver, or one cause of failure.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunRow {
    /// What became of these connections.
    pub verdict: Verdict,
    /// Why they failed.
    pub cause: Option<Cause>,
    /// Who received them.
    pub endpoint: Option<Endpoint>,
    /// The node that the endpoint runs on.
    pub node: Option<NodeName>,
    /// The source addresses that it saw, in order.
    pub sources_seen: Vec<IpAddr>,
    /// How many of the sampled connections.
    pub count: u64,
    /// The exact share, 0 to 1.
    pub exact: f64,
}

impl World {
    /// Runs every controller over the model and programs every node.
    pub fn new(model: &Model) -> Self {
        Self { model: model.clone() }
    }

    /// The model with everything that the controllers filled in.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Every branch of a flow with its exact probability.
    pub fn paths(&self, _flow: &Flow) -> Result<Paths, FlowError> {
        Err(FlowError::NotFound("engine".into()))
    }

    /// One branch, sampled with a seed.
    pub fn trace(&self, _flow: &Flow, _seed: u64) -> Result<PathOutcome, FlowError> {
        Err(FlowError::NotFound("engine".into()))
    }

    /// Counts of `requests` connections sampled with a seed, beside the exact shares.
    pub fn run(&self, _flow: &Flow, _requests: u64, _seed: u64) -> Result<Run, FlowError> {
        Err(FlowError::NotFound("engine".into()))
    }
}
