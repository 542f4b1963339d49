//! What Azure refuses of a load balancer, its firewall, and what it shows of a NIC.

use formats::{Severity, Source, import};
use model::Model;

fn model(text: &str) -> Model {
    let import = import(&[Source::new("in.json", text)]);
    assert!(!import.has_errors(), "{text}\n{:#?}", import.diagnostics);
    import.model
}

#[test]
fn an_azure_firewall_in_every_spelling() {
    let subnet = "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v/subnets/AzureFirewallSubnet";
    let now = format!(
        r#"{{"name": "f", "type": "Microsoft.Network/azureFirewalls", "threatIntelMode": "Alert", "firewallPolicy": {{"id": "/p"}},
        "ipConfigurations": [{{"name": "c", "privateIPAddress": "10.0.1.4", "publicIPAddress": {{"id": "/publicIPAddresses/i"}},
        "subnet": {{"id": "{subnet}"}}}}, {{"name": "d", "publicIPAddress": {{"id": "/publicIPAddresses/j"}}}}]}}"#
    );
    let expected = model(&now);
    let firewall = &expected.azure_firewalls["f"];
    assert_eq!(firewall.address(), Some([10, 0, 1, 4].into()));
    assert_eq!(firewall.ip_configurations.len(), 2);
    let old =
        now.replace("privateIPAddress", "privateIpAddress").replace("publicIPAddress\"", "publicIpAddress\"");
    assert_eq!(model(&old), expected);
    assert_eq!(model(&formats::model_yaml(&expected)), expected);
    assert_eq!(model(&formats::model_json(&expected)), expected);
    for (from, to, what) in [
        ("subnets/AzureFirewallSubnet", "subnets/fw", "the firewall is in subnet fw"),
        ("10.0.1.4", "10.0.1.400", "10.0.1.400"),
        (subnet, "/subscriptions/0/providers/Microsoft.Network/natGateways/n", "is not the id of a subnet"),
    ] {
        let import = import(&[Source::new("in.json", now.replace(from, to))]);
        let errors: Vec<_> =
            import.diagnostics.iter().filter(|one| one.severity == Severity::Error).collect();
        assert!(
            errors.iter().any(|one| one.what.contains(what) && !one.hint.is_empty()),
            "{what} {errors:?}"
        );
    }
}

fn frontend(name: &str) -> String {
    format!(r#"{{"name": "{name}", "privateIPAddress": "10.0.0.200"}}"#)
}

fn rule(name: &str, frontend: &str, protocol: &str, port: u32, floating: bool) -> String {
    format!(
        r#"{{"name": "{name}", "protocol": "{protocol}", "frontendPort": {port}, "backendPort": {port},
        "enableFloatingIP": {floating}, "frontendIPConfiguration": {{"id": "/lb/frontendIPConfigurations/{frontend}"}},
        "backendAddressPool": {{"id": "/lb/backendAddressPools/p"}}}}"#
    )
}

fn balancer(sku: &str, frontends: &[String], rules: &[String], members: usize) -> String {
    let members: Vec<String> = (0..members)
        .map(|at| format!(r#"{{"id": "/networkInterfaces/n{at}/ipConfigurations/c"}}"#))
        .collect();
    format!(
        r#"{{"name": "kubernetes", "sku": {{"name": "{sku}"}}, "frontendIPConfigurations": [{}],
        "backendAddressPools": [{{"name": "p", "backendIPConfigurations": [{}]}}], "loadBalancingRules": [{}]}}"#,
        frontends.join(","),
        members.join(","),
        rules.join(",")
    )
}

/// Each text with a part of what it is refused for; nothing where it is not.
fn expect(cases: &[(String, &str)]) {
    for (text, what) in cases {
        let import = import(&[Source::new("in.json", text.as_str())]);
        let errors: Vec<&str> = import
            .diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error)
            .map(|one| one.what.as_str())
            .collect();
        let fits =
            if what.is_empty() { errors.is_empty() } else { errors.iter().any(|one| one.contains(what)) };
        assert!(fits, "{what}: {errors:?}");
    }
}

