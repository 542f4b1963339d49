//! Who reaches whom on what: many flows at once, without steps, and what a change makes of them.
//!
//! The walk is the same as for one flow. What is shared is work: clients that no rule tells apart are asked
//! once, and so are nodes behind a load balancer that are alike for the Service.

use crate::{
    Cause, DestinationError, Flow, INTERNET_CLIENT, Place, Verdict, World,
    alike::Difference,
    journey::{At, Move, Moves, Party, Traveller, unmarked},
    parse_destination,
    topology::{AddressOwner, UPLINK},
};
use azure::holds;
use ipnet::IpNet;
use model::{Key, NodeName, kubernetes::Protocol};
use netfilter::{Entry, InterfaceName, Segment};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};
use wire::Wire;

/// Rows and columns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Wire)]
pub struct MatrixQuestion {
    /// Who sends.
    pub clients: Vec<Place>,
    /// To whom.
    pub targets: Vec<Target>,
}

/// A receiver and its port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Wire)]
pub struct Target {
    /// Who.
    pub place: Place,
    /// On which port.
    pub port: u16,
    /// By which protocol.
    pub protocol: Protocol,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.place {
            Place::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port)?,
            _ => write!(f, "{}:{}", self.place, self.port)?,
        }
        if self.protocol == Protocol::Tcp { Ok(()) } else { write!(f, "/{}", self.protocol.lower()) }
    }
}

impl std::str::FromStr for Target {
    type Err = DestinationError;

    /// Reads `DST:PORT`, with `/udp` or `/sctp` at the end for another protocol than TCP.
    fn from_str(text: &str) -> Result<Self, DestinationError> {
        let (address, protocol) = match text.rsplit_once('/') {
            Some((address, "tcp")) => (address, Protocol::Tcp),
            Some((address, "udp")) => (address, Protocol::Udp),
            Some((address, "sctp")) => (address, Protocol::Sctp),
            _ => (text, Protocol::Tcp),
        };
        let (place, port) = parse_destination(address)?;
        Ok(Self { place, port, protocol })
    }
}

/// What becomes of the connections of one client to one target.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// The exact share that is delivered, 0 to 1.
    pub delivered: f64,
    /// What becomes of the largest share that is not; `null` where everything is delivered.
    pub verdict: Option<Verdict>,
    /// Why.
    pub cause: Option<Cause>,
    /// Why the flow cannot be asked about at all, e.g. that the target has no address for this client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
}

/// The answers, one row for each client, one cell in it for each target.
#[derive(Debug, Clone, PartialEq, Serialize, Wire)]
#[serde(rename_all = "camelCase")]
pub struct Matrix {
    /// The clients, as asked.
    pub clients: Vec<String>,
    /// The targets with their ports, as asked.
    pub targets: Vec<String>,
    /// Rows of cells.
    pub rows: Vec<Vec<Cell>>,
}

/// What happened to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// Nothing was delivered before, something is now.
    Added,
    /// Something was delivered before, nothing is now.
    Removed,
    /// Another share is delivered, or what is not fails for another reason.
    Changed,
}

/// A flow that is not as it was.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Who sends.
    pub from: String,
    /// To whom.
    pub to: String,
    /// What happened.
    pub kind: ChangeKind,
    /// Before; absent where one of the two ends did not exist.
    pub before: Option<Cell>,
    /// After.
    pub after: Option<Cell>,
}

/// What no rule tells apart: ranges, families, the node with the endpoints that count on it, labels.
type Class = (Vec<bool>, Vec<bool>, u32, Vec<Difference>, String);
/// The endpoints that count on each node.
type Servers = BTreeMap<NodeName, Vec<Difference>>;

impl World {
    /// Every client of the model (one on the internet, one VM, one host on premises, one in each peered network,
    /// every pod) and every port of every Service.
    pub fn everything(&self) -> MatrixQuestion {
        let mut clients = vec![Place::Ip(INTERNET_CLIENT)];
        let networks = self.model.virtual_networks.values();
        let subnets = networks.flat_map(|network| &network.subnets);
        let ranges = subnets.filter_map(|subnet| subnet.address_prefix.as_deref()?.parse().ok());
        let premises = self.model.local_network_gateways.values();
        let premises = premises.flat_map(|own| &own.local_network_address_space.address_prefixes);
        let ranges: Vec<IpNet> = ranges.chain(premises.filter_map(|range| range.parse().ok())).collect();
        clients.extend(ranges.iter().filter_map(|range| self.free(range)).map(Place::Ip));
        let pods = self.model.pods.iter().filter(|(_, pod)| !pod.is_finished() && !pod.spec.host_network);
        let pods = pods.filter(|(_, pod)| pod.ips().next().is_some() && !pod.spec.node_name.is_empty());
        clients.extend(pods.map(|(key, _)| Place::Pod(key.clone())));
        let mut targets = Vec::new();
        for (key, service) in &self.model.services {
            let place = Place::Service(key.clone());
            targets.extend(service.spec.ports.iter().map(|port| Target {
                place: place.clone(),
                port: port.port,
                protocol: port.protocol,
            }));
        }
        MatrixQuestion { clients, targets }
    }

