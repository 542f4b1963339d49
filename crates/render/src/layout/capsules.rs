//! Packet headers on the picture: what the packet looks like where it is sent and where it is rewritten.

use super::{
    board::{Board, Draft, Touch},
    links::fields,
    route,
    ways::Way,
    words,
};
use crate::{Anchor, Capsule, Field, Ink, Kind, Look, Point, Rect, TextStyle, Tone, measure};
use engine::Header;

const TAG: f64 = 22.0;
const STACK: f64 = 36.0;
const PADDING: f64 = 10.0;
const WIDEST_STACK: f64 = 164.0;
const WIDEST_TAG: f64 = 290.0;

/// Headers along one branch.
pub(super) fn capsules(board: &Board, way: &Way, tall: bool) -> Vec<Capsule> {
    let mut capsules = Vec::new();
    let mut before: Option<Header> = None;
    let mut carried: Option<Header> = None;
    for (index, pair) in way.stops.windows(2).enumerate() {
        let [from, to] = pair else { continue };
        carried = from.header.or(carried);
        let (a, b) = (board.drawn(from), board.drawn(to));
        let (Some(now), true) = (carried, a != b) else { continue };
        let (Some(&start), Some(&end)) = (board.touch.get(&a), board.touch.get(&b)) else { continue };
        let (source, destination) = fields(before, carried);
        let rewritten = before.map(|before| words::changes(before, now)).unwrap_or_default();
        let slot = slot(board, (&a, start), (&b, end), index == 0, !rewritten.is_empty(), tall);
        let mut label = words::header(now);
        if !rewritten.is_empty() {
            label = format!("{label}: {}", words::list(&rewritten));
        }
        if let Some(slot) = slot {
            let number = capsules.len();
            capsules.push(Capsule {
                id: format!("capsule/{number}"),
                tone: slot.tone,
                step: from.steps.last().or(to.steps.first()).copied().unwrap_or(0),
                label,
                ..shaped(&slot, source, destination)
            });
        }
        before = carried;
    }
    capsules
}

/// Where a capsule may stand.
struct Slot {
    at: Point,
    hang: Anchor,
    inline: bool,
    leader: Option<Point>,
    tone: Tone,
}

fn slot(
    board: &Board,
    (a, from): (&str, Touch),
    (b, to): (&str, Touch),
    first: bool,
    rewritten: bool,
    tall: bool,
) -> Option<Slot> {
    let tone = if rewritten && matches!(from, Touch::Card { .. }) {
        Tone::Node
    } else {
        match from {
            Touch::Free(_) if a.starts_with("station/") => Tone::Cloud,
            Touch::Free(_) => Tone::You,
            Touch::Balancer { .. } => Tone::Cloud,
            Touch::Card { .. } => Tone::Node,
            Touch::Chip { .. } => Tone::Work,
        }
    };
    match (from, to) {
        // What a pod sends hangs on its card's upper edge.
        (Touch::Chip { chip }, _) if first => {
            Some(Slot { at: upper_edge(board, a, chip), hang: Anchor::End, inline: true, leader: None, tone })
        }
        // What a node rewrote hangs on its card's lower edge.
        (Touch::Card { card, hub, .. }, Touch::Card { .. } | Touch::Chip { .. }) => (rewritten || first)
            .then(|| match hub {
                Some(hub) => Slot {
                    at: Point::new(card.x + 12.0, card.bottom()),
                    hang: Anchor::Start,
                    inline: true,
                    leader: Some(Point::new(hub.center().x, hub.bottom())),
                    tone,
                },
                None => Slot {
                    at: Point::new(card.center().x, card.bottom() + 7.0),
                    hang: Anchor::Middle,
                    inline: true,
                    leader: None,
                    tone,
                },
            }),
        (Touch::Chip { .. }, _) => None,
        // What only lets the packet pass says nothing new.
        (Touch::Free(_), _) if !first && !rewritten => None,
        // What a host sends hangs under it.
        (Touch::Free(host), _) if !tall => Some(Slot {
            at: Point::new(host.center().x, host.bottom() + 8.0 + STACK / 2.0),
            hang: Anchor::Middle,
            inline: false,
            leader: Some(Point::new(host.center().x, host.bottom())),
            tone,
        }),
        // Between columns it stands on the line, or, one below the other, in the gap.
        _ => {
            let track = route::curve(board, a, b, tall)?.flatten();
            if let (true, Touch::Balancer { card, .. }) = (tall, from) {
                let at = Point::new(board.gutter - 40.0, card.bottom() + 24.0);
                return Some(Slot { at, hang: Anchor::Start, inline: true, leader: None, tone });
            }
            let at = match (tall, from, to) {
                (true, _, _) => track.middle(),
                // The line goes on inside the card; the middle is that of the gap.
                (false, Touch::Balancer { pool, .. }, Touch::Card { .. }) => {
                    let gap = (board.gutter - pool.right()).max(1.0);
                    track.at(gap * 0.62)
                }
                (false, Touch::Card { .. }, _) => track.at(track.length() * 0.6),
                (false, ..) => track.middle(),
            };
            Some(Slot { at, hang: Anchor::Middle, inline: tall, leader: None, tone })
        }
    }
}

