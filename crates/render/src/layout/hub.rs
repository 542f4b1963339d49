//! The rules of a node's kernel: the small box on a card that every packet passes.

use super::{
    board::{Board, Draft},
    ways::{Place, Way},
};
use crate::{Anchor, Ink, Kind, Look, Point, Rect, State, TextStyle, Tone};
use engine::{Action, Component, Step};
use model::{NodeName, ObjectRef};

pub(super) const WIDTH: f64 = 84.0;
pub(super) const HEIGHT: f64 = 38.0;

/// Draws the box; its second line says what the rules did to the selected branch.
pub(super) fn draw(board: &mut Board, ways: &[Way], selected: Option<usize>, node: &NodeName, at: Rect) {
    let card = format!("node/{node}");
    let place = Place::Node(node.clone());
    let way = ways.iter().find(|way| Some(way.outcome) == selected);
    let here: Vec<usize> = way
        .into_iter()
        .flat_map(|way| way.stops.iter().filter(|stop| stop.place == place).flat_map(|stop| &stop.steps))
        .copied()
        .collect();
    let done: Vec<&Step> =
        way.into_iter().flat_map(|way| here.iter().filter_map(|&at| way.steps.get(at))).collect();
    let visited = way.is_some_and(|way| way.stops.iter().any(|stop| stop.place == place));
    let deed = if visited { deed(&done) } else { String::new() };
    let state = board.state(&card);
    let steps = here
        .iter()
        .zip(&done)
        .filter(|(_, step)| {
            matches!(step.component, Component::KubeProxy | Component::Iptables | Component::IpMasqAgent)
                || step.rewrites()
        })
        .map(|(&at, _)| at)
        .collect();
    let middle = at.w / 2.0;
    let ink = if state == State::Failed { Ink::Bad } else { Ink::Tone };
    let label =
        if deed.is_empty() { "kube-proxy's rules".into() } else { format!("kube-proxy's rules: {deed}") };
    let draft = Draft::new(format!("{card}/rules"), Kind::KubeProxy, Tone::Node, at)
        .within(&card)
        .object(ObjectRef::node(node))
        .label(label)
        .used(state, steps)
        .body(8.0, Look::Body);
    let name = |draft: Draft, y| {
        let at = Point::new(middle, y);
        draft.anchored(Anchor::Middle, at, WIDTH - 8.0, TextStyle::Note, Ink::Soft, "kube-proxy")
    };
    let draft = if deed.is_empty() {
        name(draft, 23.0)
    } else {
        let at = Point::new(middle, 30.5);
        name(draft, 16.0).anchored(Anchor::Middle, at, WIDTH - 8.0, TextStyle::MonoStrong, ink, &deed)
    };
    draft.put(board);
}

/// What the rules did, in two words at most.
fn deed(steps: &[&Step]) -> String {
    let did = |action: Action| steps.iter().any(|step| step.action == action);
    let stop = [(Action::Drop, "drops"), (Action::Reject, "rejects"), (Action::Refuse, "refuses")];
    if let Some((_, word)) = stop.into_iter().find(|&(action, _)| did(action)) {
        return word.into();
    }
    let source = did(Action::Snat) || did(Action::Masquerade);
    match (did(Action::Dnat), source, did(Action::Untranslate)) {
        (true, true, _) => "DNAT+SNAT".into(),
        (true, false, _) => "DNAT".into(),
        (false, true, _) => "SNAT".into(),
        (false, false, true) => "un-NAT".into(),
        (false, false, false) => "passes".into(),
    }
}
