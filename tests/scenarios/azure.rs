//! Azure's part of a journey: ways out, routes, security groups in both directions.

use super::{deciding, flow, in_one_file};
use engine::{Action, AssumptionCode, Cause, Paths, StationKind, Step, Verdict, World};

/// Two nodes with a pod each behind one public and one internal Service, and whatever a test adds.
/// `network` is the cluster's `networkProfile` in flow style.
pub(crate) fn cluster(network: &str, more: &str) -> World {
    let mut text = format!(
        "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {{name: demo}}\nspec:\n  networkProfile: {{{network}}}\n"
    );
    for number in 0..2 {
        text += &format!(
            "---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{number}, labels: {{agentpool: a}}}}\nspec: {{podCIDR: 10.244.{number}.0/24}}\nstatus: {{addresses: [{{type: InternalIP, address: 10.224.0.{}}}]}}\n",
            number + 4
        );
        text += &format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p{number}, labels: {{app: web}}}}\nspec: {{nodeName: n{number}, containers: [{{name: c, ports: [{{containerPort: 8080}}]}}]}}\nstatus: {{podIP: 10.244.{number}.10, conditions: [{{type: Ready, status: \"True\"}}]}}\n"
        );
    }
    for (name, ip, uid, node_port, annotation) in [
        ("web", "20.50.60.70", "aaaaaaaa-0000-4000-8000-000000000001", 30644, ""),
        (
            "inner",
            "10.224.0.200",
            "bbbbbbbb-0000-4000-8000-000000000002",
            30645,
            "annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: \"true\"}, ",
        ),
    ] {
        text += &format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, {annotation}uid: {uid}}}\nspec: {{type: LoadBalancer, selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080, nodePort: {node_port}}}]}}\nstatus: {{loadBalancer: {{ingress: [{{ip: {ip}}}]}}}}\n"
        );
    }
    in_one_file(format!("{text}{more}"))
}

/// A virtual network with the nodes' subnet and one for firewalls; `subnet` is added to the nodes' subnet.
fn network(subnet: &str) -> String {
    format!(
        "---\napiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {{name: v}}\nspec:\n  addressSpace: {{addressPrefixes: [10.224.0.0/12]}}\n  subnets:\n  - {{name: nodes, addressPrefix: 10.224.0.0/16{subnet}}}\n  - {{name: fw, addressPrefix: 10.225.0.0/24}}\n  - {{name: vms, addressPrefix: 10.226.0.0/24}}\n  virtualNetworkPeerings:\n  - {{name: hub, remoteAddressSpace: {{addressPrefixes: [10.1.0.0/16]}}}}\n"
    )
}

/// A route table of (name, prefix, next hop).
fn table(routes: &[(&str, &str, &str)]) -> String {
    let routes = routes.iter().map(|(name, prefix, hop)| {
        let (kind, ip) = hop.split_once(' ').unwrap_or((hop, ""));
        let ip = if ip.is_empty() { String::new() } else { format!(", nextHopIpAddress: {ip}") };
        format!("  - {{name: {name}, addressPrefix: {prefix}, nextHopType: {kind}{ip}}}\n")
    });
    format!(
        "---\napiVersion: hopscope.dev/v1\nkind: RouteTable\nmetadata: {{name: rt}}\nspec:\n  routes:\n{}",
        routes.collect::<String>()
    )
}

const RT: &str = ", routeTable: {id: /rt}";

/// The firewall's NIC, with a public address of its own.
fn firewall() -> String {
    "---\n{\"name\": \"fw\", \"type\": \"Microsoft.Network/networkInterfaces\", \"enableIPForwarding\": true, \"ipConfigurations\": [{\"name\": \"c\", \"privateIPAddress\": \"10.225.0.4\", \"publicIPAddress\": {\"id\": \"/fw-ip\"}}]}\n---\n{\"name\": \"fw-ip\", \"type\": \"Microsoft.Network/publicIPAddresses\", \"ipAddress\": \"51.0.0.9\"}\n".to_owned()
}

fn nat_gateway() -> String {
    "---\n{\"name\": \"nat\", \"type\": \"Microsoft.Network/natGateways\", \"publicIpAddresses\": [{\"id\": \"/nat-ip\"}]}\n---\n{\"name\": \"nat-ip\", \"type\": \"Microsoft.Network/publicIPAddresses\", \"ipAddress\": \"52.0.0.9\"}\n".to_owned()
}

fn ask(world: &World, from: &str, to: &str) -> Paths {
    world.paths(&flow(from, to)).expect("a flow")
}

