//! Frontends called from inside, and over IPv6.

use engine::{Flow, Place, Verdict, World};
use model::{
    Model, Object,
    azure::{AddressSpace, ManagedCluster, VirtualNetwork},
    kubernetes::{
        Address, AddressKind, IpFamily, LoadBalancerIngress, Node, Pod, PodIp, Service, ServicePort,
        ServiceType,
    },
};
use std::sync::Arc;

/// One dual-stack node with one pod behind one Service of type `LoadBalancer`.
fn cluster(frontend: &str, internal: bool) -> World {
    let mut model = Model::default();
    let strings = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut cluster = ManagedCluster { name: "c".into(), ..ManagedCluster::default() };
    cluster.network_profile.pod_cidrs = strings(&["10.244.0.0/16", "fd12:3456:789a::/64"]);
    cluster.network_profile.service_cidrs = strings(&["10.0.0.0/16", "fd12:3456:789a:1::/108"]);
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    let address_prefixes = strings(&["10.224.0.0/12", "fd00:224::/48"]);
    let address_space = AddressSpace { address_prefixes };
    let network = VirtualNetwork { name: "v".into(), address_space, ..VirtualNetwork::default() };
    model.put(Object::VirtualNetwork(Arc::new(network)));

    let mut node = Node::default();
    node.metadata.name = "n0".into();
    node.spec.pod_cidrs = strings(&["10.244.0.0/24", "fd12:3456:789a::/80"]);
    let address = |text: &str| Address { kind: AddressKind::InternalIP, address: text.into() };
    node.status.addresses = vec![address("10.224.0.4"), address("fd00:224::4")];
    model.put(Object::Node(Arc::new(node)));

    let mut pod = Pod::default();
    pod.metadata.name = "a".into();
    pod.metadata.labels.insert("app".into(), "web".into());
    pod.spec.node_name = "n0".into();
    pod.status.pod_ips = vec![PodIp { ip: "10.244.0.10".into() }, PodIp { ip: "fd12:3456:789a::a".into() }];
    model.put(Object::Pod(Arc::new(pod)));

    let mut service = Service::default();
    service.metadata.name = "web".into();
    if internal {
        let key = "service.beta.kubernetes.io/azure-load-balancer-internal";
        service.metadata.annotations.insert(key.into(), "true".into());
    }
    let spec = &mut service.spec;
    spec.service_type = ServiceType::LoadBalancer;
    spec.selector.insert("app".into(), "web".into());
    spec.ip_families = vec![IpFamily::IPv4, IpFamily::IPv6];
    spec.ip_family_policy = Some("RequireDualStack".into());
    spec.ports = vec![ServicePort { port: 80, node_port: 30080, ..ServicePort::default() }];
    let ingress = LoadBalancerIngress { ip: frontend.into(), ..LoadBalancerIngress::default() };
    service.status.load_balancer.ingress = vec![ingress];
    model.put(Object::Service(Arc::new(service)));
    World::new(&model)
}

#[test]
fn delivered() {
    for (client, frontend, internal) in [
        // With floating IP the answer leaves the node with the frontend as its source; inside the network as outside.
        ("10.224.0.200", "10.224.0.240", true),
        ("203.0.113.77", "20.50.0.10", false),
        // Probes of IPv6 pools come from the platform's link-local address.
        ("2a01:111:f100:1::77", "2603:1010:0:1::10", false),
    ] {
        let ip = |text: &str| Place::Ip(text.parse().expect("an address"));
        let flow = Flow::tcp(ip(client), ip(frontend), 80);
        let paths = cluster(frontend, internal).paths(&flow).expect("the flow exists");
        for outcome in &paths.outcomes {
            assert_eq!(outcome.verdict, Verdict::Delivered, "{client} to {frontend}: {outcome:#?}");
        }
    }
}
