//! Facts of kube-proxy beside the conformance cases: affinity, terminating endpoints, hints, node-port addresses.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod cluster;

use cluster::{dual_stack, node, pod, service};
use kubernetes::{
    kube_proxy::{ProxyConfig, ServiceMap, canonical, sync},
    settle,
};
use model::{
    Key, Model, NodeName, Object,
    kubernetes::{
        Address, AddressKind, AddressType, ClientIpConfig, Endpoint, EndpointConditions, EndpointHints,
        EndpointPort, EndpointSlice, HintNode, HintZone, IpFamily, KubeProxyConfiguration, Protocol,
        ServiceType, SessionAffinity, SessionAffinityConfig, TrafficPolicy,
    },
};
use netfilter::{Family, Form};
use std::sync::Arc;

const FAMILIES: [(IpFamily, Family); 2] = [(IpFamily::IPv4, Family::V4), (IpFamily::IPv6, Family::V6)];

/// The payload of a node, in canonical order.
fn payload(model: &Model, node: &str, family: IpFamily) -> String {
    let model = settle(model).model;
    let config = ProxyConfig::of_node(&model, &NodeName::from(node), family).expect("the node is there");
    let map = ServiceMap::new(family, &model.services, &model.endpoint_slices);
    let form = if family == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
    canonical(&sync(&config, &map).ruleset.text(form, Form::KUBE_PROXY).to_string())
}

/// Lines that contain all parts.
fn lines<'a>(text: &'a str, parts: &[&str]) -> Vec<&'a str> {
    text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).collect()
}

#[test]
fn affinity_comes_before_the_spread_and_shares_one_list_per_endpoint() {
    for (family, _) in FAMILIES {
        // None is the default of three hours.
        for (timeout, expected) in [(None, 10_800), (Some(1), 1), (Some(86_400), 86_400)] {
            let mut model = dual_stack();
            let sticky = Arc::make_mut(model.services.get_mut(&Key::new("default", "sticky")).unwrap());
            sticky.spec.session_affinity_config = timeout.map(|seconds| SessionAffinityConfig {
                client_ip: Some(ClientIpConfig { timeout_seconds: Some(seconds) }),
            });
            sticky.spec.internal_traffic_policy = Some(TrafficPolicy::Local);
            let text = payload(&model, "node-1", family);
            let chains = |prefix: &str| -> Vec<&str> {
                let mut chains: Vec<&str> = lines(&text, &[&format!("-A {prefix}"), "default/sticky"])
                    .iter()
                    .map(|line| line.split(' ').nth(1).unwrap())
                    .collect();
                chains.dedup();
                chains
            };
            let [svc, svl] = [chains("KUBE-SVC-"), chains("KUBE-SVL-")];
            assert_eq!((svc.len(), svl.len()), (1, 1), "{text}");
            for chain in [svc[0], svl[0]] {
                let own = lines(&text, &[&format!("-A {chain} "), " -> "]);
                let (recent, spread): (Vec<&str>, Vec<&str>) =
                    own.iter().partition(|line| line.contains("-m recent"));
                assert_eq!(recent.len(), spread.len(), "{own:?}");
                assert_eq!(own, [recent.clone(), spread].concat(), "affinity comes first");
                for line in recent {
                    let sep = line.rsplit(' ').next().unwrap();
                    let words =
                        format!("-m recent --name {sep} --rcheck --seconds {expected} --reap -j {sep}");
                    assert!(line.ends_with(&words), "{line}");
                    let set = lines(&text, &[&format!("-A {sep} "), "--set"]);
                    let words = format!(
                        "-m comment --comment default/sticky -m recent --name {sep} --set -m tcp -p tcp -j DNAT"
                    );
                    assert!(set.len() == 1 && set[0].contains(&words), "{set:?}");
                }
            }
        }
        // Without affinity there is no list.
        let mut model = dual_stack();
        let sticky = Arc::make_mut(model.services.get_mut(&Key::new("default", "sticky")).unwrap());
        sticky.spec.session_affinity = Some(SessionAffinity::None);
        assert!(!payload(&model, "node-1", family).contains("-m recent"));
    }
}

