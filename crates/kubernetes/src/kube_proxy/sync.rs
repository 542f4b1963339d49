//! A whole sync: the payload for `iptables-restore`, and a host that has loaded it.

use super::{
    ChainKind, Programmed, ProxyConfig, ServiceMap,
    fixed::{self, jumps},
    names::chain_name,
    programmed::Generated,
    service_rules::{Dispatch, View},
    words::chains,
};
use model::Key;
use netfilter::{Chain, ChainName, Hook, Policy, Rule, Ruleset, Table, TableName};
use std::collections::{BTreeMap, BTreeSet};

/// What a sync knows besides settings and Services.
#[derive(Debug, Clone, Default)]
pub struct Sync<'a> {
    /// A partial sync writes the own chains of these Services only; `None` is a full sync. The shared
    /// chains are rewritten by both.
    pub changed: Option<&'a BTreeSet<Key>>,
    /// Chains that are in table nat now; those of kube-proxy that nothing uses any more are deleted.
    pub existing: &'a [ChainName],
    /// In large-cluster mode stale chains are deleted only once per sync period, when this is set.
    pub cleanup_due: bool,
}

/// The payload of a full sync on an empty host: what kube-proxy feeds to `iptables-restore`, chains in the
/// order in which it declares them.
pub fn sync(config: &ProxyConfig, services: &ServiceMap) -> Programmed {
    Sync::default().payload(config, services)
}

/// The whole ruleset of a host that was empty before kube-proxy started: built-in chains that accept, with
/// kube-proxy's jumps, the canary chains, and the payload.
pub fn installed(config: &ProxyConfig, services: &ServiceMap) -> Programmed {
    let mut programmed = sync(config, services);
    let jumps = jumps();
    for (table_name, bare) in bare_host().tables {
        let table = programmed.ruleset.tables.entry(table_name).or_default();
        let mut chains = bare.chains;
        for chain in &mut chains {
            let own = jumps.iter().filter(|jump| jump.table == table_name && *chain.name == *jump.chain);
            chain.rules = own.map(|jump| jump.rule.clone()).collect();
        }
        chains.push(chain(chains::CANARY, Vec::new()));
        let firewall = chain_name(chains::FIREWALL);
        if table_name == TableName::Filter && !table.chains.iter().any(|chain| chain.name == firewall) {
            // The jumps need it even where kube-proxy writes nothing into it.
            chains.push(chain(chains::FIREWALL, Vec::new()));
        }
        if table_name == TableName::Nat {
            programmed.first += chains.len();
        }
        chains.append(&mut table.chains);
        table.chains = chains;
    }
    programmed
}

/// The rules of a host without any: built-in chains that accept.
pub fn bare_host() -> Ruleset {
    let table = |name: TableName| {
        let chain = |hook: &Hook| Chain {
            name: chain_name(hook.chain()),
            policy: Some(Policy::Accept),
            rules: Vec::new(),
        };
        (name, Table { chains: name.hooks().iter().map(chain).collect(), deletions: Vec::new() })
    };
    Ruleset { tables: order::map([TableName::Mangle, TableName::Nat, TableName::Filter].map(table)) }
}

