//! One history of edits, whatever made them.

use model::{Edit, EditError, Model};

/// What can be undone and redone.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    undo: Vec<Entry>,
    redo: Vec<Entry>,
}

/// One step of history.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// What was done, for a person.
    pub(crate) label: String,
    /// The edit that takes it back (in `undo`) or does it again (in `redo`).
    edit: Edit,
}

impl History {
    /// Applies an edit and remembers how to take it back. What was undone before is forgotten.
    pub(crate) fn apply(&mut self, model: &mut Model, edit: &Edit, label: String) -> Result<(), EditError> {
        let inverse = edit.apply(model)?;
        self.undo.push(Entry { label, edit: inverse });
        self.redo.clear();
        Ok(())
    }

    /// Takes back the last edit and returns its label; `None` if there is none.
    pub(crate) fn undo(&mut self, model: &mut Model) -> Option<Result<String, EditError>> {
        Self::turn(&mut self.undo, &mut self.redo, model)
    }

    /// Does again what was undone last and returns its label; `None` if there is none.
    pub(crate) fn redo(&mut self, model: &mut Model) -> Option<Result<String, EditError>> {
        Self::turn(&mut self.redo, &mut self.undo, model)
    }

    /// The label of what `undo` would take back.
    pub(crate) fn next_undo(&self) -> Option<&str> {
        self.undo.last().map(|entry| entry.label.as_str())
    }

    /// The label of what `redo` would do again.
    pub(crate) fn next_redo(&self) -> Option<&str> {
        self.redo.last().map(|entry| entry.label.as_str())
    }

    fn turn(
        from: &mut Vec<Entry>,
        to: &mut Vec<Entry>,
        model: &mut Model,
    ) -> Option<Result<String, EditError>> {
        let entry = from.pop()?;
        Some(match entry.edit.apply(model) {
            Ok(inverse) => {
                to.push(Entry { label: entry.label.clone(), edit: inverse });
                Ok(entry.label)
            }
            Err(error) => {
                from.push(entry);
                Err(error)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Key, Object, kubernetes::Service, kubernetes::TrafficPolicy};
    use std::sync::Arc;

    fn model() -> Model {
        let mut service = Service::default();
        service.metadata.name = "echo".into();
        let mut model = Model::default();
        model.put(Object::Service(Arc::new(service)));
        model
    }

    fn policy(name: &str, policy: TrafficPolicy) -> Edit {
        Edit::SetExternalTrafficPolicy { service: Key::new("default", name), policy }
    }

    #[test]
    fn undo_and_redo_walk_the_same_models_both_ways() {
        let mut model = model();
        let mut history = History::default();
        let mut seen = vec![model.clone()];
        for wanted in [TrafficPolicy::Local, TrafficPolicy::Cluster] {
            history.apply(&mut model, &policy("echo", wanted), wanted.to_string()).expect("applies");
            seen.push(model.clone());
        }
        for at in [1, 0] {
            history.undo(&mut model).expect("something to undo").expect("applies");
            assert_eq!(model, seen[at]);
        }
        assert!(history.undo(&mut model).is_none());
        for at in [1, 2] {
            history.redo(&mut model).expect("something to redo").expect("applies");
            assert_eq!(model, seen[at]);
        }
        assert!(history.redo(&mut model).is_none());
    }

    #[test]
    fn a_refused_edit_leaves_model_and_history() {
        let mut model = model();
        let before = model.clone();
        let mut history = History::default();
        assert!(history.apply(&mut model, &policy("none", TrafficPolicy::Local), String::new()).is_err());
        assert_eq!((model, history.next_undo()), (before, None));
    }

    #[test]
    fn a_new_edit_forgets_what_was_undone() {
        let mut model = model();
        let mut history = History::default();
        history.apply(&mut model, &policy("echo", TrafficPolicy::Local), "a".into()).expect("applies");
        history.undo(&mut model);
        history.apply(&mut model, &policy("echo", TrafficPolicy::Cluster), "b".into()).expect("applies");
        assert_eq!((history.next_undo(), history.next_redo()), (Some("b"), None));
    }
}
