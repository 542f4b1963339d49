//! Two variants of the cluster on one flow, in two pictures that zoom as one, with their differences marked.

use super::trace;
use crate::world::World;
use crate::{
    canvas::{Chosen, Setting},
    picture::Picture,
    ptr::{Identity, Ptr},
    state::{
        Action, Answer, Dispatch, Variant,
        answer::{Digest, per_cent},
        compare::Baseline,
    },
    ui::{Choice, Segmented},
};
use engine::PathOutcome;
use model::{Model, ObjectRef};
use render::{Options, Scene};
use std::{collections::BTreeSet, rc::Rc};
use yew::prelude::*;

/// What the comparison needs.
#[derive(Properties, PartialEq)]
pub(crate) struct CompareProps {
    /// The variant that stands still.
    pub(crate) variant: Ptr<Variant>,
    /// The cluster as its author wrote it.
    pub(crate) model: Ptr<Model>,
    /// The settled cluster.
    pub(crate) world: Ptr<World>,
    /// What the engine says about the flow.
    pub(crate) answer: Ptr<Answer>,
    /// The branch that is drawn.
    pub(crate) outcome: usize,
    /// Whether the way back is drawn.
    pub(crate) reply: bool,
    /// What is selected.
    pub(crate) selection: Option<ObjectRef>,
    /// The step that is lit.
    pub(crate) highlight: Option<usize>,
    /// How to change the store.
    pub(crate) dispatch: Dispatch,
}

/// Both pictures.
#[component]
pub(crate) fn Comparison(props: &CompareProps) -> Html {
    let view = use_state(|| None::<Chosen>);
    let on_view = use_callback((), {
        let view = view.setter();
        move |chosen: Option<Chosen>, ()| view.set(chosen)
    });
    // The branches of A are others than those of B: until one is chosen, the one most like B's is drawn.
    let picked = use_state(|| None::<usize>);
    use_effect_with((Identity(props.variant.clone()), Identity(props.answer.clone()), props.outcome), {
        let picked = picked.setter();
        move |_| picked.set(None)
    });
    let like = (*picked).unwrap_or_else(|| counterpart(&props.variant.answer, &props.answer, props.outcome));
    let marks = use_memo(
        (props.variant.clone(), props.world.clone(), props.answer.clone(), props.outcome, props.reply, like),
        |(variant, world, answer, outcome, reply, like)| {
            let scene = |world: &World, answer: &Answer, outcome: usize| {
                world.picture(answer.flow.as_ref(), outcome, *reply, Options::default()).unwrap_or_default()
            };
            let a = scene(&variant.world, &variant.answer, *like);
            Rc::new(differences(&a, &scene(world, answer, *outcome)))
        },
    );
    let marks = (*marks).clone();
    let chosen = Baseline::ALL.iter().position(|(one, _)| *one == props.variant.baseline);
    let on_choose = {
        let dispatch = props.dispatch.clone();
        Callback::from(move |at: usize| {
            if let Some((one, _)) = Baseline::ALL.get(at) {
                dispatch.dispatch(Action::Compare(Some(*one)));
            }
        })
    };
    let act = |action: Option<Action>| {
        let dispatch = props.dispatch.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(action) = action.clone() {
                dispatch.dispatch(action);
            }
        })
    };
    let edit = props.model.difference(&props.variant.model);
    let same = edit.is_none();
    let take = edit.map(|edit| Action::Restore("Take variant A over".to_owned(), edit));
    let (a, b) = (props.variant.answer.digest(), props.answer.digest());
    let setting = |label: &'static str, still: bool| Setting {
        label: AttrValue::Static(label),
        marks: Rc::clone(&marks),
        still,
        view: *view,
        on_view: Some(on_view.clone()),
        ..Setting::default()
    };
    let pick = Callback::from(move |at: usize| picked.set(Some(at)));
    html! {
        <div class="comparison">
            <div class="comparison-head">
                <Segmented label="Compare with" quiet=true
                    choices={Baseline::ALL.iter().map(|(_, name)| Choice::new(*name)).collect::<Vec<_>>()}
                    {chosen} {on_choose} />
                <p class="hint" role="status">{ difference_words(same, &a, &b, marks.len()) }</p>
                <button type="button" class="btn" disabled={take.is_none()} onclick={act(take)}>{ "Take A over" }</button>
                <button type="button" class="btn" onclick={act(Some(Action::Compare(None)))}>{ "End comparison" }</button>
            </div>
            <section class="variant" aria-label="Variant A">
                { head("A", baseline_words(props.variant.baseline), &a, branch("Branch of A", &props.variant.answer, like, pick)) }
                <Picture setting={setting("Cluster and packet, variant A", true)} answer={props.variant.answer.clone()} outcome={like}
                    reply={props.reply} selection={None::<ObjectRef>} highlight={None::<usize>} dispatch={props.dispatch.clone()} />
            </section>
            <section class="variant" aria-label="Variant B">
                { head("B", "now, to be changed", &b, branch("Branch of B", &props.answer, props.outcome, trace::choose(&props.dispatch))) }
                <Picture setting={setting("Cluster and packet, variant B", false)} answer={props.answer.clone()} outcome={props.outcome}
                    reply={props.reply} selection={props.selection.clone()} highlight={props.highlight} dispatch={props.dispatch.clone()} />
            </section>
        </div>
    }
}

