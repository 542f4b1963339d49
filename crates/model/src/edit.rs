//! One edit for one intention, whatever made it: drag, menu, keyboard, JSON, link.

use crate::{
    BalancerEdit, Key, Kind, Model, NodeName, Object, ObjectRef, PoolName,
    azure::{AgentPool, LoadBalancer, ManagedCluster, SkuName},
    kubernetes::{Condition, Node, Pod, Service, SessionAffinity, Taint, TrafficPolicy},
};
use model_derive::Tagged;
use serde::Serialize;
use std::{fmt, sync::Arc};
use wire::Wire;

/// A change of the model. Applying one returns the edit that takes it back.
///
/// What is applied here is what a person does: the call of `kubectl` or `az`. What controllers do in
/// consequence (evict pods, make nodes) is worked out by `engine::World::plan`, which turns such an edit into
/// one that does both.
#[derive(Debug, Clone, PartialEq, Serialize, Tagged, Wire)]
#[serde(tag = "edit", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Edit {
    /// Gives a node to another agent pool: its pool labels change.
    MoveNode {
        /// The node.
        node: NodeName,
        /// The pool it joins.
        pool: PoolName,
    },
    /// Sets how many nodes a pool has: `az aks nodepool scale`.
    ScalePool {
        /// The pool.
        pool: PoolName,
        /// How many nodes.
        count: u32,
    },
    /// Adds a pool: `az aks nodepool add`.
    AddPool {
        /// The pool.
        pool: Box<AgentPool>,
    },
    /// Removes a pool with its nodes: `az aks nodepool delete`.
    RemovePool {
        /// The pool.
        pool: PoolName,
    },
    /// Brings a pool's nodes to a version, a few at a time: `az aks nodepool upgrade`.
    UpgradePool {
        /// The pool.
        pool: PoolName,
        /// The version, e.g. `1.33.2`.
        version: String,
    },
    /// Keeps new pods from a node, or no longer: `kubectl cordon`, `kubectl uncordon`.
    Cordon {
        /// The node.
        node: NodeName,
        /// Whether new pods are kept away.
        cordoned: bool,
    },
    /// Cordons a node and evicts its pods as far as disruption budgets allow: `kubectl drain`.
    Drain {
        /// The node.
        node: NodeName,
    },
    /// Sets a label of a node, or removes it: `kubectl label node`.
    SetNodeLabel {
        /// The node.
        node: NodeName,
        /// The label's key.
        label: String,
        /// The value; absent removes it.
        value: Option<String>,
    },
    /// Puts a taint on a node, or takes it away: `kubectl taint node`.
    SetNodeTaint {
        /// The node.
        node: NodeName,
        /// The taint.
        taint: Taint,
        /// Whether the node has it from now on.
        present: bool,
    },
    /// Sets `spec.replicas`: `kubectl scale`.
    ScaleWorkload {
        /// The Deployment, ReplicaSet or StatefulSet.
        workload: ObjectRef,
        /// How many pods.
        replicas: u32,
    },
    /// Event: the cluster autoscaler looks at pending pods and idle nodes once.
    Autoscale,
    /// Event: Azure takes a spot VM back.
    EvictSpot {
        /// The node.
        node: NodeName,
    },
    /// Binds a pod to another node. Its address is given up: an address belongs to a node.
    MovePod {
        /// The pod.
        pod: Key,
        /// The node it runs on from now on.
        node: NodeName,
    },
    /// Sets a pod's `Ready` condition.
    SetPodReady {
        /// The pod.
        pod: Key,
        /// Whether it is ready.
        ready: bool,
    },
    /// Sets `externalTrafficPolicy`.
    SetExternalTrafficPolicy {
        /// The Service.
        service: Key,
        /// The policy.
        policy: TrafficPolicy,
    },
    /// Sets `internalTrafficPolicy`.
    SetInternalTrafficPolicy {
        /// The Service.
        service: Key,
        /// The policy.
        policy: TrafficPolicy,
    },
    /// Sets `sessionAffinity`.
    SetSessionAffinity {
        /// The Service.
        service: Key,
        /// The affinity.
        affinity: SessionAffinity,
    },
    /// Sets an annotation of a Service, or removes it.
    SetServiceAnnotation {
        /// The Service.
        service: Key,
        /// The annotation's key.
        annotation: String,
        /// The value; absent removes it.
        value: Option<String>,
    },
    /// Sets the load balancer's SKU for the whole cluster.
    SetLoadBalancerSku {
        /// Basic or Standard.
        sku: SkuName,
    },
    /// Edits a load balancer by hand, as the portal does. The model must have its document.
    EditLoadBalancer {
        /// The load balancer.
        load_balancer: String,
        /// What is changed.
        change: BalancerEdit,
    },
    /// What the cloud controller makes of a load balancer that was edited by hand.
    Reconcile {
        /// The load balancer.
        load_balancer: String,
        /// The document that it writes; absent where nothing of the edit is left, so that the load balancer
        /// is the controller's again.
        document: Option<Box<LoadBalancer>>,
    },
    /// Adds an object or replaces the one of the same name.
    Put(Object),
    /// Removes an object.
    Remove {
        /// The object.
        object: ObjectRef,
    },
    /// Several edits as one step of history, applied in order.
    Many {
        /// The edits.
        edits: Vec<Edit>,
    },
}

