//! Settling a cluster and writing one node's rules, at several sizes, 10 endpoints per Service.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kubernetes::{
    kube_proxy::{ProxyConfig, ServiceMap, installed, sync},
    settle,
};
use model::{NodeName, kubernetes::IpFamily};
use netfilter::{Family, Form};
use std::{
    hint::black_box,
    io::Write,
    process::{Command, Stdio},
};

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

/// Loads rules into the kernel in an empty network namespace; says whether that worked.
fn restore(text: &str) -> bool {
    let child = Command::new("unshare").args(["--net", "iptables-restore"]).stdin(Stdio::piped()).spawn();
    let Ok(mut child) = child else { return false };
    let written = child.stdin.take().is_some_and(|mut stdin| stdin.write_all(text.as_bytes()).is_ok());
    child.wait().is_ok_and(|status| status.success()) && written
}

/// The text that is written here, and the kernel loading the same text. The latter includes the start of two
/// processes, which is what loading nothing costs.
fn beside_the_kernel(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one node");
    group.sample_size(10);
    let nothing = "*filter\nCOMMIT\n";
    let loads = restore(nothing);
    if loads {
        group.bench_function("iptables-restore, nothing", |bench| bench.iter(|| restore(nothing)));
    } else {
        println!("skipped: iptables-restore needs root, unshare and iptables");
    }
    for services in [10, 100, 1_000, 10_000] {
        let settled = settle(&cluster::large(services, 10)).model;
        let Some(config) = ProxyConfig::of_node(&settled, &NodeName::from("node-0000"), IpFamily::IPv4)
        else {
            return;
        };
        let map = ServiceMap::new(IpFamily::IPv4, &settled.services, &settled.endpoint_slices);
        let print = |config: &ProxyConfig| {
            installed(config, &map).ruleset.text(Family::V4, Form::KUBE_PROXY).to_string()
        };
        group.bench_function(BenchmarkId::new("write rules and their text", services), |bench| {
            bench.iter(|| print(black_box(&config)));
        });
        if loads {
            let text = print(&config);
            group.bench_function(BenchmarkId::new("iptables-restore", services), |bench| {
                bench.iter(|| restore(&text));
            });
        }
    }
    group.finish();
}

criterion_group!(all, benches, beside_the_kernel);
criterion_main!(all);
