//! Preemption: a pod that fits nowhere takes the place of pods with a lower priority (kube-scheduler's
//! `DefaultPreemption`).

use super::{Preemption, Refusal, Scheduler, resources};
use model::{Key, NodeName, kubernetes::Pod};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// A place that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preempted {
    /// The node.
    pub node: NodeName,
    /// The pods that go.
    pub victims: Vec<Key>,
}

/// Fewest broken budgets, then the lowest first victim, then the lowest sum, then the fewest, then the first node.
type Cost = (usize, i32, i64, usize, usize);

/// Whether another pod's leaving can change what a node has against a pod.
pub(super) fn can_change(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::Cordoned
        | Refusal::Taint(_)
        | Refusal::Affinity
        | Refusal::OtherNode
        | Refusal::TooLarge(_)
        | Refusal::SpreadLabelMissing
        | Refusal::PodAffinity => false,
        Refusal::Ports
        | Refusal::TooManyPods
        | Refusal::Insufficient(_)
        | Refusal::Spread
        | Refusal::PodAntiAffinity
        | Refusal::ExistingAntiAffinity => true,
    }
}

impl Scheduler {
    /// Makes a place for a pod that fits nowhere, and counts it there. `priority` gives the priority of a pod that
    /// may go, `protected` says whether a budget forbids to evict it: such pods go only where no others suffice.
    ///
    /// # Errors
    /// What came of it where no place can be made.
    pub fn preempt(
        &mut self,
        pod: &Pod,
        own: i32,
        priority: &dyn Fn(&Pod) -> Option<i32>,
        protected: &dyn Fn(&Pod) -> bool,
    ) -> Result<Preempted, Preemption> {
        let shape = self.shape_of(pod);
        let mut in_vain = BTreeMap::new();
        let mut best: Option<(Cost, Vec<Arc<Pod>>)> = None;
        for node in 0..self.nodes.len() {
            if !self.refusals(shape, node).iter().all(can_change) {
                continue;
            }
            let victims = match self.victims(shape, node, own, priority, protected) {
                Ok(victims) => victims,
                Err(left) => {
                    if let Some((name, _)) = self.nodes.get(node).filter(|_| !left.is_empty()) {
                        in_vain.insert(name.clone(), left);
                    }
                    continue;
                }
            };
            let priorities = || victims.iter().filter_map(|victim| priority(victim));
            let cost = (
                victims.iter().filter(|victim| protected(victim)).count(),
                priorities().max().unwrap_or(i32::MIN),
                // Upstream adds an offset, so that a victim more always costs more.
                priorities().map(|priority| i64::from(priority) + i64::from(i32::MAX) + 1).sum(),
                victims.len(),
                node,
            );
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, victims));
            }
        }
        let Some(((.., node), victims)) = best else { return Err(Preemption::InVain(in_vain)) };
        for victim in &victims {
            self.unseat(node, victim);
        }
        self.look_again();
        let name = self.take(shape, node);
        Ok(Preempted { node: name, victims: victims.iter().map(|victim| victim.metadata.key()).collect() })
    }

    /// The fewest pods that must leave a node, by upstream's way: all with a lower priority are taken away, and given
    /// back one by one, those that a budget protects and those with the highest priority first. Else what the node has
    /// against the pod even without them; nothing where there are none.
    fn victims(
        &mut self,
        shape: usize,
        node: usize,
        own: i32,
        priority: &dyn Fn(&Pod) -> Option<i32>,
        protected: &dyn Fn(&Pod) -> bool,
    ) -> Result<Vec<Arc<Pod>>, Vec<Refusal>> {
        let here = self.placed.iter().filter(|(at, _)| *at == node);
        let mut lower: Vec<Arc<Pod>> = here
            .filter(|(_, pod)| priority(pod).is_some_and(|priority| priority < own))
            .map(|(_, pod)| Arc::clone(pod))
            .collect();
        if lower.is_empty() {
            return Err(Vec::new());
        }
        order::sort_by_key(&mut lower, |pod| (!protected(pod), Reverse(priority(pod)), pod.metadata.key()));
        for pod in &lower {
            self.unseat(node, pod);
        }
        let left = self.refusals(shape, node);
        let fits = left.is_empty();
        let mut victims = Vec::new();
        for pod in &lower {
            self.seat_on(node, pod);
            if fits && !self.refusals(shape, node).is_empty() {
                self.unseat(node, pod);
                victims.push(Arc::clone(pod));
            }
        }
        for victim in &victims {
            self.seat_on(node, victim);
        }
        if fits { Ok(victims) } else { Err(left) }
    }

    /// Counts a pod no longer.
    fn unseat(&mut self, node: usize, pod: &Arc<Pod>) {
        let key = pod.metadata.key();
        let is_it = |(at, other): &(usize, Arc<Pod>)| *at == node && other.metadata.key() == key;
        let Some(place) = self.placed.iter().position(is_it) else { return };
        self.placed.swap_remove(place);
        let requests = resources::requests(&mut self.names, pod);
        if let Some(room) = self.rooms.get_mut(node) {
            room.give_back(&requests, &resources::ports(pod));
        }
        let words = self.words(pod);
        self.terms.unsay(&words, node);
        for index in 0..self.terms.len() {
            if let Some(term) = self.terms.get_mut(index)
                && term.matches(pod)
            {
                term.remove(node);
            }
        }
    }
}
