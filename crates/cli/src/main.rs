//! The command line: `hopscope iptables|nftables|ipvs|paths|trace|run|lb|nic|snat|matrix|diff|render|check|lessons`.
//!
//! Exit codes: 0 done, 1 a check failed, 2 bad usage or bad input.

mod args;
mod check;
mod docs;
mod draw;
mod drift;
mod input;
mod junit;
mod learn;
mod modes;
mod nic;
mod output;
mod probes;
mod reach;
mod rules;
mod snat;
mod text;
mod what_if;

use args::{Arguments, Command, FlowArguments, IptablesArguments, LbArguments, OutputFormat, RulesFormat};
use clap::Parser;
use engine::{Flow, FlowError, Paths, Place, State, Unexposed, World};
use model::{Model, NodeName, Object, azure::LoadBalancer, kubernetes::IpFamily};
use netfilter::Form;
use output::{Done, Failure};
use render::Picture;
use std::{process::ExitCode, sync::Arc};

/// With time between them, every connection is walked by itself.
const MOST_SPACED: u64 = 100_000;

/// Connections that stay open are each held against all others.
const MOST_HELD: u64 = 5_000;

fn main() -> ExitCode {
    // A fault of Hopscope itself is reported as one; 101 is no exit code of this program.
    std::panic::set_hook(Box::new(|fault| {
        output::complain(&format!("error: internal fault, please report it: {fault}\n"));
        std::process::exit(2);
    }));
    match run(Arguments::try_parse()) {
        Ok(done) => output::print(&done),
        Err(failure) => {
            output::complain(&failure.message);
            ExitCode::from(failure.code)
        }
    }
}

fn run(arguments: Result<Arguments, clap::Error>) -> Result<Done, Failure> {
    let arguments = match arguments {
        Ok(arguments) => arguments,
        // Help that was asked for is no failure.
        Err(error) if !error.use_stderr() => return Ok(error.render().to_string().into()),
        Err(error) => return Err(Failure::raw(error.render().to_string())),
    };
    match &arguments.command {
        Command::Iptables(arguments) => iptables(arguments),
        Command::Nftables(arguments) => modes::nftables(arguments).map(Done::from),
        Command::Ipvs(arguments) => modes::ipvs(arguments).map(Done::from),
        Command::Paths(arguments) => paths(arguments).map(Done::from),
        Command::Trace(arguments) => trace(arguments).map(Done::from),
        Command::Run(arguments) => sample(arguments).map(Done::from),
        Command::Lb(arguments) if arguments.compare => drift::compare(arguments),
        Command::Lb(arguments) if arguments.probes => probes::run(arguments).map(Done::from),
        Command::Lb(arguments) => lb(arguments).map(Done::from),
        Command::Nic(arguments) => nic::run(arguments),
        Command::Snat(arguments) => snat::run(arguments).map(Done::from),
        Command::Matrix(arguments) => reach::matrix(arguments),
        Command::Diff(arguments) => reach::diff(arguments),
        Command::WhatIf(arguments) => what_if::run(arguments).map(Done::from),
        Command::Render(arguments) => draw::run(arguments).map(Done::from),
        Command::Check(arguments) => check::run(arguments),
        Command::Lessons(arguments) => learn::run(arguments).map(Done::from),
    }
}

fn iptables(arguments: &IptablesArguments) -> Result<Done, Failure> {
    let world = input::world(&arguments.files)?;
    has_rules(&world, &arguments.node, "--node")?;
    let node = NodeName::from(arguments.node.as_str());
    if let Some(saved) = &arguments.compare {
        return rules::compare(&world, &node, saved, &arguments.files, arguments.output);
    }
    let of_api = IpFamily::from(arguments.family);
    let family = match arguments.family {
        args::Family::Ipv4 => netfilter::Family::V4,
        args::Family::Ipv6 => netfilter::Family::V6,
    };
    let text = match arguments.format {
        RulesFormat::Payload => world.payload(&node, of_api).map(|rules| {
            kubernetes::kube_proxy::canonical(&rules.text(family, Form::KUBE_PROXY).to_string())
        }),
        RulesFormat::Restore => {
            world.rules(&node, of_api).map(|rules| rules.text(family, Form::KUBE_PROXY).to_string())
        }
        RulesFormat::Save => {
            world.rules(&node, of_api).map(|rules| rules.text(family, Form::Save).to_string())
        }
    };
    text.map(Done::from).ok_or_else(|| {
        Failure::new(
            format!("node {node} has no rules"),
            "give the node an InternalIP of this family, or choose another --family",
        )
    })
}

