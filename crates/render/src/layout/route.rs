//! Lines between things: they touch cards at their left edge (the NIC), run in free strips, and never
//! cross a card.

use super::board::{Board, Touch};
use crate::{Curve, Point, Rect};

/// How far a line that leaves and enters on the same side swings out.
const LEAST_SWING: f64 = 24.0;
const MOST_SWING: f64 = 46.0;
/// A node sends on a little below where it receives.
const SEND_OFFSET: f64 = 9.0;

fn left(rect: Rect) -> Point {
    Point::new(rect.x, rect.center().y)
}

fn right(rect: Rect) -> Point {
    Point::new(rect.right(), rect.center().y)
}

/// The line from one drawn thing to another; `None` where one of them is not drawn.
pub(super) fn curve(board: &Board, from: &str, to: &str, tall: bool) -> Option<Curve> {
    use Touch::{Balancer, Card, Chip, Free};
    let (&a, &b) = (board.touch.get(from)?, board.touch.get(to)?);
    let curve = match (a, b) {
        (Free(host), Balancer { card, .. }) if tall => vertical(host, card),
        (Balancer { card, .. }, Free(host)) if tall => vertical(host, card).reversed(),
        (Free(host), Balancer { frontend, .. }) => {
            if host.right() < frontend.x {
                facing(right(host), left(frontend))
            } else {
                swing(Curve::from(left(host)), left(frontend))
            }
        }
        (Balancer { card, outbound, .. }, Free(host)) => {
            let exit = Point::new(card.x, outbound.center().y);
            if host.right() < card.x {
                facing(right(host), exit).reversed()
            } else {
                swing(Curve::from(exit), left(host))
            }
        }
        (Balancer { pool, .. }, Card { .. }) => into_card(board, start(pool, tall), b),
        (Card { .. }, Balancer { outbound, .. }) => {
            into_card_at(board, start(outbound, tall), a, SEND_OFFSET).reversed()
        }
        (Free(host), Card { .. }) => into_card(board, around_balancers(board, host, tall), b),
        (Card { .. }, Free(host)) => {
            into_card_at(board, around_balancers(board, host, tall), a, SEND_OFFSET).reversed()
        }
        (Card { .. }, Card { .. }) => between_cards(board, a, b),
        (Card { hub, card, .. }, Chip { chip }) => facing(right(hub.unwrap_or(card)), left(chip)),
        (Chip { chip }, Card { hub, card, .. }) => {
            let hub = right(hub.unwrap_or(card)).shift(0.0, SEND_OFFSET);
            facing(hub, left(chip)).reversed()
        }
        (Chip { chip: from }, Chip { chip: to }) => swing(Curve::from(left(from)), left(to)),
        (Free(from), Free(to)) if tall => facing(right(from), left(to)),
        (Free(from), Free(to)) => vertical(from, to),
        (Balancer { card, .. }, Balancer { card: other, .. }) => vertical(card, other),
        (Free(rect) | Balancer { card: rect, .. }, Chip { chip }) => facing(right(rect), left(chip)),
        (Chip { chip }, Free(rect) | Balancer { card: rect, .. }) => {
            facing(right(rect), left(chip)).reversed()
        }
    };
    Some(curve)
}

/// The line inside a load balancer from its frontend to its pool.
pub(super) fn inside_balancer(board: &Board, id: &str, outbound: bool) -> Option<Curve> {
    let Some(&Touch::Balancer { card, frontend, pool, outbound: exit }) = board.touch.get(id) else {
        return None;
    };
    if outbound {
        let at = exit.center();
        return Some(Curve::from(right(exit)).line(Point::new(card.x, at.y)));
    }
    if frontend == pool {
        return None;
    }
    let x = frontend.center().x;
    Some(Curve::from(Point::new(x, frontend.bottom())).line(Point::new(x, pool.y)))
}

/// Where a line out of a row of the load balancer begins.
fn start(row: Rect, tall: bool) -> Curve {
    Curve::from(if tall { left(row) } else { right(row) })
}

