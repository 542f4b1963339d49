//! Flows by name: who, to what, over what. Names become addresses only here.

use crate::{
    agent::Transport,
    cluster::{Family, POD_PORT, SERVICE_PORT, client_ip, key, many_clients, unallocated_ip, vm_ip},
};
use engine::{Flow, FlowError, Place, World};
use model::Model;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who opens the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// A host on the internet.
    Client,
    /// The same host, each time from another of its addresses, and three times from each.
    Clients,
    /// A VM in the virtual network.
    Vm,
    /// A process on this node.
    Node(u8),
    /// A process on this node that calls 127.0.0.1 or ::1; only to ports of the node.
    Loopback(u8),
    /// A pod.
    Pod(&'static str),
}

/// What it connects to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// The frontend of a Service of type `LoadBalancer`.
    Frontend(&'static str),
    /// An address of `externalIPs`.
    External(&'static str),
    /// The cluster IP.
    ClusterIp(&'static str),
    /// The cluster IP, on a port that the Service does not have.
    WrongPort(&'static str),
    /// An address in the range of cluster IPs that no Service has.
    Unallocated,
    /// The node port at this node's address.
    NodePort(&'static str, u8),
    /// A pod's own address and port.
    Pod(&'static str),
    /// A port of a node's address.
    Node(u8, u16),
    /// The VM, on the port of pods.
    Vm,
}

/// A flow with everything that the lab and the engine need to know.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// What it is called in the report.
    pub(crate) name: String,
    /// The question for the engine.
    pub(crate) flow: Flow,
    /// The lab's host that opens the connections.
    pub(crate) host: String,
    /// The addresses that it opens them from, in turn; empty leaves the choice to the kernel.
    pub(crate) from: Vec<IpAddr>,
    /// The address that it connects to.
    pub(crate) to: IpAddr,
    /// Whether that is a frontend of the load balancer.
    pub(crate) is_frontend: bool,
}

impl Case {
    /// The protocol.
    pub(crate) fn transport(&self) -> Transport {
        match self.flow.protocol {
            model::Transport::Udp => Transport::Udp,
            model::Transport::Icmp => Transport::Icmp,
            model::Transport::Tcp | model::Transport::Sctp => Transport::Tcp,
        }
    }
}

/// The name of the lab's VM.
pub(crate) const VM: &str = "vm";
/// The name of the lab's host on the internet.
pub(crate) const CLIENT: &str = "client";
/// How many addresses [`Source::Clients`] uses: under the 100 that a list of `recent` remembers.
pub(crate) const MANY: u8 = 96;

/// Every combination of sources and targets, over TCP and UDP and in the given families.
pub(crate) fn cross(sources: &[Source], targets: &[Target], families: &[Family]) -> Vec<Question> {
    combine(sources, targets, families, &[Transport::Tcp, Transport::Udp])
}

/// Every combination, with echo requests; a port that a target names does not count.
pub(crate) fn pings(sources: &[Source], targets: &[Target], families: &[Family]) -> Vec<Question> {
    combine(sources, targets, families, &[Transport::Icmp])
}

fn combine(
    sources: &[Source],
    targets: &[Target],
    families: &[Family],
    transports: &[Transport],
) -> Vec<Question> {
    let mut questions = Vec::new();
    for &family in families {
        for &target in targets {
            for &source in sources {
                for &transport in transports {
                    questions.push(Question { source, target, family, transport });
                }
            }
        }
    }
    questions
}

/// One combination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    source: Source,
    target: Target,
    family: Family,
    transport: Transport,
}

/// A table asks for something that does not exist.
#[derive(Debug)]
pub(crate) struct QuestionError(String);

impl std::fmt::Display for QuestionError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for QuestionError {}

impl Question {
    /// The cases of a question: one; for a frontend called from outside, one for each node that the load balancer
    /// can pick and one without such a condition.
    pub(crate) fn cases(self, world: &World) -> Result<Vec<Case>, QuestionError> {
        let from_outside = matches!(self.source, Source::Client | Source::Clients | Source::Vm);
        if !(from_outside && matches!(self.target, Target::Frontend(_))) {
            return Ok(vec![self.case(world.model())?]);
        }
        let mut cases = vec![self.case(world.model())?];
        for node in world.model().nodes.keys() {
            let mut case = self.case(world.model())?;
            case.name = format!("{} via {node}", case.name);
            case.flow.via = Some(node.clone());
            match world.paths(&case.flow) {
                Err(FlowError::ViaNotChosen(_)) => {}
                Ok(_) | Err(_) => cases.push(case),
            }
        }
        Ok(cases)
    }

    fn case(self, model: &Model) -> Result<Case, QuestionError> {
        let (from, host, bind) = self.sender();
        let (to, port) = self.receiver(model)?;
        let protocol = match self.transport {
            Transport::Tcp => model::Transport::Tcp,
            Transport::Udp => model::Transport::Udp,
            Transport::Icmp => model::Transport::Icmp,
        };
        let port = if self.transport == Transport::Icmp { 0 } else { port };
        let family = if self.family == Family::V4 { "IPv4" } else { "IPv6" };
        let name = format!("{} to {} {} {family}", self.source_name(), self.target_name(), self.transport);
        let flow = Flow { protocol, ..Flow::tcp(from, Place::Ip(to), port) };
        Ok(Case { name, flow, host, from: bind, to, is_frontend: matches!(self.target, Target::Frontend(_)) })
    }

    fn sender(self) -> (Place, String, Vec<IpAddr>) {
        let family = self.family;
        match self.source {
            Source::Client => (Place::Ip(client_ip(family)), CLIENT.into(), vec![client_ip(family)]),
            Source::Clients => {
                let all: Vec<_> = (100..100 + MANY).map(|number| many_clients(family, number)).collect();
                (Place::Ip(many_clients(family, 100)), CLIENT.into(), all)
            }
            Source::Vm => (Place::Ip(vm_ip(family)), VM.into(), Vec::new()),
            Source::Node(at) | Source::Loopback(at) => {
                let name = format!("n{at}");
                (Place::Node(name.as_str().into()), format!("node/{name}"), Vec::new())
            }
            Source::Pod(name) => (Place::Pod(key(name)), key(name).to_string(), Vec::new()),
        }
    }

    fn receiver(self, model: &Model) -> Result<(IpAddr, u16), QuestionError> {
        let missing = || QuestionError(format!("the cluster has no {}", self.target_name()));
        let service = |name: &str| model.services.get(&key(name)).ok_or_else(missing);
        let of_family = |texts: &[String]| {
            let mut addresses = texts.iter().filter_map(|text| text.parse().ok());
            addresses.find(|&ip| self.family.has(ip)).ok_or_else(missing)
        };
        let node_ip = |at: u8| {
            let node = model.nodes.get(format!("n{at}").as_str()).ok_or_else(missing)?;
            node.internal_ips().find(|&ip| self.family.has(ip)).ok_or_else(missing)
        };
        Ok(match self.target {
            Target::Frontend(name) => {
                let ingress = &service(name)?.status.load_balancer.ingress;
                let texts: Vec<_> = ingress.iter().map(|ingress| ingress.ip.clone()).collect();
                (of_family(&texts)?, SERVICE_PORT)
            }
            Target::External(name) => (of_family(&service(name)?.spec.external_ips)?, SERVICE_PORT),
            Target::ClusterIp(name) => (of_family(&service(name)?.spec.cluster_ips)?, SERVICE_PORT),
            Target::WrongPort(name) => (of_family(&service(name)?.spec.cluster_ips)?, SERVICE_PORT + 1),
            Target::Unallocated => (unallocated_ip(self.family), SERVICE_PORT),
            Target::NodePort(name, at) => {
                let port = service(name)?.spec.ports.first().ok_or_else(missing)?.node_port;
                match (self.source, self.family) {
                    (Source::Loopback(_), Family::V4) => (Ipv4Addr::LOCALHOST.into(), port),
                    (Source::Loopback(_), Family::V6) => (Ipv6Addr::LOCALHOST.into(), port),
                    _ => (node_ip(at)?, port),
                }
            }
            Target::Pod(name) => {
                let pod = model.pods.get(&key(name)).ok_or_else(missing)?;
                let ip = pod.ips().find(|&ip| self.family.has(ip)).ok_or_else(missing)?;
                (ip, POD_PORT)
            }
            Target::Node(at, port) => match (self.source, self.family) {
                (Source::Loopback(_), Family::V4) => (Ipv4Addr::LOCALHOST.into(), port),
                (Source::Loopback(_), Family::V6) => (Ipv6Addr::LOCALHOST.into(), port),
                _ => (node_ip(at)?, port),
            },
            Target::Vm => (vm_ip(self.family), POD_PORT),
        })
    }

    fn source_name(self) -> String {
        match self.source {
            Source::Client => "internet client".into(),
            Source::Clients => "many internet clients".into(),
            Source::Vm => "VM".into(),
            Source::Node(at) => format!("node n{at}"),
            Source::Loopback(at) => format!("loopback of n{at}"),
            Source::Pod(name) => format!("pod {name}"),
        }
    }

    fn target_name(self) -> String {
        match self.target {
            Target::Frontend(name) => format!("frontend of {name}"),
            Target::External(name) => format!("external IP of {name}"),
            Target::ClusterIp(name) => format!("cluster IP of {name}"),
            Target::WrongPort(name) => format!("another port of the cluster IP of {name}"),
            Target::Unallocated => "a cluster IP of no Service".into(),
            Target::NodePort(name, _) if matches!(self.source, Source::Loopback(_)) => {
                format!("node port of {name}")
            }
            Target::NodePort(name, at) => format!("node port of {name} at n{at}"),
            Target::Pod(name) => format!("pod {name}"),
            Target::Node(at, 0) => format!("node n{at}"),
            Target::Node(at, port) => format!("port {port} of n{at}"),
            Target::Vm => "VM".into(),
        }
    }
}
