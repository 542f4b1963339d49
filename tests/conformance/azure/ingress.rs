//! Hosts and paths of an Ingress, and why probes of `/` fail there.

use super::input::{self, compare};
use azure::{Health, PoolState, ProbeRequest, Selected, program};
use kubernetes::ingress::{DEFAULT_BACKEND_STATUS, IngressPath, IngressRule, PathType, Wildcard, route};
use model::{
    Model, Object,
    azure::ProbeProtocol,
    kubernetes::{Protocol, Service, ServicePort, ServiceType},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    rules: Option<Vec<RuleFields>>,
    request: Option<RequestFields>,
    service: Option<ServiceFields>,
    expected: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFields {
    host: String,
    paths: Vec<PathFields>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PathFields {
    path: String,
    path_type: String,
    svc: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestFields {
    host: String,
    path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServiceFields {
    app_protocol: String,
    annotations: BTreeMap<String, String>,
}

impl RuleFields {
    fn rule(self) -> Result<IngressRule, String> {
        let path = |fields: PathFields| {
            let path_type = match fields.path_type.as_str() {
                "Exact" => PathType::Exact,
                "Prefix" => PathType::Prefix,
                other => return Err(format!("pathType {other} is unknown")),
            };
            Ok(IngressPath { path: fields.path, path_type, service: fields.svc })
        };
        let paths = self.paths.into_iter().map(path).collect::<Result<_, _>>()?;
        Ok(IngressRule { host: self.host, paths })
    }
}

const DEEPER: &str = "Kubernetes spec answer; real ingress-nginx uses an nginx wildcard server_name, which also matches deeper labels and would answer with wild";

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let case: Case = input::read(case)?;
    if let Some(service) = case.service {
        if case.rules.is_some() || case.request.is_some() {
            return Err("a probe has no rules and no request".into());
        }
        return check_probe(service, case.expected);
    }
    let rules = case.rules.ok_or("rules is missing")?;
    let rules = rules.into_iter().map(RuleFields::rule).collect::<Result<Vec<_>, _>>()?;
    let request = case.request.ok_or("request is missing")?;
    let mut got = match route(&rules, &request.host, &request.path, Wildcard::OneLabel) {
        Some(path) => json!({ "svc": path.service }),
        None => json!({ "status": DEFAULT_BACKEND_STATUS, "by": "default backend" }),
    };
    if case.expected.contains_key("note") {
        let deeper = route(&rules, &request.host, &request.path, Wildcard::AnyDepth);
        let holds = deeper.is_some_and(|path| path.service == "wild");
        got["note"] = if holds { json!(DEEPER) } else { Value::Null };
    }
    Ok(compare("expected", &Value::Object(case.expected), &got))
}

/// An ingress controller's Service with `appProtocol: http`: Azure probes `/`, which no rule takes.
fn check_probe(fields: ServiceFields, expected: Map<String, Value>) -> Result<Vec<String>, String> {
    let mut service = Service::default();
    service.metadata.name = "ingress-nginx-controller".into();
    service.metadata.uid = "979a156d-d4ed-48ac-a2b4-8210678430e0".into();
    service.metadata.annotations = fields.annotations;
    service.spec.service_type = ServiceType::LoadBalancer;
    service
        .status
        .load_balancer
        .ingress
        .push(model::kubernetes::LoadBalancerIngress { ip: "20.50.60.70".into(), ..Default::default() });
    service.spec.ports.push(ServicePort {
        port: 80,
        node_port: 31080,
        app_protocol: Some(fields.app_protocol),
        ..ServicePort::default()
    });
    let mut model = Model::default();
    for index in 0..3_u8 {
        let mut node = input::plain_node(&format!("n{index}"));
        input::add_address(&mut node, IpAddr::from([10, 224, 0, 4 + index]));
        model.put(Object::Node(Arc::new(node)));
    }
    model.put(Object::Service(Arc::new(service)));
    let cloud = program(&model);
    let Selected::Rule(selection) = cloud.select(IpAddr::from([20, 50, 60, 70]), 80, Protocol::Tcp) else {
        return Err("no rule takes the flow".into());
    };
    let probe = selection.probe().ok_or("no probe")?;
    let path = probe.request_path.clone().unwrap_or_default();
    let words = match (probe.protocol, probe.port) {
        (ProbeProtocol::Http, 31080) => format!("HTTP {path} on nodePort"),
        other => format!("{other:?} {path}"),
    };
    let answer =
        route::<String>(&[], "10.224.0.4", &path, Wildcard::AnyDepth).map_or(DEFAULT_BACKEND_STATUS, |_| 200);
    let health = if ProbeRequest::is_healthy(answer) { Health::Up } else { Health::Down };
    let targets = selection.targets(|_| health);
    let backends = if targets.state == PoolState::AllDown { "all down" } else { "up" };
    let got = json!({ "probe": words, "controllerAnswer": answer, "backends": backends });
    Ok(compare("expected", &Value::Object(expected), &got))
}
