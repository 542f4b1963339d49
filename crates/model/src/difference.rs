//! The edit between two models.

use crate::{Edit, Model, Object, same_objects};
use std::{collections::BTreeMap, sync::Arc};

/// What is gone and what is other or new.
#[derive(Default)]
struct Gap {
    gone: Vec<Edit>,
    changed: Vec<Edit>,
}

impl Gap {
    #[inline(never)]
    fn one<T: PartialEq>(&mut self, from: &Option<Arc<T>>, to: &Option<Arc<T>>, wrap: fn(Arc<T>) -> Object) {
        match (from, to) {
            (Some(from), None) => {
                self.gone.push(Edit::Remove { object: wrap(Arc::clone(from)).object_ref() });
            }
            (_, Some(to)) if from.as_ref() != Some(to) => self.changed.push(Edit::Put(wrap(Arc::clone(to)))),
            _ => {}
        }
    }

    /// Objects that both share cost one comparison of pointers.
    #[inline(never)]
    fn map<K: Ord, T: PartialEq>(
        &mut self,
        from: &BTreeMap<K, Arc<T>>,
        to: &BTreeMap<K, Arc<T>>,
        wrap: fn(Arc<T>) -> Object,
    ) {
        if same_objects(from, to) {
            return;
        }
        for (_, old) in from.iter().filter(|(key, _)| !to.contains_key(key)) {
            self.gone.push(Edit::Remove { object: wrap(Arc::clone(old)).object_ref() });
        }
        let mut old = from.iter().peekable();
        for (key, new) in to {
            while old.next_if(|(other, _)| *other < key).is_some() {}
            let known = old.peek().filter(|(other, _)| *other == key).map(|(_, old)| *old);
            if !known.is_some_and(|old| Arc::ptr_eq(old, new) || **old == **new) {
                self.changed.push(Edit::Put(wrap(Arc::clone(new))));
            }
        }
    }
}

impl Model {
    /// The edit that turns this model into another, as one step of history; `None` if they are equal.
    pub fn difference(&self, to: &Self) -> Option<Edit> {
        let mut gap = Gap::default();
        gap.one(&self.managed_cluster, &to.managed_cluster, Object::ManagedCluster);
        gap.one(&self.kube_proxy, &to.kube_proxy, Object::KubeProxyConfiguration);
        gap.map(&self.virtual_networks, &to.virtual_networks, Object::VirtualNetwork);
        gap.map(&self.network_security_groups, &to.network_security_groups, Object::NetworkSecurityGroup);
        gap.map(&self.route_tables, &to.route_tables, Object::RouteTable);
        gap.map(&self.public_ip_addresses, &to.public_ip_addresses, Object::PublicIPAddress);
        gap.map(&self.nat_gateways, &to.nat_gateways, Object::NatGateway);
        gap.map(&self.local_network_gateways, &to.local_network_gateways, Object::LocalNetworkGateway);
        gap.map(&self.virtual_network_gateways, &to.virtual_network_gateways, Object::VirtualNetworkGateway);
        gap.map(&self.storage_accounts, &to.storage_accounts, Object::StorageAccount);
        gap.map(&self.private_endpoints, &to.private_endpoints, Object::PrivateEndpoint);
        gap.map(&self.private_dns_zones, &to.private_dns_zones, Object::PrivateDnsZone);
        gap.map(&self.dns_resolvers, &to.dns_resolvers, Object::DnsResolver);
        gap.map(&self.network_interfaces, &to.network_interfaces, Object::NetworkInterface);
        gap.map(&self.azure_firewalls, &to.azure_firewalls, Object::AzureFirewall);
        gap.map(&self.load_balancers, &to.load_balancers, Object::LoadBalancer);
        gap.map(&self.nodes, &to.nodes, Object::Node);
        gap.map(&self.namespaces, &to.namespaces, Object::Namespace);
        gap.map(&self.priority_classes, &to.priority_classes, Object::PriorityClass);
        gap.map(&self.ingress_classes, &to.ingress_classes, Object::IngressClass);
        gap.map(&self.ingresses, &to.ingresses, Object::Ingress);
        gap.map(&self.network_policies, &to.network_policies, Object::NetworkPolicy);
        gap.map(&self.services, &to.services, Object::Service);
        gap.map(&self.deployments, &to.deployments, Object::Deployment);
        gap.map(&self.replica_sets, &to.replica_sets, Object::ReplicaSet);
        gap.map(&self.stateful_sets, &to.stateful_sets, Object::StatefulSet);
        gap.map(&self.daemon_sets, &to.daemon_sets, Object::DaemonSet);
        gap.map(&self.jobs, &to.jobs, Object::Job);
        gap.map(&self.pod_disruption_budgets, &to.pod_disruption_budgets, Object::PodDisruptionBudget);
        gap.map(&self.bindings, &to.bindings, Object::Binding);
        gap.map(&self.pods, &to.pods, Object::Pod);
        gap.map(&self.endpoint_slices, &to.endpoint_slices, Object::EndpointSlice);
        let edits: Vec<Edit> = gap.gone.into_iter().chain(gap.changed).collect();
        (!edits.is_empty()).then_some(Edit::Many { edits })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        azure::ManagedCluster,
        kubernetes::{Node, Workload},
    };

    #[test]
    fn the_difference_turns_one_into_the_other_and_back() {
        let node = |name: &str, cordoned: bool| {
            let mut node = Node::default();
            node.metadata.name = name.into();
            node.spec.unschedulable = cordoned;
            Object::Node(Arc::new(node))
        };
        let cluster = |name: &str| {
            Object::ManagedCluster(Arc::new(ManagedCluster {
                name: name.into(),
                ..ManagedCluster::default()
            }))
        };
        let job = Object::Job(Arc::new(Workload::default()));
        let of = |objects: &[Object]| {
            let mut model = Model::default();
            for object in objects {
                model.put(object.clone());
            }
            model
        };
        let models = [
            of(&[]),
            of(&[node("a", false), node("b", false), cluster("one")]),
            of(&[node("a", true), node("c", false), cluster("two")]),
            of(&[node("c", false), job]),
        ];
        for from in &models {
            for to in &models {
                let mut model = from.clone();
                match from.difference(to) {
                    None => assert_eq!(from, to),
                    Some(edit) => {
                        let inverse = edit.apply(&mut model).expect("the difference applies");
                        assert_eq!(model, *to);
                        inverse.apply(&mut model).expect("the inverse applies");
                        assert_eq!(model, *from);
                    }
                }
            }
        }
    }
}
