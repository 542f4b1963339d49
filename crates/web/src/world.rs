//! A settled cluster. The engine keeps it; here are its number, its objects, and what can be asked about it.

use crate::{engineroom, pause, worker};
use engine::{Flow, Matrix, MatrixQuestion, Remedy, Stage};
use model::{Edit, Key, Model, NodeName, Object, ObjectRef, kubernetes::IpFamily};
use render::{Options, Scene};
use session::{
    Answer, BackendPool, Balancers, Call, Everything, Export, Network, Planned, REQUESTS, SettledChange,
    WorldId, Written,
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};
use wasm_bindgen_futures::spawn_local;
use wire::Wire;

/// Clusters with more nodes, pods and Services are large: the engine keeps them in a worker, and no edit is made before
/// it is made. 20 nodes and 200 pods behind one Service take a few frames, 50 and 500 half a second on a busy machine.
const MOST_OBJECTS: usize = 250;

thread_local! {
    /// The number of the next cluster.
    static NEXT: Cell<u32> = const { Cell::new(0) };
    /// Clusters that were dropped while something was tried.
    static DROPPED: RefCell<Option<Vec<Home>>> = const { RefCell::new(None) };
}

/// A settled cluster; a clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct World(Rc<Kept>);

#[derive(Debug)]
struct Kept {
    home: Home,
    input: Model,
    settled: Model,
    rules: Given,
    large: bool,
}

/// What `iptables-save` printed on nodes, for an engine that does not know the cluster yet.
type Given = Rc<Vec<(NodeName, Rc<str>)>>;

/// Which engines keep a cluster. One that is asked about it first is told of it first.
#[derive(Debug, Clone)]
struct Home {
    id: WorldId,
    /// The page's own.
    own: Cell<bool>,
    /// The worker, by its generation; 0 is none.
    worker: Cell<u32>,
}

impl Home {
    fn forget(&self) {
        if self.own.get() {
            // Where the engine is gone, so is what it kept.
            let _ = engineroom::computed(&wire::encode(&Call::Forget(self.id)));
        }
        if self.worker.get() > 0 {
            worker::forget(self.id, self.worker.get());
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let home = self.home.clone();
        let keep = |dropped: &mut Option<Vec<Home>>| match dropped {
            Some(dropped) => {
                dropped.push(home);
                None
            }
            None => Some(home),
        };
        if let Some(home) = DROPPED.with_borrow_mut(keep) {
            forget_later(home);
        }
    }
}

/// Nobody sees it: what took its place is painted first.
fn forget_later(home: Home) {
    if cfg!(target_arch = "wasm32") {
        spawn_local(async move {
            pause::paint().await;
            home.forget();
        });
    } else {
        home.forget();
    }
}

/// Tries something that may make clusters and ask about them. Where an answer is still to come it is as if it had never
/// been tried, numbers of clusters included, and `None` is returned: tried again, it makes the same calls.
pub(crate) fn attempt<T>(act: impl FnOnce() -> T) -> Option<T> {
    let first = NEXT.get();
    DROPPED.set(Some(Vec::new()));
    let (outcome, whole) = worker::attempt(act);
    let outcome = whole.then_some(outcome);
    let dropped = DROPPED.take().unwrap_or_default();
    if outcome.is_some() {
        dropped.into_iter().for_each(forget_later);
    } else {
        NEXT.set(first);
    }
    outcome
}

fn next_id() -> WorldId {
    WorldId(NEXT.replace(NEXT.get().wrapping_add(1)))
}

/// Whether the engine should keep a cluster in a worker.
fn is_large(input: &Model) -> bool {
    // What workloads will make may be written down, too.
    let workloads = [&input.deployments, &input.replica_sets, &input.stateful_sets].into_iter().flatten();
    let replicas =
        workloads.filter_map(|(_, workload)| usize::try_from(workload.spec.replicas.unwrap_or(1)).ok());
    let daemons = input.daemon_sets.len().saturating_mul(input.nodes.len());
    let pods = replicas.fold(daemons, usize::saturating_add).max(input.pods.len());
    pods.saturating_add(input.nodes.len() + input.services.len()) > MOST_OBJECTS
}

/// Asks the engine that keeps large clusters, or the page's own; `None` if there is no answer yet, or none at all.
fn asked(large: bool, worlds: &[&World], call: &Call) -> Option<Rc<Vec<u8>>> {
    if large && worker::is_there() {
        return ask_worker(worlds, call);
    }
    for world in worlds {
        world.tell_own();
    }
    engineroom::computed(&wire::encode(call)).map(Rc::new)
}

#[inline(never)]
fn ask_worker(worlds: &[&World], call: &Call) -> Option<Rc<Vec<u8>>> {
    let ids: Vec<WorldId> = worlds.iter().map(|world| world.id()).collect();
    for world in worlds {
        world.tell();
    }
    worker::answer(call, &ids)
}

fn compute<T: Wire>(large: bool, worlds: &[&World], call: &Call) -> Option<T> {
    wire::decode(&asked(large, worlds, call)?)
}

/// A cluster as it is settled: with what the engine changed. What it did not change is the same object.
#[inline(never)]
fn settled(before: &Model, change: SettledChange) -> Option<Model> {
    let mut settled = before.clone();
    change.apply(&mut settled).is_ok().then_some(settled)
}

/// The engine has yet to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Awaited;

/// In place of an answer that there is not.
const SILENT: &str = "the engine does not answer";

impl World {
    /// Settles a cluster.
    pub(crate) fn new(input: &Model) -> Self {
        Self::with(input, Given::default())
    }