fn lb(arguments: &LbArguments) -> Result<String, Failure> {
    let world = input::world(&arguments.files)?;
    let balancers = world.cloud().load_balancers();
    let names = || balancers.iter().map(|balancer| balancer.name.as_str());
    let print =
        |balancer: &LoadBalancer| formats::object_json(&Object::LoadBalancer(Arc::new(balancer.clone())));
    if let Some(name) = &arguments.load_balancer {
        let named = balancers.iter().find(|balancer| balancer.name.eq_ignore_ascii_case(name));
        return named.map(print).ok_or_else(|| {
            Failure::new(
                format!("there is no load balancer {name}"),
                output::choices("load balancers", names()),
            )
        });
    }
    match balancers.as_slice() {
        [one] => Ok(print(one)),
        all => Ok(output::json_list(&all.iter().map(print).collect::<Vec<_>>())),
    }
}

fn paths(arguments: &args::PathsArguments) -> Result<String, Failure> {
    let (world, flow) = world(&arguments.flow)?;
    let paths = if arguments.fold { world.folded_paths(&flow) } else { world.paths(&flow) };
    let mut paths = paths.map_err(|error| refused(&world, &flow, &error))?;
    explain(&world, &flow, &mut paths, arguments.flow.output)?;
    match arguments.flow.output {
        OutputFormat::Json => output::json(&paths),
        OutputFormat::Text => Ok(text::paths(&paths)),
        OutputFormat::Svg => Ok(Picture::default().svg(&world, Some(&paths))),
        OutputFormat::Mermaid => Ok(Picture::default().mermaid(&paths)),
    }
}

fn trace(arguments: &args::TraceArguments) -> Result<String, Failure> {
    if arguments.idle.is_some() || !arguments.then.is_empty() {
        return later(arguments);
    }
    let seed = arguments.seed;
    let arguments = &arguments.flow;
    let (world, flow) = world(arguments)?;
    let mut paths = world.trace(&flow, seed).map_err(|error| refused(&world, &flow, &error))?;
    explain(&world, &flow, &mut paths, arguments.output)?;
    match arguments.output {
        OutputFormat::Json => output::json(&output::Seeded { seed, paths: &paths }),
        OutputFormat::Text => Ok(text::trace(&paths, seed)),
        OutputFormat::Svg => Ok(Picture::default().svg(&world, Some(&paths))),
        OutputFormat::Mermaid => Ok(Picture::default().mermaid(&paths)),
    }
}

/// The next packet of an open connection, after a silence or in another cluster.
fn later(arguments: &args::TraceArguments) -> Result<String, Failure> {
    let seed = arguments.seed;
    let (world, flow) = world(&arguments.flow)?;
    let mut state = State::default();
    let opened = world.open(&flow, seed, &mut state).map_err(|error| refused(&world, &flow, &error))?;
    state.wait(arguments.idle.unwrap_or_default());
    let after = match arguments.then.as_slice() {
        [] => None,
        files => Some(input::world(files)?),
    };
    let after = after.as_ref().unwrap_or(&world);
    let paths = after.later(&opened, &state).map_err(|error| refused(after, &flow, &error))?;
    match arguments.flow.output {
        OutputFormat::Json => output::json(&output::Later {
            seed,
            idle: arguments.idle.unwrap_or_default(),
            opened: &opened.answer,
            later: &paths,
        }),
        OutputFormat::Text => Ok(text::later(&opened.answer, &paths, arguments.idle.unwrap_or_default())),
        OutputFormat::Svg => Ok(Picture::default().svg(after, Some(&paths))),
        OutputFormat::Mermaid => Ok(Picture::default().mermaid(&paths)),
    }
}

/// Near misses, for the formats that show them.
fn explain(world: &World, flow: &Flow, paths: &mut Paths, format: OutputFormat) -> Result<(), Failure> {
    match format {
        OutputFormat::Json | OutputFormat::Text => {
            world.explain_paths(flow, paths).map_err(|error| refused(world, flow, &error))
        }
        OutputFormat::Svg | OutputFormat::Mermaid => Ok(()),
    }
}

