//! DNS servers of networks and pods, and resolvers.

use formats::{Import, Source, import};
use model::kubernetes::DnsPolicy;

const RESOLVER: &str = "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/dnsResolvers/hub";

fn read(text: &str) -> Import {
    import(&[Source::new("in.yaml", text)])
}

#[test]
fn what_azure_and_kubectl_print_of_dns_is_read_and_written() {
    let azure = format!(
        r#"[{{"name": "home", "type": "Microsoft.Network/virtualNetworks",
              "addressSpace": {{"addressPrefixes": ["10.224.0.0/12"]}}, "dhcpOptions": {{"dnsServers": ["10.225.0.4"]}}}},
            {{"name": "bare", "type": "Microsoft.Network/virtualNetworks",
              "addressSpace": {{"addressPrefixes": ["10.0.0.0/16"]}}, "dhcpOptions": {{"dnsServers": []}}}},
            {{"name": "hub", "type": "Microsoft.Network/dnsResolvers", "id": "{RESOLVER}", "dnsResolverState": "Connected",
              "virtualNetwork": {{"id": "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/home"}}}},
            {{"name": "in", "type": "Microsoft.Network/dnsResolvers/inboundEndpoints", "id": "{RESOLVER}/inboundEndpoints/in",
              "ipConfigurations": [{{"privateIpAddress": "10.225.0.4", "privateIpAllocationMethod": "Static",
                                    "subnet": {{"id": "/s"}}}}]}}]"#
    );
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  dnsPolicy: None\n  dnsConfig:\n    nameservers: [10.225.0.4]\n    searches: [corp.internal]\n    options: [{name: ndots, value: \"2\"}, {name: edns0}]\n  containers: [{name: c}]\nstatus: {podIP: 10.244.0.9}\n";
    let import = import(&[Source::new("azure.json", azure), Source::new("pod.yaml", pod)]);
    assert!(!import.has_errors(), "{:#?}", import.diagnostics);
    let model = import.model;
    assert_eq!(model.virtual_networks["home"].dhcp_options.dns_servers, ["10.225.0.4"]);
    assert_eq!(model.virtual_networks["bare"].dhcp_options.dns_servers, [""; 0]);
    let own = &model.dns_resolvers["hub"].inbound_endpoints[0].ip_configurations[0];
    assert_eq!(own.private_ip_address.as_deref(), Some("10.225.0.4"));
    let spec = &model.pods.values().next().expect("a pod").spec;
    assert_eq!(spec.dns_policy, Some(DnsPolicy::None));
    assert_eq!(spec.dns_config.as_ref().map(|config| config.options.len()), Some(2));
    let again = read(&formats::model_yaml(&model));
    assert_eq!(again.model, model, "{:?}", again.diagnostics);
}

#[test]
fn bad_dns_settings_are_told() {
    let network = |servers: &str| {
        format!(
            "apiVersion: hopscope.dev/v1\nkind: VirtualNetwork\nmetadata: {{name: v}}\nspec:\n  addressSpace: {{addressPrefixes: [10.0.0.0/8]}}\n  dhcpOptions: {{dnsServers: [{servers}]}}\n"
        )
    };
    let pod = |dns: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers: [{{name: c}}]\n  {dns}\n"
        )
    };
    let many = vec!["10.1.1.1"; 21].join(", ");
    for (text, line, what, hint) in [
        (
            network("dns.corp"),
            6,
            "dhcpOptions.dnsServers[0]: \"dns.corp\" is not an IP address",
            "10.224.0.4",
        ),
        (network(&many), 6, "21 DNS servers", "20 for a virtual network"),
        (pod("dnsPolicy: ClusterLast"), 6, "ClusterLast", "ClusterFirst"),
        (pod("dnsPolicy: None"), 6, "dnsConfig names no server", "nameservers"),
        (pod("dnsConfig: {nameservers: [google]}"), 6, "\"google\" is not an IP address", "IPv4"),
        (
            pod("dnsConfig: {nameservers: [1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4]}"),
            6,
            "nameservers has 4 servers",
            "takes 3",
        ),
        (pod("dnsConfig: {options: [{value: \"2\"}]}"), 6, "the option has no name", "ndots"),
        (pod("dnsConfig: {options: [{name: ndots, value: few}]}"), 6, "ndots is \"few\"", "0 to 15"),
        (
            format!(
                "apiVersion: hopscope.dev/v1\nkind: DnsResolver\nmetadata: {{name: r}}\nspec:\n  inboundEndpoints: [{{ipConfigurations: [{{privateIpAddress: here}}]}}]\n# {RESOLVER}\n"
            ),
            5,
            "\"here\" is not an IP address",
            "IPv4",
        ),
        (
            format!(
                "name: in\ntype: Microsoft.Network/dnsResolvers/inboundEndpoints\nid: {RESOLVER}/inboundEndpoints/in\nipConfigurations: []\n"
            ),
            1,
            "there is no DNS resolver hub",
            "az dns-resolver show -n hub",
        ),
    ] {
        let remarks = read(&text).diagnostics;
        let told =
            remarks.iter().any(|one| one.line == line && one.what.contains(what) && one.hint.contains(hint));
        assert!(told, "{text}\n{remarks:#?}");
    }
}