impl Sync<'_> {
    /// The payload of this sync.
    pub fn payload(&self, config: &ProxyConfig, services: &ServiceMap) -> Programmed {
        let terse = services.is_large_cluster();
        let mut shared = Dispatch::default();
        let mut owners = Owners::default();
        // Two chains for most service ports, and one for each endpoint.
        let chains = services.ports().iter().map(|port| port.endpoints.len() + 2).sum();
        let whole = if self.changed.is_none() { chains } else { 0 };
        let mut generated = Vec::with_capacity(whole);
        // What is many is not copied: the chains that Services share stand first, and get their rules at the end.
        let mut nat = Vec::with_capacity(NAT_SHARED.len() + whole);
        nat.extend(NAT_SHARED.map(|name| chain(name, Vec::new())));
        let mut active = BTreeSet::new();
        for (i, service) in (0_u32..).zip(services.ports()) {
            let view = View::new(config, service, terse);
            view.write_dispatch(&mut shared);
            owners.catch_up(&shared, i);
            let written = self.changed.is_none_or(|changed| changed.contains(&service.service));
            if !written && self.existing.is_empty() {
                continue;
            }
            view.write_chains(|kind, endpoint, chain| {
                if !self.existing.is_empty() {
                    active.insert(chain.name);
                }
                if written {
                    nat.push(chain);
                    generated.push(Generated { service: i, kind, endpoint });
                }
            });
        }
        let stale = self.stale(&active, terse);
        let first = NAT_SHARED.len();
        let ruleset = tables(config, shared, nat, stale);
        Programmed { ruleset, services: services.ports().to_vec(), generated, first, dispatch: owners.done() }
    }

    /// Chains to delete, in name order.
    fn stale(&self, active: &BTreeSet<ChainName>, large_cluster: bool) -> BTreeSet<ChainName> {
        if large_cluster && !self.cleanup_due {
            return BTreeSet::new();
        }
        let existing = self.existing.iter().copied();
        order::set(existing.filter(|name| ChainKind::of(name).is_some() && !active.contains(name)))
    }
}

fn chain(name: &str, rules: Vec<Rule>) -> Chain {
    Chain { name: chain_name(name), policy: None, rules }
}

/// The chains of table nat that Services share.
const NAT_SHARED: [&str; 4] = [chains::SERVICES, chains::NODE_PORTS, chains::POSTROUTING, chains::MARK_MASQ];

fn tables(
    config: &ProxyConfig,
    shared: Dispatch,
    mut nat: Vec<Chain>,
    stale: BTreeSet<ChainName>,
) -> Ruleset {
    let mut filter = vec![
        chain(chains::SERVICES, shared.filter_services),
        chain(chains::EXTERNAL_SERVICES, shared.filter_external),
        chain(chains::FORWARD, fixed::forward(config)),
        chain(chains::NODE_PORTS, shared.filter_node_ports),
        chain(chains::PROXY_FIREWALL, shared.filter_firewall),
    ];
    filter.extend(fixed::firewall(config).map(|rules| chain(chains::FIREWALL, rules)));
    let mut services = shared.nat_services;
    services.extend(fixed::node_port_jumps(config));
    let rules = [services, shared.nat_node_ports, fixed::postrouting(config), fixed::mark_masq(config)];
    for (chain, rules) in nat.iter_mut().zip(rules) {
        chain.rules = rules;
    }
    // A declared chain is flushed; only an empty chain can be deleted.
    nat.extend(stale.iter().map(|name| Chain { name: *name, policy: None, rules: Vec::new() }));
    let table = |chains, deletions| Table { chains, deletions };
    Ruleset {
        tables: order::map([
            (TableName::Filter, table(filter, Vec::new())),
            (TableName::Nat, table(nat, stale.into_iter().collect())),
        ]),
    }
}

/// Remembers which service port each rule of the shared chains is of.
#[derive(Default)]
struct Owners([Vec<u32>; 6]);

impl Owners {
    const CHAINS: [(TableName, &'static str); 6] = [
        (TableName::Nat, chains::SERVICES),
        (TableName::Nat, chains::NODE_PORTS),
        (TableName::Filter, chains::SERVICES),
        (TableName::Filter, chains::EXTERNAL_SERVICES),
        (TableName::Filter, chains::NODE_PORTS),
        (TableName::Filter, chains::PROXY_FIREWALL),
    ];

    /// Rules written since the last call are of this service port.
    fn catch_up(&mut self, shared: &Dispatch, service: u32) {
        let lengths = [
            shared.nat_services.len(),
            shared.nat_node_ports.len(),
            shared.filter_services.len(),
            shared.filter_external.len(),
            shared.filter_node_ports.len(),
            shared.filter_firewall.len(),
        ];
        for (owners, length) in self.0.iter_mut().zip(lengths) {
            owners.resize(length, service);
        }
    }

    fn done(self) -> BTreeMap<(TableName, ChainName), Vec<u32>> {
        let key = |(table, name)| (table, chain_name(name));
        order::map(Self::CHAINS.into_iter().map(key).zip(self.0))
    }
}
