//! Sharing between a model and the one before it: what an edit left alone stays the same object, so that
//! whatever was computed from it can be kept.

use crate::{Model, Objects};
use std::{collections::BTreeMap, sync::Arc};

/// Whether both maps hold the very same objects. The cost is one comparison of pointers per object.
pub fn same_objects<K, T>(a: &BTreeMap<K, Arc<T>>, b: &BTreeMap<K, Arc<T>>) -> bool {
    std::ptr::eq(a, b) || a.len() == b.len() && a.values().zip(b.values()).all(|(a, b)| Arc::ptr_eq(a, b))
}

/// Whether both are the very same object, or both absent.
pub fn same_object<T>(a: Option<&Arc<T>>, b: Option<&Arc<T>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

/// Takes objects of `old` in the place of equal ones, and its whole map where all are.
fn share<K: Ord + Clone, T: PartialEq>(new: &mut Objects<K, T>, old: &Objects<K, T>) {
    if new.is_same(old) {
        return;
    }
    let mut known = old.iter().peekable();
    let mut equal = Vec::new();
    let mut all = new.len() == old.len();
    for (key, object) in &*new {
        // An object has one name, so that names of the same object need no comparing.
        if known.next_if(|(_, own)| Arc::ptr_eq(own, object)).is_some() {
            continue;
        }
        while known.next_if(|(other, _)| *other < key).is_some() {}
        match known.next_if(|(other, _)| *other == key) {
            Some((_, known)) if Arc::ptr_eq(known, object) => {}
            Some((_, known)) if **known == **object => equal.push((key.clone(), Arc::clone(known))),
            _ => all = false,
        }
    }
    if all {
        *new = old.clone();
    } else if !equal.is_empty() {
        let objects = &mut **new;
        for (key, known) in equal {
            objects.insert(key, known);
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

    /// The same for Services alone.
    pub fn share_services_with(&mut self, old: &Self) {
        share(&mut self.services, &old.services);
    }

    /// Whether both have the very same nodes, pods, slices and ReplicaSets.
    pub fn same_objects_but_services(&self, other: &Self) -> bool {
        fn same<K: PartialEq, T>(a: &Objects<K, T>, b: &Objects<K, T>) -> bool {
            a.is_same(b) || same_objects(a, b)
        }
        same(&self.nodes, &other.nodes)
            && same(&self.pods, &other.pods)
            && same(&self.endpoint_slices, &other.endpoint_slices)
            && same_objects(&self.replica_sets, &other.replica_sets)
    }

    /// Whether both have the very same objects of every kind but nodes, pods, Services, slices, and the
    /// workloads from which pods are made.
    pub fn same_surroundings(&self, other: &Self) -> bool {
        // Every field is named, so that a new one has to be decided about here.
        let Self {
            nodes: _,
            pods: _,
            services: _,
            endpoint_slices: _,
            deployments: _,
            replica_sets: _,
            stateful_sets: _,
            daemon_sets: _,
            jobs: _,
            pod_disruption_budgets: _,
            bindings: _,
            priority_classes: _,
            kube_proxy,
            managed_cluster,
            load_balancers,
            virtual_networks,
            network_security_groups,
            route_tables,
            public_ip_addresses,
            nat_gateways,
            network_interfaces,
            azure_firewalls,
            namespaces,
            ingresses,
            ingress_classes,
            network_policies,
            storage_accounts,
            private_endpoints,
            private_dns_zones,
            dns_resolvers,
            local_network_gateways,
            virtual_network_gateways,
        } = self;
        same_object(kube_proxy.as_ref(), other.kube_proxy.as_ref())
            && same_object(managed_cluster.as_ref(), other.managed_cluster.as_ref())
            && same_objects(load_balancers, &other.load_balancers)
            && same_objects(virtual_networks, &other.virtual_networks)
            && same_objects(network_security_groups, &other.network_security_groups)
            && same_objects(route_tables, &other.route_tables)
            && same_objects(public_ip_addresses, &other.public_ip_addresses)
            && same_objects(nat_gateways, &other.nat_gateways)
            && same_objects(network_interfaces, &other.network_interfaces)
            && same_objects(azure_firewalls, &other.azure_firewalls)
            && same_objects(namespaces, &other.namespaces)
            && same_objects(ingresses, &other.ingresses)
            && same_objects(ingress_classes, &other.ingress_classes)
            && same_objects(network_policies, &other.network_policies)
            && same_objects(storage_accounts, &other.storage_accounts)
            && same_objects(private_endpoints, &other.private_endpoints)
            && same_objects(private_dns_zones, &other.private_dns_zones)
            && same_objects(dns_resolvers, &other.dns_resolvers)
            && same_objects(local_network_gateways, &other.local_network_gateways)
            && same_objects(virtual_network_gateways, &other.virtual_network_gateways)
    }
}
