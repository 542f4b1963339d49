//! Who is connected to whom, and who owns an address.
//!
//! The graph is petgraph's and stays inside this module: nothing outside sees an index. Its nodes are
//! the stations at which a packet can be, its edges the links between them.

use crate::{addresses::AddressMap, pod_link::PodLink};
use azure::holds;
use ipnet::IpNet;
use kubernetes::{
    kube_proxy::pods_are_in_network,
    portmap::{self, HostPort},
};
use model::{
    Key, Model, NodeName,
    kubernetes::{ContainerPort, Endpoint, EndpointSlice, Node, Pod, Service},
};
use netfilter::InterfaceName;
use petgraph::{
    stable_graph::{NodeIndex, StableUnGraph},
    visit::EdgeRef,
};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
    sync::Arc,
};

/// A place where a packet can be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Site {
    /// Everything outside Azure.
    Internet,
    /// The virtual network: Azure's switching and routing.
    Fabric,
    /// A node's kernel.
    Node(NodeName),
    /// The network namespace of a pod.
    Pod(Key),
    /// An endpoint that an EndpointSlice names and no Pod of the input owns.
    Endpoint(IpAddr),
}

/// Who owns an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddressOwner {
    /// A node's own address (its processes and host-network pods).
    Node(NodeName),
    /// A pod.
    Pod(Key),
    /// An endpoint without a Pod object.
    Endpoint,
    /// A load balancer's frontend.
    Frontend,
    /// A Service's cluster IP: exists only in the nodes' rules.
    ClusterIp(Key),
    /// An external IP of a Service.
    ExternalIp(Key),
    /// A private endpoint.
    PrivateEndpoint(String),
    /// The public address of a storage account.
    AzureService(String),
}

/// A link, seen from the node's side.
#[derive(Debug, Clone, Copy)]
struct Link {
    /// The node's interface, where one end is a node.
    interface: Option<InterfaceName>,
}

/// The sites, the links between them, and the owners of addresses.
#[derive(Debug)]
pub(crate) struct Topology {
    graph: StableUnGraph<Site, Link>,
    index: BTreeMap<Site, NodeIndex>,
    owners: AddressMap<AddressOwner>,
    /// The node that a pod or endpoint hangs on, and the node's interface, by the address that it owns.
    hung: AddressMap<(NodeName, InterfaceName)>,
    /// Ranges of pod addresses, by node.
    pod_ranges: Vec<(IpNet, NodeName)>,
    /// Destinations to which pods keep their address, those of the nodes' ranges included; `None` where no
    /// ip-masq-agent runs.
    unmasqueraded: Option<Vec<IpNet>>,
    /// Every range of pod addresses, the cluster's and the nodes'.
    all_pods: Vec<IpNet>,
    /// Ranges of the virtual network and of those peered with it.
    vnet: Vec<IpNet>,
    /// Ranges of networks on premises.
    premises: Vec<IpNet>,
    /// Ranges of cluster IPs.
    services: Vec<IpNet>,
    /// Ranges of pod addresses of the whole cluster.
    pods: Vec<IpNet>,
    /// Ports of nodes that lead to pods on them.
    host_ports: BTreeMap<NodeName, Vec<HostPort>>,
}

/// Addresses that were placed, until all are.
#[derive(Default)]
struct Placed {
    owners: BTreeMap<IpAddr, AddressOwner>,
    hung: BTreeMap<IpAddr, (NodeName, InterfaceName)>,
}

/// The name of a node's interface towards the network.
pub(crate) const UPLINK: &str = "eth0";

/// AKS's default range of cluster IPs.
const DEFAULT_SERVICES: &str = "10.0.0.0/16";
/// AKS's default range of pod addresses.
const DEFAULT_PODS: &str = "10.244.0.0/16";
/// The ranges that count where no document gives others.
pub(crate) const DEFAULTS: [&str; 2] = [DEFAULT_SERVICES, DEFAULT_PODS];

