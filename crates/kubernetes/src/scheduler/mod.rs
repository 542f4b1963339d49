//! Binds pods to nodes, as kube-scheduler's default profile does.
//!
//! Modelled: cordoned nodes, taints and tolerations, node selectors, affinity to nodes and pods, topology spread,
//! host ports, requests against what nodes have, the most pods of a node, preemption. Among the nodes that remain the scores of
//! `TaintToleration` (weight 3), `NodeAffinity`, `PodTopologySpread`, `InterPodAffinity` (2 each) and
//! `NodeResourcesFit` (1) decide, then the fewest pods, then the name: upstream draws lots there.
//!
//! Not modelled: volumes, image locality and the balance of resources. Every node is
//! looked at, where upstream samples in clusters of more than 100.

mod fit;
mod preemption;
mod resources;
mod shape;
mod terms;
mod wording;

pub(crate) use fit::daemon_runs_on;
pub use fit::{Eviction, eviction, refusal, tolerates};
pub use preemption::Preempted;
pub use wording::Wording;

use crate::hashing::FastMap;
use model::{
    Model, NodeName,
    kubernetes::{Namespace, Node, Pod, Taint},
};
use resources::{Names, Room};
use shape::Shape;
use std::{collections::BTreeMap, fmt, sync::Arc};
use terms::Terms;

/// Chooses nodes for pods, one after the other.
#[derive(Debug)]
pub struct Scheduler {
    /// In name order.
    nodes: Vec<(NodeName, Arc<Node>)>,
    rooms: Vec<Room>,
    names: Names,
    terms: Terms,
    /// Pods that run, with the index of their node.
    placed: Vec<(usize, Arc<Pod>)>,
    shapes: Vec<Shape>,
    /// Shapes by their hash.
    by_hash: FastMap<u64, Vec<usize>>,
    /// Namespaces with their labels.
    namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// How it words its refusals.
    wording: Wording,
}

/// Why a pod fits no node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unschedulable {
    /// Every node in name order, each with at least one reason.
    pub nodes: Arc<[(NodeName, Vec<Refusal>)]>,
    /// What came of looking for pods that could go.
    pub preemption: Preemption,
    /// How the cluster's scheduler words it.
    pub wording: Wording,
}

/// What came of preemption, where it made no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preemption {
    /// The pod's `preemptionPolicy` is Never.
    Never,
    /// Nodes that would refuse the pod even if every pod left that may go, and why. No pod may go from the others.
    InVain(BTreeMap<NodeName, Vec<Refusal>>),
}

/// Why a node refuses a pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The node is cordoned.
    Cordoned,
    /// The pod does not tolerate a taint.
    Taint(Taint),
    /// The node lacks a label that the pod's node selector or required affinity asks for.
    Affinity,
    /// The pod is of a DaemonSet, and meant for another node.
    OtherNode,
    /// Another pod there has a port of the node that this one asks for.
    Ports,
    /// The node has as many pods as it may have.
    TooManyPods,
    /// Less of a resource is left than the pod asks for.
    Insufficient(String),
    /// The pod asks for more of a resource than the node has: no pod that leaves can help.
    TooLarge(String),
    /// The node's domain would have too many pods more than another.
    Spread,
    /// The node lacks the label of a topology spread constraint.
    SpreadLabelMissing,
    /// No pod runs close that the pod must be close to.
    PodAffinity,
    /// A pod runs close that the pod keeps away from.
    PodAntiAffinity,
    /// A pod runs close that keeps this one away.
    ExistingAntiAffinity,
}

impl fmt::Display for Refusal {
    /// In the words of kube-scheduler, as `kubectl describe pod` shows them after the number of nodes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cordoned => f.write_str("node(s) were unschedulable"),
            Self::Taint(taint) => {
                write!(f, "node(s) had untolerated taint {{{}: {}}}", taint.key, taint.value)
            }
            Self::Affinity => f.write_str("node(s) didn't match Pod's node affinity/selector"),
            // Nodes that a plugin's PreFilter leaves out are not asked one by one (`findNodesThatFitPod`).
            Self::OtherNode => f.write_str("node(s) didn't satisfy plugin(s) [NodeAffinity]"),
            Self::Ports => f.write_str("node(s) didn't have free ports for the requested pod ports"),
            Self::TooManyPods => f.write_str("Too many pods"),
            Self::Insufficient(resource) | Self::TooLarge(resource) => write!(f, "Insufficient {resource}"),
            Self::Spread => f.write_str("node(s) didn't match pod topology spread constraints"),
            Self::SpreadLabelMissing => {
                f.write_str("node(s) didn't match pod topology spread constraints (missing required label)")
            }
            Self::PodAffinity => f.write_str("node(s) didn't match pod affinity rules"),
            Self::PodAntiAffinity => f.write_str("node(s) didn't match pod anti-affinity rules"),
            Self::ExistingAntiAffinity => {
                f.write_str("node(s) didn't satisfy existing pods anti-affinity rules")
            }
        }
    }
}

