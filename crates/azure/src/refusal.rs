//! What the cloud controller or ARM refuses, and why.

use crate::limits::Limit;
use model::{Key, kubernetes::Protocol};
use std::fmt;

/// A Service that could not be programmed, or not completely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The Service.
    pub service: Key,
    /// Where the reconcile stopped.
    pub stage: Stage,
    /// Why.
    pub reason: Reason,
}

/// Steps of a reconcile, in order. What an earlier step wrote stays written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Choice of the load balancer.
    LoadBalancer,
    /// Frontends, rules and probes are computed before anything is written.
    Rules,
    /// Azure Resource Manager checks the written load balancer.
    ResourceManager,
    /// The security group is written after the load balancer.
    SecurityGroup,
    /// The Private Link Service comes after the security group.
    PrivateLink,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoadBalancer => "load balancer",
            Self::Rules => "load balancer rules",
            Self::ResourceManager => "resource manager",
            Self::SecurityGroup => "security group",
            Self::PrivateLink => "private link service",
        })
    }
}

/// Why a Service is refused (cloud-provider-azure's errors, and ARM's).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An annotation wants a number.
    NotANumber(String),
    /// `azure-additional-public-ips` wants addresses.
    NotAnAddress(String),
    /// `azure-load-balancer-tcp-idle-timeout` below 4.
    IdleTimeoutBelowMinimum(u32),
    /// `azure-load-balancer-tcp-idle-timeout` above 100.
    IdleTimeoutAboveMaximum(u32),
    /// A probe interval below 5 seconds.
    ProbeIntervalBelowMinimum(u32),
    /// A probe count below 2.
    ProbeCountBelowMinimum(u32),
    /// Interval times count is 120 or more.
    ProbeTotalTooLong(u32),
    /// `port_N_health-probe_port` is neither the name of a Service port nor a number.
    ProbePortUnknown(String),
    /// `port_N_health-probe_port` is above 65,535.
    ProbePortOutOfRange(u32),
    /// A probe without a port: the Service has no node port to probe.
    ProbePortZero(String),
    /// SCTP on a public or Basic load balancer.
    SctpUnsupported,
    /// A Service without ports.
    NoPorts,
    /// A Service without a uid.
    NoUid,
    /// Another Service has a rule for this port on the same frontend.
    PortTaken {
        /// The protocol.
        protocol: Protocol,
        /// The port.
        port: u16,
        /// The rule that has it.
        rule: String,
    },
    /// `azure-load-balancer-mode` names an unknown scale set or availability set.
    VmSetNotFound(String),
    /// `azure-load-balancer-configurations` names no load balancer that may be used.
    NoEligibleLoadBalancer,
    /// `azure-pip-name` names no public address.
    PublicIpNotFound(String),
    /// A Private Link Service on a public Service.
    PrivateLinkNeedsInternal,
    /// A Private Link Service in front of a pool of addresses.
    PrivateLinkNeedsNics,
    /// Both `loadBalancerSourceRanges` and `azure-allowed-ip-ranges` are set.
    BothRanges,
    /// No priority from 500 to 4,096 is free.
    PrioritiesExhausted,
    /// The load balancer has no room for more rules.
    TooManyRules(usize),
    /// The security group has no room for more rules.
    TooManySecurityRules(usize),
    /// The security group has no room for more sources or destinations.
    TooManyAddresses(usize),
    /// A limit of Azure's load balancers.
    OverLimit(Limit),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber(text) => write!(f, "{text:?} is not a number"),
            Self::NotAnAddress(text) => write!(f, "{text:?} is not an address"),
            Self::IdleTimeoutBelowMinimum(minutes) | Self::IdleTimeoutAboveMaximum(minutes) => {
                write!(f, "idle timeout must be 4 to 100 minutes, is {minutes}")
            }
            Self::ProbeIntervalBelowMinimum(seconds) => {
                write!(f, "probe interval must be at least 5 seconds, is {seconds}")
            }
            Self::ProbeCountBelowMinimum(count) => write!(f, "probe count must be at least 2, is {count}"),
            Self::ProbeTotalTooLong(seconds) => {
                write!(f, "probe interval times count must be below 120 seconds, is {seconds}")
            }
            Self::ProbePortUnknown(text) => write!(f, "port {text} not found in service"),
            Self::ProbePortOutOfRange(port) => write!(f, "port {port} is out of range"),
            Self::ProbePortZero(probe) => {
                write!(f, "probe {probe} has port 0: the Service has no node port to probe")
            }
            Self::SctpUnsupported => {
                f.write_str("SCTP is only supported on standard load balancers in internal mode")
            }
            Self::NoPorts => f.write_str("the Service has no ports"),
            Self::NoUid => f.write_str("the Service has no uid, from which Azure names are made"),
            Self::PortTaken { protocol, port, rule } => {
                write!(f, "port {port}/{protocol} of this frontend is taken by rule {rule}")
            }
            Self::VmSetNotFound(name) => write!(f, "scale set or availability set {name} not found"),
            Self::NoEligibleLoadBalancer => f.write_str("no load balancer is eligible for the Service"),
            Self::PublicIpNotFound(name) => write!(f, "public address {name} not found"),
            Self::PrivateLinkNeedsInternal => {
                f.write_str("a private link service needs an internal load balancer")
            }
            Self::PrivateLinkNeedsNics => {
                f.write_str("a private link service needs backend pools of NICs (nodeIPConfiguration)")
            }
            Self::BothRanges => f.write_str(
                "cannot set both spec.loadBalancerSourceRanges and annotation service.beta.kubernetes.io/azure-allowed-ip-ranges",
            ),
            Self::PrioritiesExhausted => f.write_str("security group priorities are exhausted"),
            Self::TooManyRules(limit) => write!(f, "the load balancer has its {limit} rules"),
            Self::TooManyAddresses(limit) => {
                write!(f, "the rules of a security group name at most {limit} sources and {limit} destinations")
            }
            Self::OverLimit(limit) => limit.fmt(f),
            Self::TooManySecurityRules(limit) => write!(f, "the security group has its {limit} rules"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Service {}: {} ({})", self.service, self.reason, self.stage)
    }
}
