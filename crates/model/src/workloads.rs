//! The objects that make pods, whatever their kind.

use crate::{Key, Kind, Model, kubernetes::Workload};
use std::sync::Arc;

impl Model {
    /// Every object that makes pods: Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, each in name order.
    pub fn workloads(&self) -> impl Iterator<Item = (Kind, &Key, &Arc<Workload>)> {
        [
            (Kind::Deployment, &self.deployments),
            (Kind::ReplicaSet, &self.replica_sets),
            (Kind::StatefulSet, &self.stateful_sets),
            (Kind::DaemonSet, &self.daemon_sets),
            (Kind::Job, &self.jobs),
        ]
        .into_iter()
        .flat_map(|(kind, map)| map.iter().map(move |(key, workload)| (kind, key, workload)))
    }

    /// Writable, the object that makes pods of that kind and name.
    pub fn workload_mut(&mut self, kind: Kind, key: &Key) -> Option<&mut Arc<Workload>> {
        match kind {
            Kind::Deployment => self.deployments.get_mut(key),
            Kind::ReplicaSet => self.replica_sets.get_mut(key),
            Kind::StatefulSet => self.stateful_sets.get_mut(key),
            Kind::DaemonSet => self.daemon_sets.get_mut(key),
            Kind::Job => self.jobs.get_mut(key),
            _ => None,
        }
    }
}
