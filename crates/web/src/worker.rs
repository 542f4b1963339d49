//! The engine room in a worker: a second engine, in a thread of its own, for clusters that take it long. What is asked
//! of it is answered later. Who asks gets nothing at first, and asks again when the answer is there.

use crate::{
    engineroom::EngineroomError,
    pause,
    state::{Action, Dispatch},
};
use gloo_events::EventListener;
use js_sys::{Array, Function, Promise, Uint8Array};
use model::Model;
use session::{Call, SettledChange, WorldId};
use std::{cell::RefCell, collections::VecDeque, rc::Rc};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use wire::Input;
use yew::Callback;

#[wasm_bindgen]
extern "C" {
    /// A worker with an engine room (`www/boot.js`, `www/worker.js`). Throws where the browser lets it have none.
    #[wasm_bindgen(js_namespace = hopscope, js_name = worker, catch)]
    fn begin() -> Result<web_sys::Worker, JsValue>;
}

thread_local! {
    static APART: RefCell<Apart> = RefCell::default();
}

/// Answers that are kept: what is drawn asks for each of its own again and again.
const MOST_KEPT: usize = 32;

#[derive(Default)]
struct Apart {
    thread: Thread,
    /// How many workers there were: one that was begun anew knows nothing of the clusters before.
    generation: u32,
    /// It was told of clusters.
    keeps: bool,
    /// The number of the last job.
    number: u32,
    /// What is being done, and what waits for it, in order.
    jobs: VecDeque<Job>,
    /// The answer used last stands last.
    answers: Vec<Known>,
    /// How much is done of the first job, of how much; where that can be told.
    far: Option<(f64, f64)>,
    /// Whether what is being tried lacks an answer, while something is tried.
    lacking: Option<bool>,
    /// Something came for what is drawn.
    drawn: bool,
    /// Hears of answers.
    store: Option<Dispatch>,
    /// Hear that there is something to do.
    watchers: [Option<Callback<()>>; 2],
    #[cfg(test)]
    posted: Vec<(u32, Vec<u8>)>,
}

#[derive(Default)]
enum Thread {
    /// Begun when it is needed.
    #[default]
    None,
    /// It is there, or about to be.
    Here(Running),
    /// The browser lets the page have none.
    Refused,
}

struct Running {
    worker: web_sys::Worker,
    /// It has its engine.
    ready: bool,
    _listeners: [EventListener; 2],
}

struct Job {
    number: u32,
    /// What is done, for a person.
    words: &'static str,
    /// Nobody waits for it.
    quiet: bool,
    asker: Asker,
}

enum Asker {
    /// The page: it asks again. Whether something that is tried asks.
    Page(Asked, bool),
    /// Somebody who waits for it.
    Future(Function, Slot),
    /// Nobody: the worker is told something.
    Nobody,
}

type Slot = Rc<RefCell<Option<Result<Vec<u8>, EngineroomError>>>>;

/// What the page asked.
struct Asked {
    /// The call in the wire form, or what stands for it.
    key: Vec<u8>,
    /// The clusters that it is about.
    worlds: Vec<WorldId>,
    /// The last of them is made by it.
    makes: bool,
    /// The cluster that it settles.
    settles: Option<Box<Model>>,
}

/// What came of it.
#[derive(Clone)]
enum Told {
    /// The answer in the wire form.
    Bytes(Rc<Vec<u8>>),
    /// The settled cluster; `None` where the answer was not understood.
    Settled(Option<Box<Model>>),
}

/// What was asked and the answer; `None` where there will be none unless somebody wants it again.
struct Known {
    asked: Asked,
    answer: Option<Told>,
}

/// Whether there is a worker, or can be.
pub(crate) fn is_there() -> bool {
    APART.with_borrow_mut(|apart| {
        if cfg!(target_arch = "wasm32") && matches!(apart.thread, Thread::None) {
            apart.thread = start();
            apart.generation += 1;
        }
        match apart.thread {
            Thread::Refused => false,
            Thread::Here(_) => true,
            // In a test the worker is whoever answers the jobs.
            Thread::None => apart.generation > 0,
        }
    })
}

