//! The picture as plain data: what is drawn where, what it stands for, and in which state it is.
//!
//! Classes, not colours: [`Tone`] (whose it is), [`State`] (how true it is) and [`Kind`] (what it is) become
//! CSS classes, so that the SVG writer and the page draw the same scene and share one style sheet.

mod shape;
mod way;

pub use shape::{Anchor, Ink, Look, Shape, Text, TextStyle};
pub use way::{Capsule, Field, Leg, Link};

use crate::Rect;
use model::{ObjectRef, PoolName};
use wire::Wire;

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Default, Wire)]
pub struct Scene {
    /// Width in scene units.
    pub width: f64,
    /// Height in scene units.
    pub height: f64,
    /// What the picture is of, in a few words.
    pub title: String,
    /// What it shows, in a few sentences.
    pub description: String,
    /// Everything that has a place, sorted by layer and then by id, so that a moved thing keeps its place in
    /// the document (and can glide).
    pub groups: Vec<Group>,
    /// Lines between things, the fainter first.
    pub links: Vec<Link>,
    /// Packet headers of the selected branch, where they change.
    pub capsules: Vec<Capsule>,
    /// The way of the selected branch, for a packet that moves along it.
    pub legs: Vec<Leg>,
    /// The same facts as sentences, one per station.
    pub outline: Vec<String>,
    /// The node pools, for moving nodes between them.
    pub pools: Vec<PoolFacts>,
}

/// A node pool, as far as moving nodes goes.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct PoolFacts {
    /// The group that stands for it.
    pub group: String,
    /// Its name; never empty.
    pub name: PoolName,
    /// How many nodes it has.
    pub nodes: usize,
    /// AKS keeps at least one node in the last system pool.
    pub system: bool,
}

impl Scene {
    /// The group with an id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The group that stands for an object.
    pub fn group_of(&self, object: &ObjectRef) -> Option<&Group> {
        self.groups.iter().find(|group| group.object.as_ref() == Some(object))
    }
}

/// A thing with a place: a card, a container, a chip.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Group {
    /// Stable across edits: `node/aks-system-0`, `pod/default/echo-58mz5`.
    pub id: String,
    /// The group that it lies in.
    pub parent: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub tone: Tone,
    /// How the selected flow uses it.
    pub state: State,
    /// The object that it stands for.
    pub object: Option<ObjectRef>,
    /// Where it is.
    pub bounds: Rect,
    /// Name for people who do not see it, and the tooltip.
    pub label: String,
    /// What to draw, relative to the top left corner of `bounds`.
    pub shapes: Vec<Shape>,
    /// Steps of the selected branch that take place here.
    pub steps: Vec<usize>,
}

impl Group {
    /// Classes for the style sheet.
    pub fn classes(&self) -> String {
        format!("g k-{} o-{} s-{}", self.kind.word(), self.tone.word(), self.state.word())
    }
}

/// Kinds of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum Kind {
    /// A node pool, the container of its nodes.
    NodePool,
    /// A load balancer, the container of its parts.
    LoadBalancer,
    /// The client, or a host on the internet.
    Host,
    /// A VM of the virtual network.
    Vm,
    /// Any other station: a security group, a route table, a private endpoint.
    Station,
    /// A node.
    Node,
    /// Nodes that are not drawn one by one.
    NodeFold,
    /// A frontend of a load balancer.
    Frontend,
    /// A load-balancing rule.
    Rule,
    /// A health probe.
    Probe,
    /// A backend pool.
    BackendPool,
    /// The rules of a node's kernel.
    KubeProxy,
    /// A pod.
    Pod,
    /// Pods that are not drawn one by one.
    PodFold,
    /// What became of the selected branch, where it was lost.
    Verdict,
}

impl Kind {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::NodePool => "node-pool",
            Self::LoadBalancer => "load-balancer",
            Self::Host => "host",
            Self::Vm => "vm",
            Self::Station => "station",
            Self::Node => "node",
            Self::NodeFold => "node-fold",
            Self::Frontend => "frontend",
            Self::Rule => "rule",
            Self::Probe => "probe",
            Self::BackendPool => "backend-pool",
            Self::KubeProxy => "kube-proxy",
            Self::Pod => "pod",
            Self::PodFold => "pod-fold",
            Self::Verdict => "verdict",
        }
    }

    /// What lies under the lines: containers and cards.
    pub fn is_ground(self) -> bool {
        self <= Self::NodeFold
    }
}

/// Whose a thing is: the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum Tone {
    /// The person who sends.
    You,
    /// Azure.
    Cloud,
    /// The node: kernel and kube-proxy.
    Node,
    /// The workload.
    Work,
}

impl Tone {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Cloud => "cloud",
            Self::Node => "node",
            Self::Work => "work",
        }
    }

    /// In the legend.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::You => "client",
            Self::Cloud => "Azure",
            Self::Node => "node",
            Self::Work => "workload",
        }
    }

    /// Every tone, in the order of the legend.
    pub const ALL: [Self; 4] = [Self::You, Self::Cloud, Self::Node, Self::Work];
}

/// How the flow uses a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum State {
    /// Not at all.
    Idle,
    /// In a branch other than the selected one.
    Possible,
    /// In the selected branch.
    Taken,
    /// The branch ends here without an answer.
    Failed,
}

impl State {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Possible => "possible",
            Self::Taken => "taken",
            Self::Failed => "failed",
        }
    }
}
