//! Which service ports have anything to say to a packet, and to which of them nodes are not all the same.

use super::{ServiceMap, ServicePort};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

/// Service ports by the addresses and node ports that their rules name; positions in the map.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    addresses: Vec<(IpAddr, u32)>,
    node_ports: Vec<(u16, u32)>,
}

impl Index {
    fn new(ports: &[Arc<ServicePort>]) -> Self {
        let mut index = Self::default();
        for (at, port) in (0_u32..).zip(ports) {
            let addresses = [&port.cluster_ip].into_iter().chain(&port.external_ips).chain(&port.vips);
            index.addresses.extend(addresses.map(|ip| (*ip, at)));
            let own = [port.node_port, port.health_check_node_port];
            index.node_ports.extend(own.into_iter().filter(|port| *port != 0).map(|port| (port, at)));
        }
        order::sort(&mut index.addresses);
        order::sort(&mut index.node_ports);
        index
    }

    fn of(&self, address: IpAddr, port: u16) -> impl Iterator<Item = u32> + '_ {
        let addresses = from(&self.addresses, address);
        let ports = from(&self.node_ports, port);
        let addresses = addresses.iter().take_while(move |(own, _)| *own == address);
        let ports = ports.iter().take_while(move |(own, _)| *own == port);
        addresses.map(|(_, at)| *at).chain(ports.map(|(_, at)| *at))
    }
}

/// The sorted list from a key on.
fn from<K: Ord + Copy>(sorted: &[(K, u32)], key: K) -> &[(K, u32)] {
    let first = sorted.partition_point(|(own, _)| *own < key);
    sorted.get(first..).unwrap_or_default()
}

impl ServiceMap {
    /// The service ports whose rules can match a packet that goes to one of these sockets, or went there before it
    /// was translated; positions in [`ServiceMap::ports`].
    ///
    /// kube-proxy's shared chains ask for a destination address or for a node port, and for nothing else first. A
    /// translated packet goes to an endpoint, which may in turn be an address or a node port of another Service.
    pub fn concerning(&self, sockets: impl IntoIterator<Item = (IpAddr, u16)>) -> BTreeSet<u32> {
        let index = self.index.get_or_init(|| Index::new(self.ports()));
        let mut found = BTreeSet::new();
        let mut open: Vec<(IpAddr, u16)> = sockets.into_iter().collect();
        while let Some((ip, number)) = open.pop() {
            for at in index.of(ip, number) {
                if found.insert(at) {
                    let endpoints = self.ports().get(at as usize).map(|port| &port.endpoints);
                    let sockets =
                        endpoints.into_iter().flatten().map(|endpoint| (endpoint.ip, endpoint.port));
                    // Only an endpoint that is an address or a node port of a Service leads on.
                    open.extend(sockets.filter(|(ip, port)| index.of(*ip, *port).next().is_some()));
                }
            }
        }
        found
    }

    /// The same Services with these service ports only, for the rules of packets that concern no others. Whether
    /// the cluster is large stays as it is.
    #[must_use]
    pub fn only(&self, wanted: &BTreeSet<u32>) -> Self {
        let ports = wanted.iter().filter_map(|at| self.ports().get(*at as usize).cloned());
        self.with_ports(ports.collect())
    }
}

impl ServicePort {
    /// The nodes on which kube-proxy writes other rules for this port than on a node that it does not name, each
    /// with the endpoints (positions) that make the difference. Zones count besides.
    pub fn nodes_apart(&self) -> BTreeMap<&str, Vec<u32>> {
        let mut apart: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
        let local = self.uses_local_endpoints() || self.health_check_node_port != 0;
        for (at, endpoint) in (0_u32..).zip(&self.endpoints) {
            let own = endpoint.node.as_deref().filter(|_| local);
            let hints = endpoint.hints.iter().flat_map(|hints| &hints.for_nodes);
            for node in own.into_iter().chain(hints.map(|hint| hint.name.as_str())) {
                apart.entry(node).or_default().push(at);
            }
        }
        apart
    }
}
