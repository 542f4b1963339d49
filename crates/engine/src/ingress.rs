//! At an ingress controller: it ends the client's connection, finds the backend of the request, and opens a
//! connection of its own to a pod.

mod canary;

use crate::{
    Action, Cause, Component, Endpoint, Flow, NearMiss, Owner, PathOutcome, Place, RuleRef, Step, Verdict,
    World,
    answer::Branch,
    deciding::socket,
    journey::{End, Party, Traveller, plain, station_of},
    private_link::told_by_header,
};
use kubernetes::{
    cluster_dns::cluster_ips,
    ingress_nginx::{Answer, Backend, Controller, Request, Routed},
};
use model::{
    Key, Kind, ObjectRef, Transport,
    kubernetes::{Pod, Protocol, Service},
};
use netfilter::Packet;
use std::{collections::BTreeSet, net::IpAddr};

/// The source port of a controller's own connections.
const UPSTREAM_PORT: u16 = 42514;
/// At most so many rules are told that did not take a request.
const MOST_MISSES: usize = 5;

/// A controller that a client's connection has reached.
pub(crate) struct Reached {
    controller: Controller,
    tls: bool,
}

/// A client's connection at a controller.
pub(crate) struct Leg<'a> {
    pub(crate) sender: &'a Party,
    pub(crate) packet: Packet,
    pub(crate) flow: &'a Flow,
    pub(crate) party: &'a Party,
    pub(crate) endpoint: Endpoint,
}

impl World {
    /// The controller that listens for HTTP or TLS where a packet arrived.
    pub(crate) fn controller_at(&self, party: &Party, port: u16, protocol: Protocol) -> Option<Reached> {
        if protocol != Protocol::Tcp {
            return None;
        }
        let known;
        let pod = match party {
            Party::Pod(key) => {
                known = self.pod(key)?;
                &known
            }
            Party::Node(name) => self.host_network_pod(name, port, protocol)?,
            _ => return None,
        };
        let controller = Controller::of(&self.model, pod)?;
        Some(Reached { controller, tls: listens_for_tls(pod, port)? })
    }

    /// Whether the controller has anything to say to this flow: a flow that names neither host nor path, at
    /// a controller that serves no Ingress, is a connection and no more.
    fn speaks_http(&self, reached: &Reached, flow: &Flow) -> bool {
        flow.host.is_some()
            || flow.path.is_some()
            || reached.controller.ingresses(&self.model).next().is_some()
    }

    /// What becomes of the request of a connection that reached a controller; `None` where it is no request.
    pub(crate) fn proxy(&self, leg: &Leg<'_>, traveller: &Traveller) -> Option<Vec<Branch>> {
        let arrived = traveller.packet;
        let is_tcp = leg.flow.protocol == Transport::Tcp;
        let reached =
            is_tcp.then(|| self.controller_at(leg.party, arrived.destination_port, Protocol::Tcp))??;
        if !self.speaks_http(&reached, leg.flow) {
            return None;
        }
        let named = match &leg.flow.to {
            Place::Name(name) => Some(name.trim_end_matches('.').to_owned()),
            _ => None,
        };
        let host = leg.flow.host.clone().or(named).unwrap_or_else(|| leg.packet.destination.to_string());
        let path = leg.flow.path.as_deref().unwrap_or("/");
        let request = Request { host: &host, path, tls: reached.tls };
        let routed = reached.controller.answer(&self.model, &request);
        let mut traveller = traveller.clone();
        traveller.steps.extend(self.step(leg, &reached.controller, &request, &routed, arrived));
        Some(match &routed.answer {
            Answer::Health | Answer::RedirectToTls(_) => vec![self.answered(leg, traveller, None)],
            Answer::NotFound => {
                vec![self.answered(leg, traveller, Some((Verdict::Rejected, Cause::NoIngressRule)))]
            }
            Answer::Unsupported(_) => {
                vec![self.answered(leg, traveller, Some((Verdict::Ambiguous, Cause::UnsupportedRule)))]
            }
            Answer::Proxy(backend) => match &routed.canary {
                Some(canary) => self.beside_canary(leg, &traveller, backend, canary, &request),
                None => self.upstreams(leg, traveller, backend, backend.by_cluster_ip, &request),
            },
            Answer::PassThrough(backend) => self.upstreams(leg, traveller, backend, true, &request),
        })
    }

