//! The kubelet's own chains, on a node of each mode and family.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

mod cluster;

use cluster::dual_stack;
use kubernetes::{
    kube_proxy::{ProxyConfig, ServiceMap, program},
    kubelet, settle,
};
use model::{
    NodeName,
    kubernetes::{IpFamily, KubeProxyConfiguration},
};
use netfilter::{Family, Form};
use std::sync::Arc;

const MARTIANS: &str = "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment \"block incoming localnet connections\" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP";

/// What `iptables-save` prints of table filter and of all tables on node-0.
fn saved(family: IpFamily, mode: &str, node_port_addresses: &[&str]) -> (String, String) {
    let mut model = dual_stack();
    model.kube_proxy = Some(Arc::new(KubeProxyConfiguration {
        mode: mode.to_owned(),
        node_port_addresses: node_port_addresses.iter().map(ToString::to_string).collect(),
        ..KubeProxyConfiguration::default()
    }));
    let model = settle(&model).model;
    let config = ProxyConfig::of_node(&model, &NodeName::from("node-0"), family).expect("the node is there");
    let services = ServiceMap::new(family, &model.services, &model.endpoint_slices);
    let mut rules = program(&config, &services).iptables;
    kubelet::install(&mut rules, family);
    let family = if family == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
    let text = rules.text(family, Form::Save).to_string();
    let filter =
        text.split("*filter").nth(1).and_then(|rest| rest.split("COMMIT").next()).unwrap_or_default();
    (filter.to_owned(), text)
}

#[test]
fn the_kubelet_adds_a_hint_a_canary_and_for_ipv4_the_rule_against_martians() {
    // Where kube-proxy serves no node ports on the loopback it writes no copy of the rule; the kubelet's is there.
    for (mode, addresses) in
        [("iptables", &[][..]), ("iptables", &["10.224.0.0/16"]), ("nftables", &[]), ("ipvs", &[])]
    {
        for family in [IpFamily::IPv4, IpFamily::IPv6] {
            let (filter, text) = saved(family, mode, addresses);
            let count = |part: &str| text.lines().filter(|line| line.starts_with(part)).count();
            let about = format!("{mode} {family} {addresses:?}\n{text}");
            assert_eq!(count(":KUBE-KUBELET-CANARY "), 3, "{about}");
            assert_eq!(count(":KUBE-IPTABLES-HINT "), 1, "{about}");
            assert_eq!(count(":KUBE-MARK-DROP "), 0, "{about}");
            let is_v4 = family == IpFamily::IPv4;
            assert_eq!(count(MARTIANS), usize::from(is_v4), "{about}");
            for hook in ["INPUT", "OUTPUT"].into_iter().filter(|_| is_v4) {
                // The kubelet was there first: kube-proxy's jumps stand above its own, and its own stands once.
                let own = format!("-A {hook} -j KUBE-FIREWALL");
                assert_eq!(count(&own), 1, "{about}");
                let last = filter.lines().rfind(|line| line.starts_with(&format!("-A {hook} ")));
                assert_eq!(last, Some(own.as_str()), "{about}");
            }
        }
    }
}
