//! Questions that people ask, with their answers: a folder for each, with the objects of its clusters in plain YAML
//! and what is expected of them in `expect.json`. A test holds the answers to the engine, the page shows them.

use crate::{Entry, FlowSpec};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A question: `expect.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Asked {
    /// The question in one line.
    pub question: String,
    /// Where it was asked.
    pub asked: Vec<String>,
    /// The answer, a few sentences; what the cases expect bears it out.
    pub answer: String,
    /// Clusters that show it.
    pub cases: Vec<AskedCase>,
}

/// A cluster and what is expected of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedCase {
    /// What is the matter in it.
    pub name: String,
    /// Its files, seen from the question's folder.
    pub given: Vec<String>,
    /// Flows and their outcomes.
    #[serde(default)]
    pub flows: Vec<AskedFlow>,
    /// What health probes see.
    #[serde(default)]
    pub probes: Vec<AskedProbe>,
    /// Nodes in a backend pool, by `BALANCER/POOL`.
    #[serde(default)]
    pub members: Option<BTreeMap<String, Vec<String>>>,
    /// What later packets of open connections meet.
    #[serde(default)]
    pub later: Vec<AskedLater>,
    /// Many connections, one after the other.
    #[serde(default)]
    pub runs: Vec<AskedRun>,
    /// What import says of the files.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl AskedCase {
    /// Every flow that it asks about, each once.
    pub fn specs(&self) -> Vec<FlowSpec> {
        let flows = self.flows.iter().map(AskedFlow::spec);
        let later = self.later.iter().map(|later| later.flow().spec());
        let runs = self.runs.iter().map(|run| FlowSpec {
            from: run.from.clone(),
            to: run.to.clone(),
            ..FlowSpec::default()
        });
        let mut all: Vec<FlowSpec> = Vec::new();
        for spec in flows.chain(later).chain(runs) {
            if !all.contains(&spec) {
                all.push(spec);
            }
        }
        all
    }
}

/// A connection is opened, is silent, and goes on, perhaps in another cluster.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedLater {
    /// As [`FlowSpec`] has it.
    pub from: String,
    /// As [`FlowSpec`] has it.
    pub to: String,
    /// As [`FlowSpec`] has it.
    pub via: Option<String>,
    /// As [`FlowSpec`] has it.
    pub protocol: Option<String>,
    /// Seconds of silence.
    #[serde(default)]
    pub idle: u64,
    /// The files of the cluster in which it goes on; none for the same.
    #[serde(default)]
    pub then: Vec<String>,
    /// What its next packet meets.
    pub outcomes: Vec<AskedOutcome>,
    /// Words that some step must say.
    #[serde(default)]
    pub says: Vec<String>,
}

impl AskedLater {
    /// The flow, with what its next packet meets.
    pub fn flow(&self) -> AskedFlow {
        AskedFlow {
            from: self.from.clone(),
            to: self.to.clone(),
            host: None,
            path: None,
            via: self.via.clone(),
            protocol: self.protocol.clone(),
            outcomes: self.outcomes.clone(),
            says: self.says.clone(),
            never_says: Vec::new(),
        }
    }
}

/// TCP connections that stay open, and how many of them end how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedRun {
    /// As [`FlowSpec`] has it.
    pub from: String,
    /// As [`FlowSpec`] has it.
    pub to: String,
    /// How many.
    pub requests: u64,
    /// Seconds from one to the next.
    #[serde(default)]
    pub interval: u64,
    /// Seconds for which each stays open.
    pub hold: u64,
    /// Count by cause; `delivered` for those that arrive.
    pub counts: BTreeMap<String, u64>,
}

/// A flow and its outcomes, folded by verdict, cause, endpoint and source seen.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedFlow {
    /// As [`FlowSpec`] has it.
    pub from: String,
    /// As [`FlowSpec`] has it.
    pub to: String,
    /// As [`FlowSpec`] has it.
    pub host: Option<String>,
    /// As [`FlowSpec`] has it.
    pub path: Option<String>,
    /// As [`FlowSpec`] has it.
    pub via: Option<String>,
    /// As [`FlowSpec`] has it.
    pub protocol: Option<String>,
    /// All its outcomes.
    pub outcomes: Vec<AskedOutcome>,
    /// Words that some step must say.
    #[serde(default)]
    pub says: Vec<String>,
    /// Words that no step may say.
    #[serde(default)]
    pub never_says: Vec<String>,
}

impl AskedFlow {
    /// The flow alone.
    pub fn spec(&self) -> FlowSpec {
        FlowSpec {
            from: self.from.clone(),
            to: self.to.clone(),
            protocol: self.protocol.clone(),
            host: self.host.clone(),
            path: self.path.clone(),
            via: self.via.clone(),
        }
    }
}

/// An outcome.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedOutcome {
    /// Its probability, 0 to 1.
    #[serde(default = "one")]
    pub share: f64,
    /// What becomes of the packet.
    #[serde(default = "delivered")]
    pub verdict: String,
    /// Why it fails.
    pub cause: Option<String>,
    /// Who gets it; absent is anyone.
    pub endpoint: Option<String>,
    /// Whose address they see; absent is any.
    pub source_seen: Option<String>,
    /// The client that a PROXY header names to them; absent is any or none.
    pub proxy_header_source: Option<String>,
}

/// What the probe of a load balancer's rule sees.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AskedProbe {
    /// The load balancer.
    pub balancer: String,
    /// The rule's frontend port.
    pub port: u16,
    /// Protocol, port and path: `Http 32100/healthz`.
    pub protocol: String,
    /// Node → what the probe got; a node that is up answers `200` or `connected`.
    pub answers: BTreeMap<String, String>,
    /// Words of the rule that stopped the probe at every member.
    #[serde(default)]
    pub stopped_by: Option<String>,
}

fn one() -> f64 {
    1.0
}

fn delivered() -> String {
    "delivered".to_owned()
}

/// Every question, in the order to list them in.
pub const ANSWERED: &[Entry] = &[
    Entry {
        id: "probe-http-root-404",
        chapter: "Timeouts at the load balancer",
        title: "Everything times out since the probe asks for “/”",
    },
    Entry {
        id: "probe-hijacked-by-ingress",
        chapter: "Timeouts at the load balancer",
        title: "“/healthz” is set, and the probe is still down",
    },
    Entry {
        id: "probe-matrix",
        chapter: "Timeouts at the load balancer",
        title: "Why are my probe annotations ignored under Local?",
    },
    Entry {
        id: "etp-local-no-pod",
        chapter: "Timeouts at the load balancer",
        title: "I switched to Local, and everything stops",
    },
    Entry {
        id: "nsg-blocks-probe",
        chapter: "Timeouts at the load balancer",
        title: "My subnet’s security group blocks the probe",
    },
    Entry {
        id: "probe-shared-vs-nodeport",
        chapter: "Timeouts at the load balancer",
        title: "What does the shared probe change?",
    },
    Entry {
        id: "pls-proxy-protocol",
        chapter: "Timeouts at the load balancer",
        title: "Private Link with PROXY protocol: why do probes change?",
    },
    Entry {
        id: "source-ip-lab",
        chapter: "Whose address, and how fair",
        title: "My application sees a node’s address, not the client’s",
    },
    Entry {
        id: "etp-local-imbalance",
        chapter: "Whose address, and how fair",
        title: "Is the load fair under policy Local?",
    },
    Entry {
        id: "network-policy-sees-node",
        chapter: "Whose address, and how fair",
        title: "Which address does a NetworkPolicy see?",
    },
    Entry {
        id: "pool-membership",
        chapter: "Whose address, and how fair",
        title: "Which nodes are in the pool, and how do I keep one out?",
    },
    Entry {
        id: "ilb-hairpin",
        chapter: "From inside",
        title: "A backend cannot reach its own internal load balancer",
    },
    Entry {
        id: "lb-ip-from-pod",
        chapter: "From inside",
        title: "The load balancer’s address from a pod: sometimes a black hole",
    },
    Entry {
        id: "ingress-end-to-end",
        chapter: "From inside",
        title: "Which way does a request take through the ingress?",
    },
    Entry {
        id: "other-controller",
        chapter: "From inside",
        title: "Does Application Gateway send through the cluster’s load balancer?",
    },
    Entry { id: "dns-names", chapter: "From inside", title: "Which address does a name give, and to whom?" },
    Entry { id: "ping", chapter: "From inside", title: "What answers a ping?" },
    Entry {
        id: "service-without-selector",
        chapter: "From inside",
        title: "What of a Service whose endpoints are no pods?",
    },
    Entry {
        id: "node-without-kube-proxy",
        chapter: "From inside",
        title: "kube-proxy is missing on one node: what stops working?",
    },
    Entry {
        id: "dns-servers",
        chapter: "From inside",
        title: "Whose DNS servers are asked, and what can they not see?",
    },
    Entry {
        id: "snat-budget",
        chapter: "Out of the cluster",
        title: "Outbound timeouts: are the SNAT ports used up?",
    },
    Entry { id: "snat-reuse", chapter: "Out of the cluster", title: "Are SNAT ports used again?" },
    Entry {
        id: "snat-second-ip",
        chapter: "Out of the cluster",
        title: "I added a second outbound address: is it used?",
    },
    Entry {
        id: "egress-source-ip",
        chapter: "Out of the cluster",
        title: "Which address does a storage firewall see?",
    },
    Entry {
        id: "basic-to-standard",
        chapter: "Out of the cluster",
        title: "From Basic to Standard: VMs lost the internet",
    },
    Entry {
        id: "udr-asymmetric",
        chapter: "Out of the cluster",
        title: "A route through a firewall drops the answers",
    },
    Entry {
        id: "drain-middle-node",
        chapter: "Long connections",
        title: "Connections hang when a node in the middle goes",
    },
    Entry {
        id: "idle-timeout",
        chapter: "Long connections",
        title: "Connections are cut after some idle minutes",
    },
    Entry {
        id: "kinds-of-traffic",
        chapter: "The whole picture",
        title: "Which kinds of traffic are there?",
    },
    Entry {
        id: "data-plane-sources",
        chapter: "The whole picture",
        title: "Which source is seen, for every path and plugin?",
    },
];