    /// The controller itself answers.
    fn answered(&self, leg: &Leg<'_>, mut traveller: Traveller, failure: Option<(Verdict, Cause)>) -> Branch {
        let steps = std::mem::take(&mut traveller.steps);
        let (probability, count) = (traveller.weight(), traveller.count);
        let node = traveller.entered.clone();
        let seen = traveller.packet.source;
        let told = told_by_header(&traveller);
        let (reply, effects) = self.reply(leg.sender, leg.packet, traveller, leg.party);
        let failure = if reply.cause.is_some() { None } else { failure };
        let outcome = PathOutcome {
            probability,
            verdict: failure.map_or(reply.verdict, |(verdict, _)| verdict),
            cause: failure.map(|(_, cause)| cause).or(reply.cause),
            endpoint: Some(leg.endpoint.clone()),
            node,
            count,
            source_seen: Some(seen),
            proxy_header_source: told,
            steps,
            reply: Some(reply),
        };
        (outcome, effects)
    }

    /// The controller's own connections, one branch for each backend.
    fn upstreams(
        &self,
        leg: &Leg<'_>,
        traveller: Traveller,
        backend: &Backend,
        by_cluster_ip: bool,
        request: &Request<'_>,
    ) -> Vec<Branch> {
        let key = Key::new(&backend.ingress.namespace, &backend.service.name);
        let v4 = traveller.packet.destination.is_ipv4();
        let targets = match self.model.services.get(&key) {
            Some(service) if by_cluster_ip => cluster_targets(service, backend),
            Some(service) => self.endpoint_targets(&key, service, backend),
            None => BTreeSet::new(),
        };
        let targets: Vec<(IpAddr, u16)> = targets.into_iter().filter(|(ip, _)| ip.is_ipv4() == v4).collect();
        if targets.is_empty() {
            let mut traveller = traveller;
            let what = if self.model.services.contains_key(&key) {
                "has no ready endpoint for that port"
            } else {
                "does not exist"
            };
            let why = format!("Service {key} {what}: nginx answers 503 Service Temporarily Unavailable.");
            traveller.note(
                station_of(leg.party),
                Component::IngressNginx,
                Owner::Workload,
                Action::Reject,
                why,
            );
            return vec![self.answered(leg, traveller, Some((Verdict::Rejected, Cause::NoEndpoints)))];
        }
        #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 endpoints")]
        let share = 1.0 / targets.len() as f64;
        let drawn = traveller.branching.draw(targets.len());
        let meant = drawn.map_or(targets.as_slice(), |drawn| targets.get(drawn..=drawn).unwrap_or_default());
        meant
            .iter()
            .flat_map(|target| {
                let chosen = (targets.len() > 1).then_some(share);
                self.upstream(leg, &traveller, share, chosen, *target, backend, by_cluster_ip, request)
            })
            .collect()
    }

    #[expect(clippy::too_many_arguments, reason = "one request, taken apart once by the caller")]
    fn upstream(
        &self,
        leg: &Leg<'_>,
        first: &Traveller,
        share: f64,
        chosen: Option<f64>,
        (address, port): (IpAddr, u16),
        backend: &Backend,
        by_cluster_ip: bool,
        request: &Request<'_>,
    ) -> Vec<Branch> {
        let own = first.packet;
        let packet = Packet {
            protocol: netfilter::Protocol::Tcp,
            source: own.destination,
            source_port: UPSTREAM_PORT,
            destination: address,
            destination_port: port,
            mark: 0,
        };
        let target = socket(address, port);
        let service = format!("{}/{}", backend.ingress.namespace, backend.service.name);
        let why = if by_cluster_ip {
            format!(
                "nginx opens a connection of its own to {target}, the cluster IP of Service {service}; kube-proxy's rules choose the pod."
            )
        } else {
            format!(
                "nginx opens a connection of its own to {target}, an endpoint of Service {service}: it knows the endpoints itself and does not use the cluster IP. It says Host: {} and X-Forwarded-For: {}; that header is all the application learns of the client.",
                request.host, own.source
            )
        };
        let mut second = Traveller::new(packet);
        second.quiet = first.quiet;
        second.branching = first.branching.clone();
        second.count = first.count;
        second.probability = first.probability * share;
        second.steps.clone_from(&first.steps);
        second.entered.clone_from(&first.entered);
        second.carried.before = std::sync::Arc::clone(&first.carried.before);
        second.carried.follow = first.carried.follow.clone();
        let mut step =
            plain(station_of(leg.party), Component::IngressNginx, Owner::Workload, Action::Originate, why);
        step.probability = chosen;
        second.rewrite(packet, step);
        let ends = self.walk(second, self.departure(leg.party, packet.source));
        ends.into_iter().map(|(second, end)| self.close(leg, first, packet, second, end)).collect()
    }

