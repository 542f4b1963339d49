//! The lines that packets take, and what they carry there.

use super::{State, TextStyle, Tone};
use crate::{Curve, Point, Rect, measure};
use wire::Wire;

/// A line that packets take.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Link {
    /// `FROM>TO`, of group ids; replies end in `<`.
    pub id: String,
    /// The group that it leaves.
    pub from: String,
    /// The group that it reaches.
    pub to: String,
    /// Who sent the packet on: the colour.
    pub tone: Tone,
    /// How true it is: the style of the line.
    pub state: State,
    /// The way back.
    pub reply: bool,
    /// How probable it is that a packet of this flow takes it, 0 to 1.
    pub probability: f64,
    /// Width of the line.
    pub width: f64,
    /// The line.
    pub curve: Curve,
    /// Whether an arrowhead stands at its end.
    pub arrow: bool,
    /// Steps of the selected branch that it stands for.
    pub steps: Vec<usize>,
    /// What it means: the tooltip.
    pub label: String,
}

impl Link {
    /// Classes for the style sheet.
    pub fn classes(&self) -> String {
        let reply = if self.reply { " reply" } else { "" };
        format!("l o-{} s-{}{reply}", self.tone.word(), self.state.word())
    }
}

/// A packet's header at one place.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Capsule {
    /// `capsule/0`, counted along the way.
    pub id: String,
    /// Where.
    pub bounds: Rect,
    /// Who wrote it so.
    pub tone: Tone,
    /// The source.
    pub source: Field,
    /// The destination.
    pub destination: Field,
    /// Both in one line, or the destination under the source.
    pub inline: bool,
    /// From where a short line leads to it.
    pub leader: Option<Point>,
    /// The step that made it so.
    pub step: usize,
    /// The header in full and what changed.
    pub label: String,
}

impl Capsule {
    /// The lines of text, relative to the top left corner of `bounds`; of each part, whether it changed.
    pub fn lines(&self) -> Vec<(Point, Vec<(&str, bool)>)> {
        let source = [(self.source.text.as_str(), self.source.changed)];
        let destination = [("→ ", false), (self.destination.text.as_str(), self.destination.changed)];
        let x = self.bounds.w / 2.0;
        if self.inline {
            let mut parts = source.to_vec();
            parts.push((" ", false));
            parts.extend(destination);
            vec![(Point::new(x, self.bounds.h / 2.0 + 3.7), parts)]
        } else {
            vec![
                (Point::new(x, self.bounds.h / 2.0 - 3.4), source.to_vec()),
                (Point::new(x, self.bounds.h / 2.0 + 10.6), destination.to_vec()),
            ]
        }
    }
}

/// One end in a packet's header.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct Field {
    /// Address, with the port where it matters.
    pub text: String,
    /// Whether it was just rewritten.
    pub changed: bool,
}

/// A part of the selected branch's way with one header.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Leg {
    /// The line.
    pub curve: Curve,
    /// The steps it stands for: those of the station that it leads to.
    pub steps: Vec<usize>,
    /// Who sent the packet on.
    pub tone: Tone,
    /// The source on this leg.
    pub source: Field,
    /// The destination on this leg.
    pub destination: Field,
    /// Whether the packet is lost at its end.
    pub lost: bool,
    /// Whether it is a leg of the way back.
    pub reply: bool,
}

impl Leg {
    /// The capsule that moves along the leg, its middle at the origin.
    pub fn capsule(&self) -> Capsule {
        let text = format!("{} → {}", self.source.text, self.destination.text);
        let wide = (measure::width(&text, TextStyle::Header) + 20.0).ceil();
        Capsule {
            id: "capsule/moving".into(),
            bounds: Rect::new(-wide / 2.0, -11.0, wide, 22.0),
            tone: self.tone,
            source: self.source.clone(),
            destination: self.destination.clone(),
            inline: true,
            leader: None,
            step: self.steps.first().copied().unwrap_or(0),
            label: text,
        }
    }
}
