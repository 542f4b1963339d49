//! Azure objects, field names as `az … show -o json` prints them.

mod effective;
mod load_balancer;
mod managed_cluster;
mod network;
mod pod_addresses;
mod private;
mod vm_size;

pub use effective::{Association, Effective, ShownGroup, ShownRoute, ShownRule};
pub use load_balancer::{
    BackendAddress, BackendAddressPool, FrontendIpConfiguration, InboundNatRule, LoadBalancer,
    LoadBalancingRule, LoadDistribution, OutboundRule, Probe, ProbeProtocol, RuleProtocol, Sku, SkuName,
    SubResource,
};
pub use managed_cluster::{
    AgentPool, AgentPoolMode, AgentPoolType, ArmLabelSelector, ClusterLoadBalancer, IpvsConfig,
    KubeProxyConfig, LoadBalancerProfile, ManagedCluster, ManagedOutboundIps, NatGatewayProfile,
    NetworkProfile, OsType, OutboundIps, ScaleSetPriority, UpgradeSettings, VmSizeFigures,
};
pub use network::{
    Access, AddressSpace, AzureFirewall, DhcpOptions, Direction, IpTag, NatGateway, NetworkInterface,
    NetworkSecurityGroup, NicIpConfiguration, PublicIpAddress, PublicIpDns, Route, RouteTable,
    SecurityProtocol, SecurityRule, ServiceEndpoint, Subnet, VirtualNetwork, VirtualNetworkPeering,
};
pub use pod_addresses::PodAddresses;
pub use private::{
    ARecord, CnameRecord, ConnectionState, CustomDnsConfig, DnsResolver, EndpointIpConfiguration,
    GatewayIpConfiguration, InboundEndpoint, InboundIpConfiguration, IpRule, LocalNetworkGateway,
    NetworkRuleSet, PrivateDnsZone, PrivateEndpoint, PrivateLinkServiceConnection, RecordSet, StorageAccount,
    VirtualNetworkGateway, VirtualNetworkLink, VirtualNetworkRule,
};
pub use vm_size::{EVICTION_THRESHOLD, VmSize, is_burstable, max_pods, reserved_memory, reserved_millicores};
