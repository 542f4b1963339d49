//! kubenet's pods hang on a bridge, and the bridge has an address: the first one of the node's range (the CNI plugin
//! `bridge` with `isGateway`). What MASQUERADE sends to a pod of the node leaves by the bridge, and so has its address;
//! Azure/AKS#402 is somebody who saw it. Calico's pods have links without an address.

use super::{deciding, flow, in_one_file};
use engine::{Verdict, World};

fn world(network: &str) -> World {
    let text = format!(
        "apiVersion: hopscope.dev/v1
kind: ManagedCluster
metadata: {{name: demo}}
spec: {{networkProfile: {{{network}, podCidr: 10.244.0.0/16, loadBalancerSku: standard, outboundType: loadBalancer}}}}
---
apiVersion: v1
kind: Node
metadata: {{name: n0}}
spec: {{podCIDR: 10.244.0.0/24}}
status: {{addresses: [{{type: InternalIP, address: 10.224.0.4}}]}}
---
apiVersion: v1
kind: Node
metadata: {{name: n1}}
spec: {{podCIDR: 10.244.1.0/24}}
status: {{addresses: [{{type: InternalIP, address: 10.224.0.5}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: a, labels: {{app: a}}}}
spec: {{nodeName: n0, containers: [{{name: c, ports: [{{containerPort: 8080}}]}}]}}
status: {{podIP: 10.244.0.10}}
---
apiVersion: v1
kind: Pod
metadata: {{name: beside}}
spec: {{nodeName: n0, containers: [{{name: c, ports: [{{containerPort: 8080}}]}}]}}
status: {{podIP: 10.244.0.11}}
---
apiVersion: v1
kind: Pod
metadata: {{name: far}}
spec: {{nodeName: n1, containers: [{{name: c}}]}}
status: {{podIP: 10.244.1.10}}
---
apiVersion: v1
kind: Service
metadata: {{name: s}}
spec: {{type: LoadBalancer, selector: {{app: a}}, ports: [{{port: 80, targetPort: 8080}}]}}
"
    );
    in_one_file(text)
}

#[test]
fn what_is_masqueraded_to_a_pod_of_the_node_has_the_bridges_address() {
    let (kubenet, calico, overlay) = (
        world("networkPlugin: kubenet"),
        world("networkPlugin: kubenet, networkPolicy: calico"),
        world("networkPlugin: azure, networkPluginMode: overlay"),
    );
    for (from, to, via, on_bridge, else_where) in [
        ("internet", "svc/default/s:80", Some("n0"), "10.244.0.1", "10.224.0.4"),
        ("internet", "svc/default/s:80", Some("n1"), "10.224.0.5", "10.224.0.5"),
        // The endpoint itself, by its Service.
        ("pod/default/a", "svc/default/s:80", None, "10.244.0.1", "10.224.0.4"),
        // No masquerade.
        ("pod/default/beside", "svc/default/s:80", None, "10.244.0.11", "10.244.0.11"),
        ("pod/default/far", "svc/default/s:80", None, "10.244.1.10", "10.244.1.10"),
        ("pod/default/beside", "10.244.0.10:8080", None, "10.244.0.11", "10.244.0.11"),
        // A process on the node takes the address of the way.
        ("node/n0", "10.244.0.10:8080", None, "10.244.0.1", "10.224.0.4"),
        ("node/n1", "10.244.0.10:8080", None, "10.224.0.5", "10.224.0.5"),
    ] {
        for (world, expected) in [(&kubenet, on_bridge), (&calico, else_where), (&overlay, else_where)] {
            let mut question = flow(from, to);
            question.via = via.map(Into::into);
            let paths = world.paths(&question).expect("the flow exists");
            let outcome = &paths.outcomes[0];
            let seen = outcome.source_seen.map(|ip| ip.to_string()).unwrap_or_default();
            let told = deciding(&paths);
            assert_eq!(
                (outcome.verdict, seen.as_str()),
                (Verdict::Delivered, expected),
                "{from} → {to} {via:?}: {told}"
            );
        }
    }
}
