//! Rules that nodes have in common, written once for all of them.
//!
//! Of a Service with thousands of endpoints nearly all rules are the same on every node. Where one of its traffic
//! policies is Local, a node with endpoints of its own has one chain of its own, `KUBE-SVL`, which leads to them.

use super::{Bearing, Choice, ProxyConfig, ProxyEndpoint, ServiceMap, ServicePort, service_rules::View};
use model::{NodeName, kubernetes::ProxyMode};
use netfilter::{Chain, TableName};

/// Some Services, with what nodes' rules for them have in common.
#[derive(Debug)]
pub struct Common {
    services: ServiceMap,
    /// The nodes that [`ServicePort::nodes_apart`] names, in order, with the ports and endpoints (positions) and what these
    /// are to them.
    apart: Vec<(String, u32, u32, Bearing)>,
    /// Of each port, whether it has a ready endpoint.
    ready: Vec<bool>,
    /// Whether an endpoint is hinted for anything.
    hinted: bool,
}

/// Nodes of equal likeness have the same rules for some Services, but for their own chains.
#[derive(Debug, PartialEq, Eq)]
pub struct Likeness {
    /// Settings, without what is only the node's.
    config: ProxyConfig,
    /// The ports that have endpoints on the node.
    local: Vec<u32>,
    /// The ports whose source ranges hold the node's address.
    allowed: Vec<u32>,
}

impl Common {
    /// What nodes have in common of the rules for these Services.
    pub fn new(services: ServiceMap) -> Self {
        let (mut apart, mut ready, mut hinted) = (Vec::new(), Vec::new(), false);
        for (at, port) in (0_u32..).zip(services.ports()) {
            for (node, endpoints) in port.nodes_apart() {
                let on_node = endpoints.into_iter().map(|(own, bearing)| (node.to_owned(), at, own, bearing));
                apart.extend(on_node);
            }
            hinted |= port.endpoints.iter().any(|endpoint| endpoint.hints.is_some());
            ready.push(port.endpoints.iter().any(|endpoint| endpoint.ready));
        }
        order::sort(&mut apart);
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
        let (mut local, mut own) = (Vec::new(), Vec::new());
        let first = self.apart.partition_point(|(node, ..)| **node < *config.node.as_str());
        let named = self.apart.get(first..).unwrap_or_default();
        let named = named.iter().take_while(|(node, ..)| **node == *config.node.as_str());
        if named.clone().any(|(.., bearing)| *bearing == Bearing::Hinted) {
            return None;
        }
        for (at, port) in (0_u32..).zip(self.services.ports()).filter(|(_, port)| port.uses_local_endpoints())
        {
            let on_node = named.clone().filter(|(_, of, ..)| *of == at).map(|(_, _, own, _)| *own);
            if let Some(list) = self.local_list(at, port, on_node.collect())? {
                local.push(at);
                own.push((TableName::Nat, self.local_chain(config, port, list)));
            }
        }
        let ip = config.node_ip();
        let allows =
            |port: &ServicePort| port.source_ranges.iter().any(|net| ip.is_some_and(|ip| net.contains(&ip)));
        let allowed = (0_u32..).zip(self.services.ports()).filter(|(_, port)| allows(port));
        let allowed = allowed.map(|(at, _)| at).collect();
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
        let others = !port.uses_cluster_endpoints()
            || self.hinted
            || (drains && self.ready.get(at as usize) == Some(&true));
        if others { None } else { Some(Some(list)) }
    }

    fn local_chain(&self, config: &ProxyConfig, port: &ServicePort, list: Vec<u32>) -> Chain {
        let choice = Choice { cluster: None, local: Some(list), has_endpoints: true };
        View::of_choice(config, port, choice, self.services.is_large_cluster()).local_chain()
    }
}
