//! Which nodes are alike to a packet: nothing that decides tells them apart but their name and address.
//!
//! It is said by a key of everything that a walk asks of a node that a packet enters by. Nodes with equal keys do
//! the same, so that one of them can be walked for all; a node about which anything is unusual is a case of its own.

use crate::{World, journey::Traveller, receive::open_ports, topology::AddressOwner};
use azure::Sender;
use ipnet::IpNet;
use kubernetes::{
    health,
    kube_proxy::{Bearing, ProxyConfig},
};
use model::{
    Model, NodeName,
    kubernetes::{IpFamily, Node, Protocol},
};
use netfilter::Match;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

/// The classes of nodes, apart from any packet.
#[derive(Debug, Default)]
pub(crate) struct Alike {
    /// In name order.
    names: Vec<NodeName>,
    /// One for each name.
    profiles: Vec<u32>,
    /// The place of the name after the one that was asked for last. Thousands of nodes are asked for one after the
    /// other, and mostly in their order.
    next: AtomicUsize,
}

/// Whether an address is of IPv4, its subnet, and the security groups before it: of the subnet, of the NIC.
type Guarded<'a> = (bool, Option<&'a str>, [Option<Arc<str>>; 2]);

/// What a walk asks of a node, whatever the packet.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Profile<'a> {
    /// The node itself, where it is a case of its own.
    alone: Option<NodeName>,
    /// Subnet and security groups, for each address.
    network: Vec<Guarded<'a>>,
    /// Whether kube-proxy runs there.
    proxied: bool,
    /// Whether kube-proxy's health server says that the node is leaving.
    leaving: bool,
    /// Families of its ranges of pod addresses.
    pod_ranges: Vec<bool>,
    /// The ports of pods in its own network.
    host_ports: BTreeSet<(Protocol, u16)>,
    /// The backend pools that it is in: they decide about outbound connections.
    pools: Vec<u32>,
    /// The ranges of some rule that hold one of its addresses.
    ranges: Vec<u32>,
}

/// What tells nodes apart for one packet.
pub(crate) struct Apart {
    /// Nodes that are a case of their own for this packet.
    alone: BTreeSet<NodeName>,
    /// Nodes that differ in what they are to the packet's Services.
    endpoints: BTreeMap<NodeName, Vec<Difference>>,
}

/// Nodes with equal classes are alike.
pub(crate) type NodeClass = (u32, Option<NodeName>, Vec<Difference>);

/// What makes a node another one to a packet of a service port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Difference {
    /// The port's rules, by an endpoint (a position).
    Rules(u32, u32, Bearing),
    /// The port's rules, by a zone for which endpoints are hinted.
    Zone(u32, u32),
    /// An endpoint of the port (a position) is there.
    Near(u32, u32),
}

impl Apart {
    /// The class of a node.
    pub(crate) fn class(&self, alike: &Alike, node: &NodeName) -> NodeClass {
        let profile = alike.profile(node).unwrap_or(u32::MAX);
        let alone = (self.alone.contains(node) || profile == u32::MAX).then(|| node.clone());
        (profile, alone, self.endpoints.get(node).cloned().unwrap_or_default())
    }
}

impl World {
    /// The classes of nodes, found at the first question that needs them.
    pub(crate) fn alike(&self) -> &Alike {
        self.alike.get_or_init(|| Alike::new(self))
    }

    /// What tells nodes apart for a packet that enters one of them for this socket. Where `near` is set, a node that
    /// has one of the Services' endpoints is told from one that has none.
    pub(crate) fn apart(&self, traveller: &Traveller, to: (IpAddr, u16), near: bool) -> Apart {
        let packet = &traveller.packet;
        let mut alone: BTreeSet<NodeName> = order::set(traveller.carried.before.nodes().cloned());
        alone.extend(traveller.tracked.iter().map(|(node, _)| node.clone()));
        alone.extend(self.node_at(packet.source).cloned());
        alone.extend(self.topology.node_of_pod_range(packet.source).cloned());
        alone.extend(self.topology.nodes_with_host_port(to.1).cloned());
        Apart { alone, endpoints: self.endpoints_apart(to, near) }
    }

