//! A scene as an SVG document: text stays text, the style travels along, and readers who do not see it get
//! a title and a description.

use crate::{Capsule, Group, Link, Point, Scene, Shape, State, Text, Tone, geometry::number};
use std::fmt::Write as _;
use wire::Wire;

/// The style of a scene, without colours; the page uses it too.
pub const STYLE: &str = include_str!("scene.css");
const LIGHT: &str = include_str!("tokens.css");
const DARK: &str = include_str!("tokens-dark.css");

/// The colours of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Wire)]
pub enum Theme {
    /// Light, or dark where the reader's system asks for it.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// Writes a whole document, with its style and the legend.
pub fn to_string(scene: &Scene, theme: Theme) -> String {
    let (width, height) = (scene.width, scene.height + LEGEND);
    let mut out = String::with_capacity(8192);
    let mut put = |text: &str| out.push_str(text);
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"hop\" role=\"img\" width=\"");
    put(&number(width));
    put("\" height=\"");
    put(&number(height));
    put(&format!("\" viewBox=\"0 0 {} {}\">", number(width), number(height)));
    put(&format!("<title>{}</title>", escape(&scene.title)));
    let outline: Vec<String> =
        scene.outline.iter().enumerate().map(|(index, line)| format!("{}. {line}", index + 1)).collect();
    put(&format!(
        "<desc>{}</desc>",
        escape(&[std::slice::from_ref(&scene.description), outline.as_slice()].concat().join("\n"))
    ));
    put("<style>");
    put(&match theme {
        Theme::Light => format!(".hop{{{}}}", LIGHT.trim()),
        Theme::Dark => format!(".hop{{{}}}", DARK.trim()),
        Theme::Auto => {
            format!(".hop{{{}}}@media (prefers-color-scheme:dark){{.hop{{{}}}}}", LIGHT.trim(), DARK.trim())
        }
    });
    put(STYLE);
    put("</style><rect width=\"100%\" height=\"100%\" fill=\"var(--bg)\"/>");
    let parts = [
        scene.groups.iter().filter(|group| group.kind.is_ground()).map(group).collect::<String>(),
        scene.links.iter().map(link).collect(),
        scene.groups.iter().filter(|group| !group.kind.is_ground()).map(group).collect(),
        scene.capsules.iter().map(capsule).collect(),
        legend(scene.height + LEGEND - 18.0),
    ];
    for part in &parts {
        out.push_str(part);
    }
    out.push_str("</svg>\n");
    out
}

/// Height of the legend under the picture.
const LEGEND: f64 = 26.0;

fn group(group: &Group) -> String {
    let mut out = format!(
        "<g class=\"{}\" data-id=\"{}\" transform=\"translate({} {})\"><title>{}</title>",
        group.classes(),
        escape(&group.id),
        number(group.bounds.x),
        number(group.bounds.y),
        escape(&group.label)
    );
    for shape in &group.shapes {
        out.push_str(&self::shape(shape));
    }
    out.push_str("</g>");
    out
}

fn shape(shape: &Shape) -> String {
    match shape {
        Shape::Box { at, radius, look } => format!(
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
            look.word(),
            number(at.x),
            number(at.y),
            number(at.w),
            number(at.h),
            number(*radius)
        ),
        Shape::Dot { at, radius, look } => format!(
            "<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>",
            look.word(),
            number(at.x),
            number(at.y),
            number(*radius)
        ),
        Shape::Text(text) => self::text(text),
    }
}

fn text(text: &Text) -> String {
    format!(
        "<text class=\"{} {}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
        text.style.word(),
        text.ink.word(),
        number(text.at.x),
        number(text.at.y),
        text.anchor.word(),
        escape(&text.content)
    )
}

fn link(link: &Link) -> String {
    let mut out = format!(
        "<g class=\"{}\"><title>{}</title><path class=\"line\" stroke-width=\"{}\" d=\"{}\"/>",
        link.classes(),
        escape(&link.label),
        number(link.width),
        link.curve.to_path()
    );
    if link.state == State::Failed {
        let _ = write!(out, "<path class=\"cross\" d=\"{}\"/>", cross(link));
    } else if link.arrow {
        let _ = write!(out, "<path class=\"head\" d=\"{}\"/>", head(link));
    }
    out.push_str("</g>");
    out
}

/// The arrowhead of a link as a path.
pub fn head(link: &Link) -> String {
    let size = 6.0 + link.width.min(3.0);
    let corners = link.curve.arrowhead(size).map(|point| format!("{} {}", number(point.x), number(point.y)));
    format!("M{}Z", corners.join("L"))
}

/// The ✕ at the end of a link as a path.
pub fn cross(link: &Link) -> String {
    // Just before the end: what it leads to is painted over the line.
    let [_, left, right] = link.curve.arrowhead(8.0);
    let end = Point::new(f64::midpoint(left.x, right.x), f64::midpoint(left.y, right.y));
    let arm = |dx: f64, dy: f64| {
        let (from, to) = (end.shift(-dx, -dy), end.shift(dx, dy));
        format!("M{} {}L{} {}", number(from.x), number(from.y), number(to.x), number(to.y))
    };
    format!("{}{}", arm(4.0, 4.0), arm(4.0, -4.0))
}

fn capsule(capsule: &Capsule) -> String {
    let at = capsule.bounds;
    let mut out =
        format!("<g class=\"capsule o-{}\"><title>{}</title>", capsule.tone.word(), escape(&capsule.label));
    if let Some(from) = capsule.leader {
        let _ = write!(
            out,
            "<path class=\"leader\" d=\"M{} {}V{}\"/>",
            number(from.x),
            number(from.y),
            number(at.y)
        );
    }
    let _ = write!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\"/>",
        number(at.x),
        number(at.y),
        number(at.w),
        number(at.h),
        number(at.h.min(22.0) / 2.0)
    );
    for (point, parts) in capsule.lines() {
        let place = point.shift(at.x, at.y);
        let _ = write!(
            out,
            "<text class=\"header\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">",
            number(place.x),
            number(place.y)
        );
        for (part, changed) in parts {
            let text = escape(part);
            let _ = if changed {
                write!(out, "<tspan class=\"changed\">{text}</tspan>")
            } else {
                write!(out, "{text}")
            };
        }
        out.push_str("</text>");
    }
    out.push_str("</g>");
    out
}

fn legend(y: f64) -> String {
    let mut out = String::from("<g class=\"legend\" aria-hidden=\"true\">");
    let mut x = 26.0;
    for tone in Tone::ALL {
        let words = tone.meaning();
        let _ = write!(
            out,
            "<g class=\"o-{}\"><circle cx=\"{}\" cy=\"{}\" r=\"4.5\" fill=\"var(--c)\"/><text class=\"note i-soft\" x=\"{}\" y=\"{}\">{words}</text></g>",
            tone.word(),
            number(x),
            number(y - 4.0),
            number(x + 10.0),
            number(y)
        );
        x += 10.0 + crate::measure::width(words, crate::TextStyle::Note) + 22.0;
    }
    out.push_str("</g>");
    out
}

/// Text for XML content and attribute values.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in crate::measure::legal(text).chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}
