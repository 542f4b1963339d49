//! DNS servers of networks and pods, and resolvers.

use super::Check;
use model::{
    ObjectRef,
    azure::{DhcpOptions, DnsResolver},
    kubernetes::{DnsPolicy, PodSpec},
};

/// Azure takes no more DNS servers for a virtual network ("Azure networking limits").
const MOST_NETWORK_SERVERS: usize = 20;
/// The API server takes no more for a pod (`MaxDNSNameservers`, `MaxDNSSearchPaths`, `MaxDNSSearchListChars` in
/// `pkg/apis/core/validation`).
const MOST_NAMESERVERS: usize = 3;
const MOST_SEARCHES: usize = 32;
const MOST_SEARCH_CHARS: usize = 2048;

impl Check<'_> {
    pub(super) fn dns_servers(&mut self, id: &ObjectRef, options: &DhcpOptions) {
        let servers = &options.dns_servers;
        for (at, server) in servers.iter().enumerate() {
            self.address(id, &format!("dhcpOptions.dnsServers[{at}]"), server);
        }
        if servers.len() > MOST_NETWORK_SERVERS {
            let what = format!("{} DNS servers", servers.len());
            let hint = format!("Azure takes {MOST_NETWORK_SERVERS} for a virtual network");
            self.error(id, "dhcpOptions.dnsServers", what, hint);
        }
    }

    pub(super) fn resolver(&mut self, id: &ObjectRef, resolver: &DnsResolver) {
        for (at, endpoint) in resolver.inbound_endpoints.iter().enumerate() {
            for (number, own) in endpoint.ip_configurations.iter().enumerate() {
                let path = format!("inboundEndpoints[{at}].ipConfigurations[{number}].privateIpAddress");
                if let Some(address) = &own.private_ip_address {
                    self.address(id, &path, address);
                }
            }
        }
        let asks = resolver.virtual_network.as_ref().and_then(|own| own.id.segment("virtualNetworks"));
        if !resolver.inbound_endpoints.is_empty() && asks.is_none() {
            let hint = "write `virtualNetwork: {id: …}`";
            self.warning(id, "virtualNetwork", "the resolver names no virtual network to ask in", hint);
        }
    }

    pub(super) fn pod_dns(&mut self, id: &ObjectRef, path: &str, spec: &PodSpec) {
        let config = spec.dns_config.as_ref();
        let nameservers = config.map(|config| config.nameservers.as_slice()).unwrap_or_default();
        if spec.dns_policy == Some(DnsPolicy::None) && nameservers.is_empty() {
            self.error(
                id,
                &format!("{path}.dnsPolicy"),
                "dnsPolicy is None, and dnsConfig names no server",
                "add `dnsConfig: {nameservers: [10.0.0.10]}`, or take another policy",
            );
        }
        let Some(config) = config else { return };
        let path = format!("{path}.dnsConfig");
        for (at, server) in nameservers.iter().enumerate() {
            self.address(id, &format!("{path}.nameservers[{at}]"), server);
        }
        let chars = config.searches.iter().map(|domain| domain.len() + 1).sum::<usize>().saturating_sub(1);
        for (field, count, most, what) in [
            ("nameservers", nameservers.len(), MOST_NAMESERVERS, "servers"),
            ("searches", config.searches.len(), MOST_SEARCHES, "domains"),
            ("searches", chars, MOST_SEARCH_CHARS, "characters"),
        ] {
            if count > most {
                let what = format!("{field} has {count} {what}");
                self.error(id, &format!("{path}.{field}"), what, format!("the API server takes {most}"));
            }
        }
        for (at, option) in config.options.iter().enumerate() {
            let path = format!("{path}.options[{at}]");
            if option.name.is_empty() {
                self.error(id, &path, "the option has no name", "write `name: ndots`");
            }
            let number = option.value.as_deref().unwrap_or_default();
            if option.name == "ndots" && number.parse::<u8>().is_err() {
                let what = format!("ndots is {number:?}, which resolvers ignore");
                self.warning(id, &path, what, "write a number from 0 to 15, in quotes");
            }
        }
    }
}
