//! Hints of the annotation `service.kubernetes.io/topology-mode: Auto`: endpoints are shared out among the zones by the
//! CPUs of their nodes (k8s.io/endpointslice, `topologycache`).

use crate::kube_proxy::ProxyConfig;
use model::{
    Model,
    kubernetes::{Endpoint, EndpointHints, EndpointSlice, HintZone, Quantity, Service},
};
use std::collections::BTreeMap;

/// The older annotation is looked at first.
const ANNOTATIONS: [&str; 2] =
    ["service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"];
/// No endpoint may get more than this much above its share.
const OVERLOAD: f64 = 0.2;
/// Nodes with one of these labels do not count.
const EXCLUDED: [&str; 2] = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];

/// Whether a Service asks for such hints; `trafficDistribution` counts for nothing then.
pub(super) fn are_wanted(service: &Service) -> bool {
    let given = ANNOTATIONS.iter().find_map(|name| service.metadata.annotation(name));
    matches!(given, Some("Auto" | "auto"))
}

/// The share of each zone in the CPUs of all ready nodes; `None` where a node lacks a zone or CPUs, or all are in one.
pub(super) fn shares(model: &Model) -> Option<BTreeMap<String, f64>> {
    let mut cpus: BTreeMap<String, u64> = BTreeMap::new();
    for node in model.nodes.values().filter(|node| node.is_ready()) {
        if EXCLUDED.iter().any(|label| node.metadata.label(label).is_some()) {
            continue;
        }
        let zone = node.metadata.label(ProxyConfig::ZONE_LABEL).filter(|zone| !zone.is_empty())?;
        let given = node.status.allocatable.get("cpu")?.parse::<Quantity>().ok()?;
        let own = Some(given.as_milli()).filter(|cpu| *cpu > 0)?;
        let sum = cpus.entry(zone.to_owned()).or_default();
        *sum = sum.saturating_add(own);
    }
    #[expect(clippy::cast_precision_loss, reason = "thousandths of CPUs")]
    let total = cpus.values().fold(0_u64, |total, own| total.saturating_add(*own)) as f64;
    #[expect(clippy::cast_precision_loss, reason = "thousandths of CPUs")]
    let shares = |cpus: BTreeMap<String, u64>| cpus.into_iter().map(|(zone, own)| (zone, own as f64 / total));
    (cpus.len() > 1).then(|| order::map(shares(cpus)))
}

/// Gives the ready endpoints of a Service's slices of one family hints, or none where the shares do not work out.
pub(super) fn add<'a>(
    shares: Option<&BTreeMap<String, f64>>,
    slices: impl Iterator<Item = &'a mut EndpointSlice>,
) {
    let ready: Vec<&mut Endpoint> = slices
        .flat_map(|slice| &mut slice.endpoints)
        .filter(|endpoint| endpoint.conditions.ready == Some(true))
        .collect();
    let Some(shares) = shares.filter(|shares| shares.len() <= ready.len()) else { return };
    let mut left = ready.len();
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 endpoints")]
    let count = ready.len() as f64;
    let mut missing: BTreeMap<&str, f64> = BTreeMap::new();
    for (zone, share) in shares {
        let desired = share * count;
        let least = (desired / (1.0 + OVERLOAD)).ceil();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to the number of endpoints"
        )]
        let own = least as usize;
        let Some(rest) = left.checked_sub(own) else { return };
        left = rest;
        missing.insert(zone, desired.max(least));
    }
    if ready.iter().any(|endpoint| endpoint.zone.as_deref().is_none_or(str::is_empty)) {
        return;
    }
    for endpoint in &ready {
        let zone = endpoint.zone.as_deref().unwrap_or_default();
        if let Some(missing) = missing.get_mut(zone) {
            *missing -= 1.0;
        }
    }
    let (mut giving, mut receiving) = moves(missing);
    for endpoint in ready {
        let mut zone = endpoint.zone.clone().unwrap_or_default();
        if let Some(gives) = giving.get_mut(&zone).filter(|gives| **gives > 0)
            && let Some((taker, takes)) = receiving.iter_mut().find(|(_, takes)| **takes > 0)
        {
            (*gives, *takes) = (*gives - 1, *takes - 1);
            zone.clone_from(taker);
        }
        endpoint.hints =
            Some(EndpointHints { for_zones: vec![HintZone { name: zone }], for_nodes: Vec::new() });
    }
}

/// How many endpoints each zone gives and receives, of what each lacks (negative where it has too many).
fn moves(mut missing: BTreeMap<&str, f64>) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut giving, mut receiving) = (BTreeMap::new(), BTreeMap::new());
    // Of equals upstream takes any; here the first by name.
    let most = |missing: &BTreeMap<&str, f64>, sign: f64| {
        let mut found: Option<(String, f64)> = None;
        for (zone, lacks) in missing {
            if lacks * sign > found.as_ref().map_or(0.0, |(_, most)| *most) {
                found = Some(((*zone).to_owned(), lacks * sign));
            }
        }
        found
    };
    while let (Some((giver, gives)), Some((taker, takes))) = (most(&missing, -1.0), most(&missing, 1.0)) {
        if (gives < 1.0 && takes < 1.0) || gives < 0.5 || takes < 0.5 {
            break;
        }
        for (zone, more) in [(&giver, 1.0), (&taker, -1.0)] {
            if let Some(lacks) = missing.get_mut(zone.as_str()) {
                *lacks += more;
            }
        }
        *giving.entry(giver).or_default() += 1;
        *receiving.entry(taker).or_default() += 1;
    }
    (giving, receiving)
}
