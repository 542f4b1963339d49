//! The lab: network namespaces joined by veth pairs, and nothing else. No namespace has a way out.
//!
//! One namespace, `vnet`, stands for Azure's fabric: every node, VM and internet host hangs on it by one link, and
//! it forwards by destination. It also stands for the load balancer: a route for a frontend address leads to a node,
//! so the packet gets there with the frontend as its destination, as floating IP does.
//! Pods hang on their node by a veth pair named `azv…`, routed and not bridged, as Azure CNI does; or on a bridge, as
//! kubenet does.

use crate::agent::{Agent, AgentError, Request, Transport};
use crate::ping;
use ipnet::IpNet;
use std::{
    fmt::Write,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::{Command, Stdio},
};

/// What the lab is to be built of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Nodes, pods, VMs and internet hosts; a pod comes after its node.
    pub(crate) hosts: Vec<Host>,
    /// How a frontend's connections are spread.
    pub(crate) hash: Hash,
}

/// What the load balancer's hash is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Hash {
    /// Addresses, ports and protocol: distribution `Default`.
    #[default]
    FiveTuple,
    /// Addresses: distribution `SourceIP`.
    Addresses,
}

/// One namespace of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// Its name in the lab.
    pub(crate) name: String,
    /// What it is.
    pub(crate) role: Role,
    /// Its addresses, the primary one of each family first.
    pub(crate) addresses: Vec<IpAddr>,
    /// Its servers.
    pub(crate) servers: Vec<Server>,
}

/// Something that listens in a namespace.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// What it answers with: the endpoint as the engine prints it.
    pub(crate) name: String,
    /// The address that it listens at; `::` for every address of both families.
    pub(crate) address: IpAddr,
    /// The ports.
    pub(crate) ports: Vec<(Transport, u16)>,
}

impl Server {
    /// A server at every address.
    pub(crate) fn at_any(name: String, ports: Vec<(Transport, u16)>) -> Self {
        Self { name, address: Ipv6Addr::UNSPECIFIED.into(), ports }
    }
}

/// What a namespace stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    /// A node, with the ranges that the fabric routes to it besides its addresses, and its rules.
    Node {
        /// The ranges of its pods.
        pod_ranges: Vec<IpNet>,
        /// Its addresses on the bridge of its pods; without any, pods are routed.
        bridge: Vec<IpNet>,
        /// What `iptables-restore` loads.
        ipv4: String,
        /// What `ip6tables-restore` loads.
        ipv6: String,
        /// What `nft -f` loads; empty for nothing.
        nft: String,
        /// `net.ipv4.conf.all.route_localnet`.
        route_localnet: bool,
    },
    /// A pod on the node of this name.
    Pod {
        /// The node.
        node: String,
    },
    /// A VM in the virtual network, or a host on the internet.
    Outside,
}

/// Next hop of every namespace but `vnet`: Azure CNI's address for it. Neighbours are fixed, so nothing holds it.
const GATEWAY_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 1, 1));
const GATEWAY_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0x1234, 0x5678, 0x9abc));
const GATEWAY_MAC: &str = "aa:aa:aa:aa:aa:aa";

/// What the load balancer does with a frontend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frontend {
    /// It picks this node.
    Picks(IpAddr, String),
    /// It spreads connections evenly over these nodes, by the hash of the plan.
    Spreads(IpAddr, Vec<String>),
}

impl Frontend {
    /// Whether both cannot hold at a time. A picked node is told by the packet's type of service.
    pub(crate) fn clashes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Spreads(address, nodes), Self::Spreads(other, others)) => {
                address == other && nodes != others
            }
            _ => false,
        }
    }
}

/// The type of service that has the fabric pick the host number `at`, and the routing table that it selects.
fn pick(at: usize) -> Result<(u8, usize), LabError> {
    let tos = u8::try_from(4 * (at + 1)).ok().filter(|tos| *tos <= 0x1c);
    Ok((tos.ok_or("the type of service tells seven nodes apart, which must be the first hosts")?, 100 + at))
}

/// A lab that stands. Dropping it ends the agents and then removes the namespaces: fields are dropped in order.
#[derive(Debug)]
pub(crate) struct Lab {
    plan: Plan,
    agents: Vec<Agent>,
    vnet: Agent,
    namespaces: Namespaces,
}

/// The lab could not be built or used.
pub(crate) type LabError = Box<dyn std::error::Error>;

