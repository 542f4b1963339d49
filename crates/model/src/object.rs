//! The model: every object of one cluster and its surroundings.

use crate::{
    Kind, ObjectRef,
    azure::{
        AzureFirewall, DnsResolver, LoadBalancer, LocalNetworkGateway, ManagedCluster, NatGateway,
        NetworkInterface, NetworkSecurityGroup, PrivateDnsZone, PrivateEndpoint, PublicIpAddress, RouteTable,
        StorageAccount, VirtualNetwork, VirtualNetworkGateway,
    },
    ids::{Key, NodeName},
    kubernetes::{
        Binding, EndpointSlice, Ingress, IngressClass, KubeProxyConfiguration, Namespace, NetworkPolicy,
        Node, Pod, PodDisruptionBudget, PriorityClass, Service, Workload,
    },
    objects::Objects,
};
use model_derive::Tagged;
use serde::Serialize;
use std::{borrow::Borrow, collections::BTreeMap, sync::Arc};
use wire::{Input, Wire};

/// Everything that one input says, and nothing that it does not say.
///
/// Objects are shared: cloning a model (for undo, for comparing) copies pointers only.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Model {
    /// Nodes by name.
    pub nodes: Objects<NodeName, Node>,
    /// Pods by `namespace/name`.
    pub pods: Objects<Key, Pod>,
    /// Services by `namespace/name`.
    pub services: Objects<Key, Service>,
    /// EndpointSlices by `namespace/name`.
    pub endpoint_slices: Objects<Key, EndpointSlice>,
    /// Deployments by `namespace/name`.
    pub deployments: BTreeMap<Key, Arc<Workload>>,
    /// ReplicaSets by `namespace/name`.
    pub replica_sets: BTreeMap<Key, Arc<Workload>>,
    /// StatefulSets by `namespace/name`.
    pub stateful_sets: BTreeMap<Key, Arc<Workload>>,
    /// DaemonSets by `namespace/name`.
    pub daemon_sets: BTreeMap<Key, Arc<Workload>>,
    /// Jobs by `namespace/name`.
    pub jobs: BTreeMap<Key, Arc<Workload>>,
    /// PodDisruptionBudgets by `namespace/name`.
    pub pod_disruption_budgets: BTreeMap<Key, Arc<PodDisruptionBudget>>,
    /// Nodes of pods that workloads make, by `namespace/name` of the pod.
    pub bindings: Objects<Key, Binding>,
    /// kube-proxy's configuration, one for all nodes.
    pub kube_proxy: Option<Arc<KubeProxyConfiguration>>,
    /// The AKS cluster.
    pub managed_cluster: Option<Arc<ManagedCluster>>,
    /// Load balancers by name. One given here is used as it is; none is programmed in its place.
    pub load_balancers: BTreeMap<String, Arc<LoadBalancer>>,
    /// Virtual networks by name.
    pub virtual_networks: BTreeMap<String, Arc<VirtualNetwork>>,
    /// Network security groups by name.
    pub network_security_groups: BTreeMap<String, Arc<NetworkSecurityGroup>>,
    /// Route tables by name.
    pub route_tables: BTreeMap<String, Arc<RouteTable>>,
    /// Public addresses by name.
    pub public_ip_addresses: BTreeMap<String, Arc<PublicIpAddress>>,
    /// NAT gateways by name.
    pub nat_gateways: BTreeMap<String, Arc<NatGateway>>,
    /// Namespaces by name, for their labels. A namespace need not be here to exist.
    pub namespaces: BTreeMap<String, Arc<Namespace>>,
    /// PriorityClasses by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub priority_classes: BTreeMap<String, Arc<PriorityClass>>,
    /// Ingresses by `namespace/name`.
    pub ingresses: BTreeMap<Key, Arc<Ingress>>,
    /// IngressClasses by name.
    pub ingress_classes: BTreeMap<String, Arc<IngressClass>>,
    /// NetworkPolicies by `namespace/name`.
    pub network_policies: BTreeMap<Key, Arc<NetworkPolicy>>,
    /// Storage accounts by name.
    pub storage_accounts: BTreeMap<String, Arc<StorageAccount>>,
    /// Private endpoints by name.
    pub private_endpoints: BTreeMap<String, Arc<PrivateEndpoint>>,
    /// Private DNS zones by name.
    pub private_dns_zones: BTreeMap<String, Arc<PrivateDnsZone>>,
    /// Resolvers that networks on premises can ask, by name.
    pub dns_resolvers: BTreeMap<String, Arc<DnsResolver>>,
    /// Networks on premises by name.
    pub local_network_gateways: BTreeMap<String, Arc<LocalNetworkGateway>>,
    /// Gateways to networks on premises by name.
    pub virtual_network_gateways: BTreeMap<String, Arc<VirtualNetworkGateway>>,
    /// NICs by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub network_interfaces: BTreeMap<String, Arc<NetworkInterface>>,
    /// Azure Firewalls by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub azure_firewalls: BTreeMap<String, Arc<AzureFirewall>>,
}