    /// An address of a range that nobody has, from its end.
    fn free(&self, range: &IpNet) -> Option<IpAddr> {
        let IpNet::V4(range) = range else { return None };
        let last = u32::from(range.broadcast());
        let candidates = (1..=64).map(|back| Ipv4Addr::from(last.saturating_sub(back)));
        candidates
            .filter(|ip| range.contains(ip))
            .map(IpAddr::V4)
            .find(|ip| self.topology.owner(*ip).is_none())
    }

    /// Asks every client about every target.
    pub fn matrix(&self, question: &MatrixQuestion) -> Matrix {
        let ranges = self.named_ranges();
        let traits: Vec<_> = question.clients.iter().map(|client| self.traits(client, &ranges)).collect();
        let mut rows: Vec<Vec<Cell>> = question.clients.iter().map(|_| Vec::new()).collect();
        for target in &question.targets {
            let mut known: BTreeMap<Class, Cell> = BTreeMap::new();
            let (servers, apart) = match &target.place {
                Place::Service(service) => (self.ready_endpoints(service), self.servers(service, target)),
                _ => (Vec::new(), BTreeMap::new()),
            };
            for ((client, own), row) in question.clients.iter().zip(&traits).zip(&mut rows) {
                let cell = match own.as_ref().and_then(|own| self.class(own, target, &servers, &apart)) {
                    Some(class) => known.entry(class).or_insert_with(|| self.cell(client, target)).clone(),
                    None => self.cell(client, target),
                };
                row.push(cell);
            }
        }
        Matrix {
            clients: question.clients.iter().map(ToString::to_string).collect(),
            targets: question.targets.iter().map(ToString::to_string).collect(),
            rows,
        }
    }

