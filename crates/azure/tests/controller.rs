//! The cloud controller in the branches that few Services reach: facts of cloud-provider-azure as tables.

use azure::{
    BackendPoolType, BalancerConfiguration, Cloud, Limit, OutboundType, Reason, Settings, Stage, program_with,
};
use model::{
    Model, Object,
    azure::{Access, PublicIpAddress, SkuName},
    kubernetes::{
        Address, AddressKind, IpFamily, LabelSelector, Namespace, Node, Protocol, Service, ServicePort,
        ServiceType, TrafficPolicy,
    },
};
use std::{collections::BTreeMap, sync::Arc};

const PREFIX: &str = "service.beta.kubernetes.io/";

fn port(protocol: Protocol, port: u16) -> ServicePort {
    ServicePort {
        name: format!("p{port}"),
        protocol,
        port,
        node_port: 30000 + port,
        ..ServicePort::default()
    }
}

fn service(name: &str, ports: &[ServicePort], annotations: &[(&str, &str)]) -> Service {
    let mut service = Service::default();
    service.metadata.name = name.into();
    service.metadata.uid =
        format!("4b5e57f6-eb2f-42b9-a39b-3d1e{:08x}", name.bytes().map(u32::from).sum::<u32>());
    service.metadata.annotations =
        annotations.iter().map(|(key, value)| (format!("{PREFIX}{key}"), (*value).to_owned())).collect();
    service.spec.service_type = ServiceType::LoadBalancer;
    service.spec.ports = ports.to_vec();
    service
}

fn local(mut service: Service) -> Service {
    service.spec.external_traffic_policy = Some(TrafficPolicy::Local);
    service.spec.health_check_node_port = 32100;
    service
}

fn families(mut service: Service, families: &[IpFamily]) -> Service {
    service.spec.ip_families = families.to_vec();
    service
}

