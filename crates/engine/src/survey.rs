//! A probe that comes to very many endpoints, asked of all members that are alike.
//!
//! What becomes of it depends on the member in one way: an endpoint may be on the member itself. So each endpoint is
//! tried from a member that it is not on, for all of them, and from the one that it is on; not from each.

use crate::{
    ProbeState, World,
    fold::{Arrivals, Toward},
    journey::{At, Traveller},
    node::Inside,
    probe::{Answer, probe_packet, settled},
    topology::UPLINK,
};
use azure::Member;
use model::{NodeName, azure::Probe};
use netfilter::{Entry, InterfaceName};
use std::{net::IpAddr, rc::Rc};

/// Where a probe leads on a class of members, and what it gets there.
pub(crate) struct Survey {
    aims: Vec<Toward>,
    /// The aims, by their places, that are on a node, in the order of nodes.
    on: Vec<(NodeName, usize)>,
    /// Those that are on each node by itself.
    on_each: Vec<usize>,
    arrivals: Option<Rc<Arrivals>>,
    /// What comes of each aim, asked from elsewhere.
    from_afar: Vec<Option<Rc<[Heard]>>>,
}

/// What a branch of a probe got, with its share.
pub(crate) type Heard = (f64, Answer);

impl Survey {
    /// The class of this member. `None` where its ways cannot be told apart by where they lead.
    pub(crate) fn of(world: &World, probe: &Probe, name: &NodeName, address: IpAddr) -> Option<Self> {
        let traveller = traveller(probe, address);
        let state = traveller.carried.before.kernel(name, &traveller.tracked);
        let kernel = world.kernel_for(name, &traveller.packet, &state)?;
        let entry = Entry::Received(InterfaceName::new(UPLINK)?);
        let inside = Inside { name, kernel: &kernel, entry, state: &state };
        let (aims, arrivals) = world.aims(&inside, &traveller)?;
        let (mut on, mut on_each) = (Vec::new(), Vec::new());
        for (place, aim) in aims.iter().enumerate() {
            match aim {
                Toward::Itself => on_each.push(place),
                Toward::Socket(ip, _) => {
                    on.extend(world.node_at(*ip).map(|node| (node.clone(), place)));
                }
            }
        }
        order::sort(&mut on);
        Some(Self { from_afar: vec![None; aims.len()], aims, on, on_each, arrivals })
    }

    /// The state of a member without words; `None` where it must be asked by itself.
    pub(crate) fn state(&mut self, world: &World, probe: &Probe, member: &Member) -> Option<ProbeState> {
        let (name, address) = (member.node.as_ref()?, member.address?);
        let first = self.on.partition_point(|(node, _)| node < name);
        let on_it = self.on.get(first..).unwrap_or_default().iter().take_while(|(node, _)| node == name);
        let mut own: Vec<usize> =
            on_it.map(|(_, place)| *place).chain(self.on_each.iter().copied()).collect();
        order::sort(&mut own);
        let mut own = own.into_iter().peekable();
        let mut heard: Vec<Rc<[Heard]>> = Vec::with_capacity(self.aims.len());
        for (place, (aim, known)) in self.aims.iter().zip(&mut self.from_afar).enumerate() {
            let is_own = own.next_if_eq(&place).is_some();
            if let Some(known) = known.as_ref().filter(|_| !is_own) {
                heard.push(Rc::clone(known));
                continue;
            }
            let mut traveller = traveller(probe, address);
            traveller.toward = Some((*aim, self.arrivals.clone()));
            let new: Rc<[Heard]> = world.heard(probe, address, traveller).map(|(heard, _)| heard).collect();
            if new.is_empty() {
                return None;
            }
            if !is_own {
                *known = Some(Rc::clone(&new));
            }
            heard.push(new);
        }
        let (up, answer) = settled(heard.iter().flat_map(|heard| heard.iter()));
        let answer = answer.map_or_else(|| Answer::None.word(), Answer::word);
        Some(ProbeState { up, answer, ..ProbeState::default() })
    }
}

fn traveller(probe: &Probe, address: IpAddr) -> Traveller {
    let mut traveller = Traveller::new(probe_packet(address, probe.port));
    traveller.quiet = true;
    traveller
}

impl World {
    /// What every branch of a probe gets, and whether it arrives.
    pub(crate) fn heard(
        &self,
        probe: &Probe,
        host: IpAddr,
        traveller: Traveller,
    ) -> impl Iterator<Item = (Heard, bool)> {
        self.walk(traveller, At::Fabric).into_iter().map(move |(traveller, end)| {
            let arrives = matches!(end, crate::journey::End::Arrived(_));
            ((traveller.probability, self.answer(probe, host, &traveller, end)), arrives)
        })
    }
}