/// How endpoints are, in short: name of the node, then what it is, then its hints.
type Short = (&'static str, &'static str, &'static str);

/// One Service with these endpoints on two nodes in zones a and b.
fn with_endpoints(endpoints: &[Short], external: bool, internal: bool) -> Model {
    let mut model = Model::default();
    for (name, zone, ip) in [("n0", "a", "10.224.0.4"), ("n1", "b", "10.224.0.5")] {
        node(&mut model, name, |node| {
            node.metadata.labels.insert(ProxyConfig::ZONE_LABEL.into(), zone.into());
            node.status.addresses = vec![Address { kind: AddressKind::InternalIP, address: ip.into() }];
        });
    }
    service(&mut model, "web", ServiceType::NodePort, |service| {
        service.spec.cluster_ip = "10.0.0.9".into();
        service.spec.cluster_ips = vec!["10.0.0.9".into()];
        service.spec.ports.first_mut().unwrap().node_port = 30_080;
        let policy = |local| Some(if local { TrafficPolicy::Local } else { TrafficPolicy::Cluster });
        service.spec.external_traffic_policy = policy(external);
        service.spec.internal_traffic_policy = policy(internal);
    });
    let mut slice = EndpointSlice { address_type: AddressType::IPv4, ..EndpointSlice::default() };
    slice.metadata.name = "web-x".into();
    slice.metadata.namespace = "default".into();
    slice.metadata.labels.insert("kubernetes.io/service-name".into(), "web".into());
    slice.ports = vec![EndpointPort {
        name: Some(String::new()),
        protocol: Protocol::Tcp,
        port: Some(8080),
        ..EndpointPort::default()
    }];
    slice.endpoints = (1..)
        .zip(endpoints)
        .map(|(number, (node, state, hints))| Endpoint {
            addresses: vec![format!("10.244.0.{number}")],
            hostname: None,
            node_name: (!node.is_empty()).then(|| (*node).to_owned()),
            conditions: EndpointConditions {
                ready: Some(*state == "ready"),
                serving: Some(matches!(*state, "ready" | "draining")),
                terminating: Some(matches!(*state, "draining" | "gone")),
            },
            hints: (!hints.is_empty()).then(|| EndpointHints {
                for_zones: hints
                    .split(' ')
                    .filter(|hint| hint.len() == 1)
                    .map(|zone| HintZone { name: zone.to_owned() })
                    .collect(),
                for_nodes: hints
                    .split(' ')
                    .filter(|hint| hint.len() == 2)
                    .map(|node| HintNode { name: node.to_owned() })
                    .collect(),
            }),
            ..Endpoint::default()
        })
        .collect();
    model.put(Object::EndpointSlice(Arc::new(slice)));
    model
}

/// The last numbers of the endpoints' addresses to which a chain of this kind leads, as text.
fn led_to(text: &str, kind: &str) -> String {
    let numbers: Vec<&str> = lines(text, &[&format!("-A KUBE-{kind}-"), " -> 10.244.0."])
        .iter()
        .map(|line| line.split(" -> 10.244.0.").nth(1).unwrap().split(':').next().unwrap())
        .collect();
    numbers.join(" ")
}

#[test]
fn endpoints_are_chosen_by_policy_readiness_and_hints() {
    const READY: &str = "ready";
    const DRAINING: &str = "draining";
    // endpoints (node, state, hints), external Local, internal Local, then as n0 sees it: KUBE-SVC, KUBE-SVL, and
    // what filter says of the node port
    type Case = (&'static [Short], bool, bool, &'static str, &'static str, &'static str);
    let cases: [Case; 17] = [
        (&[("n0", READY, ""), ("n1", READY, "")], false, false, "1 2", "", ""),
        (&[("n0", READY, ""), ("n1", READY, "")], true, false, "1 2", "1", ""),
        // Both needed: external Cluster keeps the whole list even where internal is Local.
        (&[("n0", READY, ""), ("n1", READY, "")], false, true, "1 2", "1", ""),
        (&[("n1", READY, "")], true, false, "1", "", "-j DROP"),
        (&[], true, false, "", "", "-j REJECT"),
        (&[("n0", "unready", "")], false, false, "", "", "-j REJECT"),
        // The fallback to what is draining is for each list by itself.
        (&[("n0", DRAINING, ""), ("n1", READY, "")], true, false, "2", "1", ""),
        (&[("n0", DRAINING, ""), ("n1", DRAINING, "")], false, false, "1 2", "", ""),
        (&[("n0", DRAINING, ""), ("n1", "gone", "")], false, false, "1", "", ""),
        // What drains elsewhere is an endpoint somewhere: dropped, not rejected.
        (&[("n1", DRAINING, "")], true, false, "1", "", "-j DROP"),
        (&[("n1", "gone", "")], true, false, "", "", "-j REJECT"),
        // Hints count if every ready endpoint has some and one is for here; nodes before zones.
        (&[("n0", READY, "a"), ("n1", READY, "b")], false, false, "1", "", ""),
        (&[("n0", READY, "a"), ("n1", READY, "")], false, false, "1 2", "", ""),
        (&[("n0", READY, "b"), ("n1", READY, "b")], false, false, "1 2", "", ""),
        (&[("n0", READY, "a n1"), ("n1", READY, "a n0")], false, false, "2", "", ""),
        // Hints do not narrow policy Local, and what drains is taken whatever its hints.
        (&[("n0", READY, "b"), ("n1", READY, "a")], true, false, "2", "1", ""),
        (&[("n0", DRAINING, "b"), ("n1", DRAINING, "a")], false, false, "1 2", "", ""),
    ];
    for (endpoints, external, internal, svc, svl, filter) in cases {
        let text = payload(&with_endpoints(endpoints, external, internal), "n0", IpFamily::IPv4);
        let told = (led_to(&text, "SVC"), led_to(&text, "SVL"));
        assert_eq!((&*told.0, &*told.1), (svc, svl), "{endpoints:?} {external} {internal}\n{text}");
        let refused = lines(&text, &["-A KUBE-EXTERNAL-SERVICES", "--dport 30080"]);
        assert_eq!(refused.is_empty(), filter.is_empty(), "{endpoints:?}: {refused:?}");
        assert!(refused.iter().all(|line| line.contains(filter)), "{endpoints:?}: {refused:?}");
    }
}

#[test]
fn node_ports_answer_where_they_are_configured_to() {
    const ANY: &str = "-m addrtype --dst-type LOCAL";
    // nodePortAddresses, localhostNodePorts, the words of the last rules of KUBE-SERVICES, whether KUBE-FIREWALL is
    // written
    type Case = (&'static [&'static str], Option<bool>, &'static [&'static str], bool);
    let cases: [Case; 11] = [
        (&[], None, &[ANY], true),
        (&[], Some(false), &["-m addrtype --dst-type LOCAL ! -d 127.0.0.0/8"], false),
        (&["0.0.0.0/0"], None, &[ANY], true),
        (&["10.224.0.0/16"], None, &["-d 10.224.0.4"], false),
        (&["10.224.0.0/16", "127.0.0.0/8"], None, &["-d 10.224.0.4", "-d 127.0.0.1"], true),
        (&["127.0.0.1/32"], None, &["-d 127.0.0.1"], true),
        (&["127.0.0.0/8"], Some(false), &[], false),
        (&["primary"], None, &["-d 10.224.0.4"], false),
        (&["192.168.0.0/16"], None, &[], false),
        // Ranges of the other family only count as none.
        (&["2001:db8::/32"], None, &[ANY], true),
        // Twice the same address is one rule.
        (&["10.224.0.4/32", "primary"], None, &["-d 10.224.0.4"], false),
    ];
    for (addresses, localhost, expected, firewall) in cases {
        let mut model = with_endpoints(&[("n0", "ready", "")], false, false);
        let mut config = KubeProxyConfiguration::default();
        config.iptables.localhost_node_ports = localhost;
        config.node_port_addresses = addresses.iter().map(ToString::to_string).collect();
        model.kube_proxy = Some(Arc::new(config));
        let text = payload(&model, "n0", IpFamily::IPv4);
        let jumps: Vec<&str> = lines(&text, &["-A KUBE-SERVICES", "-j KUBE-NODEPORTS"])
            .iter()
            .map(|line| line.split("in this chain\" ").nth(1).unwrap().trim_end_matches(" -j KUBE-NODEPORTS"))
            .collect();
        assert_eq!(jumps, expected, "{addresses:?} {localhost:?}");
        assert_eq!(!lines(&text, &["KUBE-FIREWALL"]).is_empty(), firewall, "{addresses:?} {localhost:?}");
    }
}

