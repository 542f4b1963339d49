//! What VMs of a size have, and what AKS keeps of it.

use super::{AgentPool, ManagedCluster};

/// What a VM has, as its size's page in Azure's documentation lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VmSize {
    /// Virtual CPUs.
    pub cores: u32,
    /// Memory in MiB.
    pub memory: u32,
    /// Graphics processors.
    pub gpus: u32,
    /// Most network interfaces.
    pub nics: u32,
}

/// General families: letter, what stands between the number and the version, versions, MiB per vCPU, numbers of
/// vCPUs with the most network interfaces of each.
type Family = (&'static str, &'static [&'static str], &'static [&'static str], u32, &'static [(u32, u32)]);

const GENERAL: &[(u32, u32)] = &[(2, 2), (4, 2), (8, 4), (16, 8), (32, 8), (48, 8), (64, 8), (96, 8)];
const COMPUTE: &[(u32, u32)] = &[(2, 2), (4, 2), (8, 4), (16, 4), (32, 8), (48, 8), (64, 8), (72, 8)];

const FAMILIES: &[Family] = &[
    ("D", &["", "s"], &["v3", "v4", "v5"], 4096, GENERAL),
    ("D", &["d", "ds", "as", "ads", "ps", "pds"], &["v4", "v5", "v6"], 4096, GENERAL),
    ("D", &["s"], &["v6"], 4096, GENERAL),
    ("E", &["", "s"], &["v3", "v4", "v5"], 8192, GENERAL),
    ("E", &["d", "ds", "as", "ads", "ps", "pds"], &["v4", "v5", "v6"], 8192, GENERAL),
    ("F", &["s"], &["v2"], 2048, COMPUTE),
    ("L", &["s"], &["v3"], 8192, &[(8, 4), (16, 8), (32, 8), (48, 8), (64, 8), (80, 8)]),
];

/// Sizes that follow no rule: name, vCPUs, memory in MiB, graphics processors, network interfaces.
const SINGLE: &[(&str, u32, u32, u32, u32)] = &[
    ("B2s", 2, 4 << 10, 0, 3),
    ("B2ms", 2, 8 << 10, 0, 3),
    ("B4ms", 4, 16 << 10, 0, 4),
    ("B8ms", 8, 32 << 10, 0, 4),
    ("B2s_v2", 2, 8 << 10, 0, 2),
    ("B4s_v2", 4, 16 << 10, 0, 2),
    ("DS2_v2", 2, 7 << 10, 0, 2),
    ("DS3_v2", 4, 14 << 10, 0, 4),
    ("DS4_v2", 8, 28 << 10, 0, 8),
    ("DS5_v2", 16, 56 << 10, 0, 8),
    ("NC4as_T4_v3", 4, 28 << 10, 1, 2),
    ("NC8as_T4_v3", 8, 56 << 10, 1, 4),
    ("NC16as_T4_v3", 16, 110 << 10, 1, 8),
    ("NC64as_T4_v3", 64, 440 << 10, 4, 8),
    ("NC6s_v3", 6, 112 << 10, 1, 4),
    ("NC12s_v3", 12, 224 << 10, 2, 8),
    ("NC24s_v3", 24, 448 << 10, 4, 8),
    ("NC24ads_A100_v4", 24, 220 << 10, 1, 2),
    ("NC48ads_A100_v4", 48, 440 << 10, 2, 4),
    ("NC96ads_A100_v4", 96, 880 << 10, 4, 8),
];

impl VmSize {
    /// The figures of a size by its name (`Standard_D4s_v5`), letters compared without case; `None` for a size
    /// that is not listed here.
    pub fn known(name: &str) -> Option<Self> {
        let short = match name.get(..9) {
            Some(start) if start.eq_ignore_ascii_case("Standard_") => name.get(9..)?,
            _ => return None,
        };
        let single = SINGLE.iter().find(|(known, ..)| known.eq_ignore_ascii_case(short));
        if let Some((_, cores, memory, gpus, nics)) = single.copied() {
            return Some(Self { cores, memory, gpus, nics });
        }
        let (size, version) = short.split_once('_')?;
        let letters = size.find(|letter: char| letter.is_ascii_digit())?;
        let (family, rest) = size.split_at(letters);
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (number, features) = rest.split_at(digits);
        let cores: u32 = number.parse().ok()?;
        let is_in = |words: &[&str], word: &str| words.iter().any(|known| known.eq_ignore_ascii_case(word));
        FAMILIES.iter().find_map(|(letter, known, versions, memory, sizes)| {
            let nics = sizes.iter().find(|(known, _)| *known == cores)?.1;
            let fits =
                letter.eq_ignore_ascii_case(family) && is_in(known, features) && is_in(versions, version);
            fits.then_some(Self { cores, memory: cores * memory, gpus: 0, nics })
        })
    }

    /// The figures of a pool's VMs: of the size that is known, else those that the pool states.
    pub fn of(pool: &AgentPool) -> Option<Self> {
        let known = pool.vm_size.as_deref().and_then(Self::known);
        let given = pool.vm_size_figures.as_ref().map(|given| Self {
            cores: given.number_of_cores,
            memory: given.memory_in_mb,
            gpus: given.number_of_gpus,
            nics: given.max_nics.unwrap_or(1),
        });
        known.or(given)
    }
}

/// Whether a size is of the burstable B series.
pub fn is_burstable(name: &str) -> bool {
    name.get(..10).is_some_and(|start| start.eq_ignore_ascii_case("Standard_B"))
}

/// The most pods on a node of a pool: what the pool says, else the network plugin's default.
pub fn max_pods(pool: &AgentPool, cluster: &ManagedCluster) -> u32 {
    let network = &cluster.network_profile;
    let is = |value: &Option<String>, word: &str| {
        value.as_deref().is_some_and(|value| value.eq_ignore_ascii_case(word))
    };
    let by_plugin = if is(&network.network_plugin, "kubenet") || pool.pod_subnet_id.is_some() {
        110
    } else if network.network_plugin.is_none() || is(&network.network_plugin_mode, "overlay") {
        250
    } else {
        30
    };
    pool.max_pods.unwrap_or(by_plugin)
}

/// Millicores that the kubelet keeps from pods (AKS, node resource reservations).
pub fn reserved_millicores(cores: u32) -> u32 {
    let second = cores.clamp(1, 2) - 1;
    let up_to_four = cores.clamp(2, 4) - 2;
    let rest = cores.max(4) - 4;
    60 + 40 * second + 20 * up_to_four + rest.saturating_mul(10)
}

/// Mebibytes that the kubelet keeps from pods (AKS with Kubernetes 1.29 and later).
pub fn reserved_memory(total: u32, max_pods: u32) -> u32 {
    max_pods.saturating_mul(20).saturating_add(50).min(total / 4)
}

/// Mebibytes below which pods are evicted.
pub const EVICTION_THRESHOLD: u32 = 100;

impl VmSize {
    /// Millicores that are left for pods.
    pub fn allocatable_millicores(self) -> u32 {
        self.cores.saturating_mul(1000).saturating_sub(reserved_millicores(self.cores))
    }

    /// Mebibytes that are left for pods.
    pub fn allocatable_memory(self, max_pods: u32) -> u32 {
        self.memory.saturating_sub(reserved_memory(self.memory, max_pods).saturating_add(EVICTION_THRESHOLD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_sizes() {
        for (name, expected) in [
            ("Standard_D4s_v5", Some((4, 16, 0, 2))),
            ("standard_d8s_V5", Some((8, 32, 0, 4))),
            ("Standard_D2s_v3", Some((2, 8, 0, 2))),
            ("Standard_D16ads_v5", Some((16, 64, 0, 8))),
            ("Standard_E8s_v5", Some((8, 64, 0, 4))),
            ("Standard_F4s_v2", Some((4, 8, 0, 2))),
            ("Standard_B2ms", Some((2, 8, 0, 3))),
            ("Standard_DS2_v2", Some((2, 7, 0, 2))),
            ("Standard_NC8as_T4_v3", Some((8, 56, 1, 4))),
            ("Standard_D5s_v5", None),
            ("Standard_D4s_v9", None),
            ("Standard_", None),
            ("D4s_v5", None),
            ("Standard_é4s_v5", None),
            ("", None),
        ] {
            let got = VmSize::known(name).map(|size| (size.cores, size.memory >> 10, size.gpus, size.nics));
            assert_eq!(got, expected, "{name}");
        }
    }
}