/// What the network plugin masquerades of what pods send (AKS, ip-masq-agent configuration).
enum Masquerade {
    /// Nothing: pods have a subnet of their own.
    None,
    /// Everything outside the pods' range: overlay and kubenet.
    OutsidePods,
    /// Everything outside the network's own ranges: pods share the nodes' subnet.
    OutsideNetwork,
}

fn masquerade(model: &Model) -> Masquerade {
    let pools = || model.managed_cluster.iter().flat_map(|cluster| &cluster.agent_pool_profiles);
    if !pods_are_in_network(model) {
        Masquerade::OutsidePods
    } else if pools().any(|pool| pool.pod_subnet_id.is_some()) {
        Masquerade::None
    } else {
        Masquerade::OutsideNetwork
    }
}

impl Topology {
    /// Builds the topology of a settled model. Frontends are the addresses of its load balancers.
    pub(crate) fn new(model: &Model, frontends: impl IntoIterator<Item = IpAddr>) -> Self {
        let profile = model.managed_cluster.as_deref().map(|cluster| &cluster.network_profile);
        let ranges = |list: Option<&Vec<String>>, single: Option<&String>, default: &str| {
            let listed: Vec<IpNet> =
                list.into_iter().flatten().chain(single).filter_map(|text| text.parse().ok()).collect();
            if listed.is_empty() { default.parse().into_iter().collect() } else { listed }
        };
        let pods =
            ranges(profile.map(|p| &p.pod_cidrs), profile.and_then(|p| p.pod_cidr.as_ref()), DEFAULT_PODS);
        let services = ranges(
            profile.map(|p| &p.service_cidrs),
            profile.and_then(|p| p.service_cidr.as_ref()),
            DEFAULT_SERVICES,
        );
        let own_network = azure::surroundings::own_ranges(model);
        let peerings = model.virtual_networks.values().flat_map(|network| &network.virtual_network_peerings);
        let peered = peerings
            .filter(|peering| peering.is_open())
            .filter_map(|peering| peering.remote_address_space.as_ref())
            .flat_map(|space| &space.address_prefixes)
            .filter_map(|prefix| prefix.parse().ok());
        let premises = model.local_network_gateways.values();
        let premises = premises.flat_map(|own| &own.local_network_address_space.address_prefixes);
        let premises = premises.filter_map(|prefix| prefix.parse().ok()).collect();
        let vnet: Vec<IpNet> = own_network.iter().copied().chain(peered).collect();
        let unmasqueraded = match masquerade(model) {
            Masquerade::None => None,
            Masquerade::OutsidePods => Some(pods.clone()),
            Masquerade::OutsideNetwork => Some(match azure::surroundings::home(model) {
                // Peered networks are not the cluster's own: to them pods go by their node's address.
                Some(home) => home
                    .address_space
                    .address_prefixes
                    .iter()
                    .filter_map(|prefix| prefix.parse().ok())
                    .collect(),
                None => own_network,
            }),
        };

        let mut topology = Self {
            graph: StableUnGraph::default(),
            index: BTreeMap::new(),
            owners: AddressMap::default(),
            hung: AddressMap::default(),
            pod_ranges: Vec::new(),
            unmasqueraded,
            all_pods: Vec::new(),
            vnet,
            premises,
            services,
            pods,
            host_ports: BTreeMap::new(),
        };
        let mut placed = Placed::default();
        topology.place_network();
        topology.place_nodes(model, &mut placed);
        // Thousands of nodes' ranges are mostly one range in a row.
        let of_nodes = || topology.pod_ranges.iter().map(|(range, _)| *range);
        let with_nodes = |own: &[IpNet]| IpNet::aggregate(&own.iter().copied().chain(of_nodes()).collect());
        let all_pods = with_nodes(&topology.pods);
        let unmasqueraded = topology.unmasqueraded.as_deref().map(with_nodes);
        (topology.all_pods, topology.unmasqueraded) = (all_pods, unmasqueraded);
        topology.place_pods(model, &mut placed);
        place_services(model, frontends, &mut placed);
        place_azure(model, &mut placed);
        topology.owners = placed.owners.into();
        topology.hung = placed.hung.into();
        topology
    }