    /// From the end of the controller's own connection to the outcome for the client.
    fn close(
        &self,
        leg: &Leg<'_>,
        first: &Traveller,
        opened: Packet,
        mut second: Traveller,
        end: End,
    ) -> Branch {
        let failure = match end {
            End::Failed(verdict, cause) => Err((verdict, cause)),
            End::Arrived(party) => {
                let seen = second.packet.source;
                match self.receive(&mut second, &party) {
                    Some(endpoint) => Ok((party, endpoint, seen)),
                    None => Err((Verdict::Refused, Cause::NoListener)),
                }
            }
        };
        let (party, endpoint, seen) = match failure {
            Ok(received) => received,
            Err((verdict, cause)) => {
                let status = match verdict {
                    Verdict::Refused | Verdict::Rejected => "502 Bad Gateway",
                    _ => "504 Gateway Time-out (after proxy_connect_timeout, 5 seconds for each try)",
                };
                let why = format!("nginx cannot reach its backend and answers the client {status}.");
                second.packet = first.packet;
                second.note(
                    station_of(leg.party),
                    Component::IngressNginx,
                    Owner::Workload,
                    Action::Reject,
                    why,
                );
                let outcome = PathOutcome {
                    probability: second.weight(),
                    verdict,
                    cause: Some(cause),
                    endpoint: None,
                    count: second.count,
                    node: second.entered.take(),
                    source_seen: None,
                    proxy_header_source: None,
                    steps: std::mem::take(&mut second.steps),
                    reply: None,
                };
                return (outcome, first.clone().leave().and(second.leave()));
            }
        };
        let (probability, count) = (second.weight(), second.count);
        let steps = std::mem::take(&mut second.steps);
        let (mut reply, own) = self.reply(leg.party, opened, second, &party);
        let mut effects = first.clone().leave();
        if reply.cause.is_none() {
            let mut back = first.clone();
            back.steps.clear();
            let (outer, left) = self.reply(leg.sender, leg.packet, back, leg.party);
            effects = left;
            reply.verdict = outer.verdict;
            reply.cause = outer.cause;
            reply.steps.extend(outer.steps);
        }
        let outcome = PathOutcome {
            probability,
            verdict: reply.verdict,
            cause: reply.cause,
            endpoint: Some(endpoint),
            node: first.entered.clone(),
            count,
            source_seen: Some(seen),
            proxy_header_source: None,
            steps,
            reply: Some(reply),
        };
        (outcome, effects.and(own))
    }

    /// Addresses and ports of the ready endpoints behind a backend.
    fn endpoint_targets(&self, key: &Key, service: &Service, backend: &Backend) -> BTreeSet<(IpAddr, u16)> {
        let wanted = &backend.service.port;
        let mut ports = service.spec.ports.iter();
        let port = ports.find(|own| {
            if wanted.name.is_empty() { own.port == wanted.number } else { own.name == wanted.name }
        });
        let Some(port) = port else { return BTreeSet::new() };
        let slices = self.model.endpoint_slices.values().filter(|slice| {
            slice.metadata.key().namespace == key.namespace && slice.service() == Some(&key.name)
        });
        order::set(slices.flat_map(|slice| {
            let number = slice.ports.iter().find(|own| own.name.as_deref().unwrap_or_default() == port.name);
            let number = number.and_then(|own| own.port);
            let ready = slice.endpoints.iter().filter(|own| own.conditions.ready.unwrap_or(true));
            ready.filter_map(move |own| Some((own.addresses.first()?.parse().ok()?, number?)))
        }))
    }

