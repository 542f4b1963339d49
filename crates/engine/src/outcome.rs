//! The branches of an answer, and the folding of those that are alike.

use crate::{Assumption, Cause, Step, Text, Verdict};
use model::{Key, NodeName};
use serde::Serialize;
use std::{collections::BTreeMap, fmt, net::IpAddr};
use wire::Wire;

/// The answer to "what happens to this flow?": every branch with its exact probability.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Paths {
    /// What was asked.
    pub flow: FlowSummary,
    /// What was assumed, each once, in the order of [`AssumptionCode`].
    pub assumptions: Vec<Assumption>,
    /// Every branch, the most probable first; equal ones in a stable order. Their probabilities sum to 1.
    pub outcomes: Vec<PathOutcome>,
}

/// The flow in the words of its endpoints, resolved to addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct FlowSummary {
    /// Who sends, as asked: `198.51.100.7`, `pod/default/a`.
    pub from: Text,
    /// The address it sends from.
    pub source: IpAddr,
    /// To whom, as asked: `svc/default/echo:80`.
    pub to: Text,
    /// The address it sends to.
    pub destination: IpAddr,
    /// The port it sends to; 0 for an echo request.
    pub port: u16,
    /// `tcp`, `udp`, `sctp` or `icmp`.
    pub protocol: &'static str,
}

impl Paths {
    /// Folds branches that differ in nothing but the node they enter by into one, whose probability is their sum.
    #[must_use]
    pub fn fold(self) -> Self {
        let mut folded: Vec<PathOutcome> = Vec::new();
        let mut places: BTreeMap<_, usize> = BTreeMap::new();
        for outcome in self.outcomes {
            let key = fold_key(&outcome, self.flow.source);
            if let Some(first) = places.get(&key).and_then(|place| folded.get_mut(*place)) {
                first.probability += outcome.probability;
                first.count += outcome.count;
            } else {
                places.insert(key, folded.len());
                folded.push(outcome);
            }
        }
        // Sums of the same thirds may differ in the last digits.
        order::sort_by_key(&mut folded, |outcome| {
            std::cmp::Reverse((outcome.probability * 1e9).round().to_bits())
        });
        Self { outcomes: folded, ..self }
    }
}

/// What is the same of branches that are folded into one. Under masquerade the receiver sees the node, which is
/// what differs.
pub(crate) fn fold_key(
    outcome: &PathOutcome,
    source: IpAddr,
) -> (Verdict, Option<Cause>, Option<Endpoint>, Option<IpAddr>) {
    let seen = outcome.source_seen.filter(|ip| *ip == source);
    (outcome.verdict, outcome.cause, outcome.endpoint.clone(), seen)
}

/// One branch.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct PathOutcome {
    /// Exact probability, 0 to 1.
    pub probability: f64,
    /// What became of the flow, its reply included.
    pub verdict: Verdict,
    /// Why it failed; `null` where it was delivered.
    pub cause: Option<Cause>,
    /// Who answered; `null` where nobody did.
    pub endpoint: Option<Endpoint>,
    /// The node that the flow entered the cluster by (that translated it), if any; the first of them where
    /// several branches are folded.
    pub node: Option<NodeName>,
    /// How many branches stand for this one: more than 1 only where branches that differ in nothing but the node
    /// are folded ([`Paths::fold`]). Steps, reply and source are those of the first.
    #[serde(skip_serializing_if = "is_one")]
    pub count: u32,
    /// The source address that the receiver saw.
    pub source_seen: Option<IpAddr>,
    /// The client that a PROXY header names to the receiver, where a Private Link Service writes one: it stands before
    /// the client's first byte, and only an application that expects it reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_header_source: Option<IpAddr>,
    /// The way there.
    pub steps: Vec<Step>,
    /// The way back; `null` where nothing answers.
    pub reply: Option<Reply>,
}

/// The way back.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Reply {
    /// Whether the sender gets the answer.
    pub verdict: Verdict,
    /// Why not.
    pub cause: Option<Cause>,
    /// The way.
    pub steps: Vec<Step>,
}

/// Who received the packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// The pod, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<Key>,
    /// The node, if a process on a node received it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeName>,
    /// Any other receiver: a VM, a host on the internet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The address.
    pub ip: IpAddr,
    /// The port; 0 for an echo request.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    /// The pod's, node's or host's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.pod, &self.node, &self.host) {
            (Some(pod), ..) => write!(f, "{pod}"),
            (None, Some(node), _) => write!(f, "node/{node}"),
            (None, None, Some(host)) => f.write_str(host),
            (None, None, None) => write!(f, "{}", self.ip),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_one(count: &u32) -> bool {
    *count == 1
}
