//! ingress-nginx: which Ingresses a controller serves, and what it does with a request.
//!
//! From the template and the store of kubernetes/ingress-nginx: one nginx `server` for each host, a `_` for
//! all others, a location for each path; upstreams are the endpoints' addresses, not the cluster IP.

mod canary;

pub use canary::Canary;

use crate::ingress::{self, IngressPath, IngressRule, PathType, Wildcard};
use model::{
    Key, Model,
    kubernetes::{self as api, Ingress, IngressServiceBackend, Pod},
};

/// The `spec.controller` of ingress-nginx's class where its arguments give none.
const CONTROLLER: &str = "k8s.io/ingress-nginx";
/// The controller of AKS's application routing add-on.
const APP_ROUTING: &str = "webapprouting.kubernetes.azure.com/nginx";
/// Where nginx's default server answers 200 by itself.
pub const HEALTH_PATH: &str = "/healthz";

/// A controller pod, as its labels and arguments describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controller {
    /// The IngressClasses that it serves.
    pub classes: Vec<String>,
    /// It also takes Ingresses without a class.
    without_class: bool,
    /// The value of the old annotation that it also takes.
    annotation: String,
    /// TLS may be passed through.
    pub passes_tls_through: bool,
}

impl Controller {
    /// Whether a pod is an ingress-nginx controller, and which.
    pub fn of(model: &Model, pod: &Pod) -> Option<Self> {
        let label = |key| pod.metadata.label(key);
        let component = label("app.kubernetes.io/component").is_none_or(|own| own == "controller");
        let labelled = label("app.kubernetes.io/name") == Some("ingress-nginx") && component;
        let image = |own: &api::Container| {
            own.image.contains("ingress-nginx/controller") || own.image.contains("nginx-ingress-controller")
        };
        if !labelled && !pod.spec.containers.iter().any(image) {
            return None;
        }
        let arguments = || pod.spec.containers.iter().flat_map(|own| &own.args);
        let argument = |name: &str| {
            arguments().find_map(|text| text.trim_start_matches('-').strip_prefix(name)?.strip_prefix('='))
        };
        let flag = |name: &str| {
            argument(name) == Some("true") || arguments().any(|text| text.trim_start_matches('-') == name)
        };
        let add_on = pod.metadata.namespace == "app-routing-system";
        let default = if add_on { APP_ROUTING } else { CONTROLLER };
        let own = argument("controller-class").unwrap_or(default);
        let of_controller = model.ingress_classes.values().filter(|class| class.spec.controller == own);
        let mut classes: Vec<String> = of_controller.map(|class| class.metadata.name.clone()).collect();
        let annotation = argument("ingress-class").unwrap_or("nginx").to_owned();
        // Without IngressClass documents the name of the class is all there is.
        if model.ingress_classes.is_empty() {
            classes.push(annotation.clone());
        }
        let passes_tls_through = flag("enable-ssl-passthrough");
        Some(Self {
            classes,
            without_class: flag("watch-ingress-without-class"),
            annotation,
            passes_tls_through,
        })
    }

    /// Whether it serves an Ingress.
    pub fn serves(&self, model: &Model, ingress: &Ingress) -> bool {
        if let Some(class) = &ingress.spec.ingress_class_name {
            return self.classes.contains(class);
        }
        if let Some(class) = ingress.metadata.annotation("kubernetes.io/ingress.class") {
            return class == self.annotation;
        }
        // The API server writes the default class into an Ingress without one.
        let default = model.ingress_classes.values().find(|class| class.is_default());
        default.map_or(self.without_class, |class| self.classes.contains(&class.metadata.name))
    }

    /// The Ingresses that it serves, in order.
    pub fn ingresses<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = (&'a Key, &'a Ingress)> {
        model.ingresses.iter().map(|(key, own)| (key, &**own)).filter(|(_, own)| self.serves(model, own))
    }
}

