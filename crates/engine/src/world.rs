//! A settled cluster: every controller has run, every node can be asked what it does with a packet.

use crate::{
    Assumption, Cause, Endpoint, NodeRules, Verdict,
    alike::Alike,
    cloud::AllTaking,
    host,
    lookup::Lookup,
    probe::Probes,
    programmed::{NodeKernel, SharedRules},
    topology::{Topology, UPLINK},
};
use azure::{AddressSpace, Cloud};
use ipnet::{IpNet, Ipv4Net};
use kubernetes::{
    Allocation, Before, Field, Settled, Unsettled, azure_cns, cilium, imds_restriction, ip_masq_agent,
    kube_proxy::{self, Programming, ProxyConfig, ServiceMap, ipvs::Balancing},
    kubelet,
    portmap::{self, HostPort},
};
use model::{
    Key, Kind, Model, NodeName, Objects,
    kubernetes::{IpFamily, Node, Protocol, ProxyMode, Service},
};
use netfilter::{Family, Form, InterfaceName, IpvsForm, IpvsText, Kernel, Ruleset, RulesetError, nft};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fmt::{self, Write},
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, OnceLock},
};
use wire::Wire;

/// A settled cluster, ready to answer questions. Immutable: an edit makes a new one.
#[derive(Debug)]
pub struct World {
    /// What the author wrote.
    pub(crate) input: Model,
    /// The input with everything that Kubernetes' controllers filled in.
    pub(crate) settled: Model,
    /// The same with what the cloud controller reports.
    pub(crate) model: Model,
    /// Whether anything was filled in.
    pub(crate) allocated: bool,
    /// What controllers would not or could not do.
    pub(crate) unsettled: Vec<Unsettled>,
    /// What an edit can start from, where Kubernetes' controllers filled in nothing but fields of Services.
    pub(crate) filled: Option<Filled>,
    /// What the cloud controller programmed.
    pub(crate) cloud: Cloud,
    /// Azure's view of which addresses belong to the virtual network.
    pub(crate) space: Arc<AddressSpace>,
    pub(crate) topology: Arc<Topology>,
    pub(crate) services: [Arc<OnceLock<ServiceMap>>; 2],
    pub(crate) nodes: Arc<BTreeMap<NodeName, Arc<NodeKernel>>>,
    pub(crate) shared: SharedRules,
    /// Rules that the caller gave in place of the generated ones.
    pub(crate) given: BTreeMap<NodeName, NodeRules>,
    pub(crate) probes: Probes,
    pub(crate) taking: AllTaking,
    pub(crate) lookup: Lookup,
    /// Which nodes are alike.
    pub(crate) alike: Arc<OnceLock<Alike>>,
}

/// Why a Service has no address outside of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unexposed {
    /// Its type gives it a cluster IP alone.
    ClusterIp,
    /// Its type opens a port on every node, the first of them this one.
    NodePort(u16),
    /// The cloud controller could not make it a frontend: `kubectl get service` has `<pending>` as its `EXTERNAL-IP`, or
    /// an address of before.
    Refused(azure::Reason),
    /// It is left to the controller of this loadBalancerClass, which reports no address.
    OtherClass(String),
}

impl fmt::Display for Unexposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClusterIp => {
                f.write_str("is of type ClusterIP: its address means something to nodes and pods alone")
            }
            Self::NodePort(port) => {
                write!(f, "is of type NodePort: from outside it is called at a node's address, port {port}")
            }
            Self::Refused(reason) => {
                write!(f, "gets no external address: {reason}")
            }
            Self::OtherClass(class) => write!(
                f,
                "gets no external address from Azure: its loadBalancerClass {class} leaves it to another controller, which reports none"
            ),
        }
    }
}

