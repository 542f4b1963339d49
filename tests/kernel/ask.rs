//! Asks the engine what becomes of each flow of a topology.

use crate::{
    compare::{Expected, is_decided_by_azure},
    flows::Case,
    lab::{Frontend, LabError},
    plan::node_name,
    run::{Clients, Trial},
    topologies::Topology,
};
use engine::{Paths, World};
use std::{collections::BTreeSet, net::SocketAddr};

/// The trials of a topology with what the engine expects of each, and the names of flows that Azure decides.
pub(crate) fn trials(topology: &Topology, world: &World) -> Result<(Vec<Trial>, Vec<String>), LabError> {
    let (mut trials, mut azure) = (Vec::new(), Vec::new());
    for question in &topology.questions {
        for case in question.cases(world)? {
            let paths = world.paths(&case.flow).map_err(|error| format!("{}: {error}", case.name))?;
            if is_decided_by_azure(&paths) {
                azure.push(case.name);
            } else {
                trials.push(trial(topology, case, &paths));
            }
        }
    }
    Ok((trials, azure))
}

fn trial(topology: &Topology, case: Case, paths: &Paths) -> Trial {
    let clients = match (topology.sticky, case.from.len()) {
        (false, _) => Clients::AsNeeded,
        (true, 0 | 1) => Clients::Sticky,
        (true, _) => Clients::StickyAtEach,
    };
    Trial {
        transport: case.transport(),
        frontend: frontend(&case, paths),
        name: case.name,
        host: case.host,
        from: case.from,
        to: SocketAddr::new(case.to, case.flow.port),
        expected: Expected::of(paths),
        clients,
    }
}

/// What the load balancer does with the address, if it answers for it: it picks the node that the flow is
/// conditioned on, else spreads over every node that the engine sees the flow enter by.
fn frontend(case: &Case, paths: &Paths) -> Option<Frontend> {
    if !case.is_frontend {
        return None;
    }
    if let Some(node) = &case.flow.via {
        return Some(Frontend::Picks(case.to, node_name(node.as_str())));
    }
    let entered: BTreeSet<_> = paths.outcomes.iter().filter_map(|outcome| outcome.node.as_ref()).collect();
    let nodes: Vec<_> = entered.into_iter().map(|node| node_name(node.as_str())).collect();
    (!nodes.is_empty()).then_some(Frontend::Spreads(case.to, nodes))
}
