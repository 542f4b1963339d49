//! `v1` Pod.

use super::{Affinity, Effect, ObjectMeta, Protocol, TopologySpreadConstraint};
use crate::Shared;
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr};
use wire::Wire;

/// A `v1` Pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Name, namespace, labels.
    pub metadata: Shared<ObjectMeta>,
    /// What is wanted.
    pub spec: Shared<PodSpec>,
    /// What the kubelet reported.
    pub status: PodStatus,
}

impl Pod {
    /// The pod's addresses, in document order: `podIPs`, else `podIP`.
    pub fn ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let list = self.status.pod_ips.iter().map(|entry| entry.ip.as_str());
        let single = self.status.pod_ips.is_empty().then_some(self.status.pod_ip.as_str());
        list.chain(single).filter_map(|ip| ip.parse().ok())
    }

    /// False where the `Ready` condition says so, or, in its absence, a container does not run; else ready.
    pub fn is_ready(&self) -> bool {
        match self.status.conditions.iter().find(|condition| condition.kind == "Ready") {
            Some(condition) => condition.is_true(),
            None => self.spec.containers.iter().all(|container| self.stopped(container).is_none()),
        }
    }

    /// Why a container does not run, as the kubelet gives it (`CrashLoopBackOff`); `None` where it runs, or no status
    /// says otherwise.
    pub fn stopped(&self, container: &Container) -> Option<&str> {
        let status = self.status.container_statuses.iter().find(|status| status.name == container.name)?;
        let state = status.state.waiting.as_ref().or(status.state.terminated.as_ref())?;
        Some(&state.reason)
    }

    /// Being deleted: still running, no longer offered to new connections.
    pub fn is_terminating(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// `Succeeded` and `Failed` pods have given up their address.
    pub fn is_finished(&self) -> bool {
        matches!(self.status.phase.as_deref(), Some("Succeeded" | "Failed"))
    }
}

/// `spec` of a Pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodSpec {
    /// The node it is bound to; empty means not scheduled.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_name: String,
    /// Uses the node's own network namespace and address.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub host_network: bool,
    /// Its own name in DNS, below that of the Service which `subdomain` names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The Service below whose name the pod has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subdomain: Option<String>,
    /// Whose DNS servers it asks; absent means `ClusterFirst`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_policy: Option<DnsPolicy>,
    /// What is added to the resolver's settings that the policy gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_config: Option<PodDnsConfig>,
    /// `system-node-critical`, `system-cluster-critical` or a class of the user's: the critical ones are
    /// scheduled first.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub priority_class_name: String,
    /// The class's value, as the API server writes it into the pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// `Never`, or `PreemptLowerPriority` where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preemption_policy: Option<String>,
    /// The containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<Container>,
    /// Taints it accepts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// Labels that its node must have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Nodes that it must or would rather run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// How evenly pods like this one are spread over zones, nodes and the like.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub topology_spread_constraints: Vec<TopologySpreadConstraint>,
}

/// `dnsPolicy` of a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Wire)]
pub enum DnsPolicy {
    /// The cluster DNS; for a pod on the host's network the same as `Default`.
    #[default]
    ClusterFirst,
    /// The cluster DNS, also for a pod on the host's network.
    ClusterFirstWithHostNet,
    /// The servers of the node.
    Default,
    /// Only what `dnsConfig` says.
    None,
}

/// `dnsConfig` of a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDnsConfig {
    /// DNS servers, after those of the policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nameservers: Vec<String>,
    /// Domains of the search path, after those of the policy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub searches: Vec<String>,
    /// Options of the resolver: `ndots` decides which names go through the search path first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<PodDnsConfigOption>,
}

/// An option of a resolver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodDnsConfigOption {
    /// E.g. `ndots`.
    pub name: String,
    /// Its value, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// One container: only what the network sees.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// The container's name.
    pub name: String,
    /// The image, for display.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Arguments: an ingress controller's say which class it serves.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    /// Ports it says that it listens on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<ContainerPort>,
    /// What it asks of its node.
    #[serde(skip_serializing_if = "Resources::is_empty")]
    pub resources: Resources,
}

/// `resources` of a container: quantities by name (`cpu`, `memory`, `nvidia.com/gpu`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// What is set aside on the node. A limit without a request is a request too.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What the container may use at most.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

impl Resources {
    fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.limits.is_empty()
    }
}

/// A port that a container says it listens on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ContainerPort {
    /// A name that Services may use as `targetPort`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The port, 1 to 65,535.
    pub container_port: u16,
    /// TCP where absent.
    pub protocol: Protocol,
    /// The same port of the node, which no other pod there may have; 0 where absent. With `hostNetwork` it is the
    /// container's own.
    #[serde(skip_serializing_if = "is_zero")]
    pub host_port: u16,
    /// The address of the node that it is taken of; every one where absent.
    #[serde(rename = "hostIP", skip_serializing_if = "String::is_empty")]
    pub host_ip: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// A pod's acceptance of a taint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Toleration {
    /// The taint's key; empty with `Exists` matches every key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
    /// How `value` is compared.
    pub operator: TolerationOperator,
    /// The value for `Equal`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The effect; absent matches all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// For `NoExecute`: how long it may stay; absent means for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration compares the value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, Wire)]
pub enum TolerationOperator {
    /// The values are equal.
    #[default]
    Equal,
    /// Any value.
    Exists,
}

/// `status` of a Pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`; absent means running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The first address.
    #[serde(rename = "podIP", skip_serializing_if = "String::is_empty")]
    pub pod_ip: String,
    /// One address per family.
    #[serde(rename = "podIPs", skip_serializing_if = "Vec::is_empty")]
    pub pod_ips: Vec<PodIp>,
    /// Conditions such as `Ready`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What its containers do; one that is not listed runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub container_statuses: Vec<ContainerStatus>,
}

/// An entry of `status.containerStatuses`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(default)]
pub struct ContainerStatus {
    /// The container's name.
    pub name: String,
    /// What it does now.
    pub state: ContainerState,
}

/// What a container does: it runs, unless one of these says otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(default)]
pub struct ContainerState {
    /// It does not run yet, or not again: `CrashLoopBackOff`, `ImagePullBackOff`, `PodInitializing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Condition>,
    /// It ended: `Completed`, `Error`, `OOMKilled`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminated: Option<Condition>,
}

/// An entry of `status.podIPs`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Wire)]
pub struct PodIp {
    /// The address.
    pub ip: String,
}

/// A condition of a Node or Pod; without type and status, why a container does not run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(default)]
pub struct Condition {
    /// `Ready` and others.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub status: String,
    /// A word for programs, e.g. `Unschedulable`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// A sentence for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Condition {
    /// A `Ready` condition with the given state.
    pub fn ready(ready: bool) -> Self {
        Self::new("Ready", ready)
    }

    /// A condition that holds or does not.
    pub fn new(kind: &str, holds: bool) -> Self {
        let status = if holds { "True" } else { "False" }.into();
        Self { kind: kind.into(), status, ..Self::default() }
    }

    /// Whether the status is `True`.
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }
}
