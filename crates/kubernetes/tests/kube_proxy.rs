//! kube-proxy beyond the conformance cases: IPv6, two families, settings, owners.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod cluster;

use cluster::{dual_stack, pod, service};
use kubernetes::{
    kube_proxy::{
        ChainKind, LocalDetector, Programmed, ProxyConfig, ServiceMap, Sync, canonical, installed, sync,
    },
    settle,
};
use model::{
    Key, Model, NodeName,
    kubernetes::{IpFamily, KubeProxyConfiguration, ServiceType},
};
use netfilter::{Family, Form, RuleId, TableName, Target};
use std::{collections::BTreeSet, sync::Arc};

const FAMILIES: [(IpFamily, Family); 2] = [(IpFamily::IPv4, Family::V4), (IpFamily::IPv6, Family::V6)];

fn map(model: &Model, family: IpFamily) -> ServiceMap {
    ServiceMap::new(family, &model.services, &model.endpoint_slices)
}

fn config(model: &Model, family: IpFamily) -> ProxyConfig {
    ProxyConfig::of_node(model, &NodeName::from("node-0"), family).expect("the node is there")
}

fn text(programmed: &Programmed, family: Family) -> String {
    canonical(&programmed.ruleset.text(family, Form::KUBE_PROXY).to_string())
}

/// The payload of node-0 after a change of the cluster.
fn payload(family: IpFamily, change: impl FnOnce(&mut Model)) -> String {
    let mut model = dual_stack();
    change(&mut model);
    let model = settle(&model).model;
    let form = if family == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
    text(&sync(&config(&model, family), &map(&model, family)), form)
}

/// Lines that contain all parts.
fn lines<'a>(text: &'a str, parts: &[&str]) -> Vec<&'a str> {
    text.lines().filter(|line| parts.iter().all(|part| line.contains(part))).collect()
}

#[test]
fn each_family_sees_only_its_own_addresses() {
    for (family, form) in FAMILIES {
        let model = settle(&dual_stack()).model;
        let text = text(&installed(&config(&model, family), &map(&model, family)), form);
        let foreign = |line: &&str| {
            let words: Vec<&str> = line.split(' ').collect();
            words.windows(2).any(|pair| {
                ["-s", "-d", "--to-destination"].contains(&pair[0])
                    && (pair[1].matches(':').count() > 1) != (family == IpFamily::IPv6)
            })
        };
        assert_eq!(text.lines().filter(foreign).collect::<Vec<_>>(), Vec::<&str>::new(), "{family}");
    }
}

#[test]
fn ipv6_rules_are_written_with_brackets_and_without_localhost_node_ports() {
    let text = payload(IpFamily::IPv6, |_| {});
    let endpoint = lines(&text, &["KUBE-SEP-", "default/plain", "--to-destination ["]);
    assert_eq!(endpoint.len(), 2, "{text}");
    assert!(endpoint[0].ends_with("]:8080"), "{endpoint:?}");
    assert_eq!(
        lines(&text, &["must be the last rule"]),
        [
            "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" -m addrtype --dst-type LOCAL ! -d ::1/128 -j KUBE-NODEPORTS"
        ]
    );
    assert_eq!(lines(&text, &["KUBE-FIREWALL"]), Vec::<&str>::new());
}