#[inline(never)]
fn start() -> Thread {
    let Ok(worker) = begin() else { return Thread::Refused };
    let heard = EventListener::new(&worker, "message", |event| {
        if let Some(event) = event.dyn_ref::<web_sys::MessageEvent>() {
            heard(&event.data().unchecked_into());
        }
    });
    let failed = EventListener::new(&worker, "error", |event| {
        // It is told on the page.
        event.prevent_default();
        failed(None, "it stopped".to_owned());
    });
    Thread::Here(Running { worker, ready: false, _listeners: [heard, failed] })
}

/// Which worker it is; one that is begun anew is another.
pub(crate) fn generation() -> u32 {
    APART.with_borrow(|apart| apart.generation)
}

/// The answer to a call about these clusters, if it came; else it is asked for.
#[inline(never)]
pub(crate) fn answer(call: &Call, worlds: &[WorldId]) -> Option<Rc<Vec<u8>>> {
    match told(call, worlds)? {
        Told::Bytes(bytes) => Some(bytes),
        Told::Settled(_) => None,
    }
}

/// A cluster as it is settled, once it is; else that is asked for. It is read once, however often it is asked for.
#[inline(never)]
pub(crate) fn settled(id: WorldId, input: &Model) -> Option<Model> {
    match told(&Call::Settle(id, Box::new(input.clone())), &[])? {
        Told::Settled(model) => model.map(|model| *model),
        Told::Bytes(_) => None,
    }
}

fn told(call: &Call, worlds: &[WorldId]) -> Option<Told> {
    let key = match call {
        // What settles a number is one cluster for as long as its answer is kept: a large one is not written twice.
        Call::Settle(id, _) => wire::encode(id),
        call => wire::encode(call),
    };
    APART.with_borrow_mut(|apart| {
        if let Some(at) = apart.answers.iter().position(|known| known.asked.key == key) {
            let known = apart.answers.remove(at);
            // What was cancelled is asked for again only by who was not there then.
            if known.answer.is_some() || apart.lacking.is_none() {
                let answer = known.answer.clone();
                apart.answers.push(known);
                return answer;
            }
        }
        let tried = apart.lacking.is_some();
        if tried {
            apart.lacking = Some(true);
        }
        for job in &mut apart.jobs {
            if let Asker::Page(asked, own) = &mut job.asker
                && asked.key == key
            {
                *own |= tried;
                return None;
            }
        }
        apart.keeps = true;
        // A number is given again after a trial that came to nothing: what is known of it is of another cluster.
        let made = made(call);
        if let Some(id) = made {
            apart.lose(id);
        }
        let worlds = worlds.iter().copied().chain(made).collect();
        let settles = match call {
            Call::Settle(_, input) => Some(input.clone()),
            _ => None,
        };
        let asked = Asked { key, worlds, makes: made.is_some(), settles };
        apart.post("compute", &wire::encode(call), words(call), false, Asker::Page(asked, tried));
        None
    })
}

/// Tells the worker something that has no answer.
#[inline(never)]
pub(crate) fn tell(call: &Call) {
    APART.with_borrow_mut(|apart| {
        apart.keeps = true;
        // Whoever asks about the cluster next waits for that.
        apart.post("compute", &wire::encode(call), words(call), true, Asker::Nobody);
    });
}

/// The worker keeps a cluster no longer, if it is the worker that kept it.
#[inline(never)]
pub(crate) fn forget(id: WorldId, generation: u32) {
    let keeps = APART.with_borrow_mut(|apart| {
        apart.lose(id);
        apart.generation == generation
    });
    if keeps {
        tell(&Call::Forget(id));
    }
}

