//! What kube-proxy makes of a host, whatever its mode.

use super::{
    ProxyConfig, ServiceMap, bare_host, installed,
    ipvs::{self, Balancing},
    nftables,
};
use model::kubernetes::ProxyMode;
use netfilter::{Ruleset, nft};

/// What a host that was empty has after kube-proxy of one family has started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Programming {
    /// The rules of iptables or ip6tables, built-in chains included.
    pub iptables: Ruleset,
    /// The table of mode nftables.
    pub nftables: Option<nft::Table>,
    /// What mode IPVS has besides rules; empty in other modes.
    pub ipvs: Balancing,
}

/// Programs a host in the mode of the settings.
pub fn program(config: &ProxyConfig, services: &ServiceMap) -> Programming {
    match config.mode {
        ProxyMode::Iptables => {
            Programming { iptables: installed(config, services).ruleset, ..Programming::default() }
        }
        ProxyMode::Nftables => Programming {
            iptables: bare_host(),
            nftables: Some(nftables::table(config, services)),
            ..Programming::default()
        },
        ProxyMode::Ipvs => {
            let balancing = ipvs::balancing(config, services);
            let iptables = ipvs::rules(config, &balancing);
            Programming { iptables, ipvs: balancing, ..Programming::default() }
        }
    }
}
