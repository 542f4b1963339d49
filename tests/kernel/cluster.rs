//! Clusters for the lab, in few words: nodes `n0`, `n1`, …, pods on them, Services before them.
//!
//! Addresses follow from the order in which things are added, so that a table of flows can name things and never
//! addresses. Every cluster is dual-stack: kube-proxy programs each family by itself, and so does the lab.

use model::{
    Key, Model, NodeName, Object,
    azure::{AddressSpace, ManagedCluster, NetworkProfile, VirtualNetwork},
    kubernetes::{
        Address, AddressKind, Condition, Container, ContainerPort, Endpoint, EndpointHints, EndpointSlice,
        HintNode, HintZone, IntOrString, IpFamily, KubeProxyConfiguration, LoadBalancerIngress, Node, Pod,
        PodIp, Protocol, Service, ServicePort, ServiceType, TrafficPolicy,
    },
};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// Whether the address is of this family.
    pub(crate) fn has(self, ip: IpAddr) -> bool {
        ip.is_ipv4() == (self == Self::V4)
    }

    /// `10.244.a.b` and its like, by family.
    fn choose(self, v4: [u8; 4], v6: [u16; 8]) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from(v4).into(),
            Self::V6 => Ipv6Addr::from(v6).into(),
        }
    }
}

/// The port on which every pod listens, TCP and UDP.
pub(crate) const POD_PORT: u16 = 8080;
/// The port of every Service.
pub(crate) const SERVICE_PORT: u16 = 80;

/// A host on the internet.
pub(crate) fn client_ip(family: Family) -> IpAddr {
    many_clients(family, 77)
}

/// One of the addresses that the host on the internet has.
pub(crate) fn many_clients(family: Family, number: u8) -> IpAddr {
    family.choose([203, 0, 113, number], [0x2a01, 0x111, 0xf100, 1, 0, 0, 0, number.into()])
}

/// A VM in the virtual network, outside of the cluster.
pub(crate) fn vm_ip(family: Family) -> IpAddr {
    family.choose([10, 224, 0, 200], [0xfd00, 0x224, 0, 0, 0, 0, 0, 200])
}

/// The address of node `n<at>` of a cluster that is not flat.
pub(crate) fn node_ip(family: Family, at: u8) -> IpAddr {
    family.choose([10, 224, 0, 4 + at], [0xfd00, 0x224, 0, 0, 0, 0, 0, 4 + u16::from(at)])
}

/// The cluster IP of the Service added as number `at`.
fn cluster_ip(family: Family, at: u8) -> IpAddr {
    family.choose([10, 0, 0, 100 + at], [0xfd12, 0x3456, 0x789a, 1, 0, 0, 0, 100 + u16::from(at)])
}

/// An address in the range of cluster IPs that no Service is given.
pub(crate) fn unallocated_ip(family: Family) -> IpAddr {
    cluster_ip(family, 99)
}

/// The frontend of the Service added as number `at`.
fn frontend_ip(family: Family, at: u8) -> IpAddr {
    family.choose([20, 50, 0, 10 + at], [0x2603, 0x1010, 0, 1, 0, 0, 0, 10 + u16::from(at)])
}

/// How a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Ready.
    Ready,
    /// Running, and not ready.
    NotReady,
    /// Being deleted, and still ready: serving.
    Terminating,
    /// Being deleted, and no longer ready.
    TerminatingNotReady,
}

/// Where pods and nodes have their addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Layout {
    /// Pods in a range of their own, as with Azure CNI Overlay.
    #[default]
    Overlay,
    /// Nodes and pods in one range, which kube-proxy takes for the pods'. ip-masq-agent masquerades nothing within.
    Flat,
}

impl Layout {
    fn pod_ranges(self) -> [&'static str; 2] {
        match self {
            Self::Overlay => ["10.244.0.0/16", "fd12:3456:789a::/64"],
            Self::Flat => ["10.224.16.0/20", "fd00:224:0:1::/64"],
        }
    }

    fn node_ranges(self, node: u8) -> [String; 2] {
        match self {
            Self::Overlay => [format!("10.244.{node}.0/24"), format!("fd12:3456:789a:0:{node}::/80")],
            Self::Flat => [format!("10.224.{}.0/24", 17 + node), format!("fd00:224:0:1:{}::/80", 1 + node)],
        }
    }

    fn node_ip(self, family: Family, node: u8) -> IpAddr {
        match self {
            Self::Overlay => node_ip(family, node),
            Self::Flat => {
                let number = 4 + node;
                family.choose([10, 224, 16, number], [0xfd00, 0x224, 0, 1, 0, 0, 0, number.into()])
            }
        }
    }

    fn pod_ip(self, family: Family, node: u8, number: u8) -> IpAddr {
        let (at, last) = (u16::from(node), u16::from(number));
        match self {
            Self::Overlay => {
                family.choose([10, 244, node, number], [0xfd12, 0x3456, 0x789a, 0, at, 0, 0, last])
            }
            Self::Flat => {
                family.choose([10, 224, 17 + node, number], [0xfd00, 0x224, 0, 1, 1 + at, 0, 0, last])
            }
        }
    }
}

