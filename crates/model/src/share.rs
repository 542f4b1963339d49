//! Sharing between a model and the one before it: what an edit left alone stays the same object, so that
//! whatever was computed from it can be kept.

use crate::Model;
use std::{collections::BTreeMap, sync::Arc};

/// Whether both maps hold the very same objects. The cost is one comparison of pointers per object.
pub fn same_objects<K, T>(a: &BTreeMap<K, Arc<T>>, b: &BTreeMap<K, Arc<T>>) -> bool {
    a.len() == b.len() && a.values().zip(b.values()).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// Whether both are the very same object, or both absent.
pub fn same_object<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Takes objects of `old` in the place of equal ones.
fn share<K: Ord, T: PartialEq>(new: &mut BTreeMap<K, Arc<T>>, old: &BTreeMap<K, Arc<T>>) {
    let mut old = old.iter().peekable();
    for (key, object) in new {
        while old.next_if(|(other, _)| *other < key).is_some() {}
        let Some((other, known)) = old.peek() else { return };
        if *other == key && !Arc::ptr_eq(known, object) && ***known == **object {
            *object = Arc::clone(known);
        }
    }
}

impl Model {
    /// Takes nodes, pods, Services and slices of an older model in the place of equal ones, so that both
    /// share them.
    pub fn share_with(&mut self, old: &Self) {
        share(&mut self.nodes, &old.nodes);
        share(&mut self.pods, &old.pods);
        share(&mut self.services, &old.services);
        share(&mut self.endpoint_slices, &old.endpoint_slices);
    }

    /// Whether both have the very same objects of every kind but nodes, pods, Services and slices.
    pub fn same_surroundings(&self, other: &Self) -> bool {
        same_object(self.kube_proxy.as_ref(), other.kube_proxy.as_ref())
            && same_object(self.managed_cluster.as_ref(), other.managed_cluster.as_ref())
            && same_objects(&self.load_balancers, &other.load_balancers)
            && same_objects(&self.virtual_networks, &other.virtual_networks)
            && same_objects(&self.network_security_groups, &other.network_security_groups)
            && same_objects(&self.route_tables, &other.route_tables)
            && same_objects(&self.public_ip_addresses, &other.public_ip_addresses)
            && same_objects(&self.nat_gateways, &other.nat_gateways)
            && same_objects(&self.network_interfaces, &other.network_interfaces)
            && same_objects(&self.namespaces, &other.namespaces)
            && same_objects(&self.ingresses, &other.ingresses)
            && same_objects(&self.ingress_classes, &other.ingress_classes)
            && same_objects(&self.network_policies, &other.network_policies)
            && same_objects(&self.storage_accounts, &other.storage_accounts)
            && same_objects(&self.private_endpoints, &other.private_endpoints)
            && same_objects(&self.private_dns_zones, &other.private_dns_zones)
            && same_objects(&self.local_network_gateways, &other.local_network_gateways)
            && same_objects(&self.virtual_network_gateways, &other.virtual_network_gateways)
    }
}