#[test]
fn the_local_detector_is_as_configured() {
    // mode, what is set, the words that mark traffic of others
    type Change = fn(&mut KubeProxyConfiguration);
    let cases: [(&str, Change, &str); 7] = [
        ("", |_| {}, "! -s 10.244.0.0/16"),
        ("ClusterCIDR", |config| config.cluster_cidr = "fd00::/64,10.9.0.0/16".into(), "! -s 10.9.0.0/16"),
        ("NodeCIDR", |_| {}, "! -s 10.244.0.0/24"),
        ("BridgeInterface", |config| config.detect_local.bridge_interface = "cbr0".into(), "! -i cbr0"),
        (
            "InterfaceNamePrefix",
            |config| config.detect_local.interface_name_prefix = "azv".into(),
            "! -i azv+",
        ),
        ("BridgeInterface", |_| {}, ""),
        ("ClusterCIDR", |config| config.cluster_cidr = "fd00::/64".into(), ""),
    ];
    for (mode, change, expected) in cases {
        let text = payload(IpFamily::IPv4, |model| {
            let mut config = KubeProxyConfiguration { detect_local_mode: mode.into(), ..Default::default() };
            change(&mut config);
            model.kube_proxy = Some(Arc::new(config));
        });
        let rules = lines(&text, &["KUBE-SVC-", "default/plain cluster IP", "-j KUBE-MARK-MASQ"]);
        let [rule] = &rules[..] else {
            assert_eq!((expected, rules.len()), ("", 0), "{mode}: {rules:?}");
            continue;
        };
        assert!(
            !expected.is_empty() && rule.contains(&format!("{expected} -j KUBE-MARK-MASQ")),
            "{mode}: {rule}"
        );
    }
}

#[test]
fn masquerade_settings_are_as_configured() {
    let text = payload(IpFamily::IPv4, |model| {
        let mut config = KubeProxyConfiguration::default();
        config.iptables.masquerade_bit = Some(15);
        config.iptables.masquerade_all = true;
        config.iptables.localhost_node_ports = Some(false);
        config.conntrack.tcp_be_liberal = true;
        config.node_port_addresses = vec!["primary".into()];
        model.kube_proxy = Some(Arc::new(config));
    });
    assert_eq!(lines(&text, &["--or-mark"]), ["-A KUBE-MARK-MASQ -j MARK --or-mark 0x00008000"]);
    assert_eq!(lines(&text, &["default/plain cluster IP", "! -s"]), Vec::<&str>::new());
    assert_eq!(lines(&text, &["default/plain cluster IP", "--dport 80 -j KUBE-MARK-MASQ"]).len(), 1);
    assert_eq!(lines(&text, &["INVALID"]), Vec::<&str>::new());
    assert_eq!(lines(&text, &["KUBE-FIREWALL"]), Vec::<&str>::new());
    let last = lines(&text, &["must be the last rule"]);
    assert!(last.len() == 1 && last[0].ends_with("-d 10.224.0.4 -j KUBE-NODEPORTS"), "{last:?}");
}

#[test]
fn source_ranges_that_hold_the_node_let_the_vip_itself_through() {
    let text = payload(IpFamily::IPv4, |_| {});
    let sources: Vec<&str> = lines(&text, &["-A KUBE-FW-", " -s "])
        .iter()
        .map(|line| line.split(" -s ").nth(1).unwrap().split(' ').next().unwrap())
        .collect();
    assert_eq!(sources, ["203.0.113.0/24", "10.224.0.4/32", "20.50.60.70"]);
    // Ranges of one family only: the other is not filtered.
    let unfiltered = payload(IpFamily::IPv6, |model| {
        let web = Arc::make_mut(model.services.get_mut(&Key::new("default", "web")).unwrap());
        web.spec.load_balancer_source_ranges.retain(|range| !range.contains(':'));
    });
    assert_eq!(lines(&unfiltered, &["KUBE-FW-"]), Vec::<&str>::new());
    assert_eq!(lines(&unfiltered, &["default/web loadbalancer IP", "-j KUBE-EXT-"]).len(), 1);
}