#[test]
fn every_masquerade_bit_gives_its_mark() {
    for bit in [0, 1, 14, 15, 31_u8] {
        let mut model = with_endpoints(&[("n0", "ready", "")], false, false);
        let mut config = KubeProxyConfiguration::default();
        config.iptables.masquerade_bit = Some(bit);
        model.kube_proxy = Some(Arc::new(config));
        let text = payload(&model, "n0", IpFamily::IPv4);
        let mark = format!("0x{:08x}", 1_u32 << bit);
        for line in [
            format!("-A KUBE-MARK-MASQ -j MARK --or-mark {mark}"),
            format!("-A KUBE-POSTROUTING -j MARK --xor-mark {mark}"),
            format!("-A KUBE-POSTROUTING -m mark ! --mark {mark}/{mark} -j RETURN"),
            format!(
                "-A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark {mark}/{mark} -j ACCEPT"
            ),
        ] {
            assert_eq!(lines(&text, &[&line]).len(), 1, "{line}\n{text}");
        }
    }
}

#[test]
fn above_a_thousand_endpoints_the_rules_of_endpoints_carry_no_comments() {
    for (count, commented) in [(1000, true), (1001, false)] {
        let mut model = Model::default();
        node(&mut model, "n0", |_| {});
        for number in 0..count {
            pod(&mut model, &format!("p{number}"), "echo", "n0", |pod| {
                pod.status.pod_ip = format!("10.244.{}.{}", number / 250, number % 250 + 1);
            });
        }
        service(&mut model, "web", ServiceType::NodePort, |service| {
            service.spec.session_affinity = Some(SessionAffinity::ClientIP);
        });
        let text = payload(&model, "n0", IpFamily::IPv4);
        let of_endpoints = [
            lines(&text, &["-A KUBE-SVC-", "-m recent"]),
            lines(&text, &["-A KUBE-SVC-", "-m statistic"]),
            lines(&text, &["-A KUBE-SEP-"]),
        ];
        for rules in of_endpoints {
            assert!(rules.len() >= count - 1);
            assert!(
                rules.iter().all(|line| line.contains("--comment") == commented),
                "{count}: {}",
                rules[0]
            );
        }
        // All others keep theirs.
        for part in ["-A KUBE-EXT-", "-A KUBE-NODEPORTS", "cluster IP"] {
            for line in lines(&text, &[part]) {
                assert!(line.contains("--comment") || line.contains("-j KUBE-SVC-"), "{line}");
            }
        }
    }
}
