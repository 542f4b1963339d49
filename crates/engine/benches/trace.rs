//! A flow from the internet to a pod and back, among many Services: three nodes, three endpoints each.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use engine::{Flow, Place, World};
use model::{
    Key, Model, Object,
    kubernetes::{
        Address, AddressKind, LoadBalancerIngress, Node, Pod, PodIp, Service, ServicePort, ServiceType,
        TrafficPolicy,
    },
};
use std::{hint::black_box, net::Ipv4Addr, sync::Arc};

const NODES: u32 = 3;

/// So many Services of type `LoadBalancer`.
fn cluster(services: u32) -> Model {
    let mut model = Model::default();
    for number in 0..NODES {
        let mut node = Node::default();
        node.metadata.name = format!("n{number}");
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 224, 0, 4).to_bits() + number).to_string();
        node.status.addresses = vec![Address { kind: AddressKind::InternalIP, address }];
        model.put(Object::Node(Arc::new(node)));
    }
    for number in 0..services {
        let app = format!("app-{number}");
        for pod in 0..NODES {
            let mut object = Pod::default();
            object.metadata.name = format!("{app}-{pod}");
            object.metadata.namespace = "default".into();
            object.metadata.labels.insert("app".into(), app.clone());
            object.spec.node_name = format!("n{pod}");
            let ip = Ipv4Addr::from_bits(Ipv4Addr::new(10, 244, 0, 10).to_bits() + number * NODES + pod);
            object.status.pod_ips = vec![PodIp { ip: ip.to_string() }];
            object.status.pod_ip = ip.to_string();
            model.put(Object::Pod(Arc::new(object)));
        }
        let mut service = Service::default();
        service.metadata.name.clone_from(&app);
        service.metadata.namespace = "default".into();
        service.spec.service_type = ServiceType::LoadBalancer;
        service.spec.selector.insert("app".into(), app);
        service.spec.external_traffic_policy = Some(TrafficPolicy::Local);
        service.spec.ports = vec![ServicePort { port: 80, ..ServicePort::default() }];
        let ip = Ipv4Addr::from_bits(Ipv4Addr::new(20, 50, 0, 0).to_bits() + number).to_string();
        service.status.load_balancer.ingress =
            vec![LoadBalancerIngress { ip, ..LoadBalancerIngress::default() }];
        model.put(Object::Service(Arc::new(service)));
    }
    model
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flow");
    for services in [10, 100, 1_000, 10_000] {
        let world = World::new(&cluster(services));
        let to = Place::Service(Key::new("default", &format!("app-{}", services / 2)));
        let Ok(client) = "198.51.100.7".parse().map(Place::Ip) else { return };
        let flow = Flow::tcp(client, to, 80);
        // Nodes are programmed and probes asked by the first question.
        let Ok(paths) = world.paths(&flow) else { return };
        group.bench_function(BenchmarkId::new("paths", services), |bench| {
            bench.iter(|| world.paths(black_box(&flow)));
        });
        group.bench_function(BenchmarkId::new("trace", services), |bench| {
            bench.iter(|| world.trace(black_box(&flow), 1));
        });
        group.bench_function(BenchmarkId::new("near misses of one branch", services), |bench| {
            bench.iter_batched(
                || paths.outcomes.first().cloned(),
                |outcome| outcome.map(|mut outcome| world.explain(&flow, &mut outcome)),
                criterion::BatchSize::SmallInput,
            );
        });
        group.bench_function(BenchmarkId::new("run of 10,000", services), |bench| {
            bench.iter(|| world.run(black_box(&flow), 10_000, 1));
        });
    }
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
