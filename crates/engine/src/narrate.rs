//! From kernel events to steps that a person can read.

use crate::{
    Action, Cause, Component, Header, NearMiss, Owner, RuleRef, Station, Step, Text, Verdict,
    deciding::{
        MASQ_AGENT, UNMARKED, comment, commented_name, commented_service, following_mark, is_local_exit,
        is_masq_agent, jump_target, masquerade_words, socket, speaks_of,
    },
    journey::{Traveller, node_station, plain},
    later::{Sentence, Unwritten, later},
    topology::UPLINK,
    words::{accept_words, drop_words, endpoint_share, jump_words, mark_words, reject_words},
};
use kubernetes::{azure_cns, kube_proxy::ipvs::DEVICE, portmap};
use model::{Key, Kind, NodeName, ObjectRef};
use netfilter::{
    Chain, CtState, Entry, Event, Family, Form, Hook, Host, Ipvs, Kernel, Match, Outcome, Packet, Passage,
    Policy, Rule, RuleId, TableName, Target, nft,
};
use std::{net::IpAddr, sync::Arc};

/// In one passage so many decisions are told; after them, jumps no more. kube-proxy's rules make fewer than ten;
/// hostile ones can jump as often as the kernel's budget allows.
const MOST_TOLD: usize = 200;

/// Turns one passage through a node into steps.
pub(crate) struct Narrator<'a> {
    pub(crate) node: &'a NodeName,
    pub(crate) kernel: &'a Arc<Kernel>,
    pub(crate) nft: &'a [nft::Table],
    pub(crate) ipvs: &'a Ipvs,
    /// The addresses of interfaces other than those that hold Services' addresses.
    pub(crate) own: Vec<IpAddr>,
    pub(crate) entry: Entry,
    family: Family,
    pub(crate) station: Station,
    pub(crate) hook: Hook,
    /// The Service that the last rule with a comment spoke of, as far as comments were read.
    pub(crate) service: Option<Key>,
    /// How many events were looked through for a Service: comments are read where a step needs them.
    noted: usize,
    /// Whether a rule translated the destination in this passage.
    pub(crate) translated: bool,
    /// How many steps a rule or a policy decided.
    decided: usize,
    /// Those steps, from the passage's first one, each with its event, where near misses are asked for.
    pub(crate) decisions: Vec<(usize, usize)>,
}

impl<'a> Narrator<'a> {
    pub(crate) fn new(node: &'a NodeName, kernel: &'a Arc<Kernel>, family: Family, entry: Entry) -> Self {
        let host = kernel.host();
        let station = node_station(node);
        Self {
            node,
            kernel,
            nft: &host.nft,
            ipvs: &host.ipvs,
            own: if host.ipvs.is_empty() { Vec::new() } else { own_addresses(host) },
            entry,
            family,
            station,
            hook: Hook::Prerouting,
            service: None,
            noted: 0,
            translated: false,
            decided: 0,
            decisions: Vec::new(),
        }
    }

    /// Appends the steps of the passage to the traveller and leaves the packet as it came out. A
    /// passage that ends here gives the verdict.
    pub(crate) fn tell(&mut self, traveller: &mut Traveller, passage: &Passage) -> Option<(Verdict, Cause)> {
        let first = traveller.steps.len();
        let told = if traveller.quiet { &[][..] } else { &passage.events };
        let explains = traveller.carried.explains();
        for (at, event) in told.iter().enumerate() {
            let rest = passage.events.get(at + 1..).unwrap_or_default();
            let before = traveller.steps.len();
            self.event(traveller, event, rest, told.get(..=at).unwrap_or_default());
            let decides = matches!(event, Event::Matched { .. } | Event::PolicyApplied { .. });
            if decides && traveller.steps.len() > before {
                self.decided += 1;
                if explains {
                    self.decisions.push((before - first, at));
                }
            }
        }
        traveller.packet = passage.packet;
        let before = traveller.steps.len();
        let outcome = self.outcome(traveller, passage);
        if explains && traveller.steps.len() > before {
            let unsupported = |event: &Event| matches!(event, Event::Unsupported { .. });
            let at = passage.events.iter().rposition(unsupported);
            self.decisions.extend(at.map(|at| (before - first, at)));
        }
        outcome
    }

