//! The kernels of nodes, programmed when a packet first reaches them.
//!
//! A node's whole rules are those of every Service: too many to write for each node that a packet of one Service
//! passes. Generated rules ask for the destination before all else, so the rules of the Services that a packet
//! concerns are all that it can meet.

use crate::{World, host::Links, world::AgentsOf};
use kubernetes::{
    kube_proxy::{self, Common, Likeness, Programming, ProxyConfig, ServiceMap},
    portmap::HostPort,
};
use model::{NodeName, kubernetes::IpFamily};
use netfilter::{Connection, Family, Kernel, Packet, State};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

/// A node with more service ports than this is never programmed in full for a packet.
const MOST_PORTS: usize = 512;
/// So many times a node's whole rules are worth the rules of one packet's Services.
const WORTH: usize = 8;
/// So many parts of a node's rules are kept.
const MOST_PARTS: usize = 64;
/// Where a Service has so many endpoints, rules are written once for all nodes on which they are the same.
pub(crate) const SHARED_FROM: usize = 100;

/// The kernel of one node. Worlds share those that no edit touched.
#[derive(Debug, Default)]
pub(crate) struct NodeKernel {
    /// With all its rules.
    whole: OnceLock<Option<Arc<Kernel>>>,
    /// With the rules of some service ports of a family.
    parts: Mutex<Parts>,
    /// The same by what a packet names.
    by_sockets: Mutex<Vec<(Sockets, Option<Arc<Kernel>>)>>,
    /// The node's interfaces and routes.
    pub(crate) links: OnceLock<Links>,
}

type Parts = BTreeMap<Part, Option<Arc<Kernel>>>;

/// Some service ports of a family.
type Part = (IpFamily, BTreeSet<u32>);

/// Rules that are the same on many nodes, by the service ports that they are for.
#[derive(Debug, Default)]
pub(crate) struct SharedRules(Mutex<BTreeMap<Part, Arc<SharedPart>>>);

/// Rules for some service ports.
#[derive(Debug)]
struct SharedPart {
    /// The Services, with these ports only.
    common: Common,
    /// A kernel with the rules, for nodes that have the same: their likeness, and what others write besides.
    kernels: Mutex<Vec<(Likeness, AgentsOf, Arc<Kernel>)>>,
}

