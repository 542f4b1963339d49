//! What a document is: by `apiVersion` and `kind`, by Azure's `type`, or by its shape.

use crate::{near::nearest, tree::Node};
use model::Kind;

/// The `apiVersion` of Azure objects wrapped as documents.
pub(crate) const WRAPPED: &str = "hopscope.dev/v1";

/// What a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Class {
    /// An object of the Kubernetes API, or kube-proxy's configuration.
    Kubernetes(Kind),
    /// An Azure object as `az … show` prints it.
    Azure(Kind),
    /// An Azure object under `spec`.
    Wrapped(Kind),
    /// A resource inside another, which Azure's tools print apart from it.
    Part(PartKind),
    /// Endpoints, of which EndpointSlices are made.
    Endpoints,
    /// Known, and left out.
    LeftOut(LeftOut),
    /// Not known, or not usable: what, and what to do.
    Unknown(String, String),
}

/// A resource inside another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// `az network private-dns link vnet show`.
    Link,
    /// `az network private-dns record-set … show`, with records of type A or CNAME.
    Records,
    /// `az dns-resolver inbound-endpoint show`.
    Inbound,
    /// `az aks nodepool show`.
    Pool,
    /// `az network vnet subnet show`.
    Subnet,
    /// `az network nsg rule show`.
    Rule,
    /// `az network route-table route show`.
    Route,
}

/// Why a known kind is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// The kind or resource type as written.
    pub(crate) name: String,
    pub(crate) reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It may hold secrets.
    Secret,
    /// It makes pods, and pods are read as they are.
    MakesPods,
    /// It decides where packets go, and is not simulated.
    NotSimulated,
    /// A custom resource that a cluster printed.
    Custom,
    /// No packet depends on it.
    Irrelevant,
}

impl Reason {
    /// The reason in words.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Secret => "it may hold secrets",
            Self::MakesPods => "its pods are read from Pod documents",
            Self::NotSimulated => "it is not simulated, and it can change where packets go",
            Self::Custom => "a custom resource is not simulated",
            Self::Irrelevant => "it does not change where packets go",
        }
    }

    /// What a person can do about it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::MakesPods => "add the output of `kubectl get pods -o yaml`",
            Self::NotSimulated | Self::Custom => "the answer is that of a cluster without it",
            Self::Secret | Self::Irrelevant => "",
        }
    }
}

/// Kinds of Kubernetes that are read: kind, `apiVersion`.
const KUBERNETES: &[(Kind, &str)] = &[
    (Kind::Node, "v1"),
    (Kind::Pod, "v1"),
    (Kind::Service, "v1"),
    (Kind::EndpointSlice, "discovery.k8s.io/v1"),
    (Kind::Deployment, "apps/v1"),
    (Kind::ReplicaSet, "apps/v1"),
    (Kind::StatefulSet, "apps/v1"),
    (Kind::DaemonSet, "apps/v1"),
    (Kind::Job, "batch/v1"),
    (Kind::PodDisruptionBudget, "policy/v1"),
    (Kind::Binding, "v1"),
    (Kind::Namespace, "v1"),
    (Kind::PriorityClass, "scheduling.k8s.io/v1"),
    (Kind::Ingress, "networking.k8s.io/v1"),
    (Kind::IngressClass, "networking.k8s.io/v1"),
    (Kind::NetworkPolicy, "networking.k8s.io/v1"),
    (Kind::KubeProxyConfiguration, "kubeproxy.config.k8s.io/v1alpha1"),
];