#[test]
fn built_in_chains_jump_in_the_order_of_an_empty_host() {
    let model = settle(&dual_stack()).model;
    let expected = [
        (
            TableName::Filter,
            "INPUT",
            "KUBE-FIREWALL KUBE-PROXY-FIREWALL KUBE-NODEPORTS KUBE-EXTERNAL-SERVICES",
        ),
        (
            TableName::Filter,
            "FORWARD",
            "KUBE-PROXY-FIREWALL KUBE-FORWARD KUBE-SERVICES KUBE-EXTERNAL-SERVICES",
        ),
        (TableName::Filter, "OUTPUT", "KUBE-FIREWALL KUBE-PROXY-FIREWALL KUBE-SERVICES"),
        (TableName::Nat, "PREROUTING", "KUBE-SERVICES"),
        (TableName::Nat, "INPUT", ""),
        (TableName::Nat, "OUTPUT", "KUBE-SERVICES"),
        (TableName::Nat, "POSTROUTING", "KUBE-POSTROUTING"),
    ];
    for (family, _) in FAMILIES {
        let ruleset = installed(&config(&model, family), &map(&model, family)).ruleset;
        for (table, chain, targets) in expected {
            let chains = &ruleset.tables[&table].chains;
            let chain =
                chains.iter().find(|candidate| *candidate.name == *chain).expect("the chain is there");
            let got: Vec<&str> = chain.rules.iter().map(|rule| jump_target(&rule.target).unwrap()).collect();
            assert_eq!(got.join(" "), targets, "{family} {table} {}", chain.name);
        }
    }
}

fn jump_target(target: &Target) -> Option<&str> {
    match target {
        Target::Jump(chain) => Some(chain),
        _ => None,
    }
}

/// `app` pods on node-0 behind one more Service.
fn large(endpoints: usize) -> Model {
    let mut model = dual_stack();
    for i in 0..endpoints {
        pod(&mut model, &format!("many-{i}"), "many", "node-0", |pod| {
            pod.status.pod_ip = format!("10.250.{}.{}", i / 250, i % 250 + 1);
        });
    }
    service(&mut model, "many", ServiceType::ClusterIP, |service| {
        service.spec.selector.insert("app".into(), "many".into());
    });
    settle(&model).model
}

#[test]
fn every_jump_leads_to_a_chain_and_every_chain_is_used_and_has_its_owner() {
    for model in [settle(&dual_stack()).model, large(1100)] {
        for (family, form) in FAMILIES {
            for programmed in
                [installed, sync].map(|program| program(&config(&model, family), &map(&model, family)))
            {
                check_owners(&programmed, form);
            }
        }
    }
}

fn check_owners(programmed: &Programmed, form: Family) {
    let mut used = BTreeSet::new();
    for (table_name, table) in &programmed.ruleset.tables {
        let names: BTreeSet<&str> = table.chains.iter().map(|chain| chain.name.as_str()).collect();
        for (i, chain) in (0_u32..).zip(&table.chains) {
            let kind = ChainKind::of(&chain.name);
            let owner = programmed.owner_of_chain_at(*table_name, i);
            assert_eq!(owner.and_then(|owner| owner.kind), kind, "{}", chain.name);
            assert_eq!(owner, programmed.owner_of_chain(&chain.name), "{}", chain.name);
            if let Some(owner) = owner {
                let name = owner
                    .endpoint
                    .map_or_else(|| owner.service.chain(kind.unwrap()), |endpoint| endpoint.chain);
                assert_eq!(name, chain.name);
            }
            for (j, rule) in (0_u32..).zip(&chain.rules) {
                if let Some(target) = jump_target(&rule.target) {
                    assert!(names.contains(target), "{} jumps to {target}", chain.name);
                    used.insert(target.to_owned());
                }
                let id = RuleId { table: *table_name, chain: i, rule: j };
                let line = rule.text(form, Form::KUBE_PROXY).to_string();
                let owned = programmed.owner_of_rule(id).map(|owner| owner.service.name.to_string());
                match owned {
                    Some(name) if kind.is_none() => assert!(line.contains(&name), "{name}: {line}"),
                    None => assert!(!line.contains("default/"), "no owner: {line}"),
                    Some(_) => {}
                }
            }
        }
    }
    for generated in programmed.ruleset.tables[&TableName::Nat].chains.iter().map(|chain| chain.name) {
        assert!(
            ChainKind::of(&generated).is_none() || used.contains(generated.as_str()),
            "{generated} is unused"
        );
    }
}

