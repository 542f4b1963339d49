//! Layout: from a view to a scene. Deterministic, and stable: an edit moves only what it must.

mod balancer;
mod board;
mod capsules;
mod cards;
mod cluster;
mod hub;
mod links;
mod outline;
mod route;
mod ways;
pub(crate) mod words;

pub(crate) use outline::station_words;

use crate::{Anchor, Format, Ink, Kind, Look, Options, Point, Rect, Scene, TextStyle, Tone, View};
use board::{Board, Draft, Touch};
use cards::{Cards, Density};
use cluster::FlowBalancer;
use std::collections::BTreeSet;
use ways::{Place, Way};

const MARGIN: f64 = 20.0;
const HOST: (f64, f64) = (124.0, 60.0);
const BALANCER: f64 = 210.0;
/// Between client and load balancer.
const FIRST_GAP: f64 = 68.0;
/// Between load balancer and node pools: room for lines that fan out and for hops between nodes.
const SECOND_GAP: f64 = 146.0;
/// Left of the pools in tall pictures: room for all lines.
const TALL_GUTTER: f64 = 44.0;
const TALL_GAP: f64 = 52.0;

/// Lays a view out.
pub fn scene(view: &View, options: Options) -> Scene {
    let tall = options.shape == Format::Tall;
    let ways = ways::ways(view);
    let (pools, pending) = cluster::pools(view, &ways);
    let flow = cluster::flow_balancer(view, &ways);
    let selected = ways.iter().find(|way| Some(way.outcome) == view.selected);
    let mut board = Board::new(&ways, view.selected);
    let density = Density::of(view.model.nodes.len(), tall);
    let cards = Cards { view, flow: flow.as_ref(), ways: &ways, density };

    let frame = Frame::new(view, &ways, flow.as_ref(), tall);
    frame.draw(&mut board, view, flow.as_ref(), selected, density);
    let at = if tall {
        let top = board.bottom();
        Point::new(MARGIN + TALL_GUTTER, if top > 0.0 { top + TALL_GAP } else { MARGIN })
    } else {
        Point::new(frame.pools_at, MARGIN)
    };
    board.gutter = at.x;
    cards.draw(&mut board, &pools, &pending, at);

    let capsules = selected.map(|way| capsules::capsules(&board, way, tall)).unwrap_or_default();
    if let Some(way) = selected {
        capsules::verdict(&mut board, way, &capsules);
    }
    let mut links = flow.as_ref().map(|flow| links::kept_out(&board, view, flow, tall)).unwrap_or_default();
    links.extend(links::links(&board, view, &ways, tall));
    let legs = selected.map(|way| links::legs(&board, view, way, tall)).unwrap_or_default();

    let below = links.iter().map(|link| link.curve.bounds().bottom() + 8.0).fold(board.bottom(), f64::max);
    let below = capsules.iter().map(|capsule| capsule.bounds.bottom()).fold(below, f64::max);
    let beside = capsules.iter().map(|capsule| capsule.bounds.right()).fold(board.right(), f64::max);
    let mut scene = Scene {
        width: (beside + MARGIN).max(200.0),
        height: (below + MARGIN).max(120.0),
        title: outline::title(view),
        description: outline::description(view, &ways, &pools),
        outline: outline::outline(view, selected),
        pools: pools.iter().filter(|pool| !pool.name.is_empty()).map(cluster::Pool::facts).collect(),
        groups: board.groups,
        links,
        capsules,
        legs,
    };
    order::sort_by(&mut scene.groups, |a, b| (a.kind, &a.id).cmp(&(b.kind, &b.id)));
    scene
}

/// The columns left of the node pools.
struct Frame {
    /// Hosts outside the cluster, in the order in which ways visit them.
    hosts: Vec<Place>,
    /// VMs and other stations.
    stations: Vec<Place>,
    tall: bool,
    balancer_at: f64,
    pools_at: f64,
}

impl Frame {
    fn new(view: &View, ways: &[Way], flow: Option<&FlowBalancer>, tall: bool) -> Self {
        let mut seen = BTreeSet::new();
        let (mut hosts, mut stations) = (Vec::new(), Vec::new());
        for stop in ways.iter().flat_map(|way| &way.stops) {
            let list = match &stop.place {
                Place::Host(_) => &mut hosts,
                Place::Vm(_) | Place::Station(..) => &mut stations,
                // A load balancer of a trace that the view does not have is a station like any other.
                Place::LoadBalancer(name)
                    if view.load_balancers.iter().all(|known| known.resource.name != **name) =>
                {
                    &mut stations
                }
                _ => continue,
            };
            if seen.insert(&stop.place) {
                list.push(stop.place.clone());
            }
        }
        let mut x = MARGIN;
        if !hosts.is_empty() {
            x += HOST.0 + FIRST_GAP;
        }
        let balancer_at = x;
        if flow.is_some() || !stations.is_empty() {
            x += BALANCER + SECOND_GAP;
        } else if x == MARGIN {
            // Hops between nodes swing out to the left.
            x += 30.0;
        }
        Self { hosts, stations, tall, balancer_at, pools_at: x }
    }

