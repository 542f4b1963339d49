//! kube-proxy's modes side by side: the same cluster and the same flow, and what differs.
//!
//! Each row of [`DIFFERENCES`] is a row of `docs/kube-proxy-modes.md`, and is computed here in both modes.

use super::{deciding, flow};
use engine::{Cause, Paths, State, Verdict, World};
use formats::Source;
use model::{
    Key, NodeName, Object,
    kubernetes::{KubeProxyConfiguration, ProxyMode, TrafficPolicy},
};
use std::{collections::BTreeSet, fmt::Write, sync::Arc};

/// Two nodes, the first with a second address; a pod on each, and one more on the first.
const CLUSTER: &str = "
apiVersion: hopscope.dev/v1
kind: ManagedCluster
metadata: {name: modes}
spec:
  networkProfile:
    networkPlugin: azure
    networkPluginMode: overlay
    podCidr: 10.244.0.0/16
    serviceCidr: 10.0.0.0/16
---
apiVersion: hopscope.dev/v1
kind: VirtualNetwork
metadata: {name: vnet}
spec:
  addressSpace: {addressPrefixes: [10.224.0.0/12]}
  subnets: [{name: nodes, addressPrefix: 10.224.0.0/16}]
---
apiVersion: v1
kind: Node
metadata: {name: a}
spec: {podCIDR: 10.244.0.0/24}
status:
  addresses:
  - {type: InternalIP, address: 10.224.0.4}
  - {type: InternalIP, address: 10.224.1.4}
---
apiVersion: v1
kind: Node
metadata: {name: b}
spec: {podCIDR: 10.244.1.0/24}
status: {addresses: [{type: InternalIP, address: 10.224.0.5}]}
---
apiVersion: v1
kind: Node
metadata: {name: empty}
spec: {podCIDR: 10.244.2.0/24}
status: {addresses: [{type: InternalIP, address: 10.224.0.6}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-a, namespace: default, labels: {app: web}}
spec: {nodeName: a, containers: [{name: c, ports: [{containerPort: 8080}]}]}
status: {podIP: 10.244.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: web-b, namespace: default, labels: {app: web}}
spec: {nodeName: b, containers: [{name: c, ports: [{containerPort: 8080}]}]}
status: {podIP: 10.244.1.10}
---
apiVersion: v1
kind: Pod
metadata: {name: caller, namespace: default}
spec: {nodeName: a, containers: [{name: c}]}
status: {podIP: 10.244.0.11}
---
apiVersion: v1
kind: Pod
metadata: {name: lone, namespace: default}
spec: {nodeName: empty, containers: [{name: c}]}
status: {podIP: 10.244.2.11}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec:
  type: NodePort
  clusterIP: 10.0.0.80
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
";

/// What is asked of the Service besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Setting {
    Plain,
    ExternalLocal,
    InternalLocal,
    Sticky,
}

/// A way in which a mode differs from mode iptables.
struct Difference {
    mode: ProxyMode,
    /// The first words of its row in the documentation.
    title: &'static str,
    setting: Setting,
    from: &'static str,
    to: &'static str,
    /// What came of it in mode iptables, and in this mode: [`ends`].
    iptables: &'static str,
    other: &'static str,
}

use ProxyMode::{Ipvs, Nftables};

