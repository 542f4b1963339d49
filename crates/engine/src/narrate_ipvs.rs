//! Steps of what IPVS does.

use crate::{
    Action, Component, Owner, RuleRef, Step, Text,
    journey::{Traveller, plain},
    narrate::{Narrator, dnat_words},
    words::{Way, refusal_words, way_words},
};
use kubernetes::kube_proxy::ipvs::DEVICE;
use model::{Key, Kind, ObjectRef};
use netfilter::{Event, Hook, Ipvs, IpvsForm, IpvsText, VirtualAddress};

impl Narrator<'_> {
    /// Tells that IPVS took the packet to one of its real servers, or refused it for want of one.
    pub(crate) fn balance(
        &mut self,
        traveller: &mut Traveller,
        at: VirtualAddress,
        ways: usize,
        known: bool,
        rest: &[Event],
    ) {
        let Some(server) = self.ipvs.get(&at) else { return };
        self.service = server.owner.split(':').next().and_then(|name| name.parse().ok());
        let alone: Ipvs = [(at, server.clone())].into_iter().collect();
        let text = IpvsText(&alone, IpvsForm::Restore).to_string();
        let rule = RuleRef {
            place: format!("ipvs {}", at.socket()).into(),
            text: text.trim_end().replace('\n', "; ").into(),
            object: self.service.as_ref().map(|key: &Key| ObjectRef::namespaced(Kind::Service, key)),
        };
        let step = |action, why: Text| {
            let mut step: Step = plain(self.station.clone(), Component::KubeProxy, Owner::Node, action, why);
            step.before = traveller.packet.into();
            step.after = step.before;
            step.rule = Some(rule.clone());
            step
        };
        let refused = refusal_words(crate::Cause::NoEndpoints, self.service.as_ref());
        let Some(Event::Dnat { before, after }) = rest.first() else {
            let refused = step(Action::Reject, refused.unwrap_or_default().into());
            traveller.steps.push(refused);
            return;
        };
        let picks = if known {
            way_words(Way::Affinity, None)
        } else if ways == 1 {
            "It has one real server.".to_owned()
        } else {
            format!("It picks one of {ways} real servers by its scheduler, {}.", server.scheduler.name())
        };
        let hook = if self.hook == Hook::Output { "OUTPUT" } else { "INPUT" };
        let why = format!(
            "{} is an address of this node, on {DEVICE}, so the packet is for the node: at {hook} IPVS finds its virtual server. {picks}",
            at.socket()
        );
        let why = if is_own(at, self) { why.replace(&format!(", on {DEVICE},"), ",") } else { why };
        let mut found = step(Action::Match, why.into());
        #[expect(clippy::cast_precision_loss, reason = "numbers of endpoints are small")]
        let share = 1.0 / ways as f64;
        found.probability = (ways > 1).then_some(share);
        let translated = step(Action::Dnat, dnat_words(*after).into());
        traveller.steps.push(found);
        self.dnat_step(traveller, translated, (*before, *after), hook);
    }
}

/// Whether the address is the node's own, and not one of a Service.
fn is_own(at: VirtualAddress, narrator: &Narrator<'_>) -> bool {
    narrator.own.contains(&at.ip)
}
