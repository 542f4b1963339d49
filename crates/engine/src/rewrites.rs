//! What an edit makes kube-proxy write: its partial syncs as a view.

use crate::World;
use kubernetes::kube_proxy::{ProxyConfig, ServiceMap, Sync, sync};
use model::{
    Key, NodeName,
    kubernetes::{IpFamily, ProxyMode},
};
use netfilter::{Chain, ChainName, Ruleset, TableName};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What kube-proxy feeds to `iptables-restore` on one node after an edit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rewrites {
    /// Whether every chain is written: the node's own settings or labels changed. Otherwise the shared chains and
    /// those of the Services that changed are.
    pub full: bool,
    /// The chains that are written, by table and in the order of the text; none where the edit does not concern
    /// kube-proxy, which then writes nothing.
    pub chains: Vec<RewrittenChain>,
    /// How many of kube-proxy's chains in table nat are left as they are, unread and unwritten.
    pub untouched: usize,
}

/// One chain that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RewrittenChain {
    /// The table.
    pub table: &'static str,
    /// The chain.
    pub chain: String,
    /// What that does to it.
    pub rewrite: Rewrite,
    /// The Service that the chain is of, `namespace/name:port`; absent for shared chains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
}

/// What writing a chain does to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rewrite {
    /// The same rules again.
    Same,
    /// Other rules than before.
    Changed,
    /// The chain is new.
    Created,
    /// The chain is emptied and deleted.
    Deleted,
}

impl World {
    /// The chains that kube-proxy writes on a node when the cluster `before` becomes this one. `None` where the node
    /// is not in both, or kube-proxy not on it in both, or in another mode than iptables.
    ///
    /// The rules of kube-proxy are meant, whatever rules were given for the node. Facts: a full sync follows a change
    /// of the node's topology labels, a partial one rewrites every shared chain and the own chains of Services whose
    /// Service or endpoints changed; in large clusters stale chains are deleted later.
    pub fn rewrites(&self, before: &Self, node: &NodeName, family: IpFamily) -> Option<Rewrites> {
        let services = [before.services(family), self.services(family)];
        self.rewrites_among(before, node, services, &services[1].changed_since(services[0]))
    }

    /// The same with some of the Services before and after, and which of them changed.
    fn rewrites_among(
        &self,
        before: &Self,
        node: &NodeName,
        [services_before, services]: [&ServiceMap; 2],
        changed: &BTreeSet<Key>,
    ) -> Option<Rewrites> {
        let family = services.family();
        let config = ProxyConfig::of_node(&self.model, node, family)?;
        let config_before = ProxyConfig::of_node(&before.model, node, family)?;
        let on_both = self.has_proxy(node) && before.has_proxy(node);
        if !on_both || [&config, &config_before].iter().any(|config| config.mode != ProxyMode::Iptables) {
            return None;
        }
        let full = !is_same(&config, &config_before);
        let old = sync(&config_before, services_before).ruleset;
        let total = chains(&old, TableName::Nat).count();
        if !full && changed.is_empty() {
            return Some(Rewrites { full: false, chains: Vec::new(), untouched: total });
        }
        let existing: Vec<ChainName> = chains(&old, TableName::Nat).map(|chain| chain.name).collect();
        let sync = Sync { changed: (!full).then_some(changed), existing: &existing, cleanup_due: false };
        let programmed = sync.payload(&config, services);
        let mut result = Rewrites { full, chains: Vec::new(), untouched: 0 };
        for (table, rules) in &programmed.ruleset.tables {
            let known: BTreeMap<&str, &Chain> =
                order::map(chains(&old, *table).map(|chain| (chain.name.as_str(), chain)));
            let deleted: BTreeSet<&str> = order::set(rules.deletions.iter().map(ChainName::as_str));
            for (at, chain) in (0_u32..).zip(&rules.chains) {
                let rewrite = match known.get(chain.name.as_str()) {
                    _ if deleted.contains(chain.name.as_str()) => Rewrite::Deleted,
                    None => Rewrite::Created,
                    Some(before) if before.rules == chain.rules => Rewrite::Same,
                    Some(_) => Rewrite::Changed,
                };
                let owner = programmed.owner_of_chain_at(*table, at);
                result.chains.push(RewrittenChain {
                    table: table.name(),
                    chain: chain.name.to_string(),
                    rewrite,
                    service: owner.map(|owner| owner.service.name.to_string()),
                });
            }
        }
        let touched = result
            .chains
            .iter()
            .filter(|chain| chain.table == TableName::Nat.name() && chain.rewrite != Rewrite::Created);
        result.untouched = total.saturating_sub(touched.count());
        Some(result)
    }
}

