//! Limits of Azure's load balancers (Azure, "Networking limits", as cloud-provider-azure lists them).
//!
//! Azure checks them when a load balancer is written, after the controller has computed it.

use crate::{
    balancer::{Balancer, Origin, Pool},
    refusal::{Reason, Refusal, Stage},
};
use model::{Key, azure::SkuName};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// A limit that a Service would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Frontends of one load balancer: 600 of Standard, 200 of Basic.
    Frontends(usize),
    /// Rules of Standard load balancers, public and internal, that lead to one NIC, outbound rules (and inbound NAT
    /// rules, which the controller writes none of) among them: 300.
    RulesOfNic(usize),
    /// Private Link Services on one load balancer: 8.
    PrivateLinks(usize),
    /// Members of one backend pool: 5,000 of Standard, 300 of Basic. Older texts, among them those of
    /// cloud-provider-azure, say 1,000 for Standard, where Azure's table of port allocation still ends.
    PoolMembers(usize),
    /// A rule for all ports (HA ports): 1 for each internal frontend.
    AllPorts,
    /// Members times rules of one frontend: 10,000 of Standard.
    ConfigurationsOfFrontend(usize),
    /// Members times rules of all frontends: 500,000 of Standard.
    Configurations(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frontends(limit) => write!(f, "a load balancer has at most {limit} frontends"),
            Self::RulesOfNic(limit) => write!(f, "at most {limit} rules can lead to one NIC"),
            Self::PrivateLinks(limit) => {
                write!(f, "a load balancer has at most {limit} private link services")
            }
            Self::PoolMembers(limit) => write!(f, "a backend pool has at most {limit} members"),
            Self::AllPorts => f.write_str("an internal frontend has one rule for all ports (HA ports)"),
            Self::ConfigurationsOfFrontend(limit) => {
                write!(f, "rules times members of one frontend are at most {limit}")
            }
            Self::Configurations(limit) => {
                write!(f, "rules times members of all frontends are at most {limit}")
            }
        }
    }
}

/// What one load balancer has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    /// Whether it is Standard.
    pub(crate) standard: bool,
    /// Its frontends.
    pub(crate) frontends: usize,
    /// Its rules, outbound ones too, and those of its internal or public twin, which lead to the same NICs.
    pub(crate) rules: usize,
    /// The Private Link Services in front of it.
    pub(crate) private_links: usize,
}

/// The first limit that is broken.
pub(crate) fn broken(counts: Counts) -> Option<Limit> {
    let frontends = if counts.standard { 600 } else { 200 };
    [
        (counts.frontends > frontends, Limit::Frontends(frontends)),
        (counts.standard && counts.rules > 300, Limit::RulesOfNic(300)),
        (counts.private_links > 8, Limit::PrivateLinks(8)),
    ]
    .into_iter()
    .find_map(|(broken, limit)| broken.then_some(limit))
}

/// What depends on how many members a backend pool has.
#[derive(Debug, Clone, Copy)]
struct Size {
    standard: bool,
    members: usize,
    rules_of_frontend: usize,
    rules: usize,
}

fn too_large(size: Size) -> Option<Limit> {
    let members = if size.standard { 5_000 } else { 300 };
    let configurations = |rules: usize| rules.saturating_mul(size.members);
    [
        (size.members > members, Limit::PoolMembers(members)),
        (
            size.standard && configurations(size.rules_of_frontend) > 10_000,
            Limit::ConfigurationsOfFrontend(10_000),
        ),
        (size.standard && configurations(size.rules) > 500_000, Limit::Configurations(500_000)),
    ]
    .into_iter()
    .find_map(|(broken, limit)| broken.then_some(limit))
}

/// Services whose rules Azure refuses for the sizes of the backend pools, each with the first limit that is broken.
pub(crate) fn of_pools(balancer: &Balancer, pools: &[Arc<Pool>]) -> Vec<Refusal> {
    if balancer.origin != Origin::Programmed {
        return Vec::new();
    }
    let rules: usize = balancer.frontends.iter().map(|frontend| frontend.rules.len()).sum();
    let size = |members: usize, rules_of_frontend: usize| Size {
        standard: balancer.sku != SkuName::Basic,
        members,
        rules_of_frontend,
        rules,
    };
    let largest = pools.iter().map(|pool| pool.members.len()).max().unwrap_or_default();
    let most = balancer.frontends.iter().map(|frontend| frontend.rules.len()).max().unwrap_or_default();
    if too_large(size(largest, most)).is_none() {
        return Vec::new();
    }
    let mut refused: BTreeMap<Key, Limit> = BTreeMap::new();
    for frontend in &balancer.frontends {
        for rule in &frontend.rules {
            let members =
                pools.iter().find(|pool| pool.name == rule.pool).map_or(0, |pool| pool.members.len());
            let limit = too_large(size(members, frontend.rules.len()));
            if let Some((service, limit)) = rule.service.clone().zip(limit) {
                refused.entry(service).or_insert(limit);
            }
        }
    }
    let refusal = |(service, limit)| Refusal {
        service,
        stage: Stage::ResourceManager,
        reason: Reason::OverLimit(limit),
    };
    refused.into_iter().map(refusal).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_that_fits_and_the_first_that_does_not() {
        let fits = |standard, frontends, rules, private_links| {
            broken(Counts { standard, frontends, rules, private_links })
        };
        for (counts, limit) in [
            ((true, 600, 300, 8), None),
            ((true, 601, 1, 0), Some(Limit::Frontends(600))),
            ((true, 1, 301, 0), Some(Limit::RulesOfNic(300))),
            ((true, 1, 1, 9), Some(Limit::PrivateLinks(8))),
            ((false, 200, 250, 0), None),
            ((false, 201, 1, 0), Some(Limit::Frontends(200))),
        ] {
            assert_eq!(fits(counts.0, counts.1, counts.2, counts.3), limit, "{counts:?}");
        }
        for ((standard, members, rules_of_frontend, rules), limit) in [
            ((true, 5_000, 2, 2), None),
            ((true, 5_001, 1, 1), Some(Limit::PoolMembers(5_000))),
            ((true, 5_000, 3, 3), Some(Limit::ConfigurationsOfFrontend(10_000))),
            ((true, 1_666, 6, 300), None),
            ((true, 1_667, 1, 300), Some(Limit::Configurations(500_000))),
            ((false, 300, 250, 250), None),
            ((false, 301, 1, 1), Some(Limit::PoolMembers(300))),
        ] {
            let found = too_large(Size { standard, members, rules_of_frontend, rules });
            assert_eq!(found, limit, "{standard} {members} {rules_of_frontend} {rules}");
        }
    }
}
