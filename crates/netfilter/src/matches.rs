//! The conditions of rules.

use crate::{InterfaceName, Net, Protocol, VirtualAddress, nft::Side};
use std::{fmt, sync::Arc};

/// One condition of a rule, or a word of its text that decides nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Match {
    /// `-m comment --comment TEXT`: for the reader.
    Comment(Arc<str>),
    /// `-m tcp`: loads the transport match; the condition is in the words after it.
    Module(Transport),
    /// `[!] -p PROTOCOL`.
    Protocol {
        /// `!`.
        not: bool,
        /// The protocol.
        protocol: Protocol,
    },
    /// `[!] -p PROTOCOL` of a protocol that no [`crate::Packet`] has, as written: `gre`, `2`.
    OtherProtocol {
        /// `!`.
        not: bool,
        /// The protocol's name or number.
        name: Box<str>,
    },
    /// `[!] -s NET`.
    Source {
        /// `!`.
        not: bool,
        /// The network.
        net: Net,
    },
    /// `[!] -d NET`.
    Destination {
        /// `!`.
        not: bool,
        /// The network.
        net: Net,
    },
    /// `[!] --sport PORT[:PORT]`.
    SourcePort {
        /// `!`.
        not: bool,
        /// The ports.
        ports: PortRange,
    },
    /// `[!] --dport PORT[:PORT]`.
    DestinationPort {
        /// `!`.
        not: bool,
        /// The ports.
        ports: PortRange,
    },
    /// `[!] --tcp-flags MASK SET`; `--syn` is `FIN,SYN,RST,ACK SYN`.
    TcpFlags {
        /// `!`.
        not: bool,
        /// The flags that are looked at.
        mask: TcpFlags,
        /// Those of them that must be set; the others must not be.
        set: TcpFlags,
    },
    /// `-m multiport [!] --dports LIST` or `--sports LIST`.
    Multiport {
        /// `!`.
        not: bool,
        /// `--sports` instead of `--dports`.
        source: bool,
        /// The ports.
        ports: Vec<PortRange>,
    },
    /// `-m multiport [!] --ports LIST`: the source port or the destination port.
    MultiportEither {
        /// `!`.
        not: bool,
        /// The ports.
        ports: Vec<PortRange>,
    },
    /// `[!] -i NAME`; a trailing `+` matches any continuation.
    InInterface {
        /// `!`.
        not: bool,
        /// The name.
        name: InterfaceName,
    },
    /// `[!] -o NAME`.
    OutInterface {
        /// `!`.
        not: bool,
        /// The name.
        name: InterfaceName,
    },
    /// `-m addrtype [!] --src-type TYPE`.
    SourceType {
        /// `!`.
        not: bool,
        /// The type.
        kind: AddressType,
    },
    /// `-m addrtype [!] --dst-type TYPE`.
    DestinationType {
        /// `!`.
        not: bool,
        /// The type.
        kind: AddressType,
    },
    /// `-m mark [!] --mark VALUE[/MASK]`.
    Mark {
        /// `!`.
        not: bool,
        /// Compared with the masked mark.
        value: u32,
        /// Which bits count.
        mask: u32,
    },
    /// `-m conntrack [!] --ctstate LIST`.
    CtState {
        /// `!`.
        not: bool,
        /// Any of these.
        states: CtStates,
    },
    /// `-m state [!] --state LIST`: the older words for `CtState`, without SNAT and DNAT.
    State {
        /// `!`.
        not: bool,
        /// Any of these.
        states: CtStates,
    },
    /// `-m statistic …`.
    Statistic(Statistic),
    /// `-m recent …`.
    Recent(Box<Recent>),
    /// `-m set [!] --match-set NAME SIDES`.
    Set(Box<SetMatch>),
    /// `-m ipvs --vaddr …`: IPVS handed the packet on.
    Ipvs(VirtualMatch),
    /// `-m physdev [!] --physdev-is-in`: the packet came in by a port of a bridge. No interface here is one.
    PhysdevIsIn {
        /// `!`.
        not: bool,
    },
    /// `-m nfacct --nfacct-name NAME`: counts and always matches.
    Nfacct(Arc<str>),
    /// A match that is not modelled, as written (`-m limit --limit 5/min`); an outcome that depends on it is ambiguous.
    Unsupported(Box<str>),
}

/// `-m set`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetMatch {
    /// `!`.
    pub not: bool,
    /// The set.
    pub name: Box<str>,
    /// The side of the packet for each part of the set's type, as in `dst,dst,src`.
    pub sides: Vec<Side>,
}

/// `-m ipvs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VirtualMatch {
    /// The virtual server that must have taken the packet.
    pub at: VirtualAddress,
}

/// A set of TCP flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TcpFlags(pub(crate) u8);

