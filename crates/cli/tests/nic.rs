//! `hopscope nic`: the effective routes and rules of a NIC, beside a real one's.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

mod support;

use std::{fs, process::Command};
use support::{prints, refuses, top};

const ID: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";
const NODE: &str = "aks-pool-1";

/// A network with a route table and a security group at the nodes' subnet, as a file.
fn input(name: &str) -> std::path::PathBuf {
    let id = ID;
    let network = format!(
        "apiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {{name: vnet}}\nspec:\n  addressSpace: {{addressPrefixes: [10.224.0.0/12]}}\n  subnets:\n  - name: nodes\n    addressPrefix: 10.224.0.0/16\n    routeTable: {{id: {id}/routeTables/rt}}\n    networkSecurityGroup: {{id: {id}/networkSecurityGroups/web}}\n---\napiVersion: hopscope.dev/v1\nkind: RouteTable\nmetadata: {{name: rt}}\nspec:\n  routes:\n  - {{name: out, addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.225.0.4}}\n---\napiVersion: hopscope.dev/v1\nkind: NetworkSecurityGroup\nmetadata: {{name: web}}\nspec:\n  id: {id}/networkSecurityGroups/web\n  securityRules:\n  - {{name: web, priority: 200, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: '*', sourcePortRange: '*', destinationAddressPrefix: '*', destinationPortRange: '80'}}\n---\napiVersion: v1\nkind: Node\nmetadata: {{name: {NODE}}}\nstatus: {{addresses: [{{type: InternalIP, address: 10.224.0.4}}]}}\n"
    );
    let input = std::env::temp_dir().join(format!("hopscope-{}-{name}.yaml", std::process::id()));
    fs::write(&input, network).expect("the file can be written");
    input
}

/// Compares with what `az` shows; the exit code, and what is printed.
fn compare(name: &str, shown: &str, more: &[&str]) -> (Option<i32>, String) {
    let file = std::env::temp_dir().join(format!("hopscope-{}-{name}.json", std::process::id()));
    fs::write(&file, shown).expect("the file can be written");
    let output = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .arg("nic")
        .arg(input(name))
        .args(["--node", NODE, "--compare"])
        .arg(&file)
        .args(more)
        .current_dir(top())
        .output()
        .expect("the binary runs");
    let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
    (output.status.code(), text)
}

fn entry(prefix: &str, source: &str, state: &str, hop: &str, ip: &str, name: &str) -> String {
    format!(
        r#"{{"addressPrefix": [{prefix}], "name": {name}, "nextHopIpAddress": [{ip}], "nextHopType": "{hop}", "source": "{source}", "state": "{state}"}}"#
    )
}

fn list(entries: &[String]) -> String {
    format!("{{\"value\": [{}]}}", entries.join(","))
}

/// What the network's NICs have in Azure.
fn real_routes() -> Vec<String> {
    vec![
        entry("\"10.224.0.0/12\"", "Default", "Active", "VnetLocal", "", "null"),
        entry("\"0.0.0.0/0\"", "Default", "Invalid", "Internet", "", "null"),
        entry("\"10.0.0.0/8\"", "Default", "Active", "None", "", "null"),
        entry("\"172.16.0.0/12\"", "Default", "Active", "None", "", "null"),
        entry("\"192.168.0.0/16\"", "Default", "Active", "None", "", "null"),
        entry("\"100.64.0.0/10\"", "Default", "Active", "None", "", "null"),
        entry("\"0.0.0.0/0\"", "User", "Active", "VirtualAppliance", "\"10.225.0.4\"", "\"out\""),
        entry(
            "\"20.60.0.0/16\", \"20.150.0.0/16\"",
            "Default",
            "Active",
            "VirtualNetworkServiceEndpoint",
            "",
            "null",
        ),
    ]
}

#[test]
fn what_a_nic_has() {
    let input = input("own");
    let node = NODE;
    let own = prints(&format!("nic {} --node {node}", input.display()));
    for line in [
        "Invalid Default 0.0.0.0/0          Internet",
        "Active  User    0.0.0.0/0          VirtualAppliance 10.225.0.4 (out)",
        "Security group web, at the subnet",
        "Inbound  200   Allow web Tcp from * to * ports 80",
    ] {
        assert!(own.contains(line), "{line}\n{own}");
    }
    let complaint = refuses("nic examples/caveat --node nobody", "");
    assert!(complaint.contains("there is no node nobody"), "{complaint}");
}