/// One object of any kind; in JSON `{"kind": "Node", "object": {…}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Tagged, Wire)]
#[serde(tag = "kind", content = "object")]
#[expect(missing_docs, reason = "each variant is named after the kind it holds")]
pub enum Object {
    Node(Arc<Node>),
    Pod(Arc<Pod>),
    Service(Arc<Service>),
    EndpointSlice(Arc<EndpointSlice>),
    Deployment(Arc<Workload>),
    ReplicaSet(Arc<Workload>),
    StatefulSet(Arc<Workload>),
    DaemonSet(Arc<Workload>),
    Job(Arc<Workload>),
    PodDisruptionBudget(Arc<PodDisruptionBudget>),
    Binding(Arc<Binding>),
    KubeProxyConfiguration(Arc<KubeProxyConfiguration>),
    ManagedCluster(Arc<ManagedCluster>),
    LoadBalancer(Arc<LoadBalancer>),
    VirtualNetwork(Arc<VirtualNetwork>),
    NetworkSecurityGroup(Arc<NetworkSecurityGroup>),
    RouteTable(Arc<RouteTable>),
    PublicIPAddress(Arc<PublicIpAddress>),
    NatGateway(Arc<NatGateway>),
    Namespace(Arc<Namespace>),
    PriorityClass(Arc<PriorityClass>),
    Ingress(Arc<Ingress>),
    IngressClass(Arc<IngressClass>),
    NetworkPolicy(Arc<NetworkPolicy>),
    StorageAccount(Arc<StorageAccount>),
    PrivateEndpoint(Arc<PrivateEndpoint>),
    PrivateDnsZone(Arc<PrivateDnsZone>),
    DnsResolver(Arc<DnsResolver>),
    LocalNetworkGateway(Arc<LocalNetworkGateway>),
    VirtualNetworkGateway(Arc<VirtualNetworkGateway>),
    NetworkInterface(Arc<NetworkInterface>),
    AzureFirewall(Arc<AzureFirewall>),
}