impl TcpFlags {
    /// The flags by name, in the order of `iptables-save`.
    const NAMES: [(&'static str, u8); 6] =
        [("FIN", 0x01), ("SYN", 0x02), ("RST", 0x04), ("PSH", 0x08), ("ACK", 0x10), ("URG", 0x20)];
    pub(crate) const SYN: Self = Self(0x02);
    pub(crate) const ACK: Self = Self(0x10);
    pub(crate) const ALL: Self = Self(0x3f);

    /// The set of a comma-separated list, `ALL` or `NONE`; `None` if a name is not of a flag.
    pub fn from_names(list: &str) -> Option<Self> {
        list.split(',').try_fold(Self::default(), |flags, name| {
            let bits = match name {
                "ALL" => 0x3f,
                "NONE" => 0,
                _ => Self::NAMES.iter().find(|(known, _)| *known == name)?.1,
            };
            Some(Self(flags.0 | bits))
        })
    }

    /// What either set has.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both sets have.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl fmt::Display for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("NONE");
        }
        let mut first = true;
        for (name, _) in Self::NAMES.iter().filter(|(_, bit)| self.0 & bit != 0) {
            write!(f, "{}{name}", if first { "" } else { "," })?;
            first = false;
        }
        Ok(())
    }
}

/// A transport match extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// `-m tcp`.
    Tcp,
    /// `-m udp`.
    Udp,
    /// `-m sctp`.
    Sctp,
}

/// An inclusive range of ports; one port is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The last port, at least the first.
    pub last: u16,
}

impl PortRange {
    /// Whether the port is in the range.
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }
}

impl From<u16> for PortRange {
    fn from(port: u16) -> Self {
        Self { first: port, last: port }
    }
}

impl Transport {
    /// The name of the module and of its protocol.
    pub fn name(self) -> &'static str {
        self.protocol().name()
    }

    /// The module of a protocol; `None` if it has no ports.
    pub fn of(protocol: Protocol) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp].into_iter().find(|transport| transport.protocol() == protocol)
    }

    /// The protocol.
    pub fn protocol(self) -> Protocol {
        match self {
            Self::Tcp => Protocol::Tcp,
            Self::Udp => Protocol::Udp,
            Self::Sctp => Protocol::Sctp,
        }
    }
}

/// A routing type of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressType {
    /// An address of this host.
    Local,
    /// An address elsewhere.
    Unicast,
    /// A broadcast address.
    Broadcast,
    /// A multicast address.
    Multicast,
}

impl AddressType {
    /// The word of `--src-type` and `--dst-type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Unicast => "UNICAST",
            Self::Broadcast => "BROADCAST",
            Self::Multicast => "MULTICAST",
        }
    }
}

/// A connection-tracking state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum CtState {
    /// Belongs to no known connection and cannot begin one.
    Invalid = 1,
    /// The first packet of a connection.
    New = 2,
    /// Packets have gone both ways.
    Established = 4,
    /// Begins a connection that an established one announced, or an ICMP error of one.
    Related = 8,
    /// Not tracked.
    Untracked = 16,
    /// The connection's source is translated.
    Snat = 32,
    /// The connection's destination is translated.
    Dnat = 64,
}

impl CtState {
    /// All states, in the order in which `iptables-save` prints them.
    pub const ALL: [Self; 7] =
        [Self::Invalid, Self::New, Self::Related, Self::Established, Self::Untracked, Self::Snat, Self::Dnat];

    /// The word of `--ctstate`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Invalid => "INVALID",
            Self::New => "NEW",
            Self::Established => "ESTABLISHED",
            Self::Related => "RELATED",
            Self::Untracked => "UNTRACKED",
            Self::Snat => "SNAT",
            Self::Dnat => "DNAT",
        }
    }
}

/// A set of connection-tracking states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CtStates(u8);

impl CtStates {
    /// Whether the state is in the set.
    pub fn contains(self, state: CtState) -> bool {
        self.0 & state as u8 != 0
    }

    /// The set with one state more.
    #[must_use]
    pub fn with(self, state: CtState) -> Self {
        Self(self.0 | state as u8)
    }

    /// The set without SNAT and DNAT.
    #[must_use]
    pub(crate) fn without_nat(self) -> Self {
        Self(self.0 & !(CtState::Snat as u8 | CtState::Dnat as u8))
    }

    /// Whether the two sets share a state.
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl FromIterator<CtState> for CtStates {
    fn from_iter<I: IntoIterator<Item = CtState>>(states: I) -> Self {
        Self(states.into_iter().fold(0, |bits, state| bits | state as u8))
    }
}

/// `-m statistic`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Statistic {
    /// `--mode random [!] --probability P`.
    Random {
        /// `!`.
        not: bool,
        /// 0 to 1.
        probability: f64,
    },
    /// `--mode nth [!] --every N --packet P`.
    Nth {
        /// `!`.
        not: bool,
        /// Matches once in so many packets, at least 1.
        every: u32,
        /// Which of them, from 0.
        packet: u32,
    },
}

/// `-m recent`: lists of source addresses kept by the kernel.
#[derive(Debug, Clone, PartialEq)]
pub struct Recent {
    /// `!`.
    pub not: bool,
    /// The list.
    pub name: Box<str>,
    /// What is done with it.
    pub action: RecentAction,
    /// `--seconds`: only entries younger than this.
    pub seconds: Option<u32>,
    /// `--hitcount`: only entries seen at least so often.
    pub hitcount: Option<u32>,
    /// `--reap`: drops older entries.
    pub reap: bool,
    /// `--rdest`: keyed by destination instead of source.
    pub by_destination: bool,
}

/// The action of `-m recent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecentAction {
    /// `--set`: adds or refreshes; always matches.
    Set,
    /// `--rcheck`: matches if the address is in the list.
    Rcheck,
    /// `--update`: the same, and refreshes it.
    Update,
    /// `--remove`: the same, and removes it.
    Remove,
}
