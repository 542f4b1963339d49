//! Names of single pods. Upstream (`ShouldSetHostname` of the EndpointSlice controller, CoreDNS's `endpointHostname`): a
//! pod has a name of its own below a Service's if its `subdomain` is that Service's name, and it has a `hostname`; a
//! StatefulSet sets both, the first to its `serviceName`. Any other has its address with dashes.

use super::{deciding, flow, in_one_file};
use engine::{Cause, Verdict};

const CLUSTER: &str = "
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 1
  serviceName: db
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c}]}}
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: other}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: Pod
metadata: {name: alone, labels: {app: alone}}
spec: {nodeName: n0, containers: [{name: c}]}
status: {podIP: 10.244.0.20}
---
apiVersion: v1
kind: Pod
metadata: {name: told, labels: {app: alone}}
spec: {nodeName: n0, hostname: first, subdomain: alone, containers: [{name: c}]}
status: {podIP: 10.244.0.21}
---
apiVersion: v1
kind: Service
metadata: {name: alone}
spec: {clusterIP: 10.0.0.99, selector: {app: alone}, ports: [{port: 5432}]}
---
apiVersion: v1
kind: Service
metadata: {name: given}
spec: {clusterIP: None, selector: {app: alone}, ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: given-x, labels: {kubernetes.io/service-name: given}}
addressType: IPv4
endpoints: [{addresses: [10.244.0.20], hostname: zero, nodeName: n0, conditions: {ready: true}}]
ports: [{name: '', port: 5432, protocol: TCP}]
";

#[test]
fn a_pod_has_a_name_where_its_hostname_says_so() {
    let world = in_one_file(CLUSTER);
    for (name, receiver) in [
        ("db-0.db", Some("default/db-0")),
        ("db-0.db.default.svc.cluster.local", Some("default/db-0")),
        // Its subdomain is another Service.
        ("db-0.other", None),
        ("alone.alone", None),
        ("10-244-0-20.alone", Some("default/alone")),
        ("first.alone", Some("default/told")),
        ("told.alone", None),
        ("10-244-0-21.alone", None),
        ("zero.given", Some("default/alone")),
        ("alone.given", None),
    ] {
        let paths =
            world.paths(&flow("pod/default/alone", &format!("{name}:5432"))).expect("the flow exists");
        let [outcome] = &paths.outcomes[..] else { panic!("{name}: {}", deciding(&paths)) };
        let got = outcome.endpoint.as_ref().map(ToString::to_string);
        assert_eq!(got.as_deref(), receiver, "{name}: {}", deciding(&paths));
        let expected = match receiver {
            Some(_) => (Verdict::Delivered, None),
            None => (Verdict::Unreachable, Some(Cause::NameNotFound)),
        };
        assert_eq!((outcome.verdict, outcome.cause), expected, "{name}");
    }
}
