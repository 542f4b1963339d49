//! What AKS demands of node pools and keeps of their nodes.

use std::fmt;

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
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpotSystem => "spot must be a user pool",
            Self::WindowsSystem => "system pool must be Linux",
            Self::LastSystem => "cluster needs at least one system pool",
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

/// Millicores that the kubelet keeps from pods.
pub fn reserved_millicores(cores: u32) -> u32 {
    let second = cores.clamp(1, 2) - 1;
    let up_to_four = cores.clamp(2, 4) - 2;
    let rest = cores.max(4) - 4;
    60 + 40 * second + 20 * up_to_four + 10 * rest
}

/// Mebibytes that the kubelet keeps from pods (Kubernetes 1.29 and later).
pub fn reserved_memory(total: u32, max_pods: u32) -> u32 {
    (20 * max_pods + 50).min(total / 4)
}

/// Mebibytes below which pods are evicted.
pub const EVICTION_THRESHOLD: u32 = 100;
