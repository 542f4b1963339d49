//! `misc/*.json`: single algorithms, one row per case in the file.

use super::{
    Outcome, compare,
    input::{read_slices, strict},
};
use kubernetes::{
    health::{DELETION_TAINT, ProxyHealth, is_eligible, local_ready_endpoints, service_health},
    kube_proxy::{ChainHash, ChainKind, canonical, endpoints_by_port, probability},
};
use model::{
    Key, NodeName,
    kubernetes::{Effect, IpFamily, Node, Taint},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
struct File {
    kind: String,
    source: String,
    note: Option<String>,
    cases: Vec<Value>,
    kube_proxy_healthz: Option<Vec<Value>>,
}

/// Checks one file of cases.
pub(super) fn check(value: &Value) -> Result<Outcome, String> {
    let file: File = strict(value)?;
    if file.source.is_empty() || file.note.is_some_and(|note| note.is_empty()) {
        return Err("source and note must not be empty".into());
    }
    let check: fn(&Value) -> Row = match file.kind.as_str() {
        "sort" => |case| row(case, Sort::check),
        "chain-names" => |case| row(case, ChainCase::check),
        "probabilities" => |case| row(case, ProbabilityCase::check),
        "endpoint-order" => |case| row(case, OrderCase::check),
        "local-ready-endpoints" => |case| row(case, ReadyCase::check),
        "service-health-http" => |case| row(case, HealthCase::check),
        kind => return Err(format!("unknown kind {kind}")),
    };
    if file.kube_proxy_healthz.is_some() && file.kind != "service-health-http" {
        return Err("kube_proxy_healthz belongs to service-health-http".into());
    }
    if file.cases.is_empty() {
        return Err("there are no cases".into());
    }
    let cases = file.cases.iter().enumerate().map(|(i, case)| (format!("case {i}"), check(case)));
    let healthz = file.kube_proxy_healthz.iter().flatten().enumerate();
    let healthz = healthz.map(|(i, case)| (format!("kube_proxy_healthz {i}"), row(case, HealthzCase::check)));
    let rows = cases.chain(healthz).map(|(name, row)| (name, row.unwrap_or_else(|error| vec![error])));
    Ok(Outcome { file: Vec::new(), rows: rows.collect() })
}

type Row = Result<Vec<String>, String>;

fn row<T: DeserializeOwned>(value: &Value, check: fn(T) -> Row) -> Row {
    check(strict(value)?)
}

#[derive(Debug, Deserialize)]
struct Sort {
    name: String,
    input: String,
    output: String,
}

impl Sort {
    fn check(self) -> Row {
        Ok(compare(&self.name, &self.output, &canonical(&self.input)))
    }
}

#[derive(Debug, Deserialize)]
struct ChainCase {
    prefix: String,
    hash_input: String,
    chain: String,
}

impl ChainCase {
    fn check(self) -> Row {
        let kind = ChainKind::ALL.into_iter().find(|kind| kind.prefix() == self.prefix);
        let kind = kind.ok_or_else(|| format!("unknown prefix {}", self.prefix))?;
        let chain = ChainHash::of(&[&self.hash_input]).chain(kind);
        Ok(compare(&self.hash_input, &self.chain.as_str(), &chain.as_str()))
    }
}

#[derive(Debug, Deserialize)]
struct ProbabilityCase {
    n: usize,
    text: String,
}

impl ProbabilityCase {
    fn check(self) -> Row {
        Ok(compare(&format!("1/{}", self.n), &self.text, &format!("{:.10}", probability(self.n))))
    }
}

#[derive(Debug, Deserialize)]
struct NodeCase {
    name: String,
}

#[derive(Debug, Deserialize)]
struct OrderCase {
    name: String,
    node: NodeCase,
    endpointslices: Vec<Value>,
    expected: BTreeMap<String, Vec<String>>,
}

impl OrderCase {
    fn check(self) -> Row {
        if self.node.name.is_empty() {
            return Err("the node has no name".into());
        }
        let slices = read_slices(&self.endpointslices)?;
        let mut got = BTreeMap::new();
        for family in [IpFamily::IPv4, IpFamily::IPv6] {
            for ((service, port, protocol), endpoints) in endpoints_by_port(family, &slices) {
                let colon = if port.is_empty() { "" } else { ":" };
                let key = format!("{service}{colon}{port}/{}", protocol.upper());
                got.insert(key, endpoints.iter().map(|endpoint| endpoint.text.to_string()).collect());
            }
        }
        Ok(compare(&self.name, &self.expected, &got))
    }
}

#[derive(Debug, Deserialize)]
struct ReadyCase {
    name: String,
    node: NodeCase,
    endpointslices: Vec<Value>,
    expected: BTreeMap<String, usize>,
}

impl ReadyCase {
    fn check(self) -> Row {
        let slices = read_slices(&self.endpointslices)?;
        let node = NodeName::from(self.node.name);
        let mut got = BTreeMap::new();
        for family in [IpFamily::IPv4, IpFamily::IPv6] {
            let counts = local_ready_endpoints(family, &slices, &node);
            got.extend(counts.into_iter().map(|(service, count)| (service.to_string(), count)));
        }
        Ok(compare(&self.name, &self.expected, &got))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthCase {
    local_ready_endpoints: usize,
    proxy_healthy: bool,
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl HealthCase {
    fn check(self) -> Row {
        // The cases name their Service in the expected body only.
        let answer = service_health(&Key::new("ns1", "svc1"), self.local_ready_endpoints, self.proxy_healthy);
        let headers = answer.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let mut mismatches = compare("status", &self.status, &answer.status);
        mismatches.extend(compare("headers", &self.headers, &headers));
        mismatches.extend(compare("body", &self.body, &answer.body));
        Ok(mismatches)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HealthzCase {
    proxier_healthy: bool,
    node_tainted_for_deletion: bool,
    node_deletion_timestamp: bool,
    #[serde(rename = "/healthz")]
    healthz: u16,
    #[serde(rename = "/livez")]
    livez: u16,
}

impl HealthzCase {
    fn check(self) -> Row {
        let mut node = Node::default();
        if self.node_tainted_for_deletion {
            node.spec.taints.push(Taint {
                key: DELETION_TAINT.into(),
                value: String::new(),
                effect: Effect::PreferNoSchedule,
            });
        }
        node.metadata.deletion_timestamp =
            self.node_deletion_timestamp.then(|| "2026-01-01T00:00:00Z".to_owned());
        let health =
            ProxyHealth { proxier_healthy: self.proxier_healthy, node_eligible: is_eligible(Some(&node)) };
        let mut mismatches = compare("/healthz", &self.healthz, &health.healthz(&[], "", "").status);
        mismatches.extend(compare("/livez", &self.livez, &health.livez(&[], "", "").status));
        Ok(mismatches)
    }
}
