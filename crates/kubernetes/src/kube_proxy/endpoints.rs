//! Which endpoints a node uses: traffic policies, readiness, hints.

use super::{ProxyConfig, ProxyEndpoint, ServicePort};
use model::kubernetes::EndpointHints;

/// Which endpoint lists a service port needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Some traffic follows policy Cluster.
    pub cluster: bool,
    /// Some traffic follows policy Local.
    pub local: bool,
}

impl Needs {
    /// What a service port needs.
    pub fn of(port: &ServicePort) -> Self {
        Self { cluster: port.uses_cluster_endpoints(), local: port.uses_local_endpoints() }
    }
}

/// The endpoints that one node uses for one service port, by index into the given list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// For policy Cluster; `None` if nothing follows it.
    pub cluster: Option<Vec<u32>>,
    /// For policy Local; `None` if nothing follows it.
    pub local: Option<Vec<u32>>,
    /// Whether there is an endpoint anywhere: decides between "no endpoints" and "no local endpoints".
    pub has_endpoints: bool,
}

impl Choice {
    /// The endpoints of either list, in the order of the given list: those that get a chain.
    pub fn reachable(&self) -> Vec<u32> {
        match (&self.cluster, &self.local) {
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => Vec::new(),
            (Some(cluster), Some(local)) => {
                let mut all: Vec<u32> = cluster.iter().chain(local).copied().collect();
                order::sort(&mut all);
                all.dedup();
                all
            }
        }
    }
}

fn hints(endpoint: &ProxyEndpoint) -> Option<&EndpointHints> {
    endpoint.hints.as_deref()
}

/// How hints narrow the endpoints of policy Cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topology<'a> {
    Anywhere,
    SameNode(&'a str),
    SameZone(&'a str),
}

impl Topology<'_> {
    fn admits(self, endpoint: &ProxyEndpoint) -> bool {
        match self {
            Self::Anywhere => true,
            Self::SameNode(node) => {
                hints(endpoint).is_some_and(|hints| hints.for_nodes.iter().any(|hint| hint.name == node))
            }
            Self::SameZone(zone) => {
                hints(endpoint).is_some_and(|hints| hints.for_zones.iter().any(|hint| hint.name == zone))
            }
        }
    }
}

/// Sorts endpoints into those that a node uses for policy Cluster and for policy Local.
///
/// Hints count only if every ready endpoint has some and one of them names this node or zone. Where no
/// endpoint is ready, those that are serving while they terminate are used instead; for each list apart.
pub fn categorize(needs: Needs, endpoints: &[ProxyEndpoint], config: &ProxyConfig) -> Choice {
    let is_draining = |endpoint: &ProxyEndpoint| endpoint.serving && endpoint.terminating;
    let is_local = |endpoint: &ProxyEndpoint| endpoint.node.as_deref() == Some(config.node.as_str());
    let select = |test: &dyn Fn(&ProxyEndpoint) -> bool| -> Vec<u32> {
        (0_u32..).zip(endpoints).filter(|(_, endpoint)| test(endpoint)).map(|(i, _)| i).collect()
    };
    let or_draining = |ready: Vec<u32>, fallback: &dyn Fn(&ProxyEndpoint) -> bool| {
        if ready.is_empty() { select(fallback) } else { ready }
    };
    let cluster = needs.cluster.then(|| {
        let topology = topology(endpoints, config);
        or_draining(select(&|endpoint| endpoint.ready && topology.admits(endpoint)), &|endpoint| {
            is_draining(endpoint)
        })
    });
    let local = needs.local.then(|| {
        or_draining(select(&|endpoint| endpoint.ready && is_local(endpoint)), &|endpoint| {
            is_draining(endpoint) && is_local(endpoint)
        })
    });
    let has_endpoints = cluster.as_ref().is_some_and(|list| !list.is_empty())
        || (needs.local && endpoints.iter().any(|endpoint| endpoint.ready || is_draining(endpoint)));
    Choice { cluster, local, has_endpoints }
}

fn topology<'a>(endpoints: &[ProxyEndpoint], config: &'a ProxyConfig) -> Topology<'a> {
    let ready = || endpoints.iter().filter(|endpoint| endpoint.ready);
    let agreed = |topology: Topology<'a>, hinted: fn(&ProxyEndpoint) -> bool| {
        let applies = ready().all(hinted) && ready().any(|endpoint| topology.admits(endpoint));
        applies.then_some(topology)
    };
    let by_node = agreed(Topology::SameNode(config.node.as_str()), |endpoint| {
        hints(endpoint).is_some_and(|hints| !hints.for_nodes.is_empty())
    });
    let by_zone = || {
        agreed(Topology::SameZone(config.zone()?), |endpoint| {
            hints(endpoint).is_some_and(|hints| !hints.for_zones.is_empty())
        })
    };
    by_node.or_else(by_zone).unwrap_or(Topology::Anywhere)
}
