//! The picture in words: title, description, and the way of the selected branch as sentences.

use super::{
    cluster::Pool,
    ways::{Place, Way},
    words::{self, count, list, percent},
};
use crate::View;
use engine::{Action, StationKind, Step};

pub(super) fn title(view: &View) -> String {
    match view.paths {
        Some(paths) if view.reply => format!("Reply from {} to {}", paths.flow.to, paths.flow.from),
        Some(paths) => format!("{} to {}", paths.flow.from, paths.flow.to),
        None => "Cluster".into(),
    }
}

pub(super) fn description(view: &View, ways: &[Way], pools: &[Pool]) -> String {
    let pools: Vec<String> = pools
        .iter()
        .map(|pool| {
            let name = if pool.name.is_empty() { "no pool" } else { pool.name };
            format!("{name} ({})", count(pool.nodes.len(), "node"))
        })
        .collect();
    let mut sentences =
        vec![format!("Node pools: {}.", if pools.is_empty() { "none".into() } else { list(&pools) })];
    let mut ends: Vec<(String, f64)> = Vec::new();
    for way in ways {
        let end = way.stops.last().map(|stop| place_words(&stop.place)).unwrap_or_default();
        let verdict = words::verdict(way.verdict);
        let text = match (way.is_lost(), way.cause) {
            (false, _) => format!("reach {end}"),
            (true, Some(cause)) => format!("are {verdict} at {end} ({cause})"),
            (true, None) => format!("are {verdict} at {end}"),
        };
        match ends.iter_mut().find(|(known, _)| *known == text) {
            Some((_, share)) => *share += way.probability,
            None => ends.push((text, way.probability)),
        }
    }
    let shown: Vec<String> =
        ends.iter().take(12).map(|(text, share)| format!("{} {text}", percent(*share))).collect();
    if !shown.is_empty() {
        let more = ends.len().saturating_sub(12);
        let more = if more > 0 { format!(", and {more} more ends") } else { String::new() };
        let what = if view.reply { "Of the replies" } else { "Of the connections" };
        sentences.push(format!("{what}, {}{more}.", list(&shown)));
    }
    sentences.join(" ")
}

/// One sentence or a few for each station of the selected branch.
pub(super) fn outline(view: &View, selected: Option<&Way>) -> Vec<String> {
    let Some(way) = selected else { return Vec::new() };
    let mut lines: Vec<String> = Vec::new();
    for stop in &way.stops {
        let steps: Vec<&Step> = stop.steps.iter().filter_map(|&at| way.steps.get(at)).collect();
        let telling: Vec<&str> = match steps.iter().filter(|step| tells(step)).collect::<Vec<_>>() {
            none if none.is_empty() => steps.last().map(|step| step.why.as_str()).into_iter().collect(),
            some => some.iter().map(|step| step.why.as_str()).collect(),
        };
        let words = if telling.is_empty() { "passes it on.".to_owned() } else { telling.join(" ") };
        lines.push(format!("{}: {words}", words::capital(&place_words(&stop.place))));
    }
    if way.is_lost() {
        let cause = way.cause.map(|cause| format!(" ({cause})")).unwrap_or_default();
        let what = if view.reply { "The reply" } else { "The packet" };
        lines.push(format!("{what} is {}{cause}.", words::verdict(way.verdict)));
    }
    lines
}

/// Whether a step is worth a sentence in the outline.
fn tells(step: &Step) -> bool {
    step.rewrites()
        || matches!(
            step.action,
            Action::Originate
                | Action::SelectFrontend
                | Action::SelectBackend
                | Action::Deliver
                | Action::Answer
                | Action::Drop
                | Action::Reject
                | Action::Refuse
                | Action::SkipSocketLookup
                | Action::SkipMasquerade
        )
}

fn place_words(place: &Place) -> String {
    match place {
        Place::Host(name) => format!("host {name}"),
        Place::Vm(name) => format!("VM {name}"),
        Place::LoadBalancer(name) => format!("load balancer {name}"),
        Place::Node(name) => format!("node {name}"),
        Place::Pod(key) => format!("pod {key}"),
        Place::Station(kind, name) => format!("{} {name}", station_words(*kind)),
    }
}

/// A kind of station in words.
pub(crate) fn station_words(kind: StationKind) -> &'static str {
    match kind {
        StationKind::Client => "Client",
        StationKind::Internet => "Internet",
        StationKind::VirtualNetwork => "Virtual network",
        StationKind::PublicIp => "Public IP",
        StationKind::LoadBalancer => "Azure Load Balancer",
        StationKind::Nsg => "Network security group",
        StationKind::RouteTable => "Route table",
        StationKind::NatGateway => "NAT gateway",
        StationKind::Firewall => "Firewall",
        StationKind::Node => "Node",
        StationKind::Pod => "Pod",
        StationKind::Vm => "Virtual machine",
        StationKind::OnPremises => "On premises",
        StationKind::Dns => "DNS",
        StationKind::PrivateEndpoint => "Private endpoint",
        StationKind::AzureService => "Azure service",
    }
}