    fn with(input: &Model, rules: Given) -> Self {
        let id = next_id();
        let large = is_large(input);
        let settled = if large && worker::is_there() {
            worker::settled(id, input)
        } else {
            compute(false, &[], &Call::New(id, Box::new(input.clone())))
        };
        let kept = settled.is_some();
        let world = Self::kept(id, input.clone(), settled.unwrap_or_else(|| input.clone()), rules, kept);
        if world.is_apart() {
            world.give(|call| worker::tell(&call));
        } else {
            world.give(|call| drop(engineroom::computed(&wire::encode(&call))));
        }
        world
    }

    /// A cluster that was made by a call just now.
    fn kept(id: WorldId, input: Model, settled: Model, rules: Given, kept: bool) -> Self {
        let large = is_large(&input);
        let apart = large && worker::is_there();
        let home = Home {
            id,
            own: Cell::new(kept && !apart),
            worker: Cell::new(if apart { worker::generation() } else { 0 }),
        };
        Self(Rc::new(Kept { home, input, settled, rules, large }))
    }

    /// Settles what became of this cluster's input.
    pub(crate) fn update(&self, input: &Model) -> Self {
        if is_large(input) != self.0.large {
            return Self::with(input, Rc::clone(&self.0.rules));
        }
        let id = next_id();
        let edit = self.0.input.difference(input);
        let change = compute(self.0.large, &[self], &Call::Update { from: self.id(), to: id, edit });
        let settled = match change {
            Some(change) => settled(&self.0.settled, change),
            None => self.is_apart().then(|| self.0.settled.clone()),
        };
        match settled {
            Some(settled) => Self::kept(id, input.clone(), settled, Rc::clone(&self.0.rules), true),
            None => Self::with(input, Rc::clone(&self.0.rules)),
        }
    }

