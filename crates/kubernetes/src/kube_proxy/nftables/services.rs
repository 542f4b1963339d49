//! The elements and chains of one service port.

use super::{
    Writer,
    fixed::{
        CLUSTER_IPS, FIREWALL_IPS, MARK_FOR_MASQUERADE, NO_ENDPOINT_NODE_PORTS, NO_ENDPOINT_SERVICES, REJECT,
        SERVICE_IPS, SERVICE_NODE_PORTS, goto, jump,
    },
    names,
};
use crate::kube_proxy::{LocalDetector, ProxyEndpoint, ServicePort, service_rules::View};
use ipnet::IpNet;
use model::kubernetes::Protocol;
use netfilter::nft::{ChainId, Elements, Key, Nets, Set, SetId, Side, Statement, Verdict};
use std::{collections::BTreeMap, net::IpAddr};

/// The chains of an endpoint, and the set of its clients with session affinity.
#[derive(Clone, Copy)]
struct OfEndpoint {
    chain: ChainId,
    clients: Option<SetId>,
}

/// Writes a service port.
pub(super) fn write(writer: &mut Writer, view: &View<'_>) {
    let (service, choice) = (view.service, &view.choice);
    let name = names::of_service(service);
    let chains = endpoint_chains(writer, view);
    let mut policy = |list: &Option<Vec<u32>>, prefix| {
        let list = list.as_ref().filter(|list| !list.is_empty())?;
        let chain = writer.chain(names::prefixed(prefix, &name));
        Some((chain, list.iter().filter_map(|i| chains.get(i).copied()).collect::<Vec<_>>()))
    };
    let (cluster, local) = (policy(&choice.cluster, "service"), policy(&choice.local, "local"));
    let chain_of =
        |is_local: bool| if is_local { &local } else { &cluster }.as_ref().map(|(chain, _)| *chain);

    let internal = chain_of(service.internal_policy_local).filter(|_| view.has_internal);
    if let Some(chain) = internal {
        write_masquerade(writer, view, chain);
    }
    let external = view.uses_external_chain().then(|| writer.chain(names::prefixed("external", &name)));
    if let Some(chain) = external {
        let policy = chain_of(service.external_policy_local).filter(|_| view.has_external);
        write_external(writer, view, chain, chain_of(false), policy);
    }
    for (chain, endpoints) in [cluster, local].into_iter().flatten() {
        write_spread(writer, chain, &endpoints);
    }
    write_elements(writer, view, internal, external);
    if !service.vips.is_empty() && !service.source_ranges.is_empty() {
        write_firewall(writer, view, &name);
    }
}

/// Where the addresses of the Service lead, and where they are refused.
fn write_elements(
    writer: &mut Writer,
    view: &View<'_>,
    internal: Option<ChainId>,
    external: Option<ChainId>,
) {
    let service = view.service;
    if let Some(Set { elements: Elements::Addresses(ips), .. }) =
        writer.table.sets.get_mut(CLUSTER_IPS.0 as usize)
    {
        ips.insert(service.cluster_ip);
    }
    let refused = if view.choice.has_endpoints { Verdict::Drop } else { Verdict::Goto(REJECT) };
    let mut lead = |map, no_map, key, to: Option<ChainId>, has: bool| {
        if let Some(chain) = to {
            writer.element(map, key, Verdict::Goto(chain), None);
        }
        if !has {
            writer.element(no_map, key, refused, Some(&service.name));
        }
    };
    let key = |ip| key(service, Some(ip), service.port);
    lead(SERVICE_IPS, NO_ENDPOINT_SERVICES, key(service.cluster_ip), internal, view.has_internal);
    for ip in service.external_ips.iter().chain(&service.vips) {
        lead(SERVICE_IPS, NO_ENDPOINT_SERVICES, key(*ip), external, view.has_external);
    }
    if service.node_port != 0 {
        let key = self::key(service, None, service.node_port);
        lead(SERVICE_NODE_PORTS, NO_ENDPOINT_NODE_PORTS, key, external, view.has_external);
    }
}

fn key(service: &ServicePort, address: Option<IpAddr>, port: u16) -> Key {
    Key { address, protocol: protocol(service.protocol), port }
}

fn protocol(protocol: Protocol) -> netfilter::Protocol {
    match protocol {
        Protocol::Tcp => netfilter::Protocol::Tcp,
        Protocol::Udp => netfilter::Protocol::Udp,
        Protocol::Sctp => netfilter::Protocol::Sctp,
    }
}

