//! Azure documents that are refused, each with its line, what is wrong and a hint.

use formats::{Severity, Source, import};

const NETWORK: &str = r#"{"name": "v", "type": "Microsoft.Network/virtualNetworks",
 "addressSpace": {"addressPrefixes": ["10.0.0.0/8"]},
 "subnets": [
  {"name": "a", "addressPrefix": "10.1.0.0/16", "networkSecurityGroup": {"id": "/nsg/g"}},
  {"name": "b", "addressPrefix": "10.2.0.0/16", "routeTable": {"id": "/rt/t"}}],
 "virtualNetworkPeerings": [
  {"name": "hub", "remoteAddressSpace": {"addressPrefixes": ["192.168.0.0/16"]}}]}
---
{"name": "g", "type": "Microsoft.Network/networkSecurityGroups",
 "securityRules": [
  {"name": "one", "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp",
   "sourceAddressPrefix": "Internet", "destinationAddressPrefix": "*", "destinationPortRange": "80"},
  {"name": "two", "priority": 200, "direction": "Inbound", "access": "Deny", "protocol": "*",
   "sourceAddressPrefix": "10.9.0.0/16", "destinationAddressPrefix": "*", "destinationPortRange": "*"}]}
---
{"name": "t", "type": "Microsoft.Network/routeTables",
 "routes": [
  {"name": "out", "addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.3.0.4"}]}"#;

/// A load balancer with one of everything; a case replaces one part.
const BALANCER: &str = r#"{"name": "kubernetes", "type": "Microsoft.Network/loadBalancers",
 "frontendIPConfigurations": [{"name": "f"}],
 "backendAddressPools": [{"name": "kubernetes"}],
 "loadBalancingRules": [
  {"name": "r", "protocol": "Tcp", "frontendPort": 80, "backendPort": 80, "idleTimeoutInMinutes": 4,
   "frontendIPConfiguration": {"id": "/lb/frontendIPConfigurations/f"},
   "backendAddressPool": {"id": "/lb/backendAddressPools/kubernetes"},
   "probe": {"id": "/lb/probes/p"}}],
 "probes": [
  {"name": "p", "protocol": "Tcp", "port": 30080, "intervalInSeconds": 5}],
 "outboundRules": [
  {"name": "o", "protocol": "All", "allocatedOutboundPorts": 1024, "idleTimeoutInMinutes": 30,
   "backendAddressPool": {"id": "/lb/backendAddressPools/kubernetes"},
   "frontendIPConfigurations": [{"id": "/lb/frontendIPConfigurations/f"}]}]}"#;

/// A load balancer, a NIC, a cluster, and what their ids lead to.
const REFERENCES: &str = r#"{"name": "kubernetes", "type": "Microsoft.Network/loadBalancers", "sku": {"name": "Standard"},
 "frontendIPConfigurations": [
  {"name": "f", "publicIPAddress": {"id": "/s/g/providers/Microsoft.Network/publicIPAddresses/web"}},
  {"name": "i", "subnet": {"id": "/s/g/providers/Microsoft.Network/virtualNetworks/v/subnets/nodes"}}],
 "backendAddressPools": [{"name": "kubernetes", "backendIPConfigurations": [
  {"id": "/s/g/providers/Microsoft.Network/networkInterfaces/n/ipConfigurations/ipconfig1"}]}]}
---
{"name": "web", "type": "Microsoft.Network/publicIPAddresses", "ipAddress": "20.0.0.1"}
---
{"name": "v", "type": "Microsoft.Network/virtualNetworks", "addressSpace": {"addressPrefixes": ["10.0.0.0/8"]},
 "subnets": [{"name": "nodes", "addressPrefix": "10.1.0.0/16"}]}
---
{"name": "demo", "agentPoolProfiles": [{"name": "p", "mode": "System", "count": 3}],
 "networkProfile": {"loadBalancerProfile": {"backendPoolType": "nodeIP"}},
 "loadBalancers": [{"name": "kubernetes", "primaryAgentPoolName": "p"}]}"#;