#[test]
fn what_one_load_balancer_may_hold() {
    let a = frontend("a");
    let many = |count: u32| {
        (1..=count).map(|port| rule(&format!("r{port}"), "a", "Tcp", port, true)).collect::<Vec<_>>()
    };
    let names = |count: usize| {
        (0..count).map(|at| frontend(&format!("f{at}"))).chain([a.clone()]).collect::<Vec<_>>()
    };
    // Load-balancing, outbound and NAT rules count together.
    let with = |rules: &[String], more: &str| {
        let text = balancer("Standard", std::slice::from_ref(&a), rules, 2);
        format!("{}{more}}}", text.trim_end_matches('}'))
    };
    let outbound = &r#", "outboundRules": [{"name": "o", "protocol": "All", "allocatedOutboundPorts": 0, "backendAddressPool": {"id": "/lb/backendAddressPools/p"}, "frontendIPConfigurations": [{"id": "/lb/frontendIPConfigurations/a"}]}]"#.to_owned();
    let nat = |count: u32| {
        let one = |at: u32| {
            format!(
                r#"{{"name": "n{at}", "protocol": "Tcp", "frontendPort": {}, "backendPort": 22,
                "backendIPConfiguration": {{"id": "/NetworkInterfaces/n0/ipConfigurations/c"}}}}"#,
                50_000 + at
            )
        };
        format!(", \"inboundNatRules\": [{}]", (0..count).map(one).collect::<Vec<_>>().join(","))
    };
    let none = "";
    expect(&[
        (balancer("Standard", std::slice::from_ref(&a), &many(1_500), 0), none),
        (balancer("Standard", std::slice::from_ref(&a), &many(300), 2), none),
        (balancer("Standard", std::slice::from_ref(&a), &many(301), 2), "301 rules lead to the NIC n0"),
        (with(&many(299), &(outbound.clone() + &nat(0))), none),
        (with(&many(300), outbound), "301 rules lead to the NIC n0"),
        (with(&many(299), &(outbound.clone() + &nat(1))), "301 rules lead to the NIC n0"),
        (with(&many(0), &nat(301)), "301 rules lead to the NIC n0"),
        (balancer("Standard", std::slice::from_ref(&a), &many(1_501), 0), "has 1501 load-balancing rules"),
        (balancer("Basic", std::slice::from_ref(&a), &many(250), 300), none),
        (balancer("Basic", std::slice::from_ref(&a), &many(251), 1), "has 251 load-balancing rules"),
        (balancer("Standard", &names(599), &[], 1), none),
        (balancer("Standard", &names(600), &[], 1), "has 601 frontends"),
        (balancer("Basic", &names(200), &[], 1), "has 201 frontends"),
        (balancer("Standard", std::slice::from_ref(&a), &[], 5_001), "the backend pool p has 5001 members"),
        (balancer("Basic", std::slice::from_ref(&a), &[], 301), "the backend pool p has 301 members"),
    ]);
}

#[test]
fn rules_in_one_anothers_way() {
    let (a, b) = (frontend("a"), frontend("b"));
    let public = r#"{"name": "a", "publicIPAddress": {"id": "/publicIPAddresses/x"}}"#.to_owned();
    let none = "";
    expect(&[
        // HA ports.
        (
            balancer(
                "Standard",
                &[a.clone(), b.clone()],
                &[rule("x", "a", "All", 0, true), rule("y", "b", "All", 0, true)],
                1,
            ),
            none,
        ),
        (
            balancer(
                "Standard",
                std::slice::from_ref(&a),
                &[rule("x", "a", "All", 0, true), rule("y", "a", "All", 0, true)],
                1,
            ),
            "both for all ports of one frontend",
        ),
        (
            balancer("Basic", std::slice::from_ref(&a), &[rule("x", "a", "All", 0, true)], 1),
            "is for all ports (HA ports)",
        ),
        (balancer("Standard", &[public], &[rule("x", "a", "All", 0, true)], 1), "has a public frontend"),
        // Two rules in one another's way.
        (
            balancer(
                "Standard",
                std::slice::from_ref(&a),
                &[rule("x", "a", "Tcp", 80, true), rule("y", "a", "Udp", 80, true)],
                1,
            ),
            none,
        ),
        (
            balancer(
                "Standard",
                std::slice::from_ref(&a),
                &[rule("x", "a", "Tcp", 80, true), rule("y", "a", "Tcp", 80, true)],
                1,
            ),
            "the rules x and y are both for TCP 80 of one frontend",
        ),
        (
            balancer(
                "Standard",
                &[a.clone(), b.clone()],
                &[rule("x", "a", "Tcp", 80, true), rule("y", "b", "Tcp", 80, true)],
                1,
            ),
            none,
        ),
        (
            balancer(
                "Standard",
                &[a.clone(), b.clone()],
                &[rule("x", "a", "Tcp", 80, false), rule("y", "b", "Tcp", 80, false)],
                1,
            ),
            "use the same backend port 80, protocol and backend pool",
        ),
    ]);
}

