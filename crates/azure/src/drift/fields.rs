//! The fields in which two parts differ.

use super::FieldDifference;
use model::{
    ArmId,
    azure::{FrontendIpConfiguration, LoadBalancingRule, OutboundRule, Probe, SubResource},
};
use std::fmt;

/// A rule with names in the place of ids, so that another subscription makes no difference.
pub(super) fn plain_rule(rule: &LoadBalancingRule) -> LoadBalancingRule {
    let plain = |reference: &SubResource| SubResource::from(ArmId::from(reference.id.name()));
    let pool = rule.backend_address_pool.as_ref().or_else(|| rule.backend_address_pools.first());
    LoadBalancingRule {
        id: None,
        frontend_ip_configuration: rule.frontend_ip_configuration.as_ref().map(plain),
        backend_address_pool: pool.map(plain),
        backend_address_pools: Vec::new(),
        probe: rule.probe.as_ref().map(plain),
        ..rule.clone()
    }
}

/// Collects fields that differ.
#[derive(Default)]
struct Fields(Vec<FieldDifference>);

impl Fields {
    fn compare(&mut self, field: &'static str, is: impl fmt::Display, wanted: impl fmt::Display) {
        let (is, wanted) = (is.to_string(), wanted.to_string());
        if !is.eq_ignore_ascii_case(&wanted) {
            self.0.push(FieldDifference { field, is, wanted });
        }
    }
}

fn name_of(reference: Option<&SubResource>) -> &str {
    reference.map_or("-", |reference| reference.id.name())
}

fn number(value: Option<u32>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

pub(super) fn rule_fields(is: &LoadBalancingRule, wanted: &LoadBalancingRule) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    fields.compare("protocol", is.protocol, wanted.protocol);
    fields.compare("frontendPort", is.frontend_port, wanted.frontend_port);
    fields.compare("backendPort", is.backend_port, wanted.backend_port);
    fields.compare("enableFloatingIP", is.enable_floating_ip, wanted.enable_floating_ip);
    let reset = |rule: &LoadBalancingRule| rule.enable_tcp_reset.unwrap_or(false);
    fields.compare("enableTcpReset", reset(is), reset(wanted));
    let snat = |rule: &LoadBalancingRule| rule.disable_outbound_snat.unwrap_or(false);
    fields.compare("disableOutboundSnat", snat(is), snat(wanted));
    if is.idle_timeout_in_minutes.is_some() && wanted.idle_timeout_in_minutes.is_some() {
        let idle = |rule: &LoadBalancingRule| number(rule.idle_timeout_in_minutes);
        fields.compare("idleTimeoutInMinutes", idle(is), idle(wanted));
    }
    fields.compare("loadDistribution", is.load_distribution, wanted.load_distribution);
    let frontend = |rule: &LoadBalancingRule| name_of(rule.frontend_ip_configuration.as_ref()).to_owned();
    fields.compare("frontendIPConfiguration", frontend(is), frontend(wanted));
    let pool = |rule: &LoadBalancingRule| name_of(rule.backend_address_pool.as_ref()).to_owned();
    fields.compare("backendAddressPool", pool(is), pool(wanted));
    let probe = |rule: &LoadBalancingRule| name_of(rule.probe.as_ref()).to_owned();
    fields.compare("probe", probe(is), probe(wanted));
    fields.0
}

pub(super) fn probe_fields(is: &Probe, wanted: &Probe) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    fields.compare("protocol", is.protocol, wanted.protocol);
    fields.compare("port", is.port, wanted.port);
    let path = |probe: &Probe| probe.request_path.clone().unwrap_or_else(|| "-".to_owned());
    fields.compare("requestPath", path(is), path(wanted));
    fields.compare("intervalInSeconds", number(is.interval_in_seconds), number(wanted.interval_in_seconds));
    fields.compare("probeThreshold", number(is.probe_threshold), number(wanted.probe_threshold));
    let behaviour = |probe: &Probe| {
        probe.no_healthy_backends_behavior.clone().unwrap_or_else(|| "AllProbedDown".to_owned())
    };
    fields.compare("noHealthyBackendsBehavior", behaviour(is), behaviour(wanted));
    fields.0
}

pub(super) fn frontend_fields(
    is: &FrontendIpConfiguration,
    wanted: &FrontendIpConfiguration,
) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    let public = |part: &FrontendIpConfiguration| name_of(part.public_ip_address.as_ref()).to_owned();
    fields.compare("publicIPAddress", public(is), public(wanted));
    if let (Some(is), Some(wanted)) = (&is.private_ip_address, &wanted.private_ip_address) {
        fields.compare("privateIPAddress", is, wanted);
    }
    fields.0
}

pub(super) fn outbound_fields(is: &OutboundRule, wanted: &OutboundRule) -> Vec<FieldDifference> {
    let mut fields = Fields::default();
    fields.compare("protocol", is.protocol, wanted.protocol);
    fields.compare("allocatedOutboundPorts", is.allocated_outbound_ports, wanted.allocated_outbound_ports);
    let idle = |rule: &OutboundRule| number(rule.idle_timeout_in_minutes);
    fields.compare("idleTimeoutInMinutes", idle(is), idle(wanted));
    let reset = |rule: &OutboundRule| rule.enable_tcp_reset.unwrap_or(false);
    fields.compare("enableTcpReset", reset(is), reset(wanted));
    let pool = |rule: &OutboundRule| name_of(rule.backend_address_pool.as_ref()).to_owned();
    fields.compare("backendAddressPool", pool(is), pool(wanted));
    fields.0
}
