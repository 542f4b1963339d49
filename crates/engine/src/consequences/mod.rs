//! What an edit brought about, in the order in which it happens: nodes, pods, EndpointSlices, kube-proxy's rules,
//! probes, backend pools, shares of flows.

mod compare;
mod words;

use crate::{Flow, RewrittenChain, World};
use model::{Key, NodeName, PoolName};
use serde::Serialize;
use std::net::IpAddr;
use wire::Wire;

/// The differences between two worlds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consequences {
    /// Nodes that came, went or changed.
    pub nodes: Vec<NodeChange>,
    /// Pods that came, went, moved or wait.
    pub pods: Vec<PodChange>,
    /// Services whose endpoints changed.
    pub endpoints: Vec<EndpointChange>,
    /// Chains that kube-proxy rewrote, nodes with the same changes together.
    pub rules: Vec<RuleChange>,
    /// Probes that get another answer.
    pub probes: Vec<ProbeChange>,
    /// Backend pools with other members.
    pub members: Vec<MemberChange>,
    /// Pools whose nodes have other outbound ports, or share them with others.
    pub outbound: Vec<OutboundChange>,
    /// Flows with other outcomes.
    pub flows: Vec<FlowChange>,
    /// Nodes whose rules were not compared because there are many.
    pub uncompared: usize,
}

/// A node before and after; absent where it was or is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeChange {
    /// The node.
    pub node: NodeName,
    /// As it was.
    pub before: Option<NodeState>,
    /// As it is.
    pub after: Option<NodeState>,
}

/// What matters of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeState {
    /// Its pool.
    pub pool: Option<PoolName>,
    /// Whether new pods are kept away.
    pub cordoned: bool,
    /// Its taints, as `kubectl taint` takes them.
    pub taints: Vec<String>,
}

/// What became of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodChange {
    /// The pod.
    pub pod: Key,
    /// What makes it: `ReplicaSet echo-6d9f8b7c54`.
    pub owner: Option<String>,
    /// Where it ran.
    pub from: Option<NodeName>,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "fate")]
pub enum Fate {
    /// It runs on a node.
    Runs {
        /// The node.
        node: NodeName,
    },
    /// It waits for a node; with the reason as `kubectl describe` gives it.
    Pending {
        /// The scheduler's sentence.
        why: String,
    },
    /// It is gone.
    Gone,
}

/// A Service's endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointChange {
    /// The Service.
    pub service: Key,
    /// Endpoints that left.
    pub left: Vec<EndpointState>,
    /// Endpoints that joined.
    pub joined: Vec<EndpointState>,
    /// Endpoints that are ready or not ready now and were the other before.
    pub turned: Vec<EndpointState>,
    /// How many are ready now.
    pub ready: usize,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointState {
    /// Its address.
    pub ip: IpAddr,
    /// The pod.
    pub pod: Option<Key>,
    /// The node.
    pub node: Option<NodeName>,
    /// Whether new connections may go there.
    pub ready: bool,
}

/// The chains that changed, and the nodes on which they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleChange {
    /// The nodes.
    pub nodes: Vec<NodeName>,
    /// Whether the nodes are new: every chain is.
    pub from_nothing: bool,
    /// The chains whose rules are others now.
    pub chains: Vec<RewrittenChain>,
}

/// A probe of one member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProbeChange {
    /// The load balancer.
    pub balancer: String,
    /// The probe.
    pub probe: String,
    /// The member.
    pub member: String,
    /// The answer that it got and whether the member counted as up; absent if it was not probed.
    pub before: Option<(String, bool)>,
    /// The same now.
    pub after: Option<(String, bool)>,
}

/// A backend pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberChange {
    /// The load balancer.
    pub balancer: String,
    /// The pool.
    pub pool: String,
    /// Members that left.
    pub left: Vec<String>,
    /// Members that joined.
    pub joined: Vec<String>,
}

/// The outbound ports of a pool before and after; absent where it has or had none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutboundChange {
    /// The load balancer.
    pub balancer: String,
    /// The pool.
    pub pool: String,
    /// As it was.
    pub before: Option<Ports>,
    /// As it is.
    pub after: Option<Ports>,
}

/// Outbound ports of one pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ports {
    /// Members that share them.
    pub members: u32,
    /// Ports of each, for each protocol: as many flows to one destination.
    pub each: u32,
    /// Why Azure refuses the allocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A flow's outcomes before and after.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowChange {
    /// `198.51.100.7 → svc/default/echo:80`.
    pub flow: String,
    /// The exact shares before, likeliest first; or why there are none.
    pub before: Result<Vec<FlowShare>, String>,
    /// The same now.
    pub after: Result<Vec<FlowShare>, String>,
}

/// What receives a share of a flow.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowShare {
    /// The receiver, or the verdict and cause of failure.
    pub receiver: String,
    /// The exact share, 0 to 1.
    pub share: f64,
}

/// One stage of the chain with its sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// The stage: `Pods`.
    pub title: &'static str,
    /// Who acts: `kube-scheduler`.
    pub actor: &'static str,
    /// What happened, one sentence each.
    pub lines: Vec<String>,
}

impl World {
    /// What differs in a world after an edit, in the order in which it happens; the flows are asked in both.
    pub fn consequences(&self, after: &Self, flows: &[Flow]) -> Consequences {
        let mut found = Consequences {
            nodes: compare::nodes(self, after),
            pods: compare::pods(self, after),
            endpoints: compare::endpoints(self, after),
            probes: compare::probes(self, after),
            members: compare::members(self, after),
            outbound: compare::outbound(self, after),
            flows: flows.iter().filter_map(|flow| compare::flow(self, after, flow)).collect(),
            ..Consequences::default()
        };
        (found.rules, found.uncompared) = compare::rules(self, after);
        found
    }
}
