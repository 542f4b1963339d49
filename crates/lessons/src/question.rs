//! Questions: the options are made, and the right ones known, by asking the engine.

use crate::{
    Expect, LessonError, Posed, PosedOption,
    expect::{arrives_as, probes, shares},
};
use engine::{Endpoint, Flow, Paths, Verdict, World};
use model::kubernetes::AddressKind;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

/// What the learner predicts before the reveal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// The question, one sentence.
    pub prompt: String,
    /// What it is about.
    pub about: About,
    /// The receiver whose share is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// The options of `about: choice`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
}

/// What a question is about; decides how its options are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum About {
    /// Who can answer: several may be right.
    Receivers,
    /// What becomes of the flow.
    Verdict,
    /// Which share of connections a receiver gets.
    Share,
    /// Whose address the receiver sees as the source.
    Source,
    /// To which address and port the packet is addressed when it enters the node.
    ArrivesAs,
    /// Which nodes the health probe has up: several may be right.
    Probes,
    /// The given choices.
    Choice,
}

/// One of the given choices. It is right if, and only if, what it says holds in the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Choice {
    /// The text.
    pub text: String,
    /// What must hold for it to be right.
    pub holds: Expect,
}

impl Question {
    /// Makes the options and finds out which are right.
    ///
    /// # Errors
    /// The question needs a flow and there is none, or names no receiver where it must.
    pub fn pose(&self, world: &World, answer: Option<(&Flow, &Paths)>) -> Result<Posed, LessonError> {
        let flow = || answer.ok_or(LessonError::NoFlow);
        let options = match self.about {
            About::Receivers => {
                let (flow, paths) = flow()?;
                receivers(world, flow, paths)?
            }
            About::Verdict => verdicts(flow()?.1),
            About::Share => of_share(flow()?.1, self.of.as_deref().ok_or(LessonError::NoReceiver)?),
            About::Source => sources(world, flow()?.1),
            About::ArrivesAs => arrivals(world, flow()?.1),
            About::Probes => {
                let states = probes(world, flow()?.1);
                let mut options: Vec<_> =
                    states.iter().map(|(node, up)| option(node.to_string(), *up)).collect();
                options.push(option("None of them".to_owned(), states.values().all(|up| !up)));
                options
            }
            About::Choice => {
                let holds = |choice: &Choice| {
                    choice.holds.mismatches(world, answer.map(|(_, paths)| paths)).is_empty()
                };
                self.choices.iter().map(|choice| option(choice.text.clone(), holds(choice))).collect()
            }
        };
        let several = matches!(self.about, About::Receivers | About::Probes);
        Ok(Posed { prompt: self.prompt.clone(), several, options })
    }
}

fn option(text: String, right: bool) -> PosedOption {
    PosedOption { text, right }
}

/// Everyone who gets something, and ready endpoints that get nothing.
fn receivers(world: &World, flow: &Flow, paths: &Paths) -> Result<Vec<PosedOption>, LessonError> {
    let run = world.run(flow, 1, 1).map_err(LessonError::Flow)?;
    let shares = shares(paths);
    let names: BTreeSet<String> =
        order::set(run.rows.iter().filter_map(|row| row.endpoint.as_ref()).map(Endpoint::to_string));
    let gets = |name: &String| shares.get(name).is_some_and(|share| *share > 0.0);
    let nobody = !names.iter().any(gets);
    let mut options: Vec<_> = names.iter().map(|name| option(name.clone(), gets(name))).collect();
    options.push(option("Nobody".to_owned(), nobody));
    Ok(options)
}

fn verdicts(paths: &Paths) -> Vec<PosedOption> {
    let is = |verdict| paths.outcomes.iter().all(|outcome| outcome.verdict == verdict);
    let some = |verdict| paths.outcomes.iter().any(|outcome| outcome.verdict == verdict);
    let mut options: Vec<_> = [
        (Verdict::Delivered, "It arrives, and the answer comes back"),
        (Verdict::Refused, "Refused: nothing listens there, and the kernel says so at once"),
        (Verdict::Rejected, "Rejected: a firewall rule answers with an error"),
        (Verdict::Dropped, "Dropped in silence: the client waits until it times out"),
        (Verdict::Unreachable, "Unreachable: no route leads there, or the address is nobody’s"),
    ]
    .into_iter()
    .map(|(verdict, text)| option(text.to_owned(), is(verdict)))
    .collect();
    let mixed = some(Verdict::Delivered) && !is(Verdict::Delivered);
    options.push(option("It depends: some connections arrive, others do not".to_owned(), mixed));
    options
}