/// Why an edit was refused. The model is unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditError {
    /// The edit names an object that the model does not have.
    NotFound(ObjectRef),
    /// The edit names an agent pool that the cluster does not have.
    UnknownPool(PoolName),
    /// The edit names a part that the load balancer does not have.
    NoSuchPart {
        /// The load balancer.
        load_balancer: String,
        /// `rule x`, `probe x`, `member x of kubernetes`.
        part: String,
    },
    /// The cluster has a pool of that name already.
    PoolExists(PoolName),
    /// The object has no `spec.replicas`.
    NotScalable(ObjectRef),
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(object) => write!(f, "there is no {object}"),
            Self::UnknownPool(pool) => write!(f, "the cluster has no node pool {pool}"),
            Self::NoSuchPart { load_balancer, part } => {
                write!(f, "the load balancer {load_balancer} has no {part}")
            }
            Self::PoolExists(pool) => write!(f, "the cluster has a node pool {pool} already"),
            Self::NotScalable(object) => write!(f, "{object} has no number of replicas"),
        }
    }
}

impl std::error::Error for EditError {}

impl Edit {
    /// Applies the edit and returns its inverse; on error the model is as it was.
    pub fn apply(&self, model: &mut Model) -> Result<Self, EditError> {
        match self {
            Self::MoveNode { node, pool } => move_node(model, node, pool),
            Self::ScalePool { pool, count } => change_pool(model, pool, |pool| pool.count = Some(*count)),
            Self::UpgradePool { pool, version } => change_pool(model, pool, |pool| {
                pool.orchestrator_version = Some(version.clone());
                pool.current_orchestrator_version = None;
            }),
            Self::AddPool { pool } => add_pool(model, pool),
            Self::RemovePool { pool } => remove_pool(model, pool),
            Self::Cordon { node, cordoned } => {
                change_node(model, node, |node| node.spec.unschedulable = *cordoned)
            }
            Self::Drain { node } => change_node(model, node, |node| node.spec.unschedulable = true),
            Self::SetNodeLabel { node, label, value } => change_node(model, node, |node| {
                let labels = &mut node.metadata.labels;
                match value {
                    Some(value) => labels.insert(label.clone(), value.clone()),
                    None => labels.remove(label),
                };
            }),
            Self::SetNodeTaint { node, taint, present } => change_node(model, node, |node| {
                let alike = |other: &Taint| other.key == taint.key && other.effect == taint.effect;
                node.spec.taints.retain(|other| !alike(other));
                node.spec.taints.extend(present.then(|| taint.clone()));
            }),
            Self::ScaleWorkload { workload, replicas } => scale_workload(model, workload, *replicas),
            Self::Autoscale => Ok(Self::Many { edits: Vec::new() }),
            Self::EvictSpot { node } => Self::Remove { object: ObjectRef::node(node) }.apply(model),
            Self::MovePod { pod, node } => {
                if !model.nodes.contains_key(node) {
                    return Err(EditError::NotFound(ObjectRef::node(node)));
                }
                change_pod(model, pod, |pod| {
                    node.as_str().clone_into(&mut pod.spec.node_name);
                    pod.status.pod_ip.clear();
                    pod.status.pod_ips.clear();
                })
            }
            Self::SetPodReady { pod, ready } => change_pod(model, pod, |pod| {
                // A pod is ready when its containers are.
                if *ready {
                    pod.status.container_statuses.clear();
                }
                pod.status.conditions.retain(|condition| condition.kind != "Ready");
                pod.status.conditions.push(Condition::ready(*ready));
            }),
            Self::SetExternalTrafficPolicy { service, policy } => {
                change_service(model, service, |service| service.spec.external_traffic_policy = Some(*policy))
            }
            Self::SetInternalTrafficPolicy { service, policy } => {
                change_service(model, service, |service| service.spec.internal_traffic_policy = Some(*policy))
            }
            Self::SetSessionAffinity { service, affinity } => {
                change_service(model, service, |service| service.spec.session_affinity = Some(*affinity))
            }
            Self::SetServiceAnnotation { service, annotation, value } => {
                change_service(model, service, |service| {
                    let annotations = &mut service.metadata.annotations;
                    match value {
                        Some(value) => annotations.insert(annotation.clone(), value.clone()),
                        None => annotations.remove(annotation),
                    };
                })
            }
            Self::SetLoadBalancerSku { sku } => {
                let sku = Some(sku.to_string().to_ascii_lowercase());
                Ok(change_cluster(model, |cluster| cluster.network_profile.load_balancer_sku = sku))
            }
            Self::EditLoadBalancer { load_balancer, change } => {
                let missing =
                    || EditError::NotFound(ObjectRef::cluster_scoped(Kind::LoadBalancer, load_balancer));
                let known = model.load_balancers.get(load_balancer).ok_or_else(missing)?;
                let mut document = (**known).clone();
                change
                    .apply(&mut document)
                    .map_err(|part| EditError::NoSuchPart { load_balancer: load_balancer.clone(), part })?;
                Ok(put(model, Object::LoadBalancer(Arc::new(document))))
            }
            Self::Reconcile { load_balancer, document } => match document {
                Some(document) => Ok(put(model, Object::LoadBalancer(Arc::new((**document).clone())))),
                None => {
                    let object = ObjectRef::cluster_scoped(Kind::LoadBalancer, load_balancer);
                    Self::Remove { object }.apply(model)
                }
            },
            Self::Put(object) => Ok(put(model, object.clone())),
            Self::Remove { object } => match model.remove(object) {
                Some(removed) => Ok(Self::Put(removed)),
                None => Err(EditError::NotFound(object.clone())),
            },
            Self::Many { edits } => {
                let mut changed = model.clone();
                let mut inverse =
                    edits.iter().map(|edit| edit.apply(&mut changed)).collect::<Result<Vec<_>, _>>()?;
                inverse.reverse();
                *model = changed;
                Ok(Self::Many { edits: inverse })
            }
        }
    }
}

