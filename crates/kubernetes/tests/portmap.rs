//! What portmap writes for the host ports of pods.
#![allow(clippy::unwrap_used, reason = "constants of a test")]

use ipnet::IpNet;
use kubernetes::{
    kube_proxy::bare_host,
    portmap::{self, HostPort},
};
use model::{
    Key,
    kubernetes::{Container, ContainerPort, IpFamily, Pod, PodIp, Protocol},
};
use netfilter::{Family, Form};

fn mapped(container_port: u16, host_port: u16, protocol: Protocol, host_ip: &str) -> ContainerPort {
    ContainerPort {
        container_port,
        host_port,
        protocol,
        host_ip: host_ip.to_owned(),
        ..ContainerPort::default()
    }
}

fn pod(ips: &[&str], ports: Vec<ContainerPort>) -> Pod {
    let mut pod = Pod::default();
    pod.spec.containers = vec![Container { ports, ..Container::default() }];
    pod.status.pod_ips = ips.iter().map(|ip| PodIp { ip: (*ip).to_owned() }).collect();
    pod
}

fn lines(ports: &[HostPort], family: IpFamily) -> Vec<String> {
    let mut rules = bare_host();
    let range = |ip: std::net::IpAddr| -> IpNet {
        IpNet::new(ip, if ip.is_ipv4() { 16 } else { 64 }).unwrap().trunc()
    };
    portmap::install(&mut rules, ports, range, "azure", family);
    let of = if family == IpFamily::IPv4 { Family::V4 } else { Family::V6 };
    let text = rules.text(of, Form::Save).to_string();
    // What the sandbox is called is a stand-in.
    let short = |line: &str| {
        let (before, rest) = line.split_once("id: \\\"")?;
        Some(format!("{before}id: \\\"…{}", rest.get(64..)?))
    };
    let name = |line: &str| match line.find("CNI-DN-") {
        Some(at) => format!("{}CNI-DN-…{}", &line[..at], line.get(at + 28..).unwrap_or_default()),
        None => line.to_owned(),
    };
    let own = text.lines().filter(|line| line.starts_with("-A"));
    own.map(|line| name(&short(line).unwrap_or_else(|| line.to_owned()))).collect()
}

#[test]
fn the_rules_of_a_pod_with_ports_of_its_node() {
    let key = Key::new("default", "agent");
    let ports = vec![
        mapped(8080, 9000, Protocol::Tcp, ""),
        mapped(8125, 8125, Protocol::Udp, "10.224.0.4"),
        mapped(7000, 0, Protocol::Tcp, ""),
    ];
    let pod = pod(&["10.244.0.7", "fd00::7"], ports);
    let ports: Vec<HostPort> = portmap::ports(&key, &pod).collect();
    let shared = |first: &str| {
        vec![
            "-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT".to_owned(),
            "-A OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT".to_owned(),
            "-A POSTROUTING -m comment --comment \"CNI portfwd requiring masquerade\" -j CNI-HOSTPORT-MASQ"
                .to_owned(),
            first.to_owned(),
            "-A CNI-HOSTPORT-SETMARK -m comment --comment \"CNI portfwd masquerade mark\" -j MARK --set-xmark 0x2000/0x2000".to_owned(),
            "-A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE".to_owned(),
        ]
    };
    let sorted = |mut lines: Vec<String>| {
        lines.sort();
        lines
    };
    let wanted = [
        shared("-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"azure\\\" id: \\\"…\\\"\" -m multiport --dports 9000 -j CNI-DN-…"),
        [
            "-A CNI-HOSTPORT-DNAT -p udp -m comment --comment \"dnat name: \\\"azure\\\" id: \\\"…\\\"\" -m multiport --dports 8125 -j CNI-DN-…",
            "-A CNI-DN-… -s 10.244.0.0/16 -p tcp -m tcp --dport 9000 -j CNI-HOSTPORT-SETMARK",
            "-A CNI-DN-… -s 127.0.0.1/32 -p tcp -m tcp --dport 9000 -j CNI-HOSTPORT-SETMARK",
            "-A CNI-DN-… -p tcp -m tcp --dport 9000 -j DNAT --to-destination 10.244.0.7:8080",
            "-A CNI-DN-… -s 10.244.0.0/16 -d 10.224.0.4/32 -p udp -m udp --dport 8125 -j CNI-HOSTPORT-SETMARK",
            "-A CNI-DN-… -s 127.0.0.1/32 -d 10.224.0.4/32 -p udp -m udp --dport 8125 -j CNI-HOSTPORT-SETMARK",
            "-A CNI-DN-… -d 10.224.0.4/32 -p udp -m udp --dport 8125 -j DNAT --to-destination 10.244.0.7:8125",
        ]
        .map(str::to_owned)
        .into(),
    ]
    .concat();
    assert_eq!(sorted(lines(&ports, IpFamily::IPv4)), sorted(wanted));
    // A port of one IPv4 address is none of IPv6, and there is no route from the loopback.
    let wanted = [
        shared("-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"azure\\\" id: \\\"…\\\"\" -m multiport --dports 9000 -j CNI-DN-…"),
        [
            "-A CNI-DN-… -s fd00::/64 -p tcp -m tcp --dport 9000 -j CNI-HOSTPORT-SETMARK",
            "-A CNI-DN-… -p tcp -m tcp --dport 9000 -j DNAT --to-destination [fd00::7]:8080",
        ]
        .map(str::to_owned)
        .into(),
    ]
    .concat();
    assert_eq!(sorted(lines(&ports, IpFamily::IPv6)), sorted(wanted));
}

#[test]
fn a_pod_in_the_nodes_own_network_and_one_that_ended_take_none() {
    let key = Key::new("default", "agent");
    let mut of_node = pod(&["10.224.0.4"], vec![mapped(8080, 8080, Protocol::Tcp, "")]);
    of_node.spec.host_network = true;
    let mut ended = pod(&["10.244.0.7"], vec![mapped(8080, 8080, Protocol::Tcp, "")]);
    ended.status.phase = Some("Succeeded".to_owned());
    for pod in [of_node, ended] {
        assert_eq!(portmap::ports(&key, &pod).count(), 0);
    }
    assert!(lines(&[], IpFamily::IPv4).is_empty());
}
