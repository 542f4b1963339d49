//! The short stories of a preset: states of the cluster that a press brings about.

use super::describe::MODE;
use crate::presets::Preset;
use model::{
    Edit, Key, Model, NodeName, PoolName,
    kubernetes::{Service, TrafficPolicy},
};

/// One state of the cluster worth looking at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Story {
    /// What the button says.
    pub(crate) title: &'static str,
    /// What is to be seen then.
    pub(crate) text: &'static str,
    edits: fn(&Model) -> Vec<Edit>,
}

impl Story {
    /// Whether the preset as it is opened is this story.
    pub(crate) fn is_preset(&self, preset: &Model) -> bool {
        (self.edits)(preset).is_empty()
    }

    /// The cluster as the story has it: the preset with the story's edits.
    pub(crate) fn target(&self, preset: &Model) -> Model {
        let mut target = preset.clone();
        let edits = (self.edits)(preset);
        // An edit that the preset refuses leaves the preset as it is.
        let _ = Edit::Many { edits }.apply(&mut target);
        target
    }
}

/// A preset's heading, introduction and stories.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lesson {
    /// The heading.
    pub(crate) title: &'static str,
    /// Paragraphs before the stories.
    pub(crate) intro: &'static [&'static str],
    /// The stories.
    pub(crate) stories: &'static [Story],
    /// Paragraphs after the stories.
    pub(crate) outro: &'static [&'static str],
}

/// The lesson of a preset.
pub(crate) fn lesson(preset: Option<&'static Preset>) -> Lesson {
    match preset.map(|preset| preset.name) {
        Some("caveat") => CAVEAT,
        Some("caveat-cluster") => EVEN,
        Some("caveat-pool-1") => MOVED,
        Some(_) => Lesson { title: preset.map_or(OWN.title, |preset| preset.title), ..OWN },
        None => OWN,
    }
}

const CAVEAT: Lesson = Lesson {
    title: "Three pods, yet one gets all the traffic",
    intro: &[
        "Only the system pool is behind the load balancer, and with policy Local a node hands packets to its own \
         pods alone. Press a state of the cluster:",
    ],
    stories: &[
        Story {
            title: "Local: one pod gets everything",
            text: "One node is behind the load balancer, one pod is on it. The pod sees the client’s address.",
            edits: |_| Vec::new(),
        },
        Story {
            title: "Cluster: thirds, source lost",
            text: "The node may choose any of the three pods, so each gets a third. The pods see a node’s address.",
            edits: |model| policy(model, TrafficPolicy::Cluster).into_iter().collect(),
        },
        Story {
            title: "Move the load balancer to pool-1",
            text: "The load balancer and all pods on pool-1, policy Local: thirds again, and the client’s address is kept.",
            edits: move_to_pool_1,
        },
    ],
    outro: &["Or change it yourself: drag a node, flip a switch. Undo takes it back."],
};

const EVEN: Lesson = Lesson {
    title: "Even shares, at a price",
    intro: &[
        "With policy Cluster a node may hand a packet to a pod on any node, so the three pods share evenly. \
         So that the answer comes back the same way, the node puts its own address in the place of the client’s.",
    ],
    stories: &[],
    outro: &["Flip the external traffic policy to Local, and compare."],
};

const MOVED: Lesson = Lesson {
    title: "Even shares, and the client’s address",
    intro: &[
        "An annotation puts the load balancer in front of pool-1, and affinity keeps the pods there. Policy \
         Local no longer starves anyone, and nobody needs to hide the client’s address.",
    ],
    stories: &[],
    outro: &["Now drag a pod to the system node: it gets nothing, and the trace says why."],
};

const OWN: Lesson = Lesson {
    title: "Your cluster",
    intro: &["Choose who sends and where to in the bar above, and press Send."],
    stories: &[],
    outro: &["Every change on the page can be undone. Nothing you open leaves this page."],
};

fn service(model: &Model) -> Option<(&Key, &Service)> {
    model.services.iter().map(|(key, service)| (key, &**service)).next()
}

fn policy(model: &Model, policy: TrafficPolicy) -> Option<Edit> {
    service(model).map(|(key, _)| Edit::SetExternalTrafficPolicy { service: key.clone(), policy })
}

fn move_to_pool_1(model: &Model) -> Vec<Edit> {
    let pool = PoolName::from("pool-1");
    let Some((key, _)) = service(model) else { return Vec::new() };
    let on_pool =
        |name: &NodeName| model.nodes.get(name).is_some_and(|node| node.pool() == Some(pool.as_str()));
    let Some(node) = model.nodes.keys().find(|name| on_pool(name)) else { return Vec::new() };
    let elsewhere = model.pods.iter().filter(|(_, pod)| !on_pool(&pod.spec.node_name.as_str().into()));
    let mut edits: Vec<Edit> =
        elsewhere.map(|(pod, _)| Edit::MovePod { pod: pod.clone(), node: node.clone() }).collect();
    edits.push(Edit::SetServiceAnnotation {
        service: key.clone(),
        annotation: MODE.into(),
        value: super::facts::availability_sets(model).into_iter().find(|set| set.starts_with("pool-1-")),
    });
    edits
}
