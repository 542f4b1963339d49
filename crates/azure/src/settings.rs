//! What the cloud controller is configured with.

use model::{
    Model,
    azure::{AgentPoolMode, ArmLabelSelector, ClusterLoadBalancer, ManagedCluster, SkuName},
    kubernetes::LabelSelector,
};

/// The cloud controller's configuration and the parts of the cluster that steer it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The cluster's name in Azure names; `kubernetes` on AKS.
    pub cluster_name: String,
    /// `loadBalancerName`: the load balancer's name in place of the cluster's.
    pub load_balancer_name: Option<String>,
    /// The SKU of load balancers and public addresses.
    pub sku: SkuName,
    /// `disableOutboundSNAT`: rules of Services carry no outbound traffic. Standard only.
    pub disable_outbound_snat: bool,
    /// Shared health-probe mode; absent means a probe per Service port.
    pub shared_probe: Option<SharedProbe>,
    /// What pools refer to.
    pub backend_pool_type: BackendPoolType,
    /// Multiple standard load balancers; empty means one.
    pub balancers: Vec<BalancerConfiguration>,
    /// The vmset whose load balancer bears the cluster's name (Basic).
    pub primary_vm_set: Option<String>,
    /// `excludeMasterFromStandardLB`: control-plane nodes are not members.
    pub exclude_control_plane: bool,
    /// How nodes reach the internet.
    pub outbound: OutboundType,
    /// The outbound rule that AKS writes with [`OutboundType::LoadBalancer`].
    pub outbound_rule: OutboundRuleSettings,
    /// Where the resources live.
    pub scope: Scope,
}

/// The probe that all Services with policy Cluster share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedProbe {
    /// 10256 upstream (kube-proxy itself), 10356 on AKS (the health-probe-proxy sidecar).
    pub port: u16,
    /// `/healthz`.
    pub path: String,
}

/// What the entries of a backend pool refer to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum BackendPoolType {
    /// NIC configurations.
    #[default]
    NodeIpConfiguration,
    /// Addresses.
    NodeIp,
}

/// One of multiple standard load balancers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BalancerConfiguration {
    /// The load balancer's name; one must be the cluster's name.
    pub name: String,
    /// The vmset, or the agent pool, whose nodes it always takes.
    pub primary_vm_set: Option<String>,
    /// Whether Services may be placed here at all, also those that ask for it by annotation.
    pub allow_service_placement: bool,
    /// Only Services with these labels.
    pub service_labels: Option<LabelSelector>,
    /// Only Services of namespaces with these labels.
    pub service_namespaces: Option<LabelSelector>,
    /// Nodes that it may take beside those of the primary vmset.
    pub nodes: Option<LabelSelector>,
}

impl BalancerConfiguration {
    fn of(document: &ClusterLoadBalancer) -> Self {
        let selector = |own: &Option<ArmLabelSelector>| own.as_ref().map(ArmLabelSelector::selector);
        Self {
            name: document.name.clone(),
            primary_vm_set: document.primary_agent_pool_name.clone(),
            allow_service_placement: document.allow_service_placement != Some(false),
            service_labels: selector(&document.service_label_selector),
            service_namespaces: selector(&document.service_namespace_selector),
            nodes: selector(&document.node_selector).filter(|selector| !selector.is_empty()),
        }
    }
}

/// How nodes reach the internet (`networkProfile.outboundType`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutboundType {
    /// The load balancer's outbound rule.
    #[default]
    LoadBalancer,
    /// A NAT gateway that AKS manages.
    ManagedNatGateway,
    /// A NAT gateway of the subnet's owner.
    UserAssignedNatGateway,
    /// A route to an appliance.
    UserDefinedRouting,
    /// Nothing that AKS sets up.
    None,
}

/// Settings of `aksOutboundRule`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboundRuleSettings {
    /// Managed public addresses, 1 to 100.
    pub managed_ips: u32,
    /// Managed public addresses of IPv6, up to 100.
    pub managed_ips_v6: u32,
    /// Ports per node; 0 means Azure's table by pool size.
    pub allocated_ports: u32,
    /// Minutes, 4 to 120.
    pub idle_timeout_in_minutes: u32,
}

impl Default for OutboundRuleSettings {
    /// AKS's defaults: one address, the table, 30 minutes.
    fn default() -> Self {
        Self { managed_ips: 1, managed_ips_v6: 0, allocated_ports: 0, idle_timeout_in_minutes: 30 }
    }
}

/// Subscription, resource group and region of the cluster's resources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The subscription's id.
    pub subscription: String,
    /// The node resource group (`MC_…`).
    pub resource_group: String,
    /// The region.
    pub location: String,
}

impl Default for Scope {
    fn default() -> Self {
        Self {
            subscription: "00000000-0000-0000-0000-000000000000".into(),
            resource_group: "MC_demo_demo_westeurope".into(),
            location: "westeurope".into(),
        }
    }
}

impl Default for Settings {
    /// cloud-provider-azure's own defaults with a Standard load balancer.
    fn default() -> Self {
        Self {
            cluster_name: "kubernetes".into(),
            load_balancer_name: None,
            sku: SkuName::Standard,
            disable_outbound_snat: false,
            shared_probe: None,
            backend_pool_type: BackendPoolType::NodeIpConfiguration,
            balancers: Vec::new(),
            primary_vm_set: None,
            exclude_control_plane: true,
            outbound: OutboundType::None,
            outbound_rule: OutboundRuleSettings::default(),
            scope: Scope::default(),
        }
    }
}