impl Lab {
    /// Builds the namespaces, loads the rules, and starts the servers.
    pub(crate) fn build(plan: Plan) -> Result<Self, LabError> {
        let namespaces = Namespaces::create(plan.hosts.len())?;
        let mut lab = Self { agents: Vec::new(), vnet: Agent::start(&namespaces.vnet)?, namespaces, plan };
        for name in &lab.namespaces.hosts {
            lab.agents.push(Agent::start(name)?);
        }
        lab.set_sysctls()?;
        ip_batch(&lab.links())?;
        lab.configure()?;
        for agent in std::iter::once(&mut lab.vnet).chain(&mut lab.agents) {
            agent.request(&Request::AwaitLinks)?;
        }
        Ok(lab)
    }

    fn set_sysctls(&mut self) -> Result<(), AgentError> {
        let common = [
            ("net/ipv4/conf/all/rp_filter", "0"),
            ("net/ipv4/conf/default/rp_filter", "0"),
            ("net/ipv4/conf/all/send_redirects", "0"),
            ("net/ipv4/conf/default/send_redirects", "0"),
            // A second SYN takes the way of the first, as through a load balancer that hashes addresses and ports.
            ("net/core/txrehash", "0"),
            // Otherwise the kernel rations the errors that REJECT sends, and clients see silence.
            ("net/ipv4/icmp_ratemask", "0"),
            ("net/ipv4/icmp_msgs_per_sec", "1000000"),
            ("net/ipv4/icmp_msgs_burst", "1000000"),
            ("net/ipv6/icmp/ratelimit", "0"),
            // The port that masquerade draws is by chance one that another client had a moment ago. A server that still
            // holds that connection in TIME_WAIT refuses the new one where its clock stands lower (PAWS), and goes on
            // refusing: about one connection in 10,000 here.
            ("net/ipv4/tcp_max_tw_buckets", "0"),
            // New addresses work at once.
            ("net/ipv6/conf/all/accept_dad", "0"),
            ("net/ipv6/conf/default/accept_dad", "0"),
        ];
        let common = [common.as_slice(), ping::SYSCTLS.as_slice()].concat();
        let forwards = [("net/ipv4/ip_forward", "1"), ("net/ipv6/conf/all/forwarding", "1")];
        // By default IPv6 hashes the flow label too, which differs from connection to connection.
        let policy = match self.plan.hash {
            Hash::FiveTuple => "1",
            Hash::Addresses => "3",
        };
        let addresses = "3";
        let vnet = [
            ("net/ipv4/fib_multipath_hash_policy", policy),
            ("net/ipv6/fib_multipath_hash_policy", policy),
            ("net/ipv4/fib_multipath_hash_fields", addresses),
            ("net/ipv6/fib_multipath_hash_fields", addresses),
        ];
        let request = |parts: &[&[(&str, &str)]]| {
            Request::Sysctl(parts.concat().iter().map(|&(path, value)| (path.into(), value.into())).collect())
        };
        for (agent, host) in self.agents.iter_mut().zip(&self.plan.hosts) {
            agent.request(&match host.role {
                Role::Node { route_localnet, .. } => {
                    let value = if route_localnet { "1" } else { "0" };
                    request(&[&common, &forwards, &[("net/ipv4/conf/all/route_localnet", value)]])
                }
                Role::Pod { .. } | Role::Outside => request(&[&common]),
            })?;
        }
        self.vnet.request(&request(&[&common, &forwards, &vnet]))?;
        Ok(())
    }

    /// `ip` commands that make every link, each end in its namespace.
    fn links(&self) -> String {
        let mut text = String::new();
        for (at, host) in self.plan.hosts.iter().enumerate() {
            if has_bridge(host) {
                let node = self.namespaces.host(at);
                let _ =
                    writeln!(text, "link add name {BRIDGE} address {GATEWAY_MAC} netns {node} type bridge");
            }
            let (peer, name) = match &host.role {
                Role::Pod { node } => (self.namespace_of(node), format!("azv{at}")),
                Role::Node { .. } | Role::Outside => (self.namespaces.vnet.as_str(), format!("h{at}")),
            };
            let (namespace, mac) = (self.namespaces.host(at), mac(at));
            let _ = writeln!(
                text,
                "link add name eth0 address {mac} netns {namespace} type veth \
                 peer name {name} address {GATEWAY_MAC} netns {peer}"
            );
        }
        text
    }