/// Asks at a door of the worker's engine room, and waits for the answer.
#[inline(never)]
pub(crate) async fn ask(
    door: &str,
    question: &[u8],
    words: &'static str,
    quiet: bool,
) -> Result<Vec<u8>, EngineroomError> {
    let slot = Slot::default();
    let answered = Promise::new(&mut |resolve, _| {
        let asker = Asker::Future(resolve, Rc::clone(&slot));
        APART.with_borrow_mut(|apart| apart.post(door, question, words, quiet, asker));
    });
    // It is never rejected.
    let _ = JsFuture::from(answered).await;
    // To read long documents takes memory that a wasm never gives back: a worker that does nothing else ends.
    let is_here = |apart: &Apart| matches!(apart.thread, Thread::Here(_));
    if APART.with_borrow(|apart| is_here(apart) && !apart.keeps && apart.jobs.is_empty()) {
        end(Thread::None);
    }
    slot.take().unwrap_or(Err(EngineroomError::OtherVersion))
}

/// Tries something that may ask the worker; `false` if it lacked an answer, so that it must be tried again.
pub(crate) fn attempt<T>(act: impl FnOnce() -> T) -> (T, bool) {
    APART.with_borrow_mut(|apart| apart.lacking = Some(false));
    let outcome = act();
    let lacked = APART.with_borrow_mut(|apart| apart.lacking.take());
    (outcome, lacked != Some(true))
}

/// What was tried is done: answers that made clusters are large, and nobody asks for them again.
#[inline(never)]
pub(crate) fn done() {
    APART.with_borrow_mut(|apart| {
        apart.answers.retain(|known| !known.asked.makes);
    });
}

/// Whether something that was tried still lacks an answer that is on its way.
pub(crate) fn is_awaited() -> bool {
    let awaited = |job: &Job| matches!(job.asker, Asker::Page(_, true));
    APART.with_borrow(|apart| apart.jobs.iter().any(awaited))
}

/// Whether something came for what is drawn since this was asked last.
pub(crate) fn take_drawn() -> bool {
    APART.with_borrow_mut(|apart| std::mem::take(&mut apart.drawn))
}

/// What the worker is doing that somebody waits for, and per cent of it that are done, where that can be told.
pub(crate) fn work() -> Option<(&'static str, Option<u32>)> {
    APART.with_borrow(|apart| {
        let words = apart.jobs.iter().find(|job| !job.quiet)?.words;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "per cent")]
        let per_cent = |(done, of): (f64, f64)| (100.0 * done / of.max(1.0)) as u32;
        Some((words, apart.far.map(per_cent)))
    })
}

/// From now on the store hears of answers, and the page when there is something to do.
pub(crate) fn listen(store: &Dispatch, page: Callback<()>) {
    APART.with_borrow_mut(|apart| {
        apart.store = Some(store.clone());
        apart.watchers[0] = Some(page);
    });
}

/// From now on this bar hears when there is something to do, and the one before no longer.
pub(crate) fn watch(bar: Callback<()>) {
    APART.with_borrow_mut(|apart| apart.watchers[1] = Some(bar));
}

/// Ends what the worker does, with all that waits for it.
#[inline(never)]
pub(crate) fn cancel() {
    stop(None, None);
}

/// What was cancelled and is still drawn is asked for again.
#[inline(never)]
pub(crate) fn again() {
    APART.with_borrow_mut(|apart| {
        apart.answers.retain(|known| known.answer.is_some());
        apart.drawn = true;
    });
    dispatch(Action::Answered);
}

fn dispatch(action: Action) {
    if let Some(store) = APART.with_borrow(|apart| apart.store.clone()) {
        store.dispatch(action);
    }
}

impl Apart {
    fn post(&mut self, door: &str, question: &[u8], words: &'static str, quiet: bool, asker: Asker) {
        self.number = self.number.wrapping_add(1);
        self.jobs.push_back(Job { number: self.number, words, quiet, asker });
        #[cfg(test)]
        self.posted.push((self.number, question.to_vec()));
        if let Thread::Here(Running { worker, .. }) = &self.thread {
            let bytes = Uint8Array::from(question);
            let message = Array::of3(&self.number.into(), &door.into(), &bytes);
            // A message of bytes can be posted.
            let _ = worker.post_message_with_transfer(&message, &Array::of1(&bytes.buffer()));
        }
        // They look later, when this is done.
        self.watchers.iter().flatten().filter(|_| !quiet).for_each(|watcher| watcher.emit(()));
    }

