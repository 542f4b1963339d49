//! What is measured, and the budget of each.

use crate::clusters::{Shape, node_name, running, waiting};
use engine::{Flow, MatrixQuestion, Place, World};
use kubernetes::kube_proxy::{ProxyConfig, ServiceMap, installed, sync};
use model::{
    Edit, Key, Model, NodeName,
    kubernetes::{IpFamily, TrafficPolicy},
};
use netfilter::{
    Entry, Family, Form, Host, Interface, InterfaceName, Kernel, Packet, Protocol, Segment, State,
};
use std::net::IpAddr;

/// One measurement.
pub struct Case {
    /// What is measured.
    pub name: String,
    /// At most so many microseconds; 0 where there is no budget.
    pub budget: f64,
    /// How much is prepared before: cases of one group share it.
    pub make: fn(u32) -> Option<Run>,
    /// The size that it is prepared for.
    pub size: u32,
}

/// Does what is measured once; gives a number that depends on it.
pub type Run = Box<dyn FnMut() -> usize>;

/// Every case, in the order of the table.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |name: String, budget: f64, size: u32, make: fn(u32) -> Option<Run>| {
        cases.push(Case { name, budget, make, size });
    };
    for services in [10, 100, 1_000, 10_000] {
        add(format!("one packet through a node, {services} Services, compiled"), 0.0, services, compiled);
    }
    for services in [10, 100, 1_000, 10_000] {
        add(
            format!("one packet through a node, {services} Services, every rule examined"),
            0.0,
            services,
            naive,
        );
    }
    for services in [100, 1_000, 10_000] {
        let budget = if services == 1_000 { 20.0 } else { 0.0 };
        add(format!("full trace there and back, {services} Services"), budget, services, trace);
    }
    add("all nine branches of it, 1,000 Services".into(), 0.0, 1_000, paths);
    add("run of 10,000 connections with shares, 1,000 Services".into(), 20_000.0, 1_000, run);
    for services in [1_000, 10_000] {
        add(format!("a new world and one branch, {services} Services"), 0.0, services, branch);
        add(format!("the same and its near misses, {services} Services"), 0.0, services, near_misses);
    }
    for services in [10, 100, 1_000, 10_000] {
        let budget = if services == 10_000 { 100_000.0 } else { 0.0 };
        add(format!("rules of one node, {services} Services with 10 endpoints"), budget, services, rules);
        add(format!("the same and their text, {services} Services"), 0.0, services, text);
    }
    add("Services and slices as kube-proxy reads them, 10,000 with 10 endpoints".into(), 0.0, 10_000, read);
    add("load balancer of 1,000 Services and 1,000 nodes".into(), 0.0, 1_000, balancer);
    add("the same after one node changed its pool".into(), 0.0, 1_000, pool_change);
    add("scheduling 10,000 pods on 1,000 nodes".into(), 0.0, 1_000, schedule);
    add("matrix of 50 clients and 200 Services on 100 nodes, a new world".into(), 200_000.0, 100, matrix);
    for (name, make) in [
        (
            "an edit and its new outcomes, 5,000 nodes, 10,000 Services: a policy",
            policy as fn(u32) -> Option<Run>,
        ),
        ("the same: a pod that is not ready", unready),
        ("the same: a node to another pool", pool),
    ] {
        add(name.into(), 100_000.0, 5_000, make);
    }
    add("outcomes alone, 5,000 nodes, 10,000 Services, in a new world".into(), 0.0, 5_000, outcomes);
    for (name, make) in [
        ("a new world and its shares, one Service, policy Local", local as fn(u32) -> Option<Run>),
        ("the same, policy Cluster", cluster),
        ("the chain of consequences of policy Cluster, both worlds new", consequences),
    ] {
        for nodes in [500, 2_000] {
            add(format!("{name}: {nodes} nodes, {} pods", nodes * 10), 0.0, nodes, make);
        }
    }
    cases
}

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

fn three_nodes(services: u32) -> Model {
    let policy = TrafficPolicy::Cluster;
    running(Shape { nodes: 3, services, endpoints: 3, policy, clients: 0 })
}

fn to(service: u32) -> Flow {
    let service = Place::Service(Key::new("default", &format!("app-{service:05}")));
    Flow::tcp(Place::Ip(CLIENT), service, 80)
}

fn asked(services: u32) -> Option<(World, Flow)> {
    let world = World::new(&three_nodes(services));
    let flow = to(services.min(1_000) / 2);
    // Nodes are programmed and probes asked by the first question.
    world.paths(&flow).ok()?;
    Some((world, flow))
}