fn steps(paths: &Paths) -> impl Iterator<Item = &Step> {
    paths
        .outcomes
        .iter()
        .flat_map(|outcome| outcome.steps.iter().chain(outcome.reply.iter().flat_map(|reply| &reply.steps)))
}

/// What must come of every branch: the source that the far side saw, or the cause of the failure.
fn expect(name: &str, paths: &Paths, expected: &Result<&str, Cause>) {
    for outcome in &paths.outcomes {
        match expected {
            Ok(source) => {
                assert_eq!(outcome.verdict, Verdict::Delivered, "{name}{}", deciding(paths));
                let seen = outcome.source_seen.map(|ip| ip.to_string());
                assert_eq!(seen.as_deref(), Some(*source), "{name}{}", deciding(paths));
            }
            Err(cause) => assert_eq!(outcome.cause, Some(*cause), "{name}{}", deciding(paths)),
        }
    }
}

/// Asks one cluster about several flows.
fn each(name: &str, world: &World, flows: &[(&str, &str, Result<&str, Cause>)]) {
    for (from, to, expected) in flows {
        expect(&format!("{name}: {from} to {to}"), &ask(world, from, to), expected);
    }
}

#[test]
fn the_way_out_that_wins() {
    let udr = table(&[("out", "0.0.0.0/0", "VirtualAppliance 10.225.0.4")]);
    let nat_subnet = ", natGateway: {id: /nat}";
    let cases: Vec<(&str, World, Result<&str, Cause>)> = vec![
        ("outbound rule", cluster("", ""), Ok("20.50.61.10")),
        ("managed NAT gateway", cluster("outboundType: managedNATGateway", ""), Ok("20.50.61.10")),
        (
            "NAT gateway on the subnet beats the outbound rule",
            cluster("", &(network(nat_subnet) + &nat_gateway())),
            Ok("52.0.0.9"),
        ),
        (
            "user-assigned NAT gateway",
            cluster("outboundType: userAssignedNATGateway", &(network(nat_subnet) + &nat_gateway())),
            Ok("52.0.0.9"),
        ),
        (
            "a user route beats the NAT gateway",
            cluster(
                "outboundType: userDefinedRouting",
                &(network(&format!("{RT}{nat_subnet}")) + &udr + &nat_gateway() + &firewall()),
            ),
            Ok("51.0.0.9"),
        ),
        (
            "an appliance whose address is unknown",
            cluster("outboundType: userDefinedRouting", &(network(RT) + &udr)),
            Ok("20.50.62.254"),
        ),
        (
            "user-defined routing, network not shown",
            cluster("outboundType: userDefinedRouting", ""),
            Ok("20.50.62.254"),
        ),
        (
            "a more specific route back to the internet goes past the appliance",
            cluster(
                "",
                &(network(RT)
                    + &table(&[
                        ("out", "0.0.0.0/0", "VirtualAppliance 10.225.0.4"),
                        ("back", "198.51.100.0/24", "Internet"),
                    ])
                    + &firewall()),
            ),
            Ok("20.50.61.10"),
        ),
        (
            "a route to nowhere",
            cluster("", &(network(RT) + &table(&[("hole", "198.51.100.0/24", "None")]))),
            Err(Cause::NoRoute),
        ),
        ("outbound type block", cluster("outboundType: block", ""), Ok("20.50.60.70")),
    ];
    for (name, world, expected) in &cases {
        each(name, world, &["pod/default/p0", "node/n0"].map(|from| (from, "198.51.100.1:443", *expected)));
    }
}

#[test]
fn what_lost_is_a_near_miss() {
    let world = cluster("", &(network(", natGateway: {id: /nat}") + &nat_gateway()));
    let paths = ask(&world, "pod/default/p0", "198.51.100.1:443");
    let out = steps(&paths).find(|step| step.station.kind == StationKind::NatGateway).expect("a NAT gateway");
    assert_eq!(out.near_misses.len(), 1, "{out:#?}");
    let lost = &out.near_misses[0];
    assert_eq!(&*lost.rule.place, "load balancer kubernetes, outbound rule aksOutboundRule");
    assert_eq!(lost.failed, "a NAT gateway goes before a load balancer's outbound rule");
    let route = steps(&paths).find(|step| step.station.kind == StationKind::RouteTable).expect("a route");
    let text = route.rule.as_ref().map(|rule| rule.text.to_string());
    assert_eq!(text.as_deref(), Some("0.0.0.0/0 → Internet (Default)"));
}

