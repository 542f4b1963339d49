//! A packet as the rules see it.

use std::{fmt, net::IpAddr};

/// A transport protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP (IPv4).
    Icmp,
    /// `ICMPv6`.
    Icmpv6,
}

impl Protocol {
    /// The name that iptables uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "ipv6-icmp",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The header fields and the mark of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Packet {
    /// Transport protocol.
    pub protocol: Protocol,
    /// Source address.
    pub source: IpAddr,
    /// Source port; 0 where the protocol has none.
    pub source_port: u16,
    /// Destination address, of the same family as the source.
    pub destination: IpAddr,
    /// Destination port; 0 where the protocol has none.
    pub destination_port: u16,
    /// The kernel's packet mark (`skb->mark`), 0 on arrival.
    pub mark: u32,
}

impl Packet {
    /// The same connection seen from the other end, unmarked.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            source: self.destination,
            source_port: self.destination_port,
            destination: self.source,
            destination_port: self.source_port,
            mark: 0,
            ..self
        }
    }
}

impl fmt::Display for Packet {
    /// `10.0.0.1:1234 → 10.0.0.2:80`; IPv6 in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = std::net::SocketAddr::new(self.source, self.source_port);
        let destination = std::net::SocketAddr::new(self.destination, self.destination_port);
        write!(f, "{source} → {destination}")
    }
}
