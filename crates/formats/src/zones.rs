//! Links and records of private DNS zones: Azure's tools print them apart, and they are read into their zone.

use crate::{
    Severity,
    classify::ZonePart,
    de::{Dialect, read},
    document::Reader,
    tree::{Node, Position},
};
use model::{
    Kind, ObjectRef,
    azure::{RecordSet, VirtualNetworkLink},
};
use std::sync::Arc;

/// A part and the place where it stands.
pub(crate) struct Found {
    zone: String,
    part: Part,
    file: Arc<str>,
    at: Position,
}

enum Part {
    Link(VirtualNetworkLink),
    Records(RecordSet),
}

impl Reader {
    /// Reads a link or a record set, and keeps it until every zone has been read.
    pub(crate) fn zone_part(&mut self, part: ZonePart, node: &Node) {
        let read = match part {
            ZonePart::Link => read(node, Dialect::Azure).map(|(link, _)| Part::Link(link)),
            ZonePart::Records => read(node, Dialect::Azure).map(|(records, _)| Part::Records(records)),
        };
        let part = match read {
            Ok(part) => part,
            Err(error) => {
                let at = error.at.unwrap_or(node.at);
                return self.error(at, format!("private DNS zone: {error}"), error.hint.clone());
            }
        };
        let id = match &part {
            Part::Link(link) => &link.id,
            Part::Records(records) => &records.id,
        };
        let Some(zone) = id.as_ref().and_then(|id| id.segment("privateDnsZones")) else {
            return self.error(
                node.at,
                "this part of a private DNS zone does not say of which zone",
                "give it with its `id`, as `az … -o json` prints it",
            );
        };
        let found = Found { zone: zone.to_owned(), part, file: Arc::clone(&self.file), at: node.at };
        self.zone_parts.push(found);
    }

    /// Gives every part to its zone.
    pub(crate) fn join_zone_parts(&mut self) {
        for Found { zone, part, file, at } in std::mem::take(&mut self.zone_parts) {
            let own =
                self.model.private_dns_zones.values_mut().find(|own| own.name.eq_ignore_ascii_case(&zone));
            let Some(own) = own else {
                self.file = file;
                let id = ObjectRef::cluster_scoped(Kind::PrivateDnsZone, &zone);
                self.say(
                    Severity::Error,
                    at,
                    format!("there is no private DNS zone {zone} for this part of it"),
                    format!("add the output of `az network private-dns zone show -n {zone} -o json`"),
                    Some(id),
                );
                continue;
            };
            let own = Arc::make_mut(own);
            match part {
                Part::Link(link) => own.virtual_network_links.push(link),
                Part::Records(records) => own.record_sets.push(records),
            }
        }
    }
}