impl Settings {
    /// As AKS configures the controller for this cluster; without a cluster document, AKS's defaults.
    pub fn of(model: &Model) -> Self {
        let default = ManagedCluster::default();
        let cluster = model.managed_cluster.as_deref().unwrap_or(&default);
        let network = &cluster.network_profile;
        let profile = network.load_balancer_profile.as_ref();
        let sku = sku(network.load_balancer_sku.as_deref());
        let outbound = outbound_type(network.outbound_type.as_deref());
        let shared = profile
            .and_then(|profile| profile.cluster_service_load_balancer_health_probe_mode.as_deref())
            .is_some_and(|mode| mode.eq_ignore_ascii_case("shared"));
        let by_address = profile
            .and_then(|profile| profile.backend_pool_type.as_deref())
            .is_some_and(|kind| kind.eq_ignore_ascii_case("nodeIP"));
        let rule = OutboundRuleSettings::default();
        let managed = profile.and_then(|profile| profile.managed_outbound_ips.as_ref());
        let managed_ips = managed.and_then(|managed| managed.count).unwrap_or(rule.managed_ips);
        // `countIPv6`: "The default value is 0 for single-stack and 1 for dual-stack."
        let is_dual = network.pod_cidrs.iter().chain(&network.service_cidrs).any(|range| range.contains(':'));
        let managed_ips_v6 = managed.and_then(|managed| managed.count_ipv6).unwrap_or(is_dual.into());
        Self {
            sku,
            // With an outbound rule on the same load balancer, other rules must leave outbound traffic to it.
            disable_outbound_snat: sku == SkuName::Standard && outbound == OutboundType::LoadBalancer,
            shared_probe: shared.then(|| SharedProbe { port: 10356, path: "/healthz".into() }),
            backend_pool_type: if by_address {
                BackendPoolType::NodeIp
            } else {
                BackendPoolType::NodeIpConfiguration
            },
            // Otherwise the controller falls back to a single load balancer.
            balancers: if by_address && sku == SkuName::Standard {
                cluster.load_balancers.iter().map(BalancerConfiguration::of).collect()
            } else {
                Vec::new()
            },
            outbound,
            outbound_rule: OutboundRuleSettings {
                managed_ips: managed_ips.clamp(1, 100),
                managed_ips_v6: managed_ips_v6.min(100),
                allocated_ports: profile
                    .and_then(|profile| profile.allocated_outbound_ports)
                    .unwrap_or(rule.allocated_ports),
                idle_timeout_in_minutes: profile
                    .and_then(|profile| profile.idle_timeout_in_minutes)
                    .unwrap_or(rule.idle_timeout_in_minutes),
            },
            scope: Scope::of(model, cluster),
            ..Self::default()
        }
    }

    /// What the names of the cluster's load balancers start with.
    pub fn balancer_name(&self) -> &str {
        self.load_balancer_name.as_deref().unwrap_or(&self.cluster_name)
    }

    /// Whether the load balancers are Standard.
    pub fn is_standard(&self) -> bool {
        self.sku != SkuName::Basic
    }

    /// Whether AKS keeps an outbound rule and pool on the public load balancer.
    pub fn has_outbound_rule(&self) -> bool {
        self.is_standard() && self.outbound == OutboundType::LoadBalancer
    }
}

fn sku(text: Option<&str>) -> SkuName {
    match text {
        Some(text) if text.eq_ignore_ascii_case("basic") => SkuName::Basic,
        _ => SkuName::Standard,
    }
}

fn outbound_type(text: Option<&str>) -> OutboundType {
    let Some(text) = text else { return OutboundType::LoadBalancer };
    match text.to_ascii_lowercase().as_str() {
        "managednatgateway" | "managednatgatewayv2" => OutboundType::ManagedNatGateway,
        "userassignednatgateway" => OutboundType::UserAssignedNatGateway,
        "userdefinedrouting" => OutboundType::UserDefinedRouting,
        "none" | "block" => OutboundType::None,
        _ => OutboundType::LoadBalancer,
    }
}

impl Scope {
    fn of(model: &Model, cluster: &ManagedCluster) -> Self {
        let default = Self::default();
        let location = cluster.location.clone().unwrap_or(default.location);
        let node_id = model
            .nodes
            .values()
            .filter(|node| !node.spec.provider_id.is_empty())
            .map(|node| model::ArmId::from(node.spec.provider_id.as_str()))
            .find(|id| id.segment("resourceGroups").is_some());
        let from_node = |kind| node_id.as_ref().and_then(|id| id.segment(kind)).map(str::to_owned);
        let resource_group = match &cluster.node_resource_group {
            Some(group) => group.clone(),
            None => from_node("resourceGroups").unwrap_or_else(|| {
                let name = if cluster.name.is_empty() { "demo" } else { &cluster.name };
                format!("MC_{name}_{name}_{location}")
            }),
        };
        Self {
            subscription: from_node("subscriptions").unwrap_or(default.subscription),
            resource_group,
            location,
        }
    }
}

/// The agent pool whose nodes back a Basic load balancer unless a Service asks for others: the first
/// system pool, else the first pool.
pub(crate) fn primary_pool(cluster: &ManagedCluster) -> Option<&str> {
    let pools = &cluster.agent_pool_profiles;
    pools
        .iter()
        .find(|pool| pool.mode == AgentPoolMode::System)
        .or_else(|| pools.first())
        .map(|pool| pool.name.as_str())
}
