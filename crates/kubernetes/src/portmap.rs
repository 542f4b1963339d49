//! portmap, the CNI plugin that makes a pod's `hostPort` a port of its node.
//!
//! Facts: containernetworking/plugins, `plugins/meta/portmap` with its backend of iptables. AKS chains it behind Azure's
//! plugins and kubenet's with `snat: true`. It appends its jumps to PREROUTING and OUTPUT, where kube-proxy's stand
//! already, and puts the one of POSTROUTING first.

use crate::{
    hashing::hash_of,
    kube_proxy::{comment, to_this_node, transport},
};
use ipnet::IpNet;
use model::{
    Key,
    kubernetes::{IpFamily, Pod, Protocol},
};
use netfilter::{Chain, ChainName, Match, NatTo, PortRange, Rule, Ruleset, TableName, Target};
use std::net::{IpAddr, Ipv4Addr};

/// Its chain of ports of the node.
pub const CHAIN: &str = "CNI-HOSTPORT-DNAT";
/// The chain that marks what must be masqueraded.
pub const SET_MARK: &str = "CNI-HOSTPORT-SETMARK";
/// The chain that masquerades it.
pub const MASQUERADE: &str = "CNI-HOSTPORT-MASQ";
/// Its mark: bit 13.
const MARK: u32 = 0x2000;
/// `-m multiport` takes no more ports.
const MOST_PORTS: usize = 15;

/// A port of a node that leads to a pod on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// The pod.
    pub pod: Key,
    /// The protocol.
    pub protocol: Protocol,
    /// The port of the node, 1 to 65,535.
    pub port: u16,
    /// The one address of the node that it is taken of; every one where absent.
    pub on: Option<IpAddr>,
    /// The pod's address.
    pub ip: IpAddr,
    /// The port of the container, 1 to 65,535.
    pub container_port: u16,
}

/// The ports of its node that lead to a pod. One in the node's own network listens there itself.
pub fn ports<'a>(key: &'a Key, pod: &'a Pod) -> impl Iterator<Item = HostPort> + 'a {
    let containers = pod.spec.containers.iter().filter(|_| !pod.spec.host_network && !pod.is_finished());
    let mapped = containers.flat_map(|container| &container.ports).filter(|port| port.host_port != 0);
    mapped.flat_map(move |port| {
        let on = port.host_ip.parse().ok().filter(|ip: &IpAddr| !ip.is_unspecified());
        let same_family = move |ip: &IpAddr| on.is_none_or(|on| on.is_ipv4() == ip.is_ipv4());
        pod.ips().filter(same_family).map(move |ip| HostPort {
            pod: key.clone(),
            protocol: port.protocol,
            port: port.host_port,
            on,
            ip,
            container_port: port.container_port,
        })
    })
}

/// Adds the rules of a node's ports, those of one pod in a row. `range` is the network that the plugin before it gave a
/// pod's address with: what comes from there is masqueraded, the pod itself among it, since its answer would go by
/// another way.
pub fn install(
    rules: &mut Ruleset,
    ports: &[HostPort],
    range: impl Fn(IpAddr) -> IpNet,
    network: &str,
    family: IpFamily,
) {
    let ports: Vec<&HostPort> = ports.iter().filter(|port| IpFamily::of(port.ip) == family).collect();
    let names = [CHAIN, SET_MARK, MASQUERADE].map(ChainName::new);
    let ([Some(dnat), Some(set_mark), Some(masquerade)], false) = (names, ports.is_empty()) else { return };
    let nat = rules.tables.entry(TableName::Nat).or_default();
    for entry in ["PREROUTING", "OUTPUT"] {
        let Some(chain) = nat.chain_mut(entry) else { return };
        chain.rules.push(Rule { matches: vec![to_this_node()], target: Target::Jump(dnat) });
    }
    let Some(postrouting) = nat.chain_mut("POSTROUTING") else { return };
    let jump =
        Rule { matches: vec![comment("CNI portfwd requiring masquerade")], target: Target::Jump(masquerade) };
    postrouting.rules.insert(0, jump);

    let mut dispatch = Vec::new();
    let mut own = Vec::new();
    for of_pod in ports.chunk_by(|a, b| a.pod == b.pod) {
        let Some((entries, chain)) = of_one(of_pod, &range, network, set_mark) else { continue };
        dispatch.extend(entries);
        own.push(chain);
    }
    let mut add = |name, rules| nat.chains.push(Chain { name, policy: None, rules });
    add(dnat, dispatch);
    let mark = Target::SetXmark { value: MARK, mask: MARK };
    add(set_mark, vec![Rule { matches: vec![comment("CNI portfwd masquerade mark")], target: mark }]);
    let marked = Match::Mark { not: false, value: MARK, mask: MARK };
    let target = Target::Masquerade { random_fully: false, to_ports: None };
    add(masquerade, vec![Rule { matches: vec![marked], target }]);
    nat.chains.append(&mut own);
}

/// The jumps to one pod's chain, and the chain.
fn of_one(
    ports: &[&HostPort],
    range: impl Fn(IpAddr) -> IpNet,
    network: &str,
    set_mark: ChainName,
) -> Option<(Vec<Rule>, Chain)> {
    let pod = &ports.first()?.pod;
    let id = sandbox(pod);
    let name = ChainName::new(&format!("CNI-DN-{}", id.get(..21)?))?;
    let note = comment(format!("dnat name: \"{network}\" id: \"{id}\""));
    let mut entries = Vec::new();
    for kind in [Protocol::Sctp, Protocol::Tcp, Protocol::Udp] {
        let of_kind: Vec<PortRange> =
            ports.iter().filter(|port| port.protocol == kind).map(|port| port.port.into()).collect();
        entries.extend(of_kind.chunks(MOST_PORTS).map(|some| {
            let ports = Match::Multiport { not: false, source: false, ports: some.to_vec() };
            let [_, protocol] = transport(kind);
            Rule { matches: vec![protocol, note.clone(), ports], target: Target::Jump(name) }
        }));
    }
    let rules = ports.iter().flat_map(|port| {
        let from = |net: IpNet| Match::Source { not: false, net: net.trunc().into() };
        let loopback = port.ip.is_ipv4().then(|| from(IpAddr::V4(Ipv4Addr::LOCALHOST).into()));
        let marked = [Some(from(range(port.ip))), loopback].into_iter().flatten();
        let marks = marked.map(|from| rule(port, Some(from), Target::Jump(set_mark)));
        let to = NatTo::socket(port.ip, port.container_port);
        marks.chain([rule(port, None, Target::Dnat(to))]).collect::<Vec<_>>()
    });
    Some((entries, Chain { name, policy: None, rules: rules.collect() }))
}

fn rule(port: &HostPort, from: Option<Match>, target: Target) -> Rule {
    let on = port.on.map(|ip| Match::Destination { not: false, net: ip.into() });
    let mut matches: Vec<Match> = from.into_iter().chain(on).collect();
    matches.extend(transport(port.protocol));
    matches.push(Match::DestinationPort { not: false, ports: port.port.into() });
    Rule { matches, target }
}

/// A stand-in for the id of the pod's sandbox, from which the real chain has its name: no API object tells it.
fn sandbox(pod: &Key) -> String {
    ["0", "1", "2", "3"].map(|part| format!("{:016x}", hash_of(&[&pod.namespace, &pod.name, part]))).concat()
}