    /// The same cluster with what `iptables-save` printed on a node in place of the generated rules, and how many of
    /// its lines have no model; without a text, with the generated rules again. Or why the text is refused.
    pub(crate) fn with_rules(&self, node: &NodeName, text: Option<&str>) -> Result<(Self, usize), String> {
        let id = next_id();
        let call =
            Call::GiveRules { from: self.id(), to: id, node: node.clone(), text: text.map(str::to_owned) };
        let given: Option<Result<usize, String>> = self.call(&call);
        let unmodelled = given.unwrap_or_else(|| Err(SILENT.to_owned()))?;
        let mut rules = (*self.0.rules).clone();
        rules.retain(|(own, _)| own != node);
        rules.extend(text.map(|text| (node.clone(), text.into())));
        let (input, settled) = (self.0.input.clone(), self.0.settled.clone());
        Ok((Self::kept(id, input, settled, Rc::new(rules), true), unmodelled))
    }

    /// The calls that give real nodes their rules.
    fn give(&self, tell: impl Fn(Call)) {
        let id = self.id();
        for (node, text) in self.0.rules.iter() {
            tell(Call::GiveRules { from: id, to: id, node: node.clone(), text: Some((**text).to_owned()) });
        }
    }

    /// Tells the worker of it, if that does not know it.
    #[inline(never)]
    pub(crate) fn tell(&self) {
        let generation = worker::generation();
        if self.0.home.worker.replace(generation) != generation {
            worker::tell(&Call::Settle(self.id(), Box::new(self.0.input.clone())));
            self.give(|call| worker::tell(&call));
        }
    }

    /// Tells the page's own engine of it, if that does not know it.
    fn tell_own(&self) {
        if !self.0.home.own.get() {
            let told =
                engineroom::computed(&wire::encode(&Call::New(self.id(), Box::new(self.0.input.clone()))));
            self.0.home.own.set(told.is_some());
            self.give(|call| drop(engineroom::computed(&wire::encode(&call))));
        }
    }

    /// Whether it is kept in a worker, and what is asked about it answered later.
    pub(crate) fn is_apart(&self) -> bool {
        self.0.large && worker::is_there()
    }

    /// Whether nothing should be computed of it that nobody asked for.
    pub(crate) fn is_large(&self) -> bool {
        self.0.large
    }

    /// The number under which the engine keeps it: equal for the same cluster only.
    pub(crate) fn id(&self) -> WorldId {
        self.0.home.id
    }

    /// The objects with everything that the controllers filled in.
    pub(crate) fn model(&self) -> &Model {
        &self.0.settled
    }

    /// What becomes of a flow, with a sampled run; `None` where the answer is still to come.
    pub(crate) fn ask(&self, flow: &Flow, seed: u64) -> Option<Answer> {
        let answer = self.call(&Call::Ask { world: self.id(), flow: flow.clone(), requests: REQUESTS, seed });
        answer.or_else(|| (!self.is_apart()).then(|| Err(SILENT.to_owned())))
    }

    /// What an edit brings with it, or why it is refused.
    pub(crate) fn plan(&self, edit: &Edit) -> Result<Planned, String> {
        self.call(&Call::Plan(self.id(), edit.clone())).unwrap_or_else(|| Err(SILENT.to_owned()))
    }

    /// How a branch of a flow is drawn; `None` draws the cluster alone. Nothing where the picture is still to come.
    pub(crate) fn picture(
        &self,
        flow: Option<&Flow>,
        outcome: usize,
        reply: bool,
        options: Options,
    ) -> Option<Scene> {
        self.call(&Call::Picture { world: self.id(), flow: flow.cloned(), outcome, reply, options })
    }

    /// How a branch of a flow reads elsewhere; `Ok(None)` if there is no such branch.
    pub(crate) async fn export(
        &self,
        flow: &Flow,
        outcome: usize,
        reply: bool,
        export: Export,
    ) -> Result<Option<String>, String> {
        let asked = (self.id(), flow.clone());
        let export = Call::Export { asked, outcome, reply, export };
        self.wait(&export, Some("Writing it down")).await
    }

