//! At a storage account: by its public address, by a service endpoint, or by a private endpoint; and what its
//! firewall says.

use crate::{
    Action, Cause, Component, Endpoint, NearMiss, Owner, RuleRef, Station, StationKind, Verdict, World,
    journey::{At, End, Keeper, Move, Moves, Party, Traveller, plain, unmarked},
};
use azure::{
    NextHop, Sender,
    storage::{self, Client, Outcome, Place, PrivateZone, SourceSeen},
    surroundings::{home, subnet_name},
};
use model::{Kind, ObjectRef, azure::StorageAccount};
use std::net::IpAddr;

/// The service that a flow by address is taken to mean; the firewall is the same for all.
const GROUP: &str = "blob";

/// How a packet came to an Azure service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the public address.
    Public,
    /// By a service endpoint of this subnet (`network/subnet`).
    ServiceEndpoint(String),
    /// By this private endpoint.
    PrivateEndpoint(String),
}

impl World {
    /// From the network to the public address of a storage account: by the subnet's service endpoint, else out.
    pub(crate) fn to_service(&self, mut traveller: Traveller, account: &str) -> Moves {
        let packet = unmarked(traveller.packet);
        let nic = traveller.nic.clone();
        let subnet = self
            .sender_of(nic.as_ref(), &packet)
            .and_then(|sender| self.cloud.sender_subnet(sender))
            .filter(|subnet| {
                let routed = self.cloud.route_in(subnet, packet.destination);
                routed.is_some_and(|routed| routed.route.next_hop == NextHop::VirtualNetworkServiceEndpoint)
            });
        let Some(subnet) = subnet else { return self.leave_azure(traveller) };
        let network = self.model.virtual_networks.values().find(|network| {
            network
                .subnets
                .iter()
                .any(|own| own.name == subnet.name && own.address_prefix == subnet.subnet.address_prefix)
        });
        let name =
            subnet_name(network.map(|network| network.name.as_str()).unwrap_or_default(), &subnet.name);
        let why = format!(
            "Subnet {} has a service endpoint: the packet keeps its private source {} and carries the subnet's identity. No outbound translation.",
            subnet.name, packet.source
        );
        let station = Station::new(StationKind::AzureService, account);
        traveller.note(station, Component::AzureVnet, Owner::Azure, Action::SkipNat, why);
        let party = Party::AzureService { account: account.to_owned(), way: Way::ServiceEndpoint(name) };
        Moves::one(traveller, Move::Go(At::Party(party)))
    }

    /// From the network to a private endpoint: past its subnet's security group, if policies let that apply.
    pub(crate) fn to_private_endpoint(&self, mut traveller: Traveller, name: &str) -> Moves {
        let document = self.model.private_endpoints.get(name);
        let Some(document) = document else { return Moves::default() };
        let address = traveller.packet.destination;
        let endpoint = storage::PrivateEndpoint::of(&self.model, document);
        let applies = endpoint.as_ref().is_some_and(|endpoint| endpoint.policies.security_groups_apply());
        let receiver = Sender::vm(address);
        if applies {
            if let Some(cause) = self.enter_nic(&mut traveller, receiver) {
                return Moves::one(traveller, Move::End(End::Failed(Verdict::Dropped, cause)));
            }
        } else if let Some(group) = self.cloud.guards(receiver).subnet
            && traveller.segment == netfilter::Segment::Opening
        {
            let why = format!(
                "The subnet of the private endpoint has the security group {}, but its privateEndpointNetworkPolicies are off: the group is not asked.",
                group.name()
            );
            let station = Station::new(StationKind::Nsg, group.name());
            traveller.note(station, Component::AzureNsg, Owner::Azure, Action::SkipNsg, why);
        }
        let account =
            storage::PrivateEndpoint::account(&self.model, document).map(|account| account.name.clone());
        let resource =
            || document.connection()?.private_link_service_id.as_ref().map(|id| id.name().to_owned());
        let account = account.or_else(resource).unwrap_or_default();
        let why = format!(
            "{address} is the private endpoint {name}: Azure carries the packet to {account} on its own network."
        );
        let mut step =
            plain(endpoint_station(name), Component::AzurePrivateLink, Owner::Azure, Action::Forward, why);
        step.rule = Some(endpoint_ref(name, &account));
        let packet = unmarked(traveller.packet);
        traveller.rewrite(packet, step);
        let state = document.connection().and_then(|own| own.private_link_service_connection_state.as_ref());
        let refused = state.is_some_and(|state| !state.status.eq_ignore_ascii_case("Approved"));
        if endpoint.map_or(refused, |endpoint| !endpoint.approved) {
            let why = format!(
                "The owner of {account} has not approved the connection of {name} (it is pending, rejected or disconnected): nothing passes, and the client times out."
            );
            traveller.note(
                endpoint_station(name),
                Component::AzurePrivateLink,
                Owner::Azure,
                Action::Drop,
                why,
            );
            return Moves::one(
                traveller,
                Move::End(End::Failed(Verdict::Dropped, Cause::EndpointNotApproved)),
            );
        }
        if let Some(link) = self.private_link_of(document) {
            return self.through_private_link(traveller, document, link);
        }
        let party = Party::AzureService { account, way: Way::PrivateEndpoint(name.to_owned()) };
        Moves::one(traveller, Move::Go(At::Party(party)))
    }