impl Object {
    /// The reference that names this object.
    pub fn object_ref(&self) -> ObjectRef {
        let named = ObjectRef::cluster_scoped;
        match self {
            Self::Node(object) => named(Kind::Node, &object.metadata.name),
            Self::Pod(object) => ObjectRef::namespaced(Kind::Pod, &object.metadata.key()),
            Self::Service(object) => ObjectRef::namespaced(Kind::Service, &object.metadata.key()),
            Self::EndpointSlice(object) => ObjectRef::namespaced(Kind::EndpointSlice, &object.metadata.key()),
            Self::Deployment(object) => ObjectRef::namespaced(Kind::Deployment, &object.metadata.key()),
            Self::ReplicaSet(object) => ObjectRef::namespaced(Kind::ReplicaSet, &object.metadata.key()),
            Self::StatefulSet(object) => ObjectRef::namespaced(Kind::StatefulSet, &object.metadata.key()),
            Self::DaemonSet(object) => ObjectRef::namespaced(Kind::DaemonSet, &object.metadata.key()),
            Self::Job(object) => ObjectRef::namespaced(Kind::Job, &object.metadata.key()),
            Self::PodDisruptionBudget(object) => {
                ObjectRef::namespaced(Kind::PodDisruptionBudget, &object.metadata.key())
            }
            Self::Binding(object) => ObjectRef::namespaced(Kind::Binding, &object.metadata.key()),
            Self::KubeProxyConfiguration(_) => named(Kind::KubeProxyConfiguration, "kube-proxy"),
            Self::ManagedCluster(object) => named(Kind::ManagedCluster, &object.name),
            Self::LoadBalancer(object) => named(Kind::LoadBalancer, &object.name),
            Self::VirtualNetwork(object) => named(Kind::VirtualNetwork, &object.name),
            Self::NetworkSecurityGroup(object) => named(Kind::NetworkSecurityGroup, &object.name),
            Self::RouteTable(object) => named(Kind::RouteTable, &object.name),
            Self::PublicIPAddress(object) => named(Kind::PublicIPAddress, &object.name),
            Self::NatGateway(object) => named(Kind::NatGateway, &object.name),
            Self::Namespace(object) => named(Kind::Namespace, &object.metadata.name),
            Self::PriorityClass(object) => named(Kind::PriorityClass, &object.metadata.name),
            Self::Ingress(object) => ObjectRef::namespaced(Kind::Ingress, &object.metadata.key()),
            Self::IngressClass(object) => named(Kind::IngressClass, &object.metadata.name),
            Self::NetworkPolicy(object) => ObjectRef::namespaced(Kind::NetworkPolicy, &object.metadata.key()),
            Self::StorageAccount(object) => named(Kind::StorageAccount, &object.name),
            Self::PrivateEndpoint(object) => named(Kind::PrivateEndpoint, &object.name),
            Self::PrivateDnsZone(object) => named(Kind::PrivateDnsZone, &object.name),
            Self::DnsResolver(object) => named(Kind::DnsResolver, &object.name),
            Self::LocalNetworkGateway(object) => named(Kind::LocalNetworkGateway, &object.name),
            Self::VirtualNetworkGateway(object) => named(Kind::VirtualNetworkGateway, &object.name),
            Self::NetworkInterface(object) => named(Kind::NetworkInterface, &object.name),
            Self::AzureFirewall(object) => named(Kind::AzureFirewall, &object.name),
        }
    }
}

/// A model passes as the list of its objects.
impl Wire for Model {
    fn write(&self, out: &mut Vec<u8>) {
        self.objects().collect::<Vec<_>>().write(out);
    }

    fn read(input: &mut Input<'_>) -> Self {
        let mut model = Self::default();
        for object in Vec::read(input) {
            model.put(object);
        }
        model
    }
}

impl Model {
    /// Looks an object up.
    pub fn get(&self, id: &ObjectRef) -> Option<Object> {
        let name: &str = &id.name;
        match id.kind {
            Kind::Node => self.nodes.get(name).cloned().map(Object::Node),
            Kind::Pod => self.pods.get(&id.key()).cloned().map(Object::Pod),
            Kind::Service => self.services.get(&id.key()).cloned().map(Object::Service),
            Kind::EndpointSlice => self.endpoint_slices.get(&id.key()).cloned().map(Object::EndpointSlice),
            Kind::Deployment => self.deployments.get(&id.key()).cloned().map(Object::Deployment),
            Kind::ReplicaSet => self.replica_sets.get(&id.key()).cloned().map(Object::ReplicaSet),
            Kind::StatefulSet => self.stateful_sets.get(&id.key()).cloned().map(Object::StatefulSet),
            Kind::DaemonSet => self.daemon_sets.get(&id.key()).cloned().map(Object::DaemonSet),
            Kind::Job => self.jobs.get(&id.key()).cloned().map(Object::Job),
            Kind::PodDisruptionBudget => {
                self.pod_disruption_budgets.get(&id.key()).cloned().map(Object::PodDisruptionBudget)
            }
            Kind::Binding => self.bindings.get(&id.key()).cloned().map(Object::Binding),
            Kind::KubeProxyConfiguration => self.kube_proxy.clone().map(Object::KubeProxyConfiguration),
            Kind::ManagedCluster => {
                self.managed_cluster.clone().filter(|object| object.name == name).map(Object::ManagedCluster)
            }
            Kind::LoadBalancer => self.load_balancers.get(name).cloned().map(Object::LoadBalancer),
            Kind::VirtualNetwork => self.virtual_networks.get(name).cloned().map(Object::VirtualNetwork),
            Kind::NetworkSecurityGroup => {
                self.network_security_groups.get(name).cloned().map(Object::NetworkSecurityGroup)
            }
            Kind::RouteTable => self.route_tables.get(name).cloned().map(Object::RouteTable),
            Kind::PublicIPAddress => self.public_ip_addresses.get(name).cloned().map(Object::PublicIPAddress),
            Kind::NatGateway => self.nat_gateways.get(name).cloned().map(Object::NatGateway),
            Kind::Namespace => self.namespaces.get(name).cloned().map(Object::Namespace),
            Kind::PriorityClass => self.priority_classes.get(name).cloned().map(Object::PriorityClass),
            Kind::Ingress => self.ingresses.get(&id.key()).cloned().map(Object::Ingress),
            Kind::IngressClass => self.ingress_classes.get(name).cloned().map(Object::IngressClass),
            Kind::NetworkPolicy => self.network_policies.get(&id.key()).cloned().map(Object::NetworkPolicy),
            Kind::DnsResolver => self.dns_resolvers.get(name).cloned().map(Object::DnsResolver),
            Kind::StorageAccount => self.storage_accounts.get(name).cloned().map(Object::StorageAccount),
            Kind::PrivateEndpoint => self.private_endpoints.get(name).cloned().map(Object::PrivateEndpoint),
            Kind::PrivateDnsZone => self.private_dns_zones.get(name).cloned().map(Object::PrivateDnsZone),
            Kind::LocalNetworkGateway => {
                self.local_network_gateways.get(name).cloned().map(Object::LocalNetworkGateway)
            }
            Kind::VirtualNetworkGateway => {
                self.virtual_network_gateways.get(name).cloned().map(Object::VirtualNetworkGateway)
            }
            Kind::NetworkInterface => {
                self.network_interfaces.get(name).cloned().map(Object::NetworkInterface)
            }
            Kind::AzureFirewall => self.azure_firewalls.get(name).cloned().map(Object::AzureFirewall),
        }
    }

