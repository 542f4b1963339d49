//! The canvas: the scene as living SVG. Nodes and pods are dragged, moved by menu or by keyboard; the packet
//! runs along its way; the view zooms and pans.

mod carry;
mod controls;
mod draw;
mod element;
mod gesture;
mod keys;
pub(crate) mod moves;
mod player;
mod props;
mod viewport;

use carry::{Carried, drop_sign};
use draw::Look;
use element::{focus, focused_element, id_under, under};
use gesture::Gesture;
use gloo_events::{EventListener, EventListenerOptions};
use moves::{is_movable, name_of, targets};
use player::{Place, Player, Speed};
pub(crate) use props::{Props, Setting};
use render::Scene;
use std::rc::Rc;
pub(crate) use viewport::Chosen;
use viewport::{STEP, Viewport};
use web_sys::{
    Element, ResizeObserver, SvgElement, WheelEvent,
    wasm_bindgen::{JsCast, closure::Closure},
};
use yew::{
    Component, Context, FocusEvent, Html, KeyboardEvent, MouseEvent, NodeRef, PointerEvent, classes, html,
};

/// Below this width, in CSS pixels, a tall scene is easier to read, where there is height for it.
const NARROW: f64 = 620.0;

/// See the module.
pub(crate) struct Canvas {
    root: NodeRef,
    svg: NodeRef,
    ghost: NodeRef,
    runner: NodeRef,
    menu_list: NodeRef,
    detail: NodeRef,
    view: Viewport,
    narrow: bool,
    /// The person asked for less motion.
    still: bool,
    gesture: Option<Gesture>,
    carried: Option<Carried>,
    menu: bool,
    /// The menu opens with the selection that is on its way.
    menu_awaited: bool,
    /// The group in the tab order.
    focus: Option<String>,
    hovered: Option<usize>,
    player: Player,
    /// The click that ends a drag selects nothing.
    deaf: bool,
    observer: Option<(ResizeObserver, Closure<dyn FnMut()>)>,
    wheel: Option<EventListener>,
}

/// What happens to the canvas.
pub(crate) enum Msg {
    Resized,
    Pressed(PointerEvent),
    /// By the pointer, or by the keyboard.
    PickUp(String, bool),
    Over(Option<usize>),
    /// What is carried was over this place of its targets a moment ago.
    Held(usize),
    Drop,
    /// What was dropped is no longer in hand, whatever came of it.
    PutDown,
    Cancel,
    /// The pointer went up where it went down.
    Released,
    /// Panned.
    Seen(Viewport),
    Clicked(MouseEvent),
    Focused(FocusEvent),
    /// The step that made what is under the pointer, and what that is.
    Hovered(Option<usize>, String),
    Key(KeyboardEvent),
    Wheel(WheelEvent),
    Zoom(i32),
    Fit,
    ToggleMenu,
    MenuKey(KeyboardEvent),
    MoveTo(usize),
    Play,
    Pause,
    Stop,
    Step(bool),
    Speed(Speed),
    OnLeg(usize),
    Arrived,
}

impl Component for Canvas {
    type Message = Msg;
    type Properties = Props;

    fn create(_: &Context<Self>) -> Self {
        let query =
            web_sys::window().and_then(|window| window.match_media("(prefers-reduced-motion: reduce)").ok());
        Self {
            root: NodeRef::default(),
            svg: NodeRef::default(),
            ghost: NodeRef::default(),
            runner: NodeRef::default(),
            menu_list: NodeRef::default(),
            detail: NodeRef::default(),
            view: Viewport::new(),
            narrow: false,
            still: query.flatten().is_some_and(|query| query.matches()),
            gesture: None,
            carried: None,
            menu: false,
            menu_awaited: false,
            focus: None,
            hovered: None,
            player: Player::default(),
            deaf: false,
            observer: None,
            wheel: None,
        }
    }

