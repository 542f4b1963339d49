//! What kube-proxy's health servers answer: what Azure's probes see.

use crate::kube_proxy::endpoints_by_port;
use model::{
    Key, NodeName,
    kubernetes::{EndpointSlice, IpFamily, Node},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    net::IpAddr,
    sync::Arc,
};

/// The taint that the cluster autoscaler puts on a node before it deletes it.
pub const DELETION_TAINT: &str = "ToBeDeletedByClusterAutoscaler";

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code: 200 or 503.
    pub status: u16,
    /// Headers in the order in which they are set.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// The answer at a Service's `healthCheckNodePort`, at any path: whether this node has ready endpoints.
///
/// `local_ready` is the number of [`local_ready_endpoints`]; `proxy_healthy` whether kube-proxy itself syncs.
/// A taint for deletion does not count here.
pub fn service_health(service: &Key, local_ready: usize, proxy_healthy: bool) -> Answer {
    let body = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": {},\n\t\t\"name\": {}\n\t}},\n\t\"localEndpoints\": {local_ready},\n\t\"serviceProxyHealthy\": {proxy_healthy}\n}}",
        json_string(&service.namespace),
        json_string(&service.name),
    );
    Answer {
        status: status(local_ready > 0 && proxy_healthy),
        headers: vec![
            ("Content-Type", "application/json".into()),
            ("X-Content-Type-Options", "nosniff".into()),
            ("X-Load-Balancing-Endpoint-Weight", local_ready.to_string()),
        ],
        body,
    }
}

/// Per Service, how many addresses on this node are ready: distinct addresses, all ports together.
/// Services without any are absent. Terminating endpoints never count, though they may still get traffic.
pub fn local_ready_endpoints(
    family: IpFamily,
    slices: &BTreeMap<Key, Arc<EndpointSlice>>,
    node: &NodeName,
) -> BTreeMap<Key, usize> {
    let mut local: BTreeMap<Key, BTreeSet<IpAddr>> = BTreeMap::new();
    for ((service, _, _), endpoints) in endpoints_by_port(family, slices) {
        let ready = endpoints
            .iter()
            .filter(|endpoint| endpoint.ready && endpoint.node.as_deref() == Some(node.as_str()));
        for endpoint in ready {
            local.entry(service.clone()).or_default().insert(endpoint.ip);
        }
    }
    order::map(local.into_iter().map(|(service, ips)| (service, ips.len())))
}

/// The state of kube-proxy on one node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHealth {
    /// No update has waited longer than twice the sync period.
    pub proxier_healthy: bool,
    /// The node may receive new connections; see [`is_eligible`].
    pub node_eligible: bool,
}

/// Whether a node may receive new connections: known, not being deleted, not tainted for deletion.
pub fn is_eligible(node: Option<&Node>) -> bool {
    node.is_some_and(|node| {
        node.metadata.deletion_timestamp.is_none()
            && node.spec.taints.iter().all(|taint| taint.key != DELETION_TAINT)
    })
}

impl ProxyHealth {
    /// The port of both answers.
    pub const PORT: u16 = 10_256;

    /// The answer at `/healthz`: may this node get new connections? Times are RFC 3339 text; when healthy,
    /// kube-proxy reports the current time as the last update.
    pub fn healthz(self, families: &[IpFamily], last_updated: &str, now: &str) -> Answer {
        self.answer(self.proxier_healthy && self.node_eligible, true, families, last_updated, now)
    }

    /// The answer at `/livez`: does kube-proxy work?
    pub fn livez(self, families: &[IpFamily], last_updated: &str, now: &str) -> Answer {
        self.answer(self.proxier_healthy, false, families, last_updated, now)
    }

    fn answer(
        self,
        ok: bool,
        eligible: bool,
        families: &[IpFamily],
        last_updated: &str,
        now: &str,
    ) -> Answer {
        let (healthy, now) = (self.proxier_healthy, json_string(now));
        let updated = if healthy { now.clone() } else { json_string(last_updated) };
        let mut body = format!("{{\"lastUpdated\":{updated},\"currentTime\":{now}");
        // Writing to a String cannot fail.
        if eligible {
            let _ = write!(body, ",\"nodeEligible\":{}", self.node_eligible);
        }
        let _ = write!(body, ",\"healthy\":{healthy},\"status\":{{");
        for (i, family) in families.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(body, "{comma}\"{family}\":{{\"lastUpdated\":{updated},\"healthy\":{healthy}}}");
        }
        body.push_str("}}");
        Answer {
            status: status(ok),
            headers: vec![
                ("Content-Type", "application/json".into()),
                ("X-Content-Type-Options", "nosniff".into()),
            ],
            body,
        }
    }
}

fn status(ok: bool) -> u16 {
    if ok { 200 } else { 503 }
}

/// A JSON string. Names in a real cluster need no escapes; names in an import may.
fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if letter.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
    out
}
