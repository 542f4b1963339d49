//! Pointer gestures: a press becomes a click, a drag or a pan. Listeners sit on the window for as long as the
//! pointer is down; moves are drawn by attribute writes, one a frame.

use super::{Canvas, Msg, draw::translate, viewport::Viewport};
use gloo_events::EventListener;
use gloo_render::{AnimationFrame, request_animation_frame};
use render::{Point, Rect, Scene};
use std::{cell::RefCell, rc::Rc};
use web_sys::{Element, KeyboardEvent, PointerEvent, wasm_bindgen::JsCast};
use yew::{NodeRef, html::Scope};

/// Pixels that a pointer may tremble within a click.
const TREMOR: f64 = 4.0;

/// A pressed pointer and all that follows it. Dropping it ends the gesture.
pub(super) struct Gesture {
    _listeners: Vec<EventListener>,
    _shared: Rc<RefCell<Shared>>,
}

/// What was pressed.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Pressed {
    /// Something that can be moved: its id, and where it may go.
    Movable { id: String, targets: Vec<(String, Rect)> },
    /// The background.
    Background,
}

/// What the listeners share.
struct Shared {
    pressed: Pressed,
    pointer: i32,
    start: (f64, f64),
    now: (f64, f64),
    moved: bool,
    over: Option<usize>,
    /// The element's corner on the page.
    corner: (f64, f64),
    view: Viewport,
    scene: Rc<Scene>,
    svg: NodeRef,
    ghost: NodeRef,
    canvas: Scope<Canvas>,
    frame: Option<AnimationFrame>,
}

impl Gesture {
    pub(super) fn begin(
        event: &PointerEvent,
        pressed: Pressed,
        view: Viewport,
        scene: Rc<Scene>,
        (svg, ghost): (NodeRef, NodeRef),
        canvas: Scope<Canvas>,
    ) -> Option<Self> {
        let window = web_sys::window()?;
        let bounds = svg.cast::<Element>()?.get_bounding_client_rect();
        let start = (f64::from(event.client_x()), f64::from(event.client_y()));
        // A pointer that is already gone cannot be captured; its gesture ends at once.
        let target = event.target().and_then(|target| target.dyn_into::<Element>().ok());
        let held = target.and_then(|target| target.closest("[data-id]").ok().flatten());
        if let Some(held) = held.or_else(|| svg.cast()) {
            let _ = held.set_pointer_capture(event.pointer_id());
        }
        let shared = Rc::new(RefCell::new(Shared {
            pressed,
            pointer: event.pointer_id(),
            start,
            now: start,
            moved: false,
            over: None,
            corner: (bounds.left(), bounds.top()),
            view,
            scene,
            svg,
            ghost,
            canvas,
            frame: None,
        }));
        let on = |kind: &'static str, act: fn(&Rc<RefCell<Shared>>, &PointerEvent)| {
            let shared = Rc::clone(&shared);
            EventListener::new(&window, kind, move |event| {
                let event = event.dyn_ref::<PointerEvent>();
                if let Some(event) = event.filter(|event| event.pointer_id() == shared.borrow().pointer) {
                    act(&shared, event);
                }
            })
        };
        let escape = {
            let shared = Rc::clone(&shared);
            EventListener::new(&window, "keydown", move |event| {
                if event.dyn_ref::<KeyboardEvent>().is_some_and(|event| event.key() == "Escape") {
                    shared.borrow().canvas.send_message(Msg::Cancel);
                }
            })
        };
        let listeners = vec![
            on("pointermove", follow),
            on("pointerup", release),
            on("pointercancel", |shared, _| shared.borrow().canvas.send_message(Msg::Cancel)),
            escape,
        ];
        Some(Self { _listeners: listeners, _shared: shared })
    }
}

fn follow(shared: &Rc<RefCell<Shared>>, event: &PointerEvent) {
    let mut this = shared.borrow_mut();
    this.now = (f64::from(event.client_x()), f64::from(event.client_y()));
    if !this.moved {
        let (dx, dy) = this.travel();
        if dx.hypot(dy) < TREMOR {
            return;
        }
        this.moved = true;
        if let Pressed::Movable { id, .. } = &this.pressed {
            this.canvas.send_message(Msg::PickUp(id.clone(), true));
        }
    }
    if this.frame.is_none() {
        let later = Rc::clone(shared);
        this.frame = Some(request_animation_frame(move |_| {
            let mut this = later.borrow_mut();
            this.frame = None;
            this.draw();
        }));
    }
}

fn release(shared: &Rc<RefCell<Shared>>, event: &PointerEvent) {
    let mut this = shared.borrow_mut();
    this.now = (f64::from(event.client_x()), f64::from(event.client_y()));
    this.frame = None;
    if !this.moved {
        this.canvas.send_message(Msg::Released);
        return;
    }
    this.draw();
    let message = match &this.pressed {
        Pressed::Movable { .. } => Msg::Drop,
        Pressed::Background => Msg::Seen(this.panned()),
    };
    this.canvas.send_message(message);
}

impl Shared {
    fn travel(&self) -> (f64, f64) {
        (self.now.0 - self.start.0, self.now.1 - self.start.1)
    }

    fn panned(&self) -> Viewport {
        let mut view = self.view;
        view.pan(&self.scene, self.travel());
        view
    }

    /// Attribute writes that fail skip a frame and nothing else.
    fn draw(&mut self) {
        match &self.pressed {
            Pressed::Background => {
                if let Some(svg) = self.svg.cast::<Element>() {
                    let _ = svg.set_attribute("viewBox", &self.panned().view_box(&self.scene));
                }
            }
            Pressed::Movable { targets, .. } => {
                let zoom = self.view.zoom(&self.scene);
                let (dx, dy) = self.travel();
                if let Some(ghost) = self.ghost.cast::<Element>() {
                    let _ = ghost.set_attribute("transform", &translate(dx / zoom, dy / zoom));
                }
                let at = (self.now.0 - self.corner.0, self.now.1 - self.corner.1);
                let Point { x, y } = self.view.point(&self.scene, at);
                let under = Rect::new(x, y, 0.0, 0.0);
                let over = targets.iter().position(|(_, bounds)| bounds.contains(under));
                if over != self.over {
                    self.over = over;
                    self.canvas.send_message(Msg::Over(over));
                }
            }
        }
    }
}
