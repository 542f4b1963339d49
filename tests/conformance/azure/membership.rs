//! Which nodes are in the pool, and which load balancer a Service gets.

use super::input::{self, compare, plain_node, strict};
use azure::{
    Cloud, OutboundType, Settings,
    choose::Chooser,
    membership::{node_cache_excludes, service_controller_excludes},
    program_with,
    reconcile::reconcile_members,
};
use model::{
    Model, Object,
    azure::{AgentPoolMode, SkuName},
    kubernetes::{Condition, Node, Service, ServicePort, ServiceType, Taint},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    cluster: Value,
    service: Option<ServiceFields>,
    action: Option<String>,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceFields {
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    load_balancer: Option<String>,
    backend_pool: Option<Value>,
    node_included: Option<BTreeMap<String, bool>>,
    service_controller_includes: Option<Vec<String>>,
    cloud_provider_includes: Option<Vec<String>>,
}

/// `cluster` of the short cases.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cluster {
    sku: SkuName,
    #[serde(default)]
    nodes: Vec<NodeFields>,
    #[serde(default)]
    agent_pools: Vec<Pool>,
    primary_vm_set: Option<String>,
    #[serde(rename = "existingLBs", default)]
    existing: Vec<Existing>,
    backend_pool_before: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NodeFields {
    name: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    taints: Vec<Taint>,
    #[serde(default)]
    unschedulable: bool,
    ready: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pool {
    name: String,
    mode: Option<AgentPoolMode>,
    #[serde(default)]
    spot: bool,
    nodes: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Existing {
    name: String,
    rules: usize,
}

impl NodeFields {
    fn node(self) -> Node {
        let mut node = plain_node(&self.name);
        node.metadata.labels = self.labels;
        node.spec.taints = self.taints;
        node.spec.unschedulable = self.unschedulable;
        node.status.conditions.extend(self.ready.map(Condition::ready));
        node
    }
}

impl Pool {
    fn nodes(&self) -> impl Iterator<Item = Node> + '_ {
        self.nodes.iter().enumerate().map(|(index, name)| {
            let mut node = plain_node(name);
            node.metadata.labels.insert(Node::POOL_LABEL.into(), self.name.clone());
            if let Some(mode) = self.mode {
                let mode = format!("{mode:?}").to_lowercase();
                node.metadata.labels.insert("kubernetes.azure.com/mode".into(), mode);
            }
            if self.spot {
                node.metadata.labels.insert("kubernetes.azure.com/scalesetpriority".into(), "spot".into());
            }
            // The scale set bears the pool's name in these cases.
            let id = format!(
                "azure:///subscriptions/0/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/{}/virtualMachines/{index}",
                self.name
            );
            node.spec.provider_id = id;
            node
        })
    }
}

fn service(annotations: BTreeMap<String, String>) -> Service {
    let mut service = Service::default();
    service.metadata.name = "web".into();
    service.metadata.uid = "4b5e57f6-eb2f-42b9-a39b-3d1e13929295".into();
    service.metadata.annotations = annotations;
    service.spec.service_type = ServiceType::LoadBalancer;
    service.spec.ports.push(ServicePort { port: 80, node_port: 30080, ..ServicePort::default() });
    service
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let case: Case = input::read(case)?;
    let triggers = "next reconcile (service or node event, or controller restart)";
    if case.action.is_some_and(|action| action != triggers) {
        return Err("action is not a trigger that the check knows".into());
    }
    if case.expected.node_included.is_some() {
        return check_cache(&case.cluster, &case.expected);
    }
    let cluster: Cluster = strict(&case.cluster)?;
    let settings = Settings {
        sku: cluster.sku,
        primary_vm_set: cluster.primary_vm_set.clone(),
        outbound: OutboundType::None,
        ..Settings::default()
    };
    let mut model = Model::default();
    for node in cluster.nodes.into_iter().map(NodeFields::node) {
        model.put(Object::Node(Arc::new(node)));
    }
    for pool in &cluster.agent_pools {
        for node in pool.nodes() {
            model.put(Object::Node(Arc::new(node)));
        }
    }
    let service = service(case.service.map(|service| service.annotations).unwrap_or_default());
    let expected = case.expected;
    let mut mismatches = Vec::new();
    if !cluster.existing.is_empty() {
        // The vmset of each load balancer: the primary one's bears the cluster's name.
        let primary = cluster.primary_vm_set.clone().ok_or("primaryVmSet is missing")?;
        let sets = cluster.existing.iter().map(|existing| {
            if existing.name == settings.cluster_name {
                primary.as_str().into()
            } else {
                existing.name.as_str().into()
            }
        });
        let rules = cluster.existing.iter().map(|existing| (existing.name.clone(), existing.rules)).collect();
        let choice = Chooser::new(&settings, sets.collect(), rules).choose(&service);
        let got = choice.map(|choice| choice.balancer).map_err(|reason| reason.to_string())?;
        return Ok(compare("loadBalancer", &expected.load_balancer, &Some(got)));
    }
    model.put(Object::Service(Arc::new(service)));
    let cloud = program_with(&model, settings);
    let balancer = cloud.balancers().next().ok_or("no load balancer")?;
    if let Some(name) = &expected.load_balancer {
        mismatches.extend(compare("loadBalancer", name, &balancer.name.to_string()));
    }
    let members = members(&cloud, &balancer.name);
    let settled = match &cluster.backend_pool_before {
        Some(before) => {
            let before: BTreeSet<String> = before.iter().cloned().collect();
            let before: Vec<String> = before.into_iter().collect();
            reconcile_members(&before, &members, false)
        }
        None => members,
    };
    if let Some(pool) = &expected.backend_pool {
        let mut pool: Vec<String> =
            serde_json::from_value(pool.clone()).map_err(|error| format!("backendPool: {error}"))?;
        pool.sort();
        mismatches.extend(compare("backendPool", &pool, &settled));
    }
    let included = |excludes: &dyn Fn(&Node) -> bool| -> Vec<String> {
        let kept = model.nodes.values().filter(|node| !excludes(node));
        kept.map(|node| node.metadata.name.clone()).collect()
    };
    if let Some(names) = &expected.service_controller_includes {
        let got = included(&|node| service_controller_excludes(node).is_some());
        mismatches.extend(compare("serviceControllerIncludes", names, &got));
    }
    if let Some(names) = &expected.cloud_provider_includes {
        let group = &cloud.settings().scope.resource_group;
        let got = included(&|node| node_cache_excludes(node, group).is_some());
        mismatches.extend(compare("cloudProviderIncludes", names, &got));
    }
    Ok(mismatches)
}

fn members(cloud: &Cloud, balancer: &str) -> Vec<String> {
    let pool = cloud.pool(balancer, "kubernetes");
    let members = pool.map(|pool| pool.members.as_slice()).unwrap_or_default();
    members.iter().filter_map(|member| member.node.as_ref()).map(ToString::to_string).collect()
}

/// The decision of the node cache alone.
fn check_cache(cluster: &Value, expected: &Expected) -> Result<Vec<String>, String> {
    let cluster: input::Cluster = strict(cluster)?;
    let settings = cluster.settings();
    cluster.model()?;
    let mut included = BTreeMap::new();
    for node in &cluster.nodes {
        let node = strict::<NodeFields>(node)?.node();
        let excluded = node_cache_excludes(&node, &settings.scope.resource_group);
        included.insert(node.metadata.name, excluded.is_none());
    }
    let pool = azure::names::backend_pool(&settings.cluster_name, model::kubernetes::IpFamily::IPv4);
    let unexpected = expected.load_balancer.is_some()
        || expected.service_controller_includes.is_some()
        || expected.cloud_provider_includes.is_some();
    if unexpected {
        return Err("only nodeIncluded and backendPool are checked here".into());
    }
    Ok([
        compare("nodeIncluded", &expected.node_included, &Some(included)),
        compare("backendPool", &expected.backend_pool, &Some(json!(pool))),
    ]
    .concat())
}