    fn changed(&mut self, ctx: &Context<Self>, old: &Props) -> bool {
        let props = ctx.props();
        if !Rc::ptr_eq(&props.scene, &old.scene) {
            self.player.stop();
            self.cancel();
            self.menu = false;
            if self.focus.as_ref().is_some_and(|id| props.scene.group(id).is_none()) {
                self.focus = None;
            }
        }
        if props.setting.on_view.is_some() && props.setting.view != old.setting.view {
            self.view.choose(props.setting.view);
        }
        if props.selected != old.selected {
            self.menu = std::mem::take(&mut self.menu_awaited);
        }
        true
    }

    fn update(&mut self, ctx: &Context<Self>, message: Msg) -> bool {
        let before = self.view.chosen();
        let draw = self.act(ctx, message);
        let after = self.view.chosen();
        if let Some(on_view) = ctx.props().setting.on_view.as_ref().filter(|_| before != after) {
            on_view.emit(after);
        }
        draw
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let (link, props) = (ctx.link(), ctx.props());
        let setting = &props.setting;
        let scene = &*props.scene;
        let carried = self.carried.as_ref();
        let over = carried.and_then(|carried| carried.targets.get(carried.over?));
        let look = Look {
            scene,
            marks: &setting.marks,
            still: setting.still,
            selected: props.selected.as_ref(),
            lit: props.highlight,
            in_tab_order: self.focus.as_deref().or_else(|| self.first_stop(ctx)),
            carried: carried.map(|carried| carried.id.as_str()),
            over: over.map(|target| target.group.as_str()),
            targets: carried
                .map(|carried| carried.targets.iter().map(|target| target.group.as_str()).collect())
                .unwrap_or_default(),
        };
        let movable = props
            .selected
            .as_ref()
            .and_then(|object| scene.group_of(object))
            .filter(|group| is_movable(group) && !setting.still);
        let moves = movable.map(|group| (group.id.as_str(), targets(scene, &group.id)));
        let mode = if self.player.place == Place::Nowhere { None } else { Some("playing") };
        html! {
            <section class="canvas" aria-label={setting.label.clone()} ref={self.root.clone()}>
                <svg
                    ref={self.svg.clone()}
                    class={classes!("hop", "canvas-svg", mode, carried.map(|_| "carrying"))}
                    viewBox={self.view.view_box(scene)}
                    preserveAspectRatio="xMidYMid meet"
                    role="group"
                    aria-label={scene.title.clone()}
                    onpointerdown={link.callback(Msg::Pressed)}
                    onclick={link.callback(Msg::Clicked)}
                    onfocusin={link.callback(Msg::Focused)}
                    onkeydown={link.callback(Msg::Key)}
                    onpointerover={let scene = Rc::clone(&props.scene); link.callback(move |event: PointerEvent| {
                        let (step, words) = under(&scene, &event);
                        Msg::Hovered(step, words)
                    })}
                    onpointerleave={link.callback(|_| Msg::Hovered(None, String::new()))}
                >
                    <desc>{ scene.description.clone() }</desc>
                    { look.layers() }
                    { over.map(|target| drop_sign(scene, target)).unwrap_or_default() }
                    if let Some(carried) = carried.filter(|carried| carried.by_pointer) {
                        <g class="ghost" ref={self.ghost.clone()} aria-hidden="true">{ draw::ghost(scene, &carried.id) }</g>
                    }
                    { self.runner(scene) }
                </svg>
                <ol class="visually-hidden" aria-label="The packet's way">
                    { for scene.outline.iter().enumerate().map(|(index, line)| html! { <li key={index}>{ line.clone() }</li> }) }
                </ol>
                <div class="canvas-top">
                    if let Some(carried) = carried {
                        { Self::hint(carried) }
                    } else if let Some((id, targets)) = moves.filter(|(_, targets)| !targets.is_empty()) {
                        { self.move_menu(link, id, &targets) }
                    }
                    if let Some(advice) = setting.advice.as_ref().filter(|_| carried.is_none()) {
                        { controls::advice(advice, &setting.on_advised) }
                    }
                    { controls::legend() }
                </div>
                <div class="canvas-bottom">
                    { self.playback(link, scene) }
                    <p class="canvas-detail" ref={self.detail.clone()} aria-hidden="true" />
                    { self.zoom_bar(link) }
                </div>
            </section>
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if first {
            self.observe(ctx);
            if self.measure(ctx) {
                // The element's size is known only now.
                ctx.link().send_message(Msg::Fit);
            }
        }
        if self.menu
            && let Some(list) = self.menu_list.cast::<Element>()
            && !list.contains(focused_element().as_deref())
            && let Some(item) = list.query_selector("button").ok().flatten()
        {
            focus(&item);
        }
    }

    fn destroy(&mut self, _: &Context<Self>) {
        self.player.stop();
        if let Some((observer, _)) = &self.observer {
            observer.disconnect();
        }
    }
}

impl Canvas {
    /// Does what a message says; tells whether to draw anew.
    fn act(&mut self, ctx: &Context<Self>, message: Msg) -> bool {
        let scene = Rc::clone(&ctx.props().scene);
        match message {
            Msg::Resized => return self.measure(ctx),
            Msg::Pressed(event) => return self.press(ctx, &event),
            Msg::PickUp(id, by_pointer) => self.pick_up(ctx, id, by_pointer),
            Msg::Over(over) => {
                if let Some(carried) = &mut self.carried {
                    carried.over = over;
                    carried.hold(ctx.link());
                }
            }
            Msg::Held(over) => {
                if let Some(target) = self.carried.as_ref().and_then(|carried| carried.held(over)) {
                    ctx.props().on_hold.emit(target.edit.clone());
                }
                return false;
            }
            Msg::Drop => {
                self.deaf = self.carried.as_ref().is_some_and(|carried| carried.by_pointer);
                return self.drop_carried(ctx);
            }
            Msg::PutDown => return self.carried.take().is_some(),
            Msg::Cancel => {
                if let Some(carried) = &self.carried {
                    ctx.props().on_announce.emit(format!("{} stays where it is.", name_of(&carried.id)));
                }
                self.cancel();
                self.write_view_box(&scene);
            }
            Msg::Released => {
                self.gesture = None;
                return false;
            }
            Msg::Seen(view) => {
                self.view = view;
                self.gesture = None;
                self.deaf = true;
            }
            Msg::Clicked(event) => return self.click(ctx, &event),
            Msg::Focused(event) => return self.focused(ctx, &event),
            Msg::Hovered(step, words) => {
                // Written past Yew: the picture need not be drawn anew for it.
                if let Some(detail) = self.detail.cast::<Element>() {
                    detail.set_text_content(Some(&words));
                }
                if self.hovered != step && !self.player.is_playing() {
                    self.hovered = step;
                    ctx.props().on_hover.emit(step);
                }
                return false;
            }
            Msg::Key(event) => return self.key(ctx, &event),
            Msg::Wheel(event) => {
                let factor = (-event.delta_y() * 0.0018).exp();
                let at = self.local(f64::from(event.client_x()), f64::from(event.client_y()));
                self.view.zoom_by(&scene, factor, at);
            }
            Msg::Zoom(direction) => self.view.zoom_by(&scene, STEP.powi(direction), None),
            Msg::Fit => self.view.fit(),
            Msg::ToggleMenu => self.menu = !self.menu,
            Msg::MenuKey(event) => return self.menu_key(ctx, &event),
            Msg::MoveTo(index) => self.move_to(ctx, index),
            Msg::Play => self.player.play(&scene.legs, &self.runner, ctx.link()),
            Msg::Pause => self.player.pause(),
            Msg::Stop => {
                self.player.stop();
                ctx.props().on_hover.emit(None);
            }
            Msg::Step(forwards) => {
                self.player.step(&scene.legs, forwards);
                self.tell_leg(ctx);
            }
            Msg::Speed(speed) => self.player.set_speed(speed),
            Msg::OnLeg(leg) => {
                self.player.place = Place::Leg(leg);
                self.tell_leg(ctx);
            }
            Msg::Arrived => {
                self.player.stop();
                ctx.props().on_hover.emit(None);
            }
        }
        true
    }

