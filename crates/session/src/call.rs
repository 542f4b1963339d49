//! The calls and the types of their answers.

use crate::drift::{Drifted, triggers};
use engine::{BackendPoolName, Flow, MOST_TOLD, MatrixQuestion, Paths, Plan, ProbeState, Run, World};
use model::{Edit, Key, Model, NodeName, ObjectRef, azure::Probe, kubernetes::IpFamily};
use render::{LoadBalancerView, Options, Probed, svg::Theme};
use wire::Wire;

/// The number under which a settled cluster is kept. The page chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Wire)]
pub struct WorldId(pub u32);

/// A flow in a cluster.
pub type Asked = (WorldId, Flow);

/// What becomes of a flow, or why the flow cannot be asked about.
pub type Answer = Result<Answered, String>;

/// What becomes of a flow.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Answered {
    /// The branches, those that are alike folded where there are many: the first of them where a large Service has
    /// hundreds.
    pub paths: Paths,
    /// How many branches there are beside those.
    pub left: usize,
    /// The branch that one connection takes, drawn from all of them; where it is none of the first, it is the last here.
    pub drawn: usize,
    /// A sampled run, with the exact shares of every receiver.
    pub run: Run,
}

impl Answered {
    pub(crate) fn of(paths: &Paths, drawn: usize, run: Run) -> Self {
        let told = paths.outcomes.get(..MOST_TOLD).unwrap_or(&paths.outcomes);
        let left = paths.outcomes.len() - told.len();
        let paths = Paths {
            outcomes: told.to_vec(),
            flow: paths.flow.clone(),
            assumptions: paths.assumptions.clone(),
        };
        Self { paths, left, drawn, run }
    }
}

/// What the page asks; the types of the answers stand with the variants. Both pass as [`Wire`].
#[derive(Debug, Clone, PartialEq, Wire)]
pub enum Call {
    /// Settle a cluster and keep it under this number. `Model`, settled.
    New(WorldId, Box<Model>),
    /// The same for a large cluster, of which most is as it was written and need not pass. [`crate::SettledChange`], of the input.
    Settle(WorldId, Box<Model>),
    /// Settle what an edit makes of the input of a kept cluster, and keep that too. [`crate::SettledChange`].
    Update {
        /// The kept cluster.
        from: WorldId,
        /// The number of the new one.
        to: WorldId,
        /// The edit; `None` changes nothing.
        edit: Option<Edit>,
    },
    /// Keep a cluster no longer. `()`.
    Forget(WorldId),
    /// Do all that an edit asks, about this flow, and forget it: a browser compiles what is called for the first time. `()`.
    Rehearse(WorldId, Flow),
    /// What becomes of a flow? [`Answer`].
    Ask {
        /// The cluster.
        world: WorldId,
        /// The flow.
        flow: Flow,
        /// Connections of the sampled run.
        requests: u64,
        /// The seed of the sampled run.
        seed: u64,
    },
    /// What does an edit bring with it? `Result<Planned, String>`, or why it is refused.
    Plan(WorldId, Edit),
    /// How is a branch drawn? `Scene`.
    Picture {
        /// The cluster.
        world: WorldId,
        /// The flow; `None` draws the cluster alone.
        flow: Option<Flow>,
        /// The branch, as an index into the outcomes.
        outcome: usize,
        /// Whether the way back is drawn.
        reply: bool,
        /// The shape of the picture.
        options: Options,
    },
    /// How does a branch read elsewhere? `Option<String>`; `None` if there is no such branch.
    Export {
        /// The flow.
        asked: Asked,
        /// The branch, as an index into the outcomes.
        outcome: usize,
        /// Whether the way back is drawn.
        reply: bool,
        /// What it becomes.
        export: Export,
    },
    /// What follows from an edit? `Vec<Stage>`, in the order in which it happens.
    Consequences {
        /// The cluster before it.
        before: WorldId,
        /// The cluster after it.
        after: WorldId,
        /// Flows that are asked about in both.
        flows: Vec<Flow>,
    },
    /// What can be done about uneven shares of a Service? `Vec<Remedy>`.
    Remedies(WorldId, Key),
    /// What has a node, as the tools of kube-proxy's mode print it? `Option<String>`; `None` if kube-proxy does not run.
    Rules {
        /// The cluster.
        world: WorldId,
        /// The node.
        node: NodeName,
        /// The family of the rules.
        family: IpFamily,
    },
    /// Keep a kept cluster with a real node's rules in place of the generated ones, or with the generated ones again.
    /// `Result<usize, String>`: how many lines have no model, or why nothing is kept.
    GiveRules {
        /// The kept cluster.
        from: WorldId,
        /// The number of the new one.
        to: WorldId,
        /// The node.
        node: NodeName,
        /// What `iptables-save` printed there; `None` takes away what was given.
        text: Option<String>,
    },
    /// What does kube-proxy write on a node when a cluster becomes another? `Option<`[`crate::Written`]`>`; `None` if the node is
    /// not in both, or kube-proxy does not write rules of iptables there.
    Rewrites {
        /// The cluster before.
        before: WorldId,
        /// The cluster after.
        after: WorldId,
        /// The node.
        node: NodeName,
        /// The family of the rules.
        family: IpFamily,
    },
    /// Who could be asked about whom? [`Everything`].
    Everything {
        /// The cluster.
        world: WorldId,
        /// Clients that are asked at most.
        clients: usize,
        /// Targets that are asked at most.
        targets: usize,
    },
    /// Who reaches whom? `Matrix`.
    Matrix(WorldId, MatrixQuestion),
    /// What do the load balancers look like? [`Balancers`].
    Balancers(WorldId),
    /// What does the document of an object of Azure say that only the controllers have written? `Option<Object>`.
    Document(WorldId, ObjectRef),
    /// What is done in Azure to take a node's NIC out of a backend pool, into one, or from one to another?
    /// `Result<Edit, String>`, or why it is refused.
    MoveMember {
        /// The cluster.
        world: WorldId,
        /// The node.
        node: NodeName,
        /// The pool that it leaves.
        from: Option<BackendPool>,
        /// The pool that it joins.
        to: Option<BackendPool>,
    },
    /// What does the network around the nodes look like? [`crate::Network`].
    Network {
        /// The cluster.
        world: WorldId,
        /// Nodes whose way out is told at most.
        nodes: usize,
    },
}

