//! A packet in a node's kernel.

use crate::{
    Action, Cause, Component, NearMiss, Owner, Verdict, World,
    fold::{Branching, Ways, toward},
    journey::{At, End, Move, Moves, Party, Traveller, node_station, unmarked},
    later::later,
    narrate::Narrator,
    receive::protocol,
    topology::{AddressOwner, Site},
};
use kubernetes::api_server;
use model::{Key, NodeName, kubernetes::Service};
use netfilter::{
    Connection, Entry, Event, Family, Hook, InterfaceName, Kernel, Outcome, Packet, Passage, Protocol, State,
    TableName,
};
use std::{net::IpAddr, sync::Arc};

impl World {
    /// Passes the packet through a node's kernel: hooks, tables, rules, routing.
    pub(crate) fn through_node(&self, mut traveller: Traveller, name: &NodeName, entry: Entry) -> Moves {
        if let Some(moves) = self.unasked(&mut traveller, name, entry) {
            return moves;
        }
        let packet = unmarked(traveller.packet);
        let before = Arc::clone(&traveller.carried.before);
        let state = before.kernel(name, &traveller.tracked);
        // What almost decided may be any rule.
        let kernel = if traveller.carried.explains() {
            self.kernel(name).cloned()
        } else {
            self.kernel_for(name, &packet, &state)
        };
        let Some(kernel) = kernel else {
            let why = format!("{name} is not there.");
            traveller.note(node_station(name), Component::LinuxNetfilter, Owner::Node, Action::Drop, why);
            return Moves::one(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NodeDown)));
        };
        traveller.packet = packet;
        let (own, to) = (name.clone(), packet.destination);
        let why = later(move || match entry {
            Entry::Received(interface) => {
                let interface = interface.as_str();
                format!("The packet enters the kernel of {own} by {interface}, addressed to {to}.")
            }
            Entry::Sent => {
                format!("A process on {own} sends the packet; the kernel's OUTPUT hooks see it first.")
            }
        });
        traveller.note(node_station(name), Component::LinuxNetfilter, Owner::Node, Action::EnterNode, why);

        if !self.has_proxy(name) && !self.given.contains_key(name) {
            let own = name.clone();
            let why = later(move || {
                format!(
                    "No pod of kube-proxy is on {own}: nobody writes rules of Services there, and their addresses and node ports mean nothing to its kernel."
                )
            });
            traveller.note(node_station(name), Component::KubeProxy, Owner::Node, Action::SkipNat, why);
        }
        if let Some(moves) = self.at_api_server(&mut traveller, name) {
            return moves;
        }
        let inside = Inside { name, kernel: &kernel, entry, state: &state };
        if let Branching::One(random) = &traveller.branching {
            let draw = || random.borrow_mut().unit();
            let passage = kernel.pass_one(packet, entry, traveller.segment, &state, &draw);
            return self.through(traveller, &inside, passage).into();
        }
        let (ways, others) = self.ways(&inside, &mut traveller);
        let mut left = ways.len();
        // The last branch goes on with what the others copy.
        let mut whole = Some(traveller);
        let narrated = ways.into_iter().filter_map(|(passage, count)| {
            left -= 1;
            let mut branch = if left == 0 { whole.take() } else { whole.clone() }?;
            branch.count = count;
            Some(self.through(branch, &inside, passage))
        });
        narrated.chain(others).collect()
    }

    /// One way through a node: told, tracked, asked about by policies, and where it leads.
    fn through(&self, traveller: Traveller, inside: &Inside<'_>, mut passage: Passage) -> (Traveller, Move) {
        let Inside { name, kernel, entry, state } = *inside;
        let (packet, segment) = (traveller.packet, traveller.segment);
        let mut branch = traveller.with_share(passage.probability);
        let first = branch.steps.len();
        let mut narrator = Narrator::new(name, kernel, Family::of(packet.destination), entry);
        let failed = narrator.tell(&mut branch, &passage);
        if matches!(failed, Some((_, Cause::NoEndpoints)))
            && let Some(service) = &branch.spoken_of
            && let Some(why) =
                self.endpoints_without_port(service, packet.destination_port, protocol(&branch))
            && let Some(step) = branch.steps.last_mut()
        {
            step.why = format!("{} {why}", step.why).into();
        }
        if branch.carried.explains() && branch.carried.is_on_track(&branch.steps) {
            let misses = |decided: &[Event], since: usize| {
                let misses = kernel.near_misses(packet, entry, segment, state, decided, since);
                misses.into_iter().map(|miss| narrator.near_miss(kernel, &miss)).collect()
            };
            add_near_misses(&mut branch, first, &passage, &narrator.decisions, misses);
        }
        branch.carried.recent(name, std::mem::take(&mut passage.recent));
        track(&mut branch, name, &passage);
        let denied = if failed.is_some() { None } else { self.policies(&mut branch, name, entry, &passage) };
        let failed = failed.or(denied);
        let step = match failed {
            Some((verdict, cause)) => Move::End(End::Failed(verdict, cause)),
            None => self.leave_node(&mut branch, name, &passage.outcome),
        };
        (branch, step)
    }

    /// The ways through a node that are walked, each with the number of branches that it stands for, and other
    /// nodes that are entered besides.
    fn ways(&self, inside: &Inside<'_>, traveller: &mut Traveller) -> Ways {
        if let Some(class) = traveller.class.take() {
            return self.stand_for_class(&class, inside, traveller);
        }
        let mut passages = match traveller.toward.take() {
            Some((aim, arrivals)) => toward(aim, arrivals.as_deref(), inside, traveller),
            None => inside.kernel.pass(traveller.packet, inside.entry, traveller.segment, inside.state),
        };
        passages.retain(|passage| traveller.branching.walks(traveller.packet, passage));
        let count = traveller.count;
        (passages.into_iter().map(|passage| (passage, count)).collect(), Moves::default())
    }

    /// Where a packet ends that a node would translate to the API server, if the input lacks that Service or its
    /// endpoints, which no selector finds.
    fn at_api_server(&self, traveller: &mut Traveller, name: &NodeName) -> Option<Moves> {
        let ip = traveller.packet.destination;
        let is_translated = self.has_proxy(name) && !self.given.contains_key(name);
        if !is_translated {
            return None;
        }
        let lacking = match self.topology.owner(ip) {
            None if self.topology.in_service_range(ip) && api_server(&self.model) == Some(ip) => "it",
            Some(AddressOwner::ClusterIp(key))
                if self.lacks_api_server(key, traveller.packet.destination_port) =>
            {
                "its endpoints"
            }
            _ => return None,
        };
        let why = format!(
            "{ip} is the cluster IP of Service default/kubernetes. Every cluster has it, and the input lacks {lacking}: the node translates it to an address of the API server, which is not known here. Add what `kubectl get services,endpointslices -n default -o yaml` prints."
        );
        traveller.note(node_station(name), Component::KubeProxy, Owner::Node, Action::Match, why);
        let end = End::Failed(Verdict::Ambiguous, Cause::NoSuchAddress);
        Some(Moves::one(traveller.clone(), Move::End(end)))
    }

    /// Whether this is the port of the API server's own Service, and nobody says where it leads.
    fn lacks_api_server(&self, key: &Key, port: u16) -> bool {
        let of_api_server = (&*key.namespace, &*key.name) == ("default", "kubernetes");
        let known = || {
            self.model.endpoint_slices.iter().any(|(own, slice)| {
                own.namespace == key.namespace
                    && slice.service() == Some(&key.name)
                    && !slice.endpoints.is_empty()
            })
        };
        of_api_server
            && self.model.services.get(key).is_some_and(|service| {
                service.spec.selector.is_empty() && service.spec.ports.iter().any(|own| own.port == port)
            })
            && !known()
    }

    /// The Service that has an address as its cluster IP.
    fn service_at(&self, ip: IpAddr) -> Option<Arc<Service>> {
        let Some(AddressOwner::ClusterIp(key)) = self.topology.owner(ip) else { return None };
        self.model.services.get(key).cloned()
    }

    fn leave_node(&self, traveller: &mut Traveller, name: &NodeName, outcome: &Outcome) -> Move {
        let Outcome::Out { interface, .. } = outcome else {
            return Move::Go(At::Party(Party::Node(name.clone())));
        };
        let destination = traveller.packet.destination;
        let at = match self.topology.across(name, *interface, destination) {
            Some(Site::Pod(key)) => At::Party(Party::Pod(key)),
            Some(Site::Endpoint(ip)) => At::Party(Party::Endpoint(ip)),
            _ => At::Fabric,
        };
        let pod = if let At::Party(Party::Pod(key)) = &at { Some(key.clone()) } else { None };
        let is_here = !matches!(at, At::Fabric);
        let action = if is_here { Action::Forward } else { Action::LeaveNode };
        let interface = *interface;
        let untranslated = if is_here { None } else { self.service_at(destination) };
        let packet = traveller.packet;
        let why = later(move || {
            if let Some(service) = &untranslated {
                return untranslated_words(service, packet, interface);
            }
            let interface = interface.as_str();
            match &pod {
                Some(key) => {
                    format!("{destination} is on this node: the packet goes to pod {key} by {interface}.")
                }
                None if is_here => {
                    format!("{destination} is on this node: the packet goes to it by {interface}.")
                }
                None => format!("{destination} is not on this node: the packet leaves by {interface}."),
            }
        });
        traveller.note(node_station(name), Component::LinuxNetfilter, Owner::Node, action, why);
        traveller.packet = unmarked(traveller.packet);
        Move::Go(at)
    }
}