/// Kinds of Azure: kind, resource type, fields that only this kind has.
const AZURE: &[(Kind, &str, &[&str])] = &[
    (Kind::ManagedCluster, "Microsoft.ContainerService/managedClusters", &["agentPoolProfiles"]),
    (
        Kind::LoadBalancer,
        "Microsoft.Network/loadBalancers",
        &["frontendIPConfigurations", "backendAddressPools"],
    ),
    (Kind::VirtualNetwork, "Microsoft.Network/virtualNetworks", &["addressSpace"]),
    (Kind::NetworkSecurityGroup, "Microsoft.Network/networkSecurityGroups", &["securityRules"]),
    (Kind::RouteTable, "Microsoft.Network/routeTables", &["routes"]),
    (Kind::PublicIPAddress, "Microsoft.Network/publicIPAddresses", &["publicIPAllocationMethod"]),
    (Kind::NatGateway, "Microsoft.Network/natGateways", &["publicIpPrefixes", "idleTimeoutInMinutes"]),
    (Kind::StorageAccount, "Microsoft.Storage/storageAccounts", &["networkRuleSet"]),
    (
        Kind::PrivateEndpoint,
        "Microsoft.Network/privateEndpoints",
        &["privateLinkServiceConnections", "customDnsConfigs"],
    ),
    (Kind::PrivateDnsZone, "Microsoft.Network/privateDnsZones", &["maxNumberOfRecordSets"]),
    (Kind::DnsResolver, "Microsoft.Network/dnsResolvers", &["dnsResolverState"]),
    (Kind::LocalNetworkGateway, "Microsoft.Network/localNetworkGateways", &["localNetworkAddressSpace"]),
    (Kind::VirtualNetworkGateway, "Microsoft.Network/virtualNetworkGateways", &["gatewayType"]),
    (
        Kind::NetworkInterface,
        "Microsoft.Network/networkInterfaces",
        &["ipConfigurations", "enableIPForwarding"],
    ),
    (Kind::AzureFirewall, "Microsoft.Network/azureFirewalls", &["ipConfigurations", "threatIntelMode"]),
];

/// Kinds of Kubernetes that are known and left out.
const LEFT_OUT: &[(Reason, &[&str])] = &[
    (Reason::Secret, &["Secret", "ConfigMap"]),
    (Reason::MakesPods, &["CronJob", "ReplicationController"]),
    (
        Reason::NotSimulated,
        &[
            "Gateway",
            "GatewayClass",
            "HTTPRoute",
            "GRPCRoute",
            "TCPRoute",
            "TLSRoute",
            "UDPRoute",
            "ReferenceGrant",
            "CiliumNetworkPolicy",
            "CiliumClusterwideNetworkPolicy",
            "GlobalNetworkPolicy",
            "AdminNetworkPolicy",
            "BaselineAdminNetworkPolicy",
            "ServiceCIDR",
            "IPAddress",
        ],
    ),
    (
        Reason::Irrelevant,
        &[
            "ServiceAccount",
            "Role",
            "RoleBinding",
            "ClusterRole",
            "ClusterRoleBinding",
            "Event",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "StorageClass",
            "VolumeAttachment",
            "CSIDriver",
            "CSINode",
            "CSIStorageCapacity",
            "VolumeSnapshot",
            "VolumeSnapshotClass",
            "VolumeSnapshotContent",
            "CustomResourceDefinition",
            "HorizontalPodAutoscaler",
            "Lease",
            "LimitRange",
            "ResourceQuota",
            "RuntimeClass",
            "PodTemplate",
            "ControllerRevision",
            "APIService",
            "MutatingWebhookConfiguration",
            "ValidatingWebhookConfiguration",
            "ValidatingAdmissionPolicy",
            "ValidatingAdmissionPolicyBinding",
            "CertificateSigningRequest",
            "ComponentStatus",
            "FlowSchema",
            "PriorityLevelConfiguration",
            "PodSecurityPolicy",
            "NodeMetrics",
            "PodMetrics",
        ],
    ),
];

/// Kinds that may be wrapped and are not read yet.
const WRAPPED_LATER: &[&str] = &["VirtualMachine", "VirtualMachineScaleSet", "ApplicationGateway"];

