//! What rules do with packets.

use crate::{ChainName, Family, PortRange};
use std::net::IpAddr;

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
    /// `-j LOG …`: writes a line and goes on; the words after `LOG`.
    Log(Box<str>),
    /// A target that changes nothing that is modelled and lets the packet go on, as written
    /// (`TCPMSS --clamp-mss-to-pmtu`).
    Continue(Box<str>),
    /// A target that is not modelled, as written (`NFQUEUE --queue-num 1`); an outcome that depends on it is ambiguous.
    Unsupported(Box<str>),
}

impl Target {
    /// The chain that it jumps or goes to.
    pub fn chain(&self) -> Option<&ChainName> {
        match self {
            Self::Jump(name) | Self::Goto(name) => Some(name),
            _ => None,
        }
    }
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
    /// `--random-fully`.
    pub random_fully: bool,
    /// `--persistent`.
    pub persistent: bool,
}

impl NatTo {
    /// One address and port.
    pub fn socket(ip: IpAddr, port: u16) -> Self {
        Self { ports: Some(port.into()), ..Self::address(ip) }
    }

    /// One address; the port stays.
    pub fn address(ip: IpAddr) -> Self {
        Self {
            first: Some(ip),
            last: Some(ip),
            ports: None,
            random: false,
            random_fully: false,
            persistent: false,
        }
    }
}

/// The argument of `--reject-with`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RejectWith {
    /// ICMP (or `ICMPv6`) port unreachable: TCP clients see "connection refused".
    PortUnreachable,
    /// ICMP host unreachable (`ICMPv6` address unreachable).
    HostUnreachable,
    /// ICMP net unreachable (`ICMPv6` no route).
    NetUnreachable,
    /// ICMP protocol unreachable (IPv4 only).
    ProtoUnreachable,
    /// ICMP net prohibited (IPv4 only).
    NetProhibited,
    /// ICMP host prohibited (IPv4 only).
    HostProhibited,
    /// ICMP administratively prohibited.
    AdminProhibited,
    /// `ICMPv6` policy fail (IPv6 only).
    PolicyFail,
    /// `ICMPv6` reject route (IPv6 only).
    RejectRoute,
    /// A TCP RST.
    TcpReset,
}

impl RejectWith {
    /// Every kind with its word in IPv4 and in IPv6; `None` where a family has no such kind.
    const WORDS: [(Self, Option<&'static str>, Option<&'static str>); 10] = [
        (Self::PortUnreachable, Some("icmp-port-unreachable"), Some("icmp6-port-unreachable")),
        (Self::HostUnreachable, Some("icmp-host-unreachable"), Some("icmp6-addr-unreachable")),
        (Self::NetUnreachable, Some("icmp-net-unreachable"), Some("icmp6-no-route")),
        (Self::ProtoUnreachable, Some("icmp-proto-unreachable"), None),
        (Self::NetProhibited, Some("icmp-net-prohibited"), None),
        (Self::HostProhibited, Some("icmp-host-prohibited"), None),
        (Self::AdminProhibited, Some("icmp-admin-prohibited"), Some("icmp6-adm-prohibited")),
        (Self::PolicyFail, None, Some("icmp6-policy-fail")),
        (Self::RejectRoute, None, Some("icmp6-reject-route")),
        (Self::TcpReset, Some("tcp-reset"), Some("tcp-reset")),
    ];

    /// The word of `--reject-with` that `iptables-save` prints.
    ///
    /// A kind that the family does not have is printed in the other family's word.
    pub fn name(self, family: Family) -> &'static str {
        let found = Self::WORDS.iter().find(|(kind, ..)| *kind == self);
        let (v4, v6) = found.map_or((None, None), |(_, v4, v6)| (*v4, *v6));
        let word = match family {
            Family::V4 => v4.or(v6),
            Family::V6 => v6.or(v4),
        };
        word.unwrap_or("icmp-port-unreachable")
    }

    /// The kind of a word of `--reject-with`, short forms (`port-unreach`) included.
    pub fn from_name(word: &str, family: Family) -> Option<Self> {
        let long = match (word, family) {
            ("net-unreach", _) => "icmp-net-unreachable",
            ("host-unreach", _) => "icmp-host-unreachable",
            ("proto-unreach", _) => "icmp-proto-unreachable",
            ("port-unreach", Family::V4) => "icmp-port-unreachable",
            ("net-prohib", _) => "icmp-net-prohibited",
            ("host-prohib", _) => "icmp-host-prohibited",
            ("admin-prohib", _) => "icmp-admin-prohibited",
            ("tcp-rst", _) => "tcp-reset",
            ("no-route", _) => "icmp6-no-route",
            ("adm-prohibited", _) => "icmp6-adm-prohibited",
            ("addr-unreach", _) => "icmp6-addr-unreachable",
            ("port-unreach", Family::V6) => "icmp6-port-unreachable",
            ("policy-fail", _) => "icmp6-policy-fail",
            ("reject-route", _) => "icmp6-reject-route",
            _ => word,
        };
        let in_family = |(kind, v4, v6): &(Self, Option<&str>, Option<&str>)| {
            let own = if family == Family::V4 { v4 } else { v6 };
            (*own == Some(long)).then_some(*kind)
        };
        Self::WORDS.iter().find_map(in_family)
    }
}
