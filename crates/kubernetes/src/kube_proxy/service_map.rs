//! What kube-proxy remembers of Services and EndpointSlices: service ports and their endpoints, for one
//! address family, before any node's point of view.

use super::{
    concern::Index,
    names::{ChainHash, ChainKind},
};
use crate::{
    address::{parse_cidr, parse_ip},
    hashing::FastMap,
};
use arrayvec::ArrayString;
use ipnet::IpNet;
use model::{
    Key, ObjectRef,
    kubernetes::{
        AddressType, EndpointHints, EndpointSlice, IpFamily, IpMode, Protocol, Service, ServiceType,
        SessionAffinity, TrafficPolicy,
    },
};
use netfilter::ChainName;
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
};

/// Default of `sessionAffinityConfig.clientIP.timeoutSeconds`: three hours.
const AFFINITY_TIMEOUT: u32 = 10_800;
/// With more endpoints kube-proxy takes the cluster for a large one.
const LARGE: usize = 1000;

/// One port of one Service in one family: the unit for which kube-proxy writes chains.
#[derive(Debug, Clone, PartialEq)]
pub struct ServicePort {
    /// The Service.
    pub service: Key,
    /// The port's name; often empty for a single port.
    pub port_name: Arc<str>,
    /// Transport protocol.
    pub protocol: Protocol,
    /// `namespace/service`, and `:portname` if the port has a name: the name in comments and hashes.
    pub name: Arc<str>,
    /// The cluster IP of the family.
    pub cluster_ip: IpAddr,
    /// The Service's port.
    pub port: u16,
    /// The node port; 0 if there is none.
    pub node_port: u16,
    /// `externalIPs` of the family.
    pub external_ips: Vec<IpAddr>,
    /// Addresses of the load balancer that kube-proxy catches: `ipMode` VIP, of the family.
    pub vips: Vec<IpAddr>,
    /// `loadBalancerSourceRanges` of the family.
    pub source_ranges: Vec<IpNet>,
    /// `externalTrafficPolicy: Local`, where the Service can have external traffic.
    pub external_policy_local: bool,
    /// `internalTrafficPolicy: Local`.
    pub internal_policy_local: bool,
    /// The port of the health answer; 0 unless type LoadBalancer with external policy Local.
    pub health_check_node_port: u16,
    /// Seconds for which a client sticks to an endpoint; `None` without session affinity.
    pub affinity: Option<u32>,
    /// The endpoints, ordered bytewise by `ip:port`.
    pub endpoints: Vec<ProxyEndpoint>,
    /// The hashed part of the names of this port's chains.
    pub hash: ChainHash,
}

impl ServicePort {
    /// Whether something outside the cluster can reach it: node port, load balancer or external address.
    pub fn is_externally_accessible(&self) -> bool {
        self.node_port != 0 || !self.vips.is_empty() || !self.external_ips.is_empty()
    }

    /// Whether some traffic uses the endpoints of policy Cluster.
    pub fn uses_cluster_endpoints(&self) -> bool {
        !self.internal_policy_local || self.is_externally_accessible()
    }

    /// Whether some traffic uses the endpoints of policy Local.
    pub fn uses_local_endpoints(&self) -> bool {
        self.internal_policy_local || (self.external_policy_local && self.is_externally_accessible())
    }

    /// The name of one of its chains other than those of endpoints.
    pub fn chain(&self, kind: ChainKind) -> ChainName {
        self.hash.chain(kind)
    }
}

/// One endpoint of one service port.
#[derive(Debug, Clone, PartialEq)]
pub struct ProxyEndpoint {
    /// The address.
    pub ip: IpAddr,
    /// The port, from the slice.
    pub port: u16,
    /// `ip:port`, IPv6 in brackets.
    pub text: ArrayString<48>,
    /// Receives new connections.
    pub ready: bool,
    /// Passes its readiness probe, terminating or not.
    pub serving: bool,
    /// Is being deleted.
    pub terminating: bool,
    /// The node that it runs on.
    pub node: Option<Arc<str>>,
    /// Where it should be used from.
    pub hints: Option<Arc<EndpointHints>>,
    /// The object behind it.
    pub target: Option<ObjectRef>,
    /// Its `KUBE-SEP-` chain.
    pub chain: ChainName,
}