/// Why a flow cannot be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowError {
    /// The model has no such pod, node, VM or Service.
    NotFound(String),
    /// The sender or receiver has no address.
    NoAddress(String),
    /// The Service has no address outside of the cluster.
    NoExternalAddress(Key, Unexposed),
    /// The two ends share no address family.
    MixedFamilies(IpAddr, IpAddr),
    /// The node of `--via` is not among those that the load balancer can pick.
    ViaNotChosen(NodeName),
}

impl fmt::Display for FlowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(what) => write!(f, "there is no {what}"),
            Self::NoAddress(what) => write!(f, "{what} has no address that this sender could use"),
            Self::NoExternalAddress(service, why) => write!(f, "svc/{service} {why}"),
            Self::MixedFamilies(from, to) => write!(f, "{from} and {to} are of different families"),
            Self::ViaNotChosen(node) => write!(
                f,
                "the load balancer cannot pick {node} for this flow: it is not in the rule's backend pool"
            ),
        }
    }
}

impl std::error::Error for FlowError {}

/// The counts of a sampled run, beside the exact shares.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// How many connections.
    pub requests: u64,
    /// The seed of the sampling.
    pub seed: u64,
    /// Whether connections of one client stay together, by session affinity or by the load balancer's hash of
    /// addresses. The counts are then those of one client, the exact shares those of many.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub affinity: bool,
    /// One row per receiver or cause of failure, receivers in name order, failures last. A ready endpoint of the
    /// Service that gets nothing has a row with count 0.
    pub rows: Vec<RunRow>,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
}

/// One receiver, or one cause of failure.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct RunRow {
    /// What became of these connections.
    pub verdict: Verdict,
    /// Why they failed.
    pub cause: Option<Cause>,
    /// Who received them.
    pub endpoint: Option<Endpoint>,
    /// The node that the endpoint runs on.
    pub node: Option<NodeName>,
    /// The source addresses that it saw, in order; of branches that are folded the first one's.
    pub sources_seen: Vec<IpAddr>,
    /// How many other addresses it saw: those of nodes whose branches are folded into one.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_sources: u32,
    /// How many of the sampled connections.
    pub count: u64,
    /// The exact share, 0 to 1.
    pub exact: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

impl World {
    /// Runs every controller over the model. Nodes are programmed when a packet first reaches them.
    pub fn new(model: &Model) -> Self {
        let Prepared { settled, allocated, unsettled, filled } = prepare(model, None);
        let cloud = azure::program(&settled);
        let whole = reported(&cloud, &settled);
        let topology = Topology::new(&whole, cloud.frontend_addresses());
        Self {
            input: model.clone(),
            space: Arc::new(cloud.space().clone()),
            allocated: allocated || !cloud.allocated().is_empty(),
            nodes: Arc::new(whole.nodes.keys().map(|name| (name.clone(), Arc::default())).collect()),
            shared: SharedRules::default(),
            settled,
            model: whole,
            unsettled,
            filled,
            cloud,
            topology: Arc::new(topology),
            services: Default::default(),
            given: BTreeMap::new(),
            probes: Probes::default(),
            taking: AllTaking::default(),
            lookup: Lookup::default(),
            alike: Arc::default(),
        }
    }

    /// The model as its author wrote it.
    pub fn input(&self) -> &Model {
        &self.input
    }

    /// The model with everything that the controllers filled in.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What controllers would not or could not do: pods that stay pending with every node's reason, ranges that
    /// are used up.
    pub fn unsettled(&self) -> &[Unsettled] {
        &self.unsettled
    }

    /// What stays undone, in words: what no controller would or could do, and what the cloud controller or Azure refuses.
    pub fn undone(&self) -> impl Iterator<Item = String> {
        let refused = self.cloud.refused().iter().map(ToString::to_string);
        self.unsettled.iter().map(ToString::to_string).chain(refused)
    }

    /// What the cloud controller programmed: load balancers, security groups, public addresses.
    pub fn cloud(&self) -> &Cloud {
        &self.cloud
    }

