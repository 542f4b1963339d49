//! What is put to the kernel: clusters and, for each, who calls what.
//!
//! Not one expected answer stands here: those come from the engine.

mod endpoints;
mod given;
mod policies;
mod settings;

use crate::{cluster::Cluster, flows::Question, lab::LabError};
use engine::World;
use model::{
    NodeName,
    kubernetes::{IpFamily, ProxyMode},
};
use netfilter::{Family, Form, parse};

/// A cluster and the questions to ask of it.
#[derive(Debug)]
pub(crate) struct Topology {
    /// The name in reports.
    pub(crate) name: String,
    /// The cluster.
    pub(crate) cluster: Cluster,
    /// The flows.
    pub(crate) questions: Vec<Question>,
    /// Whether its Services have session affinity: then one client's connections all go to one endpoint.
    pub(crate) sticky: bool,
    /// Commands that follow kube-proxy's in the rules of each node, for table filter and for table nat.
    pub(crate) hand_made: Option<[&'static str; 2]>,
}

impl Topology {
    fn new(name: impl Into<String>, cluster: Cluster, questions: Vec<Question>) -> Self {
        Self { name: name.into(), cluster, questions, sticky: false, hand_made: None }
    }
}

impl Topology {
    /// The same with kube-proxy in another mode; `None` where its rules were not written by kube-proxy.
    fn in_mode(&self, mode: ProxyMode) -> Option<Self> {
        let word = mode.name().to_owned();
        let cluster = self.cluster.clone().kube_proxy(|config| {
            // The same settings, where the mode has them of its own.
            config.nftables.masquerade_all = config.iptables.masquerade_all;
            config.nftables.masquerade_bit = config.iptables.masquerade_bit;
            config.mode.clone_from(&word);
        });
        let topology = Self {
            name: format!("{word}: {}", self.name),
            cluster,
            questions: self.questions.clone(),
            ..*self
        };
        self.hand_made.is_none().then_some(topology)
    }

    /// Whether its nodes are programmed with nftables.
    pub(crate) fn needs_nft(&self) -> bool {
        self.name.starts_with(ProxyMode::Nftables.name())
    }

    /// The settled cluster, with the rules of its nodes.
    pub(crate) fn world(&self) -> Result<World, LabError> {
        let mut world = World::new(&self.cluster.clone().model());
        let Some([filter, nat]) = self.hand_made else { return Ok(world) };
        let nodes: Vec<NodeName> = world.model().nodes.keys().cloned().collect();
        for node in nodes {
            let rules = world.rules(&node, IpFamily::IPv4).ok_or("the node has no rules")?;
            let own = rules.text(Family::V4, Form::Save).to_string();
            let with = |text: String, table: &str, more: &str| {
                let (before, after) = text.split_once(&format!("*{table}\n")).unwrap_or((&text, ""));
                format!("{before}*{table}\n{}", after.replacen("COMMIT\n", &format!("{more}COMMIT\n"), 1))
            };
            let text = with(with(own, "filter", filter), "nat", nat);
            let parsed = parse(text.as_bytes(), Family::V4)?;
            if let Some(found) = parsed.unmodelled.first() {
                return Err(found.to_string().into());
            }
            world = world.with_rules(&node, parsed.into())?;
        }
        Ok(world)
    }
}

/// Every topology, in the modes that a lab's kernel is sure to have.
pub(crate) fn all() -> Vec<Topology> {
    let groups =
        [policies::topologies(), endpoints::topologies(), settings::topologies(), given::topologies()];
    let topologies: Vec<Topology> = groups.into_iter().flatten().collect();
    let nftables: Vec<_> =
        topologies.iter().filter_map(|topology| topology.in_mode(ProxyMode::Nftables)).collect();
    topologies.into_iter().chain(nftables).collect()
}