/// Resources inside others, by type.
const PARTS: &[(PartKind, &str)] = &[
    (PartKind::Link, "Microsoft.Network/privateDnsZones/virtualNetworkLinks"),
    (PartKind::Records, "Microsoft.Network/privateDnsZones/A"),
    (PartKind::Records, "Microsoft.Network/privateDnsZones/CNAME"),
    (PartKind::Inbound, "Microsoft.Network/dnsResolvers/inboundEndpoints"),
    (PartKind::Pool, "Microsoft.ContainerService/managedClusters/agentPools"),
    (PartKind::Subnet, "Microsoft.Network/virtualNetworks/subnets"),
    (PartKind::Rule, "Microsoft.Network/networkSecurityGroups/securityRules"),
    (PartKind::Rule, "Microsoft.Network/networkSecurityGroups/defaultSecurityRules"),
    (PartKind::Route, "Microsoft.Network/routeTables/routes"),
];

/// The `apiVersion` of a kind of Kubernetes; `None` for kinds of Azure.
pub(crate) fn api_version(kind: Kind) -> Option<&'static str> {
    KUBERNETES.iter().find(|(known, _)| *known == kind).map(|(_, version)| *version)
}

/// The resource type of a kind of Azure; `None` for kinds of Kubernetes.
pub(crate) fn resource_type(kind: Kind) -> Option<&'static str> {
    AZURE.iter().find(|(known, ..)| *known == kind).map(|(_, resource, _)| *resource)
}

/// Finds out what a document is. `listed` is the kind that a typed list (`PodList`) gives its items.
pub(crate) fn classify(node: &Node, listed: Option<(&str, &str)>) -> Class {
    let kind = node.get("kind").and_then(Node::text).or(listed.map(|(_, kind)| kind));
    let version = node.get("apiVersion").and_then(Node::text).or(listed.map(|(version, _)| version));
    match (kind, version) {
        (Some(kind), Some(WRAPPED)) => wrapped(kind),
        // Some Azure resources have a `kind` of their own (`"kind": "Base"` of a cluster).
        (Some(_) | None, None)
            if node.get_ignoring_case("type").and_then(Node::text).is_some_and(is_resource_type) =>
        {
            azure(node)
        }
        (Some(kind), Some(version)) => match kubernetes(kind, version) {
            Class::Unknown(..) if is_printed_custom(node, version) => {
                Class::LeftOut(LeftOut { name: kind.to_owned(), reason: Reason::Custom })
            }
            known => known,
        },
        (Some(kind), None) => match KUBERNETES.iter().find(|(known, _)| known.to_string() == kind) {
            Some((_, version)) => Class::Unknown(
                format!("this {kind} has no apiVersion"),
                format!("add `apiVersion: {version}`"),
            ),
            None => match kubernetes(kind, "") {
                Class::LeftOut(left_out) => Class::LeftOut(left_out),
                _ if azure_kind(kind).is_some() => Class::Unknown(
                    format!("this {kind} has no apiVersion"),
                    format!("add `apiVersion: {WRAPPED}`, and put the fields under `spec:`"),
                ),
                other => other,
            },
        },
        (None, Some(version)) => Class::Unknown(
            "this document has no kind".into(),
            format!("it says `apiVersion: {version}`; add the kind, e.g. `kind: Service`"),
        ),
        (None, None) => azure(node),
    }
}

/// Whether a document is of a group that is not Kubernetes' own, and came from a cluster, which gives a uid: a slip of the
/// pen has none.
fn is_printed_custom(node: &Node, version: &str) -> bool {
    let is_custom = |(group, _): (&str, &str)| group.contains('.') && !group.ends_with(".k8s.io");
    let uid = node.get("metadata").and_then(|metadata| metadata.get("uid")).and_then(Node::text);
    version.split_once('/').is_some_and(is_custom) && uid.is_some_and(|uid| !uid.is_empty())
}

/// Whether resources of an Azure type are read.
pub(crate) fn is_read(resource_type: &str) -> bool {
    AZURE.iter().any(|(_, own, _)| own.eq_ignore_ascii_case(resource_type))
        || PARTS.iter().any(|(_, own)| own.eq_ignore_ascii_case(resource_type))
}

fn is_resource_type(text: &str) -> bool {
    text.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("Microsoft."))
}