/// One chain for each endpoint that the node uses: its own packets are masqueraded when they come back to it, then all
/// are translated.
fn endpoint_chains(writer: &mut Writer, view: &View<'_>) -> BTreeMap<u32, OfEndpoint> {
    let service = view.service;
    let mut chains = BTreeMap::new();
    for i in view.choice.reachable() {
        let Some(endpoint) = service.endpoints.get(i as usize) else { continue };
        let name = names::of_endpoint(service, endpoint);
        let clients = service
            .affinity
            .map(|timeout| writer.set(names::prefixed("affinity", &name), Elements::Remembered { timeout }));
        let chain = writer.chain(names::prefixed("endpoint", &name));
        write_endpoint(writer, service, endpoint, OfEndpoint { chain, clients });
        chains.insert(i, OfEndpoint { chain, clients });
    }
    chains
}

fn write_endpoint(writer: &mut Writer, service: &ServicePort, endpoint: &ProxyEndpoint, to: OfEndpoint) {
    let hairpin = from(Nets::One(endpoint.ip.into()), false);
    writer.rule(to.chain, vec![hairpin, jump(MARK_FOR_MASQUERADE)], "");
    if let Some(clients) = to.clients {
        writer.rule(to.chain, vec![Statement::Remember(clients)], "");
    }
    let translated =
        vec![Statement::Protocol(protocol(service.protocol)), Statement::Dnat(endpoint.socket())];
    writer.rule(to.chain, translated, "");
}

/// Traffic to the cluster IP that is not of a pod is masqueraded, as its answers must come back by this node.
fn write_masquerade(writer: &mut Writer, view: &View<'_>, chain: ChainId) {
    let to_cluster_ip = Statement::Address {
        side: Side::Destination,
        not: false,
        nets: Nets::One(view.service.cluster_ip.into()),
    };
    let mut statements = vec![to_cluster_ip];
    if !view.config.masquerade_all {
        let Some(not_local) = from_pod(view.config.local_detector, true) else { return };
        statements.push(not_local);
    }
    statements.push(jump(MARK_FOR_MASQUERADE));
    writer.rule(chain, statements, "");
}

/// What comes for a node port, a load balancer's or an external address.
fn write_external(
    writer: &mut Writer,
    view: &View<'_>,
    chain: ChainId,
    everywhere: Option<ChainId>,
    policy: Option<ChainId>,
) {
    if view.service.external_policy_local {
        let here = || Statement::Local(Side::Source);
        if let Some((everywhere, from_pod)) = everywhere.zip(from_pod(view.config.local_detector, false)) {
            writer.rule(chain, vec![from_pod, goto(everywhere)], "short-circuit pod traffic");
        }
        writer.rule(chain, vec![here(), jump(MARK_FOR_MASQUERADE)], "masquerade local traffic");
        if let Some(everywhere) = everywhere {
            writer.rule(chain, vec![here(), goto(everywhere)], "short-circuit local traffic");
        }
    } else {
        writer.rule(chain, vec![jump(MARK_FOR_MASQUERADE)], "");
    }
    if let Some(policy) = policy {
        writer.rule(chain, vec![goto(policy)], "");
    }
}

/// Clients that an endpoint remembers go to it; the others are spread.
fn write_spread(writer: &mut Writer, chain: ChainId, endpoints: &[OfEndpoint]) {
    for endpoint in endpoints {
        if let Some(set) = endpoint.clients {
            let known = Statement::InSet { side: Side::Source, set };
            writer.rule(chain, vec![known, goto(endpoint.chain)], "");
        }
    }
    let ways = endpoints.iter().map(|endpoint| Verdict::Goto(endpoint.chain)).collect();
    writer.rule(chain, vec![Statement::Choice(ways)], "");
}

/// `loadBalancerSourceRanges`: whoever is in none of them is dropped before translation.
fn write_firewall(writer: &mut Writer, view: &View<'_>, name: &str) {
    let service = view.service;
    let chain = writer.chain(names::prefixed("firewall", name));
    let mut allowed: Vec<IpNet> = service.source_ranges.iter().map(IpNet::trunc).collect();
    // On a host that holds the address itself, the node's own packets leave with it as source.
    let from_node =
        view.config.node_ip().is_some_and(|ip| service.source_ranges.iter().any(|net| net.contains(&ip)));
    if from_node {
        allowed.extend(service.vips.iter().map(|ip| IpNet::from(*ip)));
    }
    writer.rule(chain, vec![from(Nets::Any(allowed), true), Statement::Verdict(Verdict::Drop)], "");
    for ip in &service.vips {
        writer.element(FIREWALL_IPS, key(service, Some(*ip), service.port), Verdict::Goto(chain), None);
    }
}

fn from(nets: Nets, not: bool) -> Statement {
    Statement::Address { side: Side::Source, not, nets }
}

/// The condition that traffic is of a pod, or with `not` that it is not; `None` without a detector.
fn from_pod(detector: LocalDetector, not: bool) -> Option<Statement> {
    match detector {
        LocalDetector::Cidr(net) => Some(from(Nets::One(net), not)),
        LocalDetector::BridgeInterface(name) | LocalDetector::InterfaceNamePrefix(name) => {
            Some(Statement::Interface { not, name })
        }
        LocalDetector::None => None,
    }
}
