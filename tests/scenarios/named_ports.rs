//! A Service port whose target is a name. Upstream (k8s.io/endpointslice, `getEndpointPorts`): a pod that has no
//! container port of that name stands in a slice that leaves the port out; kube-proxy makes no endpoint of it, CoreDNS
//! answers with its address all the same.

use super::{deciding, flow};
use engine::{Cause, Verdict, World};
use formats::Source;
use kubernetes::health;
use model::kubernetes::IpFamily;

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: web}}
spec: {nodeName: n0, containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
status: {podIP: 10.244.0.10}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {nodeName: n0, containers: [{name: c}]}
status: {podIP: 10.244.0.11}
---
apiVersion: v1
kind: Service
metadata: {name: wrong}
spec: {type: LoadBalancer, externalTrafficPolicy: Local, selector: {app: web}, ports: [{port: 80, targetPort: web, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: half}
spec: {selector: {app: web}, ports: [{name: a, port: 80, targetPort: web}, {name: b, port: 81, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: bare}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 8080, targetPort: web}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody, uid: 11111111-2222-3333-4444-555555555555}
spec: {selector: {app: none}, ports: [{port: 80, targetPort: web}]}
";

#[test]
fn a_name_that_no_pod_has_is_told() {
    let import = formats::import(&[Source::new("in.yaml", CLUSTER)]);
    assert!(!import.has_errors(), "{:#?}", import.diagnostics);
    let warnings: Vec<String> = import.diagnostics.iter().map(ToString::to_string).collect();
    for service in ["wrong", "half", "bare"] {
        let says = format!("Service default/{service}: no Pod that it selects has a TCP port called web");
        assert!(warnings.iter().any(|warning| warning.contains(&says)), "{says}: {warnings:#?}");
    }
    let world = World::new(&import.model);
    let refused = (Verdict::Rejected, Some(Cause::NoEndpoints));
    let delivered = (Verdict::Delivered, None);
    for (from, to, expected, told) in [
        ("pod/default/client", "svc/default/wrong:80", refused, true),
        ("node/n0", "svc/default/wrong:80", refused, true),
        ("10.224.0.9", "node/n0:30080", refused, true),
        ("198.51.100.7", "svc/default/wrong:80", (Verdict::Dropped, Some(Cause::AllProbesDown)), false),
        ("pod/default/client", "svc/default/half:80", refused, true),
        ("pod/default/client", "svc/default/half:81", delivered, false),
        ("pod/default/client", "svc/default/bare:8080", delivered, false),
        ("pod/default/client", "bare.default.svc.cluster.local:8080", delivered, false),
        ("pod/default/client", "svc/default/nobody:80", refused, false),
    ] {
        let paths = world.paths(&flow(from, to)).expect("the flow exists");
        let [outcome] = &paths.outcomes[..] else { panic!("{from} → {to}: {}", deciding(&paths)) };
        assert_eq!((outcome.verdict, outcome.cause), expected, "{from} → {to}: {}", deciding(&paths));
        let last = outcome.steps.last().map(|step| step.why.to_string()).unwrap_or_default();
        let says = "1 is ready in its EndpointSlices, but not with port 80: its targetPort is a name, web, which no container port of the pods has.";
        assert_eq!(last.ends_with(says), told, "{from} → {to}: {last}");
    }
    // kube-proxy's answer on the healthCheckNodePort counts what it made endpoints of.
    let slices = world.model().endpoint_slices.clone();
    let local = health::local_ready_endpoints(IpFamily::IPv4, &slices, &"n0".into());
    assert_eq!(local.keys().map(ToString::to_string).collect::<Vec<_>>(), ["default/half"]);
}