/// A cluster under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cluster {
    model: Model,
    layout: Layout,
}

impl Cluster {
    /// A cluster with Azure CNI Overlay and this many nodes.
    pub(crate) fn new(nodes: u8) -> Self {
        Self::of(nodes, Layout::Overlay)
    }

    /// The same with kubenet, whose pods hang on a bridge.
    pub(crate) fn kubenet(nodes: u8) -> Self {
        let mut cluster = Self::new(nodes);
        if let Some(mut own) = cluster.model.managed_cluster.as_deref().cloned() {
            own.network_profile.network_plugin = Some("kubenet".into());
            own.network_profile.network_plugin_mode = None;
            cluster.put(Object::ManagedCluster(Arc::new(own)));
        }
        cluster
    }

    /// A cluster in which nodes and pods have addresses of one range.
    pub(crate) fn flat(nodes: u8) -> Self {
        Self::of(nodes, Layout::Flat)
    }

    fn of(nodes: u8, layout: Layout) -> Self {
        let mut cluster = Self { layout, ..Self::default() };
        let strings = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        cluster.put(Object::ManagedCluster(Arc::new(ManagedCluster {
            name: "lab".into(),
            network_profile: NetworkProfile {
                network_plugin: Some("azure".into()),
                network_plugin_mode: (layout == Layout::Overlay).then(|| "overlay".into()),
                pod_cidrs: strings(&layout.pod_ranges()),
                service_cidrs: strings(&["10.0.0.0/16", "fd12:3456:789a:1::/108"]),
                ..NetworkProfile::default()
            },
            ..ManagedCluster::default()
        })));
        cluster.put(Object::VirtualNetwork(Arc::new(VirtualNetwork {
            name: "aks-vnet".into(),
            address_space: AddressSpace { address_prefixes: strings(&["10.224.0.0/12", "fd00:224::/48"]) },
            ..VirtualNetwork::default()
        })));
        for at in 0..nodes {
            let mut node = Node::default();
            node.metadata.name = format!("n{at}");
            node.spec.pod_cidrs = layout.node_ranges(at).into();
            node.spec.pod_cidr = node.spec.pod_cidrs.first().cloned().unwrap_or_default();
            node.status.addresses = Family::BOTH
                .iter()
                .map(|&family| Address {
                    kind: AddressKind::InternalIP,
                    address: layout.node_ip(family, at).to_string(),
                })
                .collect();
            node.status.conditions = vec![Condition::ready(true)];
            cluster.put(Object::Node(Arc::new(node)));
        }
        cluster
    }

    fn put(&mut self, object: Object) {
        self.model.put(object);
    }

    /// Labels a node with a zone.
    pub(crate) fn zone(mut self, node: u8, zone: &str) -> Self {
        if let Some(node) = self.model.nodes.get_mut(&NodeName::from(format!("n{node}"))) {
            let labels = &mut Arc::make_mut(node).metadata.labels;
            labels.insert("topology.kubernetes.io/zone".into(), zone.into());
        }
        self
    }

    /// Changes kube-proxy's configuration.
    pub(crate) fn kube_proxy(mut self, change: impl FnOnce(&mut KubeProxyConfiguration)) -> Self {
        change(Arc::make_mut(self.model.kube_proxy.get_or_insert_default()));
        self
    }

    /// A pod that backs the Service `app`; with an empty `app`, none.
    pub(crate) fn pod(self, name: &str, app: &str, node: u8, state: State) -> Self {
        self.any_pod(name, app, node, state, false)
    }

    /// A pod that belongs to no Service.
    pub(crate) fn bystander(self, name: &str, node: u8) -> Self {
        self.pod(name, "", node, State::Ready)
    }

    /// A pod in its node's own network.
    pub(crate) fn host_pod(self, name: &str, app: &str, node: u8) -> Self {
        self.any_pod(name, app, node, State::Ready, true)
    }

    /// A pod that takes a port of its node, TCP and UDP (`hostPort`).
    pub(crate) fn port_of_node(mut self, name: &str, node: u8, host_port: u16) -> Self {
        self = self.bystander(name, node);
        let Some(mut pod) = self.model.pods.get(&key(name)).map(|pod| Pod::clone(pod)) else { return self };
        for port in pod.spec.containers.iter_mut().flat_map(|container| &mut container.ports) {
            port.host_port = host_port;
        }
        self.put(Object::Pod(Arc::new(pod)));
        self
    }

