//! What `az network nic show-effective-route-table` and `az network nic list-effective-nsg` print.

use crate::{Diagnostic, Source, typed};
use model::azure::{Association, Effective, ShownGroup, ShownRoute, ShownRule, SubResource};
use serde::Deserialize;

/// The document, whichever of the two it is.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Document {
    value: Vec<Entry>,
}

/// An entry of either.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    name: Option<String>,
    source: String,
    state: String,
    address_prefix: Vec<String>,
    next_hop_type: Option<String>,
    next_hop_ip_address: Vec<String>,
    network_security_group: Option<SubResource>,
    association: Option<Association>,
    effective_security_rules: Option<Vec<ShownRule>>,
}

impl Entry {
    fn route(self) -> Option<ShownRoute> {
        Some(ShownRoute {
            name: self.name.filter(|name| !name.is_empty()),
            source: self.source,
            state: self.state,
            address_prefix: self.address_prefix,
            next_hop_type: self.next_hop_type?,
            next_hop_ip_address: self.next_hop_ip_address,
        })
    }

    fn group(self) -> Option<ShownGroup> {
        Some(ShownGroup {
            network_security_group: self.network_security_group,
            association: self.association,
            effective_security_rules: self.effective_security_rules?,
        })
    }
}

/// Reads what one of the two commands printed. Fields that neither has are left out: Azure adds some.
///
/// # Errors
/// Where it is neither, or broken, with file, line and hint.
pub fn read_effective(source: &Source) -> Result<Effective, Vec<Diagnostic>> {
    let document: Document = typed::read_lenient(source)?;
    let count = document.value.len();
    let mut entries = document.value.into_iter().peekable();
    let effective = match entries.peek() {
        Some(first) if first.effective_security_rules.is_some() => {
            Effective::Security(entries.filter_map(Entry::group).collect())
        }
        Some(first) if first.next_hop_type.is_some() => {
            Effective::Routes(entries.filter_map(Entry::route).collect())
        }
        _ => {
            return Err(vec![typed::error_of(
                source,
                "this is neither a list of effective routes nor of effective security rules".to_owned(),
                "give the output of `az network nic show-effective-route-table -o json` or `az network nic list-effective-nsg -o json`".to_owned(),
            )]);
        }
    };
    let read = match &effective {
        Effective::Routes(routes) => routes.len(),
        Effective::Security(groups) => groups.len(),
    };
    if read < count {
        return Err(vec![typed::error_of(
            source,
            format!("{} of {count} entries are of another kind than the first", count - read),
            "give the output of one command, as it was printed".to_owned(),
        )]);
    }
    Ok(effective)
}
