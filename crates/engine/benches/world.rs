//! A large cluster settled from nothing, and after an edit; and the answer to one flow in it.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use engine::{Flow, Place, World};
use model::{
    Edit, Key, Model, Object,
    kubernetes::{Condition, Node, Pod, Service, ServicePort, ServiceType, TrafficPolicy},
};
use std::{hint::black_box, sync::Arc};

/// Nodes, ten pods on each, and a Service of type `LoadBalancer` for each hundred pods.
fn large(nodes: usize) -> Model {
    let mut model = Model::default();
    for number in 0..nodes {
        let mut node = Node::default();
        node.metadata.name = format!("aks-user-12345678-vmss{number:06}");
        node.metadata.labels.insert(Node::POOL_LABEL.into(), ["system", "user"][number % 2].into());
        for pod_number in 0..10 {
            let mut pod = Pod::default();
            pod.metadata.name = format!("pod-{number:05}-{pod_number}");
            pod.metadata.namespace = "default".into();
            pod.metadata.labels.insert("app".into(), format!("app-{}", number / 10));
            pod.spec.node_name.clone_from(&node.metadata.name);
            pod.status.conditions.push(Condition::ready(true));
            model.put(Object::Pod(Arc::new(pod)));
        }
        model.put(Object::Node(Arc::new(node)));
    }
    for number in 0..nodes / 10 {
        let mut service = Service::default();
        service.metadata.name = format!("service-{number:04}");
        service.metadata.namespace = "default".into();
        service.spec.service_type = ServiceType::LoadBalancer;
        service.spec.selector.insert("app".into(), format!("app-{number}"));
        service.spec.ports.push(ServicePort { port: 80, ..ServicePort::default() });
        model.put(Object::Service(Arc::new(service)));
    }
    model
}

fn benches(criterion: &mut Criterion) {
    for (nodes, settled) in [(1_000, false), (1_000, true), (5_000, true)] {
        let model = large(nodes);
        // What kubectl prints of a real cluster is settled: controllers have nothing left to fill in.
        let model = if settled { World::new(&model).model().clone() } else { model };
        let world = World::new(&model);
        let service = Key::new("default", "service-0001");
        let mut to = Flow::tcp(Place::Ip([203, 0, 113, 9].into()), Place::Service(service.clone()), 80);
        to.via = Some("aks-user-12345678-vmss000001".into());
        let edits = [
            (
                "move a node",
                Edit::MoveNode { node: "aks-user-12345678-vmss000001".into(), pool: "system".into() },
            ),
            ("set a policy", Edit::SetExternalTrafficPolicy { service, policy: TrafficPolicy::Local }),
            (
                "set a pod unready",
                Edit::SetPodReady { pod: Key::new("default", "pod-00010-0"), ready: false },
            ),
        ];
        let mut group = criterion.benchmark_group(if settled { "settled world" } else { "world" });
        group.sample_size(10);
        group.bench_function(BenchmarkId::new("new", nodes), |bench| {
            bench.iter(|| World::new(black_box(&model)));
        });
        for (name, edit) in edits {
            let mut edited = model.clone();
            if edit.apply(&mut edited).is_err() {
                return;
            }
            group.bench_function(BenchmarkId::new(format!("plan: {name}"), nodes), |bench| {
                bench.iter(|| world.plan(black_box(&edit)));
            });
            group.bench_function(BenchmarkId::new(name, nodes), |bench| {
                bench.iter(|| world.update(black_box(&edited)));
            });
        }
        group.bench_function(BenchmarkId::new("paths", nodes), |bench| {
            bench.iter(|| world.paths(black_box(&to)));
        });
    }
}

criterion_group!(all, benches);
criterion_main!(all);