    fn observe(&mut self, ctx: &Context<Self>) {
        let (Some(root), Some(svg)) = (self.root.cast::<Element>(), self.svg.cast::<Element>()) else {
            return;
        };
        let link = ctx.link().clone();
        let resized = Closure::<dyn FnMut()>::new(move || link.send_message(Msg::Resized));
        if let Ok(observer) = ResizeObserver::new(resized.as_ref().unchecked_ref()) {
            observer.observe(&root);
            self.observer = Some((observer, resized));
        }
        // Yew's own wheel listeners are passive, and ctrl+wheel would zoom the page.
        let link = ctx.link().clone();
        let options = EventListenerOptions::enable_prevent_default();
        self.wheel = Some(EventListener::new_with_options(&svg, "wheel", options, move |event| {
            if let Some(event) =
                event.dyn_ref::<WheelEvent>().filter(|event| event.ctrl_key() || event.meta_key())
            {
                event.prevent_default();
                link.send_message(Msg::Wheel(event.clone()));
            }
        }));
    }

    fn measure(&mut self, ctx: &Context<Self>) -> bool {
        let Some(svg) = self.svg.cast::<Element>() else { return false };
        let bounds = svg.get_bounding_client_rect();
        let narrow = bounds.width() < NARROW && bounds.height() > bounds.width();
        if narrow != self.narrow {
            self.narrow = narrow;
            ctx.props().on_narrow.emit(narrow);
        }
        self.view.resize((bounds.width(), bounds.height()))
    }