    /// A rule that almost decided, in words.
    pub(crate) fn near_miss(&self, kernel: &Kernel, miss: &netfilter::NearMiss) -> NearMiss {
        let rule = self.rule(miss.rule).map(|(_, rule)| {
            let object = commented_service(rule).map(|key| ObjectRef::namespaced(Kind::Service, &key));
            RuleRef { object, ..self.rule_ref(miss.rule, "").0 }
        });
        let nothing = || RuleRef { place: "".into(), text: "".into(), object: None };
        NearMiss { rule: rule.unwrap_or_else(nothing), failed: kernel.describe_failure(miss) }
    }

    fn event(&mut self, traveller: &mut Traveller, event: &Event, rest: &[Event], told: &[Event]) {
        match event {
            Event::Hook { hook, .. } | Event::BaseChain { hook, .. } => self.hook = *hook,
            Event::NftRule { rule, probability, packet } => {
                self.noted = told.len();
                traveller.packet = *packet;
                self.nft_rule(traveller, *rule, *probability, rest);
            }
            Event::Track(CtState::Invalid) => {
                let why = "Connection tracking knows no connection that this packet could belong to: it is INVALID.";
                self.step(traveller, Component::LinuxNetfilter, Action::Track, why);
            }
            Event::Translate { before, after } => self.translate(traveller, *before, *after),
            Event::Matched { rule, probability, packet } => {
                self.matched(traveller, *rule, *probability, packet, rest, told);
            }
            Event::Ipvs { at, ways, known } => {
                self.noted = told.len();
                self.balance(traveller, *at, *ways, *known, rest);
            }
            Event::Mark { after, .. } => traveller.packet.mark = *after,
            Event::NoHairpin { interface } => {
                let why = format!(
                    "The packet would leave {} by the port that it came in by, which a bridge does not do without hairpin mode.",
                    interface.as_str()
                );
                self.step(traveller, Component::LinuxNetfilter, Action::Drop, why);
            }
            Event::PolicyApplied { table, hook, policy: Policy::Drop } => {
                let why = format!(
                    "No rule of {table} {} let the packet pass, and the chain's policy is DROP.",
                    hook.chain()
                );
                self.step(traveller, Component::Iptables, Action::Drop, why);
            }
            Event::Track(_)
            | Event::PolicyApplied { .. }
            | Event::Routed { .. }
            | Event::Dnat { .. }
            | Event::Snat { .. }
            | Event::Unsupported { .. } => {}
        }
    }

    fn translate(&self, traveller: &mut Traveller, before: Packet, after: Packet) {
        let destination =
            (before.destination, before.destination_port) != (after.destination, after.destination_port);
        let why = later(move || {
            if destination {
                format!(
                    "Connection tracking knows this connection and gives the answer its client back: {} instead of {}. No rule is asked.",
                    after.destination, before.destination
                )
            } else {
                format!(
                    "Connection tracking knows this connection and restores the address that the client called: {} instead of {}.",
                    socket(after.source, after.source_port),
                    socket(before.source, before.source_port)
                )
            }
        });
        let step =
            plain(self.station.clone(), Component::LinuxNetfilter, Owner::Node, Action::Untranslate, why);
        traveller.packet = before;
        traveller.rewrite(after, step);
    }

