//! Settling a cluster and writing one node's rules, at several sizes, 10 endpoints per Service.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kubernetes::{
    kube_proxy::{ProxyConfig, ServiceMap, installed, sync},
    settle,
};
use model::{NodeName, kubernetes::IpFamily};
use std::hint::black_box;

#[path = "../tests/cluster/mod.rs"]
mod cluster;

fn benches(criterion: &mut Criterion) {
    for services in [10, 100, 1_000, 10_000] {
        let given = cluster::large(services, 10);
        let settled = settle(&given).model;
        let node = NodeName::from("node-0000");
        let Some(config) = ProxyConfig::of_node(&settled, &node, IpFamily::IPv4) else { return };
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
