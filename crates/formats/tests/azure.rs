//! Azure documents in all the spellings that its tools have had.

use formats::{Import, Severity, Source, import};
use model::{Kind, Model, ObjectRef, azure::SkuName};

fn read(text: &str) -> Import {
    let import = import(&[Source::new("in.json", text)]);
    assert!(!import.has_errors(), "{text}\n{:#?}", import.diagnostics);
    import
}

fn model(text: &str) -> Model {
    read(text).model
}

#[test]
fn a_load_balancer_is_the_same_in_every_spelling() {
    let now = r#"{"name": "kubernetes", "type": "Microsoft.Network/loadBalancers", "sku": {"name": "Standard"},
        "frontendIPConfigurations": [{"name": "f", "publicIPAddress": {"id": "/p", "resourceGroup": "rg"}, "zones": null}],
        "backendAddressPools": [{"name": "kubernetes", "backendIPConfigurations": [{"id": "/n"}]}],
        "loadBalancingRules": [{"name": "r", "protocol": "Tcp", "frontendPort": 80, "backendPort": 80,
            "enableFloatingIP": true, "loadDistribution": "SourceIP", "frontendIPConfiguration": {"id": "/f"},
            "backendAddressPool": {"id": "/kubernetes"}}],
        "probes": null, "tags": null, "etag": "x", "provisioningState": "Succeeded"}"#;
    let expected = model(now);
    let rule = &expected.load_balancers["kubernetes"].load_balancing_rules[0];
    assert!(rule.enable_floating_ip);

    let old_cli = now
        .replace("IPConfiguration", "IpConfiguration")
        .replace("enableFloatingIP", "enableFloatingIp")
        .replace("publicIPAddress", "publicIpAddress");
    let lower = now.replace("\"Tcp\"", "\"tcp\"").replace("Microsoft.Network", "microsoft.network");
    let bare = now.replace("\"type\": \"Microsoft.Network/loadBalancers\",", "");
    let arm = r#"{"name": "kubernetes", "type": "Microsoft.Network/loadBalancers", "sku": {"name": "Standard"},
        "properties": {
            "frontendIPConfigurations": [{"name": "f", "properties": {"publicIPAddress": {"id": "/p"}}}],
            "backendAddressPools": [{"name": "kubernetes", "properties": {"backendIPConfigurations": [{"id": "/n"}]}}],
            "loadBalancingRules": [{"name": "r", "properties": {"protocol": "Tcp", "frontendPort": 80, "backendPort": 80,
                "enableFloatingIP": true, "loadDistribution": "SourceIP", "frontendIPConfiguration": {"id": "/f"},
            "backendAddressPool": {"id": "/kubernetes"}}}]}}"#;
    let listed = format!("[{now}]");
    let by_rest = format!("{{\"value\": [{now}]}}");
    let wrapped = format!(
        "{{\"apiVersion\": \"hopscope.dev/v1\", \"kind\": \"LoadBalancer\", \"metadata\": {{\"name\": \"kubernetes\"}}, \"spec\": {now}}}"
    );
    for text in [&old_cli, &lower, &bare, arm, &listed, &by_rest, &wrapped] {
        assert_eq!(model(text), expected, "{text}");
    }
}

#[test]
fn a_cluster_is_known_by_its_shape_and_by_its_type() {
    for text in [
        r#"{"name": "demo", "agentPoolProfiles": [{"name": "p", "mode": "System", "count": 3}], "kind": "Base",
            "sku": {"name": "Base", "tier": "Free"}, "type": "Microsoft.ContainerService/ManagedClusters"}"#,
        r#"{"name": "demo", "properties": {"agentPoolProfiles": [{"name": "p", "mode": "System", "count": 3}]}}"#,
        "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nmetadata: {name: demo}\nspec:\n  agentPoolProfiles:\n  - {name: p, mode: system, count: 3}\n",
        "apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nspec:\n  name: demo\n  agentPoolProfiles: [{name: p, mode: System, count: 3}]\n",
    ] {
        let model = model(text);
        let cluster = model.managed_cluster.expect("a cluster");
        assert_eq!((&*cluster.name, cluster.agent_pool_profiles[0].count), ("demo", Some(3)), "{text}");
    }
}

