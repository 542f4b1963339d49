//! What the engine says about a flow, and what changed since the edit before.

use crate::world::World;
use engine::{Action, Cause, Flow, PathOutcome, Paths, Run, RunRow, Seen, Step, Verdict};
pub(crate) use render::per_cent;
use render::{Format, Options, Scene};
use session::{Answered, Export};
use std::{
    cell::{OnceCell, RefCell},
    fmt,
    rc::Rc,
};

/// The engine's answer about one flow. It is asked for when somebody first reads it: after an edit, what is in sight
/// may not need it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// The cluster.
    pub(crate) world: World,
    /// The flow, if it may be told about.
    pub(crate) flow: Option<Flow>,
    seed: u64,
    result: OnceCell<Result<Answered, Unanswered>>,
    /// What was drawn last.
    drawn: RefCell<Option<(Drawing, Rc<Scene>)>>,
}

/// Which branch is drawn, whether it is the way back, and in which shape.
type Drawing = (usize, bool, Format);

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Unanswered {
    /// The flow cannot be asked about.
    Flow(String),
    /// A lesson asks for a prediction first.
    Veiled,
    /// The engine has yet to tell.
    Awaited,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flow(error) => f.write_str(error),
            Self::Veiled => {
                f.write_str("predict first: the packet is sent when you have checked your prediction")
            }
            Self::Awaited => f.write_str("the engine is at work"),
        }
    }
}

impl Answer {
    /// The answer about a flow, its run sampled by this seed.
    pub(crate) fn of(world: &World, flow: &Flow, seed: u64) -> Self {
        Self {
            world: world.clone(),
            flow: Some(flow.clone()),
            seed,
            result: OnceCell::new(),
            drawn: RefCell::default(),
        }
    }

    /// No answer before the prediction.
    pub(crate) fn veiled(world: &World) -> Self {
        Self { world: world.clone(), flow: None, seed: 0, result: OnceCell::new(), drawn: RefCell::default() }
    }

    /// What becomes of it, or why that is not told.
    pub(crate) fn result(&self) -> Result<&Answered, &Unanswered> {
        if let Some(known) = self.result.get() {
            return known.as_ref();
        }
        let answer = match &self.flow {
            Some(flow) => match self.world.ask(flow, self.seed) {
                Some(answer) => answer.map_err(Unanswered::Flow),
                None => return Err(&Unanswered::Awaited),
            },
            None => Err(Unanswered::Veiled),
        };
        self.result.get_or_init(|| answer).as_ref()
    }

    /// The branches.
    pub(crate) fn paths(&self) -> Option<&Paths> {
        self.result().ok().map(|answered| &answered.paths)
    }

    /// The sampled run.
    pub(crate) fn run(&self) -> Option<&Run> {
        self.result().ok().map(|answered| &answered.run)
    }

    /// How a branch is drawn, on the way there or back: the same scene where it was drawn last, and where the picture
    /// is still to come.
    pub(crate) fn picture(&self, outcome: usize, reply: bool, shape: Format) -> Rc<Scene> {
        let wanted = (outcome, reply, shape);
        let mut drawn = self.drawn.borrow_mut();
        if drawn.as_ref().is_none_or(|(known, _)| *known != wanted)
            && let Some(scene) = self.world.picture(self.flow.as_ref(), outcome, reply, Options { shape })
        {
            *drawn = Some((wanted, Rc::new(scene)));
        }
        drawn.as_ref().map(|(_, scene)| Rc::clone(scene)).unwrap_or_default()
    }

    /// The shape of what was drawn last.
    pub(super) fn shape(&self) -> Format {
        self.drawn.borrow().as_ref().map_or(Format::Wide, |((.., shape), _)| *shape)
    }

    /// A branch as plain text, every step of it.
    pub(crate) async fn text(&self, outcome: usize) -> Result<String, String> {
        let Some(flow) = &self.flow else { return Ok(String::new()) };
        Ok(self.world.export(flow, outcome, false, Export::Trace).await?.unwrap_or_default())
    }