fn trace(services: u32) -> Option<Run> {
    let (world, flow) = asked(services)?;
    let mut seed = 0;
    Some(Box::new(move || {
        seed += 1;
        world.trace(&flow, seed).map_or(0, |paths| paths.outcomes.iter().map(|own| own.steps.len()).sum())
    }))
}

fn branch(services: u32) -> Option<Run> {
    let (model, flow) = (three_nodes(services), to(services.min(1_000) / 2));
    Some(Box::new(move || World::new(&model).trace(&flow, 1).map_or(0, |paths| paths.outcomes.len())))
}

/// Near misses may be any rule: the nodes of the branch are programmed as a whole.
fn near_misses(services: u32) -> Option<Run> {
    let (model, flow) = (three_nodes(services), to(services.min(1_000) / 2));
    Some(Box::new(move || {
        let world = World::new(&model);
        let Ok(mut paths) = world.trace(&flow, 1) else { return 0 };
        let Some(outcome) = paths.outcomes.first_mut() else { return 0 };
        if world.explain(&flow, outcome).is_err() {
            return 0;
        }
        1 + outcome.steps.iter().map(|step| step.near_misses.len()).sum::<usize>()
    }))
}

fn paths(services: u32) -> Option<Run> {
    let (world, flow) = asked(services)?;
    Some(Box::new(move || world.paths(&flow).map_or(0, |paths| paths.outcomes.len())))
}

fn run(services: u32) -> Option<Run> {
    let (world, flow) = asked(services)?;
    Some(Box::new(move || world.run(&flow, 10_000, 1).map_or(0, |run| run.rows.len())))
}

/// A node's kernel among Services with three endpoints each, and a packet to one of them.
fn kernel(services: u32) -> Option<(Kernel, Packet, Entry)> {
    let (config, map) = proxy(services, 3)?;
    let uplink = InterfaceName::new("eth0")?;
    let interface = Interface { name: uplink, addresses: vec!["10.224.0.4/16".parse().ok()?], hairpin: true };
    let route = netfilter::Route {
        destination: "0.0.0.0/0".parse().ok()?,
        via: None,
        interface: uplink,
        source: None,
        metric: 0,
    };
    let ipv4 = installed(&config, &map).ruleset.into();
    let host =
        Host { interfaces: vec![interface], routes: vec![route], ipv4, forwarding: true, ..Host::default() };
    let destination = map.ports().get(services as usize / 2)?.cluster_ip;
    let packet = Packet {
        protocol: Protocol::Tcp,
        source: CLIENT,
        source_port: 51_514,
        destination,
        destination_port: 80,
        mark: 0,
    };
    Some((Kernel::new(host).ok()?, packet, Entry::Received(uplink)))
}

fn compiled(services: u32) -> Option<Run> {
    let (kernel, packet, entry) = kernel(services)?;
    let state = State::default();
    Some(Box::new(move || kernel.pass(packet, entry, Segment::Opening, &state).len()))
}

fn naive(services: u32) -> Option<Run> {
    let (kernel, packet, entry) = kernel(services)?;
    let state = State::default();
    Some(Box::new(move || kernel.pass_naive(packet, entry, Segment::Opening, &state).len()))
}

fn proxy(services: u32, endpoints: u32) -> Option<(ProxyConfig, ServiceMap)> {
    let shape = Shape { nodes: 100, services, endpoints, policy: TrafficPolicy::Cluster, clients: 0 };
    let settled = kubernetes::settle(&running(shape)).model;
    let config = ProxyConfig::of_node(&settled, &node_name(0).as_str().into(), IpFamily::IPv4)?;
    Some((config, ServiceMap::new(IpFamily::IPv4, &settled.services, &settled.endpoint_slices)))
}

fn rules(services: u32) -> Option<Run> {
    let (config, map) = proxy(services, 10)?;
    Some(Box::new(move || sync(&config, &map).ruleset.tables.len()))
}

fn text(services: u32) -> Option<Run> {
    let (config, map) = proxy(services, 10)?;
    let print = |ruleset: netfilter::Ruleset| ruleset.text(Family::V4, Form::KUBE_PROXY).to_string().len();
    Some(Box::new(move || print(sync(&config, &map).ruleset)))
}

fn read(services: u32) -> Option<Run> {
    let shape = Shape { nodes: 100, services, endpoints: 10, policy: TrafficPolicy::Cluster, clients: 0 };
    let settled = kubernetes::settle(&running(shape)).model;
    Some(Box::new(move || {
        ServiceMap::new(IpFamily::IPv4, &settled.services, &settled.endpoint_slices).ports().len()
    }))
}

