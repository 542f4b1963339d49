//! An edit that nobody sees. Browsers compile a function of a wasm when it is first called: without a rehearsal the
//! first edit would take ten times as long as those after it.

use crate::{engineroom, ptr::Ptr, world::World};
use engine::Flow;
use gloo_events::EventListener;
use std::rc::Rc;
use yew::prelude::*;

/// Rehearses once the engine is here and somebody moves the pointer, which no edit needs to wait for.
#[hook]
pub(crate) fn use_rehearsal(world: &Ptr<World>, flow: &Rc<Flow>) {
    let (world, flow) = (world.clone(), Rc::clone(flow));
    use_effect_with(engineroom::is_ready(), move |ready| {
        let window = web_sys::window().filter(|_| *ready);
        let listener =
            window.map(|window| EventListener::once(&window, "pointermove", move |_| world.rehearse(&flow)));
        move || drop(listener)
    });
}
