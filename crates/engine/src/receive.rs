//! At the receiver's stack: does anything listen there?

use crate::{
    Action, Component, Endpoint, Owner, World,
    deciding::socket,
    journey::{Party, Traveller},
    later::later,
    ping::is_ping,
    private_link::{header_words, told_by_header},
};
use kubernetes::kube_proxy::ProxyConfig;
use model::{
    NodeName,
    kubernetes::{Container, ContainerPort, IpFamily, Pod, Protocol, Service, ServiceType, TrafficPolicy},
};
use std::net::IpAddr;

/// What a port of a party is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    /// The application of a pod, VM or host.
    Application,
    /// The kubelet.
    Kubelet,
    /// kube-proxy's own health server, port 10256.
    ProxyHealth,
    /// kube-proxy's server for one Service's healthCheckNodePort.
    ServiceHealth,
}

/// kube-proxy's health port.
pub(crate) const PROXY_HEALTH_PORT: u16 = 10256;
/// The port of AKS's health-probe-proxy, which hands shared probes on to kube-proxy's health port.
const SHARED_PROBE_PORT: u16 = 10356;
/// The kubelet's port.
const KUBELET_PORT: u16 = 10250;

/// The port of the instance metadata service: plain HTTP.
const METADATA_PORT: u16 = 80;

impl World {
    /// Ends the way there: the socket is looked up, and the answer is who received the packet.
    pub(crate) fn receive(&self, traveller: &mut Traveller, party: &Party) -> Option<Endpoint> {
        let packet = traveller.packet;
        if is_ping(&packet) {
            return Some(self.echo(traveller, party));
        }
        let listener =
            self.listener(party, (packet.destination, packet.destination_port), protocol(traveller));
        let owner = match party {
            Party::Node(_) => Owner::Node,
            _ => Owner::Workload,
        };
        if traveller.quiet {
            return listener.map(|_| self.endpoint(party, traveller));
        }
        let station = traveller.station_of(party);
        if let Some(listener) = listener {
            let (receiver, told) = (party.clone(), told_by_header(traveller));
            let why = later(move || {
                let at = socket(packet.destination, packet.destination_port);
                let words = receiver_words(&receiver, listener, &at);
                let by_header = told.map(|told| header_words(packet.source, told)).unwrap_or_default();
                format!("{words} It sees {} as the client.{by_header}", packet.source)
            });
            let component = match listener {
                Listener::Application => Component::Pod,
                Listener::ProxyHealth | Listener::ServiceHealth => Component::KubeProxyHealth,
                Listener::Kubelet => Component::LinuxNetfilter,
            };
            traveller.note(station, component, owner, Action::Deliver, why);
            Some(self.endpoint(party, traveller))
        } else {
            let at = socket(packet.destination, packet.destination_port);
            let why = match party {
                Party::Node(name) => format!(
                    "No rule rewrote the packet, so the kernel of {name} looks for a socket on {at} and finds none: it answers with a reset, \"connection refused\"."
                ),
                Party::Metadata => {
                    format!("The instance metadata service takes requests on port {METADATA_PORT} only.")
                }
                _ => {
                    let why = self.silent_words(party, packet.destination_port, protocol(traveller));
                    format!(
                        "Nothing in the pod listens on {at} ({why}): the kernel answers with a reset, \"connection refused\"."
                    )
                }
            };
            traveller.note(station.clone(), Component::LinuxNetfilter, owner, Action::SocketLookup, why);
            let misses = std::mem::take(&mut traveller.carried.untranslated);
            if let (Party::Node(_), Some(step)) = (party, traveller.steps.last_mut()) {
                step.near_misses = misses;
            }
            let why = "The client gets the reset at once.".to_owned();
            traveller.note(station, Component::LinuxNetfilter, owner, Action::Refuse, why);
            None
        }
    }