/// Fractions worth offering, and the true one.
fn of_share(paths: &Paths, receiver: &str) -> Vec<PosedOption> {
    let truth = shares(paths).get(receiver).copied().unwrap_or_default();
    let near = |share: f64| (share - truth).abs() < 1e-6;
    let mut offered: Vec<(f64, String)> = vec![
        (0.0, "nothing".into()),
        (1.0 / 6.0, "1/6".into()),
        (0.25, "1/4".into()),
        (1.0 / 3.0, "1/3".into()),
        (0.5, "1/2".into()),
        (2.0 / 3.0, "2/3".into()),
        (1.0, "all of it".into()),
    ];
    if !offered.iter().any(|(share, _)| near(*share)) {
        offered.push((truth, format!("{:.1} %", truth * 100.0)));
        order::sort_by(&mut offered, |a, b| a.0.total_cmp(&b.0));
    }
    offered.into_iter().map(|(share, text)| option(text, near(share))).collect()
}

/// Whose address the receiver may see.
fn sources(world: &World, paths: &Paths) -> Vec<PosedOption> {
    let seen: BTreeSet<IpAddr> = order::set(paths.outcomes.iter().filter_map(|outcome| outcome.source_seen));
    let nodes = node_addresses(world);
    let (source, destination) = (paths.flow.source, paths.flow.destination);
    let all = |holds: &dyn Fn(&IpAddr) -> bool| !seen.is_empty() && seen.iter().all(holds);
    let is_source = all(&|ip| *ip == source);
    let mut options = vec![
        option(format!("The sender’s own: {source}"), is_source),
        option(
            "That of the node that the packet entered first".to_owned(),
            !is_source && all(&|ip| nodes.contains(ip)),
        ),
    ];
    // A node may be what was called: it would be offered twice.
    if !nodes.contains(&destination) {
        let called = all(&|ip| *ip == destination);
        options.push(option(format!("The address that was called: {destination}"), called));
    }
    let other = !options.iter().any(|option| option.right) && !seen.is_empty();
    options.push(option("None of these".to_owned(), other));
    options
}

/// How the packet may be addressed at the node's door.
fn arrivals(world: &World, paths: &Paths) -> Vec<PosedOption> {
    let truth: BTreeSet<SocketAddr> = order::set(paths.outcomes.iter().filter_map(arrives_as));
    let nodes = node_addresses(world);
    let (called, port) = (paths.flow.destination, paths.flow.port);
    let all = |holds: &dyn Fn(&SocketAddr) -> bool| !truth.is_empty() && truth.iter().all(holds);
    let at_node = |socket: &SocketAddr| nodes.contains(&socket.ip());
    vec![
        option(
            format!("{}, as the client wrote it", SocketAddr::new(called, port)),
            all(&|socket| *socket == SocketAddr::new(called, port)),
        ),
        option(
            format!("NodeIP:{port}"),
            all(&|socket| at_node(socket) && socket.port() == port && socket.ip() != called),
        ),
        option("NodeIP:NodePort".to_owned(), all(&|socket| at_node(socket) && socket.port() != port)),
        option("PodIP:targetPort".to_owned(), all(&|socket| !at_node(socket) && socket.ip() != called)),
        option("It never enters a node".to_owned(), truth.is_empty()),
    ]
}

fn node_addresses(world: &World) -> BTreeSet<IpAddr> {
    let nodes = world.model().nodes.values();
    let addresses = nodes.flat_map(|node| &node.status.addresses);
    let internal = addresses.filter(|address| address.kind == AddressKind::InternalIP);
    order::set(internal.filter_map(|address| address.address.parse().ok()))
}
