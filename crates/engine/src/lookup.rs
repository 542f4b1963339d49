//! What is looked up in a model by something else than its name. Each list is made when it is first asked for.

use crate::{Place, World, other_balancer::OtherBalancers, receive::health_check_port, resolve::Resolved};
use kubernetes::kube_proxy::nodes_with_proxy;
use model::{
    Key, Model, NodeName,
    kubernetes::{EndpointSlice, IntOrString, Node, Pod, Protocol, Service},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::{Arc, OnceLock},
};

/// Slices by namespace and name of their Service; pods in the nodes' own network by node; Services by the port on
/// which kube-proxy answers for them. Each list is in the order of names.
#[derive(Debug, Default)]
pub(crate) struct Lookup {
    slices: Arc<OnceLock<BTreeMap<Key, Vec<Arc<EndpointSlice>>>>>,
    host_pods: Arc<OnceLock<BTreeMap<NodeName, Vec<Arc<Pod>>>>>,
    health_ports: Arc<OnceLock<BTreeMap<u16, Key>>>,
    proxied: Arc<OnceLock<Option<BTreeSet<NodeName>>>>,
    windows: Arc<OnceLock<BTreeSet<NodeName>>>,
    unready: Arc<OnceLock<BTreeSet<NodeName>>>,
    other_balancers: Arc<OnceLock<OtherBalancers>>,
    /// The pod that was asked for last: who received a packet is asked several times.
    latest_pod: RefCell<Option<(Key, Arc<Pod>)>>,
    /// The Service whose ready endpoints were counted last: thousands of nodes are asked for the same.
    latest_ready: RefCell<Option<(Key, Vec<String>)>>,
    /// The flow that was asked for last, by its ends.
    pub(crate) latest_flow: RefCell<Option<(Place, Place, Rc<Resolved>)>>,
}

impl Lookup {
    /// The lists that still hold after a change of all but these objects.
    pub(crate) fn kept(&self, same: &Same) -> Self {
        fn kept<T>(list: &Arc<OnceLock<T>>, holds: bool) -> Arc<OnceLock<T>> {
            if holds { Arc::clone(list) } else { Arc::default() }
        }
        Self {
            slices: kept(&self.slices, same.slices),
            host_pods: kept(&self.host_pods, same.pods),
            health_ports: kept(&self.health_ports, same.services),
            proxied: kept(&self.proxied, same.pods && same.daemon_sets),
            windows: kept(&self.windows, same.nodes),
            unready: kept(&self.unready, same.nodes),
            other_balancers: kept(&self.other_balancers, same.services && same.surroundings),
            latest_pod: RefCell::default(),
            latest_ready: RefCell::default(),
            latest_flow: RefCell::default(),
        }
    }
}

/// Of which kinds two models hold the very same objects.
pub(crate) struct Same {
    pub(crate) slices: bool,
    pub(crate) pods: bool,
    pub(crate) services: bool,
    pub(crate) daemon_sets: bool,
    pub(crate) nodes: bool,
    pub(crate) surroundings: bool,
}

impl Lookup {
    /// The nodes on which kube-proxy runs, where the input shows that.
    pub(crate) fn proxied(&self, model: &Model) -> Option<&BTreeSet<NodeName>> {
        self.proxied.get_or_init(|| nodes_with_proxy(model)).as_ref()
    }
}

impl World {
    /// Whether kube-proxy, or Cilium in its place, runs on a node.
    pub(crate) fn has_proxy(&self, node: &NodeName) -> bool {
        self.lookup.proxied(&self.model).is_none_or(|nodes| nodes.contains(node)) || self.is_cilium()
    }

    /// Whether a node runs Windows.
    pub(crate) fn runs_windows(&self, node: &str) -> bool {
        self.windows().contains(node)
    }

    /// Whether any node runs Windows.
    pub(crate) fn has_windows(&self) -> bool {
        !self.windows().is_empty()
    }

    /// Load balancers of other controllers.
    pub(crate) fn other_balancers(&self) -> &OtherBalancers {
        self.lookup.other_balancers.get_or_init(|| OtherBalancers::new(&self.model))
    }

    fn windows(&self) -> &BTreeSet<NodeName> {
        self.lookup.windows.get_or_init(|| self.nodes_that(Node::is_windows))
    }

    /// The nodes that are not Ready.
    pub(crate) fn unready(&self) -> &BTreeSet<NodeName> {
        self.lookup.unready.get_or_init(|| self.nodes_that(|node| !node.is_ready()))
    }

    fn nodes_that(&self, are: fn(&Node) -> bool) -> BTreeSet<NodeName> {
        let nodes = self.model.nodes.iter().filter(|(_, node)| are(node));
        order::set(nodes.map(|(name, _)| name.clone()))
    }

    /// The pod of a name.
    pub(crate) fn pod(&self, key: &Key) -> Option<Arc<Pod>> {
        if let Some((known, pod)) = &*self.lookup.latest_pod.borrow()
            && known == key
        {
            return Some(Arc::clone(pod));
        }
        let (known, pod) = self.model.pods.get_key_value(key)?;
        *self.lookup.latest_pod.borrow_mut() = Some((known.clone(), Arc::clone(pod)));
        Some(Arc::clone(pod))
    }

