//! What must hold for every input: what is written can be read, and nothing panics.

use formats::{
    MAX_INPUT_BYTES, PRESETS, ShareError, Source, decode, encode, import, model_json, model_yaml,
    object_json, object_yaml,
};
use model::{
    Edit, Model, Object,
    azure::{
        AgentPool, AgentPoolMode, AgentPoolType, BackendAddressPool, FrontendIpConfiguration, LoadBalancer,
        LoadBalancingRule, ManagedCluster, NetworkSecurityGroup, Probe, ProbeProtocol, RuleProtocol,
        SecurityProtocol, SecurityRule, SubResource, Subnet, VirtualNetwork,
    },
    kubernetes::{
        Address, AddressKind, AddressType, Affinity, Binding, BindingTarget, Condition, Container,
        ContainerPort, Effect, Endpoint, EndpointPort, EndpointSlice, IntOrString, KubeProxyConfiguration,
        LabelSelector, Node, ObjectMeta, OwnerReference, Pod, PodAffinity, PodAffinityTerm,
        PodDisruptionBudget, Protocol, Service, ServicePort, ServiceType, SessionAffinity, Taint,
        TopologySpreadConstraint, TrafficPolicy, WhenUnsatisfiable, Workload,
    },
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::sync::Arc;

/// Texts that YAML could take for something else, and any other text.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9./-]{1,12}",
        2 => select(vec!["on", "null", "~", "080", "1e3", "- a", "a: b", "#", "*x", "&x", "!t", "<<", "{}", "[", "'", "\"", "", "---", "..."]).prop_map(str::to_owned),
        1 => ".{0,8}",
        1 => any::<String>(),
    ]
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9-]{0,10}"
}

fn protocol() -> impl Strategy<Value = Protocol> {
    select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp])
}

prop_compose! {
    fn metadata(namespace: &'static str)(
        name in name(),
        uid in text(),
        labels in proptest::collection::btree_map(text(), text(), 0..4),
        annotations in proptest::collection::btree_map(text(), text(), 0..3),
        deletion_timestamp in option::of(text()),
        owner_references in vec((text(), text(), any::<bool>()), 0..2).prop_map(|owners| {
            let owner = |(kind, name, controller)| OwnerReference { kind, name, controller, ..OwnerReference::default() };
            owners.into_iter().map(owner).collect()
        }),
    ) -> ObjectMeta {
        ObjectMeta {
            name,
            namespace: namespace.to_owned(),
            uid,
            labels,
            annotations,
            deletion_timestamp,
            owner_references,
        }
    }
}

prop_compose! {
    fn node()(
        metadata in metadata(""),
        address in text(),
        kind in select(vec![AddressKind::InternalIP, AddressKind::ExternalIP, AddressKind::Hostname]),
        taint in option::of((text(), text())),
        capacity in proptest::collection::btree_map(text(), text(), 0..3),
        unschedulable: bool,
    ) -> Object {
        let mut node = Node { metadata, ..Node::default() };
        node.status.addresses.push(Address { kind, address });
        node.status.capacity = capacity;
        node.spec.taints.extend(taint.map(|(key, value)| Taint { key, value, effect: Effect::NoSchedule }));
        node.spec.unschedulable = unschedulable;
        Object::Node(Arc::new(node))
    }
}

prop_compose! {
    fn pod()(
        metadata in metadata("default"),
        node_name in text(),
        host_network: bool,
        ports in vec((text(), any::<u16>(), protocol()), 0..3),
        phase in option::of(text()),
        pod_ip in text(),
        ready: bool,
    ) -> Object {
        let mut pod = Pod { metadata: metadata.into(), ..Pod::default() };
        pod.spec.node_name = node_name;
        pod.spec.host_network = host_network;
        let port = |(name, container_port, protocol)| ContainerPort { name, container_port, protocol, ..ContainerPort::default() };
        let ports = ports.into_iter().map(port).collect();
        pod.spec.containers.push(Container { name: "c".into(), ports, ..Container::default() });
        pod.status.phase = phase;
        pod.status.pod_ip = pod_ip;
        pod.status.conditions.push(Condition::ready(ready));
        Object::Pod(Arc::new(pod))
    }
}

fn target() -> impl Strategy<Value = IntOrString> {
    prop_oneof![any::<u16>().prop_map(IntOrString::Int), text().prop_map(IntOrString::String)]
}

