//! What is put to the kernel: clusters and, for each, who calls what.
//!
//! Not one expected answer stands here: those come from the engine.

mod endpoints;
mod policies;
mod settings;

use crate::{cluster::Cluster, flows::Question};

/// A cluster and the questions to ask of it.
#[derive(Debug)]
pub(crate) struct Topology {
    /// The name in reports.
    pub(crate) name: &'static str,
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// The flows.
    pub(crate) questions: Vec<Question>,
    /// Whether its Services have session affinity: then one client's connections all go to one endpoint.
    pub(crate) sticky: bool,
}

impl Topology {
    fn new(name: &'static str, cluster: Cluster, questions: Vec<Question>) -> Self {
        Self { name, cluster, questions, sticky: false }
    }
}

/// Every topology.
pub(crate) fn all() -> Vec<Topology> {
    let groups = [policies::topologies(), endpoints::topologies(), settings::topologies()];
    groups.into_iter().flatten().collect()
}
