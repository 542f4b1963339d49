//! Edits and objects in the words of a person.

use model::{BalancerEdit, Edit, Kind, ObjectRef, azure::SkuName, kubernetes::SessionAffinity};

/// Annotation that chooses the set of nodes behind a Basic load balancer.
pub(crate) const MODE: &str = "service.beta.kubernetes.io/azure-load-balancer-mode";
/// Annotation that turns floating IP off.
pub(crate) const FLOATING_IP_OFF: &str = "service.beta.kubernetes.io/azure-disable-load-balancer-floating-ip";

/// What an edit does, as an order: `Move aks-pool-1-0 to system`.
pub(crate) fn edit(edit: &Edit) -> String {
    match edit {
        Edit::MoveNode { node, pool } => format!("Move {node} to {pool}"),
        Edit::ScalePool { pool, count } => format!("Scale {pool} to {count}"),
        Edit::AddPool { pool } => format!("Add node pool {}", pool.name),
        Edit::RemovePool { pool } => format!("Remove node pool {pool}"),
        Edit::UpgradePool { pool, version } => format!("Upgrade {pool} to {version}"),
        Edit::Cordon { node, cordoned: true } => format!("Cordon {node}"),
        Edit::Cordon { node, cordoned: false } => format!("Uncordon {node}"),
        Edit::Drain { node } => format!("Drain {node}"),
        Edit::SetNodeLabel { node, label, value: Some(value) } => {
            format!("Label {node} with {label}={value}")
        }
        Edit::SetNodeLabel { node, label, value: None } => format!("Remove label {label} from {node}"),
        Edit::SetNodeTaint { node, taint, present: true } => format!("Taint {node} with {taint}"),
        Edit::SetNodeTaint { node, taint, present: false } => format!("Remove taint {taint} from {node}"),
        Edit::ScaleWorkload { workload, replicas } => format!("Scale {} to {replicas}", workload.name),
        Edit::Autoscale => "Let the cluster autoscaler look".to_owned(),
        Edit::EvictSpot { node } => format!("Let Azure evict {node}"),
        Edit::MovePod { pod, node } => format!("Move {} to {node}", pod.name),
        Edit::SetPodReady { pod, ready: true } => format!("Make {} ready", pod.name),
        Edit::SetPodReady { pod, ready: false } => format!("Make {} not ready", pod.name),
        Edit::SetExternalTrafficPolicy { service, policy } => {
            format!("Set external traffic policy of {} to {policy}", service.name)
        }
        Edit::SetInternalTrafficPolicy { service, policy } => {
            format!("Set internal traffic policy of {} to {policy}", service.name)
        }
        Edit::SetSessionAffinity { service, affinity } => {
            format!("Set session affinity of {} to {}", service.name, affinity_words(*affinity))
        }
        Edit::SetServiceAnnotation { service, annotation, value } => {
            annotate(&service.name, annotation, value)
        }
        Edit::SetLoadBalancerSku { sku } => format!("Make the load balancer {}", sku_words(*sku)),
        Edit::EditLoadBalancer { load_balancer, change } => {
            format!("{} by hand on load balancer {load_balancer}", by_hand(change))
        }
        Edit::Reconcile { load_balancer, .. } => format!("Reconcile load balancer {load_balancer}"),
        Edit::Put(object) => format!("Write {}", reference(&object.object_ref())),
        Edit::Remove { object } => format!("Remove {}", reference(object)),
        Edit::Many { edits } => match edits.as_slice() {
            [only] => self::edit(only),
            edits => format!("Make {} changes", edits.len()),
        },
    }
}

fn annotate(service: &str, annotation: &str, value: &Option<String>) -> String {
    match (annotation, value) {
        (FLOATING_IP_OFF, Some(_)) => format!("Turn floating IP of {service} off"),
        (FLOATING_IP_OFF, None) => format!("Turn floating IP of {service} on"),
        (MODE, Some(set)) => format!("Put {service} behind {set}"),
        (MODE, None) => format!("Put {service} behind the primary set"),
        (_, Some(value)) => format!("Annotate {service} with {annotation}={value}"),
        (_, None) => format!("Remove {annotation} from {service}"),
    }
}