    /// Adds an object, or replaces the one of the same name, and returns what it replaced.
    pub fn put(&mut self, object: Object) -> Option<Object> {
        let id = object.object_ref();
        let key = || id.key();
        let name = || id.name.to_string();
        match object {
            Object::Node(object) => insert(&mut self.nodes, object.name(), object).map(Object::Node),
            Object::Pod(object) => insert(&mut self.pods, key(), object).map(Object::Pod),
            Object::Service(object) => insert(&mut self.services, key(), object).map(Object::Service),
            Object::EndpointSlice(object) => {
                insert(&mut self.endpoint_slices, key(), object).map(Object::EndpointSlice)
            }
            Object::Deployment(object) => {
                insert(&mut self.deployments, key(), object).map(Object::Deployment)
            }
            Object::ReplicaSet(object) => {
                insert(&mut self.replica_sets, key(), object).map(Object::ReplicaSet)
            }
            Object::StatefulSet(object) => {
                insert(&mut self.stateful_sets, key(), object).map(Object::StatefulSet)
            }
            Object::DaemonSet(object) => insert(&mut self.daemon_sets, key(), object).map(Object::DaemonSet),
            Object::Job(object) => insert(&mut self.jobs, key(), object).map(Object::Job),
            Object::PodDisruptionBudget(object) => {
                insert(&mut self.pod_disruption_budgets, key(), object).map(Object::PodDisruptionBudget)
            }
            Object::Binding(object) => insert(&mut self.bindings, key(), object).map(Object::Binding),
            Object::KubeProxyConfiguration(object) => {
                self.kube_proxy.replace(object).map(Object::KubeProxyConfiguration)
            }
            Object::ManagedCluster(object) => {
                self.managed_cluster.replace(object).map(Object::ManagedCluster)
            }
            Object::LoadBalancer(object) => {
                insert(&mut self.load_balancers, name(), object).map(Object::LoadBalancer)
            }
            Object::VirtualNetwork(object) => {
                insert(&mut self.virtual_networks, name(), object).map(Object::VirtualNetwork)
            }
            Object::NetworkSecurityGroup(object) => {
                insert(&mut self.network_security_groups, name(), object).map(Object::NetworkSecurityGroup)
            }
            Object::RouteTable(object) => {
                insert(&mut self.route_tables, name(), object).map(Object::RouteTable)
            }
            Object::PublicIPAddress(object) => {
                insert(&mut self.public_ip_addresses, name(), object).map(Object::PublicIPAddress)
            }
            Object::NatGateway(object) => {
                insert(&mut self.nat_gateways, name(), object).map(Object::NatGateway)
            }
            Object::Namespace(object) => insert(&mut self.namespaces, name(), object).map(Object::Namespace),
            Object::PriorityClass(object) => {
                insert(&mut self.priority_classes, name(), object).map(Object::PriorityClass)
            }
            Object::Ingress(object) => insert(&mut self.ingresses, key(), object).map(Object::Ingress),
            Object::IngressClass(object) => {
                insert(&mut self.ingress_classes, name(), object).map(Object::IngressClass)
            }
            Object::NetworkPolicy(object) => {
                insert(&mut self.network_policies, key(), object).map(Object::NetworkPolicy)
            }
            Object::DnsResolver(object) => {
                insert(&mut self.dns_resolvers, name(), object).map(Object::DnsResolver)
            }
            Object::StorageAccount(object) => {
                insert(&mut self.storage_accounts, name(), object).map(Object::StorageAccount)
            }
            Object::PrivateEndpoint(object) => {
                insert(&mut self.private_endpoints, name(), object).map(Object::PrivateEndpoint)
            }
            Object::PrivateDnsZone(object) => {
                insert(&mut self.private_dns_zones, name(), object).map(Object::PrivateDnsZone)
            }
            Object::LocalNetworkGateway(object) => {
                insert(&mut self.local_network_gateways, name(), object).map(Object::LocalNetworkGateway)
            }
            Object::VirtualNetworkGateway(object) => {
                insert(&mut self.virtual_network_gateways, name(), object).map(Object::VirtualNetworkGateway)
            }
            Object::NetworkInterface(object) => {
                insert(&mut self.network_interfaces, name(), object).map(Object::NetworkInterface)
            }
            Object::AzureFirewall(object) => {
                insert(&mut self.azure_firewalls, name(), object).map(Object::AzureFirewall)
            }
        }
    }

