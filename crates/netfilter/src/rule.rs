//! One rule: its matches in written order, and its target.
//!
//! The order of the matches is kept, because the text that kube-proxy feeds to `iptables-restore` has
//! an order of its own and the kernel evaluates matches in it. Printing is in `print`.

use crate::Protocol;
use arrayvec::ArrayString;
use ipnet::IpNet;
use std::{borrow::Borrow, fmt, net::IpAddr, ops::Deref, sync::Arc};

/// The name of a chain: at most 28 bytes, the kernel's limit (`XT_EXTENSION_MAXNAMELEN` less the NUL).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainName(ArrayString<28>);

impl ChainName {
    /// Accepts a name that the kernel would accept; `None` if it is too long or empty.
    pub fn new(name: &str) -> Option<Self> {
        ArrayString::from(name).ok().filter(|name| !name.is_empty()).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ChainName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ChainName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ChainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// One rule of a chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The conditions in written order; all must hold.
    pub matches: Vec<Match>,
    /// What happens then.
    pub target: Target,
}

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
    /// `[!] -s NET`.
    Source {
        /// `!`.
        not: bool,
        /// The network; a bare address is a full-length one.
        net: IpNet,
    },
    /// `[!] -d NET`.
    Destination {
        /// `!`.
        not: bool,
        /// The network; a bare address is a full-length one.
        net: IpNet,
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
    /// `-m multiport [!] --dports LIST` or `--sports LIST`.
    Multiport {
        /// `!`.
        not: bool,
        /// `--sports` instead of `--dports`.
        source: bool,
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
    /// `-m statistic …`.
    Statistic(Statistic),
    /// `-m recent …`.
    Recent(Box<Recent>),
    /// `-m nfacct --nfacct-name NAME`: counts and always matches.
    Nfacct(Arc<str>),
    /// A match that is not modelled, as written; an outcome that depends on it is ambiguous.
    Unsupported(Box<str>),
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

impl From<u16> for PortRange {
    fn from(port: u16) -> Self {
        Self { first: port, last: port }
    }
}

/// The name of a network interface, or with a trailing `+` a prefix of names. At most 15 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(ArrayString<15>);

impl InterfaceName {
    /// Accepts a name that the kernel would accept; `None` if it is too long or empty.
    pub fn new(name: &str) -> Option<Self> {
        ArrayString::from(name).ok().filter(|name| !name.is_empty()).map(Self)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
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

/// A set of connection-tracking states.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CtStates(u8);

impl CtStates {
    /// Whether the state is in the set.
    pub fn contains(self, state: CtState) -> bool {
        self.0 & state as u8 != 0
    }

    /// With a state more.
    #[must_use]
    pub fn with(self, state: CtState) -> Self {
        Self(self.0 | state as u8)
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

/// What a rule does with a packet that matches.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// No target: the packet goes on to the next rule.
    None,
    /// `-j ACCEPT`.
    Accept,
    /// `-j DROP`.
    Drop,
    /// `-j RETURN`.
    Return,
    /// `-j CHAIN`.
    Jump(ChainName),
    /// `-g CHAIN`.
    Goto(ChainName),
    /// `-j REJECT [--reject-with KIND]`; absent is the family's port unreachable.
    Reject(Option<RejectWith>),
    /// `-j DNAT --to-destination …`.
    Dnat(NatTo),
    /// `-j SNAT --to-source …`.
    Snat(NatTo),
    /// `-j REDIRECT [--to-ports …]`.
    Redirect(Option<PortRange>),
    /// `-j MASQUERADE`.
    Masquerade {
        /// `--random-fully`.
        random_fully: bool,
        /// `--to-ports`.
        to_ports: Option<PortRange>,
    },
    /// `-j MARK --set-xmark V/M`: mark = (mark & !M) ^ V.
    SetXmark {
        /// V.
        value: u32,
        /// M.
        mask: u32,
    },
    /// `-j MARK --or-mark V`.
    OrMark(u32),
    /// `-j MARK --and-mark V`.
    AndMark(u32),
    /// `-j MARK --xor-mark V`.
    XorMark(u32),
    /// `-j NOTRACK` or `-j CT --notrack`.
    Notrack,
    /// `-j LOG …`: writes a line and goes on.
    Log(Box<str>),
    /// A target that is not modelled, as written; an outcome that depends on it is ambiguous.
    Unsupported(Box<str>),
}

/// The argument of `--to-destination` and `--to-source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NatTo {
    /// The first address; absent keeps the address (`:8080`).
    pub first: Option<IpAddr>,
    /// The last address of a range; equal to the first for one address.
    pub last: Option<IpAddr>,
    /// The ports; absent keeps the port.
    pub ports: Option<PortRange>,
    /// `--random`.
    pub random: bool,
    /// `--persistent`.
    pub persistent: bool,
}

impl NatTo {
    /// One address and port.
    pub fn socket(ip: IpAddr, port: u16) -> Self {
        Self { first: Some(ip), last: Some(ip), ports: Some(port.into()), random: false, persistent: false }
    }
}

/// The argument of `--reject-with`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RejectWith {
    /// ICMP (or ICMPv6) port unreachable: TCP clients see "connection refused".
    PortUnreachable,
    /// ICMP host unreachable (ICMPv6 address unreachable).
    HostUnreachable,
    /// ICMP net unreachable (ICMPv6 no route).
    NetUnreachable,
    /// ICMP protocol unreachable (IPv4 only).
    ProtoUnreachable,
    /// ICMP net prohibited (IPv4 only).
    NetProhibited,
    /// ICMP host prohibited (IPv4 only).
    HostProhibited,
    /// ICMP administratively prohibited.
    AdminProhibited,
    /// A TCP RST.
    TcpReset,
}