impl Refusal {
    /// The same of one node, after its name: `is cordoned`.
    pub fn of_one(&self) -> String {
        match self {
            Self::Cordoned => "is cordoned".to_owned(),
            Self::Taint(taint) => format!("has the taint {taint}, which the pod does not tolerate"),
            Self::Affinity => "does not fit the pod's node selector or affinity".to_owned(),
            Self::OtherNode => "is not the node that this pod of a DaemonSet is for".to_owned(),
            Self::Ports => "has a pod with a host port that this one asks for".to_owned(),
            Self::TooManyPods => "has as many pods as it may have".to_owned(),
            Self::Insufficient(resource) => format!("has too little {resource} left"),
            Self::TooLarge(resource) => {
                format!("has less {resource} than the pod asks for, even when it is empty")
            }
            Self::Spread => "would break the pod's topology spread constraint".to_owned(),
            Self::SpreadLabelMissing => "lacks the label of the pod's topology spread constraint".to_owned(),
            Self::PodAffinity => "is not close to a pod that this one must be close to".to_owned(),
            Self::PodAntiAffinity => "is close to a pod that this one keeps away from".to_owned(),
            Self::ExistingAntiAffinity => "is close to a pod that keeps this one away".to_owned(),
        }
    }
}

impl fmt::Display for Unschedulable {
    /// As in the pod's `PodScheduled` condition: `0/5 nodes are available: 3 Insufficient cpu, 2 node(s) …. preemption:
    /// 0/5 nodes are available: …` (`FitError.Error` of kube-scheduler, and `Evaluator.Preempt` of its preemption).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nodes.is_empty() {
            return f.write_str("no nodes available to schedule pods");
        }
        let refusals = self.nodes.iter().flat_map(|(_, refusals)| refusals);
        let refusals = refusals.map(|refusal| self.wording.refusal(refusal));
        write!(f, "{} {}preemption: ", self.counted(refusals), self.wording.before_preemption())?;
        let Preemption::InVain(tried) = &self.preemption else {
            return f.write_str("not eligible due to preemptionPolicy=Never.");
        };
        let words = self.nodes.iter().flat_map(|(node, refusals)| match tried.get(node) {
            Some(left) => left.iter().map(|refusal| self.wording.refusal(refusal)).collect(),
            None if refusals.iter().all(preemption::can_change) => {
                vec!["No preemption victims found for incoming pod".to_owned()]
            }
            None => vec!["Preemption is not helpful for scheduling".to_owned()],
        });
        f.write_str(&self.counted(words))
    }
}

impl Unschedulable {
    /// How many nodes say what, sorted as texts, as upstream sorts them.
    fn counted(&self, reasons: impl Iterator<Item = String>) -> String {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for reason in reasons {
            *counts.entry(reason).or_default() += 1;
        }
        let mut reasons: Vec<String> =
            counts.into_iter().map(|(reason, count)| format!("{count} {reason}")).collect();
        order::sort(&mut reasons);
        format!("0/{} nodes are available: {}.", self.nodes.len(), reasons.join(", "))
    }

    fn of(nodes: Arc<[(NodeName, Vec<Refusal>)]>, wording: Wording) -> Self {
        Self { nodes, preemption: Preemption::InVain(BTreeMap::new()), wording }
    }
}