    /// What the account does with the connection: who it is for, what it saw, and the refusal if it refuses.
    pub(crate) fn at_service(
        &self,
        traveller: &mut Traveller,
        account: &str,
        way: &Way,
    ) -> (Endpoint, Option<IpAddr>, Option<(Verdict, Cause)>) {
        let packet = traveller.packet;
        let endpoint = Endpoint {
            pod: None,
            node: None,
            host: Some(if self.model.storage_accounts.contains_key(account) {
                format!("storage account {account}")
            } else {
                account.to_owned()
            }),
            ip: packet.destination,
            port: packet.destination_port,
        };
        let Some(document) = self.model.storage_accounts.get(account) else {
            let why = format!("{account} takes the connection; what it does with it is not simulated.");
            traveller.note(
                service_station(account),
                Component::AzureStorage,
                Owner::Azure,
                Action::Deliver,
                why,
            );
            return (endpoint, Some(packet.source), None);
        };
        let parsed = storage::StorageAccount::of(document);
        let private = match way {
            Way::PrivateEndpoint(name) => self.model.private_endpoints.get(name),
            _ => None,
        };
        let private = private.and_then(|document| storage::PrivateEndpoint::of(&self.model, document));
        let client = self.client(traveller, document, way);
        let group =
            private.as_ref().and_then(|own| own.groups.first().cloned()).unwrap_or_else(|| GROUP.to_owned());
        let request = parsed.request(private.as_ref(), &client, &group);
        let seen = match request.source {
            SourceSeen::Public(ip) | SourceSeen::SubnetIdentity(ip) => ip,
            SourceSeen::AzurePrivate => None,
            SourceSeen::Endpoint => Some(packet.source),
        };
        let words = source_words(request.source, packet.source, way);
        let refusal = match request.outcome {
            Outcome::DeniedByFirewall => Some((Verdict::Rejected, Cause::StorageFirewall)),
            Outcome::DeniedPublicAccess => Some((Verdict::Rejected, Cause::PublicAccessDisabled)),
            Outcome::NotApproved => Some((Verdict::Dropped, Cause::EndpointNotApproved)),
            Outcome::DroppedBySecurityGroup => Some((Verdict::Dropped, Cause::NsgDenied)),
            Outcome::NameNotFound => Some((Verdict::Unreachable, Cause::NameNotFound)),
            Outcome::AllowedByDefault
            | Outcome::AllowedByIpRule
            | Outcome::AllowedBySubnetRule
            | Outcome::AllowedByEndpoint => None,
        };
        let action = if refusal.is_some() { Action::Reject } else { Action::Deliver };
        let why = format!("{words} {}", outcome_words(request.outcome));
        let mut step = plain(service_station(account), Component::AzureStorage, Owner::Azure, action, why);
        step.rule = Some(firewall_ref(document, &parsed));
        if refusal.is_some() && parsed.public_network_access {
            step.near_misses = misses(&parsed, request.source, way).into();
        }
        traveller.rewrite(packet, step);
        (endpoint, seen, refusal)
    }

    fn client(&self, traveller: &Traveller, account: &StorageAccount, way: &Way) -> Client {
        let source = traveller.packet.source;
        let network = |subnet: &str, service_endpoint, appliance| Place::Network {
            subnet: subnet.to_owned(),
            address: Some(source),
            service_endpoint,
            appliance,
        };
        // Whoever was translated on the way out, or never left, is in Azure.
        let by_appliance = traveller.cloud.iter().any(|flow| matches!(flow.keeper, Keeper::Appliance(_)));
        let inside =
            self.is_inside(source) || traveller.cloud.iter().any(|flow| flow.keeper == Keeper::Outbound);
        let place = match way {
            Way::ServiceEndpoint(subnet) => network(subnet, true, false),
            Way::PrivateEndpoint(_) => network("", false, false),
            Way::Public if by_appliance => network("", false, true),
            Way::Public if inside => network("", false, false),
            Way::Public => Place::Internet,
        };
        let plain = |text: &str| text.replace(' ', "").to_ascii_lowercase();
        let own = self.model.managed_cluster.as_ref().and_then(|cluster| cluster.location.as_deref());
        let own = own.or_else(|| home(&self.model)?.location.as_deref()).map(plain);
        let same_region = own.is_some() && own == account.location.as_deref().map(plain);
        let zone = if matches!(way, Way::PrivateEndpoint(_)) {
            PrivateZone::HasRecord
        } else {
            PrivateZone::NotLinked
        };
        Client { place, public_address: Some(source), same_region, zone }
    }
}