    fn matched(
        &mut self,
        traveller: &mut Traveller,
        id: RuleId,
        probability: Option<f64>,
        packet: &Packet,
        rest: &[Event],
        told: &[Event],
    ) {
        let Some((chain, rule)) = self.rule(id) else { return };
        if let Some(target) = jump_target(rule)
            && (self.decided >= MOST_TOLD || !self.leads_on(id.table, target, rest))
        {
            return;
        }
        traveller.packet = *packet;
        self.note_service(traveller, Some(rule), told);
        match &rule.target {
            Target::Jump(_) | Target::Goto(_) => {
                self.jump(traveller, id, chain, rule, probability, rest);
            }
            Target::Dnat(_) | Target::Redirect(_) => self.dnat(traveller, id, chain, rule, rest),
            Target::Masquerade { .. } | Target::Snat(_) => self.snat(traveller, id, chain, rule, rest),
            Target::Return if chain.name.as_str() == "KUBE-POSTROUTING" && is_local_exit(rule) => {
                let why = "The pod is on this very node, and Cilium masquerades only what goes on to another node: the pod sees the client.";
                self.rule_step(traveller, id, chain, rule, Action::SkipMasquerade, None, why);
            }
            Target::Return if chain.name.as_str() == "KUBE-POSTROUTING" && self.translated => {
                self.rule_step(traveller, id, chain, rule, Action::SkipMasquerade, None, UNMARKED);
            }
            Target::Return if is_masq_agent(chain) && self.asks_masq_agent() => {
                let why = if self.from_guest() {
                    "The destination is in a range that is not masqueraded: the pod's own address stays."
                } else {
                    "The destination is in a range that is not masqueraded: the source stays as it is."
                };
                self.rule_step(traveller, id, chain, rule, Action::SkipMasquerade, None, why);
            }
            Target::Drop => {
                let why = self.words_of(id, drop_words);
                self.rule_step(traveller, id, chain, rule, Action::Drop, None, why);
            }
            Target::Reject(_) => {
                let why = self.words_of(id, reject_words);
                self.rule_step(traveller, id, chain, rule, Action::Reject, None, why);
            }
            // Mode IPVS: nothing more for table nat to do.
            Target::Accept if chain.name.as_str() == "KUBE-SERVICES" => {}
            Target::Accept => {
                let why = self.words_of(id, accept_words);
                self.rule_step(traveller, id, chain, rule, Action::Accept, None, why);
            }
            Target::Unsupported(_) => {
                let why = "This rule's target is not modelled, so what follows from it is not known.";
                self.rule_step(traveller, id, chain, rule, Action::Match, None, why);
            }
            _ => {}
        }
    }

    /// Remembers the Service of which the latest comment speaks that was not read yet. Where the last event is a rule
    /// that is at hand, it is `last`.
    fn note_service(&mut self, traveller: &mut Traveller, last: Option<&Rule>, told: &[Event]) {
        let unread = told.get(self.noted..).unwrap_or_default();
        self.noted = told.len();
        let rules = unread.iter().rev().skip(usize::from(last.is_some())).filter_map(|event| match event {
            Event::Matched { rule, .. } => self.rule(*rule).map(|(_, rule)| rule),
            _ => None,
        });
        for rule in last.into_iter().chain(rules) {
            // Mostly the rules before, or another node, spoke of the same one.
            if let Some(known) = traveller.spoken_of.as_ref().filter(|known| speaks_of(rule, known)) {
                if self.service.as_ref() != Some(known) {
                    self.service = Some(known.clone());
                }
                return;
            }
            let Some(name) = commented_name(rule) else { continue };
            let is_meant = |known: &Key| {
                let rest = name.strip_prefix(&*known.namespace).and_then(|rest| rest.strip_prefix('/'));
                rest == Some(&*known.name)
            };
            if self.service.as_ref().is_some_and(is_meant) {
                return;
            }
            let before = traveller.spoken_of.as_ref().filter(|known| is_meant(known)).cloned();
            if let Some(service) = before.or_else(|| name.parse().ok()) {
                traveller.spoken_of = Some(service.clone());
                self.service = Some(service);
                return;
            }
        }
    }