fn put(model: &mut Model, object: Object) -> Edit {
    // A cluster document may be renamed by the edit: one model has at most one.
    let id = object.object_ref();
    match model.put(object) {
        Some(previous) => Edit::Put(previous),
        None => Edit::Remove { object: id },
    }
}

fn change_service(
    model: &mut Model,
    key: &Key,
    change: impl FnOnce(&mut Service),
) -> Result<Edit, EditError> {
    let missing = || EditError::NotFound(ObjectRef::namespaced(Kind::Service, key));
    let slot = model.services.get_mut(key).ok_or_else(missing)?;
    let previous = Arc::clone(slot);
    change(Arc::make_mut(slot));
    Ok(Edit::Put(Object::Service(previous)))
}

fn change_pod(model: &mut Model, key: &Key, change: impl FnOnce(&mut Pod)) -> Result<Edit, EditError> {
    let missing = || EditError::NotFound(ObjectRef::namespaced(Kind::Pod, key));
    let slot = model.pods.get_mut(key).ok_or_else(missing)?;
    let previous = Arc::clone(slot);
    change(Arc::make_mut(slot));
    Ok(Edit::Put(Object::Pod(previous)))
}

fn change_node(
    model: &mut Model,
    name: &NodeName,
    change: impl FnOnce(&mut Node),
) -> Result<Edit, EditError> {
    let slot = model.nodes.get_mut(name).ok_or_else(|| EditError::NotFound(ObjectRef::node(name)))?;
    let previous = Arc::clone(slot);
    change(Arc::make_mut(slot));
    Ok(Edit::Put(Object::Node(previous)))
}

