//! Links and records of private DNS zones, and where resolvers take questions: Azure's tools print them apart, and
//! they are read into what they belong to.

use crate::{
    Severity,
    classify::DnsPart,
    de::{Dialect, read},
    document::Reader,
    tree::{Node, Position},
};
use model::{
    ArmId, Kind, ObjectRef,
    azure::{InboundEndpoint, RecordSet, VirtualNetworkLink},
};
use std::sync::Arc;

/// A part, the name of what it belongs to, and the place where it stands.
pub(crate) struct Found {
    owner: String,
    part: Part,
    file: Arc<str>,
    at: Position,
}

enum Part {
    Link(VirtualNetworkLink),
    Records(RecordSet),
    Inbound(InboundEndpoint),
}

impl Part {
    fn id(&self) -> Option<&ArmId> {
        match self {
            Self::Link(link) => link.id.as_ref(),
            Self::Records(records) => records.id.as_ref(),
            Self::Inbound(endpoint) => endpoint.id.as_ref(),
        }
    }

    /// What it belongs to: the kind, its segment in ids, and what it is called.
    fn owner(&self) -> (Kind, &'static str, &'static str) {
        match self {
            Self::Link(_) | Self::Records(_) => (Kind::PrivateDnsZone, "privateDnsZones", "private DNS zone"),
            Self::Inbound(_) => (Kind::DnsResolver, "dnsResolvers", "DNS resolver"),
        }
    }
}

impl Reader {
    /// Reads a part, and keeps it until everything has been read.
    pub(crate) fn dns_part(&mut self, part: DnsPart, node: &Node) {
        let read = match part {
            DnsPart::Link => read(node, Dialect::Azure).map(|(link, _)| Part::Link(link)),
            DnsPart::Records => read(node, Dialect::Azure).map(|(records, _)| Part::Records(records)),
            DnsPart::Inbound => read(node, Dialect::Azure).map(|(endpoint, _)| Part::Inbound(endpoint)),
        };
        let part = match read {
            Ok(part) => part,
            Err(error) => {
                let at = error.at.unwrap_or(node.at);
                return self.error(
                    at,
                    format!("part of a DNS zone or resolver: {error}"),
                    error.hint.clone(),
                );
            }
        };
        let (_, segment, words) = part.owner();
        let Some(owner) = part.id().and_then(|id| id.segment(segment)) else {
            return self.error(
                node.at,
                format!("this part of a {words} does not say of which"),
                "give it with its `id`, as `az … -o json` prints it",
            );
        };
        let found = Found { owner: owner.to_owned(), part, file: Arc::clone(&self.file), at: node.at };
        self.dns_parts.push(found);
    }

    /// Gives every part to what it belongs to.
    pub(crate) fn join_dns_parts(&mut self) {
        for Found { owner, part, file, at } in std::mem::take(&mut self.dns_parts) {
            let (kind, _, words) = part.owner();
            let named = |name: &str| name.eq_ignore_ascii_case(&owner);
            let model = &mut self.model;
            let zone = model.private_dns_zones.values_mut().find(|own| named(&own.name));
            let resolver = model.dns_resolvers.values_mut().find(|own| named(&own.name));
            match (part, zone, resolver) {
                (Part::Link(link), Some(zone), _) => Arc::make_mut(zone).virtual_network_links.push(link),
                (Part::Records(records), Some(zone), _) => Arc::make_mut(zone).record_sets.push(records),
                (Part::Inbound(endpoint), _, Some(resolver)) => {
                    Arc::make_mut(resolver).inbound_endpoints.push(endpoint);
                }
                _ => {
                    self.file = file;
                    let command = match kind {
                        Kind::DnsResolver => "dns-resolver",
                        _ => "network private-dns zone",
                    };
                    self.say(
                        Severity::Error,
                        at,
                        format!("there is no {words} {owner} for this part of it"),
                        format!("add the output of `az {command} show -n {owner} -o json`"),
                        Some(ObjectRef::cluster_scoped(kind, &owner)),
                    );
                }
            }
        }
    }
}
