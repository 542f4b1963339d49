//! The EndpointSlice controller.

use super::{Field, Settled, topology_hints};
use crate::{
    hashing::{FastMap, FastSet},
    kube_proxy::ProxyConfig,
    uid_of,
};
use model::{
    Key, Kind, Model, NodeName, ObjectRef,
    kubernetes::{
        AddressType, Endpoint, EndpointConditions, EndpointHints, EndpointPort, EndpointSlice, HintNode,
        HintZone, IntOrString, IpFamily, Node, ObjectMeta, Pod, Service, ServicePort, ServiceType,
        TrafficDistribution,
    },
};
use std::{cell::LazyCell, collections::BTreeMap, sync::Arc};

/// Most endpoints in one slice.
const PER_SLICE: usize = 100;

/// Writes the slices of every Service with a selector that has none.
pub(super) fn complete(settled: &mut Settled) {
    let model = &settled.model;
    let written = model.endpoint_slices.iter();
    let managed: FastSet<(&str, &str)> =
        written.filter_map(|(key, slice)| Some((&*key.namespace, slice.service()?))).collect();
    let wanted: Vec<(&Key, &Arc<Service>)> = (model.services.iter())
        .filter(|(_, service)| wants_slices(service))
        .filter(|(key, _)| !managed.contains(&(&*key.namespace, &*key.name)))
        .collect();
    let pods = PodIndex::new(model, &wanted);
    let zones = zones(model);
    let shares = LazyCell::new(|| topology_hints::shares(model));
    let complete = |(key, service): &(&Key, &Arc<Service>)| {
        let mut slices = slices(&zones, &pods, key, service);
        if topology_hints::are_wanted(service) {
            for family in [AddressType::IPv4, AddressType::IPv6] {
                let own = slices.iter_mut().map(|(_, slice)| slice);
                topology_hints::add(shares.as_ref(), own.filter(|slice| slice.address_type == family));
            }
        }
        slices
    };
    let slices: Vec<_> = wanted.iter().flat_map(complete).collect();
    for (key, slice) in slices {
        settled.allocated(ObjectRef::namespaced(Kind::EndpointSlice, &key), Field::Everything);
        settled.model.endpoint_slices.insert(key, Arc::new(slice));
    }
}

/// Whether the controller writes slices for a Service, where nobody else has.
pub(super) fn wants_slices(service: &Service) -> bool {
    !service.spec.selector.is_empty() && service.spec.service_type != ServiceType::ExternalName
}

/// A pod of the model.
type Entry<'a> = (&'a Key, &'a Arc<Pod>);

/// Pods by the labels that selectors ask for: namespace, key, value.
struct PodIndex<'a> {
    by_label: FastMap<(&'a str, &'a str, &'a str), Vec<Entry<'a>>>,
}

impl<'a> PodIndex<'a> {
    fn new(model: &'a Model, services: &[(&'a Key, &'a Arc<Service>)]) -> Self {
        let asked = services.iter().flat_map(|(key, service)| {
            service.spec.selector.iter().map(|(label, value)| (&*key.namespace, &**label, &**value))
        });
        let mut by_label: FastMap<_, Vec<_>> = asked.map(|label| (label, Vec::new())).collect();
        for (key, pod) in &model.pods {
            for (label, value) in &pod.metadata.labels {
                if let Some(pods) = by_label.get_mut(&(&*key.namespace, &**label, &**value)) {
                    pods.push((key, pod));
                }
            }
        }
        Self { by_label }
    }

    /// The pods that a selector selects, in name order: those of its rarest label that have the others too.
    fn select(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<Entry<'a>> {
        let lists = selector.iter().map(|(label, value)| {
            self.by_label.get(&(namespace, &**label, &**value)).map_or(&[][..], Vec::as_slice)
        });
        let rarest = lists.min_by_key(|pods| pods.len()).unwrap_or_default();
        rarest.iter().filter(|(_, pod)| pod.metadata.has_labels(selector)).copied().collect()
    }
}

/// A port of a slice, comparable: pods with different ports go to different slices.
type Ports = Vec<EndpointPort>;

/// The zone of each node; absent for nodes that the model does not have.
type Zones<'a> = FastMap<&'a str, Option<&'a str>>;

fn zones(model: &Model) -> Zones<'_> {
    fn entry<'a>((name, node): (&'a NodeName, &'a Arc<Node>)) -> (&'a str, Option<&'a str>) {
        (name.as_str(), node.metadata.label(ProxyConfig::ZONE_LABEL))
    }
    model.nodes.iter().map(entry).collect()
}

fn slices(zones: &Zones<'_>, pods: &PodIndex<'_>, key: &Key, service: &Service) -> Vec<(Key, EndpointSlice)> {
    let selected = pods.select(&key.namespace, &service.spec.selector);
    let mut slices = Vec::new();
    for family in &service.spec.ip_families {
        let mut groups: Vec<(Ports, Vec<Endpoint>)> = Vec::new();
        for (pod_key, pod) in &selected {
            let Some(ip) = address(pod, *family).filter(|_| !pod.is_finished()) else { continue };
            let zone = zones.get(pod.spec.node_name.as_str()).copied();
            // A pod of a node that does not exist is left out, unless the Service publishes what it has.
            if zone.is_none() && !service.spec.publish_not_ready_addresses {
                continue;
            }
            if let Some(endpoints) = group(&mut groups, service, pod) {
                endpoints.push(endpoint(pod_key, pod, service, ip, zone.flatten()));
            }
        }
        if groups.is_empty() {
            // The controller keeps one empty slice, so that watchers see that it looked.
            groups.push((Vec::new(), Vec::new()));
        }
        for (ports, mut endpoints) in groups {
            loop {
                let rest = endpoints.split_off(endpoints.len().min(PER_SLICE));
                slices.push(slice(key, service, *family, slices.len(), ports.clone(), endpoints));
                if rest.is_empty() {
                    break;
                }
                endpoints = rest;
            }
        }
    }
    slices
}

