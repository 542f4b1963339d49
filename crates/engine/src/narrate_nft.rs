//! Steps of what rules of nftables do, in the same sentences as those of iptables.

use crate::{
    Action, Cause, Component, Header, Owner, RuleRef, Step, Text,
    deciding::{UNMARKED, masquerade_words},
    journey::{Traveller, plain},
    narrate::{Narrator, dnat_words},
    words::{Marked, Way, marked_words, refusal_words, shared_chain_words, way_words},
};
use kubernetes::kube_proxy::nftables::{TABLE, service_of};
use model::{Key, Kind, ObjectRef};
use netfilter::{
    Entry, Event, Passage,
    nft::{
        Chain, ChainId, Element, Elements, Form, Key as Looked, Rule, RuleId, SetId, Side, Statement, Table,
        Verdict,
    },
};

/// One rule of a table, found.
#[derive(Clone, Copy)]
struct Found<'a> {
    table: &'a Table,
    chain: &'a Chain,
    rule: &'a Rule,
}

impl<'a> Narrator<'a> {
    /// Tells a rule that came to a change or a verdict.
    pub(crate) fn nft_rule(
        &mut self,
        traveller: &mut Traveller,
        id: RuleId,
        probability: Option<f64>,
        rest: &[Event],
    ) {
        let Some(found) = self.nft_found(id) else { return };
        match found.rule.statements.last() {
            Some(Statement::Verdict(Verdict::Jump(to))) if found.chain_name(*to) == "mark-for-masquerade" => {
                self.nft_mark(traveller, found, rest);
            }
            Some(Statement::Verdict(Verdict::Jump(to) | Verdict::Goto(to))) => {
                self.nft_jump(traveller, found, *to, probability, rest);
            }
            Some(Statement::Lookup(map)) => {
                let Some((_, element)) = element(found, *map, traveller) else { return };
                if let Some(service) = element.comment.as_ref().and_then(|name| name.split(':').next()) {
                    self.service = service.parse().ok();
                }
                match element.verdict {
                    Verdict::Jump(to) | Verdict::Goto(to) => {
                        self.nft_jump(traveller, found, to, probability, rest);
                    }
                    Verdict::Drop => self.nft_refusal(traveller, found),
                    Verdict::Accept | Verdict::Return => {}
                }
            }
            Some(Statement::Choice(_)) => {
                let Some(next) = next_chain(rest) else { return };
                self.nft_jump(traveller, found, next.chain, probability, rest);
            }
            Some(Statement::Dnat(_)) => {
                let Some(Event::Dnat { before, after }) = rest.first() else { return };
                let step = self.nft_step(traveller, found, Action::Dnat, dnat_words(*after));
                let at = if self.entry == Entry::Sent { "OUTPUT" } else { "PREROUTING" };
                self.dnat_step(traveller, step, (*before, *after), at);
            }
            Some(Statement::Masquerade { .. }) => {
                let Some(Event::Snat { before, after, .. }) = rest.first() else { return };
                let step =
                    self.nft_step(traveller, found, Action::Masquerade, masquerade_words(after.source));
                traveller.packet = *before;
                traveller.rewrite(*after, step);
            }
            Some(Statement::Verdict(Verdict::Return)) if self.translated => {
                let step = self.nft_step(traveller, found, Action::SkipMasquerade, UNMARKED);
                traveller.steps.push(step);
            }
            Some(Statement::Verdict(Verdict::Drop) | Statement::Reject) => self.nft_refusal(traveller, found),
            _ => {}
        }
    }

