//! `topology/*.json`: which endpoints a node uses.

use super::{Outcome, compare, input::strict};
use kubernetes::kube_proxy::{
    ChainHash, ChainKind, LocalDetector, Needs, ProxyConfig, ProxyEndpoint, ServicePort, categorize,
};
use model::{
    Key, NodeName,
    kubernetes::{EndpointHints, HintNode, HintZone, IpFamily, Protocol, ProxyMode},
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    source: String,
    node_name: String,
    node_labels: BTreeMap<String, String>,
    service: Service,
    endpoints: Vec<Endpoint>,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Service {
    internal_policy_local: bool,
    external_policy_local: bool,
    node_port: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    endpoint: SocketAddr,
    ready: bool,
    serving: bool,
    terminating: bool,
    local: bool,
    #[serde(default)]
    zone_hints: Vec<String>,
    #[serde(default)]
    node_hints: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Expected {
    cluster_endpoints: Option<BTreeSet<String>>,
    local_endpoints: Option<BTreeSet<String>>,
    all_reachable_endpoints: BTreeSet<String>,
    has_any_endpoints: bool,
}

/// Checks one case.
pub(super) fn check(value: &Value) -> Result<Outcome, String> {
    let case: Case = strict(value)?;
    if case.name.is_empty() || case.source.is_empty() {
        return Err("name and source must not be empty".into());
    }
    let family =
        case.endpoints.first().map_or(IpFamily::IPv4, |endpoint| IpFamily::of(endpoint.endpoint.ip()));
    let service = service(&case);
    let choice = categorize(Needs::of(&service), &service.endpoints, &config(&case, family));
    let texts = |list: &[u32]| -> BTreeSet<String> {
        list.iter().map(|i| service.endpoints[*i as usize].text.to_string()).collect()
    };
    let expected = case.expected;
    let mut file =
        compare("clusterEndpoints", &expected.cluster_endpoints, &choice.cluster.as_deref().map(texts));
    file.extend(compare("localEndpoints", &expected.local_endpoints, &choice.local.as_deref().map(texts)));
    file.extend(compare(
        "allReachableEndpoints",
        &expected.all_reachable_endpoints,
        &texts(&choice.reachable()),
    ));
    file.extend(compare("hasAnyEndpoints", &expected.has_any_endpoints, &choice.has_endpoints));
    Ok(Outcome { file, rows: Vec::new() })
}

fn config(case: &Case, family: IpFamily) -> ProxyConfig {
    ProxyConfig {
        mode: ProxyMode::Iptables,
        node: NodeName::from(case.node_name.as_str()),
        family,
        node_ips: Vec::new(),
        local_addresses: Vec::new(),
        local_detector: LocalDetector::None,
        masquerade_all: false,
        masquerade_mark: 1 << 14,
        localhost_node_ports: true,
        node_port_addresses: Vec::new(),
        nfacct_counters: BTreeSet::new(),
        random_fully: true,
        conntrack_tcp_liberal: false,
        service_ranges: Vec::new(),
        ipvs_scheduler: netfilter::Scheduler::default(),
        topology_labels: case.node_labels.clone(),
    }
}

fn service(case: &Case) -> ServicePort {
    let hash = ChainHash::of(&["ns/svc", "tcp"]);
    let endpoint = |endpoint: &Endpoint| ProxyEndpoint {
        ip: endpoint.endpoint.ip(),
        port: endpoint.endpoint.port(),
        text: endpoint.endpoint.to_string().as_str().try_into().unwrap(),
        ready: endpoint.ready,
        serving: endpoint.serving,
        terminating: endpoint.terminating,
        node: endpoint.local.then(|| case.node_name.as_str().into()),
        hints: Some(Arc::new(EndpointHints {
            for_zones: endpoint.zone_hints.iter().map(|name| HintZone { name: name.clone() }).collect(),
            for_nodes: endpoint.node_hints.iter().map(|name| HintNode { name: name.clone() }).collect(),
        })),
        target: None,
        chain: hash.chain(ChainKind::Endpoint),
    };
    ServicePort {
        service: Key::new("ns", "svc"),
        port_name: "".into(),
        protocol: Protocol::Tcp,
        name: Arc::from("ns/svc"),
        cluster_ip: IpAddr::V4(Ipv4Addr::new(172, 30, 0, 1)),
        port: 80,
        node_port: case.service.node_port,
        external_ips: Vec::new(),
        vips: Vec::new(),
        source_ranges: Vec::new(),
        external_policy_local: case.service.external_policy_local,
        internal_policy_local: case.service.internal_policy_local,
        health_check_node_port: 0,
        affinity: None,
        endpoints: case.endpoints.iter().map(endpoint).collect(),
        hash,
    }
}