#[test]
fn asymmetric_return_through_a_firewall() {
    let out = ("out", "0.0.0.0/0", "VirtualAppliance 10.225.0.4");
    let symmetric = ("client", "203.0.113.0/24", "Internet");
    for (routes, expected) in [
        (vec![out], Some(Cause::AsymmetricReturn)),
        (vec![out, symmetric], None),
        (vec![("other", "198.51.100.0/24", "VirtualAppliance 10.225.0.4")], None),
    ] {
        let more = network(RT) + &table(&routes) + &firewall();
        let world = cluster("outboundType: userDefinedRouting", &more);
        let paths = ask(&world, "203.0.113.9", "20.50.60.70:80");
        for outcome in &paths.outcomes {
            assert_eq!(outcome.cause, expected, "{routes:?}{}", deciding(&paths));
            let Some(reply) = &outcome.reply else { continue };
            if expected.is_some() {
                let last = reply.steps.last().expect("a step");
                assert_eq!((last.station.kind, last.action), (StationKind::Firewall, Action::Drop));
                assert!(last.why.starts_with("Asymmetric: the client's packet came in by the load balancer"));
                assert!(
                    paths.assumptions.iter().any(|known| known.code == AssumptionCode::ApplianceForwards)
                );
            }
        }
    }
}

#[test]
fn a_firewall_between_a_network_and_its_peer_must_see_both_ways() {
    // The peer's side is not in the input: its packets come straight in.
    let to_peer = ("peer", "10.1.0.0/16", "VirtualAppliance 10.225.0.4");
    let world = cluster("", &(network(RT) + &table(&[to_peer]) + &firewall()));
    let late = Err(Cause::AsymmetricReturn);
    // Out by the firewall, back without it: the firewall would not know what follows.
    each(
        "by the firewall",
        &world,
        &[("10.1.0.9", "10.224.0.200:80", late), ("node/n0", "10.1.0.9:80", late)],
    );
    let world = cluster("", &network(""));
    each("without", &world, &[("node/n0", "10.1.0.9:80", Ok("10.224.0.4"))]);
    let in_by = ask(&world, "10.1.0.9", "10.224.0.200:80");
    assert!(in_by.outcomes.iter().all(|outcome| outcome.cause.is_none()), "{}", deciding(&in_by));
}

#[test]
fn security_groups_in_both_directions() {
    let group = |name: &str, rules: &str| {
        format!(
            "---\n{{\"name\": \"{name}\", \"type\": \"Microsoft.Network/networkSecurityGroups\", \"securityRules\": [{rules}]}}\n"
        )
    };
    let rule = |priority: u32, direction: &str, access: &str, from: &str, to: &str, port: &str| {
        format!(
            "{{\"name\": \"r{priority}\", \"priority\": {priority}, \"direction\": \"{direction}\", \"access\": \"{access}\", \"protocol\": \"*\", \"sourceAddressPrefix\": \"{from}\", \"sourcePortRange\": \"*\", \"destinationAddressPrefix\": \"{to}\", \"destinationPortRange\": \"{port}\"}}"
        )
    };
    let on_nodes = network(", networkSecurityGroup: {id: /sub}");
    let cases = [
        // (rules of the nodes' subnet, from, to, expected)
        (String::new(), "pod/default/p0", "198.51.100.1:443", Ok("20.50.61.10")),
        (
            rule(100, "Outbound", "Deny", "*", "Internet", "*"),
            "pod/default/p0",
            "198.51.100.1:443",
            Err(Cause::NsgDenied),
        ),
        // A group of one's own lets nobody in from outside until a rule does.
        (String::new(), "203.0.113.9", "20.50.60.70:80", Err(Cause::NsgDenied)),
        (
            rule(100, "Inbound", "Allow", "Internet", "20.50.60.70", "80"),
            "203.0.113.9",
            "20.50.60.70:80",
            Ok("node"),
        ),
        // Stateful: nothing is asked about answers, whatever the outbound rules say.
        (
            rule(100, "Outbound", "Deny", "*", "Internet", "*")
                + ", "
                + &rule(110, "Inbound", "Allow", "Internet", "20.50.60.70", "80"),
            "203.0.113.9",
            "20.50.60.70:80",
            Ok("node"),
        ),
        // Overlay packets are not encapsulated: the group sees the pods' addresses.
        (
            rule(100, "Outbound", "Deny", "10.244.0.0/16", "10.244.0.0/16", "*"),
            "pod/default/p0",
            "pod/default/p1:8080",
            Err(Cause::NsgDenied),
        ),
        (
            rule(100, "Inbound", "Deny", "10.244.0.0/16", "10.244.0.0/16", "*"),
            "pod/default/p0",
            "pod/default/p1:8080",
            Err(Cause::NsgDenied),
        ),
        // A tag of which only Azure has the list.
        (
            rule(100, "Inbound", "Allow", "AzureFrontDoor.Backend", "*", "80"),
            "203.0.113.9",
            "20.50.60.70:80",
            Err(Cause::NsgDenied),
        ),
    ];
    for (rules, from, to, expected) in cases {
        let world = cluster("", &(on_nodes.clone() + &group("sub", &rules)));
        let paths = ask(&world, from, to);
        let name = format!("{rules} {from} {to}");
        match expected {
            Ok("node") => {
                assert!(
                    paths.outcomes.iter().all(|o| o.verdict == Verdict::Delivered),
                    "{name}{}",
                    deciding(&paths)
                );
                let asked = steps(&paths).find(|step| step.action == Action::SkipNsg);
                assert!(asked.is_some(), "{name}{}", deciding(&paths));
            }
            expected => expect(&name, &paths, &expected),
        }
        let unknown = paths.assumptions.iter().any(|known| known.code == AssumptionCode::UnknownServiceTag);
        assert_eq!(unknown, rules.contains("AzureFrontDoor"), "{name}");
    }
}

