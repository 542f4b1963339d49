//! `hopscope render`: pictures of a cluster and a flow.

use crate::{
    args::{Colours, PictureFormat, RenderArguments, Shape},
    input,
    output::{self, Failure},
    refused, text,
};
use engine::{Flow, Paths};
use lessons::FlowSpec;
use render::{Format, Picture, svg::Theme};

pub(crate) fn run(arguments: &RenderArguments) -> Result<String, Failure> {
    let flow = flow(arguments)?;
    let world = input::world(&arguments.files)?;
    let paths = match &flow {
        Some(flow) => Some(world.paths(flow).map_err(|error| refused(&world, flow, &error))?),
        None => None,
    };
    let branch = branch(arguments, paths.as_ref())?;
    let picture = Picture {
        theme: match arguments.theme {
            Colours::Auto => Theme::Auto,
            Colours::Light => Theme::Light,
            Colours::Dark => Theme::Dark,
        },
        shape: match arguments.shape {
            Shape::Wide => Format::Wide,
            Shape::Tall => Format::Tall,
        },
        branch,
        reply: arguments.reply,
        title: arguments.title.as_deref(),
        description: arguments.description.as_deref(),
    };
    match (arguments.output, &paths) {
        (PictureFormat::Svg, _) => Ok(picture.svg(&world, paths.as_ref())),
        (PictureFormat::Mermaid, Some(paths)) => Ok(picture.mermaid(paths)),
        (PictureFormat::Text, Some(paths)) => match branch.and_then(|branch| paths.outcomes.get(branch)) {
            Some(outcome) => Ok(render::text::branch(paths, outcome)),
            None => Ok(text::paths(paths)),
        },
        (PictureFormat::Mermaid | PictureFormat::Text, None) => Err(Failure::new(
            "-o text and -o mermaid tell a flow, and there is none",
            "add --from SRC --to DST:PORT, or use -o svg for the cluster alone",
        )),
    }
}

fn flow(arguments: &RenderArguments) -> Result<Option<Flow>, Failure> {
    let (Some(from), Some(to)) = (&arguments.from, &arguments.to) else { return Ok(None) };
    let spec = FlowSpec {
        from: from.clone(),
        to: to.clone(),
        protocol: Some(arguments.protocol.meant().lower().to_owned()),
        host: arguments.host.clone(),
        path: arguments.path.clone(),
        via: arguments.via.clone(),
    };
    let hint = "write e.g. --from 198.51.100.7 --to svc/default/echo-service:80";
    Flow::try_from(&spec).map(Some).map_err(|error| Failure::new(format!("--{error}"), hint))
}

/// The index of the branch that is asked for.
fn branch(arguments: &RenderArguments, paths: Option<&Paths>) -> Result<Option<usize>, Failure> {
    let Some(number) = arguments.branch else { return Ok(None) };
    let count = paths.map_or(0, |paths| paths.outcomes.len());
    let index = usize::try_from(number).unwrap_or(usize::MAX) - 1;
    if index < count {
        return Ok(Some(index));
    }
    let known =
        if count == 1 { "there is one branch".to_owned() } else { format!("there are {count} branches") };
    Err(Failure::new(
        format!("--branch: there is no branch {number}"),
        output::visible(&format!("{known}; `hopscope paths` lists them in order")),
    ))
}
