//! Rules of real nodes, by which packets go in place of the generated ones.

use super::State;
use model::NodeName;
use std::rc::Rc;
use yew::AttrValue;

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
        let all = Rc::make_mut(&mut self.real_rules);
        match text {
            Some(text) => all.insert(node, text),
            None => all.remove(&node),
        };
        self.stand_in(world, said, Vec::new());
    }
}
