//! What the next reconcile makes of a load balancer that someone edited by hand.
//!
//! There is no watch for drift: an edit stays until a trigger (a Service added, changed or deleted, a
//! change of the node set, a restart of the controller, the resync of nodes every 100 seconds).

use crate::names::is_owned;
use model::azure::{LoadBalancer, LoadBalancingRule, Probe};

/// One thing that a reconcile does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A rule of the Service is wrong or unwanted: dropped.
    DropRule(String),
    /// A rule of the Service is missing or was dropped: added at the end.
    AddRule(String),
    /// A probe of the Service is wrong or unwanted: dropped.
    DropProbe(String),
    /// A probe of the Service is missing or was dropped: added at the end.
    AddProbe(String),
}

/// Whether the controller takes an existing rule for the wanted one (`findRule`): what it does not
/// compare, an edit keeps.
pub fn same_rule(existing: &LoadBalancingRule, wanted: &LoadBalancingRule) -> bool {
    let probe = |rule: &LoadBalancingRule| rule.probe.as_ref().map(|reference| reference.id.clone());
    existing.name.eq_ignore_ascii_case(&wanted.name)
        && existing.protocol == wanted.protocol
        && existing.enable_tcp_reset.unwrap_or(false) == wanted.enable_tcp_reset.unwrap_or(false)
        && existing.frontend_ip_configuration == wanted.frontend_ip_configuration
        && existing.backend_address_pool == wanted.backend_address_pool
        && existing.load_distribution == wanted.load_distribution
        && existing.frontend_port == wanted.frontend_port
        && existing.backend_port == wanted.backend_port
        && probe(existing) == probe(wanted)
        && existing.enable_floating_ip == wanted.enable_floating_ip
        && existing.disable_outbound_snat.unwrap_or(false) == wanted.disable_outbound_snat.unwrap_or(false)
        && (existing.idle_timeout_in_minutes == wanted.idle_timeout_in_minutes
            || existing.idle_timeout_in_minutes.is_none()
            || wanted.idle_timeout_in_minutes.is_none())
}

/// Whether the controller takes an existing probe for the wanted one (`findProbe`);
/// `noHealthyBackendsBehavior` is not compared.
pub fn same_probe(existing: &Probe, wanted: &Probe) -> bool {
    let path = |probe: &Probe| probe.request_path.clone().unwrap_or_default().to_ascii_lowercase();
    existing.name.eq_ignore_ascii_case(&wanted.name)
        && existing.port == wanted.port
        && existing.protocol == wanted.protocol
        && path(existing) == path(wanted)
        && existing.interval_in_seconds == wanted.interval_in_seconds
        && existing.probe_threshold == wanted.probe_threshold
}

/// Brings the rules and probes of the Service with this prefix to what is wanted. Everything that does not
/// start with the prefix stays. Returns what was done; nothing means that no write happens.
pub fn reconcile(
    existing: &mut LoadBalancer,
    prefix: &str,
    rules: &[LoadBalancingRule],
    probes: &[Probe],
) -> Vec<Change> {
    let mut changes = Vec::new();
    existing.probes.retain(|probe| {
        let stays = !is_owned(&probe.name, prefix) || probes.iter().any(|wanted| same_probe(probe, wanted));
        if !stays {
            changes.push(Change::DropProbe(probe.name.clone()));
        }
        stays
    });
    for wanted in probes {
        if !existing.probes.iter().any(|probe| same_probe(probe, wanted)) {
            changes.push(Change::AddProbe(wanted.name.clone()));
            existing.probes.push(wanted.clone());
        }
    }
    existing.load_balancing_rules.retain(|rule| {
        let stays = !is_owned(&rule.name, prefix) || rules.iter().any(|wanted| same_rule(rule, wanted));
        if !stays {
            changes.push(Change::DropRule(rule.name.clone()));
        }
        stays
    });
    for wanted in rules {
        if !existing.load_balancing_rules.iter().any(|rule| same_rule(rule, wanted)) {
            changes.push(Change::AddRule(wanted.name.clone()));
            existing.load_balancing_rules.push(wanted.clone());
        }
    }
    changes
}

/// The members of a pool after a reconcile: what was removed by hand comes back, what was added goes. With a
/// single load balancer a removal that would empty the pool is skipped.
pub fn reconcile_members<T: PartialEq + Clone>(existing: &[T], wanted: &[T], may_empty: bool) -> Vec<T> {
    if wanted.is_empty() && !may_empty { existing.to_vec() } else { wanted.to_vec() }
}
