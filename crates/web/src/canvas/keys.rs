//! The keyboard: arrows walk, Enter selects, Space picks up and drops, M opens the menu, `+ - 0` zoom.

use super::{
    Canvas, Msg,
    draw::is_interactive,
    element::{focus, focus_group, focused_element, id_under},
    moves::is_movable,
};
use render::{Group, Point, Scene};
use web_sys::{Element, wasm_bindgen::JsCast};
use yew::{Context, KeyboardEvent};

/// A direction on the screen.
#[derive(Clone, Copy)]
struct Way {
    x: f64,
    y: f64,
}

fn arrow(key: &str) -> Option<Way> {
    Some(match key {
        "ArrowLeft" => Way { x: -1.0, y: 0.0 },
        "ArrowRight" => Way { x: 1.0, y: 0.0 },
        "ArrowUp" => Way { x: 0.0, y: -1.0 },
        "ArrowDown" => Way { x: 0.0, y: 1.0 },
        _ => return None,
    })
}

impl Canvas {
    /// The group that Tab comes to when none was focused yet: what is selected, else the first.
    pub(super) fn first_stop<'a>(&self, ctx: &'a Context<Self>) -> Option<&'a str> {
        let props = ctx.props();
        let selected = props.selected.as_ref().and_then(|object| props.scene.group_of(object));
        let first = selected.filter(|group| is_interactive(group));
        let first = first.or_else(|| props.scene.groups.iter().find(|group| is_interactive(group)));
        first.map(|group| group.id.as_str())
    }

    pub(super) fn key(&mut self, ctx: &Context<Self>, event: &KeyboardEvent) -> bool {
        if event.ctrl_key() || event.meta_key() || event.alt_key() {
            return false;
        }
        let key = event.key();
        if self.carried.as_ref().is_some_and(|carried| !carried.by_pointer) {
            return self.carrying_key(ctx, event, &key);
        }
        let scene = &ctx.props().scene;
        let here = id_under(event, "data-id").and_then(|id| scene.group(&id));
        let message = match (key.as_str(), here) {
            ("+" | "=", _) => Msg::Zoom(1),
            ("-", _) => Msg::Zoom(-1),
            ("0", _) => Msg::Fit,
            ("m" | "M", Some(group)) if is_movable(group) => {
                event.prevent_default();
                self.menu = ctx.props().selected == group.object;
                if !self.menu {
                    // The menu is that of the selection, which comes back as a property.
                    self.menu_awaited = true;
                    self.select(ctx, &group.id);
                }
                return self.menu;
            }
            (" ", Some(group)) if is_movable(group) => Msg::PickUp(group.id.clone(), false),
            ("Enter" | " ", Some(group)) => {
                event.prevent_default();
                self.select(ctx, &group.id);
                return false;
            }
            (key, Some(group)) => match arrow(key) {
                Some(way) => {
                    event.prevent_default();
                    if let Some(next) = neighbour(scene, group, way) {
                        focus_group(&self.svg, &next.id);
                    }
                    return false;
                }
                None => return false,
            },
            _ => return false,
        };
        event.prevent_default();
        ctx.link().send_message(message);
        false
    }

    fn carrying_key(&mut self, ctx: &Context<Self>, event: &KeyboardEvent, key: &str) -> bool {
        let Some(carried) = &mut self.carried else { return false };
        let count = carried.targets.len();
        match (key, arrow(key)) {
            ("Escape", _) => ctx.link().send_message(Msg::Cancel),
            ("Enter" | " ", _) => ctx.link().send_message(Msg::Drop),
            ("Tab", _) => {
                ctx.link().send_message(Msg::Cancel);
                return false;
            }
            (_, Some(way)) if count > 0 => {
                let forwards = way.x + way.y > 0.0;
                let next = match (carried.over, forwards) {
                    (None, true) => 0,
                    (None, false) => count - 1,
                    (Some(over), true) => (over + 1) % count,
                    (Some(over), false) => (over + count - 1) % count,
                };
                carried.over = Some(next);
                carried.hold(ctx.link());
                if let Some(target) = carried.targets.get(next) {
                    ctx.props().on_announce.emit(format!("{}: {}.", target.name, target.sentence));
                }
            }
            _ => return false,
        }
        event.prevent_default();
        true
    }

    pub(super) fn menu_key(&mut self, ctx: &Context<Self>, event: &KeyboardEvent) -> bool {
        let Some(list) = self.menu_list.cast::<Element>() else { return false };
        let Ok(items) = list.query_selector_all("button") else { return false };
        let items: Vec<Element> =
            (0..items.length()).filter_map(|index| items.get(index)?.dyn_into().ok()).collect();
        let now = focused_element().and_then(|now| items.iter().position(|item| *item == now)).unwrap_or(0);
        let next = match event.key().as_str() {
            "ArrowDown" => (now + 1) % items.len().max(1),
            "ArrowUp" => (now + items.len().saturating_sub(1)) % items.len().max(1),
            "Home" => 0,
            "End" => items.len().saturating_sub(1),
            "Escape" | "Tab" => {
                event.prevent_default();
                self.menu = false;
                let props = ctx.props();
                if let Some(group) = props.selected.as_ref().and_then(|object| props.scene.group_of(object)) {
                    focus_group(&self.svg, &group.id);
                }
                return true;
            }
            _ => return false,
        };
        event.prevent_default();
        if let Some(item) = items.get(next) {
            focus(item);
        }
        false
    }
}

/// The nearest thing in a direction; things straight ahead are nearer than things aside.
fn neighbour<'a>(scene: &'a Scene, from: &Group, way: Way) -> Option<&'a Group> {
    let start = anchor(from);
    let cost = |group: &&Group| {
        let to = anchor(group);
        let (dx, dy) = (to.x - start.x, to.y - start.y);
        let (ahead, aside) = (dx * way.x + dy * way.y, (dx * way.y).abs() + (dy * way.x).abs());
        (ahead > 0.5).then_some(ahead + 2.5 * aside)
    };
    let others = scene.groups.iter().filter(|group| is_interactive(group) && group.id != from.id);
    others
        .filter_map(|group| Some((cost(&group)?, group)))
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, group)| group)
}

/// Where a thing is for walking: its top left part, so that what lies in a container is right and below it.
fn anchor(group: &Group) -> Point {
    Point::new(group.bounds.x + 12.0, group.bounds.y + 12.0)
}