/// A cluster IP is no machine's: a packet to it that nothing translated leaves in vain, and few look for that on the node.
fn untranslated_words(service: &Service, packet: Packet, interface: InterfaceName) -> String {
    let (ip, key, interface) = (packet.destination, service.metadata.key(), interface.as_str());
    let ports = || service.spec.ports.iter().filter(|port| port.protocol.lower() == packet.protocol.name());
    let vain = format!("the packet leaves by {interface} as it is, to an address that no machine has.");
    let is_ping = matches!(packet.protocol, Protocol::Icmp | Protocol::Icmpv6);
    if is_ping || ports().any(|port| port.port == packet.destination_port) {
        return format!(
            "{ip} is the cluster IP of Service {key}, and no rule on this node translates it: {vain}"
        );
    }
    let (protocol, port) = (packet.protocol.name().to_uppercase(), packet.destination_port);
    let known: Vec<String> = ports().map(|port| port.port.to_string()).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    format!(
        "{ip} is the cluster IP of Service {key}, which has no {protocol} port {port} (it has {known}): no rule of kube-proxy takes the packet; {vain}"
    )
}

/// A node that a packet is in.
pub(crate) struct Inside<'a> {
    pub(crate) name: &'a NodeName,
    pub(crate) kernel: &'a Arc<Kernel>,
    pub(crate) entry: Entry,
    pub(crate) state: &'a State,
}