    /// What the controller makes of the request.
    fn step(
        &self,
        leg: &Leg<'_>,
        controller: &Controller,
        request: &Request<'_>,
        routed: &Routed,
        arrived: Packet,
    ) -> Vec<Step> {
        let at = || station_of(leg.party);
        let filled = |mut step: Step| {
            step.before = arrived.into();
            step.after = step.before;
            step
        };
        let mut steps = Vec::new();
        let backend = match &routed.answer {
            Answer::Proxy(backend) | Answer::PassThrough(backend) | Answer::Unsupported(backend) => {
                Some(backend)
            }
            Answer::Health | Answer::RedirectToTls(_) | Answer::NotFound => None,
        };
        if request.tls && !matches!(routed.answer, Answer::PassThrough(_)) {
            let certificate = if controller.has_certificate(&self.model, request.host) {
                format!("with the certificate of {}", request.host)
            } else {
                "with its own placeholder certificate, since no Ingress has one for this host (browsers warn)"
                    .to_owned()
            };
            let why = format!("TLS ends here, {certificate}. What follows is plain HTTP again.");
            steps.push(filled(plain(at(), Component::IngressNginx, Owner::Workload, Action::Accept, why)));
        }
        let asked = format!("{}{}", request.host, request.path);
        let (action, why) = match &routed.answer {
            Answer::Health => (
                Action::Answer,
                format!(
                    "nginx's default server answers {} by itself: 200. No Ingress is asked.",
                    request.path
                ),
            ),
            Answer::RedirectToTls(ingress) => (
                Action::Answer,
                format!("The host of Ingress {ingress} has TLS: nginx answers 308, to https://{asked}."),
            ),
            Answer::NotFound => (
                Action::Reject,
                format!("No rule takes {asked}: nginx's default backend answers 404 Not Found."),
            ),
            Answer::Unsupported(own) => (
                Action::Match,
                format!(
                    "The path of {} is an expression that is not modelled: whether it takes {asked} is not known.",
                    own.rule
                ),
            ),
            Answer::PassThrough(own) => (
                Action::Match,
                format!(
                    "Ingress {}, {}: TLS is passed through unopened, by the server name {}.",
                    own.ingress, own.rule, request.host
                ),
            ),
            Answer::Proxy(own) => (
                Action::Match,
                format!(
                    "Ingress {}, {}, takes {asked}, for Service {}.",
                    own.ingress, own.rule, own.service.name
                ),
            ),
        };
        let mut step = plain(at(), Component::IngressNginx, Owner::Workload, action, why);
        step.rule = backend.map(|own| rule_ref(&own.ingress, &own.rule));
        let misses = routed.misses.iter().take(MOST_MISSES);
        step.near_misses = misses
            .map(|(key, rule, failed)| NearMiss { rule: rule_ref(key, rule), failed: failed.clone() })
            .collect();
        steps.push(filled(step));
        steps
    }

    /// The status that a controller gives a health probe, and who gives it.
    pub(crate) fn controller_status(&self, reached: &Reached, address: IpAddr, path: &str) -> (u16, String) {
        let host = address.to_string();
        let routed = reached.controller.answer(&self.model, &Request { host: &host, path, tls: reached.tls });
        match routed.answer {
            Answer::Health => (200, format!("nginx answers {path} by itself")),
            Answer::NotFound => (
                404,
                format!("no Ingress takes {path} for the host {host}, so nginx's default backend answers"),
            ),
            Answer::RedirectToTls(ingress) => (308, format!("Ingress {ingress} sends {path} to https")),
            Answer::Unsupported(own) => {
                (404, format!("the expression of {} takes {path}, and is not modelled", own.rule))
            }
            Answer::Proxy(own) | Answer::PassThrough(own) => {
                let key = Key::new(&own.ingress.namespace, &own.service.name);
                let service = self.model.services.get(&key);
                let ready =
                    service.is_some_and(|service| !self.endpoint_targets(&key, service, &own).is_empty());
                if ready {
                    (
                        200,
                        format!(
                            "Ingress {} takes {path} itself: Service {key} answers in nginx's place (taken as 200)",
                            own.ingress
                        ),
                    )
                } else {
                    (
                        503,
                        format!(
                            "Ingress {} takes {path} itself, and Service {key} has no ready endpoint",
                            own.ingress
                        ),
                    )
                }
            }
        }
    }
}

/// The cluster IP of a backend's Service.
fn cluster_targets(service: &Service, backend: &Backend) -> BTreeSet<(IpAddr, u16)> {
    let wanted = &backend.service.port;
    let named = service.spec.ports.iter().find(|own| own.name == wanted.name);
    let port = if wanted.name.is_empty() { Some(wanted.number) } else { named.map(|own| own.port) };
    order::set(cluster_ips(service).into_iter().filter_map(|ip| Some((ip, port?))))
}

/// Whether a controller's port is for TLS; `None` where it is neither for HTTP nor for TLS.
fn listens_for_tls(pod: &Pod, port: u16) -> Option<bool> {
    let mut ports = pod.spec.containers.iter().flat_map(|own| &own.ports);
    let name = ports.find(|own| own.container_port == port).map(|own| own.name.as_str());
    match (name, port) {
        (Some("https"), _) => Some(true),
        (Some("http"), _) => Some(false),
        (_, 443) => Some(true),
        (_, 80) => Some(false),
        _ => None,
    }
}

fn rule_ref(ingress: &Key, rule: &str) -> RuleRef {
    RuleRef {
        place: format!("Ingress {ingress}").into(),
        text: rule.to_owned().into(),
        object: Some(ObjectRef::namespaced(Kind::Ingress, ingress)),
    }
}
