//! Branches as lines: one line for each pair of neighbours, however many branches share it.

use super::{
    board::Board,
    cluster::{FlowBalancer, Membership},
    route,
    ways::{Place, Way},
    words::{self, percent},
};
use crate::{Curve, Field, Leg, Link, State, Tone, View};
use engine::Header;
use std::collections::BTreeMap;

/// Lines of branches that are not selected, between nodes: more would hide the picture.
const MOST_HOPS: usize = 12;
/// Lines to members that the probe keeps out.
const MOST_IDLE: usize = 12;

/// What is known of one line while branches are added up.
struct Sum {
    probability: f64,
    lost: f64,
    selected: bool,
    tone: Tone,
    steps: Vec<usize>,
    inside: Option<bool>,
}

fn tone(place: &Place) -> Tone {
    match place {
        Place::Host(_) | Place::Vm(_) => Tone::You,
        Place::LoadBalancer(_) | Place::Station(..) => Tone::Cloud,
        Place::Node(_) => Tone::Node,
        Place::Pod(_) => Tone::Work,
    }
}

/// Every line of the picture, the selected branch's last (on top).
pub(super) fn links(board: &Board, view: &View, ways: &[Way], tall: bool) -> Vec<Link> {
    let mut sums: BTreeMap<(String, String), Sum> = BTreeMap::new();
    for way in ways {
        let selected = Some(way.outcome) == view.selected;
        let mut add =
            |key: (String, String), tone: Tone, steps: &[usize], last: bool, inside: Option<bool>| {
                let sum = sums.entry(key).or_insert(Sum {
                    probability: 0.0,
                    lost: 0.0,
                    selected: false,
                    tone,
                    steps: Vec::new(),
                    inside,
                });
                sum.probability += way.probability;
                if last && way.is_lost() {
                    sum.lost += way.probability;
                }
                if selected {
                    sum.selected = true;
                    sum.steps.extend(steps);
                }
            };
        for (index, pair) in way.stops.windows(2).enumerate() {
            let [from, to] = pair else { continue };
            let (a, b) = (board.drawn(from), board.drawn(to));
            if a == b {
                continue;
            }
            if let Some(outbound) = crosses_balancer(way, index) {
                let steps = if selected { from.steps.clone() } else { Vec::new() };
                add((format!("{a}/in"), format!("{a}/out")), Tone::Cloud, &steps, false, Some(outbound));
            }
            let steps: Vec<usize> = to.steps.first().copied().into_iter().collect();
            add((a, b), tone(&from.place), &steps, index + 2 == way.stops.len(), None);
        }
    }
    let mut links: Vec<Link> =
        sums.into_iter().filter_map(|((from, to), sum)| link(board, view, from, to, &sum, tall)).collect();
    let is_hop = |link: &Link| {
        link.state == State::Possible && link.from.starts_with("node/") && link.to.starts_with("node/")
    };
    if links.iter().filter(|link| is_hop(link)).count() > MOST_HOPS {
        links.retain(|link| !is_hop(link));
    }
    order::sort_by_key(&mut links, |link| link.state >= State::Taken);
    links
}

/// Whether the stop at `index` is a load balancer passed on the way, and if so, whether outwards.
fn crosses_balancer(way: &Way, index: usize) -> Option<bool> {
    let stop = way.stops.get(index)?;
    let previous = way.stops.get(index.checked_sub(1)?)?;
    matches!(stop.place, Place::LoadBalancer(_)).then_some(matches!(previous.place, Place::Node(_)))
}

