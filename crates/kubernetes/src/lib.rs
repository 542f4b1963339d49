//! Who programs the node: what the API server and the controllers fill in, and what kube-proxy writes.
//!
//! Two steps. [`settle`] completes a model as the API server, address allocation, the scheduler and the
//! EndpointSlice controller would; explicit values always win. [`kube_proxy`] turns the completed
//! Services and EndpointSlices into the `netfilter` rules of one node. [`health`] is what probes are told.
//!
//! Nothing here knows Azure.

mod address;
pub mod azure_cns;
pub mod cilium;
pub mod cluster_dns;
pub mod disruption;

mod hashing;
pub mod health;
pub mod imds_restriction;
pub mod ingress;
pub mod ingress_nginx;
pub mod ip_masq_agent;
pub mod kube_proxy;
pub mod kubelet;
pub mod network_policy;
pub mod portmap;
pub mod resolv_conf;
pub mod scheduler;
mod settle;
mod uid;

pub use settle::{
    Allocation, Before, Field, Owners, Settled, Unsettled, api_server, nth, place, settle, settle_again,
};
pub use uid::uid_of;