    fn nft_found(&self, id: RuleId) -> Option<Found<'a>> {
        let table = self.nft.get(id.table as usize)?;
        let chain = table.chain(id.chain)?;
        Some(Found { table, chain, rule: chain.rules.get(id.rule as usize)? })
    }

    fn nft_mark(&self, traveller: &mut Traveller, found: Found<'_>, rest: &[Event]) {
        let Some(Event::Mark { after, .. }) = rest.get(1) else { return };
        let marked = match found.chain.name.split('-').next() {
            Some("endpoint") => Marked::Hairpin,
            _ if found.rule.comment == "masquerade local traffic" => Marked::FromNode,
            Some("external") => Marked::Cluster,
            _ => Marked::NotAPod,
        };
        let mut step = self.nft_step(traveller, found, Action::Mark, marked_words(marked));
        step.after = Header { mark: *after, ..step.before };
        traveller.steps.push(step);
    }

    fn nft_jump(
        &mut self,
        traveller: &mut Traveller,
        found: Found<'_>,
        to: ChainId,
        probability: Option<f64>,
        rest: &[Event],
    ) {
        // A chain in which nothing happens is not worth a step.
        let next = next_chain(rest).filter(|next| next.chain == to).and_then(|next| self.nft_found(next));
        let Some(next) = next else { return };
        let returns = matches!(next.rule.statements.last(), Some(Statement::Verdict(Verdict::Return)));
        if returns && !self.translated {
            return;
        }
        if let Some(service) = service_of(&next.chain.name) {
            self.service = Some(service);
        }
        let Some(why) = self.nft_jump_words(traveller, found, &next.chain.name) else { return };
        let mut step = self.nft_step(traveller, found, Action::Match, why);
        step.probability = probability.filter(|share| *share < 1.0);
        traveller.steps.push(step);
    }

    fn nft_jump_words(&self, traveller: &Traveller, found: Found<'_>, to: &str) -> Option<String> {
        let (from, to_kind) = (kind(&found.chain.name), kind(to));
        let comment = found.rule.comment;
        let way = match (from, to_kind) {
            (_, "services") => return Some(shared_chain_words(self.hook, "KUBE-SERVICES")),
            (_, "masquerading") => return Some(shared_chain_words(self.hook, "KUBE-POSTROUTING")),
            (_, "firewall") => {
                return Some(format!(
                    "{} is among the addresses with loadBalancerSourceRanges: kube-proxy asks them before it translates.",
                    traveller.packet.destination
                ));
            }
            // The rule that refuses speaks for itself.
            (_, "reject" | "checks" | "cluster") => return None,
            ("services", "service") => Way::ClusterIp { local: false },
            ("services", "local") => Way::ClusterIp { local: true },
            ("services", _) if !self.looks_up_address(found) => Way::NodePort,
            ("services", _) => Way::LoadBalancer,
            ("external", "local") => Way::Local,
            ("external", _) if comment == "short-circuit pod traffic" => Way::LocalFromPod,
            ("external", _) if comment == "short-circuit local traffic" => Way::LocalFromNode,
            ("external", _) => Way::Cluster,
            (from, "endpoint") => match found.rule.statements.last() {
                Some(Statement::Choice(ways)) => Way::Endpoint { count: ways.len(), local: from == "local" },
                _ => Way::Affinity,
            },
            _ => return None,
        };
        Some(way_words(way, self.service.as_ref()))
    }

    fn looks_up_address(&self, found: Found<'_>) -> bool {
        let to_set = |statement: &Statement| {
            matches!(
                statement,
                Statement::InSet { side: Side::Destination, .. }
                    | Statement::Local(_)
                    | Statement::Address { .. }
            )
        };
        !found.rule.statements.iter().any(to_set)
    }

    /// A rule or an element that ends the packet's way.
    fn nft_refusal(&mut self, traveller: &mut Traveller, found: Found<'_>) {
        let rejects = rejects(found);
        let why = refusal_words(cause(found), self.service.as_ref()).unwrap_or_else(|| {
            let to = traveller.packet.destination;
            match kind(&found.chain.name) {
                "cluster" if rejects => format!(
                    "{to} is a cluster IP, and its Service has no such port: in mode nftables the node answers with an error at once (\"connection refused\")."
                ),
                "cluster" => format!(
                    "{to} is in the range of cluster IPs and no Service has it: in mode nftables the node drops the packet."
                ),
                _ => format!("A rule in {} ends the packet's way.", found.chain.name),
            }
        });
        let action = if rejects { Action::Reject } else { Action::Drop };
        let step = self.nft_step(traveller, found, action, why);
        traveller.steps.push(step);
    }

    /// Why the rules of nftables ended a packet's way, if they did.
    pub(crate) fn nft_cause(&self, passage: &Passage) -> Option<Cause> {
        let last = passage.events.iter().rev().find(|event| {
            matches!(event, Event::NftRule { .. } | Event::Matched { .. } | Event::PolicyApplied { .. })
        })?;
        let Event::NftRule { rule, .. } = last else { return None };
        self.nft_found(*rule).map(cause)
    }

    fn nft_step(
        &self,
        traveller: &Traveller,
        found: Found<'_>,
        action: Action,
        why: impl Into<Text>,
    ) -> Step {
        let Found { table, chain, rule } = found;
        let component = if *table.name == *TABLE { Component::KubeProxy } else { Component::Iptables };
        let mut step = plain(self.station.clone(), component, Owner::Node, action, why);
        step.before = traveller.packet.into();
        step.after = step.before;
        let mut text = table.rule_text(rule, Form::List).to_string();
        if let Some(Statement::Lookup(map)) = rule.statements.last()
            && let Some((key, element)) = element(found, *map, traveller)
        {
            text.push_str(" { ");
            text.push_str(&table.element_text(&key, element));
            text.push_str(" }");
        }
        step.rule = Some(RuleRef {
            place: format!("{} {}", table.head(), chain.name).into(),
            text: text.into(),
            object: self.service.as_ref().map(|key: &Key| ObjectRef::namespaced(Kind::Service, key)),
        });
        step
    }
}

impl<'a> Found<'a> {
    fn chain_name(self, chain: ChainId) -> &'a str {
        self.table.chain(chain).map_or("", |chain| &*chain.name)
    }
}

/// The element of a map that a packet is looked up to.
fn element<'a>(found: Found<'a>, map: SetId, traveller: &Traveller) -> Option<(Looked, &'a Element)> {
    let Elements::Verdicts { by_address, elements } = &found.table.set(map)?.elements else { return None };
    let key = Looked::of(&traveller.packet, *by_address);
    elements.get(&key).map(|element| (key, element))
}

fn rejects(found: Found<'_>) -> bool {
    matches!(found.rule.statements.last(), Some(Statement::Reject))
}

/// Why a packet ends here, if it does.
fn cause(found: Found<'_>) -> Cause {
    match kind(&found.chain.name) {
        "reject" => Cause::NoEndpoints,
        "firewall" => Cause::SourceRange,
        "checks" => Cause::NoLocalEndpoints,
        _ if rejects(found) => Cause::FirewallRejected,
        _ => Cause::FirewallDropped,
    }
}

/// The next rule that comes to something.
fn next_chain(rest: &[Event]) -> Option<RuleId> {
    rest.iter()
        .take_while(|event| {
            !matches!(event, Event::BaseChain { .. } | Event::Hook { .. } | Event::Routed { .. })
        })
        .find_map(|event| match event {
            Event::NftRule { rule, .. } => Some(*rule),
            _ => None,
        })
}

/// The first word of a chain's name; what is one word for both checks of endpoints.
fn kind(chain: &str) -> &str {
    if chain.ends_with("-endpoints-check") { "checks" } else { chain.split('-').next().unwrap_or_default() }
}
