//! What of a load balancer is not as the controllers would write it, and what the next reconcile makes of it.
//!
//! A load balancer of the input is used as it is. Here it is held against the one that the cloud controller
//! and AKS would write for the same Services and nodes, by the rules of cloud-provider-azure's
//! `reconcileLoadBalancer` and `ReconcileBackendPools`: what belongs to a Service is put back, what bears a
//! foreign name stays.

mod compare;
mod fields;
mod pools;

use crate::cloud::{Cloud, is_given};
use compare::Comparison;
use model::{Model, azure::LoadBalancer};
use std::fmt;

/// A part of a load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the part it names")]
pub enum Part {
    Sku,
    Frontend,
    Probe,
    Rule,
    OutboundRule,
    Pool,
    Member,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sku => "sku",
            Self::Frontend => "frontend",
            Self::Probe => "probe",
            Self::Rule => "rule",
            Self::OutboundRule => "outbound rule",
            Self::Pool => "pool",
            Self::Member => "member",
        })
    }
}

/// How a part differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// The controllers would write it, and it is not there.
    Missing,
    /// It is there, and the controllers would not write it.
    Unwanted,
    /// It is there with other values.
    Changed(Vec<FieldDifference>),
}

/// One field with another value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldDifference {
    /// The field, named as in the document.
    pub field: &'static str,
    /// Its value.
    pub is: String,
    /// The value that the controllers would write.
    pub wanted: String,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The next reconcile puts it back as it was.
    PutBack,
    /// The next reconcile removes it.
    Removed,
    /// No reconcile touches it.
    Kept,
    /// It is AKS's, not the cloud controller's: the next operation on the cluster (`az aks update`, an
    /// upgrade, scaling a pool) puts it back.
    PutBackByAks,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PutBack => "put back",
            Self::Removed => "removed",
            Self::Kept => "kept",
            Self::PutBackByAks => "put back by AKS",
        })
    }
}

/// One part that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftRow {
    /// What it is.
    pub part: Part,
    /// Its name; of a member, `<pool>/<member>`.
    pub name: String,
    /// How it differs.
    pub difference: Difference,
    /// What becomes of it.
    pub fate: Fate,
    /// Why, in one sentence.
    pub why: &'static str,
}

/// One load balancer of the input against the one that the controllers would write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// The load balancer.
    pub balancer: String,
    /// What differs, by part. Empty: it is as the controllers would write it.
    pub rows: Vec<DriftRow>,
    /// The document after the next reconcile; absent where the whole load balancer goes.
    pub reconciled: Option<LoadBalancer>,
    /// The document that the controllers would write from nothing; absent where they would write none.
    pub wanted: Option<LoadBalancer>,
    /// Whether both have the same addresses.
    same_addresses: bool,
}

impl Drift {
    /// Whether the next reconcile leaves nothing that the controllers would not write, so that the load
    /// balancer can be left to them.
    pub fn settles(&self) -> bool {
        self.wanted.is_some()
            && self.same_addresses
            && self.rows.iter().all(|row| matches!(row.fate, Fate::PutBack | Fate::Removed))
    }
}

/// Something that happens, and whether the cloud controller reconciles then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trigger {
    /// What happens.
    pub event: &'static str,
    /// Whether a reconcile follows.
    pub reconciles: bool,
    /// Which Services, or why not.
    pub note: &'static str,
}

/// What starts a reconcile and what does not (the generic service controller of `cloud-provider`). Nobody
/// watches the load balancer itself: an edit by hand stays until one of the first four.
pub const TRIGGERS: [Trigger; 10] = [
    Trigger {
        event: "a Service of type LoadBalancer is added, changed or deleted",
        reconciles: true,
        note: "that Service",
    },
    Trigger {
        event: "a node is added, deleted, or its exclude label or providerID changes",
        reconciles: true,
        note: "every Service",
    },
    Trigger { event: "the cloud controller restarts", reconciles: true, note: "every Service" },
    Trigger {
        event: "the resync of nodes, every 100 seconds",
        reconciles: true,
        note: "Services whose last sync failed; all if the set of nodes changed",
    },
    Trigger {
        event: "a load balancer is edited in the portal or with az",
        reconciles: false,
        note: "nobody watches it",
    },
    Trigger {
        event: "a pod becomes ready or unready",
        reconciles: false,
        note: "endpoints are kube-proxy's affair; probes see the rest",
    },
    Trigger { event: "a node becomes NotReady", reconciles: false, note: "probes take it out of service" },
    Trigger { event: "a node is cordoned", reconciles: false, note: "it stays a member" },
    Trigger {
        event: "a node gets the taint ToBeDeletedByClusterAutoscaler",
        reconciles: false,
        note: "the taint counts at the next reconcile",
    },
    Trigger {
        event: "a health probe fails",
        reconciles: false,
        note: "that is the load balancer's own affair",
    },
];

impl Cloud {
    /// Every load balancer of the input against the one that the controllers would write. `model` is the
    /// settled model of this cloud.
    pub fn drifts(&self, model: &Model) -> Vec<Drift> {
        if !self.balancers().any(|balancer| is_given(balancer)) {
            return Vec::new();
        }
        let mut bare = model.clone();
        bare.load_balancers.clear();
        let wanted = self.update(&bare);
        self.balancers()
            .filter(|balancer| is_given(balancer))
            .map(|balancer| Comparison::new(self, &wanted, model, balancer).run())
            .collect()
    }
}
