//! The picture as plain data: what is drawn where, what it stands for, and in which state it is.
//!
//! Classes, not colours: [`Tone`] (whose it is), [`State`] (how true it is) and [`Kind`] (what it is) become
//! CSS classes, so that the SVG writer and the page draw the same scene and share one style sheet.

use crate::{Curve, Point, Rect, measure};
use model::{ObjectRef, PoolName};
use wire::Wire;

/// A whole picture.
#[derive(Debug, Clone, PartialEq, Default, Wire)]
pub struct Scene {
    /// Width in scene units.
    pub width: f64,
    /// Height in scene units.
    pub height: f64,
    /// What the picture is of, in a few words.
    pub title: String,
    /// What it shows, in a few sentences.
    pub description: String,
    /// Everything that has a place, sorted by layer and then by id, so that a moved thing keeps its place in
    /// the document (and can glide).
    pub groups: Vec<Group>,
    /// Lines between things, the fainter first.
    pub links: Vec<Link>,
    /// Packet headers of the selected branch, where they change.
    pub capsules: Vec<Capsule>,
    /// The way of the selected branch, for a packet that moves along it.
    pub legs: Vec<Leg>,
    /// The same facts as sentences, one per station.
    pub outline: Vec<String>,
    /// The node pools, for moving nodes between them.
    pub pools: Vec<PoolFacts>,
}

/// A node pool, as far as moving nodes goes.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct PoolFacts {
    /// The group that stands for it.
    pub group: String,
    /// Its name; never empty.
    pub name: PoolName,
    /// How many nodes it has.
    pub nodes: usize,
    /// AKS keeps at least one node in the last system pool.
    pub system: bool,
}

impl Scene {
    /// The group with an id.
    pub fn group(&self, id: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The group that stands for an object.
    pub fn group_of(&self, object: &ObjectRef) -> Option<&Group> {
        self.groups.iter().find(|group| group.object.as_ref() == Some(object))
    }
}

/// A thing with a place: a card, a container, a chip.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Group {
    /// Stable across edits: `node/aks-system-0`, `pod/default/echo-58mz5`.
    pub id: String,
    /// The group that it lies in.
    pub parent: Option<String>,
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub tone: Tone,
    /// How the selected flow uses it.
    pub state: State,
    /// The object that it stands for.
    pub object: Option<ObjectRef>,
    /// Where it is.
    pub bounds: Rect,
    /// Name for people who do not see it, and the tooltip.
    pub label: String,
    /// What to draw, relative to the top left corner of `bounds`.
    pub shapes: Vec<Shape>,
    /// Steps of the selected branch that take place here.
    pub steps: Vec<usize>,
}

impl Group {
    /// Classes for the style sheet.
    pub fn classes(&self) -> String {
        format!("g k-{} o-{} s-{}", self.kind.word(), self.tone.word(), self.state.word())
    }
}

/// Kinds of things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum Kind {
    /// A node pool, the container of its nodes.
    NodePool,
    /// A load balancer, the container of its parts.
    LoadBalancer,
    /// The client, or a host on the internet.
    Host,
    /// A VM of the virtual network.
    Vm,
    /// Any other station: a security group, a route table, a private endpoint.
    Station,
    /// A node.
    Node,
    /// Nodes that are not drawn one by one.
    NodeFold,
    /// A frontend of a load balancer.
    Frontend,
    /// A load-balancing rule.
    Rule,
    /// A health probe.
    Probe,
    /// A backend pool.
    BackendPool,
    /// The rules of a node's kernel.
    KubeProxy,
    /// A pod.
    Pod,
    /// Pods that are not drawn one by one.
    PodFold,
    /// What became of the selected branch, where it was lost.
    Verdict,
}

impl Kind {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::NodePool => "node-pool",
            Self::LoadBalancer => "load-balancer",
            Self::Host => "host",
            Self::Vm => "vm",
            Self::Station => "station",
            Self::Node => "node",
            Self::NodeFold => "node-fold",
            Self::Frontend => "frontend",
            Self::Rule => "rule",
            Self::Probe => "probe",
            Self::BackendPool => "backend-pool",
            Self::KubeProxy => "kube-proxy",
            Self::Pod => "pod",
            Self::PodFold => "pod-fold",
            Self::Verdict => "verdict",
        }
    }

    /// What lies under the lines: containers and cards.
    pub fn is_ground(self) -> bool {
        self <= Self::NodeFold
    }
}

/// Whose a thing is: the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum Tone {
    /// The person who sends.
    You,
    /// Azure.
    Cloud,
    /// The node: kernel and kube-proxy.
    Node,
    /// The workload.
    Work,
}

impl Tone {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::You => "you",
            Self::Cloud => "cloud",
            Self::Node => "node",
            Self::Work => "work",
        }
    }

    /// In the legend.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::You => "client",
            Self::Cloud => "Azure",
            Self::Node => "node",
            Self::Work => "workload",
        }
    }

    /// Every tone, in the order of the legend.
    pub const ALL: [Self; 4] = [Self::You, Self::Cloud, Self::Node, Self::Work];
}

/// How the flow uses a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Wire)]
pub enum State {
    /// Not at all.
    Idle,
    /// In a branch other than the selected one.
    Possible,
    /// In the selected branch.
    Taken,
    /// The branch ends here without an answer.
    Failed,
}

impl State {
    /// The class.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Possible => "possible",
            Self::Taken => "taken",
            Self::Failed => "failed",
        }
    }
}

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
