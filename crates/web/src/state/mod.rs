//! The one store of the page: what is shown, and every way to change it.

pub(crate) mod answer;
pub(crate) mod compare;
pub(crate) mod describe;
pub(crate) mod facts;
mod given;
pub(crate) mod guide;
mod history;
pub(crate) mod link;
pub(crate) mod objects;
mod reduce;
mod rehearsed;
pub(crate) mod stories;
mod watch;
mod work;

pub(crate) use answer::{Answer, Unanswered};
pub(crate) use compare::Variant;
pub(crate) use given::RealRules;
pub(crate) use history::History;
pub(crate) use watch::{Trend, Watched};

use crate::engineroom::EngineroomError;
use crate::presets::{PRESETS, Preset};
use crate::ptr::Ptr;
use crate::world::{self, World};
use engine::{Flow, Stage};
use formats::Link;
use history::Origin;
use model::{Edit, Model, ObjectRef};
use render::Format;
use session::BackendPool;
use std::{cell::OnceCell, rc::Rc};
use yew::AttrValue;

/// How panels change the store.
pub(crate) type Dispatch = yew::UseReducerDispatcher<State>;

/// Everything that the page shows.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// What the cluster began as.
    pub(crate) origin: Origin,
    /// The cluster as its author wrote it, with the edits.
    pub(crate) model: Ptr<Model>,
    /// The settled cluster.
    pub(crate) world: Ptr<World>,
    /// An edit that is likely to be made next, with its outcome.
    rehearsed: Option<Rc<rehearsed::Rehearsed>>,
    /// What was asked for before the engine was here, or while it was at work.
    pub(crate) waiting: Vec<Action>,
    /// The first of that is worked on, in the worker.
    pub(crate) working: bool,
    /// What would have been told of the watched flows after the last edit was cancelled.
    pub(crate) unfollowed: bool,
    /// What can be undone.
    pub(crate) history: Rc<History>,
    /// The object in the inspector; `None` is the cluster.
    pub(crate) selection: Option<ObjectRef>,
    /// Who talks to whom.
    pub(crate) flow: Rc<Flow>,
    /// What the engine says about it.
    pub(crate) answer: Ptr<Answer>,
    /// The branch that is drawn, as an index into the outcomes.
    pub(crate) outcome: usize,
    /// Whether the way back is drawn.
    pub(crate) reply: bool,
    /// The step that is lit, on the way that is drawn.
    pub(crate) highlight: Option<usize>,
    /// The seed of the sampled run.
    pub(crate) seed: u64,
    /// Flows that are compared after each edit.
    pub(crate) watched: Ptr<Vec<Watched>>,
    /// They were not asked about since the last edit.
    behind: bool,
    /// The last edit, and the cluster before it.
    pub(crate) changed: Option<Ptr<Changed>>,
    /// What the cluster is compared with.
    pub(crate) compare: Option<Ptr<Variant>>,
    /// The open tab of the dock.
    pub(crate) tab: Tab,
    /// The node whose rules are shown; `None` is the one that the drawn branch passes.
    pub(crate) rules_node: Option<model::NodeName>,
    /// What is searched for in the rules.
    pub(crate) rules_search: AttrValue,
    /// What `iptables-save` printed on real nodes: packets go by it there.
    pub(crate) real_rules: RealRules,
    /// The open dialog.
    pub(crate) dialog: Option<Dialog>,
    /// What the person must read.
    pub(crate) message: Option<Message>,
    /// Dark (true) or light, if the person chose.
    pub(crate) dark: Option<bool>,
    /// What is said to screen readers. The number makes equal sentences distinct.
    pub(crate) announcement: (u32, AttrValue),
    /// What the rail shows: a story, a lesson, a question.
    pub(crate) guide: guide::Guide,
}

/// An edit that was made, for telling what followed from it.
#[derive(Debug)]
pub(crate) struct Changed {
    /// What was done, for a person.
    pub(crate) label: String,
    /// What is worth telling beside the differences.
    pub(crate) notes: Vec<String>,
    /// The settled cluster before, and after.
    worlds: [Ptr<World>; 2],
    /// Flows that are asked about in both.
    flows: Vec<Flow>,
    stages: OnceCell<Vec<Stage>>,
}

