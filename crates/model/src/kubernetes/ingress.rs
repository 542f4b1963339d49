//! `networking.k8s.io/v1` Ingress and IngressClass.

use super::{IntOrString, ObjectMeta, ServiceStatus};
use model_derive::Filled;
use serde::{Deserialize, Serialize};
use wire::Wire;

/// A `networking.k8s.io/v1` Ingress: HTTP hosts and paths, and the Services behind them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct Ingress {
    /// Name, namespace, annotations (where most of a controller's settings live).
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: IngressSpec,
    /// What its controller reported, in the form of a Service's.
    #[serde(skip_serializing_if = "ServiceStatus::is_empty")]
    pub status: ServiceStatus,
}

/// `spec` of an Ingress.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressSpec {
    /// The IngressClass; absent means the default class, if the cluster has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress_class_name: Option<String>,
    /// Takes what no rule takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_backend: Option<IngressBackend>,
    /// Hosts for which TLS ends at the controller.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls: Vec<IngressTls>,
    /// The rules, in document order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<IngressRule>,
}

/// Hosts that share a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressTls {
    /// The hosts; none means every host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The name of the Secret with the certificate; its content is never read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
}

/// The rules of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressRule {
    /// A host, `*.` and a domain, or empty for every host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// The paths; absent means that everything goes to the default backend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpIngressRule>,
}

/// `http` of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpIngressRule {
    /// The paths, in document order.
    pub paths: Vec<HttpIngressPath>,
}

/// One path of a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct HttpIngressPath {
    /// The path, beginning with `/`; empty means `/`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// How it is compared.
    pub path_type: PathType,
    /// Who takes the request.
    pub backend: IngressBackend,
}

/// How the path of a request is compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Wire)]
pub enum PathType {
    /// Letter by letter.
    Exact,
    /// Element by element between slashes: `/api` takes `/api/x`, not `/apiary`.
    Prefix,
    /// As the controller likes; ingress-nginx compares the beginning letter by letter.
    #[default]
    ImplementationSpecific,
}

/// Who takes a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressBackend {
    /// A Service of the Ingress's own namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<IngressServiceBackend>,
}

/// `service` of a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressServiceBackend {
    /// The Service's name.
    pub name: String,
    /// Its port.
    pub port: ServiceBackendPort,
}

/// A port of a Service by number or by name; exactly one is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceBackendPort {
    /// The name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The number, 0 where the name is given.
    #[serde(skip_serializing_if = "is_zero")]
    pub number: u16,
}

impl ServiceBackendPort {
    /// The port as Services name theirs.
    pub fn as_int_or_string(&self) -> IntOrString {
        if self.name.is_empty() {
            IntOrString::Int(self.number)
        } else {
            IntOrString::String(self.name.clone())
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(port: &u16) -> bool {
    *port == 0
}

/// A `networking.k8s.io/v1` IngressClass: which controller serves the Ingresses of a class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressClass {
    /// Name and annotations.
    pub metadata: ObjectMeta,
    /// The controller.
    pub spec: IngressClassSpec,
}

/// `spec` of an IngressClass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Filled, Wire)]
#[serde(rename_all = "camelCase", default)]
pub struct IngressClassSpec {
    /// E.g. `k8s.io/ingress-nginx`.
    pub controller: String,
}

impl IngressClass {
    /// The annotation that makes a class the one of Ingresses without a class.
    pub const DEFAULT_ANNOTATION: &'static str = "ingressclass.kubernetes.io/is-default-class";

    /// Whether Ingresses without a class belong to this one.
    pub fn is_default(&self) -> bool {
        self.metadata.annotation(Self::DEFAULT_ANNOTATION) == Some("true")
    }
}
