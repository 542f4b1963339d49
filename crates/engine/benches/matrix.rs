//! Who reaches whom: 50 clients, 200 Services with five endpoints each, 100 nodes. Budget: 200 ms in wasm.

use criterion::{Criterion, criterion_group, criterion_main};
use engine::{MatrixQuestion, Place, World};
use model::{
    Key, Model,
    kubernetes::{
        Address, AddressKind, IntOrString, Node, Pod, Service, ServicePort, ServiceType, TrafficPolicy,
    },
};
use std::{hint::black_box, sync::Arc};

const NODES: usize = 100;
const SERVICES: usize = 200;
const ENDPOINTS: usize = 5;
const CLIENTS: usize = 50;

fn model() -> Model {
    let mut model = Model::default();
    for number in 0..NODES {
        let mut node = Node::default();
        node.metadata.name = format!("n{number:03}");
        node.spec.pod_cidr = format!("10.244.{number}.0/24");
        node.status
            .addresses
            .push(Address { kind: AddressKind::InternalIP, address: format!("10.224.0.{}", number + 4) });
        model.nodes.insert(node.name(), Arc::new(node));
    }
    let mut pod = |name: String, app: String, node: usize, host: usize| {
        let mut pod = Pod::default();
        pod.metadata.name = name;
        pod.metadata.namespace = "default".into();
        pod.metadata.labels.insert("app".into(), app);
        pod.spec.node_name = format!("n{node:03}");
        pod.status.pod_ip = format!("10.244.{node}.{host}");
        model.pods.insert(pod.metadata.key(), Arc::new(pod));
    };
    for service in 0..SERVICES {
        for endpoint in 0..ENDPOINTS {
            let number = service * ENDPOINTS + endpoint;
            pod(format!("s{service}-{endpoint}"), format!("s{service}"), number % NODES, 10 + number / NODES);
        }
    }
    for client in 0..CLIENTS {
        pod(format!("client-{client:02}"), "client".into(), client * 2, 100);
    }
    for number in 0..SERVICES {
        let mut service = Service::default();
        service.metadata.name = format!("s{number}");
        service.metadata.namespace = "default".into();
        service.spec.selector.insert("app".into(), format!("s{number}"));
        // A tenth is published, half of those with policy Local.
        if number % 10 == 0 {
            service.spec.service_type = ServiceType::LoadBalancer;
            service.spec.external_traffic_policy = (number % 20 == 0).then_some(TrafficPolicy::Local);
        }
        let target_port = Some(IntOrString::Int(8080));
        service.spec.ports.push(ServicePort { port: 80, target_port, ..ServicePort::default() });
        model.services.insert(service.metadata.key(), Arc::new(service));
    }
    model
}

fn question(world: &World) -> MatrixQuestion {
    let mut question = world.everything();
    let client = |number| Place::Pod(Key::new("default", &format!("client-{number:02}")));
    question.clients.truncate(1);
    question.clients.extend((0..CLIENTS - 1).map(client));
    question
}

fn benches(criterion: &mut Criterion) {
    let model = model();
    let mut group = criterion.benchmark_group("matrix");
    group.sample_size(10);
    group.bench_function("50 clients x 200 services, 100 nodes, a new world", |bencher| {
        bencher.iter_with_setup(
            || World::new(&model),
            |world| {
                let question = question(&world);
                black_box(world.matrix(&question))
            },
        );
    });
    let world = World::new(&model);
    let question = question(&world);
    group.bench_function("50 clients x 200 services, 100 nodes, nodes programmed", |bencher| {
        bencher.iter(|| black_box(world.matrix(&question)));
    });
    group.finish();
}

criterion_group!(matrix, benches);
criterion_main!(matrix);