    /// Whether two settled models have the same topology, apart from frontends: whether everything that
    /// [`Topology::new`] reads is the same. Objects that are shared cost one comparison of pointers.
    pub(crate) fn is_alike(a: &Model, b: &Model) -> bool {
        let nodes =
            |a: &Node, b: &Node| a.internal_ips().eq(b.internal_ips()) && pod_cidrs(a).eq(pod_cidrs(b));
        let pods = |a: &Pod, b: &Pod| {
            a.spec.node_name == b.spec.node_name
                && a.spec.host_network == b.spec.host_network
                && a.is_finished() == b.is_finished()
                && a.ips().eq(b.ips())
                && same_host_ports(a, b)
        };
        let services = |a: &Service, b: &Service| {
            a.spec.cluster_ip == b.spec.cluster_ip
                && a.spec.cluster_ips == b.spec.cluster_ips
                && a.spec.external_ips == b.spec.external_ips
        };
        let slices = |a: &EndpointSlice, b: &EndpointSlice| {
            let same =
                |(a, b): (&Endpoint, &Endpoint)| a.addresses == b.addresses && a.node_name == b.node_name;
            a.endpoints.len() == b.endpoints.len() && a.endpoints.iter().zip(&b.endpoints).all(same)
        };
        a.same_surroundings(b)
            && alike(&a.nodes, &b.nodes, nodes)
            && alike(&a.pods, &b.pods, pods)
            && alike(&a.services, &b.services, services)
            && alike(&a.endpoint_slices, &b.endpoint_slices, slices)
    }

    fn add(&mut self, site: Site) -> NodeIndex {
        if let Some(index) = self.index.get(&site) {
            return *index;
        }
        let index = self.graph.add_node(site.clone());
        self.index.insert(site, index);
        index
    }

    fn place_network(&mut self) {
        let internet = self.add(Site::Internet);
        let fabric = self.add(Site::Fabric);
        self.graph.add_edge(internet, fabric, Link { interface: None });
    }

    fn place_nodes(&mut self, model: &Model, placed: &mut Placed) {
        let fabric = self.add(Site::Fabric);
        for (name, node) in &model.nodes {
            let index = self.add(Site::Node(name.clone()));
            self.graph.add_edge(fabric, index, Link { interface: InterfaceName::new(UPLINK) });
            for ip in node.internal_ips() {
                placed.owners.entry(ip).or_insert_with(|| AddressOwner::Node(name.clone()));
            }
            self.pod_ranges.extend(pod_cidrs(node).map(|range| (range, name.clone())));
        }
    }

    fn place_pods(&mut self, model: &Model, placed: &mut Placed) {
        let link = PodLink::of(model);
        for (key, pod) in &model.pods {
            if pod.is_finished() || pod.spec.host_network || pod.spec.node_name.is_empty() {
                continue;
            }
            let own = NodeName::from(pod.spec.node_name.as_str());
            let Some(node) = self.index.get(&Site::Node(own.clone())).copied() else { continue };
            let mut addresses = pod.ips().peekable();
            let Some(first) = addresses.peek().copied() else { continue };
            let mut ports = portmap::ports(key, pod).peekable();
            if ports.peek().is_some() {
                self.host_ports.entry(own.clone()).or_default().extend(ports);
            }
            let index = self.add(Site::Pod(key.clone()));
            self.graph.add_edge(node, index, Link { interface: link.interface(first) });
            for ip in addresses {
                if let Entry::Vacant(free) = placed.owners.entry(ip) {
                    free.insert(AddressOwner::Pod(key.clone()));
                    placed.hung.extend(link.interface(first).map(|interface| (ip, (own.clone(), interface))));
                }
            }
        }
        for slice in model.endpoint_slices.values() {
            for endpoint in &slice.endpoints {
                let Some(ip) = endpoint.addresses.first().and_then(|address| address.parse().ok()) else {
                    continue;
                };
                if placed.owners.contains_key(&ip) {
                    continue;
                }
                let node = endpoint.node_name.as_deref().map(|name| Site::Node(name.into()));
                let node = node.and_then(|node| self.index.get(&node)).copied();
                // One that is on no node and has no pod's address is some VM, or a host elsewhere.
                if node.is_none() && !self.in_pod_range(ip) {
                    continue;
                }
                placed.owners.insert(ip, AddressOwner::Endpoint);
                let index = self.add(Site::Endpoint(ip));
                if let (Some(_), Some(name), Some(interface)) =
                    (node, &endpoint.node_name, link.interface(ip))
                {
                    placed.hung.insert(ip, (name.as_str().into(), interface));
                }
                let (peer, interface) = match node {
                    Some(node) => (node, link.interface(ip)),
                    None => (self.add(Site::Fabric), None),
                };
                self.graph.add_edge(peer, index, Link { interface });
            }
        }
    }

