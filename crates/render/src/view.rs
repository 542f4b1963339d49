//! What a picture is made from.

use engine::Paths;
use model::{Key, Model, NodeName, azure::LoadBalancer};
use std::{collections::BTreeMap, net::IpAddr};

/// Everything that one picture shows. The web page, the command line and the JavaScript package fill it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The settled model: controllers have filled in what was absent.
    pub model: &'a Model,
    /// The load balancers as they are in Azure, given or computed.
    pub load_balancers: &'a [LoadBalancerView<'a>],
    /// The flow's branches; absent draws the cluster alone.
    pub paths: Option<&'a Paths>,
    /// Index of the branch drawn as taken; absent draws all branches as possible.
    pub selected: Option<usize>,
    /// Draw the way back of the selected branch instead of the way there.
    pub reply: bool,
    /// The Service that the flow is for: its endpoints stand first among the pods.
    pub service: Option<&'a Key>,
}

/// A load balancer and its state.
#[derive(Debug, Clone)]
pub struct LoadBalancerView<'a> {
    /// The resource.
    pub resource: &'a LoadBalancer,
    /// Address of each frontend, by the frontend's name.
    pub frontends: BTreeMap<String, IpAddr>,
    /// Nodes in each backend pool, by the pool's name.
    pub members: BTreeMap<String, Vec<NodeName>>,
    /// What each probe last said of each member, by the probe's name.
    pub probes: BTreeMap<String, BTreeMap<NodeName, ProbeState>>,
}

/// What a health probe last saw at a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeState {
    /// HTTP answered with this status; 200 is up, all else down.
    Http(u16),
    /// The TCP handshake succeeded: up.
    Connected,
    /// Nothing listened: down.
    Refused,
    /// No answer in time: down.
    Silent,
}

impl ProbeState {
    /// Whether the member gets new flows.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Http(200) | Self::Connected)
    }

    /// As a badge has it: `200 up`, `503 down`.
    pub fn words(self) -> String {
        let verdict = if self.is_up() { "up" } else { "down" };
        match self {
            Self::Http(status) => format!("{status} {verdict}"),
            Self::Connected => "TCP up".into(),
            Self::Refused => "refused, down".into(),
            Self::Silent => "silent, down".into(),
        }
    }
}

/// How a scene is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Left to right, or top to bottom.
    pub shape: Format,
}

/// The way a scene runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Client, load balancer and nodes side by side: about 940 units wide.
    #[default]
    Wide,
    /// One below the other: about 390 units wide, for phones.
    Tall,
}
