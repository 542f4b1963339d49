//! Clusters of any size.

use model::{
    Model, Object,
    kubernetes::{
        Address, AddressKind, Condition, Container, LoadBalancerIngress, Node, Pod, PodIp, Service,
        ServicePort, ServiceType, TrafficPolicy, Workload,
    },
};
use std::{net::Ipv4Addr, sync::Arc};

/// A Standard load balancer takes no more rules than 1,500; of more Services the first are published.
const PUBLISHED: u32 = 1_000;

/// What a cluster has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Nodes.
    pub(crate) nodes: u32,
    /// Services, the first of them of type `LoadBalancer` with an address.
    pub(crate) services: u32,
    /// Pods behind each.
    pub(crate) endpoints: u32,
    /// Their external traffic policy.
    pub(crate) policy: TrafficPolicy,
    /// Other pods, for the matrix.
    pub(crate) clients: u32,
}

fn ip(base: [u8; 4], number: u32) -> String {
    Ipv4Addr::from_bits(Ipv4Addr::from(base).to_bits() + number).to_string()
}

/// The name of a node.
pub(crate) fn node_name(number: u32) -> String {
    format!("aks-pool-12345678-vmss{number:06}")
}

fn node(number: u32) -> Node {
    let mut node = Node::default();
    node.metadata.name = node_name(number);
    node.metadata
        .labels
        .insert(Node::POOL_LABEL.into(), if number.is_multiple_of(2) { "system" } else { "user" }.into());
    node.metadata.labels.insert("topology.kubernetes.io/zone".into(), format!("zone-{}", number % 3));
    let address = ip([10, 224, 0, 4], number);
    node.status.addresses = vec![Address { kind: AddressKind::InternalIP, address }];
    for (name, amount) in [("cpu", "7820m"), ("memory", "27Gi"), ("pods", "250")] {
        node.status.allocatable.insert(name.into(), amount.into());
    }
    node
}

fn pod(name: String, app: String, on: u32, address: u32) -> Pod {
    let mut pod = Pod::default();
    pod.metadata.name = name;
    pod.metadata.namespace = "default".into();
    pod.metadata.labels.insert("app".into(), app);
    pod.spec.node_name = node_name(on);
    pod.status.pod_ip = ip([10, 244, 0, 10], address);
    pod.status.pod_ips = vec![PodIp { ip: pod.status.pod_ip.clone() }];
    pod.status.conditions.push(Condition::ready(true));
    pod
}

/// A cluster whose pods run already.
pub(crate) fn running(shape: Shape) -> Model {
    let mut model = Model::default();
    for number in 0..shape.nodes {
        model.put(Object::Node(Arc::new(node(number))));
    }
    for number in 0..shape.services {
        let app = format!("app-{number:05}");
        for own in 0..shape.endpoints {
            let at = number * shape.endpoints + own;
            let object = pod(format!("{app}-{own:02}"), app.clone(), at % shape.nodes, at);
            model.put(Object::Pod(Arc::new(object)));
        }
        let mut service = Service::default();
        service.metadata.name.clone_from(&app);
        service.metadata.namespace = "default".into();
        service.spec.selector.insert("app".into(), app);
        service.spec.ports = vec![ServicePort { port: 80, ..ServicePort::default() }];
        if number < PUBLISHED {
            service.spec.service_type = ServiceType::LoadBalancer;
            service.spec.external_traffic_policy = Some(shape.policy);
            let ip = ip([20, 50, 0, 0], number);
            service.status.load_balancer.ingress =
                vec![LoadBalancerIngress { ip, ..LoadBalancerIngress::default() }];
        }
        model.put(Object::Service(Arc::new(service)));
    }
    for number in 0..shape.clients {
        let at = shape.services * shape.endpoints + number;
        let object = pod(format!("client-{number:03}"), "client".into(), number % shape.nodes, at);
        model.put(Object::Pod(Arc::new(object)));
    }
    model
}

/// Nodes, and Deployments whose pods have no node yet.
pub(crate) fn waiting(nodes: u32, deployments: u32, replicas: u32) -> Model {
    let mut model = Model::default();
    for number in 0..nodes {
        model.put(Object::Node(Arc::new(node(number))));
    }
    for number in 0..deployments {
        let mut deployment = Workload::default();
        deployment.metadata.name = format!("app-{number:03}");
        deployment.metadata.namespace = "default".into();
        deployment.spec.replicas = Some(replicas);
        let template = &mut deployment.spec.template;
        template.metadata.labels.insert("app".into(), deployment.metadata.name.clone());
        let mut container = Container { name: "app".into(), ..Container::default() };
        for (name, amount) in [("cpu", "250m"), ("memory", "512Mi")] {
            container.resources.requests.insert(name.into(), amount.into());
        }
        template.spec.containers.push(container);
        model.put(Object::Deployment(Arc::new(deployment)));
    }
    model
}
