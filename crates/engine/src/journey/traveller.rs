//! One branch on its way, with what it carries.

use super::{Party, station_of, step};
use crate::{
    Action, Component, Owner, Station, Step, Text,
    fold::{Arrivals, Branching, Class, Toward},
    state::{Carried, Effects},
};
use model::{Key, NodeName};
use netfilter::{Connection, Packet, Segment};
use std::{
    net::IpAddr,
    ops::{Deref, DerefMut},
    rc::Rc,
};

/// Flow state that the cloud keeps, by which it takes the reply back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CloudFlow {
    /// The packet on the outer side.
    pub(crate) outer: Packet,
    /// The packet on the inner side.
    pub(crate) inner: Packet,
    /// Who keeps it.
    pub(crate) keeper: Keeper,
}

/// Who keeps flow state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// A load balancer, or a public address of a NIC, for flows that came in.
    Inbound,
    /// Outbound translation by Azure.
    Outbound,
    /// An appliance at this address, where the route names one.
    Appliance(Option<IpAddr>),
    /// A gateway to other networks.
    Gateway,
    /// A Private Link Service.
    PrivateLink {
        /// The client that its PROXY header names; it may write none.
        told: Option<IpAddr>,
    },
}

/// Who put the packet on the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nic {
    /// A node, for itself or for a pod.
    Node(NodeName),
    /// A VM, or an appliance.
    Host(IpAddr),
}

/// One branch on its way. It is handed from station to station, so what it carries stays in one place.
#[derive(Debug, Clone)]
pub(crate) struct Traveller(Box<Luggage>);

/// What a branch carries.
#[derive(Debug, Clone)]
pub(crate) struct Luggage {
    /// Exact probability so far.
    pub(crate) probability: f64,
    /// The packet as it is now.
    pub(crate) packet: Packet,
    /// What it is to connection tracking.
    pub(crate) segment: Segment,
    /// What happened so far.
    pub(crate) steps: Vec<Step>,
    /// Connections that nodes track for this flow.
    pub(crate) tracked: Vec<(NodeName, Connection)>,
    /// Flow state in the cloud.
    pub(crate) cloud: Vec<CloudFlow>,
    /// The node by which it entered the cluster.
    pub(crate) entered: Option<NodeName>,
    /// Condition on the load balancer's choice.
    pub(crate) via: Option<NodeName>,
    /// Whose NIC the packet has just left by; absent where it comes from outside.
    pub(crate) nic: Option<Nic>,
    /// Nobody reads the steps: none are made.
    pub(crate) quiet: bool,
    /// Which branches are walked.
    pub(crate) branching: Branching,
    /// For how many branches it stands, each of this probability.
    pub(crate) count: u32,
    /// The nodes that are like the one which it is about to enter.
    pub(crate) class: Option<Rc<Class>>,
    /// Which branches of the node that it is about to enter are meant, where not all are; and what a node that is alike
    /// did with the packet, if it shares its rules.
    pub(crate) toward: Option<(Toward, Option<Rc<Arrivals>>)>,
    /// Nodes that handed the packet on to a pod without being asked, in a quiet walk.
    pub(crate) unasked: Vec<NodeName>,
    /// The Service that a node's rules spoke of last.
    pub(crate) spoken_of: Option<Key>,
    /// The stations of parties that were told, the latest first.
    stations: [Option<(Party, Station)>; 2],
    /// Stations passed.
    pub(crate) hops: u8,
    /// What it knows of before and leaves for after.
    pub(crate) carried: Carried,
}

impl Deref for Traveller {
    type Target = Luggage;

    fn deref(&self) -> &Luggage {
        &self.0
    }
}

impl DerefMut for Traveller {
    fn deref_mut(&mut self) -> &mut Luggage {
        &mut self.0
    }
}

impl Traveller {
    /// A packet about to depart.
    pub(crate) fn new(packet: Packet) -> Self {
        Self(Box::new(Luggage {
            probability: 1.0,
            packet,
            segment: Segment::Opening,
            steps: Vec::new(),
            tracked: Vec::new(),
            cloud: Vec::new(),
            entered: None,
            via: None,
            nic: None,
            quiet: false,
            branching: Branching::Every,
            count: 1,
            class: None,
            toward: None,
            unasked: Vec::new(),
            spoken_of: None,
            stations: [None, None],
            hops: 0,
            carried: Carried::default(),
        }))
    }

    /// What it leaves behind at its end.
    pub(crate) fn leave(self) -> Effects {
        let Luggage { carried, tracked, .. } = *self.0;
        carried.leaves(tracked)
    }

    /// A party's station. The name of one that was told before is shared.
    pub(crate) fn station_of(&mut self, party: &Party) -> Station {
        let mut known = self.stations.iter().flatten();
        if let Some((_, station)) = known.find(|(own, _)| own == party) {
            return station.clone();
        }
        let station = station_of(party);
        self.remember_station(party, &station);
        station
    }

    /// Takes note of a party's station.
    pub(crate) fn remember_station(&mut self, party: &Party, station: &Station) {
        self.stations.rotate_right(1);
        if let Some(latest) = self.stations.first_mut() {
            *latest = Some((party.clone(), station.clone()));
        }
    }

    /// Adds a step that does not change the packet.
    pub(crate) fn note(
        &mut self,
        station: Station,
        component: Component,
        owner: Owner,
        action: Action,
        why: impl Into<Text>,
    ) {
        if self.quiet {
            return;
        }
        let step = step(self.packet.into(), station, component, owner, action, why);
        self.steps.push(step);
    }

    /// Replaces the packet, keeping what it was in the step.
    pub(crate) fn rewrite(&mut self, packet: Packet, mut step: Step) {
        if !self.quiet {
            step.before = self.packet.into();
            step.after = packet.into();
            self.steps.push(step);
        }
        self.packet = packet;
    }

    /// The cloud's flow state that an answer belongs to. It is taken out: with floating IP the answer looks the
    /// same before and after, and must not be taken back a second time.
    pub(crate) fn take_cloud_flow(&mut self, belongs: impl FnMut(&CloudFlow) -> bool) -> Option<CloudFlow> {
        let at = self.cloud.iter().position(belongs)?;
        Some(self.cloud.remove(at))
    }

    /// The probability of all branches that it stands for.
    pub(crate) fn weight(&self) -> f64 {
        self.probability * f64::from(self.count)
    }

    /// The same branch with a share of its probability.
    pub(crate) fn share(&self, share: f64) -> Self {
        self.clone().with_share(share)
    }

    /// This branch with a share of its probability.
    pub(crate) fn with_share(mut self, share: f64) -> Self {
        self.probability *= share;
        self
    }
}
