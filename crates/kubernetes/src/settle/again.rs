//! Settling a model again after an edit.

use super::{Settled, Unsettled, addresses, endpoint_slices, service_defaults, settle};
use model::{
    Key, Kind, Model, Objects,
    kubernetes::{EndpointSlice, Node, Pod, Service},
    same_objects,
};
use std::{collections::BTreeMap, sync::Arc};

/// The same as [`settle`] of a model, given one from before an edit to which nothing had to be filled in: what kubectl
/// prints of a cluster that runs. Then only what the edit changed can lack anything. That ranges of nodes were used up
/// then (`unsettled`) they still are, as long as the nodes are the same.
///
/// The cost is a comparison of pointers for each object where the two share them; maps that are shared as a whole cost
/// nothing.
pub fn settle_again(model: &Model, before: &Model, unsettled: &[Unsettled]) -> Settled {
    let same_nodes = || model.nodes.is_same(&before.nodes) || same_keyed(&model.nodes, &before.nodes);
    let of_nodes =
        |one: &Unsettled| matches!(one, Unsettled::Exhausted { object, .. } if object.kind == Kind::Node);
    let still = unsettled.is_empty() || (unsettled.iter().all(of_nodes) && same_nodes());
    if still && lacks_nothing(model, before) {
        Settled { model: model.clone(), unsettled: unsettled.to_vec(), ..Settled::default() }
    } else {
        settle(model)
    }
}

/// Whether no controller has anything to fill in, as far as can be told by looking at changed objects.
fn lacks_nothing(model: &Model, before: &Model) -> bool {
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
    let quiet_node = |node: &Node, _: Option<&Node>| !by_node && addresses::is_complete(model, node);
    let quiet_slice = |slice: &EndpointSlice, old: Option<&EndpointSlice>| {
        old.is_none_or(|old| old.service() == slice.service())
    };
    let has_slices = |key: &Key| {
        let of_service = |(own, slice): (&Key, &Arc<EndpointSlice>)| {
            own.namespace == key.namespace && slice.service() == Some(&*key.name)
        };
        model.endpoint_slices.iter().any(of_service)
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
    let mut olds = old.iter().peekable();
    let mut kept = 0;
    for (key, object) in new {
        // An object has one name, so that names of the same object need no comparing.
        if olds.next_if(|(_, own)| Arc::ptr_eq(own, object)).is_some() {
            kept += 1;
            continue;
        }
        while olds.next_if(|(other, _)| *other < key).is_some() {}
        let known = olds.next_if(|(other, _)| *other == key).map(|(_, own)| own);
        kept += usize::from(known.is_some());
        if !known.is_some_and(|known| Arc::ptr_eq(known, object))
            && !passes(object, known.map(|known| &**known))
        {
            return false;
        }
    }
    may_go || kept == old.len()
}
