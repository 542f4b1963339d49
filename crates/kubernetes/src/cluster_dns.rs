//! Names inside the cluster: a pod's search path, and what CoreDNS answers for `cluster.local`
//! (the DNS specification of Kubernetes).

use crate::api_server;
use model::{
    Key, Model,
    kubernetes::{Endpoint, Service, ServiceType},
};
use std::{collections::BTreeSet, net::IpAddr};

/// The cluster's domain on AKS.
pub const DOMAIN: &str = "cluster.local";
/// Names with fewer dots are tried with the search path first (`options ndots:5` of a pod's resolv.conf).
pub const NDOTS: usize = 5;
/// The Service of the API server, which every cluster has.
pub const API_SERVER: (&str, &str) = ("default", "kubernetes");
/// The Service of CoreDNS.
pub const SERVICE: (&str, &str) = ("kube-system", "kube-dns");

/// The domains that a pod's resolver appends, in order.
pub fn search_path(namespace: &str) -> [String; 3] {
    [format!("{namespace}.svc.{DOMAIN}"), format!("svc.{DOMAIN}"), DOMAIN.to_owned()]
}

/// Whether CoreDNS answers for a name itself; every other one it passes on.
pub fn is_own(name: &str) -> bool {
    name.strip_suffix(DOMAIN).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// What CoreDNS knows of a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterAnswer {
    /// A Service with cluster IPs.
    Service(Key, Vec<IpAddr>),
    /// The ready endpoints of a headless Service, or one of them.
    Endpoints(Key, Vec<IpAddr>),
    /// An ExternalName Service: another name.
    Alias(Key, String),
    /// A pod, by its address with dashes.
    Pod(IpAddr),
    /// No such name.
    NxDomain,
}

/// Looks a name of the cluster's domain up.
pub fn lookup(model: &Model, name: &str) -> ClusterAnswer {
    let Some(rest) = name.strip_suffix(DOMAIN).and_then(|rest| rest.strip_suffix('.')) else {
        return ClusterAnswer::NxDomain;
    };
    let labels: Vec<&str> = rest.split('.').collect();
    match labels.as_slice() {
        [service, namespace, "svc"] => of_service(model, &Key::new(namespace, service)),
        [host, service, namespace, "svc"] => of_endpoint(model, &Key::new(namespace, service), host),
        [address, _, "pod"] => match address.replace('-', ".").parse() {
            Ok(ip) => ClusterAnswer::Pod(ip),
            Err(_) => ClusterAnswer::NxDomain,
        },
        _ => ClusterAnswer::NxDomain,
    }
}

/// The cluster IPs of a Service; none where it is headless.
pub fn cluster_ips(service: &Service) -> Vec<IpAddr> {
    let spec = &service.spec;
    let single = spec.cluster_ips.is_empty().then_some(&spec.cluster_ip);
    spec.cluster_ips.iter().chain(single).filter_map(|ip| ip.trim().parse().ok()).collect()
}

fn of_service(model: &Model, key: &Key) -> ClusterAnswer {
    let Some(service) = model.services.get(key) else {
        let of_api_server = api_server(model).filter(|_| (&*key.namespace, &*key.name) == API_SERVER);
        return of_api_server
            .map_or(ClusterAnswer::NxDomain, |ip| ClusterAnswer::Service(key.clone(), vec![ip]));
    };
    if service.spec.service_type == ServiceType::ExternalName {
        return match &service.spec.external_name {
            Some(name) => ClusterAnswer::Alias(key.clone(), name.trim_end_matches('.').to_ascii_lowercase()),
            None => ClusterAnswer::NxDomain,
        };
    }
    let addresses = cluster_ips(service);
    if addresses.is_empty() {
        return match endpoints(model, key, service, |_, _| true) {
            none if none.is_empty() => ClusterAnswer::NxDomain,
            ready => ClusterAnswer::Endpoints(key.clone(), ready),
        };
    }
    ClusterAnswer::Service(key.clone(), addresses)
}

/// One endpoint of a Service: by its hostname, or where it has none by its address with dashes (CoreDNS,
/// `endpointHostname`).
fn of_endpoint(model: &Model, key: &Key, host: &str) -> ClusterAnswer {
    let Some(service) = model.services.get(key) else { return ClusterAnswer::NxDomain };
    let named = |endpoint: &Endpoint, ip: IpAddr| match endpoint.hostname.as_deref() {
        Some(name) if !name.is_empty() => name.eq_ignore_ascii_case(host),
        _ => ip.to_string().replace(['.', ':'], "-") == host,
    };
    match endpoints(model, key, service, named) {
        none if none.is_empty() => ClusterAnswer::NxDomain,
        found => ClusterAnswer::Endpoints(key.clone(), found),
    }
}

fn endpoints(
    model: &Model,
    key: &Key,
    service: &Service,
    fits: impl Fn(&Endpoint, IpAddr) -> bool,
) -> Vec<IpAddr> {
    let own = model.endpoint_slices.values().filter(|slice| {
        slice.metadata.key().namespace == key.namespace && slice.service() == Some(&key.name)
    });
    let shown = own.flat_map(|slice| &slice.endpoints).filter(|endpoint| {
        endpoint.conditions.ready.unwrap_or(true) || service.spec.publish_not_ready_addresses
    });
    let addresses = shown.filter_map(|endpoint| {
        let ip = endpoint.addresses.first()?.parse().ok()?;
        fits(endpoint, ip).then_some(ip)
    });
    let addresses: BTreeSet<IpAddr> = order::set(addresses);
    addresses.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_cluster_end_in_its_domain() {
        for (name, own) in
            [("x.svc.cluster.local", true), ("cluster.local", true), ("mycluster.local", false)]
        {
            assert_eq!(is_own(name), own, "{name}");
        }
    }
}
