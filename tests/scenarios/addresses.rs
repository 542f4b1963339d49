//! Which addresses things have and are called by, where the input leaves it open.

use super::{deciding, flow, in_one_file, shares};
use engine::{Cause, Paths, Verdict, World};

fn ask(world: &World, from: &str, to: &str) -> Paths {
    world.paths(&flow(from, to)).expect("the flow exists")
}

/// What all branches of a flow have in common.
fn told(paths: &Paths) -> (Verdict, Option<Cause>, Option<String>) {
    let told = |outcome: &engine::PathOutcome| {
        (outcome.verdict, outcome.cause, outcome.source_seen.map(|ip| ip.to_string()))
    };
    let first = paths.outcomes.first().map(told).expect("a branch");
    assert!(paths.outcomes.iter().all(|outcome| told(outcome) == first), "{}", deciding(paths));
    first
}

const PODS: &str = "
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{containerPort: 8080}]}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: client}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080, nodePort: 30080}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: web}, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: elsewhere}
spec: {type: ExternalName, externalName: www.example.com}
";

fn cluster(pools: &str) -> String {
    format!(
        "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {{name: demo}}\nspec:\n  networkProfile: {{networkPlugin: azure, networkPluginMode: overlay}}\n  agentPoolProfiles:\n{pools}{PODS}"
    )
}

#[test]
fn a_service_without_an_address_is_called_by_its_name() {
    let world = in_one_file(cluster("  - {name: p, mode: System, count: 2}\n"));
    let paths = ask(&world, "pod/default/client", "svc/default/headless:8080");
    let shares = shares(&paths);
    assert_eq!(shares.values().copied().collect::<Vec<_>>(), [0.5, 0.5], "{}", deciding(&paths));
    // kube-proxy has no part in it: nothing translates.
    let translates = |outcome: &engine::PathOutcome| {
        outcome
            .steps
            .iter()
            .skip_while(|step| step.action != engine::Action::Originate)
            .any(|step| step.action == engine::Action::Dnat)
    };
    assert!(!paths.outcomes.iter().any(translates), "{}", deciding(&paths));
    let paths = ask(&world, "pod/default/client", "svc/default/elsewhere:443");
    assert_eq!(told(&paths).0, Verdict::Delivered, "{}", deciding(&paths));
    assert_eq!(paths.flow.destination.to_string(), "192.0.2.1", "the stand-in for a name of the internet");
}

#[test]
fn a_port_that_a_service_lacks_is_told_where_the_packet_leaves() {
    let world = in_one_file(cluster("  - {name: p, mode: System, count: 2}\n"));
    for (to, words) in [
        (
            "svc/default/web:443",
            "which has no TCP port 443 (it has 80): no rule of kube-proxy takes the packet",
        ),
        ("svc/default/web", "and no rule on this node translates it"),
    ] {
        let paths = ask(&world, "pod/default/client", to);
        assert_eq!(told(&paths).0, Verdict::Dropped, "{}", deciding(&paths));
        assert!(deciding(&paths).contains(words), "{}", deciding(&paths));
    }
}

#[test]
fn a_pool_with_public_addresses_sends_and_is_reached_by_them() {
    let open = "---\napiVersion: hopscope.dev/v1\nkind: NetworkSecurityGroup\nmetadata: {name: aks-agentpool-12345678-nsg}\nspec:\n  securityRules:\n  - {name: open, priority: 200, access: Allow, direction: Inbound, protocol: Tcp, sourceAddressPrefix: Internet, sourcePortRange: '*', destinationAddressPrefix: '*', destinationPortRange: '30080'}\n";
    let plain = cluster("  - {name: p, mode: System, count: 1}\n");
    let public = cluster("  - {name: p, mode: System, count: 1, enableNodePublicIP: true}\n");
    let opened = format!("{public}{open}");
    let own = Some("20.50.64.10".to_owned());
    // Out: the VM's own address comes before the load balancer's outbound rule.
    for (text, source) in [(&plain, Some("20.50.61.10".to_owned())), (&public, own)] {
        let paths = ask(&in_one_file(text.as_str()), "pod/default/client", "203.0.113.9:443");
        assert_eq!(told(&paths), (Verdict::Delivered, None, source), "{}", deciding(&paths));
    }
    // In: the address is there, and the security group still decides.
    for (text, verdict, cause) in [
        (&plain, Verdict::Delivered, None),
        (&public, Verdict::Dropped, Some(Cause::NsgDenied)),
        (&opened, Verdict::Delivered, None),
    ] {
        let paths = ask(&in_one_file(text.as_str()), "198.51.100.7", "20.50.64.10:30080");
        let (found, why, source) = told(&paths);
        assert_eq!((found, why), (verdict, cause), "{}", deciding(&paths));
        if text == &opened {
            assert_eq!(source.as_deref(), Some("10.224.0.4"), "node ports masquerade{}", deciding(&paths));
        }
    }
}