impl ProxyEndpoint {
    /// Address and port.
    pub fn socket(&self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }
}

/// Service ports of one family in the order in which this crate writes them: by name, then protocol.
///
/// (Upstream's order is that of a Go map: random.)
#[derive(Debug, Clone)]
pub struct ServiceMap {
    family: IpFamily,
    entries: BTreeMap<Key, Arc<Entry>>,
    /// The slices of the family that it was read from.
    slices: Vec<Arc<EndpointSlice>>,
    ports: Vec<Arc<ServicePort>>,
    /// Whether there are more than a thousand endpoints.
    is_large: bool,
    pub(super) index: OnceLock<Index>,
}

/// One Service with what it was made from.
#[derive(Debug)]
struct Entry {
    service: Arc<Service>,
    slices: Vec<Arc<EndpointSlice>>,
    ports: Vec<Arc<ServicePort>>,
}

impl Entry {
    fn is_made_from(&self, service: &Arc<Service>, slices: &[&Arc<EndpointSlice>]) -> bool {
        fn same<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> bool {
            Arc::ptr_eq(a, b) || a == b
        }
        same(&self.service, service)
            && self.slices.len() == slices.len()
            && self.slices.iter().zip(slices).all(|(a, b)| same(a, b))
    }
}

impl ServiceMap {
    /// Reads Services and slices. Slices without a Service are ignored.
    pub fn new(
        family: IpFamily,
        services: &BTreeMap<Key, Arc<Service>>,
        slices: &BTreeMap<Key, Arc<EndpointSlice>>,
    ) -> Self {
        Self::empty(family).next(services, slices)
    }

    fn empty(family: IpFamily) -> Self {
        let (entries, slices, ports) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { family, entries, slices, ports, is_large: false, index: OnceLock::new() }
    }

    /// The map after a change; what is unchanged is shared.
    #[must_use]
    pub fn next(
        &self,
        services: &BTreeMap<Key, Arc<Service>>,
        slices: &BTreeMap<Key, Arc<EndpointSlice>>,
    ) -> Self {
        let of_family: Vec<&Arc<EndpointSlice>> =
            slices_of_family(self.family, slices).map(|(_, slice)| slice).collect();
        let same_slices = self.slices.len() == of_family.len()
            && self.slices.iter().zip(&of_family).all(|(own, slice)| Arc::ptr_eq(own, slice));
        let mut by_service: Option<FastMap<_, Vec<_>>> = None;
        let index = || {
            let mut found: FastMap<_, Vec<_>> = FastMap::default();
            for (service, slice) in slices_of_family(self.family, slices) {
                found.entry(service).or_default().push(slice);
            }
            found
        };
        let mut nodes = Interner::default();
        let mut known = self.entries.iter().peekable();
        let mut changed = Vec::new();
        let mut gone = Vec::new();
        for (key, service) in services {
            // An object has one name, so that names of the same object need no comparing.
            let same = |(_, entry): &(&Key, &Arc<Entry>)| Arc::ptr_eq(&entry.service, service);
            let mut before = known.next_if(same);
            if before.is_none() {
                while let Some((other, _)) = known.next_if(|(other, _)| *other < key) {
                    gone.push(other);
                }
                before = known.next_if(|(other, _)| *other == key);
            }
            // The slices of a Service that was there are those that it had, if all are the same.
            let slices = match before {
                Some((_, entry)) if same_slices => {
                    if Arc::ptr_eq(&entry.service, service) {
                        continue;
                    }
                    entry.slices.iter().collect()
                }
                _ => {
                    let found = by_service.get_or_insert_with(index);
                    found.remove(&(&*key.namespace, &*key.name)).unwrap_or_default()
                }
            };
            if before.is_none_or(|(_, entry)| !entry.is_made_from(service, &slices)) {
                let entry = Entry {
                    ports: service_ports(self.family, key, service, &slices, &mut nodes),
                    service: Arc::clone(service),
                    slices: slices.into_iter().map(Arc::clone).collect(),
                };
                changed.push((key, Arc::new(entry)));
            }
        }
        gone.extend(known.map(|(other, _)| other));
        let slices = of_family.into_iter().map(Arc::clone).collect();
        self.changed(changed, &gone, slices)
    }

