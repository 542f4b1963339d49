//! The default cluster, end to end, and the laws of [`Cloud::update`].

use crate::{Cloud, Health, Selected, program};
use model::{
    Edit, Model, Object,
    kubernetes::{Address, AddressKind, Node, Protocol, Service, ServicePort, ServiceType},
};
use std::{net::IpAddr, sync::Arc};

fn node(index: u8, pool: &str) -> Node {
    let mut node = Node::default();
    node.metadata.name = format!("aks-{pool}-12345678-vmss00000{index}");
    node.metadata.labels.insert(Node::POOL_LABEL.into(), pool.into());
    let address = format!("10.224.0.{}", 4 + index);
    node.status.addresses.push(Address { kind: AddressKind::InternalIP, address });
    node
}

fn service(name: &str, port: u16, node_port: u16) -> Service {
    let mut service = Service::default();
    service.metadata.name = name.into();
    service.metadata.uid = format!("4b5e57f6-eb2f-42b9-a39b-3d1e{node_port:08}");
    service.spec.service_type = ServiceType::LoadBalancer;
    service.spec.ports.push(ServicePort { port, node_port, ..ServicePort::default() });
    service
}

fn model() -> Model {
    let mut model = Model::default();
    for (index, pool) in [(0, "system"), (1, "system"), (2, "user")] {
        model.put(Object::Node(Arc::new(node(index, pool))));
    }
    model.put(Object::Service(Arc::new(service("web", 80, 30644))));
    model.put(Object::Service(Arc::new(service("api", 443, 31443))));
    model
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_packet_to_a_frontend_reaches_every_node_with_its_destination_kept() {
    let cloud = program(&model());
    let Selected::Rule(selection) = cloud.select(ip("20.50.60.71"), 80, Protocol::Tcp) else {
        panic!("no rule: {:?}", cloud.load_balancers());
    };
    let targets = selection.targets(|_| Health::Up);
    assert_eq!(targets.members.len(), 3);
    assert!((targets.share() - 1.0 / 3.0).abs() < 1e-12);
    let member = targets.members[0];
    assert_eq!(selection.destination_at(member), Some((ip("20.50.60.71"), 80)));
    let probe = selection.probe_request(member).expect("a probe");
    assert_eq!((probe.destination, probe.port), (ip("10.224.0.4"), 30644));
    assert!(matches!(
        cloud.select(ip("20.50.60.71"), 81, Protocol::Tcp),
        Selected::NoRule { near_misses, .. } if near_misses.len() == 1
    ));
}

#[test]
fn an_update_equals_a_fresh_start_and_shares_the_rest() {
    let mut model = model();
    let before = program(&model);
    let edit = Edit::MoveNode { node: "aks-user-12345678-vmss000002".into(), pool: "system".into() };
    edit.apply(&mut model).expect("the edit applies");
    let after = before.update(&model);
    let documents = |cloud: &Cloud| cloud.load_balancers();
    assert_eq!(documents(&after), documents(&program(&model)));
    assert_ne!(documents(&after), documents(&before));
    let balancer = |cloud: &Cloud| Arc::clone(cloud.balancer("kubernetes").expect("a load balancer"));
    assert!(Arc::ptr_eq(&balancer(&after), &balancer(&before)), "rules do not depend on pools");
}
