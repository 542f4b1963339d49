//! kube-proxy, in its three modes.
//!
//! [`ServiceMap`] holds what kube-proxy knows of Services and endpoints; [`sync`] writes the payload that
//! it feeds to `iptables-restore` in mode iptables; [`installed`] is the whole ruleset of a host that has loaded it.
//! [`nftables`] writes the table of that mode, [`ipvs`] what that one has; [`program`] does what the settings say.

mod canonical;
mod common;
mod compare;
mod concern;
mod config;
mod endpoints;
mod fixed;
pub mod ipvs;
mod names;
pub mod nftables;
mod presence;
mod program;
mod programmed;
mod service_map;
mod service_rules;
mod sync;
mod words;

pub use canonical::canonical;
pub use common::{Common, Likeness};
pub use compare::{ChainDifference, Comparison, compare};
pub use concern::Bearing;
pub use config::{LocalDetector, NfacctCounter, ProxyConfig, pods_are_in_network};
pub use endpoints::{Choice, Needs, categorize};
pub(crate) use fixed::localnet_rule;
pub use fixed::{Jump, jumps};
pub use names::{ChainHash, ChainKind};
pub use presence::nodes_with_proxy;
pub use program::{Programming, program};
pub use programmed::{Owner, Programmed};
pub use service_map::{ProxyEndpoint, ServiceMap, ServicePort, endpoints_by_port};
pub use service_rules::probability;
pub use sync::{Sync, bare_host, installed, sync};
pub(crate) use words::{comment, to_this_node, transport};
