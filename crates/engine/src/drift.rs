//! Load balancers that were edited by hand, and the reconcile that follows.

use crate::World;
use azure::Drift;
use model::{Edit, Kind, Object, ObjectRef};
use std::sync::Arc;

impl World {
    /// Each load balancer of the input against the one that the controllers would write, in name order.
    pub fn drifts(&self) -> Vec<Drift> {
        self.cloud.drifts(&self.settled)
    }

    /// What the next reconcile does to a load balancer of the input, as an edit; `None` where the input has no
    /// such load balancer or nothing would change.
    pub fn reconcile(&self, load_balancer: &str) -> Option<Edit> {
        let drift = self.drifts().into_iter().find(|drift| drift.balancer == load_balancer)?;
        let given_back = drift.settles();
        let document = drift.reconciled.filter(|_| !given_back);
        let same = document
            .as_ref()
            .is_some_and(|new| self.input.load_balancers.get(load_balancer).is_some_and(|old| **old == *new));
        let nothing = drift.rows.is_empty() || same;
        let load_balancer = load_balancer.to_owned();
        (!nothing).then(|| Edit::Reconcile { load_balancer, document: document.map(Box::new) })
    }

    /// An edit of Azure's own documents as a person makes it: a load balancer, security group or public
    /// address that only the controllers have written so far is written down first, and is explicit from
    /// then on.
    pub fn by_hand(&self, edit: Edit) -> Edit {
        let written = match &edit {
            Edit::EditLoadBalancer { load_balancer, .. } => self.written(Kind::LoadBalancer, load_balancer),
            _ => None,
        };
        match written {
            Some(object) => Edit::Many { edits: vec![Edit::Put(object), edit] },
            None => edit,
        }
    }

    /// A document of the controllers that the input does not have.
    pub fn written(&self, kind: Kind, name: &str) -> Option<Object> {
        if self.input.get(&ObjectRef::cluster_scoped(kind, name)).is_some() {
            return None;
        }
        match kind {
            Kind::LoadBalancer => self.cloud.load_balancer(name).map(Arc::new).map(Object::LoadBalancer),
            Kind::NetworkSecurityGroup => {
                let group = self.cloud.security_groups().get(name)?;
                Some(Object::NetworkSecurityGroup(Arc::clone(&group.document)))
            }
            Kind::PublicIPAddress => self.cloud.public_ips().get(name).cloned().map(Object::PublicIPAddress),
            _ => None,
        }
    }
}
