//! Edits and objects in the words of a person.

use model::{BalancerEdit, Edit, Kind, Model, ObjectRef, azure::SkuName, kubernetes::SessionAffinity};

/// Annotation that chooses the set of nodes behind a Basic load balancer.
pub(crate) const MODE: &str = "service.beta.kubernetes.io/azure-load-balancer-mode";
/// Annotation that turns floating IP off.
pub(crate) const FLOATING_IP_OFF: &str = "service.beta.kubernetes.io/azure-disable-load-balancer-floating-ip";

/// What an edit does, as an order: `Move aks-pool-1-0 to system`.
pub(crate) fn edit(edit: &Edit) -> String {
    match edit {
        Edit::MoveNode { node, pool } => format!("Move {node} to {pool}"),
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

/// The kind in words: `load balancer`.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Node => "Node",
        Kind::Pod => "Pod",
        Kind::Service => "Service",
        Kind::EndpointSlice => "EndpointSlice",
        Kind::KubeProxyConfiguration => "kube-proxy configuration",
        Kind::ManagedCluster => "Cluster",
        Kind::LoadBalancer => "Load balancer",
        Kind::VirtualNetwork => "Virtual network",
        Kind::NetworkSecurityGroup => "Security group",
        Kind::RouteTable => "Route table",
        Kind::PublicIPAddress => "Public IP address",
        Kind::NatGateway => "NAT gateway",
        Kind::NetworkInterface => "NIC",
        Kind::Namespace => "Namespace",
        Kind::Ingress => "Ingress",
        Kind::IngressClass => "IngressClass",
        Kind::NetworkPolicy => "NetworkPolicy",
        Kind::StorageAccount => "Storage account",
        Kind::PrivateEndpoint => "Private endpoint",
        Kind::PrivateDnsZone => "Private DNS zone",
        Kind::LocalNetworkGateway => "Network on premises",
        Kind::VirtualNetworkGateway => "Gateway",
    }
}

/// The edits that turn one model into another, as one step of history; `None` if they are equal.
pub(crate) fn difference(from: &Model, to: &Model) -> Option<Edit> {
    let gone = from.objects().map(|object| object.object_ref()).filter(|id| to.get(id).is_none());
    let changed = to.objects().filter(|object| from.get(&object.object_ref()).as_ref() != Some(object));
    let mut edits: Vec<Edit> = gone.map(|object| Edit::Remove { object }).collect();
    edits.extend(changed.map(Edit::Put));
    (!edits.is_empty()).then_some(Edit::Many { edits })
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
