//! What a pod's resolver reads: the file `resolv.conf` that the kubelet writes for it
//! (`pkg/kubelet/network/dns/dns.go`), and the questions that a resolver makes of it.

use crate::cluster_dns::{NDOTS, search_path};
use model::kubernetes::{DnsPolicy, Pod};
use std::net::IpAddr;

/// A resolver reads no more servers than these, and the kubelet writes no more (`MaxDNSNameservers`).
pub const MOST_SERVERS: usize = 3;
/// The `ndots` of a resolver that nobody told another.
const USUAL_NDOTS: usize = 1;
/// The C library takes a larger `ndots` for this one (`RES_MAXNDOTS`).
const MOST_NDOTS: usize = 15;

/// The settings of a resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvConf {
    /// The servers, in the order in which they are asked. The next is asked where one gives no answer; "there is
    /// no such name" is an answer.
    pub servers: Vec<IpAddr>,
    /// Domains that are appended to names.
    pub searches: Vec<String>,
    /// Names with fewer dots go through the search path first.
    pub ndots: usize,
}

impl ResolvConf {
    /// A host's own, with the servers that DHCP gave it.
    pub fn of_host(servers: Vec<IpAddr>) -> Self {
        Self { servers, searches: Vec::new(), ndots: USUAL_NDOTS }
    }

    /// A pod's, on a host with settings of its own.
    pub fn of_pod(pod: &Pod, cluster_dns: IpAddr, host: Self) -> Self {
        let spec = &pod.spec;
        let policy = spec.dns_policy.unwrap_or_default();
        let mut own = match policy {
            DnsPolicy::None => Self::of_host(Vec::new()),
            DnsPolicy::Default => host,
            DnsPolicy::ClusterFirst if spec.host_network => host,
            DnsPolicy::ClusterFirst | DnsPolicy::ClusterFirstWithHostNet => Self {
                servers: vec![cluster_dns],
                searches: search_path(&pod.metadata.key().namespace).into(),
                ndots: NDOTS,
            },
        };
        let Some(config) = &spec.dns_config else { return own };
        for server in config.nameservers.iter().filter_map(|text| text.parse().ok()) {
            if !own.servers.contains(&server) {
                own.servers.push(server);
            }
        }
        own.servers.truncate(MOST_SERVERS);
        for domain in &config.searches {
            let domain = domain.trim_end_matches('.').to_ascii_lowercase();
            if !domain.is_empty() && !own.searches.contains(&domain) {
                own.searches.push(domain);
            }
        }
        let mut ndots = config.options.iter().rev().filter(|option| option.name == "ndots");
        if let Some(ndots) = ndots.find_map(|option| option.value.as_deref()?.parse::<usize>().ok()) {
            own.ndots = ndots.min(MOST_NDOTS);
        }
        own
    }

