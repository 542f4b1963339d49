//! Which service ports have anything to say to a packet, and to which of them nodes are not all the same.

use super::{ServiceMap, ServicePort};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, OnceLock},
};

type Sockets = Box<[(IpAddr, u16)]>;

/// Service ports by the addresses and node ports that their rules name; positions in the map.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    addresses: Vec<(IpAddr, u32)>,
    node_ports: Vec<(u16, u32)>,
    /// Of each port, the endpoints that are an address or a node port of a Service: those lead on. Found when first
    /// asked for.
    leading: Vec<OnceLock<Sockets>>,
    /// How many endpoints that port has which has most.
    most_endpoints: usize,
}

impl Index {
    fn new(ports: &[Arc<ServicePort>]) -> Self {
        let leading = ports.iter().map(|_| OnceLock::new()).collect();
        let most_endpoints = ports.iter().map(|port| port.endpoints.len()).max().unwrap_or_default();
        let mut index = Self { leading, most_endpoints, ..Self::default() };
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
        let index = self.index();
        let mut found = BTreeSet::new();
        let mut open: Vec<(IpAddr, u16)> = sockets.into_iter().collect();
        while let Some((ip, number)) = open.pop() {
            for at in index.of(ip, number) {
                if found.insert(at) {
                    let endpoints = || self.ports().get(at as usize).map(|port| &port.endpoints);
                    let sockets = || endpoints().into_iter().flatten().map(|own| (own.ip, own.port));
                    let leads = |(ip, port): &(IpAddr, u16)| index.of(*ip, *port).next().is_some();
                    let leading = index.leading.get(at as usize);
                    let leading = leading.map(|own| own.get_or_init(|| sockets().filter(leads).collect()));
                    open.extend(leading.into_iter().flatten());
                }
            }
        }
        found
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(self.ports()))
    }

    /// How many endpoints that service port has which has most.
    pub fn most_endpoints(&self) -> usize {
        self.index().most_endpoints
    }

    /// The same Services with these service ports only, for the rules of packets that concern no others. Whether
    /// the cluster is large stays as it is.
    #[must_use]
    pub fn only(&self, wanted: &BTreeSet<u32>) -> Self {
        let ports = wanted.iter().filter_map(|at| self.ports().get(*at as usize).cloned());
        self.with_ports(ports.collect())
    }
}

/// What an endpoint is to a node on which it makes other rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bearing {
    /// It is there, and a traffic policy is Local.
    Local,
    /// It is hinted for the node.
    Hinted,
}

impl ServicePort {
    /// The nodes on which kube-proxy writes other rules for this port than on a node that it does not name, each
    /// with the endpoints (positions) that make the difference. Zones count besides.
    pub fn nodes_apart(&self) -> BTreeMap<&str, Vec<(u32, Bearing)>> {
        let mut apart: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let local = self.uses_local_endpoints() || self.health_check_node_port != 0;
        for (at, endpoint) in (0_u32..).zip(&self.endpoints) {
            let own = endpoint.node.as_deref().filter(|_| local);
            let hints = endpoint.hints.iter().flat_map(|hints| &hints.for_nodes);
            let hinted = hints.map(|hint| (hint.name.as_str(), Bearing::Hinted));
            for (node, bearing) in own.map(|node| (node, Bearing::Local)).into_iter().chain(hinted) {
                apart.entry(node).or_default().push((at, bearing));
            }
        }
        apart
    }
}