/// Out of a host, past the load balancers' column.
fn around_balancers(board: &Board, host: Rect, tall: bool) -> Curve {
    let balancers = board.touch.values().filter_map(|touch| match touch {
        Touch::Balancer { card, .. } => Some(*card),
        _ => None,
    });
    let column = balancers.reduce(Rect::union);
    match column {
        _ if tall => Curve::from(left(host)),
        Some(column) if host.right() < column.x => {
            let below = column.bottom() + 22.0;
            let before = f64::midpoint(host.right(), column.x);
            let corners = [Point::new(before, host.center().y), Point::new(before, below)];
            Curve::from(right(host)).through(&corners, Point::new(column.right() + 10.0, below))
        }
        _ => Curve::from(right(host)),
    }
}

/// From where `curve` ends into a node, up to its rules.
fn into_card(board: &Board, curve: Curve, card: Touch) -> Curve {
    into_card_at(board, curve, card, 0.0)
}

fn into_card_at(board: &Board, curve: Curve, card: Touch, offset: f64) -> Curve {
    let Touch::Card { card, hub, column, lane } = card else { return curve };
    let door = Point::new(card.x, hub.unwrap_or(card).center().y + offset);
    let from = curve.end();
    let curve = if column == 0 {
        // From the left it is a wave, from a left edge (in tall pictures, and between nodes) an arc.
        if from.x < board.gutter { ease(curve, door) } else { swing(curve, door) }
    } else {
        let strip = board.gutter - 18.0;
        let before = card.x - 11.0;
        let corners = [
            Point::new(strip, from.y),
            Point::new(strip, lane),
            Point::new(before, lane),
            Point::new(before, door.y),
        ];
        curve.through(&corners, door)
    };
    match hub {
        Some(hub) => curve.line(Point::new(hub.x, door.y)),
        None => curve,
    }
}

fn between_cards(board: &Board, from: Touch, to: Touch) -> Curve {
    let Touch::Card { card, hub, column, lane } = from else { return Curve::default() };
    let door = Point::new(card.x, hub.unwrap_or(card).center().y + SEND_OFFSET);
    let out = match hub {
        Some(hub) => Curve::from(Point::new(hub.x, door.y)).line(door),
        None => Curve::from(door),
    };
    let Touch::Card { card: target, hub: target_hub, column: target_column, .. } = to else { return out };
    if column == 0 && target_column == 0 {
        let entry = Point::new(target.x, target_hub.unwrap_or(target).center().y);
        let arc = swing(out, entry);
        return match target_hub {
            Some(hub) => arc.line(Point::new(hub.x, entry.y)),
            None => arc,
        };
    }
    // Out by this row's strip to the strip left of all pools, then in like any other line.
    let before = card.x - 11.0;
    let strip = board.gutter - 12.0;
    let out = if column == 0 {
        out
    } else {
        out.through(&[Point::new(before, door.y), Point::new(before, lane)], Point::new(strip + 8.0, lane))
    };
    into_card(board, out, to)
}

/// Between a right edge and a left edge: leaves and arrives level.
fn facing(from: Point, to: Point) -> Curve {
    ease(Curve::from(from), to)
}

fn ease(curve: Curve, to: Point) -> Curve {
    let from = curve.end();
    let pull = ((to.x - from.x).abs() * 0.5).max(14.0);
    curve.cubic(from.shift(pull, 0.0), to.shift(-pull, 0.0), to)
}

/// Between two left edges: an arc to the left.
fn swing(curve: Curve, to: Point) -> Curve {
    let from = curve.end();
    let swing = (LEAST_SWING + 0.09 * (to.y - from.y).abs()).clamp(LEAST_SWING, MOST_SWING);
    let x = from.x.min(to.x) - swing * 4.0 / 3.0;
    curve.cubic(Point::new(x, from.y), Point::new(x, to.y), to)
}

/// Between something above and something below.
fn vertical(above: Rect, below: Rect) -> Curve {
    let from = Point::new(above.center().x, above.bottom());
    let to = Point::new(below.center().x, below.y);
    let pull = ((to.y - from.y).abs() * 0.5).max(10.0);
    Curve::from(from).cubic(from.shift(0.0, pull), to.shift(0.0, -pull), to)
}