#[test]
fn bad_input_around_a_cluster_is_told_with_its_line_and_a_hint() {
    let wrapped = |kind: &str, name: &str, spec: &str| {
        format!("apiVersion: hopscope.dev/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{spec}\n")
    };
    let kubernetes = |kind: &str, spec: &str| {
        format!("apiVersion: networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: x}}\nspec:\n{spec}\n")
    };
    let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, labels: {app: web}}\n";
    let account = |id: &str| {
        format!(
            "---\napiVersion: hopscope.dev/v1\nkind: StorageAccount\nmetadata: {{name: acct}}\nspec:\n  id: /subscriptions/{id}/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/acct\n"
        )
    };
    let endpoint = wrapped(
        "PrivateEndpoint",
        "pe",
        "  customDnsConfigs: [{ipAddresses: [10.224.9.5]}]\n  privateLinkServiceConnections:\n  - name: c\n    privateLinkServiceId: /subscriptions/1/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/acct\n    groupIds: [blob]",
    );
    for (text, line, what, hint) in [
        (
            wrapped(
                "PrivateDnsZone",
                "z.net",
                "  recordSets:\n  - {name: a, cnameRecord: {cname: b.z.net}}\n  - {name: b, cnameRecord: {cname: a.z.net}}",
            ),
            6,
            "in a circle: a.z.net → b.z.net → a.z.net",
            "aRecords",
        ),
        (kubernetes("Ingress", "  rules:\n  - host: shop.*.com"), 6, "whole first label", "`*.`"),
        (
            kubernetes("Ingress", "  rules:\n  - host: a*.example.com"),
            6,
            "whole first label",
            "write *.example.com",
        ),
        (kubernetes("Ingress", "  rules:\n  - host: 10.0.0.1"), 6, "not an address", "leave the host out"),
        (
            kubernetes("NetworkPolicy", "  podSelector: {matchLabels: {app: wep}}") + pod,
            5,
            "selects no pod",
            "app is web",
        ),
        (endpoint + &account("2"), 6, "of subscription 1, but", "unique"),
        (
            wrapped(
                "StorageAccount",
                "acct",
                "  networkRuleSet:\n    ipRules: [{ipAddressOrRange: 203.0.113.9/32}]",
            ),
            6,
            "refused by Azure",
            "write 203.0.113.9 without a length",
        ),
        (
            wrapped(
                "StorageAccount",
                "acct",
                "  networkRuleSet:\n    ipRules: [{ipAddressOrRange: 10.0.0.0/8}]",
            ),
            6,
            "refused by Azure",
            "by its subnet",
        ),
        (
            kubernetes(
                "NetworkPolicy",
                "  podSelector: {}\n  ingress:\n  - from:\n    - {ipBlock: {cidr: 10.0.0.0/8, except: [192.168.0.0/16]}}",
            ),
            8,
            "strictly inside",
            "remove or narrow",
        ),
    ] {
        let remarks = import(&[Source::new("in.yaml", text.clone())]).diagnostics;
        let found = remarks.iter().find(|remark| remark.what.contains(what) && remark.hint.contains(hint));
        assert_eq!(found.map(|remark| remark.line), Some(line), "{text}\n{remarks:#?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn bad_azure_input_says_line_what_and_hint() {
    for text in [BALANCER, NETWORK] {
        assert_eq!(import(&[Source::new("in.json", text)]).diagnostics, vec![], "the documents are sound");
    }
    // The document; what is replaced and by what; line of the error; part of what is wrong; part of the hint.
    let cases: &[(&str, &str, &str, u32, &str, &str)] = &[
        // An id that points nowhere.
        (
            BALANCER,
            "backendAddressPools/kubernetes\"},\n   \"probe",
            "backendAddressPools/kuberntes\"},\n   \"probe",
            7,
            "backend pool kuberntes that is not there",
            "did you mean kubernetes?",
        ),
        (
            BALANCER,
            "/lb/probes/p",
            "/lb/probes/other-probe",
            8,
            "probe other-probe that is not there",
            "the probes are p",
        ),
        (
            BALANCER,
            "{\"id\": \"/lb/frontendIPConfigurations/f\"},",
            "{\"id\": \"/lb/frontendIPConfigurations/gone\"},",
            6,
            "frontend gone that is not there",
            "the frontends are f",
        ),
        (
            BALANCER,
            "[{\"id\": \"/lb/frontendIPConfigurations/f\"}]",
            "[{\"id\": \"/lb/frontendIPConfigurations/gone\"}]",
            14,
            "the rule o refers to a frontend gone",
            "the frontends are f",
        ),
        (
            NETWORK,
            "/nsg/g",
            "/nsg/h",
            4,
            "networkSecurityGroup refers to NetworkSecurityGroup h",
            "az network nsg show -n h",
        ),
        (
            NETWORK,
            "/rt/t",
            "/rt/another",
            5,
            "routeTable refers to RouteTable another",
            "az network route-table show -n another",
        ),
        // A rule with no pool.
        (
            BALANCER,
            "   \"backendAddressPool\": {\"id\": \"/lb/backendAddressPools/kubernetes\"},\n   \"probe\"",
            "   \"probe\"",
            5,
            "the rule r has no backend pool",
            "the pools are kubernetes",
        ),
        // Values that Azure refuses.
        (
            BALANCER,
            "\"intervalInSeconds\": 5",
            "\"intervalInSeconds\": 1",
            10,
            "the probe p has an interval of 1 s",
            "5 seconds or more",
        ),
        (
            BALANCER,
            "\"port\": 30080",
            "\"port\": 0",
            10,
            "the probe p needs a port",
            "the port that is probed",
        ),
        (BALANCER, "\"port\": 30080", "\"port\": 70000", 10, "70000", "65535"),
        (
            BALANCER,
            "\"idleTimeoutInMinutes\": 4",
            "\"idleTimeoutInMinutes\": 3",
            5,
            "an idle timeout of 3 min",
            "4 to 100",
        ),
        (
            BALANCER,
            "\"idleTimeoutInMinutes\": 30",
            "\"idleTimeoutInMinutes\": 121",
            12,
            "an idle timeout of 121 min",
            "4 to 120",
        ),
        (BALANCER, "1024", "1001", 12, "allocates 1001 ports", "a multiple of 8"),
        // Ranges that overlap.
        (
            NETWORK,
            "10.2.0.0/16",
            "10.1.128.0/17",
            5,
            "10.1.128.0/17 overlaps the subnet a 10.1.0.0/16",
            "another range",
        ),
        (
            NETWORK,
            "[\"10.0.0.0/8\"]",
            "[\"10.0.0.0/8\", \"10.1.0.0/16\"]",
            2,
            "10.1.0.0/16 overlaps the network's own range 10.0.0.0/8",
            "another range",
        ),
        (
            NETWORK,
            "192.168.0.0/16",
            "10.64.0.0/16",
            7,
            "10.64.0.0/16 overlaps the network's own range",
            "another range",
        ),
        (NETWORK, "10.2.0.0/16", "172.16.0.0/16", 5, "outside of the network's addressSpace", "widen"),
        (NETWORK, "\"10.2.0.0/16\"", "\"10.2.0.0/33\"", 5, "is not a range", "10.244.0.0/16"),
        // Rules and routes.
        (
            NETWORK,
            "\"priority\": 200",
            "\"priority\": 100",
            13,
            "the rules one and two have the same priority",
            "its own priority",
        ),
        (NETWORK, "\"priority\": 200", "\"priority\": 99", 13, "priority 99", "100 to 4096"),
        (NETWORK, "\"10.9.0.0/16\"", "\"10.9.0.0/x\"", 14, "is not a range", "10.244.0.0/16"),
        (NETWORK, "\"80\"", "\"90-80\"", 12, "is not a range of ports", "8000-8080"),
        (
            NETWORK,
            "\"VirtualAppliance\"",
            "\"VirtualAplliance\"",
            18,
            "not a known value",
            "did you mean VirtualAppliance?",
        ),
        (NETWORK, "\"10.3.0.4\"", "\"10.3.0.400\"", 18, "is not an IP address", "10.224.0.4"),
    ];
    for (text, from, to, line, what, hint) in cases {
        let broken = text.replacen(from, to, 1);
        assert_ne!(&broken, text, "{from} is not in the document");
        let import = import(&[Source::new("in.json", broken)]);
        let errors: Vec<_> =
            import.diagnostics.iter().filter(|remark| remark.severity == Severity::Error).collect();
        let fits = errors
            .iter()
            .any(|error| error.line == *line && error.what.contains(what) && error.hint.contains(hint));
        assert!(fits, "{to}: {line} {what} {hint}\n{errors:#?}");
    }
}

#[test]
fn json_cut_in_the_middle_is_refused_with_its_place() {
    let lines: Vec<&str> = BALANCER.lines().collect();
    for cut in 1..lines.len() {
        let import = import(&[Source::new("in.json", lines[..cut].join("\n"))]);
        let error = import.diagnostics.iter().find(|remark| remark.severity == Severity::Error);
        let error = error.unwrap_or_else(|| panic!("cut after line {cut}: no error"));
        assert!(
            error.line >= 1 && usize::try_from(error.line).is_ok_and(|line| line <= cut + 1),
            "{error:?}"
        );
        assert!(!error.what.is_empty() && !error.hint.is_empty(), "{error:?}");
    }
}

#[test]
fn ids_that_lead_nowhere() {
    let says = |text: &str| import(&[Source::new("in.json", text)]).diagnostics;
    assert_eq!(says(REFERENCES), vec![], "the documents are sound");
    for (from, to, severity, line, what, hint) in [
        (
            "/publicIPAddresses/web",
            "/publicIPAddresses/wep",
            Severity::Error,
            3,
            "wep, which is not in",
            "did you mean web?",
        ),
        (
            "/publicIPAddresses/web",
            "/publicIPAddresses/another",
            Severity::Warning,
            3,
            "the public address another",
            "az network public-ip show -n another",
        ),
        (
            "Microsoft.Network/publicIPAddresses/web\"}",
            "Microsoft.Network/loadBalancers/web\"}",
            Severity::Error,
            3,
            "is not the id of a public address",
            "…/publicIPAddresses/NAME",
        ),
        (
            "v/subnets/nodes",
            "v/subnets/pods",
            Severity::Error,
            4,
            "a subnet pods that v",
            "the subnets of v are nodes",
        ),
        ("v/subnets/nodes", "v", Severity::Error, 4, "is not the id of a subnet", "…/subnets/NAME"),
        (
            "networkInterfaces/n/ipConfigurations/ipconfig1",
            "virtualMachines/n",
            Severity::Error,
            6,
            "is not the id of the configuration of a NIC",
            "…/networkInterfaces/NAME",
        ),
        (
            "AgentPoolName\": \"p\"",
            "AgentPoolName\": \"q\"",
            Severity::Error,
            15,
            "no node pool q",
            "the pools are p",
        ),
        (
            "[{\"name\": \"kubernetes\", \"primary",
            "[{\"name\": \"other\", \"primary",
            Severity::Error,
            15,
            "called kubernetes",
            "outbound",
        ),
        (
            "\"nodeIP\"",
            "\"nodeIPConfiguration\"",
            Severity::Warning,
            15,
            "need loadBalancerSku standard",
            "nodeIP",
        ),
    ] {
        let text = REFERENCES.replace(from, to);
        assert_ne!(text, REFERENCES, "{from}");
        let said = says(&text);
        let [one] = said.as_slice() else { panic!("{to}: {said:#?}") };
        assert_eq!((one.severity, one.line), (severity, line), "{to}: {one:?}");
        assert!(one.what.contains(what), "{to}: {one:?}");
        assert!(one.hint.contains(hint), "{to}: {one:?}");
    }
}

#[test]
fn a_template_does_not_grow_without_end() {
    let mut variables = r#""v0": "xxxxxxxx""#.to_owned();
    for number in 1..20 {
        let before = number - 1;
        variables += &format!(r#", "v{number}": "[concat(variables('v{before}'), variables('v{before}'))]""#);
    }
    let template = |own: &str| {
        format!(
            r#"{{"$schema": "x", "variables": {{{own}}}, "resources": [
                {{"type": "Microsoft.Network/routeTables", "name": "[variables('v19')]"}}]}}"#
        )
    };
    let arrays = variables
        .replace("\"[concat(", "[\"[")
        .replace("), variables", ")]\", \"[variables")
        .replace("))]\"", ")]\"]");
    for (own, what) in [
        (variables, "too large"),
        (arrays, "too large"),
        (r#""v19": "[variables('v19')]""#.to_owned(), "too deeply"),
    ] {
        let import = import(&[Source::new("in.json", template(&own))]);
        let errors: Vec<_> =
            import.diagnostics.iter().filter(|one| one.severity == Severity::Error).collect();
        assert!(matches!(errors.as_slice(), [one] if one.what.contains(what)), "{what} {errors:?}");
    }
}

#[test]
fn a_reference_to_a_kind_that_the_input_does_not_show_is_only_told() {
    let alone = NETWORK.split("---").next().unwrap_or_default();
    let import = import(&[Source::new("in.json", alone)]);
    assert!(!import.has_errors(), "{:#?}", import.diagnostics);
    let whats: Vec<_> = import.diagnostics.iter().map(|remark| (remark.severity, remark.line)).collect();
    assert_eq!(whats, [(Severity::Warning, 4), (Severity::Warning, 5)], "{:#?}", import.diagnostics);
}