    /// Removes an object and returns it.
    pub fn remove(&mut self, id: &ObjectRef) -> Option<Object> {
        let name: &str = &id.name;
        match id.kind {
            Kind::Node => remove(&mut self.nodes, name).map(Object::Node),
            Kind::Pod => remove(&mut self.pods, &id.key()).map(Object::Pod),
            Kind::Service => remove(&mut self.services, &id.key()).map(Object::Service),
            Kind::EndpointSlice => remove(&mut self.endpoint_slices, &id.key()).map(Object::EndpointSlice),
            Kind::Deployment => remove(&mut self.deployments, &id.key()).map(Object::Deployment),
            Kind::ReplicaSet => remove(&mut self.replica_sets, &id.key()).map(Object::ReplicaSet),
            Kind::StatefulSet => remove(&mut self.stateful_sets, &id.key()).map(Object::StatefulSet),
            Kind::DaemonSet => remove(&mut self.daemon_sets, &id.key()).map(Object::DaemonSet),
            Kind::Job => remove(&mut self.jobs, &id.key()).map(Object::Job),
            Kind::PodDisruptionBudget => {
                remove(&mut self.pod_disruption_budgets, &id.key()).map(Object::PodDisruptionBudget)
            }
            Kind::Binding => remove(&mut self.bindings, &id.key()).map(Object::Binding),
            Kind::KubeProxyConfiguration => self.kube_proxy.take().map(Object::KubeProxyConfiguration),
            Kind::ManagedCluster => {
                self.managed_cluster.take_if(|object| object.name == name).map(Object::ManagedCluster)
            }
            Kind::LoadBalancer => remove(&mut self.load_balancers, name).map(Object::LoadBalancer),
            Kind::VirtualNetwork => remove(&mut self.virtual_networks, name).map(Object::VirtualNetwork),
            Kind::NetworkSecurityGroup => {
                remove(&mut self.network_security_groups, name).map(Object::NetworkSecurityGroup)
            }
            Kind::RouteTable => remove(&mut self.route_tables, name).map(Object::RouteTable),
            Kind::PublicIPAddress => remove(&mut self.public_ip_addresses, name).map(Object::PublicIPAddress),
            Kind::NatGateway => remove(&mut self.nat_gateways, name).map(Object::NatGateway),
            Kind::Namespace => remove(&mut self.namespaces, name).map(Object::Namespace),
            Kind::PriorityClass => remove(&mut self.priority_classes, name).map(Object::PriorityClass),
            Kind::Ingress => remove(&mut self.ingresses, &id.key()).map(Object::Ingress),
            Kind::IngressClass => remove(&mut self.ingress_classes, name).map(Object::IngressClass),
            Kind::NetworkPolicy => remove(&mut self.network_policies, &id.key()).map(Object::NetworkPolicy),
            Kind::DnsResolver => remove(&mut self.dns_resolvers, name).map(Object::DnsResolver),
            Kind::StorageAccount => remove(&mut self.storage_accounts, name).map(Object::StorageAccount),
            Kind::PrivateEndpoint => remove(&mut self.private_endpoints, name).map(Object::PrivateEndpoint),
            Kind::PrivateDnsZone => remove(&mut self.private_dns_zones, name).map(Object::PrivateDnsZone),
            Kind::LocalNetworkGateway => {
                remove(&mut self.local_network_gateways, name).map(Object::LocalNetworkGateway)
            }
            Kind::VirtualNetworkGateway => {
                remove(&mut self.virtual_network_gateways, name).map(Object::VirtualNetworkGateway)
            }
            Kind::NetworkInterface => {
                remove(&mut self.network_interfaces, name).map(Object::NetworkInterface)
            }
            Kind::AzureFirewall => remove(&mut self.azure_firewalls, name).map(Object::AzureFirewall),
        }
    }