#[test]
fn a_map_after_a_change_is_the_map_of_the_changed_cluster() {
    let before = settle(&dual_stack()).model;
    let mut after = dual_stack();
    pod(&mut after, "echo-3", "echo", "node-0", |_| {});
    after.services.remove(&Key::new("default", "sticky"));
    service(&mut after, "late", ServiceType::NodePort, |_| {});
    let after = settle(&after).model;
    for (family, _) in FAMILIES {
        let old = map(&before, family);
        let next = old.next(&after.services, &after.endpoint_slices);
        assert_eq!(next.ports(), map(&after, family).ports());
        let back = next.next(&before.services, &before.endpoint_slices);
        assert_eq!(back.ports(), old.ports());
        assert_eq!(old.changed_since(&old), BTreeSet::new());
        let changed: Vec<String> = next.changed_since(&old).iter().map(|key| key.name.to_string()).collect();
        let expected = if family == IpFamily::IPv4 {
            &["late", "plain", "sticky", "web", "web-local"][..]
        } else {
            &["plain", "sticky", "web", "web-local"]
        };
        assert_eq!(changed, expected, "{family}");
    }
}

#[test]
fn a_partial_sync_writes_the_shared_chains_and_those_of_changed_services() {
    let model = settle(&dual_stack()).model;
    let (config, map) = (config(&model, IpFamily::IPv4), map(&model, IpFamily::IPv4));
    let whole = sync(&config, &map).ruleset;
    let changed = BTreeSet::from([Key::new("default", "plain")]);
    let partial = Sync { changed: Some(&changed), ..Sync::default() }.payload(&config, &map);
    check_owners_of_partial(&partial);
    let chains = |ruleset: &netfilter::Ruleset| -> Vec<netfilter::Chain> {
        ruleset.tables[&TableName::Nat]
            .chains
            .iter()
            .filter(|chain| ChainKind::of(&chain.name).is_none())
            .cloned()
            .collect()
    };
    assert_eq!(chains(&whole), chains(&partial.ruleset));
    // KUBE-SVC and two endpoints.
    assert_eq!(partial.ruleset.tables[&TableName::Nat].chains.len(), chains(&whole).len() + 3);
}

fn check_owners_of_partial(programmed: &Programmed) {
    for (i, chain) in (0_u32..).zip(&programmed.ruleset.tables[&TableName::Nat].chains) {
        let owner = programmed.owner_of_chain_at(TableName::Nat, i);
        assert_eq!(
            owner.map(|owner| &*owner.service.name),
            ChainKind::of(&chain.name).map(|_| "default/plain")
        );
    }
}

#[test]
fn stale_chains_of_a_large_cluster_wait_for_the_cleanup() {
    let model = large(1100);
    let (config, map) = (config(&model, IpFamily::IPv4), map(&model, IpFamily::IPv4));
    let stale = netfilter::ChainName::new("KUBE-SVC-AAAAAAAAAAAAAAAA").unwrap();
    let foreign = netfilter::ChainName::new("CILIUM").unwrap();
    for (cleanup_due, expected) in [(false, vec![]), (true, vec![stale])] {
        let sync = Sync { existing: &[stale, foreign], cleanup_due, changed: None };
        let ruleset = sync.payload(&config, &map).ruleset;
        assert_eq!(ruleset.tables[&TableName::Nat].deletions, expected);
    }
}

#[test]
fn without_a_pod_range_of_the_family_there_is_no_detector() {
    let mut model = dual_stack();
    let cluster = Arc::make_mut(model.managed_cluster.as_mut().unwrap());
    cluster.network_profile.pod_cidrs = vec!["10.244.0.0/16".into()];
    let model = settle(&model).model;
    assert_eq!(config(&model, IpFamily::IPv6).local_detector, LocalDetector::None);
    assert_eq!(ProxyConfig::of_node(&model, &NodeName::from("nowhere"), IpFamily::IPv4), None);
}
