//! `World::update` is `World::new`, only faster: chains of random edits, and everything that can be asked.

use super::{azure::cluster, flow};
use engine::World;
use model::{
    Edit, Key, Kind, Model, Object, ObjectRef,
    azure::{NetworkSecurityGroup, Route, RouteTable, SkuName},
    kubernetes::{IpFamily, Node, Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy},
};
use std::{fmt::Debug, sync::Arc};

/// A linear congruential generator: the same sequence for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn pick<'a, T: ?Sized>(&mut self, among: &[&'a T]) -> &'a T {
        among[usize::try_from(self.below(among.len() as u64)).expect("an index")]
    }
}

fn edit(random: &mut Random, model: &Model) -> Edit {
    let node = |random: &mut Random| random.pick(&["n0", "n1"]).into();
    let pod = |random: &mut Random| random.pick(&["default/p0", "default/p1"]).parse().expect("a key");
    let service =
        |random: &mut Random| random.pick(&["default/web", "default/inner"]).parse().expect("a key");
    match random.below(15) {
        0 => Edit::MoveNode { node: node(random), pool: random.pick(&["a", "b"]).into() },
        1 => Edit::MovePod { pod: pod(random), node: node(random) },
        2 => Edit::SetPodReady { pod: pod(random), ready: random.below(2) == 0 },
        3 | 4 => {
            let policy = [TrafficPolicy::Cluster, TrafficPolicy::Local][usize::from(random.below(2) == 0)];
            Edit::SetExternalTrafficPolicy { service: service(random), policy }
        }
        5 => Edit::SetSessionAffinity { service: service(random), affinity: SessionAffinity::ClientIP },
        6 => Edit::SetServiceAnnotation {
            service: service(random),
            annotation: "service.beta.kubernetes.io/azure-disable-load-balancer-floating-ip".into(),
            value: (random.below(2) == 0).then(|| "true".into()),
        },
        7 => Edit::SetLoadBalancerSku {
            sku: [SkuName::Basic, SkuName::Standard][usize::from(random.below(2) == 0)],
        },
        8 => {
            let mut node = Node::default();
            node.metadata.name = "n2".into();
            node.metadata.labels.insert("agentpool".into(), "b".into());
            if model.nodes.contains_key("n2") {
                Edit::Remove { object: ObjectRef::cluster_scoped(Kind::Node, "n2") }
            } else {
                Edit::Put(Object::Node(Arc::new(node)))
            }
        }
        9 => Edit::Put(Object::NetworkSecurityGroup(Arc::new(NetworkSecurityGroup {
            name: "aks-agentpool-1-nsg".into(),
            ..NetworkSecurityGroup::default()
        }))),
        10 => {
            let route = Route {
                address_prefix: "198.51.100.0/24".into(),
                next_hop_type: random.pick(&["None", "Internet", "VirtualAppliance"]).into(),
                ..Route::default()
            };
            let table = RouteTable { name: "rt".into(), routes: vec![route], ..RouteTable::default() };
            Edit::Put(Object::RouteTable(Arc::new(table)))
        }
        // A Service for which the API server fills in what it lacks, in competition with others.
        11 | 12 => {
            let name = random.pick(&["extra", "more"]);
            if model.services.contains_key(&Key::new("default", name)) && random.below(2) == 0 {
                Edit::Remove { object: ObjectRef::namespaced(Kind::Service, &Key::new("default", name)) }
            } else {
                Edit::Put(Object::Service(Arc::new(bare_service(name, random))))
            }
        }
        13 => {
            let keys: Vec<_> = model.endpoint_slices.keys().collect();
            match keys.get(usize::try_from(random.below(2)).unwrap_or_default()) {
                Some(key) => Edit::Remove { object: ObjectRef::namespaced(Kind::EndpointSlice, key) },
                None => Edit::SetPodReady { pod: pod(random), ready: false },
            }
        }
        _ => {
            let mut pod = (*model.pods[&pod(random)]).clone();
            pod.metadata.labels.insert("app".into(), random.pick(&["web", "other"]).into());
            Edit::Put(Object::Pod(Arc::new(pod)))
        }
    }
}

