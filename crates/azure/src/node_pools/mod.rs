//! Node pools: what AKS demands of them, what their nodes are like, and what it keeps of a node for itself.

mod nodes;

pub use model::azure::{EVICTION_THRESHOLD, reserved_memory, reserved_millicores};
pub use nodes::{Maker, SPOT, complete, parse_taint, pool_of, taints};

use model::azure::{AgentPool, AgentPoolMode, AgentPoolType, ManagedCluster, VmSize, is_burstable, max_pods};
use std::fmt;

/// Most nodes of one pool.
pub const MAX_NODES_PER_POOL: u32 = 1000;
/// Most nodes of a cluster behind a Standard load balancer.
pub const MAX_NODES: u32 = 5000;
/// Most pods on one node.
pub const MAX_PODS_PER_NODE: u32 = 250;

/// A pool that someone wants, or wants to be rid of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolRequest {
    /// A system pool.
    pub system: bool,
    /// Of spot VMs.
    pub spot: bool,
    /// Of Windows nodes.
    pub windows: bool,
}

/// Why AKS refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PoolError {
    /// Spot VMs in a system pool.
    SpotSystem,
    /// Windows in a system pool.
    WindowsSystem,
    /// The last system pool would go.
    LastSystem,
    /// A system pool would have no node.
    EmptySystem,
    /// A burstable size in a system pool.
    BurstableSystem,
    /// A system pool of VMs with too little memory or too few cores.
    SmallSystem,
    /// A system pool whose nodes may run too few pods.
    FewPodsSystem,
    /// Too many nodes in one pool.
    TooManyInPool,
    /// Too many nodes in the cluster.
    TooManyInCluster,
    /// More pods on a node than AKS allows, or fewer than it needs.
    MaxPods,
    /// Spot VMs in an availability set.
    SpotAvailabilitySet,
    /// The autoscaler cannot have an availability set.
    AutoscaleAvailabilitySet,
    /// The autoscaler's bounds are the wrong way round, or missing.
    Bounds,
    /// The count is outside of the autoscaler's bounds.
    OutOfBounds,
    /// The name is too long or has letters that it may not have.
    Name,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpotSystem => "spot must be a user pool",
            Self::WindowsSystem => "system pool must be Linux",
            Self::LastSystem => "cluster needs at least one system pool",
            Self::EmptySystem => "a system pool needs at least one node (AKS recommends three)",
            Self::BurstableSystem => "sizes of the B series cannot be a system pool",
            Self::SmallSystem => "a system pool needs VMs with at least 4 vCPUs and 4 GB of memory",
            Self::FewPodsSystem => "nodes of a system pool must be able to run 30 pods",
            Self::TooManyInPool => "a node pool can have 1000 nodes",
            Self::TooManyInCluster => "a cluster can have 5000 nodes",
            Self::MaxPods => "maxPods must be from 10 to 250",
            Self::SpotAvailabilitySet => "spot VMs need a scale set",
            Self::AutoscaleAvailabilitySet => "the cluster autoscaler needs a scale set",
            Self::Bounds => "autoscaling needs minCount and maxCount, the first not above the second",
            Self::OutOfBounds => "the count must lie within the autoscaler's minCount and maxCount",
            Self::Name => {
                "a pool's name has 1 to 12 lower-case letters and digits (6 with Windows) and begins with a letter"
            }
        })
    }
}

impl std::error::Error for PoolError {}

/// Whether AKS creates such a pool.
pub fn check_new(pool: PoolRequest) -> Result<(), PoolError> {
    match pool {
        PoolRequest { system: true, spot: true, .. } => Err(PoolError::SpotSystem),
        PoolRequest { system: true, windows: true, .. } => Err(PoolError::WindowsSystem),
        _ => Ok(()),
    }
}

/// Whether AKS deletes a system pool when so many are left with it.
pub fn check_delete_system(system_pools: usize) -> Result<(), PoolError> {
    if system_pools <= 1 { Err(PoolError::LastSystem) } else { Ok(()) }
}

/// Whether AKS deletes this pool of a cluster.
pub fn check_delete(cluster: &ManagedCluster, pool: &AgentPool) -> Result<(), PoolError> {
    let is_system = |pool: &&AgentPool| pool.mode == AgentPoolMode::System;
    if !is_system(&pool) {
        return Ok(());
    }
    check_delete_system(cluster.agent_pool_profiles.iter().filter(is_system).count())
}

/// Whether AKS brings a pool to so many nodes; `others` are the nodes of the cluster's other pools.
pub fn check_scale(pool: &AgentPool, count: u32, others: u32) -> Result<(), PoolError> {
    if pool.mode == AgentPoolMode::System && count == 0 {
        return Err(PoolError::EmptySystem);
    }
    if count > MAX_NODES_PER_POOL {
        return Err(PoolError::TooManyInPool);
    }
    if count.saturating_add(others) > MAX_NODES {
        return Err(PoolError::TooManyInCluster);
    }
    if pool.enable_auto_scaling == Some(true) {
        let least = pool.min_count.unwrap_or_default();
        if !(least..=pool.max_count.unwrap_or(u32::MAX)).contains(&count) {
            return Err(PoolError::OutOfBounds);
        }
    }
    Ok(())
}

/// Everything that AKS has against a pool that someone asks for.
///
/// The limits of system pools are those of the documentation (use-system-pools); how strictly the service
/// enforces each of them today is not published.
pub fn check_pool(pool: &AgentPool, cluster: &ManagedCluster) -> Result<(), PoolError> {
    let system = pool.mode == AgentPoolMode::System;
    check_new(PoolRequest { system, spot: pool.is_spot(), windows: pool.is_windows() })?;
    let name = pool.name.as_str();
    let longest = if pool.is_windows() { 6 } else { 12 };
    let allowed = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    if !(name.starts_with(|letter: char| letter.is_ascii_lowercase())
        && name.len() <= longest
        && name.bytes().all(allowed))
    {
        return Err(PoolError::Name);
    }
    if system {
        if pool.vm_size.as_deref().is_some_and(is_burstable) {
            return Err(PoolError::BurstableSystem);
        }
        if VmSize::of(pool).is_some_and(|size| size.cores < 4 || size.memory < 4096) {
            return Err(PoolError::SmallSystem);
        }
        if max_pods(pool, cluster) < 30 {
            return Err(PoolError::FewPodsSystem);
        }
    }
    if pool.max_pods.is_some_and(|pods| !(10..=MAX_PODS_PER_NODE).contains(&pods)) {
        return Err(PoolError::MaxPods);
    }
    let scales = pool.enable_auto_scaling == Some(true);
    if pool.pool_type == AgentPoolType::AvailabilitySet {
        if pool.is_spot() {
            return Err(PoolError::SpotAvailabilitySet);
        }
        if scales {
            return Err(PoolError::AutoscaleAvailabilitySet);
        }
    }
    if scales && pool.min_count.zip(pool.max_count).is_none_or(|(least, most)| least > most) {
        return Err(PoolError::Bounds);
    }
    let others = cluster.agent_pool_profiles.iter().filter(|other| other.name != pool.name);
    check_scale(pool, pool.count.unwrap_or(1), others.filter_map(|other| other.count).sum())
}

#[cfg(test)]
mod tests;