/// As the inspector's switch has it.
pub(crate) fn affinity_words(affinity: SessionAffinity) -> &'static str {
    match affinity {
        SessionAffinity::None => "None",
        SessionAffinity::ClientIP => "Client IP",
    }
}

fn sku_words(sku: SkuName) -> &'static str {
    match sku {
        SkuName::Basic => "Basic",
        SkuName::Standard => "Standard",
        SkuName::Gateway => "Gateway",
    }
}

/// `Service echo-service`; the namespace is left out where it is `default`.
pub(crate) fn reference(object: &ObjectRef) -> String {
    match &*object.namespace {
        "" | "default" => format!("{} {}", kind(object.kind), object.name),
        namespace => format!("{} {namespace}/{}", kind(object.kind), object.name),
    }
}

/// Several of a kind: `Network policies`.
pub(crate) fn kinds(kind: Kind) -> String {
    let one = self::kind(kind);
    match one.strip_suffix('y') {
        Some(stem) if !one.ends_with("ay") => format!("{stem}ies"),
        _ if one.ends_with('s') => format!("{one}es"),
        _ => format!("{one}s"),
    }
}

/// The kind in words: `load balancer`.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "Node",
        Kind::Pod => "Pod",
        Kind::Service => "Service",
        Kind::EndpointSlice => "EndpointSlice",
        Kind::Deployment => "Deployment",
        Kind::ReplicaSet => "ReplicaSet",
        Kind::StatefulSet => "StatefulSet",
        Kind::DaemonSet => "DaemonSet",
        Kind::Job => "Job",
        Kind::PodDisruptionBudget => "PodDisruptionBudget",
        Kind::Binding => "Binding",
        Kind::KubeProxyConfiguration => "kube-proxy configuration",
        Kind::ManagedCluster => "Cluster",
        Kind::LoadBalancer => "Load balancer",
        Kind::VirtualNetwork => "Virtual network",
        Kind::NetworkSecurityGroup => "Security group",
        Kind::RouteTable => "Route table",
        Kind::PublicIPAddress => "Public IP address",
        Kind::NatGateway => "NAT gateway",
        Kind::Namespace => "Namespace",
        Kind::PriorityClass => "PriorityClass",
        Kind::Ingress => "Ingress",
        Kind::IngressClass => "IngressClass",
        Kind::NetworkPolicy => "NetworkPolicy",
        Kind::StorageAccount => "Storage account",
        Kind::PrivateEndpoint => "Private endpoint",
        Kind::PrivateDnsZone => "Private DNS zone",
        Kind::DnsResolver => "DNS resolver",
        Kind::LocalNetworkGateway => "Network on premises",
        Kind::VirtualNetworkGateway => "Gateway",
        Kind::NetworkInterface => "NIC",
        Kind::AzureFirewall => "Azure Firewall",
    }
}

/// An edit by hand in Azure.
fn by_hand(change: &BalancerEdit) -> String {
    match change {
        BalancerEdit::RemoveMember { pool, .. } => format!("Take a member out of pool {pool}"),
        BalancerEdit::AddMember { pool, .. } => format!("Add a member to pool {pool}"),
        BalancerEdit::SetAdminState { pool, admin_state, .. } => {
            format!("Set a member of pool {pool} to {admin_state}")
        }
        BalancerEdit::PutRule { rule } => format!("Write rule {}", rule.name),
        BalancerEdit::RemoveRule { rule } => format!("Delete rule {rule}"),
        BalancerEdit::PutProbe { probe } => format!("Write probe {}", probe.name),
        BalancerEdit::RemoveProbe { probe } => format!("Delete probe {probe}"),
    }
}
