//! Completes a model as the API server, address allocation and the controllers would.

mod addresses;
mod again;
mod allocator;
mod endpoint_slices;
mod owners;
mod service_defaults;
mod subnets;
mod topology_hints;
mod workloads;

pub use addresses::api_server;
pub(crate) use addresses::{pod_ranges, service_ranges};
pub use again::{Before, settle_again};
pub use allocator::nth;
pub use owners::Owners;

use crate::scheduler;
use model::{Model, ObjectRef};
use std::fmt;

/// A model in which nothing that a controller fills in is absent, and what was filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// The complete model. Objects that needed nothing are shared with the input.
    pub model: Model,
    /// What was computed and not given, in the order in which it was.
    pub allocated: Vec<Allocation>,
    /// What could not be completed.
    pub unsettled: Vec<Unsettled>,
}

/// A value that was computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocation {
    /// The object that got it.
    pub object: ObjectRef,
    /// Which of its fields.
    pub field: Field,
}

/// A field that a controller fills in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// `metadata.uid`, by the API server.
    Uid,
    /// `spec.clusterIPs` and `spec.ipFamilies`, by the API server.
    ClusterIps,
    /// `spec.ports[].nodePort`, by the API server.
    NodePorts,
    /// `spec.healthCheckNodePort`, by the API server.
    HealthCheckNodePort,
    /// `spec.sessionAffinityConfig`, by the API server.
    AffinityTimeout,
    /// `spec.podCIDRs` of a node, by the node IPAM controller.
    PodCidrs,
    /// `InternalIP` of a node, by the cloud.
    InternalIp,
    /// `spec.nodeName` of a pod, by the scheduler.
    NodeName,
    /// `status.podIPs`, by the network plugin.
    PodIps,
    /// The whole object: an EndpointSlice, a ReplicaSet or pod of a workload.
    Everything,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uid => "metadata.uid",
            Self::ClusterIps => "spec.clusterIPs",
            Self::NodePorts => "spec.ports[].nodePort",
            Self::HealthCheckNodePort => "spec.healthCheckNodePort",
            Self::AffinityTimeout => "spec.sessionAffinityConfig",
            Self::PodCidrs => "spec.podCIDRs",
            Self::InternalIp => "status.addresses[InternalIP]",
            Self::NodeName => "spec.nodeName",
            Self::PodIps => "status.podIPs",
            Self::Everything => "everything",
        })
    }
}

/// Something that a controller would not or could not fill in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unsettled {
    /// A pod stays pending.
    Unschedulable {
        /// The pod.
        pod: ObjectRef,
        /// Why each node refused it.
        reason: scheduler::Unschedulable,
    },
    /// A pod is bound to a node that the model does not have; it gets no address and is no endpoint.
    NodeMissing {
        /// The pod.
        pod: ObjectRef,
        /// The node.
        node: String,
    },
    /// Every address or port of a range is in use, or the range cannot be read.
    Exhausted {
        /// The object that went without.
        object: ObjectRef,
        /// Which of its fields.
        field: Field,
    },
}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unschedulable { pod, reason } => write!(f, "{pod} stays pending: {reason}"),
            Self::NodeMissing { pod, node } => {
                write!(f, "{pod} is bound to node {node}, which does not exist")
            }
            Self::Exhausted { object, field } => write!(f, "{object}: nothing is left for {field}"),
        }
    }
}

/// Fills in whatever is absent. Values that are given are used as they are and never changed.
///
/// What the real controllers choose by chance is chosen by a hash of the object's name, so that the same
/// input gives the same cluster and an edit leaves the rest of the cluster as it was.
pub fn settle(model: &Model) -> Settled {
    let mut settled = Settled { model: model.clone(), ..Settled::default() };
    addresses::nodes(&mut settled);
    workloads::expand(&mut settled);
    addresses::pods(&mut settled);
    service_defaults::complete(&mut settled);
    endpoint_slices::complete(&mut settled);
    settled
}

/// The part of [`settle`] that decides which pods there are and where they run; addresses are not given.
pub fn place(model: &Model) -> Settled {
    let mut settled = Settled { model: model.clone(), ..Settled::default() };
    workloads::expand(&mut settled);
    settled
}

impl Settled {
    fn allocated(&mut self, object: ObjectRef, field: Field) {
        self.allocated.push(Allocation { object, field });
    }

    fn exhausted(&mut self, object: ObjectRef, field: Field) {
        self.unsettled.push(Unsettled::Exhausted { object, field });
    }
}