    /// A kernel answers an echo request itself.
    fn echo(&self, traveller: &mut Traveller, party: &Party) -> Endpoint {
        if !traveller.quiet {
            let (station, source) = (traveller.station_of(party), traveller.packet.source);
            let name = std::sync::Arc::clone(&station.name);
            let why = later(move || {
                format!(
                    "The kernel of {name} answers the echo request itself: it says nothing of an application. It sees {source} as the client."
                )
            });
            traveller.note(station, Component::LinuxNetfilter, Owner::Node, Action::Deliver, why);
        }
        self.endpoint(party, traveller)
    }

    fn endpoint(&self, party: &Party, traveller: &Traveller) -> Endpoint {
        let packet = traveller.packet;
        let mut endpoint = Endpoint {
            pod: None,
            node: None,
            host: None,
            ip: packet.destination,
            port: packet.destination_port,
        };
        match party {
            Party::Pod(key) => endpoint.pod = Some(key.clone()),
            Party::Node(name) => {
                match self.host_network_pod(name, packet.destination_port, protocol(traveller)) {
                    Some(pod) => endpoint.pod = Some(pod.metadata.key()),
                    None => endpoint.node = Some(name.clone()),
                }
            }
            Party::Internet(ip) | Party::Vm(ip) | Party::Endpoint(ip) => endpoint.host = Some(ip.to_string()),
            Party::OnPremises(ip) => endpoint.host = Some(ip.to_string()),
            Party::AzureService { account, .. } => endpoint.host = Some(account.clone()),
            Party::Platform => endpoint.host = Some("azure-platform".to_owned()),
            Party::Metadata => endpoint.host = Some("azure-metadata".to_owned()),
        }
        endpoint
    }

    /// What listens at a party's address on a port.
    pub(crate) fn listener(
        &self,
        party: &Party,
        (ip, port): (IpAddr, u16),
        protocol: Protocol,
    ) -> Option<Listener> {
        match party {
            Party::Internet(_)
            | Party::Vm(_)
            | Party::OnPremises(_)
            | Party::AzureService { .. }
            | Party::Endpoint(_)
            | Party::Platform => Some(Listener::Application),
            Party::Metadata => (port == METADATA_PORT).then_some(Listener::Application),
            Party::Pod(key) => {
                let pod = self.pod(key).filter(|pod| listens(pod, port, protocol));
                pod.map(|_| Listener::Application)
            }
            Party::Node(name) => self.node_listener(name, (ip, port), protocol),
        }
    }

    fn node_listener(
        &self,
        name: &NodeName,
        (ip, port): (IpAddr, u16),
        protocol: Protocol,
    ) -> Option<Listener> {
        if protocol == Protocol::Tcp {
            let proxied = self.has_proxy(name);
            if proxied
                && (port == PROXY_HEALTH_PORT || (port == SHARED_PROBE_PORT && self.has_shared_probe()))
            {
                return Some(Listener::ProxyHealth);
            }
            if port == KUBELET_PORT {
                return Some(Listener::Kubelet);
            }
            if proxied && self.checked_on(port).is_some() && self.answers_health_checks(name, ip) {
                return Some(Listener::ServiceHealth);
            }
        }
        self.host_network_pod(name, port, protocol).map(|_| Listener::Application)
    }

    /// Whether kube-proxy's servers of `healthCheckNodePort` listen on an address of its node: on all, unless
    /// `nodePortAddresses` says on which (`pkg/proxy/healthcheck/service_health.go`).
    fn answers_health_checks(&self, name: &NodeName, ip: IpAddr) -> bool {
        let config = ProxyConfig::of_node(&self.model, name, IpFamily::of(ip));
        config.is_some_and(|config| config.node_port_ips().is_none_or(|ips| ips.contains(&ip)))
    }

    /// Whether one probe stands for all Services (`clusterServiceLoadBalancerHealthProbeMode`).
    fn has_shared_probe(&self) -> bool {
        let profile = self.model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
        let mode = profile.and_then(|profile| {
            profile.load_balancer_profile.as_ref()?.cluster_service_load_balancer_health_probe_mode.as_deref()
        });
        mode.is_some_and(|mode| mode.eq_ignore_ascii_case("shared"))
    }

