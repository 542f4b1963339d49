//! Edits of a load balancer by hand, as the portal and `az` make them.

use crate::azure::{BackendAddress, BackendAddressPool, LoadBalancer, LoadBalancingRule, Probe, SubResource};
use model_derive::Tagged;
use serde::Serialize;
use wire::Wire;

/// A change of one load balancer, made by hand in Azure.
#[derive(Debug, Clone, PartialEq, Serialize, Tagged, Wire)]
#[serde(tag = "change", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum BalancerEdit {
    /// Takes a member out of a backend pool.
    RemoveMember {
        /// The pool.
        pool: String,
        /// The member: the id of its NIC configuration, its address or its name in the pool.
        member: String,
    },
    /// Adds a member to a backend pool.
    AddMember {
        /// The pool.
        pool: String,
        /// The member, by NIC configuration or by address.
        member: Box<BackendAddress>,
    },
    /// Overrides the probe of a member.
    SetAdminState {
        /// The pool.
        pool: String,
        /// The member, as in `RemoveMember`.
        member: String,
        /// `None`, `Up` or `Down`.
        admin_state: String,
    },
    /// Adds a rule or replaces the one of the same name.
    PutRule {
        /// The rule.
        rule: Box<LoadBalancingRule>,
    },
    /// Deletes a rule.
    RemoveRule {
        /// Its name.
        rule: String,
    },
    /// Adds a probe or replaces the one of the same name.
    PutProbe {
        /// The probe.
        probe: Box<Probe>,
    },
    /// Deletes a probe. Azure refuses that while a rule uses it, so the rules that do give it up first.
    RemoveProbe {
        /// Its name.
        probe: String,
    },
}

impl BalancerEdit {
    /// Changes the document; the error names the part that is not there.
    pub(crate) fn apply(&self, balancer: &mut LoadBalancer) -> Result<(), String> {
        match self {
            Self::RemoveMember { pool, member } => {
                let pool = find_pool(balancer, pool)?;
                let before =
                    pool.backend_ip_configurations.len() + pool.load_balancer_backend_addresses.len();
                pool.backend_ip_configurations.retain(|own| !is_id(own, member));
                pool.load_balancer_backend_addresses.retain(|own| !is_member(own, member));
                let after = pool.backend_ip_configurations.len() + pool.load_balancer_backend_addresses.len();
                if before == after { Err(format!("member {member} of {}", pool.name)) } else { Ok(()) }
            }
            Self::AddMember { pool, member } => {
                let pool = find_pool(balancer, pool)?;
                if let Some(reference) = &member.network_interface_ip_configuration
                    && !pool.backend_ip_configurations.iter().any(|own| own.id == reference.id)
                {
                    pool.backend_ip_configurations.push(reference.clone());
                }
                pool.load_balancer_backend_addresses.push((**member).clone());
                Ok(())
            }
            Self::SetAdminState { pool, member, admin_state } => {
                let pool = find_pool(balancer, pool)?;
                let listed =
                    pool.load_balancer_backend_addresses.iter().position(|own| is_member(own, member));
                let known = pool.backend_ip_configurations.iter().find(|own| is_id(own, member)).cloned();
                if let (None, Some(reference)) = (listed, known) {
                    pool.load_balancer_backend_addresses.push(BackendAddress {
                        network_interface_ip_configuration: Some(reference),
                        ..BackendAddress::default()
                    });
                }
                let mut addresses = pool.load_balancer_backend_addresses.iter_mut();
                let entry = addresses
                    .find(|own| is_member(own, member))
                    .ok_or_else(|| format!("member {member} of {}", pool.name))?;
                entry.admin_state = (!admin_state.eq_ignore_ascii_case("none")).then(|| admin_state.clone());
                Ok(())
            }
            Self::PutRule { rule } => {
                put(&mut balancer.load_balancing_rules, rule, |own| &own.name);
                Ok(())
            }
            Self::RemoveRule { rule } => take(&mut balancer.load_balancing_rules, rule, |own| &own.name)
                .ok_or_else(|| format!("rule {rule}")),
            Self::PutProbe { probe } => {
                put(&mut balancer.probes, probe, |own| &own.name);
                Ok(())
            }
            Self::RemoveProbe { probe } => {
                take(&mut balancer.probes, probe, |own| &own.name).ok_or_else(|| format!("probe {probe}"))?;
                for rule in &mut balancer.load_balancing_rules {
                    rule.probe.take_if(|own| own.id.name().eq_ignore_ascii_case(probe));
                }
                Ok(())
            }
        }
    }
}

fn find_pool<'a>(balancer: &'a mut LoadBalancer, name: &str) -> Result<&'a mut BackendAddressPool, String> {
    let mut pools = balancer.backend_address_pools.iter_mut();
    pools.find(|own| own.name.eq_ignore_ascii_case(name)).ok_or_else(|| format!("pool {name}"))
}

fn is_id(reference: &SubResource, member: &str) -> bool {
    reference.id.as_str().eq_ignore_ascii_case(member)
}

fn is_member(own: &BackendAddress, member: &str) -> bool {
    own.network_interface_ip_configuration.as_ref().is_some_and(|reference| is_id(reference, member))
        || own.ip_address.as_deref() == Some(member)
        || own.name.as_deref() == Some(member)
}

fn put<T: Clone>(parts: &mut Vec<T>, part: &T, name: impl Fn(&T) -> &String) {
    match parts.iter_mut().find(|own| name(own).eq_ignore_ascii_case(name(part))) {
        Some(own) => *own = part.clone(),
        None => parts.push(part.clone()),
    }
}

fn take<T>(parts: &mut Vec<T>, wanted: &str, name: impl Fn(&T) -> &String) -> Option<()> {
    let at = parts.iter().position(|own| name(own).eq_ignore_ascii_case(wanted))?;
    parts.remove(at);
    Some(())
}
