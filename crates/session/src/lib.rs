//! What the page asks of the engine, and the clusters that the engine keeps for it.
//!
//! The page is two wasms. The first draws; the second computes, and keeps each settled cluster under a number. A
//! [`Call`] goes there and an answer comes back, both in the wire form, so that the first wasm holds the types of
//! the engine but none of its code. [`opening`] makes the calls with which a cluster is opened, with their
//! answers, so that the build can leave those of the first example in the page.

mod call;
mod drift;
mod network;
mod opening;
mod settled;
mod written;

pub use call::{
    Answer, Answered, Asked, BackendPool, BalancerView, Balancers, Call, Everything, Export, Planned,
    ProbedMembers, WorldId,
};
pub use drift::{Drifted, Drifting};
pub use network::{Network, NodeWay, PoolPorts, SecurityRules, SystemRoute, SystemRoutes};
pub use opening::{REQUESTS, SEED, first_flow, first_service, opening, watched_flows};
pub use settled::SettledChange;
pub use written::Written;

use engine::{Flow, MOST_TOLD, Paths, World};
use model::{Edit, Model, NodeName};
use render::{Probed, Scene, View};
use std::{collections::BTreeMap, rc::Rc};
use wire::Wire;

/// Answers of flows that are kept, so that drawing one does not ask the engine again.
const MOST_KEPT: usize = 16;
/// Branches of answers that are kept: those of a large Service take tens of megabytes.
const MOST_BRANCHES_KEPT: usize = 5_000;

/// A call is of a cluster that is not kept, or of an edit that does not fit it.
#[derive(Debug)]
struct NotKept;

/// The clusters that are kept, and what was asked of them last.
#[derive(Debug, Default)]
pub struct Session {
    worlds: BTreeMap<WorldId, World>,
    kept: Vec<(WorldId, Flow, Rc<Paths>)>,
}

impl Session {
    /// Answers a [`Call`], both in the wire form; `None` if it is not one, or of a cluster that is not kept.
    pub fn answer(&mut self, call: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        self.reply(wire::decode(call)?, &mut out).ok()?;
        Some(out)
    }

    fn reply(&mut self, call: Call, out: &mut Vec<u8>) -> Result<(), NotKept> {
        match call {
            Call::New(id, model) => {
                let world = World::new(&model);
                world.model().write(out);
                self.worlds.insert(id, world);
            }
            Call::Settle(id, model) => {
                let world = World::new(&model);
                SettledChange::of(&model, world.model()).write(out);
                self.worlds.insert(id, world);
            }
            Call::Update { from, to, edit } => {
                let before = self.world(from)?;
                let mut model = before.input().clone();
                if let Some(edit) = edit {
                    edit.apply(&mut model).map_err(|_| NotKept)?;
                }
                let after = before.update(&model);
                SettledChange::of(before.model(), after.model()).write(out);
                self.worlds.insert(to, after);
            }
            Call::Forget(id) => {
                self.worlds.remove(&id);
                self.kept.retain(|(world, ..)| *world != id);
            }
            Call::Rehearse(id, flow) => self.rehearse(id, &flow)?,
            Call::Ask { world, flow, requests, seed } => self.ask(world, flow, requests, seed)?.write(out),
            Call::Plan(id, edit) => {
                self.world(id)?.plan(&edit).map(Planned::from).map_err(|error| error.to_string()).write(out);
            }
            Call::Picture { world, flow, outcome, reply, options } => {
                self.picture(world, flow.as_ref(), outcome, reply, options)?.write(out);
            }
            Call::Export { asked, outcome, reply, export } => {
                self.export(&asked, outcome, reply, export)?.write(out);
            }
            Call::Consequences { before, after, flows } => {
                self.world(before)?.consequences(self.world(after)?, &flows).chain().write(out);
            }
            Call::Remedies(id, service) => self.world(id)?.remedies(&service).write(out),
            Call::Rules { world, node, family } => self.world(world)?.rules_text(&node, family).write(out),
            Call::GiveRules { from, to, node, text } => self.give(from, to, &node, text)?.write(out),
            Call::Rewrites { before, after, node, family } => {
                let rewrites = self.world(after)?.rewrites(self.world(before)?, &node, family);
                rewrites.map(|rewrites| Written::of(&node, &rewrites)).write(out);
            }
            Call::Everything { world, clients, targets } => {
                Everything::of(self.world(world)?, clients, targets).write(out);
            }
            Call::Matrix(id, question) => self.world(id)?.matrix(&question).write(out),
            Call::Balancers(id) => Balancers::of(self.world(id)?).write(out),
            Call::Document(id, object) => self.world(id)?.written(object.kind, &object.name).write(out),
            Call::MoveMember { world, node, from, to } => {
                let (from, to) = (from.as_ref().map(BackendPool::name), to.as_ref().map(BackendPool::name));
                let edit = self.world(world)?.move_member(&node, from, to);
                edit.map_err(|error| error.to_string()).write(out);
            }
            Call::Network { world, nodes } => Network::of(self.world(world)?, nodes).write(out),
        }
        Ok(())
    }