prop_compose! {
    fn service()(
        metadata in metadata("default"),
        service_type in select(vec![ServiceType::ClusterIP, ServiceType::NodePort, ServiceType::LoadBalancer]),
        ports in vec((text(), protocol(), any::<u16>(), option::of(target()), any::<u16>()), 0..3),
        selector in proptest::collection::btree_map(text(), text(), 0..3),
        local: bool,
        affinity in option::of(select(vec![SessionAffinity::None, SessionAffinity::ClientIP])),
        cluster_ip in text(),
        external_name in option::of(text()),
    ) -> Object {
        let mut service = Service { metadata, ..Service::default() };
        let spec = &mut service.spec;
        spec.service_type = service_type;
        spec.ports = ports
            .into_iter()
            .map(|(name, protocol, port, target_port, node_port)| {
                ServicePort { name, protocol, app_protocol: None, port, target_port, node_port }
            })
            .collect();
        spec.selector = selector;
        spec.external_traffic_policy = local.then_some(TrafficPolicy::Local);
        spec.session_affinity = affinity;
        spec.cluster_ip = cluster_ip;
        spec.external_name = external_name;
        Object::Service(Arc::new(service))
    }
}

prop_compose! {
    fn slice()(
        metadata in metadata("default"),
        addresses in vec(text(), 0..3),
        node_name in option::of(text()),
        port in (option::of(text()), option::of(any::<u16>()), protocol()),
        ready in option::of(any::<bool>()),
    ) -> Object {
        let mut endpoint = Endpoint { addresses, node_name, ..Endpoint::default() };
        endpoint.conditions.ready = ready;
        let (name, number, protocol) = port;
        Object::EndpointSlice(Arc::new(EndpointSlice {
            metadata,
            address_type: AddressType::IPv6,
            endpoints: vec![endpoint],
            ports: vec![EndpointPort { name, port: number, protocol, app_protocol: None }],
        }))
    }
}

prop_compose! {
    fn cluster()(
        name in name(),
        version in option::of(text()),
        sku in option::of(text()),
        pools in vec((name(), any::<bool>(), any::<bool>(), option::of(any::<u32>())), 0..3),
        pod_cidrs in vec(text(), 0..3),
    ) -> Object {
        let mut cluster = ManagedCluster { name, kubernetes_version: version, ..ManagedCluster::default() };
        cluster.network_profile.load_balancer_sku = sku;
        cluster.network_profile.pod_cidrs = pod_cidrs;
        cluster.agent_pool_profiles = pools
            .into_iter()
            .map(|(name, system, set, count)| AgentPool {
                name: name.into(),
                mode: if system { AgentPoolMode::System } else { AgentPoolMode::User },
                pool_type: if set { AgentPoolType::AvailabilitySet } else { AgentPoolType::VirtualMachineScaleSets },
                count,
                ..AgentPool::default()
            })
            .collect();
        Object::ManagedCluster(Arc::new(cluster))
    }
}

prop_compose! {
    fn balancer()(
        name in name(),
        id in option::of(text()),
        tags in proptest::collection::btree_map(text(), text(), 0..3),
        rule in (text(), any::<u16>(), any::<bool>(), select(vec![RuleProtocol::Tcp, RuleProtocol::Udp, RuleProtocol::All])),
        probe in (text(), any::<u16>(), option::of(text())),
    ) -> Object {
        let reference = |id: &String| SubResource { id: id.as_str().into() };
        Object::LoadBalancer(Arc::new(LoadBalancer {
            name,
            tags,
            frontend_ip_configurations: vec![FrontendIpConfiguration {
                name: "frontend".into(),
                public_ip_address: id.as_ref().map(reference),
                ..FrontendIpConfiguration::default()
            }],
            backend_address_pools: vec![BackendAddressPool {
                name: "kubernetes".into(),
                backend_ip_configurations: id.iter().map(reference).collect(),
                ..BackendAddressPool::default()
            }],
            load_balancing_rules: vec![LoadBalancingRule {
                name: rule.0,
                frontend_port: rule.1,
                enable_floating_ip: rule.2,
                protocol: rule.3,
                ..LoadBalancingRule::default()
            }],
            probes: vec![Probe {
                name: probe.0,
                port: probe.1,
                protocol: ProbeProtocol::Http,
                request_path: probe.2,
                ..Probe::default()
            }],
            id: id.map(Into::into),
            ..LoadBalancer::default()
        }))
    }
}

