#![allow(dead_code, reason = "each test file uses a part")]
//! A small dual-stack cluster with one Service of each flavour.

use model::{
    Model, Object,
    azure::ManagedCluster,
    kubernetes::{
        Condition, ContainerPort, IntOrString, IpFamily, IpMode, LoadBalancerIngress, Node, Pod, Protocol,
        Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
    },
};
use std::{
    io::Write,
    process::{Command, Stdio},
    sync::Arc,
};

pub(crate) fn node(model: &mut Model, name: &str, change: impl FnOnce(&mut Node)) {
    let mut node = Node::default();
    node.metadata.name = name.into();
    change(&mut node);
    model.put(Object::Node(Arc::new(node)));
}

pub(crate) fn pod(model: &mut Model, name: &str, app: &str, node: &str, change: impl FnOnce(&mut Pod)) {
    let mut pod = Pod::default();
    pod.metadata.name = name.into();
    pod.metadata.namespace = "default".into();
    pod.metadata.labels.insert("app".into(), app.into());
    pod.spec.node_name = node.into();
    change(&mut pod);
    model.put(Object::Pod(Arc::new(pod)));
}

pub(crate) fn service(model: &mut Model, name: &str, kind: ServiceType, change: impl FnOnce(&mut Service)) {
    let mut service = Service::default();
    service.metadata.name = name.into();
    service.metadata.namespace = "default".into();
    service.spec.service_type = kind;
    service.spec.selector.insert("app".into(), "echo".into());
    let target = Some(IntOrString::Int(8080));
    service.spec.ports.push(ServicePort { port: 80, target_port: target, ..ServicePort::default() });
    change(&mut service);
    model.put(Object::Service(Arc::new(service)));
}

fn ingress(ip: &str, ip_mode: Option<IpMode>) -> LoadBalancerIngress {
    LoadBalancerIngress { ip: ip.into(), ip_mode, ..LoadBalancerIngress::default() }
}

pub(crate) fn dual_stack() -> Model {
    let mut model = Model::default();
    let mut cluster = ManagedCluster::default();
    let profile = &mut cluster.network_profile;
    profile.pod_cidrs = vec!["10.244.0.0/16".into(), "fd12:3456:789a::/64".into()];
    profile.service_cidrs = vec!["10.0.0.0/16".into(), "fd12:3456:789a:1::/108".into()];
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    for name in ["node-0", "node-1"] {
        node(&mut model, name, |_| {});
    }
    pod(&mut model, "echo-0", "echo", "node-0", |_| {});
    pod(&mut model, "echo-1", "echo", "node-1", |_| {});
    pod(&mut model, "echo-2", "echo", "node-1", |pod| {
        pod.status.conditions.push(Condition::ready(false));
    });
    pod(&mut model, "dns-0", "dns", "node-1", |pod| {
        let port = |name: &str, container_port, protocol| ContainerPort {
            name: name.into(),
            container_port,
            protocol,
        };
        let container = model::kubernetes::Container {
            ports: vec![port("dns", 5353, Protocol::Udp), port("dns-tcp", 5353, Protocol::Tcp)],
            ..Default::default()
        };
        pod.spec.containers.push(container);
    });
    let dual = |service: &mut Service| {
        service.spec.ip_family_policy = Some("PreferDualStack".into());
    };
    service(&mut model, "plain", ServiceType::ClusterIP, dual);
    service(&mut model, "headless", ServiceType::ClusterIP, |service| {
        service.spec.cluster_ip = "None".into();
    });
    service(&mut model, "lonely", ServiceType::NodePort, |service| {
        dual(service);
        service.spec.selector.insert("app".into(), "nothing".into());
    });
    service(&mut model, "sticky", ServiceType::ClusterIP, |service| {
        dual(service);
        service.spec.session_affinity = Some(SessionAffinity::ClientIP);
        service.spec.external_ips = vec!["198.51.100.7".into(), "2001:db8::7".into()];
    });
    service(&mut model, "web", ServiceType::LoadBalancer, |service| {
        dual(service);
        service.spec.load_balancer_source_ranges =
            vec!["203.0.113.0/24".into(), "10.224.0.4/32".into(), "2001:db8:1::/48".into()];
        service.status.load_balancer.ingress =
            vec![ingress("20.50.60.70", None), ingress("2603::70", Some(IpMode::Vip))];
    });
    service(&mut model, "web-local", ServiceType::LoadBalancer, |service| {
        dual(service);
        service.spec.external_traffic_policy = Some(TrafficPolicy::Local);
        service.spec.internal_traffic_policy = Some(TrafficPolicy::Local);
        service.status.load_balancer.ingress = vec![ingress("20.50.60.71", None), ingress("2603::71", None)];
    });
    service(&mut model, "dns", ServiceType::LoadBalancer, |service| {
        service.spec.ip_families = vec![IpFamily::IPv4];
        service.spec.external_traffic_policy = Some(TrafficPolicy::Local);
        service.spec.selector.insert("app".into(), "dns".into());
        let port = |name: &str, protocol| ServicePort {
            name: name.into(),
            protocol,
            port: 53,
            target_port: Some(IntOrString::String(name.into())),
            ..ServicePort::default()
        };
        service.spec.ports = vec![port("dns", Protocol::Udp), port("dns-tcp", Protocol::Tcp)];
        service.status.load_balancer.ingress = vec![ingress("20.50.60.72", None)];
    });
    model
}

/// So many Services with pods of their own, on a tenth as many nodes.
pub(crate) fn large(services: usize, pods_per_service: usize) -> Model {
    let mut model = Model::default();
    let mut cluster = ManagedCluster::default();
    cluster.network_profile.pod_cidr = Some("10.128.0.0/9".into());
    model.put(Object::ManagedCluster(Arc::new(cluster)));
    for i in 0..services.div_ceil(10) {
        node(&mut model, &format!("node-{i:04}"), |_| {});
    }
    for i in 0..services {
        let app = format!("app-{i}");
        service(&mut model, &format!("service-{i}"), ServiceType::ClusterIP, |service| {
            service.spec.selector.insert("app".into(), app.clone());
        });
        for j in 0..pods_per_service {
            pod(&mut model, &format!("app-{i}-{j}"), &app, "", |_| {});
        }
    }
    model
}

/// Runs a shell line in an empty network namespace; `None` where that cannot be done.
pub(crate) fn in_namespace(line: &str, input: &str) -> Option<(bool, String)> {
    let mut child = Command::new("unshare")
        .args(["--net", "sh", "-c", line])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut stdin = child.stdin.take()?;
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().ok()?;
    let _ = writer.join();
    let text = [output.stdout, output.stderr].concat();
    Some((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
}
