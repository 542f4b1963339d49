//! The packets of `flows/*.json` in kube-proxy's other modes, by the kernel's own rules: the same becomes of them as in
//! mode iptables, or the difference is listed.

use super::{
    files, flows,
    input::{Node, State},
    read,
};
use kubernetes::kube_proxy::{ProxyConfig, ServiceMap, bare_host, installed, nftables};
use model::kubernetes::ProxyMode;
use netfilter::{
    Entry, Event, Family, Host, Interface, InterfaceName, Kernel, Outcome, Packet, Route, Segment,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Why a mode treats a packet in another way than mode iptables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// Node ports do not answer on the loopback: `route_localnet` is not set.
    LocalhostNodePort,
    /// Without `nodePortAddresses`, node ports answer on the node's primary address only.
    PrimaryAddressOnly,
    /// A port of a cluster IP that its Service does not have is refused.
    UndefinedPort,
}

impl Difference {
    /// The differences that the cases must show, by mode.
    const LISTED: [(ProxyMode, &'static [Self]); 1] =
        [(ProxyMode::Nftables, &[Self::LocalhostNodePort, Self::PrimaryAddressOnly, Self::UndefinedPort])];

    /// Why a packet is treated in another way, if it is.
    fn of(mode: ProxyMode, packet: &Packet, config: &ProxyConfig, services: &ServiceMap) -> Option<Self> {
        let to = packet.destination;
        let nftables = mode == ProxyMode::Nftables;
        let is_node_port = services.ports().iter().any(|service| {
            service.node_port == packet.destination_port && service.protocol.lower() == packet.protocol.name()
        });
        let cluster_ip = || services.ports().iter().filter(|service| service.cluster_ip == to);
        let has_port = || {
            cluster_ip().any(|service| {
                service.port == packet.destination_port && service.protocol.lower() == packet.protocol.name()
            })
        };
        if is_node_port && to.is_loopback() && config.serves_localhost_node_ports() {
            return Some(Self::LocalhostNodePort);
        }
        let elsewhere = config.local_addresses.contains(&to) && config.node_ip() != Some(to);
        if nftables && is_node_port && elsewhere && config.node_port_addresses.is_empty() {
            return Some(Self::PrimaryAddressOnly);
        }
        (nftables && cluster_ip().next().is_some() && !has_port()).then_some(Self::UndefinedPort)
    }

    /// What becomes of the packet instead.
    fn instead(self) -> &'static str {
        match self {
            Self::LocalhostNodePort | Self::PrimaryAddressOnly => "",
            Self::UndefinedPort => "REJECT",
        }
    }
}

/// A node with an interface for its addresses and a way to everywhere else.
fn host(config: &ProxyConfig) -> Host {
    let name = |name| InterfaceName::new(name).unwrap();
    let net = |ip: IpAddr| ipnet::IpNet::new(ip, if ip.is_ipv4() { 24 } else { 64 }).unwrap();
    let interface = |name, addresses| Interface { name, addresses, hairpin: true };
    let anywhere = |ip: IpAddr| Route {
        destination: ipnet::IpNet::new(ip, 0).unwrap(),
        via: None,
        interface: name("eth0"),
        source: None,
        metric: 0,
    };
    Host {
        interfaces: vec![
            interface(name("lo"), vec!["127.0.0.1/8".parse().unwrap(), "::1/128".parse().unwrap()]),
            interface(name("eth0"), config.local_addresses.iter().copied().map(net).collect()),
        ],
        routes: vec![anywhere(Ipv4Addr::UNSPECIFIED.into()), anywhere(Ipv6Addr::UNSPECIFIED.into())],
        forwarding: true,
        route_localnet: config.serves_localhost_node_ports(),
        ..Host::default()
    }
}

/// A node that kube-proxy has programmed.
fn kernel(config: &ProxyConfig, services: &ServiceMap, family: Family) -> Kernel {
    let mut host = host(config);
    let rules = match config.mode {
        ProxyMode::Nftables => {
            host.nft = vec![nftables::table(config, services)];
            bare_host()
        }
        ProxyMode::Iptables | ProxyMode::Ipvs => installed(config, services).ruleset,
    };
    match family {
        Family::V4 => host.ipv4 = rules,
        Family::V6 => host.ipv6 = rules,
    }
    Kernel::new(host).unwrap()
}

/// What becomes of a packet: the endpoints that it can reach, `REJECT`, `DROP` or nothing, and whether it is
/// masqueraded on some way.
fn outcome(kernel: &Kernel, config: &ProxyConfig, packet: Packet) -> (String, bool) {
    let own = config.local_addresses.contains(&packet.source) || packet.source.is_loopback();
    let entry = if own { Entry::Sent } else { Entry::Received(InterfaceName::new("eth0").unwrap()) };
    let passages = kernel.pass(packet, entry, Segment::Opening, &netfilter::State::default());
    let sum: f64 = passages.iter().map(|passage| passage.probability).sum();
    assert!((sum - 1.0).abs() < 1e-9, "{packet}: probabilities sum to {sum}");
    let mut outputs: Vec<String> = Vec::new();
    let mut masqueraded = false;
    for passage in &passages {
        let translated = passage.events.iter().find_map(|event| match event {
            Event::Dnat { after, .. } => Some(after),
            _ => None,
        });
        masqueraded |= passage.events.iter().any(|event| matches!(event, Event::Mark { .. }));
        let output = match (&passage.outcome, translated) {
            (Outcome::Rejected(_), _) => "REJECT".to_owned(),
            (Outcome::Dropped, _) => "DROP".to_owned(),
            (_, Some(to)) => std::net::SocketAddr::new(to.destination, to.destination_port).to_string(),
            _ => continue,
        };
        if !outputs.contains(&output) {
            outputs.push(output);
        }
    }
    (outputs.join(", "), masqueraded)
}

#[test]
fn the_flow_cases_come_out_alike_in_every_mode_but_for_the_listed_differences() {
    let Some(directory) = crate::cases() else { return };
    let mut shown: BTreeMap<ProxyMode, BTreeSet<Difference>> = BTreeMap::new();
    let (mut alike, mut problems) = (0, Vec::new());
    for (folder, path) in files(&directory.join("kube-proxy")) {
        if folder != "flows" {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let value = read(&path).unwrap();
        let Some((services, slices)) = value.get("services").zip(value.get("endpointslices")) else {
            continue;
        };
        let Node { config, .. } = Node::read(&value["node"]).unwrap();
        let state = State::read(services.as_array().unwrap(), slices.as_array().unwrap()).unwrap();
        let services = state.map(config.family);
        let family = if config.family == model::kubernetes::IpFamily::IPv4 { Family::V4 } else { Family::V6 };
        let reference = kernel(&config, &services, family);
        for (mode, _) in Difference::LISTED {
            let other_config = ProxyConfig { mode, ..config.clone() };
            let other = kernel(&other_config, &services, family);
            for (packet, expected) in flows::packets(&value).unwrap() {
                let (was, masq) = outcome(&reference, &config, packet);
                let (is, is_masq) = outcome(&other, &other_config, packet);
                match Difference::of(mode, &packet, &config, &services) {
                    None if (&was, masq) == (&is, is_masq) => alike += 1,
                    None => problems.push(format!(
                        "{name}: {packet}: iptables {was:?} masq {masq}, {mode} {is:?} masq {is_masq}, case {expected:?}"
                    )),
                    Some(difference) if is == difference.instead() && is != was => {
                        shown.entry(mode).or_default().insert(difference);
                    }
                    Some(difference) => problems
                        .push(format!("{name}: {packet}: {difference:?} was to differ: {was:?}, {mode} {is:?}")),
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(alike > 70, "{alike} packets came out alike");
    for (mode, listed) in Difference::LISTED {
        let shown: Vec<_> = shown.get(&mode).into_iter().flatten().copied().collect();
        assert_eq!(shown, listed, "differences of {mode} that a case shows");
    }
    println!("{alike} packets alike");
}