/// A request as the controller gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request<'a> {
    /// The Host header, or the server name of TLS, without a port.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// It came by TLS.
    pub tls: bool,
}

/// Who takes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// The Ingress.
    pub ingress: Key,
    /// The rule: `shop.example.com /api (Prefix)`.
    pub rule: String,
    /// The Service and its port.
    pub service: IngressServiceBackend,
    /// Requests go to the cluster IP instead of an endpoint (annotation `service-upstream`).
    pub by_cluster_ip: bool,
}

/// What the controller does with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// nginx's default server answers 200 by itself.
    Health,
    /// 308: the host has TLS, and the request came without.
    RedirectToTls(Key),
    /// It opens a connection of its own to a backend.
    Proxy(Backend),
    /// It hands the TLS connection on without opening it, to the cluster IP.
    PassThrough(Backend),
    /// The rule's path is an expression that is not modelled.
    Unsupported(Backend),
    /// No rule takes it: the default backend answers 404.
    NotFound,
}

/// The answer, and the rules that did not take the request and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// What happens.
    pub answer: Answer,
    /// Who else may take it in the place of [`Answer::Proxy`].
    pub canary: Option<Canary>,
    /// Rules and why they do not fit.
    pub misses: Vec<(Key, String, String)>,
}

/// What stands behind a path.
#[derive(Debug, Clone)]
struct Target<'a> {
    key: &'a Key,
    ingress: &'a Ingress,
    host: &'a str,
    text: &'a str,
    path_type: api::PathType,
    service: Option<&'a IngressServiceBackend>,
    /// The path is an expression that cannot be compared here.
    opaque: bool,
}

fn annotation<'a>(ingress: &'a Ingress, name: &str) -> Option<&'a str> {
    ingress.metadata.annotation(&format!("nginx.ingress.kubernetes.io/{name}"))
}

fn is_on(ingress: &Ingress, name: &str) -> bool {
    annotation(ingress, name) == Some("true")
}

impl Controller {
    /// Finds who takes a request.
    pub fn answer(&self, model: &Model, request: &Request<'_>) -> Routed {
        let (canaries, served): (Vec<_>, Vec<_>) =
            self.ingresses(model).partition(|(_, ingress)| is_on(ingress, "canary"));
        let rules = rules(&served);
        let best = rules
            .iter()
            .filter_map(|rule| ingress::host_rank(&rule.host, request.host, Wildcard::AnyDepth))
            .max();
        let on_default_server = best.is_none_or(|rank| rank == 0);
        let found = ingress::route(&rules, request.host, request.path, Wildcard::AnyDepth);
        let misses = misses(&rules, request, best);
        // The location /healthz of the default server is longer than a catch-all prefix, but an expression
        // goes before every prefix.
        let by_expression = found.is_some_and(|path| is_expression(&rules, path));
        let exact = found.is_some_and(|path| path.path.trim_end_matches('/') == HEALTH_PATH);
        if on_default_server && request.path == HEALTH_PATH && !by_expression && !exact {
            return Routed { answer: Answer::Health, canary: None, misses };
        }
        let answer = match found {
            Some(path) => self.by_rule(model, &path.service, request),
            None => default_backend(&served, request).unwrap_or(Answer::NotFound),
        };
        let canary = match (&answer, found) {
            (Answer::Proxy(backend), Some(_)) => canary::beside(&canaries, &rules, backend),
            _ => None,
        };
        Routed { answer, canary, misses }
    }

    /// Whether a host has a certificate, by whichever Ingress of its: a server of nginx has one for all its paths.
    pub fn has_certificate(&self, model: &Model, host: &str) -> bool {
        self.ingresses(model).any(|(_, ingress)| {
            let mut hosts = ingress.spec.rules.iter().map(|rule| rule.host.as_str());
            let has = |own: &str| ingress::host_rank(own, host, Wildcard::OneLabel).is_some();
            hosts.any(has) && ends_tls(ingress, host)
        })
    }

