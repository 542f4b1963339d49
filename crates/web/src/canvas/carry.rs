//! Carrying: a node or a pod is picked up, held over a place, put down or back.

use super::{
    Canvas, Msg, draw,
    element::{focus_group, id_under},
    gesture::{Gesture, Pressed},
    moves::{Target, is_movable, name_of, targets},
};
use crate::pause::{paint, wait};
use render::{Rect, Scene};
use std::rc::Rc;
use wasm_bindgen_futures::spawn_local;
use yew::{Context, Html, PointerEvent, html, html::Scope};

/// Something picked up.
pub(super) struct Carried {
    pub(super) id: String,
    pub(super) targets: Vec<Target>,
    pub(super) over: Option<usize>,
    pub(super) by_pointer: bool,
}

/// How long something is held over a place before it is likely to be dropped there, in milliseconds.
const HOLD: i32 = 50;

impl Carried {
    /// Tells the canvas if it is still over this place in a moment. That is right after a frame: what is done then
    /// does not keep the next one from following the pointer.
    pub(super) fn hold(&self, canvas: &Scope<Canvas>) {
        let Some(over) = self.over else { return };
        let canvas = canvas.clone();
        spawn_local(async move {
            wait(HOLD).await;
            paint().await;
            canvas.send_message(Msg::Held(over));
        });
    }

    /// The place that it is over, if it is this one.
    pub(super) fn held(&self, over: usize) -> Option<&Target> {
        self.targets.get(self.over.filter(|now| *now == over)?)
    }
}

impl Canvas {
    pub(super) fn press(&mut self, ctx: &Context<Self>, event: &PointerEvent) -> bool {
        self.deaf = false;
        if event.button() != 0 || self.gesture.is_some() {
            return false;
        }
        let scene = &ctx.props().scene;
        let held = id_under(event, "data-id").filter(|_| !ctx.props().setting.still);
        let held = held.filter(|id| scene.group(id).is_some_and(is_movable));
        let pressed = match held {
            Some(id) => {
                let bounds = |target: Target| Some((scene.group(&target.group)?.bounds, target.group));
                let targets = targets(scene, &id).into_iter().filter_map(bounds);
                Pressed::Movable { targets: targets.map(|(bounds, group)| (group, bounds)).collect(), id }
            }
            // On touch screens the background scrolls the page.
            None if event.pointer_type() == "touch" => return false,
            None => Pressed::Background,
        };
        let nodes = (self.svg.clone(), self.ghost.clone());
        self.gesture = Gesture::begin(event, pressed, self.view, Rc::clone(scene), nodes, ctx.link().clone());
        false
    }

    pub(super) fn pick_up(&mut self, ctx: &Context<Self>, id: String, by_pointer: bool) {
        let targets = targets(&ctx.props().scene, &id);
        if !by_pointer {
            let say = if targets.is_empty() {
                format!("There is nowhere to move {}.", name_of(&id))
            } else {
                format!(
                    "Picked up {}. Arrow keys choose where it goes, Space drops, Escape cancels.",
                    name_of(&id)
                )
            };
            ctx.props().on_announce.emit(say);
            if targets.is_empty() {
                return;
            }
        }
        self.menu = false;
        self.player.stop();
        self.carried = Some(Carried { id, targets, over: None, by_pointer });
    }

    /// Tells whether to draw anew: what is dropped on a place stays in hand until the edit gives another picture, so that
    /// one is drawn and not two, or was refused.
    pub(super) fn drop_carried(&mut self, ctx: &Context<Self>) -> bool {
        self.gesture = None;
        let Some(carried) = &self.carried else { return true };
        let target = carried.over.and_then(|over| carried.targets.get(over));
        let Some(target) = target else {
            ctx.props().on_announce.emit(format!("{} stays where it is.", name_of(&carried.id)));
            self.carried = None;
            return true;
        };
        ctx.props().on_edit.emit(target.edit.clone());
        let link = ctx.link().clone();
        spawn_local(async move {
            paint().await;
            link.send_message(Msg::PutDown);
        });
        false
    }

    pub(super) fn cancel(&mut self) {
        self.carried = None;
        self.gesture = None;
    }

    pub(super) fn move_to(&mut self, ctx: &Context<Self>, index: usize) {
        self.menu = false;
        let props = ctx.props();
        let selected = props.selected.as_ref().and_then(|object| props.scene.group_of(object));
        let Some(group) = selected else { return };
        focus_group(&self.svg, &group.id);
        if let Some(target) = targets(&props.scene, &group.id).into_iter().nth(index) {
            props.on_edit.emit(target.edit);
        }
    }
}

/// The sign on a drop target.
pub(super) fn drop_sign(scene: &Scene, target: &Target) -> Html {
    let Some(group) = scene.group(&target.group) else { return html! {} };
    let at = group.bounds;
    let text = render::measure::fit(&target.short, render::TextStyle::Name, at.w - 32.0);
    let wide = render::measure::width(&text, render::TextStyle::Name) + 28.0;
    let sign = Rect::new((at.w - wide) / 2.0, at.h - 15.0, wide, 30.0);
    html! {
        <g class="drop-sign" transform={draw::translate(at.x, at.y)} aria-hidden="true">
            <rect x={render::number(sign.x)} y={render::number(sign.y)} width={render::number(sign.w)} height="30" rx="15" />
            <text class="name" x={render::number(at.w / 2.0)} y={render::number(sign.y + 19.5)} text-anchor="middle">{ text }</text>
        </g>
    }
}