impl NodeKernel {
    /// A node with rules that were loaded.
    pub(crate) fn given(kernel: Option<Kernel>) -> Self {
        Self { whole: kernel.map(Arc::new).into(), ..Self::default() }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn by_sockets(&self) -> MutexGuard<'_, Vec<(Sockets, Option<Arc<Kernel>>)>> {
        self.by_sockets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// The kernel of a node with all its rules; `None` for a node that is not there.
    pub(crate) fn kernel(&self, name: &NodeName) -> Option<&Arc<Kernel>> {
        // Generated rules have neither loops nor missing chains, and given ones were loaded when they were given.
        let program = || self.program(name).ok().flatten().map(Arc::new);
        self.nodes.get(name)?.whole.get_or_init(program).as_ref()
    }

    /// The kernel of a node with at least the rules that a packet can meet, given what the node tracks.
    pub(crate) fn kernel_for(&self, name: &NodeName, packet: &Packet, state: &State) -> Option<Arc<Kernel>> {
        let node = self.nodes.get(name)?;
        if self.given.contains_key(name) || matches!(node.whole.get(), Some(Some(_))) {
            return self.kernel(name).cloned();
        }
        let sockets = sockets(packet, state);
        // There are few, and most differ in their first address.
        if let Some((_, known)) = node.by_sockets().iter().find(|(known, _)| *known == sockets) {
            return known.clone();
        }
        let kernel = self.kernel_of(node, name, packet, &sockets);
        let mut by_sockets = node.by_sockets();
        if by_sockets.len() >= MOST_PARTS {
            by_sockets.clear();
        }
        by_sockets.push((sockets, kernel.clone()));
        kernel
    }

    fn kernel_of(
        &self,
        node: &NodeKernel,
        name: &NodeName,
        packet: &Packet,
        sockets: &Sockets,
    ) -> Option<Arc<Kernel>> {
        let family = IpFamily::of(packet.destination);
        let services = self.services(family);
        let concerned = services.concerning(sockets.iter().flatten().copied());
        let known = node.parts().len();
        let ports = services.ports().len();
        let is_large = services.most_endpoints() >= SHARED_FROM;
        if !is_large && ports <= MOST_PORTS && known * WORTH >= ports {
            return self.kernel(name).cloned();
        }
        let key = (family, concerned);
        let of_pod = |port: &HostPort| sockets.iter().flatten().any(|(_, named)| *named == port.port);
        if self.topology.host_ports(name).iter().any(of_pod) {
            // To a pod of this node and no other.
            return self.part(name, &services.only(&key.1));
        }
        if let Some(part) = node.parts().get(&key) {
            return part.clone();
        }
        let part =
            if is_large { self.shared_part(name, &key) } else { self.part(name, &services.only(&key.1)) };
        let mut parts = node.parts();
        if parts.len() >= MOST_PARTS {
            parts.clear();
        }
        parts.insert(key, part.clone());
        part
    }

    /// A node with the rules of these Services.
    fn part(&self, name: &NodeName, services: &ServiceMap) -> Option<Arc<Kernel>> {
        let programming = self.programming(name, services.family(), services);
        let (ipv4, ipv6) = match services.family() {
            IpFamily::IPv4 => (programming, Programming::default()),
            IpFamily::IPv6 => (Programming::default(), programming),
        };
        self.load(name, ipv4, ipv6).ok().flatten().map(Arc::new)
    }

    /// The same, with the rules of another node on which they are the same, if there is one.
    fn shared_part(&self, name: &NodeName, key: &Part) -> Option<Arc<Kernel>> {
        let known = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned();
        let shared = known.unwrap_or_else(|| {
            let common = Common::new(self.services(key.0).only(&key.1));
            let shared = Arc::new(SharedPart { common, kernels: Mutex::default() });
            let mut all = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            if all.len() >= MOST_PARTS {
                all.clear();
            }
            all.insert(key.clone(), Arc::clone(&shared));
            shared
        });
        let config = ProxyConfig::of_node(&self.model, name, key.0).filter(|_| self.has_proxy(name));
        let services = shared.common.services();
        let Some((likeness, own)) = config.and_then(|config| shared.common.of_node(&config)) else {
            return self.part(name, services);
        };
        let agents = self.agents_of(name);
        let kernels = || shared.kernels.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |(like, theirs, _): &&(Likeness, AgentsOf, _)| (like, theirs) == (&likeness, &agents);
        let like = kernels().iter().find(is_it).map(|(.., kernel)| Arc::clone(kernel));
        if let Some(like) = like {
            let family = if key.0 == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
            let (interfaces, routes) = self.links(name)?.clone().into_parts();
            let kernel = like.on(interfaces, routes, (family, own)).map(Arc::new);
            return kernel.or_else(|| self.part(name, services));
        }
        let first = self.part(name, services)?;
        kernels().push((likeness, agents, Arc::clone(&first)));
        Some(first)
    }

    /// What kube-proxy, in its mode, and ip-masq-agent make of a node for these Services.
    pub(crate) fn programming(
        &self,
        name: &NodeName,
        family: IpFamily,
        services: &ServiceMap,
    ) -> Programming {
        let config = ProxyConfig::of_node(&self.model, name, family).filter(|_| self.has_proxy(name));
        // A node without kube-proxy has its kubelet and ip-masq-agent all the same.
        let bare = || Programming { iptables: kube_proxy::bare_host(), ..Programming::default() };
        let mut programming = config.map_or_else(bare, |config| kube_proxy::program(&config, services));
        programming.iptables = self.with_agents(programming.iptables, name, family);
        programming
    }
}

/// Its destination, and the ends of the connection that it belongs to.
type Sockets = [Option<(IpAddr, u16)>; 5];

/// Every socket that a packet names or can be translated to without a rule.
fn sockets(packet: &Packet, state: &State) -> Sockets {
    let source = |packet: &Packet| Some((packet.source, packet.source_port));
    let destination = |packet: &Packet| Some((packet.destination, packet.destination_port));
    let mut sockets = [destination(packet), None, None, None, None];
    if let Some(Connection { original, reply, .. }) =
        state.conntrack.find(packet).map(|found| found.connection)
    {
        let ends = [source(&original), destination(&original), source(&reply), destination(&reply)];
        sockets.iter_mut().skip(1).zip(ends).for_each(|(socket, end)| *socket = end);
    }
    sockets
}
