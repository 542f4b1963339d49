//! Which workload counts which pods as its own.

use super::workloads::selects;
use model::{
    Key, Model, ObjectRef,
    kubernetes::{Pod, Workload},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Who owns the pods of a model.
#[derive(Debug)]
pub struct Owners<'a> {
    /// Pods by namespace, kind and name of the owner.
    owned: BTreeMap<(&'a str, &'a str, &'a str), Vec<&'a Arc<Pod>>>,
    /// Pods by namespace that no object of the model owns: what selects them adopts them.
    orphans: BTreeMap<&'a str, Vec<&'a Arc<Pod>>>,
}

impl<'a> Owners<'a> {
    /// Looks at every pod and workload of a model.
    pub fn new(model: &'a Model) -> Self {
        let mut owners = Self { owned: BTreeMap::new(), orphans: BTreeMap::new() };
        if model.workloads().next().is_none() {
            return owners;
        }
        let known: BTreeSet<(&str, String, &str)> = order::set(
            model.workloads().map(|(kind, key, _)| (&*key.namespace, kind.to_string(), &*key.name)),
        );
        for (key, pod) in &model.pods {
            let controller = pod.metadata.controller();
            let named = controller
                .filter(|owner| known.contains(&(&*key.namespace, owner.kind.clone(), owner.name.as_str())));
            match (named, controller) {
                (Some(owner), _) => {
                    owners.owned.entry((&key.namespace, &owner.kind, &owner.name)).or_default().push(pod);
                }
                // The ReplicaSets of a Deployment are often left out of an input.
                (None, Some(owner)) if owner.kind != "ReplicaSet" => {}
                (None, _) => owners.orphans.entry(&key.namespace).or_default().push(pod),
            }
        }
        owners
    }

    /// The pods that count as a workload's own and still run.
    pub(super) fn of(&self, kind: &str, key: &Key, workload: &Workload) -> Vec<&'a Arc<Pod>> {
        let owned = self.owned.get(&(&*key.namespace, kind, &*key.name)).into_iter().flatten();
        let orphans = self.orphans.get(&*key.namespace).into_iter().flatten();
        let adopted = orphans.filter(|pod| selects(workload, &pod.metadata.labels));
        owned.chain(adopted).filter(|pod| !pod.is_finished() && !pod.is_terminating()).copied().collect()
    }

    /// The workload that makes each pod anew when it goes, of the pods that have one.
    pub fn managed(model: &'a Model) -> BTreeMap<Key, ObjectRef> {
        let owners = Self::new(model);
        let mut managed = BTreeMap::new();
        for (kind, key, workload) in model.workloads() {
            for pod in owners.of(&kind.to_string(), key, workload) {
                managed.insert(pod.metadata.key(), ObjectRef::namespaced(kind, key));
            }
        }
        managed
    }
}