fn link(board: &Board, view: &View, from: String, to: String, sum: &Sum, tall: bool) -> Option<Link> {
    let curve = match sum.inside {
        Some(outbound) => route::inside_balancer(board, from.strip_suffix("/in")?, outbound)?,
        None => route::curve(board, &from, &to, tall)?,
    };
    let all_lost = sum.lost > 0.0 && sum.lost >= sum.probability - 1e-9;
    let state = match (all_lost, sum.selected) {
        (true, _) => State::Failed,
        (false, true) => State::Taken,
        (false, false) => State::Possible,
    };
    let width = match (sum.selected, state) {
        (true, _) => 2.5,
        (false, State::Failed) => 1.4,
        (false, _) => 0.9 + 2.1 * sum.probability,
    };
    let share = percent(sum.probability);
    let fate = if all_lost { ", all lost at its end" } else { "" };
    Some(Link {
        id: format!("{from}>{to}{}", if view.reply { "<" } else { "" }),
        label: format!("{share} of the flow goes this way{fate}"),
        from,
        to,
        tone: sum.tone,
        state,
        reply: view.reply,
        probability: sum.probability,
        width,
        curve,
        arrow: sum.inside.is_none(),
        steps: sum.steps.clone(),
    })
}

/// Dotted lines to members of the pool that the probe keeps out.
pub(super) fn kept_out(board: &Board, view: &View, flow: &FlowBalancer, tall: bool) -> Vec<Link> {
    let Some(pool) = flow.pool.filter(|_| flow.passed && !view.reply) else { return Vec::new() };
    let members = flow.view.members.get(&pool.name).into_iter().flatten();
    let down = members.filter(|node| matches!(flow.membership(node), Membership::Probed(state) if !state.up));
    let from = format!("lb/{}", flow.view.resource.name);
    let line = |node: &model::NodeName| {
        let to = format!("node/{node}");
        Some(Link {
            id: format!("{from}>{to}~"),
            curve: route::curve(board, &from, &to, tall)?,
            from: from.clone(),
            label: format!("{node} is in the pool, but its probe is down: it gets no new flows"),
            to,
            tone: Tone::Cloud,
            state: State::Idle,
            reply: false,
            probability: 0.0,
            width: 1.2,
            arrow: false,
            steps: Vec::new(),
        })
    };
    down.filter_map(line).take(MOST_IDLE).collect()
}

/// The selected branch as legs to move along.
pub(super) fn legs(board: &Board, view: &View, way: &Way, tall: bool) -> Vec<Leg> {
    let mut legs: Vec<Leg> = Vec::new();
    let mut before: Option<Header> = None;
    let mut carried: Option<Header> = None;
    for (index, pair) in way.stops.windows(2).enumerate() {
        let [from, to] = pair else { continue };
        let (a, b) = (board.drawn(from), board.drawn(to));
        carried = from.header.or(carried);
        if a == b {
            // Both are one thing on the picture: what happens there belongs to the leg that led to it.
            if let Some(leg) = legs.last_mut() {
                leg.steps.extend(&to.steps);
            }
            continue;
        }
        let Some(curve) = route::curve(board, &a, &b, tall) else { continue };
        let inside = crosses_balancer(way, index).and_then(|out| route::inside_balancer(board, &a, out));
        let mut whole = Curve::default();
        if let Some(inside) = inside {
            whole.append(&inside);
        }
        whole.append(&curve);
        let (source, destination) = fields(before, carried);
        before = carried;
        legs.push(Leg {
            curve: whole,
            steps: to.steps.clone(),
            tone: tone(&from.place),
            source,
            destination,
            lost: index + 2 == way.stops.len() && way.is_lost(),
            reply: view.reply,
        });
    }
    legs
}

/// Both ends of a header, and whether they differ from the header before.
pub(super) fn fields(before: Option<Header>, now: Option<Header>) -> (Field, Field) {
    let Some(now) = now else {
        let unknown = || Field { text: "?".into(), changed: false };
        return (unknown(), unknown());
    };
    let changed =
        |pick: fn(Header) -> (std::net::IpAddr, u16)| before.is_some_and(|before| pick(before) != pick(now));
    (
        Field { text: now.source.to_string(), changed: changed(|header| (header.source, 0)) },
        Field {
            text: words::socket(now.destination, now.destination_port),
            changed: changed(|header| (header.destination, header.destination_port)),
        },
    )
}
