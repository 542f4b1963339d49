//! What settling changed, as it passes.

use model::{Edit, EditError, Model, kubernetes::Pod, kubernetes::PodStatus};
use std::sync::Arc;
use wire::Wire;

/// What settling changed in the settled cluster before, or in the input, if anything. Of tens of thousands of pods their
/// addresses alone pass, and all else of them stays the same in memory.
#[derive(Debug, Clone, Default, PartialEq, Wire)]
pub struct SettledChange {
    /// Pods, by their place among all, of which nothing but the status is another.
    pub statuses: Vec<(usize, PodStatus)>,
    /// Everything else.
    pub rest: Vec<Edit>,
}

impl SettledChange {
    /// What leads from one cluster to another.
    pub(crate) fn of(before: &Model, after: &Model) -> Self {
        let mut halfway = before.clone();
        let mut statuses = Vec::new();
        if !before.pods.is_same(&after.pods) {
            let mut news = after.pods.iter().peekable();
            for (at, (key, pod)) in halfway.pods.iter_mut().enumerate() {
                while news.next_if(|(other, _)| *other < key).is_some() {}
                let Some((_, new)) = news.next_if(|(other, _)| *other == key) else { continue };
                let same = |old: &Pod| new.metadata == old.metadata && new.spec == old.spec;
                if !Arc::ptr_eq(pod, new) && same(pod) {
                    if pod.status != new.status {
                        statuses.push((at, new.status.clone()));
                    }
                    *pod = Arc::clone(new);
                }
            }
        }
        let rest = match halfway.difference(after) {
            Some(Edit::Many { edits }) => edits,
            rest => rest.into_iter().collect(),
        };
        Self { statuses, rest }
    }

    /// Changes the cluster from which it leads into the other one.
    pub fn apply(self, model: &mut Model) -> Result<(), EditError> {
        let mut statuses = self.statuses.into_iter().peekable();
        if statuses.peek().is_some() {
            for (at, pod) in model.pods.values_mut().enumerate() {
                if let Some((_, status)) = statuses.next_if(|(own, _)| *own == at) {
                    let (metadata, spec) = (pod.metadata.clone(), pod.spec.clone());
                    *pod = Arc::new(Pod { metadata, spec, status });
                }
            }
        }
        self.rest.iter().try_for_each(|edit| edit.apply(model).map(drop))
    }
}
