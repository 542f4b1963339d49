//! Names of the chains and sets of Services and endpoints.

use crate::kube_proxy::{ProxyEndpoint, ServicePort, names::ChainHash};
use model::Key;
use std::sync::Arc;

/// Names have at most 256 bytes less the longest prefix; longer ones are cut.
const LONGEST: usize = 240;

/// `HASH-namespace/service/protocol/port`.
pub(super) fn of_service(service: &ServicePort) -> String {
    hashed(&service_path(service))
}

/// `HASH-namespace/service/protocol/port__address/port`.
pub(super) fn of_endpoint(service: &ServicePort, endpoint: &ProxyEndpoint) -> String {
    // A name has no colons.
    let address = endpoint.ip.to_string().replace(':', ".");
    hashed(&format!("{}__{address}/{}", service_path(service), endpoint.port))
}

/// A name with its prefix.
pub(super) fn prefixed(prefix: &str, name: &str) -> Arc<str> {
    format!("{prefix}-{name}").into()
}

fn service_path(service: &ServicePort) -> String {
    let Key { namespace, name } = &service.service;
    format!("{namespace}/{name}/{}/{}", service.protocol.lower(), service.port_name)
}

/// The name after the first eight letters of its hash. Letters that no chain may have (and no name of Kubernetes has)
/// become `_`.
fn hashed(name: &str) -> String {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '/' | '-');
    let mut text: String = ChainHash::of(&[name]).text().chars().take(8).collect();
    text.push('-');
    text.extend(name.chars().map(|letter| if allowed(letter) { letter } else { '_' }));
    if text.len() > LONGEST {
        text.truncate(LONGEST - 3);
        text.push_str("...");
    }
    text
}

/// The Service that a chain or set is of, from its name; `None` for those that serve every Service.
pub fn service_of(name: &str) -> Option<Key> {
    let (_, path) = name.split_once('-')?.1.split_once('-')?;
    let mut parts = path.split('/');
    let (namespace, service) = (parts.next()?, parts.next()?);
    parts.next()?;
    Some(Key::new(namespace, service))
}
