//! The cluster autoscaler: one look at the cluster.

use super::{Note, unfolding::Unfolding};
use kubernetes::{Unsettled, scheduler};
use model::{Kind, NodeName, azure::AgentPool, kubernetes::Pod};

/// Below which share of a node's requests the autoscaler thinks of removing it, in hundredths.
const UNNEEDED_BELOW: u64 = 50;

impl Unfolding {
    /// Adds nodes where that lets pending pods run; where none is pending, removes one idle node whose pods fit
    /// elsewhere. The real one draws lots among the pools that help; here the first by order of the cluster is
    /// taken. Scaling in waits ten minutes in reality.
    pub(super) fn autoscale(&mut self) {
        let before = self.notes.len();
        if self.pending() > 0 {
            while self.grow() {}
        } else {
            self.shrink();
        }
        if self.notes.len() == before {
            self.notes.push(Note::Idle);
        }
        self.count_pools();
    }

    fn pending(&self) -> usize {
        self.now.unsettled.iter().filter(|entry| matches!(entry, Unsettled::Unschedulable { .. })).count()
    }

    fn pools(&self) -> Vec<AgentPool> {
        let pools = self.model.managed_cluster.as_ref().map(|cluster| cluster.agent_pool_profiles.clone());
        pools.unwrap_or_default().into_iter().filter(|pool| pool.enable_auto_scaling == Some(true)).collect()
    }

    /// Adds one node that lets a pending pod run; whether there was one.
    fn grow(&mut self) -> bool {
        let pending = self.pending();
        if pending == 0 {
            return false;
        }
        for pool in self.pools() {
            let nodes = self.nodes_of(&pool.name).len();
            if pool.max_count.and_then(|most| usize::try_from(most).ok()).is_none_or(|most| nodes >= most) {
                continue;
            }
            let (model, now, notes) = (self.model.clone(), self.now.clone(), self.notes.len());
            self.add_node(&pool);
            self.settle();
            if self.pending() < pending {
                return true;
            }
            (self.model, self.now) = (model, now);
            self.notes.truncate(notes);
        }
        false
    }

    /// Removes one idle node.
    fn shrink(&mut self) {
        for pool in self.pools() {
            let nodes = self.nodes_of(&pool.name);
            let least = pool.min_count.and_then(|least| usize::try_from(least).ok()).unwrap_or_default();
            if nodes.len() <= least {
                continue;
            }
            for node in nodes.iter().rev() {
                if !self.is_unneeded(node) {
                    continue;
                }
                let (model, now, notes) = (self.model.clone(), self.now.clone(), self.notes.len());
                self.remove_node(node);
                self.settle();
                if self.pending() == 0 {
                    return;
                }
                (self.model, self.now) = (model, now);
                self.notes.truncate(notes);
            }
        }
    }

    /// Little is asked of the node, and every pod may be moved: it has an owner, and is none of kube-system's
    /// (`skip-nodes-with-system-pods`), those of DaemonSets apart.
    fn is_unneeded(&self, node: &NodeName) -> bool {
        let movable = self.pods_on(node).into_iter().all(|(key, pod, owner)| {
            let of_daemon = owner.as_ref().is_some_and(|owner| owner.kind == Kind::DaemonSet);
            of_daemon || owner.is_some() && &*key.namespace != "kube-system" && self.may_go(&pod)
        });
        movable
            && scheduler::requested_share(&self.now.model, node).is_some_and(|share| share < UNNEEDED_BELOW)
    }

    fn may_go(&self, pod: &Pod) -> bool {
        kubernetes::disruption::blocked_by(&self.now.model, pod).is_none()
    }
}