    fn jump(
        &self,
        traveller: &mut Traveller,
        id: RuleId,
        chain: &Chain,
        rule: &Rule,
        probability: Option<f64>,
        rest: &[Event],
    ) {
        if let Some(Event::Mark { after, .. }) = following_mark(self.kernel, self.family, rest) {
            let why = mark_words(chain, rule);
            let mut step = self.with_rule(id, chain, rule, Action::Mark, why);
            step.before = traveller.packet.into();
            step.after = Header { mark: *after, ..traveller.packet.into() };
            traveller.steps.push(step);
            return;
        }
        let (kernel, family, hook, service) =
            (Arc::clone(self.kernel), self.family, self.hook, self.service.clone());
        let why = later(move || {
            let words = |(chain, rule)| {
                let target = jump_target(rule).unwrap_or_default();
                jump_words(hook, service.as_ref(), chain, rule, target)
            };
            kernel.rule(family, id).map(words).unwrap_or_default()
        });
        let share = endpoint_share(chain, rule).or(probability);
        self.rule_step(traveller, id, chain, rule, Action::Match, share, why);
    }

    /// The sentence of a rule that ends a table or the packet's way.
    fn words_of(
        &self,
        id: RuleId,
        words: fn(&Chain, &Rule, Option<&Key>) -> String,
    ) -> Unwritten<impl Fn() -> String + Send + Sync + use<>> {
        let (kernel, family, service) = (Arc::clone(self.kernel), self.family, self.service.clone());
        later(move || {
            let words = |(chain, rule)| words(chain, rule, service.as_ref());
            kernel.rule(family, id).map(words).unwrap_or_default()
        })
    }

    fn dnat(&mut self, traveller: &mut Traveller, id: RuleId, chain: &Chain, rule: &Rule, rest: &[Event]) {
        let Some(Event::Dnat { before, after }) = rest.first() else { return };
        let step = self.with_rule(id, chain, rule, Action::Dnat, dnat_words(*after));
        let at = if self.entry == Entry::Sent { "OUTPUT" } else { "PREROUTING" };
        self.dnat_step(traveller, step, (*before, *after), at);
    }

    /// The step of a translated destination, and that nobody has to listen on the old one.
    pub(crate) fn dnat_step(
        &mut self,
        traveller: &mut Traveller,
        step: Step,
        (before, after): (Packet, Packet),
        at: &'static str,
    ) {
        self.translated = true;
        traveller.packet = before;
        traveller.rewrite(after, step);
        let why = later(move || {
            format!(
                "No socket was looked up for {}: {at} runs before the kernel asks who listens, so nothing on the node has to listen on port {}.",
                socket(before.destination, before.destination_port),
                before.destination_port
            )
        });
        self.step(traveller, Component::LinuxNetfilter, Action::SkipSocketLookup, why);
    }

    fn snat(&self, traveller: &mut Traveller, id: RuleId, chain: &Chain, rule: &Rule, rest: &[Event]) {
        let Some(Event::Snat { before, after, masquerade }) = rest.first() else { return };
        if is_masq_agent(chain) && before.source == after.source {
            return;
        }
        let action = if *masquerade { Action::Masquerade } else { Action::Snat };
        let (name, source) = (chain.name, after.source);
        let why = later(move || match name.as_str() {
            MASQ_AGENT => format!(
                "The destination is outside the pods' ranges, so the pod's address is replaced by the node's, {source}."
            ),
            "KUBE-POSTROUTING" => masquerade_words(source),
            portmap::MASQUERADE => masquerade_words(source),
            azure_cns::CHAIN => format!(
                "Azure's platform answers a VM's own address only, so Azure CNS replaces the pod's address by the node's, {source}."
            ),
            _ => {
                format!("A rule in {name} replaces the source by {source}; the receiver sees that address.")
            }
        });
        let step = self.with_rule(id, chain, rule, action, why);
        traveller.packet = *before;
        traveller.rewrite(*after, step);
    }