#[test]
fn security_groups_of_vms() {
    let group = "---\n{\"name\": \"vm\", \"type\": \"Microsoft.Network/networkSecurityGroups\", \"securityRules\": [{\"name\": \"no-http\", \"priority\": 100, \"direction\": \"Inbound\", \"access\": \"Deny\", \"protocol\": \"Tcp\", \"sourceAddressPrefix\": \"*\", \"destinationAddressPrefix\": \"*\", \"destinationPortRange\": \"80\"}]}\n---\n{\"name\": \"vm-nic\", \"type\": \"Microsoft.Network/networkInterfaces\", \"networkSecurityGroup\": {\"id\": \"/vm\"}, \"ipConfigurations\": [{\"name\": \"c\", \"privateIPAddress\": \"10.226.0.4\", \"publicIPAddress\": {\"id\": \"/vm-ip\"}}]}\n---\n{\"name\": \"vm-ip\", \"type\": \"Microsoft.Network/publicIPAddresses\", \"ipAddress\": \"51.0.0.10\"}\n";
    let world = cluster("", &(network("") + group));
    let flows = [
        ("node/n0", "10.226.0.4:80", Err(Cause::NsgDenied)),
        ("node/n0", "10.226.0.4:81", Ok("10.224.0.4")),
        ("203.0.113.9", "51.0.0.10:81", Err(Cause::NsgDenied)),
        ("10.226.0.4", "198.51.100.1:443", Ok("51.0.0.10")),
        // Default access, which a private subnet has not.
        ("10.226.0.5", "198.51.100.1:443", Ok("20.50.62.200")),
    ];
    each("VMs", &world, &flows);
    let private = network("").replace("10.226.0.0/24", "10.226.0.0/24, defaultOutboundAccess: false");
    let flow = ("10.226.0.5", "198.51.100.1:443", Err(Cause::NoOutbound));
    each("private subnet", &cluster("", &private), &[flow]);
}

#[test]
fn kubenet_needs_a_route_for_each_node() {
    let kubenet = "networkPlugin: kubenet, podCidr: 10.244.0.0/16";
    let route = |number: u8| {
        (
            ["r0", "r1"][usize::from(number)],
            ["10.244.0.0/24", "10.244.1.0/24"][usize::from(number)],
            ["VirtualAppliance 10.224.0.4", "VirtualAppliance 10.224.0.5"][usize::from(number)],
        )
    };
    for (more, expected) in [
        (String::new(), Ok("10.244.0.10")),
        (network(RT) + &table(&[route(0), route(1)]), Ok("10.244.0.10")),
        (network(RT) + &table(&[route(0)]), Err(Cause::NoRoute)),
    ] {
        each(&more, &cluster(kubenet, &more), &[("pod/default/p0", "pod/default/p1:8080", expected)]);
    }
}

/// `az network firewall show`, in the subnet that Azure wants.
fn azure_firewall() -> String {
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";
    format!(
        "---\n{{\"name\": \"hub-fw\", \"id\": \"{id}/azureFirewalls/hub-fw\", \"type\": \"Microsoft.Network/azureFirewalls\", \"threatIntelMode\": \"Alert\", \"sku\": {{\"name\": \"AZFW_VNet\", \"tier\": \"Standard\"}}, \"firewallPolicy\": {{\"id\": \"{id}/firewallPolicies/p\"}}, \"ipConfigurations\": [{{\"name\": \"c\", \"privateIPAddress\": \"10.225.0.4\", \"publicIPAddress\": {{\"id\": \"{id}/publicIPAddresses/fw-ip\"}}, \"subnet\": {{\"id\": \"{id}/virtualNetworks/v/subnets/AzureFirewallSubnet\"}}}}]}}\n---\n{{\"name\": \"fw-ip\", \"type\": \"Microsoft.Network/publicIPAddresses\", \"ipAddress\": \"51.0.0.9\"}}\n"
    )
}

