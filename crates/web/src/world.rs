//! A settled cluster. The engine keeps it; here are its number, its objects, and what can be asked about it.

use crate::{engineroom, pause};
use engine::{Flow, Matrix, MatrixQuestion, Remedy, Stage};
use model::{Edit, Key, Model, NodeName, Object, ObjectRef, kubernetes::IpFamily};
use render::{Options, Scene};
use session::{
    Answer, Asked, BackendPool, Balancers, Call, Everything, Export, Network, Planned, REQUESTS,
    SettledChange, WorldId, Written,
};
use std::{cell::Cell, rc::Rc};
use wasm_bindgen_futures::spawn_local;
use wire::Wire;

thread_local! {
    /// The number of the next cluster.
    static NEXT: Cell<u32> = const { Cell::new(0) };
}

/// A settled cluster; a clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct World(Rc<Kept>);

#[derive(Debug)]
struct Kept {
    id: WorldId,
    input: Model,
    settled: Model,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let id = self.id;
        // Where the engine is gone, so is what it kept.
        let forget = move || engineroom::compute::<()>(&Call::Forget(id)).unwrap_or_default();
        if cfg!(target_arch = "wasm32") {
            // Nobody sees it: what took its place is painted first.
            spawn_local(async move {
                pause::paint().await;
                forget();
            });
        } else {
            forget();
        }
    }
}

fn next_id() -> WorldId {
    WorldId(NEXT.replace(NEXT.get().wrapping_add(1)))
}

impl World {
    /// Settles a cluster.
    pub(crate) fn new(input: &Model) -> Self {
        let id = next_id();
        let settled =
            engineroom::compute(&Call::New(id, Box::new(input.clone()))).unwrap_or_else(|| input.clone());
        Self(Rc::new(Kept { id, input: input.clone(), settled }))
    }

    /// Settles what became of this cluster's input.
    pub(crate) fn update(&self, input: &Model) -> Self {
        let id = next_id();
        let edit = self.0.input.difference(input);
        let mut settled = self.0.settled.clone();
        match engineroom::compute(&Call::Update { from: self.0.id, to: id, edit }) {
            Some(SettledChange(Some(change))) if change.apply(&mut settled).is_err() => Self::new(input),
            Some(SettledChange(_)) => Self(Rc::new(Kept { id, input: input.clone(), settled })),
            None => Self::new(input),
        }
    }

    /// The same cluster with what `iptables-save` printed on a node in place of the generated rules, and how many of
    /// its lines have no model; without a text, with the generated rules again. Or why the text is refused.
    pub(crate) fn with_rules(&self, node: &NodeName, text: Option<&str>) -> Result<(Self, usize), String> {
        let id = next_id();
        let call =
            Call::GiveRules { from: self.0.id, to: id, node: node.clone(), text: text.map(str::to_owned) };
        let given: Option<Result<usize, String>> = engineroom::compute(&call);
        let unmodelled = given.unwrap_or_else(|| Err("the engine does not answer".to_owned()))?;
        let (input, settled) = (self.0.input.clone(), self.0.settled.clone());
        Ok((Self(Rc::new(Kept { id, input, settled })), unmodelled))
    }

    /// The number under which the engine keeps it: equal for the same cluster only.
    pub(crate) fn id(&self) -> WorldId {
        self.0.id
    }

    /// The objects with everything that the controllers filled in.
    pub(crate) fn model(&self) -> &Model {
        &self.0.settled
    }

    /// What becomes of a flow, with a sampled run.
    pub(crate) fn ask(&self, flow: &Flow, seed: u64) -> Answer {
        let call = Call::Ask { world: self.0.id, flow: flow.clone(), requests: REQUESTS, seed };
        engineroom::compute(&call).unwrap_or_else(|| Err("the engine does not answer".to_owned()))
    }

    /// What an edit brings with it, or why it is refused.
    pub(crate) fn plan(&self, edit: &Edit) -> Result<Planned, String> {
        let plan = engineroom::compute(&Call::Plan(self.0.id, edit.clone()));
        plan.unwrap_or_else(|| Err("the engine does not answer".to_owned()))
    }

