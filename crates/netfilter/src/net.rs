//! Address families, and networks as rules write them.

use ipnet::IpNet;
use std::{fmt, net::IpAddr};

/// An address family: each has tables of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// IPv4: iptables.
    V4,
    /// IPv6: ip6tables.
    V6,
}

impl Family {
    /// The family of an address.
    pub fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    /// `iptables` or `ip6tables`.
    pub fn tool(self) -> &'static str {
        match self {
            Self::V4 => "iptables",
            Self::V6 => "ip6tables",
        }
    }
}

/// A network in a rule.
///
/// kube-proxy writes single addresses bare (`-d 10.0.0.1`) but ranges with their length even if it is full
/// (`-s 192.0.2.1/32`, `! -d ::1/128`), so the way of writing is kept. Both mean the same to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Net {
    net: IpNet,
    bare: bool,
}

impl Net {
    /// The network, host bits as written.
    pub fn net(self) -> IpNet {
        self.net
    }

    /// Whether the address is in it.
    pub fn contains(self, ip: IpAddr) -> bool {
        self.net.contains(&ip)
    }

    /// The address, if the network holds one only.
    pub fn single(self) -> Option<IpAddr> {
        (self.net.prefix_len() == self.net.max_prefix_len()).then(|| self.net.addr())
    }

    /// Whether it holds every address.
    pub fn is_any(self) -> bool {
        self.net.prefix_len() == 0
    }
}

impl From<IpAddr> for Net {
    /// Written bare.
    fn from(ip: IpAddr) -> Self {
        Self { net: ip.into(), bare: true }
    }
}

impl From<IpNet> for Net {
    /// Written with its length.
    fn from(net: IpNet) -> Self {
        Self { net, bare: false }
    }
}

impl fmt::Display for Net {
    /// As written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bare { fmt::Display::fmt(&self.net.addr(), f) } else { fmt::Display::fmt(&self.net, f) }
    }
}