fn sample(arguments: &args::RunArguments) -> Result<String, Failure> {
    let args::RunArguments { flow: asked, requests, seed, interval, hold } = arguments;
    let limits = [("--hold", hold.is_some(), MOST_HELD), ("--interval", *interval > 0, MOST_SPACED)];
    if let Some((option, _, most)) = limits.iter().find(|(_, set, most)| *set && requests > most) {
        return Err(Failure::new(
            format!("{option}: {requests} connections one after the other are too many"),
            format!("at most {most} with {option}"),
        ));
    }
    let (world, flow) = world(asked)?;
    let run = match hold {
        Some(hold) => world.run_held(&flow, (*requests, *interval), *hold, *seed),
        None => world.run_every(&flow, *requests, *seed, *interval),
    };
    let run = run.map_err(|error| refused(&world, &flow, &error))?;
    match asked.output {
        OutputFormat::Json => output::json(&run),
        OutputFormat::Text => Ok(text::run(&run)),
        OutputFormat::Svg | OutputFormat::Mermaid => Err(no_picture()),
    }
}

fn world(arguments: &FlowArguments) -> Result<(World, Flow), Failure> {
    let flow = arguments.flow()?;
    let world = input::world(&arguments.files)?;
    if let Some(via) = &arguments.via {
        node_exists(&world, via, "--via")?;
    }
    Ok((rules::given(world, arguments)?, flow))
}

fn node_exists(world: &World, name: &str, option: &str) -> Result<(), Failure> {
    let nodes = &world.model().nodes;
    if nodes.contains_key(name) {
        return Ok(());
    }
    let known = nodes.keys().map(NodeName::as_str);
    Err(Failure::new(format!("{option}: there is no node {name}"), output::choices("nodes", known)))
}

/// Whether a node is there and has rules of a Linux kernel.
fn has_rules(world: &World, name: &str, option: &str) -> Result<(), Failure> {
    node_exists(world, name, option)?;
    if world.model().nodes.get(name).is_none_or(|node| !node.is_windows()) {
        return Ok(());
    }
    let linux = world.model().nodes.iter().filter(|(_, node)| !node.is_windows());
    Err(Failure::new(
        format!(
            "{option}: {name} runs Windows, which has no iptables: kube-proxy programs the Host Networking Service there (`Get-HnsPolicyList`)"
        ),
        output::choices("Linux nodes", linux.map(|(name, _)| name.as_str())),
    ))
}

/// What there is of the kind of a place that is not there.
fn instead_of(model: &Model, place: &Place) -> Option<String> {
    let choices = |what, names: Vec<String>| Some(output::choices(what, names.iter().map(String::as_str)));
    match place {
        Place::Service(key) if !model.services.contains_key(key) => {
            choices("Services", model.services.keys().map(|key| format!("svc/{key}")).collect())
        }
        Place::Pod(key) if !model.pods.contains_key(key) => {
            choices("pods", model.pods.keys().map(|key| format!("pod/{key}")).collect())
        }
        Place::Node(name) if !model.nodes.contains_key(name) => {
            choices("nodes", model.nodes.keys().map(ToString::to_string).collect())
        }
        _ => None,
    }
}

/// A flow that cannot be asked about, with what there is instead.
fn refused(world: &World, flow: &Flow, error: &FlowError) -> Failure {
    let model: &Model = world.model();
    let hint = match error {
        FlowError::NotFound(_) => {
            let instead = [&flow.from, &flow.to].into_iter().find_map(|place| instead_of(model, place));
            instead.unwrap_or_else(|| {
                "an end is IP, pod/NAMESPACE/NAME, node/NAME, vm/NAME or svc/NAMESPACE/NAME".to_owned()
            })
        }
        FlowError::NoExternalAddress(_, why) => match why {
            Unexposed::ClusterIp => "ask from inside (--from pod/… or node/…), or give it type LoadBalancer",
            Unexposed::NodePort(_) => "ask for a node: --to node/NAME:NODEPORT",
            Unexposed::OtherClass(_) => {
                "ask from inside (--from pod/… or node/…), or for a node: --to node/NAME:NODEPORT"
            }
            Unexposed::Refused(_) => {
                "its EXTERNAL-IP stays <pending> while the controller tries again: mend the Service, or what it names in Azure"
            }
        }
        .to_owned(),
        FlowError::NoAddress(_) => "give it an address in the input, or name another end".to_owned(),
        FlowError::MixedFamilies(..) => "both ends must have IPv4 addresses, or both IPv6".to_owned(),
        FlowError::ViaNotChosen(_) => "leave --via out to see which nodes it picks".to_owned(),
    };
    Failure::new(error.to_string(), hint)
}

fn no_picture() -> Failure {
    Failure::new(
        "-o: a run is counts, and has no picture",
        "use -o text or -o json, or `hopscope paths` for a picture of the exact shares",
    )
}