    /// The map with some Services in place of what they were before, and without others.
    fn changed(
        &self,
        changed: Vec<(&Key, Arc<Entry>)>,
        gone: &[&Key],
        slices: Vec<Arc<EndpointSlice>>,
    ) -> Self {
        let mut entries = self.entries.clone();
        // Where a Service has as many ports as it had, of the same names, they stand in the same places.
        let mut ports = self.ports.clone();
        let mut in_place = gone.is_empty();
        for key in gone {
            entries.remove(*key);
        }
        for (key, entry) in changed {
            let mut places = Vec::new();
            for port in &entry.ports {
                if !in_place {
                    break;
                }
                let place = ports.binary_search_by(|own| in_order(own, port)).ok();
                let place = place.filter(|place| !places.contains(place));
                places.extend(place);
                match place.and_then(|place| ports.get_mut(place)) {
                    Some(own) if own.service == *key => *own = Arc::clone(port),
                    _ => in_place = false,
                }
            }
            let count = entry.ports.len();
            let before = entries.insert(key.clone(), entry);
            in_place &= before.is_some_and(|before| before.ports.len() == count);
        }
        if !in_place {
            ports = entries.values().flat_map(|entry| entry.ports.iter().cloned()).collect();
            order::sort_by(&mut ports, in_order);
        }
        let is_large = ports.iter().map(|port| port.endpoints.len()).sum::<usize>() > LARGE;
        Self { family: self.family, entries, slices, ports, is_large, index: OnceLock::new() }
    }

    /// The same with other ports, in the order of this map.
    pub(super) fn with_ports(&self, ports: Vec<Arc<ServicePort>>) -> Self {
        let (family, is_large) = (self.family, self.is_large);
        Self { family, entries: BTreeMap::new(), slices: Vec::new(), ports, is_large, index: OnceLock::new() }
    }

    /// The family.
    pub fn family(&self) -> IpFamily {
        self.family
    }

    /// The service ports in order.
    pub fn ports(&self) -> &[Arc<ServicePort>] {
        &self.ports
    }

    /// Whether there are so many endpoints that kube-proxy leaves comments out: more than 1,000, summed
    /// over all service ports, ready or not.
    pub fn is_large_cluster(&self) -> bool {
        self.is_large
    }

    /// The Services whose chains a partial sync rewrites after the change from `previous`: those that
    /// changed, came or went, or whose endpoints did.
    pub fn changed_since(&self, previous: &Self) -> BTreeSet<Key> {
        let differs = |key: &Key| match (self.entries.get(key), previous.entries.get(key)) {
            (Some(now), Some(before)) => now.ports != before.ports,
            (now, before) => now.or(before).is_some_and(|entry| !entry.ports.is_empty()),
        };
        order::set(self.entries.keys().chain(previous.entries.keys()).filter(|key| differs(key)).cloned())
    }
}

/// The order of service ports.
fn in_order(a: &Arc<ServicePort>, b: &Arc<ServicePort>) -> Ordering {
    (&*a.name, a.protocol.lower()).cmp(&(&*b.name, b.protocol.lower()))
}

/// The slices of a family, each with namespace and name of its Service.
fn slices_of_family(
    family: IpFamily,
    slices: &BTreeMap<Key, Arc<EndpointSlice>>,
) -> impl Iterator<Item = ((&str, &str), &Arc<EndpointSlice>)> {
    let wanted = match family {
        IpFamily::IPv4 => AddressType::IPv4,
        IpFamily::IPv6 => AddressType::IPv6,
    };
    (slices.iter())
        .filter(move |(_, slice)| slice.address_type == wanted)
        .filter_map(|(key, slice)| Some(((&*key.namespace, slice.service()?), slice)))
}

