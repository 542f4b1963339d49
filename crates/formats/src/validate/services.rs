//! Services: addresses, ports, and whether their selectors select anything.

use super::Check;
use model::{
    Key, Kind, Model, ObjectRef,
    kubernetes::{IntOrString, ObjectMeta, PodSpec, Protocol, Service, ServicePort, ServiceType},
};
use std::collections::{BTreeMap, BTreeSet};

/// Who has a port on every node, and where it says so.
type NodePorts = BTreeMap<(Protocol, u16), ObjectRef>;

/// Pods by namespace, label and the label's value.
type Labelled<'a> = BTreeMap<(&'a str, &'a str, &'a str), Vec<(&'a ObjectMeta, &'a PodSpec)>>;

/// The pods of a model. What a workload makes counts as its pods, whatever its number of replicas.
fn pods(model: &Model) -> impl Iterator<Item = (&Key, &ObjectMeta, &PodSpec)> {
    let made = model.workloads().map(|(_, key, workload)| {
        let template = &workload.spec.template;
        (key, &template.metadata, &template.spec)
    });
    model.pods.iter().map(|(key, pod)| (key, &*pod.metadata, &*pod.spec)).chain(made)
}

fn labelled(model: &Model) -> Labelled<'_> {
    let mut labelled = Labelled::new();
    for (key, pod, spec) in pods(model) {
        for (label, value) in &pod.labels {
            labelled.entry((&*key.namespace, &**label, &**value)).or_default().push((pod, spec));
        }
    }
    labelled
}

impl Check<'_> {
    pub(super) fn services(&mut self) {
        let mut node_ports = NodePorts::new();
        let labelled = labelled(self.model);
        let sliced: BTreeSet<Key> = order::set(
            self.model
                .endpoint_slices
                .values()
                .filter_map(|slice| Some(Key::new(&slice.metadata.key().namespace, slice.service()?))),
        );
        for (key, service) in &self.model.services {
            let id = ObjectRef::namespaced(Kind::Service, key);
            self.addresses(&id, service);
            self.ports(&id, service, &mut node_ports);
            if service.spec.service_type != ServiceType::ExternalName && !sliced.contains(key) {
                self.selector(&id, service, &labelled);
            }
        }
    }

    fn addresses(&mut self, id: &ObjectRef, service: &Service) {
        let spec = &service.spec;
        let listed =
            spec.cluster_ips.iter().enumerate().map(|(at, ip)| (format!("spec.clusterIPs[{at}]"), ip));
        let single = std::iter::once(("spec.clusterIP".to_owned(), &spec.cluster_ip));
        for (path, text) in single.chain(listed).filter(|(_, text)| !text.is_empty() && *text != "None") {
            if let Some(ip) = self.address(id, &path, text) {
                self.own(id, &path, ip);
            }
        }
        // kube-proxy skips what it cannot read in these fields, so the answer is still that of the cluster.
        for (at, text) in spec.external_ips.iter().enumerate() {
            if text.parse::<std::net::IpAddr>().is_err() {
                let path = format!("spec.externalIPs[{at}]");
                self.warning(
                    id,
                    &path,
                    format!("{path}: {text:?} is not an IP address"),
                    "kube-proxy ignores it",
                );
            }
        }
        for (at, text) in spec.load_balancer_source_ranges.iter().enumerate() {
            if text.trim().parse::<ipnet::IpNet>().is_err() {
                let path = format!("spec.loadBalancerSourceRanges[{at}]");
                self.warning(
                    id,
                    &path,
                    format!("{path}: {text:?} is not a range of addresses (CIDR)"),
                    "kube-proxy ignores it; write a range such as 203.0.113.0/24",
                );
            }
        }
    }

    fn ports(&mut self, id: &ObjectRef, service: &Service, node_ports: &mut NodePorts) {
        let ports = &service.spec.ports;
        let (mut numbers, mut names) = (BTreeSet::new(), BTreeSet::new());
        for (at, port) in ports.iter().enumerate() {
            let path = |field: &str| format!("spec.ports[{at}].{field}");
            if port.port == 0 {
                let hint = "write the port that clients connect to";
                self.error(id, &path("port"), "port must be from 1 to 65535", hint);
            } else if !numbers.insert((port.protocol, port.port)) {
                let what = format!("port {}/{} stands here for the second time", port.port, port.protocol);
                self.error(id, &path("port"), what, "remove one of the two");
            }
            if ports.len() > 1 && port.name.is_empty() {
                let hint = "the API server wants a name for each of several ports";
                self.error(id, &format!("spec.ports[{at}]"), "this port has no name", hint);
            } else if !port.name.is_empty() && !names.insert(port.name.as_str()) {
                let what = format!("two ports are named {}", port.name);
                self.error(id, &path("name"), what, "give each port a name of its own");
            }
            match &port.target_port {
                Some(IntOrString::Int(0)) => {
                    let hint = "write the port that the pods listen on";
                    self.error(id, &path("targetPort"), "targetPort must be from 1 to 65535", hint);
                }
                Some(IntOrString::String(name)) if name.parse::<u32>().is_ok() => {
                    self.error(
                        id,
                        &path("targetPort"),
                        format!(
                            "targetPort {name:?} in quotes is the name of a port, and names have letters"
                        ),
                        format!("write {name} without quotes"),
                    );
                }
                _ => {}
            }
            self.node_port(id, &path("nodePort"), port.protocol, port.node_port, node_ports);
        }
        let health = service.spec.health_check_node_port;
        self.node_port(id, "spec.healthCheckNodePort", Protocol::Tcp, health, node_ports);
    }

    fn node_port(
        &mut self,
        id: &ObjectRef,
        path: &str,
        protocol: Protocol,
        port: u16,
        node_ports: &mut NodePorts,
    ) {
        if port == 0 {
            return;
        }
        if let Some(first) = node_ports.insert((protocol, port), id.clone()) {
            let line = self.line_of(&first);
            self.error(
                id,
                path,
                format!("the node port {port}/{protocol} belongs to {first} already"),
                format!("{first} is at {line}; give one of the two another port, or leave it out"),
            );
        }
    }

    /// Names in `targetPort` that no selected pod has: kube-proxy knows no endpoint for such a port.
    fn named_targets(&mut self, id: &ObjectRef, service: &Service, specs: &[&PodSpec]) {
        let by_name = |port: &ServicePort| match &port.target_port {
            Some(IntOrString::String(name)) => Some((name.clone(), port.protocol)),
            _ => None,
        };
        if !service.spec.ports.iter().any(|port| by_name(port).is_some()) {
            return;
        }
        let known: BTreeSet<(&str, Protocol)> = order::set(specs.iter().flat_map(|spec| named_ports(spec)));
        let known: Vec<(String, Protocol)> =
            known.into_iter().map(|(name, protocol)| (name.to_owned(), protocol)).collect();
        for (at, port) in service.spec.ports.iter().enumerate() {
            let Some((name, protocol)) = by_name(port) else { continue };
            if known.contains(&(name.clone(), protocol)) {
                continue;
            }
            let of_protocol = known.iter().filter(|(_, own)| *own == protocol);
            let names: Vec<&str> = of_protocol.map(|(name, _)| name.as_str()).collect();
            let hint = match (crate::near::nearest(&name, names.iter().copied()), names.is_empty()) {
                (Some(near), _) => format!("did you mean {near}?"),
                (None, true) => format!("no {protocol} port of their containers has a name; give the number"),
                (None, false) => format!("their {protocol} ports are called {}", names.join(", ")),
            };
            self.warning(
                id,
                &format!("spec.ports[{at}].targetPort"),
                format!(
                    "no Pod that it selects has a {protocol} port called {name}: port {} has no endpoint",
                    port.port
                ),
                hint,
            );
        }
    }

    fn selector(&mut self, id: &ObjectRef, service: &Service, labelled: &Labelled<'_>) {
        let selector = &service.spec.selector;
        if selector.is_empty() {
            return;
        }
        let namespace = service.metadata.key().namespace;
        // Those of its rarest label are few also where pods and Services are many.
        let lists = selector.iter().map(|(label, value)| {
            labelled.get(&(&*namespace, &**label, &**value)).map_or(&[][..], Vec::as_slice)
        });
        let rarest = lists.min_by_key(|pods| pods.len()).unwrap_or_default();
        let wanted = |pod: &ObjectMeta| pod.has_labels(selector);
        let specs: Vec<&PodSpec> =
            rarest.iter().filter(|(pod, _)| wanted(pod)).map(|(_, spec)| *spec).collect();
        if !specs.is_empty() {
            return self.named_targets(id, service, &specs);
        }
        let pods: Vec<(&str, &ObjectMeta)> = pods(self.model)
            .filter(|(key, ..)| key.namespace == namespace)
            .map(|(key, metadata, _)| (&*key.name, metadata))
            .collect();
        let labels =
            selector.iter().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>().join(",");
        if pods.is_empty() {
            return self.warning(
                id,
                "spec.selector",
                format!("selects nothing: the input has no Pod in namespace {namespace}"),
                "add the output of `kubectl get pods -o yaml`; until then the Service has no endpoints",
            );
        }
        let hint = nearest_labels(&pods, selector);
        let what = format!("selects nothing: no Pod in namespace {namespace} has {labels}");
        // A Service that a cluster printed is as it is: one without pods is common there. In a manifest that
        // somebody wrote, it is a slip.
        if service.metadata.uid.is_empty() {
            self.error(id, "spec.selector", what, hint);
        } else {
            self.warning(id, "spec.selector", what, hint);
        }
    }
}