    /// Whether the address lies in a network on premises.
    pub(crate) fn on_premises(&self, ip: IpAddr) -> bool {
        self.premises.iter().any(|range| holds(range, ip))
    }

    /// Who owns the address.
    pub(crate) fn owner(&self, ip: IpAddr) -> Option<&AddressOwner> {
        self.owners.get(ip)
    }

    /// What is at the other end of a node's interface: for the uplink the fabric, else the pod or endpoint that has
    /// this address, if it hangs there.
    pub(crate) fn across(&self, node: &NodeName, interface: InterfaceName, ip: IpAddr) -> Option<Site> {
        if interface.as_str() == UPLINK {
            return Some(Site::Fabric);
        }
        let site = match self.owner(ip)? {
            AddressOwner::Pod(key) => Site::Pod(key.clone()),
            AddressOwner::Endpoint => Site::Endpoint(ip),
            _ => return None,
        };
        (self.node_of(ip) == Some((node, interface))).then_some(site)
    }

    /// The node that the pod or endpoint with an address hangs on, and the node's interface towards it.
    pub(crate) fn node_of(&self, ip: IpAddr) -> Option<(&NodeName, InterfaceName)> {
        self.hung.get(ip).map(|(node, interface)| (node, *interface))
    }

    /// The node that a pod or endpoint hangs on, and the node's interface towards it.
    pub(crate) fn attachment(&self, site: &Site) -> Option<(&NodeName, InterfaceName)> {
        let index = *self.index.get(site)?;
        self.graph.edges(index).find_map(|edge| {
            let other = if edge.source() == index { edge.target() } else { edge.source() };
            match self.graph.node_weight(other) {
                Some(Site::Node(node)) => Some((node, edge.weight().interface?)),
                _ => None,
            }
        })
    }

    /// The pods and endpoints on a node, with the node's interface towards each.
    pub(crate) fn guests(&self, node: &NodeName) -> Vec<(&Site, InterfaceName)> {
        let Some(index) = self.index.get(&Site::Node(node.clone())) else { return Vec::new() };
        let guest = |(other, link): (NodeIndex, &Link)| {
            let site = self.graph.node_weight(other)?;
            let is_guest = matches!(site, Site::Pod(_) | Site::Endpoint(_));
            Some((site, link.interface?)).filter(|_| is_guest)
        };
        let ends = self.graph.edges(*index).map(|edge| {
            let other = if edge.source() == *index { edge.target() } else { edge.source() };
            (other, edge.weight())
        });
        let mut guests: Vec<_> = ends.filter_map(guest).collect();
        order::sort(&mut guests);
        guests
    }

    /// The node to which the network routes a pod address, by the nodes' pod ranges.
    pub(crate) fn node_of_pod_range(&self, ip: IpAddr) -> Option<&NodeName> {
        self.pod_ranges.iter().find(|(range, _)| holds(range, ip)).map(|(_, node)| node)
    }