#[test]
fn a_private_address_beside_the_nodes_is_a_vms() {
    // No document shows the virtual network.
    let node = "---\napiVersion: v1\nkind: Node\nmetadata: {name: n0, labels: {agentpool: p}}\nspec: {podCIDR: 10.244.0.0/24}\nstatus: {addresses: [{type: InternalIP, address: 10.10.0.4}]}\n";
    let world = in_one_file(format!("{}{node}", cluster("  - {name: p, mode: System, count: 1}\n")));
    for (from, to, verdict, cause) in [
        ("10.10.7.7", "node/n0:30080", Verdict::Delivered, None),
        ("pod/default/client", "10.10.7.7:443", Verdict::Delivered, None),
        // AKS's default network is not this cluster's.
        ("pod/default/client", "10.224.0.4:443", Verdict::Dropped, Some(Cause::NsgDenied)),
    ] {
        let paths = ask(&world, from, to);
        let (found, why, _) = told(&paths);
        assert_eq!((found, why), (verdict, cause), "{from} {to}{}", deciding(&paths));
    }
}

#[test]
fn a_pool_is_in_the_subnet_that_it_names() {
    let id = "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/home/subnets";
    let network = "---\napiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {name: home}\nspec:\n  addressSpace: {addressPrefixes: [10.40.0.0/16]}\n  subnets:\n  - {name: one, addressPrefix: 10.40.1.0/24}\n  - {name: two, addressPrefix: 10.40.2.0/24, routeTable: {id: /x/routeTables/nowhere}}\n---\napiVersion: hopscope.dev/v1\nkind: RouteTable\nmetadata: {name: nowhere}\nspec:\n  routes:\n  - {name: all, addressPrefix: 203.0.113.0/24, nextHopType: None}\n";
    let pools = format!(
        "  - {{name: a, mode: System, count: 1, vnetSubnetID: {id}/one}}\n  - {{name: b, mode: User, count: 1, vnetSubnetId: {id}/TWO}}\n"
    );
    let world = in_one_file(format!("{}{network}", cluster(&pools)));
    let addresses: Vec<_> =
        world.model().nodes.values().flat_map(|node| node.internal_ips()).map(|ip| ip.to_string()).collect();
    assert_eq!(addresses, ["10.40.1.4", "10.40.2.4"]);
    // The route table of a pool's subnet is that of its nodes alone.
    let names: Vec<_> = world.model().nodes.keys().map(|name| format!("node/{name}")).collect();
    let causes: Vec<_> = names.iter().map(|name| told(&ask(&world, name, "203.0.113.9:443")).1).collect();
    assert_eq!(causes, [None, Some(Cause::NoRoute)]);
}