const DIFFERENCES: [Difference; 12] = [
    Difference {
        mode: Nftables,
        title: "Node ports on 127.0.0.1",
        setting: Setting::Plain,
        from: "node/a",
        to: "127.0.0.1:30080",
        iptables: "default/web-a, default/web-b",
        other: "refused no-listener",
    },
    Difference {
        mode: Nftables,
        title: "Node ports on other addresses",
        setting: Setting::Plain,
        from: "10.224.0.77",
        to: "10.224.1.4:30080",
        iptables: "default/web-a, default/web-b",
        other: "refused no-listener",
    },
    Difference {
        mode: Nftables,
        title: "A port that the Service does not have",
        setting: Setting::Plain,
        from: "pod/default/caller",
        to: "10.0.0.80:81",
        iptables: "dropped nsg-denied",
        other: "rejected firewall-rejected",
    },
    Difference {
        mode: Nftables,
        title: "An echo request (ping) to a cluster IP",
        setting: Setting::Plain,
        from: "pod/default/caller",
        to: "10.0.0.80",
        iptables: "dropped nsg-denied",
        other: "rejected firewall-rejected",
    },
    Difference {
        mode: Nftables,
        title: "A cluster IP that no Service has",
        setting: Setting::Plain,
        from: "pod/default/caller",
        to: "10.0.0.99:80",
        iptables: "dropped nsg-denied",
        other: "dropped firewall-dropped",
    },
    Difference {
        mode: Ipvs,
        title: "Node ports on 127.0.0.1",
        setting: Setting::Plain,
        from: "node/a",
        to: "127.0.0.1:30080",
        iptables: "default/web-a, default/web-b",
        other: "refused no-listener",
    },
    Difference {
        mode: Ipvs,
        title: "A port that the Service does not have",
        setting: Setting::Plain,
        from: "pod/default/caller",
        to: "10.0.0.80:81",
        iptables: "dropped nsg-denied",
        other: "rejected firewall-rejected",
    },
    Difference {
        mode: Ipvs,
        title: "An echo request (ping) to a cluster IP",
        setting: Setting::Plain,
        from: "pod/default/caller",
        to: "10.0.0.80",
        iptables: "dropped nsg-denied",
        other: "rejected firewall-rejected",
    },
    Difference {
        mode: Ipvs,
        title: "External policy Local, no endpoint on the node",
        setting: Setting::ExternalLocal,
        from: "10.224.0.77",
        to: "10.224.0.6:30080",
        iptables: "dropped no-local-endpoints",
        other: "dropped asymmetric-return",
    },
    Difference {
        mode: Ipvs,
        title: "External policy Local, and the client is a pod",
        setting: Setting::ExternalLocal,
        from: "pod/default/caller",
        to: "10.224.0.4:30080",
        iptables: "default/web-a, default/web-b",
        other: "default/web-a",
    },
    Difference {
        mode: Ipvs,
        title: "Internal policy Local, no endpoint on the node",
        setting: Setting::InternalLocal,
        from: "pod/default/lone",
        to: "svc/default/web:80",
        iptables: "dropped no-local-endpoints",
        other: "rejected no-endpoints",
    },
    Difference {
        mode: Ipvs,
        title: "Session affinity across a Service's addresses",
        setting: Setting::Sticky,
        from: "pod/default/caller",
        to: "10.224.0.4:30080",
        iptables: "the endpoint of before",
        other: "default/web-a, default/web-b",
    },
];

fn world(mode: ProxyMode, setting: Setting) -> World {
    let import = formats::import(&[Source::new("modes.yaml", CLUSTER)]);
    assert!(!import.has_errors(), "{:?}", import.diagnostics);
    let mut model = import.model;
    let config = KubeProxyConfiguration { mode: mode.name().to_owned(), ..KubeProxyConfiguration::default() };
    model.put(Object::KubeProxyConfiguration(Arc::new(config)));
    let service = Arc::make_mut(model.services.get_mut(&Key::new("default", "web")).expect("the Service"));
    match setting {
        Setting::Plain => {}
        Setting::ExternalLocal => service.spec.external_traffic_policy = Some(TrafficPolicy::Local),
        Setting::InternalLocal => {
            service.spec.internal_traffic_policy = Some(TrafficPolicy::Local);
            service.spec.service_type = model::kubernetes::ServiceType::ClusterIP;
            service.spec.ports.iter_mut().for_each(|port| port.node_port = 0);
        }
        Setting::Sticky => {
            service.spec.session_affinity = Some(model::kubernetes::SessionAffinity::ClientIP);
        }
    }
    World::new(&model)
}

/// Receivers, or verdict and cause.
fn ends(paths: &Paths) -> String {
    let mut ends = BTreeSet::new();
    for outcome in &paths.outcomes {
        ends.insert(match (outcome.verdict, &outcome.endpoint, outcome.cause) {
            (Verdict::Delivered, Some(endpoint), _) => {
                endpoint.pod.as_ref().map(ToString::to_string).unwrap_or_default()
            }
            (verdict, _, cause) => {
                format!("{verdict} {}", cause.map(|cause: Cause| cause.to_string()).unwrap_or_default())
            }
        });
    }
    ends.into_iter().collect::<Vec<_>>().join(", ")
}

