//! Public addresses that the input shows and no load balancer of the cluster has. Azure, "What is Azure NAT Gateway?": no
//! connection that begins on the internet comes in by a NAT gateway.

use super::{deciding, flow, in_one_file};
use engine::{Cause, Verdict};

const CLUSTER: &str = "
apiVersion: hopscope.dev/v1
kind: ManagedCluster
metadata: {name: demo}
spec:
  networkProfile: {networkPlugin: azure, networkPluginMode: overlay, outboundType: userAssignedNATGateway}
  agentPoolProfiles: [{name: p, mode: System, count: 1}]
---
apiVersion: hopscope.dev/v1
kind: NatGateway
metadata: {name: ng}
spec: {publicIpAddresses: [{id: /subscriptions/s/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/out}]}
---
apiVersion: hopscope.dev/v1
kind: PublicIPAddress
metadata: {name: out}
spec: {ipAddress: 20.0.0.1}
---
apiVersion: hopscope.dev/v1
kind: PublicIPAddress
metadata: {name: agw}
spec: {ipAddress: 20.0.0.2, ipConfiguration: {id: /subscriptions/s/resourceGroups/g/providers/Microsoft.Network/applicationGateways/gate/frontendIPConfigurations/public}}
---
apiVersion: v1
kind: Service
metadata: {name: inside, annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: \"true\"}}
spec: {type: LoadBalancer, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 10.224.0.90}]}}
---
apiVersion: v1
kind: Service
metadata: {name: global, annotations: {service.beta.kubernetes.io/azure-additional-public-ips: 20.0.0.9}}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: leaving, deletionTimestamp: '2026-08-01T10:00:00Z', finalizers: [service.kubernetes.io/load-balancer-cleanup]}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 20.0.0.8}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c}]}
";

#[test]
fn a_public_address_is_what_has_it() {
    let world = in_one_file(CLUSTER);
    for (from, to, verdict, cause, says) in [
        (
            "198.51.100.7",
            "20.0.0.1:443",
            Verdict::Dropped,
            Some(Cause::NoListener),
            "none that begins outside",
        ),
        ("198.51.100.7", "20.0.0.2:443", Verdict::Ambiguous, Some(Cause::OtherController), "gateway gate"),
        (
            "pod/default/client",
            "20.0.0.2:443",
            Verdict::Ambiguous,
            Some(Cause::OtherController),
            "gateway gate",
        ),
        ("198.51.100.7", "20.0.0.3:443", Verdict::Delivered, None, "receives"),
        // The cloud controller takes rule and address back, the status stays until it has.
        (
            "198.51.100.7",
            "20.0.0.8:80",
            Verdict::Ambiguous,
            Some(Cause::OtherController),
            "the Service is being deleted",
        ),
        // A load balancer across regions has it; the cloud controller reports it, so that kube-proxy knows it too.
        (
            "198.51.100.7",
            "20.0.0.9:80",
            Verdict::Ambiguous,
            Some(Cause::OtherController),
            "azure-additional-public-ips of Service default/global",
        ),
        ("pod/default/client", "20.0.0.9:80", Verdict::Delivered, None, "default/web receives"),
        // The frontend of an internal load balancer is private.
        ("198.51.100.7", "10.224.0.90:80", Verdict::Unreachable, Some(Cause::NoRoute), "private address"),
        (
            "198.51.100.7",
            "svc/default/inside:80",
            Verdict::Unreachable,
            Some(Cause::NoRoute),
            "private address",
        ),
        // Its answers come to the same address, and are let in.
        ("pod/default/client", "203.0.113.9:443", Verdict::Delivered, None, "receives"),
    ] {
        let paths = world.paths(&flow(from, to)).expect("the flow exists");
        let [outcome] = &paths.outcomes[..] else { panic!("{from} → {to}: {}", deciding(&paths)) };
        assert_eq!((outcome.verdict, outcome.cause), (verdict, cause), "{from} → {to}: {}", deciding(&paths));
        let last = outcome.steps.last().map(|step| step.why.to_string()).unwrap_or_default();
        assert!(last.contains(says), "{from} → {to}: {last}");
    }
}