    fn outcome(&mut self, traveller: &mut Traveller, passage: &Passage) -> Option<(Verdict, Cause)> {
        match &passage.outcome {
            Outcome::Local | Outcome::Out { .. } => None,
            Outcome::Dropped => Some((Verdict::Dropped, self.cause(passage, Cause::FirewallDropped))),
            Outcome::Rejected(_) => Some((Verdict::Rejected, self.cause(passage, Cause::FirewallRejected))),
            Outcome::NoRoute => {
                let why = format!("{} has no route to {}.", self.node, passage.packet.destination);
                self.step(traveller, Component::LinuxNetfilter, Action::Drop, why);
                Some((Verdict::Unreachable, Cause::NoRoute))
            }
            Outcome::Martian => {
                let why =
                    "The kernel discards packets from or to 127.0.0.0/8 that cross the network.".to_owned();
                self.step(traveller, Component::LinuxNetfilter, Action::Drop, why);
                Some((Verdict::Dropped, Cause::Martian))
            }
            Outcome::ForwardingOff => {
                let why = format!("{} does not forward packets (net.ipv4.ip_forward is 0).", self.node);
                self.step(traveller, Component::LinuxNetfilter, Action::Drop, why);
                Some((Verdict::Dropped, Cause::ForwardingOff))
            }
            Outcome::Ambiguous => {
                let rule = passage.events.iter().rev().find_map(|event| match event {
                    Event::Unsupported { rule } => Some(*rule),
                    _ => None,
                });
                let why = "This rule has a part that is not modelled, and what happens to the packet depends on it.";
                match rule.and_then(|id| Some((id, self.rule(id)?))) {
                    Some((id, (chain, rule))) => {
                        self.note_service(traveller, None, &passage.events);
                        self.rule_step(traveller, id, chain, rule, Action::Match, None, why);
                    }
                    None => self.step(traveller, Component::Iptables, Action::Match, why),
                }
                Some((Verdict::Ambiguous, Cause::UnsupportedRule))
            }
        }
    }

    /// The cause that the deciding rule's chain and comment state.
    fn cause(&self, passage: &Passage, otherwise: Cause) -> Cause {
        let deciding = passage.events.iter().rev().find_map(|event| match event {
            Event::Matched { rule, .. } => Some(*rule),
            _ => None,
        });
        if matches!(passage.events.last(), Some(Event::Ipvs { ways: 0, .. })) {
            return Cause::NoEndpoints;
        }
        if let Some(cause) = self.nft_cause(passage) {
            return cause;
        }
        let Some((chain, rule)) = deciding.and_then(|id| self.rule(id)) else { return otherwise };
        let comment = comment(rule).unwrap_or_default();
        let invalid = rule.matches.iter().any(
            |condition| matches!(condition, Match::CtState { not: false, states } if states.contains(CtState::Invalid)),
        );
        match chain.name.as_str() {
            "KUBE-PROXY-FIREWALL" | "KUBE-SOURCE-RANGES-FIREWALL" | "KUBE-IPVS-OUT-FILTER" => {
                Cause::SourceRange
            }
            "KUBE-FIREWALL" => Cause::Martian,
            name if name.starts_with("KUBE-") && comment.ends_with("has no endpoints") => Cause::NoEndpoints,
            name if name.starts_with("KUBE-") && comment.ends_with("has no local endpoints") => {
                Cause::NoLocalEndpoints
            }
            _ if invalid => Cause::InvalidState,
            _ => otherwise,
        }
    }