/// In one passage so many decisions are told with near misses, the last ones. kube-proxy's rules make fewer than ten;
/// hostile ones can make as many as there are jumps.
const MOST_DECISIONS: usize = 32;

/// Adds to each step that a rule decided the rules that were examined in vain since the decision before, to one that
/// a policy decided all of the table's, and keeps for a socket that may be missing what almost translated the packet.
fn add_near_misses(
    traveller: &mut Traveller,
    first: usize,
    passage: &Passage,
    decisions: &[(usize, usize)],
    misses: impl Fn(&[Event], usize) -> Vec<NearMiss>,
) {
    let upto = |at: usize| passage.events.get(..=at).unwrap_or_default();
    let first_told = decisions.len().saturating_sub(MOST_DECISIONS);
    let before = first_told.checked_sub(1).and_then(|last| decisions.get(last));
    let mut since = before.map_or(0, |(_, at)| at + 1);
    for (step, at) in decisions.get(first_told..).unwrap_or_default() {
        let by_policy = matches!(passage.events.get(*at), Some(Event::PolicyApplied { .. }));
        if let Some(step) = traveller.steps.get_mut(first + step) {
            step.near_misses = misses(upto(*at), if by_policy { 0 } else { since }).into();
        }
        since = at + 1;
    }
    let untranslated = |event: &Event| {
        matches!(
            event,
            Event::PolicyApplied { table: TableName::Nat, hook: Hook::Prerouting | Hook::Output, .. }
        )
    };
    let last = passage.events.iter().position(untranslated);
    traveller.carried.untranslated = last.map(|at| misses(upto(at), 0)).unwrap_or_default().into();
}

/// Remembers the connection that the node tracks from now on.
fn track(traveller: &mut Traveller, name: &NodeName, passage: &Passage) {
    let Some(connection) = passage.connection else { return };
    let same = |known: &Connection| known.original == connection.original;
    match traveller.tracked.iter_mut().find(|(node, known)| node == name && same(known)) {
        Some((_, known)) => *known = connection,
        None => traveller.tracked.push((name.clone(), connection)),
    }
}
