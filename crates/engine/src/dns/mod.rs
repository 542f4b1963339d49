//! A name is resolved before anything is sent: by CoreDNS for pods, by the servers of the virtual network for nodes
//! and VMs and behind CoreDNS, by the internet's DNS for everyone else.

mod asking;
mod core_dns;
mod servers;

use crate::{
    Assumption, AssumptionCode, Cause, FlowError, FlowSummary, PathOutcome, Paths, Place, Step, Verdict,
    World,
    answer::{Asked, Branch, Question, likelier_first},
    journey::Party,
    state::Effects,
};
use asking::Asking;
use azure::surroundings::{Location, home, locate};
use kubernetes::{
    ingress::{Wildcard, host_rank},
    ingress_nginx::Controller,
};
use model::kubernetes::Pod;
use servers::{Asker, packet};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

/// Stands for whatever resolver a host on the internet has.
const PUBLIC_DNS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What became of a name.
#[derive(Debug, Default)]
pub(crate) struct Resolution {
    /// Who was asked and what they said.
    pub(crate) steps: Vec<Step>,
    /// The addresses; none where it failed.
    pub(crate) addresses: Vec<IpAddr>,
    /// Why there are none.
    failure: Option<(Verdict, Cause)>,
    codes: BTreeSet<AssumptionCode>,
}

impl World {
    /// Every branch of a flow to a name: first the name, then the flow to each of its addresses.
    pub(crate) fn branches_by_name(&self, question: &Question<'_>, name: &str) -> Result<Asked, FlowError> {
        let flow = question.flow;
        let (sender, sources) = self.sender(&flow.from)?;
        let source = sources.iter().find(|ip| ip.is_ipv4()).or(sources.first()).copied();
        let source = source.ok_or_else(|| FlowError::NoAddress(flow.from.to_string()))?;
        let resolution = self.look_up(name, &flow.from, &sender, &sources, source);
        let usable: Vec<IpAddr> = resolution
            .addresses
            .iter()
            .copied()
            .filter(|ip| sources.iter().any(|source| source.is_ipv4() == ip.is_ipv4()))
            .collect();
        let summary = |destination| FlowSummary {
            from: flow.from.to_string().into(),
            source,
            to: flow.receiver().into(),
            destination,
            port: flow.port,
            protocol: flow.protocol.lower(),
        };
        let own = resolution.codes.iter().copied().map(Assumption::from);
        if usable.is_empty() {
            let (verdict, cause) = resolution.failure.unwrap_or((Verdict::Unreachable, Cause::NameNotFound));
            let outcome = PathOutcome {
                probability: 1.0,
                verdict,
                cause: Some(cause),
                endpoint: None,
                node: None,
                count: 1,
                source_seen: None,
                proxy_header_source: None,
                steps: resolution.steps,
                reply: None,
            };
            let paths =
                Paths { flow: summary(PUBLIC_DNS), assumptions: own.collect(), outcomes: vec![outcome] };
            return Ok(Asked { paths, effects: vec![Effects::default()] });
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 addresses")]
        let share = 1.0 / usable.len() as f64;
        let mut codes = resolution.codes.clone();
        let mut branches: Vec<Branch> = Vec::new();
        let mut seen_source = source;
        let drawn = question.branching.draw(usable.len());
        let meant = drawn.map_or(usable.as_slice(), |drawn| usable.get(drawn..=drawn).unwrap_or_default());
        for address in meant {
            let mut sub = flow.clone();
            sub.to = Place::Ip(*address);
            sub.host.get_or_insert_with(|| name.trim_end_matches('.').to_owned());
            let follow = question.follow.after(&resolution.steps);
            let Asked { paths, effects } =
                self.branches(&Question { flow: &sub, follow, ..question.clone() })?;
            seen_source = paths.flow.source;
            codes.extend(paths.assumptions.iter().map(|one| one.code));
            branches.extend(paths.outcomes.into_iter().zip(effects).map(|(mut outcome, effects)| {
                outcome.probability *= share;
                outcome.steps.splice(0..0, resolution.steps.iter().cloned());
                (outcome, effects)
            }));
        }
        order::sort_by(&mut branches, likelier_first);
        let (outcomes, effects) = branches.into_iter().unzip();
        let mut flow = summary(usable.first().copied().unwrap_or(PUBLIC_DNS));
        flow.source = seen_source;
        let assumptions = codes.into_iter().map(Assumption::from).collect();
        let paths = Paths { flow, assumptions, outcomes };
        Ok(Asked { paths, effects })
    }

    /// Resolves a name as a party's own resolver does.
    fn look_up(
        &self,
        name: &str,
        from: &Place,
        sender: &Party,
        sources: &[IpAddr],
        source: IpAddr,
    ) -> Resolution {
        let mut asking = Asking::new(self, packet(source, PUBLIC_DNS).into());
        let asker = Asker { party: sender.clone(), sources: sources.to_vec() };
        let home = home(&self.model);
        match (sender, from) {
            (Party::Pod(key), _) | (Party::Node(_), Place::Pod(key)) => {
                let pod = self.model.pods.get(key).map(|pod| &**pod);
                asking.by_pod(name, pod.unwrap_or(&Pod::default()), &asker);
            }
            (Party::Endpoint(_), _) => asking.by_pod(name, &Pod::default(), &asker),
            (Party::Node(_), _) => asking.by_host(name, home, &asker),
            (Party::Vm(ip), _) => {
                let network = match locate(&self.model, *ip) {
                    Location::Network(network, _) => Some(network),
                    Location::OnPremises(_) | Location::Elsewhere => home,
                };
                asking.by_host(name, network, &asker);
            }
            (Party::OnPremises(_), _) => asking.from_premises(name),
            (Party::Internet(_) | Party::Platform | Party::Metadata | Party::AzureService { .. }, _) => {
                asking.by_public(name);
            }
        }
        asking.resolution
    }

    /// The frontends of the controllers that serve an Ingress with this host.
    fn ingress_frontends(&self, name: &str) -> Vec<IpAddr> {
        let serves = |controller: &Controller| {
            controller.ingresses(&self.model).any(|(_, ingress)| {
                let mut hosts = ingress.spec.rules.iter().map(|rule| rule.host.as_str());
                hosts.any(|host| !host.is_empty() && host_rank(host, name, Wildcard::OneLabel).is_some())
            })
        };
        let mut frontends = BTreeSet::new();
        for pod in self.model.pods.values() {
            if !Controller::of(&self.model, pod).is_some_and(|controller| serves(&controller)) {
                continue;
            }
            for (key, service) in &self.model.services {
                let selects = !service.spec.selector.is_empty()
                    && key.namespace == pod.metadata.key().namespace
                    && service
                        .spec
                        .selector
                        .iter()
                        .all(|(key, value)| pod.metadata.label(key) == Some(value));
                let own = service.status.load_balancer.ingress.iter().filter(|_| selects);
                frontends.extend(own.filter_map(|own| own.ip.parse::<IpAddr>().ok()));
            }
        }
        frontends.into_iter().collect()
    }
}
