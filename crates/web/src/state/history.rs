//! One history of edits, whatever made them.

use super::RealRules;
use crate::presets::Preset;
use crate::ptr::Ptr;
use model::{Edit, EditError, Model};
use std::rc::Rc;

/// What can be undone and redone.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    undo: Vec<Rc<Entry>>,
    redo: Vec<Rc<Entry>>,
}

/// One step of history.
#[derive(Debug, Clone)]
struct Entry {
    /// What was done, for a person.
    label: String,
    /// What takes it back (in `undo`) or does it again (in `redo`).
    turn: Turn,
    /// The rules of real nodes on the other side of this step.
    rules: RealRules,
    /// What the cluster began as on the other side of this step, if the step opened another one.
    origin: Option<Origin>,
}

/// From one side of a step to the other.
#[derive(Debug, Clone)]
enum Turn {
    Edit(Edit),
    /// Another cluster stood there. Its objects are shared with whatever else holds them.
    Cluster(Box<Model>),
}

/// What a cluster began as.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// The preset; `None` for an opened cluster.
    pub(crate) preset: Option<&'static Preset>,
    /// The cluster before any edit, for the stories.
    pub(crate) model: Ptr<Model>,
}

/// What a step of history changes: the cluster, the rules of its real nodes, and what it began as.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    /// The cluster.
    pub(crate) model: Model,
    /// What `iptables-save` printed on real nodes.
    pub(crate) rules: RealRules,
    /// What it began as.
    pub(crate) origin: Origin,
}

impl History {
    /// Applies an edit and remembers how to take it back. What was undone before is forgotten.
    pub(crate) fn apply(
        &mut self,
        model: &mut Model,
        rules: &RealRules,
        edit: &Edit,
        label: String,
    ) -> Result<(), EditError> {
        let inverse = edit.apply(model)?;
        self.push(Entry { label, turn: Turn::Edit(inverse), rules: rules.clone(), origin: None });
        Ok(())
    }

    /// Remembers the rules that stood before others were given, or they were taken away.
    pub(crate) fn gave(&mut self, before: RealRules, label: String) {
        let turn = Turn::Edit(Edit::Many { edits: Vec::new() });
        self.push(Entry { label, turn, rules: before, origin: None });
    }

    /// Remembers that another cluster was opened in the place of this one.
    pub(crate) fn opened(&mut self, before: Cluster, label: String) {
        let Cluster { model, rules, origin } = before;
        self.push(Entry { label, turn: Turn::Cluster(Box::new(model)), rules, origin: Some(origin) });
    }

    fn push(&mut self, entry: Entry) {
        self.undo.push(Rc::new(entry));
        self.redo.clear();
    }

    /// Takes back the last edit and returns its label; `None` if there is none.
    pub(crate) fn undo(&mut self, cluster: &mut Cluster) -> Option<Result<String, EditError>> {
        Self::turn(&mut self.undo, &mut self.redo, cluster)
    }

    /// Does again what was undone last and returns its label; `None` if there is none.
    pub(crate) fn redo(&mut self, cluster: &mut Cluster) -> Option<Result<String, EditError>> {
        Self::turn(&mut self.redo, &mut self.undo, cluster)
    }

    /// What was done, the first first.
    pub(crate) fn done(&self) -> impl ExactSizeIterator<Item = &str> {
        self.undo.iter().map(|entry| entry.label.as_str())
    }

    /// What was taken back and can be done again, the next first.
    pub(crate) fn undone(&self) -> impl ExactSizeIterator<Item = &str> {
        self.redo.iter().rev().map(|entry| entry.label.as_str())
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
        from: &mut Vec<Rc<Entry>>,
        to: &mut Vec<Rc<Entry>>,
        cluster: &mut Cluster,
    ) -> Option<Result<String, EditError>> {
        let entry = from.pop()?;
        let turned = match &entry.turn {
            Turn::Edit(edit) => edit.apply(&mut cluster.model).map(Turn::Edit),
            Turn::Cluster(other) => {
                let model = std::mem::replace(&mut cluster.model, (**other).clone());
                Ok(Turn::Cluster(Box::new(model)))
            }
        };
        Some(match turned {
            Ok(turn) => {
                let origin = entry.origin.clone();
                let origin = origin.map(|origin| std::mem::replace(&mut cluster.origin, origin));
                let rules = std::mem::replace(&mut cluster.rules, entry.rules.clone());
                let label = entry.label.clone();
                to.push(Rc::new(Entry { label: label.clone(), turn, rules, origin }));
                Ok(label)
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

    fn cluster() -> Cluster {
        let mut service = Service::default();
        service.metadata.name = "echo".into();
        let mut model = Model::default();
        model.put(Object::Service(Arc::new(service)));
        let origin = Origin { preset: None, model: Ptr::new(model.clone()) };
        Cluster { model, rules: RealRules::default(), origin }
    }

    fn policy(name: &str, policy: TrafficPolicy) -> Edit {
        Edit::SetExternalTrafficPolicy { service: Key::new("default", name), policy }
    }

    #[test]
    fn undo_and_redo_walk_the_same_models_both_ways() {
        let mut cluster = cluster();
        let mut history = History::default();
        let mut seen = vec![cluster.model.clone()];
        for wanted in [TrafficPolicy::Local, TrafficPolicy::Cluster] {
            let edit = policy("echo", wanted);
            history.apply(&mut cluster.model, &cluster.rules, &edit, wanted.to_string()).expect("applies");
            seen.push(cluster.model.clone());
        }
        for at in [1, 0] {
            history.undo(&mut cluster).expect("something to undo").expect("applies");
            assert_eq!(cluster.model, seen[at]);
        }
        assert!(history.undo(&mut cluster).is_none());
        for at in [1, 2] {
            history.redo(&mut cluster).expect("something to redo").expect("applies");
            assert_eq!(cluster.model, seen[at]);
        }
        assert!(history.redo(&mut cluster).is_none());
    }

    #[test]
    fn a_refused_edit_leaves_model_and_history() {
        let mut model = cluster().model;
        let before = model.clone();
        let mut history = History::default();
        let none = policy("none", TrafficPolicy::Local);
        assert!(history.apply(&mut model, &RealRules::default(), &none, String::new()).is_err());
        assert_eq!((model, history.next_undo()), (before, None));
    }

    #[test]
    fn a_new_edit_forgets_what_was_undone() {
        let mut cluster = cluster();
        let mut history = History::default();
        let edit = policy("echo", TrafficPolicy::Local);
        history.apply(&mut cluster.model, &cluster.rules, &edit, "a".into()).expect("applies");
        history.undo(&mut cluster);
        let edit = policy("echo", TrafficPolicy::Cluster);
        history.apply(&mut cluster.model, &cluster.rules, &edit, "b".into()).expect("applies");
        assert_eq!((history.next_undo(), history.next_redo()), (Some("b"), None));
    }
}