#[test]
fn real_routes_beside_the_models() {
    let mut routes = real_routes();
    let (code, text) = compare("same", &list(&routes), &[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("0 differences, 7 the same") && text.contains("2 prefixes of service endpoints"),
        "{text}"
    );
    routes.remove(3);
    routes[0] = routes[0].replace("10.224.0.0/12", "10.200.0.0/12");
    if let Some(user) = routes.iter_mut().find(|route| route.contains("\"User\"")) {
        *user = user.replace("10.225.0.4", "10.225.0.5");
    }
    let (code, text) = compare("other", &list(&routes), &[]);
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "the model lacks    route 10.192.0.0/12 (Default): nextHopType VnetLocal",
        "besides, in model  route 10.224.0.0/12 (Default)",
        "besides, in model  route 172.16.0.0/12 (Default): nextHopType None",
        "differs            route 0.0.0.0/0 (User): nextHopIpAddress 10.225.0.5, model 10.225.0.4",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// What `az network nic list-effective-nsg` shows, with the port of the group's own rule.
fn shown(port: &str) -> String {
    let id = ID;
    let rule = |name: &str,
                priority: u32,
                access: &str,
                direction: &str,
                from: &str,
                to: &str,
                port: &str,
                protocol: &str| {
        format!(
            r#"{{"name": "{name}", "priority": {priority}, "access": "{access}", "direction": "{direction}", "protocol": "{protocol}", "sourceAddressPrefix": "{from}", "sourceAddressPrefixes": ["{from}"], "sourcePortRange": "0-65535", "sourcePortRanges": ["0-65535"], "destinationAddressPrefix": "{to}", "destinationAddressPrefixes": ["{to}"], "destinationPortRange": "{port}", "destinationPortRanges": ["{port}"], "expandedSourceAddressPrefix": null}}"#
        )
    };
    let any = "0.0.0.0/0";
    let all = "0-65535";
    let rules = [
        rule("securityRules/web", 200, "Allow", "Inbound", any, any, port, "Tcp"),
        rule(
            "defaultSecurityRules/AllowVnetInBound",
            65000,
            "Allow",
            "Inbound",
            "VirtualNetwork",
            "VirtualNetwork",
            all,
            "All",
        ),
        rule(
            "defaultSecurityRules/AllowAzureLoadBalancerInBound",
            65001,
            "Allow",
            "Inbound",
            "AzureLoadBalancer",
            any,
            all,
            "All",
        ),
        rule("defaultSecurityRules/DenyAllInBound", 65500, "Deny", "Inbound", any, any, all, "All"),
        rule(
            "defaultSecurityRules/AllowVnetOutBound",
            65000,
            "Allow",
            "Outbound",
            "VirtualNetwork",
            "VirtualNetwork",
            all,
            "All",
        ),
        rule(
            "defaultSecurityRules/AllowInternetOutBound",
            65001,
            "Allow",
            "Outbound",
            any,
            "Internet",
            all,
            "All",
        ),
        rule("defaultSecurityRules/DenyAllOutBound", 65500, "Deny", "Outbound", any, any, all, "All"),
    ];
    format!(
        r#"{{"value": [{{"networkSecurityGroup": {{"id": "{id}/networkSecurityGroups/web"}}, "association": {{"subnet": {{"id": "/s"}}}}, "effectiveSecurityRules": [{}]}}]}}"#,
        rules.join(",")
    )
}

#[test]
fn real_rules_beside_the_models() {
    // Azure spells rules out in its own way.
    let (_, text) = compare("rules", &shown("80-80"), &[]);
    assert!(!text.contains("web inbound 200") && text.contains("7 the same"), "{text}");
    let (code, json) = compare("port", &shown("443-443"), &["-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, &value["compared"]), (Some(1), &"effective security rules".into()));
    let differs =
        value["differences"].as_array().expect("a list").iter().find(|one| one["what"] == "web Inbound 200");
    assert_eq!(
        differs.expect("the rule")["fields"],
        serde_json::json!([{"field": "ports", "real": "443-443", "model": "80-80"}])
    );
}

#[test]
fn what_is_no_such_output_is_refused() {
    let routes = real_routes();
    for (name, shown, what) in [
        ("empty", "{\"value\": []}".to_owned(), "neither a list of effective routes nor"),
        ("cut", list(&routes)[..90].to_owned(), "hint"),
        (
            "mixed",
            format!("{{\"value\": [{}, {{\"effectiveSecurityRules\": []}}]}}", routes[0]),
            "of another kind",
        ),
    ] {
        let (code, text) = compare(name, &shown, &[]);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains(what) && text.contains("hint"), "{text}");
    }
}
