//! Connection tracking.

use crate::{Packet, Passage, Protocol};
use std::{collections::BTreeMap, fmt, net::IpAddr};

/// A tracked connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// The first packet as it came: what the opener sends.
    pub original: Packet,
    /// What the answers look like when they come: the translated first packet, reversed.
    pub reply: Packet,
    /// Whether an answer has been seen.
    pub answered: bool,
}

impl Connection {
    /// Whether the destination was translated.
    pub fn is_dnat(&self) -> bool {
        (self.reply.source, self.reply.source_port)
            != (self.original.destination, self.original.destination_port)
    }

    /// Whether the source was translated.
    pub fn is_snat(&self) -> bool {
        (self.reply.destination, self.reply.destination_port)
            != (self.original.source, self.original.source_port)
    }

    /// What a packet of the connection looks like when it has passed: with `reply`, one of the answers.
    pub(crate) fn translated(&self, reply: bool) -> Packet {
        if reply { self.original.reversed() } else { self.reply.reversed() }
    }
}

impl fmt::Display for Connection {
    /// A line of `conntrack -L`. The timeout is the one that the kernel starts from in that state.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (number, timeout) = match (self.original.protocol, self.answered) {
            (Protocol::Tcp, false) => (6, 120),
            (Protocol::Tcp, true) => (6, 432_000),
            (Protocol::Udp, false) => (17, 30),
            (Protocol::Udp, true) => (17, 120),
            (Protocol::Sctp, false) => (132, 3),
            (Protocol::Sctp, true) => (132, 210),
            (Protocol::Icmp, _) => (1, 30),
            (Protocol::Icmpv6, _) => (58, 30),
        };
        let name = match self.original.protocol {
            Protocol::Icmpv6 => "icmpv6",
            protocol => protocol.name(),
        };
        write!(f, "{name:<8} {number} {timeout} ")?;
        let state = match (self.original.protocol, self.answered) {
            (Protocol::Tcp, false) => "SYN_SENT ",
            (Protocol::Sctp, false) => "COOKIE_WAIT ",
            (Protocol::Tcp | Protocol::Sctp, true) => "ESTABLISHED ",
            _ => "",
        };
        f.write_str(state)?;
        tuple(f, &self.original)?;
        f.write_str(if self.answered { " " } else { " [UNREPLIED] " })?;
        tuple(f, &self.reply)?;
        f.write_str(if self.answered { " [ASSURED] mark=0 use=1" } else { " mark=0 use=1" })
    }
}

fn tuple(f: &mut fmt::Formatter<'_>, packet: &Packet) -> fmt::Result {
    write!(f, "src={} dst={}", packet.source, packet.destination)?;
    match packet.protocol {
        Protocol::Icmp | Protocol::Icmpv6 => Ok(()),
        _ => write!(f, " sport={} dport={}", packet.source_port, packet.destination_port),
    }
}

/// The connections that a host tracks.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Conntrack {
    /// The connection, where there is but one: a trace asks a host that tracks its own and no other.
    only: Option<Connection>,
    /// By the opener's tuple: its packet without a mark. Empty where there is but one.
    connections: BTreeMap<Packet, Connection>,
    /// The opener's tuple by the tuple of the answers.
    replies: BTreeMap<Packet, Packet>,
}

/// A connection found by one of its packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The connection.
    pub connection: Connection,
    /// Whether the packet goes the way of the answers.
    pub reply: bool,
}

impl Conntrack {
    /// Adds a connection, or brings it up to date.
    pub fn insert(&mut self, connection: Connection) {
        let original = unmarked(connection.original);
        let connection = Connection { original, reply: unmarked(connection.reply), ..connection };
        if self.is_empty() || self.only.is_some_and(|only| only.original == original) {
            self.only = Some(connection);
            return;
        }
        if let Some(only) = self.only.take() {
            self.add(only);
        }
        self.add(connection);
    }