    /// Whether a jump is worth a step: a rule that decides something matched in the chain it leads to.
    fn leads_on(&self, table: TableName, target: &str, rest: &[Event]) -> bool {
        let next = rest.iter().find_map(|event| match event {
            Event::Matched { rule, .. } | Event::Unsupported { rule } => Some(*rule),
            _ => None,
        });
        let Some((chain, rule)) = next.filter(|next| next.table == table).and_then(|next| self.rule(next))
        else {
            return false;
        };
        // An accept speaks for itself, and so does a return where nothing was to be masqueraded.
        let tells = match rule.target {
            Target::Accept => false,
            Target::Return if is_masq_agent(chain) => self.asks_masq_agent(),
            Target::Return => self.translated,
            _ => true,
        };
        tells && chain.name.as_str() == target
    }

    /// Whether ip-masq-agent's leave is worth a step: it keeps a pod's address, or that of a client whose packet
    /// was translated.
    fn asks_masq_agent(&self) -> bool {
        self.translated || self.from_guest()
    }

    /// Whether the packet comes from a pod on this node.
    fn from_guest(&self) -> bool {
        matches!(self.entry, Entry::Received(interface) if interface.as_str() != UPLINK && interface.as_str() != "lo")
    }

    fn rule(&self, id: RuleId) -> Option<(&'a Chain, &'a Rule)> {
        self.kernel.rule(self.family, id)
    }

    pub(crate) fn step(
        &self,
        traveller: &mut Traveller,
        component: Component,
        action: Action,
        why: impl Into<Text>,
    ) {
        traveller.note(self.station.clone(), component, Owner::Node, action, why);
    }

    #[expect(clippy::too_many_arguments, reason = "one rule, taken apart once by the caller")]
    fn rule_step(
        &self,
        traveller: &mut Traveller,
        id: RuleId,
        chain: &Chain,
        rule: &Rule,
        action: Action,
        probability: Option<f64>,
        why: impl Sentence,
    ) {
        let mut step = self.with_rule(id, chain, rule, action, why);
        step.before = traveller.packet.into();
        step.after = step.before;
        step.probability = probability;
        traveller.steps.push(step);
    }

    fn with_rule(&self, id: RuleId, chain: &Chain, rule: &Rule, action: Action, why: impl Sentence) -> Step {
        let component = match chain.name.as_str() {
            name if name.starts_with("KUBE-") => Component::KubeProxy,
            _ if is_masq_agent(chain) => Component::IpMasqAgent,
            _ if jump_target(rule).is_some_and(|target| target.starts_with("KUBE-")) => Component::KubeProxy,
            _ => Component::Iptables,
        };
        let (rule, why) = self.rule_ref(id, why);
        let mut step = plain(self.station.clone(), component, Owner::Node, action, why);
        step.rule = Some(rule);
        step
    }

    /// A rule, and the sentence that stands beside it.
    fn rule_ref(&self, id: RuleId, why: impl Sentence) -> (RuleRef, Text) {
        let (kernel, family) = (Arc::clone(self.kernel), self.family);
        let [place, text, why] = why.beside(move || {
            let Some((chain, rule)) = kernel.rule(family, id) else { return Default::default() };
            let line = rule.line(&chain.name, family, Form::Save);
            [format!("{} {}", id.table, chain.name), line.to_string()]
        });
        let object = self.service.as_ref().map(|key| ObjectRef::namespaced(Kind::Service, key));
        (RuleRef { place, text, object }, why)
    }
}

/// What a translation of the destination means.
pub(crate) fn dnat_words(after: Packet) -> Unwritten<impl Fn() -> String + Send + Sync> {
    later(move || {
        format!(
            "The destination becomes {}. From now on connection tracking does the same for every packet of this connection, and the reverse for its answers.",
            socket(after.destination, after.destination_port)
        )
    })
}

/// The addresses of a host that are no Service's.
fn own_addresses(host: &Host) -> Vec<IpAddr> {
    let own = host.interfaces.iter().filter(|interface| interface.name.as_str() != DEVICE);
    own.flat_map(|interface| &interface.addresses).map(ipnet::IpNet::addr).collect()
}