    /// The rules of a node and family, as loaded: kube-proxy's with their jumps, and ip-masq-agent's.
    pub fn rules(&self, node: &NodeName, family: IpFamily) -> Option<&Ruleset> {
        let host = self.kernel(node)?.host();
        Some(match family {
            IpFamily::IPv4 => &host.ipv4,
            IpFamily::IPv6 => &host.ipv6,
        })
    }

    /// What a node has of a family, as the tools of kube-proxy's mode print it: the table as `nft list table` does, or
    /// virtual servers as `ipvsadm -Sn` and sets as `ipset save`, and the rules as `iptables-save`.
    pub fn rules_text(&self, node: &NodeName, family: IpFamily) -> Option<String> {
        let of = if family == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
        let mut text = String::new();
        if let Some(table) = self.nft_table(node, family) {
            text = table.text(nft::Form::List).to_string();
        }
        if let Some(balancing) = self.balancing(node, family) {
            text = IpvsText(&balancing.servers, IpvsForm::Restore).to_string();
            text.extend(balancing.sets.values().map(ToString::to_string));
        }
        // Written in place: of thousands of Services it is tens of megabytes. A text takes all that is written to it.
        let _ = write!(text, "{}", self.rules(node, family)?.text(of, Form::Save));
        Some(text)
    }

    /// What kube-proxy feeds to `iptables-restore` on a node in a full sync.
    pub fn payload(&self, node: &NodeName, family: IpFamily) -> Option<Ruleset> {
        let config = ProxyConfig::of_node(&self.model, node, family)?;
        if !self.has_proxy(node) {
            return Some(Ruleset::default());
        }
        Some(match config.mode {
            ProxyMode::Iptables => kube_proxy::sync(&config, self.services(family)).ruleset,
            ProxyMode::Nftables => Ruleset::default(),
            ProxyMode::Ipvs => kube_proxy::program(&config, self.services(family)).iptables,
        })
    }

    /// The Services as kube-proxy sees them, the same on every node.
    pub(crate) fn services(&self, family: IpFamily) -> &ServiceMap {
        let [ipv4, ipv6] = &self.services;
        let cell = if family == IpFamily::IPv4 { ipv4 } else { ipv6 };
        cell.get_or_init(|| ServiceMap::new(family, &self.model.services, &self.model.endpoint_slices))
    }

    /// Whether Cilium takes kube-proxy's place.
    pub(crate) fn is_cilium(&self) -> bool {
        let profile = self.model.managed_cluster.as_ref().map(|cluster| &cluster.network_profile);
        let dataplane = profile.and_then(|profile| profile.network_dataplane.as_deref());
        dataplane.is_some_and(|own| own.eq_ignore_ascii_case("cilium"))
    }

    /// Loads a node's rules, given ones before generated ones; `None` for a node that is not there.
    pub(crate) fn program(&self, name: &NodeName) -> Result<Option<Kernel>, RulesetError> {
        let given = self.given.get(name);
        let ipv4 = given.and_then(|rules| rules.ipv4.clone());
        let ipv6 = given.and_then(|rules| rules.ipv6.clone());
        let of_family = |family, given: Option<Ruleset>| {
            let mut programming = self.programming(name, family, self.services(family));
            programming.iptables = given.unwrap_or(programming.iptables);
            programming
        };
        self.load(name, of_family(IpFamily::IPv4, ipv4), of_family(IpFamily::IPv6, ipv6))
    }

    /// Loads this into a node's namespace; `None` for a node that is not there.
    pub(crate) fn load(
        &self,
        name: &NodeName,
        ipv4: Programming,
        ipv6: Programming,
    ) -> Result<Option<Kernel>, RulesetError> {
        let Some(links) = self.links(name) else { return Ok(None) };
        Kernel::new(host::namespace(&self.model, links.clone(), [ipv4, ipv6])).map(Some)
    }