impl Scheduler {
    /// Looks at the nodes, and at the pods that already run on them.
    pub fn new(model: &Model) -> Self {
        let mut names = Names::new();
        let nodes: Vec<_> = model.nodes.iter().map(|(name, node)| (name.clone(), Arc::clone(node))).collect();
        let rooms = nodes.iter().map(|(_, node)| Room::new(&mut names, node)).collect();
        let mut scheduler = Self {
            nodes,
            rooms,
            names,
            terms: Terms::default(),
            placed: Vec::new(),
            shapes: Vec::new(),
            by_hash: FastMap::default(),
            namespaces: namespaces(model),
            wording: Wording::of(model),
        };
        for pod in model.pods.values().filter(|pod| !pod.is_finished()) {
            scheduler.seat(pod);
        }
        scheduler
    }

    fn index(&self, node: &str) -> Option<usize> {
        self.nodes.binary_search_by(|(name, _)| name.as_str().cmp(node)).ok()
    }

    /// Every reason for which a node refuses a pod, which runs elsewhere or not yet; none if it accepts it.
    pub fn why_not_on(&mut self, pod: &Pod, node: &NodeName) -> Vec<Refusal> {
        let shape = self.shape_of(pod);
        self.index(node.as_str()).map(|node| self.refusals(shape, node)).unwrap_or_default()
    }

    /// Counts a pod that runs already.
    fn seat(&mut self, pod: &Arc<Pod>) {
        if let Some(node) = self.index(&pod.spec.node_name) {
            self.seat_on(node, pod);
        }
    }

    fn seat_on(&mut self, node: usize, pod: &Arc<Pod>) {
        let requests = resources::requests(&mut self.names, pod);
        if let Some(room) = self.rooms.get_mut(node) {
            room.take(&requests, &resources::ports(pod));
        }
        let words = self.words(pod);
        self.terms.speak(&words, node);
        for index in 0..self.terms.len() {
            if let Some(term) = self.terms.get_mut(index)
                && term.matches(pod)
            {
                term.add(node);
            }
        }
        self.placed.push((node, Arc::clone(pod)));
    }

    /// Chooses the best of the nodes that accept the pod, and counts the pod there.
    pub fn bind(&mut self, pod: &Pod) -> Result<NodeName, Unschedulable> {
        let shape = self.shape_of(pod);
        match self.choose(shape) {
            Some(node) => Ok(self.take(shape, node)),
            None => Err(self.why_not(shape)),
        }
    }

    /// Binds a pod of a DaemonSet, which is for one node: upstream gives it an affinity to the node's name.
    pub fn bind_on(&mut self, pod: &Pod, node: &NodeName) -> Result<NodeName, Unschedulable> {
        let shape = self.shape_of(pod);
        let wanted = self.index(node.as_str());
        let refusals = wanted.map(|node| self.refusals(shape, node)).unwrap_or_default();
        match wanted {
            Some(node) if refusals.is_empty() => Ok(self.take(shape, node)),
            _ => {
                let reasons = self.nodes.iter().map(|(name, _)| {
                    let own = name == node;
                    (name.clone(), if own { refusals.clone() } else { vec![Refusal::OtherNode] })
                });
                Err(Unschedulable::of(reasons.collect(), self.wording))
            }
        }
    }
}

/// Every namespace that the model names, with its labels.
fn namespaces(model: &Model) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut all: BTreeMap<String, BTreeMap<String, String>> =
        order::map(model.namespaces.iter().map(|(name, own)| (name.clone(), own.metadata.labels.clone())));
    for pod in model.pods.keys() {
        all.entry(pod.namespace.to_string()).or_default();
    }
    for (name, labels) in &mut all {
        labels.entry(Namespace::NAME_LABEL.into()).or_insert_with(|| name.clone());
    }
    all
}

/// The larger of the shares of cpu and memory that the pods of a node ask for, those of DaemonSets apart, in
/// hundredths; `None` where the input does not say what the node has.
pub fn requested_share(model: &Model, node: &NodeName) -> Option<u64> {
    let mut names = Names::new();
    let mut room = Room::new(&mut names, model.nodes.get(node)?);
    let of_daemon = |pod: &Pod| pod.metadata.controller().is_some_and(|owner| owner.kind == "DaemonSet");
    let there =
        |pod: &&Arc<Pod>| pod.spec.node_name == node.as_str() && !pod.is_finished() && !of_daemon(pod);
    for pod in model.pods.values().filter(there) {
        let requests = resources::requests(&mut names, pod);
        room.take(&requests, &[]);
    }
    room.requested_share()
}
