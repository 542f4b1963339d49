//! `v1` Endpoints, which kube-proxy does not read: of those that people write for a Service without selector, the
//! EndpointSlice mirroring controller makes EndpointSlices. Of others the slices are made from pods.

use crate::{
    Severity,
    de::{Dialect, read},
    document::{Located, Reader},
    tree::Node,
};
use model::{
    Key, Object,
    kubernetes::{
        AddressType, Endpoint, EndpointConditions, EndpointPort, EndpointSlice, IpFamily, ObjectMeta,
    },
};
use model_derive::Filled;
use std::{net::IpAddr, sync::Arc};

/// `v1` Endpoints.
#[derive(Debug, Default, Filled)]
#[serde(default)]
struct Endpoints {
    metadata: ObjectMeta,
    subsets: Option<Vec<Subset>>,
}

#[derive(Debug, Default, Filled)]
#[serde(rename_all = "camelCase", default)]
struct Subset {
    addresses: Vec<Address>,
    not_ready_addresses: Vec<Address>,
    ports: Vec<EndpointPort>,
}

#[derive(Debug, Default, Filled)]
#[serde(rename_all = "camelCase", default)]
struct Address {
    ip: String,
    node_name: Option<String>,
}

/// The controller's own limit, for ready and other addresses of a subset together.
const MOST_OF_A_SUBSET: usize = 1000;
/// A person's word that nothing is to be mirrored.
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";

/// Endpoints as read, and where they stand.
pub(crate) struct Found {
    endpoints: Endpoints,
    file: Arc<str>,
    node: Node,
}

impl Reader {
    /// Reads Endpoints, and keeps them until everything has been read.
    pub(crate) fn endpoints(&mut self, node: Node) {
        let mut endpoints: Endpoints = match read(&node, Dialect::Kubernetes) {
            Ok((endpoints, _)) => endpoints,
            Err(error) => {
                let at = error.at.unwrap_or(node.at);
                return self.error(at, format!("Endpoints: {error}"), error.hint.clone());
            }
        };
        if endpoints.metadata.namespace.is_empty() {
            "default".clone_into(&mut endpoints.metadata.namespace);
        }
        self.endpoints.push(Found { endpoints, file: Arc::clone(&self.file), node });
    }

    /// Does the mirroring controller's work, where its slices are not given.
    pub(crate) fn mirror_endpoints(&mut self) {
        for Found { endpoints, file, node } in std::mem::take(&mut self.endpoints) {
            let key = endpoints.metadata.key();
            let slices = self.model.endpoint_slices.values();
            let given = slices
                .filter(|slice| slice.metadata.key().namespace == key.namespace)
                .any(|slice| slice.service() == Some(&*key.name));
            let of_a_selector = match self.model.services.get(&key) {
                Some(service) => !service.spec.selector.is_empty(),
                // Without its Service, a slice would lead nowhere.
                None => true,
            };
            if given || of_a_selector || endpoints.metadata.label(SKIP) == Some("true") {
                continue;
            }
            self.file = file;
            let what = format!(
                "Endpoints {key}: read as the EndpointSlices that the mirroring controller makes of them"
            );
            self.say(Severity::Notice, node.at, what, "", None);
            for slice in mirrored(&key, endpoints) {
                let object = Object::EndpointSlice(Arc::new(slice));
                let located = Located::plain(Arc::clone(&self.file), node.clone());
                self.add(object.object_ref(), object, located);
            }
        }
    }
}

/// One slice for each subset and family.
fn mirrored(key: &Key, endpoints: Endpoints) -> Vec<EndpointSlice> {
    let mut slices = Vec::new();
    for subset in endpoints.subsets.into_iter().flatten() {
        let states = [(subset.addresses, true), (subset.not_ready_addresses, false)];
        let all: Vec<(IpFamily, Endpoint)> = states
            .into_iter()
            .flat_map(|(addresses, ready)| addresses.into_iter().map(move |address| (address, ready)))
            .take(MOST_OF_A_SUBSET)
            .map(|(address, ready)| {
                let family = address.ip.parse::<IpAddr>().map_or(IpFamily::IPv4, IpFamily::of);
                let conditions = EndpointConditions { ready: Some(ready), ..EndpointConditions::default() };
                let (addresses, node_name) = (vec![address.ip], address.node_name);
                (family, Endpoint { addresses, conditions, node_name, ..Endpoint::default() })
            })
            .collect();
        // Ports of Endpoints may lack a name; a slice's have an empty one then.
        let ports: Vec<EndpointPort> = subset
            .ports
            .into_iter()
            .map(|port| EndpointPort { name: Some(port.name.unwrap_or_default()), ..port })
            .collect();
        for (family, address_type) in
            [(IpFamily::IPv4, AddressType::IPv4), (IpFamily::IPv6, AddressType::IPv6)]
        {
            let own = all.iter().filter(|(of, _)| *of == family).map(|(_, endpoint)| endpoint.clone());
            let endpoints: Vec<Endpoint> = own.collect();
            if endpoints.is_empty() {
                continue;
            }
            let mut metadata = ObjectMeta {
                name: format!("{}-mirrored-{}", key.name, slices.len()),
                namespace: key.namespace.to_string(),
                ..ObjectMeta::default()
            };
            metadata.labels.insert(EndpointSlice::SERVICE_LABEL.into(), key.name.to_string());
            metadata.labels.insert(
                "endpointslice.kubernetes.io/managed-by".into(),
                "endpointslicemirroring-controller.k8s.io".into(),
            );
            slices.push(EndpointSlice { metadata, address_type, endpoints, ports: ports.clone() });
        }
    }
    slices
}
