//! A world and an answer as a finished picture: what the command line and the JavaScript package hand out.

use crate::{Format, Options, Probed, View, load_balancers, mermaid, scene, service_of, svg, svg::Theme};
use engine::{Paths, World};

/// What a picture shows and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Picture<'a> {
    /// The colours.
    pub theme: Theme,
    /// Left to right, or top to bottom.
    pub shape: Format,
    /// Index of the branch drawn as taken; without one, all are drawn as possible, and an only branch as taken.
    pub branch: Option<usize>,
    /// Draw the way back of the branch.
    pub reply: bool,
    /// The title for readers who do not see it; made from the flow where absent.
    pub title: Option<&'a str>,
    /// The description for them; made from the flow where absent.
    pub description: Option<&'a str>,
}

impl Picture<'_> {
    /// An SVG document: text as text, title and description for readers who do not see it. Without an answer, the
    /// cluster alone.
    pub fn svg(self, world: &World, paths: Option<&Paths>) -> String {
        let balancers = load_balancers(world, Probed::Flow(paths));
        let service = paths.and_then(|paths| service_of(world, paths));
        let only = paths.filter(|paths| paths.outcomes.len() == 1).map(|_| 0);
        let view = View {
            model: world.model(),
            load_balancers: &balancers,
            paths,
            selected: self.branch.or(only),
            reply: self.reply,
            service: service.as_ref(),
        };
        let mut scene = scene(&view, Options { shape: self.shape });
        if let Some(title) = self.title {
            title.clone_into(&mut scene.title);
        }
        if let Some(description) = self.description {
            description.clone_into(&mut scene.description);
        }
        svg::to_string(&scene, self.theme)
    }

    /// A Mermaid diagram: one branch as a sequence, several as a flowchart.
    pub fn mermaid(self, paths: &Paths) -> String {
        let chosen = self.branch.and_then(|branch| paths.outcomes.get(branch));
        match (chosen, paths.outcomes.as_slice()) {
            (Some(one), _) | (None, [one]) => mermaid::sequence(one),
            _ => mermaid::flowchart(paths),
        }
    }
}