    /// Pixels from the drawing's corner.
    fn local(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let bounds = self.svg.cast::<Element>()?.get_bounding_client_rect();
        Some((x - bounds.left(), y - bounds.top()))
    }

    /// A pan writes the attribute past Yew; what was not kept is written back.
    fn write_view_box(&self, scene: &Scene) {
        if let Some(svg) = self.svg.cast::<SvgElement>() {
            // The attribute's name and value are valid; nothing else fails here.
            let _ = svg.set_attribute("viewBox", &self.view.view_box(scene));
        }
    }

    fn click(&mut self, ctx: &Context<Self>, event: &MouseEvent) -> bool {
        if std::mem::take(&mut self.deaf) {
            return false;
        }
        self.menu = false;
        if let Some(id) = id_under(event, "data-id").filter(|_| !ctx.props().setting.still) {
            self.select(ctx, &id);
        }
        true
    }

    fn focused(&mut self, ctx: &Context<Self>, event: &FocusEvent) -> bool {
        let Some(id) = id_under(event, "data-id") else { return false };
        let changed = self.focus.as_deref() != Some(id.as_str());
        if let Some(group) = ctx.props().scene.group(&id) {
            self.view.reveal(&ctx.props().scene, group.bounds);
        }
        self.focus = Some(id);
        changed
    }

    /// Selects the object of a group, or of the group that it lies in.
    fn select(&self, ctx: &Context<Self>, id: &str) {
        let scene = &ctx.props().scene;
        let mut group = scene.group(id);
        while let Some(found) = group {
            if let Some(object) = &found.object {
                ctx.props().on_select.emit(object.clone());
                return;
            }
            group = found.parent.as_ref().and_then(|parent| scene.group(parent));
        }
    }

    /// Lights the step that the packet came to.
    fn tell_leg(&self, ctx: &Context<Self>) {
        let step = match self.player.place {
            Place::Leg(leg) => ctx.props().scene.legs.get(leg).and_then(|leg| leg.steps.first().copied()),
            Place::Nowhere => None,
        };
        ctx.props().on_hover.emit(step);
    }

    /// The packet on its way.
    fn runner(&self, scene: &Scene) -> Html {
        let Place::Leg(leg) = self.player.place else { return html! {} };
        let Some(leg) = scene.legs.get(leg) else { return html! {} };
        // While it plays, frames place it; stepping puts it at the leg's end.
        let end = leg.curve.flatten().at(f64::MAX);
        let still = !self.player.is_playing();
        html! {
            <g class="runner" key={if still { "still" } else { "moving" }} ref={self.runner.clone()} aria-hidden="true"
                transform={still.then(|| draw::translate(end.x, end.y))}>
                { draw::capsule(&leg.capsule(), None) }
            </g>
        }
    }
}