    /// One cell, by a walk of its own.
    pub fn cell(&self, client: &Place, target: &Target) -> Cell {
        let mut flow = Flow::tcp(client.clone(), target.place.clone(), target.port);
        flow.protocol = target.protocol.into();
        let outcomes = match self.called_by_name(&flow) {
            Some(_) => self.paths(&flow).map(|paths| paths.outcomes),
            None => self.resolve(&flow).map(|resolved| self.quietly(&flow, &resolved)),
        };
        let outcomes = match outcomes {
            Ok(outcomes) => outcomes,
            Err(error) => {
                return Cell {
                    delivered: 0.0,
                    verdict: None,
                    cause: None,
                    impossible: Some(error.to_string()),
                };
            }
        };
        let mut failed: BTreeMap<(Verdict, Option<Cause>), f64> = BTreeMap::new();
        let mut delivered = 0.0;
        for outcome in &outcomes {
            match (outcome.verdict, outcome.cause) {
                (Verdict::Delivered, None) => delivered += outcome.probability,
                failure => *failed.entry(failure).or_insert(0.0) += outcome.probability,
            }
        }
        let worst = failed.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(failure, _)| failure);
        Cell {
            delivered,
            verdict: worst.map(|(verdict, _)| verdict),
            cause: worst.and_then(|(_, cause)| cause),
            impossible: None,
        }
    }

    /// Every range that some rule names.
    fn named_ranges(&self) -> Vec<IpNet> {
        let model = &self.model;
        let mut texts: BTreeSet<&str> = BTreeSet::new();
        for service in model.services.values() {
            texts.extend(service.spec.load_balancer_source_ranges.iter().map(|text| text.trim()));
        }
        for policy in model.network_policies.values() {
            let ingress = policy.spec.ingress.iter().flatten().flat_map(|rule| &rule.peers);
            let egress = policy.spec.egress.iter().flatten().flat_map(|rule| &rule.peers);
            for block in ingress.chain(egress).filter_map(|peer| peer.ip_block.as_ref()) {
                texts.extend(block.except.iter().chain([&block.cidr]).map(String::as_str));
            }
        }
        for rule in model.network_security_groups.values().flat_map(|group| &group.security_rules) {
            let sources = rule.source_address_prefix.iter().chain(&rule.source_address_prefixes);
            let destinations =
                rule.destination_address_prefix.iter().chain(&rule.destination_address_prefixes);
            texts.extend(sources.chain(destinations).map(String::as_str));
        }
        let routes = model.route_tables.values().flat_map(|table| &table.routes);
        texts.extend(routes.map(|route| route.address_prefix.as_str()));
        let parse = |text: &str| text.parse().ok().or_else(|| text.parse().ok().map(|ip: IpAddr| ip.into()));
        texts.into_iter().filter_map(parse).collect()
    }

    /// What rules can tell of a client; `None` where it is asked by itself.
    fn traits(&self, client: &Place, ranges: &[IpNet]) -> Option<(Vec<bool>, String, NodeName, Vec<IpAddr>)> {
        let Place::Pod(key) = client else { return None };
        let pod = self.model.pods.get(key).filter(|pod| !pod.spec.host_network)?;
        let ips: Vec<IpAddr> = pod.ips().collect();
        let inside = ranges.iter().map(|range| ips.iter().any(|ip| holds(range, *ip))).collect();
        let labels = if self.model.network_policies.is_empty() {
            String::new()
        } else {
            format!("{} {:?}", key.namespace, pod.metadata.labels)
        };
        Some((inside, labels, pod.spec.node_name.as_str().into(), ips))
    }

    fn class(
        &self,
        (inside, labels, node, ips): &(Vec<bool>, String, NodeName, Vec<IpAddr>),
        target: &Target,
        servers: &[IpAddr],
        apart: &Servers,
    ) -> Option<Class> {
        let Place::Service(service) = &target.place else { return None };
        // How a pod resolves names is its own.
        if self.is_only_a_name(service) {
            return None;
        }
        // A pod behind the Service may be its own server.
        if ips.iter().any(|ip| servers.contains(ip)) {
            return None;
        }
        // Families decide which of the addresses is used.
        let families = ips.iter().map(IpAddr::is_ipv4).collect();
        let profile = self.alike().profile(node)?;
        Some((
            inside.clone(),
            families,
            profile,
            apart.get(node).cloned().unwrap_or_default(),
            labels.clone(),
        ))
    }

    /// The endpoints of a Service that make one node another place to call it from than the next.
    fn servers(&self, service: &Key, target: &Target) -> Servers {
        let near = self.tells_near_from_far();
        let mut servers = Servers::new();
        let spec = self.model.services.get(service).map(|service| &service.spec);
        let addresses = spec.into_iter().flat_map(|spec| spec.cluster_ips.iter().chain([&spec.cluster_ip]));
        let addresses: BTreeSet<IpAddr> = order::set(addresses.filter_map(|ip| ip.parse().ok()));
        for ip in addresses {
            for (node, own) in self.endpoints_apart((ip, target.port), near) {
                servers.entry(node).or_default().extend(own);
            }
        }
        servers
    }

    /// In a quiet walk: a packet for a pod of a node whose rules are the generated ones passes that node as it is,
    /// and so does its answer. Nothing that kube-proxy or ip-masq-agent write touches such a packet.
    pub(crate) fn unasked(&self, traveller: &mut Traveller, node: &NodeName, entry: Entry) -> Option<Moves> {
        if !traveller.quiet || self.given.contains_key(node) || !self.model.network_policies.is_empty() {
            return None;
        }
        let Entry::Received(interface) = entry else { return None };
        let by_uplink = InterfaceName::new(UPLINK) == Some(interface);
        let packet = unmarked(traveller.packet);
        if traveller.segment == Segment::Answer {
            if by_uplink || !traveller.unasked.contains(node) {
                return None;
            }
            traveller.packet = packet;
            return Some(Moves::one(traveller.clone(), Move::Go(At::Fabric)));
        }
        if !by_uplink || traveller.tracked.iter().any(|(own, _)| own == node) {
            return None;
        }
        let AddressOwner::Pod(key) = self.topology.owner(packet.destination)? else { return None };
        let party = Party::Pod(key.clone());
        let (on, _) = self.topology.node_of(packet.destination)?;
        let kept = self
            .topology
            .unmasqueraded()
            .is_none_or(|ranges| ranges.iter().any(|range| holds(range, packet.destination)));
        if on != node || !kept {
            return None;
        }
        traveller.packet = packet;
        traveller.unasked.push(node.clone());
        Some(Moves::one(traveller.clone(), Move::Go(At::Party(party))))
    }
}

/// The flows that are not in `after` as they were in `before`, in the order of their ends.
pub fn diff(before: &Matrix, after: &Matrix) -> Vec<Change> {
    let cells = |matrix: &'_ Matrix| -> BTreeMap<(String, String), Cell> {
        let rows = matrix.clients.iter().zip(&matrix.rows);
        order::map(rows.flat_map(|(client, row)| {
            let cells = matrix.targets.iter().zip(row);
            cells.map(|(target, cell)| ((client.clone(), target.clone()), cell.clone())).collect::<Vec<_>>()
        }))
    };
    let (before, after) = (cells(before), cells(after));
    let flows: BTreeSet<&(String, String)> = order::set(before.keys().chain(after.keys()));
    let change = |flow: &(String, String)| {
        let (old, new) = (before.get(flow), after.get(flow));
        let works = |cell: Option<&Cell>| cell.is_some_and(|cell| cell.delivered > 0.0);
        let kind = match (works(old), works(new)) {
            (false, true) => ChangeKind::Added,
            (true, false) => ChangeKind::Removed,
            (false, false) if old.is_none() || new.is_none() => return None,
            _ if same(old, new) => return None,
            _ => ChangeKind::Changed,
        };
        let (from, to) = flow.clone();
        Some(Change { from, to, kind, before: old.cloned(), after: new.cloned() })
    };
    flows.into_iter().filter_map(change).collect()
}

fn same(old: Option<&Cell>, new: Option<&Cell>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => {
            (old.delivered - new.delivered).abs() < 1e-9
                && old.verdict == new.verdict
                && old.cause == new.cause
        }
        (None, None) => true,
        _ => false,
    }
}