    /// The names that the resolver asks for, in order, until one has an answer. A dot at the end asks for the name
    /// as it is and for nothing else.
    pub fn questions(&self, name: &str) -> Vec<String> {
        if let Some(absolute) = name.strip_suffix('.') {
            return vec![absolute.to_ascii_lowercase()];
        }
        let name = name.to_ascii_lowercase();
        let completed = self.searches.iter().map(|domain| format!("{name}.{domain}"));
        if name.matches('.').count() < self.ndots {
            completed.chain([name.clone()]).collect()
        } else {
            std::iter::once(name.clone()).chain(completed).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::kubernetes::{ObjectMeta, PodDnsConfig, PodDnsConfigOption, PodSpec};

    const CLUSTER: &str = "10.0.0.10";
    const HOST: &str = "168.63.129.16";
    const PATH: [&str; 3] = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];

    /// Policy, on the host's network, configuration; servers, search path, ndots.
    type Row = (
        Option<DnsPolicy>,
        bool,
        Option<PodDnsConfig>,
        &'static [&'static str],
        &'static [&'static str],
        usize,
    );

    fn conf(policy: Option<DnsPolicy>, host_network: bool, config: Option<PodDnsConfig>) -> ResolvConf {
        let spec = PodSpec { dns_policy: policy, dns_config: config, host_network, ..PodSpec::default() };
        let metadata = ObjectMeta { name: "p".into(), namespace: "shop".into(), ..ObjectMeta::default() };
        let pod = Pod { metadata: metadata.into(), spec: spec.into(), ..Pod::default() };
        let host = ResolvConf::of_host(HOST.parse().into_iter().collect());
        ResolvConf::of_pod(&pod, CLUSTER.parse().expect("an address"), host)
    }

    fn config(servers: &[&str], searches: &[&str], options: &[(&str, Option<&str>)]) -> PodDnsConfig {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let option = |(name, value): &(&str, Option<&str>)| PodDnsConfigOption {
            name: (*name).to_owned(),
            value: value.map(str::to_owned),
        };
        PodDnsConfig {
            nameservers: own(servers),
            searches: own(searches),
            options: options.iter().map(option).collect(),
        }
    }

    #[test]
    fn the_policy_decides_whom_a_pod_asks() {
        use DnsPolicy::{ClusterFirst, ClusterFirstWithHostNet, Default, None as Nothing};
        let rows: [Row; 10] = [
            (None, false, None, &[CLUSTER], &PATH, 5),
            (Some(ClusterFirst), false, None, &[CLUSTER], &PATH, 5),
            // On the host's network, ClusterFirst means the host's servers.
            (Some(ClusterFirst), true, None, &[HOST], &[], 1),
            (None, true, None, &[HOST], &[], 1),
            (Some(ClusterFirstWithHostNet), true, None, &[CLUSTER], &PATH, 5),
            (Some(Default), false, None, &[HOST], &[], 1),
            (Some(Nothing), false, Some(config(&["10.1.0.4"], &["corp"], &[])), &["10.1.0.4"], &["corp"], 1),
            // Servers and domains come after those of the policy, and none twice; options replace.
            (
                None,
                false,
                Some(config(&[CLUSTER, "10.1.0.4"], &["cluster.local"], &[("ndots", Some("2"))])),
                &[CLUSTER, "10.1.0.4"],
                &PATH,
                2,
            ),
            (
                Some(Nothing),
                false,
                Some(config(
                    &["10.1.0.4", "10.1.0.5", "10.1.0.6", "10.1.0.7"],
                    &[],
                    &[("ndots", Some("99"))],
                )),
                &["10.1.0.4", "10.1.0.5", "10.1.0.6"],
                &[],
                15,
            ),
            (
                None,
                false,
                Some(config(&[], &[], &[("ndots", Some("many")), ("edns0", None)])),
                &[CLUSTER],
                &PATH,
                5,
            ),
        ];
        for (policy, host_network, config, servers, searches, ndots) in rows {
            let own = conf(policy, host_network, config.clone());
            let told: Vec<String> = own.servers.iter().map(ToString::to_string).collect();
            assert_eq!(told, servers, "{policy:?} {host_network} {config:?}");
            assert_eq!(own.searches, searches, "{policy:?} {host_network} {config:?}");
            assert_eq!(own.ndots, ndots, "{policy:?} {host_network} {config:?}");
        }
    }

    #[test]
    fn the_search_path_comes_first_below_ndots() {
        for (ndots, name, expected) in [
            (
                5,
                "echo",
                vec!["echo.shop.svc.cluster.local", "echo.svc.cluster.local", "echo.cluster.local", "echo"],
            ),
            (5, "acct.blob.core.windows.net.", vec!["acct.blob.core.windows.net"]),
            (
                5,
                "a.b.c.d.e.f",
                vec![
                    "a.b.c.d.e.f",
                    "a.b.c.d.e.f.shop.svc.cluster.local",
                    "a.b.c.d.e.f.svc.cluster.local",
                    "a.b.c.d.e.f.cluster.local",
                ],
            ),
            // `ndots:1` asks for a name with a dot as it is, at once.
            (
                1,
                "a.b",
                vec!["a.b", "a.b.shop.svc.cluster.local", "a.b.svc.cluster.local", "a.b.cluster.local"],
            ),
        ] {
            let own = ResolvConf { ndots, ..conf(None, false, None) };
            assert_eq!(own.questions(name), expected, "{ndots} {name}");
        }
        let own = conf(None, false, None);
        assert_eq!(own.questions("acct.blob.core.windows.net").len(), 4);
    }
}
