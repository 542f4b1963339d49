//! What one load balancer may hold, and which of its rules stand in each other's way.
//!
//! Numbers: Azure, "Azure subscription and service limits", load balancer. HA ports: Azure, "High availability ports
//! overview". Rules with the same backend: the error `RulesUseSameBackendPortProtocolAndIPConfig`, and "Multiple
//! frontends for Azure Load Balancer".

use super::Check;
use model::{
    ArmId, ObjectRef,
    azure::{LoadBalancer, LoadBalancingRule, RuleProtocol, SkuName, SubResource},
};
use std::collections::BTreeMap;

/// Rules of every kind together that may lead to one NIC.
const MOST_OF_NIC: usize = 300;

/// What a load balancer holds at most: rules, frontends, outbound rules, members of a backend pool.
struct Most {
    rules: usize,
    frontends: usize,
    outbound_rules: usize,
    members: usize,
}

const STANDARD: Most = Most { rules: 1_500, frontends: 600, outbound_rules: 600, members: 5_000 };
const BASIC: Most = Most { rules: 250, frontends: 200, outbound_rules: 0, members: 300 };

fn is_for_all_ports(rule: &LoadBalancingRule) -> bool {
    rule.protocol == RuleProtocol::All && rule.frontend_port == 0
}

fn same(one: Option<&SubResource>, other: Option<&SubResource>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one.id.name().eq_ignore_ascii_case(other.id.name()),
        _ => false,
    }
}

/// The id of the NIC that an IP configuration belongs to, in lower case.
fn nic_of(configuration: &ArmId) -> String {
    let id = configuration.as_str().to_ascii_lowercase();
    match id.split_once("/ipconfigurations/") {
        Some((nic, _)) => nic.to_owned(),
        None => id,
    }
}

