//! A scene as Yew's SVG.

use super::moves::is_movable;
use model::ObjectRef;
use render::{Anchor, Capsule, Group, Kind, Link, Scene, Shape, State, Text, number, svg};
use std::collections::BTreeSet;
use yew::{AttrValue, Classes, Html, classes, html};

/// What of the page's state the drawing depends on.
pub(super) struct Look<'a> {
    pub(super) scene: &'a Scene,
    /// Groups that differ in another picture.
    pub(super) marks: &'a BTreeSet<String>,
    /// Nothing is a button.
    pub(super) still: bool,
    pub(super) selected: Option<&'a ObjectRef>,
    /// The step that is lit.
    pub(super) lit: Option<usize>,
    /// The one group in the tab order.
    pub(super) in_tab_order: Option<&'a str>,
    /// The group that is being moved.
    pub(super) carried: Option<&'a str>,
    /// The group that it would go to.
    pub(super) over: Option<&'a str>,
    /// Groups that it could go to.
    pub(super) targets: Vec<&'a str>,
}

/// Whether a group is reached by the keyboard and chosen by a click.
pub(super) fn is_interactive(group: &Group) -> bool {
    let kinds = matches!(group.kind, Kind::LoadBalancer | Kind::NodePool | Kind::Node | Kind::Pod);
    kinds && group.object.is_some()
}

impl Look<'_> {
    /// Containers and cards, lines, and what lies on cards.
    pub(super) fn layers(&self) -> Html {
        let groups = |ground: bool| {
            let of_layer = self.scene.groups.iter().filter(move |group| group.kind.is_ground() == ground);
            of_layer.map(|group| self.group(group))
        };
        html! {
            <>
                <g>{ for groups(true) }</g>
                <g>{ for self.scene.links.iter().map(|link| self.link(link)) }</g>
                <g>{ for groups(false) }</g>
                <g>{ for self.scene.capsules.iter().map(|item| capsule(item, self.lit)) }</g>
            </>
        }
    }

    fn group(&self, group: &Group) -> Html {
        let id = group.id.as_str();
        let interactive = is_interactive(group) && !self.still;
        let differs = self.marks.contains(id);
        let selected = interactive && group.object.as_ref() == self.selected;
        let mut classes = Classes::from(group.classes());
        classes.extend([
            selected.then_some("selected"),
            self.lit.is_some_and(|step| group.steps.contains(&step)).then_some("lit"),
            (is_movable(group) && !self.still).then_some("movable"),
            differs.then_some("differs"),
            (self.carried == Some(id)).then_some("carried"),
            (self.over == Some(id)).then_some("over"),
            self.targets.contains(&id).then_some("target"),
        ]);
        let (w, h) = (group.bounds.w, group.bounds.h);
        let tabindex = interactive.then(|| if self.in_tab_order == Some(id) { "0" } else { "-1" });
        html! {
            <g
                key={id}
                class={classes}
                data-id={group.id.clone()}
                transform={translate(group.bounds.x, group.bounds.y)}
                role={interactive.then_some("button")}
                aria-label={interactive.then(|| group.label.clone())}
                aria-pressed={interactive.then_some(if selected { "true" } else { "false" })}
                aria-roledescription={(is_movable(group) && !self.still).then_some("movable")}
                aria-keyshortcuts={(is_movable(group) && !self.still).then_some("M Space")}
                {tabindex}
            >
                <title>{ group.label.clone() }</title>
                if interactive {
                    <rect class="ring" x="-3.5" y="-3.5" width={number(w + 7.0)} height={number(h + 7.0)} rx="13" />
                }
                { for group.shapes.iter().map(shape) }
                if differs {
                    <g class="differs-sign" transform={translate(w - 1.0, 0.0)}>
                        <circle r="7.5" /><text class="name" y="4" text-anchor="middle">{ "≠" }</text>
                    </g>
                }
            </g>
        }
    }

    fn link(&self, link: &Link) -> Html {
        let lit = self.lit.is_some_and(|step| link.steps.contains(&step)).then_some("lit");
        let path = link.curve.to_path();
        html! {
            <g key={link.id.clone()} class={classes!(link.classes(), lit)} data-link={link.id.clone()}>
                <title>{ link.label.clone() }</title>
                <path class="reach" d={path.clone()} />
                <path class="line" stroke-width={number(link.width)} d={path} />
                if link.state == State::Failed {
                    <path class="cross" d={svg::cross(link)} />
                } else if link.arrow {
                    <path class="head" d={svg::head(link)} />
                }
            </g>
        }
    }
}

/// The group and all that lies in it, for the ghost under the pointer.
pub(super) fn ghost(scene: &Scene, id: &str) -> Html {
    let inside = |group: &&Group| group.id == id || group.parent.as_deref() == Some(id);
    let part = |group: &Group| {
        html! {
            <g key={group.id.clone()} class={group.classes()} transform={translate(group.bounds.x, group.bounds.y)}>
                { for group.shapes.iter().map(shape) }
            </g>
        }
    };
    scene.groups.iter().filter(inside).map(part).collect()
}

pub(super) fn translate(x: f64, y: f64) -> String {
    format!("translate({} {})", number(x), number(y))
}

fn shape(shape: &Shape) -> Html {
    match shape {
        Shape::Box { at, radius, look } => html! {
            <rect
                class={look.word()}
                x={number(at.x)}
                y={number(at.y)}
                width={number(at.w)}
                height={number(at.h)}
                rx={number(*radius)}
            />
        },
        Shape::Dot { at, radius, look } => html! {
            <circle class={look.word()} cx={number(at.x)} cy={number(at.y)} r={number(*radius)} />
        },
        Shape::Text(line) => text(line),
    }
}

fn text(line: &Text) -> Html {
    let anchor = (line.anchor != Anchor::Start).then(|| AttrValue::Static(line.anchor.word()));
    html! {
        <text
            class={classes!(line.style.word(), line.ink.word())}
            x={number(line.at.x)}
            y={number(line.at.y)}
            text-anchor={anchor}
        >
            { line.content.clone() }
        </text>
    }
}

/// A packet's header.
pub(super) fn capsule(item: &Capsule, lit: Option<usize>) -> Html {
    let at = item.bounds;
    let tone = format!("o-{}", item.tone.word());
    let lit = (lit == Some(item.step)).then_some("lit");
    html! {
        <g key={item.id.clone()} class={classes!("capsule", tone, lit)} transform={translate(at.x, at.y)}>
            <title>{ item.label.clone() }</title>
            if let Some(from) = item.leader {
                <path class="leader" d={format!("M{} {}V0", number(from.x - at.x), number(from.y - at.y))} />
            }
            <rect width={number(at.w)} height={number(at.h)} rx="11" />
            { for item.lines().into_iter().map(|(point, parts)| html! {
                <text class="header" x={number(point.x)} y={number(point.y)} text-anchor="middle">
                    { for parts.into_iter().map(|(part, changed)| html! {
                        <tspan class={changed.then_some("changed")}>{ part.to_owned() }</tspan>
                    }) }
                </text>
            }) }
        </g>
    }
}