fn ask(mode: ProxyMode, difference: &Difference) -> (String, Paths) {
    let world = world(mode, difference.setting);
    let asked = flow(difference.from, difference.to);
    if difference.setting != Setting::Sticky {
        let paths = world.paths(&asked).expect("the flow exists");
        return (ends(&paths), paths);
    }
    // The client has called the cluster IP before.
    let mut state = State::default();
    let before =
        world.open(&flow(difference.from, "svc/default/web:80"), 7, &mut state).expect("the flow exists");
    let paths = world.paths_in(&asked, &state).expect("the flow exists");
    let stays = ends(&paths) == ends(&before.answer);
    (if stays { "the endpoint of before".to_owned() } else { ends(&paths) }, paths)
}

#[test]
fn each_listed_difference_between_the_modes_is_computed() {
    for difference in &DIFFERENCES {
        let Difference { mode, title, .. } = difference;
        let (iptables, paths) = ask(ProxyMode::Iptables, difference);
        assert_eq!(iptables, difference.iptables, "{mode}: {title}: iptables{}", deciding(&paths));
        let (other, paths) = ask(*mode, difference);
        assert_eq!(other, difference.other, "{mode}: {title}{}", deciding(&paths));
        assert_ne!(iptables, other, "{mode}: {title}");
        // Traceable: a step in the kernel of a node says what decided.
        let tells = |step: &engine::Step| step.rule.is_some() || !step.why.is_empty();
        assert!(paths.outcomes.iter().all(|outcome| outcome.steps.iter().any(tells)), "{mode}: {title}");
    }
}

#[test]
fn the_documentation_lists_the_same_differences() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/kube-proxy-modes.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let mut listed = Vec::new();
    let mut mode = None;
    for line in page.lines() {
        if let Some(name) = line.strip_prefix("## Mode ") {
            mode = ProxyMode::from_name(name);
        }
        if let Some((mode, row)) =
            mode.zip(line.strip_prefix("| ")).filter(|(_, row)| !row.starts_with("What"))
        {
            listed.push((mode, row.split(" | ").next().unwrap_or_default().to_owned()));
        }
    }
    let computed: Vec<_> =
        DIFFERENCES.iter().map(|difference| (difference.mode, difference.title.to_owned())).collect();
    assert_eq!(listed, computed);
}

#[test]
fn the_usual_flows_come_out_alike_in_every_mode() {
    let flows = [
        ("pod/default/caller", "svc/default/web:80"),
        ("node/a", "svc/default/web:80"),
        ("node/empty", "svc/default/web:80"),
        ("pod/default/web-a", "svc/default/web:80"),
        ("10.224.0.77", "10.224.0.4:30080"),
        ("10.224.0.77", "10.224.0.6:30080"),
        ("pod/default/lone", "10.224.0.5:30080"),
        ("node/b", "10.224.0.5:30080"),
    ];
    for setting in [Setting::Plain, Setting::Sticky] {
        for (from, to) in flows {
            let answer = |mode| {
                let paths = world(mode, setting).paths(&flow(from, to)).expect("the flow exists");
                let mut told = String::new();
                for outcome in &paths.outcomes {
                    let share = (outcome.probability * 1e6).round();
                    writeln!(
                        told,
                        "{share} {:?} {:?} {:?} {:?}",
                        outcome.verdict, outcome.cause, outcome.endpoint, outcome.source_seen
                    )
                    .expect("a String");
                }
                (told, paths)
            };
            let (iptables, _) = answer(ProxyMode::Iptables);
            for mode in [Nftables, Ipvs] {
                let (other, paths) = answer(mode);
                assert_eq!(iptables, other, "{mode} {setting:?} {from} {to}{}", deciding(&paths));
            }
        }
    }
}

#[test]
fn an_edit_of_the_mode_programs_every_node_anew() {
    let before = world(ProxyMode::Iptables, Setting::Plain);
    let asked = flow("pod/default/caller", "10.0.0.80:81");
    let paths = before.paths(&asked).expect("the flow exists");
    let mut model = before.input().clone();
    let config = KubeProxyConfiguration { mode: "nftables".to_owned(), ..KubeProxyConfiguration::default() };
    model.put(Object::KubeProxyConfiguration(Arc::new(config)));
    let after = before.update(&model);
    assert_ne!(ends(&paths), ends(&after.paths(&asked).expect("the flow exists")));
    assert!(after.nft_table(&NodeName::from("a"), model::kubernetes::IpFamily::IPv4).is_some());
}
