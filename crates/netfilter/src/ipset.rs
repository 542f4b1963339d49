//! Sets of `ipset`, which rules of iptables ask by `-m set`.

use crate::{Family, Packet, Protocol, nft::Side};
use ipnet::IpNet;
use std::{collections::BTreeSet, fmt, net::IpAddr};

/// A set.
#[derive(Debug, Clone, PartialEq)]
pub struct IpSet {
    /// The name, at most 31 bytes.
    pub name: Box<str>,
    /// What its entries are of.
    pub kind: SetKind,
    /// The family of its addresses; sets of ports have none.
    pub family: Family,
    /// The entries.
    pub entries: BTreeSet<SetEntry>,
}

/// The types of sets that are modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetKind {
    /// `hash:ip`.
    Ip,
    /// `hash:ip,port`.
    IpPort,
    /// `hash:ip,port,ip`.
    IpPortIp,
    /// `hash:ip,port,net`.
    IpPortNet,
    /// `bitmap:port`.
    Port,
}

impl SetKind {
    /// The word of `ipset create`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ip => "hash:ip",
            Self::IpPort => "hash:ip,port",
            Self::IpPortIp => "hash:ip,port,ip",
            Self::IpPortNet => "hash:ip,port,net",
            Self::Port => "bitmap:port",
        }
    }
}

/// An entry; what the set's type does not have is absent or 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetEntry {
    /// The address.
    pub address: Option<IpAddr>,
    /// The protocol of the port; a set of ports alone has none.
    pub protocol: Option<Protocol>,
    /// The port.
    pub port: u16,
    /// The second address, or the network.
    pub other: Option<IpNet>,
}

impl IpSet {
    /// Whether the set has what a packet is at the given sides, one for each part of its type.
    pub fn matches(&self, packet: &Packet, sides: &[Side]) -> bool {
        let address = |at: usize| match sides.get(at) {
            Some(Side::Source) => Some(packet.source),
            Some(Side::Destination) => Some(packet.destination),
            None => None,
        };
        let port = |at: usize| match sides.get(at) {
            Some(Side::Source) => packet.source_port,
            Some(Side::Destination) => packet.destination_port,
            None => 0,
        };
        let protocol = Some(packet.protocol);
        let first = match self.kind {
            SetKind::Port => SetEntry { port: port(0), ..SetEntry::default() },
            SetKind::Ip => SetEntry { address: address(0), ..SetEntry::default() },
            _ => SetEntry { address: address(0), protocol, port: port(1), other: None },
        };
        if !matches!(self.kind, SetKind::IpPortIp | SetKind::IpPortNet) {
            return self.entries.contains(&first);
        }
        let Some(other) = address(2) else { return false };
        let same = |entry: &&SetEntry| SetEntry { other: None, ..**entry } == first;
        self.entries
            .range(first..)
            .take_while(same)
            .any(|entry| entry.other.is_some_and(|net| net.contains(&other)))
    }
}

impl fmt::Display for IpSet {
    /// Commands for `ipset restore`, as `ipset save` prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, family, entries } = self;
        let of = match (kind, family) {
            (SetKind::Port, _) => "range 0-65535",
            (_, Family::V4) => "family inet hashsize 1024 maxelem 65536",
            (_, Family::V6) => "family inet6 hashsize 1024 maxelem 65536",
        };
        writeln!(f, "create {name} {} {of}", kind.name())?;
        entries.iter().try_for_each(|entry| writeln!(f, "add {name} {entry}"))
    }
}

impl fmt::Display for SetEntry {
    /// `10.0.0.1,tcp:80,10.244.0.5`; a port alone, an address alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(address) = self.address else { return write!(f, "{}", self.port) };
        write!(f, "{address}")?;
        if let Some(protocol) = self.protocol {
            write!(f, ",{protocol}:{}", self.port)?;
        }
        match self.other {
            Some(net) if net.prefix_len() == net.max_prefix_len() => write!(f, ",{}", net.addr()),
            Some(net) => write!(f, ",{net}"),
            None => Ok(()),
        }
    }
}