/// The endpoints of every port that a slice names, whether or not a Service has such a port: by Service, port
/// name and protocol.
pub fn endpoints_by_port(
    family: IpFamily,
    slices: &BTreeMap<Key, Arc<EndpointSlice>>,
) -> BTreeMap<(Key, String, Protocol), Vec<ProxyEndpoint>> {
    let mut nodes = Interner::default();
    let mut by_port = BTreeMap::new();
    let mut by_service: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (service, slice) in slices_of_family(family, slices) {
        by_service.entry(service).or_default().push(slice);
    }
    for ((namespace, service), slices) in by_service {
        let key = Key::new(namespace, service);
        let ports = slices.iter().flat_map(|slice| &slice.ports);
        let named = order::set(ports.filter_map(|port| Some((port.name.as_deref()?, port.protocol))));
        for (port, protocol) in named {
            let endpoints = endpoints(&slices, port, protocol, &port_name(&key, port), &mut nodes);
            by_port.insert((key.clone(), port.to_owned(), protocol), endpoints);
        }
    }
    by_port.retain(|_, endpoints| !endpoints.is_empty());
    by_port
}

/// The address that a Service has in a family: the entry of `clusterIPs` whose place `ipFamilies` gives,
/// else `clusterIP` if it is of the family.
pub(crate) fn cluster_ip(service: &Service, family: IpFamily) -> Option<IpAddr> {
    let spec = &service.spec;
    let of_family = |text: &String| parse_ip(text).filter(|ip| IpFamily::of(*ip) == family);
    match spec.ip_families.iter().position(|entry| *entry == family) {
        Some(place) => spec.cluster_ips.get(place).or(Some(&spec.cluster_ip)).and_then(of_family),
        None if spec.ip_families.is_empty() => {
            of_family(&spec.cluster_ip).or_else(|| spec.cluster_ips.iter().find_map(of_family))
        }
        None => None,
    }
}

/// Whether kube-proxy leaves a Service alone.
fn is_skipped(service: &Service) -> bool {
    let labels = ["service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"];
    service.spec.cluster_ip.is_empty()
        || service.spec.cluster_ip == "None"
        || service.spec.service_type == ServiceType::ExternalName
        || labels.iter().any(|label| service.metadata.labels.contains_key(*label))
}

fn service_ports<'a>(
    family: IpFamily,
    key: &Key,
    service: &Service,
    slices: &[&'a Arc<EndpointSlice>],
    nodes: &mut Interner<'a>,
) -> Vec<Arc<ServicePort>> {
    if is_skipped(service) {
        return Vec::new();
    }
    let Some(cluster_ip) = cluster_ip(service, family) else { return Vec::new() };
    let spec = &service.spec;
    let of_family = |ip: &IpAddr| IpFamily::of(*ip) == family;
    let external_ips: Vec<_> =
        spec.external_ips.iter().filter_map(|ip| parse_ip(ip)).filter(of_family).collect();
    let vips: Vec<_> = (service.status.load_balancer.ingress.iter())
        .filter(|ingress| ingress.ip_mode.is_none_or(|mode| mode == IpMode::Vip))
        .filter_map(|ingress| parse_ip(&ingress.ip))
        .filter(of_family)
        .collect();
    let source_ranges: Vec<_> = (spec.load_balancer_source_ranges.iter())
        .filter_map(|range| parse_cidr(range))
        .filter(|range| of_family(&range.addr()))
        .collect();
    let has_external_traffic = match spec.service_type {
        ServiceType::LoadBalancer | ServiceType::NodePort => true,
        ServiceType::ClusterIP => !spec.external_ips.is_empty(),
        ServiceType::ExternalName => false,
    };
    let external_policy_local =
        has_external_traffic && spec.external_traffic_policy == Some(TrafficPolicy::Local);
    let health_checked = external_policy_local && spec.service_type == ServiceType::LoadBalancer;
    let timeout = || spec.session_affinity_config.as_ref()?.client_ip.as_ref()?.timeout_seconds;
    let affinity = (spec.session_affinity == Some(SessionAffinity::ClientIP))
        .then(|| timeout().unwrap_or(AFFINITY_TIMEOUT));
    (spec.ports.iter())
        .map(|port| {
            let name = port_name(key, &port.name);
            let hash = ChainHash::of(&[&name, port.protocol.lower()]);
            Arc::new(ServicePort {
                endpoints: endpoints(slices, &port.name, port.protocol, &name, nodes),
                service: key.clone(),
                port_name: port.name.as_str().into(),
                protocol: port.protocol,
                name,
                cluster_ip,
                port: port.port,
                node_port: port.node_port,
                external_ips: external_ips.clone(),
                vips: vips.clone(),
                source_ranges: source_ranges.clone(),
                external_policy_local,
                internal_policy_local: spec.internal_traffic_policy == Some(TrafficPolicy::Local),
                health_check_node_port: if health_checked { spec.health_check_node_port } else { 0 },
                affinity,
                hash,
            })
        })
        .collect()
}