fn azure_kind(name: &str) -> Option<Kind> {
    AZURE.iter().map(|(kind, ..)| *kind).find(|kind| kind.to_string().eq_ignore_ascii_case(name))
}

fn wrapped(name: &str) -> Class {
    if let Some(kind) = azure_kind(name) {
        return Class::Wrapped(kind);
    }
    if WRAPPED_LATER.contains(&name) {
        return Class::LeftOut(LeftOut { name: name.to_owned(), reason: Reason::NotSimulated });
    }
    let known: Vec<_> = AZURE.iter().map(|(kind, ..)| kind.to_string()).collect();
    Class::Unknown(
        format!("unknown kind {name} of {WRAPPED}"),
        match nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("known are {}", known.join(", ")),
        },
    )
}

fn kubernetes(name: &str, version: &str) -> Class {
    if let Some((kind, wanted)) = KUBERNETES.iter().find(|(kind, _)| kind.to_string() == name) {
        return if version == *wanted {
            Class::Kubernetes(*kind)
        } else {
            Class::Unknown(
                format!("{name} of apiVersion {version} is not known"),
                format!("write `apiVersion: {wanted}`"),
            )
        };
    }
    if name == "Endpoints" && version == "v1" {
        return Class::Endpoints;
    }
    if let Some((reason, _)) = LEFT_OUT.iter().find(|(_, kinds)| kinds.contains(&name)) {
        return Class::LeftOut(LeftOut { name: name.to_owned(), reason: *reason });
    }
    let known: Vec<_> = KUBERNETES.iter().map(|(kind, _)| kind.to_string()).collect();
    let all =
        known.iter().map(String::as_str).chain(LEFT_OUT.iter().flat_map(|(_, kinds)| kinds.iter().copied()));
    let hint = match nearest(name, all) {
        Some(near) => format!("did you mean {near}?"),
        None if azure_kind(name).is_some() => format!("write `apiVersion: {WRAPPED}`"),
        None => format!("known are {}; remove this document if it does not matter", known.join(", ")),
    };
    let version = if version.is_empty() { String::new() } else { format!(" of apiVersion {version}") };
    Class::Unknown(format!("unknown kind {name}{version}"), hint)
}

fn azure(node: &Node) -> Class {
    let has = |field: &str| {
        let inner = node.get_ignoring_case("properties");
        node.get_ignoring_case(field).or_else(|| inner?.get_ignoring_case(field)).is_some()
    };
    match node.get_ignoring_case("type").and_then(Node::text).filter(|text| is_resource_type(text)) {
        Some(text) => match AZURE.iter().find(|(_, resource, _)| resource.eq_ignore_ascii_case(text)) {
            Some((kind, ..)) => Class::Azure(*kind),
            None => {
                if let Some((part, _)) = PARTS.iter().find(|(_, own)| own.eq_ignore_ascii_case(text)) {
                    return Class::Part(*part);
                }
                // Every zone has an SOA record, and no client asks for it.
                let is_soa = text.eq_ignore_ascii_case("Microsoft.Network/privateDnsZones/SOA");
                let reason = if is_soa { Reason::Irrelevant } else { Reason::NotSimulated };
                Class::LeftOut(LeftOut { name: text.to_owned(), reason })
            }
        },
        None => match AZURE.iter().find(|(.., fields)| fields.iter().all(|field| has(field))) {
            Some((kind, ..)) => Class::Azure(*kind),
            // Its keys are words with capitals; those of objects are not.
            None if node.get("Name").is_some() && (node.get("Labels").is_some() || node.get("Namespace").is_some()) => {
                Class::Unknown(
                    "this is what `kubectl describe` prints, not an object".into(),
                    "give what `kubectl get … -o yaml` prints".into(),
                )
            }
            None => Class::Unknown(
                "this document says neither `kind` nor `type`".into(),
                "a Kubernetes object needs apiVersion and kind; an Azure object is as `az … show -o json` prints it"
                    .into(),
            ),
        },
    }
}