    fn by_rule(&self, model: &Model, target: &Target<'_>, request: &Request<'_>) -> Answer {
        let backend = Backend {
            ingress: target.key.clone(),
            rule: rule_words(target),
            service: target.service.cloned().unwrap_or_default(),
            by_cluster_ip: is_on(target.ingress, "service-upstream"),
        };
        if target.opaque {
            return Answer::Unsupported(backend);
        }
        if request.tls && self.passes_tls_through && is_on(target.ingress, "ssl-passthrough") {
            return Answer::PassThrough(backend);
        }
        let has_tls = self.has_certificate(model, target.host);
        let redirects = (has_tls && annotation(target.ingress, "ssl-redirect") != Some("false"))
            || is_on(target.ingress, "force-ssl-redirect");
        if redirects && !request.tls {
            return Answer::RedirectToTls(target.key.clone());
        }
        Answer::Proxy(backend)
    }
}

/// Whether an Ingress has a certificate for a host.
fn ends_tls(ingress: &Ingress, host: &str) -> bool {
    ingress.spec.tls.iter().any(|tls| {
        tls.hosts.is_empty()
            || tls.hosts.iter().any(|own| ingress::host_rank(own, host, Wildcard::OneLabel).is_some())
    })
}

fn default_backend(served: &[(&Key, &Ingress)], request: &Request<'_>) -> Option<Answer> {
    let named = |ingress: &Ingress| {
        ingress.spec.rules.iter().any(|rule| rule.host.eq_ignore_ascii_case(request.host))
    };
    // The default backend of an Ingress that has the host, else that of an Ingress without rules.
    let fits = |(_, ingress): &&(&Key, &Ingress)| {
        ingress.spec.default_backend.is_some() && (named(ingress) || ingress.spec.rules.is_empty())
    };
    let (key, ingress) = served.iter().filter(fits).max_by_key(|(_, ingress)| named(ingress))?;
    let service = ingress.spec.default_backend.as_ref()?.service.clone()?;
    Some(Answer::Proxy(Backend {
        ingress: (*key).clone(),
        rule: "defaultBackend".to_owned(),
        service,
        by_cluster_ip: is_on(ingress, "service-upstream"),
    }))
}

fn rules<'a>(served: &[(&'a Key, &'a Ingress)]) -> Vec<IngressRule<Target<'a>>> {
    // An expression on one path of a host makes every path of that host one.
    let expressions = |host: &str| {
        served.iter().any(|(_, ingress)| {
            let own = is_on(ingress, "use-regex") || annotation(ingress, "rewrite-target").is_some();
            own && ingress.spec.rules.iter().any(|rule| rule.host.eq_ignore_ascii_case(host))
        })
    };
    let mut rules = Vec::new();
    for (key, ingress) in served {
        for rule in &ingress.spec.rules {
            let paths = rule.http.iter().flat_map(|http| &http.paths);
            let by_expression = expressions(&rule.host);
            let paths = paths.map(|path| {
                let text = if path.path.is_empty() { "/" } else { &path.path };
                let (plain, opaque) =
                    if by_expression { plain_beginning(text) } else { (text.to_owned(), false) };
                let path_type = match path.path_type {
                    _ if by_expression => PathType::Beginning,
                    api::PathType::Exact => PathType::Exact,
                    api::PathType::Prefix => PathType::Prefix,
                    api::PathType::ImplementationSpecific => PathType::Beginning,
                };
                let service = Target {
                    key,
                    ingress,
                    host: &rule.host,
                    text,
                    path_type: path.path_type,
                    service: path.backend.service.as_ref(),
                    opaque,
                };
                IngressPath { path: plain, path_type, service }
            });
            rules.push(IngressRule { host: rule.host.clone(), paths: paths.collect() });
        }
    }
    rules
}

