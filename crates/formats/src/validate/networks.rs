//! Virtual networks, security groups, route tables and NICs: what Azure would refuse, and what points nowhere.

use super::{Check, pools::overlap};
use crate::near::nearest;
use ipnet::IpNet;
use model::{
    Kind, ObjectRef,
    azure::{
        AzureFirewall, Direction, NetworkInterface, NetworkSecurityGroup, RouteTable, SubResource,
        VirtualNetwork,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

impl Check<'_> {
    pub(super) fn networks(&mut self) {
        let model = self.model;
        for network in model.virtual_networks.values() {
            self.network(&ObjectRef::cluster_scoped(Kind::VirtualNetwork, &network.name), network);
        }
        self.networks_apart();
        for group in model.network_security_groups.values() {
            self.group(&ObjectRef::cluster_scoped(Kind::NetworkSecurityGroup, &group.name), group);
        }
        for table in model.route_tables.values() {
            self.table(&ObjectRef::cluster_scoped(Kind::RouteTable, &table.name), table);
        }
        for nic in model.network_interfaces.values() {
            self.nic(&ObjectRef::cluster_scoped(Kind::NetworkInterface, &nic.name), nic);
        }
        for firewall in model.azure_firewalls.values() {
            self.firewall(&ObjectRef::cluster_scoped(Kind::AzureFirewall, &firewall.name), firewall);
        }
        self.unused();
    }

    /// What no subnet has decides nothing. Azure prints of a route table which subnets have it; here the subnets say so.
    fn unused(&mut self) {
        let model = self.model;
        let mut used: Vec<&SubResource> = Vec::new();
        for subnet in model.virtual_networks.values().flat_map(|network| &network.subnets) {
            used.extend(&subnet.network_security_group);
            used.extend(&subnet.route_table);
            used.extend(&subnet.nat_gateway);
        }
        for nic in model.network_interfaces.values() {
            used.extend(&nic.network_security_group);
        }
        // The nodes' NICs have the group that AKS made; and what the cluster's outboundType uses needs no subnet.
        let outbound =
            model.managed_cluster.as_ref().and_then(|own| own.network_profile.outbound_type.as_deref());
        let by_gateway = outbound.is_some_and(|outbound| outbound.ends_with("NATGateway"));
        let mut all: Vec<(Kind, &String)> = Vec::new();
        all.extend(model.network_security_groups.keys().map(|name| (Kind::NetworkSecurityGroup, name)));
        all.extend(model.route_tables.keys().map(|name| (Kind::RouteTable, name)));
        all.extend(model.nat_gateways.keys().map(|name| (Kind::NatGateway, name)));
        for (kind, name) in all {
            let is_used = name.starts_with("aks-agentpool-")
                || (kind == Kind::NatGateway && by_gateway)
                || used.iter().any(|own| own.id.name().eq_ignore_ascii_case(name));
            if !is_used {
                let what = "no subnet of the input has it, so it decides nothing";
                let hint = "add the virtual network: `az network vnet show -o json`";
                self.warning(&ObjectRef::cluster_scoped(kind, name), "", what, hint);
            }
        }
    }

    fn network(&mut self, id: &ObjectRef, network: &VirtualNetwork) {
        let mut own: Vec<(String, IpNet)> = Vec::new();
        for (at, text) in network.address_space.address_prefixes.iter().enumerate() {
            let path = format!("addressSpace.addressPrefixes[{at}]");
            let Some(range) = self.range(id, &path, text) else { continue };
            self.apart(id, &path, range, &own, "the network's own range");
            own.push((format!("{range}"), range));
        }
        let mut subnets: Vec<(String, IpNet)> = Vec::new();
        for (at, subnet) in network.subnets.iter().enumerate() {
            let listed = subnet
                .address_prefixes
                .iter()
                .enumerate()
                .map(|(number, text)| (format!("subnets[{at}].addressPrefixes[{number}]"), text));
            let single =
                subnet.address_prefix.iter().map(|text| (format!("subnets[{at}].addressPrefix"), text));
            let mut of_this: Vec<IpNet> = Vec::new();
            for (path, text) in listed.chain(single) {
                let Some(range) = self.range(id, &path, text) else { continue };
                if !own.is_empty() && !own.iter().any(|(_, outer)| outer.contains(&range)) {
                    self.error(
                        id,
                        &path,
                        format!("the subnet {range} is outside of the network's addressSpace"),
                        "widen addressSpace.addressPrefixes, or move the subnet",
                    );
                }
                self.apart(id, &path, range, &subnets, "the subnet");
                // `az` prints one range in both fields.
                if !of_this.contains(&range) {
                    of_this.push(range);
                }
            }
            subnets.extend(of_this.into_iter().map(|range| (format!("{} {range}", subnet.name), range)));
            let path = |field: &str| format!("subnets[{at}].{field}");
            let references = [
                (Kind::NetworkSecurityGroup, "networkSecurityGroup", &subnet.network_security_group),
                (Kind::RouteTable, "routeTable", &subnet.route_table),
                (Kind::NatGateway, "natGateway", &subnet.nat_gateway),
            ];
            for (kind, field, reference) in references {
                self.refers(id, &path(field), kind, reference.as_ref());
            }
        }
        self.dns_servers(id, &network.dhcp_options);
        for (at, peering) in network.virtual_network_peerings.iter().enumerate() {
            let remote = peering.remote_address_space.iter().flat_map(|space| &space.address_prefixes);
            for (number, text) in remote.enumerate() {
                let path =
                    format!("virtualNetworkPeerings[{at}].remoteAddressSpace.addressPrefixes[{number}]");
                if let Some(range) = self.range(id, &path, text) {
                    self.apart(id, &path, range, &own, "the network's own range");
                }
            }
        }
    }

    /// Networks may overlap that do not know each other. Azure peers none that do ("Virtual network peering",
    /// requirements and constraints), and an address in both is taken as one of the first.
    fn networks_apart(&mut self) {
        let networks = &self.model.virtual_networks;
        let ranges = |network: &VirtualNetwork| -> Vec<IpNet> {
            let own = &network.address_space.address_prefixes;
            own.iter().filter_map(|text| text.parse().ok()).collect()
        };
        let peers = |from: &VirtualNetwork, to: &VirtualNetwork| {
            let remotes =
                from.virtual_network_peerings.iter().filter_map(|own| own.remote_virtual_network.as_ref());
            remotes.into_iter().any(|remote| remote.id.name().eq_ignore_ascii_case(&to.name))
        };
        let mut before: Vec<(&VirtualNetwork, Vec<IpNet>)> = Vec::new();
        for network in networks.values() {
            let own = ranges(network);
            for (other, theirs) in &before {
                let both = own.iter().find_map(|range| {
                    let other = theirs.iter().find(|other| overlap(other, range))?;
                    Some((range, other))
                });
                let Some((range, of_other)) = both else { continue };
                let id = ObjectRef::cluster_scoped(Kind::VirtualNetwork, &network.name);
                let what = format!("{range} overlaps {of_other} of the virtual network {}", other.name);
                let path = "addressSpace";
                if peers(network, other) || peers(other, network) {
                    let hint = "Azure refuses to peer networks whose address spaces overlap; give one of them another range";
                    self.error(&id, path, format!("{what}, and the two are peered"), hint);
                } else {
                    let hint = format!(
                        "in Azure they do not see each other; here an address of both is taken as one of {}: leave out the network that has nothing to do with the cluster",
                        other.name
                    );
                    self.warning(&id, path, what, hint);
                }
            }
            before.push((network, own));
        }
    }

    /// Ranges that must not overlap.
    fn apart(&mut self, id: &ObjectRef, path: &str, range: IpNet, others: &[(String, IpNet)], what: &str) {
        if let Some((name, _)) = others.iter().find(|(_, other)| overlap(other, &range)) {
            self.error(
                id,
                path,
                format!("{range} overlaps {what} {name}"),
                "Azure refuses ranges that overlap; give one of them another range",
            );
        }
    }

    /// A reference to another document. Where the input has documents of that kind, it must be among them;
    /// where it has none, the answer is that of a cluster without it, which is said.
    fn refers(&mut self, id: &ObjectRef, path: &str, kind: Kind, reference: Option<&SubResource>) {
        let Some(reference) = reference else { return };
        let name = reference.id.name().to_owned();
        let names: Vec<String> = match kind {
            Kind::NetworkSecurityGroup => self.model.network_security_groups.keys().cloned().collect(),
            Kind::RouteTable => self.model.route_tables.keys().cloned().collect(),
            _ => self.model.nat_gateways.keys().cloned().collect(),
        };
        if names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return;
        }
        let what = format!("{path} refers to {kind} {name}, which is not in the input");
        let command = match kind {
            Kind::NetworkSecurityGroup => "az network nsg show",
            Kind::RouteTable => "az network route-table show",
            _ => "az network nat gateway show",
        };
        let hint = match nearest(&name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("add the output of `{command} -n {name} -o json`"),
        };
        if names.is_empty() {
            self.warning(id, path, what, hint);
        } else {
            self.error(id, path, what, hint);
        }
    }

    fn group(&mut self, id: &ObjectRef, group: &NetworkSecurityGroup) {
        let mut taken: BTreeMap<(Direction, u32), &str> = BTreeMap::new();
        for (at, rule) in group.security_rules.iter().enumerate() {
            let path = format!("securityRules[{at}]");
            if !(100..=4096).contains(&rule.priority) {
                let what = format!("the rule {} has priority {}", rule.name, rule.priority);
                self.error(id, &format!("{path}.priority"), what, "Azure takes 100 to 4096");
            }
            if let Some(first) = taken.insert((rule.direction, rule.priority), &rule.name) {
                let what = format!("the rules {first} and {} have the same priority", rule.name);
                self.error(
                    id,
                    &format!("{path}.priority"),
                    what,
                    "give each rule of a direction its own priority",
                );
            }
            let prefixes = [
                ("sourceAddressPrefix", &rule.source_address_prefix, &rule.source_address_prefixes),
                (
                    "destinationAddressPrefix",
                    &rule.destination_address_prefix,
                    &rule.destination_address_prefixes,
                ),
            ];
            for (field, one, several) in prefixes {
                for text in one.iter().chain(several).flat_map(|text| text.split(',')) {
                    self.prefix_or_tag(id, &format!("{path}.{field}"), text.trim());
                }
            }
            let ports = [
                ("sourcePortRange", &rule.source_port_range, &rule.source_port_ranges),
                ("destinationPortRange", &rule.destination_port_range, &rule.destination_port_ranges),
            ];
            for (field, one, several) in ports {
                for text in one.iter().chain(several).flat_map(|text| text.split(',')) {
                    self.port_range(id, &format!("{path}.{field}"), text.trim());
                }
            }
        }
    }

    /// A range, an address, a service tag (a word) or `*`.
    fn prefix_or_tag(&mut self, id: &ObjectRef, path: &str, text: &str) {
        let is_tag = text == "*"
            || text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && !text.contains(':');
        if !is_tag && text.parse::<IpAddr>().is_err() {
            self.range(id, path, text);
        }
    }

    fn port_range(&mut self, id: &ObjectRef, path: &str, text: &str) {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        let fits = match (low.trim().parse::<u16>(), high.trim().parse::<u16>()) {
            (Ok(low), Ok(high)) => low <= high,
            _ => text == "*",
        };
        if !fits {
            let hint = "write a port, a range such as 8000-8080, or *";
            self.error(id, path, format!("{path}: {text:?} is not a range of ports"), hint);
        }
    }

    fn table(&mut self, id: &ObjectRef, table: &RouteTable) {
        const HOPS: &[&str] = &["VirtualAppliance", "VnetLocal", "Internet", "VirtualNetworkGateway", "None"];
        let mut prefixes = BTreeSet::new();
        for (at, route) in table.routes.iter().enumerate() {
            let path = format!("routes[{at}]");
            self.prefix_or_tag(id, &format!("{path}.addressPrefix"), &route.address_prefix);
            if !prefixes.insert(&route.address_prefix) {
                let what = format!("two routes are for {}", route.address_prefix);
                self.error(
                    id,
                    &format!("{path}.addressPrefix"),
                    what,
                    "a table has one route for each prefix",
                );
            }
            self.word(id, &format!("{path}.nextHopType"), Some(&route.next_hop_type), HOPS);
            let appliance = route.next_hop_type.eq_ignore_ascii_case("VirtualAppliance");
            match &route.next_hop_ip_address {
                Some(address) => {
                    self.address(id, &format!("{path}.nextHopIpAddress"), address);
                }
                None if appliance => {
                    let what = format!("the route {} leads to an appliance without an address", route.name);
                    self.warning(id, &path, what, "add `nextHopIpAddress`");
                }
                None => {}
            }
        }
    }

    fn firewall(&mut self, id: &ObjectRef, firewall: &AzureFirewall) {
        for (at, own) in firewall.ip_configurations.iter().enumerate() {
            if let Some(address) = &own.private_ip_address {
                self.address(id, &format!("ipConfigurations[{at}].privateIPAddress"), address);
            }
            // Azure accepts no other name (Azure Firewall FAQ).
            let subnet = own.subnet.as_ref().map(|subnet| subnet.id.name());
            if let Some(name) = subnet.filter(|name| !name.eq_ignore_ascii_case("AzureFirewallSubnet")) {
                self.error(
                    id,
                    &format!("ipConfigurations[{at}].subnet"),
                    format!("the firewall is in subnet {name}"),
                    "Azure puts a firewall into a subnet with the name AzureFirewallSubnet only",
                );
            }
        }
        if firewall.address().is_none() {
            self.warning(
                id,
                "ipConfigurations",
                "the firewall has no private address, so no route leads to it",
                "a firewall of a virtual hub is not simulated; others have ipConfigurations[].privateIPAddress",
            );
        }
    }

    fn nic(&mut self, id: &ObjectRef, nic: &NetworkInterface) {
        for (at, configuration) in nic.ip_configurations.iter().enumerate() {
            if let Some(address) = &configuration.private_ip_address {
                self.address(id, &format!("ipConfigurations[{at}].privateIPAddress"), address);
            }
        }
        self.refers(
            id,
            "networkSecurityGroup",
            Kind::NetworkSecurityGroup,
            nic.network_security_group.as_ref(),
        );
    }
}
