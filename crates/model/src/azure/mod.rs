//! Azure objects, field names as `az … show -o json` prints them.

mod load_balancer;
mod managed_cluster;
mod network;

pub use load_balancer::{
    BackendAddress, BackendAddressPool, FrontendIpConfiguration, InboundNatRule, LoadBalancer,
    LoadBalancingRule, LoadDistribution, OutboundRule, Probe, ProbeProtocol, RuleProtocol, Sku, SkuName,
    SubResource,
};
pub use managed_cluster::{
    AgentPool, AgentPoolMode, AgentPoolType, LoadBalancerProfile, ManagedCluster, ManagedOutboundIps,
    NetworkProfile, OsType, ScaleSetPriority, UpgradeSettings, VmSizeFigures,
};
pub use network::{
    Access, AddressSpace, Direction, NatGateway, NetworkSecurityGroup, PublicIpAddress, Route, RouteTable,
    SecurityProtocol, SecurityRule, ServiceEndpoint, Subnet, VirtualNetwork, VirtualNetworkPeering,
};
