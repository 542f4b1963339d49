//! Storage accounts, private endpoints, private DNS zones.

use super::Check;
use crate::near::nearest;
use model::{
    ArmId, Kind, ObjectRef,
    azure::{PrivateDnsZone, PrivateEndpoint, RecordSet, StorageAccount},
};
use std::collections::BTreeSet;

impl Check<'_> {
    pub(super) fn private(&mut self) {
        for account in self.model.storage_accounts.values() {
            self.storage_account(&ObjectRef::cluster_scoped(Kind::StorageAccount, &account.name), account);
        }
        for endpoint in self.model.private_endpoints.values() {
            self.private_endpoint(
                &ObjectRef::cluster_scoped(Kind::PrivateEndpoint, &endpoint.name),
                endpoint,
            );
        }
        for zone in self.model.private_dns_zones.values() {
            self.zone(&ObjectRef::cluster_scoped(Kind::PrivateDnsZone, &zone.name), zone);
        }
        for resolver in self.model.dns_resolvers.values() {
            self.resolver(&ObjectRef::cluster_scoped(Kind::DnsResolver, &resolver.name), resolver);
        }
        for gateway in self.model.local_network_gateways.values() {
            let id = ObjectRef::cluster_scoped(Kind::LocalNetworkGateway, &gateway.name);
            let prefixes = &gateway.local_network_address_space.address_prefixes;
            self.ranges(&id, "localNetworkAddressSpace.addressPrefixes", prefixes);
        }
    }

    fn storage_account(&mut self, id: &ObjectRef, account: &StorageAccount) {
        let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
        if !(3..=24).contains(&account.name.len()) || !account.name.chars().all(fits) {
            let what = format!("{:?} cannot be the name of a storage account", account.name);
            self.error(id, "name", what, "write 3 to 24 lower-case letters and digits");
        }
        let access = account.public_network_access.as_deref();
        self.word(id, "publicNetworkAccess", access, &["Enabled", "Disabled", "SecuredByPerimeter"]);
        let Some(rules) = &account.network_rule_set else { return };
        self.word(id, "networkRuleSet.defaultAction", rules.default_action.as_deref(), &["Allow", "Deny"]);
        for (at, rule) in rules.ip_rules.iter().enumerate() {
            let path = format!("networkRuleSet.ipRules[{at}]");
            let text = &rule.ip_address_or_range;
            let what = || format!("the IP rule {text:?} is refused by Azure");
            let range = text.split_once('/').map(|(_, length)| length);
            let address = text.split('/').next().unwrap_or_default();
            match address.parse::<std::net::Ipv4Addr>() {
                Err(_) => self.error(id, &path, what(), "write a public IPv4 address or range"),
                Ok(ip) if ip.is_private() => {
                    let hint = "IP rules name public addresses; let a private network in by its subnet";
                    self.error(id, &path, what(), hint);
                }
                Ok(_) if matches!(range, Some("31" | "32")) => {
                    self.error(id, &path, what(), format!("write {address} without a length"));
                }
                Ok(_) => {}
            }
        }
        for (at, rule) in rules.virtual_network_rules.iter().enumerate() {
            let subnet = ArmId::from(rule.virtual_network_resource_id.as_str());
            let Some(shown) = self.model.subnet(&subnet) else { continue };
            if !shown.service_endpoints.iter().any(|own| own.service.starts_with("Microsoft.Storage")) {
                self.warning(
                    id,
                    &format!("networkRuleSet.virtualNetworkRules[{at}]"),
                    format!(
                        "the subnet {} has no service endpoint for Microsoft.Storage: the rule never matches",
                        subnet.name()
                    ),
                    "add Microsoft.Storage to the subnet's serviceEndpoints",
                );
            }
        }
    }

    fn private_endpoint(&mut self, id: &ObjectRef, endpoint: &PrivateEndpoint) {
        let path = "privateLinkServiceConnections";
        let Some(connection) = endpoint.connection() else {
            let hint = "give the output of `az network private-endpoint show -o json`";
            return self.error(id, path, "it has no connection, so it leads nowhere", hint);
        };
        if endpoint.addresses().next().is_none() {
            self.warning(
                id,
                "customDnsConfigs",
                "it has no address: nothing reaches it",
                "add customDnsConfigs with ipAddresses",
            );
        }
        for (at, address) in
            endpoint.custom_dns_configs.iter().flat_map(|config| &config.ip_addresses).enumerate()
        {
            self.address(id, &format!("customDnsConfigs[{at}].ipAddresses"), address);
        }
        let state =
            connection.private_link_service_connection_state.as_ref().map(|state| state.status.as_str());
        self.word(
            id,
            &format!("{path}[0].privateLinkServiceConnectionState.status"),
            state,
            &["Approved", "Pending", "Rejected", "Disconnected"],
        );
        let Some(resource) = &connection.private_link_service_id else { return };
        if resource.segment("storageAccounts").is_none() {
            let what =
                format!("it leads to {}, which is not simulated: only its address is known", resource.name());
            return self.warning(id, path, what, "endpoints of storage accounts are simulated");
        }
        let name = resource.name();
        let account = self.model.storage_accounts.values().find(|own| own.name.eq_ignore_ascii_case(name));
        let Some(account) = account else {
            let names = self.model.storage_accounts.keys().map(String::as_str);
            let hint = match nearest(name, names) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("add the output of `az storage account show -n {name} -o json`"),
            };
            return self.warning(id, path, format!("there is no storage account {name} in the input"), hint);
        };
        let subscription =
            |id: &Option<ArmId>| id.as_ref()?.segment("subscriptions").map(str::to_ascii_lowercase);
        let wanted = subscription(&connection.private_link_service_id);
        if let (Some(wanted), Some(own)) = (wanted, subscription(&account.id))
            && wanted != own
        {
            let what = format!(
                "it leads to {name} of subscription {wanted}, but the storage account {name} here is of subscription {own}"
            );
            self.error(id, path, what, "names of accounts are unique: correct one of the two ids");
        }
        let subscription_of_endpoint = subscription(&endpoint.id);
        if let (Some(own), Some(other)) = (subscription_of_endpoint, subscription(&account.id))
            && own != other
            && state.is_none()
        {
            self.warning(
                id,
                path,
                format!("the storage account is of another subscription ({other}), and the input does not say whether its owner approved"),
                "it is taken as Pending; give privateLinkServiceConnectionState",
            );
        }
    }

    fn zone(&mut self, id: &ObjectRef, zone: &PrivateDnsZone) {
        for (at, link) in zone.virtual_network_links.iter().enumerate() {
            let Some(network) =
                link.virtual_network.as_ref().and_then(|own| own.id.segment("virtualNetworks"))
            else {
                let what = format!("the link {} names no virtual network", link.name);
                self.warning(
                    id,
                    &format!("virtualNetworkLinks[{at}]"),
                    what,
                    "write `virtualNetwork: {id: …}`",
                );
                continue;
            };
            let known = &self.model.virtual_networks;
            if !known.is_empty() && !known.keys().any(|own| own.eq_ignore_ascii_case(network)) {
                let hint = match nearest(network, known.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean {near}?"),
                    None => "add the output of `az network vnet show -o json`".to_owned(),
                };
                let what =
                    format!("the link leads to the virtual network {network}, which is not in the input");
                self.warning(id, &format!("virtualNetworkLinks[{at}].virtualNetwork"), what, hint);
            }
        }
        for (at, records) in zone.record_sets.iter().enumerate() {
            for record in &records.a_records {
                self.address(id, &format!("recordSets[{at}].aRecords"), &record.ipv4_address);
            }
            let Some(loops) = cname_loop(zone, records) else { continue };
            self.error(
                id,
                &format!("recordSets[{at}].cnameRecord"),
                format!("the names go in a circle: {}", loops.join(" → ")),
                "let one of them have an address (aRecords)",
            );
        }
    }
}

/// The names of a circle that begins and ends at these records.
fn cname_loop(zone: &PrivateDnsZone, records: &RecordSet) -> Option<Vec<String>> {
    let full = |records: &RecordSet| match records.name.as_str() {
        "@" => zone.name.to_ascii_lowercase(),
        name => format!("{name}.{}", zone.name).to_ascii_lowercase(),
    };
    let first = full(records);
    let mut names = vec![first.clone()];
    let mut seen: BTreeSet<String> = [first.clone()].into();
    let mut at = records;
    loop {
        let next = at.cname_record.as_ref()?.cname.trim_end_matches('.').to_ascii_lowercase();
        names.push(next.clone());
        if next == first {
            return Some(names);
        }
        if !seen.insert(next.clone()) {
            return None;
        }
        at = zone.record_sets.iter().find(|own| full(own) == next)?;
    }
}
