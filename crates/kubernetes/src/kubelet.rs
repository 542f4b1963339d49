//! What the kubelet itself writes on a node, whatever the mode of kube-proxy.
//!
//! Facts: `pkg/kubelet/kubelet_network_linux.go` since Kubernetes 1.28. Before, the kubelet kept `KUBE-MARK-DROP`,
//! `KUBE-MARK-MASQ` and `KUBE-POSTROUTING` too; KEP 3178 left it the hint, its canary, and for IPv4 a rule against
//! packets to the loopback from elsewhere, of which kube-proxy in mode iptables writes an identical copy.

use crate::kube_proxy::localnet_rule;
use model::kubernetes::IpFamily;
use netfilter::{Chain, ChainName, Hook, Rule, Ruleset, Table, TableName, Target};

/// Says whether this node's tools are those of iptables-legacy or of iptables-nft: an empty chain of table mangle.
const HINT: &str = "KUBE-IPTABLES-HINT";
/// Once a minute the kubelet looks whether it is still there; where it is not, all is written anew.
const CANARY: &str = "KUBE-KUBELET-CANARY";
const FIREWALL: &str = "KUBE-FIREWALL";

/// Adds the kubelet's chains to a node's rules. The kubelet starts kube-proxy, so its jumps were there first, and those
/// that kube-proxy has inserted at the top stand above them.
pub fn install(rules: &mut Ruleset, family: IpFamily) {
    for (table, names) in [
        (TableName::Mangle, &[HINT, CANARY][..]),
        (TableName::Nat, &[CANARY]),
        (TableName::Filter, &[CANARY]),
    ] {
        let Some(table) = rules.tables.get_mut(&table) else { continue };
        for name in names {
            chain(table, name);
        }
    }
    if family == IpFamily::IPv6 {
        return;
    }
    let Some(filter) = rules.tables.get_mut(&TableName::Filter) else { return };
    if let Some(firewall) = chain(filter, FIREWALL) {
        let rule = localnet_rule();
        if !firewall.rules.contains(&rule) {
            firewall.rules.push(rule);
        }
    }
    let Some(target) = ChainName::new(FIREWALL) else { return };
    for hook in [Hook::Input, Hook::Output] {
        if let Some(built_in) = filter.chain_mut(hook.chain()) {
            let jump = Rule { matches: Vec::new(), target: Target::Jump(target) };
            built_in.rules.retain(|rule| *rule != jump);
            built_in.rules.push(jump);
        }
    }
}

/// A chain of a table, made where it is not there.
fn chain<'a>(table: &'a mut Table, name: &str) -> Option<&'a mut Chain> {
    let place = table.chains.iter().position(|chain| chain.name.as_str() == name);
    let place = match place {
        Some(place) => place,
        None => {
            table.chains.push(Chain { name: ChainName::new(name)?, policy: None, rules: Vec::new() });
            table.chains.len() - 1
        }
    };
    table.chains.get_mut(place)
}
