//! How pods hang on their node: each on a veth pair of its own, or together on kubenet's bridge.

use crate::topology::pod_cidrs;
use ipnet::IpNet;
use kubernetes::{network_policy::PolicyEngine, nth};
use model::{Model, kubernetes::Node};
use netfilter::InterfaceName;
use std::net::IpAddr;

/// The bridge of kubenet's pods (AgentBaker, kubenet's CNI template: plugin `bridge`, `cbr0`).
const BRIDGE: &str = "cbr0";

/// What the network plugin makes on a node for its pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PodLink {
    /// A veth pair for each, whose end on the node has no address. Names begin with this.
    Veth(&'static str),
    /// One bridge, which has the first address of the node's range of pods.
    Bridge,
}

impl PodLink {
    /// Of a cluster. With Calico's policies, kubenet's pods are linked by Calico.
    pub(crate) fn of(model: &Model) -> Self {
        if !is_kubenet(model) {
            Self::Veth("azv")
        } else if PolicyEngine::of(model) == Some(PolicyEngine::Calico) {
            Self::Veth("cali")
        } else {
            Self::Bridge
        }
    }

    /// The node's interface towards a pod with this first address. A veth's name is a prefix and eleven hexadecimal
    /// digits (here of the address, so that the name is stable).
    pub(crate) fn interface(self, ip: IpAddr) -> Option<InterfaceName> {
        let Self::Veth(prefix) = self else { return InterfaceName::new(BRIDGE) };
        let digits = match ip {
            IpAddr::V4(ip) => u64::from(u32::from(ip)),
            IpAddr::V6(ip) => u64::try_from(u128::from(ip) & u128::from(u64::MAX)).unwrap_or_default(),
        };
        // Fibonacci hashing spreads neighbouring addresses over the name.
        let digits = digits.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
        InterfaceName::new(&format!("{prefix}{digits:011x}"))
    }

    /// The addresses of the node on that interface, each with its network.
    pub(crate) fn addresses(self, node: &Node) -> Vec<IpNet> {
        let ranges = pod_cidrs(node).filter(|_| self == Self::Bridge);
        let first = |range: IpNet| IpNet::new(nth(range, 1)?, range.prefix_len()).ok();
        ranges.filter_map(first).collect()
    }
}

/// Whether the network plugin is kubenet.
pub(crate) fn is_kubenet(model: &Model) -> bool {
    let cluster = model.managed_cluster.as_deref();
    let plugin = cluster.and_then(|cluster| cluster.network_profile.network_plugin.as_deref());
    plugin.is_some_and(|plugin| plugin.eq_ignore_ascii_case("kubenet"))
}
