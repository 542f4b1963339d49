//! The remedies for a load balancer that reaches only some of a Service's pods, as steps that one can perform.

use crate::World;
use azure::node_pools::pool_of;
use model::{
    Edit, Key, Model, NodeName, Object, PoolName,
    azure::AgentPoolMode,
    kubernetes::{
        Effect, LabelSelector, Node, NodeAffinity, NodeSelector, NodeSelectorOperator,
        NodeSelectorRequirement, NodeSelectorTerm, Service, ServiceSpec, ServiceType, Taint,
        TopologySpreadConstraint, TrafficPolicy, WhenUnsatisfiable, Workload,
    },
};
use std::sync::Arc;
use wire::Wire;

/// The annotation by which a Service chooses the set of nodes behind a Basic load balancer.
const MODE: &str = "service.beta.kubernetes.io/azure-load-balancer-mode";

/// A step.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Remedy {
    /// What it does, as an order.
    pub title: &'static str,
    /// Why it helps, and what it costs.
    pub why: &'static str,
    /// What to do; [`World::plan`] works out what follows.
    pub edit: Edit,
}

impl World {
    /// The steps that can be performed for a Service whose shares can be uneven, behind a load balancer with policy Local,
    /// if a Deployment makes its pods; none for any other.
    pub fn remedies(&self, service: &Key) -> Vec<Remedy> {
        let model = self.model();
        let local = |one: &Arc<Service>| {
            let ServiceSpec { service_type, external_traffic_policy, .. } = &one.spec;
            *service_type == ServiceType::LoadBalancer
                && *external_traffic_policy == Some(TrafficPolicy::Local)
        };
        if !model.services.get(service).is_some_and(local) {
            return Vec::new();
        }
        let Some(deployment) = deployment_of(model, self.input(), service) else { return Vec::new() };
        let mut remedies = vec![
            Remedy {
                title: "Ask applications to avoid the system pool: taint it with PreferNoSchedule",
                why: "A soft taint keeps pods away as long as they fit elsewhere. NoSchedule would keep every pod away that does not tolerate it, those of kube-system included: where kube-proxy's DaemonSet lacks the toleration, a new node of the pool would stay without kube-proxy and fail every probe. Pods that run already stay.",
                edit: Edit::Many { edits: soft_taints(model) },
            },
            Remedy {
                title: "Forbid the pods the system pool: node affinity NotIn system",
                why: "The pods themselves keep away, whatever taints there are. The Deployment rolls out anew. A load balancer that knows only the system pool finds no pod there then: with policy Local nothing is answered until it is given the pool of the pods.",
                edit: put(requiring(&deployment, mode(NodeSelectorOperator::NotIn, "system"))),
            },
        ];
        if let Some((pool, set)) = user_set(self) {
            let bound = requiring(&deployment, pool_requirement(&pool));
            let mode = Edit::SetServiceAnnotation {
                service: service.clone(),
                annotation: MODE.to_owned(),
                value: Some(set.clone()),
            };
            let steps = vec![put(bound.clone()), mode.clone()];
            remedies.push(Remedy {
                title: "Bind pods and load balancer to one user pool: node affinity and azure-load-balancer-mode",
                why: "The pods run on one pool, and the annotation makes a Basic load balancer take exactly its nodes: every node behind it has a pod to answer with, and policy Local keeps the client's address. A Standard load balancer takes every node and ignores the annotation.",
                edit: Edit::Many { edits: steps },
            });
            let mut spread = bound;
            spread.spec.template.spec.topology_spread_constraints = vec![TopologySpreadConstraint {
                max_skew: 1,
                topology_key: "kubernetes.io/hostname".into(),
                when_unsatisfiable: WhenUnsatisfiable::DoNotSchedule,
                label_selector: Some(LabelSelector {
                    match_labels: deployment.spec.template.metadata.labels.clone(),
                    ..LabelSelector::default()
                }),
                ..TopologySpreadConstraint::default()
            }];
            let policy =
                Edit::SetExternalTrafficPolicy { service: service.clone(), policy: TrafficPolicy::Local };
            remedies.push(Remedy {
                title: "Policy Local with a fair spread: topologySpreadConstraints over the nodes",
                why: "With policy Local each node gets the same share, however many pods it has: shares are even only if the nodes have equally many. maxSkew 1 keeps the difference at one pod; with as many pods on each node it is none.",
                edit: Edit::Many { edits: vec![put(spread), mode, policy] },
            });
        }
        remedies
    }
}

fn put(deployment: Workload) -> Edit {
    Edit::Put(Object::Deployment(Arc::new(deployment)))
}

/// The Deployment of the input whose pods a Service selects.
fn deployment_of(model: &Model, input: &Model, service: &Key) -> Option<Workload> {
    let selector = &model.services.get(service)?.spec.selector;
    let selects = |workload: &Workload| {
        let labels = &workload.spec.template.metadata.labels;
        !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
    };
    let mut deployments = input.deployments.iter();
    let found = deployments.find(|(key, workload)| key.namespace == service.namespace && selects(workload));
    found.map(|(_, deployment)| deployment.as_ref().clone())
}

fn is_system(model: &Model, node: &Node) -> bool {
    let of_pool = node.pool().and_then(|pool| pool_of(model, &pool.into()));
    of_pool.is_some_and(|(_, pool)| pool.mode == AgentPoolMode::System)
        || node.metadata.label("kubernetes.azure.com/mode") == Some("system")
}

/// `CriticalAddonsOnly` as a soft taint on every node of the system pools.
fn soft_taints(model: &Model) -> Vec<Edit> {
    let taint =
        Taint { key: "CriticalAddonsOnly".into(), value: "true".into(), effect: Effect::PreferNoSchedule };
    let nodes = model.nodes.iter().filter(|(_, node)| is_system(model, node));
    nodes
        .map(|(name, _)| Edit::SetNodeTaint { node: name.clone(), taint: taint.clone(), present: true })
        .collect()
}

fn mode(operator: NodeSelectorOperator, mode: &str) -> NodeSelectorRequirement {
    NodeSelectorRequirement {
        key: "kubernetes.azure.com/mode".into(),
        operator,
        values: vec![mode.to_owned()],
    }
}

fn pool_requirement(pool: &PoolName) -> NodeSelectorRequirement {
    NodeSelectorRequirement {
        key: Node::POOL_LABEL.into(),
        operator: NodeSelectorOperator::In,
        values: vec![pool.to_string()],
    }
}

/// The Deployment with a requirement for its nodes in place of those that it has.
fn requiring(deployment: &Workload, requirement: NodeSelectorRequirement) -> Workload {
    let mut deployment = deployment.clone();
    let affinity = deployment.spec.template.spec.affinity.get_or_insert_default();
    let term = NodeSelectorTerm { match_expressions: vec![requirement], ..NodeSelectorTerm::default() };
    let required = NodeSelector { node_selector_terms: vec![term] };
    affinity.node_affinity.get_or_insert_with(NodeAffinity::default).required = Some(required);
    deployment
}

/// The first user pool that has nodes, with the name of its scale set or availability set.
fn user_set(world: &World) -> Option<(PoolName, String)> {
    let model = world.model();
    let mut nodes = model.nodes.iter().filter(|(_, node)| !is_system(model, node));
    let (name, node): (&NodeName, _) = nodes.next()?;
    let set = world.cloud().vm(name)?.vm_set.to_string();
    Some((node.pool()?.into(), set))
}
