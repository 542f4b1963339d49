//! The parts that several kinds of cases share.

pub(super) use crate::kube_proxy::{compare, input::strict};
use azure::{BackendPoolType, BalancerConfiguration, OutboundType, Settings, SharedProbe};
use model::{
    Model, Object,
    azure::SkuName,
    kubernetes::{
        Address, AddressKind, Endpoint, EndpointConditions, EndpointSlice, LoadBalancerIngress, Node, Service,
    },
};
use serde::Deserialize;
use serde_json::Value;
use std::{net::IpAddr, sync::Arc};

/// The fields of every case that are for the reader only.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "for the reader only, and read so that nothing else passes for them")]
pub(super) struct About {
    pub(super) name: String,
    #[serde(default)]
    pub(super) tags: Vec<String>,
    #[serde(default)]
    pub(super) source: Vec<String>,
    pub(super) verification: String,
    pub(super) note: Option<String>,
}

/// Splits a case into what is for the reader and the rest, which is deserialized strictly.
pub(super) fn read<T: serde::de::DeserializeOwned>(case: &Value) -> Result<T, String> {
    let mut rest = case.as_object().ok_or("a case is an object")?.clone();
    let mut about = serde_json::Map::new();
    for key in ["name", "tags", "source", "verification", "note"] {
        if let Some(value) = rest.remove(key) {
            about.insert(key.into(), value);
        }
    }
    strict::<About>(&Value::Object(about))?;
    strict(&Value::Object(rest))
}

/// `cluster` of the cases that come from cloud-provider-azure.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Cluster {
    cluster_name: String,
    load_balancer_name: Option<String>,
    sku: SkuName,
    vm_type: VmType,
    agent_pools: Vec<AgentPool>,
    health_probe_mode: ProbeMode,
    shared_probe_port: Option<u16>,
    #[serde(rename = "disableOutboundSNAT")]
    disable_outbound_snat: bool,
    backend_pool_type: PoolType,
    #[serde(rename = "nodeIPs")]
    pub(super) node_ips: Vec<IpAddr>,
    vm_set: Option<String>,
    primary_vm_set: Option<String>,
    #[serde(default)]
    multiple_standard_load_balancers: Vec<String>,
    #[serde(default)]
    pub(super) nodes: Vec<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum VmType {
    Vmss,
    Standard,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ProbeMode {
    ServiceNodePort,
    Shared,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum PoolType {
    #[serde(rename = "nodeIPConfiguration")]
    NodeIpConfiguration,
    #[serde(rename = "nodeIP")]
    NodeIp,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AgentPool {
    vmss: Option<String>,
    availability_set: Option<String>,
    mode: model::azure::AgentPoolMode,
    count: usize,
}

impl Cluster {
    pub(super) fn settings(&self) -> Settings {
        let configuration = |name: &String| BalancerConfiguration {
            name: name.clone(),
            primary_vm_set: None,
            allow_service_placement: true,
            ..BalancerConfiguration::default()
        };
        Settings {
            cluster_name: self.cluster_name.clone(),
            load_balancer_name: self.load_balancer_name.clone(),
            sku: self.sku,
            disable_outbound_snat: self.disable_outbound_snat,
            shared_probe: (self.health_probe_mode == ProbeMode::Shared).then(|| SharedProbe {
                port: self.shared_probe_port.unwrap_or(10256),
                path: "/healthz".into(),
            }),
            backend_pool_type: match self.backend_pool_type {
                PoolType::NodeIpConfiguration => BackendPoolType::NodeIpConfiguration,
                PoolType::NodeIp => BackendPoolType::NodeIp,
            },
            balancers: self.multiple_standard_load_balancers.iter().map(configuration).collect(),
            primary_vm_set: self.primary_vm_set.clone(),
            outbound: OutboundType::None,
            ..Settings::default()
        }
    }

    /// The cluster's nodes, all in one vmset; with an IPv6 address each, too.
    pub(super) fn model(&self) -> Result<Model, String> {
        let [pool] = self.agent_pools.as_slice() else { return Err("one agent pool is expected".into()) };
        let own = match (&pool.vmss, &pool.availability_set) {
            (Some(set), None) | (None, Some(set)) => set,
            _ => return Err("an agent pool is a scale set or an availability set".into()),
        };
        if pool.vmss.is_none() && self.vm_type == VmType::Vmss {
            return Err("a cluster of scale sets has no availability set".into());
        }
        if pool.mode != model::azure::AgentPoolMode::System {
            return Err("the only agent pool must be a system pool".into());
        }
        if pool.count != self.node_ips.len() {
            return Err(format!("{} nodes have {} addresses", pool.count, self.node_ips.len()));
        }
        let set = self.vm_set.as_ref().unwrap_or(own);
        let mut model = Model::default();
        for (index, ip) in self.node_ips.iter().enumerate() {
            let mut node = plain_node(&format!("{set}00000{index}"));
            node.spec.provider_id = format!(
                "azure:///subscriptions/0/resourceGroups/rg/providers/Microsoft.Compute/virtualMachineScaleSets/{set}/virtualMachines/{index}"
            );
            add_address(&mut node, *ip);
            let v6 = format!("fd00:224::{:x}", index + 4).parse::<IpAddr>();
            add_address(&mut node, v6.map_err(|error| error.to_string())?);
            model.put(Object::Node(Arc::new(node)));
        }
        Ok(model)
    }
}

/// A node without labels.
pub(super) fn plain_node(name: &str) -> Node {
    let mut node = Node::default();
    node.metadata.name = name.to_owned();
    node
}

/// Adds an `InternalIP`.
pub(super) fn add_address(node: &mut Node, ip: IpAddr) {
    node.status.addresses.push(Address { kind: AddressKind::InternalIP, address: ip.to_string() });
}

/// A Service of a case, with its frontend addresses as status.
pub(super) fn service(value: &Value, addresses: &[IpAddr]) -> Result<Service, String> {
    let mut document = value.as_object().ok_or("a service is an object")?.clone();
    for (key, wanted) in [("apiVersion", "v1"), ("kind", "Service")] {
        if document.remove(key) != Some(Value::from(wanted)) {
            return Err(format!("service: {key} is not {wanted}"));
        }
    }
    let mut service: Service =
        strict(&Value::Object(document)).map_err(|error| format!("service: {error}"))?;
    let entry = |ip: &IpAddr| LoadBalancerIngress { ip: ip.to_string(), ..Default::default() };
    service.status.load_balancer.ingress = addresses.iter().map(entry).collect();
    Ok(service)
}

/// A slice for a Service with a ready endpoint on one node and one that is not ready on another.
pub(super) fn slice(service: &Service, ready: &str, unready: &str) -> EndpointSlice {
    let mut slice = EndpointSlice::default();
    slice.metadata.name = format!("{}-x", service.metadata.name);
    slice.metadata.namespace.clone_from(&service.metadata.namespace);
    slice.metadata.labels.insert(EndpointSlice::SERVICE_LABEL.into(), service.metadata.name.clone());
    for (node, ready) in [(ready, true), (unready, false)] {
        slice.endpoints.push(Endpoint {
            addresses: vec!["10.244.0.9".into()],
            conditions: EndpointConditions { ready: Some(ready), ..EndpointConditions::default() },
            node_name: Some(node.to_owned()),
            ..Endpoint::default()
        });
    }
    slice
}