    /// A node's interfaces and routes, apart from what kube-proxy adds; `None` for a node that is not there.
    pub(crate) fn links(&self, name: &NodeName) -> Option<&host::Links> {
        let (node, own) = (self.model.nodes.get(name)?, self.nodes.get(name)?);
        Some(own.links.get_or_init(|| host::links(&self.model, &self.topology, node)))
    }

    /// The table that kube-proxy writes on a node in mode nftables; `None` in other modes.
    pub fn nft_table(&self, node: &NodeName, family: IpFamily) -> Option<nft::Table> {
        self.programming(node, family, self.services(family)).nftables
    }

    /// The sets, virtual servers and addresses that kube-proxy makes on a node in mode IPVS; `None` in other modes.
    pub fn balancing(&self, node: &NodeName, family: IpFamily) -> Option<Balancing> {
        let is_ipvs = self.model.proxy_mode() == ProxyMode::Ipvs;
        is_ipvs.then(|| self.programming(node, family, self.services(family)).ipvs)
    }

    /// What kube-proxy and ip-masq-agent write on a node with iptables, with the jumps to it.
    pub(crate) fn generated_rules(&self, name: &NodeName, family: IpFamily) -> Ruleset {
        self.programming(name, family, self.services(family)).iptables
    }

    /// kube-proxy's rules with what others write besides.
    pub(crate) fn with_agents(&self, mut rules: Ruleset, node: &NodeName, family: IpFamily) -> Ruleset {
        if let Some(uplink) = InterfaceName::new(UPLINK).filter(|_| self.is_cilium()) {
            let of_family = |net: &IpNet| net.addr().is_ipv4() == (family == IpFamily::IPv4);
            let pods: Vec<IpNet> = self.topology.pods().iter().copied().filter(of_family).collect();
            cilium::keep_clients_of_local_pods(&mut rules, uplink, &pods);
        }
        if let Some(unmasqueraded) = self.topology.unmasqueraded() {
            ip_masq_agent::install(&mut rules, unmasqueraded.iter().copied(), family);
        }
        if let (IpFamily::IPv4, Some((pods, own))) = (family, self.pod_subnet(node)) {
            azure_cns::install(&mut rules, pods, own);
        }
        kubelet::install(&mut rules, family);
        if let (IpFamily::IPv4, Some(own)) = (family, self.kept_from_metadata(node)) {
            imds_restriction::install(&mut rules, own);
        }
        let ports = self.topology.host_ports(node);
        if !ports.is_empty() {
            let kubenet = self.is_kubenet();
            let network = if kubenet { "kubenet" } else { "azure" };
            portmap::install(&mut rules, ports, |ip| self.network_of_pod(node, ip, kubenet), network, family);
        }
        rules
    }

    /// The network that a pod's address is given with: of kubenet the node's range, of overlay the cluster's, else the
    /// subnet.
    fn network_of_pod(&self, node: &NodeName, ip: IpAddr, kubenet: bool) -> IpNet {
        let node = self.model.nodes.get(node).filter(|_| kubenet);
        let own = node.into_iter().flat_map(|node| crate::topology::pod_cidrs(node));
        let all = own.chain(self.topology.pods().iter().copied());
        let subnet = || self.cloud.subnet(ip).into_iter().flat_map(|subnet| subnet.prefixes.iter().copied());
        all.chain(subnet()).find(|range| range.contains(&ip)).unwrap_or_else(|| ip.into())
    }

    /// What the rules that others write on a node depend on, for packets that are for none of its host ports.
    pub(crate) fn agents_of(&self, node: &NodeName) -> AgentsOf {
        let taken = |port: &HostPort| (port.protocol, port.port, port.on);
        (
            self.pod_subnet(node),
            self.kept_from_metadata(node),
            self.topology.host_ports(node).iter().map(taken).collect(),
        )
    }