#[test]
fn a_version_need_not_be_quoted() {
    let model =
        model("apiVersion: hopscope.dev/v1\nkind: ManagedCluster\nspec:\n  kubernetesVersion: 1.30\n");
    let cluster = model.managed_cluster.expect("a cluster");
    assert_eq!((&*cluster.name, cluster.kubernetes_version.as_deref()), ("aks", Some("1.30")));
}

#[test]
fn other_kinds_are_known_by_their_type_or_shape() {
    for (text, kind, name) in [
        (r#"{"name": "v", "addressSpace": {"addressPrefixes": ["10.0.0.0/8"]}}"#, Kind::VirtualNetwork, "v"),
        (
            r#"{"name": "g", "securityRules": [], "defaultSecurityRules": []}"#,
            Kind::NetworkSecurityGroup,
            "g",
        ),
        (r#"{"name": "t", "routes": [], "type": "Microsoft.Network/routeTables"}"#, Kind::RouteTable, "t"),
        (
            r#"{"name": "p", "ipAddress": "20.0.0.1", "publicIPAllocationMethod": "Static", "sku": {"name": "standard"}}"#,
            Kind::PublicIPAddress,
            "p",
        ),
        (
            r#"{"name": "n", "type": "Microsoft.Network/natGateways", "idleTimeoutInMinutes": 4}"#,
            Kind::NatGateway,
            "n",
        ),
        (
            r#"{"name": "f", "threatIntelMode": "Alert", "ipConfigurations": [{"name": "c", "privateIPAddress": "10.0.0.4"}]}"#,
            Kind::AzureFirewall,
            "f",
        ),
    ] {
        let model = model(text);
        assert!(model.get(&ObjectRef::cluster_scoped(kind, name)).is_some(), "{text}");
        if let Some(address) = model.public_ip_addresses.get("p") {
            assert_eq!(address.sku.as_ref().map(|sku| sku.name), Some(SkuName::Standard));
        }
    }
}

#[test]
fn kubernetes_lists_and_aliases_are_read() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- &n\n  apiVersion: v1\n  kind: Node\n  metadata: &m {name: a}\n";
    assert_eq!(model(list).nodes.len(), 1);
    let typed = r#"{"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}}]}"#;
    assert_eq!(model(typed).nodes.len(), 2);
    let merged = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  labels: {<<: &l {a: b, c: d}, a: own}\n  annotations: *l\n";
    let pod = &model(merged).pods.into_iter().next().expect("a pod").1;
    assert_eq!((pod.metadata.label("a"), pod.metadata.label("c")), (Some("own"), Some("d")));
    assert_eq!(pod.metadata.annotation("a"), Some("b"));
    let with_mark = "\u{feff}apiVersion: v1\r\nkind: Node\r\nmetadata:\r\n  name: a\r\n";
    assert_eq!(model(with_mark).nodes.len(), 1);
    let surrogates = r#"{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a", "annotations": {"x": "\ud83d\uDE00 \/ \\ud83d\\ude00"}}}"#;
    let node = model(surrogates).nodes.into_iter().next().expect("a node").1;
    assert_eq!(node.metadata.annotation("x"), Some("😀 / \\ud83d\\ude00"));
    let tabs = "{\n\t\"apiVersion\": \"v1\",\n\t\"kind\": \"Node\",\n\t\"metadata\": {\n\t\t\"name\":\t\"a\"\n\t}\n}\n";
    assert_eq!(model(tabs).nodes.len(), 1);
    let quantities =
        "apiVersion: v1\nkind: Node\nmetadata: {name: a}\nstatus: {capacity: {cpu: 2, memory: 7Gi}}\n";
    assert_eq!(model(quantities).nodes["a"].status.capacity["cpu"], "2");
    let proxy = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: iptables\nclusterCIDR: 10.244.0.0/16\n";
    assert_eq!(model(proxy).kube_proxy.expect("a configuration").cluster_cidr, "10.244.0.0/16");
    let json = format!("{{\"a\": \"{}\"}}", "x".repeat(5000));
    let remarks = import(&[Source::new("in.json", json)]).diagnostics;
    assert_eq!(remarks.len(), 1);
    assert_eq!(remarks[0].severity, Severity::Error);
}

#[test]
fn what_stands_around_a_cluster_is_read() {
    let zone = "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net";
    let text = format!(
        r#"[
        {{"name": "acct", "type": "Microsoft.Storage/storageAccounts", "publicNetworkAccess": "Enabled",
          "networkRuleSet": {{"defaultAction": "Deny", "bypass": "AzureServices",
            "ipRules": [{{"action": "Allow", "ipAddressOrRange": "203.0.113.9"}}], "virtualNetworkRules": []}}}},
        {{"name": "pe", "type": "Microsoft.Network/privateEndpoints",
          "customDnsConfigs": [{{"fqdn": "acct.blob.core.windows.net", "ipAddresses": ["10.224.9.5"]}}],
          "privateLinkServiceConnections": [{{"name": "pe", "groupIds": ["blob"],
            "privateLinkServiceId": "/subscriptions/0/resourceGroups/r/providers/Microsoft.Storage/storageAccounts/acct"}}]}},
        {{"name": "privatelink.blob.core.windows.net", "type": "Microsoft.Network/privateDnsZones", "id": "{zone}"}},
        {{"name": "acct", "type": "Microsoft.Network/privateDnsZones/A", "id": "{zone}/A/acct",
          "aRecords": [{{"ipv4Address": "10.224.9.5"}}]}},
        {{"name": "l", "type": "Microsoft.Network/privateDnsZones/virtualNetworkLinks", "id": "{zone}/virtualNetworkLinks/l",
          "virtualNetwork": {{"id": "/subscriptions/0/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/v"}}}},
        {{"name": "office", "type": "Microsoft.Network/localNetworkGateways",
          "localNetworkAddressSpace": {{"addressPrefixes": ["192.168.0.0/16"]}}}}
        ]"#
    );
    let model = model(&text);
    let zone = &model.private_dns_zones["privatelink.blob.core.windows.net"];
    assert_eq!(zone.record_sets[0].a_records[0].ipv4_address, "10.224.9.5");
    assert_eq!(zone.virtual_network_links.len(), 1);
    assert_eq!(model.private_endpoints["pe"].addresses().collect::<Vec<_>>(), ["10.224.9.5"]);
    let rules = model.storage_accounts["acct"].network_rule_set.as_ref().expect("a firewall");
    assert_eq!(rules.ip_rules[0].ip_address_or_range, "203.0.113.9");
    assert_eq!(model.local_network_gateways.len(), 1);
    let again = import(&[Source::new("again.yaml", formats::model_yaml(&model))]);
    assert_eq!(again.model, model, "{:?}", again.diagnostics);
}