    /// The slices of a Service, in name order.
    pub(crate) fn slices_of(&self, service: &Key) -> &[Arc<EndpointSlice>] {
        let list = self.lookup.slices.get_or_init(|| {
            let mut list: BTreeMap<Key, Vec<_>> = BTreeMap::new();
            for (key, slice) in &self.model.endpoint_slices {
                let Some(service) = slice.service() else { continue };
                let owner = Key { namespace: Arc::clone(&key.namespace), name: service.into() };
                list.entry(owner).or_default().push(Arc::clone(slice));
            }
            list
        });
        list.get(service).map_or(&[], Vec::as_slice)
    }

    /// Why a Service with ready endpoints has none for a port, in a sentence: a name as targetPort that no pod has, or
    /// slices that leave the port out.
    pub(crate) fn endpoints_without_port(
        &self,
        service: &Key,
        port: u16,
        protocol: Protocol,
    ) -> Option<String> {
        let spec = &self.model.services.get(service)?.spec;
        let mut ports = spec.ports.iter().filter(|own| own.protocol == protocol);
        let wanted = ports.find(|own| port != 0 && (own.port == port || own.node_port == port))?;
        let has = |slice: &&Arc<EndpointSlice>| {
            slice.ports.iter().any(|own| own.name.as_deref().unwrap_or_default() == wanted.name)
        };
        let (with, without): (Vec<_>, Vec<_>) = self.slices_of(service).iter().partition(has);
        let ready = |slices: Vec<&Arc<EndpointSlice>>| {
            let endpoints = slices.into_iter().flat_map(|slice| &slice.endpoints);
            endpoints.filter(|endpoint| endpoint.conditions.ready.unwrap_or(true)).count()
        };
        let (with, without) = (ready(with), ready(without));
        if with != 0 || without == 0 {
            return None;
        }
        let reason = match &wanted.target_port {
            Some(IntOrString::String(name)) => {
                format!("its targetPort is a name, {name}, which no container port of the pods has")
            }
            _ => "the slices leave it out".to_owned(),
        };
        let are = if without == 1 { "1 is".to_owned() } else { format!("{without} are") };
        Some(format!("{are} ready in its EndpointSlices, but not with port {}: {reason}.", wanted.port))
    }

    /// Distinct addresses of ready endpoints on a node: what kube-proxy's health server counts.
    pub(crate) fn local_ready_endpoints(&self, service: &Key, node: &NodeName) -> usize {
        let mut latest = self.lookup.latest_ready.borrow_mut();
        if latest.as_ref().is_none_or(|(known, _)| known != service) {
            *latest = Some((service.clone(), self.ready_by_node(service)));
        }
        let Some((_, nodes)) = latest.as_ref() else { return 0 };
        let before = |last: bool| {
            nodes.partition_point(|own| if last { **own <= *node.as_str() } else { **own < *node.as_str() })
        };
        before(true) - before(false)
    }

    /// The nodes of these endpoints in order, each as often as there are.
    fn ready_by_node(&self, service: &Key) -> Vec<String> {
        // Of a slice without ports kube-proxy makes no endpoints.
        let slices = self.slices_of(service).iter().filter(|slice| !slice.ports.is_empty());
        let endpoints = slices.flat_map(|slice| &slice.endpoints).filter(|endpoint| {
            endpoint.conditions.ready.unwrap_or(true) && !endpoint.conditions.terminating.unwrap_or(false)
        });
        let on_nodes = endpoints
            .filter_map(|endpoint| Some((endpoint.node_name.as_deref()?, endpoint.addresses.first()?)));
        let mut on_nodes: Vec<(&str, &String)> = on_nodes.collect();
        order::sort(&mut on_nodes);
        on_nodes.dedup();
        on_nodes.into_iter().map(|(node, _)| node.to_owned()).collect()
    }

    /// The pods in a node's own network that have not finished, in name order.
    pub(crate) fn host_pods(&self, node: &NodeName) -> &[Arc<Pod>] {
        let list = self.lookup.host_pods.get_or_init(|| {
            let mut list: BTreeMap<NodeName, Vec<_>> = BTreeMap::new();
            for pod in self.model.pods.values().filter(|pod| pod.spec.host_network && !pod.is_finished()) {
                list.entry(pod.spec.node_name.as_str().into()).or_default().push(Arc::clone(pod));
            }
            list
        });
        list.get(node).map_or(&[], Vec::as_slice)
    }

    /// The Service for which kube-proxy answers health checks on a port.
    pub(crate) fn checked_on(&self, port: u16) -> Option<(&Key, &Arc<Service>)> {
        let list = self.lookup.health_ports.get_or_init(|| {
            let mut list = BTreeMap::new();
            for (key, service) in &self.model.services {
                if let Some(port) = health_check_port(service) {
                    list.entry(port).or_insert_with(|| key.clone());
                }
            }
            list
        });
        self.model.services.get_key_value(list.get(&port)?)
    }
}
