//! Azure on the command line: drift of load balancers, outbound ports.

#![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

mod support;

use std::{fs, process::Command};
use support::{prints, refuses, top};

/// The cluster of an example whose load balancer was edited by hand: the document that the controllers write, with
/// a text replaced.
fn edited(name: &str, from: &str, to: &str) -> String {
    let written = prints("lb examples/caveat-cluster");
    assert!(written.contains(from), "{written}");
    let file = std::env::temp_dir().join(format!("hopscope-{}-{name}.json", std::process::id()));
    fs::write(&file, written.replacen(from, to, 1)).expect("the file can be written");
    file.display().to_string()
}

fn compare(file: &str, more: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_hopscope"))
        .args(["lb", "examples/caveat-cluster", file, "--compare"])
        .args(more)
        .current_dir(top())
        .output()
        .expect("the binary runs");
    (output.status.code(), String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn a_load_balancer_that_nobody_edited_does_not_drift() {
    let file = edited("same", "kubernetes", "kubernetes");
    let (code, text) = compare(&file, &[]);
    assert_eq!((code, &*text), (Some(0), "kubernetes: as the controllers would write it\n"));
}

#[test]
fn drift_is_told_with_what_becomes_of_it_and_exit_code_1() {
    let file = edited("drift", "\"enableFloatingIP\": true", "\"enableFloatingIP\": false");
    let (code, text) = compare(&file, &[]);
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "kubernetes: 1 differences",
        "enableFloatingIP: false, wanted true",
        "next reconcile: put back.",
        "Nobody watches the load balancer",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let (code, json) = compare(&file, &["-o", "json"]);
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(code, Some(1));
    let row = &value[0]["differences"][0];
    assert_eq!(
        (&row["part"], &row["difference"], &row["nextReconcile"]),
        (&"rule".into(), &"changed".into(), &"putBack".into())
    );
    assert_eq!(
        row["fields"][0],
        serde_json::json!({"field": "enableFloatingIP", "is": "false", "wanted": "true"})
    );
}

#[test]
fn without_a_load_balancer_in_the_input_there_is_nothing_to_compare() {
    let complaint = refuses("lb examples/caveat --compare", "");
    assert!(complaint.contains("no load balancer to compare") && complaint.contains("hint:"), "{complaint}");
}

#[test]
fn outbound_ports_of_each_node_and_what_more_nodes_change() {
    let file = std::env::temp_dir().join(format!("hopscope-{}-standard.yaml", std::process::id()));
    let mut cluster =
        String::from("apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {name: demo}\nspec: {}\n");
    for number in 0..48 {
        cluster += &format!("---\napiVersion: v1\nkind: Node\nmetadata: {{name: n{number:02}}}\n");
    }
    fs::write(&file, cluster).expect("the file can be written");
    let text = prints(&format!("snat {} --add 4 --flows 2000", file.display()));
    for line in [
        "ports      1024 for each node and protocol",
        "total      49152 of 64000",
        "next step  at 51 members: 512 ports each",
        "+4 nodes   512 ports each: every node can hold 512 flows fewer",
        "2000 flows of one node to one destination: 1024 find a port, 976 fail",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let json = prints(&format!("snat {} -o json", file.display()));
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let pool = &value["pools"][0];
    assert_eq!((&pool["now"]["portsPerMember"], &pool["nextStep"]["members"]), (&1024.into(), &51.into()));
}

/// Azure, "Customize cluster egress with outbound types": with `userDefinedRouting` the route is the only source of
/// egress; a NAT gateway takes precedence over a load balancer. A gateway's document names its addresses by id only.
#[test]
fn outbound_ports_that_nothing_uses_are_said_to_be_unused() {
    let network = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network";
    let cluster = |outbound: &str, subnet: &str, more: &str| {
        format!(
            "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {{name: demo}}\nspec:\n  networkProfile: {{networkPlugin: azure, networkPluginMode: overlay, outboundType: {outbound}}}\n  agentPoolProfiles: [{{name: nodes, mode: System, count: 2}}]\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: web}}\nspec: {{type: LoadBalancer, ports: [{{port: 80}}]}}\n---\napiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: web}}]}}\n---\napiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {{name: vnet}}\nspec:\n  addressSpace: {{addressPrefixes: [10.224.0.0/12]}}\n  subnets: [{{name: aks, addressPrefix: 10.224.0.0/16, {subnet}}}]\n{more}"
        )
    };
    let table = format!("routeTable: {{id: {network}/routeTables/rt}}");
    let route = "---\napiVersion: hopscope.dev/v1\nkind: RouteTable\nmetadata: {name: rt}\nspec: {routes: [{name: all, addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.225.0.4}]}\n";
    let behind = format!("natGateway: {{id: {network}/natGateways/ng}}");
    let gateway = format!(
        "---\napiVersion: hopscope.dev/v1\nkind: NatGateway\nmetadata: {{name: ng}}\nspec: {{publicIpAddresses: [{{id: {network}/publicIPAddresses/one}}]}}\n"
    );
    let file = std::env::temp_dir().join(format!("hopscope-{}-unused.yaml", std::process::id()));
    for (text, lines, seen) in [
        (cluster("loadBalancer", "", ""), vec![], "kubernetes"),
        (
            cluster("userDefinedRouting", &table, route),
            vec!["unused     2 of 2 nodes go out by a user route: of these ports they take none"],
            "firewall 10.225.0.4",
        ),
        (
            cluster("userAssignedNATGateway", &behind, &gateway),
            vec![
                "unused     2 of 2 nodes go out by a NAT gateway: of these ports they take none",
                "NAT gateway ng\n  addresses  1 (not in the input)\n  ports      64512 on demand",
            ],
            "NAT gateway ng",
        ),
        (
            cluster("userAssignedNATGateway", &format!("{behind}, {table}"), &format!("{gateway}{route}")),
            vec![
                "unused     2 of 2 nodes go out by a user route: of these ports they take none",
                "unused     2 of 2 nodes go out by a user route: they do not pass the gateway",
            ],
            "firewall 10.225.0.4",
        ),
        // The subnet's gateway is not in the input at all.
        (
            cluster("userAssignedNATGateway", "", ""),
            vec!["2 of 2 nodes go out by a NAT gateway"],
            "NAT gateway",
        ),
    ] {
        fs::write(&file, text).expect("the file can be written");
        let report = prints(&format!("snat {}", file.display()));
        assert_eq!(report.contains("unused"), !lines.is_empty(), "{report}");
        for line in lines {
            assert!(report.contains(line), "{line}\n{report}");
        }
        let paths = prints(&format!("paths {} --from pod/default/web --to 203.0.113.9:443", file.display()));
        assert!(paths.contains(seen), "{seen}\n{paths}");
    }
}

#[test]
fn every_member_says_why_it_is_up_or_down() {
    let id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/networkSecurityGroups/closed";
    let network = format!(
        "apiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {{name: vnet}}\nspec:\n  addressSpace: {{addressPrefixes: [10.224.0.0/12]}}\n  subnets:\n  - name: nodes\n    addressPrefix: 10.224.0.0/16\n    networkSecurityGroup: {{id: {id}}}\n---\napiVersion: hopscope.dev/v1\nkind: NetworkSecurityGroup\nmetadata: {{name: closed}}\nspec:\n  id: {id}\n  securityRules:\n  - {{name: no-probes, priority: 200, direction: Inbound, access: Deny, protocol: '*', sourceAddressPrefix: AzureLoadBalancer, sourcePortRange: '*', destinationAddressPrefix: '*', destinationPortRange: '*'}}\n"
    );
    let file = std::env::temp_dir().join(format!("hopscope-{}-closed.yaml", std::process::id()));
    fs::write(&file, network).expect("the file can be written");
    let open = prints("lb examples/caveat --probes");
    for line in [
        "kubernetes pool kubernetes: takes connections",
        "down 10 to 15 s after the last answer",
        "up   aks-system-27255451-0: Http from 168.63.129.16 to 10.224.0.4:32649/healthz: 200",
    ] {
        assert!(open.contains(line), "{line}\n{open}");
    }
    let closed = prints(&format!("lb examples/caveat {} --probes", file.display()));
    for line in [
        "down aks-system-27255451-0: Http from 168.63.129.16 to 10.224.0.4:32649/healthz",
        "no-probes",
        "200",
    ] {
        assert!(closed.contains(line), "{line}\n{closed}");
    }
    let json = prints(&format!("lb examples/caveat {} --probes -o json", file.display()));
    let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let probe = &value[0]["members"][0]["probe"];
    assert_eq!(probe["up"], false, "{json}");
    assert_eq!(probe["asked"]["port"], 32649, "{json}");
    assert_eq!(probe["stopped"]["cause"], "nsg-denied", "{json}");
    assert!(
        probe["stopped"]["rule"]["place"].as_str().is_some_and(|place| place.contains("closed")),
        "{json}"
    );
}
