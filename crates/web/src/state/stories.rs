//! The short stories of a preset: states of the cluster that a press brings about.

use super::describe::MODE;
use crate::presets::Preset;
use model::{
    Edit, Model, NodeName, Object, PoolName,
    kubernetes::{ServiceType, TrafficPolicy},
};
use session::first_service;
use std::sync::Arc;

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
        Some("remedies") => REMEDIES,
        Some("two-nodes") => TWO_NODES,
        Some("production") => PRODUCTION,
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

const REMEDIES: Lesson = Lesson {
    title: "One pod gets everything: what helps",
    intro: &[
        "Four pods behind a Basic load balancer that knows only the system pool, with policy Local. Beside the \
         picture stands Remedies for uneven shares: what would even them out, what each changes and what it costs.",
    ],
    stories: &[],
    outro: &["Apply one, and read in Changes what the scheduler and the controllers make of it."],
};

const TWO_NODES: Lesson = Lesson {
    title: "Two backend pools, and why",
    intro: &[
        "Both nodes stand in two backend pools. aksOutboundBackendPool carries what they send to the internet. \
         The other, kubernetes, waits for the first Service of type LoadBalancer: it has members, but no rule \
         leads to it.",
    ],
    stories: &[
        Story {
            title: "No way in",
            text: "The Service has a cluster IP alone: pods reach it, the internet does not.",
            edits: |_| Vec::new(),
        },
        Story {
            title: "A Service of type LoadBalancer",
            text: "The cloud controller adds a frontend, a rule and a probe, and the internet reaches the pods. \
                   What the nodes send out goes by the outbound pool, as before.",
            edits: |model| exposed(model).into_iter().collect(),
        },
    ],
    outro: &["Send something from a pod to the internet, and see by which address it leaves."],
};

const PRODUCTION: Lesson = Lesson {
    title: "Four node pools, one load balancer",
    intro: &[
        "Thirteen nodes in four pools, and all of them take connections for the frontend, wherever its four pods \
         run. Taints keep its pods off the system, GPU and spot nodes.",
    ],
    stories: &[
        Story {
            title: "Cluster: every node takes part",
            text: "Each pod gets a quarter, and sees the address of one of the thirteen nodes.",
            edits: |_| Vec::new(),
        },
        Story {
            title: "Local: only nodes with a pod",
            text: "Three nodes have one, and the probe takes the others out. A node’s third is split between its \
                   pods: where two share it, each gets a sixth. The client’s address is kept.",
            edits: |model| policy(model, TrafficPolicy::Local).into_iter().collect(),
        },
    ],
    outro: &["Or change it yourself: drag a node, flip a switch. Undo takes it back."],
};

const OWN: Lesson = Lesson {
    title: "Your cluster",
    intro: &["Choose who sends and where to in the bar above, and press Send."],
    stories: &[],
    outro: &["Every change on the page can be undone. Nothing you open leaves this page."],
};

/// The first Service with type LoadBalancer.
fn exposed(model: &Model) -> Option<Edit> {
    let mut service = first_service(model)?.1.clone();
    service.spec.service_type = ServiceType::LoadBalancer;
    Some(Edit::Put(Object::Service(Arc::new(service))))
}

fn policy(model: &Model, policy: TrafficPolicy) -> Option<Edit> {
    first_service(model).map(|(key, _)| Edit::SetExternalTrafficPolicy { service: key.clone(), policy })
}

fn move_to_pool_1(model: &Model) -> Vec<Edit> {
    let pool = PoolName::from("pool-1");
    let Some((key, _)) = first_service(model) else { return Vec::new() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Action, State};
    use std::rc::Rc;
    use yew::Reducible;

    #[test]
    fn stories_end_as_they_say() {
        let facts: [(&str, &[&str]); 3] = [
            ("caveat", &["100 / 0 / 0", "33.3 / 33.3 / 33.3", "33.3 / 33.3 / 33.3"]),
            ("two-nodes", &["svc/default/web is of type ClusterIP", "50 / 50"]),
            ("production", &["25 / 25 / 25 / 25", "16.7 / 33.3 / 33.3 / 16.7"]),
        ];
        for (name, expected) in facts {
            let preset = Preset::find(name).expect("a preset");
            let stories = lesson(Some(preset)).stories;
            assert_eq!(stories.len(), expected.len(), "{name}");
            for (story, words) in stories.iter().zip(expected) {
                let mut state = Rc::new(State::first()).reduce(Action::OpenPreset(preset));
                if let Some(edit) = state.model.difference(&story.target(&state.model)) {
                    state = state.reduce(Action::Restore(story.title.to_owned(), edit));
                    state = state.reduce(Action::FollowEdit);
                }
                let now = state.watched.first().map(|flow| flow.now.words()).unwrap_or_default();
                assert!(now.contains(words), "{name}, {}: {now}", story.title);
            }
        }
    }
}