    fn any_pod(mut self, name: &str, app: &str, node: u8, state: State, host_network: bool) -> Self {
        let node_name = format!("n{node}");
        let on_node = self.model.pods.values().filter(|pod| pod.spec.node_name == node_name).count();
        let number = 10 + u8::try_from(on_node).unwrap_or(u8::MAX - 10);
        let mut pod = Pod::default();
        pod.metadata.name = name.into();
        pod.metadata.namespace = "default".into();
        if !app.is_empty() {
            pod.metadata.labels.insert("app".into(), app.into());
        }
        if matches!(state, State::Terminating | State::TerminatingNotReady) {
            pod.metadata.deletion_timestamp = Some("2026-01-01T00:00:00Z".into());
        }
        pod.spec.node_name = node_name;
        pod.spec.host_network = host_network;
        let port = |name: &str, protocol| ContainerPort {
            name: name.into(),
            container_port: POD_PORT,
            protocol,
            ..ContainerPort::default()
        };
        pod.spec.containers = vec![Container {
            name: "server".into(),
            ports: vec![port("tcp", Protocol::Tcp), port("udp", Protocol::Udp)],
            ..Container::default()
        }];
        let ip = |family: Family| {
            let own = self.layout.pod_ip(family, node, number);
            PodIp { ip: if host_network { self.layout.node_ip(family, node) } else { own }.to_string() }
        };
        pod.status.pod_ips = Family::BOTH.into_iter().map(ip).collect();
        pod.status.pod_ip = pod.status.pod_ips.first().map(|ip| ip.ip.clone()).unwrap_or_default();
        pod.status.conditions = vec![Condition::ready(matches!(state, State::Ready | State::Terminating))];
        self.put(Object::Pod(Arc::new(pod)));
        self
    }

    /// A Service before the pods of its name: port 80 of TCP and of UDP to 8080, in both families.
    pub(crate) fn service(
        mut self,
        name: &str,
        service_type: ServiceType,
        change: impl FnOnce(&mut Service),
    ) -> Self {
        let at = u8::try_from(self.model.services.len()).unwrap_or(u8::MAX);
        let mut service = Service::default();
        service.metadata.name = name.into();
        service.metadata.namespace = "default".into();
        service.metadata.uid = format!("00000000-0000-4000-8000-0000000000{at:02x}");
        let spec = &mut service.spec;
        spec.service_type = service_type;
        spec.selector.insert("app".into(), name.into());
        spec.ip_families = vec![IpFamily::IPv4, IpFamily::IPv6];
        spec.ip_family_policy = Some("RequireDualStack".into());
        spec.cluster_ips = Family::BOTH.map(|family| cluster_ip(family, at).to_string()).into();
        spec.cluster_ip = spec.cluster_ips.first().cloned().unwrap_or_default();
        let node_port = match service_type {
            ServiceType::ClusterIP | ServiceType::ExternalName => 0,
            ServiceType::NodePort | ServiceType::LoadBalancer => 30080 + u16::from(at),
        };
        let port = |name: &str, protocol| ServicePort {
            name: name.into(),
            protocol,
            port: SERVICE_PORT,
            target_port: Some(IntOrString::Int(POD_PORT)),
            node_port,
            app_protocol: None,
        };
        spec.ports = vec![port("tcp", Protocol::Tcp), port("udp", Protocol::Udp)];
        if service_type == ServiceType::LoadBalancer {
            service.status.load_balancer.ingress = Family::BOTH
                .map(|family| LoadBalancerIngress {
                    ip: frontend_ip(family, at).to_string(),
                    ..LoadBalancerIngress::default()
                })
                .into();
        }
        change(&mut service);
        if service.spec.external_traffic_policy == Some(TrafficPolicy::Local)
            && service_type == ServiceType::LoadBalancer
        {
            service.spec.health_check_node_port = 32080 + u16::from(at);
        }
        self.put(Object::Service(Arc::new(service)));
        self
    }

    /// Writes the slices now, with every endpoint hinted for the zone that it is in.
    pub(crate) fn hint_own_zone(self) -> Self {
        self.hint(|endpoint| {
            let for_zones = endpoint.zone.iter().map(|zone| HintZone { name: zone.clone() }).collect();
            EndpointHints { for_zones, for_nodes: Vec::new() }
        })
    }

    /// Writes the slices now, with every endpoint hinted for the node that it is on.
    pub(crate) fn hint_own_node(self) -> Self {
        self.hint(|endpoint| {
            let for_nodes = endpoint.node_name.iter().map(|name| HintNode { name: name.clone() }).collect();
            EndpointHints { for_zones: Vec::new(), for_nodes }
        })
    }

    fn hint(mut self, hints: impl Fn(&Endpoint) -> EndpointHints) -> Self {
        for slice in kubernetes::settle(&self.model).model.endpoint_slices.values() {
            let mut slice = EndpointSlice::clone(slice);
            for endpoint in &mut slice.endpoints {
                endpoint.hints = Some(hints(endpoint));
            }
            self.put(Object::EndpointSlice(Arc::new(slice)));
        }
        self
    }

    /// The model.
    pub(crate) fn model(self) -> Model {
        self.model
    }
}

/// The key of a pod or Service of the lab.
pub(crate) fn key(name: &str) -> Key {
    Key::new("default", name)
}