    pub(crate) fn host_network_pod(&self, node: &NodeName, port: u16, protocol: Protocol) -> Option<&Pod> {
        let mut pods = self.host_pods(node).iter().map(|pod| &**pod);
        pods.find(|pod| open_ports(pod).any(|own| own.protocol == protocol && own.container_port == port))
    }

    /// Why no container of a pod listens on a port.
    fn silent_words(&self, party: &Party, port: u16, protocol: Protocol) -> String {
        let pod = if let Party::Pod(key) = party { self.pod(key) } else { None };
        let stopped = pod.as_ref().and_then(|pod| {
            let has = |container: &&Container| {
                let mut ports = container.ports.iter();
                declares_nothing(pod)
                    || ports.any(|own| own.protocol == protocol && own.container_port == port)
            };
            let container = pod.spec.containers.iter().find(has)?;
            Some((container, pod.stopped(container)?))
        });
        match stopped {
            Some((container, reason)) => format!("container {} does not run: {reason}", container.name),
            None => "its containers declare other ports".to_owned(),
        }
    }
}

/// The port on which kube-proxy answers for a Service, if it does: type LoadBalancer and policy Local.
pub(crate) fn health_check_port(service: &Service) -> Option<u16> {
    let spec = &service.spec;
    let local = spec.external_traffic_policy == Some(TrafficPolicy::Local);
    (spec.service_type == ServiceType::LoadBalancer && local && spec.health_check_node_port != 0)
        .then_some(spec.health_check_node_port)
}

/// Whether a pod listens on a port: the declared ports of the containers that run decide; a pod that declares none
/// listens wherever it is called, as long as one of them runs.
fn listens(pod: &Pod, port: u16, protocol: Protocol) -> bool {
    if declares_nothing(pod) {
        let containers = &pod.spec.containers;
        return containers.is_empty() || containers.iter().any(|container| pod.stopped(container).is_none());
    }
    open_ports(pod).any(|own| own.protocol == protocol && own.container_port == port)
}

/// Whether a pod says nothing of its ports.
pub(crate) fn declares_nothing(pod: &Pod) -> bool {
    pod.spec.containers.iter().all(|container| container.ports.is_empty())
}

/// The ports that those containers of a pod declare that run.
pub(crate) fn open_ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
    let running = pod.spec.containers.iter().filter(|container| pod.stopped(container).is_none());
    running.flat_map(|container| &container.ports)
}

/// The protocol of the traveller's packet, as the API names it.
pub(crate) fn protocol(traveller: &Traveller) -> Protocol {
    match traveller.packet.protocol {
        netfilter::Protocol::Udp => Protocol::Udp,
        netfilter::Protocol::Sctp => Protocol::Sctp,
        netfilter::Protocol::Tcp | netfilter::Protocol::Icmp | netfilter::Protocol::Icmpv6 => Protocol::Tcp,
    }
}

fn receiver_words(party: &Party, listener: Listener, at: &str) -> String {
    match (party, listener) {
        (Party::Pod(key), _) => format!("Pod {key} receives the packet on {at} and answers."),
        (Party::Node(name), Listener::ProxyHealth) => {
            format!("kube-proxy's own health server on {name} answers on {at}.")
        }
        (Party::Node(name), Listener::ServiceHealth) => {
            format!("kube-proxy on {name} answers the health check on {at}.")
        }
        (Party::Node(name), Listener::Kubelet) => format!("The kubelet of {name} answers on {at}."),
        (Party::Node(name), Listener::Application) => {
            format!("A pod in the network of {name} receives the packet on {at}.")
        }
        (Party::Internet(ip) | Party::Vm(ip) | Party::Endpoint(ip), _) => {
            format!("{ip} receives the packet on {at}.")
        }
        (Party::OnPremises(ip), _) => format!("{ip}, on premises, receives the packet on {at}."),
        (Party::AzureService { account, .. }, _) => format!("{account} receives the packet."),
        (Party::Platform, _) => "Azure's platform receives the packet.".to_owned(),
        (Party::Metadata, _) => "The instance metadata service (IMDS), on the host of the VM that asks, receives the packet. It answers the VM's own address, and tells things of this VM.".to_owned(),
    }
}