#[test]
fn a_service_without_an_address_outside_says_why() {
    let pool = "  - {name: system, mode: System, count: 2, vmSize: Standard_D4s_v5}\n";
    let service = |name: &str, annotation: &str, ports: &str, status: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  annotations: {{{annotation}}}\nspec: {{type: LoadBalancer, selector: {{app: web}}, ports: [{ports}]}}\nstatus: {{loadBalancer: {{ingress: [{status}]}}}}\n"
        )
    };
    let (http, sctp) = ("{name: http, port: 80, targetPort: 8080}", "{name: s, port: 90, protocol: SCTP}");
    let named = "service.beta.kubernetes.io/azure-pip-name: mine";
    let text = [
        cluster(pool),
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: inside}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n".to_owned(),
        service("unnamed", "", http, ""),
        service("named", named, http, ""),
        // The address that it reports was found: it is the input that lacks the document.
        service("reported", named, http, "{ip: 20.1.1.1}"),
        service("sctp", "", &format!("{http}, {sctp}"), ""),
        // What it reports is of the time before, and nobody's now: not a host on the internet that answers.
        service("was", "", &format!("{http}, {sctp}"), "{ip: 20.1.1.2}"),
    ]
    .concat();
    let world = in_one_file(text);
    let refused = "SCTP is only supported on standard load balancers in internal mode";
    for (service, why) in [
        ("unnamed", None),
        ("reported", None),
        ("named", Some("gets no external address: public address mine not found".to_owned())),
        ("sctp", Some(format!("gets no external address: {refused}"))),
        ("was", Some(format!("gets no external address: {refused}"))),
        (
            "web",
            Some("is of type NodePort: from outside it is called at a node's address, port 30080".to_owned()),
        ),
        (
            "inside",
            Some("is of type ClusterIP: its address means something to nodes and pods alone".to_owned()),
        ),
    ] {
        let error = world.paths(&flow("internet", &format!("svc/{service}:80"))).err();
        let wanted = why.map(|why| format!("svc/default/{service} {why}"));
        assert_eq!(error.map(|error| error.to_string()), wanted, "{service}");
    }
    let undone: Vec<String> = world.undone().collect();
    let wanted =
        ["named: public address mine not found", &format!("sctp: {refused}"), &format!("was: {refused}")]
            .map(|what| format!("Service default/{what} (load balancer rules)"));
    assert_eq!(undone, wanted);
}

/// A pod's `hostPort` is a port of its node, by portmap's rules; the pods' own network is masqueraded on the way.
#[test]
fn a_host_port_leads_to_the_pod_of_that_node() {
    let pool = "  - {name: system, mode: System, count: 2, vmSize: Standard_D4s_v5}\n";
    let agent = "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec:\n  selector: {matchLabels: {app: agent}}\n  template: {metadata: {labels: {app: agent}}, spec: {containers: [{name: c, ports: [{containerPort: 8126, hostPort: 9000}]}]}}\n";
    let world = in_one_file(format!("{}{agent}", cluster(pool)));
    let nodes: Vec<String> = world.model().nodes.keys().map(ToString::to_string).collect();
    let own = world.model().pods.values().find(|pod| pod.metadata.name == "client").expect("the client");
    let near = own.spec.node_name.clone();
    let far = nodes.iter().find(|node| **node != near).expect("another node").clone();
    for node in [&near, &far] {
        let paths = ask(&world, "pod/client", &format!("node/{node}:9000"));
        let [outcome] = paths.outcomes.as_slice() else { panic!("one branch: {}", deciding(&paths)) };
        let receiver = outcome.endpoint.as_ref().expect("a receiver");
        let pod = world.model().pods.values().find(|pod| {
            pod.ips().any(|ip| ip == receiver.ip)
                && pod.metadata.labels.get("app").is_some_and(|app| app == "agent")
        });
        assert_eq!(pod.map(|pod| &pod.spec.node_name), Some(node), "{}", deciding(&paths));
        assert_eq!(receiver.port, 8126);
        // Near, portmap masquerades what comes from the pods' network; far, ip-masq-agent did on the way to a node.
        let near_ip = world.model().nodes[near.as_str()].internal_ips().next();
        assert_eq!(outcome.source_seen, near_ip, "{}", deciding(&paths));
    }
    let none = ask(&world, "pod/client", &format!("node/{near}:9001"));
    assert_eq!(told(&none).1, Some(Cause::NoListener));
}
