//! The picture of a cluster and one branch of a flow.

use super::answer::Answer;
use engine::World;
use render::{Format, Options, Probed, Scene, View};

/// Lays the picture out.
pub(crate) fn scene(world: &World, answer: &Answer, outcome: usize, reply: bool, shape: Format) -> Scene {
    let paths = answer.paths();
    let service = paths.and_then(|paths| render::service_of(world, paths));
    let view = View {
        model: world.model(),
        load_balancers: &render::load_balancers(world, Probed::Flow(paths)),
        paths,
        selected: Some(outcome),
        reply,
        service: service.as_ref(),
    };
    render::scene(&view, Options { shape })
}
