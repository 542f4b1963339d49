//! Scheduling 10,000 pods of Deployments on 1,000 nodes, and again after one node went.

use criterion::{Criterion, criterion_group, criterion_main};
use kubernetes::{place, settle};
use model::{
    Model, Object,
    kubernetes::{Binding, Container, Node, Workload},
};
use std::{hint::black_box, sync::Arc};

const NODES: usize = 1_000;
const DEPLOYMENTS: usize = 100;
const REPLICAS: u32 = 100;

fn cluster() -> Model {
    let mut model = Model::default();
    for index in 0..NODES {
        let mut node = Node::default();
        node.metadata.name = format!("node-{index:04}");
        node.metadata.labels.insert("topology.kubernetes.io/zone".into(), format!("zone-{}", index % 3));
        for (name, amount) in [("cpu", "7820m"), ("memory", "27Gi"), ("pods", "250")] {
            node.status.allocatable.insert(name.into(), amount.into());
        }
        model.put(Object::Node(Arc::new(node)));
    }
    for index in 0..DEPLOYMENTS {
        let mut deployment = Workload::default();
        deployment.metadata.name = format!("app-{index:03}");
        deployment.metadata.namespace = "default".into();
        deployment.spec.replicas = Some(REPLICAS);
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

/// The same cluster with every pod bound, less one node.
fn after_one_node_went(model: &Model) -> Model {
    let settled = place(model).model;
    let mut after = model.clone();
    for (key, pod) in &settled.pods {
        let mut binding = Binding::default();
        binding.metadata.name = key.name.to_string();
        binding.metadata.namespace = key.namespace.to_string();
        binding.target.name.clone_from(&pod.spec.node_name);
        after.put(Object::Binding(Arc::new(binding)));
    }
    after.nodes.pop_first();
    after
}

fn benches(criterion: &mut Criterion) {
    let model = cluster();
    let after = after_one_node_went(&model);
    let mut group = criterion.benchmark_group("scheduler");
    group.sample_size(10);
    group.bench_function("10,000 pods on 1,000 nodes", |bench| bench.iter(|| place(black_box(&model))));
    group.bench_function("after one node went", |bench| bench.iter(|| place(black_box(&after))));
    group.bench_function("all of settle after one node went", |bench| {
        bench.iter(|| settle(black_box(&after)));
    });
}

criterion_group!(all, benches);
criterion_main!(all);