    /// Addresses, routes, rules, servers.
    fn configure(&mut self) -> Result<(), LabError> {
        let mut commands = vec![String::from("link set lo up\n"); self.plan.hosts.len()];
        // Addresses of its own, so that its ICMP errors have a source that hosts accept.
        let mut vnet =
            String::from("link set lo up\naddr add 10.224.0.1/32 dev lo\naddr add fd00:224::1/128 dev lo\n");
        let mut picks = String::new();
        for (at, host) in self.plan.hosts.iter().enumerate() {
            if let Some(own) = commands.get_mut(at) {
                *own += &uplink(host);
            }
            match &host.role {
                Role::Pod { node } => {
                    let on = self.plan.hosts.iter().position(|host| host.name == *node);
                    let bridged = on.and_then(|on| self.plan.hosts.get(on)).is_some_and(has_bridge);
                    let node = on.and_then(|on| commands.get_mut(on)).ok_or("a pod on no node")?;
                    let link = format!("azv{at}");
                    if bridged {
                        let _ = writeln!(node, "link set {link} master {BRIDGE} up");
                    }
                    *node += &downlink(if bridged { BRIDGE } else { &link }, at, &host.addresses, &[]);
                }
                Role::Node { pod_ranges, .. } => {
                    vnet += &downlink(&format!("h{at}"), at, &host.addresses, pod_ranges);
                    let (tos, table) = pick(at)?;
                    let _ = writeln!(picks, "rule add tos {tos:#x} lookup {table}");
                }
                Role::Outside => vnet += &downlink(&format!("h{at}"), at, &host.addresses, &[]),
            }
        }
        self.vnet.run(&["ip", "-batch", "-"], &vnet)?;
        for family in ["-4", "-6"] {
            self.vnet.run(&["ip", family, "-batch", "-"], &picks)?;
        }
        for ((agent, host), commands) in self.agents.iter_mut().zip(&self.plan.hosts).zip(&commands) {
            agent.run(&["ip", "-batch", "-"], commands)?;
            if let Role::Node { ipv4, ipv6, nft, .. } = &host.role {
                agent.run(&["iptables-restore"], ipv4)?;
                agent.run(&["ip6tables-restore"], ipv6)?;
                if !nft.is_empty() {
                    agent.run(&["nft", "-f", "-"], nft)?;
                }
            }
            for Server { name, address, ports } in &host.servers {
                let at = ports.iter().map(|&(transport, port)| (transport, SocketAddr::new(*address, port)));
                agent.request(&Request::Listen { name: name.clone(), at: at.collect() })?;
            }
        }
        Ok(())
    }

    /// Points frontends at nodes; those named before stay as they are unless named again.
    pub(crate) fn point(&mut self, frontends: &[Frontend]) -> Result<(), LabError> {
        let mut text = String::new();
        for frontend in frontends {
            let (address, nodes, table) = match frontend {
                Frontend::Picks(address, node) => {
                    (address, std::slice::from_ref(node), pick(self.position(node)?)?.1.to_string())
                }
                Frontend::Spreads(address, nodes) => (address, nodes.as_slice(), "main".into()),
            };
            let _ = write!(text, "route replace {} table {table}", IpNet::from(*address));
            for node in nodes {
                let at = self.position(node)?;
                let _ = write!(text, " nexthop via {} dev h{at} onlink", self.next_hop(at, *address)?);
            }
            text.push('\n');
        }
        self.vnet.run(&["ip", "-batch", "-"], &text)?;
        Ok(())
    }

    /// The type of service to send with, so that the frontend leads where it should.
    pub(crate) fn tos(&self, frontend: Option<&Frontend>) -> Result<u8, LabError> {
        match frontend {
            Some(Frontend::Picks(_, node)) => Ok(pick(self.position(node)?)?.0),
            Some(Frontend::Spreads(..)) | None => Ok(0),
        }
    }

    fn next_hop(&self, at: usize, like: IpAddr) -> Result<IpAddr, LabError> {
        let host = self.plan.hosts.get(at).ok_or("no such host")?;
        let mut addresses = host.addresses.iter().copied();
        Ok(addresses.find(|ip| ip.is_ipv4() == like.is_ipv4()).ok_or("a node without an address")?)
    }

    /// The agent in the namespace of a host.
    pub(crate) fn agent(&mut self, name: &str) -> Result<&mut Agent, LabError> {
        let at = self.position(name)?;
        Ok(self.agents.get_mut(at).ok_or("no agent")?)
    }

