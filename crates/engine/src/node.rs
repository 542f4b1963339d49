//! A packet in a node's kernel.

use crate::{
    Action, Cause, Component, Owner, Verdict, World,
    journey::{At, End, Move, Party, Traveller, node_station, unmarked},
    narrate::Narrator,
    topology::Site,
};
use model::NodeName;
use netfilter::{Connection, Entry, Family, Outcome, Passage, State};

impl World {
    /// Passes the packet through a node's kernel: hooks, tables, rules, routing.
    pub(crate) fn through_node(
        &self,
        mut traveller: Traveller,
        name: &NodeName,
        entry: Entry,
    ) -> Vec<(Traveller, Move)> {
        if let Some(moves) = self.unasked(&mut traveller, name, entry) {
            return moves;
        }
        let Some(kernel) = self.kernel(name) else {
            let why = format!("{name} is not there.");
            traveller.note(node_station(name), Component::LinuxNetfilter, Owner::Node, Action::Drop, why);
            return vec![(traveller, Move::End(End::Failed(Verdict::Unreachable, Cause::NodeDown)))];
        };
        traveller.packet = unmarked(traveller.packet);
        let why = match entry {
            _ if traveller.quiet => String::new(),
            Entry::Received(interface) => {
                format!(
                    "The packet enters the kernel of {name} by {}, addressed to {}.",
                    interface.as_str(),
                    traveller.packet.destination
                )
            }
            Entry::Sent => {
                format!("A process on {name} sends the packet; the kernel's OUTPUT hooks see it first.")
            }
        };
        traveller.note(node_station(name), Component::LinuxNetfilter, Owner::Node, Action::EnterNode, why);

        let mut state = State::default();
        for (_, connection) in traveller.tracked.iter().filter(|(node, _)| node == name) {
            state.conntrack.insert(*connection);
        }
        let family = Family::of(traveller.packet.destination);
        let passages = kernel.pass(traveller.packet, entry, traveller.segment, &state);
        let narrated = passages.into_iter().map(|passage| {
            let mut branch = traveller.share(passage.probability);
            let failed = Narrator::new(name, kernel.host(), family, entry).tell(&mut branch, &passage);
            track(&mut branch, name, &passage);
            let denied =
                if failed.is_some() { None } else { self.policies(&mut branch, name, entry, &passage) };
            let failed = failed.or(denied.map(|cause| (Verdict::Dropped, cause)));
            let step = match failed {
                Some((verdict, cause)) => Move::End(End::Failed(verdict, cause)),
                None => self.leave_node(&mut branch, name, &passage.outcome),
            };
            (branch, step)
        });
        narrated.collect()
    }

    fn leave_node(&self, traveller: &mut Traveller, name: &NodeName, outcome: &Outcome) -> Move {
        let Outcome::Out { interface, .. } = outcome else {
            return Move::Go(At::Party(Party::Node(name.clone())));
        };
        let destination = traveller.packet.destination;
        if traveller.quiet {
            traveller.packet = unmarked(traveller.packet);
            return Move::Go(match self.topology.across(name, *interface) {
                Some(Site::Pod(key)) => At::Party(Party::Pod(key.clone())),
                Some(Site::Endpoint(ip)) => At::Party(Party::Endpoint(*ip)),
                _ => At::Fabric,
            });
        }
        let (at, why) = match self.topology.across(name, *interface) {
            Some(Site::Pod(key)) => (
                At::Party(Party::Pod(key.clone())),
                format!(
                    "{destination} is on this node: the packet goes to pod {key} by {}.",
                    interface.as_str()
                ),
            ),
            Some(Site::Endpoint(ip)) => (
                At::Party(Party::Endpoint(*ip)),
                format!("{destination} is on this node: the packet goes to it by {}.", interface.as_str()),
            ),
            _ => (
                At::Fabric,
                format!("{destination} is not on this node: the packet leaves by {}.", interface.as_str()),
            ),
        };
        let action = if matches!(at, At::Fabric) { Action::LeaveNode } else { Action::Forward };
        traveller.note(node_station(name), Component::LinuxNetfilter, Owner::Node, action, why);
        traveller.packet = unmarked(traveller.packet);
        Move::Go(at)
    }
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