impl Changed {
    /// The settled cluster before.
    pub(crate) fn before(&self) -> &World {
        let [before, _] = &self.worlds;
        before
    }

    /// What followed, in the order in which it happened; asked for when somebody first reads it. `None` where the
    /// engine has yet to tell.
    pub(crate) fn stages(&self) -> Option<&[Stage]> {
        let [before, after] = &self.worlds;
        if self.stages.get().is_none() {
            // It was not there a moment ago.
            let _ = self.stages.set(before.consequences(after, self.flows.clone())?);
        }
        self.stages.get().map(Vec::as_slice)
    }
}

/// Everything that can happen.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Change the cluster.
    Edit(Edit),
    /// Somebody is about to change the cluster so, and sees a picture of this shape.
    Rehearse(Edit, Format),
    /// Change the cluster in several ways as one step of history with a name.
    Named(String, Edit),
    /// Bring the cluster to a state that is known, whatever the controllers would make of it, by this edit.
    Restore(String, Edit),
    /// Take the last edit back.
    Undo,
    /// Do the edit again that was taken back last.
    Redo,
    /// Go to the state after so many edits of the history.
    Travel(usize),
    /// Compare a flow after each edit from now on.
    Watch(Rc<Flow>),
    /// Ask about the watched flows after an edit, and say what it did.
    FollowEdit,
    /// No longer watch the flow at this place in the list.
    Unwatch(usize),
    /// Show an object in the inspector.
    Select(Option<ObjectRef>),
    /// Ask about a flow and draw one sampled branch.
    Send(Flow),
    /// Ask about a flow and sample a hundred connections.
    Run(Flow),
    /// Ask about the flow that the cluster is opened with.
    AskFirst,
    /// Draw a branch.
    ChooseOutcome(usize),
    /// Draw the way there or the way back.
    DrawReply(bool),
    /// Light a step.
    Highlight(Option<usize>),
    /// Compare with a variant, or end the comparison.
    Compare(Option<compare::Baseline>),
    /// From light to dark, or back.
    ToggleTheme,
    /// Open a tab of the dock.
    OpenTab(Tab),
    /// Show the rules of a node.
    ShowRules(model::NodeName),
    /// Show the rules that name something, on the node that the drawn branch passes.
    FindRules(AttrValue),
    /// Let packets go by the rules that a real node has, or no longer.
    GiveRules(model::NodeName, Option<AttrValue>),
    /// Start over with a preset.
    OpenPreset(&'static Preset),
    /// Start over with an imported cluster.
    Open(Box<Model>),
    /// Start over with what a share link holds, or tell why it was refused.
    OpenLink(Result<Link, String>),
    /// Open a dialog, or close it.
    Show(Option<Dialog>),
    /// Say something to everyone, or take it away.
    Tell(Option<Message>),
    /// Say something to screen readers.
    Announce(String),
    /// Take a node's NIC out of a backend pool, into one, or from one to another; the name of that first.
    MoveMember(String, model::NodeName, [Option<BackendPool>; 2]),
    /// The engine is here, or why it is not.
    EngineCame(Result<(), EngineroomError>),
    /// The worker answered.
    Answered,
    /// The worker was ended, or failed and why: what it did, and what waited, is not done.
    Stopped(Option<String>),
    /// Something happens in the rail.
    Guide(guide::Turn),
}

/// Tabs of the dock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tab {
    /// Every step of the drawn branch.
    Trace,
    /// Who gets how much.
    Shares,
    /// What the last edit brought about.
    Changes,
    /// A node's iptables rules.
    Rules,
    /// Frontends, rules, pools and probes.
    LoadBalancer,
    /// Security groups, routes, ways out.
    Network,
    /// Who reaches whom.
    Matrix,
}

