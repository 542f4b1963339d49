//! Two variants of the cluster side by side, on one flow.

use super::{Answer, State};
use crate::ptr::Ptr;
use crate::world::World;
use model::{
    Edit, Model,
    kubernetes::{ServiceType, TrafficPolicy},
};

/// A variant to compare with: a cluster that stands still while the page's own changes.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// Which one it is.
    pub(crate) baseline: Baseline,
    /// The cluster as its author wrote it.
    pub(crate) model: Ptr<Model>,
    /// The settled cluster.
    pub(crate) world: Ptr<World>,
    /// What the engine says about the page's flow in it.
    pub(crate) answer: Ptr<Answer>,
}

/// Where a variant comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    /// The cluster as it was opened.
    Opened,
    /// The cluster when the comparison was begun.
    Kept,
    /// The cluster when the comparison was begun, with the other external traffic policy everywhere.
    OtherPolicy,
}

impl Baseline {
    /// Every one, with what the switch says.
    pub(crate) const ALL: [(Self, &'static str); 3] = [
        (Self::Opened, "As it was opened"),
        (Self::OtherPolicy, "With the other policy"),
        (Self::Kept, "As it is now, kept"),
    ];

    /// The cluster, as its author wrote it and settled. Rules that were given to real nodes go along, but into the
    /// cluster as it was opened: it had none.
    fn cluster(self, state: &State) -> (Ptr<Model>, Ptr<World>) {
        match self {
            Self::Opened => (state.origin.model.clone(), Ptr::new(World::new(&state.origin.model))),
            Self::Kept => (state.model.clone(), state.world.clone()),
            Self::OtherPolicy => {
                let model = other_policy(&state.model);
                let world = state.world.update(&model);
                (Ptr::new(model), Ptr::new(world))
            }
        }
    }
}

/// The same cluster with the other external traffic policy everywhere.
fn other_policy(model: &Model) -> Model {
    let mut other = model.clone();
    let outside = |kind: ServiceType| matches!(kind, ServiceType::LoadBalancer | ServiceType::NodePort);
    for (key, service) in model.services.iter().filter(|(_, service)| outside(service.spec.service_type)) {
        let policy = match service.spec.external_traffic_policy.unwrap_or_default() {
            TrafficPolicy::Cluster => TrafficPolicy::Local,
            TrafficPolicy::Local => TrafficPolicy::Cluster,
        };
        // The Service is there: its policy can be set.
        let _ = Edit::SetExternalTrafficPolicy { service: key.clone(), policy }.apply(&mut other);
    }
    other
}

impl Variant {
    /// The variant of a state.
    pub(super) fn of(baseline: Baseline, state: &State) -> Self {
        let (model, world) = baseline.cluster(state);
        let answer = Ptr::new(Answer::of(&world, &state.flow, state.seed));
        Self { baseline, model, world, answer }
    }

    /// The same with the flow that the state asks about now.
    pub(super) fn asked(&self, state: &State) -> Self {
        Self { answer: Ptr::new(Answer::of(&self.world, &state.flow, state.seed)), ..self.clone() }
    }
}