    /// The nodes on which the rules of the Services that a socket concerns are others. A zone tells nodes apart
    /// where an endpoint is hinted for it, and nowhere else: kube-proxy asks for it for no other reason.
    pub(crate) fn endpoints_apart(
        &self,
        to: (IpAddr, u16),
        near: bool,
    ) -> BTreeMap<NodeName, Vec<Difference>> {
        let mut endpoints: BTreeMap<NodeName, Vec<Difference>> = BTreeMap::new();
        let services = self.services(IpFamily::of(to.0));
        for at in services.concerning([to]) {
            let Some(port) = services.ports().get(at as usize) else { continue };
            for (node, own) in port.nodes_apart() {
                let own = own.into_iter().map(|(own, bearing)| Difference::Rules(at, own, bearing));
                endpoints.entry(node.into()).or_default().extend(own);
            }
            let hints = port.endpoints.iter().filter_map(|endpoint| endpoint.hints.as_ref());
            let zones = hints.flat_map(|hints| &hints.for_zones).map(|zone| zone.name.as_str());
            let zones: BTreeSet<&str> = order::set(zones);
            for (name, node) in self.model.nodes.iter().filter(|_| !zones.is_empty()) {
                let zone = node.metadata.label(ProxyConfig::ZONE_LABEL);
                let hinted = (0_u32..).zip(&zones).find(|(_, hinted)| zone == Some(**hinted));
                if let Some((place, _)) = hinted {
                    endpoints.entry(name.clone()).or_default().push(Difference::Zone(at, place));
                }
            }
            let on_nodes = (0_u32..).zip(&port.endpoints).filter(|_| near);
            for (own, endpoint) in on_nodes {
                if let Some(node) = self.node_at(endpoint.ip) {
                    endpoints.entry(node.clone()).or_default().push(Difference::Near(at, own));
                }
            }
        }
        endpoints
    }

    /// The node that has an address, or on which the pod or endpoint with it is.
    pub(crate) fn node_at(&self, ip: IpAddr) -> Option<&NodeName> {
        match self.topology.owner(ip)? {
            AddressOwner::Node(name) => Some(name),
            AddressOwner::Pod(_) | AddressOwner::Endpoint => self.topology.node_of(ip).map(|(node, _)| node),
            _ => None,
        }
    }

    /// Whether something may tell a packet for a pod of the node that it enters from one for a pod elsewhere.
    pub(crate) fn tells_near_from_far(&self) -> bool {
        !self.model.network_policies.is_empty()
            || !self.model.network_security_groups.is_empty()
            || !self.model.route_tables.is_empty()
            || !self.given.is_empty()
    }
}

impl Alike {
    fn new(world: &World) -> Self {
        let mut ranges = Ranges::of(world);
        let mut pools: BTreeMap<&NodeName, Vec<u32>> = BTreeMap::new();
        let all = world.cloud.balancers().flat_map(|balancer| world.cloud.pools(&balancer.name));
        for (at, pool) in (0_u32..).zip(all) {
            for node in pool.members.iter().filter_map(|member| member.node.as_ref()) {
                pools.entry(node).or_default().push(at);
            }
        }
        let mut host_ports = host_ports(&world.model);
        let mut known: BTreeMap<Rc<Profile<'_>>, u32> = BTreeMap::new();
        let mut latest: Option<(Rc<Profile<'_>>, u32)> = None;
        let (mut names, mut profiles) = (Vec::new(), Vec::new());
        for (name, node) in &world.model.nodes {
            let profile = Profile {
                alone: is_alone(world, name, node).then(|| name.clone()),
                network: node.internal_ips().map(|ip| network(world, name, ip)).collect(),
                proxied: world.has_proxy(name),
                leaving: !health::is_eligible(Some(node)),
                pod_ranges: crate::topology::pod_cidrs(node).map(|range| range.addr().is_ipv4()).collect(),
                host_ports: host_ports.remove(name.as_str()).unwrap_or_default(),
                pools: pools.remove(name).unwrap_or_default(),
                ranges: node.internal_ips().flat_map(|ip| ranges.holding(ip)).collect(),
            };
            names.push(name.clone());
            // Mostly it is that of the node before.
            let class = match latest.as_ref().filter(|(latest, _)| **latest == profile) {
                Some((_, class)) => *class,
                None => {
                    let (profile, next) = (Rc::new(profile), u32::try_from(known.len()).unwrap_or(u32::MAX));
                    let class = *known.entry(Rc::clone(&profile)).or_insert(next);
                    latest = Some((profile, class));
                    class
                }
            };
            profiles.push(class);
        }
        Self { names, profiles, next: AtomicUsize::new(0) }
    }

    /// The class of a node, apart from any packet.
    pub(crate) fn profile(&self, node: &NodeName) -> Option<u32> {
        let next = self.next.load(Ordering::Relaxed);
        let place = match self.names.get(next) {
            Some(name) if name == node => next,
            _ => self.names.binary_search(node).ok()?,
        };
        self.next.store(place + 1, Ordering::Relaxed);
        self.profiles.get(place).copied()
    }
}

/// Whether a node is a case of its own: rules that somebody gave, a public address, an address that is also a
/// Service's.
fn is_alone(world: &World, name: &NodeName, node: &Node) -> bool {
    let public = |ip| world.cloud.nic(ip).is_some_and(|(_, own)| own.public_ip_address.is_some());
    let of_vm = world.cloud.vm(name).and_then(|vm| vm.public_address);
    world.given.contains_key(name)
        || node.internal_ips().any(|ip| !world.services(IpFamily::of(ip)).concerning([(ip, 0)]).is_empty())
        || of_vm.is_some()
        || node.internal_ips().any(public)
}

fn network<'a>(world: &'a World, name: &NodeName, ip: IpAddr) -> Guarded<'a> {
    let guards = world.cloud.guards(Sender::node(name, ip));
    let group = |group: Option<&Arc<azure::SecurityGroup>>| group.map(|group| Arc::clone(&group.shared_name));
    let subnet = world.cloud.subnet(ip).map(|subnet| subnet.name.as_str());
    (ip.is_ipv4(), subnet, [group(guards.subnet.as_ref()), group(guards.nic.as_ref())])
}

