//! What is drawn: plain shapes and text, with their looks.

use crate::{Point, Rect};
use wire::Wire;

/// What to draw.
#[derive(Debug, Clone, PartialEq, Wire)]
pub enum Shape {
    /// A box with rounded corners.
    Box {
        /// Where.
        at: Rect,
        /// The corners' radius.
        radius: f64,
        /// How it looks.
        look: Look,
    },
    /// One line of text.
    Text(Text),
    /// A dot: full or hollow.
    Dot {
        /// The middle.
        at: Point,
        /// The radius.
        radius: f64,
        /// How it looks.
        look: Look,
    },
}

/// How a shape looks, within its group's tone and state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum Look {
    /// The body of the group.
    Body,
    /// A badge that says that all is well.
    Good,
    /// A badge that says that something fails.
    Bad,
    /// A badge that only tells.
    Plain,
    /// An outline for what is not there.
    Hollow,
}

impl Look {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Plain => "plain",
            Self::Hollow => "hollow",
        }
    }
}

/// One line of text.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Text {
    /// Where its base line begins, ends or has its middle.
    pub at: Point,
    /// Which of the three.
    pub anchor: Anchor,
    /// Face and size.
    pub style: TextStyle,
    /// Its colour.
    pub ink: Ink,
    /// What it says, already shortened.
    pub content: String,
    /// How wide it may be.
    pub room: f64,
}

/// Where a text hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Wire)]
pub enum Anchor {
    /// At its beginning.
    Start,
    /// At its middle.
    Middle,
    /// At its end.
    End,
}

impl Anchor {
    /// The value of `text-anchor`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Faces and sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum TextStyle {
    /// A container's name.
    Title,
    /// A card's name.
    Name,
    /// A note.
    Note,
    /// Addresses and ports.
    Mono,
    /// Addresses, strong.
    MonoStrong,
    /// Packet headers.
    Header,
}

impl TextStyle {
    /// Every style.
    pub const ALL: [Self; 6] =
        [Self::Title, Self::Name, Self::Note, Self::Mono, Self::MonoStrong, Self::Header];

    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Name => "name",
            Self::Note => "note",
            Self::Mono => "mono",
            Self::MonoStrong => "mono-strong",
            Self::Header => "header",
        }
    }

    /// The size of the font in scene units; the style sheet has the same.
    pub fn size(self) -> f64 {
        match self {
            Self::Title => 13.0,
            Self::Name => 12.5,
            Self::Note | Self::Mono | Self::MonoStrong => 11.0,
            Self::Header => 10.5,
        }
    }

    /// Whether its letters are all equally wide.
    pub fn is_mono(self) -> bool {
        matches!(self, Self::Mono | Self::MonoStrong | Self::Header)
    }

    /// Whether it is set in semibold.
    pub fn is_strong(self) -> bool {
        matches!(self, Self::Title | Self::Name | Self::MonoStrong)
    }
}

/// Colours of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum Ink {
    /// What is read first.
    Strong,
    /// What is read second.
    Soft,
    /// What is read last.
    Faint,
    /// The group's tone.
    Tone,
    /// Azure's tone, for what the load balancer says of a node.
    Cloud,
    /// Failure.
    Bad,
}

impl Ink {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Strong => "i-strong",
            Self::Soft => "i-soft",
            Self::Faint => "i-faint",
            Self::Tone => "i-tone",
            Self::Cloud => "i-cloud",
            Self::Bad => "i-bad",
        }
    }
}