    /// Moves some node to some other pool, and asks what the page would ask then.
    fn rehearse(&mut self, before: WorldId, flow: &Flow) -> Result<(), NotKept> {
        /// No page gives so many numbers.
        const AFTER: WorldId = WorldId(u32::MAX);
        let world = self.world(before)?;
        let Some(Ok(plan)) = some_move(world.model()).map(|edit| world.plan(&edit)) else { return Ok(()) };
        let flows = vec![flow.clone()];
        let asked = Call::Ask { world: AFTER, flow: flow.clone(), requests: REQUESTS, seed: SEED };
        let options = render::Options::default();
        let picture =
            Call::Picture { world: AFTER, flow: Some(flow.clone()), outcome: 0, reply: false, options };
        for call in [
            Call::Update { from: before, to: AFTER, edit: Some(plan.edit) },
            asked,
            picture,
            Call::Consequences { before, after: AFTER, flows },
            Call::Forget(AFTER),
        ] {
            self.reply(call, &mut Vec::new())?;
        }
        Ok(())
    }

    fn world(&self, id: WorldId) -> Result<&World, NotKept> {
        self.worlds.get(&id).ok_or(NotKept)
    }

    fn give(
        &mut self,
        from: WorldId,
        to: WorldId,
        node: &NodeName,
        text: Option<String>,
    ) -> Result<Result<usize, String>, NotKept> {
        let before = self.world(from)?;
        let same = before.update(before.input());
        let given = match text {
            None => Ok((same.without_rules(node), 0)),
            Some(text) => same.with_rules_text(node, &text),
        };
        Ok(given.map(|(world, unmodelled)| {
            self.worlds.insert(to, world);
            unmodelled
        }))
    }

    fn ask(&mut self, id: WorldId, flow: Flow, requests: u64, seed: u64) -> Result<Answer, NotKept> {
        let world = self.world(id)?;
        let kept = self.kept.iter().find(|(world, other, _)| (*world, other) == (id, &flow));
        let mut paths = match kept {
            Some((.., paths)) => Rc::clone(paths),
            None => match world.overview(&flow) {
                Ok(paths) => Rc::new(paths),
                Err(error) => return Ok(Err(error.to_string())),
            },
        };
        let mut drawn = paths.sample(seed);
        if drawn >= MOST_TOLD {
            let all = Rc::make_mut(&mut paths);
            if let Err(error) = world.tell(&flow, all, drawn..drawn + 1) {
                return Ok(Err(error.to_string()));
            }
            let last = MOST_TOLD - 1;
            all.outcomes.swap(last, drawn);
            drawn = last;
        }
        let run = world.run_of(&flow, &paths, requests, seed);
        let answer = Answered::of(&paths, drawn, run);
        self.keep(id, flow, paths);
        Ok(Ok(answer))
    }

    /// Keeps an answer; older ones go where it becomes too much.
    fn keep(&mut self, id: WorldId, flow: Flow, paths: Rc<Paths>) {
        self.kept.retain(|(world, other, _)| (*world, other) != (id, &flow));
        self.kept.push((id, flow, paths));
        let mut branches = 0;
        let fits = |(.., paths): &&(WorldId, Flow, Rc<Paths>)| {
            branches += paths.outcomes.len();
            branches <= MOST_BRANCHES_KEPT
        };
        let stay = self.kept.iter().rev().take(MOST_KEPT).take_while(fits).count().max(1);
        self.kept.drain(..self.kept.len().saturating_sub(stay));
    }

    /// The branches of a flow that was asked about; asked again where others were asked about since.
    fn paths(&mut self, (id, flow): &Asked) -> Result<Option<Rc<Paths>>, NotKept> {
        let is_it = |(world, other, _): &(WorldId, Flow, Rc<Paths>)| (world, other) == (id, flow);
        if !self.kept.iter().any(is_it)
            && let Ok(paths) = self.world(*id)?.overview(flow)
        {
            self.keep(*id, flow.clone(), Rc::new(paths));
        }
        Ok(self.kept.iter().find(|kept| is_it(kept)).map(|(.., paths)| Rc::clone(paths)))
    }

    fn picture(
        &mut self,
        id: WorldId,
        flow: Option<&Flow>,
        outcome: usize,
        reply: bool,
        options: render::Options,
    ) -> Result<Scene, NotKept> {
        let paths = match flow {
            Some(flow) => self.paths(&(id, flow.clone()))?,
            None => None,
        };
        let world = self.world(id)?;
        let paths = paths.as_deref();
        let load_balancers = render::load_balancers(world, Probed::Flow(paths));
        let service = paths.and_then(|paths| render::service_of(world, paths));
        let view = View {
            model: world.model(),
            load_balancers: &load_balancers,
            paths,
            selected: Some(outcome),
            reply,
            service: service.as_ref(),
        };
        Ok(render::scene(&view, options))
    }

    /// `None` inside where the flow has no such branch.
    fn export(
        &mut self,
        asked: &Asked,
        outcome: usize,
        reply: bool,
        export: Export,
    ) -> Result<Option<String>, NotKept> {
        if let Export::Svg(theme) = export {
            let scene = self.picture(asked.0, Some(&asked.1), outcome, reply, render::Options::default())?;
            return Ok(Some(render::svg::to_string(&scene, theme)));
        }
        let Some(paths) = self.paths(asked)? else { return Ok(None) };
        let branch = paths.outcomes.get(outcome);
        Ok(match export {
            Export::Trace => branch.map(|branch| render::text::branch(&paths, branch)),
            Export::Sequence => branch.map(render::mermaid::sequence),
            Export::Flowchart | Export::Svg(_) => Some(render::mermaid::flowchart(&paths)),
        })
    }
}

/// Some node to some pool that is not its own.
fn some_move(model: &Model) -> Option<Edit> {
    let pools = || model.nodes.values().filter_map(|node| node.pool());
    model.nodes.iter().find_map(|(name, node)| {
        let pool = pools().find(|pool| node.pool().is_some_and(|own| own != *pool))?;
        Some(Edit::MoveNode { node: name.clone(), pool: pool.into() })
    })
}
