//! Ingresses and their classes.

use super::Check;
use crate::near::nearest;
use model::{
    Key, Kind, ObjectRef,
    kubernetes::{Ingress, IngressServiceBackend, PathType},
};

impl Check<'_> {
    pub(super) fn ingresses(&mut self) {
        for (key, ingress) in &self.model.ingresses {
            let id = ObjectRef::namespaced(Kind::Ingress, key);
            self.ingress_class(&id, ingress);
            if let Some(service) = ingress.spec.default_backend.as_ref().and_then(|own| own.service.as_ref())
            {
                self.backend(&id, key, "spec.defaultBackend.service", service);
            }
            for (at, rule) in ingress.spec.rules.iter().enumerate() {
                let path = format!("spec.rules[{at}]");
                self.host(&id, &format!("{path}.host"), &rule.host);
                for (number, entry) in rule.http.iter().flat_map(|http| &http.paths).enumerate() {
                    let path = format!("{path}.http.paths[{number}]");
                    let needs_slash =
                        entry.path_type != PathType::ImplementationSpecific || !entry.path.is_empty();
                    if needs_slash && !entry.path.starts_with('/') {
                        let what = format!("the path {:?} does not begin with a slash", entry.path);
                        self.error(&id, &format!("{path}.path"), what, format!("write /{}", entry.path));
                    }
                    match &entry.backend.service {
                        Some(service) => self.backend(&id, key, &format!("{path}.backend.service"), service),
                        None => self.warning(
                            &id,
                            &format!("{path}.backend"),
                            "the backend names no Service: requests for it get 503",
                            "write `service:` with `name` and `port`",
                        ),
                    }
                }
            }
            for (at, host) in ingress.spec.tls.iter().flat_map(|tls| &tls.hosts).enumerate() {
                self.host(&id, &format!("spec.tls[{at}].hosts"), host);
            }
        }
    }

    /// `*` is a whole first label and nothing else (RFC 1123 subdomain, or `*.` before one).
    fn host(&mut self, id: &ObjectRef, path: &str, host: &str) {
        let domain = host.strip_prefix("*.").unwrap_or(host);
        if domain.contains('*') {
            let hint = match host.split_once('.') {
                Some((_, rest)) if !rest.contains('*') => {
                    format!("write *.{rest}, or the host without an asterisk")
                }
                _ => "`*.` may stand at the beginning, once, for one label".to_owned(),
            };
            self.error(id, path, format!("{host:?}: an asterisk may only be the whole first label"), hint);
        } else if domain.parse::<std::net::IpAddr>().is_ok() {
            let hint = "leave the host out: a rule without a host takes requests by address";
            self.error(id, path, format!("{host:?}: a host must be a DNS name, not an address"), hint);
        } else if domain.contains([':', '/', ' ']) || (host.starts_with("*.") && domain.is_empty()) {
            let hint = "write the name alone, e.g. shop.example.com: no scheme, no port, no path";
            self.error(id, path, format!("{host:?} is not a host name"), hint);
        }
    }

    fn ingress_class(&mut self, id: &ObjectRef, ingress: &Ingress) {
        let classes = &self.model.ingress_classes;
        let annotated = ingress.metadata.annotation("kubernetes.io/ingress.class");
        match ingress.spec.ingress_class_name.as_deref() {
            Some(name) if !classes.is_empty() && !classes.contains_key(name) => {
                let hint = match nearest(name, classes.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean {near}?"),
                    None => {
                        format!("the classes are {}", classes.keys().cloned().collect::<Vec<_>>().join(", "))
                    }
                };
                let what = format!("there is no IngressClass {name}: no controller serves this Ingress");
                self.warning(id, "spec.ingressClassName", what, hint);
            }
            None if annotated.is_none() && !classes.values().any(|class| class.is_default()) => {
                self.warning(
                    id,
                    "spec",
                    "it has no ingressClassName, and no class is the default one: no controller serves it",
                    "write `ingressClassName:`, or annotate a class as the default",
                );
            }
            _ => {}
        }
    }

    fn backend(&mut self, id: &ObjectRef, key: &Key, path: &str, backend: &IngressServiceBackend) {
        let Some(service) = self.model.services.get(&Key::new(&key.namespace, &backend.name)) else {
            let own = self.model.services.keys().filter(|own| own.namespace == key.namespace);
            let hint = match nearest(&backend.name, own.map(|own| &*own.name)) {
                Some(near) => format!("did you mean {near}?"),
                None => "a backend must be a Service of the Ingress's own namespace".to_owned(),
            };
            let what =
                format!("there is no Service {}/{}: requests for it get 503", key.namespace, backend.name);
            return self.warning(id, &format!("{path}.name"), what, hint);
        };
        let port = &backend.port;
        let has = |own: &&model::kubernetes::ServicePort| {
            if port.name.is_empty() { own.port == port.number } else { own.name == port.name }
        };
        if !service.spec.ports.iter().any(|own| has(&own)) {
            let known: Vec<String> = service.spec.ports.iter().map(|own| own.port.to_string()).collect();
            let what = format!("Service {} has no port {}", backend.name, port.as_int_or_string());
            self.warning(id, &format!("{path}.port"), what, format!("its ports are {}", known.join(", ")));
        }
    }
}