#[test]
fn an_azure_firewall_is_the_appliance_that_routes_name() {
    let network = network(RT).replace("name: fw,", "name: AzureFirewallSubnet,");
    let udr = table(&[("out", "0.0.0.0/0", "VirtualAppliance 10.225.0.4")]);
    let more = network + &udr + &azure_firewall();
    let world = cluster("outboundType: userDefinedRouting", &more);
    each("Azure Firewall", &world, &[("pod/default/p0", "198.51.100.1:443", Ok("51.0.0.9"))]);
    let paths = ask(&world, "pod/default/p0", "198.51.100.1:443");
    let at = steps(&paths).find(|step| step.station.kind == StationKind::Firewall).expect("a firewall");
    assert_eq!(&*at.station.name, "hub-fw");
    // An answer that the firewall did not see the request of.
    each("asymmetric", &world, &[("203.0.113.9", "20.50.60.70:80", Err(Cause::AsymmetricReturn))]);
}

/// A consumer in another network, behind a private endpoint that is connected to the Service's Private Link Service.
fn consumer(annotations: &str, state: &str) -> World {
    let link = format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: linked, uid: cccccccc-0000-4000-8000-000000000003, annotations: {{service.beta.kubernetes.io/azure-load-balancer-internal: \"true\", service.beta.kubernetes.io/azure-pls-create: \"true\", service.beta.kubernetes.io/azure-pls-name: link{annotations}}}}}\nspec: {{type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 32100, selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080, nodePort: 30646}}]}}\nstatus: {{loadBalancer: {{ingress: [{{ip: 10.224.0.201}}]}}}}\n"
    );
    let network = "---\napiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {name: theirs}\nspec:\n  addressSpace: {addressPrefixes: [10.99.0.0/16]}\n  subnets:\n  - {name: vms, addressPrefix: 10.99.0.0/24}\n".to_owned() + &network("");
    let endpoint = format!(
        "---\n{{\"name\": \"pe\", \"type\": \"Microsoft.Network/privateEndpoints\", \"ipConfigurations\": [{{\"privateIPAddress\": \"10.99.0.9\"}}], \"privateLinkServiceConnections\": [{{\"privateLinkServiceId\": \"/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/privateLinkServices/link\", \"privateLinkServiceConnectionState\": {{\"status\": \"{state}\"}}}}]}}\n"
    );
    cluster("", &(link + &network + &endpoint))
}

#[test]
fn behind_a_private_link_service_only_the_header_knows_the_client() {
    let proxy = ", service.beta.kubernetes.io/azure-pls-proxy-protocol: \"true\", service.beta.kubernetes.io/azure-pls-ip-configuration-ip-address: 10.224.9.9";
    for (annotations, seen, header) in [("", "10.224.255.254", false), (proxy, "10.224.9.9", true)] {
        let world = consumer(annotations, "Approved");
        each("by private link", &world, &[("10.99.0.7", "10.99.0.9:80", Ok(seen))]);
        let paths = ask(&world, "10.99.0.7", "10.99.0.9:80");
        for outcome in &paths.outcomes {
            let delivered =
                outcome.steps.iter().find(|step| step.action == Action::Deliver).expect("delivered");
            assert_eq!(
                delivered.why.contains("the client 10.99.0.7 stands only in the PROXY v2 header"),
                header
            );
            assert_eq!(delivered.before.source.to_string(), seen);
            let told = outcome.proxy_header_source.map(|ip| ip.to_string());
            assert_eq!(told.as_deref(), header.then_some("10.99.0.7"));
            let back = &outcome.reply.as_ref().expect("an answer").steps;
            assert!(back.iter().any(|step| step.why.contains("gives it back to 10.99.0.7")));
        }
        // Whoever knows the frontend itself comes without a header.
        let direct = ask(&world, "10.226.0.7", "10.224.0.201:80");
        assert!(steps(&direct).all(|step| !step.why.contains("PROXY")));
    }
    let pending = consumer(proxy, "Pending");
    each("pending", &pending, &[("10.99.0.7", "10.99.0.9:80", Err(Cause::EndpointNotApproved))]);
}
