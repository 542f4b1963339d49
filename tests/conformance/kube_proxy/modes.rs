//! The packets of `flows/*.json` in kube-proxy's other modes, by the kernel's own rules: the same becomes of them as in
//! mode iptables, or the difference is listed.

use super::{
    files, flows,
    input::{Node, State},
    read,
};
use kubernetes::kube_proxy::{
    LocalDetector, Needs, Programming, ProxyConfig, ServiceMap, ServicePort, categorize, ipvs::DEVICE,
    program,
};
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
    /// A port of a Service's address that the Service does not have is refused.
    UndefinedPort,
    /// Under external policy Local and without an endpoint on the node, any endpoint is taken: no rule drops.
    LocalFallsBack,
    /// Under external policy Local, pods and the node itself get endpoints of this node only, as others do.
    LocalForAll,
    /// Under internal policy Local and without an endpoint on the node, the client is refused, not dropped.
    LocalRefused,
    /// Without a way to tell pods, what a node sends to a cluster IP is masqueraded: its source is the cluster IP.
    NodeMasqueraded,
}

impl Difference {
    /// The differences that the cases must show, by mode.
    const LISTED: [(ProxyMode, &'static [Self]); 2] = [
        (ProxyMode::Nftables, &[Self::LocalhostNodePort, Self::PrimaryAddressOnly, Self::UndefinedPort]),
        (
            ProxyMode::Ipvs,
            &[
                Self::LocalhostNodePort,
                Self::UndefinedPort,
                Self::LocalFallsBack,
                Self::LocalForAll,
                Self::LocalRefused,
                Self::NodeMasqueraded,
            ],
        ),
    ];

    /// Why a packet is treated in another way, if it is, and what becomes of it instead.
    fn of(
        mode: ProxyMode,
        packet: &Packet,
        config: &ProxyConfig,
        services: &ServiceMap,
    ) -> Option<(Self, String)> {
        let to = packet.destination;
        let of_protocol = |service: &ServicePort| service.protocol.lower() == packet.protocol.name();
        let ports = || services.ports().iter().map(AsRef::as_ref).filter(|service| of_protocol(service));
        let node_port = ports().find(|service| service.node_port == packet.destination_port);
        let is_own = config.local_addresses.contains(&to);
        let nowhere = |difference| Some((difference, String::new()));
        if node_port.is_some() && to.is_loopback() && config.serves_localhost_node_ports() {
            return nowhere(Self::LocalhostNodePort);
        }
        if mode == ProxyMode::Nftables {
            let elsewhere = is_own && config.node_ip() != Some(to);
            if node_port.is_some() && elsewhere && config.node_port_addresses.is_empty() {
                return nowhere(Self::PrimaryAddressOnly);
            }
        }
        let external =
            |service: &ServicePort| service.external_ips.contains(&to) || service.vips.contains(&to);
        let bound = services.ports().iter().any(|service| match mode {
            ProxyMode::Ipvs => service.cluster_ip == to || (external(service) && !is_own),
            _ => service.cluster_ip == to,
        });
        let here = |service: &&ServicePort| {
            (service.cluster_ip == to || external(service)) && service.port == packet.destination_port
        };
        let called = ports().find(here);
        if bound && called.is_none() {
            return Some((Self::UndefinedPort, "REJECT".to_owned()));
        }
        if mode != ProxyMode::Ipvs {
            return None;
        }
        let service = called.or(node_port.filter(|_| is_own))?;
        let choice = categorize(Needs::of(service), &service.endpoints, config);
        let texts = |list: &Option<Vec<u32>>| {
            let endpoint = |i: &u32| service.endpoints[*i as usize].text.to_string();
            list.iter().flatten().map(endpoint).collect::<Vec<_>>().join(", ")
        };
        let has_local = choice.local.as_ref().is_some_and(|list| !list.is_empty());
        if service.cluster_ip == to {
            let is_node = config.local_addresses.contains(&packet.source);
            if is_node && config.local_detector == LocalDetector::None && !config.masquerade_all {
                let list = if service.internal_policy_local { &choice.local } else { &choice.cluster };
                return Some((Self::NodeMasqueraded, texts(list)));
            }
            let refused = service.internal_policy_local && !has_local && choice.cluster.is_none();
            return (refused && choice.has_endpoints).then(|| (Self::LocalRefused, "REJECT".to_owned()));
        }
        if !service.external_policy_local || !choice.has_endpoints {
            return None;
        }
        let is_pod = match config.local_detector {
            LocalDetector::Cidr(net) => net.contains(&packet.source),
            _ => false,
        };
        let is_inside =
            is_pod || config.local_addresses.contains(&packet.source) || packet.source.is_loopback();
        match (is_inside, has_local) {
            (true, true) => Some((Self::LocalForAll, texts(&choice.local))),
            (false, false) => Some((Self::LocalFallsBack, texts(&choice.cluster))),
            _ => None,
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
    let Programming { iptables, nftables, ipvs } = program(config, services);
    let addresses: Vec<ipnet::IpNet> = ipvs.addresses.iter().map(|ip| ipnet::IpNet::from(*ip)).collect();
    let name = InterfaceName::new(DEVICE).unwrap();
    host.interfaces.push(Interface { name, addresses, hairpin: true });
    host.nft = nftables.into_iter().collect();
    host.ipsets = ipvs.sets;
    host.ipvs = ipvs.servers;
    match family {
        Family::V4 => host.ipv4 = iptables.into(),
        Family::V6 => host.ipv6 = iptables.into(),
    }
    Kernel::new(host).unwrap()
}

/// What becomes of a packet: the endpoints that it can reach, `REJECT`, `DROP` or nothing, and whether it is
/// masqueraded on some way.
fn outcome(kernel: &Kernel, config: &ProxyConfig, packet: Packet) -> (String, bool) {
    let mut packet = packet;
    // A host that holds the address itself calls it from it.
    let own = config.local_addresses.contains(&packet.source)
        || packet.source.is_loopback()
        || packet.source == packet.destination;
    let bound =
        |interface: &Interface| interface.addresses.iter().any(|net| net.addr() == packet.destination);
    if own && kernel.host().interfaces.iter().any(|own| own.name.as_str() == DEVICE && bound(own)) {
        packet.source = packet.destination;
    }
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
        masqueraded |=
            passage.events.iter().any(|event| matches!(event, Event::Snat { masquerade: true, .. }));
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
                    Some((difference, instead))
                        if is == instead && (&is, is_masq) != (&was, masq) =>
                    {
                        shown.entry(mode).or_default().insert(difference);
                    }
                    Some((difference, instead)) => problems.push(format!(
                        "{name}: {packet}: {difference:?} was to differ: {was:?}, {mode} {is:?}, expected {instead:?}"
                    )),
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(alike > 0);
    if std::env::var_os("HOPSCOPE_CASES").is_some() {
        // Other cases need not show every difference.
        return;
    }
    for (mode, listed) in Difference::LISTED {
        let shown: Vec<_> = shown.get(&mode).into_iter().flatten().copied().collect();
        assert_eq!(shown, listed, "differences of {mode} that a case shows");
    }
    println!("{alike} packets alike");
}
