//! What an edit of nodes, pools or workloads brings about: the person's call and what controllers do then.
//!
//! An [`Edit`] says what a person does. [`World::plan`] turns it into one that does the rest too, so that the
//! model after it is the cluster after everything has come to rest:
//!
//! * Nodes that were made for a pool become Node documents, so that they keep their names and addresses.
//! * Pods that workloads make are kept where they run by Bindings; those that are evicted have none and are
//!   scheduled anew. A pod document whose owner the model has is removed: its owner makes another.
//! * A pod document without an owner in the model (a bare pod) goes with its node, for nothing makes it anew.
//!   One exception keeps a moved node's pods in the picture: see [`Note::Carried`].
//!
//! The inverse of such an edit takes all of it back: undo puts every pod where it was.

mod autoscaler;
mod moves;
mod note;
mod unfolding;

pub use note::{Note, PlanError};

use crate::World;
use model::{
    Edit, Key, Kind, NodeName, Object, ObjectRef,
    azure::{LoadBalancer, SkuName},
};
use std::sync::Arc;
use unfolding::Unfolding;

/// An edit with everything that follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The edit to apply; it says all of it in terms of objects.
    pub edit: Edit,
    /// What is worth telling, in the order in which it happens.
    pub notes: Vec<Note>,
}

impl World {
    /// Works out what follows from an edit.
    ///
    /// # Errors
    /// What AKS, `kubectl` or the API server would refuse, with the reason.
    pub fn plan(&self, edit: &Edit) -> Result<Plan, PlanError> {
        if let Edit::MovePod { pod, node } = edit {
            self.may_run_on(pod, node)?;
        }
        if let Edit::SetLoadBalancerSku { sku: SkuName::Standard } = edit {
            return self.plan_migration(edit);
        }
        if let Edit::EditLoadBalancer { .. } = edit {
            return Ok(Plan { edit: self.by_hand(edit.clone()), notes: Vec::new() });
        }
        if !moves_pods(edit) || self.is_of_one_pod(edit) {
            return Ok(Plan { edit: edit.clone(), notes: Vec::new() });
        }
        let mut unfolding = Unfolding::new(self);
        unfolding.carry_out(edit)?;
        let (model, notes) = unfolding.finish();
        let edit = self.input().difference(&model).unwrap_or(Edit::Many { edits: Vec::new() });
        Ok(Plan { edit, notes })
    }
}

impl World {
    /// A load balancer's SKU cannot be changed in place: Basic ones of the input go, and the controller writes others.
    fn plan_migration(&self, edit: &Edit) -> Result<Plan, PlanError> {
        let basic = self.input().load_balancers.values().filter(|own| own.sku.name == SkuName::Basic);
        let object = |own: &Arc<LoadBalancer>| ObjectRef::cluster_scoped(Kind::LoadBalancer, &own.name);
        let gone: Vec<Edit> = basic.map(|own| Edit::Remove { object: object(own) }).collect();
        let edit = if gone.is_empty() {
            edit.clone()
        } else {
            Edit::Many { edits: [vec![edit.clone()], gone].concat() }
        };
        let mut model = self.input().clone();
        edit.apply(&mut model)?;
        let changes = self.migration(&self.update(&model));
        Ok(Plan { edit, notes: changes.into_iter().map(Note::Migration).collect() })
    }

    /// A pod that is moved is made anew, and the scheduler asked for it to be on that node: it may refuse.
    fn may_run_on(&self, pod: &Key, node: &NodeName) -> Result<(), PlanError> {
        let Some(moved) = self.model().pods.get(pod) else { return Ok(()) };
        // It leaves its node first: neither what it uses there nor its own company counts.
        let mut others = self.model().clone();
        others.pods.remove(pod);
        let refusals = kubernetes::scheduler::Scheduler::new(&others).why_not_on(moved, node);
        match refusals.into_iter().next() {
            Some(why) => Err(PlanError::Unfit { pod: pod.clone(), node: node.clone(), why }),
            None => Ok(()),
        }
    }

    /// Whether an edit changes one pod document and no other pod can be scheduled otherwise for it.
    fn is_of_one_pod(&self, edit: &Edit) -> bool {
        let given = |pod| self.input().pods.contains_key(pod);
        match edit {
            Edit::SetPodReady { pod, .. } => given(pod),
            Edit::MovePod { pod, .. } => given(pod) && self.input().workloads().next().is_none(),
            _ => false,
        }
    }
}

/// Whether an edit can change which pods there are, or where they run.
fn moves_pods(edit: &Edit) -> bool {
    match edit {
        Edit::SetExternalTrafficPolicy { .. }
        | Edit::SetInternalTrafficPolicy { .. }
        | Edit::SetSessionAffinity { .. }
        | Edit::SetServiceAnnotation { .. }
        | Edit::SetLoadBalancerSku { .. } => false,
        Edit::Put(object) => matches!(
            object,
            Object::Node(_)
                | Object::Pod(_)
                | Object::ManagedCluster(_)
                | Object::Deployment(_)
                | Object::ReplicaSet(_)
                | Object::StatefulSet(_)
                | Object::DaemonSet(_)
                | Object::Job(_)
                | Object::Binding(_)
        ),
        Edit::Remove { object } => {
            use model::Kind::{Binding, ManagedCluster, Node, Pod};
            matches!(object.kind, Node | Pod | ManagedCluster | Binding) || object.kind.is_workload()
        }
        Edit::Many { edits } => edits.iter().any(moves_pods),
        _ => true,
    }
}