/// A backend pool of a load balancer.
#[derive(Debug, Clone, PartialEq, Eq, Wire)]
pub struct BackendPool {
    /// The load balancer.
    pub balancer: String,
    /// The pool.
    pub pool: String,
}

impl BackendPool {
    pub(crate) fn name(&self) -> BackendPoolName<'_> {
        BackendPoolName { balancer: &self.balancer, pool: &self.pool }
    }
}

/// An edit with all that it brings with it.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Planned {
    /// The whole edit.
    pub edit: Edit,
    /// What is worth telling about it, each a sentence.
    pub notes: Vec<String>,
}

impl From<Plan> for Planned {
    fn from(plan: Plan) -> Self {
        Self { edit: plan.edit, notes: plan.notes.iter().map(ToString::to_string).collect() }
    }
}

/// What a branch is made into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Wire)]
pub enum Export {
    /// Every step as text.
    Trace,
    /// A Mermaid sequence diagram.
    Sequence,
    /// A Mermaid flowchart of every branch.
    Flowchart,
    /// The picture.
    Svg(Theme),
}

/// Who is asked about whom.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Everything {
    /// What is asked.
    pub question: MatrixQuestion,
    /// Who has the address of each client that is one: [`World::whose`].
    pub whose: Vec<Option<String>>,
    /// Clients and targets beside those that are asked.
    pub left: (usize, usize),
}

impl Everything {
    pub(crate) fn of(world: &World, clients: usize, targets: usize) -> Self {
        let mut question = world.everything();
        let left =
            (question.clients.len().saturating_sub(clients), question.targets.len().saturating_sub(targets));
        question.clients.truncate(clients);
        question.targets.truncate(targets);
        let whose = question.clients.iter().map(|client| world.whose(client)).collect();
        Self { question, whose, left }
    }
}

/// The load balancers of a cluster.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct Balancers {
    /// Each, in name order.
    pub views: Vec<BalancerView>,
    /// What the cloud controller refused, and why.
    pub refused: Vec<String>,
    /// What makes the cloud controller reconcile, and what does not.
    pub triggers: Vec<String>,
}

/// A load balancer, with what its probes hear.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct BalancerView {
    /// The resource and its members.
    pub view: LoadBalancerView,
    /// Of each probe of the resource, in its order.
    pub probes: Vec<ProbedMembers>,
    /// Where the input has it, and the controllers would write it otherwise.
    pub drift: Option<Drifted>,
}

/// The members that a probe asks.
#[derive(Debug, Clone, PartialEq, Wire)]
pub struct ProbedMembers {
    /// The first of them, each with the probe's last word.
    pub members: Vec<(String, ProbeState)>,
    /// How many more there are.
    pub more: usize,
}

/// Members whose states are told of one probe.
const MOST_STATES: usize = 50;

impl Balancers {
    pub(crate) fn of(world: &World) -> Self {
        let drifts = world.drifts();
        let views = render::load_balancers(world, Probed::All).into_iter().map(|view| {
            let name = &view.resource.name;
            let probes = view.resource.probes.iter().map(|probe| probed(world, name, probe)).collect();
            let drift = drifts.iter().find(|drift| drift.balancer == *name);
            let drift = drift.map(|drift| Drifted::of(world, drift));
            BalancerView { view, probes, drift }
        });
        let refused = world.cloud().refused().iter().map(ToString::to_string);
        Self { views: views.collect(), refused: refused.collect(), triggers: triggers() }
    }
}

/// The probe's last word on each member of the pools of its rules.
fn probed(world: &World, balancer: &str, probe: &Probe) -> ProbedMembers {
    let frontends = world.cloud().balancer(balancer).into_iter().flat_map(|balancer| &balancer.frontends);
    let rule = frontends
        .flat_map(|frontend| &frontend.rules)
        .find(|rule| rule.probe.as_ref().is_some_and(|one| one.name == probe.name));
    let pool = rule.and_then(|rule| world.cloud().pool(balancer, &rule.pool));
    let members = pool.map(|pool| pool.members.as_slice()).unwrap_or_default();
    let state = |member: &std::sync::Arc<azure::Member>| {
        (member.label().to_string(), world.probe_state(Some(probe), member))
    };
    ProbedMembers {
        members: members.iter().take(MOST_STATES).map(state).collect(),
        more: members.len().saturating_sub(MOST_STATES),
    }
}