prop_compose! {
    fn network()(name in name(), prefixes in vec(text(), 0..3), subnet in option::of((text(), option::of(text())))) -> Object {
        let mut network = VirtualNetwork { name, ..VirtualNetwork::default() };
        network.address_space.address_prefixes = prefixes;
        let subnet = subnet.map(|(name, address_prefix)| Subnet { name, address_prefix, ..Subnet::default() });
        network.subnets.extend(subnet);
        Object::VirtualNetwork(Arc::new(network))
    }
}

prop_compose! {
    fn group()(name in name(), rule in text(), priority: u32, prefix in option::of(text())) -> Object {
        let rule = SecurityRule {
            name: rule,
            priority,
            protocol: SecurityProtocol::Any,
            source_address_prefix: prefix,
            ..SecurityRule::default()
        };
        Object::NetworkSecurityGroup(Arc::new(NetworkSecurityGroup {
            name,
            security_rules: vec![rule],
            ..NetworkSecurityGroup::default()
        }))
    }
}

prop_compose! {
    fn kube_proxy()(mode in text(), cluster_cidr in text(), bit in option::of(any::<u8>()), ranges in vec(text(), 0..2)) -> Object {
        let mut config = KubeProxyConfiguration { mode, cluster_cidr, node_port_addresses: ranges, ..Default::default() };
        config.iptables.masquerade_bit = bit;
        Object::KubeProxyConfiguration(Arc::new(config))
    }
}

prop_compose! {
    fn workload()(
        metadata in metadata("default"),
        kind in select(vec![Object::Deployment as fn(_) -> _, Object::ReplicaSet, Object::StatefulSet, Object::DaemonSet, Object::Job]),
        counts in (option::of(any::<u32>()), option::of(any::<u32>()), option::of(any::<u32>())),
        labels in proptest::collection::btree_map(text(), text(), 0..3),
        requests in proptest::collection::btree_map(text(), text(), 0..3),
        term in (text(), text(), any::<u32>(), any::<bool>()),
        suspend: bool,
    ) -> Object {
        let mut workload = Workload { metadata, ..Workload::default() };
        let spec = &mut workload.spec;
        (spec.replicas, spec.completions, spec.parallelism) = counts;
        spec.suspend = suspend;
        let selector = LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() };
        spec.selector = Some(selector.clone());
        spec.template.metadata.labels = labels;
        let mut container = Container { name: "c".into(), ..Container::default() };
        container.resources.requests = requests;
        spec.template.spec.containers.push(container);
        let (topology_key, namespace, number, hard) = term;
        let when_unsatisfiable =
            if hard { WhenUnsatisfiable::DoNotSchedule } else { WhenUnsatisfiable::ScheduleAnyway };
        spec.template.spec.topology_spread_constraints.push(TopologySpreadConstraint {
            max_skew: number,
            topology_key: topology_key.clone(),
            when_unsatisfiable,
            label_selector: Some(selector.clone()), ..TopologySpreadConstraint::default() });
        let term = PodAffinityTerm {
            label_selector: Some(selector),
            namespaces: vec![namespace],
            topology_key,
            ..PodAffinityTerm::default()
        };
        let anti = PodAffinity { required: vec![term], ..PodAffinity::default() };
        spec.template.spec.affinity = Some(Affinity { pod_anti_affinity: Some(anti), ..Affinity::default() });
        kind(Arc::new(workload))
    }
}

prop_compose! {
    fn budget()(metadata in metadata("default"), least in option::of(target()), most in option::of(target())) -> Object {
        let mut budget = PodDisruptionBudget { metadata, ..PodDisruptionBudget::default() };
        (budget.spec.min_available, budget.spec.max_unavailable) = (least, most);
        Object::PodDisruptionBudget(Arc::new(budget))
    }
}

prop_compose! {
    fn binding()(metadata in metadata("default"), name in text()) -> Object {
        let target = BindingTarget { kind: "Node".into(), name };
        Object::Binding(Arc::new(Binding { metadata, target }))
    }
}

fn object() -> impl Strategy<Value = Object> {
    prop_oneof![
        workload(),
        budget(),
        binding(),
        node(),
        pod(),
        service(),
        slice(),
        cluster(),
        balancer(),
        network(),
        group(),
        kube_proxy()
    ]
}

fn any_model() -> impl Strategy<Value = Model> {
    vec(object(), 0..8).prop_map(|objects| {
        let mut model = Model::default();
        for object in objects {
            model.put(object);
        }
        model
    })
}

fn read(text: &str) -> Model {
    import(&[Source::new("in", text)]).model
}

