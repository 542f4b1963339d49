//! Pictures of a flow.

use engine::{Paths, World};
use render::{Options, Probed, View, svg::Theme};

/// The cluster and the flow as an SVG document. With one branch, that one is drawn as taken; with several, all as
/// possible.
pub(crate) fn svg(world: &World, paths: &Paths) -> String {
    let load_balancers = render::load_balancers(world, Probed::Flow(Some(paths)));
    let service = render::service_of(world, paths);
    let view = View {
        model: world.model(),
        load_balancers: &load_balancers,
        paths: Some(paths),
        selected: (paths.outcomes.len() == 1).then_some(0),
        reply: false,
        service: service.as_ref(),
    };
    render::svg::to_string(&render::scene(&view, Options::default()), Theme::Auto)
}

/// One branch as a sequence diagram, several as a flowchart.
pub(crate) fn mermaid(paths: &Paths) -> String {
    match paths.outcomes.as_slice() {
        [only] => render::mermaid::sequence(only),
        _ => render::mermaid::flowchart(paths),
    }
}
