//! Load balancers that were edited by hand, and the reconcile that follows.

use crate::World;
use azure::{BackendPoolType, Drift};
use model::{BalancerEdit, Edit, Kind, NodeName, Object, ObjectRef, azure::BackendAddress};
use std::{collections::BTreeSet, sync::Arc};

/// A backend pool of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendPoolName<'a> {
    /// The load balancer.
    pub balancer: &'a str,
    /// The pool.
    pub pool: &'a str,
}

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

    /// What a person does who drags a node's NIC out of a backend pool, into one, or from one to another: an edit by
    /// hand, which the controller may take back. `None` where a pool or the node is not there, or nothing changes.
    pub fn move_member(
        &self,
        node: &NodeName,
        from: Option<BackendPoolName<'_>>,
        to: Option<BackendPoolName<'_>>,
    ) -> Option<Edit> {
        let edit = |load_balancer: &str, change| Edit::EditLoadBalancer {
            load_balancer: load_balancer.to_owned(),
            change,
        };
        let mut edits = Vec::new();
        if let Some(BackendPoolName { balancer, pool }) = from {
            let found = self.cloud.pool(balancer, pool)?;
            let member = found.members.iter().find(|member| member.node.as_ref() == Some(node))?;
            let id = member.ip_configuration.as_ref().map(ToString::to_string);
            let member = id.or_else(|| member.address.map(|ip| ip.to_string()))?;
            edits.push(edit(balancer, BalancerEdit::RemoveMember { pool: found.name.to_string(), member }));
        }
        if let Some(BackendPoolName { balancer, pool }) = to {
            let found = self.cloud.pool(balancer, pool)?;
            let is_there = found.members.iter().any(|member| member.node.as_ref() == Some(node));
            let vm = self.cloud.vm(node)?;
            let v6 = found.name.to_ascii_lowercase().ends_with("-ipv6");
            let by_address = self.cloud.settings().backend_pool_type == BackendPoolType::NodeIp;
            let nic = if v6 { &vm.ip_configuration_v6 } else { &vm.ip_configuration };
            let member = BackendAddress {
                name: Some(node.to_string()),
                ip_address: vm.address(v6).filter(|_| by_address).map(|ip| ip.to_string()),
                network_interface_ip_configuration: (!by_address).then(|| nic.clone().into()),
                ..BackendAddress::default()
            };
            if !is_there {
                let change =
                    BalancerEdit::AddMember { pool: found.name.to_string(), member: Box::new(member) };
                edits.push(edit(balancer, change));
            }
        }
        let balancers: BTreeSet<&str> = from.iter().chain(&to).map(|own| own.balancer).collect();
        let written = balancers.into_iter().filter_map(|name| self.written(Kind::LoadBalancer, name));
        let first: Vec<Edit> = written.map(Edit::Put).collect();
        (!edits.is_empty()).then(|| Edit::Many { edits: [first, edits].concat() })
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