fn baseline_words(baseline: Baseline) -> &'static str {
    match baseline {
        Baseline::Opened => "as it was opened",
        Baseline::Kept => "as it was kept",
        Baseline::OtherPolicy => "the other traffic policy",
    }
}

/// The branch of A that ends as B's drawn one does: by the same node, else at the same receiver, else alike.
fn counterpart(a: &Answer, b: &Answer, drawn: usize) -> usize {
    let Some((a, b)) = a.paths().zip(b.paths().and_then(|paths| paths.outcomes.get(drawn))) else { return 0 };
    let likeness = |one: &PathOutcome| {
        let (ends, enters) = (one.endpoint == b.endpoint, one.node == b.node);
        u8::from(one.verdict == b.verdict) + 2 * u8::from(enters) + 4 * u8::from(ends)
    };
    // Of those that are equally alike the first, which is the most probable.
    let best = a.outcomes.iter().enumerate().rev().max_by_key(|(_, one)| likeness(one));
    best.map_or(0, |(at, _)| at)
}

fn branch(label: &'static str, answer: &Answer, chosen: usize, on_choose: Callback<usize>) -> Html {
    answer.paths().map(|paths| trace::branches(label, paths, chosen, on_choose, true)).unwrap_or_default()
}

fn head(letter: &'static str, words: &'static str, digest: &Digest, branch: Html) -> Html {
    let seen = digest.seen.words(4);
    let all: Vec<String> =
        digest.shares.iter().map(|(name, share)| format!("{name}: {} %", per_cent(*share))).collect();
    html! {
        <h2 class="variant-head">
            <span class="letter">{ letter }</span>{ words }
            <span class="mono result" title={all.join("\n")}>{ digest.words() }</span>
            if !seen.is_empty() { <span class="hint">{ "source " }<span class="mono">{ seen }</span></span> }
            { branch }
        </h2>
    }
}

fn difference_words(same: bool, a: &Digest, b: &Digest, marked: usize) -> String {
    let things = match marked {
        0 => "Nothing in the pictures differs".to_owned(),
        1 => "1 thing differs, marked ≠".to_owned(),
        many => format!("{many} things differ, marked ≠"),
    };
    if same {
        "Both are the same cluster: change B, or choose another A.".to_owned()
    } else if a.is_like(b) {
        format!("{things}; this flow ends alike.")
    } else {
        format!("{things}; this flow ends otherwise.")
    }
}

/// Groups that one picture alone has, or that say something else in the other.
fn differences(a: &Scene, b: &Scene) -> BTreeSet<String> {
    let one_way = |from: &Scene, to: &Scene| -> Vec<String> {
        let differs = |group: &&render::Group| {
            to.group(&group.id).is_none_or(|other| {
                other.label != group.label || other.state != group.state || other.parent != group.parent
            })
        };
        from.groups.iter().filter(differs).map(|group| group.id.clone()).collect()
    };
    order::set(one_way(a, b).into_iter().chain(one_way(b, a)))
}
