//! Programming Azure for 1,000 Services and 1,000 nodes, and giving one node to another pool.

use criterion::{Criterion, criterion_group, criterion_main};
use model::{
    Edit, Model, Object,
    azure::{AgentPool, ManagedCluster},
    kubernetes::{Address, AddressKind, Node, Service, ServicePort, ServiceType},
};
use std::{hint::black_box, sync::Arc};

/// As settled: every Service has a uid and a node port, every node an address.
fn large(services: u16, nodes: u16) -> Model {
    let mut model = Model::default();
    let pool = |name: &str| AgentPool { name: name.into(), ..AgentPool::default() };
    let cluster = ManagedCluster {
        name: "bench".into(),
        agent_pool_profiles: vec![pool("system"), pool("user")],
        ..ManagedCluster::default()
    };
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    for number in 0..nodes {
        let mut node = Node::default();
        node.metadata.name = format!("aks-user-12345678-vmss{number:06}");
        node.metadata.labels.insert(Node::POOL_LABEL.into(), "user".into());
        let address = format!("10.224.{}.{}", number / 250, 4 + number % 250);
        node.status.addresses.push(Address { kind: AddressKind::InternalIP, address });
        model.put(Object::Node(Arc::new(node)));
    }
    for number in 0..services {
        let mut service = Service::default();
        service.metadata.name = format!("service-{number:04}");
        service.metadata.uid = format!("4b5e57f6-eb2f-42b9-a39b-3d1e{number:08}");
        service.spec.service_type = ServiceType::LoadBalancer;
        service.spec.ports.push(ServicePort {
            port: 80,
            node_port: 30_000 + number,
            ..ServicePort::default()
        });
        model.put(Object::Service(Arc::new(service)));
    }
    model
}

fn benches(criterion: &mut Criterion) {
    let model = large(1_000, 1_000);
    let cloud = azure::program(&model);
    let mut moved = model.clone();
    let edit = Edit::MoveNode { node: "aks-user-12345678-vmss000500".into(), pool: "system".into() };
    if edit.apply(&mut moved).is_err() {
        return;
    }
    let mut group = criterion.benchmark_group("1000 Services, 1000 nodes");
    group.sample_size(20);
    group.bench_function("program everything", |bench| {
        bench.iter(|| azure::program(black_box(&model)));
    });
    group.bench_function("move one node to another pool", |bench| {
        bench.iter(|| cloud.update(black_box(&moved)));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