    fn draw(
        &self,
        board: &mut Board,
        view: &View,
        flow: Option<&FlowBalancer>,
        selected: Option<&Way>,
        density: Density,
    ) {
        let wide = if self.tall { density.pool_width() } else { BALANCER };
        let left = if self.tall { MARGIN + TALL_GUTTER } else { self.balancer_at };
        let mut top = if self.tall { MARGIN } else { MARGIN + 14.0 };
        // The first host stands level with the frontend, so that their line is straight.
        let level = top + 54.0 + 22.0;
        for (index, place) in self.hosts.iter().enumerate() {
            let step = f64::from(u32::try_from(index).unwrap_or(0)) * (HOST.1 + 62.0);
            let at = if self.tall {
                Rect::new(left + (wide - 190.0) / 2.0, top, 190.0, HOST.1)
            } else {
                Rect::new(MARGIN, level - HOST.1 / 2.0 + step, HOST.0, HOST.1)
            };
            host(board, view, place, at, index == 0);
            if self.tall {
                top = at.bottom() + TALL_GAP;
            }
        }
        if let Some(flow) = flow {
            let steps = selected.map(|way| way.steps).unwrap_or_default();
            balancer::draw(board, view, flow, steps, Point::new(left, top), wide);
            top = board.bottom() + 26.0;
        }
        for place in &self.stations {
            let at = Rect::new(left, top, wide, 52.0);
            station(board, place, at);
            top = at.bottom() + 20.0;
        }
    }
}

fn host(board: &mut Board, view: &View, place: &Place, at: Rect, first: bool) {
    let id = place.to_string();
    let Place::Host(name) = place else { return };
    let sends = view.paths.is_some_and(|paths| paths.flow.from.ends_with(&**name)) || first;
    let title = match (sends, name.parse::<std::net::IpAddr>()) {
        (true, Ok(_)) => "Internet client",
        (true, Err(_)) => "Client",
        (false, _) => "Internet host",
    };
    let address = match (name.parse::<std::net::IpAddr>(), view.paths) {
        (Err(_), Some(paths)) if sends => paths.flow.source.to_string(),
        _ => name.to_string(),
    };
    let middle = at.w / 2.0;
    let room = at.w - 24.0;
    Draft::new(id.clone(), Kind::Host, Tone::You, at)
        .label(format!("{title} {address}"))
        .used(board.state(&id), board.steps(&id))
        .body(at.h / 2.0, Look::Body)
        .anchored(Anchor::Middle, Point::new(middle, 26.0), room, TextStyle::Name, Ink::Strong, title)
        .anchored(Anchor::Middle, Point::new(middle, 43.0), room, TextStyle::Mono, Ink::Soft, &address)
        .put(board);
    board.touch.insert(id, Touch::Free(at));
}

fn station(board: &mut Board, place: &Place, at: Rect) {
    let id = place.to_string();
    let (kind, tone, title, name) = match place {
        Place::Vm(name) => (Kind::Vm, Tone::You, "Virtual machine".to_owned(), name),
        Place::Station(kind, name) => (Kind::Station, Tone::Cloud, station_words(*kind).to_owned(), name),
        Place::LoadBalancer(name) => (Kind::Station, Tone::Cloud, "Azure Load Balancer".to_owned(), name),
        _ => return,
    };
    let draft = Draft::new(id.clone(), kind, tone, at)
        .used(board.state(&id), board.steps(&id))
        .body(10.0, Look::Body);
    let room = at.w - 28.0;
    // A station that has no name of its own is told once.
    if title.eq_ignore_ascii_case(name) {
        draft
            .label(title.clone())
            .text(14.0, at.h / 2.0 + 4.0, room, TextStyle::Name, Ink::Strong, &title)
            .put(board);
    } else {
        draft
            .label(format!("{title} {name}"))
            .text(14.0, 22.0, room, TextStyle::Name, Ink::Strong, &title)
            .text(14.0, 39.0, room, TextStyle::Mono, Ink::Soft, name)
            .put(board);
    }
    board.touch.insert(id, Touch::Free(at));
}
