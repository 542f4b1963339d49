//! `hopscope snat`: the budget of outbound ports.

use crate::{
    args::{CompareFormat, PortProtocol, SnatArguments},
    input,
    output::{self, Failure, visible},
};
use azure::{
    Allocation, At, Cloud, GatewayBudget, NAT_GATEWAY_CONNECTIONS_PER_DESTINATION, SnatBudget,
    snat::{CoolDown, Inventory, NAT_GATEWAY_PORTS_PER_ADDRESS},
};
use model::kubernetes::Protocol;
use serde_json::{Value, json};
use std::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// A destination for the question how many flows find a port; any will do.
const DESTINATION: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), 443);

/// Prints the budgets of every pool and NAT gateway.
pub(crate) fn run(arguments: &SnatArguments) -> Result<String, Failure> {
    let world = input::world(&arguments.files)?;
    let cloud = world.cloud();
    let (pools, gateways) = (cloud.snat_budgets(), cloud.gateway_budgets());
    match arguments.output {
        CompareFormat::Json => output::json(&json!({
            "pools": pools.iter().map(|budget| document(cloud, budget, arguments)).collect::<Vec<_>>(),
            "natGateways": gateways.iter().map(|budget| gateway_document(cloud, budget)).collect::<Vec<_>>(),
        })),
        CompareFormat::Text => Ok(text(cloud, &pools, &gateways, arguments)),
    }
}

fn text(
    cloud: &Cloud,
    pools: &[SnatBudget],
    gateways: &[GatewayBudget],
    arguments: &SnatArguments,
) -> String {
    let mut out = String::new();
    for budget in pools {
        pool_text(&mut out, cloud, budget, arguments);
    }
    for gateway in gateways {
        gateway_text(&mut out, cloud, gateway);
    }
    if out.is_empty() {
        out.push_str("Neither a load balancer nor a NAT gateway translates outbound traffic here.\n");
    }
    visible(&out)
}

fn pool_text(out: &mut String, cloud: &Cloud, budget: &SnatBudget, arguments: &SnatArguments) {
    let rule =
        budget.rule.as_deref().map_or("load-balancing rules".to_owned(), |rule| format!("rule {rule}"));
    let _ = writeln!(out, "load balancer {}, {rule}, pool {}", budget.balancer, budget.pool);
    let _ = writeln!(out, "  addresses  {} ({})", budget.addresses.len(), addresses(&budget.addresses));
    if let Some(unused) = cloud.ports_left_unused(budget) {
        let _ = writeln!(out, "  unused     {unused}: of these ports they take none");
    }
    let now = budget.now();
    let how = match budget.allocation {
        Allocation::Table => "by Azure's table of pool sizes",
        Allocation::Explicit(_) => "set explicitly",
    };
    let _ = writeln!(out, "  members    {}", now.members);
    let _ = writeln!(out, "  ports      {} for each node and protocol, {how}", now.ports);
    let _ = writeln!(out, "  total      {} of {}", now.total, budget.available);
    if let Some(error) = now.refused {
        let _ = writeln!(out, "  refused    {error}");
    }
    if let Some(next) = budget.next_step() {
        let what = next
            .refused
            .map_or_else(|| format!("{} ports each", next.ports), |error| format!("refused: {error}"));
        let _ = writeln!(out, "  next step  at {} members: {what}", next.members);
    }
    let after = budget.at(now.members.saturating_add(arguments.add));
    let cost = budget.cost_of(arguments.add);
    let _ = match (after.refused, cost) {
        (Some(error), _) => writeln!(out, "  +{} nodes   refused: {error}", arguments.add),
        (None, 0) => writeln!(out, "  +{} nodes   {} ports each, no change", arguments.add, after.ports),
        (None, cost) => writeln!(
            out,
            "  +{} nodes   {} ports each: every node can hold {cost} flows fewer to one destination; flows on ports that are taken away time out",
            arguments.add, after.ports
        ),
    };
    if let Some(flows) = arguments.flows {
        let opened = opened(now.ports, flows, arguments.protocol);
        let reuse = match arguments.protocol {
            PortProtocol::Tcp => "TCP: a port serves one flow to each destination address and port",
            PortProtocol::Udp => "UDP: a port serves one flow to each destination address",
        };
        let _ = writeln!(
            out,
            "  {flows} flows of one node to one destination: {opened} find a port, {} fail ({reuse})",
            flows - opened
        );
    }
    let _ = writeln!(
        out,
        "  idle       {} min until a silent flow gives its port back",
        budget.idle_timeout_in_minutes
    );
}