/// Container ports that have a name.
fn named_ports(pod: &PodSpec) -> impl Iterator<Item = (&str, Protocol)> {
    let ports = pod.containers.iter().flat_map(|container| &container.ports);
    ports.filter(|port| !port.name.is_empty()).map(|port| (port.name.as_str(), port.protocol))
}

/// What the pods (name and metadata) have in place of the labels that are wanted.
fn nearest_labels(pods: &[(&str, &ObjectMeta)], selector: &BTreeMap<String, String>) -> String {
    // The pod that has most of the labels shows which one is wrong.
    let held = |pod: &ObjectMeta| {
        selector.iter().filter(|(label, value)| pod.label(label) == Some(value.as_str())).count()
    };
    let Some((name, nearest)) = pods.iter().rev().max_by_key(|(_, pod)| held(pod)) else {
        return String::new();
    };
    let wrong = selector.iter().find(|(label, value)| nearest.label(label) != Some(value.as_str()));
    let Some((label, value)) = wrong else { return String::new() };
    let values: BTreeSet<&str> = order::set(pods.iter().filter_map(|(_, pod)| pod.label(label)));
    if values.is_empty() {
        let labels =
            nearest.labels.iter().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>();
        return if labels.is_empty() {
            format!("no Pod there has a label {label}; Pod {name} has no labels at all")
        } else {
            format!("no Pod there has a label {label}; Pod {name} has {}", labels.join(","))
        };
    }
    if let Some(near) = crate::near::nearest(value, values.iter().copied()) {
        return format!("did you mean {label}: {near}?");
    }
    let known: Vec<_> = values.iter().take(5).map(|value| format!("{label}={value}")).collect();
    format!("the Pods there have {}", known.join(", "))
}