/// `namespace/service[:portname]`.
fn port_name(key: &Key, port: &str) -> Arc<str> {
    let separator = if port.is_empty() { "" } else { ":" };
    format!("{key}{separator}{port}").into()
}

/// The endpoints of the slice ports of equal name and protocol, ordered and without duplicates.
fn endpoints<'a>(
    slices: &[&'a Arc<EndpointSlice>],
    port_name: &str,
    protocol: Protocol,
    name: &str,
    nodes: &mut Interner<'a>,
) -> Vec<ProxyEndpoint> {
    let mut all = Vec::with_capacity(slices.iter().map(|slice| slice.endpoints.len()).sum());
    for slice in slices {
        for port in &slice.ports {
            let Some(number) = port.port.filter(|number| *number != 0) else { continue };
            if port.name.as_deref() != Some(port_name) || port.protocol != protocol {
                continue;
            }
            all.extend(slice.endpoints.iter().filter_map(|endpoint| read(endpoint, number, nodes)));
        }
    }
    order::sort_by(&mut all, |a, b| a.text.as_bytes().cmp(b.text.as_bytes()));
    // Later entries replace earlier ones unless they are terminating.
    all.dedup_by(|later, kept| {
        let duplicate = later.text == kept.text;
        if duplicate && !later.terminating {
            std::mem::swap(later, kept);
        }
        duplicate
    });
    for endpoint in &mut all {
        endpoint.chain = ChainHash::of(&[name, protocol.lower(), &endpoint.text]).chain(ChainKind::Endpoint);
    }
    all
}

/// Reads one endpoint; its chain is named once duplicates are gone.
fn read<'a>(
    endpoint: &'a model::kubernetes::Endpoint,
    port: u16,
    nodes: &mut Interner<'a>,
) -> Option<ProxyEndpoint> {
    let ip = parse_ip(endpoint.addresses.first()?)?;
    let text = socket_text(ip, port)?;
    Some(ProxyEndpoint {
        ip,
        port,
        text,
        ready: endpoint.conditions.ready.unwrap_or(true),
        serving: endpoint.conditions.serving.unwrap_or(true),
        terminating: endpoint.conditions.terminating.unwrap_or(false),
        node: endpoint.node_name.as_deref().map(|node| nodes.intern(node)),
        hints: endpoint.hints.clone().map(Arc::new),
        target: endpoint.target_ref.clone(),
        chain: super::names::chain_name("KUBE-SEP"),
    })
}

/// `ip:port`, at most 47 bytes. IPv4 is written by hand: this is the most frequent text of all.
fn socket_text(ip: IpAddr, port: u16) -> Option<ArrayString<48>> {
    let mut text = ArrayString::new();
    match ip {
        IpAddr::V4(ip) => {
            for (octet, end) in ip.octets().into_iter().zip(['.', '.', '.', ':']) {
                push_decimal(&mut text, octet.into());
                text.push(end);
            }
            push_decimal(&mut text, port);
        }
        IpAddr::V6(_) => write!(text, "{}", SocketAddr::new(ip, port)).ok()?,
    }
    Some(text)
}

fn push_decimal(text: &mut ArrayString<48>, number: u16) {
    if number >= 10 {
        push_decimal(text, number / 10);
    }
    text.push(char::from_digit(u32::from(number % 10), 10).unwrap_or('0'));
}

/// Shares the names of nodes among the endpoints that run on them.
#[derive(Default)]
struct Interner<'a>(FastMap<&'a str, Arc<str>>);

impl<'a> Interner<'a> {
    fn intern(&mut self, text: &'a str) -> Arc<str> {
        Arc::clone(self.0.entry(text).or_insert_with(|| text.into()))
    }
}
