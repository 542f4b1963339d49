//! The board: where things were put, and where lines may touch them.

use super::ways::{Place, Stop, Way};
use crate::{
    Anchor, Group, Ink, Kind, Look, Point, Rect, Shape, State, Text, TextStyle, Tone,
    measure::{fit, width},
};
use model::ObjectRef;
use std::collections::BTreeMap;

/// Where lines may touch a thing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Touch {
    /// A host, a VM, another station: anywhere on its border.
    Free(Rect),
    /// A load balancer: at its frontend and at its pools.
    Balancer {
        card: Rect,
        /// Where flows come in.
        frontend: Rect,
        /// Where flows leave to nodes, and where outbound flows come in.
        pool: Rect,
        outbound: Rect,
    },
    /// A node: at its left edge, and inside at its rules.
    Card {
        card: Rect,
        hub: Option<Rect>,
        /// 0 for the first column of cards.
        column: usize,
        /// The free strip above the card, between rows.
        lane: f64,
    },
    /// A pod on a node.
    Chip { chip: Rect },
}

/// Groups and touch points under construction.
pub(super) struct Board {
    pub groups: Vec<Group>,
    pub touch: BTreeMap<String, Touch>,
    /// For places that are not drawn on their own: the id of what stands for them.
    pub stands_for: BTreeMap<Place, String>,
    /// Left edge of the first column of cards, for lines that run along it.
    pub gutter: f64,
    uses: BTreeMap<String, Use>,
}

/// How the flow uses a place.
struct Use {
    state: State,
    steps: Vec<usize>,
}

impl Board {
    pub(super) fn new(ways: &[Way], selected: Option<usize>) -> Self {
        let mut uses: BTreeMap<String, Use> = BTreeMap::new();
        for way in ways {
            let is_selected = Some(way.outcome) == selected;
            for (index, stop) in way.stops.iter().enumerate() {
                let ends_here = index + 1 == way.stops.len() && way.is_lost();
                let state = match (is_selected, ends_here) {
                    (true, true) => State::Failed,
                    (true, false) => State::Taken,
                    (false, _) => State::Possible,
                };
                let entry = uses
                    .entry(stop.place.to_string())
                    .or_insert(Use { state: State::Idle, steps: Vec::new() });
                entry.state = entry.state.max(state);
                if is_selected {
                    entry.steps.extend(&stop.steps);
                }
            }
        }
        Self { groups: Vec::new(), touch: BTreeMap::new(), stands_for: BTreeMap::new(), gutter: 0.0, uses }
    }

    /// How the flow uses the place with this id.
    pub(super) fn state(&self, id: &str) -> State {
        self.uses.get(id).map_or(State::Idle, |used| used.state)
    }

    /// Steps of the selected branch at the place with this id.
    pub(super) fn steps(&self, id: &str) -> Vec<usize> {
        self.uses.get(id).map(|used| used.steps.clone()).unwrap_or_default()
    }

    /// The id of what stands for a stop's place.
    pub(super) fn drawn(&self, stop: &Stop) -> String {
        self.stands_for.get(&stop.place).cloned().unwrap_or_else(|| stop.place.to_string())
    }

    pub(super) fn bottom(&self) -> f64 {
        self.groups.iter().map(|group| group.bounds.bottom()).fold(0.0, f64::max)
    }

    pub(super) fn right(&self) -> f64 {
        self.groups.iter().map(|group| group.bounds.right()).fold(0.0, f64::max)
    }
}

/// A group under construction; shapes are placed relative to its corner.
pub(super) struct Draft {
    group: Group,
}

impl Draft {
    pub(super) fn new(id: String, kind: Kind, tone: Tone, bounds: Rect) -> Self {
        Self {
            group: Group {
                id,
                parent: None,
                kind,
                tone,
                state: State::Idle,
                object: None,
                bounds,
                label: String::new(),
                shapes: Vec::new(),
                steps: Vec::new(),
            },
        }
    }

    pub(super) fn within(mut self, parent: &str) -> Self {
        self.group.parent = Some(parent.to_owned());
        self
    }

    pub(super) fn object(mut self, object: impl Into<Option<ObjectRef>>) -> Self {
        self.group.object = object.into();
        self
    }

    pub(super) fn label(mut self, label: String) -> Self {
        self.group.label = label;
        self
    }

    pub(super) fn used(mut self, state: State, steps: Vec<usize>) -> Self {
        self.group.state = state;
        self.group.steps = steps;
        self
    }

    /// A box over the whole group.
    pub(super) fn body(mut self, radius: f64, look: Look) -> Self {
        let Rect { w, h, .. } = self.group.bounds;
        self.group.shapes.push(Shape::Box { at: Rect::new(0.0, 0.0, w, h), radius, look });
        self
    }

    /// A line of text that begins at `x` and may be `room` wide.
    pub(super) fn text(self, x: f64, y: f64, room: f64, style: TextStyle, ink: Ink, content: &str) -> Self {
        self.anchored(Anchor::Start, Point::new(x, y), room, style, ink, content)
    }

    pub(super) fn anchored(
        mut self,
        anchor: Anchor,
        at: Point,
        room: f64,
        style: TextStyle,
        ink: Ink,
        content: &str,
    ) -> Self {
        let content = fit(content, style, room);
        if !content.is_empty() {
            self.group.shapes.push(Shape::Text(Text { at, anchor, style, ink, content, room }));
        }
        self
    }

    pub(super) fn dot(mut self, x: f64, y: f64, radius: f64, look: Look) -> Self {
        self.group.shapes.push(Shape::Dot { at: Point::new(x, y), radius, look });
        self
    }

    /// A badge whose right edge is at `right`; gives back how wide it came out.
    pub(super) fn badge(&mut self, right: f64, top: f64, room: f64, look: Look, content: &str) -> f64 {
        const PADDING: f64 = 8.0;
        let content = fit(content, TextStyle::Note, room - 2.0 * PADDING);
        if content.is_empty() {
            return 0.0;
        }
        let wide = (width(&content, TextStyle::Note) + 2.0 * PADDING).ceil();
        let at = Rect::new(right - wide, top, wide, 20.0);
        let ink = if look == Look::Plain { Ink::Soft } else { Ink::Strong };
        self.group.shapes.push(Shape::Box { at, radius: 6.0, look });
        self.group.shapes.push(Shape::Text(Text {
            at: Point::new(at.center().x, top + 13.9),
            anchor: Anchor::Middle,
            style: TextStyle::Note,
            ink,
            content,
            room: wide - 2.0 * PADDING + 1.0,
        }));
        wide
    }

    pub(super) fn put(self, board: &mut Board) {
        board.groups.push(self.group);
    }
}