/// Without an address, and with node ports that are mostly to be given.
fn bare_service(name: &str, random: &mut Random) -> Service {
    let mut service = Service::default();
    service.metadata.name = name.into();
    service.metadata.namespace = "default".into();
    service.spec.service_type = ServiceType::LoadBalancer;
    service.spec.selector.insert("app".into(), "web".into());
    service.spec.external_traffic_policy = (random.below(2) == 0).then_some(TrafficPolicy::Local);
    let node_port = if random.below(3) == 0 { 30_500 } else { 0 };
    service.spec.ports = vec![ServicePort { port: 81, node_port, ..ServicePort::default() }];
    service
}

fn same<T: PartialEq + Debug>(what: &str, updated: &T, new: &T, history: &[Edit]) {
    assert!(updated == new, "{what} differs after {history:#?}\n{updated:#?}\n{new:#?}");
}

fn compare(updated: &World, new: &World, history: &[Edit]) {
    same("the model", updated.model(), new.model(), history);
    same("what was left undone", &updated.unsettled(), &new.unsettled(), history);
    let clouds = (updated.cloud(), new.cloud());
    same("load balancers", &clouds.0.load_balancers(), &clouds.1.load_balancers(), history);
    same("statuses", clouds.0.statuses(), clouds.1.statuses(), history);
    same("refusals", &clouds.0.refused().to_vec(), &clouds.1.refused().to_vec(), history);
    same("allocations", &clouds.0.allocated().to_vec(), &clouds.1.allocated().to_vec(), history);
    same("security groups", clouds.0.security_groups(), clouds.1.security_groups(), history);
    for (from, to) in [
        ("203.0.113.9", "20.50.60.70:80"),
        ("pod/default/p0", "svc/default/web:80"),
        ("pod/default/p1", "198.51.100.1:443"),
        ("10.225.0.9", "10.224.0.200:80"),
        ("node/n0", "pod/default/p1:8080"),
    ] {
        same(
            &format!("{from} to {to}"),
            &updated.paths(&flow(from, to)),
            &new.paths(&flow(from, to)),
            history,
        );
    }
    let outside = flow("203.0.113.9", "svc/default/web:80");
    same("the branches together", &updated.overview(&outside), &new.overview(&outside), history);
    for node in new.model().nodes.keys() {
        let family = IpFamily::IPv4;
        same(node.as_str(), &updated.rules(node, family), &new.rules(node, family), history);
    }
}

#[test]
fn an_updated_world_is_a_new_one() {
    let network = "---\napiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {name: v}\nspec:\n  addressSpace: {addressPrefixes: [10.224.0.0/12]}\n  subnets: [{name: nodes, addressPrefix: 10.224.0.0/16, routeTable: {id: /rt}}]\n";
    let spare = "---\napiVersion: v1\nkind: Node\nmetadata: {name: n9, labels: {agentpool: b}}\nstatus: {addresses: [{type: InternalIP, address: 10.224.0.20}]}\n";
    let roomy = cluster("", network);
    // No range of pod addresses is left for the third node.
    let crowded = cluster("podCidr: 10.244.0.0/24", &format!("{network}{spare}"));
    assert!(roomy.unsettled().is_empty() && !crowded.unsettled().is_empty());
    for seed in 0..48 {
        let start = if seed < 32 { &roomy } else { &crowded };
        let mut random = Random(seed);
        // Of a settled cluster nothing but what an edit changes is looked at again.
        let mut model = if seed % 2 == 0 { start.input().clone() } else { start.model().clone() };
        let mut updated = World::new(&model);
        let mut history = Vec::new();
        for _ in 0..8 {
            let edit = edit(&mut random, &model);
            if edit.apply(&mut model).is_err() {
                // A pool exists only while a node is in it.
                continue;
            }
            history.push(edit);
            updated = updated.update(&model);
            compare(&updated, &World::new(&model), &history);
        }
    }
}
