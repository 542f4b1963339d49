//! What a plan tells, and why there is none.

use crate::Migration;
use azure::node_pools::PoolError;
use kubernetes::scheduler::Refusal;
use model::{EditError, Key, NodeName, PoolName};
use std::fmt;

/// Something that happens beside the edit, or that is not as it looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A node changed its pool. A VM cannot leave its scale set: one pool scales in, the other scales out. The
    /// picture keeps the node's name so that it can be followed; in Azure the new VM has another.
    Replaced {
        /// The node.
        node: NodeName,
        /// The pool that scales in.
        from: PoolName,
        /// The pool that scales out.
        to: PoolName,
    },
    /// A bare pod was moved along with its node. Nothing would make it anew; it is kept, as if its owner had made
    /// another on the new VM.
    Carried(Key),
    /// A bare pod went with its node: no object of the input makes it anew.
    Lost(Key),
    /// A pod stays on a node that is drained, because its disruption budget allows no more evictions.
    Blocked {
        /// The pod.
        pod: Key,
        /// The budget.
        budget: Key,
    },
    /// A pod may stay for a while on a node with a taint that it tolerates for so many seconds; it is shown gone.
    After {
        /// The pod.
        pod: Key,
        /// `tolerationSeconds`.
        seconds: i64,
    },
    /// A node joined a pool.
    Joined {
        /// The node.
        node: NodeName,
        /// The pool.
        pool: PoolName,
    },
    /// A node left a pool.
    Left {
        /// The node.
        node: NodeName,
        /// The pool.
        pool: PoolName,
    },
    /// A node was drained and set up again with the pool's version.
    Reimaged(NodeName),
    /// The autoscaler sees nothing to do.
    Idle,
    /// Basic to Standard: something breaks, or is not what it was.
    Migration(Migration),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replaced { node, from, to } => write!(
                f,
                "A VM cannot change its node pool: {from} scales in and {to} scales out. {node} is a new VM, which Azure would give another name."
            ),
            Self::Carried(pod) => {
                write!(f, "{pod} is shown as moved along: the input has no owner that would make it anew.")
            }
            Self::Lost(pod) => {
                write!(f, "{pod} is gone with its node: the input has no owner that makes it anew.")
            }
            Self::Blocked { pod, budget } => {
                write!(f, "{pod} stays: the PodDisruptionBudget {budget} allows no more evictions.")
            }
            Self::After { pod, seconds } => {
                write!(f, "{pod} is evicted after {seconds} s (tolerationSeconds).")
            }
            Self::Joined { node, pool } => write!(f, "{node} joins {pool}."),
            Self::Left { node, pool } => write!(f, "{node} leaves {pool}."),
            Self::Reimaged(node) => write!(f, "{node} is drained, set up anew and takes pods again."),
            Self::Idle => f.write_str("The cluster autoscaler has nothing to do."),
            Self::Migration(change) => change.fmt(f),
        }
    }
}

/// Why an edit is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlanError {
    /// The edit names something that is not there.
    Edit(EditError),
    /// AKS refuses.
    Pool(PoolName, PoolError),
    /// `kubectl drain` refuses pods that nothing makes anew.
    Bare(Vec<Key>),
    /// The node is no spot VM: Azure does not evict it.
    NotSpot(NodeName),
    /// The scheduler does not put the pod on the node.
    Unfit {
        /// The pod.
        pod: Key,
        /// The node.
        node: NodeName,
        /// Why not.
        why: Refusal,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edit(error) => error.fmt(f),
            Self::Pool(pool, error) => write!(f, "AKS refuses this for {pool}: {error}"),
            Self::Bare(pods) => {
                f.write_str("cannot delete Pods that declare no controller (use --force to override): ")?;
                let names: Vec<String> = pods.iter().map(ToString::to_string).collect();
                f.write_str(&names.join(", "))
            }
            Self::NotSpot(node) => write!(f, "{node} is not a spot VM: Azure evicts only those"),
            Self::Unfit { pod, node, why } => {
                write!(f, "the scheduler does not put {} there: {node} {}", pod.name, why.of_one())
            }
        }
    }
}

impl std::error::Error for PlanError {}

impl From<EditError> for PlanError {
    fn from(error: EditError) -> Self {
        Self::Edit(error)
    }
}
