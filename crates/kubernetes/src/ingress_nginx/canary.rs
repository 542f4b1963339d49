//! Ingresses that are canaries: they have no rule of their own, and stand beside that of another.

use super::{Backend, Target, annotation, is_on};
use crate::ingress::IngressRule;
use model::{
    Key,
    kubernetes::{self as api, Ingress},
};

/// A second backend beside the one of [`super::Answer::Proxy`], by the annotations of an Ingress that is a canary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The canary's own backend.
    pub backend: Backend,
    /// Of `total` requests so many go there, where neither header nor cookie decides.
    pub weight: u32,
    /// At least 100.
    pub total: u32,
}

/// The first canary of a backend (`mergeAlternativeBackends`): its host and path are those of some rule with the same
/// Service and port, for the upstream is what it stands beside, and not the rule.
pub(super) fn beside(
    canaries: &[(&Key, &Ingress)],
    rules: &[IngressRule<Target<'_>>],
    backend: &Backend,
) -> Option<Canary> {
    let namespace = &backend.ingress.namespace;
    let stands_beside = |host: &str, path: &api::HttpIngressPath| {
        let of_host = rules.iter().filter(|rule| rule.host.eq_ignore_ascii_case(host));
        let mut targets = of_host.flat_map(|rule| &rule.paths).map(|own| &own.service);
        let text = if path.path.is_empty() { "/" } else { &path.path };
        targets.any(|own| {
            (own.text, own.path_type) == (text, path.path_type)
                && own.key.namespace == *namespace
                && own.service == Some(&backend.service)
        })
    };
    canaries.iter().filter(|(key, _)| key.namespace == *namespace).find_map(|(key, ingress)| {
        let paths = ingress.spec.rules.iter().flat_map(|rule| {
            rule.http.iter().flat_map(|http| &http.paths).map(|path| (rule.host.as_str(), path))
        });
        let (host, path) = paths.into_iter().find(|(host, path)| {
            path.backend.service.as_ref().is_some_and(|own| *own != backend.service)
                && stands_beside(host, path)
        })?;
        let number = |name| annotation(ingress, name).and_then(|text| text.trim().parse::<u32>().ok());
        let weight = number("canary-weight").unwrap_or(0);
        // `route_to_alternative_balancer` takes no smaller total.
        let total = number("canary-weight-total").unwrap_or(100).max(100);
        let host = if host.is_empty() { "*" } else { host };
        Some(Canary {
            backend: Backend {
                ingress: (*key).clone(),
                rule: format!("host {host}, path {}, canary-weight {weight} of {total}", path.path),
                service: path.backend.service.clone()?,
                by_cluster_ip: is_on(ingress, "service-upstream"),
            },
            weight: weight.min(total),
            total,
        })
    })
}