#[test]
fn what_az_shows_of_a_nic_is_one_of_two_things() {
    use model::azure::Effective;
    let read = |text: &str| formats::read_effective(&Source::new("shown.json", text));
    let route = r#"{"addressPrefix": ["10.0.0.0/8"], "hasBgpOverride": false, "name": null, "nextHopIpAddress": [], "nextHopType": "VnetLocal", "source": "Default", "state": "Active"}"#;
    let group = r#"{"networkSecurityGroup": {"id": "/g"}, "tagMap": "{}", "effectiveSecurityRules": [{"name": "securityRules/a", "priority": 100, "access": "Deny", "direction": "Inbound", "protocol": "Tcp", "sourceAddressPrefix": "Internet", "expandedSourceAddressPrefix": ["1.0.0.0/8"]}]}"#;
    let list = |entries: &str| format!(r#"{{"nextLink": null, "value": [{entries}]}}"#);
    assert!(matches!(read(&list(route)), Ok(Effective::Routes(routes)) if routes.len() == 1));
    assert!(
        matches!(read(&list(group)), Ok(Effective::Security(groups)) if groups[0].effective_security_rules.len() == 1)
    );
    for (text, what) in [
        (list(""), "neither"),
        ("{}".to_owned(), "neither"),
        (list(&format!("{route}, {group}")), "1 of 2 entries are of another kind"),
        (list(route)[..60].to_owned(), ""),
        (String::new(), "nothing in it"),
        (list(&route.replace("[\"10.0.0.0/8\"]", "7")), ""),
    ] {
        let errors = read(&text).expect_err(&text);
        assert!(
            errors.iter().all(|one| one.what.contains(what) && !one.hint.is_empty() && one.line > 0),
            "{errors:?}"
        );
    }
}

#[test]
fn networks_that_overlap() {
    let network = |name: &str, range: &str, peer: &str| {
        let peering = if peer.is_empty() {
            String::new()
        } else {
            format!(
                "\n  virtualNetworkPeerings: [{{name: p, remoteVirtualNetwork: {{id: /subscriptions/0/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/{peer}}}}}]"
            )
        };
        format!(
            "---\napiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {{name: {name}}}\nspec:\n  addressSpace: {{addressPrefixes: [{range}]}}{peering}\n"
        )
    };
    for (a, b, severity, what) in [
        (("a", "10.0.0.0/16", ""), ("b", "10.1.0.0/16", "a"), None, ""),
        (("a", "10.0.0.0/8", ""), ("b", "10.1.0.0/16", ""), Some(Severity::Warning), "taken as one of a"),
        (("a", "10.0.0.0/16", ""), ("b", "10.0.0.0/8", "a"), Some(Severity::Error), "refuses to peer"),
        (("a", "10.0.0.0/16", "b"), ("b", "10.0.0.0/16", ""), Some(Severity::Error), "refuses to peer"),
        (("a", "10.0.0.0/16", ""), ("a", "10.0.0.0/16", ""), Some(Severity::Error), "remove one"),
    ] {
        let text = network(a.0, a.1, a.2) + &network(b.0, b.1, b.2);
        let remarks = import(&[Source::new("in.yaml", text)]).diagnostics;
        let told = remarks.iter().find(|one| one.severity <= Severity::Warning);
        assert_eq!(told.map(|one| one.severity), severity, "{remarks:#?}");
        assert!(told.is_none_or(|one| one.hint.contains(what)), "{what}: {remarks:#?}");
    }
}
