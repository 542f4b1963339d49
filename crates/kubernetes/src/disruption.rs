//! The disruption controller: how many pods of a budget may be evicted now.

use model::{
    Key, Model,
    kubernetes::{IntOrString, Pod, PodDisruptionBudget},
};

/// How many of `total` a bound means: a number, or a share, which the controller rounds up.
fn amount(bound: &IntOrString, total: usize) -> usize {
    match bound {
        IntOrString::Int(number) => usize::from(*number),
        IntOrString::String(text) => {
            let share: usize = text.trim_end_matches('%').parse().unwrap_or_default();
            total.saturating_mul(share).div_ceil(100)
        }
    }
}

fn is_healthy(pod: &Pod) -> bool {
    pod.is_ready() && !pod.is_terminating() && !pod.is_finished() && !pod.spec.node_name.is_empty()
}

fn selects(key: &Key, budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.selector.as_ref();
    pod.metadata.key().namespace == key.namespace
        && selector.is_some_and(|selector| selector.matches(&pod.metadata.labels))
}

/// How many more pods of a budget may be evicted: `status.disruptionsAllowed`. The pods that are wanted are taken
/// to be those that there are.
pub fn disruptions_allowed(model: &Model, key: &Key, budget: &PodDisruptionBudget) -> usize {
    let pods = || model.pods.values().filter(|pod| !pod.is_finished() && selects(key, budget, pod));
    let (wanted, healthy) = (pods().count(), pods().filter(|pod| is_healthy(pod)).count());
    let least = match (&budget.spec.min_available, &budget.spec.max_unavailable) {
        (Some(least), _) => amount(least, wanted),
        (None, Some(most)) => wanted.saturating_sub(amount(most, wanted)),
        (None, None) => return healthy,
    };
    healthy.saturating_sub(least)
}

/// The budget that forbids to evict a pod of a settled model now, if one does. A pod that is not healthy may go.
pub fn blocked_by(model: &Model, pod: &Pod) -> Option<Key> {
    let mut budgets = model.pod_disruption_budgets.iter().filter(|(key, budget)| selects(key, budget, pod));
    let forbids = |(key, budget): &(&Key, &std::sync::Arc<PodDisruptionBudget>)| {
        disruptions_allowed(model, key, budget) == 0
    };
    is_healthy(pod).then(|| budgets.find(forbids)).flatten().map(|(key, _)| key.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{
        Object,
        kubernetes::{Condition, LabelSelector},
    };
    use std::sync::Arc;

    #[test]
    fn what_a_budget_allows() {
        use IntOrString::{Int, String as Text};
        let share = |text: &str| Some(Text(text.into()));
        // pods, of which ready; minAvailable, maxUnavailable; allowed
        for (pods, ready, least, most, expected) in [
            (3, 3, Some(Int(2)), None, 1),
            (3, 2, Some(Int(2)), None, 0),
            (3, 3, None, Some(Int(1)), 1),
            (3, 2, None, Some(Int(1)), 0),
            (3, 3, None, Some(Int(0)), 0),
            (4, 4, share("50%"), None, 2),
            (5, 5, share("50%"), None, 2),
            (5, 5, None, share("30%"), 2),
            (2, 2, Some(Int(5)), None, 0),
        ] {
            let mut model = Model::default();
            for index in 0..pods {
                let mut pod = Pod::default();
                pod.metadata.name = format!("p{index}");
                pod.metadata.labels.insert("app".into(), "a".into());
                pod.spec.node_name = "n".into();
                pod.status.conditions.push(Condition::ready(index < ready));
                model.put(Object::Pod(Arc::new(pod)));
            }
            let mut budget = PodDisruptionBudget::default();
            budget.metadata.name = "b".into();
            let mut selector = LabelSelector::default();
            selector.match_labels.insert("app".into(), "a".into());
            (budget.spec.min_available, budget.spec.max_unavailable) = (least, most);
            budget.spec.selector = Some(selector);
            let key = budget.metadata.key();
            assert_eq!(disruptions_allowed(&model, &key, &budget), expected, "{budget:?}");
            model.put(Object::PodDisruptionBudget(Arc::new(budget)));
            let first = model.pods.values().next().cloned().expect("a pod");
            assert_eq!(blocked_by(&model, &first), (expected == 0).then_some(key));
        }
    }
}
