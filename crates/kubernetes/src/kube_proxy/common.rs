//! Rules that nodes have in common, written once for all of them.
//!
//! Of a Service with thousands of endpoints nearly all rules are the same on every node. Where one of its traffic
//! policies is Local, a node with endpoints of its own has one chain of its own, `KUBE-SVL`, which leads to them.

use super::{Bearing, Choice, ProxyConfig, ProxyEndpoint, ServiceMap, ServicePort, service_rules::View};
use model::{NodeName, kubernetes::ProxyMode};
use netfilter::{Chain, TableName};
use std::collections::{BTreeMap, BTreeSet};

/// Some Services, with what nodes' rules for them have in common.
#[derive(Debug)]
pub struct Common {
    services: ServiceMap,
    /// The nodes that [`ServicePort::nodes_apart`] names: whether an endpoint is hinted for one, and the endpoints on it
    /// that its rules for policy Local are for, with their ports (both positions).
    apart: BTreeMap<String, (bool, Vec<(u32, u32)>)>,
    /// The ports with a ready endpoint.
    ready: BTreeSet<u32>,
    /// Whether an endpoint is hinted for anything.
    hinted: bool,
}

/// Nodes of equal likeness have the same rules for some Services, but for their own chains.
#[derive(Debug, PartialEq, Eq)]
pub struct Likeness {
    /// Settings, without what is only the node's.
    config: ProxyConfig,
    /// The ports that have endpoints on the node.
    local: BTreeSet<u32>,
    /// The ports whose source ranges hold the node's address.
    allowed: BTreeSet<u32>,
}

impl Common {
    /// What nodes have in common of the rules for these Services.
    pub fn new(services: ServiceMap) -> Self {
        let mut apart: BTreeMap<String, (bool, Vec<(u32, u32)>)> = BTreeMap::new();
        let (mut ready, mut hinted) = (BTreeSet::new(), false);
        for (at, port) in (0_u32..).zip(services.ports()) {
            for (node, endpoints) in port.nodes_apart() {
                let (is_hinted, local) = apart.entry(node.to_owned()).or_default();
                *is_hinted |= endpoints.iter().any(|(_, bearing)| *bearing == Bearing::Hinted);
                if port.uses_local_endpoints() {
                    local.extend(endpoints.into_iter().map(|(own, _)| (at, own)));
                }
            }
            hinted |= port.endpoints.iter().any(|endpoint| endpoint.hints.is_some());
            ready.extend(port.endpoints.iter().any(|endpoint| endpoint.ready).then_some(at));
        }
        Self { services, apart, ready, hinted }
    }

    /// The Services.
    pub fn services(&self) -> &ServiceMap {
        &self.services
    }

    /// Which nodes have the rules of the one with these settings, and the chains that this one has in place of those of
    /// the same names there. `None` where the rules are this node's alone.
    pub fn of_node(&self, config: &ProxyConfig) -> Option<(Likeness, Vec<(TableName, Chain)>)> {
        if config.mode != ProxyMode::Iptables || !config.node_port_addresses.is_empty() {
            return None;
        }
        let (mut local, mut own) = (BTreeSet::new(), Vec::new());
        if let Some((is_hinted, endpoints)) = self.apart.get(config.node.as_str()) {
            if *is_hinted {
                return None;
            }
            for of_port in endpoints.chunk_by(|(port, _), (other, _)| port == other) {
                let Some((at, _)) = of_port.first() else { continue };
                let Some(port) = self.services.ports().get(*at as usize) else { continue };
                let on_node = of_port.iter().map(|(_, own)| *own).collect();
                if let Some(list) = self.local_list(*at, port, on_node)? {
                    local.insert(*at);
                    own.push((TableName::Nat, self.local_chain(config, port, list)));
                }
            }
        }
        let ip = config.node_ip();
        let allows =
            |port: &ServicePort| port.source_ranges.iter().any(|net| ip.is_some_and(|ip| net.contains(&ip)));
        let allowed = (0_u32..).zip(self.services.ports()).filter(|(_, port)| allows(port));
        let allowed = order::set(allowed.map(|(at, _)| at));
        let zone = config.topology_labels.get_key_value(ProxyConfig::ZONE_LABEL).filter(|_| self.hinted);
        let config = ProxyConfig {
            node: NodeName::from(""),
            node_ips: Vec::new(),
            local_addresses: Vec::new(),
            topology_labels: zone.map(|(key, zone)| (key.clone(), zone.clone())).into_iter().collect(),
            ..config.clone()
        };
        Some((Likeness { config, local, allowed }, own))
    }

    /// The endpoints that a node uses for policy Local, of those on it; `Some(None)` where there are none, and `None` where
    /// the chains of endpoints are not those that other nodes have.
    #[expect(clippy::option_option, reason = "there are three cases")]
    fn local_list(&self, at: u32, port: &ServicePort, on_node: Vec<u32>) -> Option<Option<Vec<u32>>> {
        let chosen = |test: fn(&ProxyEndpoint) -> bool| -> Vec<u32> {
            let is = |own: &u32| port.endpoints.get(*own as usize).is_some_and(test);
            on_node.iter().copied().filter(is).collect()
        };
        let ready = chosen(|endpoint| endpoint.ready);
        let list = if ready.is_empty() {
            chosen(|endpoint| endpoint.serving && endpoint.terminating)
        } else {
            ready
        };
        if list.is_empty() {
            return Some(None);
        }
        // Every node has the chains of policy Cluster. Hints narrow them, and so does it that others are ready.
        let drains = port.endpoints.get(*list.first()? as usize).is_some_and(|endpoint| !endpoint.ready);
        let others = !port.uses_cluster_endpoints() || self.hinted || (drains && self.ready.contains(&at));
        if others { None } else { Some(Some(list)) }
    }

    fn local_chain(&self, config: &ProxyConfig, port: &ServicePort, list: Vec<u32>) -> Chain {
        let choice = Choice { cluster: None, local: Some(list), has_endpoints: true };
        View::of_choice(config, port, choice, self.services.is_large_cluster()).local_chain()
    }
}