/// The ports that pods in the nodes' own network open, by node.
fn host_ports(model: &Model) -> BTreeMap<&str, BTreeSet<(Protocol, u16)>> {
    let mut ports: BTreeMap<&str, BTreeSet<(Protocol, u16)>> = BTreeMap::new();
    for pod in model.pods.values().filter(|pod| pod.spec.host_network && !pod.is_finished()) {
        let own = open_ports(pod).map(|port| (port.protocol, port.container_port));
        ports.entry(pod.spec.node_name.as_str()).or_default().extend(own);
    }
    ports
}

/// Ranges that some rule names, in groups of which each is one condition: an address is in one of its ranges, or
/// in none.
struct Ranges {
    nets: BTreeMap<IpNet, Vec<u32>>,
    lengths: [BTreeSet<u8>; 2],
    groups: u32,
    /// The longest range that holds the address which was asked for last and others, as far as lengths go, and the
    /// groups of that and of those around it. The addresses of nodes follow each other.
    latest: Option<(IpNet, Vec<u32>)>,
}

impl Ranges {
    fn of(world: &World) -> Self {
        let mut ranges = Self { nets: BTreeMap::new(), lengths: Default::default(), groups: 0, latest: None };
        let model = &world.model;
        for range in model.services.values().flat_map(|own| &own.spec.load_balancer_source_ranges) {
            ranges.add([range.trim()]);
        }
        for policy in model.network_policies.values() {
            let ingress = policy.spec.ingress.iter().flatten().flat_map(|rule| &rule.peers);
            let egress = policy.spec.egress.iter().flatten().flat_map(|rule| &rule.peers);
            for block in ingress.chain(egress).filter_map(|peer| peer.ip_block.as_ref()) {
                ranges.add([block.cidr.as_str()]);
                ranges.add(block.except.iter().map(String::as_str));
            }
        }
        let groups = world.cloud.security_groups().values().map(|group| &group.document);
        for rule in groups.flat_map(|document| &document.security_rules) {
            let sources = rule.source_address_prefix.iter().chain(&rule.source_address_prefixes);
            let destinations =
                rule.destination_address_prefix.iter().chain(&rule.destination_address_prefixes);
            ranges.add(sources.map(String::as_str));
            ranges.add(destinations.map(String::as_str));
        }
        let pods_of = |ip: &str| {
            let owner = ip.parse().ok().and_then(|ip| world.node_at(ip))?;
            Some(crate::topology::pod_cidrs(model.nodes.get(owner)?).collect::<Vec<_>>())
        };
        for route in model.route_tables.values().flat_map(|table| &table.routes) {
            ranges.add([route.address_prefix.as_str()]);
            // kubenet's routes lead to each node for its own pods, to each alike.
            if let Some(hop) = &route.next_hop_ip_address {
                let own = route.address_prefix.parse().ok();
                if !pods_of(hop).is_some_and(|pods| own.is_some_and(|own| pods.contains(&own))) {
                    ranges.add([hop.as_str()]);
                }
            }
        }
        ranges.add_network(model);
        ranges.add_given(world);
        ranges
    }