    /// Adds one of several.
    fn add(&mut self, connection: Connection) {
        if let Some(before) = self.connections.insert(connection.original, connection) {
            self.replies.remove(&before.reply);
        }
        self.replies.insert(connection.reply, connection.original);
    }

    /// Takes over the connection that a packet's passage opened or belonged to.
    pub fn record(&mut self, passage: &Passage) {
        if let Some(connection) = passage.connection {
            self.insert(connection);
        }
    }

    /// The connection that a packet belongs to.
    pub fn find(&self, packet: &Packet) -> Option<Found> {
        let tuple = unmarked(*packet);
        if let Some(connection) = self.only {
            let reply = connection.original != tuple;
            return (!reply || connection.reply == tuple).then_some(Found { connection, reply });
        }
        if let Some(connection) = self.connections.get(&tuple) {
            return Some(Found { connection: *connection, reply: false });
        }
        let connection = *self.connections.get(self.replies.get(&tuple)?)?;
        Some(Found { connection, reply: true })
    }

    /// Whether a connection has packets like this one, in either direction: then no other may be translated so.
    pub(crate) fn is_taken(&self, packet: &Packet) -> bool {
        self.only.is_some_and(|only| only.original == *packet || only.reply == *packet)
            || self.connections.contains_key(packet)
            || self.replies.contains_key(packet)
    }

    /// Connections that came from the same address and port.
    pub(crate) fn of_sender(&self, packet: Packet) -> impl Iterator<Item = &Connection> {
        let first = Packet { destination: lowest(packet.source), destination_port: 0, mark: 0, ..packet };
        let sender = |packet: &Packet| (packet.protocol, packet.source, packet.source_port);
        let wanted = sender(&packet);
        let of_several = self.connections.range(first..).map(|(_, connection)| connection);
        self.only
            .iter()
            .chain(of_several)
            .take_while(move |connection| sender(&connection.original) == wanted)
    }

    /// Forgets a connection; says whether it was there.
    pub fn remove(&mut self, connection: &Connection) -> bool {
        let original = unmarked(connection.original);
        if self.only.take_if(|only| only.original == original).is_some() {
            return true;
        }
        let Some(removed) = self.connections.remove(&original) else { return false };
        self.replies.remove(&removed.reply);
        if self.connections.len() == 1 {
            self.only = self.connections.pop_first().map(|(_, connection)| connection);
            self.replies.clear();
        }
        true
    }

    /// Forgets the UDP connections that were opened to this address and port, as kube-proxy does after a
    /// change of endpoints. With `endpoint`, only those that were translated to it. Returns how many.
    pub fn flush_udp(&mut self, destination: IpAddr, port: u16, endpoint: Option<(IpAddr, u16)>) -> usize {
        let stale: Vec<Connection> = self
            .iter()
            .filter(|connection| {
                let original = &connection.original;
                let answers = (connection.reply.source, connection.reply.source_port);
                original.protocol == Protocol::Udp
                    && (original.destination, original.destination_port) == (destination, port)
                    && endpoint.is_none_or(|endpoint| answers == endpoint)
            })
            .copied()
            .collect();
        stale.iter().filter(|connection| self.remove(connection)).count()
    }

    /// All connections, in the order of their openers' tuples.
    pub fn iter(&self) -> impl Iterator<Item = &Connection> {
        self.only.iter().chain(self.connections.values())
    }

    /// How many connections are tracked.
    pub fn len(&self) -> usize {
        usize::from(self.only.is_some()) + self.connections.len()
    }

    /// Whether none is tracked.
    pub fn is_empty(&self) -> bool {
        self.only.is_none() && self.connections.is_empty()
    }
}

impl fmt::Display for Conntrack {
    /// As `conntrack -L` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|connection| writeln!(f, "{connection}"))
    }
}

pub(crate) fn unmarked(packet: Packet) -> Packet {
    Packet { mark: 0, ..packet }
}

/// The lowest address of the same family.
fn lowest(ip: IpAddr) -> IpAddr {
    if ip.is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) }
}
