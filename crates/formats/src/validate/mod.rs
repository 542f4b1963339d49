//! What is wrong with the whole though each document is well formed: what the API server and Azure would refuse, and
//! what names something that is not there.

mod azure;
mod balancer_limits;
mod balancers;
mod dns;
mod ingress;
mod networks;
mod nodes;
mod policies;
mod pools;
mod private;
mod references;
mod services;
mod slices;
mod workloads;

use crate::{Diagnostic, Severity, document::Places, tree::Position};
use ipnet::IpNet;
use model::{Model, NodeName, ObjectRef};
use std::{collections::BTreeMap, net::IpAddr};

/// Checks the objects against each other.
pub(crate) fn validate(model: &Model, places: &Places, diagnostics: &mut Vec<Diagnostic>) {
    let mut check = Check { model, places, diagnostics, owners: BTreeMap::new() };
    check.azure();
    check.nodes();
    check.pods();
    check.services();
    check.endpoint_slices();
    check.ingresses();
    check.network_policies();
    check.private();
    check.workloads();
}

struct Check<'a> {
    model: &'a Model,
    places: &'a Places,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// Who has an address: nodes, pods, cluster IPs.
    owners: BTreeMap<IpAddr, ObjectRef>,
}

impl Check<'_> {
    fn say(&mut self, severity: Severity, id: &ObjectRef, path: &str, what: &str, hint: impl Into<String>) {
        let located = self.places.get(id);
        let at = located.map_or(Position::START, |located| located.place(path));
        self.diagnostics.push(Diagnostic {
            severity,
            file: located.map(|located| located.file.to_string()).unwrap_or_default(),
            line: at.line,
            column: at.column,
            what: format!("{id}: {what}"),
            hint: hint.into(),
            object: Some(id.clone()),
        });
    }

    fn error(&mut self, id: &ObjectRef, path: &str, what: impl AsRef<str>, hint: impl Into<String>) {
        self.say(Severity::Error, id, path, what.as_ref(), hint);
    }

    fn warning(&mut self, id: &ObjectRef, path: &str, what: impl AsRef<str>, hint: impl Into<String>) {
        self.say(Severity::Warning, id, path, what.as_ref(), hint);
    }

    /// `file:line` of an object.
    fn line_of(&self, id: &ObjectRef) -> String {
        self.places.get(id).map(|place| format!("{}:{}", place.file, place.node.at.line)).unwrap_or_default()
    }

    fn address(&mut self, id: &ObjectRef, path: &str, text: &str) -> Option<IpAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            let hint = "write an IPv4 address such as 10.224.0.4, or an IPv6 address such as fd00::4";
            self.error(id, path, format!("{path}: {text:?} is not an IP address"), hint);
        }
        address
    }

    fn range(&mut self, id: &ObjectRef, path: &str, text: &str) -> Option<IpNet> {
        let range = text.parse().ok();
        if range.is_none() {
            let hint = match text.parse::<IpAddr>() {
                Ok(IpAddr::V4(_)) => format!("add the length of the prefix: {text}/32 for one address"),
                Ok(IpAddr::V6(_)) => format!("add the length of the prefix: {text}/128 for one address"),
                Err(_) => "write a range such as 10.244.0.0/16".to_owned(),
            };
            self.error(id, path, format!("{path}: {text:?} is not a range of addresses (CIDR)"), hint);
        }
        range
    }

    fn ranges<'t>(&mut self, id: &ObjectRef, path: &str, texts: impl IntoIterator<Item = &'t String>) {
        for (at, text) in texts.into_iter().enumerate() {
            self.range(id, &format!("{path}[{at}]"), text);
        }
    }

    /// Takes an address for an object; no two may have the same.
    fn own(&mut self, id: &ObjectRef, path: &str, address: IpAddr) {
        let first = self.owners.entry(address).or_insert_with(|| id.clone());
        if first != id {
            let first = first.clone();
            let line = self.line_of(&first);
            self.error(
                id,
                path,
                format!("{address} is the address of {first} already"),
                format!("{first} is at {line}; give one of the two another address"),
            );
        }
    }

    fn node_named(&self, name: &str) -> bool {
        self.model.nodes.contains_key(name)
    }

    /// What to do about a name that no node has.
    fn node_hint(&self, name: &str) -> String {
        let names = || self.model.nodes.keys().map(NodeName::as_str);
        if let Some(near) = crate::near::nearest(name, names()) {
            return format!("did you mean {near}?");
        }
        let known = names().take(5).collect::<Vec<_>>().join(", ");
        match self.model.nodes.len() {
            0 => "the input has no Node; add the output of `kubectl get nodes -o yaml`".to_owned(),
            1..=5 => format!("the nodes are {known}"),
            more => format!("there are {more} nodes: {known}, …"),
        }
    }
}