/// The Services of a family that an edit changed, before and after it.
pub(crate) struct ChangedServices {
    maps: [ServiceMap; 2],
    names: BTreeSet<Key>,
}

impl ChangedServices {
    /// Of the edit between two worlds. `None` where it makes the cluster a large one, or no longer one: that shows in all
    /// rules.
    pub(crate) fn between(before: &World, after: &World, family: IpFamily) -> Option<Self> {
        let maps = [before.services(family), after.services(family)];
        let [old, new] = maps;
        let names = new.changed_since(old);
        let part = |map: &ServiceMap| {
            let ports = (0_u32..).zip(map.ports()).filter(|(_, port)| names.contains(&port.service));
            map.only(&ports.map(|(at, _)| at).collect())
        };
        let maps = maps.map(part);
        (old.is_large_cluster() == new.is_large_cluster()).then_some(Self { maps, names })
    }

    /// The chains of a node that are others now. To write the rules of all Services twice takes a fifth of a second where
    /// there are thousands.
    pub(crate) fn rewritten(
        this: Option<&Self>,
        before: &World,
        after: &World,
        node: &NodeName,
        family: IpFamily,
    ) -> Vec<RewrittenChain> {
        let part = this.and_then(|Self { maps: [old, new], names }| {
            after.rewrites_among(before, node, [old, new], names)
        });
        // Where the node is another to kube-proxy, so may the chains be of Services that are the same.
        let part = part.filter(|rewrites| !rewrites.full);
        let rewrites = part.or_else(|| after.rewrites(before, node, family));
        let chains = rewrites.into_iter().flat_map(|rewrites| rewrites.chains);
        chains.filter(|chain| chain.rewrite != Rewrite::Same).collect()
    }
}

/// Whether kube-proxy on a node sees the same node and settings. It does not care for labels other than the zone.
fn is_same(one: &ProxyConfig, other: &ProxyConfig) -> bool {
    let bare = |config: &ProxyConfig| ProxyConfig { topology_labels: BTreeMap::new(), ..config.clone() };
    one.zone() == other.zone() && bare(one) == bare(other)
}

fn chains(rules: &Ruleset, table: TableName) -> impl Iterator<Item = &Chain> {
    rules.tables.get(&table).into_iter().flat_map(|table| &table.chains)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, reason = "a test ends where its set-up fails")]

    use super::*;
    use formats::PRESETS;
    use model::{Edit, Object, kubernetes::TrafficPolicy};
    use std::sync::Arc;

    /// Every example, with every Service of the other policy, gone, or with another port.
    #[test]
    fn what_changed_is_found_among_the_changed_services_alone() {
        let mut compared = 0;
        for preset in PRESETS {
            let before = World::new(&formats::import(&preset.sources()).model);
            for (key, service) in &before.model().services {
                let other = match service.spec.external_traffic_policy {
                    Some(TrafficPolicy::Local) => TrafficPolicy::Cluster,
                    _ => TrafficPolicy::Local,
                };
                let mut moved = (**service).clone();
                moved.spec.ports.iter_mut().for_each(|port| port.port += 1000);
                let gone = model::ObjectRef::namespaced(model::Kind::Service, key);
                for edit in [
                    Edit::SetExternalTrafficPolicy { service: key.clone(), policy: other },
                    Edit::Put(Object::Service(Arc::new(moved))),
                    Edit::Remove { object: gone },
                ] {
                    let mut model = before.input().clone();
                    if edit.apply(&mut model).is_err() {
                        continue;
                    }
                    let after = before.update(&model);
                    for family in [IpFamily::IPv4, IpFamily::IPv6] {
                        let part = ChangedServices::between(&before, &after, family);
                        assert!(part.is_some(), "no example is large");
                        for node in after.model().nodes.keys() {
                            let of = |part| ChangedServices::rewritten(part, &before, &after, node, family);
                            let whole = of(None);
                            assert_eq!(of(part.as_ref()), whole, "{} {edit:?} {node}", preset.name);
                            compared += whole.len();
                        }
                    }
                }
            }
        }
        assert!(compared > 100, "{compared}");
    }
}