proptest! {
    #[test]
    fn what_is_written_is_read_as_it_was(model in any_model()) {
        let yaml = model_yaml(&model);
        prop_assert_eq!(&read(&yaml), &model, "{}", yaml);
        let json = model_json(&model);
        prop_assert_eq!(&read(&json), &model, "{}", json);
    }

    #[test]
    fn one_object_is_read_as_it_was(object in object()) {
        let mut model = Model::default();
        model.put(object.clone());
        for text in [object_yaml(&object), object_json(&object)] {
            prop_assert_eq!(&read(&text), &model, "{}", text);
        }
    }

    #[test]
    fn links_are_read_as_they_were(objects in vec(object(), 0..4)) {
        let edits: Vec<Edit> = objects.into_iter().map(Edit::Put).collect();
        let link = encode(&edits).expect("edits are JSON");
        prop_assert_eq!(decode::<Vec<Edit>>(&link).expect("a link"), edits.clone());
        prop_assert_eq!(decode::<Vec<Edit>>(&format!("#{link}")).expect("a link"), edits);
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        import(&[Source::new("in", text.as_str())]);
        let _ = decode::<Vec<Edit>>(&text);
        let _ = decode::<Vec<Edit>>(&format!("v1.{text}"));
    }

    #[test]
    fn no_yaml_like_text_panics(text in "([-:?,{}\\[\\]&*!|>'\"%@`#a-c0 \n\t<~.]|kind: |apiVersion: v1\n|- |\n  ){0,60}") {
        import(&[Source::new("in", text)]);
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200)) {
        import(&[Source::new("in", bytes)]);
    }

    #[test]
    fn no_changed_document_panics(
        preset in select(PRESETS.to_vec()),
        cuts in vec((any::<prop::sample::Index>(), 0_usize..8, "[-:{}\\[\\]&*!'\"a0 \n]{0,4}"), 1..6),
    ) {
        let mut text = preset.files.iter().map(|(_, text)| *text).collect::<Vec<_>>().join("---\n");
        for (at, length, with) in cuts {
            let start = at.index(text.len());
            let end = (start + length).min(text.len());
            if text.is_char_boundary(start) && text.is_char_boundary(end) {
                text.replace_range(start..end, &with);
            }
        }
        let import = import(&[Source::new("in", text.as_str())]);
        for remark in &import.diagnostics {
            prop_assert!(remark.line >= 1 && !remark.what.is_empty(), "{:?}", remark);
        }
    }
}

#[test]
fn hostile_sizes_are_refused() {
    let laughs = (0..30).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
        let next = level + 1;
        let aliases = vec![format!("*a{level}"); 10].join(", ");
        text + &format!("a{next}: &a{next} [{aliases}]\n")
    });
    let cases: [(Vec<u8>, &str); 5] = [
        (laughs.into(), "anchors and aliases copy more than"),
        ("[".repeat(100_000).into(), "nested deeper than 100 levels"),
        ("- ".repeat(100_000).into(), "nested deeper than 100 levels"),
        (vec![b' '; MAX_INPUT_BYTES + 1], "larger than 64 MiB"),
        (b"kind: \xff\n".to_vec(), "not UTF-8"),
    ];
    for (bytes, what) in cases {
        let import = import(&[Source::new("in", bytes)]);
        assert!(import.diagnostics[0].what.contains(what), "{:?}", import.diagnostics);
    }
}

#[test]
fn bad_links_say_what_is_wrong() {
    let good = encode(&vec!["a cluster"; 50]).expect("a link");
    let cases = [
        (String::new(), ShareError::NotALink),
        ("caveat".to_owned(), ShareError::NotALink),
        ("x1.abc".to_owned(), ShareError::NotALink),
        (good.replace("v1.", "v2."), ShareError::TooNew("v2".to_owned())),
        (good[..good.len() - 4].to_owned(), ShareError::Damaged),
        ("v1.!!!!".to_owned(), ShareError::Damaged),
        ("v1.".to_owned(), ShareError::Damaged),
        (format!("v1.{}", "A".repeat(2 << 20)), ShareError::TooLong),
    ];
    for (link, expected) in cases {
        assert_eq!(decode::<Vec<String>>(&link), Err(expected), "{}", &link[..link.len().min(60)]);
    }
    assert!(matches!(decode::<Vec<u32>>(&good), Err(ShareError::NotAState(_))));
    assert_eq!(encode(&"a".repeat(9 << 20)), Err(ShareError::TooLong), "what cannot be read is not written");
}
