//! Ports for outbound translation: how many a node has, and when they run out.

use model::kubernetes::Protocol;
use std::{collections::BTreeMap, fmt, net::SocketAddr};

/// Ports of one frontend address, per protocol.
pub const PORTS_PER_ADDRESS: u32 = 64_000;

/// Ports of one address of a NAT gateway, per protocol; shared on demand by all VMs of its subnets.
pub const NAT_GATEWAY_PORTS_PER_ADDRESS: u32 = 64_512;

/// Addresses that one NAT gateway can have.
pub const NAT_GATEWAY_ADDRESSES: u32 = 16;

/// Ports are handed out in blocks of this size.
pub const BLOCK: u32 = 8;

/// Azure's default ports per member: (pool size up to, ports).
pub const DEFAULT_TABLE: [(u32, u32); 6] =
    [(50, 1024), (100, 512), (200, 256), (400, 128), (800, 64), (1000, 32)];

/// The most that the default table gives, however many addresses there are.
const DEFAULT_CAP: u32 = 1024;

/// Ports per member by Azure's table, times the addresses, at most 1,024. 0 for pools above 1,000 members.
pub fn default_ports(members: u32, addresses: u32) -> u32 {
    let step = DEFAULT_TABLE.iter().find(|(up_to, _)| members <= *up_to);
    step.map_or(0, |(_, ports)| ports.saturating_mul(addresses).min(DEFAULT_CAP))
}

/// Ports per member of an outbound rule: explicit, or by the table where 0 is allocated.
pub fn ports_per_member(allocated: u32, members: u32, addresses: u32) -> u32 {
    if allocated == 0 { default_ports(members, addresses) } else { allocated }
}

/// How many members an explicit allocation can serve.
pub fn max_members(ports: u32, addresses: u32) -> u32 {
    PORTS_PER_ADDRESS.saturating_mul(addresses).checked_div(ports).unwrap_or(u32::MAX)
}

/// Why Azure refuses an explicit allocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllocationError {
    /// Not a multiple of 8.
    NotInBlocks(u32),
    /// Members times ports exceed the ports of the addresses.
    TooMany {
        /// Ports wanted in all.
        wanted: u64,
        /// Ports there are.
        available: u64,
    },
}

impl fmt::Display for AllocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInBlocks(ports) => write!(f, "{ports} ports are not a multiple of {BLOCK}"),
            Self::TooMany { wanted, available } => {
                write!(f, "{wanted} ports are wanted, the addresses have {available}")
            }
        }
    }
}

impl std::error::Error for AllocationError {}

/// Whether an explicit allocation fits. Count the nodes that an upgrade adds for a while, too.
pub fn check(ports: u32, peak_members: u32, addresses: u32) -> Result<(), AllocationError> {
    if !ports.is_multiple_of(BLOCK) {
        return Err(AllocationError::NotInBlocks(ports));
    }
    let wanted = u64::from(ports) * u64::from(peak_members);
    let available = u64::from(PORTS_PER_ADDRESS) * u64::from(addresses);
    if wanted > available { Err(AllocationError::TooMany { wanted, available }) } else { Ok(()) }
}

/// The ports of one VM, shared by all its pods. TCP and UDP have ports of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    ports: u32,
    used: BTreeMap<Remote, u32>,
}

/// Flows that need different ports: to one address and port with TCP, to one address with UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Remote {
    protocol: Protocol,
    destination: SocketAddr,
}

impl Inventory {
    /// A VM with so many ports per protocol.
    pub fn new(ports: u32) -> Self {
        Self { ports, used: BTreeMap::new() }
    }

    /// Opens flows to one destination; returns how many find a port. The others fail (their SYN is lost).
    pub fn open(&mut self, protocol: Protocol, destination: SocketAddr, count: u32) -> u32 {
        let mut destination = destination;
        if protocol != Protocol::Tcp {
            destination.set_port(0);
        }
        let used = self.used.entry(Remote { protocol, destination }).or_default();
        let opened = count.min(self.ports.saturating_sub(*used));
        *used += opened;
        opened
    }
}

/// Seconds for which a NAT gateway keeps a port from the same destination after a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoolDown {
    /// Closed by FIN.
    TcpFin,
    /// Closed by RST.
    TcpReset,
    /// Never completed.
    TcpHalfOpen,
    /// UDP.
    Udp,
}

impl CoolDown {
    /// The time in seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Self::TcpFin | Self::Udp => 65,
            Self::TcpReset => 16,
            Self::TcpHalfOpen => 30,
        }
    }
}