    /// Every object, kinds in the order of [`Kind::ALL`], names in order.
    pub fn objects(&self) -> impl Iterator<Item = Object> + '_ {
        fn of<K, T>(map: &BTreeMap<K, Arc<T>>, wrap: fn(Arc<T>) -> Object) -> impl Iterator<Item = Object> {
            map.values().cloned().map(wrap)
        }
        (self.managed_cluster.iter().cloned().map(Object::ManagedCluster))
            .chain(of(&self.virtual_networks, Object::VirtualNetwork))
            .chain(of(&self.network_security_groups, Object::NetworkSecurityGroup))
            .chain(of(&self.route_tables, Object::RouteTable))
            .chain(of(&self.public_ip_addresses, Object::PublicIPAddress))
            .chain(of(&self.nat_gateways, Object::NatGateway))
            .chain(of(&self.local_network_gateways, Object::LocalNetworkGateway))
            .chain(of(&self.virtual_network_gateways, Object::VirtualNetworkGateway))
            .chain(of(&self.storage_accounts, Object::StorageAccount))
            .chain(of(&self.private_endpoints, Object::PrivateEndpoint))
            .chain(of(&self.private_dns_zones, Object::PrivateDnsZone))
            .chain(of(&self.dns_resolvers, Object::DnsResolver))
            .chain(of(&self.network_interfaces, Object::NetworkInterface))
            .chain(of(&self.azure_firewalls, Object::AzureFirewall))
            .chain(of(&self.load_balancers, Object::LoadBalancer))
            .chain(self.kube_proxy.iter().cloned().map(Object::KubeProxyConfiguration))
            .chain(of(&self.nodes, Object::Node))
            .chain(of(&self.namespaces, Object::Namespace))
            .chain(of(&self.priority_classes, Object::PriorityClass))
            .chain(of(&self.ingress_classes, Object::IngressClass))
            .chain(of(&self.ingresses, Object::Ingress))
            .chain(of(&self.network_policies, Object::NetworkPolicy))
            .chain(of(&self.services, Object::Service))
            .chain(of(&self.deployments, Object::Deployment))
            .chain(of(&self.replica_sets, Object::ReplicaSet))
            .chain(of(&self.stateful_sets, Object::StatefulSet))
            .chain(of(&self.daemon_sets, Object::DaemonSet))
            .chain(of(&self.jobs, Object::Job))
            .chain(of(&self.pod_disruption_budgets, Object::PodDisruptionBudget))
            .chain(of(&self.bindings, Object::Binding))
            .chain(of(&self.pods, Object::Pod))
            .chain(of(&self.endpoint_slices, Object::EndpointSlice))
    }
}

// Maps of one type of key have one layout, so that the compiler can make one function of all that these become;
// in line it could not.

#[inline(never)]
fn insert<K: Ord, T>(map: &mut BTreeMap<K, Arc<T>>, key: K, object: Arc<T>) -> Option<Arc<T>> {
    map.insert(key, object)
}

#[inline(never)]
fn remove<K: Ord + Borrow<Q>, Q: Ord + ?Sized, T>(map: &mut BTreeMap<K, Arc<T>>, key: &Q) -> Option<Arc<T>> {
    map.remove(key)
}