/// The beginning that an expression asks for, where it is a beginning and "anything" after it.
fn plain_beginning(expression: &str) -> (String, bool) {
    let mut plain = expression.trim_start_matches('^');
    for ending in ["(/|$)(.*)", "/?(.*)", "/(.*)", "(.*)", "/.*", ".*"] {
        if let Some(rest) = plain.strip_suffix(ending) {
            plain = rest;
            break;
        }
    }
    let opaque = plain.contains(['(', ')', '[', ']', '*', '+', '?', '|', '$', '\\', '{', '}']);
    (if plain.is_empty() { "/".to_owned() } else { plain.to_owned() }, opaque)
}

fn is_expression(rules: &[IngressRule<Target<'_>>], path: &IngressPath<Target<'_>>) -> bool {
    let own = path.service.ingress;
    let of_host = rules.iter().filter(|rule| rule.host.eq_ignore_ascii_case(path.service.host));
    let mut ingresses = of_host.flat_map(|rule| &rule.paths).map(|path| path.service.ingress).chain([own]);
    ingresses.any(|own| is_on(own, "use-regex") || annotation(own, "rewrite-target").is_some())
}

fn rule_words(target: &Target<'_>) -> String {
    let host = if target.host.is_empty() { "*" } else { target.host };
    format!("host {host}, path {} ({:?})", target.text, target.path_type)
}

fn misses(
    rules: &[IngressRule<Target<'_>>],
    request: &Request<'_>,
    best: Option<usize>,
) -> Vec<(Key, String, String)> {
    let mut misses = Vec::new();
    for rule in rules {
        let rank = ingress::host_rank(&rule.host, request.host, Wildcard::AnyDepth);
        for path in &rule.paths {
            let failed = match rank {
                None => format!("wants host {}, request has {}", rule.host, request.host),
                Some(_) if rank < best => "another rule's host fits more closely".to_owned(),
                Some(_) if !ingress::matches_path(path, request.path) => {
                    format!("wants path {}, request has {}", path.service.text, request.path)
                }
                Some(_) => continue,
            };
            misses.push((rank.is_none(), (path.service.key.clone(), rule_words(&path.service), failed)));
        }
    }
    order::sort_by_key(&mut misses, |(far, _)| *far);
    misses.into_iter().map(|(_, miss)| miss).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::kubernetes::{
        HttpIngressPath, HttpIngressRule, IngressBackend, IngressClass, IngressRule, IngressTls,
        ServiceBackendPort,
    };
    use std::sync::Arc;

    fn rule(host: &str, paths: &[(&str, api::PathType, &str)]) -> IngressRule {
        let path = |(path, path_type, service): &(&str, api::PathType, &str)| HttpIngressPath {
            path: (*path).into(),
            path_type: *path_type,
            backend: IngressBackend {
                service: Some(IngressServiceBackend {
                    name: (*service).into(),
                    port: ServiceBackendPort { number: 80, ..ServiceBackendPort::default() },
                }),
            },
        };
        IngressRule {
            host: host.into(),
            http: Some(HttpIngressRule { paths: paths.iter().map(path).collect() }),
        }
    }

    fn ingress(name: &str, class: Option<&str>, rules: Vec<IngressRule>) -> Ingress {
        let mut ingress = Ingress::default();
        ingress.metadata.name = name.into();
        ingress.spec.ingress_class_name = class.map(str::to_owned);
        ingress.spec.rules = rules;
        ingress
    }

    fn model(ingresses: Vec<Ingress>) -> Model {
        let mut model = Model::default();
        for (name, default) in [("nginx", true), ("other", false)] {
            let mut class = IngressClass::default();
            class.metadata.name = name.into();
            class.spec.controller = if default { CONTROLLER.into() } else { "example.com/other".into() };
            class.metadata.annotations.insert(IngressClass::DEFAULT_ANNOTATION.into(), default.to_string());
            model.ingress_classes.insert(name.into(), Arc::new(class));
        }
        model.ingresses = ingresses.into_iter().map(|own| (own.metadata.key(), Arc::new(own))).collect();
        model
    }

    fn controller(model: &Model) -> Controller {
        let mut pod = Pod::default();
        pod.metadata.labels.insert("app.kubernetes.io/name".into(), "ingress-nginx".into());
        pod.spec.containers.push(api::Container {
            args: vec!["/nginx-ingress-controller".into(), "--enable-ssl-passthrough".into()],
            ..api::Container::default()
        });
        Controller::of(model, &pod).expect("a controller")
    }

    fn taken(routed: &Routed) -> String {
        match &routed.answer {
            Answer::Proxy(backend) => backend.service.name.clone(),
            Answer::PassThrough(backend) => format!("{} (TLS)", backend.service.name),
            Answer::RedirectToTls(_) => "308".into(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn who_takes_a_request() {
        use api::PathType::{Exact, ImplementationSpecific, Prefix};
        let shop = rule(
            "shop.example.com",
            &[("/", Prefix, "web"), ("/api", Prefix, "api"), ("/api/v1", Exact, "v1")],
        );
        let wild = rule("*.example.com", &[("/img", ImplementationSpecific, "wild")]);
        let foreign = ingress(
            "foreign",
            Some("other"),
            vec![rule("shop.example.com", &[("/api/v1/x", Prefix, "foreign")])],
        );
        let mut secure = ingress("secure", None, vec![rule("secure.org", &[("/", Prefix, "secure")])]);
        secure.spec.tls = vec![IngressTls { hosts: vec!["secure.org".into()], secret_name: None }];
        let mut through = secure.clone();
        through.metadata.name = "through".into();
        through.spec.rules = vec![rule("through.org", &[("/", Prefix, "through")])];
        through
            .metadata
            .annotations
            .insert("nginx.ingress.kubernetes.io/ssl-passthrough".into(), "true".into());
        let model = model(vec![ingress("a", Some("nginx"), vec![shop, wild]), foreign, secure, through]);
        let controller = controller(&model);
        for (host, path, tls, expected) in [
            ("shop.example.com", "/", false, "web"),
            ("shop.example.com", "/api/", false, "api"),
            ("shop.example.com", "/apiary", false, "web"),
            ("shop.example.com", "/api/v1", false, "v1"),
            ("shop.example.com", "/api/v1/x", false, "api"),
            ("a.example.com", "/imgs", false, "wild"),
            ("a.b.example.com", "/imgs", false, "wild"),
            ("a.example.com", "/", false, "NotFound"),
            ("nobody.org", "/", false, "NotFound"),
            ("nobody.org", "/healthz", false, "Health"),
            ("secure.org", "/", false, "308"),
            ("secure.org", "/", true, "secure"),
            ("through.org", "/", true, "through (TLS)"),
        ] {
            let routed = controller.answer(&model, &Request { host, path, tls });
            assert_eq!(taken(&routed), expected, "{host}{path}: {routed:?}");
        }
        let none = controller.answer(&model, &Request { host: "a.example.com", path: "/", tls: false });
        assert_eq!(none.misses[0].2, "wants path /img, request has /");
    }

    #[test]
    fn an_expression_without_host_takes_the_health_path() {
        let all = || rule("", &[("/", api::PathType::Prefix, "app")]);
        let plain = model(vec![ingress("all", None, vec![all()])]);
        let mut rewritten =
            ingress("all", None, vec![rule("", &[("/(.*)", api::PathType::ImplementationSpecific, "app")])]);
        rewritten
            .metadata
            .annotations
            .insert("nginx.ingress.kubernetes.io/rewrite-target".into(), "/$1".into());
        let hijacked = model(vec![rewritten]);
        let request = Request { host: "10.224.0.4", path: HEALTH_PATH, tls: false };
        assert_eq!(taken(&controller(&plain).answer(&plain, &request)), "Health");
        assert_eq!(taken(&controller(&hijacked).answer(&hijacked, &request)), "app");
    }
}