    /// Whether the address lies in the virtual network.
    pub(crate) fn in_vnet(&self, ip: IpAddr) -> bool {
        self.vnet.iter().any(|range| holds(range, ip))
    }

    /// Whether the address lies in the range of cluster IPs.
    pub(crate) fn in_service_range(&self, ip: IpAddr) -> bool {
        self.services.iter().any(|range| holds(range, ip))
    }

    /// The ranges of pod addresses of the whole cluster.
    pub(crate) fn pods(&self) -> &[IpNet] {
        &self.pods
    }

    /// The ports of a node that lead to pods on it, in the pods' order.
    pub(crate) fn host_ports(&self, node: &NodeName) -> &[HostPort] {
        self.host_ports.get(node).map_or(&[], Vec::as_slice)
    }

    /// Nodes of which a port leads to a pod.
    pub(crate) fn nodes_with_host_port(&self, port: u16) -> impl Iterator<Item = &NodeName> {
        let has = move |(_, ports): &(&NodeName, &Vec<HostPort>)| ports.iter().any(|own| own.port == port);
        self.host_ports.iter().filter(has).map(|(node, _)| node)
    }

    /// Whether the address lies in a range of pod addresses.
    pub(crate) fn in_pod_range(&self, ip: IpAddr) -> bool {
        self.all_pods.iter().any(|range| holds(range, ip))
    }

    /// Destinations to which pods keep their address; `None` where no ip-masq-agent runs.
    pub(crate) fn unmasqueraded(&self) -> Option<&[IpNet]> {
        self.unmasqueraded.as_deref()
    }
}

fn place_services(model: &Model, frontends: impl IntoIterator<Item = IpAddr>, placed: &mut Placed) {
    for (key, service) in &model.services {
        let spec = &service.spec;
        for ip in spec.cluster_ips.iter().chain([&spec.cluster_ip]).filter_map(|ip| ip.parse().ok()) {
            placed.owners.entry(ip).or_insert_with(|| AddressOwner::ClusterIp(key.clone()));
        }
        for ip in spec.external_ips.iter().filter_map(|ip| ip.trim().parse().ok()) {
            placed.owners.entry(ip).or_insert_with(|| AddressOwner::ExternalIp(key.clone()));
        }
    }
    for ip in frontends {
        placed.owners.insert(ip, AddressOwner::Frontend);
    }
}

fn place_azure(model: &Model, placed: &mut Placed) {
    for (name, endpoint) in &model.private_endpoints {
        for ip in endpoint.addresses().filter_map(|address| address.parse().ok()) {
            placed.owners.entry(ip).or_insert_with(|| AddressOwner::PrivateEndpoint(name.clone()));
        }
    }
    for name in model.storage_accounts.keys() {
        let Some(ip) = azure::storage::public_address(model, name) else { continue };
        placed.owners.entry(ip).or_insert_with(|| AddressOwner::AzureService(name.clone()));
    }
}

/// Whether two pods take the same ports of their nodes.
fn same_host_ports(a: &Pod, b: &Pod) -> bool {
    fn ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
        let all = pod.spec.containers.iter().flat_map(|container| &container.ports);
        all.filter(|port| port.host_port != 0)
    }
    ports(a).eq(ports(b))
}

/// Whether two maps have the same keys and objects that are alike.
fn alike<K: Eq, T>(a: &BTreeMap<K, Arc<T>>, b: &BTreeMap<K, Arc<T>>, alike: impl Fn(&T, &T) -> bool) -> bool {
    let mut pairs = a.iter().zip(b);
    a.len() == b.len()
        && pairs.all(|((key, a), (other, b))| Arc::ptr_eq(a, b) || (key == other && alike(a, b)))
}

pub(crate) fn pod_cidrs(node: &Node) -> impl Iterator<Item = IpNet> + '_ {
    let list = node.spec.pod_cidrs.iter();
    let single = node.spec.pod_cidrs.is_empty().then_some(&node.spec.pod_cidr);
    list.chain(single).filter_map(|range| range.parse().ok())
}
