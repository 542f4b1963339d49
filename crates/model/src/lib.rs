//! What exists: plain data for Kubernetes and Azure objects, typed ids, and [`Edit`].
//!
//! This crate knows nothing of how anything behaves. Field names are those of the Kubernetes API and
//! of `az … show -o json`, so a document deserializes straight into these types. Fields that the
//! simulation never reads are not modelled; `formats` reports what it leaves out.
//!
//! A [`Model`] holds what its author wrote and nothing else. Whatever is absent (a cluster IP, an
//! EndpointSlice, a load balancer) is computed downstream by the controller that would compute it.

// The derives name this crate by its name, also in here.
extern crate self as model;

pub mod azure;
mod balancer_edit;
mod difference;
mod edit;
mod fill;
mod ids;
mod kind;
pub mod kubernetes;
mod network_addresses;
mod object;
mod objects;
mod share;
mod shared;
mod transport;
mod workloads;

pub use balancer_edit::BalancerEdit;
pub use edit::{Edit, EditError};
pub use fill::{Fill, filled};
pub use ids::{ArmId, Key, KeyError, NodeName, PoolName};
pub use kind::{Kind, ObjectRef};
pub use object::{Model, Object};
pub use objects::Objects;
pub use share::{same_object, same_objects};
pub use shared::Shared;
pub use transport::Transport;
