//! Where Cilium's data plane differs from kube-proxy's rules for the same Services.
//!
//! Cilium (kube-proxy replacement, SNAT mode) masquerades an outside client only when it passes the connection on
//! to another node: a pod on the node that the client's packet reached sees the client itself.

use ipnet::IpNet;
use netfilter::{InterfaceName, Match, Net, Rule, Ruleset, TableName, Target};

/// Lets clients from outside of the pods' ranges keep their address towards pods on this node. `uplink` is the
/// node's interface to the network.
pub fn keep_clients_of_local_pods(rules: &mut Ruleset, uplink: InterfaceName, pods: &[IpNet]) {
    let Some(nat) = rules.tables.get_mut(&TableName::Nat) else { return };
    let Some(chain) = nat.chain_mut("KUBE-POSTROUTING") else { return };
    // A pod that reaches itself is still masqueraded: its answer must come back through the node.
    let outside = pods.iter().map(|net| Match::Source { not: true, net: Net::from(*net) });
    let local = Match::OutInterface { not: true, name: uplink };
    let matches: Vec<Match> = std::iter::once(local).chain(outside).collect();
    chain.rules.insert(0, Rule { matches, target: Target::Return });
}