fn thousand(nodes: u32) -> Model {
    let policy = TrafficPolicy::Local;
    kubernetes::settle(&running(Shape { nodes, services: 1_000, endpoints: 3, policy, clients: 0 })).model
}

fn balancer(nodes: u32) -> Option<Run> {
    let model = thousand(nodes);
    Some(Box::new(move || azure::program(&model).balancers().count()))
}

fn pool_change(nodes: u32) -> Option<Run> {
    let model = thousand(nodes);
    let cloud = azure::program(&model);
    let mut edited = model.clone();
    Edit::MoveNode { node: node_name(1).as_str().into(), pool: "system".into() }.apply(&mut edited).ok()?;
    Some(Box::new(move || cloud.update(&edited).balancers().count()))
}

fn schedule(nodes: u32) -> Option<Run> {
    let model = waiting(nodes, 100, 100);
    Some(Box::new(move || kubernetes::settle(&model).model.pods.len()))
}

fn matrix(nodes: u32) -> Option<Run> {
    let policy = TrafficPolicy::Cluster;
    let model = running(Shape { nodes, services: 200, endpoints: 5, policy, clients: 49 });
    Some(Box::new(move || {
        let world = World::new(&model);
        let everything = world.everything();
        let client = |number| Place::Pod(Key::new("default", &format!("client-{number:03}")));
        let clients = everything.clients.into_iter().take(1).chain((0..49).map(client)).collect();
        world.matrix(&MatrixQuestion { clients, targets: everything.targets }).rows.len()
    }))
}

fn large(nodes: u32) -> Option<(World, Model)> {
    let policy = TrafficPolicy::Cluster;
    let model = running(Shape { nodes, services: 10_000, endpoints: 5, policy, clients: 0 });
    // What kubectl prints of a real cluster is settled: controllers have nothing left to fill in.
    let model = World::new(&model).model().clone();
    let world = World::new(&model);
    world.overview(&to(500)).ok()?;
    Some((world, model))
}

/// Plans and applies an edit, and asks the flow anew.
fn edited(nodes: u32, edit: Edit) -> Option<Run> {
    let (world, model) = large(nodes)?;
    let flow = to(500);
    Some(Box::new(move || {
        let mut edited = model.clone();
        let Ok(plan) = world.plan(&edit) else { return 0 };
        if plan.edit.apply(&mut edited).is_err() {
            return 0;
        }
        world.update(&edited).overview(&flow).map_or(0, |paths| paths.outcomes.len())
    }))
}

fn policy(nodes: u32) -> Option<Run> {
    let service = Key::new("default", "app-00500");
    edited(nodes, Edit::SetExternalTrafficPolicy { service, policy: TrafficPolicy::Local })
}

fn unready(nodes: u32) -> Option<Run> {
    edited(nodes, Edit::SetPodReady { pod: Key::new("default", "app-00500-00"), ready: false })
}

fn pool(nodes: u32) -> Option<Run> {
    let node = NodeName::from(node_name(1).as_str());
    edited(nodes, Edit::MoveNode { node, pool: "system".into() })
}

/// Ten pods on each node, all of one Service.
fn one_service(nodes: u32, policy: TrafficPolicy) -> Model {
    running(Shape { nodes, services: 1, endpoints: nodes * 10, policy, clients: 0 })
}

fn shares(nodes: u32, policy: TrafficPolicy) -> Option<Run> {
    let model = World::new(&one_service(nodes, policy)).model().clone();
    Some(Box::new(move || World::new(&model).overview(&to(0)).map_or(0, |paths| paths.outcomes.len())))
}

fn local(nodes: u32) -> Option<Run> {
    shares(nodes, TrafficPolicy::Local)
}

fn cluster(nodes: u32) -> Option<Run> {
    shares(nodes, TrafficPolicy::Cluster)
}

fn consequences(nodes: u32) -> Option<Run> {
    let before = World::new(&one_service(nodes, TrafficPolicy::Cluster)).model().clone();
    let mut after = before.clone();
    let pod = Key::new("default", "app-00000-00");
    Edit::SetPodReady { pod, ready: false }.apply(&mut after).ok()?;
    Some(Box::new(move || {
        let (before, after) = (World::new(&before), World::new(&after));
        before.consequences(&after, &[]).pods.len() + 1
    }))
}

fn outcomes(nodes: u32) -> Option<Run> {
    let (world, model) = large(nodes)?;
    let flow = to(500);
    let other = World::new(&model);
    drop(other);
    Some(Box::new(move || world.overview(&flow).map_or(0, |paths| paths.outcomes.len())))
}
