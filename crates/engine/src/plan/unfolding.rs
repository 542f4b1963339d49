//! A model on its way from before an edit to after it.

use super::{Note, PlanError};
use crate::World;
use kubernetes::{Owners, Settled};
use model::{
    Edit, Key, Kind, Model, NodeName, Object, ObjectRef,
    kubernetes::{Binding, BindingTarget, Pod},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The model under change, and where everything runs right now.
pub(super) struct Unfolding {
    pub(super) model: Model,
    /// The model with pods placed.
    pub(super) now: Settled,
    pub(super) notes: Vec<Note>,
}

fn place(model: &Model) -> Settled {
    let mut grown = model.clone();
    azure::node_pools::complete(&mut grown);
    kubernetes::place(&grown)
}

fn binding(key: &Key, node: &str) -> Object {
    let mut binding = Binding::default();
    binding.metadata.name = key.name.to_string();
    binding.metadata.namespace = key.namespace.to_string();
    binding.target = BindingTarget { kind: "Node".into(), name: node.to_owned() };
    Object::Binding(Arc::new(binding))
}

impl Unfolding {
    /// The cluster as it is: nodes become documents, and every pod stays where it runs.
    pub(super) fn new(world: &World) -> Self {
        let mut model = world.input().clone();
        let settled = world.model();
        for (name, node) in &settled.nodes {
            // A given node without addresses keeps those that it was given, too.
            let allocated = |given: &Arc<model::kubernetes::Node>| {
                given.internal_ips().next().is_none() || given.spec.pod_cidr.is_empty()
            };
            if model.nodes.get(name).is_none_or(allocated) {
                model.put(Object::Node(Arc::clone(node)));
            }
        }
        let now =
            Settled { model: settled.clone(), unsettled: world.unsettled().to_vec(), ..Settled::default() };
        let mut unfolding = Self { model, now, notes: Vec::new() };
        unfolding.pin();
        unfolding
    }

    /// Whether the scheduler has nothing to decide and never had.
    fn is_given(&self) -> bool {
        let waits = |pod: &Arc<Pod>| pod.spec.node_name.is_empty() && !pod.is_finished();
        self.model.workloads().next().is_none()
            && self.now.model.workloads().next().is_none()
            && !self.model.pods.values().any(waits)
    }

    /// Keeps the pods that the scheduler bound where they run.
    fn pin(&mut self) {
        if self.is_given() {
            return;
        }
        for (key, pod) in &self.now.model.pods {
            let node = pod.spec.node_name.as_str();
            let bound = |binding: &Arc<Binding>| binding.target.name == node;
            let given = self.model.pods.get(key).is_some_and(|pod| !pod.spec.node_name.is_empty());
            if !given && !node.is_empty() && !self.model.bindings.get(key).is_some_and(bound) {
                self.model.put(binding(key, node));
            }
        }
        // One whose place was taken waits, and is bound to nothing.
        let runs = |key: &Key| self.now.model.pods.get(key).is_some_and(|pod| !pod.spec.node_name.is_empty());
        self.model.bindings.retain(|key, _| runs(key));
    }

    /// Lets the controllers and the scheduler run, and keeps what they decide.
    pub(super) fn settle(&mut self) {
        if self.is_given() {
            self.now = Settled { model: self.model.clone(), ..Settled::default() };
            return;
        }
        self.now = place(&self.model);
        self.pin();
    }

    /// The pods that run on a node, with the workload that makes each anew, where one does.
    pub(super) fn pods_on(&self, node: &NodeName) -> Vec<(Key, Arc<Pod>, Option<ObjectRef>)> {
        let managed = Owners::managed(&self.now.model);
        let there = self
            .now
            .model
            .pods
            .iter()
            .filter(|(_, pod)| pod.spec.node_name == node.as_str() && !pod.is_finished());
        there.map(|(key, pod)| (key.clone(), Arc::clone(pod), managed.get(key).cloned())).collect()
    }

    /// Removes a pod: its owner, if it has one, makes another.
    pub(super) fn evict(&mut self, pod: &Key) {
        self.model.pods.remove(pod);
        self.model.bindings.remove(pod);
    }

    /// Evicts every pod of a node that goes.
    pub(super) fn evict_all(&mut self, node: &NodeName) {
        for (key, _, owner) in self.pods_on(node) {
            if owner.is_none() {
                self.notes.push(Note::Lost(key.clone()));
            }
            self.evict(&key);
        }
    }

    /// Takes a node out of the cluster, its pods with it.
    pub(super) fn remove_node(&mut self, node: &NodeName) {
        self.evict_all(node);
        if let Some(pool) = self.model.nodes.get(node).and_then(|node| node.pool()) {
            self.notes.push(Note::Left { node: node.clone(), pool: pool.into() });
        }
        self.model.nodes.remove(node);
    }

    /// The pods of a node that are evicted when it is drained: not those of DaemonSets.
    fn drainable(&self, node: &NodeName) -> Vec<(Key, Arc<Pod>, Option<ObjectRef>)> {
        let mut pods = self.pods_on(node);
        pods.retain(|(.., owner)| owner.as_ref().is_none_or(|owner| owner.kind != Kind::DaemonSet));
        pods
    }

    /// Pods of a node that nothing makes anew.
    pub(super) fn bare_pods(&self, node: &NodeName) -> Vec<Key> {
        let pods = self.drainable(node).into_iter();
        pods.filter(|(.., owner)| owner.is_none()).map(|(key, ..)| key).collect()
    }

    /// Evicts a cordoned node's pods, those of DaemonSets apart, one after the other: each as soon as its budget
    /// allows it, which may be only when the pods evicted before run elsewhere.
    pub(super) fn drain(&mut self, node: &NodeName) {
        let mut blocked = BTreeMap::new();
        loop {
            blocked.clear();
            let mut evicted = false;
            for (key, pod, owner) in self.drainable(node) {
                if let Some(budget) = kubernetes::disruption::blocked_by(&self.now.model, &pod) {
                    blocked.insert(key, budget);
                    continue;
                }
                if owner.is_none() {
                    self.notes.push(Note::Lost(key.clone()));
                }
                self.evict(&key);
                // Budgets of the next one count it as wanted still, and as gone.
                if let Some(pod) = self.now.model.pods.get_mut(&key) {
                    Arc::make_mut(pod).metadata.deletion_timestamp = Some("now".to_owned());
                }
                evicted = true;
            }
            self.settle();
            if !evicted || blocked.is_empty() {
                break;
            }
        }
        self.notes.extend(blocked.into_iter().map(|(pod, budget)| Note::Blocked { pod, budget }));
    }

    /// A change of the model without a plan of its own: what it takes away takes pods with it.
    pub(super) fn apply(&mut self, edit: &Edit) -> Result<(), PlanError> {
        // A pod that a workload made becomes a document before it is changed.
        if let Edit::MovePod { pod, .. } | Edit::SetPodReady { pod, .. } = edit
            && let (None, Some(made)) = (self.model.pods.get(pod), self.now.model.pods.get(pod))
        {
            self.model.put(Object::Pod(Arc::clone(made)));
        }
        if let Edit::Remove { object } = edit
            && object.kind == Kind::Pod
            && self.model.get(object).is_none()
            && self.now.model.pods.contains_key(&object.key())
        {
            self.evict(&object.key());
            return Ok(());
        }
        let before: BTreeSet<NodeName> = order::set(self.model.nodes.keys().cloned());
        let rolled = self.rolled_out(edit);
        edit.apply(&mut self.model)?;
        for pod in rolled {
            self.evict(&pod);
        }
        for node in before {
            if !self.model.nodes.contains_key(&node) {
                self.evict_all(&node);
            }
        }
        Ok(())
    }

    /// Pod documents of a workload whose template an edit changes: a rollout replaces them.
    fn rolled_out(&self, edit: &Edit) -> Vec<Key> {
        let Edit::Put(object) = edit else { return Vec::new() };
        let id = object.object_ref();
        let (Object::Deployment(new)
        | Object::ReplicaSet(new)
        | Object::StatefulSet(new)
        | Object::DaemonSet(new)
        | Object::Job(new)) = object
        else {
            return Vec::new();
        };
        let old = self.model.workloads().find(|(kind, key, _)| *kind == id.kind && **key == id.key());
        if old.is_none_or(|(.., old)| old.spec.template == new.spec.template) {
            return Vec::new();
        }
        let of_it = |owner: &ObjectRef| {
            let set = self.now.model.replica_sets.get(&owner.key());
            let deployment = set.and_then(|set| set.metadata.controller());
            *owner == id
                || owner.kind == Kind::ReplicaSet
                    && owner.namespace == id.namespace
                    && deployment
                        .is_some_and(|owner| owner.kind == id.kind.to_string() && *owner.name == *id.name)
        };
        let managed = Owners::managed(&self.now.model);
        managed.into_iter().filter(|(_, owner)| of_it(owner)).map(|(pod, _)| pod).collect()
    }

    pub(super) fn finish(self) -> (Model, Vec<Note>) {
        (self.model, self.notes)
    }
}