#[test]
fn nics_in_every_spelling() {
    let now = r#"{"name": "vm-nic", "type": "Microsoft.Network/networkInterfaces", "enableIPForwarding": true,
        "networkSecurityGroup": {"id": "/g"}, "ipConfigurations": [{"name": "c", "id": "/nics/vm-nic/ipConfigurations/c",
        "privateIPAddress": "10.0.0.4", "primary": true, "publicIPAddress": {"id": "/p"}, "subnet": {"id": "/s"},
        "loadBalancerBackendAddressPools": [{"id": "/lb/backendAddressPools/kubernetes"}]}]}"#;
    let expected = model(now);
    let nic = &expected.network_interfaces["vm-nic"];
    assert_eq!(nic.ip_configurations[0].address(), Some([10, 0, 0, 4].into()));
    let old = now
        .replace("privateIPAddress", "privateIpAddress")
        .replace("enableIPForwarding", "enableIpForwarding");
    let arm = r#"{"name": "vm-nic", "type": "Microsoft.Network/networkInterfaces", "properties": {"enableIPForwarding": true,
        "networkSecurityGroup": {"id": "/g"}, "ipConfigurations": [{"name": "c", "id": "/nics/vm-nic/ipConfigurations/c", "properties": {
        "privateIPAddress": "10.0.0.4", "primary": true, "publicIPAddress": {"id": "/p"}, "subnet": {"id": "/s"},
        "loadBalancerBackendAddressPools": [{"id": "/lb/backendAddressPools/kubernetes"}]}}]}}"#;
    for text in [&*old, arm, &format!("[{now}]")] {
        assert_eq!(model(text), expected, "{text}");
    }
    // NICs of a scale set share a name; the instance tells them apart.
    let of_set = |number: u32| {
        format!(
            r#"{{"name": "aks", "type": "Microsoft.Network/networkInterfaces",
        "id": "/subscriptions/0/resourceGroups/r/providers/Microsoft.Compute/virtualMachineScaleSets/aks-vmss/virtualMachines/{number}/networkInterfaces/aks",
        "ipConfigurations": [{{"name": "c", "privateIPAddress": "10.0.0.{number}"}}], "enableIPForwarding": false}}"#
        )
    };
    let two = model(&format!("[{}, {}]", of_set(4), of_set(5)));
    let names: Vec<_> = two.network_interfaces.keys().cloned().collect();
    assert_eq!(names, ["aks-vmss/4/aks", "aks-vmss/5/aks"]);
    assert_eq!(model(&formats::model_yaml(&two)), two);
}

