//! What Azure's state is computed from, kept to tell whether it has to be computed anew.

use crate::{nodes::Nodes, settings::Settings};
use model::{
    Model,
    azure::{
        LoadBalancer, ManagedCluster, NatGateway, NetworkInterface, NetworkSecurityGroup, PublicIpAddress,
        VirtualNetwork,
    },
    kubernetes::{EndpointSlice, Namespace, Service},
};
use std::{collections::BTreeMap, sync::Arc};

/// The part of the model, apart from nodes, that Azure's state is computed from.
#[derive(Debug)]
pub(crate) struct Inputs {
    services: Vec<Arc<Service>>,
    /// Followed only with several load balancers, for the pools of Services with policy Local.
    slices: Option<Vec<Arc<EndpointSlice>>>,
    load_balancers: BTreeMap<String, Arc<LoadBalancer>>,
    security_groups: BTreeMap<String, Arc<NetworkSecurityGroup>>,
    public_ips: BTreeMap<String, Arc<PublicIpAddress>>,
    networks: Vec<Arc<VirtualNetwork>>,
    gateways: Vec<Arc<NatGateway>>,
    nics: Vec<Arc<NetworkInterface>>,
    cluster: Option<Arc<ManagedCluster>>,
    vm_sets: Vec<Arc<str>>,
    /// Followed likewise, for the selectors of load balancers.
    namespaces: Option<BTreeMap<String, Arc<Namespace>>>,
}

impl Inputs {
    /// Takes note of a model. `vm_sets` is empty with Standard load balancers, which do not look at them.
    pub(crate) fn new(model: &Model, settings: &Settings, vm_sets: Vec<Arc<str>>) -> Self {
        let follows_slices = !settings.balancers.is_empty();
        Self {
            services: model.services.values().cloned().collect(),
            slices: follows_slices.then(|| model.endpoint_slices.values().cloned().collect()),
            load_balancers: model.load_balancers.clone(),
            security_groups: model.network_security_groups.clone(),
            public_ips: model.public_ip_addresses.clone(),
            networks: model.virtual_networks.values().cloned().collect(),
            gateways: model.nat_gateways.values().cloned().collect(),
            nics: model.network_interfaces.values().cloned().collect(),
            cluster: model.managed_cluster.clone(),
            vm_sets,
            namespaces: follows_slices.then(|| model.namespaces.clone()),
        }
    }

    /// Whether the model's Services and documents are still the same objects and the nodes alike.
    pub(crate) fn is_of(&self, model: &Model, nodes: &Nodes, old_nodes: &Nodes) -> bool {
        let maps_same = |a: &BTreeMap<String, Arc<LoadBalancer>>, b: &BTreeMap<String, Arc<LoadBalancer>>| {
            a.len() == b.len() && a.values().zip(b.values()).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        same(&self.services, model.services.values())
            && maps_same(&self.load_balancers, &model.load_balancers)
            && self.security_groups == model.network_security_groups
            && self.public_ips == model.public_ip_addresses
            && same(&self.networks, model.virtual_networks.values())
            && same(&self.gateways, model.nat_gateways.values())
            && same(&self.nics, model.network_interfaces.values())
            && self.cluster == model.managed_cluster
            && self.slices.as_ref().is_none_or(|own| same(own, model.endpoint_slices.values()))
            && self.namespaces.as_ref().is_none_or(|own| *own == model.namespaces)
            && nodes.is_alike(old_nodes)
            && (self.vm_sets.is_empty() || self.vm_sets == self.vm_sets_now(nodes))
    }

    fn vm_sets_now(&self, nodes: &Nodes) -> Vec<Arc<str>> {
        let settings =
            Settings { primary_vm_set: self.vm_sets.first().map(ToString::to_string), ..Settings::default() };
        nodes.vm_sets(&settings)
    }
}

fn same<T>(a: &[Arc<T>], b: impl ExactSizeIterator<Item = impl AsRef<T>>) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| std::ptr::eq(&raw const **a, b.as_ref()))
}