    /// Loses all that is known, or will be, of a cluster.
    fn lose(&mut self, id: WorldId) {
        self.answers.retain(|known| !known.asked.worlds.contains(&id));
        for job in &mut self.jobs {
            if matches!(&job.asker, Asker::Page(asked, _) if asked.worlds.contains(&id)) {
                job.asker = Asker::Nobody;
            }
        }
    }

    fn keep(&mut self, asked: Asked, answer: Option<Told>) {
        self.answers.push(Known { asked, answer });
        let over = self.answers.len().saturating_sub(MOST_KEPT);
        self.answers.drain(..over);
    }
}

/// The worker said something: which job, and the answer or why there is none; `[0]` says that it has its engine.
fn heard(message: &Array) {
    let number = message.get(0);
    if number == 0 {
        let far = message.get(1).as_f64().zip(message.get(2).as_f64());
        APART.with_borrow_mut(|apart| {
            apart.far = far;
            if let Thread::Here(running) = &mut apart.thread {
                running.ready = true;
            }
        });
        return;
    }
    let at = APART.with_borrow(|apart| apart.jobs.iter().position(|job| number == job.number));
    match message.get(1).dyn_into::<Uint8Array>() {
        Ok(bytes) => answered(at, bytes.to_vec()),
        Err(_) => failed(at, message.get(2).as_string().unwrap_or_default()),
    }
}

/// A job is done. A large cluster is read first, and the job goes on meanwhile.
fn answered(at: Option<usize>, bytes: Vec<u8>) {
    let settles = APART.with_borrow(|apart| {
        let job = apart.jobs.get(at?)?;
        let Asker::Page(asked, _) = &job.asker else { return None };
        Some((job.number, asked.settles.clone()?))
    });
    match settles {
        Some((number, mut model)) if cfg!(target_arch = "wasm32") => spawn_local(async move {
            let change = read(&bytes).await;
            let fits = change.is_some_and(|change| change.apply(&mut model).is_ok());
            let at = APART.with_borrow(|apart| apart.jobs.iter().position(|job| job.number == number));
            done_with(at, Told::Settled(fits.then_some(model)));
        }),
        Some((_, mut model)) => {
            let change = wire::decode::<SettledChange>(&bytes);
            let fits = change.is_some_and(|change| change.apply(&mut model).is_ok());
            done_with(at, Told::Settled(fits.then_some(model)));
        }
        None => done_with(at, Told::Bytes(Rc::new(bytes))),
    }
}

/// Reads what settling changed, with turns for the browser.
async fn read(bytes: &[u8]) -> Option<SettledChange> {
    let (mut input, mut change) = (Input::of(bytes), SettledChange::default());
    pause::each(&mut input, |status| change.statuses.push(status)).await;
    pause::each(&mut input, |edit| change.rest.push(edit)).await;
    input.is_read().then_some(change)
}

fn done_with(at: Option<usize>, answer: Told) {
    let told = APART.with_borrow_mut(|apart| {
        apart.far = None;
        let job = apart.jobs.remove(at?)?;
        match job.asker {
            Asker::Page(asked, tried) => {
                apart.drawn |= !tried;
                apart.keep(asked, Some(answer));
                Some(())
            }
            Asker::Future(resolve, slot) => {
                if let Told::Bytes(bytes) = answer {
                    resolved(&resolve, &slot, Ok(Rc::unwrap_or_clone(bytes)));
                }
                None
            }
            Asker::Nobody => None,
        }
    });
    if told.is_some() {
        dispatch(Action::Answered);
    }
}

fn resolved(resolve: &Function, slot: &Slot, answer: Result<Vec<u8>, EngineroomError>) {
    slot.replace(Some(answer));
    // A promise is resolved without fail.
    let _ = resolve.call0(&JsValue::NULL);
}

