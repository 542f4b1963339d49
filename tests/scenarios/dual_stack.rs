//! The way out of IPv6. AKS's resource provider keeps addresses, an outbound rule and a pool of their own for it (API of
//! managed clusters, `countIPv6`: "The default value is 0 for single-stack and 1 for dual-stack"; the pool's name from
//! Azure/karpenter-provider-azure, `pkg/providers/loadbalancer`). A NAT gateway translates IPv4 alone, but for SKU
//! StandardV2 (Azure, "Create a managed or user-assigned NAT gateway for your AKS cluster").

use super::{deciding, flow, in_one_file};
use engine::{Cause, Verdict, World};

const NODE: &str = "
apiVersion: v1
kind: Node
metadata: {name: n0}
status: {addresses: [{type: InternalIP, address: 10.224.0.4}, {type: InternalIP, address: 'fd12:3456:789a:2::4'}]}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {nodeName: n0, containers: [{name: c}]}
status: {podIPs: [{ip: 10.244.0.10}, {ip: 'fd12:3456:789a::10'}]}
---
apiVersion: hopscope.dev/v1
kind: ManagedCluster
metadata: {name: demo}
spec:
  agentPoolProfiles: [{name: p, mode: System}]
  networkProfile:
    networkPlugin: azure
    networkPluginMode: overlay
    podCidrs: [10.244.0.0/16, 'fd12:3456:789a::/64']
    serviceCidrs: [10.0.0.0/16, 'fd12:3456:789a:1::/108']
";

fn world(profile: &str) -> World {
    in_one_file(format!("{NODE}{profile}"))
}

#[test]
fn ipv6_leaves_by_addresses_of_its_own() {
    let [v4, v6, second] = ["20.50.61.10", "2603:1030:805::10", "2603:1030:805::11"];
    for (profile, sources) in [
        ("", [&[v4][..], &[v6]]),
        ("    loadBalancerProfile: {managedOutboundIPs: {count: 1, countIPv6: 2}}", [&[v4], &[v6, second]]),
        // As `az aks show` prints it.
        ("    loadBalancerProfile: {managedOutboundIPs: {count: 1, countIpv6: null}}", [&[v4], &[v6]]),
        ("    outboundType: managedNATGateway", [&[v4], &[]]),
        (
            "    outboundType: managedNATGateway\n    natGatewayProfile: {managedOutboundIPProfile: {count: 1, countIPv6: 1}}",
            [&[v4], &[v6]],
        ),
        ("    outboundType: userAssignedNATGateway", [&[v4], &[]]),
        ("    outboundType: none", [&[], &[]]),
    ] {
        let world = world(profile);
        for (to, sources) in ["203.0.113.9:443", "[2001:db8:5::1]:443"].into_iter().zip(sources) {
            let paths = world.paths(&flow("pod/default/a", to)).expect("the flow exists");
            let [outcome] = &paths.outcomes[..] else { panic!("{profile}: {}", deciding(&paths)) };
            let expected = match sources.first() {
                Some(source) => (Verdict::Delivered, None, source.parse().ok()),
                None => (Verdict::Dropped, Some(Cause::NoOutbound), None),
            };
            let got = (outcome.verdict, outcome.cause, outcome.source_seen);
            assert_eq!(got, expected, "{profile} → {to}: {}", deciding(&paths));
        }
        let budgets = world.cloud().snat_budgets();
        let addresses = budgets.iter().map(|own| own.addresses.iter().map(ToString::to_string).collect());
        let addresses: Vec<Vec<String>> = addresses.collect();
        if !profile.contains("outboundType") {
            assert_eq!(addresses, sources, "{profile}");
            assert_eq!(budgets[1].pool, "aksOutboundBackendPool-ipv6");
        }
    }
}
