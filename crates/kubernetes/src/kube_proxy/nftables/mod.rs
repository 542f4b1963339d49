//! What kube-proxy writes in mode nftables: one table of each family, `ip kube-proxy` and `ip6 kube-proxy`.
//!
//! Facts: `pkg/proxy/nftables` of Kubernetes 1.34 and 1.35. (1.36 translates without a chain for each endpoint, by
//! `dnat to numgen random mod N map { … }`, to the same effect.) Services are found by look-up in maps, so the number of
//! rules that a packet meets does not grow with theirs.

mod fixed;
mod names;
mod services;

use super::{ProxyConfig, ServiceMap, service_rules::View};
use netfilter::nft::{
    Base, Chain, ChainId, Element, Elements, Key, Rule, Set, SetId, Statement, Table, Verdict,
};
use std::sync::Arc;

pub use names::service_of;

/// The name of the table.
pub const TABLE: &str = "kube-proxy";

/// The table of a full sync.
pub fn table(config: &ProxyConfig, services: &ServiceMap) -> Table {
    let mut writer = Writer { table: fixed::table(config) };
    for service in services.ports() {
        services::write(&mut writer, &View::new(config, service, true));
    }
    writer.table
}

/// Adds to a table.
struct Writer {
    table: Table,
}

impl Writer {
    /// A new chain without rules.
    fn chain(&mut self, name: Arc<str>) -> ChainId {
        self.table.chains.push(Chain { name, base: None, comment: "", rules: Vec::new() });
        ChainId(last(self.table.chains.len()))
    }

    fn set(&mut self, name: Arc<str>, elements: Elements) -> SetId {
        self.table.sets.push(Set { name, comment: "", elements });
        SetId(last(self.table.sets.len()))
    }

    fn rule(&mut self, chain: ChainId, statements: Vec<Statement>, comment: &'static str) {
        if let Some(chain) = self.table.chains.get_mut(chain.0 as usize) {
            chain.rules.push(Rule { statements, comment });
        }
    }

    /// Of two Services with the same address and port the first keeps it.
    fn element(&mut self, map: SetId, key: Key, verdict: Verdict, comment: Option<&Arc<str>>) {
        if let Some(Set { elements: Elements::Verdicts { elements, .. }, .. }) =
            self.table.sets.get_mut(map.0 as usize)
        {
            elements.entry(key).or_insert_with(|| Element { verdict, comment: comment.cloned() });
        }
    }
}

/// The index of the last of so many.
fn last(length: usize) -> u32 {
    u32::try_from(length.saturating_sub(1)).unwrap_or(u32::MAX)
}

/// A base chain or another.
fn chain(name: &str, base: Option<Base>, rules: Vec<Rule>) -> Chain {
    Chain { name: name.into(), base, comment: "", rules }
}