/// A job failed, or the worker by itself. One that never had its engine is not tried again: the page's own does it all.
fn failed(at: Option<usize>, why: String) {
    let ready = APART.with_borrow(|apart| matches!(&apart.thread, Thread::Here(running) if running.ready));
    if ready || cfg!(not(target_arch = "wasm32")) {
        return stop(at, Some(why));
    }
    let jobs = end(Thread::Refused);
    for job in jobs {
        if let Asker::Future(resolve, slot) = job.asker {
            resolved(&resolve, &slot, Err(EngineroomError::NoWorker));
        }
    }
    APART.with_borrow_mut(|apart| apart.drawn = true);
    dispatch(Action::Answered);
}

/// Ends the worker; the next begins when it is needed. What was only to be drawn is not asked for again by itself:
/// all that was cancelled, or the one job that failed.
fn stop(failed: Option<usize>, why: Option<String>) {
    let jobs = end(Thread::None);
    for (at, job) in jobs.into_iter().enumerate() {
        match job.asker {
            Asker::Page(asked, false) if why.is_none() || failed == Some(at) => {
                APART.with_borrow_mut(|apart| apart.keep(asked, None));
            }
            Asker::Future(resolve, slot) => {
                let error = why.clone().map_or(EngineroomError::Cancelled, EngineroomError::Failed);
                resolved(&resolve, &slot, Err(error));
            }
            _ => {}
        }
    }
    APART.with_borrow_mut(|apart| apart.drawn = true);
    dispatch(Action::Stopped(why));
}

fn end(then: Thread) -> VecDeque<Job> {
    APART.with_borrow_mut(|apart| {
        if let Thread::Here(running) = std::mem::replace(&mut apart.thread, then) {
            running.worker.terminate();
        }
        apart.generation += 1;
        apart.keeps = false;
        apart.far = None;
        // The next worker has to make these clusters again.
        apart.answers.retain(|known| !known.asked.makes);
        std::mem::take(&mut apart.jobs)
    })
}

/// The cluster that a call makes.
fn made(call: &Call) -> Option<WorldId> {
    match call {
        Call::New(to, _) | Call::Settle(to, _) | Call::Update { to, .. } | Call::GiveRules { to, .. } => {
            Some(*to)
        }
        _ => None,
    }
}

/// What a call does, for a person.
fn words(call: &Call) -> &'static str {
    match call {
        Call::New(..) | Call::Settle(..) | Call::Update { .. } => "Settling the cluster",
        Call::GiveRules { .. } => "Giving the rules to the node",
        Call::Plan(..) | Call::MoveMember { .. } => "Planning the change",
        Call::Ask { .. } => "Asking where the packets go",
        Call::Picture { .. } => "Drawing",
        Call::Consequences { .. } => "Finding out what followed",
        Call::Remedies(..) => "Looking for remedies",
        Call::Rules { .. } | Call::Rewrites { .. } => "Writing the node's rules",
        Call::Everything { .. } | Call::Matrix(..) => "Asking who reaches whom",
        Call::Balancers(_) | Call::Document(..) => "Reading the load balancers",
        Call::Network { .. } => "Reading the network",
        Call::Export { .. } => "Writing it down",
        Call::Forget(_) | Call::Rehearse(..) => "Tidying up",
    }
}

/// A worker in a test: begins it, and does the next job with an engine of its own.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// From now on there is a worker.
    pub(crate) fn begin() {
        APART.with_borrow_mut(|apart| {
            apart.generation = 1;
            apart.jobs.clear();
            apart.answers.clear();
        });
    }

    /// From now on there is none.
    pub(crate) fn end() {
        APART.with_borrow_mut(|apart| apart.generation = 0);
    }

    /// Does the next job; the words for it, or `None` if there is none.
    pub(crate) fn work(session: &mut session::Session) -> Option<&'static str> {
        let (words, call) = APART.with_borrow(|apart| {
            let job = apart.jobs.front()?;
            let call = apart.posted.iter().find(|(number, _)| *number == job.number)?.1.clone();
            Some((job.words, call))
        })?;
        let answer = session.answer(&call);
        assert!(answer.is_some(), "the worker does not know what it is asked: {words}");
        answered(Some(0), answer.unwrap_or_default());
        Some(words)
    }

    /// Ends what it does.
    pub(crate) fn cancel() {
        super::cancel();
    }
}
