//! An edit that somebody is about to make is made before: when they make it, its outcome is there to be shown.

use super::{Action, State};
use crate::engineroom;
use model::Edit;
use render::Format;
use std::rc::Rc;

/// An edit that was not made, and the state that it leads to. It holds for the state that it is in: whatever else
/// happens there forgets it.
#[derive(Debug)]
pub(super) struct Rehearsed {
    edit: Edit,
    then: Rc<State>,
}

impl State {
    /// Where this edit leads, if it was rehearsed.
    pub(super) fn rehearsed(&self, edit: &Edit) -> Option<Rc<Self>> {
        let rehearsed = self.rehearsed.as_ref().filter(|rehearsed| rehearsed.edit == *edit)?;
        Some(Rc::clone(&rehearsed.then))
    }

    /// The same state, which knows where an edit leads and how that is drawn.
    pub(super) fn rehearse(self: Rc<Self>, edit: Edit, shape: Format) -> Rc<Self> {
        // A large cluster would hold the page while something is dragged.
        if self.world.is_large() || !engineroom::is_ready() || self.rehearsed(&edit).is_some() {
            return self;
        }
        let now = Self { rehearsed: None, ..(*self).clone() };
        let then = Rc::new(now.clone()).then(Action::Edit(edit.clone()));
        then.answer.picture(then.outcome, then.reply, shape);
        // What is asked for when it is first read would be read with the picture.
        let _ = then.answer.result();
        Rc::new(Self { rehearsed: Some(Rc::new(Rehearsed { edit, then })), ..now })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::moves::targets;
    use crate::presets::{PRESETS, Preset};
    use crate::state::Tab;
    use render::Scene;
    use session::Call;
    use yew::Reducible;

    /// A preset as it is opened, with the tab on which what followed from an edit is told.
    fn opened(preset: &'static Preset) -> Rc<State> {
        Rc::new(State { tab: Tab::Changes, ..State::new(Some(preset), preset.model()) })
    }

    fn picture(state: &State) -> Rc<Scene> {
        state.answer.picture(state.outcome, state.reply, Format::Wide)
    }

    /// Every edit that dropping something somewhere makes.
    fn drops(state: &State) -> Vec<Edit> {
        let scene = picture(state);
        scene.groups.iter().flat_map(|group| targets(&scene, &group.id)).map(|target| target.edit).collect()
    }

    fn same(rehearsed: &State, made: &State, what: &str) {
        assert_eq!(*rehearsed.model, *made.model, "{what}");
        assert_eq!(rehearsed.world.model(), made.world.model(), "{what}");
        assert_eq!(rehearsed.answer.result(), made.answer.result(), "{what}");
        assert_eq!(picture(rehearsed), picture(made), "{what}");
        assert_eq!(rehearsed.message, made.message, "{what}");
        assert_eq!(rehearsed.announcement, made.announcement, "{what}");
        assert_eq!(rehearsed.selection, made.selection, "{what}");
        assert_eq!(rehearsed.history.next_undo(), made.history.next_undo(), "{what}");
        let changed = |state: &State| {
            let changed = state.changed.as_ref();
            changed.map(|one| (one.label.clone(), one.notes.clone(), one.stages().map(<[_]>::to_vec)))
        };
        assert_eq!(changed(rehearsed), changed(made), "{what}");
    }

    #[test]
    fn a_rehearsed_drop_is_the_drop() {
        let mut moves = 0;
        for preset in PRESETS {
            let state = opened(preset);
            // A quarter of them: a large cluster has hundreds.
            for edit in drops(&state).into_iter().step_by(4) {
                let what = format!("{}: {edit:?}", preset.name);
                let rehearsed = Rc::clone(&state).reduce(Action::Rehearse(edit.clone(), Format::Wide));
                assert!(rehearsed.rehearsed(&edit).is_some(), "{what}");
                same(&rehearsed, &state, &what);
                let made = Rc::clone(&state).reduce(Action::Edit(edit.clone()));
                let rehearsed = rehearsed.reduce(Action::Edit(edit));
                same(&rehearsed, &made, &what);
                same(&rehearsed.reduce(Action::FollowEdit), &made.reduce(Action::FollowEdit), &what);
                moves += 1;
            }
        }
        assert!(moves > 20, "{moves} moves");
    }

    #[test]
    fn one_is_kept_and_only_while_nothing_else_happens() {
        let mut state = opened(&PRESETS[0]);
        let mut drops = drops(&state);
        drops.retain(|edit| state.world.plan(edit).is_ok());
        let [one, other, ..] = &drops[..] else { panic!("two drops") };
        let is_kept =
            |world| engineroom::computed(&wire::encode(&Call::Network { world, nodes: 0 })).is_some();
        let rehearse = |state: Rc<State>, edit: &Edit| {
            let state = state.reduce(Action::Rehearse(edit.clone(), Format::Wide));
            let id = state.rehearsed(edit).expect("rehearsed").world.id();
            (state, id)
        };
        let (first, second);
        (state, first) = rehearse(state, one);
        let again = Rc::clone(&state).reduce(Action::Rehearse(one.clone(), Format::Wide));
        assert!(Rc::ptr_eq(&state, &again), "what is known is not rehearsed again");
        drop(again);
        (state, second) = rehearse(state, other);
        assert!(state.rehearsed(one).is_none() && !is_kept(first) && is_kept(second));
        state = state.reduce(Action::Announce("It stays where it is.".to_owned()));
        assert!(state.rehearsed(other).is_none() && !is_kept(second));
        // Another edit than the one that was rehearsed.
        let (rehearsed, _) = rehearse(Rc::clone(&state), one);
        let made = rehearsed.reduce(Action::Edit(other.clone()));
        same(&made, &state.reduce(Action::Edit(other.clone())), "another edit");
    }
}