const TEMPLATE: &str = r#"{
  "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  "contentVersion": "1.0.0.0",
  "parameters": {
    "loadBalancers_kubernetes_name": {"defaultValue": "kubernetes", "type": "String"},
    "nsg": {"defaultValue": "aks-nsg", "type": "String"},
    "routes": {"defaultValue": null, "type": "String"},
    "virtualNetworks_vnet_externalid": {
      "defaultValue": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/vnet",
      "type": "String"
    }
  },
  "variables": {"port": 443, "prefixes": ["10.9.0.0/16", "10.8.0.0/16"]},
  "resources": [
    {
      "type": "Microsoft.Network/loadBalancers",
      "apiVersion": "2024-07-01",
      "name": "[parameters('loadBalancers_kubernetes_name')]",
      "location": "[resourceGroup().location]",
      "dependsOn": ["[resourceId('Microsoft.Network/publicIPAddresses', 'a')]"],
      "sku": {"name": "Standard", "tier": "Regional"},
      "properties": {
        "frontendIPConfigurations": [{
          "name": "f",
          "id": "[concat(resourceId('Microsoft.Network/loadBalancers', parameters('loadBalancers_kubernetes_name')), '/frontendIPConfigurations/f')]",
          "properties": {"subnet": {"id": "[concat(parameters('virtualNetworks_vnet_externalid'), '/subnets/nodes')]"}}
        }],
        "backendAddressPools": [{"name": "kubernetes"}],
        "probes": [{"name": "p", "properties": {"protocol": "Tcp", "port": "[variables('port')]"}}]
      }
    },
    {
      "type": "Microsoft.Network/networkSecurityGroups",
      "name": "[toLower('AKS-NSG')]",
      "properties": {"securityRules": [{"name": "it's", "properties": {
        "priority": 100, "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "description": "[[kept]",
        "sourcePortRange": "*", "destinationPortRange": "443", "sourceAddressPrefix": "*",
        "destinationAddressPrefix": "[variables('prefixes')[1]]"
      }}]}
    },
    {
      "type": "Microsoft.Network/networkSecurityGroups/securityRules",
      "name": "[format('{0}/{1}', parameters('nsg'), 'it''s')]",
      "properties": {"priority": 100}
    },
    {
      "type": "Microsoft.Compute/virtualMachineScaleSets/extensions",
      "name": "[concat(reference('x').y, '/e')]"
    },
    {
      "type": "Microsoft.Network/networkInterfaces",
      "name": "nic",
      "properties": {
        "networkSecurityGroup": {"id": "[resourceId('other', 'Microsoft.Network/networkSecurityGroups', parameters('nsg'))]"},
        "ipConfigurations": [{"name": "ipconfig", "properties": {"privateIPAddress": "10.224.0.4"}}]
      }
    }
  ]
}"#;