impl Check<'_> {
    pub(super) fn balancer_limits(&mut self, id: &ObjectRef, balancer: &LoadBalancer) {
        let is_basic = balancer.sku.name == SkuName::Basic;
        let most = if is_basic { BASIC } else { STANDARD };
        let sku = balancer.sku.name;
        let counts = [
            ("loadBalancingRules", "load-balancing rules", balancer.load_balancing_rules.len(), most.rules),
            (
                "frontendIPConfigurations",
                "frontends",
                balancer.frontend_ip_configurations.len(),
                most.frontends,
            ),
            ("outboundRules", "outbound rules", balancer.outbound_rules.len(), most.outbound_rules),
        ];
        for (path, what, count, most) in counts.into_iter().filter(|(.., count, most)| count > most) {
            let hint = match most {
                0 => format!("outbound rules are for load balancers of SKU Standard, this one is {sku}"),
                most => format!("a load balancer of SKU {sku} has at most {most}"),
            };
            self.error(id, path, format!("the load balancer has {count} {what}"), hint);
        }
        for (at, pool) in balancer.backend_address_pools.iter().enumerate() {
            let count = pool.backend_ip_configurations.len().max(pool.load_balancer_backend_addresses.len());
            if count > most.members {
                let what = format!("the backend pool {} has {count} members", pool.name);
                let hint = format!("a pool of SKU {sku} has at most {}", most.members);
                self.error(id, &format!("backendAddressPools[{at}]"), what, hint);
            }
        }
        if !is_basic {
            self.rules_of_nics(id, balancer);
        }
        // Each is held against those before it: where there are too many, that is said already.
        let few = balancer.load_balancing_rules.len() <= most.rules;
        for (at, rule) in balancer.load_balancing_rules.iter().enumerate().filter(|_| few) {
            let path = format!("loadBalancingRules[{at}]");
            if is_for_all_ports(rule) {
                self.all_ports(id, &path, rule, balancer);
            }
            let before = balancer.load_balancing_rules.get(..at).unwrap_or_default();
            self.beside(id, &path, rule, before);
        }
    }

    /// "Each NIC can have a total of 300 rules (load balancing, inbound NAT, and outbound rules combined)".
    fn rules_of_nics(&mut self, id: &ObjectRef, balancer: &LoadBalancer) {
        let named = |reference: Option<&SubResource>, name: &str| {
            reference.is_some_and(|own| own.id.name().eq_ignore_ascii_case(name))
        };
        let mut of_nics: BTreeMap<String, usize> = BTreeMap::new();
        for pool in &balancer.backend_address_pools {
            let balancing = balancer.load_balancing_rules.iter().filter(|rule| {
                let pools = rule.backend_address_pool.iter().chain(&rule.backend_address_pools);
                pools.into_iter().any(|own| named(Some(own), &pool.name))
            });
            let outbound = balancer
                .outbound_rules
                .iter()
                .filter(|rule| named(rule.backend_address_pool.as_ref(), &pool.name));
            let rules = balancing.count() + outbound.count();
            for member in &pool.backend_ip_configurations {
                *of_nics.entry(nic_of(&member.id)).or_default() += rules;
            }
        }
        for to in balancer.inbound_nat_rules.iter().filter_map(|rule| rule.backend_ip_configuration.as_ref())
        {
            *of_nics.entry(nic_of(&to.id)).or_default() += 1;
        }
        // Its members are alike as a rule: one is told.
        if let Some((nic, count)) = of_nics.iter().find(|(_, count)| **count > MOST_OF_NIC) {
            let nic = nic.rsplit('/').next().unwrap_or_default();
            let what = format!("{count} rules lead to the NIC {nic}");
            let hint = format!(
                "Azure takes {MOST_OF_NIC} for one NIC: load-balancing, inbound NAT and outbound rules together"
            );
            self.error(id, "loadBalancingRules", what, hint);
        }
    }

    /// HA ports are for internal frontends of Standard load balancers.
    fn all_ports(&mut self, id: &ObjectRef, path: &str, rule: &LoadBalancingRule, balancer: &LoadBalancer) {
        let frontend = balancer.frontend_ip_configurations.iter().find(|own| {
            rule.frontend_ip_configuration
                .as_ref()
                .is_some_and(|to| to.id.name().eq_ignore_ascii_case(&own.name))
        });
        if balancer.sku.name == SkuName::Basic {
            let what = format!("the rule {} is for all ports (HA ports)", rule.name);
            self.error(id, path, what, "HA ports need a load balancer of SKU Standard");
        } else if frontend.is_some_and(|frontend| frontend.public_ip_address.is_some()) {
            let what =
                format!("the rule {} is for all ports (HA ports) and has a public frontend", rule.name);
            self.error(id, path, what, "HA ports are for internal frontends only");
        }
    }

    /// Two rules that Azure does not take together.
    fn beside(&mut self, id: &ObjectRef, path: &str, rule: &LoadBalancingRule, before: &[LoadBalancingRule]) {
        let frontend = rule.frontend_ip_configuration.as_ref();
        let on_frontend =
            |other: &&LoadBalancingRule| same(frontend, other.frontend_ip_configuration.as_ref());
        if let Some(other) = before
            .iter()
            .filter(on_frontend)
            .find(|other| other.frontend_port == rule.frontend_port && other.protocol == rule.protocol)
        {
            let (what, hint) = if is_for_all_ports(rule) {
                (
                    format!(
                        "the rules {} and {} are both for all ports of one frontend",
                        other.name, rule.name
                    ),
                    "Azure takes one HA-ports rule for each internal frontend",
                )
            } else {
                (
                    format!(
                        "the rules {} and {} are both for {} {} of one frontend",
                        other.name,
                        rule.name,
                        rule.protocol.to_string().to_uppercase(),
                        rule.frontend_port
                    ),
                    "Azure takes one rule for each frontend, protocol and port",
                )
            };
            self.error(id, path, what, hint);
            return;
        }
        let pool = rule.backend_address_pool.as_ref();
        let collides = |other: &&LoadBalancingRule| {
            !other.enable_floating_ip
                && other.backend_port == rule.backend_port
                && other.protocol == rule.protocol
                && same(pool, other.backend_address_pool.as_ref())
        };
        if !rule.enable_floating_ip
            && let Some(other) = before.iter().find(collides)
        {
            let what = format!(
                "the rules {} and {} use the same backend port {}, protocol and backend pool",
                other.name, rule.name, rule.backend_port
            );
            self.error(
                id,
                path,
                what,
                "Azure refuses it (RulesUseSameBackendPortProtocolAndIPConfig): turn floating IP on for both, or give one another backend port",
            );
        }
    }
}
