//! Azure: the cloud controller that programs load balancers, and the fabric that moves packets.
//!
//! [`program`] turns a settled model into a [`Cloud`]: load balancers with their pools, security groups,
//! public addresses and Service statuses, as cloud-provider-azure and AKS make them. The fabric then
//! decides about packets: [`Cloud::select`] finds frontend, rule and members, [`Guards::ask`] the security
//! rule. Nothing here knows iptables.

pub mod access;
mod aks;
mod allocate;
mod annotations;
mod balancer;
mod budget;
pub mod choose;
mod cloud;
pub mod dns;
mod drift;
mod effective;
mod given;
mod inputs;
mod limits;
pub mod membership;
pub mod names;
mod network;
pub mod node_pools;
mod nodes;
mod outbound;
mod plan;
mod private_link;
mod probes;
mod program;
pub mod reconcile;
mod refusal;
pub mod routes;
mod rules;
mod security_group;
mod select;
mod settings;
pub mod snat;
mod space;
pub mod storage;
pub mod surroundings;

#[cfg(test)]
mod tests;

pub use allocate::is_private;
pub use balancer::{AdminState, Balancer, Frontend, Member, Origin, Pool, Rule};
pub use budget::{Allocation, At, FAR, GatewayBudget, NAT_GATEWAY_CONNECTIONS_PER_DESTINATION, SnatBudget};
pub use cloud::{Allocated, Cloud, is_given, program, program_with};
pub use drift::{Difference, Drift, DriftRow, Fate, FieldDifference, Part, TRIGGERS, Trigger};
pub use effective::{EffectiveComparison, EffectiveDifference, EffectiveRow, compare_effective};
pub use limits::Limit;
pub use membership::{Exclusion, Vm};
pub use network::{Sender, SubnetEntry};
pub use outbound::{Method, Outbound, winner};
pub use private_link::PrivateLinkService;
pub use refusal::{Reason, Refusal, Stage};
pub use routes::{EffectiveRoute, LostBy, NextHop, RouteSource, Routed, Routes};
pub use security_group::{
    Asked, Attachment, FlowState, GuardedPacket, Guards, Mismatch, Ruling, SecurityGroup, default_rules,
};
pub use select::{
    ExistingFlow, HashInput, Health, IdleEnd, PoolState, ProbeRequest, RuleMismatch, Selected, Selection,
    Targets, down_after_seconds, existing_flow, hash_inputs, idle_end, successes_to_recover,
};
pub use settings::{
    BackendPoolType, BalancerConfiguration, OutboundRuleSettings, OutboundType, Scope, Settings, SharedProbe,
};
pub use space::{AddressSpace, METADATA, PROBE_SOURCE, PROBE_SOURCE_V6, ServiceTag, holds, is_platform};