    /// What a person would compare before and after an edit.
    pub(crate) fn digest(&self) -> Digest {
        match self.result() {
            Err(error) => {
                Digest { shares: Vec::new(), seen: Seen::default(), failure: Some(error.to_string()) }
            }
            Ok(answered) => Digest::of(&answered.run),
        }
    }
}

/// The outcome of a flow in a few values.
#[derive(Debug, Clone)]
pub(crate) struct Digest {
    /// Receivers and their exact shares, in name order.
    pub(crate) shares: Vec<(String, f64)>,
    /// Whom the receivers took for the client.
    pub(crate) seen: Seen,
    /// What fails and in which share, or why nothing can be asked.
    pub(crate) failure: Option<String>,
}

impl Digest {
    fn of(run: &Run) -> Self {
        let (delivered, failed): (Vec<_>, Vec<_>) =
            run.rows.iter().partition(|row| row.verdict == Verdict::Delivered);
        let seen = Seen::by(delivered.iter().copied());
        let failure = failed
            .iter()
            .max_by(|a, b| a.exact.total_cmp(&b.exact))
            .filter(|row| row.exact > 0.0)
            .map(|row| failure(row));
        Self { shares: delivered.iter().map(|row| (receiver(row), row.exact)).collect(), seen, failure }
    }

    /// Whether a person would see no difference: shares are sums of products and differ in their last bits.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.seen == other.seen && self.failure == other.failure && self.shares_like(other)
    }

    /// The share of connections that are answered, 0 to 1.
    pub(crate) fn answered(&self) -> f64 {
        self.shares.iter().map(|(_, share)| share).sum()
    }

    fn shares_like(&self, other: &Self) -> bool {
        const NEAR: f64 = 1e-9;
        let alike =
            |(one, two): (&(String, f64), &(String, f64))| one.0 == two.0 && (one.1 - two.1).abs() < NEAR;
        self.shares.len() == other.shares.len() && self.shares.iter().zip(&other.shares).all(alike)
    }

    /// `34 / 33 / 33` in per cent, or the failure.
    pub(crate) fn words(&self) -> String {
        let shares: Vec<String> = self.shares.iter().map(|(_, share)| per_cent(*share)).collect();
        match (&self.failure, shares.as_slice()) {
            (None, []) => "nobody answers".into(),
            (None, [only]) => format!("{only} %"),
            (None, _) => self.shared(&shares),
            (Some(failure), _) if self.shares.iter().all(|(_, share)| *share == 0.0) => failure.clone(),
            (Some(failure), _) => format!("{}, rest {failure}", self.shared(&shares)),
        }
    }

    /// Shares one by one, or of how many to how many where they are too many to read.
    fn shared(&self, words: &[String]) -> String {
        const MOST: usize = 24;
        if words.len() <= MOST {
            return words.join(" / ");
        }
        let shares = || self.shares.iter().map(|(_, share)| *share);
        let (least, most) = (shares().fold(1.0, f64::min), shares().fold(0.0, f64::max));
        match (per_cent(least), per_cent(most)) {
            (least, most) if least == most => format!("{least} to each of {}", words.len()),
            (least, most) => format!("{least} to {most}, to each of {}", words.len()),
        }
    }
}

/// The receiver's name, without the namespace `default`.
pub(crate) fn receiver(row: &RunRow) -> String {
    match &row.endpoint {
        Some(endpoint) => match &endpoint.pod {
            Some(pod) if &*pod.namespace == "default" => pod.name.to_string(),
            _ => endpoint.to_string(),
        },
        None => failure(row),
    }
}

fn failure(row: &RunRow) -> String {
    verdict_words(row.verdict, row.cause)
}

/// `refused: no-listener`.
pub(crate) fn verdict_words(verdict: Verdict, cause: Option<Cause>) -> String {
    match cause {
        Some(cause) => format!("{verdict}: {cause}"),
        None => verdict.to_string(),
    }
}

