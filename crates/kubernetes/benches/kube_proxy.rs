//! Settling a cluster and writing one node's rules, at several sizes, 10 endpoints per Service.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kubernetes::{
    kube_proxy::{ProxyConfig, ServiceMap, installed, sync},
    settle,
};
use model::{
    Model, NodeName, Object,
    kubernetes::{IpFamily, Node, Pod, Service, ServicePort, ServiceType},
};
use std::{hint::black_box, sync::Arc};

/// A cluster of so many Services with ten pods each, on ten nodes; nothing is allocated yet.
fn cluster(services: usize, pods_per_service: usize) -> Model {
    let mut model = Model::default();
    for i in 0..services.div_ceil(20).max(10) {
        let mut node = Node::default();
        node.metadata.name = format!("aks-user-{i:04}");
        model.put(Object::Node(Arc::new(node)));
    }
    for i in 0..services {
        let mut service = Service::default();
        service.metadata.name = format!("service-{i}");
        service.metadata.namespace = "default".into();
        service.spec.service_type = ServiceType::ClusterIP;
        service.spec.selector.insert("app".into(), format!("app-{i}"));
        service.spec.selector.insert("tier".into(), "backend".into());
        service.spec.ports.push(ServicePort { name: "http".into(), port: 80, ..ServicePort::default() });
        model.put(Object::Service(Arc::new(service)));
        for j in 0..pods_per_service {
            let mut pod = Pod::default();
            pod.metadata.name = format!("app-{i}-{j}");
            pod.metadata.namespace = "default".into();
            pod.metadata.labels.insert("app".into(), format!("app-{i}"));
            pod.metadata.labels.insert("tier".into(), "backend".into());
            model.put(Object::Pod(Arc::new(pod)));
        }
    }
    model
}

fn benches(criterion: &mut Criterion) {
    for services in [10, 100, 1_000, 10_000] {
        let given = cluster(services, 10);
        let settled = settle(&given).model;
        let node = NodeName::from("aks-user-0000");
        let config = ProxyConfig::of_node(&settled, &node, IpFamily::IPv4).expect("the node is there");
        let map = ServiceMap::new(IpFamily::IPv4, &settled.services, &settled.endpoint_slices);
        let mut group = criterion.benchmark_group("kube-proxy");
        if services == 10_000 {
            group.sample_size(10);
        }
        group.bench_function(BenchmarkId::new("settle from nothing", services), |bench| {
            bench.iter(|| settle(black_box(&given)));
        });
        group.bench_function(BenchmarkId::new("settle what is settled", services), |bench| {
            bench.iter(|| settle(black_box(&settled)));
        });
        group.bench_function(BenchmarkId::new("read services and slices", services), |bench| {
            bench.iter(|| ServiceMap::new(IpFamily::IPv4, &settled.services, &settled.endpoint_slices));
        });
        group.bench_function(BenchmarkId::new("read again after no change", services), |bench| {
            bench.iter(|| map.next(&settled.services, &settled.endpoint_slices));
        });
        group.bench_function(BenchmarkId::new("write rules", services), |bench| {
            bench.iter(|| sync(black_box(&config), &map));
        });
        group.bench_function(BenchmarkId::new("read and write", services), |bench| {
            bench.iter(|| {
                let map = ServiceMap::new(IpFamily::IPv4, &settled.services, &settled.endpoint_slices);
                installed(black_box(&config), &map)
            });
        });
    }
}

criterion_group!(all, benches);
criterion_main!(all);
