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

    fn model(self, state: &State) -> Model {
        let mut model = match self {
            Self::Opened => return (*state.origin.model).clone(),
            Self::Kept => return (*state.model).clone(),
            Self::OtherPolicy => (*state.model).clone(),
        };
        let outside = |kind: ServiceType| matches!(kind, ServiceType::LoadBalancer | ServiceType::NodePort);
        let services = state.model.services.iter();
        for (key, service) in services.filter(|(_, service)| outside(service.spec.service_type)) {
            let policy = match service.spec.external_traffic_policy.unwrap_or_default() {
                TrafficPolicy::Cluster => TrafficPolicy::Local,
                TrafficPolicy::Local => TrafficPolicy::Cluster,
            };
            // The Service is there: its policy can be set.
            let _ = Edit::SetExternalTrafficPolicy { service: key.clone(), policy }.apply(&mut model);
        }
        model
    }
}

impl Variant {
    /// The variant of a state.
    pub(super) fn of(baseline: Baseline, state: &State) -> Self {
        let model = baseline.model(state);
        let world = World::new(&model);
        let answer = Answer::of(&world, &state.flow, state.seed);
        Self { baseline, model: Ptr::new(model), world: Ptr::new(world), answer: Ptr::new(answer) }
    }

    /// The same with the flow that the state asks about now.
    pub(super) fn asked(&self, state: &State) -> Self {
        Self { answer: Ptr::new(Answer::of(&self.world, &state.flow, state.seed)), ..self.clone() }
    }
}
