//! What a flow is of.

use crate::kubernetes::Protocol;
use serde::{Deserialize, Serialize};
use std::fmt;
use wire::Wire;

/// What a flow is of: a protocol that Services have too, or an echo request of ICMP ("ping"), which has no port and
/// which no Service takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Wire)]
#[serde(rename_all = "UPPERCASE")]
pub enum Transport {
    /// TCP, the default.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// An echo request and its reply.
    Icmp,
}

impl Transport {
    /// `tcp`, `udp`, `sctp` or `icmp`.
    pub fn lower(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Icmp => "icmp",
        }
    }

    /// The one of a word in lower case.
    pub fn from_lower(word: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp, Self::Sctp, Self::Icmp].into_iter().find(|own| own.lower() == word)
    }
}

impl From<Protocol> for Transport {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Sctp => Self::Sctp,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.lower().to_ascii_uppercase())
    }
}