impl Tab {
    /// Every tab in order, with its name.
    pub(crate) const ALL: [(Self, &'static str); 7] = [
        (Self::Trace, "Trace"),
        (Self::Shares, "Shares"),
        (Self::Changes, "Changes"),
        (Self::Rules, "Rules"),
        (Self::LoadBalancer, "Load balancer"),
        (Self::Network, "Network"),
        (Self::Matrix, "Matrix"),
    ];
}

/// Dialogs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Dialog {
    /// Paste or choose files.
    Open,
    /// Read what was dropped or pasted on the page.
    Brought(Rc<Brought>),
    /// A link, and files.
    Share,
    /// A figure for another page.
    Embed,
    /// A new object.
    Add,
    /// What was done.
    History,
    /// Every action by name.
    Palette,
    /// Keyboard shortcuts, version, assumptions.
    Help,
}

/// What a person brought to the page without opening a dialog.
#[derive(Debug, PartialEq)]
pub(crate) enum Brought {
    /// Files, dropped.
    Files(Vec<web_sys::File>),
    /// Text, pasted.
    Text(String),
}

/// A message for everyone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// Something was refused.
    pub(crate) error: bool,
    /// What the person reads.
    pub(crate) text: AttrValue,
    /// The link of a state that is offered.
    pub(crate) restore: Option<AttrValue>,
}

impl Message {
    /// Something was refused.
    pub(crate) fn error(text: impl Into<AttrValue>) -> Self {
        Self { error: true, text: text.into(), restore: None }
    }

    /// Something was done.
    pub(crate) fn note(text: impl Into<AttrValue>) -> Self {
        Self { error: false, text: text.into(), restore: None }
    }

    /// An earlier state is offered.
    pub(crate) fn restore(link: String) -> Self {
        let text = "Your cluster of the last visit is still here.";
        Self { error: false, text: text.into(), restore: Some(link.into()) }
    }
}

impl State {
    /// The page's first state: what the link in the address holds, else the first preset.
    pub(crate) fn begin(link: Option<&Result<Link, String>>) -> Self {
        let Some(link) = link else { return Self::first() };
        match world::attempt(|| Self::of_link(link)) {
            Some(Ok(state)) => state,
            Some(Err(message)) => Self { message: Some(message), ..Self::first() },
            // A large cluster takes its time.
            None => Self { waiting: vec![Action::OpenLink(link.clone())], working: true, ..Self::first() },
        }
    }

    /// The first preset.
    pub(crate) fn first() -> Self {
        let preset = PRESETS.first();
        Self::new(preset, preset.map(Preset::model).unwrap_or_default())
    }

    /// The state that a link leads to, or why it does not.
    fn of_link(link: &Result<Link, String>) -> Result<Self, Message> {
        let refused = |why: &dyn std::fmt::Display| Message::error(format!("The link was not opened: {why}"));
        let link = link.as_ref().map_err(|error| refused(error))?;
        let (preset, model, flow) = link::open(link).map_err(|error| refused(&error))?;
        let mut state = Self::new(preset, model);
        if let Some(preset) = preset {
            state.origin.model = Ptr::new(preset.model());
        }
        state.flow = Rc::new(flow);
        state.answer = Ptr::new(Answer::of(&state.world, &state.flow, state.seed));
        Ok(state)
    }

    /// A cluster as it is opened.
    fn new(preset: Option<&'static Preset>, model: Model) -> Self {
        let world = World::new(&model);
        let flow = Rc::new(session::first_flow(world.model()));
        let seed = session::SEED;
        let answer = Ptr::new(Answer::of(&world, &flow, seed));
        let watched = watch::first(&answer, world.model());
        let selection = match &flow.to {
            engine::Place::Service(key) => Some(ObjectRef::namespaced(model::Kind::Service, key)),
            _ => None,
        };
        let model = Ptr::new(model);
        Self {
            origin: Origin { preset, model: model.clone() },
            model,
            world: Ptr::new(world),
            rehearsed: None,
            waiting: Vec::new(),
            working: false,
            unfollowed: false,
            history: Rc::default(),
            selection,
            flow,
            answer,
            outcome: 0,
            reply: false,
            highlight: None,
            seed,
            watched: Ptr::new(watched),
            behind: false,
            changed: None,
            compare: None,
            tab: Tab::Trace,
            rules_node: None,
            rules_search: AttrValue::default(),
            real_rules: RealRules::default(),
            dialog: None,
            message: None,
            dark: None,
            announcement: (0, AttrValue::default()),
            guide: guide::Guide::default(),
        }
    }
}