fn change_cluster(model: &mut Model, change: impl FnOnce(&mut ManagedCluster)) -> Edit {
    let mut cluster = model.managed_cluster.as_deref().cloned().unwrap_or_default();
    change(&mut cluster);
    put(model, Object::ManagedCluster(Arc::new(cluster)))
}

fn change_pool(
    model: &mut Model,
    name: &PoolName,
    change: impl FnOnce(&mut AgentPool),
) -> Result<Edit, EditError> {
    let unknown = || EditError::UnknownPool(name.clone());
    let slot = model.managed_cluster.as_mut().ok_or_else(unknown)?;
    let previous = Arc::clone(slot);
    let pools = &mut Arc::make_mut(slot).agent_pool_profiles;
    match pools.iter_mut().find(|pool| pool.name == *name) {
        Some(pool) => change(pool),
        None => {
            *slot = previous;
            return Err(unknown());
        }
    }
    Ok(Edit::Put(Object::ManagedCluster(previous)))
}

fn add_pool(model: &mut Model, pool: &AgentPool) -> Result<Edit, EditError> {
    if model.managed_cluster.as_ref().is_some_and(|cluster| cluster.pool(pool.name.as_str()).is_some()) {
        return Err(EditError::PoolExists(pool.name.clone()));
    }
    Ok(change_cluster(model, |cluster| cluster.agent_pool_profiles.push(pool.clone())))
}

fn remove_pool(model: &mut Model, name: &PoolName) -> Result<Edit, EditError> {
    if model.managed_cluster.as_ref().is_none_or(|cluster| cluster.pool(name.as_str()).is_none()) {
        return Err(EditError::UnknownPool(name.clone()));
    }
    let nodes = model.nodes.iter().filter(|(_, node)| node.pool() == Some(name.as_str()));
    let nodes: Vec<ObjectRef> = nodes.map(|(node, _)| ObjectRef::node(node)).collect();
    let removed: Vec<Object> = nodes.iter().filter_map(|node| model.remove(node)).collect();
    let cluster =
        change_cluster(model, |cluster| cluster.agent_pool_profiles.retain(|pool| pool.name != *name));
    Ok(Edit::Many { edits: std::iter::once(cluster).chain(removed.into_iter().map(Edit::Put)).collect() })
}

fn scale_workload(model: &mut Model, id: &ObjectRef, replicas: u32) -> Result<Edit, EditError> {
    if matches!(id.kind, Kind::DaemonSet | Kind::Job) {
        return Err(EditError::NotScalable(id.clone()));
    }
    let previous = model.get(id).ok_or_else(|| EditError::NotFound(id.clone()))?;
    let slot = model.workload_mut(id.kind, &id.key()).ok_or_else(|| EditError::NotScalable(id.clone()))?;
    Arc::make_mut(slot).spec.replicas = Some(replicas);
    Ok(Edit::Put(previous))
}

fn move_node(model: &mut Model, name: &NodeName, pool: &PoolName) -> Result<Edit, EditError> {
    let in_cluster =
        |cluster: &Arc<ManagedCluster>| cluster.agent_pool_profiles.iter().any(|entry| entry.name == *pool);
    let on_a_node = || model.nodes.values().any(|node| node.pool() == Some(pool.as_str()));
    if !model.managed_cluster.as_ref().is_some_and(in_cluster) && !on_a_node() {
        return Err(EditError::UnknownPool(pool.clone()));
    }
    change_node(model, name, |node| {
        let labels = &mut node.metadata.labels;
        labels.insert(Node::POOL_LABEL.into(), pool.to_string());
        labels.insert("agentpool".into(), pool.to_string());
    })
}

#[cfg(test)]
mod tests;
