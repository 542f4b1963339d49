//! What pods and workloads ask of nodes.

use super::Check;
use model::{
    Kind, ObjectRef,
    azure::{AgentPool, ManagedCluster, VmSize, max_pods},
    kubernetes::{PodSpec, Quantity, Workload},
};
use std::collections::BTreeMap;

/// Most pods of a cluster that Kubernetes supports.
const MOST_PODS: u32 = 150_000;

/// The most of a resource that any node has left for pods, by name; `None` where the input does not say.
type Largest = Option<BTreeMap<String, Quantity>>;

impl Check<'_> {
    pub(super) fn workloads(&mut self) {
        self.node_pools();
        let largest = self.largest();
        let model = self.model;
        for (name, node) in &model.nodes {
            let id = ObjectRef::node(name);
            for (field, amounts) in
                [("capacity", &node.status.capacity), ("allocatable", &node.status.allocatable)]
            {
                self.quantities(&id, &format!("status.{field}"), amounts);
            }
        }
        for (key, pod) in &model.pods {
            // A pod that runs has been found to fit.
            let waits = pod.spec.node_name.is_empty() && !pod.is_finished();
            let largest = if waits { largest.as_ref() } else { None };
            self.pod_spec(&ObjectRef::namespaced(Kind::Pod, key), "spec", &pod.spec, largest);
        }
        for (kind, key, workload) in model.workloads() {
            let id = ObjectRef::namespaced(kind, key);
            self.workload(&id, workload, largest.as_ref());
        }
    }

    /// The most that any node has; `None` if the input does not say it of every node.
    fn largest(&self) -> Largest {
        let mut largest: BTreeMap<String, Quantity> = BTreeMap::new();
        let mut add = |name: &str, amount: Quantity| {
            let entry = largest.entry(name.to_owned()).or_default();
            *entry = amount.max(*entry);
        };
        let mut add_size = |pool: &AgentPool, cluster: &ManagedCluster| {
            let size = VmSize::of(pool)?;
            add("cpu", Quantity::milli(size.allocatable_millicores().into()));
            let memory = u64::from(size.allocatable_memory(max_pods(pool, cluster)));
            add("memory", Quantity::milli((memory << 20).saturating_mul(1000)));
            add("nvidia.com/gpu", Quantity::milli(u64::from(size.gpus) * 1000));
            Some(())
        };
        let cluster = self.model.managed_cluster.as_deref();
        for pool in cluster.map(|cluster| cluster.agent_pool_profiles.as_slice()).unwrap_or_default() {
            let has_nodes = self.model.nodes.values().any(|node| node.pool() == Some(pool.name.as_str()));
            if !has_nodes && pool.count.unwrap_or_default() > 0 {
                add_size(pool, cluster?)?;
            }
        }
        for node in self.model.nodes.values() {
            let status = &node.status;
            let given = if status.allocatable.is_empty() { &status.capacity } else { &status.allocatable };
            if given.is_empty() {
                let cluster = cluster?;
                add_size(cluster.pool(node.pool()?)?, cluster)?;
            }
        }
        for node in self.model.nodes.values() {
            let status = &node.status;
            let given = if status.allocatable.is_empty() { &status.capacity } else { &status.allocatable };
            for (name, text) in given {
                let entry = largest.entry(name.clone()).or_default();
                *entry = text.parse::<Quantity>().unwrap_or_default().max(*entry);
            }
        }
        (!largest.is_empty()).then_some(largest)
    }

    fn workload(
        &mut self,
        id: &ObjectRef,
        workload: &Workload,
        largest: Option<&BTreeMap<String, Quantity>>,
    ) {
        let spec = &workload.spec;
        for (field, count) in [
            ("replicas", spec.replicas),
            ("parallelism", spec.parallelism),
            ("completions", spec.completions),
        ] {
            if count.is_some_and(|count| count > MOST_PODS) {
                let what = format!("{field} is above {MOST_PODS}, which is all that a cluster can run");
                self.error(
                    id,
                    &format!("spec.{field}"),
                    what,
                    "write the number that the cluster really runs",
                );
            }
        }
        let labels = &spec.template.metadata.labels;
        if let Some(selector) = &spec.selector
            && !selector.is_empty()
            && !selector.matches(labels)
        {
            self.error(
                id,
                "spec.selector",
                "the selector does not select the pods of the template",
                "give spec.template.metadata.labels the labels that spec.selector asks for",
            );
        }
        self.pod_spec(id, "spec.template.spec", &spec.template.spec, largest);
    }

    fn pod_spec(
        &mut self,
        id: &ObjectRef,
        path: &str,
        spec: &PodSpec,
        largest: Option<&BTreeMap<String, Quantity>>,
    ) {
        let mut asked: BTreeMap<&str, u64> = BTreeMap::new();
        for (at, container) in spec.containers.iter().enumerate() {
            let resources = &container.resources;
            for (field, amounts) in [("requests", &resources.requests), ("limits", &resources.limits)] {
                self.quantities(id, &format!("{path}.containers[{at}].resources.{field}"), amounts);
            }
            let defaults =
                resources.limits.iter().filter(|(name, _)| !resources.requests.contains_key(*name));
            for (name, text) in resources.requests.iter().chain(defaults) {
                let amount: Quantity = text.parse().unwrap_or_default();
                let sum = asked.entry(name).or_default();
                *sum = sum.saturating_add(amount.as_milli());
            }
        }
        for (name, amount) in asked {
            let most = largest.map(|largest| largest.get(name).copied().unwrap_or_default());
            if let Some(most) = most.filter(|most| most.as_milli() < amount) {
                let text = |milli: u64| match name {
                    "cpu" => format!("{milli}m"),
                    "memory" => format!("{}Mi", (milli / 1000) >> 20),
                    _ => (milli / 1000).to_string(),
                };
                self.warning(
                    id,
                    &format!("{path}.containers[0].resources"),
                    format!("asks for {} of {name}, and no node has more than {}", text(amount), text(most.as_milli())),
                    "ask for less, or add a node pool with larger VMs; the kubelet keeps a part of each node for itself",
                );
            }
        }
        for (at, constraint) in spec.topology_spread_constraints.iter().enumerate() {
            let place = format!("{path}.topologySpreadConstraints[{at}]");
            if constraint.max_skew == 0 {
                self.error(id, &place, "maxSkew must be at least 1", "write `maxSkew: 1`");
            }
            if constraint.topology_key.is_empty() {
                let hint = "write `topologyKey: kubernetes.io/hostname` or `topology.kubernetes.io/zone`";
                self.error(id, &place, "the constraint has no topologyKey", hint);
            }
        }
        self.pod_dns(id, path, spec);
        let terms = spec.affinity.iter().flat_map(|affinity| {
            affinity.pod_affinity.iter().chain(&affinity.pod_anti_affinity).flat_map(|entry| {
                let preferred = entry.preferred.iter().map(|wish| &wish.pod_affinity_term);
                entry.required.iter().chain(preferred)
            })
        });
        if terms.into_iter().any(|term| term.topology_key.is_empty()) {
            let hint = "write `topologyKey: kubernetes.io/hostname` or `topology.kubernetes.io/zone`";
            self.error(id, &format!("{path}.affinity"), "a term about pods has no topologyKey", hint);
        }
    }

    fn quantities(&mut self, id: &ObjectRef, path: &str, amounts: &BTreeMap<String, String>) {
        for (name, text) in amounts {
            if text.parse::<Quantity>().is_err() {
                let hint = if text.starts_with('-') {
                    "a quantity is 0 or more"
                } else {
                    "write a number with or without a suffix: 500m, 2, 128Mi, 4Gi"
                };
                self.error(id, path, format!("{path}.{name}: {text:?} is not a quantity"), hint);
            }
        }
    }
}