fn source_words(source: SourceSeen, packet: IpAddr, way: &Way) -> String {
    match (source, way) {
        (SourceSeen::Public(_), _) => format!("The account sees the public address {packet}."),
        (SourceSeen::AzurePrivate, _) => format!(
            "Client and account are in the same region: the account does not see {packet} but a private address of Azure's, which no IP rule can name."
        ),
        (SourceSeen::SubnetIdentity(_), Way::ServiceEndpoint(subnet)) => {
            format!("The account sees {packet} with the identity of subnet {subnet}.")
        }
        (SourceSeen::SubnetIdentity(_), _) => {
            format!("The account sees {packet} with its subnet's identity.")
        }
        (SourceSeen::Endpoint, _) => "The request comes by a private endpoint.".to_owned(),
    }
}

fn outcome_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::AllowedByDefault => "Its firewall lets everything in (defaultAction Allow).",
        Outcome::AllowedByIpRule => "An IP rule of its firewall lets that in.",
        Outcome::AllowedBySubnetRule => "A virtual network rule of its firewall lets that in.",
        Outcome::AllowedByEndpoint => {
            "Its firewall is not asked about that, and neither is publicNetworkAccess."
        }
        Outcome::DeniedByFirewall => {
            "No rule of its firewall lets that in, and defaultAction is Deny: it answers 403, AuthorizationFailure."
        }
        Outcome::DeniedPublicAccess => {
            "publicNetworkAccess is Disabled, which goes before every rule: it answers 403."
        }
        Outcome::DroppedBySecurityGroup => "The security group of the endpoint's subnet drops it.",
        Outcome::NotApproved => "The endpoint is not approved.",
        Outcome::NameNotFound => "The name does not resolve.",
    }
}

/// Rules of the firewall and why they did not let the request in.
fn misses(account: &storage::StorageAccount, source: SourceSeen, way: &Way) -> Vec<NearMiss> {
    let rule = |text: String| RuleRef { place: "storage firewall".into(), text: text.into(), object: None };
    let subnets = account.subnet_rules.iter().map(|subnet| NearMiss {
        rule: rule(format!("virtual network rule {subnet}")),
        failed: match way {
            Way::ServiceEndpoint(own) => format!("the request comes from subnet {own}"),
            _ => "the request carries no subnet's identity: its subnet has no service endpoint for Microsoft.Storage".to_owned(),
        },
    });
    let ranges = account.ip_rules.iter().map(|range| NearMiss {
        rule: rule(format!("IP rule {range}")),
        failed: match source {
            SourceSeen::Public(Some(ip)) => format!("the account sees {ip}"),
            SourceSeen::SubnetIdentity(_) => "over a service endpoint the account sees a private address, which no IP rule matches".to_owned(),
            _ => "requests of the account's own region carry a private address of Azure's, which no IP rule matches".to_owned(),
        },
    });
    subnets.chain(ranges).take(5).collect()
}

fn firewall_ref(document: &StorageAccount, account: &storage::StorageAccount) -> RuleRef {
    let access = if account.public_network_access { "Enabled" } else { "Disabled" };
    let text = format!(
        "publicNetworkAccess {access}, defaultAction {}, {} IP rules, {} virtual network rules",
        account.default_action,
        account.ip_rules.len(),
        account.subnet_rules.len()
    );
    let object = ObjectRef::cluster_scoped(Kind::StorageAccount, &document.name);
    RuleRef {
        place: format!("storage account {}", document.name).into(),
        text: text.into(),
        object: Some(object),
    }
}

fn endpoint_ref(name: &str, account: &str) -> RuleRef {
    let object = ObjectRef::cluster_scoped(Kind::PrivateEndpoint, name);
    RuleRef {
        place: format!("private endpoint {name}").into(),
        text: format!("→ {account}").into(),
        object: Some(object),
    }
}

pub(crate) fn endpoint_station(name: &str) -> Station {
    Station::new(StationKind::PrivateEndpoint, name)
}

fn service_station(account: &str) -> Station {
    Station::new(StationKind::AzureService, account)
}
