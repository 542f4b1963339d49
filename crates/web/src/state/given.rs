//! Rules of real nodes, by which packets go in place of the generated ones.

use super::State;
use crate::world::World;
use model::NodeName;
use std::rc::Rc;
use yew::AttrValue;

/// What `iptables-save` printed on real nodes: packets go by it there. They are few: each was given by hand.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RealRules(Rc<Vec<(NodeName, AttrValue)>>);

impl RealRules {
    /// The rules of a node, where it was given some.
    pub(crate) fn of(&self, node: &str) -> Option<&AttrValue> {
        self.0.iter().find(|(own, _)| own.as_str() == node).map(|(_, text)| text)
    }

    /// Whether no node was given any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives rules to a node, or takes them away.
    fn put(&mut self, node: NodeName, text: Option<AttrValue>) {
        let all = Rc::make_mut(&mut self.0);
        all.retain(|(own, _)| *own != node);
        all.extend(text.map(|text| (node, text)));
    }

    /// Rules go with their node.
    pub(super) fn keep(&mut self, is_there: impl Fn(&NodeName) -> bool) {
        if !self.0.iter().all(|(node, _)| is_there(node)) {
            Rc::make_mut(&mut self.0).retain(|(node, _)| is_there(node));
        }
    }
}

impl State {
    /// Lets packets on a node go by what `iptables-save` printed there, or by the generated rules again. A text that
    /// is refused changes nothing.
    pub(super) fn give_rules(&mut self, node: NodeName, text: Option<AttrValue>) {
        let (world, unmodelled) = match self.world.with_rules(&node, text.as_deref()) {
            Ok(given) => given,
            Err(error) => return self.refuse(&format!("The rules were not given to {node}: {error}.")),
        };
        let said = match (&text, unmodelled) {
            (None, _) => format!("Generated rules again on {node}"),
            (Some(_), 0) => format!("Given rules on {node}"),
            (Some(_), 1) => format!("Given rules on {node}, 1 line of which cannot be modelled"),
            (Some(_), many) => format!("Given rules on {node}, {many} lines of which cannot be modelled"),
        };
        let mut history = (*self.history).clone();
        history.gave(self.real_rules.clone(), said.clone());
        self.history = Rc::new(history);
        self.real_rules.put(node, text);
        self.stand_in(world, said, Vec::new());
    }

    /// Gives a cluster the rules that history led to, where they are others than now.
    pub(super) fn give_all(&mut self, mut world: World, rules: RealRules) -> World {
        let before = std::mem::replace(&mut self.real_rules, rules);
        for (node, _) in before.0.iter().chain(self.real_rules.0.iter()) {
            let text = self.real_rules.of(node.as_str());
            // They were accepted when they were given; a node that is gone has none.
            if text != before.of(node.as_str())
                && let Ok((given, _)) = world.with_rules(node, text.map(|text| &**text))
            {
                world = given;
            }
        }
        world
    }
}