    /// How a branch of a flow is drawn; `None` draws the cluster alone.
    pub(crate) fn picture(
        &self,
        flow: Option<&Flow>,
        outcome: usize,
        reply: bool,
        options: Options,
    ) -> Scene {
        self.call(&Call::Picture { world: self.0.id, flow: flow.cloned(), outcome, reply, options })
    }

    /// How a branch of a flow reads elsewhere; `None` if there is no such branch.
    pub(crate) fn export(&self, flow: &Flow, outcome: usize, reply: bool, export: Export) -> Option<String> {
        self.call(&Call::Export { asked: self.asked(flow), outcome, reply, export })
    }

    /// What followed from the edit that led from this cluster to another.
    pub(crate) fn consequences(&self, after: &Self, flows: Vec<Flow>) -> Vec<Stage> {
        self.call(&Call::Consequences { before: self.0.id, after: after.0.id, flows })
    }

    /// What can be done about uneven shares of a Service.
    pub(crate) fn remedies(&self, service: &Key) -> Vec<Remedy> {
        self.call(&Call::Remedies(self.0.id, service.clone()))
    }

    /// What a node has, as the tools of kube-proxy's mode print it; `None` if kube-proxy does not run there.
    pub(crate) fn rules(&self, node: &NodeName, family: IpFamily) -> Option<String> {
        self.call(&Call::Rules { world: self.0.id, node: node.clone(), family })
    }

    /// What kube-proxy writes on a node when another cluster becomes this one; `None` where the node is not in both.
    pub(crate) fn rewrites(&self, before: &Self, node: &NodeName, family: IpFamily) -> Option<Written> {
        self.call(&Call::Rewrites { before: before.0.id, after: self.0.id, node: node.clone(), family })
    }

    /// Who could be asked about whom; `None` while the engine is not here.
    pub(crate) fn everything(&self, clients: usize, targets: usize) -> Option<Everything> {
        engineroom::compute(&Call::Everything { world: self.0.id, clients, targets })
    }

    /// Who reaches whom; `None` while the engine is not here.
    pub(crate) fn matrix(&self, question: MatrixQuestion) -> Option<Matrix> {
        engineroom::compute(&Call::Matrix(self.0.id, question))
    }

    /// The load balancers; `None` while the engine is not here.
    pub(crate) fn balancers(&self) -> Option<Balancers> {
        engineroom::compute(&Call::Balancers(self.0.id))
    }

    /// An object of the settled cluster, or of Azure where only the controllers have written it.
    pub(crate) fn object(&self, id: &ObjectRef) -> Option<Object> {
        self.0.settled.get(id).or_else(|| self.call(&Call::Document(self.0.id, id.clone())))
    }

    /// What is done in Azure to take a node's NIC out of a backend pool, into one, or from one to another.
    pub(crate) fn move_member(
        &self,
        node: &NodeName,
        from: Option<BackendPool>,
        to: Option<BackendPool>,
    ) -> Result<Edit, String> {
        let edit = engineroom::compute(&Call::MoveMember { world: self.0.id, node: node.clone(), from, to });
        edit.unwrap_or_else(|| Err("the engine does not answer".to_owned()))
    }

    /// The network around the nodes; `None` while the engine is not here.
    pub(crate) fn network(&self, nodes: usize) -> Option<Network> {
        engineroom::compute(&Call::Network { world: self.0.id, nodes })
    }

    /// Has the engine do what an edit asks of it, and forget it.
    pub(crate) fn rehearse(&self, flow: &Flow) {
        self.call::<()>(&Call::Rehearse(self.0.id, flow.clone()));
    }

    fn asked(&self, flow: &Flow) -> Asked {
        (self.0.id, flow.clone())
    }

    fn call<T: Wire + Default>(&self, call: &Call) -> T {
        engineroom::compute(call).unwrap_or_default()
    }
}