    fn position(&self, name: &str) -> Result<usize, LabError> {
        let at = self.plan.hosts.iter().position(|host| host.name == name);
        Ok(at.ok_or_else(|| format!("the lab has no {name}"))?)
    }

    fn namespace_of(&self, name: &str) -> &str {
        self.plan.hosts.iter().position(|host| host.name == name).map_or("", |at| self.namespaces.host(at))
    }
}

/// The name of kubenet's bridge.
const BRIDGE: &str = "cbr0";

fn has_bridge(host: &Host) -> bool {
    matches!(&host.role, Role::Node { bridge, .. } if !bridge.is_empty())
}

/// A link address for a host.
fn mac(at: usize) -> String {
    format!("02:00:00:00:{:02x}:{:02x}", at / 256, at % 256)
}

/// `ip` commands in a host: its addresses, and everything else by way of the gateway.
fn uplink(host: &Host) -> String {
    let mut text = String::from("link set eth0 up\n");
    let bridge = if let Role::Node { bridge, .. } = &host.role { bridge.as_slice() } else { &[] };
    if !bridge.is_empty() {
        let _ = writeln!(text, "link set {BRIDGE} up");
    }
    let own = host.addresses.iter().map(|address| (IpNet::from(*address), "eth0"));
    for (address, link) in own.chain(bridge.iter().map(|address| (*address, BRIDGE))) {
        let nodad = if address.addr().is_ipv6() { " nodad" } else { "" };
        let _ = writeln!(text, "addr add {address} dev {link}{nodad}");
    }
    for gateway in [GATEWAY_V4, GATEWAY_V6] {
        let _ = writeln!(text, "neigh replace {gateway} lladdr {GATEWAY_MAC} dev eth0 nud permanent");
        if host.addresses.iter().any(|address| address.is_ipv4() == gateway.is_ipv4()) {
            let _ = writeln!(text, "route add default via {gateway} dev eth0 onlink");
        }
    }
    text
}

/// `ip` commands at the other end: the host's addresses, and ranges behind it, lead out of this link.
fn downlink(link: &str, at: usize, addresses: &[IpAddr], ranges: &[IpNet]) -> String {
    let mut text = format!("link set {link} up\n");
    for address in addresses {
        let _ = writeln!(text, "neigh replace {address} lladdr {} dev {link} nud permanent", mac(at));
        let _ = writeln!(text, "route add {} dev {link}", IpNet::from(*address));
    }
    for range in ranges {
        let like = |address: &&IpAddr| address.is_ipv4() == range.addr().is_ipv4();
        if let Some(via) = addresses.iter().find(like) {
            let _ = writeln!(text, "route add {range} via {via} dev {link} onlink");
        }
    }
    text
}

/// The namespaces of one lab, removed when dropped.
#[derive(Debug)]
struct Namespaces {
    vnet: String,
    hosts: Vec<String>,
}

/// Every namespace of this test is named so, followed by the process id and a dash.
const PREFIX: &str = "hopscope-kernel-";

impl Namespaces {
    fn create(hosts: usize) -> io::Result<Self> {
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let names = Self {
            vnet: format!("{prefix}vnet"),
            hosts: (0..hosts).map(|at| format!("{prefix}h{at}")).collect(),
        };
        ip_batch(&names.each("netns add"))?;
        Ok(names)
    }

    fn each(&self, command: &str) -> String {
        let names = std::iter::once(&self.vnet).chain(&self.hosts);
        names.fold(String::new(), |text, name| text + command + " " + name + "\n")
    }

    fn host(&self, at: usize) -> &str {
        self.hosts.get(at).map_or("", String::as_str)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        if let Err(error) = ip_batch(&self.each("netns del")) {
            println!("kernel: namespaces were left behind: {error}");
        }
    }
}

/// Removes the namespaces of test processes that died without doing so.
pub(crate) fn remove_stale() -> io::Result<()> {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return Ok(()) };
    let mut text = String::new();
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !std::path::Path::new("/proc").join(pid).exists()) {
            let _ = writeln!(text, "netns del {name}");
        }
    }
    ip_batch(&text)
}

/// Runs `ip` commands, one per line, in the namespace of the test itself: only those that name namespaces.
fn ip_batch(commands: &str) -> io::Result<()> {
    use std::io::Write;
    let mut child =
        Command::new("ip").args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(commands.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(format!("ip -batch: {}", String::from_utf8_lossy(&output.stderr))))
}