fn gateway_text(out: &mut String, cloud: &Cloud, gateway: &GatewayBudget) {
    let name = gateway.gateway.as_deref().unwrap_or("that the input does not show");
    let _ = writeln!(out, "NAT gateway {name}");
    let shown = match gateway.unseen {
        0 if gateway.addresses.is_empty() => "not in the input".to_owned(),
        0 => format!("{} ({})", gateway.addresses.len(), addresses(&gateway.addresses)),
        unseen if gateway.addresses.is_empty() => format!("{unseen} (not in the input)"),
        unseen => format!(
            "{} ({}), and {unseen} not in the input",
            gateway.addresses.len(),
            addresses(&gateway.addresses)
        ),
    };
    let _ = writeln!(out, "  addresses  {shown}");
    if let Some(unused) = cloud.gateway_left_unused(gateway) {
        let _ = writeln!(out, "  unused     {unused}: they do not pass the gateway");
    }
    let (ports, per_destination) = if gateway.ports == 0 {
        let each = |count: u32| format!("{count} for each address");
        (each(NAT_GATEWAY_PORTS_PER_ADDRESS), each(NAT_GATEWAY_CONNECTIONS_PER_DESTINATION))
    } else {
        (gateway.ports.to_string(), gateway.per_destination.to_string())
    };
    let _ = writeln!(
        out,
        "  ports      {ports} on demand, shared by all VMs of its subnets; more nodes change nothing"
    );
    let _ = writeln!(out, "  to one destination {per_destination} connections at once");
    let _ = writeln!(
        out,
        "  reuse for the same destination after {} s (FIN), {} s (RST), {} s (half open), {} s (UDP)",
        CoolDown::TcpFin.seconds(),
        CoolDown::TcpReset.seconds(),
        CoolDown::TcpHalfOpen.seconds(),
        CoolDown::Udp.seconds()
    );
    let _ = writeln!(out, "  idle       {} min for TCP, 4 min for UDP", gateway.idle_timeout_in_minutes);
}

fn opened(ports: u32, flows: u32, protocol: PortProtocol) -> u32 {
    let protocol = match protocol {
        PortProtocol::Tcp => Protocol::Tcp,
        PortProtocol::Udp => Protocol::Udp,
    };
    Inventory::new(ports).open(protocol, DESTINATION, flows)
}

fn addresses(addresses: &[IpAddr]) -> String {
    addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn size(at: At) -> Value {
    json!({
        "members": at.members,
        "portsPerMember": at.ports,
        "totalPorts": at.total,
        "refused": at.refused.map(|error| error.to_string()),
    })
}

fn document(cloud: &Cloud, budget: &SnatBudget, arguments: &SnatArguments) -> Value {
    let now = budget.now();
    let steps: Vec<Value> = budget
        .steps()
        .into_iter()
        .map(|(sizes, at)| json!({ "from": sizes.start(), "to": sizes.end(), "portsPerMember": at.ports }))
        .collect();
    let mut value = json!({
        "loadBalancer": budget.balancer,
        "outboundRule": budget.rule,
        "pool": budget.pool,
        "nodes": budget.nodes,
        "addresses": budget.addresses,
        "allocatedOutboundPorts": match budget.allocation {
            Allocation::Table => 0,
            Allocation::Explicit(ports) => ports,
        },
        "availablePorts": budget.available,
        "now": size(now),
        "nextStep": budget.next_step().map(size),
        "added": arguments.add,
        "afterAdding": size(budget.at(now.members.saturating_add(arguments.add))),
        "flowsLostPerDestination": budget.cost_of(arguments.add),
        "steps": steps,
        "idleTimeoutInMinutes": budget.idle_timeout_in_minutes,
        "unused": cloud.ports_left_unused(budget),
    });
    if let (Some(flows), Some(fields)) = (arguments.flows, value.as_object_mut()) {
        let opened = opened(now.ports, flows, arguments.protocol);
        fields.insert("flows".into(), json!({ "wanted": flows, "opened": opened, "failed": flows - opened }));
    }
    value
}

fn gateway_document(cloud: &Cloud, gateway: &GatewayBudget) -> Value {
    json!({
        "natGateway": gateway.gateway,
        "addresses": gateway.addresses,
        "addressesNotInTheInput": gateway.unseen,
        "unused": cloud.gateway_left_unused(gateway),
        "ports": gateway.ports,
        "connectionsPerDestination": gateway.per_destination,
        "idleTimeoutInMinutes": gateway.idle_timeout_in_minutes,
    })
}
