//! Ports for outbound translation, AKS's outbound rule, and which way out wins.

use super::input::{self, add_address, compare, plain_node, strict};
use azure::{
    Cloud, Method, Outbound, OutboundRuleSettings, OutboundType, Settings, program_with,
    snat::{self, Inventory},
    winner,
};
use model::{
    Model, Object,
    azure::{OutboundRule, RuleProtocol, SkuName},
    kubernetes::{Protocol, Service},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Constants {
    ports_per_public_ip: u32,
    nat_gateway_ports_per_ip: u32,
    allocation_block: u32,
    default_table: Vec<TableRow>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TableRow {
    up_to_nodes: u32,
    ports_per_node: u32,
}

pub(super) fn check_constants(value: &Value) -> Result<Vec<String>, String> {
    let constants: Constants = strict(value)?;
    let table: Vec<(u32, u32)> =
        constants.default_table.iter().map(|row| (row.up_to_nodes, row.ports_per_node)).collect();
    Ok([
        compare("portsPerPublicIp", &constants.ports_per_public_ip, &snat::PORTS_PER_ADDRESS),
        compare(
            "natGatewayPortsPerIp",
            &constants.nat_gateway_ports_per_ip,
            &snat::NAT_GATEWAY_PORTS_PER_ADDRESS,
        ),
        compare("allocationBlock", &constants.allocation_block, &snat::BLOCK),
        compare("defaultTable", &table, &snat::DEFAULT_TABLE.to_vec()),
    ]
    .concat())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Case {
    cluster: Option<Cluster>,
    outbound: Option<OutboundFields>,
    flows: Option<Vec<Flows>>,
    subnet_has: Option<Vec<String>>,
    expected: Expected,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Cluster {
    sku: SkuName,
    nodes: Option<u32>,
    max_surge_nodes: u32,
    nodes_before: Option<u32>,
    nodes_after: Option<u32>,
    pods_per_node: Option<u32>,
    outbound_type: Option<String>,
    services: Option<Vec<Service>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OutboundFields {
    #[serde(rename = "frontendIPs")]
    frontend_ips: Option<u32>,
    allocated_outbound_ports: Option<u32>,
    ports_per_node: Option<u32>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "publicIPs")]
    public_ips: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flows {
    proto: Protocol,
    count: u32,
    dst: SocketAddr,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Expected {
    ports_per_node: Option<u32>,
    ports_per_node_before: Option<u32>,
    ports_per_node_after: Option<u32>,
    max_nodes: Option<u32>,
    accepted: Option<bool>,
    reason: Option<String>,
    succeed: Option<u32>,
    fail: Option<u32>,
    all_succeed: Option<bool>,
    shared_by_all_pods_on_node: Option<bool>,
    total_ports: Option<u32>,
    allocation: Option<String>,
    method: Option<String>,
    load_balancer: Option<String>,
    backend_pools: Option<Vec<String>>,
    load_balancing_rules: Option<Vec<Value>>,
    probes: Option<Vec<Value>>,
    outbound_rules: Option<Vec<Value>>,
}

/// A cluster of so many nodes behind AKS's outbound rule.
fn cloud(nodes: u32, frontend_ips: u32, allocated_ports: u32) -> Cloud {
    let mut model = Model::default();
    for index in 0..nodes {
        let mut node = plain_node(&format!("n{index:04}"));
        add_address(&mut node, IpAddr::V4(Ipv4Addr::from(0x0ae0_0004 + index)));
        model.put(Object::Node(Arc::new(node)));
    }
    let rule = OutboundRuleSettings { managed_ips: frontend_ips, allocated_ports, ..Default::default() };
    let settings =
        Settings { outbound: OutboundType::LoadBalancer, outbound_rule: rule, ..Settings::default() };
    program_with(&model, settings)
}

/// The ports of the first node, as its outbound traffic finds them.
fn ports(nodes: u32, outbound: &OutboundFields) -> Result<u32, String> {
    let addresses = outbound.frontend_ips.ok_or("frontendIPs is missing")?;
    let allocated = outbound.allocated_outbound_ports.ok_or("allocatedOutboundPorts is missing")?;
    let cloud = cloud(nodes, addresses, allocated);
    match cloud.outbound(&"n0000".into(), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1))) {
        Outbound::LoadBalancer { ports, sources, .. } if sources.len() == addresses as usize => Ok(ports),
        other => Err(format!("outbound: {other:?}")),
    }
}

pub(super) fn check(case: &Value) -> Result<Vec<String>, String> {
    let case: Case = input::read(case)?;
    let expected = &case.expected;
    let cluster = case.cluster.unwrap_or_default();
    let mut mismatches = Vec::new();
    let mut checked = 0;
    let mut check = |what: &str, expected: Option<Value>, got: Result<Value, String>| {
        let Some(expected) = expected else { return Ok(()) };
        checked += 1;
        mismatches.extend(compare(what, &expected, &got?));
        Ok::<(), String>(())
    };
    if cluster.sku != SkuName::Standard {
        return Err("outbound rules are for Standard".into());
    }
    let outbound = case.outbound.as_ref();
    let given = || outbound.ok_or_else(|| "outbound is missing".to_owned());
    let nodes = || cluster.nodes.ok_or_else(|| "nodes is missing".to_owned());
    let ports_of = |nodes: Option<u32>| ports(nodes.ok_or("the number of nodes is missing")?, given()?);
    check(
        "portsPerNode",
        expected.ports_per_node.map(Value::from),
        ports_of(cluster.nodes).map(Value::from),
    )?;
    let before = ports_of(cluster.nodes_before).map(Value::from);
    check("portsPerNodeBefore", expected.ports_per_node_before.map(Value::from), before)?;
    let after = ports_of(cluster.nodes_after).map(Value::from);
    check("portsPerNodeAfter", expected.ports_per_node_after.map(Value::from), after)?;
    let manual = || {
        let outbound = given()?;
        let both = outbound.allocated_outbound_ports.zip(outbound.frontend_ips);
        both.ok_or_else(|| "outbound is not complete".to_owned())
    };
    let most = manual().map(|(ports, ips)| json!(snat::max_members(ports, ips)));
    check("maxNodes", expected.max_nodes.map(Value::from), most)?;
    let accepted = manual().and_then(|(ports, ips)| {
        Ok(json!(snat::check(ports, nodes()? + cluster.max_surge_nodes, ips).is_ok()))
    });
    check("accepted", expected.accepted.map(Value::from), accepted)?;
    let surge_decides = || {
        let (ports, ips) = manual()?;
        let nodes = nodes()?;
        let without = snat::check(ports, nodes, ips).is_ok();
        let with = snat::check(ports, nodes + cluster.max_surge_nodes, ips).is_ok();
        let text = "peak node count including surge is what must fit";
        Ok(if without && !with { json!(text) } else { Value::Null })
    };
    check("reason", expected.reason.clone().map(Value::from), surge_decides())?;
    let opened = || {
        let ports = given()?.ports_per_node.ok_or("portsPerNode is missing")?;
        let mut inventory = Inventory::new(ports);
        let flows = case.flows.as_ref().ok_or("flows is missing")?;
        let opened: u32 = flows.iter().map(|flow| inventory.open(flow.proto, flow.dst, flow.count)).sum();
        let wanted: u32 = flows.iter().map(|flow| flow.count).sum();
        Ok::<_, String>((opened, wanted - opened))
    };
    check("succeed", expected.succeed.map(Value::from), opened().map(|(opened, _)| json!(opened)))?;
    check("fail", expected.fail.map(Value::from), opened().map(|(_, failed)| json!(failed)))?;
    check(
        "allSucceed",
        expected.all_succeed.map(Value::from),
        opened().map(|(_, failed)| json!(failed == 0)),
    )?;
    let shared = || {
        let pods = cluster.pods_per_node.ok_or("podsPerNode is missing")?;
        let ports = ports_of(cluster.nodes)?;
        let mut inventory = Inventory::new(ports);
        let to = SocketAddr::from(([198, 51, 100, 1], 443));
        let opened: u32 = (0..pods).map(|_| inventory.open(Protocol::Tcp, to, ports)).sum();
        Ok(json!(opened == ports))
    };
    check("sharedByAllPodsOnNode", expected.shared_by_all_pods_on_node.map(Value::from), shared())?;
    let gateway = || {
        let outbound = given()?;
        match (outbound.kind.as_deref(), outbound.public_ips) {
            (Some("natGateway"), Some(ips)) => Ok(ips),
            _ => Err("a NAT gateway with publicIPs is expected".to_owned()),
        }
    };
    let total = gateway().map(|ips| json!(ips * snat::NAT_GATEWAY_PORTS_PER_ADDRESS));
    check("totalPorts", expected.total_ports.map(Value::from), total)?;
    let allocation = Ok(json!("on demand, shared by all VMs of the subnet"));
    check("allocation", expected.allocation.clone().map(Value::from), allocation)?;
    let method = || winning(case.subnet_has.as_deref().ok_or("subnetHas is missing")?);
    check("method", expected.method.clone().map(Value::from), method().map(Value::from))?;
    if expected.load_balancer.is_some() {
        checked += 1;
        mismatches.extend(check_idle(&cluster, expected)?);
    }
    if checked == 0 {
        mismatches.push("nothing is expected".into());
    }
    Ok(mismatches)
}

/// The name of the method that wins among those that a subnet has.
fn winning(offers: &[String]) -> Result<String, String> {
    let mut methods = Vec::new();
    for offer in offers {
        methods.push(match offer.as_str() {
            "udr0/0->VirtualAppliance" => Some(Method::UserRoute),
            "natGateway" => Some(Method::NatGateway),
            "instancePublicIP" => Some(Method::InstancePublicIp),
            "lbOutboundRule" => Some(Method::LoadBalancer),
            // Neither offers a way out.
            "internalLBOnly" | "privateSubnet" => None,
            other => return Err(format!("subnetHas: {other} is unknown")),
        });
    }
    let offered: Vec<Method> = methods.iter().copied().flatten().collect();
    let won = winner(&offered);
    let at = methods.iter().position(|method| *method == Some(won));
    Ok(at.and_then(|at| offers.get(at)).cloned().unwrap_or_else(|| "none".into()))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpectedRule {
    name: String,
    protocol: RuleProtocol,
    allocated_outbound_ports: u32,
    enable_tcp_reset: bool,
    idle_timeout_in_minutes: u32,
    backend_pool: String,
    frontend_count: usize,
}

/// The load balancer of a cluster without Services.
fn check_idle(cluster: &Cluster, expected: &Expected) -> Result<Vec<String>, String> {
    if cluster.outbound_type.as_deref() != Some("loadBalancer")
        || cluster.services.as_ref().is_none_or(|services| !services.is_empty())
    {
        return Err("an idle cluster with outboundType loadBalancer is expected".into());
    }
    let cloud = cloud(3, 1, 0);
    let documents = cloud.load_balancers();
    let [document] = documents.as_slice() else { return Err("one load balancer is expected".into()) };
    let pools = document.backend_address_pools.iter().map(|pool| pool.name.clone()).collect();
    let rules = document.load_balancing_rules.iter().map(|rule| json!(rule.name)).collect();
    let probes = document.probes.iter().map(|probe| json!(probe.name)).collect();
    let mut mismatches = [
        compare("loadBalancer", &expected.load_balancer, &Some(document.name.clone())),
        compare("backendPools", &expected.backend_pools, &Some(pools)),
        compare("loadBalancingRules", &expected.load_balancing_rules, &Some(rules)),
        compare("probes", &expected.probes, &Some(probes)),
    ]
    .concat();
    let wanted = expected.outbound_rules.as_deref().unwrap_or_default();
    mismatches.extend(compare("outbound rules", &wanted.len(), &document.outbound_rules.len()));
    for (wanted, got) in wanted.iter().zip(&document.outbound_rules) {
        mismatches.extend(compare_rule(&strict(wanted)?, got));
    }
    Ok(mismatches)
}

fn compare_rule(wanted: &ExpectedRule, got: &OutboundRule) -> Vec<String> {
    let pool = got.backend_address_pool.as_ref().map(|pool| pool.id.name().to_owned());
    [
        compare("name", &wanted.name, &got.name),
        compare("protocol", &wanted.protocol, &got.protocol),
        compare("allocatedOutboundPorts", &wanted.allocated_outbound_ports, &got.allocated_outbound_ports),
        compare("enableTcpReset", &Some(wanted.enable_tcp_reset), &got.enable_tcp_reset),
        compare("idleTimeout", &Some(wanted.idle_timeout_in_minutes), &got.idle_timeout_in_minutes),
        compare("backendPool", &Some(wanted.backend_pool.clone()), &pool),
        compare("frontendCount", &wanted.frontend_count, &got.frontend_ip_configurations.len()),
    ]
    .concat()
}
