//! Outcomes that are alike but for the node, as one with a count.

use engine::{Assumption, Endpoint, FlowSummary, PathOutcome, Paths};
use serde::Serialize;

/// The answer of `paths --fold`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Folded {
    /// What was asked.
    pub(crate) flow: FlowSummary,
    /// What was assumed.
    pub(crate) assumptions: Vec<Assumption>,
    /// The folded outcomes, the most probable first.
    pub(crate) outcomes: Vec<FoldedOutcome>,
}

/// Outcomes that are alike but for the node. The first stands for all; the probability is that of all together.
#[derive(Debug, Serialize)]
pub(crate) struct FoldedOutcome {
    /// How many outcomes.
    pub(crate) count: usize,
    #[serde(flatten)]
    pub(crate) outcome: PathOutcome,
}

/// Folds outcomes that are alike but for the node.
pub(crate) fn fold(paths: Paths) -> Folded {
    let mut outcomes: Vec<FoldedOutcome> = Vec::new();
    let mut places = std::collections::BTreeMap::new();
    for outcome in paths.outcomes {
        let place = *places.entry(shape(&outcome)).or_insert(outcomes.len());
        match outcomes.get_mut(place) {
            Some(same) => {
                same.count += 1;
                same.outcome.probability += outcome.probability;
            }
            None => outcomes.push(FoldedOutcome { count: 1, outcome }),
        }
    }
    outcomes.sort_by(|a, b| b.outcome.probability.total_cmp(&a.outcome.probability));
    Folded { flow: paths.flow, assumptions: paths.assumptions, outcomes }
}

/// What outcomes that are alike share: verdict, cause, receiver, whether the source was rewritten, and the actions.
type Shape = (engine::Verdict, Option<engine::Cause>, Option<Endpoint>, bool, Vec<engine::Action>);

fn shape(outcome: &PathOutcome) -> Shape {
    let sent = outcome.steps.first().map(|step| step.before.source);
    (
        outcome.verdict,
        outcome.cause,
        outcome.endpoint.clone(),
        outcome.source_seen == sent,
        outcome.steps.iter().map(|step| step.action).collect(),
    )
}
