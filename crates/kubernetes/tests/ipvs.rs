//! Mode IPVS: its sets and rules load into the kernel, and come back as written.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expects")]

mod cluster;

use cluster::{dual_stack, in_namespace};
use kubernetes::{
    kube_proxy::{Programming, ProxyConfig, ServiceMap, program},
    settle,
};
use model::{
    NodeName, Object,
    kubernetes::{IpFamily, KubeProxyConfiguration},
};
use netfilter::{Family, Form, IpvsForm, IpvsText};
use std::{fmt::Write, sync::Arc};

fn programming(family: IpFamily, node: &str) -> Programming {
    let mut model = dual_stack();
    let config = KubeProxyConfiguration { mode: "ipvs".into(), ..KubeProxyConfiguration::default() };
    model.put(Object::KubeProxyConfiguration(Arc::new(config)));
    let model = settle(&model).model;
    let config = ProxyConfig::of_node(&model, &NodeName::from(node), family).unwrap();
    program(&config, &ServiceMap::new(family, &model.services, &model.endpoint_slices))
}

#[test]
fn the_kernel_loads_sets_and_rules_and_prints_them_as_we_do() {
    for (of_api, family) in [(IpFamily::IPv4, Family::V4), (IpFamily::IPv6, Family::V6)] {
        let tool = family.tool();
        let inet = if family == Family::V4 { "inet" } else { "inet6" };
        let probe = format!("ipset create probe hash:ip family {inet} && {tool}-restore && {tool}-save");
        let works = in_namespace(&probe, "*filter\n-A INPUT -m set --match-set probe src\nCOMMIT\n");
        if !works.as_ref().is_some_and(|(works, _)| *works) {
            println!("skipped: needs root, unshare, ipset and {tool} with -m set: {works:?}");
            continue;
        }
        for node in ["node-0", "node-1"] {
            let Programming { iptables, ipvs, .. } = programming(of_api, node);
            let sets: String = ipvs.sets.values().map(ToString::to_string).collect();
            let (loaded, saved) =
                in_namespace("ipset restore && ipset save", &sets).expect("it worked before");
            assert!(loaded, "ipset refused the sets of {node}: {saved}\n{sets}");
            assert_eq!(entries(&saved), entries(&sets), "sets of {node}");

            // A kernel may lack a match. The rules with it are not loaded, but the program must understand them.
            let lacked: Vec<&str> =
                [("-m ipvs", "-m ipvs --ipvs"), ("-m physdev", "-m physdev --physdev-is-in")]
                    .into_iter()
                    .filter(|(_, words)| {
                        let rules = format!("*filter\n-A INPUT {words} -j ACCEPT\nCOMMIT\n");
                        !in_namespace(&format!("{tool}-restore"), &rules).is_some_and(|(works, _)| works)
                    })
                    .map(|(module, _)| module)
                    .collect();
            let is_lacked = |line: &str| lacked.iter().any(|module| line.contains(module));
            let text = iptables.text(family, Form::KUBE_PROXY).to_string();
            let (left_out, kept): (Vec<_>, Vec<_>) = text.lines().partition(|line| is_lacked(line));
            for line in left_out {
                println!("{node}: the kernel has no {lacked:?}, so this is parsed and not loaded: {line}");
                let (understood, said) =
                    in_namespace(&format!("{tool}-translate {line}"), "").expect("it worked before");
                assert!(understood, "{tool} does not understand {line}: {said}");
            }
            let mut rules = kept.join("\n");
            rules.push('\n');
            // One input: sets, a line between, rules.
            let line = format!(
                "all=$(mktemp); cat > $all; sed '/^#rules/,$d' $all | ipset restore && sed '1,/^#rules/d' $all | {tool}-restore && {tool}-save; done=$?; rm $all; exit $done"
            );
            let (loaded, saved) =
                in_namespace(&line, &format!("{sets}#rules\n{rules}")).expect("it worked before");
            assert!(loaded, "{tool}-restore refused the rules of {node}: {saved}\n{rules}");
            let ours = iptables.text(family, Form::Save).to_string();
            let own = |text: &str| {
                let mut lines: Vec<String> = text
                    .lines()
                    .filter(|line| line.starts_with("-A"))
                    .filter(|line| !is_lacked(line))
                    .map(str::to_owned)
                    .collect();
                lines.sort();
                lines
            };
            assert_eq!(own(&saved), own(&ours), "{tool} of {node}");
        }
    }
}

/// The `add` lines, in one order; the kernel prints `tcp:http` for no port, but pads ranges with options.
fn entries(text: &str) -> Vec<String> {
    let mut lines: Vec<String> =
        text.lines().filter(|line| line.starts_with("add ")).map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The text is held to what `ipvsadm`'s manual says and to what `ipvsadm -Sn` prints, not to the tool itself: it reads
/// nothing, not even to check it, on a kernel without IPVS ("Can't initialize ipvs").
#[test]
fn virtual_servers_are_written_as_ipvsadm_reads_them() {
    let Programming { ipvs, .. } = programming(IpFamily::IPv4, "node-0");
    let text = IpvsText(&ipvs.servers, IpvsForm::Restore).to_string();
    let mut expected = String::new();
    for (at, server) in &ipvs.servers {
        let kind = if at.protocol == netfilter::Protocol::Udp { "-u" } else { "-t" };
        let stays = server.persistent.map(|seconds| format!(" -p {seconds}")).unwrap_or_default();
        writeln!(expected, "-A {kind} {} -s rr{stays}", at.socket()).unwrap();
        for to in &server.destinations {
            writeln!(expected, "-a {kind} {} -r {to} -m -w 1", at.socket()).unwrap();
        }
    }
    assert_eq!(text, expected);
    // Persistence is that of the Service, and every address of a Service is on the device.
    let sticky: Vec<_> = ipvs.servers.values().filter(|server| &*server.owner == "default/sticky").collect();
    assert!(!sticky.is_empty() && sticky.iter().all(|server| server.persistent == Some(10_800)));
    assert!(ipvs.servers.keys().filter(|at| at.port < 30_000).all(|at| ipvs.addresses.contains(&at.ip)));
    // A Service without endpoints has a virtual server without real ones.
    assert!(
        ipvs.servers
            .values()
            .any(|server| &*server.owner == "default/lonely" && server.destinations.is_empty())
    );
}
