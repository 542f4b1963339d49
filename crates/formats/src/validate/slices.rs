//! EndpointSlices.

use super::Check;
use model::{
    Key, Kind, ObjectRef,
    kubernetes::{AddressType, EndpointSlice},
};
use std::net::IpAddr;

impl Check<'_> {
    pub(super) fn endpoint_slices(&mut self) {
        for (key, slice) in &self.model.endpoint_slices {
            let id = ObjectRef::namespaced(Kind::EndpointSlice, key);
            match slice.service() {
                None => self.warning(
                    &id,
                    "metadata.labels",
                    format!("it has no label {}, so no Service uses it", EndpointSlice::SERVICE_LABEL),
                    format!("add `{}: NAME` under `metadata.labels`", EndpointSlice::SERVICE_LABEL),
                ),
                Some(name) if !self.model.services.contains_key(&Key::new(&key.namespace, name)) => {
                    self.warning(
                        &id,
                        &format!("metadata.labels.{}", EndpointSlice::SERVICE_LABEL),
                        format!("there is no Service {}/{name}", key.namespace),
                        "add the Service, or correct the label",
                    );
                }
                Some(_) => {}
            }
            self.endpoints(&id, slice);
        }
    }

    fn endpoints(&mut self, id: &ObjectRef, slice: &EndpointSlice) {
        for (at, endpoint) in slice.endpoints.iter().enumerate() {
            for (number, text) in endpoint.addresses.iter().enumerate() {
                let path = format!("endpoints[{at}].addresses[{number}]");
                let fits = match slice.address_type {
                    AddressType::Fqdn => continue,
                    AddressType::IPv4 => IpAddr::is_ipv4,
                    AddressType::IPv6 => IpAddr::is_ipv6,
                };
                if let Some(ip) = self.address(id, &path, text)
                    && !fits(&ip)
                {
                    let what = format!("{path}: {ip} is not of the addressType {:?}", slice.address_type);
                    self.error(id, &path, what, "a slice holds addresses of one family");
                }
            }
            if let Some(name) = &endpoint.node_name
                && !self.node_named(name)
            {
                let hint = self.node_hint(name);
                let what = format!("there is no Node {name}, so this endpoint is local to no node");
                self.warning(id, &format!("endpoints[{at}].nodeName"), what, hint);
            }
        }
    }
}