    fn add_network(&mut self, model: &Model) {
        if let Some(proxy) = &model.kube_proxy {
            self.add(proxy.cluster_cidr.split(','));
            for range in &proxy.node_port_addresses {
                self.add([range.as_str()]);
            }
        }
        for network in model.virtual_networks.values() {
            self.add(network.address_space.address_prefixes.iter().map(String::as_str));
            let remote = network.virtual_network_peerings.iter();
            let remote = remote.filter_map(|peering| peering.remote_address_space.as_ref());
            self.add(remote.flat_map(|space| &space.address_prefixes).map(String::as_str));
        }
        for gateway in model.local_network_gateways.values() {
            self.add(gateway.local_network_address_space.address_prefixes.iter().map(String::as_str));
        }
        let profile = model.managed_cluster.iter().map(|cluster| &cluster.network_profile);
        for profile in profile {
            self.add(profile.pod_cidrs.iter().chain(&profile.pod_cidr).map(String::as_str));
            self.add(profile.service_cidrs.iter().chain(&profile.service_cidr).map(String::as_str));
        }
        let own = azure::surroundings::own_ranges(model).iter().map(ToString::to_string).collect::<Vec<_>>();
        self.add(own.iter().map(String::as_str));
        for default in crate::topology::DEFAULTS {
            self.add([default]);
        }
    }

    /// The ranges of rules that somebody gave to other nodes.
    fn add_given(&mut self, world: &World) {
        let rulesets = world.given.values().flat_map(|rules| rules.ipv4.iter().chain(&rules.ipv6));
        let chains = rulesets.flat_map(|rules| rules.tables.values()).flat_map(|table| &table.chains);
        let matches = chains.flat_map(|chain| &chain.rules).flat_map(|rule| &rule.matches);
        let mut given: BTreeSet<String> = BTreeSet::new();
        given.extend(matches.filter_map(|found| match found {
            Match::Source { net, .. } | Match::Destination { net, .. } => Some(net.to_string()),
            _ => None,
        }));
        for range in &given {
            self.add([range.as_str()]);
        }
    }

    fn add<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        let group = self.groups;
        self.groups += 1;
        for text in texts {
            let single = || text.parse().ok().map(|ip: IpAddr| IpNet::from(ip));
            let Some(net) = text.parse::<IpNet>().ok().or_else(single) else { continue };
            let net = net.trunc();
            if let Some(lengths) = self.lengths.get_mut(usize::from(net.addr().is_ipv6())) {
                lengths.insert(net.prefix_len());
            }
            self.nets.entry(net).or_default().push(group);
        }
    }

    /// The groups of which a range holds the address.
    fn holding(&mut self, ip: IpAddr) -> Vec<u32> {
        let whole = if ip.is_ipv4() { 32 } else { 128 };
        let own = self.nets.get(&IpNet::from(ip)).map(Vec::as_slice).unwrap_or_default();
        let lengths = || self.lengths.get(usize::from(ip.is_ipv6())).into_iter().flatten();
        let ranges = || lengths().filter(|length| **length < whole);
        let around = |length: &u8| Some(IpNet::new(ip, *length).ok()?.trunc());
        let longest = ranges().next_back().and_then(around);
        let mut groups = match (&self.latest, longest) {
            (_, None) => Vec::new(),
            (Some((range, groups)), Some(longest)) if *range == longest => groups.clone(),
            (_, Some(longest)) => {
                let nets = ranges().filter_map(around).filter_map(|net| self.nets.get(&net));
                let groups: Vec<u32> = nets.flatten().copied().collect();
                self.latest = Some((longest, groups.clone()));
                groups
            }
        };
        groups.extend(own);
        order::sort(&mut groups);
        groups.dedup();
        groups
    }
}
