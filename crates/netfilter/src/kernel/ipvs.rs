//! IPVS on a packet's way.

use super::path::{End, Tracked, Walker};
use crate::{Connection, Event, Outcome, RecentUpdate, RejectWith, VirtualAddress, VirtualServer};
use std::net::SocketAddr;

impl<'a> Walker<'a> {
    /// Hands a packet for a virtual server to one of its real servers; other ways are put aside.
    pub(super) fn ask_ipvs(&mut self, waiting: &mut Vec<Self>) -> Result<(), End> {
        match self.tracked {
            Tracked::New(_) => self.schedule(waiting),
            Tracked::Known { connection, reply: false } if self.is_of_ipvs(&connection) => {
                let before = self.packet;
                let goal = connection.translated(false);
                self.packet.destination = goal.destination;
                self.packet.destination_port = goal.destination_port;
                self.events.push(Event::Translate { before, after: self.packet });
                self.send_on()
            }
            _ => Ok(()),
        }
    }

    /// Whether the destination of a tracked connection is translated by IPVS, and not by rules.
    pub(super) fn is_of_ipvs(&self, connection: &Connection) -> bool {
        let to = &connection.original;
        let at = VirtualAddress { protocol: to.protocol, ip: to.destination, port: to.destination_port };
        self.kernel().host().ipvs.contains_key(&at)
    }

    fn schedule(&mut self, waiting: &mut Vec<Self>) -> Result<(), End> {
        let packet = self.packet;
        let at = VirtualAddress {
            protocol: packet.protocol,
            ip: packet.destination,
            port: packet.destination_port,
        };
        let Some(server) = self.kernel().host().ipvs.get(&at) else { return Ok(()) };
        self.virtual_server = Some(at);
        let known = self.remembered(at, server);
        let ways = known.as_ref().map_or(&*server.destinations, std::slice::from_ref);
        let Some((first, others)) = ways.split_first() else {
            self.events.push(Event::Ipvs { at, ways: 0, known: false });
            return Err(End(Outcome::Rejected(RejectWith::PortUnreachable)));
        };
        if let Some(to) = self.draw_way(ways.len()).and_then(|way| ways.get(way).copied()) {
            return self.take_way(at, server, to, (ways.len(), known.is_some()));
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of endpoints are small")]
        let share = self.probability() / ways.len() as f64;
        self.set_probability(share);
        // The last in is the first out.
        for to in others.iter().rev() {
            let mut other = self.clone();
            match other.take_way(at, server, *to, (ways.len(), false)) {
                Ok(()) => waiting.push(other),
                Err(End(outcome)) => waiting.push(other.ended(outcome)),
            }
        }
        self.take_way(at, server, *first, (ways.len(), known.is_some()))
    }

    fn take_way(
        &mut self,
        at: VirtualAddress,
        server: &VirtualServer,
        to: SocketAddr,
        (ways, known): (usize, bool),
    ) -> Result<(), End> {
        let before = self.packet;
        self.events.push(Event::Ipvs { at, ways, known });
        if server.persistent.is_some() {
            self.recent.push(RecentUpdate::Refreshed { list: list(at, to), address: before.source });
        }
        self.packet.destination = to.ip();
        self.packet.destination_port = to.port();
        self.events.push(Event::Dnat { before, after: self.packet });
        self.send_on()
    }

    /// The real server that a persistent virtual server remembers for the client.
    fn remembered(&self, at: VirtualAddress, server: &'a VirtualServer) -> Option<SocketAddr> {
        let seconds = u64::from(server.persistent?);
        let source = self.packet.source;
        let is_recent = |to: &&SocketAddr| {
            let last = self.times(&list(at, **to), source).last().copied();
            last.is_some_and(|last| self.state().now.saturating_sub(last) < seconds)
        };
        server.destinations.iter().find(is_recent).copied()
    }
}

/// The list that stands for the persistence of a virtual server towards one of its real servers.
fn list(at: VirtualAddress, to: SocketAddr) -> Box<str> {
    format!("ipvs {} {} {to}", at.protocol, at.socket()).into()
}