fn node(name: &str, pool: &str, label: Option<(&str, &str)>) -> Node {
    let mut node = Node::default();
    node.metadata.name = name.into();
    node.metadata.labels.insert(Node::POOL_LABEL.into(), pool.into());
    node.metadata.labels.extend(label.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let last = name.bytes().map(u32::from).sum::<u32>() % 200 + 4;
    node.status
        .addresses
        .push(Address { kind: AddressKind::InternalIP, address: format!("10.224.0.{last}") });
    node
}

fn model(services: &[Service]) -> Model {
    let mut model = Model::default();
    model.put(Object::Node(Arc::new(node("n0", "system", None))));
    for service in services {
        model.put(Object::Service(Arc::new(service.clone())));
    }
    model
}

fn settings() -> Settings {
    Settings { outbound: OutboundType::None, ..Settings::default() }
}

fn refusals(cloud: &Cloud) -> Vec<(Stage, Reason)> {
    cloud.refused().iter().map(|refusal| (refusal.stage, refusal.reason.clone())).collect()
}

#[test]
fn who_may_reach_a_service() {
    let spec: &[&str] = &["203.0.113.0/24"];
    for (ranges, annotations, wanted) in [
        // The field and either annotation exclude one another; the two annotations add up.
        (spec, vec![("load-balancer-source-ranges", "10.0.0.0/8")], "error"),
        (spec, vec![("azure-allowed-ip-ranges", "10.0.0.0/8")], "error"),
        (
            &[],
            vec![("azure-allowed-ip-ranges", "10.0.0.0/8"), ("load-balancer-source-ranges", "9.0.0.0/8")],
            "allow 10.0.0.0/8,9.0.0.0/8",
        ),
        // Ranges that touch are one; of two that overlap the wider stays.
        (&["10.0.0.0/9", "10.128.0.0/9"], vec![], "allow 10.0.0.0/8"),
        (&["10.1.0.0/16", "10.0.0.0/8"], vec![], "allow 10.0.0.0/8"),
        // A wrong range closes the Service and drops the tag Internet; the right ones stand.
        (&["10.1.2.3/8"], vec![], "deny *"),
        (&["10.0.0.1/33", "10.0.0.0/8"], vec![], "allow 10.0.0.0/8; deny *"),
        // An empty value is one empty piece: a wrong range, or a tag without a name.
        (&[], vec![("azure-allowed-ip-ranges", "")], "deny *"),
        (&[], vec![("azure-allowed-ip-ranges", "10.0.0.0/8,")], "allow 10.0.0.0/8; deny *"),
        (&[], vec![("azure-allowed-service-tags", "AzureCloud, Storage")], "allow AzureCloud; allow Storage"),
        (spec, vec![("azure-allowed-service-tags", "AzureCloud")], "allow AzureCloud; allow 203.0.113.0/24"),
        (&["0.0.0.0/0"], vec![], "allow 0.0.0.0/0"),
        (
            spec,
            vec![("azure-deny-all-except-load-balancer-source-ranges", "true")],
            "allow 203.0.113.0/24; deny *",
        ),
        (&[], vec![("azure-deny-all-except-load-balancer-source-ranges", "true")], "allow Internet"),
        (&[], vec![("azure-load-balancer-internal", "true")], ""),
        (&["0.0.0.0/0"], vec![("azure-load-balancer-internal", "true")], "allow 0.0.0.0/0"),
        (&[], vec![("azure-disable-load-balancer-nsg-rule", "true")], ""),
        (
            spec,
            vec![("azure-disable-load-balancer-nsg-rule", "true"), ("azure-allowed-ip-ranges", "10.0.0.0/8")],
            "error",
        ),
        (&[], vec![("azure-additional-public-ips", "20.0.0.9, nowhere")], "error"),
        // Keys count to the letter, and "true" without blanks.
        (&[], vec![("Azure-Load-Balancer-Internal", "true")], "allow Internet"),
        (&[], vec![("azure-load-balancer-internal", " true")], "allow Internet"),
        (&[], vec![("azure-load-balancer-internal", "TRUE")], ""),
    ] {
        let mut service = service("web", &[port(Protocol::Tcp, 80)], &annotations);
        service.spec.load_balancer_source_ranges = ranges.iter().map(ToString::to_string).collect();
        let cloud = program_with(&model(&[service]), settings());
        let rules = &cloud.node_security_group().expect("a group").document.security_rules;
        let word = |access| if access == Access::Allow { "allow" } else { "deny" };
        let line = |rule: &model::azure::SecurityRule| {
            let sources: Vec<&str> = rule
                .source_address_prefix
                .iter()
                .chain(&rule.source_address_prefixes)
                .map(String::as_str)
                .collect();
            format!("{} {}", word(rule.access), sources.join(","))
        };
        let got = match refusals(&cloud).first() {
            Some((Stage::SecurityGroup, _)) => "error".to_owned(),
            _ => rules.iter().map(line).collect::<Vec<_>>().join("; "),
        };
        assert_eq!(got, wanted, "{ranges:?} {annotations:?}");
    }
}

#[test]
fn probes_stand_where_rules_first_use_them() {
    let ports = [80, 443, 8080].map(|number| port(Protocol::Tcp, number));
    for (what, service, wanted) in [
        ("Cluster", service("web", &ports, &[]), "TCP-80 TCP-443 TCP-8080"),
        ("Local", local(service("web", &ports, &[])), "TCP-32100"),
        (
            "one port of three with a probe of its own",
            local(service("web", &ports, &[("port_80_health-probe_port", "8080")])),
            "TCP-80 TCP-32100",
        ),
        (
            "the common probe first",
            local(service("web", &ports, &[("port_8080_health-probe_port", "8080")])),
            "TCP-32100 TCP-8080",
        ),
        (
            "the common probe unused",
            local(service(
                "web",
                &ports[..2],
                &[("port_80_no_probe_rule", "true"), ("port_443_health-probe_port", "443")],
            )),
            "TCP-443",
        ),
        (
            "without rules for UDP",
            service("web", &[port(Protocol::Udp, 53), port(Protocol::Tcp, 53)], &[]),
            "TCP-53",
        ),
        (
            "SCTP without a rule is no error on a public load balancer",
            service(
                "web",
                &[port(Protocol::Sctp, 132), port(Protocol::Tcp, 80)],
                &[("port_132_no_lb_rule", "true")],
            ),
            "TCP-80",
        ),
        (
            "HA ports pass over a port whose probe is wrong",
            service(
                "web",
                &ports,
                &[
                    ("azure-load-balancer-internal", "true"),
                    ("azure-load-balancer-enable-high-availability-ports", "true"),
                    ("port_80_health-probe_interval", "1"),
                ],
            ),
            "TCP-80",
        ),
    ] {
        let cloud = program_with(&model(&[service]), settings());
        assert_eq!(refusals(&cloud), [], "{what}");
        let balancer = cloud.balancers().next().expect("a load balancer");
        let names = balancer.probes.iter().map(|probe| probe.name.split_once('-').expect("a prefix").1);
        assert_eq!(names.collect::<Vec<_>>().join(" "), wanted, "{what}");
    }
}

#[test]
fn what_upstream_refuses() {
    use Reason::{
        IdleTimeoutAboveMaximum, IdleTimeoutBelowMinimum, NotANumber, PrivateLinkNeedsInternal,
        ProbeCountBelowMinimum, ProbeIntervalBelowMinimum, ProbePortOutOfRange, ProbePortUnknown,
        ProbeTotalTooLong, SctpUnsupported,
    };
    let tcp = [port(Protocol::Tcp, 80)];
    let sctp = [port(Protocol::Sctp, 132)];
    for (ports, annotations, sku, stage, reason) in [
        (
            &tcp,
            vec![("azure-load-balancer-tcp-idle-timeout", "3")],
            SkuName::Standard,
            Stage::Rules,
            IdleTimeoutBelowMinimum(3),
        ),
        (
            &tcp,
            vec![("azure-load-balancer-tcp-idle-timeout", "101")],
            SkuName::Basic,
            Stage::Rules,
            IdleTimeoutAboveMaximum(101),
        ),
        (
            &tcp,
            vec![("azure-load-balancer-tcp-idle-timeout", "4m")],
            SkuName::Standard,
            Stage::Rules,
            NotANumber("4m".into()),
        ),
        (
            &tcp,
            vec![("azure-load-balancer-health-probe-interval", "1")],
            SkuName::Standard,
            Stage::Rules,
            ProbeIntervalBelowMinimum(1),
        ),
        (
            &tcp,
            vec![("azure-load-balancer-health-probe-num-of-probe", "1")],
            SkuName::Standard,
            Stage::Rules,
            ProbeCountBelowMinimum(1),
        ),
        (
            &tcp,
            vec![("azure-load-balancer-health-probe-interval", "60")],
            SkuName::Standard,
            Stage::Rules,
            ProbeTotalTooLong(120),
        ),
        (
            &tcp,
            vec![("port_80_health-probe_port", "70000")],
            SkuName::Standard,
            Stage::Rules,
            ProbePortOutOfRange(70000),
        ),
        (
            &tcp,
            vec![("port_80_health-probe_port", "http")],
            SkuName::Standard,
            Stage::Rules,
            ProbePortUnknown("http".into()),
        ),
        (&sctp, vec![], SkuName::Standard, Stage::Rules, SctpUnsupported),
        (
            &sctp,
            vec![("azure-load-balancer-internal", "true")],
            SkuName::Basic,
            Stage::Rules,
            SctpUnsupported,
        ),
        (
            &tcp,
            vec![("azure-pls-create", "true")],
            SkuName::Standard,
            Stage::PrivateLink,
            PrivateLinkNeedsInternal,
        ),
    ] {
        let settings = Settings { sku, ..settings() };
        let cloud = program_with(&model(&[service("web", ports, &annotations)]), settings);
        assert_eq!(refusals(&cloud), [(stage, reason)], "{annotations:?}");
    }
    // Pools of addresses cannot have a Private Link Service in front.
    let linked = [("azure-load-balancer-internal", "true"), ("azure-pls-create", "true")];
    let by_address = Settings { backend_pool_type: BackendPoolType::NodeIp, ..settings() };
    let cloud = program_with(&model(&[service("web", &tcp, &linked)]), by_address);
    assert_eq!(refusals(&cloud), [(Stage::PrivateLink, Reason::PrivateLinkNeedsNics)]);
    // The ninth Private Link Service, and the rule that is one too many for the NICs.
    let many: Vec<Service> = (0..9).map(|at| service(&format!("s{at}"), &tcp, &linked)).collect();
    let cloud = program_with(&model(&many), settings());
    assert_eq!(refusals(&cloud), [(Stage::ResourceManager, Reason::OverLimit(Limit::PrivateLinks(8)))]);
}

#[test]
fn the_outbound_rule_is_one_of_a_nics_300() {
    for (outbound, ports, refused) in [
        (OutboundType::None, 300, false),
        (OutboundType::None, 301, true),
        (OutboundType::LoadBalancer, 299, false),
        (OutboundType::LoadBalancer, 300, true),
    ] {
        let wide: Vec<ServicePort> = (1..=ports).map(|number| port(Protocol::Tcp, number)).collect();
        let settings = Settings { outbound, ..Settings::default() };
        let cloud = program_with(&model(&[service("web", &wide, &[])]), settings);
        let wanted = (Stage::ResourceManager, Reason::OverLimit(Limit::RulesOfNic(300)));
        let wanted: Vec<_> = refused.then_some(wanted).into_iter().collect();
        assert_eq!(refusals(&cloud), wanted, "{outbound:?} {ports}");
    }
}

#[test]
fn the_public_address_of_each_half() {
    let annotations = [
        ("azure-pip-name", "four"),
        ("azure-pip-name-ipv6", "six"),
        ("azure-load-balancer-resource-group", "addresses"),
    ];
    let prefixes = [("azure-pip-prefix-id", "/x/four"), ("azure-pip-prefix-id-ipv6", "/x/six")];
    for (annotations, of, wanted) in [
        (&annotations[..], &[IpFamily::IPv4][..], "four"),
        // The suffixed annotation is for the half of a dual-stack Service only.
        (&annotations[..], &[IpFamily::IPv6], "four"),
        (&annotations[..], &[IpFamily::IPv4, IpFamily::IPv6], "four six"),
        (&prefixes[..], &[IpFamily::IPv6], "kubernetes-a-four"),
        (&prefixes[..], &[IpFamily::IPv4, IpFamily::IPv6], "kubernetes-a-four kubernetes-a-six-IPv6"),
    ] {
        let service = families(service("web", &[port(Protocol::Tcp, 80)], annotations), of);
        let prefix = azure::names::service_prefix(&service);
        let mut model = model(&[service]);
        for name in ["four", "six"] {
            let address = PublicIpAddress { name: name.into(), ..PublicIpAddress::default() };
            model.put(Object::PublicIPAddress(Arc::new(address)));
        }
        let cloud = program_with(&model, settings());
        let balancer = cloud.balancers().next().expect("a load balancer");
        let ids = balancer.frontends.iter().filter_map(|own| own.configuration.public_ip_address.as_ref());
        let names = ids.clone().map(|id| id.id.name().replace(&prefix, "a")).collect::<Vec<_>>();
        assert_eq!(names.join(" "), wanted, "{annotations:?} {of:?}");
        let group = if annotations.len() == 3 { "addresses" } else { "MC_demo_demo_westeurope" };
        assert!(ids.clone().all(|id| id.id.segment("resourceGroups") == Some(group)), "{wanted}");
    }
}

fn selector(key: &str, value: &str) -> Option<LabelSelector> {
    let match_labels = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    Some(LabelSelector { match_labels, ..LabelSelector::default() })
}

/// Several Standard load balancers: `kubernetes` for all, `team` for labels, `space` for a namespace, `closed`.
fn several() -> Settings {
    let open = |name: &str, set: Option<&str>| BalancerConfiguration {
        name: name.into(),
        primary_vm_set: set.map(str::to_owned),
        allow_service_placement: true,
        ..BalancerConfiguration::default()
    };
    Settings {
        backend_pool_type: BackendPoolType::NodeIp,
        balancers: vec![
            open("kubernetes", Some("system")),
            BalancerConfiguration { service_labels: selector("team", "a"), ..open("team", Some("user")) },
            BalancerConfiguration {
                service_namespaces: selector("kubernetes.io/metadata.name", "space"),
                nodes: selector("for", "space"),
                ..open("space", None)
            },
            BalancerConfiguration { allow_service_placement: false, ..open("closed", None) },
        ],
        ..settings()
    }
}

#[test]
fn one_of_several_load_balancers_takes_a_service() {
    for (labels, namespace, annotation, wanted) in [
        (None, "default", None, "kubernetes"),
        (Some(("team", "a")), "default", None, "team"),
        (Some(("team", "b")), "default", None, "kubernetes"),
        (None, "space", None, "space"),
        (None, "default", Some("closed"), "refused"),
        (None, "default", Some("team"), "refused"),
        (Some(("team", "a")), "default", Some("KUBERNETES, Team"), "team"),
        (None, "default", Some("nowhere"), "refused"),
    ] {
        let annotations: Vec<_> =
            annotation.iter().map(|value| ("azure-load-balancer-configurations", *value)).collect();
        let mut service = service("web", &[port(Protocol::Tcp, 80)], &annotations);
        service.metadata.namespace = namespace.into();
        service.metadata.labels.extend(labels.map(|(key, value)| (key.to_owned(), value.to_owned())));
        let mut model = model(&[service]);
        model.put(Object::Namespace(Arc::new(Namespace::default())));
        let cloud = program_with(&model, several());
        let got = match refusals(&cloud).as_slice() {
            [(Stage::LoadBalancer, Reason::NoEligibleLoadBalancer)] => "refused".to_owned(),
            _ => cloud.balancers().map(|own| own.name.to_string()).collect::<Vec<_>>().join(" "),
        };
        assert_eq!(got, wanted, "{labels:?} {namespace} {annotation:?}");
    }
}

#[test]
fn every_node_falls_to_one_of_several_load_balancers() {
    let ports = [port(Protocol::Tcp, 80)];
    let plain = service("web", &ports, &[]);
    let mut team = service("team", &ports, &[]);
    team.metadata.labels.insert("team".into(), "a".into());
    let mut space = service("space", &ports, &[("azure-load-balancer-internal", "true")]);
    space.metadata.namespace = "space".into();
    let nodes = [
        node("s1", "system", None),
        node("u1", "user", None),
        node("x1", "other", None),
        node("x2", "other", None),
        node("x3", "other", Some(("for", "space"))),
    ];
    for (services, wanted) in [
        // A load balancer that has no Service does not exist, and takes no node.
        (vec![plain.clone()], "kubernetes: n0 s1 u1 x1 x2 x3"),
        // Those of a primary vmset, then the others where the fewest are.
        (vec![plain.clone(), team.clone()], "kubernetes: n0 s1 x2; team: u1 x1 x3"),
        (vec![plain, team, space], "kubernetes: n0 s1 x2; space-internal: x3; team: u1 x1"),
    ] {
        let mut model = model(&services);
        for node in &nodes {
            model.put(Object::Node(Arc::new(node.clone())));
        }
        let cloud = program_with(&model, several());
        assert_eq!(refusals(&cloud), []);
        let line = |balancer: &Arc<azure::Balancer>| {
            let pool = cloud.pool(&balancer.name, "kubernetes").expect("the pool");
            let members = pool.members.iter().filter_map(|member| member.node.as_ref());
            let names: Vec<String> = members.map(ToString::to_string).collect();
            format!("{}: {}", balancer.name, names.join(" "))
        };
        assert_eq!(cloud.balancers().map(line).collect::<Vec<_>>().join("; "), wanted);
    }
}
