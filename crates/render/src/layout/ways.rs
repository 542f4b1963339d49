//! From traces to ways: which places a branch visits, in order, and what the packet looks like on leaving each.

use crate::View;
use engine::{Cause, Header, PathOutcome, Station, StationKind, Step, Verdict};
use model::{Key, Model, NodeName};
use std::{fmt, net::IpAddr, sync::Arc};

/// A place that a packet visits, before it is known how it is drawn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A host on the internet, the client for one.
    Host(Arc<str>),
    /// A VM of the virtual network.
    Vm(Arc<str>),
    /// A load balancer.
    LoadBalancer(Arc<str>),
    /// A node.
    Node(NodeName),
    /// A pod.
    Pod(Key),
    /// Anything else that decides.
    Station(StationKind, Arc<str>),
}

impl fmt::Display for Place {
    /// The id of the group that stands for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => write!(f, "host/{name}"),
            Self::Vm(name) => write!(f, "vm/{name}"),
            Self::LoadBalancer(name) => write!(f, "lb/{name}"),
            Self::Node(name) => write!(f, "node/{name}"),
            Self::Pod(key) => write!(f, "pod/{key}"),
            Self::Station(kind, name) => write!(f, "station/{kind:?}/{name}"),
        }
    }
}

/// A visit.
#[derive(Debug, Clone)]
pub(super) struct Stop {
    pub place: Place,
    /// Indices of the steps done here.
    pub steps: Vec<usize>,
    /// The header on leaving, absent where the trace does not mention the place.
    pub header: Option<Header>,
}

/// One branch, there or back.
#[derive(Debug, Clone)]
pub(super) struct Way<'a> {
    /// Index of the outcome.
    pub outcome: usize,
    pub probability: f64,
    pub verdict: Verdict,
    pub cause: Option<Cause>,
    pub steps: &'a [Step],
    pub stops: Vec<Stop>,
}

impl Way<'_> {
    pub(super) fn is_lost(&self) -> bool {
        self.verdict != Verdict::Delivered
    }
}

/// Every branch of the view's flow, in its direction.
pub(super) fn ways<'a>(view: &View<'a>) -> Vec<Way<'a>> {
    let Some(paths) = view.paths else { return Vec::new() };
    let outcomes = paths.outcomes.iter().enumerate();
    outcomes.filter_map(|(index, outcome)| way(view, index, outcome)).collect()
}

fn way<'a>(view: &View<'a>, index: usize, outcome: &'a PathOutcome) -> Option<Way<'a>> {
    let (steps, verdict, cause) = match (&outcome.reply, view.reply) {
        (Some(reply), true) => (reply.steps.as_slice(), reply.verdict, reply.cause),
        (None, true) => return None,
        // A lost reply does not shorten the way there.
        (Some(_), false) => (outcome.steps.as_slice(), Verdict::Delivered, None),
        (None, false) => (outcome.steps.as_slice(), outcome.verdict, outcome.cause),
    };
    let mut stops: Vec<Stop> = Vec::new();
    let mut passing: Vec<usize> = Vec::new();
    for (number, step) in steps.iter().enumerate() {
        let last = number + 1 == steps.len();
        // What lets a packet pass on its way needs no place of its own; what stops it does.
        if is_passage(&step.station) && !(last && verdict != Verdict::Delivered) {
            passing.push(number);
            continue;
        }
        let place = place(view.model, &step.station);
        match stops.last_mut() {
            Some(stop) if stop.place == place => {
                stop.steps.append(&mut passing);
                stop.steps.push(number);
                stop.header = Some(step.after);
            }
            _ => {
                let mut all = std::mem::take(&mut passing);
                all.push(number);
                stops.push(Stop { place, steps: all, header: Some(step.after) });
            }
        }
    }
    if let Some(stop) = stops.last_mut() {
        stop.steps.append(&mut passing);
    }
    let stops = with_hosts_of_pods(view.model, stops);
    let probability = if outcome.probability.is_finite() { outcome.probability.clamp(0.0, 1.0) } else { 0.0 };
    Some(Way { outcome: index, probability, verdict, cause, steps, stops })
}

fn is_passage(station: &Station) -> bool {
    use StationKind::{Dns, Internet, Nsg, PublicIp, RouteTable};
    matches!(station.kind, Internet | PublicIp | Nsg | RouteTable | Dns)
}

fn place(model: &Model, station: &Station) -> Place {
    let name = &station.name;
    let local = name.strip_prefix("pod/").unwrap_or(name);
    let pod = || local.parse::<Key>().ok().filter(|key| model.pods.contains_key(key));
    let node = || model.nodes.get_key_value(name.strip_prefix("node/").unwrap_or(name)).map(|(name, _)| name);
    match station.kind {
        StationKind::Node => Place::Node(name.as_ref().into()),
        StationKind::LoadBalancer => Place::LoadBalancer(Arc::clone(name)),
        StationKind::Pod => pod().map_or_else(|| Place::Host(Arc::clone(name)), Place::Pod),
        StationKind::Vm => Place::Vm(Arc::clone(name)),
        StationKind::Client => {
            let address: Option<IpAddr> = name.parse().ok();
            match (pod(), node(), address) {
                (Some(pod), ..) => Place::Pod(pod),
                (None, Some(node), _) => Place::Node(node.clone()),
                (None, None, Some(_)) => Place::Host(Arc::clone(name)),
                (None, None, None) => match name.strip_prefix("vm/") {
                    Some(vm) => Place::Vm(vm.into()),
                    None => Place::Host(Arc::clone(name)),
                },
            }
        }
        StationKind::Internet => Place::Host(Arc::clone(name)),
        kind => Place::Station(kind, Arc::clone(name)),
    }
}

/// Pods are reached through their node and nothing else: where a trace leaves the node out, it is put in.
fn with_hosts_of_pods(model: &Model, stops: Vec<Stop>) -> Vec<Stop> {
    let node_of = |place: &Place| match place {
        Place::Pod(key) => model
            .pods
            .get(key)
            .map(|pod| pod.spec.node_name.as_str())
            .filter(|node| model.nodes.contains_key(*node))
            .map(|node| Place::Node(node.into())),
        _ => None,
    };
    let mut full: Vec<Stop> = Vec::with_capacity(stops.len() + 2);
    for stop in stops {
        let here = node_of(&stop.place);
        if let Some(previous) = full.last() {
            let before = node_of(&previous.place);
            let header = previous.header;
            let implied = |place: &Place| Stop { place: place.clone(), steps: Vec::new(), header };
            let out = before.filter(|node| *node != stop.place).map(|node| implied(&node));
            let into = here
                .filter(|node| *node != previous.place && out.as_ref().is_none_or(|out| out.place != *node))
                .map(|node| implied(&node));
            full.extend(out);
            full.extend(into);
        }
        full.push(stop);
    }
    full
}
