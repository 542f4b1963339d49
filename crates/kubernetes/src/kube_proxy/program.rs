//! What kube-proxy makes of a host, whatever its mode.

use super::{ProxyConfig, ServiceMap, bare_host, installed, nftables};
use model::kubernetes::ProxyMode;
use netfilter::{Ruleset, nft};

/// What a host that was empty has after kube-proxy of one family has started.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Programming {
    /// The rules of iptables or ip6tables, built-in chains included.
    pub iptables: Ruleset,
    /// The table of mode nftables.
    pub nftables: Option<nft::Table>,
}

/// Programs a host in the mode of the settings.
pub fn program(config: &ProxyConfig, services: &ServiceMap) -> Programming {
    match config.mode {
        ProxyMode::Iptables | ProxyMode::Ipvs => {
            Programming { iptables: installed(config, services).ruleset, nftables: None }
        }
        ProxyMode::Nftables => {
            Programming { iptables: bare_host(), nftables: Some(nftables::table(config, services)) }
        }
    }
}
