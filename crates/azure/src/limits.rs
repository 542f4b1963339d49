//! Limits of Azure's load balancers (Azure, "Networking limits", as cloud-provider-azure lists them).
//!
//! Azure checks them when a load balancer is written, after the controller has computed it.

use std::fmt;

/// A limit that a Service would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Frontends of one load balancer: 600 of Standard, 200 of Basic.
    Frontends(usize),
    /// Rules of Standard load balancers, public and internal, that lead to one NIC: 300.
    RulesOfNic(usize),
    /// Private Link Services on one load balancer: 8.
    PrivateLinks(usize),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frontends(limit) => write!(f, "a load balancer has at most {limit} frontends"),
            Self::RulesOfNic(limit) => write!(f, "at most {limit} rules can lead to one NIC"),
            Self::PrivateLinks(limit) => {
                write!(f, "a load balancer has at most {limit} private link services")
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
    /// Its rules and those of its internal or public twin, which lead to the same NICs.
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
    }
}
