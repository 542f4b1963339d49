//! The EndpointSlice controller.

use super::{Field, Settled};
use crate::uid_of;
use model::{
    Key, Kind, Model, ObjectRef,
    kubernetes::{
        AddressType, Endpoint, EndpointConditions, EndpointPort, EndpointSlice, IntOrString, IpFamily,
        ObjectMeta, Pod, Service, ServicePort, ServiceType,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

/// Most endpoints in one slice.
const PER_SLICE: usize = 100;

/// Writes the slices of every Service with a selector that has none.
pub(super) fn complete(settled: &mut Settled) {
    let model = &settled.model;
    let managed: BTreeSet<(&str, &str)> = (model.endpoint_slices.iter())
        .filter_map(|(key, slice)| Some((&*key.namespace, slice.service()?)))
        .collect();
    let wanted: Vec<(&Key, &Arc<Service>)> = (model.services.iter())
        .filter(|(_, service)| {
            !service.spec.selector.is_empty() && service.spec.service_type != ServiceType::ExternalName
        })
        .filter(|(key, _)| !managed.contains(&(&*key.namespace, &*key.name)))
        .collect();
    let pods = PodIndex::new(model, &wanted);
    let slices: Vec<_> =
        wanted.iter().flat_map(|(key, service)| slices(model, &pods, key, service)).collect();
    for (key, slice) in slices {
        settled.allocated(ObjectRef::namespaced(Kind::EndpointSlice, &key), Field::Everything);
        settled.model.endpoint_slices.insert(key, Arc::new(slice));
    }
}

/// Pods by the labels that selectors ask for.
struct PodIndex<'a> {
    by_label: HashMap<(&'a str, &'a str, &'a str), Vec<(&'a Key, &'a Arc<Pod>)>>,
}

impl<'a> PodIndex<'a> {
    fn new(model: &'a Model, services: &[(&'a Key, &'a Arc<Service>)]) -> Self {
        let asked = services.iter().flat_map(|(key, service)| {
            service.spec.selector.iter().map(|(label, value)| (&*key.namespace, &**label, &**value))
        });
        let mut by_label: HashMap<_, Vec<_>> = asked.map(|label| (label, Vec::new())).collect();
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
    fn select(&self, namespace: &str, selector: &BTreeMap<String, String>) -> Vec<(&'a Key, &'a Arc<Pod>)> {
        let lists = selector.iter().map(|(label, value)| {
            self.by_label.get(&(namespace, &**label, &**value)).map_or(&[][..], Vec::as_slice)
        });
        let rarest = lists.min_by_key(|pods| pods.len()).unwrap_or_default();
        let selected =
            |pod: &Pod| selector.iter().all(|(label, value)| pod.metadata.label(label) == Some(value));
        rarest.iter().filter(|(_, pod)| selected(pod)).copied().collect()
    }
}

/// A port of a slice, comparable: pods with different ports go to different slices.
type Ports = Vec<EndpointPort>;

fn slices(model: &Model, pods: &PodIndex<'_>, key: &Key, service: &Service) -> Vec<(Key, EndpointSlice)> {
    let selected = pods.select(&key.namespace, &service.spec.selector);
    let mut slices = Vec::new();
    for family in &service.spec.ip_families {
        let mut groups: Vec<(Ports, Vec<Endpoint>)> = Vec::new();
        for (pod_key, pod) in &selected {
            let Some(ip) = pod.ips().find(|ip| IpFamily::of(*ip) == *family) else { continue };
            if pod.is_finished() || !is_known_node(model, pod, service) {
                continue;
            }
            let ports: Ports =
                service.spec.ports.iter().filter_map(|port| endpoint_port(port, pod)).collect();
            if ports.is_empty() && !service.spec.ports.is_empty() {
                continue;
            }
            let endpoint = endpoint(model, pod_key, pod, service, ip);
            match groups.iter_mut().find(|(group, _)| *group == ports) {
                Some((_, endpoints)) => endpoints.push(endpoint),
                None => groups.push((ports, vec![endpoint])),
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

/// A pod of a node that does not exist is left out, unless the Service publishes whatever it has.
fn is_known_node(model: &Model, pod: &Pod, service: &Service) -> bool {
    service.spec.publish_not_ready_addresses || model.nodes.contains_key(pod.spec.node_name.as_str())
}

/// The port of a pod that a Service port means; `None` if the pod has no container port of that name.
fn endpoint_port(port: &ServicePort, pod: &Pod) -> Option<EndpointPort> {
    let number = match &port.target_port {
        None => port.port,
        Some(IntOrString::Int(0)) => port.port,
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

fn endpoint(model: &Model, key: &Key, pod: &Pod, service: &Service, ip: IpAddr) -> Endpoint {
    let (serving, terminating) = (pod.is_ready(), pod.is_terminating());
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    let node = model.nodes.get(pod.spec.node_name.as_str());
    let zone = node.and_then(|node| node.metadata.label(crate::kube_proxy::ProxyConfig::ZONE_LABEL));
    Endpoint {
        addresses: vec![ip.to_string()],
        conditions: EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        },
        node_name: Some(pod.spec.node_name.clone()).filter(|name| !name.is_empty()),
        zone: zone.map(str::to_owned),
        hints: None,
        target_ref: Some(ObjectRef::namespaced(Kind::Pod, key)),
    }
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
    let mut labels = BTreeMap::from([
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
