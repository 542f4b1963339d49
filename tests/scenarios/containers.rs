//! What listens in a pod. The kubelet tells of each container whether it runs (`status.containerStatuses`); its ports are
//! closed while it does not, and the kernel of the pod, whose sandbox stands, answers with a reset. A pod that has ended,
//! or whose sandbox is not made yet, has no address. The loopback is that of a pod's own network namespace; to a node's,
//! kube-proxy's rules add node ports in mode iptables alone (Kubernetes, "Virtual IPs and Service Proxies").

use super::{deciding, flow};
use engine::{AssumptionCode, Cause, Verdict, World};
use formats::Source;

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: n0, containers: [{name: c}]}
status: {podIP: 10.244.0.9}
---
apiVersion: v1
kind: Pod
metadata: {name: crashing, labels: {app: crashing}}
spec: {nodeName: n0, containers: [{name: app, ports: [{containerPort: 80}]}, {name: proxy, ports: [{containerPort: 90}]}]}
status:
  phase: Running
  podIP: 10.244.0.10
  containerStatuses:
  - {name: app, ready: false, started: false, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {reason: Error}}}
  - {name: proxy, ready: true, started: true, state: {running: {startedAt: '2026-08-01T10:00:00Z'}}}
---
apiVersion: v1
kind: Pod
metadata: {name: pulling}
spec: {nodeName: n0, containers: [{name: app}]}
status: {phase: Pending, podIP: 10.244.0.11, containerStatuses: [{name: app, state: {waiting: {reason: ImagePullBackOff}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: killed}
spec: {nodeName: n0, hostNetwork: true, containers: [{name: app, ports: [{containerPort: 9100}]}]}
status: {podIP: 10.224.0.4, containerStatuses: [{name: app, state: {terminated: {reason: OOMKilled}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: half}
spec: {nodeName: n0, containers: [{name: a}, {name: b}]}
status: {podIP: 10.244.0.12, containerStatuses: [{name: a, state: {waiting: {reason: CrashLoopBackOff}}}]}
---
apiVersion: v1
kind: Pod
metadata: {name: ended}
spec: {nodeName: n0, containers: [{name: app}]}
status: {phase: Succeeded, podIP: 10.244.0.13}
---
apiVersion: v1
kind: Pod
metadata: {name: creating}
spec: {nodeName: n0, containers: [{name: app}]}
status: {phase: Pending, containerStatuses: [{name: app, state: {waiting: {reason: ContainerCreating}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: early}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: crashing}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: late}
spec: {type: NodePort, selector: {app: crashing}, ports: [{port: 80, nodePort: 30080}, {name: b, port: 90, nodePort: 30090}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: n0, containers: [{name: app, ports: [{containerPort: 80}]}]}
status: {podIP: 10.244.0.20}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, nodePort: 30081}]}
";

fn world(mode: &str) -> World {
    let mode = format!("apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n{mode}");
    let import = formats::import(&[Source::new("in.yaml", CLUSTER), Source::new("mode.yaml", mode)]);
    assert!(import.diagnostics.iter().all(|said| !said.what.contains("unknown field")), "{import:#?}");
    World::new(&import.model)
}

#[test]
fn a_container_that_does_not_run_listens_nowhere() {
    let world = world("mode: iptables");
    let refused = (Verdict::Refused, Some(Cause::NoListener));
    let delivered = (Verdict::Delivered, None);
    for (from, to, expected, says) in [
        ("client", "pod/default/crashing:80", refused, "(container app does not run: CrashLoopBackOff)"),
        ("client", "pod/default/crashing:90", delivered, "receives"),
        ("client", "pod/default/crashing:70", refused, "declare other ports"),
        ("client", "early:80", refused, "CrashLoopBackOff"),
        // A pod is not ready before all its containers are.
        ("client", "svc/default/late:90", (Verdict::Rejected, Some(Cause::NoEndpoints)), ""),
        ("client", "pod/default/pulling:80", refused, "ImagePullBackOff"),
        ("client", "node/n0:9100", refused, ""),
        // Which of them would listen is not known.
        ("client", "pod/default/half:80", delivered, "receives"),
        ("crashing", "localhost:90", delivered, "It sees 127.0.0.1 as the client."),
        ("crashing", "127.0.0.1:80", refused, "CrashLoopBackOff"),
    ] {
        let paths = world.paths(&flow(&format!("pod/default/{from}"), to)).expect("the flow exists");
        let [outcome] = &paths.outcomes[..] else { panic!("{to}: {}", deciding(&paths)) };
        assert_eq!((outcome.verdict, outcome.cause), expected, "{to}: {}", deciding(&paths));
        let said = outcome.steps.iter().any(|step| step.why.to_string().contains(says));
        assert!(
            said,
            "{to}: {:?}",
            outcome.steps.iter().map(|step| step.why.to_string()).collect::<Vec<_>>()
        );
        let guessed = AssumptionCode::PodListensOnTargetPort;
        let codes: Vec<_> = paths.assumptions.iter().map(|assumption| assumption.code).collect();
        assert!(says != "declare other ports" || codes.contains(&guessed), "{to}: {codes:?}");
        assert!(outcome.reply.as_ref().is_none_or(|reply| reply.cause.is_none()), "{to}");
    }
    for (pod, phase) in [("ended", "Succeeded"), ("creating", "Pending")] {
        let error = world.paths(&flow("pod/default/client", &format!("pod/default/{pod}:80"))).unwrap_err();
        assert!(error.to_string().contains(&format!("whose phase is {phase}, has no address")), "{error}");
    }
}

#[test]
fn node_ports_on_localhost_are_of_mode_iptables() {
    for (mode, expected) in [
        ("mode: iptables", Verdict::Delivered),
        ("mode: iptables\niptables: {localhostNodePorts: false}", Verdict::Refused),
        ("mode: ipvs", Verdict::Refused),
        ("mode: nftables", Verdict::Refused),
    ] {
        let world = world(mode);
        let verdict =
            |from: &str| world.paths(&flow(from, "localhost:30081")).expect("it exists").outcomes[0].verdict;
        assert_eq!(verdict("node/n0"), expected, "{mode}");
        assert_eq!(verdict("pod/default/web"), Verdict::Refused, "a pod's loopback is its own: {mode}");
    }
    assert!(world("").paths(&flow("10.224.0.9", "localhost:80")).is_err());
}