/// As `az group export` and the portal write a group, and the same as `az … show` prints it.
#[test]
fn a_template_is_read_like_what_az_prints() {
    let group = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/MC_demo_demo_westeurope";
    let balancer = format!("{group}/providers/Microsoft.Network/loadBalancers/kubernetes");
    let nsg = "providers/Microsoft.Network/networkSecurityGroups/aks-nsg";
    let other = group.replace("MC_demo_demo_westeurope", "other");
    let shown = [
        format!(
            r#"{{"type": "Microsoft.Network/loadBalancers", "name": "kubernetes", "id": "{balancer}", "location": "westeurope",
              "sku": {{"name": "Standard", "tier": "Regional"}},
              "frontendIPConfigurations": [{{"name": "f", "id": "{balancer}/frontendIPConfigurations/f",
                "subnet": {{"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/vnet/subnets/nodes"}}}}],
              "backendAddressPools": [{{"name": "kubernetes"}}],
              "probes": [{{"name": "p", "protocol": "Tcp", "port": 443}}]}}"#
        ),
        format!(
            r#"{{"type": "Microsoft.Network/networkSecurityGroups", "name": "aks-nsg", "id": "{group}/{nsg}",
              "securityRules": [{{"name": "it's", "priority": 100, "access": "Allow", "direction": "Inbound",
                "protocol": "Tcp", "sourcePortRange": "*", "destinationPortRange": "443", "sourceAddressPrefix": "*",
                "destinationAddressPrefix": "10.8.0.0/16", "description": "[kept]"}}]}}"#
        ),
        format!(
            r#"{{"type": "Microsoft.Network/networkInterfaces", "name": "nic",
              "id": "{group}/providers/Microsoft.Network/networkInterfaces/nic",
              "networkSecurityGroup": {{"id": "{other}/{nsg}"}},
              "ipConfigurations": [{{"name": "ipconfig", "privateIPAddress": "10.224.0.4"}}]}}"#
        ),
    ];
    let read = |texts: &[String]| {
        let sources: Vec<Source> = texts
            .iter()
            .enumerate()
            .map(|(at, text)| Source::new(format!("{at}.json"), text.as_str()))
            .collect();
        import(&sources)
    };
    let (exported, printed) = (read(&[TEMPLATE.to_owned()]), read(&shown));
    let said = |import: &Import| -> Vec<String> {
        let all = import.diagnostics.iter();
        all.filter(|one| one.severity != Severity::Notice).map(|one| one.what.clone()).collect()
    };
    let left_out = "Microsoft.Compute/virtualMachineScaleSets/extensions";
    let mut remarks = said(&exported);
    remarks.retain(|what| !what.starts_with(left_out));
    assert_eq!(remarks, said(&printed));
    assert_eq!(said(&exported).len(), remarks.len() + 1, "{:?}", exported.diagnostics);
    assert_eq!(exported.model, printed.model);
    assert_eq!(exported.model.load_balancers.len(), 1);
}