/// A pod's first address of a family, as written.
fn address(pod: &Pod, family: IpFamily) -> Option<&str> {
    // Only IPv6 addresses have colons.
    let of_family = |ip: &&str| !ip.is_empty() && ip.contains(':') == (family == IpFamily::IPv6);
    let status = &pod.status;
    status.pod_ips.iter().map(|entry| entry.ip.as_str()).chain([status.pod_ip.as_str()]).find(of_family)
}

/// The endpoints that have the ports that this pod has. A pod that has none of the Service's ports stands in a slice
/// without ports (`getEndpointPorts` leaves out what it does not find).
fn group<'a>(
    groups: &'a mut Vec<(Ports, Vec<Endpoint>)>,
    service: &Service,
    pod: &Pod,
) -> Option<&'a mut Vec<Endpoint>> {
    let by_name = |port: &ServicePort| matches!(port.target_port, Some(IntOrString::String(_)));
    let all_alike = !service.spec.ports.iter().any(by_name);
    if all_alike && !groups.is_empty() {
        return groups.first_mut().map(|(_, endpoints)| endpoints);
    }
    let ports: Ports = service.spec.ports.iter().filter_map(|port| endpoint_port(port, pod)).collect();
    let place = groups.iter().position(|(group, _)| *group == ports).unwrap_or_else(|| {
        groups.push((ports, Vec::new()));
        groups.len() - 1
    });
    groups.get_mut(place).map(|(_, endpoints)| endpoints)
}

/// The port of a pod that a Service port means; `None` if the pod has no container port of that name.
fn endpoint_port(port: &ServicePort, pod: &Pod) -> Option<EndpointPort> {
    let number = match &port.target_port {
        None | Some(IntOrString::Int(0)) => port.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) => {
            pod.spec
                .containers
                .iter()
                .flat_map(|container| &container.ports)
                .find(|candidate| candidate.name == *name && candidate.protocol == port.protocol)?
                .container_port
        }
    };
    Some(EndpointPort {
        name: Some(port.name.clone()),
        port: Some(number),
        protocol: port.protocol,
        app_protocol: port.app_protocol.clone(),
    })
}

fn endpoint(key: &Key, pod: &Pod, service: &Service, ip: &str, zone: Option<&str>) -> Endpoint {
    let (serving, terminating) = (pod.is_ready(), pod.is_terminating());
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    // `ShouldSetHostname`.
    let hostname = pod.spec.hostname.clone().filter(|name| !name.is_empty());
    Endpoint {
        addresses: vec![ip.to_owned()],
        conditions: EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        },
        hostname: hostname.filter(|_| pod.spec.subdomain.as_ref() == Some(&service.metadata.name)),
        node_name: Some(pod.spec.node_name.clone()).filter(|name| !name.is_empty()),
        zone: zone.map(str::to_owned),
        hints: service
            .spec
            .traffic_distribution
            .filter(|_| ready && !topology_hints::are_wanted(service))
            .and_then(|wish| hints(wish, pod, zone)),
        target_ref: Some(ObjectRef::namespaced(Kind::Pod, key)),
    }
}

/// What the controller hints for a ready endpoint (`endpointslice/trafficdist`).
fn hints(wish: TrafficDistribution, pod: &Pod, zone: Option<&str>) -> Option<EndpointHints> {
    let for_zones: Vec<HintZone> = zone.map(|zone| HintZone { name: zone.to_owned() }).into_iter().collect();
    let on_node = wish == TrafficDistribution::PreferSameNode && !pod.spec.node_name.is_empty();
    let for_nodes: Vec<HintNode> =
        on_node.then(|| HintNode { name: pod.spec.node_name.clone() }).into_iter().collect();
    (!for_zones.is_empty() || !for_nodes.is_empty()).then_some(EndpointHints { for_zones, for_nodes })
}

fn slice(
    key: &Key,
    service: &Service,
    family: IpFamily,
    number: usize,
    ports: Ports,
    endpoints: Vec<Endpoint>,
) -> (Key, EndpointSlice) {
    // The controller appends five random letters; a part of the uid that the slice would have will do.
    let uid = uid_of(Kind::EndpointSlice, &key.namespace, &format!("{}-{number}", key.name));
    let name = format!("{}-{}", key.name, uid.get(..5).unwrap_or_default());
    let mut labels = order::map([
        (EndpointSlice::SERVICE_LABEL.to_owned(), key.name.to_string()),
        ("endpointslice.kubernetes.io/managed-by".to_owned(), "endpointslice-controller.k8s.io".to_owned()),
    ]);
    if service.spec.cluster_ip == "None" {
        labels.insert("service.kubernetes.io/headless".to_owned(), String::new());
    }
    let slice_key = Key { namespace: Arc::clone(&key.namespace), name: name.as_str().into() };
    let metadata = ObjectMeta { name, namespace: key.namespace.to_string(), labels, ..ObjectMeta::default() };
    let address_type = match family {
        IpFamily::IPv4 => AddressType::IPv4,
        IpFamily::IPv6 => AddressType::IPv6,
    };
    (slice_key, EndpointSlice { metadata, address_type, endpoints, ports })
}