/// A share as a fraction where it is a simple one: `1/3`, `1`, `0`.
pub(crate) fn fraction(share: f64) -> Option<String> {
    const NEAR: f64 = 1e-9;
    (1..=60u32).find_map(|below| {
        let above = share * f64::from(below);
        let whole = above.round();
        ((above - whole).abs() < NEAR).then(|| match below {
            1 => render::number(whole),
            _ => format!("{}/{below}", render::number(whole)),
        })
    })
}

/// Why a flow ends differently than before. What fails now is told by its last step; else the most probable way is
/// compared with the one before: its first step that differs, and how the endpoint was chosen, if that differs, too.
pub(crate) fn cause((before, old): (&Answer, &Digest), (after, now): (&Answer, &Digest)) -> Option<String> {
    let (Some(before_paths), Some(after_paths)) = (before.paths(), after.paths()) else {
        return after.result().err().map(ToString::to_string);
    };
    let (was, is) = (before_paths.outcomes.first()?, after_paths.outcomes.first()?);
    if old.shares_like(now) {
        let translated =
            |step: &&Step| matches!(step.action, Action::Masquerade | Action::SkipMasquerade | Action::Snat);
        return is.steps.iter().find(translated).map(|step| step.why.to_string());
    }
    if old.answered() - now.answered() > 1e-9 {
        let fails = |outcome: &&PathOutcome| outcome.verdict != Verdict::Delivered;
        let fallen = after_paths.outcomes.iter().find(fails)?;
        let way_back = fallen.reply.as_ref().and_then(|reply| reply.steps.last());
        return way_back.or(fallen.steps.last()).map(|step| step.why.to_string());
    }
    let differs = |(at, step): &(usize, &Step)| {
        was.steps.get(*at).is_none_or(|old| old.why != step.why || old.probability != step.probability)
    };
    let (first, other) = is.steps.iter().enumerate().find(differs)?;
    let chosen_otherwise =
        chosen(is).filter(|(at, step)| *at > first && chosen(was).is_none_or(|(_, old)| old.why != step.why));
    let chosen_otherwise = chosen_otherwise.map(|(_, step)| format!(" {}", step.why));
    Some(format!("{}{}", other.why, chosen_otherwise.unwrap_or_default()))
}

/// The step that chose the endpoint: the one before the destination is rewritten.
fn chosen(outcome: &PathOutcome) -> Option<(usize, &Step)> {
    let rewritten = outcome.steps.iter().position(|step| step.action == Action::Dnat)?;
    let at = rewritten.checked_sub(1)?;
    Some((at, outcome.steps.get(at)?))
}

/// A branch in one sentence.
pub(crate) fn sentence(outcome: &PathOutcome) -> String {
    let end = match (&outcome.endpoint, outcome.source_seen) {
        (Some(endpoint), Some(source)) if outcome.verdict == Verdict::Delivered => {
            format!("{endpoint} answered and saw {source}")
        }
        _ => verdict_words(outcome.verdict, outcome.cause),
    };
    format!("{end}. {} steps.", outcome.steps.len())
}

/// A sampled run in one sentence.
pub(crate) fn run_sentence(run: &Run) -> String {
    let counts: Vec<String> = run.rows.iter().map(|row| format!("{} {}", receiver(row), row.count)).collect();
    format!("{} connections: {}.", run.requests, counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_as_people_write_them() {
        for (share, per, fraction_words) in [
            (1.0, "100", Some("1")),
            (0.0, "0", Some("0")),
            (1.0 / 3.0, "33.3", Some("1/3")),
            (0.5 / 3.0 + 0.5, "66.7", Some("2/3")),
            (0.25, "25", Some("1/4")),
            (0.0004, "<0.1", None),
            (0.123_456, "12.3", None),
        ] {
            assert_eq!(per_cent(share), per);
            assert_eq!(fraction(share).as_deref(), fraction_words, "{share}");
        }
    }
}
