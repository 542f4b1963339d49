//! A node's NIC out of a backend pool, into one, or from one to another, by hand.

use crate::World;
use azure::{BackendPoolType, Balancer, Member, Pool, Vm};
use model::{BalancerEdit, Edit, Kind, NodeName, azure::BackendAddress};
use std::{collections::BTreeSet, fmt, sync::Arc};

/// A backend pool of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackendPoolName<'a> {
    /// The load balancer.
    pub balancer: &'a str,
    /// The pool.
    pub pool: &'a str,
}

/// Why a NIC cannot be moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MoveMemberError {
    /// There is no such pool.
    NoPool {
        /// The load balancer.
        balancer: String,
        /// The pool.
        pool: String,
    },
    /// Azure knows no VM of the node.
    NoVm(NodeName),
    /// The node is not in the pool that it is to leave.
    NotThere {
        /// The node.
        node: NodeName,
        /// The pool.
        pool: String,
    },
    /// The node is in the pool that it is to join, and is to leave none.
    ThereAlready {
        /// The node.
        node: NodeName,
        /// The pool.
        pool: String,
    },
    /// A VM can be behind one public and one internal load balancer (Azure, "Azure Load Balancer components",
    /// limitations; cloud-provider-azure, "Azure LoadBalancer").
    SecondBalancer {
        /// The node.
        node: NodeName,
        /// The load balancer that it is behind.
        behind: String,
        /// Whether both are internal, else both are public.
        internal: bool,
    },
}

impl fmt::Display for MoveMemberError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPool { balancer, pool } => {
                write!(f, "the load balancer {balancer} has no backend pool {pool}")
            }
            Self::NoVm(node) => write!(f, "{node} is no VM of this cluster"),
            Self::NotThere { node, pool } => write!(f, "{node} is not in backend pool {pool}"),
            Self::ThereAlready { node, pool } => write!(f, "{node} is in backend pool {pool} already"),
            Self::SecondBalancer { node, behind, internal } => {
                let kind = if *internal { "internal" } else { "public" };
                write!(
                    f,
                    "Azure refuses this: a VM can be behind one {kind} load balancer, and {node} is behind {behind}; take it out of the pools of {behind} first"
                )
            }
        }
    }
}

impl std::error::Error for MoveMemberError {}

impl World {
    /// What a person does who drags a node's NIC out of a backend pool, into one, or from one to another: an edit by
    /// hand, which the controllers may take back. A pool that has the node already only loses it elsewhere.
    ///
    /// # Errors
    /// Where a pool or the node is not there, nothing would change, or Azure refuses.
    pub fn move_member(
        &self,
        node: &NodeName,
        from: Option<BackendPoolName<'_>>,
        to: Option<BackendPoolName<'_>>,
    ) -> Result<Edit, MoveMemberError> {
        let edit = |load_balancer: &str, change| Edit::EditLoadBalancer {
            load_balancer: load_balancer.to_owned(),
            change,
        };
        let vm = self.cloud.vm(node).ok_or_else(|| MoveMemberError::NoVm(node.clone()))?;
        let mut edits = Vec::new();
        if let Some(name) = from {
            let pool = self.backend_pool(name)?;
            let member = member_of(pool, node).ok_or_else(|| MoveMemberError::NotThere {
                node: node.clone(),
                pool: pool.name.to_string(),
            })?;
            let id = member.ip_configuration.as_ref().map(ToString::to_string);
            let member = id.or_else(|| member.address.map(|ip| ip.to_string())).unwrap_or_default();
            edits.push(edit(
                name.balancer,
                BalancerEdit::RemoveMember { pool: pool.name.to_string(), member },
            ));
        }
        if let Some(name) = to {
            let pool = self.backend_pool(name)?;
            if member_of(pool, node).is_none() {
                self.has_room_behind(node, from, name)?;
                let member = Box::new(self.membership(vm, pool));
                let change = BalancerEdit::AddMember { pool: pool.name.to_string(), member };
                edits.push(edit(name.balancer, change));
            } else if from.is_none() || from == to {
                return Err(MoveMemberError::ThereAlready {
                    node: node.clone(),
                    pool: pool.name.to_string(),
                });
            }
        }
        let balancers: BTreeSet<&str> = order::set(from.iter().chain(&to).map(|own| own.balancer));
        let written = balancers.into_iter().filter_map(|name| self.written(Kind::LoadBalancer, name));
        let first: Vec<Edit> = written.map(Edit::Put).collect();
        Ok(Edit::Many { edits: [first, edits].concat() })
    }

    fn backend_pool(&self, name: BackendPoolName<'_>) -> Result<&Arc<Pool>, MoveMemberError> {
        let missing =
            || MoveMemberError::NoPool { balancer: name.balancer.to_owned(), pool: name.pool.to_owned() };
        self.cloud.pool(name.balancer, name.pool).ok_or_else(missing)
    }

    /// How a pool writes a VM down: by NIC, or by address.
    fn membership(&self, vm: &Vm, pool: &Pool) -> BackendAddress {
        let v6 = pool.name.to_ascii_lowercase().ends_with("-ipv6");
        let by_address = self.cloud.settings().backend_pool_type == BackendPoolType::NodeIp;
        let nic = if v6 { &vm.ip_configuration_v6 } else { &vm.ip_configuration };
        BackendAddress {
            name: Some(vm.node.to_string()),
            ip_address: vm.address(v6).filter(|_| by_address).map(|ip| ip.to_string()),
            network_interface_ip_configuration: (!by_address).then(|| nic.clone().into()),
            ..BackendAddress::default()
        }
    }

    /// Whether no other load balancer of the same kind has the node, the pool that it leaves aside.
    fn has_room_behind(
        &self,
        node: &NodeName,
        from: Option<BackendPoolName<'_>>,
        to: BackendPoolName<'_>,
    ) -> Result<(), MoveMemberError> {
        let Some(internal) = self.cloud.balancer(to.balancer).map(is_internal) else { return Ok(()) };
        let left = |balancer: &Balancer, pool: &Pool| {
            from.is_some_and(|from| *from.balancer == *balancer.name && *from.pool == *pool.name)
        };
        let has = |balancer: &&Arc<Balancer>| {
            let mut pools = self.cloud.pools(&balancer.name).iter();
            pools.any(|pool| !left(balancer, pool) && member_of(pool, node).is_some())
        };
        let mut alike = self
            .cloud
            .balancers()
            .filter(|balancer| *balancer.name != *to.balancer && is_internal(balancer) == internal);
        match alike.find(has) {
            Some(balancer) => Err(MoveMemberError::SecondBalancer {
                node: node.clone(),
                behind: balancer.name.to_string(),
                internal,
            }),
            None => Ok(()),
        }
    }
}

fn member_of<'a>(pool: &'a Pool, node: &NodeName) -> Option<&'a Arc<Member>> {
    pool.members.iter().find(|member| member.node.as_ref() == Some(node))
}

/// A load balancer has public or private frontends, never both.
fn is_internal(balancer: &Arc<Balancer>) -> bool {
    balancer.frontends.iter().any(|frontend| frontend.configuration.public_ip_address.is_none())
}
