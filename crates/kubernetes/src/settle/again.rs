//! Settling a model again after an edit.

use super::{Allocation, Field, Settled, Unsettled, addresses, endpoint_slices, service_defaults, settle};
use crate::hashing::FastSet;
use model::{
    Key, Kind, Model, Objects,
    kubernetes::{EndpointSlice, Node, Pod, Service},
    same_objects,
};
use std::{cell::OnceCell, collections::BTreeMap, sync::Arc};

/// A model from before an edit, with what was filled in: nothing but fields of Services.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// The settled model.
    pub settled: &'a Model,
    /// Its Services as they were before they were settled.
    pub services: &'a Objects<Key, Service>,
    /// Which fields of Services were filled in.
    pub allocated: &'a [Allocation],
    /// What could not be completed.
    pub unsettled: &'a [Unsettled],
}

/// The same as [`settle`] of a model, given one from before an edit in which nothing had to be filled in but fields of
/// Services. Then only what the edit changed can lack anything. Ranges of nodes that were used up then still are, as long
/// as the nodes are the same; else all nodes are completed anew.
///
/// The cost is a comparison of pointers for each object where the two share them; maps that are shared as a whole cost
/// nothing.
pub fn settle_again(model: &Model, before: Before<'_>) -> Settled {
    let Before { settled: old, unsettled, .. } = before;
    let same_nodes = || model.nodes.is_same(&old.nodes) || same_keyed(&model.nodes, &old.nodes);
    let of_nodes =
        |one: &Unsettled| matches!(one, Unsettled::Exhausted { object, .. } if object.kind == Kind::Node);
    if unsettled.iter().all(of_nodes) {
        let mut settled = Settled { model: model.clone(), ..Settled::default() };
        // An address that a node lacked may have become free with a pod or a Service.
        let lacks_address =
            |one: &Unsettled| matches!(one, Unsettled::Exhausted { field: Field::InternalIp, .. });
        let all_nodes = unsettled.iter().any(lacks_address) || (!unsettled.is_empty() && !same_nodes());
        if all_nodes {
            addresses::nodes(&mut settled);
        } else {
            settled.unsettled = unsettled.to_vec();
        }
        complete_services(&mut settled, before);
        if lacks_nothing(&settled.model, old, all_nodes) {
            return settled;
        }
    }
    settle(model)
}

/// Completes Services. What is allocated for one depends on what all have, so the same Services get the same; where
/// nothing was allocated before, it is the changed ones that may lack something.
fn complete_services(settled: &mut Settled, before: Before<'_>) {
    let given = settled.model.services.clone();
    if given.is_same(before.services) || same_keyed(&given, before.services) {
        settled.model.services = before.settled.services.clone();
        settled.allocated.extend_from_slice(before.allocated);
    } else if before.allocated.is_empty() {
        let changed = differing(&given, before.services).0;
        let changed = changed.into_iter().map(|(key, service, _)| (key, service));
        service_defaults::complete_some(settled, changed);
    } else {
        service_defaults::complete(settled);
    }
}

/// Whether no controller has anything to fill in, as far as can be told by looking at changed objects. With `has_nodes`
/// all nodes were completed, as far as they can be.
fn lacks_nothing(model: &Model, before: &Model, has_nodes: bool) -> bool {
    // What all allocation, placing and making of pods depends on.
    let same_ground = model.same_surroundings(before)
        && same_keyed(&model.deployments, &before.deployments)
        && same_keyed(&model.replica_sets, &before.replica_sets)
        && same_keyed(&model.stateful_sets, &before.stateful_sets)
        && same_keyed(&model.daemon_sets, &before.daemon_sets)
        && same_keyed(&model.jobs, &before.jobs)
        && same_keyed(&model.priority_classes, &before.priority_classes)
        && same_keyed(&model.pod_disruption_budgets, &before.pod_disruption_budgets)
        && (model.bindings.is_same(&before.bindings) || same_keyed(&model.bindings, &before.bindings));
    let makes_pods = model.workloads().next().is_some();
    // A DaemonSet counts its pods by node; the others only count them.
    let by_node = !model.daemon_sets.is_empty();
    let quiet_pod = |pod: &Pod, old: Option<&Pod>| {
        let counts_alike = |old: &Pod| {
            let same_node = pod.spec.node_name == old.spec.node_name;
            pod.metadata == old.metadata && pod.status.phase == old.status.phase && (same_node || !by_node)
        };
        addresses::is_placed(pod) && (!makes_pods || old.is_some_and(counts_alike))
    };
    let quiet_node =
        |node: &Node, _: Option<&Node>| !by_node && (has_nodes || addresses::is_complete(model, node));
    let quiet_slice = |slice: &EndpointSlice, old: Option<&EndpointSlice>| {
        old.is_none_or(|old| old.service() == slice.service())
    };
    let owners = OnceCell::new();
    let has_slices = |key: &Key| {
        let all = || model.endpoint_slices.iter();
        let owners: &FastSet<_> = owners.get_or_init(|| {
            all().filter_map(|(own, slice)| Some((&*own.namespace, slice.service()?))).collect()
        });
        owners.contains(&(&*key.namespace, &*key.name))
    };
    let quiet_service = |service: &Service, _: Option<&Service>| {
        let key = service.metadata.key();
        service_defaults::is_complete(model, &key, service)
            && (!endpoint_slices::wants_slices(service) || has_slices(&key))
    };
    same_ground
        && changes(&model.nodes, &before.nodes, !by_node, quiet_node)
        && changes(&model.pods, &before.pods, !makes_pods, quiet_pod)
        && changes(&model.services, &before.services, true, quiet_service)
        && changes(&model.endpoint_slices, &before.endpoint_slices, false, quiet_slice)
}

/// Whether both maps hold the very same objects under the same names.
fn same_keyed<K: Eq, T>(a: &BTreeMap<K, Arc<T>>, b: &BTreeMap<K, Arc<T>>) -> bool {
    same_objects(a, b) && a.keys().eq(b.keys())
}

/// Whether every object that is new or changed passes, and whether any may have gone.
fn changes<K: Ord + Clone, T>(
    new: &Objects<K, T>,
    old: &Objects<K, T>,
    may_go: bool,
    passes: impl Fn(&T, Option<&T>) -> bool,
) -> bool {
    if new.is_same(old) {
        return true;
    }
    let (differing, kept) = differing(new, old);
    (may_go || kept == old.len()) && differing.into_iter().all(|(_, object, known)| passes(object, known))
}

/// An object that is new or changed, with its name and the one before.
type Differing<'a, K, T> = (&'a K, &'a Arc<T>, Option<&'a T>);

/// The objects that are new or changed, and how many names are those of old objects.
fn differing<'a, K: Ord + Clone, T>(
    new: &'a Objects<K, T>,
    old: &'a Objects<K, T>,
) -> (Vec<Differing<'a, K, T>>, usize) {
    let mut olds = old.iter().peekable();
    let mut kept = 0;
    let mut differing = Vec::new();
    for (key, object) in new {
        // An object has one name, so that names of the same object need no comparing.
        if olds.next_if(|(_, own)| Arc::ptr_eq(own, object)).is_some() {
            kept += 1;
            continue;
        }
        while olds.next_if(|(other, _)| *other < key).is_some() {}
        let known = olds.next_if(|(other, _)| *other == key).map(|(_, own)| own);
        kept += usize::from(known.is_some());
        if !known.is_some_and(|known| Arc::ptr_eq(known, object)) {
            differing.push((key, object, known.map(|known| &**known)));
        }
    }
    (differing, kept)
}