#[test]
fn parts_that_az_prints_apart_go_into_what_they_belong_to() {
    let id = |rest: &str| format!("/subscriptions/0/resourceGroups/r/providers/Microsoft.{rest}");
    let network = id("Network/virtualNetworks/v");
    let group = id("Network/networkSecurityGroups/g");
    let table = id("Network/routeTables/t");
    let cluster = id("ContainerService/managedClusters/prod");
    let whole = format!(
        r#"[{{"id": "{network}", "name": "v", "type": "Microsoft.Network/virtualNetworks", "addressSpace": {{"addressPrefixes": ["10.0.0.0/8"]}},
             "subnets": [{{"name": "one", "addressPrefix": "10.1.0.0/16"}}]}},
            {{"id": "{group}", "name": "g", "type": "Microsoft.Network/networkSecurityGroups", "securityRules": []}},
            {{"id": "{table}", "name": "t", "type": "Microsoft.Network/routeTables", "routes": []}},
            {{"id": "{cluster}", "name": "PROD", "type": "Microsoft.ContainerService/ManagedClusters",
              "networkProfile": {{}}, "agentPoolProfiles": [{{"name": "sys", "mode": "System", "count": 3, "type": "VirtualMachineScaleSets"}}]}}]"#
    );
    let parts = format!(
        r#"[{{"id": "{network}/subnets/two", "name": "two", "type": "Microsoft.Network/virtualNetworks/subnets", "addressPrefix": "10.2.0.0/16"}},
            {{"id": "{network}/subnets/one", "name": "one", "type": "Microsoft.Network/virtualNetworks/subnets", "addressPrefix": "10.1.0.0/16"}},
            {{"id": "{group}/securityRules/in", "name": "in", "type": "Microsoft.Network/networkSecurityGroups/securityRules",
              "priority": 100, "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "destinationPortRange": "80",
              "sourceAddressPrefix": "*", "sourcePortRange": "*", "destinationAddressPrefix": "*"}},
            {{"id": "{table}/routes/all", "name": "all", "type": "Microsoft.Network/routeTables/routes", "addressPrefix": "0.0.0.0/0",
              "nextHopType": "VirtualAppliance", "nextHopIpAddress": "10.2.0.4"}},
            {{"id": "{cluster}/agentPools/apps", "name": "apps", "type": "Microsoft.ContainerService/managedClusters/agentPools",
              "mode": "User", "count": 2, "typePropertiesType": "VirtualMachineScaleSets", "vnetSubnetId": "{network}/subnets/two"}},
            {{"id": "{cluster}/agentPools/sys", "name": "sys", "type": "Microsoft.ContainerService/managedClusters/agentPools",
              "mode": "System", "count": 9, "typePropertiesType": "VirtualMachineScaleSets"}}]"#
    );
    // In either order, and joined by nothing.
    for text in [format!("{whole}{parts}"), format!("{parts}\n{whole}")] {
        let import = import(&[Source::new("az.json", text)]);
        assert!(!import.has_errors(), "{:#?}", import.diagnostics);
        let model = import.model;
        let subnets: Vec<_> = model.virtual_networks["v"].subnets.iter().map(|own| &*own.name).collect();
        assert_eq!(subnets, ["one", "two"]);
        assert_eq!(model.network_security_groups["g"].security_rules.len(), 1);
        assert_eq!(model.route_tables["t"].routes[0].next_hop_ip_address.as_deref(), Some("10.2.0.4"));
        let cluster = model.managed_cluster.as_deref().expect("the cluster");
        let pools: Vec<_> =
            cluster.agent_pool_profiles.iter().map(|own| (own.name.as_str(), own.count)).collect();
        assert_eq!(pools, [("sys", Some(3)), ("apps", Some(2))]);
        assert_eq!(
            cluster.pool("apps").and_then(|own| own.vnet_subnet_id.as_ref()).map(model::ArmId::name),
            Some("two")
        );
    }
    let alone = import(&[Source::new("az.json", parts)]);
    for hint in [
        "az network vnet show -n v",
        "az network nsg show -n g",
        "az network route-table show -n t",
        "az aks show -n prod",
    ] {
        assert!(
            alone.diagnostics.iter().any(|found| found.hint.contains(hint)),
            "{hint}: {:#?}",
            alone.diagnostics
        );
    }
}
