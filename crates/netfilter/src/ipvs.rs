//! Virtual servers of IPVS, the load balancer in the kernel.
//!
//! IPVS takes a packet to a virtual server at INPUT, after the filter, or at OUTPUT after address translation, and
//! only if its address is one of the host. It changes the destination and sends the packet on through OUTPUT. What it
//! keeps of a connection is here the tracked connection (`net.ipv4.vs.conntrack` is on).

use crate::Protocol;
use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// Where a virtual server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualAddress {
    /// The protocol.
    pub protocol: Protocol,
    /// The address.
    pub ip: IpAddr,
    /// The port.
    pub port: u16,
}

/// A virtual server.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualServer {
    /// How it picks.
    pub scheduler: Scheduler,
    /// Seconds for which a client stays with its real server (`-p`); `None` without persistence.
    pub persistent: Option<u32>,
    /// The real servers, all of weight 1, reached by translation (`-m`).
    pub destinations: Vec<SocketAddr>,
    /// What it was made for: for the reader, the kernel does not know it.
    pub owner: Arc<str>,
}

/// The virtual servers of a host.
pub type Ipvs = BTreeMap<VirtualAddress, VirtualServer>;

/// The ways of picking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the scheduler that its name stands for")]
pub enum Scheduler {
    #[default]
    RoundRobin,
    WeightedRoundRobin,
    LeastConnection,
    WeightedLeastConnection,
    LocalityLeastConnection,
    LocalityLeastConnectionReplicated,
    DestinationHash,
    SourceHash,
    MaglevHash,
    ShortestDelay,
    NeverQueue,
}

impl Scheduler {
    const NAMES: [(Self, &'static str); 11] = [
        (Self::RoundRobin, "rr"),
        (Self::WeightedRoundRobin, "wrr"),
        (Self::LeastConnection, "lc"),
        (Self::WeightedLeastConnection, "wlc"),
        (Self::LocalityLeastConnection, "lblc"),
        (Self::LocalityLeastConnectionReplicated, "lblcr"),
        (Self::DestinationHash, "dh"),
        (Self::SourceHash, "sh"),
        (Self::MaglevHash, "mh"),
        (Self::ShortestDelay, "sed"),
        (Self::NeverQueue, "nq"),
    ];

    /// The word of `ipvsadm -s`.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(scheduler, _)| *scheduler == self).map_or("rr", |(_, name)| name)
    }

    /// The scheduler of a word.
    pub fn from_name(word: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == word).map(|(scheduler, _)| *scheduler)
    }
}

impl VirtualAddress {
    /// `10.0.0.1:80`.
    pub fn socket(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    fn option(self) -> &'static str {
        match self.protocol {
            Protocol::Udp => "-u",
            Protocol::Sctp => "--sctp-service",
            _ => "-t",
        }
    }
}

/// How virtual servers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpvsForm {
    /// Commands for `ipvsadm -R`, as `ipvsadm -Sn` prints them.
    Restore,
    /// As `ipvsadm -Ln` prints them on a host without connections.
    List,
}

/// Prints virtual servers in the order of their addresses.
#[derive(Debug, Clone, Copy)]
pub struct IpvsText<'a>(pub &'a Ipvs, pub IpvsForm);

impl fmt::Display for IpvsText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.1 == IpvsForm::List {
            f.write_str(
                "IP Virtual Server version 1.2.1 (size=4096)\nProt LocalAddress:Port Scheduler Flags\n",
            )?;
            f.write_str("  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n")?;
        }
        for (at, server) in self.0 {
            let (socket, scheduler) = (at.socket(), server.scheduler.name());
            match self.1 {
                IpvsForm::Restore => {
                    write!(f, "-A {} {socket} -s {scheduler}", at.option())?;
                    if let Some(seconds) = server.persistent {
                        write!(f, " -p {seconds}")?;
                    }
                    f.write_str("\n")?;
                    for to in &server.destinations {
                        writeln!(f, "-a {} {socket} -r {to} -m -w 1", at.option())?;
                    }
                }
                IpvsForm::List => {
                    let protocol = at.protocol.name().to_ascii_uppercase();
                    write!(f, "{protocol:<4} {socket} {scheduler}")?;
                    if let Some(seconds) = server.persistent {
                        write!(f, " persistent {seconds}")?;
                    }
                    f.write_str("\n")?;
                    for to in &server.destinations {
                        let to = to.to_string();
                        writeln!(f, "  -> {to:<28} Masq    1      0          0         ")?;
                    }
                }
            }
        }
        Ok(())
    }
}
