//! Load balancers: what Azure would refuse, and references that point nowhere.

use super::Check;
use crate::near::nearest;
use model::{
    Kind, ObjectRef,
    azure::{LoadBalancer, LoadBalancingRule, OutboundRule, Probe, RuleProtocol, SubResource},
};

/// The names of the parts of a load balancer that rules refer to.
struct Parts<'a> {
    frontends: Vec<&'a str>,
    pools: Vec<&'a str>,
    probes: Vec<&'a str>,
}

impl Check<'_> {
    pub(super) fn load_balancers(&mut self) {
        for balancer in self.model.load_balancers.values() {
            let id = ObjectRef::cluster_scoped(Kind::LoadBalancer, &balancer.name);
            self.load_balancer(&id, balancer);
        }
    }

    fn load_balancer(&mut self, id: &ObjectRef, balancer: &LoadBalancer) {
        let parts = Parts {
            frontends: balancer.frontend_ip_configurations.iter().map(|own| own.name.as_str()).collect(),
            pools: balancer.backend_address_pools.iter().map(|own| own.name.as_str()).collect(),
            probes: balancer.probes.iter().map(|own| own.name.as_str()).collect(),
        };
        self.balancer_limits(id, balancer);
        for (at, frontend) in balancer.frontend_ip_configurations.iter().enumerate() {
            if let Some(address) = &frontend.private_ip_address {
                self.address(id, &format!("frontendIPConfigurations[{at}].privateIPAddress"), address);
            }
        }
        for (at, rule) in balancer.load_balancing_rules.iter().enumerate() {
            self.balancing_rule(id, &format!("loadBalancingRules[{at}]"), rule, &parts);
        }
        for (at, probe) in balancer.probes.iter().enumerate() {
            self.probe(id, &format!("probes[{at}]"), probe);
        }
        for (at, rule) in balancer.outbound_rules.iter().enumerate() {
            self.outbound_rule(id, &format!("outboundRules[{at}]"), rule, &parts);
        }
    }

    fn balancing_rule(&mut self, id: &ObjectRef, path: &str, rule: &LoadBalancingRule, parts: &Parts<'_>) {
        // Port 0 means every port, and goes with protocol All only (HA ports).
        if rule.protocol != RuleProtocol::All && (rule.frontend_port == 0 || rule.backend_port == 0) {
            let what = format!("the rule {} needs frontendPort and backendPort from 1 to 65535", rule.name);
            self.error(id, path, what, "port 0 is for protocol All only");
        }
        if rule.backend_address_pool.is_none() && rule.backend_address_pools.is_empty() {
            let what = format!("the rule {} has no backend pool", rule.name);
            let hint = format!("add `backendAddressPool: {{id: …}}`; {}", listed("the pools", &parts.pools));
            self.error(id, path, what, hint);
        }
        let pools = rule.backend_address_pool.iter().chain(&rule.backend_address_pools);
        for pool in pools {
            self.part(
                id,
                &format!("{path}.backendAddressPool"),
                &rule.name,
                pool,
                "backend pool",
                &parts.pools,
            );
        }
        if let Some(frontend) = &rule.frontend_ip_configuration {
            let path = format!("{path}.frontendIPConfiguration");
            self.part(id, &path, &rule.name, frontend, "frontend", &parts.frontends);
        }
        if let Some(probe) = &rule.probe {
            self.part(id, &format!("{path}.probe"), &rule.name, probe, "probe", &parts.probes);
        }
        self.minutes(id, path, &rule.name, rule.idle_timeout_in_minutes, 100);
    }

    fn probe(&mut self, id: &ObjectRef, path: &str, probe: &Probe) {
        if probe.port == 0 {
            let what = format!("the probe {} needs a port from 1 to 65535", probe.name);
            self.error(id, path, what, "write the port that is probed");
        }
        if let Some(interval) = probe.interval_in_seconds.filter(|interval| *interval < 5) {
            let path = format!("{path}.intervalInSeconds");
            let what = format!("the probe {} has an interval of {interval} s", probe.name);
            self.error(id, &path, what, "Azure takes 5 seconds or more");
        }
        if [probe.number_of_probes, probe.probe_threshold].contains(&Some(0)) {
            let what = format!("the probe {} goes down after 0 results", probe.name);
            self.error(id, path, what, "numberOfProbes and probeThreshold are 1 or more");
        }
    }

    fn outbound_rule(&mut self, id: &ObjectRef, path: &str, rule: &OutboundRule, parts: &Parts<'_>) {
        if !rule.allocated_outbound_ports.is_multiple_of(8) || rule.allocated_outbound_ports > 64_000 {
            let what =
                format!("the outbound rule {} allocates {} ports", rule.name, rule.allocated_outbound_ports);
            let hint = "Azure takes a multiple of 8 up to 64000, or 0 for its table of pool sizes";
            self.error(id, &format!("{path}.allocatedOutboundPorts"), what, hint);
        }
        match &rule.backend_address_pool {
            Some(pool) => {
                let path = format!("{path}.backendAddressPool");
                self.part(id, &path, &rule.name, pool, "backend pool", &parts.pools);
            }
            None => {
                let what = format!("the outbound rule {} has no backend pool", rule.name);
                let hint =
                    format!("add `backendAddressPool: {{id: …}}`; {}", listed("the pools", &parts.pools));
                self.error(id, path, what, hint);
            }
        }
        for (at, frontend) in rule.frontend_ip_configurations.iter().enumerate() {
            let path = format!("{path}.frontendIPConfigurations[{at}]");
            self.part(id, &path, &rule.name, frontend, "frontend", &parts.frontends);
        }
        self.minutes(id, path, &rule.name, rule.idle_timeout_in_minutes, 120);
    }

    fn minutes(&mut self, id: &ObjectRef, path: &str, rule: &str, minutes: Option<u32>, most: u32) {
        if let Some(minutes) = minutes.filter(|minutes| !(4..=most).contains(minutes)) {
            let path = format!("{path}.idleTimeoutInMinutes");
            let what = format!("the rule {rule} has an idle timeout of {minutes} min");
            self.error(id, &path, what, format!("Azure takes 4 to {most} minutes"));
        }
    }

    /// A reference from a rule to a part of the same load balancer.
    fn part(&mut self, id: &ObjectRef, path: &str, rule: &str, to: &SubResource, what: &str, names: &[&str]) {
        let name = to.id.name();
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            return;
        }
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None => listed(&format!("the {what}s"), names),
        };
        self.error(id, path, format!("the rule {rule} refers to a {what} {name} that is not there"), hint);
    }
}

fn listed(what: &str, names: &[&str]) -> String {
    if names.is_empty() {
        return format!("{what} are none");
    }
    format!("{what} are {}", names.iter().take(8).copied().collect::<Vec<_>>().join(", "))
}