/// The upper edge of the card that a chip lies on, at the right.
fn upper_edge(board: &Board, chip_id: &str, chip: Rect) -> Point {
    let parent =
        board.groups.iter().find(|group| group.id == chip_id).and_then(|group| group.parent.as_ref());
    let card = parent.and_then(|parent| board.groups.iter().find(|group| group.id == *parent));
    card.map_or(Point::new(chip.right(), chip.y), |card| {
        Point::new(card.bounds.right() - 12.0, card.bounds.y - 3.0)
    })
}

fn shaped(slot: &Slot, source: Field, destination: Field) -> Capsule {
    let header = TextStyle::Header;
    let (wide, source, destination) = if slot.inline {
        let glue = measure::width(" → ", header);
        let room = (WIDEST_TAG - 2.0 * PADDING - glue) / 2.0;
        let (source, destination) = (fitted(source, room), fitted(destination, room));
        let text = measure::width(&source.text, header) + glue + measure::width(&destination.text, header);
        (text + 2.0 * PADDING, source, destination)
    } else {
        let arrow = measure::width("→ ", header);
        let room = WIDEST_STACK - 2.0 * PADDING;
        let (source, destination) = (fitted(source, room), fitted(destination, room - arrow));
        let source_wide = measure::width(&source.text, header);
        let text = source_wide.max(arrow + measure::width(&destination.text, header));
        (text + 2.0 * PADDING, source, destination)
    };
    let (wide, high) = (wide.ceil(), if slot.inline { TAG } else { STACK });
    let x = match slot.hang {
        Anchor::Start => slot.at.x,
        Anchor::Middle => slot.at.x - wide / 2.0,
        Anchor::End => slot.at.x - wide,
    };
    Capsule {
        id: String::new(),
        // In tall pictures lines run close to the page's edge.
        bounds: Rect::new(x.max(6.0), slot.at.y - high / 2.0, wide, high),
        tone: slot.tone,
        source,
        destination,
        inline: slot.inline,
        leader: slot.leader,
        step: 0,
        label: String::new(),
    }
}

fn fitted(field: Field, room: f64) -> Field {
    Field { text: measure::fit(&field.text, TextStyle::Header, room), ..field }
}

/// A tag where the selected branch ends without an answer: what happened and why.
pub(super) fn verdict(board: &mut Board, way: &Way, capsules: &[Capsule]) {
    let Some(stop) = way.stops.last().filter(|_| way.is_lost()) else { return };
    let drawn = board.drawn(stop);
    let Some(&touch) = board.touch.get(&drawn) else { return };
    let mut text = format!("✕ {}", words::verdict(way.verdict));
    if let Some(cause) = way.cause {
        text = format!("{text}: {}", cause.to_string().replace('-', " "));
    }
    let wide = (measure::width(&text, TextStyle::Note) + 2.0 * PADDING).min(WIDEST_TAG).ceil();
    let below = |rect: Rect, gap: f64| Point::new(rect.center().x - wide / 2.0, rect.bottom() + gap);
    let at = match touch {
        Touch::Free(rect) => below(rect, 8.0),
        Touch::Balancer { card, .. } => below(card, -TAG / 2.0),
        Touch::Chip { chip } => Point::new(chip.right() - wide, chip.bottom() - 4.0),
        Touch::Card { card, .. } => {
            let lower = Rect::new(card.right() - 12.0 - wide, card.bottom() - TAG / 2.0, wide, TAG);
            let taken = capsules.iter().any(|capsule| capsule.bounds.overlaps(lower));
            let y = if taken { card.y - TAG / 2.0 } else { lower.y };
            Point::new(lower.x.max(card.x + 12.0 - (wide - card.w).max(0.0)), y)
        }
    };
    let bounds = Rect::new(at.x, at.y, wide, TAG);
    Draft::new("verdict".into(), Kind::Verdict, Tone::You, bounds)
        .label(text.clone())
        .used(crate::State::Failed, stop.steps.last().copied().into_iter().collect())
        .body(TAG / 2.0, Look::Bad)
        .anchored(
            Anchor::Middle,
            Point::new(wide / 2.0, 15.0),
            wide - 2.0 * PADDING + 1.0,
            TextStyle::Note,
            Ink::Strong,
            &text,
        )
        .put(board);
}