    /// What followed from the edit that led from this cluster to another.
    pub(crate) fn consequences(&self, after: &Self, flows: Vec<Flow>) -> Option<Vec<Stage>> {
        let call = Call::Consequences { before: self.id(), after: after.id(), flows };
        compute(self.0.large || after.0.large, &[self, after], &call)
    }

    /// What can be done about uneven shares of a Service.
    pub(crate) fn remedies(&self, service: &Key) -> Vec<Remedy> {
        self.call(&Call::Remedies(self.id(), service.clone())).unwrap_or_default()
    }

    /// What a node has, as the tools of kube-proxy's mode print it; `Ok(None)` if kube-proxy does not run there.
    pub(crate) fn rules(&self, node: &NodeName, family: IpFamily) -> Result<Option<String>, Awaited> {
        self.call(&Call::Rules { world: self.id(), node: node.clone(), family }).ok_or(Awaited)
    }

    /// What kube-proxy writes on a node when another cluster becomes this one; `Ok(None)` where the node is not in both.
    pub(crate) fn rewrites(
        &self,
        before: &Self,
        node: &NodeName,
        family: IpFamily,
    ) -> Result<Option<Written>, Awaited> {
        let call = Call::Rewrites { before: before.id(), after: self.id(), node: node.clone(), family };
        compute(self.0.large || before.0.large, &[before, self], &call).ok_or(Awaited)
    }

    /// Who could be asked about whom; `None` where the engine has yet to tell.
    pub(crate) fn everything(&self, clients: usize, targets: usize) -> Option<Everything> {
        self.call(&Call::Everything { world: self.id(), clients, targets })
    }

    /// Who reaches whom; `None` if the engine does not answer.
    pub(crate) async fn matrix(&self, question: MatrixQuestion) -> Option<Matrix> {
        self.wait(&Call::Matrix(self.id(), question), None).await.ok()
    }

    /// The load balancers; `None` where the engine has yet to tell.
    pub(crate) fn balancers(&self) -> Option<Balancers> {
        self.call(&Call::Balancers(self.id()))
    }

    /// An object of the settled cluster, or of Azure where only the controllers have written it.
    pub(crate) fn object(&self, id: &ObjectRef) -> Option<Object> {
        self.0.settled.get(id).or_else(|| self.call::<Option<_>>(&Call::Document(self.id(), id.clone()))?)
    }

    /// What is done in Azure to take a node's NIC out of a backend pool, into one, or from one to another.
    pub(crate) fn move_member(
        &self,
        node: &NodeName,
        from: Option<BackendPool>,
        to: Option<BackendPool>,
    ) -> Result<Edit, String> {
        let edit = self.call(&Call::MoveMember { world: self.id(), node: node.clone(), from, to });
        edit.unwrap_or_else(|| Err(SILENT.to_owned()))
    }

    /// The network around the nodes; `None` where the engine has yet to tell.
    pub(crate) fn network(&self, nodes: usize) -> Option<Network> {
        self.call(&Call::Network { world: self.id(), nodes })
    }

    /// Has the engine do what an edit asks of it, and forget it.
    pub(crate) fn rehearse(&self, flow: &Flow) {
        if !self.0.large {
            self.call::<()>(&Call::Rehearse(self.id(), flow.clone()));
        }
    }

    fn call<T: Wire>(&self, call: &Call) -> Option<T> {
        compute(self.0.large, &[self], call)
    }

    /// Waits for the answer where it takes the engine long. `words` say what is done; without any nobody waits.
    async fn wait<T: Wire>(&self, call: &Call, words: Option<&'static str>) -> Result<T, String> {
        if !self.is_apart() {
            return self.call(call).ok_or_else(|| SILENT.to_owned());
        }
        self.tell();
        let question = wire::encode(call);
        let answer = worker::ask("compute", &question, words.unwrap_or_default(), words.is_none()).await;
        let answer = answer.map_err(|error| error.to_string())?;
        wire::decode(&answer).ok_or_else(|| SILENT.to_owned())
    }
}
