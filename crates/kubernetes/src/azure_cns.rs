//! Azure CNS, which gives pods their addresses where they have a subnet of their own. Azure's platform answers a VM's own
//! address only, so CNS has it see the node.
//!
//! Facts: Azure/azure-container-networking, `cns/restserver`, `programSNATRules`.

use ipnet::{IpNet, Ipv4Net};
use netfilter::{
    AddressType, Chain, ChainName, Match, NatTo, Protocol, Rule, Ruleset, TableName, Target, Transport,
};
use std::net::{IpAddr, Ipv4Addr};

/// Its chain, to which a jump is appended to POSTROUTING.
pub const CHAIN: &str = "SWIFT-POSTROUTING";

/// Azure DNS over both protocols, and the instance metadata service.
const SERVICES: [(Ipv4Addr, Transport, Protocol, u16); 3] = [
    (Ipv4Addr::new(168, 63, 129, 16), Transport::Udp, Protocol::Udp, 53),
    (Ipv4Addr::new(168, 63, 129, 16), Transport::Tcp, Protocol::Tcp, 53),
    (Ipv4Addr::new(169, 254, 169, 254), Transport::Tcp, Protocol::Tcp, 80),
];

/// Adds the rules of a node of this address, whose pods have addresses of this subnet.
pub fn install(rules: &mut Ruleset, pods: Ipv4Net, node: Ipv4Addr) {
    let Some(name) = ChainName::new(CHAIN) else { return };
    let nat = rules.tables.entry(TableName::Nat).or_default();
    let Some(postrouting) = nat.chain_mut("POSTROUTING") else { return };
    postrouting.rules.push(Rule { matches: Vec::new(), target: Target::Jump(name) });
    let own = SERVICES.map(|(service, module, protocol, port)| Rule {
        matches: vec![
            Match::Source { not: false, net: IpNet::V4(pods).into() },
            Match::Destination { not: false, net: IpAddr::V4(service).into() },
            Match::Protocol { not: false, protocol },
            Match::DestinationType { not: true, kind: AddressType::Local },
            Match::Module(module),
            Match::DestinationPort { not: false, ports: port.into() },
        ],
        target: Target::Snat(NatTo::address(node.into())),
    });
    nat.chains.push(Chain { name, policy: None, rules: own.into() });
}