    /// The IPv4 range from which a node's pods have their addresses, where they have a subnet of their own that the input
    /// shows, and the node's own address.
    fn pod_subnet(&self, name: &NodeName) -> PodSubnet {
        let node = self.model.nodes.get(name)?;
        let id = self.model.managed_cluster.as_ref()?.pool(node.pool()?)?.pod_subnet_id.as_ref()?;
        let prefixes = azure::surroundings::prefixes_of(&self.model, id);
        let range = prefixes.into_iter().find_map(|prefix| match prefix {
            IpNet::V4(range) => Some(range),
            IpNet::V6(_) => None,
        });
        range.zip(own_ipv4(node))
    }

    /// A node's own IPv4 address, where its pods are kept from the instance metadata service.
    fn kept_from_metadata(&self, name: &NodeName) -> Option<Ipv4Addr> {
        let profile = &self.model.managed_cluster.as_ref()?.network_profile;
        let access = profile.pod_link_local_access.as_deref()?;
        access.eq_ignore_ascii_case("none").then(|| own_ipv4(self.model.nodes.get(name)?))?
    }
}

fn own_ipv4(node: &Node) -> Option<Ipv4Addr> {
    node.internal_ips().find_map(|ip| match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    })
}

/// The range of a node's pods, and the node's own address.
type PodSubnet = Option<(Ipv4Net, Ipv4Addr)>;

/// The pods' subnet, the address of a node whose pods are kept from the metadata service, and the host ports that are taken.
pub(crate) type AgentsOf = (PodSubnet, Option<Ipv4Addr>, Vec<(Protocol, u16, Option<IpAddr>)>);

/// A model after node pools and Kubernetes' controllers.
pub(crate) struct Prepared {
    /// The model with everything that they fill in.
    pub(crate) settled: Model,
    /// Whether anything that was filled in shows in an answer: uids and pod ranges show in names only.
    pub(crate) allocated: bool,
    /// What they would not or could not do.
    pub(crate) unsettled: Vec<Unsettled>,
    /// What an edit of the model can start from.
    pub(crate) filled: Option<Filled>,
}

/// What Kubernetes' controllers filled in where that is nothing but fields of Services.
#[derive(Debug)]
pub(crate) struct Filled {
    /// The Services before.
    services: Objects<Key, Service>,
    /// Which fields were filled in.
    allocated: Vec<Allocation>,
}

/// Runs node pools and Kubernetes' controllers over a model; with a world from before an edit, as far as can be over
/// what the edit changed.
pub(crate) fn prepare(model: &Model, before: Option<&World>) -> Prepared {
    let mut grown = model.clone();
    let made = azure::node_pools::complete(&mut grown);
    let before = before.and_then(|world| {
        let Filled { services, allocated } = world.filled.as_ref()?;
        Some(Before { settled: &world.settled, services, allocated, unsettled: &world.unsettled })
    });
    let Settled { model: settled, allocated, unsettled } = match before {
        Some(before) => kubernetes::settle_again(&grown, before),
        None => kubernetes::settle(&grown),
    };
    let matters = |field: Field| !matches!(field, Field::Uid | Field::PodCidrs | Field::AffinityTimeout);
    let shows = !made.is_empty() || allocated.iter().any(|entry| matters(entry.field));
    let of_services = allocated.iter().all(|entry| entry.object.kind == Kind::Service);
    let filled = (of_services && settled.same_objects_but_services(&grown))
        .then(|| Filled { services: grown.services.clone(), allocated });
    Prepared { settled, allocated: shows, unsettled, filled }
}

/// The model with what the cloud controller reports into Services that have no status of their own.
pub(crate) fn reported(cloud: &Cloud, settled: &Model) -> Model {
    let mut model = settled.clone();
    for (key, ingress) in cloud.statuses() {
        // The map is copied where it is written to, and most Services have their status.
        let has_none = |service: &Arc<Service>| service.status.load_balancer.ingress.is_empty();
        if ingress.is_empty() || !model.services.get(key).is_some_and(has_none) {
            continue;
        }
        if let Some(service) = model.services.get_mut(key) {
            Arc::make_mut(service).status.load_balancer.ingress.clone_from(ingress);
        }
    }
    model
}
